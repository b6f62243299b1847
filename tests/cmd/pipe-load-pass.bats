#!/usr/bin/env bats
# pipe-load -: the stream is held back until its end is known to be good.
load ../helper

@test "records pass byte for byte, and the stage behind can trust them" {
    printf '{"id":1,  "v":1.10}\n{"v":1e400}\r\n' >in
    pipe-load - <in >out
    printf '{"id":1,  "v":1.10}\n{"v":1e400}\n' | cmp - out
    pipe-load - <in | pipe-load sqlite:t.db -t t --mode append --create --on-unknown refuse --max-reject 1 -q
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 1 ]
}

@test "an upstream that fails or dies: not a byte, and the failure goes on" {
    make_orders 5000 >good
    { cat good; echo '{bad}'; } >in
    run bash -c 'pipe-transform --where true <in 2>/dev/null | pipe-load - >out; exit ${PIPESTATUS[1]}'
    [ "$status" = 65 ]
    [ ! -s out ]
    run bash -c '{ cat good; sleep 5; } | pipe-transform --where true 2>/dev/null | pipe-load - >out & sleep 0.5; pkill -KILL -P $$ -x pipe-transform; wait $!'
    [ "$status" = 75 ]
    [ ! -s out ]
    run bash -c 'pipe-transform --where true <in 2>/dev/null | pipe-load - 2>/dev/null | pipe-load sqlite:t.db -t t --mode append --create'
    [ "$status" = 65 ]
    [ ! -e t.db ]
}

@test "an upstream that nobody vouches for: by --on-unknown, zero records never" {
    run -0 bash -c 'echo "{\"a\":1}" | pipe-load - 2>err'
    [ "$output" = '{"a":1}' ]
    grep -q 'cannot verify' err
    run -78 bash -c 'echo "{\"a\":1}" | pipe-load - --on-unknown refuse 2>/dev/null'
    [ -z "$output" ]
    run -75 bash -c 'true | pipe-load - --on-unknown accept'
    run -0 bash -c 'true | pipe-load - --on-unknown accept --allow-empty'
}

@test "rejects beyond the limit: not a byte; within, the rest passes" {
    printf '{"a":1}\n{bad}\n{"a":2}\n' >in
    run -65 bash -c 'pipe-load - <in 2>/dev/null'
    [ -z "$output" ]
    run -0 bash -c 'pipe-load - --max-reject 1 <in 2>/dev/null'
    [ "$output" = $'{"a":1}\n{"a":2}' ]
}

@test "a dry run passes nothing, -o writes a file that appears whole" {
    echo '{"a":1}' >in
    run -0 bash -c 'pipe-load - --dry-run <in 2>err'
    [ -z "$output" ]
    grep -q 'would pass 1 records' err
    pipe-load - -o out.ndjson <in
    cmp in out.ndjson
    run -64 pipe-load - -t t <in
    run -64 pipe-load - --mode append <in
    run -64 pipe-load - --tmpdir /dev/null -t x <in
}

@test "a temporary folder that is not there or full: nothing passes" {
    make_orders 20000 >in
    run -73 pipe-load - --tmpdir no/such <in
    run -74 bash -c "trap '' XFSZ; ulimit -f 100; exec pipe-load - <in"
    [ "$(grep -c '"id"' <<<"$output")" = 0 ]
}

@test "a reader that goes away ends it quietly" {
    make_orders 50000 >in
    run bash -c 'pipe-load - <in | head -n 1; exit ${PIPESTATUS[0]}'
    [ "$status" = 141 ]
    [ "${#lines[@]}" = 1 ]
}
