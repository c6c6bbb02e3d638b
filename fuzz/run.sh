#!/usr/bin/env bash
# Fuzzes each target for some seconds (600 by default), one after another on one core, and prints the results:
#   fuzz/run.sh [seconds] [target…]
# Needs a nightly compiler, a C++ compiler and cargo-fuzz. Findings are in fuzz/artifacts. Copy the input of a
# finding to fuzz/corpus/TARGET under a descriptive name, so that the tests run it.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(corpus/*)

cargo +nightly fuzz --version >/dev/null 2>&1 || {
    echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2
    exit 2
}
cargo +nightly fuzz build --fuzz-dir .

found=0
printf '%-12s %12s %10s %9s\n' target executions inputs findings
for target in "${targets[@]##*/}"; do
    mkdir -p "target/corpus/$target" "artifacts/$target"
    log=target/$target.log
    cargo +nightly fuzz run --fuzz-dir . "$target" "target/corpus/$target" "corpus/$target" -- \
        -dict=dictionary -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 >"$log" 2>&1 || true
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    findings=$(find "artifacts/$target" -type f | wc -l)
    printf '%-12s %12s %10s %9s\n' "$target" "${executions:-?}" "$(find "target/corpus/$target" -type f | wc -l)" "$findings"
    found=$((found + findings))
done
[ "$found" -eq 0 ] || { echo "see fuzz/artifacts and fuzz/target/*.log"; exit 1; }
