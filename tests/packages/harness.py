"""What tests and measurements of the packages share: installing one, a mock platform, a user's home directory."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from mcp import ClientSession, StdioServerParameters, stdio_client

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "target/packages"
OGE = ROOT / "target/debug/oge"
TOOLS = {
    "coverage_aspect_analysis": {"bbox": [114.0, 30.4, 114.6, 30.8]},
    "run_big_query": {},
    "execute_code_to_dag": {"code": "oge.x().export('a')"},
    "submit_batch_task": {"dag_id": "d"},
    "query_task_status": {"dag_id": "d"},
    "execute_dag_workflow": {"code": "oge.x().export('a')"},
}
# pip and npm fail at once if they ask a registry.
NO_NETWORK = {"PIP_NO_INDEX": "1", "npm_config_offline": "true"} | {
    f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https", "HTTP", "HTTPS")
}


def run(*command: object, **environment: str) -> None:
    subprocess.run([str(part) for part in command], check=True, env=os.environ | environment)


# Installing. Each returns the command that a client starts.


def install_wheel(place: Path, *options: object, **environment: str) -> list[str]:
    run(sys.executable, "-m", "venv", place / "venv")
    pip = [place / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, *options, **environment)
    return [str(place / "venv/bin/oge-mcp")]


def wheel(place: Path) -> list[str]:
    requirements = ROOT / "examples/python/requirements.txt"
    install_wheel(place, "--require-hashes", "-r", requirements)
    return install_wheel(place, "--no-deps", only("*.whl", PACKAGES))


def npm(place: Path) -> list[str]:
    return install_npm(place, PACKAGES)


def install_npm(place: Path, packages: Path) -> list[str]:
    # The package brings all that it needs, so this never has a network.
    run("npm", "install", "--global", "--silent", "--prefix", place, only("*.tgz", packages), **NO_NETWORK)
    return [str(place / "bin/oge-mcp")]


def mcpb(place: Path) -> list[str]:
    with zipfile.ZipFile(only("*.mcpb", PACKAGES)) as bundle:
        bundle.extractall(place)
    server = json.loads((place / "manifest.json").read_text("utf-8"))["server"]["mcp_config"]
    return [server["command"], *(part.replace("${__dirname}", str(place)) for part in server["args"])]


def offline_wheel(place: Path) -> list[str]:
    archive = unpack(place)
    options = ["--no-index", "--find-links", archive / "wheels", "--find-links", archive]
    return install_wheel(place, *options, "oge-mcp", **NO_NETWORK)


def offline_npm(place: Path) -> list[str]:
    return install_npm(place, unpack(place))


def unpack(place: Path) -> Path:
    with tarfile.open(only("*-offline-*.tar.gz", PACKAGES)) as archive:
        archive.extractall(place, filter="data")
    unpacked = only("oge-mcp-offline-*", place)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], check=True, cwd=unpacked)
    return unpacked


def only(pattern: str, directory: Path) -> Path:
    [found] = directory.glob(pattern)
    return found


INSTALLERS = {
    "wheel": wheel,
    "npm": npm,
    "mcpb": mcpb,
    "offline-wheel": offline_wheel,
    "offline-npm": offline_npm,
}


# What is needed for a rule.


class Mock:
    """`oge mock`, which writes a line for each request to standard error."""

    def __init__(self, *options: str) -> None:
        command = [str(OGE), "mock", *options]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        atexit.register(self._process.kill)
        self.settings = {}
        for line in self._process.stdout:
            if line.startswith("# Requests"):
                break
            key, equals, value = line.strip().partition("=")
            if equals:
                self.settings[key] = value

    def requests(self) -> list[str]:
        """Ends the mock. What it was asked, in order: `Token accepted`, …"""
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(self.settings["OGE_DAG_URL"] + "/last").close()
        found = []
        for line in self._process.stderr:
            request = " ".join(line.split()[2:])
            if request.startswith("Other"):
                break
            found.append(request)
        self._process.kill()
        return found

    def logins(self) -> int:
        return sum(request.startswith("Token") for request in self.requests())


class Home:
    """A user's home with the settings in the file that the launcher reads by default."""

    def __init__(self, place: Path, command: list[str], settings: dict[str, str]) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=place))
        self.command = command
        if settings:
            self.write(settings)

    @property
    def settings_file(self) -> Path:
        return self.directory / ".config/oge/site.env"

    def write(self, settings: dict[str, str]) -> None:
        self.settings_file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{key}='{value}'\n" for key, value in settings.items()]
        self.settings_file.write_text("".join(lines))
        self.settings_file.chmod(0o600)

    def environment(self) -> dict[str, str]:
        """What a client without a shell hands on."""
        return {"HOME": str(self.directory), "PATH": os.environ["PATH"]}

    @contextlib.asynccontextmanager
    async def session(self, **environment: str):
        server = StdioServerParameters(
            command=self.command[0],
            args=self.command[1:],
            env=self.environment() | environment,
            cwd=self.directory,
        )
        with open(self.directory / "log", "a") as log:
            async with stdio_client(server, errlog=log) as (read, write):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    yield session

    def start(self, *arguments: str, pipesize: int = -1) -> subprocess.Popen:
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment(),
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pipesize=pipesize,
            text=True,
        )

    def say(self, *arguments: str) -> tuple[int, str]:
        """The exit code and the output of a command."""
        process = self.start(*arguments)
        output, error = process.communicate(timeout=60)
        return process.returncode, output + error
