"""Drives Wassette 0.8 with the component for it, loaded from a file.

    target/clients/bin/python tests/engines/wassette.py

The policy is that of `examples/wassette`. The platform is `oge mock`, the client the official Python SDK. Variables name
other programs: `WASSETTE`, `OGE`, and `OGE_COMPONENTS` for the directory of the components.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/packages"))

import etcd  # noqa: E402
import harness  # noqa: E402
from harness import TOOLS, Home, Mock  # noqa: E402

harness.OGE = Path(os.environ.get("OGE", harness.OGE))
WASSETTE = os.environ.get("WASSETTE", str(ROOT / "target/wassette/wassette"))
COMPONENTS = Path(os.environ.get("OGE_COMPONENTS", ROOT / "target/packages"))
NAME = "oge-tools-wassette"
CALLS = 6
# The directory and the host of the example policy.
EXAMPLE = {"fs:///var/lib/oge": "fs://{state}", "oge.example": "127.0.0.1"}


class Wassette:
    """Wassette with our component, the example policy and the settings as its secrets."""

    def __init__(self, place: Path, settings: dict[str, str]) -> None:
        self.place = Path(tempfile.mkdtemp(dir=place))
        self.environment = {"HOME": str(self.place), "XDG_CONFIG_HOME": str(self.place / "config")}
        self.state = self.place / "state"
        self.state.mkdir(mode=0o700)
        self.run("component", "load", f"file://{COMPONENTS / NAME}.wasm")
        policy = (ROOT / "examples/wassette/policy.yaml").read_text("utf-8")
        for example, ours in EXAMPLE.items():
            assert example in policy, example
            policy = policy.replace(example, ours.format(state=self.state))
        (self.place / "components" / f"{NAME}.policy.yaml").write_text(policy)
        self.run("secret", "set", NAME, *(f"{key}={value}" for key, value in settings.items()))

    def run(self, *arguments: str) -> None:
        command = [WASSETTE, *arguments, "--component-dir", str(self.place / "components")]
        done = subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True)
        assert done.returncode == 0, (arguments[:2], done.stderr)

    @contextlib.asynccontextmanager
    async def session(self):
        command = [WASSETTE, "run", "--disable-builtin-tools", "--component-dir", str(self.place / "components")]
        home = Home(self.place, command, {})
        async with home.session(**self.environment, RUST_LOG="info") as session:
            await loaded(home.directory / "log")
            yield session


async def loaded(log: Path) -> None:
    """Waits until Wassette has loaded its components. Before, it lists tools that it cannot call, and calls them
    without their policy."""
    for _ in range(300):
        if "Background component loading completed" in log.read_text():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


async def listed(session) -> dict:
    """The tools by name."""
    return {tool.name: tool for tool in (await session.list_tools()).tools}


async def call(session, tool, **given: object) -> dict:
    """Calls a tool. Wassette wants every parameter, optional ones as null."""
    arguments = dict.fromkeys(tool.input_schema["required"]) | given
    result = await session.call_tool(tool.name, arguments)
    assert not result.is_error, result.content[0].text
    answer = json.loads(result.content[0].text)
    assert "ok" in answer, answer
    return answer["ok"]


async def lists_the_tools_with_their_descriptions(place: Path) -> None:
    async with Wassette(place, Mock().settings).session() as session:
        tools = await listed(session)
    assert sorted(name.replace("-", "_") for name in tools) == sorted(TOOLS), sorted(tools)
    assert all(len(tool.description or "") > 40 for tool in tools.values()), tools


async def answers(wassette: Wassette) -> list[dict]:
    async with wassette.session() as session:
        tool = (await listed(session))["query-task-status"]
        return [await call(session, tool, **{"dag-id": "d"}) for _ in range(CALLS)]


async def each_call_logs_in_without_a_token_file(place: Path) -> None:
    mock = Mock()
    await answers(Wassette(place, mock.settings))
    assert mock.logins() == CALLS


async def with_a_token_file_the_first_call_logs_in(place: Path) -> None:
    mock = Mock()
    wassette = Wassette(place, mock.settings)
    wassette.run("secret", "set", NAME, f"OGE_TOKEN_FILE={wassette.state}/token")
    await answers(wassette)
    assert mock.logins() == 1


async def through_etcd_the_first_call_logs_in(place: Path) -> None:
    mock = Mock()
    settings = {"OGE_TOKEN_ETCD_USERNAME": "oge", "OGE_TOKEN_ETCD_PASSWORD": "p" * 40}
    settings["OGE_TOKEN_ETCD"] = etcd.start(place, *settings.values())
    await answers(Wassette(place, mock.settings | settings))
    assert mock.logins() == 1


async def a_call_that_meets_an_expiry_is_answered(place: Path) -> None:
    mock = Mock("--expire-after", "2")
    wassette = Wassette(place, mock.settings)
    wassette.run("secret", "set", NAME, f"OGE_TOKEN_FILE={wassette.state}/token")
    attempts = [answer["execution"]["attempts"] for answer in await answers(wassette)]
    assert attempts.count(2) == 1 and attempts.count(1) == CALLS - 1, attempts
    assert mock.logins() == 2


async def main() -> None:
    rules = [
        lists_the_tools_with_their_descriptions,
        each_call_logs_in_without_a_token_file,
        with_a_token_file_the_first_call_logs_in,
        through_etcd_the_first_call_logs_in,
        a_call_that_meets_an_expiry_is_answered,
    ]
    with tempfile.TemporaryDirectory(prefix="oge-wassette-") as directory:
        for rule in rules:
            await rule(Path(directory))
            print(rule.__name__.replace("_", " "), flush=True)


asyncio.run(main())
