"""A session with a server of its own, for the commands that call tools."""

import json
import subprocess
import sys
from pathlib import Path

from oge_mcp.paths import LauncherError


class Session:
    """Starts `oge-mcp` as an assistant does, and calls tools one after another."""

    def __init__(self, environment: dict[str, str]) -> None:
        program = str(Path(__file__).with_name("__main__.py"))
        self._server = subprocess.Popen(
            [sys.executable, program],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._id = 0

    def __enter__(self) -> "Session":
        client = {"name": "oge-mcp", "version": "0"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        self.server_info = self._request("initialize", hello)["serverInfo"]
        self._send({"method": "notifications/initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stdin.close()
        self._server.wait()

    def tools(self) -> list[dict]:
        return self._request("tools/list", {})["tools"]

    def call(self, tool: str, arguments: dict) -> dict:
        """The envelope of the tool's result."""
        result = self._request("tools/call", {"name": tool, "arguments": arguments})
        return result["structuredContent"]

    def _request(self, method: str, params: dict) -> dict:
        self._id += 1
        self._send({"id": self._id, "method": method, "params": params})
        for line in self._server.stdout:
            message = json.loads(line)
            if message.get("id") == self._id:
                return message["result"]
        raise LauncherError("the server ended before it answered; its log above says why")

    def _send(self, message: dict) -> None:
        try:
            self._server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            self._server.stdin.flush()
        except OSError:
            raise LauncherError("the server ended; its log above says why") from None
