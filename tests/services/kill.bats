#!/usr/bin/env bats
# A load into PostgreSQL that dies or is cut off at any moment: everything or
# nothing, and once after a re-run. KILLS sets how often (default 60);
# KILL_SEED the moments.
load ../helper
load postgres

N=150000

setup_file() {
    pg_start
    "${CC:-cc}" -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/cutproxy" \
        "$REPO/tests/services/cutproxy.c"
}
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

# pipeline MODE [OPTION...]
pipeline() {
    pipe-extract --format ndjson in.ndjson |
        pipe-transform --where 'id IS NOT NULL' |
        pipe-dedup -k id |
        pipe-load "$URL" -t t --mode "$@" -q
}

one_kill() { # STAGE SECONDS MODE...
    local stage=$1 wait_s=$2 shell_pid
    shift 2
    pipeline "$@" 2>/dev/null &
    shell_pid=$!
    sleep "$wait_s"
    pkill -KILL -P "$shell_pid" -x "$stage" 2>/dev/null || true
    wait "$shell_pid" 2>/dev/null || true
}

# The server rolls back what a dead client left; the lock tells when.
settled() {
    sql "SELECT pg_advisory_lock(classid, objid) FROM (SELECT classid::int, objid::int
        FROM pg_locks WHERE locktype = 'advisory') AS l" >/dev/null
}

kills() { # MODE OPTION...
    local start end ms stages=(pipe-extract pipe-transform pipe-dedup pipe-load)
    local half=0 nothing=0 all=0 rows ledger i
    make_orders $N >in.ndjson
    pipeline "$@" --create
    sql 'TRUNCATE t, _pipe_loads'
    start=$(date +%s%N)
    pipeline "$@"
    end=$(date +%s%N)
    ms=$(((end - start) / 1000000))
    RANDOM=${KILL_SEED:-42}
    for ((i = 0; i < ${KILLS:-60} / 2; i++)); do
        sql 'TRUNCATE t, _pipe_loads'
        one_kill "${stages[i % 4]}" "$(printf '0.%03d' $((RANDOM % ms % 1000)))" "$@"
        settled
        rows=$(sql 'SELECT count(*), count(DISTINCT id) FROM t')
        ledger=$(sql 'SELECT count(*) FROM _pipe_loads')
        case $rows/$ledger in
        '0|0/0') nothing=$((nothing + 1)) ;;
        "$N|$N/1") all=$((all + 1)) ;;
        *) half=$((half + 1)); echo "half: ${stages[i % 4]} $rows ledger $ledger" ;;
        esac
        if ((i % 5 == 0)); then
            pipeline "$@"
            [ "$(sql 'SELECT count(*), count(DISTINCT id) FROM t')" = "$N|$N" ]
            [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 1 ]
        fi
    done
    echo "# $1: kills $i within $ms ms: nothing $nothing, all $all, half $half" >&3
    [ $half = 0 ]
    [ $nothing -gt $((i / 10)) ]
}

@test "random kills of a stage leave no half load: append" {
    kills append
}

@test "random kills of a stage leave no half load: upsert" {
    kills upsert -k id
}

# cut WHEN: loads through a proxy that cuts the connection there.
cut() {
    local port proxy
    "$BATS_FILE_TMPDIR/cutproxy" "$PGPORT" "$1" >proxy.log 3>&- &
    proxy=$!
    for _ in {1..250}; do
        port=$(gawk '/^ready/ { print $2 }' proxy.log)
        [ -z "$port" ] || break
        sleep 0.02
    done
    status=0
    pipe-load "postgresql://pipe@127.0.0.1:$port/postgres" -t t --mode append --run-id r \
        -v <in.ndjson >out 2>&1 || status=$?
    kill "$proxy"
    wait "$proxy" 2>/dev/null || true
    grep -q cut proxy.log
}

@test "the connection is cut before COMMIT: nothing, 75; once after a re-run" {
    make_orders 1000 >in.ndjson
    echo '{"id":0}' | pipe-load "$URL" -t t --mode append --create --on-unknown accept --run-id 0
    sql 'ALTER TABLE t ADD customer text, ADD country text, ADD amount numeric, ADD date text'
    cut before
    cat out
    [ "$status" = 75 ]
    grep -q 'nothing is loaded' out
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    pipe-load "$URL" -t t --mode append --run-id r <in.ndjson
    [ "$(sql 'SELECT count(*) FROM t')" = 1001 ]
}

@test "the connection is cut at or after COMMIT: the ledger says that it was done" {
    make_orders 1000 >in.ndjson
    for when in during after; do
        sql 'DROP TABLE IF EXISTS t, _pipe_loads' 2>/dev/null
        echo '{"id":0,"customer":"","country":"","amount":0.5,"date":""}' |
            pipe-load "$URL" -t t --mode append --create --on-unknown accept --run-id 0
        cut $when
        cat out
        # A commit that was only sent may be lost or done; what is said is so.
        case $status in
        0) [ "$(sql 'SELECT count(*) FROM t')" = 1001 ] ;;
        75) [ "$(sql 'SELECT count(*) FROM t')" = 1 ] && [ $when = during ] ;;
        *) false ;;
        esac
        pipe-load "$URL" -t t --mode append --run-id r <in.ndjson
        [ "$(sql 'SELECT count(*) FROM t')" = 1001 ]
    done
}
