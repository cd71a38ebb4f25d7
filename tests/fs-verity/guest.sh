# Runs in the virtual machine of ../fs-verity.sh, in busybox' shell: `guest.sh guarded`, and after the disk was changed
# beneath the files `guest.sh changed`. Says `ok` or `FAIL` of each thing, and a verdict at the end.
part=$1
key=the-key-of-the-first-start-here
url=http://127.0.0.1:7070
export STELE_ADMIN_KEY=$key STELE_SEGMENT_RECORDS=40 STELE_ACCESS_LOG=off
failed=0

ok() { echo "ok: $*"; }
fail() { echo "FAIL: $*"; failed=1; }
expect() { # WHAT GOT WANTED
    if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: got '$2', wanted '$3'"; fi
}

get() { timeout 60 wget -q -O - --header "Authorization: Bearer $key" "$url$1"; }
post() { # PATH TYPE FILE
    timeout 120 wget -q -O - --header "Authorization: Bearer $key" --header "Content-Type: $2" --post-file "$3" "$url$1"
}
put_json() { echo "$2" >/tmp/body; post "$1" application/json /tmp/body; }
member() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }

# Starts a server as a user, and waits until it listens.
serve() { # USER DATA OPTIONS...
    user=$1 data=$2
    shift 2
    su -s /bin/sh "$user" -c "exec stele serve --data $data $*" >/tmp/server.out 2>&1 &
    server=$!
    for _ in $(seq 600); do
        grep -q 'listening on' /tmp/server.out && return
        kill -0 $server 2>/dev/null || break
        sleep 0.5
    done
    fail "a server on $data $*"
    cat /tmp/server.out
}

stop() {
    kill $server
    wait $server
    expect "the server on $data stops in order" $? 0
}

fill() { # FIRST LAST: ten in a commit, which are one frame of some ten thousand bytes
    for from in $(seq "$1" 10 "$2"); do ten "$from" $((from + 9)); done
}

ten() {
    for i in $(seq "$1" "$2"); do
        printf '{"event_id":"e-%s","timestamp":"2026-11-23T07:28:00Z","event_type":"auth.login","actor":{"type":"user","id":"usr_17"},"resource":{"type":"session","id":"s_1"},"action":"login","status":"success","metadata":{"method":"password","pad":"%0600d"}}\n' "$i" "$i"
    done >/tmp/lines
    post /v1/events application/x-ndjson /tmp/lines >/tmp/answer || fail "events $1 to $2 are taken"
}

counts() { # of the sealed files: all, immutable, with fs-verity
    get /v1/chain | sed -n 's/.*"sealed_files":{"count":\([0-9]*\),"immutable":\([0-9]*\),"verity":\([0-9]*\)}.*/\1 \2 \3/p'
}

# Waits until there are more sealed files than given, the same ones twice.
more_than() {
    before=
    for _ in $(seq 240); do
        set -- "$1" $(counts)
        if [ "$2" -gt "$1" ] && [ "$2" = "$before" ]; then return; fi
        before=$2
        sleep 1
    done
    fail "more than $1 files are sealed: $*"
}

sealed_below() { find "$1" -type f -perm 0444; }

# That each sealed file below has what is asked for, as e2fsprogs see it: V is fs-verity, i the immutable attribute.
seen() { # DIR LETTERS
    files=$(sealed_below "$1" | wc -l)
    [ "$files" -gt 0 ] || fail "$1 holds sealed files"
    for letter in $2; do
        with=$(sealed_below "$1" | while read -r file; do lsattr "$file"; done | cut -d' ' -f1 | grep -c "$letter")
        expect "lsattr shows $letter of all $files files below $1" "$with" "$files"
    done
    expect "no file below $1 is left halfway" "$(find "$1" -type f -perm 1644 | wc -l)" 0
}

# Waits until an answer holds a text.
until_says() { # PATH TEXT
    for _ in $(seq 240); do
        if get "$1" | grep -q "$2"; then return 0; fi
        sleep 1
    done
    fail "$1 says $2: $(get "$1")"
}

guarded() {
    chmod 1777 /tmp
    mkdir -p /disk/tmp /disk/a /disk/b
    chown 1000:1000 /disk/a
    chmod 1777 /disk/tmp

    for user in root stele; do
        su -s /bin/sh $user -c "TMPDIR=/disk/tmp stele_engine io::" >/tmp/unit 2>&1
        status=$?
        expect "the engine's own tests of its disks pass for $user: $(sed -n 's/^test result: \([^;]*\).*/\1/p' /tmp/unit)" $status 0
    done

    # A log that was there before, and a user without rights: fs-verity is asked for with the owner's alone.
    serve stele /disk/a
    fill 1 130
    more_than 3
    set -- $(counts)
    expect "without the option nothing is guarded" "$2 $3" "0 0"
    stop
    serve stele /disk/a --fs-verity
    set -- $(counts)
    expect "what was sealed before has fs-verity ($1 files)" "$2 $3" "0 $1"
    fill 131 260
    more_than "$1"
    set -- $(counts)
    expect "and what is sealed now ($1 files)" "$2 $3" "0 $1"
    stop
    seen /disk/a/orgs V

    # Everything that makes, drops and renames sealed files: cold files, the archive, a restore.
    export STELE_CLOCK_AHEAD=240h
    serve stele /disk/a --fs-verity
    for _ in $(seq 240); do
        [ -n "$(find /disk/a/orgs -name '*.cold')" ] && break
        sleep 1
    done
    [ -n "$(find /disk/a/orgs -name '*.cold')" ] && ok "segments are chilled" || fail "segments are chilled"
    for _ in $(seq 240); do
        put_json /v1/archives '{"before":"now"}' >/dev/null
        get /v1/archives | grep -q '"state":"archived"' && break
        sleep 1
    done
    until_says /v1/archives '"state":"archived"'
    expect "an archived event is not here" "$(get /v1/events/e-7 | grep -c usr_17)" 0
    put_json /v1/restores '{"from":"2026-11-01T00:00:00Z","to":"2026-12-01T00:00:00Z","reason":"check","days":3}' >/tmp/answer
    until_says /v1/restores '"status":"done"'
    expect "a restored event is here" "$(get /v1/events/e-7 | grep -c usr_17)" 1
    set -- $(counts)
    expect "all of $1 files have fs-verity after all that" "$2 $3" "0 $1"
    stop
    seen /disk/a/orgs V
    seen /disk/a/archive V
    unset STELE_CLOCK_AHEAD
    serve stele /disk/a --fs-verity
    expect "the next start reads it" "$(get /v1/events/e-7 | grep -c usr_17)" 1
    file=$(sealed_below /disk/a/orgs | head -n 1)
    chmod 0644 "$file"
    (echo x >>"$file") 2>/dev/null && fail "root writes to $file" || ok "root cannot write to a sealed file, whatever its mode"
    chmod 0444 "$file"
    stop
    stele verify --data /disk/a >/tmp/verify 2>&1
    expect "stele verify finds nothing" $? 0
    grep -h '^note: of' /tmp/verify

    # Both guards; the files of the first run are immutable before fs-verity is asked for.
    serve root /disk/b --immutable
    fill 1 130
    more_than 3
    stop
    serve root /disk/b --immutable --fs-verity
    set -- $(counts)
    expect "what was immutable before has both ($1 files)" "$2 $3" "$1 $1"
    fill 131 260
    more_than "$1"
    set -- $(counts)
    expect "and what is sealed now ($1 files)" "$2 $3" "$1 $1"
    file=$(sealed_below /disk/b/orgs | head -n 1)
    rm -f "$file" 2>/dev/null
    [ -e "$file" ] && ok "root cannot remove it" || fail "root cannot remove it"
    stop
    seen /disk/b/orgs "V i"
    serve root /disk/b --immutable --fs-verity
    expect "the next start reads it" "$(get /v1/events/e-200 | grep -c usr_17)" 1
    stop

    # What the host changes now: the data of a segment in the one log, an index in the other.
    file=$(ls /disk/b/orgs/*/segments/*.log | head -n 1)
    [ "$(stat -c %s "$file")" -gt 20000 ] || fail "$file has more than four blocks"
    echo "note: changed data: ${file#/disk}"
    file=$(ls /disk/a/orgs/*/segments/*.idx | head -n 1)
    echo "note: changed index: ${file#/disk}"
    sync
}

# As SECURITY.md says: what is read is refused with an error, what is mapped ends the program with SIGBUS (signal 7).
changed() {
    data=$(ls /disk/b/orgs/*/segments/*.log | head -n 1)
    index=$(ls /disk/a/orgs/*/segments/*.idx | head -n 1)
    for file in "$data" "$index"; do
        if cat "$file" >/dev/null 2>/tmp/said; then fail "a changed page of $file is handed out"; fi
        expect "reading the changed ${file##*/} is refused" "$(sed 's/.*: //' /tmp/said)" "Input/output error"
    done

    stele verify --data /disk/b --json >/tmp/verify 2>/tmp/said
    expect "stele verify finds faults" $? 1
    expect "and names the data file" "$(grep -c "${data##*/}.*Input/output error" /tmp/verify)" 1
    serve root /disk/b --immutable --fs-verity
    expect "a server opens the log, and serves what was not changed" "$(get /v1/events/e-200 | grep -c usr_17)" 1
    for i in $(seq 0 39); do
        get "/v1/events/e-$i" >>/tmp/served 2>/dev/null
    done
    expect "what was changed is not served" "$(grep -c 'e-39"' /tmp/served)" 0
    wait $server
    expect "and ends the server that maps it (128 + SIGBUS)" $? 135

    su -s /bin/sh stele -c "exec stele serve --data /disk/a --fs-verity" >/tmp/server.out 2>&1
    expect "an index that was changed at its beginning ends a server that opens it" $? 135
    stele verify --data /disk/a >/tmp/verify 2>&1
    expect "and stele verify, which maps indexes too" $? 135
    mv "$index" /disk/a/changed.idx
    serve stele /disk/a --fs-verity
    expect "without the file it is made again from the data" "$(get /v1/events/e-7 | grep -c usr_17)" 1
    set -- $(counts)
    expect "and has fs-verity as all $1" "$2 $3" "0 $1"
    stop
}

case $part in guarded | changed) $part ;; *) fail "there is no part '$part'" ;; esac
[ $failed = 0 ] && echo "verdict: $part is ok" || echo "verdict: $part FAILED"
