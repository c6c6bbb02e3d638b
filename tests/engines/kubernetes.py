"""Checks `examples/kubernetes` against the API's schemas, and runs what the Deployment runs, without a cluster.

    target/clients/bin/python tests/engines/kubernetes.py

Two processes of `wasmtime serve` with the Deployment's arguments are the replicas. They get their environment from the
ConfigMap and the Secret, with the addresses of a mock OGE and of an etcd with authentication filled in. Variables name
other programs: `WASMTIME`, `OGE`, and `OGE_COMPONENTS` for the directory of the components.
"""

import atexit
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/packages"))

import etcd  # noqa: E402
import harness  # noqa: E402
from etcd import post, reserve_port, until_up  # noqa: E402
from harness import TOOLS, Mock  # noqa: E402

harness.OGE = Path(os.environ.get("OGE", harness.OGE))
WASMTIME = os.environ.get("WASMTIME", str(ROOT / "target/debug/stock-wasmtime"))
COMPONENTS = Path(os.environ.get("OGE_COMPONENTS", ROOT / "target/packages"))
MANIFESTS = ROOT / "examples/kubernetes"
API = "1.37"
# The open files for which the Deployment's limits are computed.
OPEN_FILES = 1024
CALLS = 20
SHUTDOWN = "127.0.0.1:8081"


def objects() -> dict[str, dict]:
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(MANIFESTS.glob("*.yaml"))]
    return {document["kind"]: document for document in documents}


def pod() -> dict:
    return objects()["Deployment"]["spec"]["template"]["spec"]


def container() -> dict:
    [only] = pod()["containers"]
    return only


def settings() -> dict[str, str]:
    return objects()["ConfigMap"]["data"] | objects()["Secret"]["stringData"]


# What a cluster would refuse, or would not do.


def the_schemas_accept_each_manifest() -> None:
    for document in objects().values():
        kubernetes_validate.validate(document, API, strict=True)


def each_setting_is_passed_to_the_component() -> None:
    arguments = container()["args"]
    passed = [name for flag, name in zip(arguments, arguments[1:]) if flag == "--env"]
    assert sorted(passed) == sorted(settings()), (passed, settings())


def names_and_labels_agree() -> None:
    deployment, service = objects()["Deployment"]["spec"], objects()["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert labels == deployment["selector"]["matchLabels"] == service["selector"]
    sources = [next(iter(source.items())) for source in container()["envFrom"]]
    for kind, source in sources:
        found = objects()[{"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind]]
        assert found["metadata"]["name"] == source["name"], source
    [port], [served] = container()["ports"], service["ports"]
    assert port["name"] == served["targetPort"]


# What runs in the pods.


class Replica:
    """The container's command, with the environment of a pod."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self.port, self.shutdown_port = reserve_port(), reserve_port()
        ours = {
            f"0.0.0.0:{container()['ports'][0]['containerPort']}": f"127.0.0.1:{self.port}",
            SHUTDOWN: f"127.0.0.1:{self.shutdown_port}",
            "/oge-mcp.wasm": str(COMPONENTS / "oge-mcp.wasm"),
        }
        missing = [part for part in ours if part not in container()["args"]]
        assert not missing, missing
        command = [ours.get(argument, argument) for argument in container()["args"]]
        self.log = place / f"replica-{self.port}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [WASMTIME, *command], env=environment, stdout=log, stderr=log, preexec_fn=limit_open_files
            )
        atexit.register(self.process.kill)
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            until_up(f"http://127.0.0.1:{self.port}{container()[name]['httpGet']['path']}", self.process)

    def call(self, bearer: str, host: str) -> dict:
        call = {"name": "query_task_status", "arguments": TOOLS["query_task_status"]}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        url = f"http://127.0.0.1:{self.port}/mcp"
        return post(url, body, Host=host, Authorization=f"Bearer {bearer}", MCP_Protocol_Version="2025-11-25")

    def stop(self) -> None:
        """Runs the hook that Kubernetes runs before it stops the container."""
        command = container()["lifecycle"]["preStop"]["exec"]["command"]
        ours = [part.replace(SHUTDOWN.replace(":", "/"), f"127.0.0.1/{self.shutdown_port}") for part in command]
        assert ours != command, command
        subprocess.run(ours, check=True)

    def memory(self) -> int:
        """The largest resident memory, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024


def until_down(url: str) -> None:
    # The hook ends before the server has noticed it.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            time.sleep(0.05)
        except OSError:
            return
    raise AssertionError("it still accepts connections")


def limit_open_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


def two_replicas_share_one_login_through_etcd() -> None:
    with tempfile.TemporaryDirectory(prefix="oge-kubernetes-") as directory:
        place = Path(directory)
        mock = Mock()
        filled = settings() | mock.settings
        filled["OGE_TOKEN_ETCD"] = etcd.start(place, filled["OGE_TOKEN_ETCD_USERNAME"], filled["OGE_TOKEN_ETCD_PASSWORD"])
        environment = {key: filled[key] for key in settings()}
        replicas = [Replica(place, environment) for _ in range(objects()["Deployment"]["spec"]["replicas"])]
        # A client inside the cluster uses the Service's name.
        host = objects()["Service"]["metadata"]["name"]
        with ThreadPoolExecutor(CALLS) as callers:
            calls = [
                callers.submit(replicas[index % len(replicas)].call, environment["OGE_MCP_BEARER"], host)
                for index in range(CALLS)
            ]
            answers = [call.result()["result"] for call in calls]
        failed = [answer for answer in answers if answer.get("isError")]
        assert not failed, (failed[0], replicas[0].log.read_text()[-2000:])
        print("memory of the replicas in MiB:", *(replica.memory() for replica in replicas), flush=True)
        assert mock.logins() == 1


def a_call_under_way_is_answered_while_the_pod_stops() -> None:
    with tempfile.TemporaryDirectory(prefix="oge-kubernetes-") as directory:
        # The login and the call take 8 s, the hook 5 s.
        filled = settings() | Mock("--latency", "4000").settings
        environment = {key: "" if "ETCD" in key else filled[key] for key in settings()}
        replica = Replica(Path(directory), environment)
        with ThreadPoolExecutor(1) as caller:
            call = caller.submit(replica.call, environment["OGE_MCP_BEARER"], "oge-mcp")
            time.sleep(0.5)
            replica.stop()
            assert not call.done()
            until_down(f"http://127.0.0.1:{replica.port}/healthz")
            answer = call.result()["result"]
        assert not answer.get("isError"), answer


def main() -> None:
    for rule in (
        the_schemas_accept_each_manifest,
        each_setting_is_passed_to_the_component,
        names_and_labels_agree,
        two_replicas_share_one_login_through_etcd,
        a_call_under_way_is_answered_while_the_pod_stops,
    ):
        rule()
        print(rule.__name__.replace("_", " "), flush=True)


main()
