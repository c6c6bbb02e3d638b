#!/usr/bin/env bash
# Brings WASI's WIT into wit/deps from the sources of the pinned `wasip2` crate, so that the world we
# state and the bindings we link cannot differ. `--check` changes nothing and fails on a difference.
set -euo pipefail
cd "$(dirname "$0")"

manifest=$(cargo metadata --locked --format-version 1 --filter-platform wasm32-wasip2 |
    grep -o '"manifest_path":"[^"]*/wasip2-[^"]*/Cargo.toml"' | head -n 1 | cut -d '"' -f 4)
source=$(dirname "$manifest")/wit/deps

if [ "${1:-}" = --check ]; then
    diff -r "$source" deps && echo "wit/deps is what $(basename "$(dirname "$manifest")") ships"
else
    rm -rf deps && cp -r "$source" deps && chmod -R u+w deps
fi
