#!/usr/bin/env bats
# pipe-load into SQLite: the view of the latest rows, versioned tables.
load ../helper

sql() { sqlite3 t.db "$1"; }
into() { pipe-load sqlite:t.db -t t --on-unknown accept "$@"; }
lines() { printf '%s\n' "$@"; }

# ---- the latest row of each key

@test "--latest-view shows the row of each key that was loaded last" {
    lines '{"id":1,"v":"a"}' '{"id":2,"v":"b"}' '{"id":1,"v":"c"}' | into --mode append --create --latest-view now -k id
    [ "$(sql 'SELECT id, v FROM now ORDER BY id')" = $'1|c\n2|b' ]
    lines '{"id":2,"v":"d"}' | into --mode append --latest-view now -k id
    [ "$(sql 'SELECT id, v FROM now ORDER BY id')" = $'1|c\n2|d' ]
    [ "$(sql 'SELECT count(*) FROM t')" = 4 ]
}

@test "--latest-by prefers the greatest, then the one loaded last; NULL is least" {
    lines '{"id":1,"n":2,"v":"a"}' '{"id":1,"n":2,"v":"b"}' '{"id":1,"n":1,"v":"c"}' '{"id":1,"n":null,"v":"d"}' \
        '{"id":2,"n":null,"v":"e"}' | into --mode append --create --latest-view now -k id --latest-by n
    [ "$(sql 'SELECT id, v FROM now ORDER BY id')" = $'1|b\n2|e' ]
}

@test "the view follows the table's columns, and a composite key" {
    lines '{"a":1,"b":1,"v":1}' '{"a":1,"b":2,"v":2}' | into --mode append --create --latest-view now -k a,b
    lines '{"a":1,"b":1,"w":"new"}' | into --mode append --create --latest-view now -k a,b
    [ "$(sql 'SELECT a, b, v, w FROM now ORDER BY b')" = $'1|1||new\n1|2|2|' ]
    [ "$(sql 'PRAGMA table_info(now)' | wc -l)" = 4 ]
}

@test "the view appears with the rows or not at all" {
    run -65 into --mode append --create --latest-view now -k id < <(lines '{"id":1}' '{bad')
    [ ! -s t.db ] || [ -z "$(sql .tables)" ]
    run -75 bash -c 'printf "{\"id\":1}\n" | pipe-transform --where nonsense | pipe-load sqlite:t.db -t t --mode append --create --latest-view now -k id || exit 75'
    [ ! -s t.db ] || [ -z "$(sql .tables)" ]
}

@test "a view or table of that name that is not ours is left alone" {
    sql 'CREATE VIEW now AS SELECT 7 AS x'
    run -78 into --mode append --create --latest-view now -k id < <(lines '{"id":1}')
    [[ $output == *"'now' in 't.db' is a view already, and not one that pipe-load keeps"* ]]
    [ "$(sql 'SELECT x FROM now')" = 7 ]
    [ "$(sql .tables)" = now ]
}

@test "a latest view wants load order, a column that is there and has an order" {
    sql 'CREATE TABLE t(id INTEGER PRIMARY KEY, d DECIMAL_TEXT)'
    run -78 into --mode append --latest-view now -k id < <(lines '{"id":1}')
    [[ $output == *"does not keep the order"* ]]
    sql 'DROP TABLE t; CREATE TABLE t(id, rowid, d DECIMAL_TEXT)'
    run -78 into --mode append --latest-view now -k id --latest-by nope < <(lines '{"id":1}')
    run -78 into --mode append --latest-view now -k id --latest-by d < <(lines '{"id":1}')
    run -78 into --mode append --latest-view now -k nope < <(lines '{"id":1}')
    lines '{"id":1,"rowid":9}' '{"id":1,"rowid":3}' | into --mode append --latest-view now -k id
    [ "$(sql 'SELECT rowid FROM now')" = 3 ]
    run -64 into --mode append --latest-view T -k id < <(lines '{"id":1}')
}

# ---- versions

@test "versioned: each load is a table, and the view shows the last" {
    lines '{"n":1}' | into --mode versioned --create
    lines '{"n":2}' '{"n":3}' | into --mode versioned --create
    [ "$(sql 'SELECT group_concat(n) FROM t')" = 2,3 ]
    [ "$(sql 'SELECT n FROM t__1')" = 1 ]
    [ "$(sql 'SELECT watermark FROM _pipe_loads ORDER BY id')" = $'{"version":1}\n{"version":2}' ]
}

@test "versioned: the same run again is a no-op, an earlier input is a new version" {
    lines '{"n":1}' >a
    lines '{"n":2}' >b
    into --mode versioned --create <a
    run -0 into --mode versioned --create <a
    [[ $output == *"nothing changed"* ]]
    [ "$(sql "SELECT count(*) FROM sqlite_master WHERE name LIKE 't%'")" = 2 ]
    into --mode versioned --create <b
    into --mode versioned --create <a
    [ "$(sql 'SELECT n FROM t')" = 1 ]
    [ "$(sql 'SELECT n FROM t__3')" = 1 ]
}

@test "versioned: columns follow the records with --create, else the version before" {
    lines '{"n":1,"s":"x"}' | into --mode versioned --create --decimal n=scaled:2
    lines '{"n":2.5}' | into --mode versioned
    [ "$(sql 'SELECT n, s FROM t')" = '250|' ]
    run -65 into --mode versioned < <(lines '{"m":1}')
    lines '{"m":1}' | into --mode versioned --create
    [ "$(sql 'SELECT * FROM t')" = 1 ]
    run -78 pipe-load sqlite:t.db -t other --mode versioned < <(lines '{"m":1}')
    [[ $output == *"has no version"* ]]
}

@test "versioned: a verified run of zero records is an empty version" {
    lines '{"n":1}' | into --mode versioned --create
    : >empty
    into --mode versioned --create <empty
    [ "$(sql 'SELECT count(*) FROM t')" = 0 ]
    [ "$(sql 'SELECT count(*) FROM t__1')" = 1 ]
    into --mode versioned --create -t none <empty || true
    pipe-load sqlite:t.db -t none --mode versioned --create <empty
    [ -z "$(sql "SELECT name FROM sqlite_master WHERE name LIKE 'none%'")" ]
}

@test "--keep-versions drops older versions of ours, and no other table" {
    sql 'CREATE TABLE t__2020(important)'
    for i in 1 2 3 4; do
        lines "{\"n\":$i}" | into --mode versioned --create --keep-versions 2
    done
    [ "$(sql "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 't%' ORDER BY name)")" = 't__2020 t__2023 t__2024' ]
    [ "$(sql 'SELECT n FROM t')" = 4 ]
    lines '{"n":5}' | into --mode versioned --create --keep-versions 1
    [ "$(sql "SELECT count(*) FROM sqlite_master WHERE name LIKE 't__2___'")" = 2 ]
}

@test "versioned: a failed load leaves the view as it was" {
    lines '{"n":1}' | into --mode versioned --create
    run -65 into --mode versioned --create < <(lines '{"n":2}' '{bad')
    [ "$(sql 'SELECT n FROM t')" = 1 ]
    [ "$(sql "SELECT count(*) FROM sqlite_master WHERE name = 't__2'")" = 0 ]
}

@test "versioned: a table of that name is no view to move" {
    sql 'CREATE TABLE t(n)'
    run -78 into --mode versioned --create < <(lines '{"n":1}')
    [[ $output == *"'t' in 't.db' is a table already"* ]]
}
