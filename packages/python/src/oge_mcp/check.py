"""`oge-mcp check`: whether the settings are complete and the platform answers."""

import os
import stat

from oge_mcp.paths import paths
from oge_mcp.sandbox import sandbox, settings_from_environment
from oge_mcp.session import Session

# One call for each of the platform's two addresses. Neither changes anything there.
CALLS = [
    ("query_task_status", {"dag_id": "oge-mcp-check"}),
    ("run_big_query", {"query": "SELECT 1"}),
]


def check() -> int:
    places = paths()
    sandbox()  # Fails now if a directory cannot be used.
    is_good = True

    def line(mark: str, what: str, note: str) -> None:
        print(f"{mark:<6}  {what}  {note}")

    if not places.settings.exists():
        line("note", "settings file", f"{places.settings} is not there; oge-mcp init writes it")
    elif os.name == "posix" and stat.S_IMODE(places.settings.stat().st_mode) & 0o077:
        line("FAILED", "settings file", f"others can read it: chmod 600 {places.settings}")
        is_good = False
    else:
        line("ok", "settings file", str(places.settings))
    if names := sorted(settings_from_environment()):
        line("note", "environment", f"comes before the file: {', '.join(names)}")
    line("ok", "state", str(places.state))
    with Session({**os.environ, "OGE_LOG": "off"}) as session:
        info, count = session.server_info, len(session.tools())
        line("ok", "server", f"{info['name']} {info['version']}, {count} tools")
        for tool, arguments in CALLS:
            error = session.call(tool, arguments).get("error")
            # The platform may well refuse what was asked: it was reached, and it took the token.
            answered = not error or (error["kind"] == "api" and error.get("http_status") == 200)
            line("ok" if answered else "FAILED", tool, "answered" if answered else error["message"])
            is_good &= answered
    return 0 if is_good else 1
