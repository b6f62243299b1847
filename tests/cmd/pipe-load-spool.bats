#!/usr/bin/env bats
# pipe-load --spool and --drain: a target that is down, and what waits for it.
load ../helper

sql() { sqlite3 t.db "$1"; }
into() { pipe-load sqlite:t.db -t t --mode append --create --lock-timeout 50ms --spool q "$@"; }
waiting() { find q -name '[0-9]*.ndjson' | wc -l; }
left() { find q -name '*[0-9]*' -o -name '.inc*'; }
record() { printf '{"id":%s}\n' "$@"; }

# Holds the database, so that loads end with 75, until target_up.
target_down() {
    sqlite3 t.db 'CREATE TABLE IF NOT EXISTS other (x)'
    mkfifo hold
    sqlite3 t.db >held 3>&- <hold &
    holder=$!
    exec 9>hold
    echo 'BEGIN EXCLUSIVE; SELECT 1;' >&9
    within 5 test -s held
}

target_up() {
    exec 9>&-
    wait "$holder"
    rm hold
}

@test "a batch is loaded and leaves nothing that waits" {
    record 1 2 >in
    run -0 into <in
    [ -z "$output" ]
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2 ]
    [ -z "$(left)" ]
}

@test "a target that is down: the batch waits, 75 or with --spool-ok 0, and says since when" {
    target_down
    record 1 >a
    record 2 >b
    run -75 into <a
    [[ $output == *"1 batch waits in 'q' since 20"*"Z: the load of 'q/000000000001.ndjson' ended with exit 75"* ]]
    run -0 into --spool-ok <b
    [[ $output == *"2 batches wait in 'q' since 20"* ]]
    run -75 pipe-load --drain q
    [[ $output == *"2 batches wait in 'q'"* ]]
    target_up
    pipe-load --drain q
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2 ]
    [ "$(waiting)" = 0 ]
    pipe-load --drain q
}

@test "what waits is loaded in the order it came in, before the batch that comes" {
    target_down
    for i in 1 2 3 4; do
        printf '{"k":1,"v":%s}\n' "$i" >in
        run -75 pipe-load sqlite:t.db -t u --mode upsert -k k --create --lock-timeout 20ms --spool q <in
    done
    target_up
    printf '{"k":1,"v":5}\n' | pipe-load sqlite:t.db -t u --mode upsert -k k --create --spool q --on-unknown accept
    [ "$(sql 'SELECT v FROM u')" = 5 ]
    [ "$(sql "SELECT group_concat(input_bytes || '') FROM _pipe_loads")" = 14,14,14,14,14 ]
    sql 'SELECT input_hash FROM _pipe_loads ORDER BY id' >have
    for i in 1 2 3 4 5; do
        printf '{"k":1,"v":%s}\n' "$i" >in
        pipe-load sqlite:w.db -t u --mode upsert -k k --create <in
    done
    sqlite3 w.db 'SELECT input_hash FROM _pipe_loads ORDER BY id' | diff - have
}

@test "the same input twice waits once, and is loaded once" {
    target_down
    record 1 >a
    run -75 into <a
    run -75 into <a
    [[ $output == *"in the spool already, as 000000000001"* ]]
    [ "$(waiting)" = 1 ]
    target_up
    into <a
    into <a
    pipe-load sqlite:t.db -t t --mode append <a
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "in one table A, B, A are three loads, since the last one is to stand" {
    target_down
    for v in 1 2 1; do
        printf '{"k":1,"v":%s}\n' "$v" >in
        run -75 pipe-load sqlite:t.db -t u --mode upsert -k k --create --lock-timeout 20ms --spool q <in
    done
    [ "$(waiting)" = 3 ]
    target_up
    pipe-load --drain q
    [ "$(sql 'SELECT v FROM u')" = 1 ]
}

@test "an upstream that failed or died leaves nothing in the spool" {
    run -65 bash -c '{ echo "{\"id\":1}"; echo "{bad"; } | pipe-transform --where true | pipe-load sqlite:t.db -t t --mode append --create --spool q'
    [[ $output == *"upstream failed"* ]]
    run -75 bash -c '{ echo "{\"id\":1}"; sleep 1; } | { pipe-transform --where true & p=$!; sleep 0.3; kill -9 $p; } | pipe-load sqlite:t.db -t t --mode append --create --spool q'
    record 1 | { run -78 into --on-unknown refuse; [ "$status" = 78 ]; }
    [ -z "$(left)" ]
    [ ! -s t.db ]
}

@test "the load is the one that was asked for: folder, options and environment of then" {
    target_down
    mkdir sub
    record 1 >a
    PIPE_PIPELINE=p PIPE_DATE=2026-02-03 run -75 into --partition 'day={date}' --audit all --source 'a "b"' --run-id r <a
    target_up
    (cd sub && PIPE_PIPELINE=other PIPE_RUN_ID=other PIPE_DATE=2020-01-01 pipe-load --drain ../q)
    [ "$(sql 'SELECT id, day, _run_id, _source FROM t')" = '1|2026-02-03|r|a "b"' ]
    [ "$(sql 'SELECT pipeline, run_id FROM _pipe_loads')" = 'p|r' ]
    [ ! -e sub/t.db ]
}

@test "dead letters: lines that are no records at once, what the target refuses when it does" {
    target_down
    printf '%s\n' '{"id":1}' nonsense '{"id":1}' >in
    run -75 pipe-load sqlite:t.db -t k --mode append --create --spool q --dlq d/ --max-reject 5 --lock-timeout 20ms <in
    [ "$(cat d/*.ndjson | jq -r '.errors[0].code')" = not_json ] || fail "$(cat d/*)"
    target_up
    sql 'CREATE TABLE k (id INTEGER PRIMARY KEY)'
    pipe-load --drain q
    [ "$(sql 'SELECT id FROM k')" = 1 ]
    [ "$(cat d/*.ndjson | wc -l)" = 2 ]
}

@test "the breaker opens after failures on end; then the target is left alone; one load closes it" {
    target_down
    for i in 1 2; do
        record "$i" >in
        run -75 into --breaker-failures 2 --breaker-reset 1s <in
        [[ $output == *"database is locked"* ]]
    done
    record 3 >in
    run -75 into --breaker-failures 2 --breaker-reset 1s <in
    [[ $output == *"3 batches wait"*"breaker 'q' is open after 2 failures"* && $output != *locked* ]]
    run -69 pipe-load --drain q
    target_up
    run -69 pipe-load --drain q
    sleep 1.1
    pipe-load --drain q
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2,3 ]
    [ "$(jq -c '[.open, .failures]' q/breaker.json)" = '[false,0]' ]
}

@test "-q hides that a batch is loaded, not that it waits; that is said once" {
    target_down
    record 1 >a
    for more in "" --spool-ok; do
        into -q $more <a >out 2>err || [ $? = 75 ]
        [ "$(grep -c "1 batch waits in 'q' since" err)" = 1 ] || fail "$more" "$(cat err)"
        [ "$(grep -c waits err)" = 1 ]
    done
    target_up
    run -0 into -q <a
    [ -z "$output" ]
}

@test "metrics and lineage tell each load once, by the run or by the drain" {
    mkdir m
    record 1 2 3 >a
    into --pipeline p --metrics m --lineage l <a
    grep -q '^pipeline_records_total.* 3$' m/*.prom
    grep -q '^pipeline_runs_total.*success.* 1$' m/*.prom
    [ "$(jq -r .eventType l | xargs)" = 'START COMPLETE' ]
    [ "$(jq -r '.outputs[].outputFacets.outputStatistics.rowCount' l | tail -n 1)" = 3 ]
    target_down
    record 4 >a
    run -75 into --pipeline p --metrics m --lineage l <a
    target_up
    pipe-load --drain q
    [ "$(jq -r .eventType l | xargs)" = 'START COMPLETE START FAIL START COMPLETE' ]
}

@test "a bad batch stops the spool with its own exit code and its name; mended it goes on" {
    sql 'CREATE TABLE t (id INTEGER PRIMARY KEY)'
    record 1 1 >bad
    record 2 >good
    run -65 into <bad
    [[ $output == *"batch 'q/000000000001.ndjson' stops the spool: its load ended with exit 65"* ]]
    run -65 into <good
    [ "$(waiting)" = 2 ]
    record 1 >q/000000000001.ndjson
    jq -c 'del(.bytes, .input_hash)' q/000000000001.json >new
    mv new q/000000000001.json
    pipe-load --drain q
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2 ]
    [ -z "$(left)" ]
}

# damage 'COMMAND': three batches wait, the command harms the first, the drain
# must set that aside, say so, load the others, and be good the next time.
damage() {
    rm -rf q t.db
    cp -r whole q
    eval "$1"
    run -65 pipe-load -q --drain q
    [[ $output == *"a batch is damaged and not loaded: "*"it is set aside as 'q/damaged-000000000001.ndjson'"*"1 damaged batch was set aside in 'q'"* ]] || fail "$1: $output"
    [ -e q/damaged-000000000001.ndjson ]
    [ ! -e q/000000000001.json ]
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 2,3 ] || fail "$1"
    run -0 pipe-load --drain q
    [ -z "$output" ]
}

@test "a damaged batch is set aside and reported, and the others are loaded" {
    local i json=q/000000000001.json records=q/000000000001.ndjson
    target_down
    for i in 1 2 3; do
        record "$i" >a
        run -75 into <a
    done
    target_up
    mv q whole
    damage "printf '{\"id\":7}\n' >$records"
    [[ $output == "" && $(cat q/damaged-*.ndjson) == '{"id":7}' ]]
    damage "record 1 1 >$records"
    damage ": >$records"
    damage "rm $json"
    [ ! -e q/damaged-000000000001.json ]
    for cut in 0 1 30 200; do
        damage "head -c $cut $json >new; mv new $json"
        [ "$(wc -c <q/damaged-000000000001.json)" = $cut ]
    done
    for member in argv cwd env input_hash bytes; do
        damage "jq -c 'del(.$member)' $json >new; mv new $json"
    done
    damage "jq -c '.argv[0] = 7' $json >new; mv new $json"
    damage "jq -c '.argv[0] = \"a\\u0000b\"' $json >new; mv new $json"
    damage "jq -c '.env.LD_PRELOAD = \"x\"' $json >new; mv new $json"
    # A number that was set aside is not given again.
    target_down
    record 9 >a
    run -75 into <a
    [ -e q/000000000002.ndjson ]
    target_up
}

@test "a damaged batch does not keep the next one out" {
    target_down
    record 1 >a
    record 2 >b
    run -75 into <a
    : >q/000000000001.json
    run -65 into -q <b
    [[ $output == *"set aside as"*"1 batch waits in 'q' since"*"1 damaged batch was set aside in 'q'; the load of"* ]]
    target_up
    run -0 into <b
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 2 ]
}

@test "a batch of another version is left as it is: 78" {
    target_down
    record 1 >a
    run -75 into <a
    target_up
    jq -c '.v = 2' q/000000000001.json >new
    mv new q/000000000001.json
    run -78 pipe-load --drain q
    [[ $output == *"cannot use 'q/000000000001.json'"* ]]
    [ "$(waiting)" = 1 ]
    jq -c '.v = 1' q/000000000001.json >new
    mv new q/000000000001.json
    pipe-load --drain q
    [ "$(sql 'SELECT id FROM t')" = 1 ]
}

@test "another drainer at work: the batch is left in its care" {
    mkdir q
    record 1 >a
    exec 8>q/drain.lock
    flock 8
    run -0 pipe-load --drain q
    run -75 into <a
    [[ $output == *"1 batch waits"*"another process drains it"* ]]
    run -75 pipe-load --drain q
    exec 8>&-
    pipe-load --drain q
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "eight loads and four drains at once: every batch once" {
    local i pids=()
    for i in 1 2 3 4 5 6 7 8; do record "$i" >"in$i"; done
    for i in 1 2 3 4 5 6 7 8; do
        pipe-load sqlite:t.db -t t --mode append --create --spool q <"in$i" &
        pids+=($!)
        ((i % 2)) || { pipe-load --drain q 2>/dev/null & }
    done
    for i in "${pids[@]}"; do wait "$i"; done
    wait
    [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = '8|8' ]
    [ -z "$(left)" ]
}

# killed SECONDS COMMAND...: runs it and kills it after a while; true where it
# still lived. With CHILD=1 it is the process that it has started.
killed() {
    local after=$1 r=0 pid
    shift
    "$@" 2>/dev/null &
    sleep "$after"
    ((CHILD)) && pid=$(pgrep -P $!) || pid=$!
    kill -9 "$pid" 2>/dev/null
    wait $! || r=$?
    [ $r = 137 ] || [ $r = 75 ]
}

# moment MS: a random one within so many milliseconds.
moment() { printf '0.%03d' $((RANDOM % $1)); }

# clocked COMMAND...: how many milliseconds it takes.
clocked() {
    local start=${EPOCHREALTIME/./}
    "$@"
    echo $(((${EPOCHREALTIME/./} - start) / 1000 + 1))
}

# many ID: as many records, so that a load takes a while.
many() { yes "{\"id\":$1}" | head -n 20000; }
loaded() { sql 'SELECT group_concat(id || ":" || n) FROM (SELECT id, count(*) AS n FROM t GROUP BY id ORDER BY min(rowid))'; }
wanted() { seq "$1" "$2" | sed 's/$/:20000/' | paste -sd,; }

@test "killed at any moment and run again: every batch is loaded once, in order" {
    local i=0 n=0 ms
    load=(pipe-load sqlite:t.db -t t --mode append --create --spool q --run-id)
    again() { "${load[@]}" "r$i" <in 2>/dev/null; }
    many 0 >in
    ms=$(clocked again)
    for i in $(seq 1 "${KILLS:-30}"); do
        many "$i" >in
        CHILD=$((i % 4 == 0))
        killed "$(moment "$ms")" "${load[@]}" "r$i" <in && n=$((n + 1))
        within 20 again || fail "run $i"
    done
    ((n > i / 5)) || fail "only $n kills within $ms ms"
    [ "$(loaded)" = "$(wanted 0 "$i")" ] || fail "$(loaded)"
    [ -z "$(left)" ] || fail "$(ls -A q)"
}

@test "a drain that is killed again and again loads every batch once, in order" {
    local i n=0
    target_down
    local batches=$((${KILLS:-30} / 3))
    for i in $(seq 1 $batches); do
        many "$i" >in
        run -75 pipe-load sqlite:t.db -t t --mode append --create --lock-timeout 5ms --breaker-failures 99 --spool q <in
    done
    target_up
    for i in $(seq 1 "${KILLS:-30}"); do
        CHILD=$((i % 4 == 0))
        killed "$(moment 60)" pipe-load --drain q && n=$((n + 1))
    done
    ((n > i / 10)) || fail "only $n kills"
    within 20 pipe-load --drain q
    [ "$(loaded)" = "$(wanted 1 $batches)" ] || fail "$(loaded)"
    [ -z "$(left)" ] || fail "$(ls -A q)"
}

@test "a load that is killed under its drainer: the batch waits, 75, and is loaded by the next" {
    target_down
    record 1 >a
    pipe-load sqlite:t.db -t t --mode append --create --spool q <a 2>err &
    local drainer=$! r=0
    within 5 pgrep -P $drainer >/dev/null
    kill -9 "$(pgrep -P $drainer)"
    wait $drainer || r=$?
    [ $r = 75 ]
    grep -q "1 batch waits.*was killed" err
    target_up
    pipe-load --drain q
    [ "$(sql 'SELECT id FROM t')" = 1 ]
}

@test "a signal stops the load as well, and the batch waits" {
    target_down
    record 1 >a
    pipe-load sqlite:t.db -t t --mode append --create --spool q <a 2>err &
    local drainer=$! r=0
    within 5 pgrep -P $drainer >/dev/null
    kill -TERM $drainer
    wait $drainer || r=$?
    [ $r = 143 ]
    [ "$(waiting)" = 1 ]
    target_up
    within 5 pipe-load --drain q
    [ "$(sql 'SELECT id FROM t')" = 1 ]
}

@test "loaded, but killed before it was removed: the ledger makes it nothing" {
    target_down
    record 1 >a
    run -75 into --run-id r <a
    target_up
    cp -r q again
    pipe-load --drain q
    run -0 pipe-load --drain again
    [[ $output == *"nothing changed"* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "what killed processes left is swept; the file of a living one and foreign files are not" {
    mkfifo slow slower
    into <slow 2>/dev/null &
    local living=$!
    exec 8>slow
    within 5 eval 'compgen -G "q/.incoming-*" >/dev/null'
    pipe-load sqlite:t.db -t t --mode append --create --spool q <slower 2>/dev/null 8>&- &
    local dead=$!
    exec 7>slower
    within 5 eval '[ "$(find q -name ".inc*" | wc -l)" = 2 ]'
    kill -9 $dead
    wait $dead || true
    exec 7>&-
    echo '{}' >q/000000000004.json # without records: never added, or removed
    touch q/.000000000005.json.abcdef q/.incoming-mine-too q/notes q/.hidden q/1.json
    pipe-load --drain q
    [ "$(find q -mindepth 1 ! -name '*lock' -printf '%P\n' | sed 's/-......$/-X/' | sort | xargs)" = '.hidden .incoming-X .incoming-mine-too 1.json notes' ] || fail "$(ls -A q)"
    record 5 >&8
    exec 8>&-
    wait $living || true
    [ "$(sql 'SELECT id FROM t')" = 5 ]
}

@test "a spool that cannot be written: 73, 77 or 74, and nothing half is kept" {
    touch file
    record 1 >a
    run -73 pipe-load sqlite:t.db -t t --mode append --create --spool file <a
    [[ $output == *"'file'"* ]]
    seq 1 200000 | sed 's/.*/{"id":&}/' >big
    run -74 bash -c 'trap "" XFSZ; ulimit -f 64; exec pipe-load sqlite:t.db -t t --mode append --create --spool q <big'
    [[ $output == *"cannot write 'q'"* ]]
    run -74 bash -c 'trap "" XFSZ; ulimit -f 0; exec pipe-load sqlite:t.db -t t --mode append --create --spool q <a'
    [ ! -s t.db ]
    [ -z "$(left)" ]
    run -66 pipe-load --drain nowhere
    [[ $output == *"cannot open the spool 'nowhere'"* ]]
}

@test "usage: what does not go with a spool" {
    record 1 >a
    run -64 into --dry-run <a
    run -64 pipe-load postgresql://u:secret@h/db -t t --mode append --spool q <a
    [[ $output == *"a password on the command line"* && $output != *secret* ]]
    run -64 pipe-load 'postgresql://h/db?password=secret' -t t --mode append --spool q <a
    run -64 pipe-load file:d -t t --mode scd2 -k id --spool q <a
    run -64 pipe-load nowhere:x -t t --mode append --spool q <a
    run -64 into --drain q <a
    run -64 pipe-load --drain q --mode append
    run -64 pipe-load - --spool q <a
    run -64 pipe-load sqlite:t.db -t t --mode append --spool-ok <a
    run -64 pipe-load sqlite:t.db -t t --mode upsert --spool q <a
    run -64 pipe-run -- 'cat a | pipe-load sqlite:t.db -t t --mode append --create --spool q'
    [[ $output == *"not under pipe-run"* ]]
    [ ! -d q ]
}
