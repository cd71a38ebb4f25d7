#!/usr/bin/env bash
# Verifiers that others wrote against a log of 100,000 events: crates, golang.org/x/mod/sumdb, tlog-scales.
# Installs what it needs where it may, else names what is missing. Any disagreement ends it with an error.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${1:-cargo} python=tests/.venv/bin/python
go_path=/usr/share/gocode

if ! command -v go >/dev/null || [ ! -d "$go_path/src/golang.org/x/mod/sumdb/tlog" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing: Debian's packages golang-go and golang-golang-x-mod-dev (apt-get install them, or run this as root)" >&2
        exit 1
    fi
    apt-get install -y -q --no-install-recommends golang-go golang-golang-x-mod-dev
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tlog-scales needs Python 3.11" >&2; exit 1; }
"$python" -m venv tests/.venv/verifiers
tests/.venv/verifiers/bin/python -m pip install --quiet --disable-pip-version-check -r tests/verifiers/requirements.txt

built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
GO111MODULE=off GOPATH=$go_path GOFLAGS= go build -o "$built/sumdb" ./tests/verifiers
"$cargo" build --locked --workspace --bins
export STELE_VERIFIERS="$built/sumdb
$PWD/tests/.venv/verifiers/bin/python $PWD/tests/verifiers/scales.py"
"$cargo" test --locked -p stele-tests --test custody foreign -- --nocapture
echo "verifiers: all agree"
