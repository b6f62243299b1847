#!/usr/bin/env bats
# pipe-load into SQLite: insert, delete-insert, scd1, scd3, replace by range,
# duplicates within a load, names.
load ../helper

sql() { sqlite3 t.db "$1"; }
into() { pipe-load sqlite:t.db -t t --on-unknown accept "$@"; }
lines() { printf '%s\n' "$@"; }

# counts OPTION...: the records on stdin, and the line of counts.
counts() {
    into -v "$@" 2>&1 | sed -n 's/.*: \(read .*\)/\1/p'
}

# ---- insert

@test "insert leaves rows whose key is there alone, and counts them as duplicates" {
    sql "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1, 'old')"
    run -0 counts --mode insert -k id < <(lines '{"id":1,"v":"new"}' '{"id":2,"v":"a"}' '{"id":2,"v":"b"}')
    [ "$output" = 'read 3 = 1 out + 0 rejected + 2 duplicates' ]
    [ "$(sql 'SELECT id, v FROM t')" = $'1|old\n2|a' ]
    [ "$(sql 'SELECT rows_read, rows_loaded, rows_rejected FROM _pipe_loads')" = '3|1|0' ]
}

@test "insert rejects what breaks another constraint: read = loaded + rejected + duplicates" {
    sql "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, n INTEGER CHECK(n > 0))"
    run -0 counts --mode insert -k id --max-reject 2 < <(lines \
        '{"id":1,"u":"a","n":1}' '{"id":1,"u":"b","n":1}' '{"id":2,"u":"a","n":1}' '{"id":3,"n":0}')
    [ "$output" = 'read 4 = 1 out + 2 rejected + 1 duplicates' ]
    [ "$(sql 'SELECT id, u FROM t')" = '1|a' ]
}

@test "insert makes its key the primary key with --create, and wants one otherwise" {
    lines '{"id":1,"v":"a"}' | into --mode insert -k id --create
    lines '{"id":1,"v":"b"}' '{"id":2,"v":"b"}' | into --mode insert -k id
    [ "$(sql 'SELECT id, v FROM t')" = $'1|a\n2|b' ]
    sql 'CREATE TABLE u(id)'
    run -78 pipe-load sqlite:t.db -t u --mode insert -k id < <(lines '{"id":1}')
    [[ $output == *'no primary key or unique index on ("id"): mode insert needs one'* ]]
}

# ---- delete-insert

@test "delete-insert replaces the rows of the keys that come, several a key" {
    lines '{"o":1,"l":"a"}' '{"o":1,"l":"b"}' '{"o":2,"l":"c"}' | into --mode delete-insert -k o --create
    lines '{"o":1,"l":"x"}' '{"o":3,"l":"y"}' '{"o":1,"l":"z"}' | into --mode delete-insert -k o
    [ "$(sql 'SELECT o, l FROM t ORDER BY o, l')" = $'1|x\n1|z\n2|c\n3|y' ]
}

@test "delete-insert by a composite key, without any index" {
    sql "CREATE TABLE t(a INTEGER, b TEXT, v INTEGER);
        INSERT INTO t VALUES(1, 'x', 1), (1, 'x', 2), (1, 'y', 3), (2, 'x', 4)"
    lines '{"a":1,"b":"x","v":10}' '{"a":1,"b":"\u0078","v":11}' '{"a":9,"b":"q","v":12}' |
        into --mode delete-insert -k a,b
    [ "$(sql 'SELECT a, b, v FROM t ORDER BY v')" = $'1|y|3\n2|x|4\n1|x|10\n1|x|11\n9|q|12' ]
    [ "$(sql "SELECT count(*) FROM sqlite_master WHERE name LIKE '%_pipe_rows%'")" = 0 ]
}

@test "delete-insert without an index does not read the table for each key" {
    sql 'CREATE TABLE t(id INTEGER, v INTEGER);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
        INSERT INTO t SELECT i, 0 FROM n'
    seq 1 60000 | sed 's/.*/{"id":&,"v":1}/' >in
    run -0 timeout 20 pipe-load sqlite:t.db -t t --mode delete-insert -k id <in
    [ "$(sql 'SELECT count(*), sum(v) FROM t')" = '60000|60000' ]
}

@test "delete-insert compares keys as the column does" {
    sql "CREATE TABLE t(k TEXT COLLATE NOCASE, v INTEGER); CREATE INDEX i ON t(k);
        INSERT INTO t VALUES('ABC', 1), ('d', 2)"
    lines '{"k":"abc","v":10}' '{"k":"Abc","v":11}' | into --mode delete-insert -k k
    [ "$(sql 'SELECT k, v FROM t ORDER BY v')" = $'d|2\nabc|10\nAbc|11' ]
}

@test "delete-insert: a rejected record deletes nothing, its key may come again" {
    sql "CREATE TABLE t(id INTEGER, n INTEGER CHECK(n > 0));
        INSERT INTO t VALUES(1, 5), (2, 6)"
    lines '{"id":1,"n":0}' '{"id":2,"n":0}' '{"id":2,"n":7}' '{"id":2,"n":8}' |
        into --mode delete-insert -k id --max-reject 2
    [ "$(sql 'SELECT id, n FROM t ORDER BY n')" = $'1|5\n2|7\n2|8' ]
}

@test "the same delete-insert again changes nothing" {
    lines '{"o":1,"l":"a"}' '{"o":1,"l":"b"}' >in
    into --mode delete-insert -k o --create <in
    run -0 into --mode delete-insert -k o <in
    [[ $output == *"nothing changed"* ]]
    into --mode delete-insert -k o --run-id other <in
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
}

# ---- the same input, another load

@test "an input that another mode loaded is loaded: only the same mode is the same run" {
    lines '{"id":1,"v":"a"}' '{"id":2,"v":"b"}' >one
    lines '{"id":2,"v":"c"}' >two
    into --mode upsert -k id --create <one
    into --mode insert -k id <two
    into --mode upsert -k id <two
    [ "$(sql 'SELECT * FROM t ORDER BY id')" = $'1|a\n2|c' ]
    into --mode replace --all <two
    [ "$(sql 'SELECT * FROM t')" = '2|c' ]
    run -0 into --mode replace --all <two
    [[ $output == *"nothing changed"* ]]
}

@test "an input that replaced less is no reason to leave the rest" {
    lines '{"id":1,"d":1}' '{"id":2,"d":5}' '{"id":3,"d":9}' >all
    lines '{"id":4,"d":1}' >new
    into --mode append --create <all
    into --mode replace --partition d=1 <new
    [ "$(sql 'SELECT id FROM t ORDER BY id')" = $'2\n3\n4' ]
    into --mode replace --range d=0..6 <new
    [ "$(sql 'SELECT id FROM t ORDER BY id')" = $'3\n4' ]
    into --mode replace --range d=0..10 <new
    [ "$(sql 'SELECT id FROM t')" = 4 ]
    into --mode append --run-id again <all
    into --mode replace --partition d=1 <new
    into --mode replace --all <new
    [ "$(sql 'SELECT id FROM t')" = 4 ]
}

# ---- scd1, scd3

@test "scd1 is upsert by another name" {
    lines '{"id":1,"a":1,"b":2}' | into --mode scd1 -k id --create
    lines '{"id":1,"a":3}' | into --mode scd1 -k id
    [ "$(sql 'SELECT id, a, b FROM t')" = '1|3|2' ]
    [ "$(sql 'SELECT DISTINCT mode FROM _pipe_loads')" = scd1 ]
}

@test "scd3 keeps the previous value where a tracked column changes" {
    lines '{"id":1,"city":"Rome","n":1}' | into --mode scd3 -k id --track city --create
    [ "$(sql 'SELECT city, previous_city, n FROM t')" = 'Rome||1' ]
    lines '{"id":1,"city":"Rome","n":2}' | into --mode scd3 -k id --track city
    [ "$(sql 'SELECT city, previous_city, n FROM t')" = 'Rome||2' ]
    lines '{"id":1,"city":"Oslo"}' | into --mode scd3 -k id --track city
    lines '{"id":1,"n":3}' | into --mode scd3 -k id --track city
    [ "$(sql 'SELECT city, previous_city, n FROM t')" = 'Oslo|Rome|3' ]
    lines '{"id":1,"city":null}' | into --mode scd3 -k id --track city
    [ "$(sql 'SELECT city, previous_city FROM t')" = '|Oslo' ]
    lines '{"id":1,"city":null}' | into --mode scd3 -k id --track city --run-id again
    [ "$(sql 'SELECT city, previous_city FROM t')" = '|Oslo' ]
}

@test "scd3: numbers change by value, text by its bytes" {
    sql 'CREATE TABLE t(id INTEGER PRIMARY KEY, r REAL, previous_r REAL,
        d DECIMAL_TEXT, previous_d DECIMAL_TEXT,
        s TEXT COLLATE NOCASE, previous_s TEXT, j JSON_TEXT, previous_j JSON_TEXT)'
    lines '{"id":1,"r":1,"d":1.1,"s":"a","j":{"x":1,"y":[2]}}' | into --mode scd3 -k id --track r,d,s,j
    lines '{"id":1,"r":1.0,"d":1.10,"s":"A","j":{"y":[2.0], "x":1}}' | into --mode scd3 -k id --track r,d,s,j
    [ "$(sql 'SELECT previous_r, previous_d, previous_s, previous_j FROM t')" = '||a|' ]
    lines '{"id":1,"d":1.2}' | into --mode scd3 -k id --track r,d,s,j
    [ "$(sql 'SELECT d, previous_d FROM t')" = '1.2|1.10' ]
}

@test "scd3: previous columns are the load's own, and wanted" {
    lines '{"id":1,"a":1}' | into --mode scd3 -k id --track a --create
    run -0 into --mode scd3 -k id --track a --max-reject 1 < <(lines '{"id":1,"previous_a":7}' '{"id":2}')
    [[ $output == *"/previous_a is computed by the target (column_name)"* ]]
    run -78 into --mode scd3 -k id --track nope --create < <(lines '{"id":3,"a":1}')
    [[ $output == *"option --track: table 't' has no column 'nope'"* ]]
    sql 'CREATE TABLE u(id INTEGER PRIMARY KEY, a)'
    run -78 pipe-load sqlite:t.db -t u --mode scd3 -k id --track a < <(lines '{"id":3,"a":1}')
    [[ $output == *"table 'u' has no column 'previous_a' (--create adds it)"* ]]
    lines '{"id":3,"a":1}' '{"id":3,"a":2,"late":1}' | into --mode scd3 -k id --track a,late --create
    [ "$(sql 'SELECT a, previous_a, late FROM t WHERE id = 3')" = '2|1|1' ]
}

# ---- ranges

@test "replace --range empties from FROM up to, not including, TO" {
    for d in 01 02 03 04; do lines "{\"day\":\"2026-01-$d\",\"n\":1}"; done |
        into --mode append --create
    lines '{"day":"2026-01-02","n":9}' | into --mode replace --range day=2026-01-02..2026-01-04
    [ "$(sql 'SELECT day, n FROM t ORDER BY day')" = $'2026-01-01|1\n2026-01-02|9\n2026-01-04|1' ]
    [ "$(sql 'SELECT partition FROM _pipe_loads WHERE id = 2')" = 'day=2026-01-02..2026-01-04' ]
}

@test "a verified range of zero records is emptied; {start} and {end} expand" {
    lines '{"day":"2026-01-01T10:00:00Z"}' '{"day":"2026-01-02T00:00:00Z"}' | into --mode append --create
    : >empty
    into --mode replace --range 'day={start}..{end}' --date 2026-01-01 <empty
    [ "$(sql 'SELECT day FROM t')" = '2026-01-02T00:00:00Z' ]
}

@test "records outside the range, or without its column, are rejected" {
    run -0 into --mode replace --create --range day=2026-01-01..2026-01-02 --max-reject 4 < <(lines \
        '{"day":"2026-01-01"}' '{"day":"2026-01-02"}' '{"day":"2025-12-31"}' '{"x":1}' '{"day":7}')
    [[ $output == *"is missing, the load is for '2026-01-01' up to, not including, '2026-01-02' (wrong_partition)"* ]]
    [ "$(grep -c wrong_partition <<<"$output")" = 4 ]
    [ "$(sql 'SELECT day FROM t')" = 2026-01-01 ]
}

@test "times are in the range by instant, rows as well as records" {
    sql "CREATE TABLE t(at TEXT); INSERT INTO t VALUES
        ('2026-01-01T23:30:00-01:00'), ('2026-01-02T00:30:00+01:00'),
        ('2026-01-02 12:00:00'), ('2026-01-03T01:00:00+02:00'), ('2026-01-03')"
    # Records and rows with the same times, on the same sides.
    sql 'SELECT json_object('"'at'"', at) FROM t' >in
    run -0 into --mode replace --range at=2026-01-02..2026-01-03 --max-reject 2 <in
    [ "$(grep -c wrong_partition <<<"$output")" = 2 ]
    [ "$(sql 'SELECT count(*), count(DISTINCT at) FROM t')" = '5|5' ]
    into --mode replace --range at=2026-01-02..2026-01-03 <<<'{"at":"2026-01-02"}'
    [ "$(sql 'SELECT at FROM t ORDER BY at')" = $'2026-01-02\n2026-01-02T00:30:00+01:00\n2026-01-03' ]
}

@test "a range of times uses the index of its column" {
    sql "CREATE TABLE t(at TEXT); CREATE INDEX i ON t(at)"
    plan=$(sql "EXPLAIN QUERY PLAN DELETE FROM t WHERE abs(at) AND at >= '2025-12-30' AND at < '2026-01-05'")
    [[ $plan == *SEARCH* ]]
}

@test "a range of numbers, of scaled numbers, of decimals as text" {
    lines '{"i":9,"s":0.99,"d":9}' '{"i":10,"s":1.00,"d":10}' '{"i":100,"s":2.00,"d":100}' >in
    for col in i s d; do
        rm -f t.db
        into --mode append --create --decimal s=scaled:2 --decimal d=text <in
        case $col in s) range=s=1..2 ;; *) range=$col=9.5..1e2 ;; esac
        : >empty
        into --mode replace --range $range <empty
        [ "$(sql 'SELECT i FROM t')" = $'9\n100' ] || fail "$col"
    done
}

@test "a range that its column cannot have is refused" {
    lines '{"i":1,"b":true,"j":[1]}' | into --mode append --create
    run -64 into --mode replace --range i=a..b < <(lines '{"i":1}')
    [[ $output == *"range 'i=a..b': the column has numbers"* ]]
    run -78 into --mode replace --range b=0..1 < <(lines '{"i":1}')
    run -78 into --mode replace --range j=a..b < <(lines '{"i":1}')
    for bad in x x=1 x=1.. x=..2 =1..2; do
        run -64 into --mode replace --range "$bad" < <(lines '{"i":1}')
    done
    run -64 into --mode append --range i=1..2 < <(lines '{"i":1}')
}

@test "a range's run stays known while other ranges are loaded, and not across its own" {
    lines '{"n":1}' >a
    lines '{"n":5}' >b
    into --mode replace --create --range n=0..3 <a
    into --mode replace --range n=3..9 <b
    run -0 into --mode replace --range n=0..3 <a
    [[ $output == *"nothing changed"* ]]
    : >empty
    into --mode replace --range n=1..2 <empty
    [ "$(sql 'SELECT n FROM t')" = 5 ]
    into --mode replace --range n=0..3 <a
    [ "$(sql 'SELECT n FROM t ORDER BY n')" = $'1\n5' ]
    into --mode replace --partition n=5 <empty
    into --mode replace --range n=3..9 <b
    [ "$(sql 'SELECT n FROM t ORDER BY n')" = $'1\n5' ]
}

# ---- names

@test "names that look like SQL stay names, in every mode" {
    local name='x"); DROP TABLE safe;--' key="k'\"" mode track
    sql 'CREATE TABLE safe(a)'
    for mode in insert upsert delete-insert scd2 scd3; do
        rm -f n.db
        track=()
        [ "$mode" != scd3 ] || track=(--track 'va"l')
        sqlite3 n.db 'CREATE TABLE safe(a)'
        lines '{"k'\''\"":1,"va\"l":"a"}' '{"k'\''\"":1,"va\"l":"b"}' |
            pipe-load sqlite:n.db -t "$name" --mode "$mode" -k "$key" --create --on-unknown accept "${track[@]}"
        case $mode in insert) want=a ;; delete-insert) want=a,b ;; *) want=b ;; esac
        [ "$(sqlite3 n.db 'SELECT group_concat("va""l") FROM "x""); DROP TABLE safe;--"')" = $want ] || fail "$mode"
        [ "$(sqlite3 n.db 'SELECT count(*) FROM safe')" = 0 ]
    done
}

@test "options that do not fit the mode are refused by name" {
    : >in
    for bad in '--mode insert' '--mode delete-insert' '--mode scd2' '--mode scd3 -k id' \
        '--mode append --track a' '--mode upsert -k id --effective t' '--mode append --keep-versions 2' \
        '--mode upsert -k id --latest-view v' '--mode append --latest-view v' '--mode append --latest-by c' \
        '--mode insert -k id --missing null' '--mode versioned -k id' '--mode scd2 -k id,id' \
        '--mode scd3 -k id --track id' '--mode scd2 -k id --scd2-columns a,b' \
        '--mode scd2 -k id --effective valid_from' '--mode replace --all --batch 5 --run-id r' \
        '--mode append --batch 5' '--mode append --audit all' '--mode append --source x' \
        '--mode append --approve f' '--mode append --run-id r --audit nope' \
        '--mode append --run-id r --audit _source'; do
        # shellcheck disable=SC2086
        run -64 into $bad <in
    done
}

@test "a table is the same one however its name is spelled: once, and what came between counts" {
    lines '{"id":1}' >a
    lines '{"id":2}' >b
    pipe-load sqlite:s.db -t Orders --mode append --create <a
    run -0 pipe-load sqlite:s.db -t ORDERS --mode append <a
    [[ $output == *'nothing changed'* ]]
    [ "$(sqlite3 s.db 'SELECT count(*) FROM orders')" = 1 ]
    pipe-load sqlite:s.db -t orders --mode replace --all <a
    pipe-load sqlite:s.db -t ORDERS --mode replace --all <b
    pipe-load sqlite:s.db -t orders --mode replace --all <a
    [ "$(sqlite3 s.db 'SELECT id FROM orders')" = 1 ]
}
