#!/bin/sh
# Searches every parser for inputs that break it, each for SECONDS (600 when not given).
# Needs a C++ compiler; cargo-fuzz is installed where it is missing. A finding ends the run with
# status 1 and names the input: keep it in fuzz/seeds/<target>/, where every test run replays it.
set -eu
seconds=${1:-600}
cd "$(dirname "$0")/.."
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --version 0.13.2 --locked

cargo fuzz build --sanitizer none
targets=$(cargo fuzz list)
run_one() {
    target=$1
    mkdir -p "fuzz/corpus/$target" "fuzz/seeds/$target"
    log="fuzz/corpus/$target.log"
    if cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 >"$log" 2>&1; then
        printf '%-12s %s\n' "$target" "$(grep '^Done ' "$log" || tail -n 1 "$log")"
    else
        printf '%-12s FAILED, see %s\n' "$target" "$log"
        tail -n 30 "$log"
        return 1
    fi
}

# As many at a time as there are processors.
failed=0
running=''
slots=$(getconf _NPROCESSORS_ONLN)
for target in $targets; do
    run_one "$target" &
    running="$running $!"
    set -- $running
    if [ "$#" -ge "$slots" ]; then
        wait "$1" || failed=1
        shift
        running="$*"
    fi
done
for job in $running; do
    wait "$job" || failed=1
done
exit "$failed"
