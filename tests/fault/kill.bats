#!/usr/bin/env bats
# kill -9 of each stage at random moments: what is committed is everything or
# nothing. KILLS sets how often (default 200); KILL_SEED the moments.
load ../helper

N=40000

pipeline() {
    pipe-extract --format ndjson in.ndjson |
        pipe-transform --where 'id IS NOT NULL' |
        pipe-dedup -k id |
        pipe-aggregate -g id -a 'n=count()' |
        pipe-load "sqlite:$1" -t t --mode replace --all -q
}

# one_kill DB STAGE SECONDS: runs the pipeline, kills that stage after a while.
one_kill() {
    local db=$1 stage=$2 wait_s=$3 shell_pid
    pipeline "$db" 2>/dev/null &
    shell_pid=$!
    sleep "$wait_s"
    pkill -KILL -P "$shell_pid" -x "$stage" 2>/dev/null || true
    wait "$shell_pid" 2>/dev/null || true
}

@test "200 random kills of a stage leave no half load" {
    make_orders $N >in.ndjson
    sqlite3 t.db "CREATE TABLE t(id INTEGER, n INTEGER);
        INSERT INTO t VALUES(-1, -1)"
    pipeline t.db
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = $N ]

    # How long a run takes here, so that the kills fall within it.
    local start end ms
    start=$(date +%s%N)
    pipeline t.db
    end=$(date +%s%N)
    ms=$(((end - start) / 1000000))

    local stages=(pipe-extract pipe-transform pipe-dedup pipe-aggregate pipe-load)
    local half=0 nothing=0 all=0 rows ledger i
    RANDOM=${KILL_SEED:-42}
    for ((i = 0; i < ${KILLS:-200}; i++)); do
        sqlite3 t.db "DELETE FROM t; DELETE FROM _pipe_loads;
            INSERT INTO t VALUES(-1, -1)"
        one_kill t.db "${stages[i % 5]}" \
            "$(printf '0.%03d' $((RANDOM % ms)))"
        rows=$(sqlite3 t.db 'SELECT count(*), min(id) FROM t')
        ledger=$(sqlite3 t.db 'SELECT count(*) FROM _pipe_loads')
        case $rows/$ledger in
        '1|-1/0') nothing=$((nothing + 1)) ;;
        "$N|1/1") all=$((all + 1)) ;;
        *) half=$((half + 1)); echo "half: ${stages[i % 5]} $rows ledger $ledger" ;;
        esac
    done
    echo "# kills $i within $ms ms: nothing $nothing, all $all, half $half" >&3
    [ $half = 0 ]
    # A test that never killed in time, or always, would prove nothing.
    [ $nothing -gt $((i / 10)) ]
    # And the next run loads once.
    sqlite3 t.db 'DELETE FROM t; DELETE FROM _pipe_loads'
    pipeline t.db
    pipeline t.db
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = $N ]
}
