#!/usr/bin/env node
// graphile-worker, with the settings of its performance page, "With batching":
// https://worker.graphile.org/docs/performance

import { Logger, makeWorkerUtils, runTaskList } from "graphile-worker";
import pg from "pg";
import { CHUNK, ran, serve } from "./serve.js";

const CONCURRENT_JOBS = 24;

// It would write a line for each job.
const logger = new Logger(() => (level, message) => {
  if (level === "error") console.error(message);
});

await serve(async (url) => {
  const pgPool = new pg.Pool({ connectionString: url, max: CONCURRENT_JOBS + 1 });
  // It warns unless both are there.
  pgPool.on("error", console.error);
  pgPool.on("connect", (client) => client.on("error", console.error));
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  const preset = {
    worker: {
      concurrentJobs: CONCURRENT_JOBS,
      maxPoolSize: CONCURRENT_JOBS + 1,
      // `localQueue: { size: 500 }` with both delays 0; the delay before it fetches again is that of
      // its own perfTest/graphile.config.js.
      localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  };
  return {
    async bulk(jobs) {
      for (let stored = 0; stored < jobs; stored += CHUNK) {
        const chunk = Array.from({ length: CHUNK }, (_, n) => ({ identifier: "nothing", payload: { n } }));
        await utils.addJobs(chunk);
      }
    },
    async single(n) {
      await utils.addJob("nothing", { n });
    },
    async start() {
      const pool = runTaskList({ preset, logger, noHandleSignals: true }, { nothing: ran }, pgPool);
      return () => pool.gracefulShutdown();
    },
  };
});
