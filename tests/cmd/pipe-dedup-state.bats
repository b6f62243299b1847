#!/usr/bin/env bats
# pipe-dedup --state: keys of earlier runs; and --approx.
load ../helper

# job INPUT [OPTION...]
job() {
    local in=$1
    shift
    pipe-run -q --pipeline p -- "pipe-extract --format ndjson $in |
        pipe-dedup -k id --state seen.db $* |
        pipe-load sqlite:t.db -t t -m append --create -q"
}

ids() {
    seq "$1" "$2" | sed 's/.*/{"id":&}/'
}

rows() {
    sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t'
}

@test "what an earlier run has loaded is a duplicate, whatever its spelling" {
    need_command sqlite3
    ids 1 100 >a
    { ids 50 150 && printf '{"id":7.0}\n{"id":70e-1}\n'; } >b
    job a
    job b --duplicates dropped -v 2>err
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 150 ]
    [ "$(wc -l <dropped)" = 53 ]
    grep -q 'read 103 = 50 out + 0 rejected + 53 duplicates' err
    job b
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 150 ]
}

@test "a run that fails behind the dedup leaves no key" {
    ids 1 100 >a
    run -66 pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db |
        pipe-load sqlite:t.db -t t -m append -q'
    run ! pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db | { cat && false; }'
    job a
    [ "$(rows)" = '100|100' ]
}

@test "attempts of one run begin anew, and the last one counts" {
    ids 1 100 >a
    pipe-run -q --retries 2 --retry-base 1ms -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db |
        { cat && [ -e again ] || { touch again; exit 75; }; } |
        pipe-load sqlite:t.db -t t -m append --create -q'
    [ "$(rows)" = '100|100' ]
    job a
    [ "$(rows)" = '100|100' ]
}

@test "stages of one run that come one after another share the state" {
    need_command sqlite3
    ids 1 100 >a
    ids 50 150 >b
    pipe-run -q --pipeline p -- 'for f in a b; do
            pipe-extract --format ndjson $f |
                pipe-dedup -k id --state seen.db -o $f.new
        done
        cat a.new b.new | pipe-load sqlite:t.db -t t -m append --create -q'
    [ "$(rows)" = '150|150' ]
    ids 1 200 >c
    job c
    [ "$(rows)" = '200|200' ]
    [ "$(sqlite3 seen.db 'SELECT count(*) FROM pending')" = 0 ]
}

@test "--state without pipe-run is refused, naming it" {
    ids 1 2 >a
    assert_exit 64 pipe-dedup -k id --state seen.db <a
    grep -q 'pipe-run' err
    [ ! -e seen.db ]
}

@test "two runs at a time: the second one is told to come back" {
    ids 1 100 >a
    mkfifo go
    pipe-run -q --pipeline one -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db | { cat; cat go; } |
        pipe-load sqlite:t.db -t t -m append --create -q' >one 2>&1 3>&- &
    pid=$!
    # The first one has the state, or has left it to be committed.
    within 20 test -s seen.db
    within 20 test -e t.db-journal
    assert_exit 75 pipe-run -q --pipeline two -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db'
    grep -Eq "is in use|waits for the commit" err
    echo -n >go
    wait $pid
    [ "$(rows)" = '100|100' ]
    job a
    [ "$(rows)" = '100|100' ]
}

@test "--state-ttl forgets, by the start of --date" {
    ids 1 10 >a
    for day in 01 02 09; do
        pipe-run -q --date 2026-01-$day -- 'pipe-extract --format ndjson a |
            pipe-dedup -k id --state seen.db --state-ttl 7d -v | cat' \
            >out.$day 2>/dev/null
    done
    [ "$(cat out.* | wc -l)" = 20 ] && [ ! -s out.02 ]
}

@test "more keys than memory, and a null key, with a state" {
    awk 'BEGIN { for (i = 0; i < 60000; i++)
        printf "{\"id\":\"the name of number %d\"}\n", i % 40000 }' >a
    job a --memory 1M
    [ "$(rows)" = '40000|40000' ]
    { cat a && echo '{"id":null}'; } >b
    job b --memory 1M --null-key pass
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t WHERE id IS NULL')" = 1 ]
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 40001 ]
}

@test "the folder of a run that did not commit is gone: refused, or by choice" {
    ids 1 100 >a
    run ! pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db | { cat && false; }'
    rm -rf state
    cp seen.db kept.db
    assert_exit 78 job a
    grep -q -- '--state-doubt' err
    assert_exit 0 job a --state-doubt keep
    [ "$(rows)" = '0|0' ] || [ ! -s t.db ] || [ "$(rows 2>&1 | wc -l)" = 1 ]
    rm -rf state seen.db*
    cp kept.db seen.db
    assert_exit 0 job a --state-doubt forget
    [ "$(rows)" = '100|100' ]
}

# job_to TARGET: as job, into another one than SQLite.
job_to() {
    pipe-run -q --pipeline p -- "pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db -v |
        pipe-load -t t -m append --create -q $1"
}

# leave_in_doubt: what a kill of pipe-run between the word to commit and the
# record of the run leaves. One run has ended well, and no other was.
leave_in_doubt() {
    local dir note
    dir=$(echo "$PIPE_STATE"/runs/p/*)
    # A run that fails leaves a note, which has the name.
    run ! pipe-run -q --pipeline q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db | { cat && false; }'
    note=$(echo "$PIPE_STATE"/runs/q/*/pending/*.json)
    mkdir -p "$dir/pending"
    jq -c --slurpfile record "$dir/record.json" '.loads = $record[0].loads' \
        "$note" >"$dir/pending/${note##*/}"
    sqlite3 seen.db "UPDATE pending SET dir = '$dir', run = (SELECT run
        FROM seen)"
    jq -c '.outcome = "running"' "$dir/record.json" >record
    mv record "$dir/record.json"
}

@test "in doubt the ledgers are asked, of targets of every kind" {
    need_command jq sqlite3
    # shellcheck source=tests/lib/duckdb.bash
    . "$REPO/tests/lib/duckdb.bash"
    export PIPE_LIBDUCKDB=${PIPE_LIBDUCKDB:-$duckdb_library}
    ids 1 100 >a
    targets=(sqlite:t.db 'file:d --format csv')
    [ ! -e "$PIPE_LIBDUCKDB" ] || targets+=(duckdb:t.db 'file:d --format parquet')
    for target in "${targets[@]}"; do
        for loss in : 'rm -rf t.db d'; do
            rm -rf state seen.db* t.db d
            job_to "$target" 2>/dev/null
            leave_in_doubt
            $loss
            job_to "$target" 2>err || fail "$target, $loss: $(cat err)"
            if [ "$loss" = : ]; then
                want='count: its load is committed|= 0 out .* 100 duplicates'
            else
                want='forgotten: its load is not|= 100 out .* 0 rejected$'
            fi
            [ "$(grep -Ec "$want" err)" = 2 ] ||
                fail "$target, $loss: $(cat err)"
        done
    done
}

@test "in doubt, a target that cannot be asked: refused, or by choice" {
    need_command jq sqlite3
    ids 1 100 >a
    job a
    leave_in_doubt
    mv t.db away && seq 9 >t.db
    assert_exit 75 pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state seen.db'
    grep -q "cannot ask.*ended with exit 78 (--state-doubt" err
    mv away t.db
    cp -a "$BIN_DIR/pipe-dedup" alone
    assert_exit 75 pipe-run -q -- "pipe-extract --format ndjson a |
        PATH=/nowhere exec ./alone -k id --state seen.db"
    grep -q "cannot start 'pipe-load'" err
    job a
    [ "$(rows)" = '100|100' ]
}

@test "a file that is no state, or one of another key, is refused" {
    ids 1 10 >a
    job a
    assert_exit 78 pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id,other --state seen.db'
    grep -q "was made for the key id, not for id,other" err
    assert_exit 78 pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state t.db'
    grep -q 'no state of keys' err
    seq 1000 >text
    assert_exit 78 pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state text'
    assert_exit 73 pipe-run -q -- 'pipe-extract --format ndjson a |
        pipe-dedup -k id --state nowhere/seen.db'
}

@test "options that do not go with --state or --approx are refused" {
    ids 1 2 >a
    for o in '--state x --keep last' '--state x --window 1h --time at' \
        '--state-ttl 1d' '--state-doubt keep' '--approx 2' '--approx 0' \
        '--approx 1e-6x' '--approx nan' '--expect 5' \
        '--approx 0.1 --keep last' '--approx 0.1 --state x' \
        '--approx 0.1 --window 1h --time at'; do
        # shellcheck disable=SC2086
        assert_exit 64 pipe-dedup -k id $o <a
    done
}

@test "--approx lets no duplicate through, and errs less often than it says" {
    awk 'BEGIN { for (i = 0; i < 400000; i++)
        printf "{\"id\":\"key %d\"}\n", i % 200000 }' >in
    for args in '0.01 --expect 200000' '0.01 --expect 10' '1e-6'; do
        # shellcheck disable=SC2086
        assert_exit 0 pipe-dedup -k id --approx $args -v <in
        [ -z "$(sort out | uniq -d | head -n 1)" ]
        n=$(wc -l <out)
        ((n > 197700 && n <= 200000))
        [ "${args%% *}" = 0.01 ] || ((n > 199995))
        grep -Eq "not exact: a record in 1(00|e\+06) may" err
        grep -q "read 400000 = $n out + 0 rejected + $((400000 - n)) dup" err
    done
    assert_exit 78 pipe-dedup -k id --approx 1e-6 --expect 1000000 \
        --memory 1M <in
    grep -q -- '--memory' err
    assert_exit 0 pipe-dedup -k id --approx 1e-6 --expect 200000 --memory 1M <in
}
