"""Where this user's settings file, state and cache are."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = "oge"


class LauncherError(Exception):
    """What failed and what to do. Shown to the user, so it holds no value of a setting."""


@dataclass(frozen=True)
class Paths:
    settings: Path
    state: Path
    cache: Path


def paths() -> Paths:
    return Paths(
        settings=_given("OGE_SETTINGS_FILE") or _user_directory("config") / FOLDER / "site.env",
        state=_given("OGE_STATE_DIR") or _user_directory("state") / FOLDER,
        cache=_user_directory("cache") / "oge-mcp",
    )


def private_directory(path: Path) -> Path:
    """Makes a directory that only its owner can enter."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A directory of the system is not ours to close.
        if os.name == "posix" and path.stat().st_uid == os.getuid():
            path.chmod(0o700)
    except OSError as error:
        raise LauncherError(f"the directory {path} cannot be made: {error.strerror}") from None
    return path


def _given(name: str) -> Path | None:
    value = os.environ.get(name, "")
    return Path(value).absolute() if value.strip() else None


def _user_directory(kind: str) -> Path:
    if sys.platform == "win32":
        candidates = [(f"{'' if kind == 'config' else 'LOCAL'}APPDATA", "")]
    elif sys.platform == "darwin":
        folder = "Caches" if kind == "cache" else "Application Support"
        candidates = [("HOME", f"Library/{folder}")]
    else:
        folder = {"config": ".config", "state": ".local/state", "cache": ".cache"}[kind]
        candidates = [(f"XDG_{kind.upper()}_HOME", ""), ("HOME", folder)]
    for variable, below in candidates:
        # The specification of XDG ignores relative paths.
        if os.path.isabs(os.environ.get(variable, "")):
            return Path(os.environ[variable]) / below
    names = " or ".join(variable for variable, _ in candidates)
    raise LauncherError(f"no {kind} directory: set {names}, or OGE_SETTINGS_FILE and OGE_STATE_DIR")
