"""Installs a package as a user does, into empty directories outside the repository, and drives it.

    target/clients/bin/python tests/packages/run.py PACKAGE

PACKAGE is `wheel`, `npm`, `mcpb`, `offline-wheel` or `offline-npm`. The platform is `oge mock`. The client is the
official Python SDK. One line for each rule that holds; the first that does not ends the run.
"""

import asyncio
import atexit
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
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from mcp import ClientSession, StdioServerParameters, stdio_client

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "target/packages"
OGE = ROOT / "target/debug/oge"
TOOLS = {
    "coverage_aspect_analysis": {"bbox": [114.0, 30.4, 114.6, 30.8]},
    "run_big_query": {},
    "execute_code_to_dag": {"code": "oge.x().export('a')"},
    "submit_batch_task": {"dag_id": "d"},
    "query_task_status": {"dag_id": "d"},
}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
# pip and npm fail at once if they ask a registry.
NO_NETWORK = {"PIP_NO_INDEX": "1", "npm_config_offline": "true"} | {
    f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https", "HTTP", "HTTPS")
}


def run(*command: object, **environment: str) -> None:
    subprocess.run([str(part) for part in command], check=True, env=os.environ | environment)


# Installing. Each returns the command that a client starts.


def install_wheel(place: Path, *options: object, **environment: str) -> list[str]:
    run(sys.executable, "-m", "venv", place / "venv")
    pip = [place / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, *options, **environment)
    return [str(place / "venv/bin/oge-mcp")]


def wheel(place: Path) -> list[str]:
    requirements = ROOT / "examples/python/requirements.txt"
    install_wheel(place, "--require-hashes", "-r", requirements)
    return install_wheel(place, "--no-deps", only("*.whl", PACKAGES))


def npm(place: Path) -> list[str]:
    return install_npm(place, PACKAGES)


def install_npm(place: Path, packages: Path) -> list[str]:
    # The package brings all that it needs, so this never has a network.
    run("npm", "install", "--global", "--silent", "--prefix", place, only("*.tgz", packages), **NO_NETWORK)
    return [str(place / "bin/oge-mcp")]


def mcpb(place: Path) -> list[str]:
    with zipfile.ZipFile(only("*.mcpb", PACKAGES)) as bundle:
        bundle.extractall(place)
    server = json.loads((place / "manifest.json").read_text("utf-8"))["server"]["mcp_config"]
    return [server["command"], *(part.replace("${__dirname}", str(place)) for part in server["args"])]


def offline_wheel(place: Path) -> list[str]:
    archive = unpack(place)
    options = ["--no-index", "--find-links", archive / "wheels", "--find-links", archive]
    return install_wheel(place, *options, "oge-mcp", **NO_NETWORK)


def offline_npm(place: Path) -> list[str]:
    return install_npm(place, unpack(place))


def unpack(place: Path) -> Path:
    with tarfile.open(only("*-offline-*.tar.gz", PACKAGES)) as archive:
        archive.extractall(place, filter="data")
    unpacked = only("oge-mcp-offline-*", place)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], check=True, cwd=unpacked)
    return unpacked


def only(pattern: str, directory: Path) -> Path:
    [found] = directory.glob(pattern)
    return found


# What is needed for a rule.


class Mock:
    """`oge mock`, whose output has a line for each request."""

    def __init__(self, *options: str) -> None:
        command = [str(OGE), "mock", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        atexit.register(self._process.kill)
        self.settings = {}
        for line in self._process.stdout:
            if line.startswith("# Requests"):
                break
            key, equals, value = line.strip().partition("=")
            if equals:
                self.settings[key] = value

    def requests(self) -> list[str]:
        """Ends the mock. What it was asked, in order: `Token accepted`, …"""
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(self.settings["OGE_DAG_URL"] + "/last").close()
        found = []
        for line in self._process.stdout:
            request = " ".join(line.split()[3:])
            if request.startswith("Other"):
                break
            found.append(request)
        self._process.kill()
        return found

    def logins(self) -> int:
        return sum(request.startswith("Token") for request in self.requests())


class Home:
    """A user's home with the settings in the file that the launcher reads by default."""

    def __init__(self, place: Path, command: list[str], settings: dict[str, str]) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=place))
        self.command = command
        if settings:
            self.write(settings)

    @property
    def settings_file(self) -> Path:
        return self.directory / ".config/oge/site.env"

    def write(self, settings: dict[str, str]) -> None:
        self.settings_file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{key}='{value}'\n" for key, value in settings.items()]
        self.settings_file.write_text("".join(lines))
        self.settings_file.chmod(0o600)

    def environment(self) -> dict[str, str]:
        """What a client without a shell hands on."""
        return {"HOME": str(self.directory), "PATH": os.environ["PATH"]}

    @contextlib.asynccontextmanager
    async def session(self, **environment: str):
        server = StdioServerParameters(
            command=self.command[0],
            args=self.command[1:],
            env=self.environment() | environment,
            cwd=self.directory,
        )
        with open(self.directory / "log", "a") as log:
            async with stdio_client(server, errlog=log) as (read, write):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    yield session

    def start(self, *arguments: str, pipesize: int = -1) -> subprocess.Popen:
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment(),
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pipesize=pipesize,
            text=True,
        )

    def say(self, *arguments: str) -> tuple[int, str]:
        """The exit code and the output of a command."""
        process = self.start(*arguments)
        output, error = process.communicate(timeout=60)
        return process.returncode, output + error


async def call(session: ClientSession, tool: str, arguments: dict | None = None) -> dict:
    result = await session.call_tool(tool, TOOLS[tool] if arguments is None else arguments)
    envelope = json.loads(result.content[0].text)
    assert result.is_error != envelope["success"], envelope
    return envelope


# The rules.


async def lists_five_tools_and_calls_each_past_an_expiry(new_home: Callable) -> None:
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
    lists_five_tools_and_calls_each_past_an_expiry,
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
INSTALLERS = {
    "wheel": wheel,
    "npm": npm,
    "mcpb": mcpb,
    "offline-wheel": offline_wheel,
    "offline-npm": offline_npm,
}


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
