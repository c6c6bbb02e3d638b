"""Adds the server to a real client as its user does, and asks the client whether it is connected.

    target/clients/bin/python tests/clients/run.py CLIENT

CLIENT is a key of `CLIENTS`. Each reaches the server over stdio (the installed npm package) and over HTTP
(`wasmtime serve` with a bearer). The platform is `oge mock`. The home directory is empty and no client has an account
or a network: a proxy on loopback refuses and records every request for another address.
"""

import atexit
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "packages"))
from harness import INSTALLERS, PACKAGES, ROOT, TOOLS, Home, Mock, only

WASMTIME = ROOT / "target/debug/stock-wasmtime"
HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
INSPECTOR = ROOT / "tests/packages/node_modules"
NODE = only("node-*/bin/node", INSPECTOR)
BEARER = "MARKER-bearer-51c0"
BBOX = [114.0, 30.4, 114.6, 30.8]
TEXT_BBOX = "114.0,30.4,114.6,30.8"


class Proxy:
    """Refuses every request, and records what was asked for."""

    def __init__(self) -> None:
        asked = self.asked = set()

        class Refuse(http.server.BaseHTTPRequestHandler):
            def refuse(self) -> None:
                asked.add(self.path)
                self.send_error(403)

            do_CONNECT = do_GET = do_HEAD = do_POST = refuse

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"


class Machine:
    """A user's machine with both servers, and with one client that was never started before."""

    def __init__(self, place: Path) -> None:
        self.proxy = Proxy()
        self.mock = Mock()
        self.home = Home(place, INSTALLERS["npm"](place), self.mock.settings)
        self.stdio = self._recorded(self.home.command[0])
        self.url = self._serve()
        self.bearer = BEARER

    @property
    def directory(self) -> Path:
        return self.home.directory

    def _recorded(self, command: str) -> str:
        """The server with a record of what the client sends."""
        script = self.directory / "oge-mcp"
        script.write_text(f"#!/bin/sh\ntee -a '{self._messages}' | exec '{command}'\n")
        script.chmod(0o700)
        return str(script)

    @property
    def _messages(self) -> Path:
        return self.directory / "messages"

    def messages(self) -> list[dict]:
        """What the client sent over stdio."""
        return [json.loads(message) for message in self._messages.read_text("utf-8").splitlines()]

    def calls(self) -> list[dict]:
        """The arguments of each call over stdio."""
        return [sent["params"]["arguments"] for sent in self.messages() if sent["method"] == "tools/call"]

    def protocol(self) -> str:
        """The version of the protocol that the client speaks. 2026-07-28 has no `initialize`."""
        parameters = self.messages()[0]["params"]
        meta = parameters.get("_meta", {})
        return parameters.get("protocolVersion") or meta["io.modelcontextprotocol/protocolVersion"]

    def _serve(self) -> str:
        state = self.directory / "http-state"
        state.mkdir(mode=0o700)
        settings = self.mock.settings | {"OGE_MCP_BEARER": BEARER}
        command = [WASMTIME, "serve", "-S", "cli", "--addr", "127.0.0.1:0", "--dir", f"{state}::/state"]
        command += ["--env", "OGE_TOKEN_FILE=/state/token"]
        for name in settings:
            command += ["--env", name]
        command.append(PACKAGES / "oge-mcp.wasm")
        log = open(self.directory / "http-log", "w+")
        server = subprocess.Popen(command, env=os.environ | settings, stderr=log)
        atexit.register(server.kill)
        for _ in range(600):
            log.seek(0)
            if found := re.search(r"http://[0-9.:]+", log.read()):
                return found[0] + "/mcp"
            assert server.poll() is None, server.returncode
            threading.Event().wait(0.1)
        raise TimeoutError("the HTTP server did not start")

    def environment(self) -> dict[str, str]:
        proxies = {name: self.proxy.url for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
        direct = {name: "127.0.0.1,localhost" for name in ("no_proxy", "NO_PROXY")}
        user = {"HOME": str(self.directory), "PATH": f"{NODE.parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
        return user | proxies | direct | {"OGE_MCP_BEARER": self.bearer}

    def run(self, *command: object, **environment: str) -> str:
        """What a command shows, without colours."""
        done = subprocess.run(
            [str(part) for part in command],
            env=self.environment() | environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        shown = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{shown}"
        return shown


def line(shown: str, name: str) -> str:
    """The line about a server. The servers are called `oge` and `oge-http`."""
    [found] = [line for line in shown.splitlines() if re.search(rf"(^|\s){name}(:|\s|$)", line)]
    return found.strip()


def both_are_connected_and_a_wrong_bearer_is_not(machine: Machine, show: Callable[[], str], connected: str) -> None:
    shown = show()
    for name in ("oge", "oge-http"):
        assert connected in line(shown, name), shown
        print(f"    {line(shown, name)}")
    machine.bearer = "wrong"
    shown = show()
    assert connected in line(shown, "oge") and connected not in line(shown, "oge-http"), shown


def no_client_keeps_the_bearer(machine: Machine) -> None:
    """The clients' settings name the variable. The Inspector has no variables, so its file has the value."""
    files = [path for path in machine.directory.rglob("*") if path.is_file() and path.name != "mcp.json"]
    kept = [str(path) for path in files if BEARER.encode() in path.read_bytes()]
    assert not kept, kept


# The clients. Each connects over both transports.


def claude_code(machine: Machine) -> None:
    quiet = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    claude = only("@anthropic-ai/claude-code-*/claude", NODE_MODULES)
    machine.run(claude, "mcp", "add", "--scope", "user", "oge", "--", machine.stdio, **quiet)
    entry = {"type": "http", "url": machine.url, "headers": {"Authorization": "Bearer ${OGE_MCP_BEARER}"}}
    machine.run(claude, "mcp", "add-json", "--scope", "user", "oge-http", json.dumps(entry), **quiet)
    show = lambda: machine.run(claude, "mcp", "list", **quiet)
    both_are_connected_and_a_wrong_bearer_is_not(machine, show, "Connected")


def opencode(machine: Machine) -> None:
    quiet = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
    program = NODE_MODULES / f"opencode-{NODE.parts[-3].removeprefix('node-')}/bin/opencode"
    headers = {"Authorization": "Bearer {env:OGE_MCP_BEARER}"}
    servers = {
        "oge": {"type": "local", "command": [machine.stdio]},
        "oge-http": {"type": "remote", "url": machine.url, "oauth": False, "headers": headers},
    }
    settings = machine.directory / ".config/opencode/opencode.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"mcp": servers}))
    show = lambda: machine.run(program, "mcp", "list", **quiet)
    both_are_connected_and_a_wrong_bearer_is_not(machine, show, "connected")


def gemini(machine: Machine) -> None:
    # Gemini CLI starts no server in a folder that its user does not trust.
    trust = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
    connects_like_gemini(machine, "@google/gemini-cli/bundle/gemini.js", trust)


def qwen_code(machine: Machine) -> None:
    connects_like_gemini(machine, "@qwen-code/qwen-code/cli.js", {})


def connects_like_gemini(machine: Machine, script: str, environment: dict[str, str]) -> None:
    add = [NODE, NODE_MODULES / script, "mcp", "add", "--scope", "user"]
    machine.run(*add, "oge", machine.stdio)
    header = "Authorization: Bearer ${OGE_MCP_BEARER}"
    machine.run(*add, "--transport", "http", "--header", header, "oge-http", machine.url)
    show = lambda: machine.run(NODE, NODE_MODULES / script, "mcp", "list", **environment)
    both_are_connected_and_a_wrong_bearer_is_not(machine, show, "✓")


def codex(machine: Machine) -> None:
    program = only("@openai/codex-*/vendor/*/bin/codex", NODE_MODULES)
    machine.run(program, "mcp", "add", "oge", "--", machine.stdio)
    token = ["--bearer-token-env-var", "OGE_MCP_BEARER"]
    machine.run(program, "mcp", "add", "oge-http", "--url", machine.url, *token)
    # `codex mcp list` shows what is configured. Its app server is what connects and calls.
    server = subprocess.Popen(
        [program, "app-server"],
        env=machine.environment(),
        cwd=machine.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(server.kill)
    # Else a response that does not come would be waited for without end.
    deadline = threading.Timer(100, server.kill)
    deadline.daemon = True
    deadline.start()

    def ask(method: str, **params: object) -> dict:
        server.stdin.write(json.dumps({"id": method, "method": method, "params": params}) + "\n")
        server.stdin.flush()
        for message in map(json.loads, server.stdout):
            if message.get("id") == method:
                return message["result"]
        raise EOFError(method)

    ask("initialize", clientInfo={"name": "test", "version": "1"}, capabilities={"experimentalApi": True})
    listed = {server["name"]: sorted(server["tools"]) for server in ask("mcpServerStatus/list")["data"]}
    assert listed["oge"] == listed["oge-http"] == sorted(TOOLS), listed
    thread = ask("thread/start", ephemeral=True)["thread"]["id"]
    for name in ("oge", "oge-http"):
        call = {"threadId": thread, "server": name, "tool": "coverage_aspect_analysis"}
        result = ask("mcpServer/tool/call", **call, arguments={"bbox": BBOX})
        assert result["structuredContent"]["success"], result
        print(f"    {name}: {len(listed[name])} tools; {result['structuredContent']['msg']}")
    server.stdin.close()
    server.wait(timeout=30)
    assert machine.calls() == [{"bbox": BBOX}], machine.calls()


def inspector(machine: Machine) -> None:
    servers = {
        "oge": {"type": "stdio", "command": machine.stdio, "args": []},
        "oge-http": {"type": "streamable-http", "url": machine.url, "headers": {"Authorization": f"Bearer {BEARER}"}},
    }
    settings = machine.directory / "mcp.json"
    settings.write_text(json.dumps({"mcpServers": servers}))

    def inspect(server: str, *arguments: object) -> dict:
        options = ["--cli", "--config", settings, "--server", server]
        shown = machine.run(NODE, INSPECTOR / ".bin/mcp-inspector", *options, *arguments)
        # There is a line about the schemas before or after the JSON.
        return json.JSONDecoder().raw_decode(shown, shown.index("{\n"))[0]

    def call(server: str, tool: str, *arguments: str) -> None:
        pairs = [part for argument in arguments for part in ("--tool-arg", argument)]
        result = inspect(server, "--method", "tools/call", "--tool-name", tool, *pairs)
        assert result["structuredContent"]["success"], result

    for name in servers:
        listed = [tool["name"] for tool in inspect(name, "--method", "tools/list")["tools"]]
        assert sorted(listed) == sorted(TOOLS), listed
        for bbox in (json.dumps(BBOX), TEXT_BBOX):
            call(name, "coverage_aspect_analysis", f"bbox={bbox}", "radius=2")
        call(name, "submit_batch_task", "dag_id=d", "scale=30")
        print(f"    {name}: {len(listed)} tools; calls with a list, with a text in its place and with numbers succeed")
    # The Inspector sends as JSON what is JSON, whatever the schema says: `scale` is a text there.
    sent = machine.calls()
    assert sent == [
        {"bbox": BBOX, "radius": 2},
        {"bbox": TEXT_BBOX, "radius": 2},
        {"dag_id": "d", "scale": 30},
    ], sent


CLIENTS = {
    "claude-code": (claude_code, NODE_MODULES / "@anthropic-ai/claude-code"),
    "opencode": (opencode, NODE_MODULES / "opencode-ai"),
    "gemini": (gemini, NODE_MODULES / "@google/gemini-cli"),
    "qwen-code": (qwen_code, NODE_MODULES / "@qwen-code/qwen-code"),
    "codex": (codex, NODE_MODULES / "@openai/codex"),
    "inspector": (inspector, INSPECTOR / "@modelcontextprotocol/inspector"),
}


def main() -> None:
    rule, package = CLIENTS[sys.argv[1]]
    version = json.loads((package / "package.json").read_text("utf-8"))["version"]
    print(sys.argv[1], version, flush=True)
    with tempfile.TemporaryDirectory(prefix="oge-mcp-") as place:
        machine = Machine(Path(place))
        rule(machine)
        refused = ", ".join(sorted(machine.proxy.asked))
        print(f"    speaks protocol {machine.protocol()}; asked for: {refused or 'no other address'}")
        no_client_keeps_the_bearer(machine)


main()
