#!/usr/bin/env bats
# pipe-load into duckdb:FILE, read back with DuckDB itself.
load ../helper

setup_file() {
    # shellcheck source=tests/lib/duckdb.bash
    . "$REPO/tests/lib/duckdb.bash"
    export PIPE_LIBDUCKDB=${PIPE_LIBDUCKDB:-$duckdb_library}
    [ -e "$PIPE_LIBDUCKDB" ] || return 0
    build_duckdb_query "$BATS_FILE_TMPDIR/query"
    export DUCKDB_LIBRARY=$PIPE_LIBDUCKDB
}

setup() {
    pipe_setup
    [ -e "$PIPE_LIBDUCKDB" ] ||
        skip "no libduckdb (scripts/setup --dev gets it, PIPE_LIBDUCKDB names it)"
}

# Runs statements on the database x.db.
sql() {
    "$BATS_FILE_TMPDIR/query" 1 "ATTACH 'x.db' AS x" "USE x" "$@"
}

# The rows of a query, as CSV without a header.
rows() {
    sql "COPY ($1) TO '/dev/stdout' (FORMAT csv, HEADER false)" | cat
}

types() {
    rows "SELECT column_name, data_type FROM duckdb_columns() WHERE
        table_name = '$1' ORDER BY column_index"
}

put() {
    pipe-load duckdb:x.db -t t --on-unknown accept "$@"
}

# What was rejected, by line: "2 constraint /n".
refused() {
    jq -r '"\(.source.line) \(.errors[0].code) \(.errors[0].path // "-")"' "$1" |
        sort -n
}

# ---- types

@test "numbers keep every digit; types are those that hold the whole load" {
    printf '%s\n' \
        '{"i":1,"big":12345678901234567890123,"d":1.10,"m":5,"e":1.5e3,"s":"x","b":true,"o":{"k":[1, 2.50]}}' \
        '{"i":-9223372036854775808,"big":7,"d":-0.005,"m":2.50,"e":2,"s":"\u00fc\"","b":false,"o":[]}' >in
    put --mode append --create <in
    assert_file <(types t) 'i,BIGINT
big,HUGEINT
d,"DECIMAL(18,3)"
m,"DECIMAL(18,2)"
e,BIGINT
s,VARCHAR
b,BOOLEAN
o,JSON'
    assert_file <(rows 'SELECT i, big, d, m, e, s, b FROM t ORDER BY i DESC') \
        '1,12345678901234567890123,1.100,5.00,1500,x,true
-9223372036854775808,7,-0.005,2.50,2,"ü""",false'
    assert_file <(rows "SELECT CAST(o AS VARCHAR) FROM t WHERE i = 1") \
        '"{""k"":[1, 2.50]}"'
}

@test "38 digits are kept to the last; a number past them is rejected" {
    local d=99999999999999999999999999999999999999
    printf '%s\n' "{\"h\":$d,\"f\":1234567890123456789012345678901234567.5}" \
        "{\"h\":-$d}" "{\"h\":${d}0}" '{"f":0.25}' '{"f":1e300}' '{"h":1e-60}' >in
    assert_exit 0 put --mode append --create --max-reject 90% --dlq dl <in
    assert_file <(rows 'SELECT h, f FROM t') "$d,1234567890123456789012345678901234567.5
-$d,"
    assert_file <(refused dl) '3 number_precision /h
4 number_precision /f
5 number_precision /f
6 number_precision /h'
}

@test "a later load widens a column of --create, and not without it" {
    echo '{"id":1,"v":7,"w":1.5}' | put --mode append --create
    echo '{"id":2,"v":1.25,"w":1.255}' >in
    assert_exit 65 put --mode append <in
    grep -q number_precision err
    put --mode append --create <in
    assert_file <(types t) 'id,BIGINT
v,"DECIMAL(18,2)"
w,"DECIMAL(18,3)"'
    assert_file <(rows 'FROM t ORDER BY id') '1,7.00,1.500
2,1.25,1.255'
}

@test "no string becomes a number, and none the other way" {
    sql "CREATE TABLE t(i INTEGER, s VARCHAR, d DECIMAL(6,2), f DOUBLE, l INTEGER[])"
    printf '%s\n' '{"i":"1"}' '{"s":1}' '{"i":2147483648}' '{"d":1.234}' \
        '{"d":10000}' '{"f":0.1234567890123456789}' '{"l":[1]}' '{"s":"a\u0000"}' \
        '{"s":"\ud800"}' '{"i":1.0,"s":"","d":9999.990,"f":0.30000000000000004}' >in
    put --mode append --max-reject 100% --dlq dl <in
    assert_file <(refused dl) '1 type_mismatch /i
2 type_mismatch /s
3 number_precision /i
4 number_precision /d
5 number_precision /d
6 number_precision /f
7 type_mismatch /l
8 nul_in_text /s
9 lone_surrogate /s'
    assert_file <(rows 'FROM t') '1,"",9999.99,0.30000000000000004,'
}

@test "times are typed by the table or schema; --tz is their zone" {
    sql "CREATE TABLE t(d DATE, ts TIMESTAMP, tz TIMESTAMPTZ, u UUID, b BLOB)"
    echo '{"d":"2026-01-31","ts":"2026-01-31T08:00:00.123456+02:00","tz":"2026-07-01T12:00:00","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","b":"\\x00ff"}' >in
    printf '%s\n' '{"d":"2026-02-30"}' '{"ts":"today"}' '{"u":"x"}' '{"b":"?"}' >>in
    put --mode append --tz Europe/Berlin --max-reject 90% --dlq dl <in
    assert_file <(rows 'SELECT d, ts, epoch_us(tz), u, hex(b) FROM t') \
        '2026-01-31,2026-01-31 06:00:00.123456,1782900000000000,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,00FF'
    assert_file <(refused dl) '2 invalid_value /d
3 invalid_value /ts
4 invalid_value /u
5 type_mismatch /b'
}

# ---- modes

@test "upsert: missing keeps, null sets, the last of a key wins" {
    printf '%s\n' '{"id":1,"a":"x","b":1}' '{"id":2,"a":"y"}' \
        '{"id":1.0,"b":null}' >in
    put --mode upsert -k id --create <in
    assert_file <(rows 'FROM t ORDER BY id') '1,x,
2,y,'
    printf '%s\n' '{"id":1,"a":"z"}' '{"id":3,"b":9}' '{"id":2,"b":2}' \
        '{"id":2,"a":null}' >in
    put --mode upsert -k id <in
    assert_file <(rows 'FROM t ORDER BY id') '1,z,
2,,2
3,,9'
    echo '{"id":3,"a":"q"}' | put --mode scd1 -k id --missing null
    assert_file <(rows 'FROM t WHERE id = 3') '3,q,'
    rows "SELECT constraint_text FROM duckdb_constraints() WHERE
        table_name = 't'" | grep -qx 'PRIMARY KEY(id)'
}

@test "insert leaves known keys alone and counts them as duplicates" {
    sql "CREATE TABLE t(id INTEGER, v VARCHAR)" "INSERT INTO t VALUES (1, 'old')"
    printf '%s\n' '{"id":1,"v":"new"}' '{"id":2,"v":"first"}' \
        '{"id":2,"v":"second"}' >in
    put --mode insert -k id -v <in 2>err
    grep -q 'read 3 = 1 out + 0 rejected + 2 duplicates' err
    assert_file <(rows 'FROM t ORDER BY id') '1,old
2,first'
}

@test "delete-insert replaces all rows of a key" {
    sql "CREATE TABLE t(id INTEGER, v INTEGER)" \
        "INSERT INTO t VALUES (1, 1), (1, 2), (2, 3)"
    printf '%s\n' '{"id":1,"v":8}' '{"id":1,"v":9}' | put --mode delete-insert -k id
    assert_file <(rows 'FROM t ORDER BY id, v') '1,8
1,9
2,3'
}

@test "replace: a partition, the same keys again, a zero load, the whole" {
    sql "CREATE TABLE t(id INTEGER PRIMARY KEY, day DATE)" \
        "INSERT INTO t VALUES (1, '2026-01-01'), (2, '2026-01-01'), (3, '2026-01-02')"
    printf '%s\n' '{"id":2}' '{"id":4,"day":"2026-01-02"}' >in
    put --mode replace --partition day=2026-01-01 --max-reject 60% --dlq dl <in
    assert_file <(refused dl) '2 wrong_partition /day'
    assert_file <(rows 'FROM t ORDER BY id') '2,2026-01-01
3,2026-01-02'
    put --mode replace --partition day=2026-01-02 --allow-empty </dev/null
    assert_file <(rows 'FROM t') '2,2026-01-01'
    echo '{"id":9}' | put --mode replace --all
    assert_file <(rows 'FROM t') '9,'
    assert_exit 64 put --mode replace --partition day=x --allow-empty </dev/null
}

@test "replace --range: texts that are times go by their instant" {
    printf '%s\n' '{"at":"2026-01-31T23:30:00-05:00"}' '{"at":"2026-01-31"}' \
        '{"at":"2026-01-05T10:00:00Z"}' '{"at":"2026-02-01"}' '{"at":"?"}' |
        put --mode append --create
    put --mode replace --range at=2026-01-01..2026-02-01 --allow-empty </dev/null
    assert_file <(rows 'FROM t ORDER BY "at"') '2026-01-31T23:30:00-05:00
2026-02-01
?'
}

@test "replace --range: numbers go by value" {
    printf '%s\n' '{"n":9}' '{"n":10}' '{"n":10.5}' '{"n":11}' |
        put --mode append --create
    put --mode replace --range n=10..11 --allow-empty </dev/null
    assert_file <(rows 'FROM t ORDER BY n') '9.0
11.0'
}

@test "what the target has not is refused" {
    local mode
    for mode in scd2 scd3 cdc versioned; do
        local more=(-k id)
        [ $mode = scd3 ] && more+=(--track v)
        [ $mode = versioned ] && more=()
        assert_exit 64 put --mode $mode "${more[@]}" --create </dev/null
        grep -q "duckdb:FILE has no mode $mode" err
    done
    assert_exit 64 put --mode append -k id --latest-view v --create </dev/null
    assert_exit 64 put --mode append --decimal v=text --create </dev/null
    [ ! -e x.db ]
}

# ---- once

@test "an input that another mode or partition loaded replaces all" {
    printf '%s\n' '{"id":1,"d":1}' '{"id":2,"d":2}' >one
    printf '%s\n' '{"id":3,"d":1}' >two
    put --mode append --create <one
    put --mode append <two
    put --mode replace --partition d=1 <two
    [ "$(rows 'SELECT id FROM t ORDER BY id')" = $'2\n3' ]
    put --mode replace --all <two
    [ "$(rows 'SELECT id FROM t')" = 3 ]
    put --mode replace --all <two 2>err
    grep -q 'nothing changed' err
}

@test "the same run again changes nothing; other input is refused" {
    echo '{"id":1}' >in
    put --mode append --create --run-id r <in
    put --mode append --run-id r <in 2>err
    grep -q "run 'r' was loaded on .*: nothing changed" err
    [ "$(rows 'SELECT count(*) FROM t')" = 1 ]
    echo '{"id":2}' >in
    assert_exit 65 put --mode append --run-id r <in
    assert_file <(rows 'SELECT id, pipeline, table_name, run_id, mode, rows_read,
        rows_loaded, rows_rejected FROM _pipe_loads') '1,"",t,r,append,1,1,0'
}

@test "batches: a restart goes on behind those that are committed" {
    seq 1 7 | sed 's/.*/{"n":&}/' >in
    head -n 4 in | put --mode append --create --batch 2 --run-id b
    put --mode append --create --batch 2 --run-id b <in
    assert_file <(rows 'SELECT count(*), count(DISTINCT n) FROM t') 7,7
    assert_file <(rows "SELECT rows_loaded FROM _pipe_loads ORDER BY id") '2
2
2
1'
}

@test "an upstream that failed commits nothing, and leaves no file" {
    printf '%s\n' '{"id":1}' 'broken' >in
    pipe-extract in | put --mode append --create || [ $? = 65 ]
    [ ! -e x.db ]
    [ -z "$(ls x.db.* 2>/dev/null)" ]
}

@test "a dry run changes nothing" {
    echo '{"id":1}' >in
    put --mode append --create -n <in 2>err
    grep -q 'would load 1 record' err
    [ ! -e x.db ]
    put --mode append --create <in
    echo '{"id":2,"new":1}' | put --mode append --create -n
    assert_file <(rows 'FROM t') 1
}

@test "30 random kills: no half load, and after a re-run no double one" {
    local i n=4000 ms start wait have killed=0
    make_orders $n >in
    put --mode append --create --run-id 0 -q <in
    start=${EPOCHREALTIME/./}
    put --mode append --run-id probe --dry-run -q <in
    ms=$(((${EPOCHREALTIME/./} - start) / 1000 + 30))
    RANDOM=${KILL_SEED:-42}
    for ((i = 1; i <= 30; i++)); do
        pipe-load duckdb:x.db -t t --mode append --run-id "$i" -q <in &
        wait=$((RANDOM % ms))
        sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
        kill -9 $! 2>/dev/null || true
        wait $! || true
        have=$(rows 'SELECT count(*) FROM t')
        case $have in
        $((i * n))) killed=$((killed + 1)) ;;
        $(((i + 1) * n))) ;;
        *) fail "half a load: $have rows at $i" ;;
        esac
        put --mode append --run-id "$i" -q <in 2>/dev/null
        [ "$(rows 'SELECT count(*) FROM t')" = $(((i + 1) * n)) ] ||
            fail "not one copy after run $i"
    done
    ((killed > 3)) || fail "only $killed of 30 kills came before the commit"
    [ "$(rows 'SELECT count(*) FROM _pipe_loads')" = 31 ]
}

# ---- rows that are refused

rules() {
    sql "CREATE TABLE ref(k INTEGER PRIMARY KEY)" "INSERT INTO ref VALUES (1)" \
        "CREATE TABLE t(id BIGINT PRIMARY KEY, u VARCHAR UNIQUE,
         n INTEGER NOT NULL, p INTEGER DEFAULT 42 CHECK (p > 0),
         g INTEGER GENERATED ALWAYS AS (p + 1), f INTEGER REFERENCES ref(k),
         e ENUM('a', 'b'))" \
        "CREATE UNIQUE INDEX ix ON t(lower(u), n)" \
        "INSERT INTO t(id, u, n) VALUES (1, 'one', 1)"
    printf '%s\n' '{"id":1,"n":1}' '{"id":2,"u":"one","n":5}' \
        '{"id":3,"n":null}' '{"id":4,"n":1,"p":-1}' '{"id":5,"n":1,"f":7}' \
        '{"id":6,"n":1,"e":"c"}' '{"id":7,"u":"ONE","n":1}' \
        '{"id":8,"u":"ok","n":3,"f":1,"e":"b"}' '{"id":9,"u":"ok","n":4}' \
        '{"id":10}' '{"id":11,"n":1,"g":2}' '{"id":8,"n":2}' >in
}

@test "rows that break a rule are rejected, the rest is loaded" {
    rules
    put --mode append --max-reject 100% --dlq dl -v <in 2>err
    grep -q 'read 12 = 1 out + 11 rejected' err
    assert_file <(refused dl) '1 constraint -
2 constraint -
3 constraint /n
4 constraint -
5 constraint -
6 invalid_value /e
7 constraint -
9 constraint -
10 constraint /n
11 column_name /g
12 constraint -'
    assert_file <(rows 'FROM t ORDER BY id') '1,one,1,42,43,,
8,ok,3,42,43,1,b'
    [ "$(rows 'SELECT rows_rejected FROM _pipe_loads')" = 11 ]
}

@test "upsert: the records of a key that is refused are refused together" {
    rules
    printf '%s\n' '{"id":1,"p":7}' '{"id":2,"n":1,"u":"x"}' '{"id":2,"p":0}' \
        '{"id":3,"n":3,"u":"one"}' '{"id":4,"n":1}' >in
    put --mode upsert -k id --max-reject 90% --dlq dl -v <in 2>err
    grep -q 'read 5 = 2 out + 3 rejected' err
    assert_file <(refused dl) '2 constraint -
3 constraint -
4 constraint -'
    assert_file <(rows 'SELECT id, u, p, g FROM t ORDER BY id') '1,one,7,8
4,,42,43'
}

@test "more rejects than allowed: nothing is loaded" {
    rules
    assert_exit 65 put --mode append --max-reject 2 <in
    [ "$(rows 'SELECT count(*) FROM t')" = 1 ]
    [ "$(rows "SELECT count(*) FROM duckdb_tables() WHERE table_name = '_pipe_loads'")" = 0 ]
}

# ---- schema

schema() {
    cat >s.json <<'END'
{"type": "object", "required": ["id"], "properties": {
  "id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"},
  "amount": {"type": "number", "multipleOf": 0.01},
  "rate": {"type": "number"}, "tags": {"type": "array"},
  "u": {"type": "string", "format": "uuid"}}}
END
}

@test "--schema: columns are typed by it" {
    schema
    echo '{"id":1,"at":"2026-01-31T08:00:00Z","amount":1.10,"rate":0.125,"tags":[1]}' >in
    echo '{"id":2,"other":1}' >>in
    put --mode append --create --schema s.json --max-reject 50% --dlq dl <in
    assert_file <(types t) 'id,BIGINT
at,TIMESTAMP WITH TIME ZONE
amount,"DECIMAL(38,2)"
rate,"DECIMAL(18,3)"
tags,JSON
u,UUID'
    assert_file <(refused dl) '2 unknown_column -'
}

@test "--schema: a column is added, another type blocked, removal signed off" {
    schema
    sql "CREATE TABLE t(id BIGINT, amount VARCHAR)"
    echo '{"id":1}' >in
    assert_exit 78 put --mode append --create --schema s.json <in
    grep -q "column 'amount' of table 't' is VARCHAR, the schema says number: a change of type is not made" err
    sql "DROP TABLE t" "CREATE TABLE t(id BIGINT, amount DECIMAL(38,2), old INTEGER)"
    assert_exit 78 put --mode append --schema s.json <in
    grep -q "(--create adds it)" err
    assert_exit 78 put --mode append --create --schema s.json <in
    grep -q 'sign off "remove /old"' err
    echo 'remove /old' >approved
    put --mode append --create --schema s.json --approve approved <in
    types t | grep -qx 'u,UUID'
}

@test "--audit fills its columns" {
    echo '{"id":1}' |
        put --mode append --create --audit all --source here --run-id r
    assert_file <(rows 'SELECT id, _run_id, _source, _loaded_at > TIMESTAMPTZ
        '\''2020-01-01 00:00:00+00'\'' FROM t') '1,r,here,true'
}

# ---- what is in the way

@test "no library: 69, and 78 for one that is named; both say PIPE_LIBDUCKDB" {
    echo '{"id":1}' >in
    assert_exit 78 env PIPE_LIBDUCKDB=/nowhere/libduckdb.so \
        pipe-load duckdb:x.db -t t --mode append --create <in
    grep -q PIPE_LIBDUCKDB err
    if ! ldconfig -p | grep -q 'libduckdb\.so$'; then
        assert_exit 69 env -u PIPE_LIBDUCKDB \
            pipe-load duckdb:x.db -t t --mode append --create <in
        grep -q PIPE_LIBDUCKDB err
    fi
    assert_exit 78 env PIPE_LIBDUCKDB=/lib/x86_64-linux-gnu/libc.so.6 \
        pipe-load duckdb:x.db -t t --mode append --create <in
    [ ! -e x.db ]
}

@test "a file that another process has open is waited for, then 75" {
    echo '{"id":1}' >in
    put --mode append --create <in
    mkfifo hold
    "$BATS_FILE_TMPDIR/query" 1 "ATTACH 'x.db' AS x" \
        "COPY (SELECT 1) TO 'holding' (FORMAT csv)" \
        "COPY (SELECT * FROM read_csv('hold', columns = {'a': 'INTEGER'})) TO 'end' (FORMAT csv)" 3>&- &
    within 10 test -e holding
    assert_exit 75 put --mode append --run-id 2 --lock-timeout 200ms <in
    grep -q 'another process has it open' err
    (sleep 0.3 && echo 1 >hold) &
    put --mode append --run-id 3 --lock-timeout 20s <in
    wait
    [ "$(rows 'SELECT count(*) FROM t')" = 2 ]
}

@test "a file that another load made meanwhile stays when this one fails" {
    command -v strace >/dev/null || skip "strace is not installed"
    echo '{"id":1}' >in
    # Held where it has seen, the second time, that there is no file. (A tracer
    # keeps the leak checker from its work.)
    ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 strace -f -qq -o trace -P x.db -e trace=access,faccessat \
        -e inject=access,faccessat:delay_exit=3000000:when=2 \
        pipe-load duckdb:x.db -t u --mode append --create --on-unknown refuse \
        < <(cat in) 2>err 3>&- &
    held=$!
    within 10 grep -q DELAYED trace
    put --mode append --create <in
    code=0
    wait "$held" || code=$?
    ((code == 78))
    grep -q 'nothing committed' err
    [ "$(rows 'SELECT count(*) FROM t')" = 1 ]
}

@test "SIGTERM while waiting for records ends it" {
    mkfifo pipe
    pipe-load duckdb:x.db -t t --mode append --create <pipe &
    exec 7>pipe
    echo '{"id":1}' >&7
    sleep 1
    kill -TERM $!
    local r=0
    wait $! || r=$?
    exec 7>&-
    [ "$r" = 143 ]
    [ ! -e x.db ]
}

@test "what is no DuckDB file, and what may not be written, is said" {
    echo 'this is text, and not a database at all' >x.db
    echo '{"id":1}' >in
    assert_exit 78 put --mode append <in
    assert_exit 66 pipe-load duckdb:none.db -t t --mode append <in
    grep -q -e '--create makes it' err
    assert_exit 64 pipe-load duckdb: -t t --mode append <in
    assert_exit 64 pipe-load duckdb:y.db -t _pipe_loads --mode append --create <in
}

# ---- Parquet

# Loads stdin into Parquet files of table t in lake.
lake() {
    pipe-load file:lake -t t --create --format parquet --on-unknown accept "$@"
}

# The rows of all files, as CSV with a header.
parquet() {
    "$BATS_FILE_TMPDIR/query" 1 "COPY (SELECT * FROM read_parquet('lake/t/**/*.parquet')
        ORDER BY ALL) TO '/dev/stdout' (FORMAT csv)" | cat
}

@test "Parquet: partitions, exact types that all files share, once" {
    printf '%s\n' '{"id":1,"c":"DE","v":1.10,"big":12345678901234567890123}' \
        '{"id":2,"c":"FR","v":2,"o":{"a":1}}' '{"id":3,"c":"DE","v":2.255}' \
        '{"id":"x","c":"DE"}' >in
    lake --mode append --partition-by c --max-reject 50% --dlq dl --run-id r <in
    assert_file <(refused dl) '4 type_mismatch /id'
    assert_file <(parquet) 'id,c,v,big,o
1,DE,1.100,12345678901234567890123,
2,FR,2.000,,"{""a"":1}"
3,DE,2.255,,'
    assert_file <("$BATS_FILE_TMPDIR/query" 1 "COPY (SELECT DISTINCT name, type,
        logical_type FROM parquet_schema('lake/t/*/*.parquet') WHERE name IN
        ('big', 'v') ORDER BY name) TO '/dev/stdout' (FORMAT csv, HEADER false)" | cat) \
        'big,FIXED_LEN_BYTE_ARRAY,"DecimalType(scale=0, precision=38)"
v,INT64,"DecimalType(scale=3, precision=18)"'
    [ -e lake/t/_SUCCESS ] && [ -e lake/t/c=DE/_SUCCESS ]
    lake --mode append --partition-by c --max-reject 50% --run-id r <in 2>err
    grep -q 'nothing changed' err
    [ "$(find lake -name '*.parquet' | wc -l)" = 2 ]
    [ -z "$(find lake -name '.pipe-*' -o -name '*.tmp')" ]
}

@test "Parquet: replace, compression, schema, dry run" {
    echo '{"id":1,"day":"2026-01-01"}' >in
    echo '{"type":"object","properties":{"id":{"type":"integer"},
        "day":{"type":"string","format":"date"}}}' >s.json
    lake --mode replace --partition day=2026-01-01 --compress zstd -n <in
    [ ! -e lake ]
    for id in 1 2; do
        echo "{\"id\":$id,\"day\":\"2026-01-01\"}" |
            lake --mode replace --partition day=2026-01-01 --compress zstd \
                --schema s.json
    done
    assert_file <("$BATS_FILE_TMPDIR/query" 1 "COPY (SELECT id, day, typeof(day)
        FROM read_parquet('lake/t/*/*.parquet', hive_partitioning = false))
        TO '/dev/stdout' (FORMAT csv, HEADER false)" | cat) '2,2026-01-01,DATE'
    [ "$("$BATS_FILE_TMPDIR/query" 1 "COPY (SELECT DISTINCT compression FROM
        parquet_metadata('lake/t/*/*.parquet')) TO '/dev/stdout'
        (FORMAT csv, HEADER false)" | cat)" = ZSTD ]
    lake --mode replace --all --allow-empty </dev/null
    [ -z "$(find lake -name '*.parquet')" ]
}

@test "Parquet: a table of another format is refused, and --schema for others" {
    echo '{"id":1}' >in
    pipe-load file:lake -t t --mode append --create <in
    assert_exit 78 lake --mode append --run-id 2 <in
    echo '{"properties":{"id":{"type":"integer"}}}' >s.json
    assert_exit 64 pipe-load file:lake -t u --mode append --create --schema s.json <in
    assert_exit 65 pipe-load file:lake -t empty --create --format parquet \
        --mode append <<<'{}'
    [ ! -e lake/empty ]
}

@test "Parquet: 20 random kills leave exactly one copy after a re-run" {
    local i ms start wait
    make_orders 2000 >in
    lake --mode append --partition-by country --run-id 0 -q <in
    start=${EPOCHREALTIME/./}
    lake --mode append --partition-by country --run-id probe -n -q <in
    ms=$(((${EPOCHREALTIME/./} - start) / 1000 + 30))
    RANDOM=${KILL_SEED:-42}
    for ((i = 1; i <= 20; i++)); do
        pipe-load file:lake -t t --format parquet --mode append \
            --partition-by country --run-id "$i" -q <in &
        wait=$((RANDOM % ms))
        sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
        kill -9 $! 2>/dev/null || true
        wait $! || true
        lake --mode append --partition-by country --run-id "$i" -q <in 2>/dev/null
    done
    assert_file <("$BATS_FILE_TMPDIR/query" 1 "COPY (SELECT count(*), count(DISTINCT id)
        FROM read_parquet('lake/t/*/*.parquet')) TO '/dev/stdout'
        (FORMAT csv, HEADER false)" | cat) '42000,2000'
    [ -z "$(find lake -name '.pipe-*' -o -name '*.tmp')" ]
}
