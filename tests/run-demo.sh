#!/usr/bin/env bash
# Builds Stele with its page, serves a data directory, fills it once with a month of demo events, and says how to
# use it. Ctrl-C drains and stops the server. `make run` calls this, when the page is built.
#
# Environment: DATA (./stele-data), PORT (7070), EVENTS (the generator's own number), CARGO.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${DATA:-./stele-data}
port=${PORT:-7070}
cargo=${CARGO:-cargo}

fail() {
    echo "run: $*" >&2
    exit 3
}

STELE_REQUIRE_UI=1 "$cargo" build --release --locked -p stele-server --bin stele -p stele-benches --bin stele-generate
target=$("$cargo" metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
stele=$target/release/stele
generate=$target/release/stele-generate

# The key is made here, before the first start, so that an interrupted first start loses nothing.
umask 077
mkdir -p -- "$data"
data=$(cd -- "$data" && pwd)
key_file=$data/demo-key
if [ ! -s "$key_file" ]; then
    [ ! -e "$data/state.redb" ] || fail "$data has keys of its own and no demo-key: serve it with 'stele serve --data $data', or name another directory with DATA="
    printf 'stl_demo_%s\n' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >"$key_file.new"
    mv -- "$key_file.new" "$key_file"
fi
key=$(cat -- "$key_file")

# The server gets a process group of its own: Ctrl-C reaches this script alone, which then asks the
# server once, by SIGTERM, to drain and stop.
said=$data/demo-stdout
: >"$said"
set -m
STELE_ADMIN_KEY=$key "$stele" serve --data "$data" --listen "127.0.0.1:$port" --access-log off >"$said" &
server=$!
set +m
stopped=0
stop() {
    stopped=1
    kill -TERM "$server" 2>/dev/null || true
}
trap stop INT TERM HUP
# Whatever ends this script also ends the server.
trap 'kill -TERM "$server" 2>/dev/null || true; rm -f -- "$said"' EXIT

url=
while [ -z "$url" ]; do
    kill -0 "$server" 2>/dev/null || { wait "$server" || exit $?; exit 3; }
    [ "$stopped" = 0 ] || break
    url=$(sed -n 's/^listening on //p' "$said")
    [ -n "$url" ] || sleep 0.1
done

# The end of the demo month is kept, so that a fill that was interrupted goes on with the same
# events: what is there already counts as duplicate.
if [ "$stopped" = 0 ] && [ ! -e "$data/demo-filled" ]; then
    [ -s "$data/demo-until" ] || date -u +%Y-%m-%dT%H:%M:00Z >"$data/demo-until"
    until=$(cat -- "$data/demo-until")
    echo "filling $data with a month of demo events, once"
    if "$generate" --demo --seed 1 --until "$until" ${EVENTS:+--events "$EVENTS"} |
        STELE_API_KEY=$key "$stele" ingest --url "$url"; then
        : >"$data/demo-filled"
    elif [ "$stopped" = 0 ]; then
        fail "the demo events were not taken; the next 'make run' goes on from here"
    fi
fi

if [ "$stopped" = 0 ]; then
    # A log that takes no events makes no link; the key signs in all the same.
    page=$(STELE_API_KEY=$key "$stele" session link --url "$url" --json 2>/dev/null | sed -n 's/.*"url":"\([^"]*\)".*/\1/p') || true
    how='signs in once, within 10 minutes; then: stele session link'
    [ -n "$page" ] || { page=$url/ how='sign in with the key'; }
    examples=$(pwd)/docs/examples/events.ndjson
    cat <<TEXT

Stele serves $data
  page     $page
           ($how)
  address  $url
  key      $key
           (kept in $key_file)

With curl:
  curl -s -H 'Authorization: Bearer $key' '$url/v1/events?event_type=auth.login_failed&limit=3'
  curl -s -H 'Authorization: Bearer $key' '$url/v1/events?category=api&status=failure&from=now-7d&count=exact&limit=1'
  curl -s -H 'Authorization: Bearer $key' -H 'Content-Type: application/x-ndjson' --data-binary @$examples '$url/v1/events'
  curl -s -H 'Authorization: Bearer $key' '$url/v1/chain'
  curl -sN -H 'Authorization: Bearer $key' -X POST -H 'Content-Type: application/json' -d '{}' '$url/v1/chain/verify'

With the command line:
  export STELE_URL=$url STELE_API_KEY=$key
  $stele ingest $examples
  $stele session link
  $stele search --type auth.login_failed --last 7d
  $stele search --category api --status failure --last 24h --json
  $stele tail
  $stele verify

Ctrl-C stops the server; the data stay, and the next 'make run' serves them again.
TEXT
fi

# A signal interrupts `wait`; the server is waited for until it has really ended.
status=0
while :; do
    status=0
    wait "$server" || status=$?
    kill -0 "$server" 2>/dev/null || break
done
[ "$stopped" = 1 ] && [ "$status" -gt 128 ] && status=0
exit "$status"
