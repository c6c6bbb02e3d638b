"""A mock platform on loopback, for `oge-mcp demo`. Its first token has expired."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EXPIRED = {"code": 40003, "msg": "token过期或异常", "data": None}


def result(request: dict) -> dict:
    """The response to an aspect analysis: the requested area."""
    bbox = request["args"]["coverage"]["preParams"]["bbox"]
    return {"code": 200, "msg": "success", "data": {"layer": "aspect", "bbox": bbox, "unit": "degree"}}


class MockPlatform(ThreadingHTTPServer):
    """Tells each request, and what became of it, to `observe`."""

    def __init__(self, observe: Callable[[str, str], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.observe = observe
        self.token = 2

    def settings(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server_port}"
        return {
            "OGE_API_URL": f"{url}/process",
            "OGE_DAG_URL": f"{url}/dag",
            "OGE_TOKEN_URL": f"{url}/oauth/token",
            "OGE_TOKEN_USERNAME": "demo",
            "OGE_TOKEN_PASSWORD": "demo",
            "OGE_CLIENT_ID": "demo",
            "OGE_CLIENT_SECRET": "demo",
            "OGE_TOKEN": "demo-token-1",
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MockPlatform

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        path = self.path.partition("?")[0]
        if path == "/oauth/token":
            self._answer("a login: here is token 2", {"data": {"token": "demo-token-2", "tokenHead": "Bearer "}})
            return
        number = self.headers.get("Authorization", "").rpartition("-")[2]
        if number == str(self.server.token):
            self._answer(f"token {number} accepted", result(request))
        else:
            self._answer(f"token {number} has expired (40003)", EXPIRED)

    def _answer(self, story: str, response: dict) -> None:
        self.server.observe(f"POST {self.path.partition('?')[0]}", story)
        body = json.dumps(response).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the demo tells the story."""
