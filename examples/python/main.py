"""Asks for a task's status through the component: `python3 main.py DAG-ID [--calls N]`.

Prints one line of JSON for each call; the component's log goes to stderr.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record, Variant

from token_store import Token, TokenError, TokenStore

DEFAULT_WASM = Path(__file__).parent / "../../target/components/oge-tools.wasm"

# The settings that the tools may read. Without the login's: the sandbox never sees a password.
SETTINGS = (
    "OGE_API_URL",
    "OGE_DAG_URL",
    "OGE_USER_ID",
    "OGE_USERNAME",
    "OGE_TIMEOUT_SECONDS",
    "OGE_EXPIRED_CODES",
    "OGE_ALLOWED_ORIGINS",
    "OGE_MAX_REPLY_BYTES",
    "OGE_LOG",
    "OGE_LOG_FORMAT",
    "OGE_UTC_OFFSET",
)


class Host:
    """The compiled component and the token store, shared by all calls."""

    def __init__(self, wasm: Path, tokens: TokenStore) -> None:
        self._engine = Engine()
        self._component = Component.from_file(self._engine, str(wasm))
        self._linker = Linker(self._engine)
        self._linker.add_wasip2()
        self._linker.add_wasi_http()
        with self._linker.root() as root, root.add_instance("oge:tools/token-store@0.1.0") as store:
            store.add_func("get", lambda _: result(tokens.get))
            store.add_func("peek", lambda _: option(tokens.peek()))
            store.add_func("refresh", lambda _, stale: result(lambda: tokens.refresh(stale)))
        tools = self._component.get_export_index("oge:tools/tools@0.1.0")
        self._query = self._component.get_export_index("query-task-status", tools)

    def query_task_status(self, dag_id: str) -> Variant:
        """Makes one call in a new instance, so that calls share no state."""
        wasi = WasiConfig()
        wasi.env = [(key, os.environ[key]) for key in SETTINGS if key in os.environ]
        wasi.inherit_stderr()
        with Store(self._engine) as store:
            store.set_wasi(wasi)
            store.set_wasi_http()
            instance = self._linker.instantiate(store, self._component)
            return instance.get_func(store, self._query)(store, dag_id, None)


# wasmtime-py takes a result as its payload alone if ok and err differ in type, as here (Record and
# Variant), else as Variant("ok" or "err", payload).


def record(token: Token) -> Record:
    out = Record()
    out.authorization = token.authorization
    out.generation = token.generation
    return out


def option(token: Token | None) -> Record | None:
    return record(token) if token else None


def result(token: Callable[[], Token]) -> Record | Variant:
    try:
        return record(token())
    except TokenError as error:
        return Variant(error.tag, error.why)


def summary(answer: Variant) -> dict[str, object]:
    if answer.tag == "err":
        return {"kind": answer.payload.kind, "message": answer.payload.message}
    execution = answer.payload.execution
    return {
        "status": answer.payload.status,
        "attempts": execution.attempts,
        "seconds": round(execution.seconds, 3),
    }


def line(fields: dict[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Asks how far a task is.")
    parser.add_argument("dag_id")
    parser.add_argument("--calls", type=int, default=1)
    arguments = parser.parse_args()
    host = Host(Path(os.environ.get("OGE_TOOLS_WASM") or DEFAULT_WASM), TokenStore(os.environ))
    answers = []
    for _ in range(arguments.calls):
        answers.append(host.query_task_status(arguments.dag_id))
        print(line(summary(answers[-1])), flush=True)
    return 0 if all(answer.tag == "ok" for answer in answers) else 1


if __name__ == "__main__":
    sys.exit(main())
