# pipe-join with PostgreSQL as the reference.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

lines() { printf '%s\n' "$@"; }

@test "values are exact, each type in its form" {
    sql "CREATE TABLE t (id bigint, n numeric, f float8, b bool, s text, x bytea, j json, jb jsonb,
            d date, ts timestamp, tz timestamptz, u uuid, a int[], nan numeric, z text)"
    sql "INSERT INTO t VALUES (9223372036854775807, 12345678901234567890.1234567890, 0.1, true,
            E'q\"\\\\\\n\\u00e9', '\\x00ff10', E'{\"a\" :\\n 1.10}', '{\"k\": [1, 2]}',
            '2026-01-31', '2026-01-31 08:09:10.5', '2026-01-31 08:09:10+01',
            'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,2}', 'NaN', NULL)"
    lines '{"id":9223372036854775807}' | pipe-join "$URL" --table t -k id >out
    assert_file out '{"id":9223372036854775807,"n":12345678901234567890.1234567890,"f":0.1,"b":true,"s":"q\"\\\né","x":"AP8Q","j":{"a" :  1.10},"jb":{"k": [1, 2]},"d":"2026-01-31","ts":"2026-01-31T08:09:10.5","tz":"2026-01-31T07:09:10Z","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","a":[1,2],"nan":"NaN","z":null}'
}

@test "times that RFC 3339 cannot say stay text" {
    sql "CREATE TABLE t AS SELECT 1 AS id, 'infinity'::timestamptz AS a, '0044-03-15 12:00 BC'::timestamp AS b"
    [ "$(lines '{"id":1}' | pipe-join "$URL" --table t -k id | jq -c '[.a, .b]')" = \
        '["infinity","0044-03-15 12:00:00 BC"]' ]
}

@test "a join is that of the server, with keys of all kinds" {
    need_command jq
    sql "CREATE TABLE r AS SELECT CASE WHEN i % 11 = 0 THEN NULL ELSE i % 3000 END AS id, i AS n
            FROM generate_series(1, 5000) AS i"
    seq 1 4000 | jq -c '{i: ., k: (. * 7 % 4000)}' >in.ndjson
    pipe-join "$URL" --table r -k k=id --multi all <in.ndjson | jq -r '"\(.i)|\(.n // "")"' | sort >have
    sql "SELECT i, n FROM (SELECT i, i * 7 % 4000 AS k FROM generate_series(1, 4000) AS i) AS s
            LEFT JOIN r ON r.id = s.k" | sort >want
    cmp have want
    pipe-join "$URL" --table r -k k=id --multi all --memory 1M <in.ndjson | jq -r '"\(.i)|\(.n // "")"' | sort >have
    cmp have want
}

@test "a query of many rows comes in bounded memory" {
    [ "$FLAVOUR" = asan ] || ulimit -v 400000
    lines '{"id":7}' | pipe-join "$URL" -k id --memory 4M -v --query \
        "SELECT i AS id, repeat('x', 200) AS v FROM generate_series(1, 500000) AS i" >out 2>err
    grep -q 'joined on disk' err
    [ "$(jq '.v | length' out)" = 200 ]
}

@test "--table takes a schema, quotes names; --query takes the date" {
    sql 'CREATE SCHEMA "Odd ""x"; CREATE TABLE "Odd ""x"."T" AS SELECT 1 AS id, 2 AS "V"'
    lines '{"id":1}' >in.ndjson
    [ "$(pipe-join "$URL" --table 'Odd "x.T' -k id <in.ndjson)" = '{"id":1,"V":2}' ]
    [ "$(pipe-join "$URL" --query "SELECT 1 AS id, date '{date}' + 1 AS d" --date 2026-01-31 -k id <in.ndjson)" = \
        '{"id":1,"d":"2026-02-01"}' ]
}

@test "nothing can be written, and one statement is all" {
    sql 'CREATE TABLE t AS SELECT 1 AS id'
    assert_exit 77 pipe-join "$URL" --query 'DELETE FROM t RETURNING id' -k id </dev/null
    assert_exit 78 pipe-join "$URL" --query 'SELECT 1 AS id; DELETE FROM t' -k id </dev/null
    assert_exit 64 pipe-join "$URL" --query 'SET work_mem = 64' -k id </dev/null
    assert_exit 64 pipe-join "$URL" --query '' -k id </dev/null
    assert_exit 64 pipe-join "$URL" --query 'SELECT 1 AS id, 2 AS id' -k id </dev/null
    assert_exit 78 pipe-join "$URL" --table none -k id </dev/null
    grep -q 'relation "none" does not exist' err
    assert_exit 65 pipe-join "$URL" --query 'SELECT 1 / (3 - i) AS id FROM generate_series(1, 5) AS i' -k id </dev/null
    assert_file out ''
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "an empty table is a reference without matches" {
    sql 'CREATE TABLE t (id int)'
    [ "$(lines '{"id":1}' | pipe-join "$URL" --table t -k id)" = '{"id":1}' ]
}

@test "a password in the URI is refused, one in the environment is used" {
    assert_exit 64 pipe-join "postgresql://pipe:secret@127.0.0.1:$PGPORT/postgres" --table t -k id </dev/null
    grep -q PGPASSFILE err
    run ! grep -q secret err
    assert_exit 69 pipe-join postgresql://pipe@127.0.0.1:1/postgres --table t -k id </dev/null
    assert_exit 78 pipe-join "postgresql://pipe@127.0.0.1:$PGPORT/none" --table t -k id </dev/null
}

@test "SIGTERM ends a query that goes on" {
    pipe-join "$URL" --query 'SELECT pg_sleep(60), 1 AS id' -k id </dev/null >out 2>err &
    local pid=$! code=0
    within 10 eval "[ \"\$(sql \"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pipe-join' AND state = 'active'\")\" = 1 ]"
    kill -TERM $pid
    wait $pid || code=$?
    [ "$code" = 143 ]
    within 10 eval "[ \"\$(sql \"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pipe-join'\")\" = 0 ]"
}

@test "a server that is away: the cache stands in, fresh or by --stale-ok" {
    sql 'CREATE TABLE t AS SELECT 1 AS id, 2 AS v'
    lines '{"id":1}' >in.ndjson
    pipe-join "$URL" --table t -k id --cache kept <in.ndjson >want
    run ! grep -q secret kept
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pipe-join'" >/dev/null
    (cd / && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m fast -w stop) >/dev/null 3>&-
    assert_exit 0 pipe-join "$URL" --table t -k id --cache kept --cache-ttl 1h <in.ndjson
    cmp out want
    assert_exit 69 pipe-join "$URL" --table t -k id --cache kept <in.ndjson
    assert_exit 0 pipe-join "$URL" --table t -k id --cache kept --stale-ok <in.ndjson
    cmp out want
    grep -q 'goes on with the reference of' err
    pg_launch
}
