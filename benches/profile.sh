#!/usr/bin/env bash
# Whose code the processor runs while 64 callers make calls, natively and in the host: the share of each, into
# target/criterion/profile.txt for `cargo bench-report`. For Linux with `perf`; the bench is built first.
set -euo pipefail
cd "$(dirname "$0")/.."

executable=$(cargo bench --bench oge --no-run --message-format=json |
    grep -o '"executable":"[^"]*"' | tail -1 | cut -d'"' -f4)
samples=$(mktemp)
trap 'rm -f "$samples"' EXIT
mkdir -p target/criterion
for way in native host; do
    "$executable" --bench --profile-time 10 "64 callers/$way\$" >&2 &
    # Past the start, where components are compiled.
    sleep 4
    perf record --quiet --freq 1999 --pid $! --output "$samples" sleep 4 >&2
    wait $!
    perf report --input "$samples" --no-inline --fields overhead,dso,sym --field-separator '|' |
        awk -F'|' -v way="$way" '
            function owner() {
                if ($2 ~ /kernel|vmlinux/) return "kernel"
                if ($2 ~ /JIT|\.cwasm|perf-/) return "guest"
                if ($2 ~ /^ *(libc|ld-linux|\[vdso)/) return "libc"
                if ($3 ~ /oge/) return "oge"
                if ($3 ~ /wasmtime|cranelift/) return "wasmtime"
                if ($3 ~ /hyper|tokio|mio::|http|futures|bytes::|tower/) return "http"
                return "rest"
            }
            /^#/ || NF < 3 { next }
            { share[owner()] += $1 }
            END { for (who in share) printf "%s %s %.4f\n", way, who, share[who] / 100 }'
done >target/criterion/profile.txt
