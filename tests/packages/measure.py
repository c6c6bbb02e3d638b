"""Measures each package: its size, the time to install and to start, and calls a second.

    target/clients/bin/python tests/packages/measure.py [PACKAGE …]

Writes one row of a table for each. The platform is `oge mock`, so a call costs what the package itself adds. `first` is
the first start after the installation, which for the wheel compiles the component; `later` is the median of five.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from harness import INSTALLERS, PACKAGES, Home, Mock, only

FILES = {
    "wheel": "*.whl",
    "npm": "oge-mcp-*.tgz",
    "mcpb": "*.mcpb",
    "offline-wheel": "*-offline-*.tar.gz",
    "offline-npm": "*-offline-*.tar.gz",
}
STARTS = 5
CALLS = 200
AT_ONCE = 64


async def started(home: Home) -> float:
    """The seconds from the start of the process to the response to `initialize`."""
    before = time.monotonic()
    async with home.session():
        return time.monotonic() - before


async def calls_a_second(home: Home, at_once: int) -> float:
    async with home.session() as session:
        gate = asyncio.Semaphore(at_once)

        async def call() -> None:
            async with gate:
                result = await session.call_tool("query_task_status", {"dag_id": "d"})
                assert not result.is_error, result

        # Logs in, and opens the connection.
        await call()
        before = time.monotonic()
        await asyncio.gather(*(call() for _ in range(CALLS)))
        return CALLS / (time.monotonic() - before)


async def measure(package: str, place: Path) -> str:
    size = only(FILES[package], PACKAGES).stat().st_size
    before = time.monotonic()
    command = INSTALLERS[package](place)
    installed = time.monotonic() - before
    home = Home(place, command, Mock().settings)
    first = await started(home)
    later = statistics.median([await started(home) for _ in range(STARTS)])
    one = await calls_a_second(home, 1)
    many = await calls_a_second(home, AT_ONCE)
    seconds = [f"{installed:.1f} s", f"{first:.2f} s", f"{later:.2f} s"]
    return row(package, f"{size / 1e6:.2f} MB", *seconds, f"{one:.0f}", f"{many:.0f}")


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    times = ["install", "first start", "later start"]
    head = ["package", "size", *times, "calls/s, one at a time", f"calls/s, {AT_ONCE} at once"]
    print(row(*head))
    print(row(*("---" for _ in head)))
    for package in sys.argv[1:] or INSTALLERS:
        with tempfile.TemporaryDirectory(prefix="oge-mcp-") as place:
            print(asyncio.run(measure(package, Path(place))), flush=True)


main()
