# pipe-load --spool and --drain: a PostgreSQL that is stopped, and started.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    [ -e "$PG_DIR/data/postmaster.pid" ] || pg_launch
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

pg_halt() {
    (cd / && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m fast -w stop) \
        >/dev/null 2>&1 </dev/null 3>&-
}

into() { pipe-load "$URL" -t t --create --spool q "$@"; }
record() { printf '{"id":%s}\n' "$@"; }
waiting() { find q -name '[0-9]*.ndjson' | wc -l; }

@test "server stopped: the batches wait; server started: the drain loads them in order, once" {
    record 1 2 | sed 's/}/,"v":"old"}/' >a
    record 2 3 | sed 's/}/,"v":"new"}/' >b
    pg_halt
    run -75 into --mode upsert -k id <a
    [[ $output == *"cannot connect to PostgreSQL"*"1 batch waits in 'q' since"*"ended with exit 69"* ]]
    run -0 into --mode upsert -k id --spool-ok <b
    [[ $output == *"2 batches wait in 'q' since"* ]]
    run -69 pipe-load --drain q
    cp -r q again
    pg_launch
    pipe-load --drain q
    [ "$(sql 'SELECT id, v FROM t ORDER BY id' | xargs)" = '1|old 2|new 3|new' ]
    [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 2 ]
    [ "$(waiting)" = 0 ]
    # A copy that was drained already: its last batch is known.
    rm again/000000000001.*
    run -0 pipe-load --drain again
    [[ $output == *"nothing changed"* ]]
    [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 2 ]
}

@test "where it connects to is kept, how it proves who it is is not" {
    record 1 >a
    pg_halt
    PGPASSWORD=secret-1 PGPASSFILE=/secret-2 PGOPTIONS='-c search_path=other' \
        run -75 pipe-load postgresql:// -t t --mode append --create --spool q <a
    run -64 pipe-load "postgresql://pipe:secret-3@127.0.0.1:$PGPORT/postgres" -t t --mode append --spool q <a
    run ! grep -r secret q
    [ "$(jq -r .env.PGPORT q/000000000001.json)" = "$PGPORT" ]
    pg_launch
    sql 'CREATE SCHEMA other'
    PGHOST=/nowhere PGPORT=1 PGDATABASE=none PGOPTIONS='' PGPASSWORD=x pipe-load --drain q
    [ "$(sql 'SELECT id FROM other.t')" = 1 ]
    sql 'DROP SCHEMA other CASCADE' 2>/dev/null
}

@test "an open breaker leaves the server alone; then one load tries and closes it" {
    local i
    pg_halt
    for i in 1 2 3; do
        record "$i" >in
        run -75 into --mode append --breaker-failures 2 --breaker-reset 1s <in
    done
    [[ $output == *"3 batches wait"*"breaker 'q' is open after 2 failures"* && $output != *"cannot connect"* ]]
    pg_launch
    run -69 pipe-load --drain q
    [ "$(waiting)" = 3 ]
    within 10 pipe-load --drain q
    [ "$(sql 'SELECT string_agg(id::text, $$,$$ ORDER BY id) FROM t')" = 1,2,3 ]
    [ "$(jq -c '[.open, .failures]' q/breaker.json)" = '[false,0]' ]
}

@test "the server dies again and again while it is drained: every batch once" {
    local i tries crashes=0
    pg_halt
    for i in 1 2 3 4 5 6; do
        yes "{\"id\":$i}" | head -n 30000 >in
        run -75 into --mode append --breaker-failures 99 <in
    done
    pg_launch
    # However quick it is, one of them comes in time.
    for ((tries = 0; crashes < 3 && tries < 20; tries++)); do
        pipe-load --drain q --breaker-failures 99 2>/dev/null 3>&- &
        sleep "0.$((RANDOM % 2))$((RANDOM % 10))"
        pg_crash
        wait $! || crashes=$((crashes + 1))
        pg_launch
    done
    ((crashes > 0))
    within 20 pipe-load --drain q --breaker-failures 99
    [ "$(sql 'SELECT string_agg(id || $$:$$ || n, $$ $$ ORDER BY id) FROM (SELECT id, count(*) n FROM t GROUP BY id) x')" = \
        '1:30000 2:30000 3:30000 4:30000 5:30000 6:30000' ]
    [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 6 ]
}
