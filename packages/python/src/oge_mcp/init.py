"""`oge-mcp init`: asks for the addresses and the account, and writes the settings file."""

import getpass
import json
import os
import sys
import tempfile
import unicodedata
from pathlib import Path

from oge_mcp.paths import LauncherError, paths, private_directory


def init() -> int:
    # A link is kept, and the file that it leads to is written.
    file = paths().settings.resolve()
    if not sys.stdin.isatty():
        raise LauncherError("init asks questions; run it in a terminal")
    if file.exists():
        answer = input(f"{file} exists. Replace all of it? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was changed.")
            return 1
    print("Leave blank what your platform does not need. Secrets are not shown.\n")
    lines = ["# Written by oge-mcp init."]
    for setting in questions():
        lines.append(f"{setting['key']}={quote(ask(setting))}")
    write_private(file, "\n".join(lines) + "\n")
    print(f"\n{file} is written, for you alone. Next: oge-mcp check")
    return 0


def questions() -> list[dict[str, str]]:
    return json.loads(Path(__file__).with_name("settings.json").read_text("utf-8"))


def ask(setting: dict[str, str]) -> str:
    prompt = f"{setting['title']}: "
    while True:
        value = getpass.getpass(prompt) if setting["kind"] == "secret" else input(prompt)
        value = value.strip()
        if any(unicodedata.category(mark) == "Cc" for mark in value):
            print("  There is a control character in it; type it again.")
        elif setting["kind"] == "url" and value and not value.startswith(("http://", "https://")):
            print("  It must begin with http:// or https://.")
        else:
            return value


def quote(value: str) -> str:
    """The value as the settings file writes it: there are no escapes, so parts in both quotes."""
    parts = value.split("'")
    return "\"'\"".join(f"'{part}'" if part else "" for part in parts)


def write_private(file: Path, text: str) -> None:
    """Replaces the file as a whole. Nobody else can read it at any moment."""
    try:
        if not file.parent.exists():
            private_directory(file.parent)
        # With mode 600 from the start.
        descriptor, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(temporary, file)
    except OSError as error:
        raise LauncherError(f"{file} cannot be written: {error.strerror}") from None
