"""Clusters of etcd with authentication, and the requests that tests make."""

import atexit
import json
import socket
import subprocess
import time
import urllib.request
from pathlib import Path


RESERVED = []


def reserve_port() -> int:
    """Returns a port that the system gives to nobody else: a socket is bound to it and never listens."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    RESERVED.append(reserved)
    return reserved.getsockname()[1]


def post(url: str, body: dict, **headers: str) -> dict:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def until_up(url: str, process: subprocess.Popen) -> None:
    # wasmtime first compiles the component, which takes long on a machine that runs other tests.
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.args
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def start(place: Path, user: str, password: str, members: int = 1) -> str:
    """Starts a cluster with the flag and the grant of docs/scaling.md. Returns its endpoints."""
    clients, peers = ([f"http://127.0.0.1:{reserve_port()}" for _ in range(members)] for _ in range(2))
    names = [f"member-{index}" for index in range(members)]
    cluster = ",".join(f"{name}={peer}" for name, peer in zip(names, peers))
    servers = []
    for name, client, peer in zip(names, clients, peers):
        command = ["etcd", "--bcrypt-cost", "4", "--name", name, "--data-dir", place / name]
        command += ["--initial-cluster", cluster]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        log = open(place / f"{name}.log", "w")
        servers.append(subprocess.Popen(command, stdout=log, stderr=log))
        atexit.register(servers[-1].kill)
    # Answered once there is a leader.
    for client, server in zip(clients, servers):
        until_up(f"{client}/health", server)
    key, end = ("b2dlLw==", "b2dlMA==")  # `oge/` and the first key after those that begin so.
    for call, body in [
        ("user/add", {"name": "root", "password": "root"}),
        ("role/add", {"name": "root"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("user/add", {"name": user, "password": password}),
        ("role/add", {"name": user}),
        ("role/grant", {"name": user, "perm": {"permType": "READWRITE", "key": key, "range_end": end}}),
        ("user/grant", {"user": user, "role": user}),
        ("enable", {}),
    ]:
        post(f"{clients[0]}/v3/auth/{call}", body)
    return ",".join(clients)
