#!/usr/bin/env node
// pg-boss, with batches, several of them at once, and LISTEN/NOTIFY, as its documentation of
// workers has them: https://pgboss.io/api/workers

import { PgBoss } from "pg-boss";
import { CHUNK, ran, serve } from "./serve.js";

const QUEUE = "nothing";

await serve(async (url) => {
  // "Low-latency dispatch": the instance listens, and the queue notifies.
  const boss = new PgBoss({ connectionString: url, useListenNotify: true });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  const options = {
    batchSize: 500,
    localConcurrency: 4,
    // "The worker keeps fetching continuously with no delay" while batches are full.
    burstWhenBatchFull: true,
  };
  return {
    async bulk(jobs) {
      for (let stored = 0; stored < jobs; stored += CHUNK) {
        await boss.insert(QUEUE, Array.from({ length: CHUNK }, (_, n) => ({ data: { n } })));
      }
    },
    async single(n) {
      await boss.send(QUEUE, { n });
    },
    async start() {
      await boss.work(QUEUE, options, async (jobs) => jobs.forEach(ran));
      return () => boss.offWork(QUEUE, { wait: true });
    },
  };
});
