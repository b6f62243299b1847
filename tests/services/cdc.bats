#!/usr/bin/env bats
# Change streams of a real PostgreSQL: snapshot and stream, both plugins, slots
# that are gone, readers that are killed.
load ../helper
load postgres

setup_file() {
    PG_CONF='wal_level = logical
max_replication_slots = 40
max_wal_senders = 40
wal_sender_timeout = 2s' pg_start
    export CDC=postgresql+cdc://pipe@127.0.0.1:$PGPORT/postgres
}
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    EXEC=
    drop_slots
    sql 'SET client_min_messages = warning; DROP SCHEMA public CASCADE;
        CREATE SCHEMA public; DROP PUBLICATION IF EXISTS p'
}

# Slots of tests before; their sessions may take a moment to end.
drop_slots() {
    sql "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
        WHERE active" >/dev/null
    within 10 eval "sql 'SELECT count(pg_drop_replication_slot(slot_name))
        FROM pg_replication_slots' >/dev/null 2>&1"
}

# A table with a row, in a publication.
make_table() {
    sql "CREATE TABLE t (id int PRIMARY KEY, v text, n int, big text);
        ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
        INSERT INTO t VALUES (1, 'a', 0, repeat('x', 5000)), (2, 'b', 0, NULL);
        CREATE PUBLICATION p FOR TABLE t"
}

# $EXEC: exec where a stage is to be the shell's own child, to be killed.
extract() {
    $EXEC pipe-extract "$CDC" --slot s --publication p "$@"
}

has_plugin() {
    sql "SELECT pg_drop_replication_slot(slot_name) FROM
        pg_create_logical_replication_slot('probe', '$1')" >/dev/null 2>&1 ||
        skip "the server has no plugin $1"
}

@test "the snapshot is a truncation and all rows; the stream what came behind" {
    need_command jq
    make_table
    extract >out
    run -0 jq -c '[.op, .after.id, .source.snapshot, .source.table]' out
    [ "$output" = $'["t",null,"true","t"]\n["r",1,"true","t"]\n["r",2,"true","t"]' ] || fail "$output"
    sql "BEGIN; INSERT INTO t VALUES (3, 'c', 0, ''); UPDATE t SET v = 'z' WHERE id = 1; COMMIT"
    sql "UPDATE t SET id = 9 WHERE id = 2; DELETE FROM t WHERE id = 3; TRUNCATE t"
    extract --snapshot never >out
    run -0 jq -c '[.op, .before, .after.id, (.after // {} | has("big"))]' out
    diff - <(echo "$output") <<'END'
["c",null,3,true]
["u",null,1,false]
["u",{"id":2},9,true]
["d",{"id":3},null,false]
["t",null,null,false]
END
    [ "$(jq -s '[.[].source | select(.txId > 0 and .lsn > 0 and .ts_ms > 0 and .db == "postgres")] | length' out)" = 5 ]
}

@test "values are exact, in the snapshot as in the stream, and as a query has them" {
    need_command jq
    local rows="(9223372036854775807, 12345678901234567890.1234567890, 0.1, true,
            E'q\"\\\\\\n\\t\\u00e9', '\\x00ff10', E'{\"a\" :\\n 1.10}', '{\"k\": [1, 2]}', '2026-01-31',
            '2026-01-31 08:09:10.5', '2026-01-31 08:09:10+01', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
            '{1,2}', 'NaN', NULL, '\\N', '', 'on')"
    sql "CREATE TYPE mood AS ENUM ('on', 'off');
        CREATE TABLE t (id bigint PRIMARY KEY, n numeric, f float8, b bool, s text, x bytea, j json, jb jsonb,
            d date, ts timestamp, tz timestamptz, u uuid, a int[], nan float8, z text, bs text, e text, m mood,
            made int GENERATED ALWAYS AS (1) STORED);
        CREATE PUBLICATION p FOR TABLE t; INSERT INTO t VALUES $rows"
    extract >out
    tail -n 1 out | jq -c .after >snapshot
    sql "TRUNCATE t; INSERT INTO t VALUES $rows"
    extract --snapshot never >out
    tail -n 1 out | jq -c .after >stream
    cmp snapshot stream
    tail -n 1 out | grep -qF '"n":12345678901234567890.1234567890,"f":0.1,"b":true,"s":"q\"\\\n\té","x":"AP8Q","j":{"a" :  1.10},"jb":{"k": [1, 2]},"d":"2026-01-31","ts":"2026-01-31T08:09:10.5","tz":"2026-01-31T07:09:10Z"' ||
        fail "$(tail -n 1 out)"
    [ "$(jq -r '[.nan, .z, .bs, .e, .m, has("made")] | tostring' stream)" = '["NaN",null,"\\N","","on",false]' ]
}

@test "arrays, domains and types of one's own are in snapshot and stream what a query gives" {
    need_command jq
    sql "CREATE TYPE mood AS ENUM ('sad', 'a,b'); CREATE TYPE pair AS (x int, y text);
        CREATE DOMAIN cents AS bigint; CREATE DOMAIN list AS int[]; CREATE DOMAIN short AS list; CREATE DOMAIN doc AS jsonb;
        CREATE TABLE t (id int PRIMARY KEY, a int[], n numeric[], s text[], b bytea[], tz timestamptz[], bo bool[],
            j json[], m mood[], pa pair[], bx box[], ca cents[], la list[], c cents, l short, d doc, p pair,
            r int4range, ra int4range[], ov oidvector, bc timestamp, inf date);
        CREATE PUBLICATION p FOR TABLE t;
        CREATE PROCEDURE fill() LANGUAGE sql AS \$\$
        INSERT INTO t VALUES (1, '{{1,2},{3,NULL}}', '{NaN,Infinity,1.10}', ARRAY['NULL', NULL, '', 'a,\"b\"', E'\\\\\\n'],
            ARRAY['\\x00ff'::bytea], '{2026-01-31 08:00+00,infinity}', '{t,f}', ARRAY[E'{\"a\":\\n1}'::json], '{sad,\"a,b\"}',
            ARRAY[ROW(1, 'x \"y\"')::pair], ARRAY['(1,1),(0,0)'::box, '(3,3),(2,2)'], '{5}', ARRAY['{1,2}'::list],
            7, '[0:1]={8,9}', E'{\"k\":\\n [1]}', ROW(NULL, ''), '[1,4)', '{\"[1,3)\",empty}', '1 2',
            '0044-03-15 12:00 BC', '-infinity'); INSERT INTO t (id, a) VALUES (2, '{}') \$\$; CALL fill()"
    pipe-extract "$URL" --table t >query
    extract | jq -c 'select(.op == "r").after' >snapshot
    jq -c . query | cmp - snapshot
    # A new session learns the forms from the stream alone.
    sql "TRUNCATE t; CALL fill(); UPDATE t SET c = c"
    extract --snapshot never >out
    jq -c 'select(.op == "c").after' out | cmp - snapshot
    jq -c 'select(.op == "u").after' out | cmp - snapshot
    [ "$(head -n 1 snapshot | jq -c '[.a, .m, .la, .c, .l, .d]')" = '[[[1,2],[3,null]],["sad","a,b"],["{1,2}"],7,[8,9],{"k":[1]}]' ]
    # A type that comes, and one that goes, in mid-stream.
    sql "CREATE TYPE late AS ENUM ('x'); ALTER TABLE t ADD late late[] DEFAULT '{x}'; UPDATE t SET c = 1 WHERE id = 1;
        ALTER TABLE t DROP late; DROP TYPE late; UPDATE t SET c = 2 WHERE id = 1"
    extract --snapshot never | jq -c 'select(.op == "u" and .after.id == 1) | .after | [.a[0], .c, .late]' >out
    [ "$(tail -n 2 out)" = $'[[1,2],1,"{x}"]\n[[1,2],2,null]' ] || fail "$(cat out)"
}

@test "a table with arrays comes into a table of the same types" {
    sql "CREATE TABLE t (id int PRIMARY KEY, a int[], s text[], n numeric[], b bytea[], j jsonb[]); CREATE PUBLICATION p FOR TABLE t;
        INSERT INTO t VALUES (1, '{1,2}', ARRAY['q\"x,', NULL, ''], '{{1.10},{2}}', '{\"\\\\x0102\",NULL}',
            ARRAY['{\"a\": [1]}', '\"s\"', '2', 'true', '[\"x\"]']::jsonb[]), (2, '{}', '{}', NULL, '{}', '{}')"
    sql 'DROP DATABASE IF EXISTS target WITH (FORCE)' 2>/dev/null
    sql 'CREATE DATABASE target'
    TARGET=${URL%/*}/target
    in_target 'CREATE TABLE t (id int PRIMARY KEY, a int[], s text[], n numeric[], b bytea[], j jsonb[])'
    resume "$TARGET" | load_into "$TARGET"
    same_table
    sql "UPDATE t SET a = a || 3, b = b || '\xff'::bytea WHERE id = 1"
    resume "$TARGET" | load_into "$TARGET"
    same_table
}

@test "wal2json: its lines as they are, the snapshot's rows in the same form" {
    need_command jq
    has_plugin wal2json
    sql "CREATE TABLE \"T, x\" (id bigint PRIMARY KEY, n numeric(12,2), f float8, b bool, s text, x bytea, j jsonb,
            ts timestamptz, o oid, nan float8, z varchar(9));
        CREATE TABLE other (id int PRIMARY KEY);
        CREATE PUBLICATION p FOR TABLE \"T, x\"; INSERT INTO \"T, x\" VALUES
        (1, 1.10, 1e300, false, E'a\"\\n', '\\x0aff', '{\"a\": 1}', now(), 7, 'Infinity', 'z')"
    extract --plugin wal2json >out
    [ "$(jq -c '[.action, .table]' out)" = $'["T","T, x"]\n["I","T, x"]' ]
    tail -n 1 out | jq -c .columns >snapshot
    sql "INSERT INTO other VALUES (1); BEGIN; CREATE TEMP TABLE k AS SELECT * FROM \"T, x\"; TRUNCATE \"T, x\";
        INSERT INTO \"T, x\" SELECT * FROM k; UPDATE \"T, x\" SET s = 's'; DELETE FROM \"T, x\"; COMMIT"
    extract --plugin wal2json --snapshot never >out
    [ "$(jq -r .action out | paste -sd,)" = T,I,U,D ] || fail "$(cat out)"
    sed -n 2p out | jq -c .columns | cmp - snapshot
    # Byte for byte what the server's own function gives.
    sql "SELECT data FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'format-version', '2', 'include-xids',
        'true', 'include-timestamp', 'true', 'include-lsn', 'true', 'add-tables', 'public.T\\,\\ x')" |
        grep -v '^{"action":"[BC]"' | cmp - out
}

@test "nothing is confirmed that was not committed: all comes again" {
    make_table
    extract >first
    sql "UPDATE t SET v = 'z'"
    local before after
    before=$(sql "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 's'")
    extract --snapshot never >one
    extract --snapshot never >two
    after=$(sql "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 's'")
    [ "$before" = "$after" ]
    [ "$(wc -l <one)" = 2 ]
    cmp one two
    # A snapshot again is one of a later point, with the changes in it.
    extract | jq -c 'select(.op != "t") | [.op, .after.v]' >out
    [ "$(cat out)" = $'["r","z"]\n["r","z"]' ]
    # Slots of snapshots go with them.
    [ "$(sql 'SELECT count(*) FROM pg_replication_slots')" = 1 ]
}

@test "without --follow the end is what was there at the start, also where nothing is" {
    make_table
    extract >/dev/null
    assert_exit 0 timeout 20 pipe-extract "$CDC" --slot s --publication p --snapshot never
    assert_file out ''
    # Changes of tables outside of the publication move the end, not the stream.
    sql 'CREATE TABLE other AS SELECT i FROM generate_series(1, 1000) AS i'
    assert_exit 0 timeout 20 pipe-extract "$CDC" --slot s --publication p --snapshot never
    assert_file out ''
}

@test "chosen rows and columns, partitions and children come as the publication says" {
    need_command jq
    sql "CREATE TABLE c (id int PRIMARY KEY, v text, secret text);
        INSERT INTO c VALUES (1, 'a', 's'), (20, 'b', 's');
        CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
        CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
        INSERT INTO part VALUES (5), (15);
        CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
        INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);
        CREATE PUBLICATION p FOR TABLE c (id, v) WHERE (id < 10), TABLE part, TABLE parent
            WITH (publish_via_partition_root)"
    extract | jq -c 'select(.op == "r") | [.source.table, .after]' >out
    diff out - <<'END'
["c",{"id":1,"v":"a"}]
["child",{"id":2}]
["parent",{"id":1}]
["part",{"id":5}]
["part",{"id":15}]
END
    sql "INSERT INTO c VALUES (2, 'c', 's'), (30, 'd', 's'); INSERT INTO part VALUES (16)"
    extract --snapshot never | jq -c '[.source.table, .after]' >out
    [ "$(cat out)" = $'["c",{"id":2,"v":"c"}]\n["part",{"id":16}]' ]
}

@test "wal2json comes with partitions by their names, and refuses a publication by their root's" {
    need_command jq
    has_plugin wal2json
    sql "CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10); INSERT INTO part VALUES (1);
        CREATE PUBLICATION p FOR TABLE part WITH (publish_via_partition_root)"
    assert_exit 78 extract --plugin wal2json
    grep -q publish_via_partition_root err
    [ "$(sql 'SELECT count(*) FROM pg_replication_slots')" = 0 ]
    sql "ALTER PUBLICATION p SET (publish_via_partition_root = false)"
    extract --plugin wal2json >/dev/null
    sql "INSERT INTO part VALUES (2)"
    extract --plugin wal2json --snapshot never | jq -c '[.table, .columns[0].value]' >out
    assert_file out '["part1",2]'
}

@test "a truncation of several tables is one of each; a row without columns is a row" {
    need_command jq
    sql "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE none ();
        INSERT INTO none DEFAULT VALUES; INSERT INTO none DEFAULT VALUES; CREATE PUBLICATION p FOR TABLE a, b, none"
    [ "$(extract | jq -c '[.op, .source.table, .after]' | tr '\n' ' ')" = '["t","a",null] ["t","b",null] ["t","none",null] ["r","none",{}] ["r","none",{}] ' ]
    sql "TRUNCATE a, b; INSERT INTO none DEFAULT VALUES"
    extract --snapshot never | jq -c '[.op, .source.table, .after]' >out
    [ "$(cat out)" = $'["t","a",null]\n["t","b",null]\n["c","none",{}]' ] || fail "$(cat out)"
}

@test "a database without an encoding: text that is not UTF-8 is rejected, the stream goes on" {
    sql "DROP DATABASE IF EXISTS raw WITH (FORCE)" 2>/dev/null
    sql "CREATE DATABASE raw ENCODING SQL_ASCII TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    raw() { PGDATABASE=raw PGCLIENTENCODING=SQL_ASCII sql "$1"; }
    raw "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION p FOR TABLE t;
        INSERT INTO t VALUES (1, convert_from('\xff41', 'SQL_ASCII')), (2, 'x')"
    CDC=${CDC%/*}/raw
    extract --dlq dead --max-reject 1 | jq -c .after.id >out
    [ "$(cat out)" = $'null\n2' ]
    raw "INSERT INTO t VALUES (3, convert_from('\xff41', 'SQL_ASCII')), (4, 'y')"
    extract --snapshot never --dlq dead --max-reject 1 | jq -c .after.id >out
    [ "$(cat out)" = 4 ]
    [ "$(jq -r '.errors[0].code' dead | sort | uniq -c | tr -s ' ')" = ' 2 invalid_utf8' ]
}

@test "columns that come and go in mid stream; a table described anew" {
    need_command jq
    make_table
    extract >/dev/null
    sql "UPDATE t SET n = 1 WHERE id = 2; ALTER TABLE t ADD added bool DEFAULT true, DROP n"
    sql "UPDATE t SET v = 'w' WHERE id = 2; ALTER TABLE t RENAME v TO w; DELETE FROM t WHERE id = 2"
    sql "ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET w = 'q' WHERE id = 1"
    extract --snapshot never | jq -c '[.op, .before != null, (.after // {} | keys | join(","))]' >out
    diff out - <<'END'
["u",false,"big,id,n,v"]
["u",false,"added,big,id,v"]
["d",true,""]
["u",true,"added,big,id,w"]
END
    # A full identity has the large value that was not changed.
    [ "$(extract --snapshot never | jq -r 'select(.after.w == "q") | .after.big' | tr -d x | wc -c)" = 1 ]
    [ "$(extract --snapshot never | jq -r 'select(.after.w == "q") | .after.big | length')" = 5000 ]
}

@test "a reader that is held up for longer than the server waits loses nothing" {
    make_table
    extract >/dev/null
    sql "INSERT INTO t SELECT i, 'v', 0, repeat('y', 300) FROM generate_series(10, 60000) AS i"
    extract --snapshot never | {
        sleep 5
        cat
    } >out
    [ "${PIPESTATUS[0]}" = 0 ]
    [ "$(wc -l <out)" = 59991 ]
}

@test "a transaction of any size comes in constant memory" {
    make_table
    extract >/dev/null
    sql "INSERT INTO t SELECT i, 'v', 0, repeat('y', 300) FROM generate_series(10, 250000) AS i"
    [ "$FLAVOUR" = asan ] || ulimit -v 400000
    extract --snapshot never | wc -l >out
    [ "$(cat out)" = 249991 ]
    extract | wc -l >out
    [ "$(cat out)" = 249994 ]
}

@test "a row past --max-record is rejected with its reason, the rest comes" {
    make_table
    extract >/dev/null
    sql "INSERT INTO t VALUES (5, 'v', 0, repeat('y', 9000)), (6, 'v', 0, '')"
    run -65 extract --snapshot never --max-record 4K
    [[ $output == *too_long* ]]
    extract --snapshot never --max-record 4K --dlq dlq --max-reject 1 >out
    [ "$(jq -c .after.id out)" = 6 ]
    [ "$(jq -c '.errors[0].code' dlq)" = '"too_long"' ]
}

@test "usage: slot and publication are wanted, a password in the URI is refused" {
    assert_exit 64 pipe-extract "$CDC" --slot s
    assert_exit 64 pipe-extract "$CDC" --publication p
    assert_exit 64 pipe-extract "$CDC" --slot 'S; DROP' --publication p
    assert_exit 64 pipe-extract "$CDC" --slot s --publication p --plugin other
    assert_exit 64 pipe-extract "postgresql+cdc://pipe:secret@127.0.0.1:$PGPORT/postgres" --slot s --publication p
    run ! grep -q secret err
    assert_exit 69 pipe-extract postgresql+cdc://pipe@127.0.0.1:1/postgres --slot s --publication p
}

@test "what the server lacks is 78, each said: publication, tables, plugin, database" {
    assert_exit 78 extract
    grep -q "publication 'p' is not there" err
    sql 'CREATE PUBLICATION p'
    assert_exit 78 extract
    grep -q "publication 'p' has no tables" err
    sql 'DROP PUBLICATION p'
    make_table
    sql "SELECT pg_create_logical_replication_slot('s', 'test_decoding')" >/dev/null 2>&1 || {
        has_plugin wal2json
        sql "SELECT pg_create_logical_replication_slot('s', 'wal2json')" >/dev/null
    }
    assert_exit 78 extract
    grep -q "slot 's' is one of plugin" err
    [ "$(sql 'SELECT count(*) FROM pg_replication_slots')" = 1 ]
}

@test "a slot that somebody else streams from is 75, and stays as it is" {
    need_command pg_recvlogical
    make_table
    extract >/dev/null
    pg_recvlogical -S s --start -f other -o proto_version=1 -o publication_names=p -d postgres 3>&- &
    local pid=$!
    within 10 eval "[ \"\$(sql \"SELECT active FROM pg_replication_slots WHERE slot_name = 's'\")\" = t ]"
    assert_exit 75 extract --snapshot never
    kill "$pid"
    wait "$pid" || true
    grep -q "slot 's' is in use by session" err
}

# ---- into a target, by positions

# load_into TARGET [OPTION...]: what comes, as change events, into its table t.
load_into() {
    local target=$1
    shift
    $EXEC pipe-load "$target" -t t --mode cdc -k id --source-table t --pipeline x -q "$@"
}

resume() {
    extract --pipeline x --resume-from "$1" "${@:2}"
}

# A database of its own for the target, in which no publication is.
make_target() {
    case $1 in
    sqlite) TARGET=sqlite:$PWD/t.db ;;
    postgres)
        sql 'DROP DATABASE IF EXISTS target WITH (FORCE)' 2>/dev/null
        sql 'CREATE DATABASE target'
        TARGET=${URL%/*}/target
        ;;
    esac
    in_target 'CREATE TABLE t (id integer PRIMARY KEY, v text, n integer, big text)'
}

# in_target STATEMENT
in_target() {
    case $TARGET in
    sqlite:*) sqlite3 -cmd '.timeout 5000' "${TARGET#sqlite:}" "$1" ;;
    *) psql -X -q -A -t -v ON_ERROR_STOP=1 -d target -c "$1" ;;
    esac
}

same_table() {
    sql 'SELECT * FROM t ORDER BY id' >want
    in_target 'SELECT * FROM t ORDER BY id' >have
    cmp want have || fail "$(diff want have | cut -c1-200 | head -n 20)"
}

confirmed() {
    sql "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 's'"
}

@test "snapshot and stream into a table, run by run; the server forgets what is committed" {
    make_table
    make_target sqlite
    resume "$TARGET" | load_into "$TARGET"
    same_table
    local first second
    first=$(confirmed)
    sql "UPDATE t SET id = id + 10, v = 'moved'; INSERT INTO t VALUES (5, 'e', 1, 'b'); DELETE FROM t WHERE id = 12"
    resume "$TARGET" | load_into "$TARGET"
    same_table
    # The first run's position was confirmed by the second.
    second=$(confirmed)
    [ "$(sql "SELECT '$second'::pg_lsn > '$first'::pg_lsn")" = t ]
    resume "$TARGET" >rest
    [ ! -s rest ]
    [ "$(sql "SELECT '$(confirmed)'::pg_lsn > '$second'::pg_lsn")" = t ]
    run -0 resume "$TARGET" --show-state
    [[ $output == *'"lsn"'* ]]
}

@test "a load that fails moves nothing" {
    make_table
    make_target sqlite
    resume "$TARGET" | load_into "$TARGET"
    sql "UPDATE t SET v = 'z' WHERE id = 1"
    in_target 'CREATE TRIGGER no BEFORE UPDATE ON t BEGIN SELECT RAISE(ABORT, '"'no'"'); END'
    run -65 eval 'resume "$TARGET" | load_into "$TARGET"'
    in_target 'DROP TRIGGER no'
    resume "$TARGET" | load_into "$TARGET"
    same_table
}

@test "a slot that is gone, or has moved past the position, is 78; --rewind starts anew" {
    make_table
    make_target sqlite
    resume "$TARGET" | load_into "$TARGET"
    sql "DELETE FROM t WHERE id = 1"
    sql "SELECT pg_replication_slot_advance('s', pg_current_wal_lsn())" >/dev/null
    assert_exit 78 resume "$TARGET"
    grep -q "slot 's' has moved to" err
    sql "SELECT pg_drop_replication_slot('s')" >/dev/null
    assert_exit 78 resume "$TARGET"
    grep -q "slot 's' is not there any more" err
    resume "$TARGET" --rewind | load_into "$TARGET"
    same_table
}

@test "--follow: changes arrive while it runs, are confirmed once committed; SIGTERM ends it" {
    make_table
    make_target sqlite
    (EXEC="exec"
        resume "$TARGET" --follow 2>extract.err | load_into "$TARGET" --batch 100 --batch-time 100ms 2>load.err) 3>&- &
    local shell=$! first
    within 20 eval '[ "$(in_target "SELECT count(*) FROM t")" = 2 ]'
    first=$(confirmed)
    sql "INSERT INTO t SELECT i, 'v', i, NULL FROM generate_series(3, 500) AS i"
    within 20 eval '[ "$(in_target "SELECT count(*) FROM t")" = 500 ]'
    within 20 eval "[ \"\$(sql \"SELECT '\$(confirmed)'::pg_lsn > '$first'::pg_lsn\")\" = t ]"
    pkill -TERM -P "$shell" -x pipe-extract
    wait "$shell" || true
    same_table
    # Only whole transactions are in the target, whatever --batch says.
    [ "$(in_target "SELECT count(*) FROM _pipe_loads WHERE rows_loaded BETWEEN 101 AND 497")" = 0 ]
}

@test "a key that changes keeps the columns that were not sent, in each target" {
    make_table
    for kind in sqlite postgres; do
        make_target $kind
        drop_slots
        resume "$TARGET" | load_into "$TARGET"
        sql "UPDATE t SET id = id + 100, v = 'moved'; UPDATE t SET id = id + 100; INSERT INTO t VALUES (300, 'x', 1, 'own');
            DELETE FROM t WHERE id = 202; UPDATE t SET id = 202 WHERE id = 300; UPDATE t SET n = 7"
        resume "$TARGET" | load_into "$TARGET"
        same_table
    done
}

# ---- killed

# Transactions of all kinds over two tables, at random, several at once.
make_workload() {
    sql "CREATE TABLE t (id int PRIMARY KEY, v text, n int, big text);
        CREATE TABLE other (id int PRIMARY KEY, v text);
        ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
        INSERT INTO t SELECT i, 'first', 0, repeat(md5(i::text), 100) FROM generate_series(1, 200) AS i;
        CREATE PUBLICATION p FOR TABLE t, other"
    sql "CREATE PROCEDURE work(rounds int, seed float8) LANGUAGE plpgsql AS \$\$
        DECLARE k int; r float8;
        BEGIN
            PERFORM setseed(seed);
            FOR i IN 1..rounds LOOP
                BEGIN
                    FOR j IN 0..(random() * 5)::int LOOP
                        k := (random() * 120)::int;
                        r := random();
                        IF r < 0.3 THEN
                            INSERT INTO t VALUES (k, random()::text, i, repeat(md5(r::text), (random() * 150)::int))
                                ON CONFLICT DO NOTHING;
                        ELSIF r < 0.55 THEN UPDATE t SET v = random()::text, n = n + 1 WHERE id = k;
                        ELSIF r < 0.6 THEN UPDATE t SET big = CASE WHEN r < 0.57 THEN NULL ELSE repeat(md5(r::text), 90) END WHERE id = k;
                        ELSIF r < 0.7 THEN UPDATE t SET id = (random() * 120)::int WHERE id = k;
                        ELSIF r < 0.85 THEN DELETE FROM t WHERE id = k;
                        ELSIF r < 0.995 THEN INSERT INTO other VALUES (k, 'o') ON CONFLICT (id) DO UPDATE SET v = random()::text;
                        ELSE TRUNCATE t, other;
                        END IF;
                    END LOOP;
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
                COMMIT;
                PERFORM pg_sleep(random() * 0.03);
            END LOOP;
        END \$\$"
}

# kill_rounds N EXTRACT-OPTIONS... -- LOAD-OPTIONS...: runs the pipeline N
# times, and kills one of its stages, or both, at a random moment; but for every
# sixth, if it ends by itself. A run that was over before is no kill: more rounds
# come until there were enough of them.
kill_rounds() {
    local rounds=$1 from=() to=() i shell victim span=2
    [[ $* != *--follow* ]] || span=6
    shift
    while [ "$1" != -- ]; do
        from+=("$1")
        shift
    done
    to=("${@:2}")
    for ((i = 0; i < rounds || (killed < 8 && i < 10 * rounds); i++)); do
        (EXEC="exec"
            resume "$TARGET" "${from[@]}" 2>extract.err | load_into "$TARGET" "${to[@]}" 2>load.err) 3>&- &
        shell=$!
        sleep "0.$((RANDOM % span))$((RANDOM % 10))"
        victim=$((RANDOM % 3))
        ((span == 6 || i % 6 != 5)) || victim=3
        [[ $victim != [02] ]] || ! pkill -KILL -P "$shell" -x pipe-extract || killed=$((killed + 1))
        [[ $victim != [12] ]] || ! pkill -KILL -P "$shell" -x pipe-load || killed=$((killed + 1))
        # The other stage ends by itself.
        timeout 60 tail --pid="$shell" -f /dev/null || fail "a stage goes on: $(cat extract.err load.err)"
        wait "$shell" || true
    done
}

# campaign PLUGIN TARGET EXTRACT-OPTIONS... -- LOAD-OPTIONS...
campaign() {
    local plugin=$1 kind=$2 n writers=() killed=0
    shift 2
    RANDOM=20260131
    make_workload
    make_target "$kind"
    for n in 1 2 3; do
        sql "CALL work(100000, 0.$n)" >/dev/null 2>&1 3>&- &
        writers+=($!)
    done
    kill_rounds 24 --plugin "$plugin" "$@"
    ((killed >= 8)) || fail "only $killed stages were killed"
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL work%'" >/dev/null
    wait "${writers[@]}" || true
    [ "$(sql "SELECT count(*) > 0 FROM t WHERE n > 0")" = t ]
    assert_exit 0 eval 'resume "$TARGET" --plugin '"$plugin"' | load_into "$TARGET"'
    same_table
    # Some of the runs were committed, not just the last.
    (($(in_target 'SELECT count(*) FROM _pipe_loads') > 1))
}

@test "killed at random while rows change: pgoutput into SQLite ends in the same table" {
    campaign pgoutput sqlite --
}

@test "killed at random while rows change: wal2json into SQLite ends in the same table" {
    has_plugin wal2json
    campaign wal2json sqlite --
}

@test "killed at random while rows change: pgoutput into PostgreSQL ends in the same table" {
    campaign pgoutput postgres --
}

@test "killed at random in batches: --follow of pgoutput into SQLite ends in the same table" {
    campaign pgoutput sqlite --follow -- --batch 20 --batch-time 50ms
}

@test "killed at random in batches: --follow of wal2json into PostgreSQL ends in the same table" {
    has_plugin wal2json
    campaign wal2json postgres --follow -- --batch 20 --batch-time 50ms
}
