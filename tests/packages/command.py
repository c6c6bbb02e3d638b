"""Unpacks the command `oge` away from the repository, and runs its demo.

    target/clients/bin/python tests/packages/command.py TARGET-TRIPLE
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from harness import PACKAGES, only


def main() -> None:
    archive = only(f"oge-[0-9]*-{sys.argv[1]}.tar.gz", PACKAGES)
    with tempfile.TemporaryDirectory(prefix="oge-") as directory:
        place = Path(directory)
        with tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
        unpacked = place / archive.name.removesuffix(".tar.gz")
        files = sorted(path.name for path in unpacked.iterdir())
        assert files == ["LICENSE", "THIRD-PARTY-LICENSES.txt", "oge", "site.env"], files
        licenses = (unpacked / "THIRD-PARTY-LICENSES.txt").read_text("utf-8")
        missing = [crate for crate in ("wasmtime v", "tokio v", "fluent-uri v") if crate not in licenses]
        assert not missing, missing
        environment = {"HOME": str(place), "PATH": os.defpath}
        demo = subprocess.run([unpacked / "oge", "demo"], cwd=place, env=environment, stdout=subprocess.PIPE, check=True)
        assert "坡向分析执行成功" in demo.stdout.decode(), demo.stdout.decode()
    print(f"{archive.name}: its demo succeeds")


main()
