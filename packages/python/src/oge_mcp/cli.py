"""The command line."""

import signal
import sys
from importlib.metadata import version
from pathlib import Path

from oge_mcp.paths import LauncherError, paths


def main() -> int:
    # Python would notice neither while the component runs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")
    arguments = sys.argv[1:]
    try:
        command = COMMANDS.get(arguments[0] if arguments else "")
        if command is None or len(arguments) > 1:
            print("oge-mcp: there is no such command\n", file=sys.stderr)
            print(text("help.txt"), end="", file=sys.stderr)
            return 2
        return command()
    except LauncherError as error:
        print(f"oge-mcp: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1


def serve() -> int:
    from oge_mcp.sandbox import run, sandbox

    if sys.stdin.isatty():
        print(text("terminal.txt"), end="")
        return 0
    return run(sandbox(), paths().cache)


def init() -> int:
    from oge_mcp.init import init

    return init()


def check() -> int:
    from oge_mcp.check import check

    return check()


def demo() -> int:
    from oge_mcp.demo import demo

    return demo()


def show_paths() -> int:
    places = paths()
    print(f"settings  {places.settings}\nstate     {places.state}\ncache     {places.cache}")
    return 0


def show_version() -> int:
    print(f"oge-mcp {version('oge-mcp')}")
    return 0


def show_help() -> int:
    print(text("help.txt"), end="")
    return 0


def text(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


COMMANDS = {
    "": serve,
    "init": init,
    "check": check,
    "demo": demo,
    "paths": show_paths,
    "--version": show_version,
    "-V": show_version,
    "--help": show_help,
    "-h": show_help,
    "help": show_help,
}
