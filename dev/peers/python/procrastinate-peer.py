#!/usr/bin/env python3
"""procrastinate.

How it is asked and what is measured in it is as in ../queues/src/lib.rs: first the URL of an empty
database, then a question a line.
"""

import asyncio
import logging
import sys
import time

import procrastinate

# How many jobs `bulk` enqueues with one call.
CHUNK = 1000

# "app.run_worker(concurrency=30)":
# https://procrastinate.readthedocs.io/en/stable/howto/production/concurrency.html
CONCURRENCY = 30

# It would write lines for each job.
logging.getLogger("procrastinate").setLevel(logging.ERROR)

left = 0
over = None


async def nothing(n):
    global left
    left -= 1
    if left == 0:
        over.set_result(time.perf_counter())


def begun(jobs):
    """When the last of so many handlers will have begun. A halted worker is an error."""
    global left, over
    left, over = jobs, asyncio.get_running_loop().create_future()
    return asyncio.wait_for(over, 300)


async def single(task, jobs, at_once):
    numbers = iter(range(jobs))

    async def client():
        for n in numbers:
            await task.defer_async(n=n)

    await asyncio.gather(*(client() for _ in range(at_once)))


async def latency(task, jobs):
    times = []
    for n in range(jobs):
        start = begun(1)
        await task.defer_async(n=n)
        committed = time.perf_counter()
        times.append(max(0, round((await start - committed) * 1e6)))
        # Until all is idle again, and never in step with anything that polls.
        await asyncio.sleep((15 + n % 10) / 1000)
    return " ".join(map(str, times))


async def answer(app, task):
    worker = None
    while line := await asyncio.to_thread(sys.stdin.readline):
        match line.split():
            case ["bulk", jobs]:
                for _ in range(int(jobs) // CHUNK):
                    await task.batch_defer_async(*({"n": n} for n in range(CHUNK)))
            case ["single", jobs, at_once]:
                await single(task, int(jobs), int(at_once))
            case ["drain", jobs]:
                all_begun = begun(int(jobs))
                worker = asyncio.create_task(run(app))
                await all_begun
            case ["latency", jobs]:
                worker = asyncio.create_task(run(app))
                print(await latency(task, int(jobs)), flush=True)
                continue
            case ["stop"]:
                worker.cancel()
                await asyncio.wait([worker])
            case _:
                raise ValueError(f"no such question: {line}")
        print("done", flush=True)


async def run(app):
    await app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)


async def main():
    url = sys.stdin.readline().strip()
    # As many connections as jobs at once, and one to listen.
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=10, max_size=CONCURRENCY + 1)
    app = procrastinate.App(connector=connector)
    task = app.task(name="nothing", pass_context=False)(nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await answer(app, task)


asyncio.run(main())
