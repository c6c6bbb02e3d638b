"""A registry on loopback for OCI artifacts: Debian's `docker-registry`, to which skopeo pushes.

Hosts trust HTTPS only, so it has a certificate.
"""

import atexit
import json
import re
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

from harness import PACKAGES, only, run


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


def version_of(name: str) -> str:
    return only(f"{name}-*.oci.tar", PACKAGES).name.removeprefix(f"{name}-").removesuffix(".oci.tar")
