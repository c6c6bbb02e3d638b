"""Pushes the OCI artifacts to a registry on loopback, and pulls them as hosts do.

    target/clients/bin/python tests/packages/oci.py HOST

HOST is `any`, which reads them back over HTTPS, or `wassette`. `tests/engines/install-wassette` makes Wassette run; the
variable `WASSETTE` may name another command for it.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import PACKAGES, ROOT, TOOLS
from registry import Registry, push, version_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
WASSETTE = os.environ.get("WASSETTE", str(ROOT / "target/wassette/wassette"))
# Each component, and one of its exports.
COMPONENTS = {"oge-mcp": "wasi:cli/run@0.2", "oge-tools-wassette": "run-big-query"}


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
    version = version_of("oge-mcp")
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
