#!/usr/bin/env bash
# Whose code the processor runs while 64 callers make calls, natively and in the host: the share of each, into
# target/criterion/profile.txt for `cargo bench-report`. For Linux, as root, with `perf`; after `cargo bench`.
set -euo pipefail
cd "$(dirname "$0")/.."

executable=$(cargo bench --bench oge --no-run --message-format=json |
    grep -o '"executable":"[^"]*"' | tail -1 | cut -d'"' -f4)
work=$(mktemp -d)
bench=
trap 'kill $bench 2>/dev/null || true; rm -rf "$work"' EXIT
for way in native host; do
    "$executable" "64 callers/$way\$" --bench --profile-time 10 >"$work/log" 2>&1 &
    bench=$!
    until grep -q Profiling "$work/log"; do
        kill -0 "$bench"
        sleep 0.1
    done
    perf record --quiet --freq 1999 --pid "$bench" --output "$work/$way" sleep 5 >&2
    wait "$bench"
    perf report --input "$work/$way" --no-inline --fields overhead,dso,sym --field-separator '|' |
        awk -F'|' -v way="$way" '
            # Generic code of a library is its own, whoever it is made for.
            function owner(crate) {
                if ($3 ~ /^ *\[k\]/) return "kernel"
                if ($2 ~ /JIT|\.cwasm|perf-/) return "guest"
                if ($2 ~ /^ *(libc|ld-linux|\[vdso)/) return "libc"
                crate = $3
                gsub(/^ *\[.\] |core::ptr::drop_in_place<|[<&]/, "", crate)
                if (crate ~ /^oge/) return "oge"
                if (crate ~ /^(wasmtime|cranelift|pulley)/) return "wasmtime"
                if (crate ~ /^(hyper|tokio|mio|http|futures|bytes|tower|slab)/) return "http"
                return "rest"
            }
            /^#/ || NF < 3 { next }
            { share[owner()] += $1 }
            END {
                if (!share["kernel"]) { print "perf did not see the kernel" >"/dev/stderr"; exit 1 }
                for (who in share) printf "%s %s %.4f\n", way, who, share[who] / 100
            }' >>"$work/profile.txt"
done
mkdir -p target/criterion
mv "$work/profile.txt" target/criterion/profile.txt
