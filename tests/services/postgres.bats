load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

# load TABLE MODE [OPTION...]: loads stdin, accepts any upstream.
load_into() {
    local table=$1 mode=$2
    shift 2
    pipe-load "$URL" -t "$table" --mode "$mode" --on-unknown accept "$@"
}

ledger() {
    sql 'SELECT table_name, mode, partition, rows_read, rows_loaded, rows_rejected
        FROM _pipe_loads ORDER BY id'
}

# ---- modes

@test "append adds rows and one ledger row; the same run again changes nothing" {
    printf '{"id":1,"total":12.50}\n{"id":2,"total":7}\n' >in
    load_into orders append --create --run-id r1 <in
    run -0 load_into orders append --run-id r1 -v <in
    [[ $output == *"run 'r1' was loaded on "*"nothing changed"* ]]
    [ "$(sql 'SELECT * FROM orders ORDER BY 1')" = $'1|12.50\n2|7' ]
    [ "$(ledger)" = 'orders|append||2|2|0' ]
}

@test "append refuses the same run id with other input" {
    echo '{"id":1}' | load_into t append --create --run-id r1
    run -65 load_into t append --run-id r1 <<<'{"id":2}'
    [[ $output == *'would double it'* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "replace empties its partition and no other, also with zero records" {
    printf '{"id":%d}\n' 1 2 >in
    load_into t replace --create --partition day=2026-01-01 <in
    load_into t replace --partition day=2026-01-02 <in
    load_into t replace --partition day=2026-01-01 <<<'{"id":7}'
    [ "$(sql 'SELECT day, id FROM t ORDER BY 1, 2')" = \
        $'2026-01-01|7\n2026-01-02|1\n2026-01-02|2' ]
    pipe-transform --where FALSE <in |
        pipe-load "$URL" -t t --mode replace --partition day=2026-01-02
    [ "$(sql 'SELECT day, id FROM t')" = '2026-01-01|7' ]
    run -0 ledger
    [ "${lines[3]}" = 't|replace|day=2026-01-02|0|0|0' ]
}

@test "an input that another mode or partition loaded replaces all" {
    printf '%s\n' '{"id":1,"d":1}' '{"id":2,"d":2}' >one
    echo '{"id":3,"d":1}' >two
    load_into t append --create <one
    load_into t append <two
    load_into t replace --partition d=1 <two
    [ "$(sql 'SELECT id FROM t ORDER BY id')" = $'2\n3' ]
    load_into t replace --all <two
    [ "$(sql 'SELECT id FROM t')" = 3 ]
    run -0 load_into t replace --all <two
    [[ $output == *"nothing changed"* ]]
}

@test "replace by a typed partition column; a value of the wrong type is 64" {
    sql 'CREATE TABLE t (day date, id int)'
    load_into t replace --partition day=2026-01-01 <<<'{"id":1}'
    load_into t replace --partition day=2026-01-01 <<<'{"id":2}'
    [ "$(sql 'SELECT * FROM t')" = '2026-01-01|2' ]
    run -64 load_into t replace --partition day=someday <<<'{"id":2}'
    [ "$(sql 'SELECT * FROM t')" = '2026-01-01|2' ]
}

@test "upsert: missing keeps, null sets, the last of a key wins, field by field" {
    printf '%s\n' '{"id":1,"a":1,"b":"x"}' '{"id":2,"a":2,"b":"y"}' |
        load_into t upsert -k id --create
    printf '%s\n' '{"id":1,"a":10}' '{"id":2,"b":null}' '{"id":1,"b":"z"}' \
        '{"id":3,"b":"new"}' '{"id":3,"a":3}' '{"id":3,"a":4}' | load_into t upsert -k id
    [ "$(sql 'SELECT id, a, b FROM t ORDER BY 1')" = $'1|10|z\n2|2|\n3|4|new' ]
}

@test "upsert of records that are alike: the last of a key wins" {
    printf '{"id":%d,"n":%d}\n' 1 1 2 1 1 2 2 2 1 3 | load_into t upsert -k id --create
    [ "$(sql 'SELECT id, n FROM t ORDER BY 1')" = $'1|3\n2|2' ]
}

@test "upsert --missing null sets what is missing to NULL" {
    echo '{"id":1,"a":1,"b":2}' | load_into t upsert -k id --create
    echo '{"id":1,"a":5}' | load_into t upsert -k id --missing null
    [ "$(sql 'SELECT id, a, b FROM t')" = '1|5|' ]
}

@test "upsert by a composite key; without a unique key it is refused" {
    printf '{"o":%d,"l":%d,"n":%d}\n' 1 1 1 1 2 2 1 1 3 | load_into t upsert -k o,l --create
    [ "$(sql 'SELECT o, l, n FROM t ORDER BY 1, 2')" = $'1|1|3\n1|2|2' ]
    sql 'CREATE TABLE u (id int)'
    run -78 load_into u upsert -k id <<<'{"id":1}'
    [[ $output == *"no primary key or unique index on (\"id\")"* ]]
}

@test "insert adds keys that are not there; the others are duplicates" {
    echo '{"id":1,"n":1}' | load_into t insert -k id --create
    run -0 load_into t insert -k id -v < <(printf '{"id":%d,"n":%d}\n' 1 2 2 2 2 3)
    [[ $output == *'read 3 = 1 out + 0 rejected + 2 duplicates'* ]]
    [ "$(sql 'SELECT id, n FROM t ORDER BY 1')" = $'1|1\n2|2' ]
}

@test "delete-insert: keys that come give way to all rows that come" {
    sql 'CREATE TABLE t (o int, l int)'
    printf '{"o":%d,"l":%d}\n' 1 1 1 2 2 1 | load_into t delete-insert -k o
    printf '{"o":%d,"l":%d}\n' 1 7 1 8 3 1 | load_into t delete-insert -k o
    [ "$(sql 'SELECT o, l FROM t ORDER BY 1, 2')" = $'1|7\n1|8\n2|1\n3|1' ]
}

@test "cdc: creates, updates, deletes and moved keys in order, by key" {
    cat >in <<'END'
{"op":"r","before":null,"after":{"id":1,"v":"a"},"source":{"table":"t"}}
{"op":"c","before":null,"after":{"id":2,"v":"b"},"source":{"table":"t"}}
{"op":"c","before":null,"after":{"id":3,"v":"c"},"source":{"table":"t"}}
{"op":"u","before":{"id":1,"v":"a"},"after":{"id":1,"v":"a2"},"source":{"table":"t"}}
{"op":"d","before":{"id":2,"v":"b"},"after":null,"source":{"table":"t"}}
{"op":"u","before":{"id":3,"v":"c"},"after":{"id":4,"v":"c"},"source":{"table":"t"}}
{"op":"d","before":{"id":1,"v":"a2"},"after":null,"source":{"table":"t"}}
{"op":"c","before":null,"after":{"id":1,"v":"again"},"source":{"table":"t"}}
END
    sql "CREATE TABLE t (id int PRIMARY KEY, v text, note text); INSERT INTO t VALUES (2, 'old', 'x')"
    load_into t cdc -k id <in
    [ "$(sql 'SELECT id, v FROM t ORDER BY 1')" = $'1|again\n4|c' ]
    load_into t cdc -k id <<<'{"op":"u","before":{"id":4,"v":"c"},"after":{"id":4,"v":"d"},"source":{"table":"t"}}'
    [ "$(sql 'SELECT id, v FROM t ORDER BY 1')" = $'1|again\n4|d' ]
    printf '%s\n' '{"op":"t","before":null,"after":null,"source":{"table":"t"}}' \
        '{"op":"c","before":null,"after":{"id":9,"v":"n"},"source":{"table":"t"}}' | load_into t cdc -k id
    [ "$(sql 'SELECT id, v FROM t ORDER BY 1')" = '9|n' ]
}

@test "cdc: a line of several changes is loaded whole or not at all" {
    sql 'CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v < 10))'
    change() { # ID V
        printf '{"kind":"insert","schema":"public","table":"t","columnnames":["id","v"],"columnvalues":[%s,%s]}' "$1" "$2"
    }
    printf '{"change":[%s,%s]}\n' "$(change 1 1)" "$(change 2 2)" "$(change 3 3)" "$(change 4 99)" \
        "$(change 5 '"x"')" "$(change 6 6)" "$(change 7 7)" "$(change 8 8)" >in
    run -0 load_into t cdc -k id --max-reject 100% -v --dlq dead.ndjson <in
    [[ $output == *'read 4 = 2 out + 2 rejected'* ]]
    [ "$(sql 'SELECT id FROM t ORDER BY 1' | xargs)" = '1 2 7 8' ]
    [ "$(jq -r .source.line dead.ndjson | sort | xargs)" = '2 3' ]
}

@test "cdc: a row that is refused late takes no line with it but its own" {
    sql 'CREATE TABLE t (id int PRIMARY KEY, d date, v text)'
    # Rows are sent by the megabyte, so line 1 is refused within a later one.
    awk 'BEGIN {
        v = sprintf("%1000s", "")
        for (line = 1; line <= 3001; line++) {
            printf "{\"change\":["
            for (i = 0; i < 3; i++)
                printf "%s{\"kind\":\"insert\",\"schema\":\"public\",\"table\":\"t\"," \
                    "\"columnnames\":[\"id\",\"d\",\"v\"],\"columnvalues\":[%d,\"%s\",\"%s\"]}",
                    i ? "," : "", line * 3 + i, line == 1 && i == 1 ? "none" : "2024-01-01", v
            print "]}"
        }
    }' >in
    run -0 load_into t cdc -k id --max-reject 1 -v --dlq dead.ndjson <in
    [[ $output == *'read 3001 = 3000 out + 1 rejected'* ]]
    [ "$(sql 'SELECT count(*), min(id) FROM t')" = '9000|6' ]
    [ "$(jq -r .source.line dead.ndjson)" = 1 ]
}

@test "cdc: a line with two bad rows is refused once, one of them on its way or not" {
    sql 'CREATE TABLE t (id int PRIMARY KEY, d date, v text)'
    awk 'BEGIN {
        v = sprintf("%6000000s", "") # sent at once, so the server refuses it
        c = "{\"kind\":\"insert\",\"schema\":\"public\",\"table\":\"t\"," \
            "\"columnnames\":[\"id\",\"d\",\"v\"],\"columnvalues\":"
        printf "{\"change\":[%s[1,\"none\",\"%s\"]},%s[2,null,true]}]}\n", c, v, c
        printf "{\"change\":[%s[3,null,\"a\"]},%s[4,null,\"b\"]}]}\n", c, c
    }' >in
    run -0 load_into t cdc -k id --max-reject 1 -v --dlq dead.ndjson <in
    [[ $output == *'read 2 = 1 out + 1 rejected'* ]]
    [ "$(sql 'SELECT id FROM t ORDER BY 1' | xargs)" = '3 4' ]
    [ "$(jq -r .source.line dead.ndjson)" = 1 ]
}

@test "cdc: a row that cannot move to its new key stays where it was" {
    sql "CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v < 10)); INSERT INTO t VALUES (1, 1)"
    run -0 load_into t cdc -k id --max-reject 1 < <(
        echo '{"op":"u","before":{"id":1,"v":1},"after":{"id":2,"v":99},"source":{"table":"t"}}'
        echo '{"op":"c","before":null,"after":{"id":3,"v":3},"source":{"table":"t"}}'
    )
    [ "$(sql 'SELECT id, v FROM t ORDER BY 1')" = $'1|1\n3|3' ]
}

@test "a null or missing key is rejected" {
    echo '{"id":1}' | load_into t upsert -k id --create
    run -65 load_into t upsert -k id < <(printf '%s\n' '{"id":2}' '{"id":null}' '{"x":1}')
    [[ $output == *null_key* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

# ---- tables and types

@test "types: each column type takes what it can keep exactly, nothing else" {
    sql "CREATE TABLE t (id int PRIMARY KEY, s smallint, n numeric(6,2) CHECK (n > 0),
        d double precision, t timestamptz, u uuid, b bytea, a text[], j jsonb, v varchar(3),
        e boolean)"
    cat >in <<'END'
{"id":1,"s":1e2,"n":1.5,"d":1.25,"t":"2026-01-01T10:00:00+02:00","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","b":"aGk=","a":["x","y\"z\\",null],"j":{"k":[1.10]},"v":"äöü","e":true}
{"id":2,"n":-1}
{"id":3,"n":1.555}
{"id":4,"t":"nope"}
{"id":1}
{"id":5,"j":"a string"}
{"id":99999999999}
{"id":6,"s":70000}
{"id":7,"v":"long"}
{"id":8,"d":1.00000000000000001}
{"id":9,"v":"\u0000"}
{"id":10,"e":1}
{"id":11,"id2":1}
{"id":12,"v":1}
{"id":13,"b":"???"}
{"id":14,"s":"7"}
{"id":15}
END
    run -0 load_into t append --max-reject 100% --dlq dead.ndjson -v <in
    [[ $output == *'read 17 = 3 out + 14 rejected'* ]]
    [ "$(sql 'SELECT * FROM t WHERE id = 1')" = \
        '1|100|1.50|1.25|2026-01-01 08:00:00+00|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|\x6869|{x,"y\"z\\",NULL}|{"k": [1.10]}|äöü|t' ]
    [ "$(sql 'SELECT id FROM t ORDER BY 1' | xargs)" = '1 5 15' ]
    run -0 bash -c "jq -r '[(.raw | fromjson | .id), .errors[0].code] | join(\" \")' dead.ndjson | sort -n"
    diff - <(printf '%s\n' "$output") <<'END'
1 constraint
2 constraint
3 number_precision
4 invalid_value
6 number_precision
7 invalid_value
8 number_precision
9 nul_in_text
10 type_mismatch
11 unknown_column
12 type_mismatch
13 type_mismatch
14 type_mismatch
99999999999 number_precision
END
}

@test "numbers keep every digit" {
    printf '{"id":%s,"n":%s}\n' 1 12345678901234567890123.10 2 0.1000 3 1e-30 |
        load_into t append --create
    [ "$(sql 'SELECT n FROM t ORDER BY id' | xargs)" = \
        '12345678901234567890123.10 0.1000 0.000000000000000000000000000001' ]
}

@test "columns are added with --create, whole numbers widen, a null waits for a value" {
    printf '%s\n' '{"id":1,"a":null}' '{"id":2,"a":5,"b":[1]}' '{"id":3,"a":1.5}' \
        '{"id":4,"a":99999999999999999999}' | load_into t append --create
    [ "$(sql 'SELECT id, a, b FROM t ORDER BY 1')" = \
        $'1||\n2|5|[1]\n3|1.5|\n4|99999999999999999999|' ]
    run -65 load_into t append <<<'{"id":5,"c":1}'
    [[ $output == *"no column 'c' (--create adds it)"* ]]
}

@test "names are quoted, whatever they are; too long ones are refused" {
    sql 'CREATE TABLE precious (id int)'
    echo '{"sel\"ect":1,"x y":2,"a\u00e9":3}' |
        load_into 'x"); DROP TABLE precious;--' append --create
    [ "$(sql 'SELECT count(*) FROM precious')" = 0 ]
    [ "$(sql 'SELECT "sel""ect", "x y", "aé" FROM "x""); DROP TABLE precious;--"')" = '1|2|3' ]
    run -64 load_into "$(printf 'x%.0s' {1..64})" append --create <<<'{"a":1}'
    run -65 load_into t append --create < <(echo '{"a":1}'; printf '{"%s":1}\n' "$(printf 'x%.0s' {1..64})")
    [[ $output == *'63 bytes'* ]]
    run -64 load_into _pipe_loads append --create <<<'{"a":1}'
}

@test "a table in another schema has its ledger there" {
    sql 'CREATE SCHEMA mart'
    echo '{"id":1}' | load_into mart.t append --create
    [ "$(sql 'SELECT count(*) FROM mart.t, mart._pipe_loads')" = 1 ]
    sql 'DROP SCHEMA mart CASCADE' 2>/dev/null
}

# ---- refusals

@test "one bad row in 100,000: rejected with its reason, the rest is loaded" {
    make_orders 100000 | sed '54321s/"amount":[0-9.]*/"amount":-1/' >in
    sql 'CREATE TABLE t (id bigint PRIMARY KEY, customer text, country text,
        amount numeric CHECK (amount >= 0), date date)'
    run -0 load_into t append --dlq dead.ndjson -v --run-id a <in
    [[ $output == *'read 100000 = 99999 out + 1 rejected'* ]]
    jq -e '.source.line == 54321 and .errors[0].code == "constraint"' dead.ndjson
    [ "$(sql 'SELECT count(*) FROM t')" = 99999 ]
    sql 'TRUNCATE t'
    rm dead.ndjson
    run -0 load_into t upsert -k id --dlq dead.ndjson -v <in
    [[ $output == *'read 100000 = 99999 out + 1 rejected'* ]]
    jq -e '.source.line == 54321 and .errors[0].code == "constraint"' dead.ndjson
    [ "$(sql 'SELECT count(*), sum(amount) FROM t')" = \
        "$(jq -s 'map(.amount | select(. >= 0)) | add * 100 | round / 100' in | sed 's/^/99999|/')" ]
}

@test "many bad rows among sets of fields are found, each once" {
    sql 'CREATE TABLE t (id bigint PRIMARY KEY, n int CHECK (n % 7 <> 0), m int)'
    awk 'BEGIN { for (i = 1; i <= 20000; i++)
        printf i % 3 ? "{\"id\":%d,\"n\":%d}\n" : "{\"id\":%d,\"n\":%d,\"m\":1}\n", i, i }' >in
    for mode in append 'upsert -k id' 'insert -k id' 'delete-insert -k id'; do
        sql 'TRUNCATE t'
        rm -f dead.ndjson
        # shellcheck disable=SC2086 # mode has options
        run -0 load_into t $mode --max-reject 20% --dlq dead.ndjson -v --run-id "$mode" <in
        [[ $output == *'read 20000 = 17143 out + 2857 rejected'* ]]
        [ "$(sql 'SELECT count(*), sum(id) FROM t')" = "17143|$(seq 20000 | awk '$1 % 7 { s += $1 } END { print s }')" ]
        [ "$(jq -r .source.line dead.ndjson | sort -nu | wc -l)" = 2857 ]
    done
}

@test "too many rejects: 65, nothing loaded, no ledger row" {
    sql 'CREATE TABLE t (id int PRIMARY KEY)'
    run -65 load_into t append < <(printf '{"id":%d}\n' 1 2 2)
    [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
    [ "$(sql "SELECT to_regclass('_pipe_loads') IS NULL")" = t ]
}

@test "a deferred constraint that fails at COMMIT: 65, nothing" {
    sql 'CREATE TABLE p (id int PRIMARY KEY);
        CREATE TABLE t (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED)'
    run -65 load_into t append <<<'{"id":1}'
    [[ $output == *'cannot commit'*'violates foreign key'* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
}

@test "a trigger that raises an exception refuses its row" {
    sql "CREATE TABLE t (id int); CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
        \$\$BEGIN IF NEW.id = 2 THEN RAISE EXCEPTION 'not today'; END IF; RETURN NEW; END\$\$;
        CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()"
    run -0 load_into t append --max-reject 1 -v < <(printf '{"id":%d}\n' 1 2 3)
    [[ $output == *'not today'* && $output == *'read 3 = 2 out + 1 rejected'* ]]
}

# ---- the upstream

@test "an upstream that failed or was killed: nothing" {
    echo '{"id":0}' | load_into t append --create --run-id first
    run -65 bash -o pipefail -c "printf '{\"id\":1}\nnonsense\n' | pipe-transform -w TRUE |
        pipe-load $URL -t t --mode append"
    run -75 bash -o pipefail -c "(printf '{\"id\":1}\n'; sleep 30) | exec pipe-transform -w TRUE |
        { sleep 0.5; pkill -9 -s 0 -x pipe-transform; exec pipe-load $URL -t t --mode append; }"
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "SIGTERM in the middle of a load rolls back, 143" {
    echo '{"id":0}' | load_into t append --create --run-id first
    mkfifo pipe
    pipe-load "$URL" -t t --mode append <pipe &
    exec 8>pipe
    make_orders 1000 | jq -c '{id}' >&8
    sleep 0.5
    kill -TERM $!
    local status=0
    wait $! || status=$?
    exec 8>&-
    [ "$status" = 143 ]
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

# ---- others at the same time

@test "the same run twice at once: once" {
    echo '{"id":0}' | load_into t append --create --run-id first
    make_orders 20000 | jq -c '{id}' >in
    for i in 1 2 3; do
        load_into t append --run-id same --lock-timeout 60s <in &
    done
    wait
    [ "$(sql 'SELECT count(*) FROM t')" = 20001 ]
}

@test "replace of one partition by several at once: one of them, whole" {
    echo '{"id":0}' | load_into t replace --create --partition day=x --run-id first
    for i in 1 2 3 4; do
        make_orders 500 "$((i * 1000))" | jq -c '{id}' |
            load_into t replace --partition day=x --run-id "$i" --lock-timeout 60s &
    done
    wait
    [ "$(sql 'SELECT count(*), count(DISTINCT id / 1000) FROM t')" = '500|1' ]
}

@test "a lock held by another: 75 within the limit" {
    echo '{"id":0}' | load_into t append --create --run-id first
    psql -X -q -c "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3)" >/dev/null &
    sleep 0.5
    run -75 load_into t append --lock-timeout 300ms <<<'{"id":1}'
    wait
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
}

@test "a load that is the victim of a deadlock is fed again, once" {
    sql "CREATE TABLE a (id int PRIMARY KEY, n int); INSERT INTO a VALUES (1, 0), (2, 0);
        CREATE TABLE t (id int); CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
        \$\$BEGIN UPDATE a SET n = n + 1 WHERE id = NEW.id; PERFORM pg_sleep(0.4); RETURN NEW; END\$\$;
        CREATE TRIGGER touch BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch()"
    # The load takes 1 then 2, the other 2 then 1; the load looks for a deadlock first.
    PGOPTIONS='-c deadlock_timeout=60s' psql -X -q -c "BEGIN; UPDATE a SET n = n + 100 WHERE id = 2;
        SELECT pg_sleep(0.6); UPDATE a SET n = n + 100 WHERE id = 1; COMMIT" >/dev/null &
    sleep 0.2
    PGOPTIONS='-c deadlock_timeout=100ms' run -0 load_into t append --run-id r -v \
        < <(printf '{"id":%d}\n' 1 2)
    wait
    [[ $output == *'read 2 = 2 out + 0 rejected'* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
    [ "$(sql 'SELECT n FROM a ORDER BY id' | xargs)" = '101 101' ]
    # It did happen.
    grep -q 'deadlock detected' "$PG_DIR/log"
}

# ---- the server

@test "no server: 69; no such database: 78; a password in the URI: 64" {
    run -69 pipe-load postgresql://127.0.0.1:1/x -t t --mode append <<<'{"id":1}'
    [[ $output == *'cannot connect to PostgreSQL'* ]]
    run -78 pipe-load "${URL%/*}/nosuch" -t t --mode append <<<'{"id":1}'
    run -64 pipe-load postgresql://pipe:secret@127.0.0.1/x -t t --mode append <<<'{"id":1}'
    [[ $output != *secret* && $output == *pgpass* ]]
    run -64 pipe-load 'postgresql://127.0.0.1/x?nonsense=1' -t t --mode append <<<'{"id":1}'
}

@test "PG* and ~/.pgpass are honoured" {
    echo '{"id":1}' | pipe-load postgresql:// -t t --mode append --create --on-unknown accept
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    sql "DROP ROLE IF EXISTS other; CREATE ROLE other LOGIN PASSWORD 'p:w'; GRANT ALL ON SCHEMA public TO other;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO other"
    sed -i '1i host all other 127.0.0.1/32 scram-sha-256' "$PG_DIR/data/pg_hba.conf"
    sql 'SELECT pg_reload_conf()' >/dev/null
    local uri=postgresql://other@127.0.0.1:$PGPORT/postgres
    run -77 pipe-load "$uri" -t t --mode append <<<'{"id":2}'
    printf '127.0.0.1:%s:*:other:p\\:w\n' "$PGPORT" >pgpass
    chmod 600 pgpass
    echo '{"id":2}' | PGPASSFILE=$PWD/pgpass pipe-load "$uri" -t t --mode append --on-unknown accept
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
}

@test "TLS: verify-full accepts the server's certificate and no other" {
    need_command openssl
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key -out cert 2>/dev/null
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout key2 -out cert2 2>/dev/null
    install -m 600 key "$PG_DIR/data/server.key"
    install -m 644 cert "$PG_DIR/data/server.crt"
    ((EUID)) || chown postgres "$PG_DIR/data/server.key" "$PG_DIR/data/server.crt"
    echo 'ssl = on' >>"$PG_DIR/data/postgresql.conf"
    sql 'SELECT pg_reload_conf()' >/dev/null
    sleep 0.5
    echo '{"id":1}' | pipe-load "$URL?sslmode=verify-full&sslrootcert=$PWD/cert" -t t \
        --mode append --create --on-unknown accept
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    run -69 pipe-load "$URL?sslmode=verify-full&sslrootcert=$PWD/cert2" -t t \
        --mode append <<<'{"id":2}'
    [[ $output == *certificate* ]]
}

@test "a server that is killed in mid load: nothing, and once after a re-run" {
    echo '{"id":0}' | load_into t append --create --run-id first
    make_orders 200000 | jq -c '{id}' >in
    mkfifo pipe
    pipe-load "$URL" -t t --mode append --run-id r <pipe 2>err &
    local load=$!
    exec 8>pipe
    head -n 100000 in >&8
    sleep 0.3
    pg_crash
    tail -n +100001 in >&8 || true
    exec 8>&-
    local status=0
    wait "$load" || status=$?
    [ "$status" = 75 ]
    pg_launch
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    load_into t append --run-id r <in
    [ "$(sql 'SELECT count(*) FROM t')" = 200001 ]
}

@test "--dry-run loads nothing and makes nothing" {
    run -0 load_into t append --create --dry-run < <(printf '{"id":%d}\n' 1 2)
    [[ $output == *"would load 2 records into 't'"* ]]
    [ "$(sql "SELECT to_regclass('t') IS NULL AND to_regclass('_pipe_loads') IS NULL")" = t ]
}
