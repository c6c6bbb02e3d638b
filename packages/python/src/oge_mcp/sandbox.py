"""What the component is given: settings, one directory to write, one to read, HTTP, and no more."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from oge_mcp.paths import LauncherError, Paths, paths, private_directory

WASM = Path(__file__).with_name("oge-mcp.wasm")


@dataclass(frozen=True)
class Directory:
    host: Path
    guest: str
    is_writable: bool


@dataclass(frozen=True)
class Sandbox:
    environment: dict[str, str]
    directories: list[Directory]


def sandbox() -> Sandbox:
    places = paths()
    environment = settings_from_environment()
    directories = [Directory(private_directory(places.state), "/state", is_writable=True)]
    if settings_file := settings_file_to_open(places, environment):
        directory = Directory(settings_file.parent, "/settings", is_writable=False)
        directories.append(directory)
        environment["OGE_SETTINGS_FILE"] = f"/settings/{settings_file.name}"
    environment["OGE_TOKEN_FILE"] = "/state/token"
    return Sandbox(environment, directories)


def settings_from_environment() -> dict[str, str]:
    """The settings that the environment gives. Those of the launcher itself are not passed on."""
    found = {}
    for key, value in os.environ.items():
        if not key.startswith("OGE_") or key in ("OGE_SETTINGS_FILE", "OGE_STATE_DIR"):
            continue
        # A form of Claude Desktop leaves the name of a field there that was not filled in.
        if not value.strip() or value.startswith("${user_config."):
            continue
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise LauncherError(
                f"the variable {key} is not UTF-8; set it again in a UTF-8 terminal"
            ) from None
        found[key] = value
    return found


def settings_file_to_open(places: Paths, environment: dict[str, str]) -> Path | None:
    """The settings file. `None` if there is none, and the environment has the settings.

    A file that is not there yet is named if it is needed: each tool then says so, and a file that
    `oge-mcp init` writes meanwhile is read at the next call.
    """
    # A link may lead out of the directory that is opened.
    file = places.settings.resolve()
    is_named = bool(os.environ.get("OGE_SETTINGS_FILE", "").strip())
    has_settings = "OGE_API_URL" in environment or "OGE_DAG_URL" in environment
    if not file.exists() and has_settings and not is_named:
        return None
    if file.parent in (Path(file.anchor), Path.home().resolve()):
        raise LauncherError(
            f"move {file} into a directory of its own: the server can read all of that directory"
        )
    if not file.parent.exists():
        private_directory(file.parent)
    return file


def run(given: Sandbox, cache: Path) -> int:
    """Runs the component on this process's standard streams until it ends."""
    # Imported here: --help and init need no runtime, and loading it takes time.
    from wasmtime import Config, Engine, ExitTrap, Store, Trap, WasiConfig, WasmtimeError
    from wasmtime.component import Component, Linker

    config = Config()
    if cache_settings := _cache_settings(cache):
        config.cache = cache_settings
    engine = Engine(config)
    component = Component.from_file(engine, WASM)
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    wasi = WasiConfig()
    wasi.env = given.environment.items()
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    for directory in given.directories:
        wasi.preopen_dir(str(directory.host), directory.guest, directory.is_writable)
    with Store(engine) as store:
        store.set_wasi(wasi)
        store.set_wasi_http()
        instance = linker.instantiate(store, component)
        names = component.type.exports(engine)
        interface = next(name for name in names if name.startswith("wasi:cli/run@"))
        index = component.get_export_index("run", component.get_export_index(interface))
        try:
            result = instance.get_func(store, index)(store)
        except ExitTrap as exit:
            return exit.code
        except (Trap, WasmtimeError) as error:
            print(f"oge-mcp: the component trapped: {error}", file=sys.stderr)
            return 1
    return 0 if result is None or result.tag == "ok" else 1


def _cache_settings(cache: Path) -> str | None:
    """The file that tells wasmtime where to keep compiled code. `None` if it cannot be kept."""
    try:
        private_directory(cache)
        file = cache / "cache.toml"
        # A literal string of TOML has no escapes and no single quote.
        text = f"[cache]\ndirectory = '{cache}'\n"
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
        return None if "'" in str(cache) else str(file)
    except (LauncherError, OSError):
        return None
