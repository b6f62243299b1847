#!/usr/bin/env bats
# pipe-load --batch: each batch commits with its position; a restart goes on.
load ../helper

sql() { sqlite3 t.db "$1"; }
into() { pipe-load sqlite:t.db -t t --on-unknown accept "$@"; }
lines() { printf '%s\n' "$@"; }
ledger() { sql "SELECT $1 FROM _pipe_loads ORDER BY id"; }

@test "--batch N commits every N records, each with its position" {
    seq 1 7 | sed 's/.*/{"id":&}/' >in
    into --mode append --create --batch 3 --run-id r <in
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2,3,4,5,6,7 ]
    [ "$(ledger 'rows_read, rows_loaded, watermark')" = '3|3|{"records":3,"bytes":27}
3|3|{"records":6,"bytes":54}
1|1|{"records":7,"bytes":63}' ]
    [ "$(sql 'SELECT count(DISTINCT input_hash) FROM _pipe_loads')" = 3 ]
}

@test "the last batch has the whole input's hash: the run again is a no-op, also without --batch" {
    seq 1 7 | sed 's/.*/{"id":&}/' >in
    into --mode append --create --batch 3 --run-id r <in
    run -0 into --mode append --batch 3 --run-id r -v <in
    [[ $output == *"nothing changed"* && $output == *"read 7 = 0 out + 0 rejected + 7 duplicates"* ]]
    run -0 into --mode append --run-id r <in
    [[ $output == *"nothing changed"* ]]
    pipe-load sqlite:u.db -t t --mode append --create --run-id r <in
    [ "$(sqlite3 u.db 'SELECT input_hash FROM _pipe_loads')" = "$(sql 'SELECT input_hash FROM _pipe_loads ORDER BY id DESC LIMIT 1')" ]
    run -0 pipe-load sqlite:u.db -t t --mode append --batch 2 --run-id r <in
    [[ $output == *"nothing changed"* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 7 ]
    [ "$(ledger 'count(*)')" = 3 ]
}

@test "a batch that ends with the input needs no other row" {
    seq 1 6 | sed 's/.*/{"id":&}/' >in
    into --mode append --create --batch 3 --run-id r <in
    [ "$(ledger 'count(*)')" = 2 ]
    run -0 into --mode append --batch 3 --run-id r <in
    [[ $output == *"nothing changed"* ]]
    : >empty
    into --mode append --batch 3 --run-id none <empty
    into --mode append --batch 3 --run-id none <empty
    [ "$(ledger 'count(*)')" = 3 ]
}

@test "a restart goes on behind what is committed, with any size of batch" {
    seq 1 10 | sed 's/.*/{"id":&}/' >in
    head -6 in >part
    into --mode append --create --batch 2 --run-id r <part
    run -0 into --mode append --batch 100 --run-id r -v <in
    [[ $output == *"read 10 = 4 out + 0 rejected + 6 duplicates"* ]]
    [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = '10|10' ]
    [ "$(ledger watermark | tail -1)" = "{\"records\":10,\"bytes\":$(wc -c <in)}" ]
}

@test "another input under the same run id is refused, 65, wherever it differs" {
    seq 1 10 | sed 's/.*/{"id":&}/' >in
    into --mode upsert -k id --create --batch 4 --run-id r < <(head -8 in)
    for change in 's/"id":2}/"id":0}/' 's/"id":8}/"id":88}/' '5,$d'; do
        run -65 into --mode upsert -k id --batch 4 --run-id r < <(sed "$change" in)
        [[ $output == *"run 'r' was loaded up to byte"*"of other records"* ]] || fail "$change: $output"
    done
    [ "$(sql 'SELECT count(*) FROM t')" = 8 ]
}

@test "a failing upstream ends the run with the batches it has; the next goes on" {
    seq 1 10 | sed 's/.*/{"id":&}/' >in
    run -65 bash -c '{ head -7 in; echo "{bad"; } | pipe-transform --where true | pipe-load sqlite:t.db -t t --mode append --create --batch 2 --run-id r'
    n=$(sql 'SELECT count(*) FROM t' 2>/dev/null || echo 0)
    [ $((${n:-0} % 2)) = 0 ]
    pipe-transform --where true <in | pipe-load sqlite:t.db -t t --mode append --create --batch 2 --run-id r
    [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = '10|10' ]
}

@test "no batch is committed once the upstream's mark says FAIL" {
    mkfifo go
    run -65 bash -c '(echo "{\"id\":1}"; echo "{\"id\":2}"; read <go; echo "{bad") | pipe-transform --where true | { while [ ! -e ready ]; do sleep 0.02; done; exec pipe-load sqlite:t.db -t t --mode append --create --batch 1 --run-id r; } & sleep 0.3; echo >go; sleep 0.5; touch ready; wait $!'
    [[ $output == *"upstream failed with exit 65"* ]]
    [ ! -s t.db ] || [ -z "$(sql .tables)" ] || [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
}

@test "an upstream that cannot be verified: refuse commits no batch, warn says it once" {
    run -78 bash -c 'printf "{\"id\":1}\n{\"id\":2}\n" | pipe-load sqlite:t.db -t t --mode append --create --batch 1 --run-id r --on-unknown refuse'
    [ ! -s t.db ] || [ -z "$(sql .tables)" ]
    run -0 bash -c 'printf "{\"id\":1}\n{\"id\":2}\n" | pipe-load sqlite:t.db -t t --mode append --create --batch 1 --run-id r'
    [ "$(grep -c 'cannot verify' <<<"$output")" = 1 ]
}

@test "--batch-time commits while the input waits" {
    mkfifo f
    pipe-load sqlite:t.db -t t --mode append --create --batch-time 200ms --run-id r --on-unknown accept <f &
    exec 7>f
    echo '{"id":1}' >&7
    count() { [ "$(sqlite3 t.db 'SELECT count(*) FROM t' 2>/dev/null)" = "$1" ]; }
    within 5 count 1
    echo '{"id":2}' >&7
    echo '{"id":3}' >&7
    within 5 count 3
    exec 7>&-
    wait $!
    count 3
    [ "$(ledger 'watermark' | tail -1)" = '{"records":3,"bytes":27}' ]
}

@test "SIGTERM while a batch waits: what is committed stays, 143" {
    mkfifo f
    pipe-load sqlite:t.db -t t --mode append --create --batch 2 --batch-time 1h --run-id r --on-unknown accept <f &
    pid=$!
    exec 7>f
    printf '{"id":1}\n{"id":2}\n{"id":3}\n' >&7
    sleep 1
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 7>&-
    [ $status = 143 ]
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2 ]
}

@test "rejects hold per run, over restarts; they are counted once" {
    sql 'CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER CHECK(n > 0))'
    for i in 1 2 3 4 5 6 7 8; do echo "{\"id\":$i,\"n\":$((i % 4))}"; done >in
    run -65 into --mode append --batch 2 --run-id r --max-reject 1 --dlq d/ <in
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2,3,5,6 ]
    run -65 into --mode append --batch 2 --run-id r --max-reject 1 --dlq d/ <in
    run -0 into --mode append --batch 2 --run-id r --max-reject 2 --dlq d/ -v <in
    [[ $output == *"+ 2 rejected +"* ]]
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2,3,5,6,7 ]
    [ "$(sql 'SELECT sum(rows_read), sum(rows_loaded), sum(rows_rejected) FROM _pipe_loads')" = '8|6|2' ]
}

@test "two processes load one run in batches at once: once" {
    seq 1 4000 | sed 's/.*/{"id":&}/' >in
    sql 'CREATE TABLE t(id)'
    for _ in 1 2 3; do
        into --mode append --batch 100 --run-id r -q <in &
    done
    wait
    into --mode append --batch 100 --run-id r -q <in
    [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = '4000|4000' ]
}

@test "insert, scd2 and scd3 go in batches too" {
    for i in 1 2 3 4 5 6; do echo "{\"id\":$((i % 2)),\"v\":$i,\"t\":\"2026-01-0$i\"}"; done >in
    into --mode insert -k id --create --batch 2 --run-id r -v <in 2>err
    grep -q 'read 6 = 2 out + 0 rejected + 4 duplicates' err
    pipe-load sqlite:t.db -t h --mode scd2 -k id --effective t --create --batch 2 --run-id r <in
    [ "$(sql 'SELECT count(*), sum(is_current) FROM h')" = '6|2' ]
    pipe-load sqlite:t.db -t p --mode scd3 -k id --track v --create --batch 1 --run-id r <in
    [ "$(sql 'SELECT v, previous_v FROM p ORDER BY id')" = $'6|4\n5|3' ]
}

@test "kill -9 at random moments between batches, and again until it ends: exactly once" {
    seq 1 20000 | sed 's/.*/{"id":&,"text":"some words for a row &"}/' >in
    local i kills=0 status
    RANDOM=${KILL_SEED:-5}
    sql 'CREATE TABLE t(id INTEGER, text TEXT)'
    for ((i = 0; i < 60; i++)); do
        pipe-load sqlite:t.db -t t --mode append --batch 200 --run-id r <in 2>err &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 60 + 5)))"
        kill -KILL $pid 2>/dev/null || true
        status=0
        wait $pid 2>/dev/null || status=$?
        [ $status = 137 ] && kills=$((kills + 1))
        [ $(($(sql 'SELECT count(*) FROM t') % 200)) = 0 ]
        [ $status = 0 ] && break
    done
    echo "# $kills kills" >&3
    into --mode append --batch 200 --run-id r <in
    [ "$(sql 'SELECT count(*), count(DISTINCT id), min(id), max(id) FROM t')" = '20000|20000|1|20000' ]
    [ "$(sql 'SELECT sum(rows_loaded), count(*) FROM _pipe_loads')" = '20000|100' ]
    [ $kills -gt 3 ]
}

# changes FROM TO: events of a log, a few keys over and over, deletions too.
changes() {
    awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i <= to; i++) {
        id = i * 7 % 23
        if (i % 5 == 0)
            printf "{\"op\":\"d\",\"before\":{\"id\":%d}", id
        else
            printf "{\"op\":\"%s\",\"after\":{\"id\":%d,\"v\":%d}", i % 2 ? "u" : "c", id, i
        printf ",\"source\":{\"lsn\":%d}}\n", 1000 + i } }'
}

@test "change events in batches: each with its place in the log, and a restart goes on" {
    changes 1 100 >in
    into --mode cdc -k id --create --run-id whole <in
    sql 'SELECT * FROM t ORDER BY id' >want
    [ "$(ledger watermark)" = '{"lsn":1100}' ]
    rm t.db
    { head -n 55 in; echo '{"op":'; } >broken.ndjson
    run -65 into --mode cdc -k id --create --batch 20 --run-id r <broken.ndjson
    [ "$(ledger 'rows_read, watermark')" = \
        "20|{\"records\":20,\"bytes\":$(head -n 20 in | wc -c),\"lsn\":1020}
20|{\"records\":40,\"bytes\":$(head -n 40 in | wc -c),\"lsn\":1040}" ]
    run -0 into --mode cdc -k id --batch 20 --run-id r -v <in
    [[ $output == *'40 duplicates'* ]]
    sql 'SELECT * FROM t ORDER BY id' | diff want -
    [ "$(ledger watermark | tail -n 1)" = "{\"records\":100,\"bytes\":$(wc -c <in),\"lsn\":1100}" ]
    run -0 into --mode cdc -k id --batch 20 --run-id r <in
    [[ $output == *'nothing changed'* ]]
    sql 'SELECT * FROM t ORDER BY id' | diff want -
}
