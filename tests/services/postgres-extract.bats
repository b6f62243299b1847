# pipe-extract from PostgreSQL.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

extract() { pipe-extract "$URL" "$@"; }

# Sessions of pipe-extract that the server has.
sessions() {
    sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pipe-extract'$1"
}

# A table t, and a function that takes seconds where its value is wanted.
napping() {
    sql "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 10) AS i;
        CREATE FUNCTION nap(float8) RETURNS int STABLE LANGUAGE plpgsql AS
            \$\$BEGIN PERFORM pg_sleep(\$1); RETURN 1; END\$\$"
}

# ---- values

@test "values are exact, each type in its form" {
    sql "CREATE TYPE mood AS ENUM ('sad', 'so \"so\"');
        CREATE DOMAIN cents AS bigint;
        CREATE TABLE t (id bigint, n numeric, f float8, f4 float4, b bool, s text, x bytea, j json, jb jsonb,
            d date, ts timestamp, tz timestamptz, u uuid, i interval, ip inet, m mood, c cents, z text)"
    sql "INSERT INTO t VALUES (9223372036854775807, 12345678901234567890.1234567890, 0.1, 1e20, true,
            E'q\"\\\\\\n\\t\\x01\\u00e9', '\\x00ff10', E'{\"a\" :\\n 1.10}', '{\"k\": [1, 2]}',
            '2026-01-31', '2026-01-31 08:09:10.5', '2026-01-31 08:09:10+01',
            'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1 year 2 days 03:00', '10.0.0.1/8', 'so \"so\"', 5, NULL)"
    extract --table t >out
    assert_file out '{"id":9223372036854775807,"n":12345678901234567890.1234567890,"f":0.1,"f4":1e+20,"b":true,"s":"q\"\\\n\t\u0001é","x":"AP8Q","j":{"a" :  1.10},"jb":{"k": [1, 2]},"d":"2026-01-31","ts":"2026-01-31T08:09:10.5","tz":"2026-01-31T07:09:10Z","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","i":"P1Y2DT3H","ip":"10.0.0.1/8","m":"so \"so\"","c":5,"z":null}'
}

@test "what JSON or RFC 3339 cannot say stays text" {
    extract --query "SELECT 'NaN'::numeric AS a, '-Infinity'::float8 AS b, 'infinity'::timestamptz AS c,
        '0044-03-15 12:00 BC'::timestamp AS d, '-infinity'::date AS e, '12345-01-01'::timestamp AS f,
        '24:00'::time AS g, '{NaN,1}'::float8[] AS h" >out
    assert_file out '{"a":"NaN","b":"-Infinity","c":"infinity","d":"0044-03-15 12:00:00 BC","e":"-infinity","f":"12345-01-01T00:00:00","g":"24:00:00","h":["NaN",1]}'
}

@test "arrays are arrays, of any type and shape" {
    sql "CREATE TYPE mood AS ENUM ('sad', 'a,b'); CREATE DOMAIN small AS int CHECK (VALUE < 10);
        CREATE DOMAIN smaller AS small"
    extract --query "SELECT '{}'::int[] AS a, '{1,NULL,3}'::int8[] AS b, '{{1.10,2},{3,4}}'::numeric[] AS c,
        '[0:1]={7,8}'::int[] AS d, ARRAY['NULL', NULL, '', 'a b', '{\"', E'\\\\\\n'] AS e, '{t,f}'::bool[] AS f,
        ARRAY['\\x00ff'::bytea] AS g, ARRAY['2026-01-31 08:00+00'::timestamptz] AS h, ARRAY['sad', 'a,b']::mood[] AS i,
        '{1,2}'::smaller[] AS j, ARRAY['{\"a\":[1, 2]}'::jsonb, 'null'] AS k,
        ARRAY['(1,1),(0,0)'::box, '(3,3),(2,2)'] AS l, '1 2'::int2vector AS m, ARRAY[ROW(1, 'x')] AS n" >out
    assert_file out '{"a":[],"b":[1,null,3],"c":[[1.10,2],[3,4]],"d":[7,8],"e":["NULL",null,"","a b","{\"","\\\n"],"f":[true,false],"g":["AP8="],"h":["2026-01-31T08:00:00Z"],"i":["sad","a,b"],"j":[1,2],"k":[{"a": [1, 2]},null],"l":["(1,1),(0,0)","(3,3),(2,2)"],"m":"1 2","n":["(1,x)"]}'
}

# The server's own JSON differs in the spelling of UTC and of bytes.
@test "random rows of all types are what row_to_json says" {
    sql "SELECT setseed(0.42); CREATE FUNCTION word() RETURNS text LANGUAGE sql AS \$\$
            SELECT coalesce(string_agg(CASE (random() * 6)::int WHEN 0 THEN chr(1 + (random() * 31)::int)
                WHEN 1 THEN chr(160 + (random() * 50000)::int) WHEN 2 THEN chr(65536 + (random() * 900000)::int)
                WHEN 3 THEN substr('\"\\{},'' ;NULL', 1 + (random() * 10)::int, 1)
                ELSE chr(33 + (random() * 90)::int) END, ''), '')
            FROM generate_series(1, (random() * 12)::int) \$\$;
        CREATE FUNCTION maybe(anyelement) RETURNS anyelement LANGUAGE sql AS
            \$\$ SELECT CASE WHEN random() < 0.9 THEN \$1 END \$\$;
        CREATE TYPE mood AS ENUM ('sad', 'ok', 'a \"b\"');
        CREATE TABLE t AS SELECT maybe(i) AS i, maybe((random() * 60000 - 30000)::int2) AS i2,
            maybe((random() * 1e18)::int8) AS i8, maybe((random() * 1e6)::numeric(20, 8)) AS n,
            maybe(power(10, random() * 600 - 300)) AS f8, maybe((random() * 1000)::float4) AS f4,
            maybe(random() < 0.5) AS b, maybe(word()) AS s, maybe(word()::varchar(5)) AS v, maybe(word()::char(8)) AS c,
            maybe(decode(md5(i::text), 'hex')) AS x, maybe(date '1950-01-01' + (random() * 40000)::int) AS d,
            maybe(timestamp '1950-01-01' + random() * interval '100 years') AS ts,
            maybe(timestamptz '1950-01-01' + random() * interval '100 years') AS tz,
            maybe(time '00:00' + random() * interval '1 day') AS tm, maybe(random() * interval '1000 days') AS iv,
            maybe(gen_random_uuid()) AS u, maybe(('10.0.0.0'::inet + (random() * 1e6)::int)) AS ip,
            maybe((random() * 1e4)::numeric::money) AS mo, maybe(jsonb_build_object(word(), word(), 'a', ARRAY[1, 2])) AS jb,
            maybe(json_build_array(i, word())) AS j, maybe(('{sad,ok,\"a \\\"b\\\"\"}'::mood[])[1 + i % 3]) AS m,
            maybe(ARRAY[i, NULL, -i]) AS ai, maybe(ARRAY[maybe(word()), word(), maybe(word())]) AS at,
            maybe(ARRAY[ARRAY[random()::numeric(9, 5), 1], ARRAY[2, NULL]]) AS an, maybe(ARRAY[now(), NULL]) AS atz,
            maybe(ARRAY['sad', 'a \"b\"']::mood[]) AS am, maybe(ARRAY[jsonb_build_object('k', word())]) AS aj,
            maybe(int4range(i, i + 5)) AS r, maybe(to_tsvector('simple', 'a b')) AS ts1
        FROM generate_series(1, 3000) AS i" >/dev/null
    sql "CREATE VIEW v AS SELECT i, i2, i8, n, f8, f4, b, s, v, c, translate(encode(x, 'base64'), E'\\n', '') AS x,
            d, ts, tz, tm, iv, u, ip, mo, jb, j, m, ai, at, an, atz, am, aj, r, ts1 FROM t"
    PGTZ=UTC PGOPTIONS='-c intervalstyle=iso_8601' sql "COPY (SELECT replace(row_to_json(w)::text, '+00:00\"', 'Z\"')
        FROM v AS w) TO STDOUT (FORMAT csv, QUOTE E'\\x02', DELIMITER E'\\x03')" >want
    extract --table t >have
    [ "$(wc -l <have)" = 3000 ]
    cmp have want
    # Nor has COPY a statement with anything behind its end.
    extract --query 'TABLE t; -- all of it' >have
    cmp have want
}

@test "a row of more than --max-record, and JSON deeper than --max-depth, are rejected" {
    sql "CREATE TABLE t AS SELECT i AS id, repeat('x', CASE i WHEN 3 THEN 200 ELSE 5 END) AS s,
            CASE i WHEN 5 THEN '[[[[1]]]]' ELSE '[[1]]' END::jsonb AS j, CASE i WHEN 6 THEN '{{{1}}}'::int[] END AS a
        FROM generate_series(1, 7) AS i"
    extract --table t --max-record 100 --max-depth 3 --dlq dead --max-reject 100% >out
    [ "$(jq -c .id out | tr '\n' ' ')" = '1 2 4 7 ' ]
    # What is rejected is kept as COPY wrote it.
    jq -r '.errors[0].code, .errors[0].path, .raw' dead >have
    printf '%s\n' too_long null "3	$(printf '%0200d' 0 | tr 0 x)	[[1]]	\\N" \
        too_deep /j '5	xxxxx	[[[[1]]]]	\N' too_deep /a '6	xxxxx	[[1]]	{{{1}}}' >want
    cmp have want
    assert_exit 65 extract --table t --max-record 100
}

@test "a database without an encoding: text that is not UTF-8 is rejected, by name" {
    sql "CREATE DATABASE raw ENCODING SQL_ASCII TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    PGDATABASE=raw PGCLIENTENCODING=SQL_ASCII psql -Xq \
        -c "CREATE TABLE t AS SELECT 1 AS id, convert_from('\x41', 'SQL_ASCII') AS a, convert_from('\xff41', 'SQL_ASCII') AS b" \
        -c "INSERT INTO t VALUES (2, 'x', 'y')"
    pipe-extract "${URL%/*}/raw" --table t --dlq dead --max-reject 100% >out
    assert_file out '{"id":2,"a":"x","b":"y"}'
    [ "$(jq -r '.errors[0] | .code + .path' dead)" = invalid_utf8/b ]
    sql 'DROP DATABASE raw' 2>/dev/null
}

# ---- what is asked

@test "--table takes a schema and quotes names; --query takes a date, and a file" {
    sql 'CREATE SCHEMA "Odd ""x"; CREATE TABLE "Odd ""x"."T; DROP TABLE t;--" AS SELECT 1 AS id, 2 AS "V""\ü"'
    extract --table 'Odd "x.T; DROP TABLE t;--' >out
    assert_file out '{"id":1,"V\"\\ü":2}'
    printf "SELECT date '{date}' + 1 AS d -- tomorrow" >q.sql
    extract --query @q.sql --date 2026-01-31 >out
    assert_file out '{"d":"2026-02-01"}'
    assert_exit 64 extract --query @q.sql
    assert_exit 66 extract --query @none.sql
    printf 'SELECT\0 1' >nul.sql
    assert_exit 64 extract --query @nul.sql
}

@test "statements without COPY's syntax give their rows too" {
    [ "$(extract --query 'SHOW server_encoding')" = '{"server_encoding":"UTF8"}' ]
    [ "$(extract --query 'EXPLAIN (COSTS off) SELECT 1' | jq -r '."QUERY PLAN"')" = Result ]
    [ "$(extract --query 'VALUES (1, NULL), (2, 3);')" = $'{"column1":1,"column2":null}\n{"column1":2,"column2":3}' ]
    [ "$(extract --query 'WITH a AS (SELECT 1 AS x) TABLE a /* all */ ; ')" = '{"x":1}' ]
    [ "$(extract --query "SELECT ';' AS x, ')' AS y -- )")" = '{"x":";","y":")"}' ]
}

@test "nothing can be written, and one statement is all" {
    sql 'CREATE TABLE t AS SELECT 1 AS id; CREATE SEQUENCE seq;
        CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql AS $$BEGIN DELETE FROM t; RETURN 1; END$$'
    assert_exit 77 extract --query 'DELETE FROM t RETURNING id'
    assert_exit 77 extract --query 'SELECT sly() AS id'
    assert_exit 77 extract --query "SELECT nextval('seq') AS id"
    assert_exit 77 extract --query 'WITH d AS (DELETE FROM t RETURNING id) TABLE d'
    assert_exit 78 extract --query 'SELECT 1 AS id; DELETE FROM t'
    assert_exit 78 extract --query 'SELECT 1 AS a) TO STDOUT; DELETE FROM t; --'
    assert_exit 64 extract --query 'SET work_mem = 64'
    assert_exit 64 extract --query ''
    assert_exit 64 extract --query 'SELECT 1 AS id, 2 AS id'
    assert_exit 64 extract --query 'SELECT 1 AS id' --table t
    assert_exit 64 extract
    assert_exit 64 pipe-extract --table t x.csv
    assert_exit 64 pipe-extract --table t
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "an empty table gives no records; a table without columns is no query" {
    sql 'CREATE TABLE t (id int); CREATE TABLE u ()'
    assert_exit 0 extract --table t
    assert_file out ''
    assert_exit 64 extract --table u
}

# ---- ranges

# ranges COLUMN [N]: the rows of t by N connections, sorted.
ranges() { extract --table t --split "$1" -j "${2:-4}" | sort; }

@test "--split -j loses and doubles no row, whatever the column" {
    sql "CREATE TABLE t AS SELECT i AS id, (i % 3)::int2 AS few, 7 AS one, NULL::int AS none, md5(i::text) AS s,
            i / 7.0 AS n, timestamp '2020-01-01' + i * interval '1 min' AS ts, date '2020-01-01' + i % 1000 AS d,
            md5(i::text)::uuid AS u, random() * 10 AS f, i % 2 = 0 AS \"B \"\"b\", 9223372036854750000 + i AS big
        FROM generate_series(1, 20000) AS i;
        INSERT INTO t SELECT NULL FROM generate_series(1, 50);
        INSERT INTO t (id, n, ts, d, f) VALUES (-2147483648, 'NaN', 'infinity', '-infinity', 'NaN'),
            (2147483647, '-Infinity', '-infinity', 'infinity', '-Infinity')"
    extract --table t | sort >want
    [ "$(wc -l <want)" = 20052 ]
    for column in id few one none s n ts d u f 'B "b' ctid; do
        ranges "$column" >have
        cmp have want
    done
    ranges id 1 | cmp - want
    ranges ctid 60 | cmp - want
    extract --query 'SELECT * FROM t WHERE id > 0 -- some' --split id -j 3 | sort >have
    extract --query 'SELECT * FROM t WHERE id > 0' | sort | cmp - have
    sql 'TRUNCATE t'
    for column in id s ts ctid; do
        [ -z "$(ranges "$column")" ]
    done
}

@test "--split by ctid reads all partitions" {
    sql "CREATE TABLE t (id int, v text) PARTITION BY RANGE (id);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100);
        CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (100) TO (100000);
        INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(0, 20000) AS i"
    extract --table t | sort >want
    ranges ctid | cmp - want
}

@test "the connections of --split see one state of the database" {
    sql "CREATE TABLE t AS SELECT i AS id, 10 AS v FROM generate_series(1, 40000) AS i"
    # Moves one unit from one end to the other, without an end.
    psql -Xq >/dev/null 2>&1 3>&- <<'SQL' &
SET application_name = 'mover';
DO $$BEGIN FOR i IN 1..20000 LOOP
    UPDATE t SET v = v - 1, id = 50000 - id WHERE id = 10000 + i % 20000;
    UPDATE t SET v = v + 1 WHERE id = 1;
    COMMIT;
END LOOP; END$$
SQL
    within 10 eval "[ \"\$(sql \"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mover'\")\" = 1 ]"
    for _ in 1 2 3 4 5; do
        [ "$(extract --table t --split id -j 4 | jq -s 'map(.v) | [length, add]' -c)" = '[40000,400000]' ]
    done
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mover'" >/dev/null
    wait
}

@test "--split works on all its connections at once" {
    sql "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 40) AS i;
        CREATE FUNCTION slow(i int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT i FROM pg_sleep(0.05)'"
    extract --query 'SELECT id, (SELECT max(active) FROM (SELECT slow(id), count(*) AS active FROM pg_stat_activity
        WHERE application_name = '"'pipe-extract' AND state = 'active'"') AS x) AS n FROM t' --split id -j 4 >out
    [ "$(jq -s 'map(.n) | max' out)" = 4 ]
    [ "$(jq -s 'map(.id) | sort == [range(1; 41)]' out)" = true ]
}

@test "--split says what it needs" {
    sql 'CREATE TABLE t AS SELECT 1 AS id; CREATE VIEW v AS TABLE t'
    assert_exit 64 extract --table t --split id
    grep -q -- '--split goes with -j' err
    assert_exit 78 extract --table t --split none -j 2
    grep -q "no column 'none'" err
    [ "$(extract --table v --split ctid -j 2)" = '{"id":1}' ]
    assert_exit 78 extract --query 'TABLE t' --split ctid -j 2
    assert_exit 64 pipe-extract --split id t.csv
    assert_exit 78 extract --query 'SHOW work_mem' --split work_mem -j 2
}

# ---- cursors

# since COLUMN [OPTION...]: appends to the table got what is new in t; prints ids.
since() {
    local column=$1
    shift
    local decimal=()
    [ "${type-}" != numeric ] || decimal=(--decimal c=text)
    extract --pipeline p --cursor "$column" --source-name t --resume-from sqlite:got.db "$@" >new.ndjson
    pipe-load sqlite:got.db --pipeline p -t got --mode append --create "${decimal[@]}" <new.ndjson
    jq -c .id new.ndjson | tr '\n' ' '
}

@test "--cursor goes on at the value that was committed, by the column's own order" {
    need_command sqlite3 jq
    local cases=(
        "bigint|9223372036854775800|9223372036854775801|9223372036854775807"
        "numeric|9.5|10.25|123456789012345678901234567890.5"
        "timestamptz|2026-01-31 23:30:00+00|2026-02-01 00:45:00+01|2026-02-01 00:00:00.000001+00"
        "timestamp|2026-01-31 23:30:00|2026-01-31 23:30:00.5|2026-02-01 00:00:00"
        "date|2026-01-31|2026-02-01|2026-02-02"
        "text|Z|a|ä"
        "uuid|00000000-0000-0000-0000-00000000000f|a0000000-0000-0000-0000-000000000000|ffffffff-0000-0000-0000-000000000000"
        "pg_lsn|0/FF|9/FFFFFFFF|A/0"
    )
    for c in "${cases[@]}"; do
        IFS='|' read -r type one two three <<<"$c"
        rm -f got.db
        sql "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, c $type)" 2>/dev/null
        sql "INSERT INTO t VALUES (2, '$two'), (1, '$one')"
        [ "$(since c --table t)" = '1 2 ' ] || fail "$type: $(cat new.ndjson)"
        [ "$(since c --table t)" = '' ] || fail "$type: $(cat new.ndjson)"
        # One with the very value, one above it, one below it.
        sql "INSERT INTO t VALUES (4, '$three'), (3, '$two'), (5, '$one')"
        [ "$(since c --query 'SELECT id, c FROM t ORDER BY random();')" = '3 4 ' ] ||
            fail "$type: $(cat new.ndjson)"
    done
}

@test "{cursor} stands where the statement wants it, quoted; NULL at first" {
    sql "CREATE TABLE t AS SELECT i AS id, 'o''' || i AS c FROM generate_series(1, 3) AS i"
    q='SELECT * FROM t WHERE {cursor} IS NULL OR c >= {cursor} ORDER BY c COLLATE "C"'
    [ "$(since c --query "$q")" = '1 2 3 ' ]
    sql "INSERT INTO t VALUES (4, 'o''4')"
    [ "$(since c --query "$q")" = '4 ' ]
    assert_exit 64 extract --query "$q"
}

@test "a cursor that has no order to keep, or no column, is refused" {
    sql "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (id int, m mood, j jsonb)"
    for column in m j; do
        assert_exit 64 extract --pipeline p --cursor "$column" --resume-from sqlite:got.db --table t
        grep -q "column '$column' is no number" err
    done
    assert_exit 78 extract --pipeline p --cursor none --resume-from sqlite:got.db --table t
    assert_exit 64 extract --pipeline p --cursor id --resume-from sqlite:got.db --table t --split id -j 2
}

# ---- faults

@test "memory does not grow with the rows, nor with the connections" {
    [ "$FLAVOUR" = asan ] || ulimit -v 200000
    [ "$(extract --query "SELECT i, repeat('x', 200) AS v FROM generate_series(1, 300000) AS i" | wc -l)" = 300000 ]
    sql "CREATE TABLE t AS SELECT i AS id, repeat('x', 200) AS v FROM generate_series(1, 200000) AS i"
    [ "$(extract --table t --split id -j 8 | wc -l)" = 200000 ]
}

@test "an error in mid-read fails the whole" {
    assert_exit 65 extract --query 'SELECT 1 / (200000 - i) AS id FROM generate_series(1, 300000) AS i'
    grep -q 'division by zero' err
    assert_exit 65 extract --query 'SELECT i, 1 / (200000 - i) AS id FROM generate_series(1, 300000) AS i' --split i -j 3
    PGOPTIONS='-c statement_timeout=300ms' assert_exit 75 extract --query 'SELECT i, pg_sleep(0.01) FROM generate_series(1, 1000) AS i'
    grep -q 'statement timeout' err
}

@test "a session that is killed in mid-read is 75, and a loader behind commits nothing" {
    sql 'CREATE TABLE got (i int)'
    pipe-extract "$URL" --query "SELECT i, pg_sleep(0.01)::text AS p FROM generate_series(1, 3000) AS i" 2>err |
        pipe-load "$URL" -t copied --mode append --create 2>err2 &
    within 10 eval "[ \"\$(sessions \" AND state = 'active'\")\" = 1 ]"
    sleep 0.3
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pipe-extract'" >/dev/null
    code=0
    wait $! || code=$?
    [ "$code" = 75 ]
    grep -q 'cannot read from PostgreSQL' err
    [ "$(sql "SELECT to_regclass('copied') IS NULL OR NOT EXISTS (SELECT FROM pg_class WHERE relname = 'copied' AND reltuples > 0)")" = t ]
    napping
    pipe-extract "$URL" --query 'SELECT id, nap(60) FROM t' --split id -j 3 >out 2>err 3>&- &
    within 10 eval "[ \"\$(sessions \" AND state = 'active'\")\" = 3 ]"
    sql "SELECT pg_terminate_backend(max(pid)) FROM pg_stat_activity WHERE application_name = 'pipe-extract'" >/dev/null
    code=0
    wait $! || code=$?
    [ "$code" = 75 ]
    within 10 eval '[ "$(sessions)" = 0 ]'
}

@test "a server that is not there is 69, a role without rights 77, a table not there 78" {
    sql 'CREATE TABLE t AS SELECT 1 AS id; DROP ROLE IF EXISTS nobody2; CREATE ROLE nobody2 LOGIN;
        GRANT USAGE ON SCHEMA public TO nobody2' 2>/dev/null
    assert_exit 69 pipe-extract postgresql://pipe@127.0.0.1:1/postgres --table t
    assert_exit 78 pipe-extract "postgresql://pipe@127.0.0.1:$PGPORT/none" --table t
    assert_exit 77 pipe-extract "postgresql://nobody2@127.0.0.1:$PGPORT/postgres" --table t
    assert_exit 78 extract --table none
    grep -q 'relation "none" does not exist' err
    assert_exit 64 pipe-extract "postgresql://pipe:secret@127.0.0.1:$PGPORT/postgres" --table t
    run ! grep -q secret err
}

@test "SIGTERM ends the read, on all connections" {
    napping
    pipe-extract "$URL" --query 'SELECT id, nap(60) FROM t' --split id -j 3 >out 2>err 3>&- &
    local pid=$! code=0
    within 10 eval "[ \"\$(sessions \" AND state = 'active'\")\" = 3 ]"
    kill -TERM $pid
    wait $pid || code=$?
    [ "$code" = 143 ]
    within 10 eval '[ "$(sessions)" = 0 ]'
}

@test "SIGTERM ends the read of a server that does not answer any more" {
    napping
    pipe-extract "$URL" --query 'SELECT id, nap(60) FROM t' --split id -j 3 >out 2>err 3>&- &
    local pid=$! code=0 server
    within 10 eval "[ \"\$(sessions \" AND state = 'active'\")\" = 3 ]"
    server=$(head -n 1 "$PG_DIR/data/postmaster.pid")
    # shellcheck disable=SC2046 # one word a process
    kill -STOP "$server" $(pgrep -P "$server")
    kill -TERM $pid
    timeout 10 tail --pid=$pid -f /dev/null || code=hangs
    # shellcheck disable=SC2046
    kill -CONT "$server" $(pgrep -P "$server")
    [ "$code" = 0 ] || fail "the read goes on"
    wait $pid || code=$?
    [ "$code" = 143 ]
    within 10 eval '[ "$(sessions)" = 0 ]'
}

@test "a reader that goes away ends the read" {
    extract --query 'SELECT generate_series(1, 100000000) AS i' | head -n 1 >out
    assert_file out '{"i":1}'
    within 10 eval '[ "$(sessions)" = 0 ]'
}
