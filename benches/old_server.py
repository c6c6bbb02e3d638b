"""Measures calls as the replaced Python server makes them: with a new HTTP client and TLS context for each call.

Prints one line of JSON: the median time of a call in milliseconds, the calls per second with 64 in flight, and both
with one shared client. The platform's URL and a valid token are in the environment.
"""

import asyncio
import json
import os
import statistics
import time

import httpx

URL = os.environ["OGE_DAG_URL"] + "/getState"
HEADERS = {"Content-Type": "application/json", "Authorization": os.environ["OGE_TOKEN"]}


async def ask(client):
    response = await client.get(URL, params={"dagId": "d"}, headers=HEADERS)
    assert response.status_code == 200, response


async def with_a_client_of_its_own():
    async with httpx.AsyncClient(timeout=60) as client:
        await ask(client)


async def median_milliseconds(call, calls):
    await call()
    took = []
    for _ in range(calls):
        since = time.perf_counter()
        await call()
        took.append(time.perf_counter() - since)
    return statistics.median(took) * 1000


async def calls_a_second(call, calls, callers=64):
    left = iter(range(calls))

    async def caller():
        for _ in left:
            await call()

    since = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return calls / (time.perf_counter() - since)


async def measure():
    own = with_a_client_of_its_own
    measured = {"old server/one": await median_milliseconds(own, 40)}
    measured["old server/at 64"] = await calls_a_second(own, 128)
    async with httpx.AsyncClient(timeout=60) as client:
        shared = lambda: ask(client)
        measured["old server, shared client/one"] = await median_milliseconds(shared, 400)
        measured["old server, shared client/at 64"] = await calls_a_second(shared, 2000)
    print(json.dumps(measured))


asyncio.run(measure())
