# pipe-load into PostgreSQL: tables by schema, views, versions.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

into() { pipe-load "$URL" -t t --on-unknown accept "$@"; }
lines() { printf '%s\n' "$@"; }

# columns TABLE: names, types and ! for NOT NULL.
columns() {
    sql "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) ||
        CASE WHEN attnotnull THEN '!' ELSE '' END, ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = '$1'::regclass AND attnum > 0
        AND NOT attisdropped"
}

# ---- schema

@test "--schema creates the table with its types, also for zero records" {
    cat >s.json <<'END'
{"$defs": {"money": {"type": "number", "multipleOf": 0.01}},
 "required": ["id", "note", "paid"],
 "properties": {
  "id": {"type": "integer"}, "total": {"$ref": "#/$defs/money"}, "ratio": {"type": "number"},
  "paid": {"type": "boolean"}, "note": {"type": ["string", "null"]},
  "at": {"type": "string", "format": "date-time"}, "day": {"type": ["string", "null"], "format": "date"},
  "ref": {"type": "string", "format": "uuid"}, "mail": {"type": "string", "format": "email"},
  "items": {"type": "array"}, "more": {"type": "object"}, "mixed": {"type": ["string", "number"]}, "any": {}}}
END
    : >empty
    into --mode append --create --schema s.json <empty
    [ "$(columns t)" = 'id bigint!, total numeric(38,2), ratio numeric, paid boolean!, note text, at timestamp with time zone, day date, ref uuid, mail text, items jsonb, more jsonb, mixed jsonb, any jsonb' ]
    lines '{"id":1,"note":null,"paid":true,"total":1.25,"ratio":1e-20,"at":"2026-01-01T10:00:00+02:00","day":"2026-01-01","mixed":"x","any":[1.10],"ref":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}' |
        into --mode append --schema s.json
    [ "$(sql 'SELECT total, ratio, paid, at, day, ref, mixed, "any" FROM t')" = \
        '1.25|0.00000000000000000001|t|2026-01-01 08:00:00+00|2026-01-01|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|"x"|[1.10]' ]
}

@test "values that a declared type cannot keep are rejected, and it stays as it is" {
    echo '{"properties":{"id":{"type":"integer"},"n":{"type":"number","multipleOf":0.01},"d":{"type":"string","format":"date"}}}' >s.json
    run -0 into --mode append --create --schema s.json --max-reject 5 --dlq dead < <(lines '{"id":1,"n":1.25}' \
        '{"id":1.5}' '{"id":99999999999999999999}' '{"id":2,"n":1.255}' '{"id":3,"d":"soon"}' '{"id":4,"x":1}')
    grep -q "neither the table nor the schema has a column 'x'" dead
    [ "$(jq -r '.errors[0].code' dead | sort | xargs)" = \
        'invalid_value number_precision number_precision number_precision unknown_column' ]
    [ "$(columns t)" = 'id bigint, n numeric(38,2), d date' ]
    [ "$(sql 'SELECT * FROM t')" = '1|1.25|' ]
}

@test "a column that the schema gained is added with --create, nullable" {
    lines '{"id":1}' | into --mode append --create
    echo '{"properties":{"id":{"type":"integer"},"new":{"type":"string"}},"required":["new"]}' >s.json
    run -78 into --mode append --schema s.json < <(lines '{"id":2}')
    [[ $output == *"table 't' has no column 'new' of the schema (--create adds it)"* ]]
    lines '{"id":2,"new":"x"}' | into --mode append --schema s.json --create
    [ "$(columns t)" = 'id bigint, new text' ]
    [ "$(sql 'SELECT id, new FROM t ORDER BY 1')" = $'1|\n2|x' ]
}

@test "integer widens to number with --create; other changes of type are blocked" {
    echo '{"properties":{"n":{"type":"integer"},"m":{"type":"number","multipleOf":0.1},"s":{"type":"string"},"b":{"type":"boolean"},"d":{"type":"string","format":"date"},"l":{"type":"array"}}}' >s.json
    lines '{"n":1,"m":1.5,"s":"a","b":true,"d":"2026-01-01","l":[1]}' | into --mode append --create --schema s.json
    jq -c '.properties.n.type = "number" | .properties.m.multipleOf = 0.001' s.json >wide.json
    run -78 into --mode append --schema wide.json < <(lines '{"n":1.5}')
    [[ $output == *"column 'n' of table 't' is bigint, the schema says number (--create widens it)"* ]]
    lines '{"n":1.5,"m":0.125}' | into --mode append --create --schema wide.json
    [ "$(sql 'SELECT n, m FROM t ORDER BY 1')" = $'1|1.5\n1.5|0.125' ]
    for change in 'n string numeric' 's integer text' 'b string boolean' 'l array jsonb' 'd date-time date'; do
        read -r col type was <<<"$change"
        if [ "$col" = d ]; then
            jq -c '.properties.d.format = "date-time"' wide.json >other.json
            type='string (date-time)'
        else
            jq -c --arg c "$col" --arg t "$type" '.properties[$c].type = $t' wide.json >other.json
        fi
        run into --mode append --schema other.json --create --run-id x < <(lines '{}')
        if [ "$col" = l ]; then
            [ "$status" = 0 ]
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
    echo 'remove /old' >ok
    run -0 into --mode append --schema s.json --approve ok --max-reject 1 < <(lines '{"id":2}' '{"id":3,"old":"y"}')
    [[ $output == *"/old is no column of the schema any more (unknown_column)"* ]]
    [ "$(sql 'SELECT id, old FROM t ORDER BY 1')" = $'1|x\n2|' ]
    # A missing field set to NULL does not reach it either.
    sql 'ALTER TABLE t ADD PRIMARY KEY (id)'
    lines '{"id":1}' | into --mode upsert -k id --missing null --schema s.json --approve ok
    [ "$(sql 'SELECT id, old FROM t ORDER BY 1')" = $'1|x\n2|' ]
}

@test "partition, audit and scd3 columns need not be in the schema, and are added" {
    echo '{"properties":{"id":{"type":"integer"},"v":{"type":"string"}}}' >s.json
    for mode in 'upsert -k id' 'scd3 -k id --track v' 'replace --partition d=1'; do
        sql 'DROP TABLE IF EXISTS t, _pipe_loads' 2>/dev/null
        for v in a b; do
            # shellcheck disable=SC2086
            lines "{\"id\":1,\"v\":\"$v\"}" |
                into --mode $mode --create --schema s.json --audit all --source x --run-id $v
        done
        [ "$(sql "SELECT count(*) FROM t WHERE v = 'b' AND _source = 'x' AND _loaded_at <= now()")" = 1 ] || fail "$mode"
    done
    sql 'DROP TABLE t'
    lines '{"id":1,"v":"a"}' | into --mode upsert -k id --create
    run -78 into --mode upsert -k id --audit all --source f --run-id r2 < <(lines '{"id":2}')
    [[ $output == *"table 't' has no column '_run_id' (--create adds it)"* ]]
    lines '{"id":1,"v":"b"}' | into --mode scd3 -k id --track v --create --audit _run_id --run-id r
    [ "$(sql 'SELECT id, v, previous_v, _run_id FROM t')" = '1|b|a|r' ]
}

@test "a record without a field is a row of defaults" {
    sql 'CREATE TABLE t (a int, b int DEFAULT 7)'
    lines '{}' '{"a":1}' '{}' | into --mode append
    [ "$(sql 'SELECT a, b FROM t ORDER BY a')" = $'1|7\n|7\n|7' ]
    sql 'ALTER TABLE t ADD c int; UPDATE t SET c = 1; ALTER TABLE t ALTER c SET NOT NULL'
    run -0 into --mode append --max-reject 2 < <(lines '{}' '{"c":1}' '{}')
    [ "$(grep -c '(constraint)' <<<"$output")" = 2 ]
}

@test "delete-insert looks for rows through an index on the key" {
    lines '{"id":1}' '{"id":1}' | into --mode delete-insert -k id --create
    [ "$(sql "SELECT count(*) FROM pg_indexes WHERE tablename = 't' AND indexdef LIKE '%(id)'")" = 1 ]
}

@test "change events in batches: a restart goes on behind the last one" {
    awk 'BEGIN { for (i = 1; i <= 100; i++) {
        id = i * 7 % 23
        if (i % 5 == 0)
            printf "{\"op\":\"d\",\"before\":{\"id\":%d}", id
        else
            printf "{\"op\":\"c\",\"after\":{\"id\":%d,\"v\":%d}", id, i
        printf ",\"source\":{\"lsn\":%d}}\n", 1000 + i } }' >in
    pipe-load "$URL" -t w --mode cdc -k id --create --run-id whole <in
    { head -n 55 in; echo '{"op":'; } >broken.ndjson
    run -65 pipe-load "$URL" -t t --mode cdc -k id --create --batch 20 --run-id r <broken.ndjson
    [ "$(sql "SELECT sum(rows_read) FROM _pipe_loads WHERE run_id = 'r'")" = 40 ]
    pipe-load "$URL" -t t --mode cdc -k id --batch 20 --run-id r <in
    [ "$(sql 'SELECT count(*) FROM (TABLE t EXCEPT TABLE w) AS x')" = 0 ]
    [ "$(sql 'SELECT count(*) FROM t')" = "$(sql 'SELECT count(*) FROM w')" ]
    [ "$(sql "SELECT watermark::json->>'lsn' FROM _pipe_loads ORDER BY id DESC LIMIT 1")" = 1100 ]
}

@test "a table is the same one with its schema and without, quoted and not" {
    echo '{"id":1}' >in
    pipe-load "$URL" -t t --mode append --create <in
    for name in public.t '"t"' 'public."t"'; do
        run -0 pipe-load "$URL" -t "$name" --mode append <in
        [[ $output == *'nothing changed'* ]]
    done
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    sql 'CREATE SCHEMA other; CREATE TABLE other.t (id int)'
    pipe-load "$URL" -t other.t --mode append <in
    [ "$(sql 'SELECT count(*) FROM other.t')" = 1 ]
}
