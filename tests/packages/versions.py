"""All packages have the workspace's version, and `server.json` has what the MCP registry asks for.

    target/clients/bin/python tests/packages/versions.py all

The registry's JSON schema is not in this repository, so its rules are here by hand, as of its version 2025-12-11.
"""

import hashlib
import json
import re
import tarfile
import zipfile

from harness import PACKAGES, ROOT, only

VERSION = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text("utf-8"), re.MULTILINE)[1]


def text_of_wheel(name: str) -> str:
    with zipfile.ZipFile(only("*.whl", PACKAGES)) as wheel:
        return wheel.read(f"oge_mcp-{VERSION}.dist-info/{name}").decode()


def npm_manifest() -> dict:
    with tarfile.open(only("oge-mcp-*.tgz", PACKAGES)) as package:
        return json.load(package.extractfile("package/package.json"))


def bundle_manifest() -> dict:
    with zipfile.ZipFile(only("*.mcpb", PACKAGES)) as bundle:
        return json.loads(bundle.read("manifest.json"))


def all_versions_agree(server: dict) -> None:
    versions = {
        "server.json": server["version"],
        "wheel": re.search(r"^Version: (.+)$", text_of_wheel("METADATA"), re.MULTILINE)[1],
        "npm": npm_manifest()["version"],
        "mcpb": bundle_manifest()["version"],
    }
    versions |= {package["registryType"]: package.get("version", VERSION) for package in server["packages"]}
    assert set(versions.values()) == {VERSION}, versions
    numbered = [path.name for path in PACKAGES.iterdir() if re.search(r"\d+\.\d+\.\d+", path.name)]
    assert numbered and all(VERSION in name for name in numbered), numbered


def server_json_keeps_the_rules(server: dict) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", server["name"]), server["name"]
    assert 1 <= len(server["description"]) <= 100 and 1 <= len(server["title"]) <= 100
    known = {"$schema", "name", "title", "description", "version", "packages"}
    assert server.keys() == known, server.keys()
    settings = json.loads((ROOT / "packages/shared/settings.json").read_text("utf-8"))
    secrets = {setting["key"]: setting["kind"] == "secret" for setting in settings}
    for package in server["packages"]:
        assert package["transport"] == {"type": "stdio"}, package
        given = {variable["name"]: variable["isSecret"] for variable in package["environmentVariables"]}
        assert given == secrets, given
    kinds = [package["registryType"] for package in server["packages"]]
    assert kinds == ["pypi", "npm", "mcpb"], kinds
    bundle = server["packages"][2]
    archive = only("*.mcpb", PACKAGES)
    assert bundle["fileSha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert re.fullmatch(rf"https://github\.com/.+/v{re.escape(VERSION)}/{archive.name}", bundle["identifier"]), bundle


def the_packages_name_the_server(server: dict) -> None:
    """How the registry proves that a package belongs to the server."""
    assert npm_manifest()["mcpName"] == server["name"]
    assert f"mcp-name: {server['name']}" in text_of_wheel("METADATA")


def main() -> None:
    server = json.loads((PACKAGES / "server.json").read_text("utf-8"))
    for rule in (all_versions_agree, server_json_keeps_the_rules, the_packages_name_the_server):
        rule(server)
        print(rule.__name__)


main()
