#!/usr/bin/env bats
# pipe-load --ask: what the ledger says of a load, and that asking leaves no
# trace.
load ../helper

setup_file() {
    # shellcheck source=tests/lib/duckdb.bash
    . "$REPO/tests/lib/duckdb.bash"
    export PIPE_LIBDUCKDB=${PIPE_LIBDUCKDB:-$duckdb_library}
}

need_duckdb() {
    [ -e "$PIPE_LIBDUCKDB" ] ||
        skip "no libduckdb (scripts/setup --dev gets it, PIPE_LIBDUCKDB names it)"
}

# load_one URI [OPTION...]: a load under pipe-run; its description in `load`.
load_one() {
    printf '{"id":1,"day":"x"}\n{"id":2,"day":"x"}\n' >in
    pipe-run -q --pipeline p -- "pipe-extract --format ndjson in |
        pipe-load -q --create -t t $*"
    tail -n 1 "$PIPE_STATE/runs.ndjson" | jq -c '.loads[0]' >load
}

# asked WORD [JQ FILTER]: what is answered of the load, changed by the filter.
asked() {
    assert_exit 0 pipe-load --ask "$(jq -c "${2:-.}" load)"
    assert_file out "$1"
    assert_file err ''
}

judge() {
    asked true
    asked true
    asked false '.input_hash = "0"'
    asked false '.run_id = "another"'
    asked false '.pipeline = "another"'
    asked false '.partition = "a=b"'
    asked false '.table = "another"'
}

@test "SQLite: true for what is committed, false for what is not" {
    need_command jq sqlite3
    for mode in append 'upsert -k id' 'replace --all' versioned \
        'replace --partition day=x'; do
        rm -f t.db
        load_one sqlite:t.db --mode "$mode"
        judge
        [ "$(sqlite3 t.db 'SELECT count(*) FROM _pipe_loads')" = 1 ]
    done
}

@test "files: of every layout, and nothing is written" {
    need_command jq
    for layout in '--mode append' '--mode append --format csv' \
        '--mode append --partition-by day' \
        '--mode replace --partition day=x --compress zstd'; do
        rm -rf d
        load_one file:d "$layout"
        find d -type f | sort >before
        judge
        find d -type f | sort >after
        cmp before after
    done
}

@test "DuckDB and Parquet: true and false, and no row comes into the ledger" {
    need_command jq
    need_duckdb
    load_one file:d --mode append --format parquet
    judge
    for mode in append 'upsert -k id'; do
        rm -f t.db
        load_one duckdb:t.db --mode "$mode"
        judge
        asked false '.run_id = "another"'
    done
    asked false '.target = "duckdb:none.db"'
    [ ! -e none.db ]
}

@test "a target that is not there has no loads, and is not made" {
    need_command jq
    load_one sqlite:t.db --mode append
    asked false '.target = "sqlite:none.db"'
    asked false '.target = "file:none"'
    : >empty.db
    asked false '.target = "sqlite:empty.db"'
    [ ! -s empty.db ]
    [ "$(find . -name 'none*')" = '' ]
}

@test "another folder: where the loader ran counts" {
    need_command jq
    load_one sqlite:t.db --mode append
    mkdir sub && mv load sub && cd sub
    asked true
    asked false ".cwd = \"$PWD\""
    [ ! -e t.db ]
}

@test "what cannot be asked is an error, never an answer" {
    need_command jq
    load_one sqlite:t.db --mode append
    assert_exit 73 pipe-load --ask "$(jq -c '.target = "sqlite:no/t.db"' load)"
    assert_exit 75 pipe-load --ask "$(jq -c '.cwd = "/nowhere"' load)"
    assert_exit 64 pipe-load --ask "$(jq -c '.target = "t.db"' load)"
    assert_exit 64 pipe-load --ask "$(jq -c 'del(.table)' load)"
    grep -q '"table" is missing' err
    assert_exit 64 pipe-load --ask "$(jq -c '.run_id = "a\u0000b"' load)"
    assert_exit 64 pipe-load --ask '{"target":'
    assert_exit 64 pipe-load --ask '[]'
    assert_exit 64 pipe-load --ask '{}' --mode append
    seq 9 >text.db
    assert_exit 78 pipe-load --ask "$(jq -c '.target = "sqlite:text.db"' load)"
    [ ! -s out ]
    run -74 bash -c 'pipe-load --ask "$(cat load)" >/dev/full'
}
