"""Installs a package as a user does, into empty directories outside the repository, and drives it.

    target/clients/bin/python tests/packages/run.py PACKAGE

PACKAGE is `wheel`, `npm`, `mcpb`, `offline-wheel` or `offline-npm`. The platform is `oge mock`. The client is the
official Python SDK. One line for each rule that holds; the first that does not ends the run.
"""

import asyncio
import contextlib
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness import INSTALLERS, ROOT, TOOLS, Home, Mock, only
from mcp import ClientSession

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


async def call(session: ClientSession, tool: str, arguments: dict | None = None) -> dict:
    result = await session.call_tool(tool, TOOLS[tool] if arguments is None else arguments)
    envelope = json.loads(result.content[0].text)
    assert result.is_error != envelope["success"], envelope
    return envelope


# The rules.


async def lists_the_tools_and_calls_each_past_an_expiry(new_home: Callable) -> None:
    mock = Mock("--expire-after", "2")
    async with new_home(mock.settings).session() as session:
        listed = [tool.name for tool in (await session.list_tools()).tools]
        assert sorted(listed) == sorted(TOOLS), listed
        for tool in TOOLS:
            envelope = await call(session, tool)
            assert envelope["success"], envelope
    requests = mock.requests()
    assert sum("expired" in request for request in requests) == 1, requests
    assert sum(request.startswith("Token") for request in requests) == 2, requests


async def two_processes_at_once_log_in_once(new_home: Callable) -> None:
    mock = Mock()
    home = new_home(mock.settings)
    async with home.session() as one, home.session() as other:
        calls = [call(session, "run_big_query") for session in (one, other) for _ in range(5)]
        assert all(envelope["success"] for envelope in await asyncio.gather(*calls))
    async with home.session() as later:
        assert (await call(later, "query_task_status"))["success"]
    assert (logins := mock.logins()) == 1, logins
    state = home.directory / ".local/state/oge"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700 and list(state.glob("token*"))


async def without_settings_each_tool_says_what_to_do_until_they_are_there(new_home: Callable) -> None:
    mock = Mock()
    home = new_home({})
    async with home.session() as session:
        for tool in TOOLS:
            envelope = await call(session, tool)
            assert envelope["error"]["kind"] == "not-configured", envelope
            message = envelope["error"]["message"].splitlines()
            assert len(message) == 3 and "oge-mcp init" in message[1], message
        home.write(mock.settings)
        assert (await call(session, "run_big_query"))["success"]


async def a_missing_setting_is_named(new_home: Callable) -> None:
    mock = Mock()
    async with new_home(mock.settings | {"OGE_DAG_URL": ""}).session() as session:
        error = (await call(session, "query_task_status"))["error"]
        assert error["kind"] == "not-configured" and "OGE_DAG_URL" in error["message"], error
        assert (await call(session, "run_big_query"))["success"]


async def a_wrong_password_is_sent_once_a_minute_at_most(new_home: Callable) -> None:
    mock = Mock("--lock-account")
    home = new_home(mock.settings | {"OGE_TOKEN_PASSWORD": "MARKER-wrong"})
    # A new process each time: the count is kept in the state directory.
    for _ in range(3):
        async with home.session() as session:
            envelope = await call(session, "run_big_query")
            assert envelope["error"]["kind"] == "token-store", envelope
            assert "MARKER" not in json.dumps(envelope)
    assert "MARKER" not in (home.directory / "log").read_text()
    assert (logins := mock.logins()) == 1, logins


async def the_environment_comes_before_the_file(new_home: Callable) -> None:
    mock = Mock()
    home = new_home(mock.settings | {"OGE_TOKEN_PASSWORD": "wrong", "OGE_DAG_URL": "http://127.0.0.1:9"})
    given = {key: mock.settings[key] for key in ("OGE_TOKEN_PASSWORD", "OGE_DAG_URL")}
    unfilled = {"OGE_TOKEN_SCOPES": "${user_config.oge_token_scopes}", "OGE_USER_ID": ""}
    async with home.session(**given, **unfilled) as session:
        assert (await call(session, "query_task_status"))["success"]
        assert (await call(session, "execute_code_to_dag"))["success"]


async def the_component_sees_no_other_file_and_cannot_write_the_settings(new_home: Callable) -> None:
    mock = Mock()
    home = new_home(mock.settings)
    secret = home.directory / "secret/token"
    for path in ("/settings/token", str(secret), "/state/../../secret/token"):
        secret.parent.mkdir(exist_ok=True)
        async with home.session(OGE_TOKEN_FILE=path) as session:
            await call(session, "run_big_query")
    assert not secret.exists()
    assert sorted(file.name for file in home.settings_file.parent.iterdir()) == ["site.env"]


async def sigterm_and_a_closed_input_end_it(new_home: Callable) -> None:
    mock = Mock()
    home = new_home(mock.settings)
    for end in (lambda process: process.send_signal(signal.SIGTERM), lambda process: process.stdin.close()):
        process = home.start()
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
        process.stdin.write(json.dumps(hello) + "\n")
        process.stdin.flush()
        assert "serverInfo" in process.stdout.readline()
        end(process)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM), process.returncode
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()


async def more_than_a_pipe_holds_reaches_a_slow_client(new_home: Callable) -> None:
    home = new_home({})
    process = home.start(pipesize=4096)
    requests = [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}]
    requests += [{"jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {}} for id in range(2, 12)]
    output, _ = process.communicate("".join(json.dumps(request) + "\n" for request in requests), timeout=30)
    assert len(output.splitlines()) == len(requests), output


async def the_commands_say_what_they_should(new_home: Callable) -> None:
    mock = Mock()
    home = new_home({})
    version = json.loads((ROOT / "target/packages-build/stage/npm/package.json").read_text())["version"]
    assert home.say("--version") == (0, f"oge-mcp {version}\n")
    code, shown = home.say("--help")
    assert code == 0 and shown == (ROOT / "packages/shared/help.txt").read_text("utf-8"), shown
    code, shown = home.say("paths")
    assert code == 0 and str(home.settings_file) in shown, shown
    code, shown = home.say("nonsense")
    assert code == 2 and "usage: oge-mcp" in shown, shown
    code, shown = home.say("demo")
    assert code == 0, shown
    story = ["token 1 has expired (40003)", "a login: here is token 2", "token 2 accepted", "坡向分析执行成功"]
    assert [line for line in story if line not in shown] == [], shown
    # What is asked, and the area in the answer.
    assert len(re.findall(r"\[117(?:\.0)?, ?36\.18, ?117\.2, ?36\.33\]", shown)) == 2, shown
    code, shown = home.say("check")
    assert code == 1 and f"{home.settings_file} is not there" in shown, shown
    home.write(mock.settings)
    code, shown = home.say("check")
    assert code == 0 and "FAILED" not in shown, shown
    home.settings_file.chmod(0o644)
    code, shown = home.say("check")
    assert code == 1 and "chmod 600" in shown, shown


async def init_asks_hides_secrets_and_overwrites_nothing_unasked(new_home: Callable) -> None:
    mock = Mock()
    home = new_home({})
    # The settings file has no escapes, so this is the hardest value to write.
    name = """p'a "s$s\\ #"""
    given = mock.settings | {"OGE_USERNAME": name}
    settings = json.loads((ROOT / "packages/shared/settings.json").read_text("utf-8"))
    shown = typed(home, [given[setting["key"]] for setting in settings])
    for setting in settings:
        assert (given[setting["key"]] in shown) == (setting["kind"] != "secret"), (setting, shown)
    assert stat.S_IMODE(home.settings_file.stat().st_mode) == 0o600
    written = home.settings_file.read_text("utf-8")
    typed(home, ["n"])
    assert home.settings_file.read_text("utf-8") == written
    async with home.session() as session:
        envelope = await call(session, "submit_batch_task")
    assert envelope["data"]["username"] == name, envelope


async def the_inspector_lists_and_calls(new_home: Callable) -> None:
    mock = Mock()
    home = new_home(mock.settings)
    tools = ROOT / "tests/packages/node_modules"
    node = only("node-*/bin", tools)
    inspector = [node / "node", tools / ".bin/mcp-inspector", "--cli", *home.command]

    def inspect(*arguments: str) -> dict:
        environment = home.environment() | {"PATH": f"{node}:{os.environ['PATH']}"}
        command = [str(part) for part in (*inspector, *arguments)]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, cwd=home.directory)
        return json.loads(done.stdout)

    assert len(inspect("--method", "tools/list")["tools"]) == len(TOOLS)
    bbox = ["--tool-arg", "bbox=[114.0, 30.4, 114.6, 30.8]", "--tool-arg", "radius=2"]
    result = inspect("--method", "tools/call", "--tool-name", "coverage_aspect_analysis", *bbox)
    assert result["structuredContent"]["success"], result


async def in_a_terminal_it_says_what_it_is(new_home: Callable) -> None:
    shown = typed(new_home({}), [], "")
    assert "an AI assistant starts it" in shown, shown


def typed(home: Home, answers: list[str], command: str = "init") -> str:
    """Runs a command in a terminal, types an answer to each question, and returns what was shown."""
    arguments = [*home.command, *([command] if command else [])]
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(home.directory)
        os.execvpe(arguments[0], arguments, home.environment())
    shown = question = ""
    with contextlib.suppress(OSError):
        while select.select([terminal], [], [], 30)[0]:
            chunk = os.read(terminal, 4096).decode(errors="replace")
            shown += chunk
            question = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", question + chunk)
            if answers and question.endswith((": ", "[y/N] ")):
                os.write(terminal, (answers.pop(0) + "\r").encode())
                question = ""
    # Ends it, should it still wait for something.
    os.close(terminal)
    os.waitpid(process, 0)
    assert not answers, shown
    return shown


RULES = [
    lists_the_tools_and_calls_each_past_an_expiry,
    two_processes_at_once_log_in_once,
    without_settings_each_tool_says_what_to_do_until_they_are_there,
    a_missing_setting_is_named,
    a_wrong_password_is_sent_once_a_minute_at_most,
    the_environment_comes_before_the_file,
    the_component_sees_no_other_file_and_cannot_write_the_settings,
    sigterm_and_a_closed_input_end_it,
    more_than_a_pipe_holds_reaches_a_slow_client,
    the_commands_say_what_they_should,
    init_asks_hides_secrets_and_overwrites_nothing_unasked,
    the_inspector_lists_and_calls,
    in_a_terminal_it_says_what_it_is,
]


def main() -> None:
    package = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="oge-mcp-") as directory:
        place = Path(directory)
        started = time.monotonic()
        command = INSTALLERS[package](place)
        print(f"{package}: installed in {time.monotonic() - started:.1f} s", flush=True)
        for rule in RULES:
            holds = rule(lambda settings: Home(place, command, settings))
            asyncio.run(asyncio.wait_for(holds, timeout=120))
            print(f"{package}: {rule.__name__}", flush=True)


main()
