#!/usr/bin/env bats
# pipe-load into SQLite: modes, types, ledger, marks, refusals.
load ../helper

sql() { sqlite3 t.db "$1"; }
# whole LINES...: the records through a stage of ours, so that the loader can
# verify its upstream.
whole() { printf '%s\n' "$@" | pipe-transform --where true; }

# ---- modes

@test "append adds rows and writes one ledger row" {
    printf '{"id":1,"a":"x"}\n{"id":2,"a":"y"}\n' >in
    run -0 --separate-stderr pipe-load sqlite:t.db -t t --mode append --create <in
    [ -z "$output$stderr" ]
    [ "$(sql 'SELECT id, a FROM t')" = $'1|x\n2|y' ]
    [ "$(sql 'SELECT table_name, mode, rows_read, rows_loaded, rows_rejected, input_bytes FROM _pipe_loads')" = 't|append|2|2|0|34' ]
}

@test "the same input appended again changes nothing and says so" {
    printf '{"id":1}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    cp t.db before.db
    run -0 pipe-load sqlite:t.db -t t --mode append <in
    [[ $output == *"already: nothing changed"* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 1 ]
}

@test "append finds its run also behind later ones" {
    printf '{"id":1}\n' >a
    printf '{"id":2}\n' >b
    for f in a b a b a; do
        pipe-load sqlite:t.db -t t --mode append --create -q <$f
    done
    [ "$(sql 'SELECT group_concat(id) FROM t')" = 1,2 ]
}

@test "append refuses the same run id with other input" {
    printf '{"id":1}\n' | tee a >/dev/null
    printf '{"id":2}\n' >b
    pipe-load sqlite:t.db -t t --mode append --create --run-id r1 <a
    run -65 pipe-load sqlite:t.db -t t --mode append --run-id r1 <b
    [[ $output == *"with other records"* ]]
    [ "$(sql 'SELECT id FROM t')" = 1 ]
}

@test "the same records on two dates are two runs" {
    printf '{"id":1}\n' >a
    pipe-load sqlite:t.db -t t --mode append --create --date 2026-01-01 <a
    pipe-load sqlite:t.db -t t --mode append --create --date 2026-01-02 <a
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
}

@test "replace empties its partition and no other" {
    for d in 01 02 03; do
        printf '{"day":"2026-01-%s","n":1}\n{"day":"2026-01-%s","n":2}\n' $d $d >in
        pipe-load sqlite:t.db -t t --mode replace --create --partition day=2026-01-$d <in
    done
    printf '{"day":"2026-01-02","n":9}\n' >in
    pipe-load sqlite:t.db -t t --mode replace --partition day=2026-01-02 <in
    [ "$(sql 'SELECT day, n FROM t ORDER BY day, n')" = $'2026-01-01|1\n2026-01-01|2\n2026-01-02|9\n2026-01-03|1\n2026-01-03|2' ]
}

@test "replace goes back to an earlier input" {
    printf '{"n":1}\n' >a
    printf '{"n":2}\n' >b
    for f in a b a; do
        pipe-load sqlite:t.db -t t --mode replace --create --all <$f
    done
    [ "$(sql 'SELECT n FROM t')" = 1 ]
}

@test "replace goes back to its input when another load was there in between" {
    printf '{"d":"x","n":1}\n' >a
    printf '{"d":"x","n":2}\n' >b
    pipe-load sqlite:t.db -t t --mode replace --create --partition d=x --pipeline p1 <a
    pipe-load sqlite:t.db -t t --mode replace --partition d=x --pipeline p2 <b
    pipe-load sqlite:t.db -t t --mode replace --partition d=x --pipeline p1 <a
    [ "$(sql 'SELECT n FROM t')" = 1 ]
    pipe-load sqlite:t.db -t t --mode replace --all <b
    pipe-load sqlite:t.db -t t --mode replace --partition d=x --pipeline p1 <a
    [ "$(sql 'SELECT n FROM t')" = 1 ]
    pipe-load sqlite:t.db -t t --mode replace --all <b
    [ "$(sql 'SELECT n FROM t')" = 2 ]
}

@test "a partition's run stays known while other partitions are loaded" {
    printf '{"d":"x"}\n' >a
    printf '{"d":"y"}\n' >b
    pipe-load sqlite:t.db -t t --mode replace --create --partition d=x <a
    pipe-load sqlite:t.db -t t --mode replace --partition d=y <b
    run -0 pipe-load sqlite:t.db -t t --mode replace --partition d=x <a
    [[ $output == *"nothing changed"* ]]
}

@test "replace --all empties the whole table" {
    printf '{"n":1}\n{"n":2}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    printf '{"n":3}\n' >in
    pipe-load sqlite:t.db -t t --mode replace --all <in
    [ "$(sql 'SELECT n FROM t')" = 3 ]
}

@test "a verified run of zero records empties its partition and leaves a ledger row" {
    whole '{"d":"x","n":1}' '{"d":"y","n":2}' | pipe-load sqlite:t.db -t t --mode append --create
    : >empty
    pipe-load sqlite:t.db -t t --mode replace --partition d=x <empty
    [ "$(sql 'SELECT d FROM t')" = y ]
    [ "$(sql 'SELECT rows_read, rows_loaded FROM _pipe_loads WHERE partition = "d=x"')" = '0|0' ]
}

@test "a record without the partition column gets its value, another value is rejected" {
    printf '{"n":1}\n{"n":2,"year":2025}\n{"n":3,"year":2026.0}\n' >in
    run -0 pipe-load sqlite:t.db -t t --mode replace --create --partition year=2026 --max-reject 1 <in
    [[ $output == *"line 2: /year is 2025, the load replaces '2026' (wrong_partition)"* ]]
    [ "$(sql 'SELECT n, year FROM t')" = $'1|2026\n3|2026' ]
}

@test "upsert inserts and updates by key; missing keeps, null sets NULL" {
    printf '{"id":1,"a":"x","b":1}\n{"id":2,"a":"y","b":2}\n' >in
    pipe-load sqlite:t.db -t t --mode upsert -k id --create <in
    printf '{"id":1,"b":10}\n{"id":2,"a":null}\n{"id":3,"a":"z"}\n' >in
    pipe-load sqlite:t.db -t t --mode upsert -k id <in
    [ "$(sql 'SELECT id, a, b FROM t ORDER BY id')" = $'1|x|10\n2||2\n3|z|' ]
}

@test "upsert --missing null sets what is missing to NULL" {
    printf '{"id":1,"a":"x","b":1}\n' >in
    pipe-load sqlite:t.db -t t --mode upsert -k id --create <in
    printf '{"id":1,"b":10}\n' >in
    pipe-load sqlite:t.db -t t --mode upsert -k id --missing null <in
    [ "$(sql 'SELECT id, a, b FROM t')" = '1||10' ]
}

@test "of two records with one key the last wins" {
    printf '{"id":1,"v":"first"}\n{"id":1,"v":"last"}\n' >in
    pipe-load sqlite:t.db -t t --mode upsert -k id --create <in
    [ "$(sql 'SELECT v FROM t')" = last ]
}

@test "upsert by a composite key" {
    printf '{"o":1,"l":1,"v":"a"}\n{"o":1,"l":2,"v":"b"}\n{"o":1,"l":1,"v":"c"}\n' >in
    pipe-load sqlite:t.db -t t --mode upsert -k o,l --create <in
    [ "$(sql 'SELECT o, l, v FROM t ORDER BY l')" = $'1|1|c\n1|2|b' ]
}

@test "upsert rejects a null or missing key" {
    printf '{"id":null,"v":1}\n{"v":2}\n{"id":3,"v":3}\n' >in
    run -0 pipe-load sqlite:t.db -t t --mode upsert -k id --create --max-reject 2 <in
    [[ $output == *"line 1: /id key 'id' is null (null_key)"* ]]
    [[ $output == *"line 2: "*"key 'id' is missing (null_key)"* ]]
    [ "$(sql 'SELECT id FROM t')" = 3 ]
}

@test "upsert into a table without a unique key is refused" {
    sql 'CREATE TABLE t(id INTEGER, v TEXT)'
    printf '{"id":1,"v":"a"}\n' >in
    run -78 pipe-load sqlite:t.db -t t --mode upsert -k id <in
    [[ $output == *"no primary key or unique index on (\"id\")"* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
}

@test "--dry-run loads nothing and says what it would" {
    printf '{"id":1}\n' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --create --dry-run <in
    [[ $output == *"would load 1 records into 't'"* ]]
    [ -z "$(sql '.tables')" ]
}

# ---- columns and types

@test "types: strings, integers, decimals, booleans, arrays, objects, null" {
    printf '%s\n' '{"s":"a","i":7,"r":1.5,"b":true,"l":[1, 2],"o":{"k":1},"z":null}' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    [ "$(sql 'SELECT * FROM t')" = 'a|7|1.5|1|[1, 2]|{"k":1}|' ]
    [ "$(sql 'SELECT typeof(s),typeof(i),typeof(r),typeof(b),typeof(l),typeof(z) FROM t')" = 'text|integer|real|integer|text|null' ]
}

@test "a string is never turned into a number" {
    sql 'CREATE TABLE t(i INTEGER, d DATE, n NUMERIC, s TEXT)'
    printf '%s\n' '{"i":"00123"}' '{"d":"00123"}' '{"n":" 1e3 "}' '{"s":5}' '{"d":"2026-01-01","s":"00123"}' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --max-reject 4 <in
    [ "$(sql 'SELECT d, s FROM t')" = '2026-01-01|00123' ]
    [ "$(grep -c type_mismatch <<<"$output")" = 4 ]
}

@test "numbers that SQLite would round are rejected with the cure" {
    printf '%s\n' '{"v":9223372036854775807}' '{"v":9223372036854775808}' '{"v":0.1234567890123456}' '{"v":1e400}' '{"v":-0}' '{"v":123456789.012345}' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --create --max-reject 3 <in
    [ "$(grep -c 'number_precision' <<<"$output")" = 3 ]
    [[ $output == *"--decimal v=text"* ]]
    [ "$(sql 'SELECT v FROM t')" = $'9223372036854775807\n0\n123456789.012345' ]
}

@test "--decimal text keeps every digit" {
    printf '%s\n' '{"v":12345678901234567890123}' '{"v":1.10}' '{"v":1e400}' '{"v":-0}' >in
    pipe-load sqlite:t.db -t t --mode append --create --decimal v=text <in
    [ "$(sql 'SELECT v FROM t')" = $'12345678901234567890123\n1.10\n1e400\n-0' ]
}

@test "--decimal scaled:2 keeps cents, also for later loads without the option" {
    printf '%s\n' '{"v":12.5}' '{"v":7}' '{"v":1.230}' '{"v":-0.01}' '{"v":1e2}' >in
    pipe-load sqlite:t.db -t t --mode append --create --decimal v=scaled:2 <in
    printf '%s\n' '{"v":0.99}' '{"v":0.999}' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --max-reject 1 <in
    [[ $output == *"/v 0.999 is no multiple of 10^-2"*"(decimal_scale)"* ]]
    [ "$(sql 'SELECT v FROM t')" = $'1250\n700\n123\n-1\n10000\n99' ]
}

@test "--decimal that contradicts the table is refused" {
    printf '{"v":1}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create --decimal v=scaled:2 <in
    run -78 pipe-load sqlite:t.db -t t --mode append --decimal v=scaled:3 <in
    [[ $output == *"is SCALEDINT(2), --decimal wants SCALEDINT(3)"* ]]
}

@test "an unknown field is rejected, and added with --create" {
    printf '{"a":1}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    printf '{"a":2,"b":"x"}\n{"a":3}\n' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --max-reject 1 <in
    [[ $output == *"no column 'b' (--create adds it) (unknown_column)"* ]]
    pipe-load sqlite:t.db -t t --mode append --create --run-id again <in
    [ "$(sql 'SELECT a, b FROM t')" = $'1|\n3|\n2|x\n3|' ]
}

@test "duplicate keys in a record: the last wins; keys that differ in case clash" {
    printf '%s\n' '{"a":1,"a":2}' '{"a":3,"A":4}' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --create --max-reject 1 <in
    [[ $output == *"differ only in case"* ]]
    [ "$(sql 'SELECT a FROM t')" = 2 ]
}

@test "escaped keys and strings arrive as characters" {
    printf '%s\n' '{"\u0061":"\u00e9\n\ud83d\ude00"}' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    [ "$(sql 'SELECT a FROM t')" = $'é\n😀' ]
}

@test "NUL and half surrogates in text are rejected" {
    printf '%s\n' '{"a":"x\u0000y"}' '{"a":"\ud800"}' '{"\u0000":1}' '{"a":"ok"}' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --create --max-reject 3 <in
    [[ $output == *nul_in_text* && $output == *lone_surrogate* && $output == *column_name* ]]
    [ "$(sql 'SELECT a FROM t')" = ok ]
}

@test "table and column names are quoted, whatever they are" {
    name='x"); DROP TABLE t;--'
    printf '{"id":1}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    printf '%s\n' '{"select":1,"a\"b":2,"x\"); DROP TABLE t;--":3,"'"$(printf 'l%.0s' {1..64})"'":4}' >in
    pipe-load sqlite:t.db -t "$name" --mode append --create <in
    [ "$(sqlite3 t.db 'SELECT * FROM "x""); DROP TABLE t;--"')" = '1|2|3|4' ]
    [ "$(sql 'SELECT id FROM t')" = 1 ]
}

@test "the ledger and SQLite's own tables cannot be the target" {
    printf '{"id":1}\n' >in
    run -64 pipe-load sqlite:t.db -t _pipe_loads --mode append --create <in
    run -64 pipe-load sqlite:t.db -t sqlite_x --mode append --create <in
}

@test "a row that breaks a constraint is rejected, the rest is loaded" {
    sql 'CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER CHECK(n > 0))'
    { seq 1 500 | sed 's/.*/{"id":&,"n":1}/'; echo '{"id":7,"n":1}'; echo '{"id":900,"n":0}'; } >in
    run -0 pipe-load sqlite:t.db -t t --mode append --max-reject 2 -v <in
    [[ $output == *"UNIQUE constraint failed"*"(constraint)"* ]]
    [[ $output == *"CHECK constraint failed"*"(constraint)"* ]]
    [[ $output == *"read 502 = 500 out + 2 rejected"* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 500 ]
}

@test "a deferred constraint that fails at COMMIT: 65, nothing" {
    sql 'CREATE TABLE p(id INTEGER PRIMARY KEY);
         CREATE TABLE t(p INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED)'
    printf '{"p":1}\n' >in
    run -65 pipe-load sqlite:t.db -t t --mode append <in
    [[ $output == *"FOREIGN KEY"* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
    [ -z "$(sql 'SELECT * FROM sqlite_master WHERE name = "_pipe_loads"')" ]
}

# ---- rejects

@test "too many rejects: 65, nothing loaded, no ledger row" {
    printf '{"id":1}\n{bad}\n{"id":2}\n' >in
    run -65 pipe-load sqlite:t.db -t t --mode append --create <in
    [ -z "$(sql '.tables')" ]
}

@test "a run whose records are all rejected does not empty the partition" {
    printf '{"d":"x","n":1}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    printf '{"d":"y","n":1}\n' >in
    run -65 pipe-load sqlite:t.db -t t --mode replace --partition d=x --max-reject 10 <in
    [ "$(sql 'SELECT d FROM t')" = x ]
}

@test "rejects go to the DLQ with their exact bytes and reason" {
    printf '{"id":1}\n{"id":"x",  "z":1.0}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create --dlq dl/ --max-reject 50% --min-sample 1 <in
    run -0 pipe-dlq show --dlq dl/ --format json
    [ "$(jq -r '.raw' <<<"$output")" = '{"id":"x",  "z":1.0}' ]
    [ "$(jq -r '.errors[0].code' <<<"$output")" = type_mismatch ]
}

# ---- marks

@test "an upstream that failed: nothing, and its exit code" {
    run -65 bash -c 'printf "{\"a\":1}\n{bad}\n" | pipe-transform --where true | pipe-load sqlite:t.db -t t --mode append --create'
    [[ $output == *"upstream failed with exit 65"* ]]
    [ ! -s t.db ] || [ -z "$(sql .tables)" ]
}

@test "an upstream that was killed: nothing, exit 75" {
    run -75 bash -c '{ echo "{\"a\":1}"; sleep 5; } | pipe-transform --where true | pipe-load sqlite:t.db -t t --mode append --create & sleep 0.5; pkill -KILL -P $$ -x pipe-transform; wait $!'
    [[ $output == *"upstream died"* ]]
    [ -z "$(sql .tables)" ]
}

@test "a foreign upstream: warn commits and says so, accept commits, refuse does not" {
    run -0 bash -c 'echo "{\"a\":1}" | pipe-load sqlite:t.db -t t --mode append --create'
    [[ $output == *"cannot verify"* ]]
    run -0 bash -c 'echo "{\"a\":2}" | pipe-load sqlite:t.db -t t --mode append --on-unknown accept'
    [ -z "$output" ]
    run -78 bash -c 'echo "{\"a\":3}" | PIPE_ON_UNKNOWN=refuse pipe-load sqlite:t.db -t t --mode append'
    [ "$(sql 'SELECT a FROM t')" = $'1\n2' ]
}

@test "an unverified stage in the middle passes the doubt on" {
    run -78 bash -c 'echo "{\"a\":1}" | pipe-transform --where true | pipe-dedup -k a | pipe-load sqlite:t.db -t t --mode append --create --on-unknown refuse'
}

@test "zero records from an unknown upstream never commit, --allow-empty does" {
    printf '{"d":"x"}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    run -75 bash -c 'nosuchcommand_ 2>/dev/null | pipe-load sqlite:t.db -t t --mode replace --all --on-unknown accept'
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    run -0 bash -c 'true | pipe-load sqlite:t.db -t t --mode replace --all --on-unknown accept --allow-empty'
    [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
}

@test "a group as upstream is never verified: exec, loops, functions" {
    echo '{"a":1}' >in
    for producer in '{ pipe-transform --where true <in; nosuch_; }' \
        'for i in 1; do pipe-transform --where true <in; done' \
        'f() { pipe-transform --where true <in; }; f' \
        'xargs -I{} pipe-transform --where {} in <<<true'; do
        rm -f t.db
        run bash -c "$producer 2>/dev/null | pipe-load sqlite:t.db -t t --mode append --create --on-unknown refuse"
        [ "$status" -ne 0 ] || fail "committed behind: $producer"
    done
    run -0 bash -c '( exec pipe-transform --where true <in ) | pipe-load sqlite:t.db -t t --mode append --create --on-unknown refuse'
}

@test "two writers on one pipe: both sides fail" {
    echo '{"a":1}' >in
    run bash -c '{ (sleep 2; cat in) | pipe-transform --where true & sleep 0.5; pipe-transform --where true <in; wait; } 2>/dev/null | pipe-load sqlite:t.db -t t --mode append --create --on-unknown accept'
    [ "$status" -ne 0 ]
    [ -z "$(sql .tables 2>/dev/null)" ]
}

@test "foreign bytes on a marked pipe: nothing" {
    echo '{"a":1}' >in
    run bash -c '{ (exec pipe-transform --where true <in); echo "{\"a\":2}"; } | pipe-load sqlite:t.db -t t --mode append --create --on-unknown refuse'
    [ "$status" -ne 0 ]
    [ -z "$(sql .tables 2>/dev/null)" ]
}

@test "tee >(load A) | load B: neither marks the other's pipe" {
    echo '{"a":1}' >in
    run -0 bash -c 'pipe-transform --where true <in | tee >(pipe-load sqlite:a.db -t t --mode append --create -q) | pipe-load sqlite:b.db -t t --mode append --create -q; sleep 0.5'
    [ "$(sqlite3 a.db 'SELECT a FROM t')" = 1 ]
    [ "$(sqlite3 b.db 'SELECT a FROM t')" = 1 ]
}

@test "a FIFO is unknown" {
    mkfifo f
    pipe-transform --where true <<<'{"a":1}' >f &
    run -78 pipe-load sqlite:t.db -t t --mode append --create --on-unknown refuse <f
    wait
}

# ---- targets and locks

@test "usage: table, mode, key, partition, target" {
    : >in
    run -64 pipe-load sqlite:t.db --mode append <in
    run -64 pipe-load sqlite:t.db -t t <in
    run -64 pipe-load sqlite:t.db -t t --mode upsert <in
    run -64 pipe-load sqlite:t.db -t t --mode append -k id <in
    run -64 pipe-load sqlite:t.db -t t --mode replace <in
    run -64 pipe-load sqlite:t.db -t t --mode replace --all --partition a=b <in
    run -64 pipe-load sqlite:t.db -t t --mode append --partition nonsense <in
    run -64 pipe-load sqlite:t.db -t t --mode append --partition 'day={date}' <in
    run -64 pipe-load sqlite:t.db -t t --mode append --decimal a=scaled:19 <in
    run -64 pipe-load sqlite:t.db -t t --mode append --decimal a=scaled:2x <in
    run -64 pipe-load sqlite:t.db -t t --mode upsert -k a.b <in
    run -64 pipe-load mysql:t -t t --mode append <in
    run -64 pipe-load t.db -t t --mode append <in
    run -64 pipe-load sqlite: -t t --mode append <in
    run -64 pipe-load -t t --mode append <in
}

@test "a target that is not there, cannot be made, or is no database" {
    printf '{"id":1}\n' >in
    run -66 pipe-load sqlite:none.db -t t --mode append <in
    run -73 pipe-load sqlite:no/such/dir.db -t t --mode append --create <in
    run -78 pipe-load sqlite:in -t t --mode append --create <in
    sql 'CREATE TABLE x(a)'
    run -78 pipe-load sqlite:t.db -t t --mode append <in
    [[ $output == *"--create makes it"* ]]
}

@test "the target is checked before anything is read" {
    run -66 timeout 5 pipe-load sqlite:none.db -t t --mode append < <(sleep 30)
}

@test "a lock held by another: exit 75 within the limit" {
    sql 'CREATE TABLE t(a)'
    printf '{"a":1}\n' >in
    (printf 'BEGIN IMMEDIATE;\n'; sleep 3) | sqlite3 t.db &
    sleep 0.5
    run -75 timeout 3 pipe-load sqlite:t.db -t t --mode append --lock-timeout 200ms <in
    [[ $output == *"database is locked"* ]]
    wait
}

@test "the same run twice at once: once" {
    seq 1 3000 | sed 's/.*/{"id":&}/' >in
    sql 'CREATE TABLE t(id)'
    for _ in 1 2 3 4; do
        pipe-load sqlite:t.db -t t --mode append -q <in &
    done
    wait
    [ "$(sql 'SELECT count(*) FROM t')" = 3000 ]
    [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 1 ]
}

@test "SIGTERM in the middle of a load rolls back, 143" {
    sql 'CREATE TABLE t(a)'
    { yes '{"a":1}' | head -5000; sleep 20; } | pipe-load sqlite:t.db -t t --mode append -q &
    pid=$!
    sleep 1
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    [ $status = 143 ]
    [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
}

@test "a misspelt --decimal is an error, and nothing is loaded" {
    printf '{"total":0.1}\n' >in
    run -78 pipe-load sqlite:t.db -t t --mode append --create --decimal totl=scaled:2 <in
    [[ $output == *"table 't' has no column 'totl'"* ]]
    [ -z "$(sql .tables)" ]
    pipe-load sqlite:t.db -t t --mode append --create --decimal TOTAL=scaled:2 <in
    [ "$(sql 'SELECT total FROM t')" = 10 ]
}

@test "a misspelt key rejects its records and makes no table" {
    printf '{"id":1}\n' >in
    run -65 pipe-load sqlite:t.db -t t --mode upsert -k Nope --create <in
    [[ $output == *"key 'Nope' is missing (null_key)"* ]]
    [ -z "$(sql .tables)" ]
}

@test "a dry run and a load that fails before its first record make no database" {
    printf '{"id":1}\n' >in
    run -0 pipe-load sqlite:t.db -t t --mode append --create --dry-run <in
    [[ $output == *"would load 1 records"* ]]
    [ ! -e t.db ]
    run -75 bash -c 'nosuchcommand_ 2>/dev/null | pipe-load sqlite:t.db -t t --mode append --create'
    [ ! -e t.db ]
}

@test "a mistyped command before an aggregate of nothing replaces nothing" {
    printf '{"n":7}\n' >in
    pipe-load sqlite:t.db -t t --mode append --create <in
    run -75 bash -c 'pipe-extrct x 2>/dev/null | pipe-aggregate -a "n=count()" | pipe-load sqlite:t.db -t t --mode replace --all'
    [ "$(sql 'SELECT n FROM t')" = 7 ]
    : >empty
    pipe-aggregate -a 'n=count()' <empty | pipe-load sqlite:t.db -t t --mode replace --all --on-unknown refuse
    [ "$(sql 'SELECT n FROM t')" = 0 ]
}

@test "a second operand is named: a table or file without its option" {
    echo '{"id":1}' >in
    assert_exit 64 pipe-load sqlite:t.db in -t t --mode append --create <in
    assert_file err "pipe-load: unexpected operand 'in': one target URI is wanted"
    assert_exit 64 pipe-load - in <in
    assert_file err "pipe-load: unexpected operand 'in': one target URI is wanted"
    [ ! -e t.db ]
}
