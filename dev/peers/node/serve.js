// How the programs are asked and what is measured in them, as in ../queues/src/lib.rs: first the URL
// of an empty database, then a question a line. A queue is `{ bulk, single, start }`, and `start`
// gives the function that stops the worker.

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

// How many jobs `bulk` enqueues with one call.
export const CHUNK = 1000;

let left = 0;
let over = () => {};

// To be called by each handler.
export function ran() {
  left -= 1;
  if (left === 0) over(performance.now());
}

// When the last of so many handlers will have begun. A worker that has come to a halt is an error.
function begun(jobs) {
  left = jobs;
  return new Promise((resolve, reject) => {
    const halt = setTimeout(() => reject(new Error("the worker has come to a halt")), 300_000);
    over = (at) => {
      clearTimeout(halt);
      resolve(at);
    };
  });
}

async function single(queue, jobs, atOnce) {
  let next = 0;
  const client = async () => {
    while (next < jobs) await queue.single(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, client));
}

async function latency(queue, jobs) {
  const times = [];
  for (let n = 0; n < jobs; n++) {
    const start = begun(1);
    await queue.single(n);
    const committed = performance.now();
    times.push(Math.max(0, Math.round(((await start) - committed) * 1000)));
    // Until all is idle again, and never in step with anything that polls.
    await sleep(15 + (n % 10));
  }
  return times.join(" ");
}

export async function serve(open) {
  let queue;
  let stop;
  for await (const line of createInterface({ input: process.stdin })) {
    if (!queue) {
      queue = await open(line);
      continue;
    }
    const [what, jobs, atOnce] = line.split(" ");
    let answer = "done";
    if (what === "bulk") await queue.bulk(Number(jobs));
    else if (what === "single") await single(queue, Number(jobs), Number(atOnce));
    else if (what === "drain") {
      const all = begun(Number(jobs));
      stop = await queue.start();
      await all;
    } else if (what === "latency") {
      stop = await queue.start();
      answer = await latency(queue, Number(jobs));
    } else if (what === "stop") await stop();
    else throw new Error(`no such question: ${line}`);
    process.stdout.write(`${answer}\n`);
  }
  process.exit();
}
