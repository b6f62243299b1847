#!/usr/bin/env bats
# pipe-load into SQLite writes rows many at a time where the table allows, and
# one by one where it may not: either way the same.
load ../helper

# Rows that a table like the ones below takes and refuses, in runs and mixed.
make_rows() { # SEED
    awk -v seed="$1" 'BEGIN {
        srand(seed)
        for (i = 0; i < 1500; i++) {
            run = int(i / 100) % 3 # all good; all of one kind; mixed
            kind = run == 0 ? 0 : run == 1 ? int(i / 100) % 9 : int(rand() * 9)
            id = kind == 1 ? int(rand() * 200) : i
            printf "{\"id\":%s", kind == 2 ? "\"x" i "\"" : kind == 3 ? id ".5" : id
            if (kind == 4) # breaks the CHECK
                printf ",\"n\":-1"
            else if (kind != 5) # else another set of fields
                printf ",\"n\":%d", rand() * 100
            printf ",\"u\":\"%s\"", kind == 6 ? "same" : "u" i
            if (kind == 7)
                printf ",\"note\":\"line\\n%d \\u00e9\\\"\"", i
            if (kind == 8)
                printf ",\"must\":null"
            print "}"
        }
    }'
}

# both CREATE OPTION...: the same load into a database where rows go many at a
# time, and one where a foreign key somewhere forbids that.
both() {
    local create=$1 way
    shift
    for way in many single; do
        rm -rf $way.db $way.dlq
        sqlite3 $way.db "$create"
        [ $way = many ] || sqlite3 $way.db 'CREATE TABLE elsewhere(a PRIMARY KEY, b REFERENCES elsewhere(a))'
        for load in 1 2; do
            pipe-load sqlite:$way.db -t t --dlq $way.dlq --max-reject 100% -v --run-id "r$load" \
                --on-unknown accept "$@" <in$load.ndjson 2>&1 | grep -o 'read [^;]*' >$way.counts$load
        done
        sqlite3 $way.db 'SELECT * FROM t ORDER BY rowid' >$way.rows 2>/dev/null ||
            sqlite3 $way.db 'SELECT * FROM t ORDER BY id' >$way.rows
        jq -c '[.raw, .errors, .source]' $way.dlq >$way.letters
    done
    [ -s many.rows ] && [ -s many.letters ] && [ -s many.counts1 ]
    for what in rows letters counts1 counts2; do
        cmp many.$what single.$what || diff many.$what single.$what | head -5
        cmp -s many.$what single.$what
    done
}

@test "the same rows, refusals in the same order, the same counts, in every mode and kind of table" {
    local checks="n INTEGER CHECK(n >= 0), u TEXT UNIQUE, note TEXT, must TEXT DEFAULT 'm' NOT NULL"
    make_rows 1 >in1.ndjson
    make_rows 2 >in2.ndjson
    for table in "CREATE TABLE t(id INTEGER PRIMARY KEY, $checks)" \
        "CREATE TABLE t(id TEXT, $checks); CREATE UNIQUE INDEX i ON t(id)" \
        "CREATE TABLE t(id INT PRIMARY KEY, $checks) WITHOUT ROWID" \
        "CREATE TABLE t(id, n INTEGER CHECK(n >= 0), u TEXT, note TEXT, must TEXT, PRIMARY KEY(id))"; do
        for mode in append 'insert -k id' 'upsert -k id' 'upsert -k id --missing null'; do
            echo "$table $mode"
            # shellcheck disable=SC2086 # options
            both "$table" --mode $mode
        done
    done
}

@test "columns that come within the load: the rows before them are there" {
    make_rows 1 | sed 's/"must":null/"must":"x"/' >in1.ndjson
    make_rows 2 | jq -c 'if .id == 700 then . + {new: {a: [1]}} else . end' >in2.ndjson
    both 'CREATE TABLE t(id INT, n INTEGER CHECK(n >= 0))' --mode append --create
    [ "$(sqlite3 many.db 'SELECT new FROM t WHERE new IS NOT NULL')" = '{"a":[1]}' ]
    both 'CREATE TABLE t(id INT, n INTEGER CHECK(n >= 0), u TEXT)' --mode replace \
        --partition u=same --create
}

@test "what the table itself says of conflicts, its triggers and its types hold" {
    for i in {1..100}; do
        echo "{\"id\":$((i % 60)),\"v\":\"$i\"}"
    done >in.ndjson
    sqlite3 a.db 'CREATE TABLE t(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, v)'
    pipe-load sqlite:a.db -t t --mode append <in.ndjson
    [ "$(sqlite3 a.db 'SELECT count(*), min(v + 0) FROM t')" = '60|41' ]

    sqlite3 b.db "CREATE TABLE t(id INTEGER, v); CREATE TABLE log(v);
        CREATE TRIGGER g BEFORE INSERT ON t WHEN new.id = 7 BEGIN SELECT raise(ABORT, 'seven'); END;
        CREATE TRIGGER h AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.v); END"
    pipe-load sqlite:b.db -t t --mode append --dlq b.dlq --max-reject 99% <in.ndjson
    [ "$(sqlite3 b.db 'SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM log)')" = '98|98' ]
    [ "$(jq -r '.errors[0].message' b.dlq | sort -u)" = seven ]

    sqlite3 c.db 'CREATE TABLE p(id INTEGER PRIMARY KEY); INSERT INTO p VALUES(1), (2);
        CREATE TABLE t(id INTEGER REFERENCES p(id), v)'
    pipe-load sqlite:c.db -t t --mode append --dlq c.dlq --max-reject 99% <in.ndjson
    [ "$(sqlite3 c.db 'SELECT count(*), min(id), max(id) FROM t')" = '4|1|2' ]

    sqlite3 d.db 'CREATE TABLE t(id INTEGER, v INTEGER) STRICT'
    sed 's/"v":"\([0-9]*5\)"/"v":\1.5/; s/"v":"\([0-9]*\)"/"v":\1/' in.ndjson >strict.ndjson
    pipe-load sqlite:d.db -t t --mode append --dlq d.dlq --max-reject 99% <strict.ndjson
    [ "$(sqlite3 d.db 'SELECT count(*), count(CASE WHEN v % 10 = 5 THEN 1 END) FROM t')" = '90|0' ]
}

@test "a constraint of the update in an upsert refuses that row alone" {
    sqlite3 a.db "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, n INT CHECK(n < 90));
        INSERT INTO t SELECT value, 'o' || value, 0 FROM generate_series(1, 100)"
    for i in {1..100}; do
        echo "{\"id\":$i,\"u\":\"$((i % 50 == 0 ? 0 : i))\",\"n\":$i}"
    done >in.ndjson
    pipe-load sqlite:a.db -t t --mode upsert -k id --dlq a.dlq --max-reject 99% -v <in.ndjson 2>log
    grep -q 'read 100 = 89 out + 11 rejected' log
    [ "$(sqlite3 a.db "SELECT count(*) FROM t WHERE u LIKE 'o%'")" = 11 ]
    [ "$(jq -r '.raw | fromjson? // . | .id' a.dlq | paste -sd ' ')" = '90 91 92 93 94 95 96 97 98 99 100' ]
}
