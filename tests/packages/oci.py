"""Pushes the OCI artifacts to a registry on loopback, and pulls them as hosts do.

    target/clients/bin/python tests/packages/oci.py HOST

HOST is `any`, which reads them back over HTTPS, or `wassette`. The registry is Debian's `docker-registry`, and skopeo
pushes. `tests/engines/install-wassette` makes Wassette run; the variable `WASSETTE` may name another command for it. It trusts
HTTPS only, so the registry has a certificate.
"""

import atexit
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from harness import PACKAGES, ROOT, TOOLS, only, run

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
WASSETTE = os.environ.get("WASSETTE", str(ROOT / "target/wassette/wassette"))
# Each component, and one of its exports.
COMPONENTS = {"oge-mcp": "wasi:cli/run@0.2", "oge-tools-wassette": "run-big-query"}


class Registry:
    """A registry with a certificate for 127.0.0.1, and the authority that it is from."""

    def __init__(self, place: Path) -> None:
        self.authority = place / "certs/ca.crt"
        self.authority.parent.mkdir()
        certificate("/CN=tests", place / "ca.key", self.authority)
        leaf = ["-CA", self.authority, "-CAkey", place / "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"]
        leaf += ["-addext", "basicConstraints=critical,CA:FALSE"]
        certificate("/CN=127.0.0.1", place / "key.pem", place / "cert.pem", *leaf)
        tls = {"certificate": str(place / "cert.pem"), "key": str(place / "key.pem")}
        settings = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(place / "registry")}},
            "http": {"addr": "127.0.0.1:0", "tls": tls},
        }
        # YAML is a superset of JSON.
        (place / "registry.yml").write_text(json.dumps(settings))
        log = open(place / "registry.log", "w+")
        command = ["docker-registry", "serve", place / "registry.yml"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        atexit.register(server.kill)
        while not (found := re.search(r"listening on (127\.0\.0\.1:\d+)", (place / "registry.log").read_text())):
            assert server.poll() is None, (place / "registry.log").read_text()
            time.sleep(0.05)
        self.address = found[1]

    def get(self, path: str, accept: str = "*/*") -> bytes:
        request = urllib.request.Request(f"https://{self.address}/v2/{path}", headers={"Accept": accept})
        context = ssl.create_default_context(cafile=self.authority)
        with urllib.request.urlopen(request, context=context) as response:
            return response.read()


def certificate(subject: str, key: Path, to: Path, *options: object) -> None:
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject]
    command = [str(part) for part in (*make, *options, "-keyout", key, "-out", to)]
    subprocess.run(command, check=True, capture_output=True)


def push(registry: Registry, name: str, version: str) -> None:
    archive = PACKAGES / f"{name}-{version}.oci.tar"
    target = f"docker://{registry.address}/{name}:{version}"
    certificates = ["--dest-cert-dir", registry.authority.parent]
    run("skopeo", "--insecure-policy", "copy", "--quiet", *certificates, f"oci-archive:{archive}:{version}", target)


def is_what_the_guidance_asks_for(registry: Registry, name: str, version: str) -> None:
    manifest = json.loads(registry.get(f"{name}/manifests/{version}", MANIFEST))
    assert manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json", manifest
    [layer] = manifest["layers"]
    assert layer["mediaType"] == "application/wasm", manifest
    component = registry.get(f"{name}/blobs/{layer['digest']}")
    assert component == (PACKAGES / f"{name}.wasm").read_bytes()
    config = json.loads(registry.get(f"{name}/blobs/{manifest['config']['digest']}"))
    assert (config["architecture"], config["os"]) == ("wasm", "wasip2"), config
    assert config["layerDigests"] == ["sha256:" + hashlib.sha256(component).hexdigest()], config
    world = config["component"]
    assert any(export.startswith(COMPONENTS[name]) for export in world["exports"]), world
    assert any(given.startswith("wasi:http/outgoing-handler@0.2") for given in world["imports"]), world


def wassette_pulls(registry: Registry, name: str, version: str, place: Path) -> None:
    components = place / "wassette"
    environment = os.environ | {"HOME": str(place), "SSL_CERT_FILE": str(registry.authority)}

    def wassette(*arguments: str) -> str:
        command = [WASSETTE, "component", *arguments, "--component-dir", str(components)]
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    wassette("load", f"oci://{registry.address}/{name}:{version}")
    pulled = [path.read_bytes() for path in components.rglob("*.wasm")]
    assert (PACKAGES / f"{name}.wasm").read_bytes() in pulled, list(components.rglob("*"))
    listed = wassette("list")
    if name == "oge-tools-wassette":
        missing = [tool for tool in TOOLS if tool not in listed.replace("-", "_")]
        assert not missing, listed


def main() -> None:
    with_wassette = sys.argv[1] == "wassette"
    version = only("oge-mcp-*.oci.tar", PACKAGES).name.removeprefix("oge-mcp-").removesuffix(".oci.tar")
    with tempfile.TemporaryDirectory(prefix="oge-oci-") as directory:
        place = Path(directory)
        registry = Registry(place)
        for name in COMPONENTS:
            push(registry, name, version)
            if with_wassette:
                wassette_pulls(registry, name, version, place)
                print(f"{name}: pulled by Wassette", flush=True)
            else:
                is_what_the_guidance_asks_for(registry, name, version)
                print(f"{name}: pushed, and read back over HTTPS", flush=True)


main()
