#!/usr/bin/env bats
# pipe-load into SQLite: tables by schema, approvals, audit columns, scd2.
load ../helper

sql() { sqlite3 t.db "$1"; }
into() { pipe-load sqlite:t.db -t t --on-unknown accept "$@"; }
lines() { printf '%s\n' "$@"; }
columns() { sql "SELECT group_concat(name || ' ' || type || iif(\"notnull\", '!', ''), ', ') FROM pragma_table_info('${1:-t}')"; }

# ---- schema

@test "--schema creates the table, also for zero records" {
    cat >s.json <<'END'
{"$defs": {"money": {"type": "number", "multipleOf": 0.01}, "a/b": {"type": "boolean"}},
 "type": "object", "required": ["id", "note", "paid"],
 "properties": {
  "id": {"type": "integer"}, "total": {"$ref": "#/$defs/money"},
  "paid": {"$ref": "#/$defs/a~1b"}, "note": {"type": ["string", "null"]},
  "at": {"type": "string", "format": "date-time"}, "items": {"type": "array"},
  "kind": {"enum": ["a", "b"]}, "level": {"const": 1},
  "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
  "mixed": {"type": ["string", "number"]}, "any": {}}}
END
    : >empty
    into --mode append --create --schema s.json <empty
    [ "$(columns)" = 'id INTEGER!, total REAL, paid BOOLEAN!, note TEXT, at TEXT, items JSON_TEXT, kind TEXT, level INTEGER, either INTEGER, mixed , any ' ]
    lines '{"id":1,"note":null,"paid":true,"total":1.25,"mixed":"x","any":[1]}' | into --mode append --schema s.json
    [ "$(sql 'SELECT id, total, paid, mixed, any FROM t')" = '1|1.25|1|x|[1]' ]
}

@test "--schema with --decimal, keys and allOf" {
    cat >s.json <<'END'
{"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"n": {"type": "number"}}, "required": ["n"]}],
 "$defs": {"base": {"properties": {"id": {"type": "string"}}, "required": ["id"]}}}
END
    lines '{"id":"a","n":1.5}' | into --mode upsert -k id --create --schema s.json --decimal n=scaled:2
    [ "$(columns)" = 'id TEXT!, n SCALEDINT(2)!' ]
    lines '{"id":"a","n":2}' | into --mode upsert -k id --schema s.json
    [ "$(sql 'SELECT id, n FROM t')" = 'a|200' ]
}

@test "a field that the schema does not have is rejected, --create or not" {
    echo '{"properties":{"id":{"type":"integer"}}}' >s.json
    run -0 into --mode append --create --schema s.json --max-reject 1 < <(lines '{"id":1}' '{"id":2,"x":1}')
    [[ $output == *"neither the table nor the schema has a column 'x' (unknown_column)"* ]]
    [ "$(columns)" = 'id INTEGER' ]
}

@test "a column that the schema gained is added with --create, nullable" {
    lines '{"id":1}' | into --mode append --create
    echo '{"properties":{"id":{"type":"integer"},"new":{"type":"string"}},"required":["new"]}' >s.json
    run -78 into --mode append --schema s.json < <(lines '{"id":2}')
    [[ $output == *"table 't' has no column 'new' of the schema (--create adds it)"* ]]
    lines '{"id":2,"new":"x"}' | into --mode append --schema s.json --create
    [ "$(columns)" = 'id INTEGER, new TEXT' ]
    [ "$(sql 'SELECT id, new FROM t')" = $'1|\n2|x' ]
}

@test "integer widens to number; any other change of type is blocked with both types" {
    lines '{"n":1,"s":"a","b":true,"l":[1]}' | into --mode append --create
    echo '{"properties":{"n":{"type":"number"},"s":{"type":"string"},"b":{"type":"boolean"},"l":{"type":"array"}}}' >s.json
    lines '{"n":1.5}' | into --mode append --schema s.json
    [ "$(sql 'SELECT n FROM t')" = $'1\n1.5' ]
    for change in 'n string INTEGER' 's integer TEXT' 'b string BOOLEAN' 'l object,null JSON_TEXT'; do
        read -r col type was <<<"$change"
        jq -c --arg c "$col" --arg t "$type" '.properties[$c].type = ($t | split(","))' s.json >other.json
        run into --mode append --schema other.json --create --run-id x < <(lines '{}')
        if [ "$col" = l ]; then
            [ "$status" = 0 ] # arrays and objects are both text
            continue
        fi
        [ "$status" = 78 ]
        [[ $output == *"column '$col' of table 't' is $was, the schema says $type: a change of type is not made"* ]]
    done
}

@test "a column that the schema lost wants approval; then it stays and gets NULLs" {
    lines '{"id":1,"old":"x"}' | into --mode append --create
    echo '{"properties":{"id":{"type":"integer"}}}' >s.json
    run -78 into --mode append --schema s.json --create < <(lines '{"id":2}')
    [[ $output == *"column 'old' of table 't' is not in the schema"*'sign off "remove /old" (--approve)'* ]]
    echo 'remove /other' >ok
    run -78 into --mode append --schema s.json --approve ok < <(lines '{"id":2}')
    printf '# signed off\nremove /old   # by Ada\n' >ok
    run -0 into --mode append --schema s.json --approve ok --max-reject 1 < <(lines '{"id":2}' '{"id":3,"old":"y"}')
    [[ $output == *"/old is no column of the schema any more (unknown_column)"* ]]
    [ "$(sql 'SELECT id, old FROM t')" = $'1|x\n2|' ]
    [ "$(columns)" = 'id INTEGER, old TEXT' ]
    run -66 into --mode append --schema s.json --approve nosuch < <(lines '{"id":2}')
    echo 'drop /old' >ok
    run -78 into --mode append --schema s.json --approve ok < <(lines '{"id":2}')
}

@test "a schema that cannot say columns is refused" {
    for bad in '{' '[]' '{}' '{"properties":{"a":{"$ref":"http://x/y"}}}' '{"properties":{"a":{"$ref":"#/no"}}}' \
        '{"$ref":"#"}' '{"properties":{"a":{"$ref":"#/properties/a"}}}'; do
        echo "$bad" >s.json
        run -78 into --mode append --create --schema s.json < <(lines '{"a":1}')
        [ ! -e t.db ] || fail "$bad made a database"
    done
    run -66 into --mode append --create --schema nosuch.json < <(lines '{"a":1}')
}

@test "partition, audit, scd2 and scd3 columns need not be in the schema" {
    echo '{"properties":{"id":{"type":"integer"},"v":{"type":"string"}}}' >s.json
    for mode in 'scd2 -k id' 'scd3 -k id --track v' 'replace --partition d=1'; do
        rm -f t.db
        for v in a b; do
            # shellcheck disable=SC2086
            lines "{\"id\":1,\"v\":\"$v\"}" |
                into --mode $mode --create --schema s.json --audit all --source x --run-id $v
        done
        [ "$(sql 'SELECT count(*) FROM t WHERE v = "b" AND _source = "x"')" = 1 ] || fail "$mode"
    done
}

@test "versioned with a schema: each version is made by it" {
    echo '{"properties":{"id":{"type":"integer"}},"required":["id"]}' >s.json
    : >empty
    into --mode versioned --schema s.json --create <empty
    [ "$(columns t__1)" = 'id INTEGER!' ]
    lines '{"id":1}' | into --mode versioned --schema s.json --create
    [ "$(sql 'SELECT id FROM t')" = 1 ]
}

# ---- audit columns

@test "--audit fills run, time and source; they are added with --create, else wanted" {
    lines '{"id":1}' | into --mode append --create
    run -78 into --mode append --audit all --source f --run-id r2 < <(lines '{"id":2}')
    [[ $output == *"table 't' has no column '_run_id' (--create adds it)"* ]]
    lines '{"id":2}' | into --mode append --create --audit all --source 'f "x"' --run-id r2
    [ "$(sql 'SELECT id, _run_id, _source FROM t')" = $'1||\n2|r2|f "x"' ]
    [[ $(sql 'SELECT _loaded_at FROM t WHERE id = 2') == 20??-??-??T*Z ]]
    [ "$(sql 'SELECT count(DISTINCT _loaded_at) FROM t')" = 1 ]
}

@test "--audit by name; records have no such fields; upsert renews them" {
    lines '{"id":1,"v":1}' | into --mode upsert -k id --create --audit _run_id --run-id a
    [ "$(columns)" = 'id INTEGER!, v INTEGER, _run_id TEXT' ]
    run -0 into --mode upsert -k id --audit _run_id --run-id b --max-reject 1 < <(lines '{"id":1,"v":2}' '{"id":2,"_run_id":"x"}')
    [[ $output == *"/_run_id is an audit column"* ]]
    [ "$(sql 'SELECT id, v, _run_id FROM t')" = '1|2|b' ]
}

@test "audit columns do not make versions, nor move where nothing changed" {
    lines '{"id":1,"v":1,"u":1}' >in
    into --mode scd2 -k id --track v --create --audit _run_id --run-id a <in
    into --mode scd2 -k id --track v --audit _run_id --run-id b <in
    [ "$(sql 'SELECT count(*), min(_run_id) FROM t')" = '1|a' ]
    lines '{"id":1,"v":1,"u":2}' | into --mode scd2 -k id --track v --audit _run_id --run-id c
    [ "$(sql 'SELECT u, _run_id FROM t')" = '2|c' ]
}

# ---- scd2

@test "scd2 opens a version for a change, and closes the one before" {
    lines '{"id":1,"v":"a"}' '{"id":2,"v":"x"}' | into --mode scd2 -k id --create
    lines '{"id":1,"v":"b"}' '{"id":2,"v":"x"}' | into --mode scd2 -k id
    [ "$(sql 'SELECT id, v, is_current, valid_to IS NULL FROM t ORDER BY id, valid_from')" = $'1|a|0|0\n1|b|1|1\n2|x|1|1' ]
    [ "$(sql 'SELECT count(*) FROM t a JOIN t b ON a.id = b.id AND a.valid_to = b.valid_from')" = 1 ]
}

@test "scd2: the same values otherwise written are no change" {
    lines '{"id":1,"n":1.0,"s":"\u0061","o":{"x":1,"y":null},"z":null}' | into --mode scd2 -k id --create
    lines '{"s":"a", "n":1,"id":1.0,"o":{"y":null, "x":1e0}}' | into --mode scd2 -k id
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    lines '{"id":1,"n":1}' | into --mode scd2 -k id
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
    # A new column without a value changes nothing.
    lines '{"id":1,"n":1,"new":null}' | into --mode scd2 -k id --create
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
}

@test "scd2 --effective places late changes in history and corrects those of one time" {
    lines '{"id":1,"v":"a","t":"2026-01-01"}' '{"id":1,"v":"c","t":"2026-03-01T00:00:00+01:00"}' |
        into --mode scd2 -k id --effective t --create
    lines '{"id":1,"v":"b","t":"2026-02-01"}' '{"id":1,"v":"A","t":"2026-01-01T00:00:00Z"}' |
        into --mode scd2 -k id --effective t
    [ "$(sql "SELECT v, substr(valid_from, 1, 19), ifnull(substr(valid_to, 1, 19), '-'), is_current FROM t ORDER BY valid_from")" = \
        'A|2026-01-01T00:00:00|2026-02-01T00:00:00|0
b|2026-02-01T00:00:00|2026-02-28T23:00:00|0
c|2026-02-28T23:00:00|-|1' ]
}

@test "scd2: a record without a time to be effective is rejected" {
    run -0 into --mode scd2 -k id --effective t --create --max-reject 4 < <(lines '{"id":1,"t":"2026-01-01"}' \
        '{"id":1}' '{"id":1,"t":null}' '{"id":1,"t":"soon"}' '{"id":1,"t":20260101}')
    [ "$(grep -c 'no time to be effective from (effective_time)' <<<"$output")" = 4 ]
    [[ $output == *"is missing, no time"* && $output == *'is "soon", no time'* ]]
}

@test "scd2 --track: other columns are set in place" {
    lines '{"id":1,"city":"Rome","n":1}' | into --mode scd2 -k id --track city --create
    lines '{"id":1,"city":"Rome","n":2}' | into --mode scd2 -k id --track city
    [ "$(sql 'SELECT city, n FROM t')" = 'Rome|2' ]
    lines '{"id":1,"city":"Oslo","n":3}' | into --mode scd2 -k id --track city
    [ "$(sql 'SELECT city, n FROM t ORDER BY valid_from')" = $'Rome|2\nOslo|3' ]
}

@test "scd2: of several records of a key in one load the last counts; no clock goes back" {
    lines '{"id":1,"v":"a"}' '{"id":1,"v":"b"}' | into --mode scd2 -k id --create
    [ "$(sql 'SELECT v FROM t')" = b ]
    sql "UPDATE t SET valid_from = '2999-01-01T00:00:00.000000Z'"
    lines '{"id":1,"v":"c"}' | into --mode scd2 -k id
    [ "$(sql 'SELECT v, count(*) FROM t')" = 'c|1' ]
    [ "$(sql 'SELECT count(*) FROM t WHERE valid_to <= valid_from')" = 0 ]
}

@test "scd2: a version that a constraint refuses changes nothing, and the key may go on" {
    sql "CREATE TABLE t(id INTEGER, v INTEGER CHECK(v < 10), t TEXT, valid_from TEXT, valid_to TEXT, is_current INTEGER, row_hash TEXT, PRIMARY KEY(id, valid_from))"
    run -0 into --mode scd2 -k id --effective t --max-reject 1 -v < <(lines '{"id":1,"v":1,"t":"2026-01-01"}' \
        '{"id":1,"v":99,"t":"2026-01-02"}' '{"id":1,"v":3,"t":"2026-01-03"}' '{"id":2,"v":3,"t":"2026-01-03"}')
    [[ $output == *"line 2: CHECK constraint failed"* && $output == *"read 4 = 3 out + 1 rejected"* ]]
    [ "$(sql 'SELECT id, v, is_current FROM t ORDER BY id, valid_from')" = $'1|1|0\n1|3|1\n2|3|1' ]
    [ "$(sql 'SELECT substr(valid_to, 1, 10) FROM t WHERE v = 1')" = 2026-01-03 ]
}

@test "scd2 wants a table of its own, its columns, and its way of writing times" {
    sql 'CREATE TABLE t(id INTEGER PRIMARY KEY, v)'
    run -78 into --mode scd2 -k id --create < <(lines '{"id":1}')
    [[ $output == *"has no column 'valid_from'"* ]]
    sql 'DROP TABLE t'
    lines '{"id":1,"v":1}' | into --mode scd2 -k id --create --scd2-columns von,bis,jetzt,hash
    [ "$(sql 'SELECT jetzt FROM t')" = 1 ]
    run -0 into --mode scd2 -k id --scd2-columns von,bis,jetzt,hash --max-reject 1 < <(lines '{"id":1,"bis":"x"}' '{"id":1,"v":2}')
    [[ $output == *"/bis is computed by the target"* ]]
    sql "DELETE FROM t WHERE NOT jetzt; UPDATE t SET von = '2020-01-01'"
    run -78 into --mode scd2 -k id --scd2-columns von,bis,jetzt,hash < <(lines '{"id":1,"v":3}')
    [[ $output == *"has the time '2020-01-01' in column 'von'"* ]]
}
