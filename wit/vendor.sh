#!/usr/bin/env bash
# Copies WASI's WIT into wit/deps from pinned crates, so that our worlds match the bindings that we link:
# WASI 0.2 from `wasip2`, and `wasi:config`, which is not part of WASI 0.2, from `wasmtime-wasi-config`.
# With `--check` it changes nothing and fails if the files differ.
set -euo pipefail
cd "$(dirname "$0")"

wit_of() {
    cargo metadata --locked --format-version 1 |
        grep -o "\"manifest_path\":\"[^\"]*/$1-[0-9][^\"]*/Cargo.toml\"" | head -n 1 | cut -d '"' -f 4 |
        xargs dirname
}

wasi=$(wit_of wasip2)
config=$(wit_of wasmtime-wasi-config)
wanted=$(mktemp -d)
trap 'rm -rf "$wanted"' EXIT
cp -r "$wasi/wit/deps/." "$wanted"
cp -r "$config/wit/deps/config" "$wanted"
chmod -R u+w "$wanted"

if [ "${1:-}" = --check ]; then
    diff -r "$wanted" deps && echo "wit/deps is what ${wasi##*/} and ${config##*/} ship"
else
    rm -rf deps && mkdir deps && cp -r "$wanted/." deps
fi
