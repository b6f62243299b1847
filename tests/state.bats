#!/usr/bin/env bats
# What is kept between runs, when it is damaged, from the future, cannot be
# written, or the clock is wrong.
# shellcheck disable=SC2016 # lines are for the shell of pipe-run
load helper

setup() {
    pipe_setup
    printf '{"id":%d,"at":"2026-01-0%dT10:00:00Z","v":%d}\n' 1 1 5 2 1 6 3 2 7 \
        >in.ndjson
}

LOAD='pipe-load sqlite:t.db -t t -m append --create -q'

rows() {
    sqlite3 t.db 'SELECT count(*) FROM t' 2>/dev/null || echo 0
}

# nightly: a run that keeps state of every kind, but positions in a target.
nightly() {
    pipe-run --pipeline p --breaker b --pool q:2 --metrics m -- "
        pipe-extract in.ndjson --cursor id |
            pipe-dedup -k id --state '$PWD/seen.db' |
            pipe-load file:out.d/ -t t --mode append --create -q"
}

# ---- damaged, or from the future

# spoil FILE: every way in which a file can be wrong, one at a time; the run is
# refused, says which file, and leaves the file and the target alone.
spoil() {
    local file=$1 bad n=0
    [ -s "$file" ] || fail "there is no $file"
    cp "$file" kept
    for bad in '' $'\0\0\0\0' '{' '[]' '{"v":99}' 'no such thing'; do
        printf %s "$bad" >"$file"
        cp "$file" bad
        find out.d -type f | sort >before
        nightly >out 2>err && fail "taken: $file: '$bad'"
        [ -s err ] || fail "silent: $file: '$bad'"
        grep -q "${file##*/}" err || fail "not named: $file: '$bad'" "$(cat err)"
        cmp -s bad "$file" || fail "changed: $file: '$bad'"
        find out.d -type f | sort | cmp -s before || fail "loaded: $file"
        n=$((n + 1))
    done
    cp kept "$file"
    nightly || fail "not well again: $file"
}

@test "state that is empty, garbage or of a later version is refused, never taken for none" {
    local file
    nightly || fail "the first run"
    echo '{"id":4,"at":"2026-01-03","v":8}' >>in.ndjson
    nightly || fail "the second run"
    spoil "$(echo "$PIPE_STATE"/positions/p/*.json)"
    rm -f seen.db-wal seen.db-shm
    spoil seen.db
}

@test "a breaker whose state is damaged says so, and is not taken for closed" {
    mkdir -p "$PIPE_STATE/breaker"
    local bad
    for bad in '' '{' '{"v":99,"failures":0}' 'x'; do
        printf %s "$bad" >"$PIPE_STATE/breaker/b.json"
        pipe-run --breaker b -- 'touch ran' 2>err && fail "taken: '$bad'"
        grep -q 'b\.json' err || fail "'$bad'" "$(cat err)"
        [ ! -e ran ] || fail "it ran: '$bad'"
    done
}

@test "a record of an earlier run that is damaged keeps no run from starting" {
    assert_exit 0 pipe-run --pipeline p --run-id old -- true
    printf '{"v":1,"outc' >"$PIPE_STATE/runs/p/old/record.json"
    printf '{"v":1,"outc' >>"$PIPE_STATE/runs.ndjson"
    assert_exit 0 pipe-run --pipeline p -- true
    tail -n 1 "$PIPE_STATE/runs.ndjson" | jq -e '.outcome == "ok"' >/dev/null
}

# ---- a state that cannot be written

# unwritable COMMAND...: fails with 73, 74 or 77 before the source is opened.
unwritable() {
    rm -f fifo opened
    mkfifo fifo
    timeout 20 bash -c 'cat in.ndjson >fifo && touch opened' 3>&- 2>/dev/null &
    local writer=$! have=0
    timeout 10 "$@" >out 2>err </dev/null || have=$?
    kill "$writer" 2>/dev/null || true
    wait "$writer" 2>/dev/null || true
    [ ! -e opened ] || fail "the source was read: $*"
    case $have in
    73 | 74 | 77) ;;
    *) fail "exit $have: $*" "$(cat err)" ;;
    esac
    grep -q "$PIPE_STATE" err || fail "it does not say where: $*" "$(cat err)"
}

# Permissions count, for root too.
plainly=()
((EUID)) || plainly=(setpriv '--bounding-set=-dac_override,-dac_read_search')

@test "a read-only state fails before any source is read" {
    need_command setpriv
    mkdir -p "$PIPE_STATE"
    chmod 555 "$PIPE_STATE"
    "${plainly[@]}" test -w "$PIPE_STATE" &&
        skip 'root cannot give up its powers here'
    unwritable "${plainly[@]}" pipe-run --pipeline p -- 'pipe-extract fifo'
    unwritable "${plainly[@]}" pipe-extract fifo --dlq "$PIPE_STATE/d/"
    unwritable "${plainly[@]}" pipe-backfill --from 2026-01-01 --to 2026-01-01 -- \
        'pipe-extract fifo'
    chmod 755 "$PIPE_STATE"
}

@test "a state that is a file fails before any source is read" {
    touch "$PIPE_STATE"
    unwritable pipe-run --pipeline p -- 'pipe-extract fifo'
    unwritable pipe-extract fifo --dlq "$PIPE_STATE/d/"
    unwritable pipe-backfill --from 2026-01-01 --to 2026-01-01 -- \
        'pipe-extract fifo'
}

# ---- the clock

# at SHIFT COMMAND...: with the wall clock so far off.
at() {
    [ "$FLAVOUR" != asan ] || skip 'a preloaded library and a sanitizer'
    need_command faketime
    local shift=$1
    shift
    NO_FAKE_STAT=1 FAKETIME_DONT_FAKE_MONOTONIC=1 timeout 60 faketime -f "$shift" "$@"
}

# Event time is in the data.
@test "windows are the same whatever the clock says, with none twice or missing" {
    local aggregate shift
    aggregate='pipe-aggregate --window 1d --time at --lateness 1h -a n=count()'
    $aggregate <in.ndjson >want
    [ "$(wc -l <want)" = 2 ] || fail "$(cat want)"
    for shift in -1d +1y; do
        at "$shift" $aggregate <in.ndjson >have || fail "$shift"
        cmp want have || fail "$shift" "$(cat have)"
    done
}

@test "loads by date are the same whatever the clock says" {
    local shift
    for shift in +0d -1d +1y; do
        at "$shift" pipe-run --pipeline p --date 2026-01-01 -- \
            "pipe-extract in.ndjson | pipe-load sqlite:t.db -t t -m replace \
                --partition day={date} --create" 2>err || fail "$shift" "$(cat err)"
        [ "$(sqlite3 t.db 'SELECT count(*), max(day) FROM t')" = '3|2026-01-01' ] ||
            fail "$shift" "$(sqlite3 t.db 'SELECT * FROM t')"
    done
}

@test "positions go on where they were, whatever the clock says" {
    local shift n=3
    for shift in +0d +1y -1d; do
        at "$shift" pipe-run --pipeline p -- "pipe-extract in.ndjson --cursor id \
            --resume-from sqlite:t.db | $LOAD" 2>err || fail "$shift" "$(cat err)"
        [ "$(rows)" = "$n" ] || fail "$shift: $(rows) rows, wanted $n"
        n=$((n + 1))
        echo "{\"id\":$n,\"at\":\"2026-01-02\",\"v\":1}" >>in.ndjson
    done
}

@test "a breaker opens and closes by time that passes, not by the clock" {
    local breaker='--breaker b --breaker-failures 1 --breaker-reset 2s'
    assert_exit 75 pipe-run $breaker -- 'exit 75'
    # A year ahead it is still open; a day back it is not open for ever.
    at +1y pipe-run $breaker -- 'touch ran' 2>err && fail "a year ahead it ran"
    grep -q open err || fail "$(cat err)"
    sleep 2.1
    at -1d pipe-run $breaker -- 'touch ran' || fail "a day back it stays open"
    [ -e ran ]
}

@test "the wait for a retry is no longer and no shorter with a wrong clock" {
    local shift began
    for shift in -1d +1y; do
        began=$SECONDS
        at "$shift" pipe-run --retries 2 --retry-base 100ms --retry-cap 200ms \
            --retry-deadline 20s -- 'echo x >>tries; exit 75' 2>/dev/null && fail ok
        ((SECONDS - began < 10)) || fail "$shift: $((SECONDS - began)) s"
    done
    [ "$(wc -l <tries)" = 6 ] || fail "$(wc -l <tries)"
}

@test "keys that were seen in the future are seen" {
    local shift
    for shift in +1y +0d -1d; do
        at "$shift" pipe-run --pipeline p -- "pipe-extract in.ndjson |
            pipe-dedup -k id --state '$PWD/seen.db' --state-ttl 30d | $LOAD" \
            2>err || fail "$shift" "$(cat err)"
        [ "$(rows)" = 3 ] || fail "$shift: $(rows)"
    done
}
