#!/usr/bin/env bats
# pipe-extract: going on where the committed load ended.
load ../helper

setup() {
    pipe_setup
    need_command jq sqlite3
    export PIPE_PIPELINE=p
}

lines() { printf '%s\n' "$@"; }

# ids A B: records with these ids.
ids() { for ((i = $1; i <= $2; i++)); do echo "{\"id\":$i}"; done; }

bare() { pipe-extract --cursor id --resume-from sqlite:t.db "$@" | pipe-load sqlite:t.db -t t --mode append --create; }
run_it() { pipe-run -- "pipe-extract --cursor id $* | pipe-load sqlite:t.db -t t --mode append --create"; }
loaded() { sqlite3 t.db 'SELECT group_concat(id) FROM (SELECT id FROM t ORDER BY rowid)'; }

@test "the next run reads what came since, and no record twice" {
    ids 1 5 >in.ndjson
    bare in.ndjson
    bare in.ndjson
    [ "$(loaded)" = 1,2,3,4,5 ]
    ids 6 7 >>in.ndjson
    bare in.ndjson
    [ "$(loaded)" = 1,2,3,4,5,6,7 ]
}

@test "records with the very value of the position are told apart" {
    lines '{"id":1,"n":1}' '{"id":2,"n":1}' >in.ndjson
    bare in.ndjson
    lines '{"id":2,"n":2}' '{"id":2,"n":3}' '{"id":1,"n":9}' >>in.ndjson
    bare in.ndjson
    [ "$(sqlite3 t.db "SELECT group_concat(id || n) FROM (SELECT * FROM t ORDER BY rowid)")" = 11,21,22,23 ]
    echo '{"id":2,"n":4}' >>in.ndjson
    bare in.ndjson
    bare in.ndjson
    [ "$(sqlite3 t.db "SELECT group_concat(id || n) FROM (SELECT * FROM t ORDER BY rowid)")" = 11,21,22,23,24 ]
}

@test "numbers compare as numbers, times as instants, log positions as such" {
    lines '{"c":9}' '{"c":10.50}' '{"c":123456789012345678901}' >n.ndjson
    lines '{"c":"2026-01-01T00:30:00Z"}' '{"c":"2026-01-01T01:00:00+01:00"}' >t.ndjson
    lines '{"c":"0/FF"}' '{"c":"A/0"}' '{"c":"9/FFFFFFFF"}' >l.ndjson
    for f in n t l; do
        opt=()
        [ $f != n ] || opt=(--decimal c=text)
        pipe-extract --cursor c --resume-from sqlite:$f.db $f.ndjson |
            pipe-load sqlite:$f.db -t t --mode append --create "${opt[@]}"
    done
    [ "$(sqlite3 n.db "SELECT json_extract(position,'$.kind') || position FROM _pipe_positions" | grep -c '^number.*"value":123456789012345678901[,}]')" = 1 ]
    sqlite3 t.db 'SELECT position FROM _pipe_positions' | grep -q '"kind":"time","value":"2026-01-01T00:30:00Z"'
    sqlite3 l.db 'SELECT position FROM _pipe_positions' | grep -q '"kind":"lsn","value":"A/0"'
}

@test "a lag looks again below the position and repeats nothing" {
    at() { printf '{"at":"2026-01-01T00:%s:00Z","n":%s}\n' "$1" "$2"; }
    both() {
        pipe-extract --cursor at --lag 5m --resume-from sqlite:t.db in.ndjson |
            pipe-load sqlite:t.db -t t --mode append --create
    }
    { at 01 1; at 08 2; at 10 3; } >in.ndjson
    both
    { at 07 4; at 04 5; at 12 6; } >>in.ndjson # 04 lies too far back
    both
    both
    at 09 7 >>in.ndjson
    both
    both
    [ "$(sqlite3 t.db 'SELECT group_concat(n) FROM (SELECT n FROM t ORDER BY rowid)')" = 1,2,3,4,6,7 ]
    for n in 1 2 3; do printf '{"at":%s}\n' $((n * 10)) >>num.ndjson; done
    run pipe-extract --cursor at --lag 5m --resume-from sqlite:n.db num.ndjson
    [ "$status" = 64 ]
}

@test "a run whose load fails moves nothing" {
    ids 1 3 >in.ndjson
    run_it in.ndjson
    ids 4 5 >>in.ndjson
    run pipe-run -- 'pipe-extract --cursor id in.ndjson | pipe-load sqlite:t.db -t t --mode append; false'
    [ "$status" -ne 0 ]
    [ "$(loaded)" = 1,2,3 ]
    run_it in.ndjson
    run_it in.ndjson
    [ "$(loaded)" = 1,2,3,4,5 ]
}

@test "the state directory keeps positions for targets whose ledger keeps none" {
    ids 1 3 >in.ndjson
    line="pipe-extract --cursor id in.ndjson | pipe-load file:out -t t --mode append --create"
    pipe-run -- "$line"
    ids 4 5 >>in.ndjson
    pipe-run -- "$line"
    pipe-run -- "$line"
    [ "$(find out -name 'part-*' -exec cat {} + | jq -s 'map(.id) | sort | join(",")')" = '"1,2,3,4,5"' ]
}

# leave_in_doubt: what a kill of pipe-run between the word to commit and the
# record of the run leaves. A run has ended well, the last one, at 4.
leave_in_doubt() {
    local dir state note
    dir=$(find "$PIPE_STATE/runs/p" -mindepth 1 -maxdepth 1 -type d | sort | tail -n 1)
    # A run that fails leaves a note, which has the name.
    run ! pipe-run -q -- 'pipe-extract --cursor id in.ndjson | { cat && false; }'
    note=$(echo "$PIPE_STATE"/runs/p/*/pending/*.json)
    mkdir -p "$dir/pending"
    jq -c --slurpfile record "$dir/record.json" '.loads = $record[0].loads' "$note" >"$dir/pending/${note##*/}"
    jq -c '.outcome = "running"' "$dir/record.json" >record
    mv record "$dir/record.json"
    state=$(echo "$PIPE_STATE"/positions/p/*.json)
    jq -c --arg dir "$dir" '.positions[0].value = 3 | .pending.run = $dir | .pending.positions[0].value = 4' "$state" >x
    mv x "$state"
}

@test "a run killed behind its commit is found out by the ledger" {
    ids 1 3 >in.ndjson
    run_it in.ndjson
    ids 4 4 >>in.ndjson
    run_it in.ndjson
    leave_in_doubt
    ids 5 5 >>in.ndjson
    run_it in.ndjson
    [ "$(loaded)" = 1,2,3,4,5 ]
}

@test "positions that do not go on from the target's are refused" {
    ids 1 3 >in.ndjson
    bare in.ndjson
    run pipe-run -- 'pipe-extract --cursor id in.ndjson | pipe-load sqlite:t.db -t t --mode append'
    [ "$status" = 78 ]
    [[ $output == *"read from its beginning"* ]]
    # Another run comes in between: the stream was made before it.
    ids 4 4 >>in.ndjson
    pipe-extract --cursor id --resume-from sqlite:t.db in.ndjson >stale.ndjson
    ids 5 5 >>in.ndjson
    bare in.ndjson
    run pipe-load sqlite:t.db -t t --mode append <stale.ndjson
    [ "$status" = 75 ]
    [ "$(loaded)" = 1,2,3,4,5 ]
}

@test "moving back needs --rewind" {
    ids 1 5 >in.ndjson
    bare in.ndjson
    run bare --from 2 in.ndjson
    [ "$status" -ne 0 ]
    run -64 pipe-extract --cursor id --from 2 --resume-from sqlite:t.db in.ndjson
    bare --rewind --from 4 in.ndjson
    [ "$(loaded)" = 1,2,3,4,5,4,5 ]
    bare --rewind in.ndjson
    [ "$(loaded)" = 1,2,3,4,5,4,5,1,2,3,4,5 ]
    bare in.ndjson
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 12 ]
}

@test "what a stage in between leaves out does not come again" {
    ids 1 6 >in.ndjson
    odd() {
        pipe-extract --cursor id --resume-from sqlite:t.db in.ndjson |
            pipe-transform --where 'id % 2 = 1' | pipe-load sqlite:t.db -t t --mode append --create
    }
    odd
    odd
    ids 7 8 >>in.ndjson
    odd
    [ "$(loaded)" = 1,3,5,7 ]
}

@test "records without the field, or with one of another kind, are rejected" {
    lines '{"id":1}' '{"x":1}' '{"id":null}' '{"id":{}}' '{"id":"a"}' '{"id":2}' >in.ndjson
    run -0 --separate-stderr pipe-extract --cursor id --resume-from sqlite:t.db --max-reject 100% --dlq d.ndjson in.ndjson
    [ "$(jq -c 'del(._src)' <<<"$output" | tr -d '\n')" = '{"id":1}{"id":2}' ]
    [ "$(jq -r '.errors[0].code' d.ndjson | grep -c no_cursor)" = 4 ]
}

@test "a cursor needs a place for its position, and a name" {
    echo '{"id":1}' >in.ndjson
    run -64 pipe-extract --cursor id in.ndjson
    [[ $output == *"--resume-from LEDGER, or pipe-run"* ]]
    unset PIPE_PIPELINE
    run -64 pipe-extract --cursor id --resume-from sqlite:t.db in.ndjson
    [[ $output == *"want --pipeline"* ]]
    run -64 pipe-extract --pipeline p --lag 5m in.ndjson
    run -64 pipe-extract --pipeline p --cursor id --resume-from mysql://x in.ndjson
    run -64 pipe-extract --pipeline p --cursor id --lag soon --resume-from sqlite:t.db in.ndjson
}

@test "a ledger that is damaged, or no database, is refused" {
    echo '{"id":1}' >in.ndjson
    echo garbage that is long enough to be looked at as a database >bad.db
    run -78 pipe-extract --cursor id --resume-from sqlite:bad.db in.ndjson
    bare in.ndjson
    sqlite3 t.db "UPDATE _pipe_positions SET position = '{\"kind\":'"
    run -65 pipe-extract --cursor id --resume-from sqlite:t.db in.ndjson
    mkdir -p "$PIPE_STATE/positions/p"
    run_it in.ndjson || true
    for f in "$PIPE_STATE"/positions/p/*.json; do : >"$f"; done
    run pipe-run -- 'pipe-extract --cursor id in.ndjson | pipe-load file:o -t t --mode append --create'
    [ "$status" = 78 ]
    [[ $output == *"is no file of positions"* ]]
}

@test "--meta says where each record is from" {
    printf 'a\n1\n2\n' >x.csv
    [ "$(pipe-extract --meta --run-id r x.csv | jq -c '[.a,._source,._file,._line,._run_id]' | tr -d '\n')" = \
        '["1","x.csv","x.csv",2,"r"]["2","x.csv","x.csv",3,"r"]' ]
    pipe-extract --meta x.csv | jq -e '._extracted_at | fromdateiso8601? // (sub("\\.[0-9]+";"") | fromdateiso8601) > 0' >/dev/null
    [ "$(echo '{}' | pipe-extract --meta --source-name s - | jq -r ._source)" = s ]
}

@test "--max stops after so many records" {
    ids 1 9 >in.ndjson
    [ "$(pipe-extract --max 3 in.ndjson in.ndjson | wc -l)" = 3 ]
    run -64 pipe-extract --max 3 --cursor id --resume-from sqlite:t.db in.ndjson
}

@test "--show-state prints what is committed, and reads nothing" {
    ids 1 3 >in.ndjson
    bare in.ndjson
    run_it in.ndjson || true # it is not the state's, but leaves it pending
    rm in.ndjson
    want='{"pipeline":"p","source":"in.ndjson","partition":"","kind":"number","value":3,"ties":1}'
    [ "$(pipe-extract --show-state --resume-from sqlite:t.db)" = "$want" ]
    [ "$(pipe-extract --show-state --resume-from sqlite:t.db in.ndjson)" = "$want" ]
    [ -z "$(pipe-extract --show-state --resume-from sqlite:t.db other 2>err)" ]
    grep -q "nothing of 'other' is committed in pipeline 'p', says sqlite:t.db" err
    [ -z "$(pipe-extract --show-state --pipeline q --resume-from sqlite:t.db -q)" ]
    [ "$(pipe-extract --show-state)" = "${want%\}},\"pending\":true}" ]
    [ -z "$(pipe-extract --show-state --pipeline q 2>/dev/null)" ]
    unset PIPE_PIPELINE
    run -64 pipe-extract --show-state
}

@test "a source that is not complete, or not fresh, is never loaded" {
    ids 1 3 >in.ndjson
    for want in 3 1..3 3.. ..3; do pipe-extract --expect $want in.ndjson >/dev/null; done
    for want in 2 4 4.. ..2; do
        run -65 --separate-stderr pipe-extract --expect $want in.ndjson
        [[ $stderr == *"3 records, expected "* ]]
    done
    for bad in x 5..3 .. 1.5; do run -64 pipe-extract --expect $bad in.ndjson; done
    run pipe-run -- 'pipe-extract --expect 4 in.ndjson | pipe-load sqlite:t.db -t t --mode append --create'
    [ "$status" = 65 ]
    [ ! -e t.db ] || [ "$(sqlite3 t.db "SELECT count(*) FROM sqlite_schema WHERE name = 't'")" = 0 ]
    pipe-extract --max-age 1h in.ndjson >/dev/null
    touch -d '2 hours ago' in.ndjson
    run -65 --separate-stderr pipe-extract --max-age 1h in.ndjson
    [[ $stderr == *"not fresh: the newest is of "* ]]
    echo '{"at":"2026-01-01T10:00:00Z"}' >in.ndjson
    pipe-extract --date 2026-01-01 --max-age 15h --cursor at --resume-from sqlite:t.db in.ndjson >/dev/null
    run -65 pipe-extract --date 2026-01-01 --max-age 13h --cursor at --resume-from sqlite:t.db in.ndjson
    run -65 bash -c 'cat in.ndjson | pipe-extract --max-age 1h'
}

@test "fields that a stage puts behind the position are loaded, and it counts" {
    ids 1 3 >in.ndjson
    for i in 1 2; do
        pipe-extract --cursor id --resume-from sqlite:t.db in.ndjson |
            jq -c '. + {x: 1}' | pipe-load sqlite:t.db -t t --mode append --create --on-unknown accept
        ids 4 5 >>in.ndjson
    done
    [ "$(loaded)" = 1,2,3,4,5 ]
    [ "$(sqlite3 t.db "SELECT group_concat(name) FROM pragma_table_info('t')")" = id,x ]
}

@test "a dry run moves nothing" {
    ids 1 3 >in.ndjson
    line="pipe-extract --cursor id in.ndjson | pipe-load file:out -t t --mode append --create"
    pipe-run -- "$line --dry-run"
    [ -z "$(pipe-extract --show-state | grep -v pending)" ]
    pipe-run -- "$line"
    [ "$(find out -name 'part-*' -exec cat {} + | jq -s 'map(.id) | sort | join(",")')" = '"1,2,3"' ]
    pipe-extract --show-state | grep -q '"value":3,'
}

@test "a lag that is added later repeats nothing" {
    ids 1 20 >in.ndjson
    bare in.ndjson
    bare --lag 10 in.ndjson
    { ids 21 25 && echo '{"id":19,"late":1}'; } >>in.ndjson
    bare --lag 10 in.ndjson
    echo '{"id":22,"late":2}' >>in.ndjson
    sqlite3 t.db 'ALTER TABLE t ADD late'
    bare --lag 10 in.ndjson
    bare --lag 10 in.ndjson
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id), sum(late) FROM t')" = '26|25|2' ]
}

@test "a cursor's position is that of a whole run: it comes with no batch" {
    { echo '{"id":100}' && ids 1 99; } >in.ndjson
    pipe-extract --cursor id --resume-from sqlite:t.db in.ndjson >all
    head -n 50 all | { cat && sleep 0.3 && kill -9 "$(cat pid)"; } |
        { sh -c 'echo $$ >pid; exec pipe-load sqlite:t.db -t t --mode append --create --batch 5 -q' || true; }
    bare in.ndjson
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = '100|100' ]
    run -64 pipe-extract --follow --cursor id --resume-from sqlite:t.db in.ndjson
}

@test "a damaged position in the target is refused by the load too" {
    ids 1 3 >in.ndjson
    bare in.ndjson
    ids 4 4 >>in.ndjson
    sqlite3 t.db "UPDATE _pipe_positions SET position = substr(position, 1, length(position) - 5)"
    run pipe-run -- 'pipe-extract --rewind --cursor id in.ndjson | pipe-load sqlite:t.db -t t --mode append'
    [ "$status" = 65 ]
    [[ $output == *"_pipe_positions is damaged"* ]]
    [ "$(loaded)" = 1,2,3 ]
}

@test "positions are not loaded without the pipeline's name" {
    ids 1 2 >in.ndjson
    pipe-extract --cursor id --resume-from sqlite:t.db in.ndjson >marked
    unset PIPE_PIPELINE
    assert_exit 64 pipe-load sqlite:t.db -t t --mode append --create <marked
    grep -q 'kept by --pipeline' err
    [ "$(sqlite3 t.db .tables)" = '' ]
}

@test "two tables that are loaded from one source each have their position" {
    ids 1 3 >in.ndjson
    both() { # of the table $table
        pipe-extract --cursor id --resume-from sqlite:a.db in.ndjson >stream
        pipe-load sqlite:b.db -t t --mode append --create -q <stream
        pipe-load sqlite:a.db -t "$table" --mode append --create -q <stream
    }
    table=odd both
    ids 4 5 >>in.ndjson
    # Its load fails, that of the other target does not: nothing is skipped.
    table='' run -64 both
    [ "$(sqlite3 a.db 'SELECT count(*) FROM odd')" = 3 ]
    [ "$(sqlite3 b.db 'SELECT count(*) FROM t')" = 5 ]
    # In one ledger the farthest table counts, and the other is not passed over.
    sqlite3 a.db "INSERT INTO _pipe_positions SELECT pipeline, source, partition,
        replace(position, ':3,', ':4,'), run_id, updated_at, 'other' FROM _pipe_positions"
    pipe-extract --show-state --resume-from sqlite:a.db | grep -q '"value":4,'
    run -75 bash -c "pipe-extract --cursor id --resume-from sqlite:a.db in.ndjson | pipe-load sqlite:a.db -t odd --mode append"
    [[ $output == *"the table has it up to 3"* ]]
}

@test "what an attempt has read that failed is not the position of the next one" {
    ids 1 3 >in.ndjson
    run pipe-run --retries 1 --retry-base 1ms -- 'if [ ! -e once ]; then
            : >once
            pipe-extract --cursor id in.ndjson | { cat >/dev/null; exit 75; }
        fi
        : >in.ndjson
        pipe-extract --cursor id --format ndjson in.ndjson |
            pipe-load sqlite:t.db -t t --mode append --create --allow-empty'
    [ "$status" = 0 ] || fail "$output"
    [ -e once ]
    [ -z "$(pipe-extract --show-state --resume-from sqlite:t.db)" ]
    ids 1 3 >in.ndjson
    run_it in.ndjson
    [ "$(loaded)" = 1,2,3 ]
}
