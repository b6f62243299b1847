#!/usr/bin/env bats
# pipe-extract from SQLite.
load ../helper

setup() {
    pipe_setup
    need_command jq sqlite3
}

extract() { pipe-extract sqlite:a.db "$@"; }

@test "values are exact, by how they are stored" {
    sqlite3 a.db "CREATE TABLE t (i INTEGER, r REAL, s TEXT, b BLOB, n NUMERIC, f BOOLEAN, d DATE, z);
        INSERT INTO t VALUES (9223372036854775807, 0.1, 'q\"\\é' || char(10, 1), x'00ff10', '1.50', 1, '2026-01-31', NULL),
            (-9223372036854775808, 1e300, '', x'', 12, 0, 20260131, 'x'),
            (0, 2, '00123', 'text', 1234567890.123456789, NULL, NULL, 5.0)"
    extract --table t >out
    assert_file out '{"i":9223372036854775807,"r":0.1,"s":"q\"\\é\n\u0001","b":"AP8Q","n":1.5,"f":1,"d":"2026-01-31","z":null}
{"i":-9223372036854775808,"r":1e+300,"s":"","b":"","n":12,"f":0,"d":20260131,"z":"x"}
{"i":0,"r":2.0,"s":"00123","b":"text","n":1234567890.1234567,"f":null,"d":null,"z":5.0}'
}

@test "random rows are what json_object says" {
    sqlite3 a.db "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        SELECT i, random() AS a, abs(random() % 1000) / 8.0 AS r,
            CASE WHEN random() % 5 THEN char(1 + abs(random() % 120), 34, 92, 300 + abs(random() % 50000)) END AS s FROM n"
    sqlite3 a.db "SELECT json_object('i', i, 'a', a, 'r', r, 's', s) FROM t" | jq -cS . >want
    extract --table t | jq -cS . >have
    [ "$(wc -l <have)" = 5000 ]
    cmp have want
    sqlite3 a.db 'SELECT a FROM t' >want
    extract --query 'SELECT a FROM t' | tr -dc '0-9\n-' >have
    cmp have want
}

@test "a value that has no form in JSON rejects its row alone" {
    sqlite3 a.db "CREATE TABLE t (id, v); INSERT INTO t VALUES (1, 'a'), (2, 9e999), (3, CAST(x'ff' AS TEXT)), (4, 'b'),
        (5, '$(printf '%0300d' 7)')"
    extract --table t --dlq dead --max-reject 100% --max-record 200 >out
    assert_file out $'{"id":1,"v":"a"}\n{"id":4,"v":"b"}'
    [ "$(jq -r '.errors[0] | .code + (.path // "")' dead)" = $'number_range/v\ninvalid_utf8/v\ntoo_long' ]
    assert_exit 65 extract --table t
}

@test "names are quoted, dates filled in, statements read from files" {
    sqlite3 a.db 'CREATE TABLE "T; DROP TABLE x;--" AS SELECT 1 AS "V""\ü"; CREATE TABLE x AS SELECT 1'
    extract --table 'T; DROP TABLE x;--' >out
    assert_file out '{"V\"\\ü":1}'
    extract --table 'main.x' >out
    assert_file out '{"1":1}'
    printf "SELECT date('{date}', '+1 day') AS d;\n-- tomorrow\n" >q.sql
    sed -i '$d' q.sql
    extract --query @q.sql --date 2026-01-31 >out
    assert_file out '{"d":"2026-02-01"}'
    assert_exit 64 extract --query @q.sql
}

@test "nothing is written, and one statement is all" {
    sqlite3 a.db 'CREATE TABLE t AS SELECT 1 AS id'
    before=$(md5sum <a.db)
    for q in 'DELETE FROM t' 'DELETE FROM t RETURNING id' 'SELECT 1; SELECT 2' '' 'ATTACH "b.db" AS b' \
        'SELECT 1 AS a, 2 AS a' 'PRAGMA journal_mode = WAL'; do
        assert_exit 64 extract --query "$q" || fail "$q"
    done
    assert_exit 78 extract --query 'SELEC 1'
    assert_exit 78 extract --table none
    grep -q 'no such table' err
    assert_exit 64 extract
    assert_exit 64 extract --table t --query 'SELECT 1'
    assert_exit 64 extract --table t --split id -j 2
    assert_exit 64 pipe-extract --table t a.csv
    [ "$(md5sum <a.db)" = "$before" ]
    [ ! -e b.db ]
}

@test "what is no database is 65, what is not there 66" {
    assert_exit 66 pipe-extract sqlite:none.db --table t
    mkdir folder
    assert_exit 66 pipe-extract sqlite:folder --table t
    seq 1 1000 >bad.db
    assert_exit 65 pipe-extract sqlite:bad.db --table t
    sqlite3 a.db "CREATE TABLE t AS SELECT 1 AS id, zeroblob(50000) AS v"
    head -c 20000 a.db >cut.db
    assert_exit 65 pipe-extract sqlite:cut.db --table t
    [ ! -e none.db ]
}

@test "a database in WAL mode is read while it is written" {
    sqlite3 a.db "PRAGMA journal_mode = WAL; CREATE TABLE t (id); INSERT INTO t VALUES (1)" >/dev/null
    mkfifo to
    sqlite3 a.db <to >/dev/null 3>&- &
    exec 7>to
    echo "BEGIN IMMEDIATE; INSERT INTO t VALUES (2);" >&7
    within 10 eval "! sqlite3 a.db 'BEGIN IMMEDIATE' 2>/dev/null"
    extract --table t >out
    assert_file out '{"id":1}'
    echo "COMMIT;" >&7
    within 10 eval '[ "$(extract --table t | wc -l)" = 2 ]'
    exec 7>&-
    wait
}

@test "--cursor goes on at the value that was committed, ties told apart" {
    since() {
        extract --pipeline p --cursor c --source-name t --resume-from sqlite:got.db "$@" >new.ndjson
        pipe-load sqlite:got.db --pipeline p -t got --mode append --create <new.ndjson
        jq -c .id new.ndjson | tr '\n' ' '
    }
    for values in '9|10|11' "'Z'|'a'|'o''é'" '0.5|1.25|1e3' "'2026-01-31T23:00:00Z'|'2026-02-01T00:00:00Z'|'2026-02-01T00:00:01Z'"; do
        IFS='|' read -r one two three <<<"$values"
        rm -f a.db got.db
        sqlite3 a.db "CREATE TABLE t (id, c COLLATE NOCASE); INSERT INTO t VALUES (2, $two), (1, $one)"
        [ "$(since --table t)" = '1 2 ' ] || fail "$values: $(cat new.ndjson)"
        [ "$(since --table t)" = '' ]
        sqlite3 a.db "INSERT INTO t VALUES (4, $three), (3, $two), (5, $one)"
        [ "$(since --query 'SELECT id, c FROM t ORDER BY random();')" = '3 4 ' ] || fail "$values: $(cat new.ndjson)"
        sqlite3 a.db "INSERT INTO t VALUES (6, $three)"
        [ "$(since --query 'SELECT * FROM t WHERE {cursor} IS NULL OR c >= {cursor} ORDER BY c')" = '6 ' ]
    done
    assert_exit 78 extract --pipeline p --cursor none --resume-from sqlite:got.db --table t
    assert_exit 64 extract --query 'SELECT {cursor} AS c'
}

@test "a read is bounded in memory and ends with its reader" {
    [ "$FLAVOUR" = asan ] || ulimit -v 200000
    sqlite3 a.db "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
        SELECT i, printf('%0100d', i) AS v FROM n"
    [ "$(extract --table t | wc -l)" = 300000 ]
    extract --query 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n' | head -n 1 >out
    assert_file out '{"i":1}'
}

@test "SIGTERM ends a statement that gives nothing" {
    sqlite3 a.db 'CREATE TABLE t (id)'
    local code=0
    pipe-extract sqlite:a.db --query 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0' \
        >out 2>err 3>&- &
    sleep 0.3
    kill -TERM $!
    wait $! || code=$?
    [ "$code" = 143 ]
    assert_file out ''
}

@test "tables of one database have a position each; a query wants a name" {
    sqlite3 a.db "CREATE TABLE t (id, c); INSERT INTO t VALUES (1, 9);
        CREATE TABLE u (id, c); INSERT INTO u VALUES (7, 1)"
    for table in t u u; do
        pipe-extract sqlite:a.db --pipeline p --table $table --cursor c --resume-from sqlite:got.db |
            pipe-load sqlite:got.db --pipeline p -t $table --mode append --create
    done
    [ "$(sqlite3 got.db 'SELECT id FROM t UNION ALL SELECT id FROM u' | xargs)" = '1 7' ]
    show() { pipe-extract --show-state --pipeline p --resume-from sqlite:got.db "$@" | jq -r .source | xargs; }
    [ "$(show sqlite:a.db)" = 'sqlite:a.db#t sqlite:a.db#u' ]
    [ "$(show --source-name sqlite:a.db#u sqlite:a.db)" = 'sqlite:a.db#u' ]
    [ -z "$(show sqlite:a)" ]
    assert_exit 64 extract --pipeline p --cursor c --resume-from sqlite:got.db --query 'SELECT * FROM t'
    grep -q 'wants --source-name' err
}

@test "going on without a cursor is noted: it reads all" {
    sqlite3 a.db "CREATE TABLE t (id); INSERT INTO t VALUES (1)"
    assert_exit 0 extract --pipeline p --resume-from sqlite:got.db --table t
    grep -q -- '--resume-from changed nothing' err
    assert_exit 0 extract --pipeline p --resume-from sqlite:got.db --table t --cursor id
    [ ! -s err ]
}

@test "a database given as a file says how it is read" {
    sqlite3 a.db 'CREATE TABLE t (id)'
    assert_exit 64 pipe-extract a.db
    grep -q "'a.db' is a database of SQLite: read it as sqlite:FILE" err
    assert_exit 64 pipe-extract a.db --table t
    grep -q 'is for databases (sqlite:FILE' err
}
