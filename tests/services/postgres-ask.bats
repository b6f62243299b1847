#!/usr/bin/env bats
# pipe-load --ask of a PostgreSQL, and that asking leaves no trace.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

# asked WORD [JQ FILTER]: what is answered of the load, changed by the filter.
asked() {
    assert_exit 0 pipe-load --ask "$(jq -c "${2:-.}" load)"
    assert_file out "$1"
}

@test "true for what is committed, false for what is not" {
    need_command jq
    printf '{"id":1}\n{"id":2}\n' >in
    for mode in append 'upsert -k id' versioned; do
        sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
        pipe-run -q --pipeline p -- "pipe-extract --format ndjson in |
            pipe-load $URL -q --create -t t -m $mode"
        tail -n 1 "$PIPE_STATE/runs.ndjson" | jq -c '.loads[0]' >load
        asked true
        asked true
        asked false '.input_hash = "0"'
        asked false '.run_id = "another"'
        asked false '.table = "another"'
        [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 1 ]
    done
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
    asked false
    [ "$(sql "SELECT to_regclass('_pipe_loads') IS NULL")" = t ]
}

@test "a server that is away is no answer" {
    need_command jq
    printf '{"id":1}\n' >in
    pipe-run -q -- "pipe-extract --format ndjson in |
        pipe-load $URL -q --create -t t -m append"
    tail -n 1 "$PIPE_STATE/runs.ndjson" | jq -c '.loads[0]' >load
    assert_exit 69 pipe-load --ask "$(jq -c '.target |= sub(":[0-9]+/"; ":1/")' load)"
    [ ! -s out ]
}
