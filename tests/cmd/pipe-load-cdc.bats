#!/usr/bin/env bats
# pipe-load of change events: mode cdc, and scd2 with --cdc.
load ../helper

sql() {
    sqlite3 t.db "$@"
}

cdc() {
    pipe-load sqlite:t.db -t t --mode cdc -k id --create "$@"
}

# change KIND ID [V]: one change of wal2json's format 1.
change() {
    case $1 in
    insert | update) printf '{"kind":"%s","schema":"public","table":"%s","columnnames":["id","v"],"columnvalues":[%s,%s]}' "$1" "${4:-t}" "$2" "$3" ;;
    delete) printf '{"kind":"delete","schema":"public","table":"%s","oldkeys":{"keynames":["id"],"keyvalues":[%s]}}' "${4:-t}" "$2" ;;
    esac
}

@test "Debezium's events end in the table that they tell of" {
    need_data cdc-debezium
    cdc --decimal weight=text --run-id 1 <"$DATA/debezium-data.txt"
    run -0 sql "SELECT id, name, weight FROM t ORDER BY id"
    diff - <(echo "$output") <<'END'
101|scooter|3.140000104904175
102|car battery|8.100000381469727
103|12-pack drill bits|0.800000011920929
104|hammer|0.75
105|hammer|0.875
106|hammer|1
107|rocks|5.099999904632568
108|jacket|0.10000000149011612
109|spare tire|22.200000762939453
110|jacket|0.5
END
    [ "$(sql 'SELECT watermark FROM _pipe_loads')" = '{"file":3,"pos":2443,"row":0}' ] ||
        fail "$(sql 'SELECT watermark FROM _pipe_loads')"
}

@test "the end of a stream delivered again changes nothing, nor does the same run" {
    need_data cdc-debezium
    cdc --decimal weight=text <"$DATA/debezium-data.txt"
    sql 'SELECT * FROM t ORDER BY id' >want
    tail -5 "$DATA/debezium-data.txt" | cdc --decimal weight=text --on-unknown accept
    sql 'SELECT * FROM t ORDER BY id' | cmp - want
    run -0 cdc --decimal weight=text <"$DATA/debezium-data.txt"
    [[ $output == *"nothing changed"* ]]
}

@test "create, update, change of key, delete, read, truncate, in order" {
    printf '%s\n' \
        '{"op":"c","after":{"id":1,"v":"a"}}' \
        '{"op":"r","after":{"id":2,"v":"b"}}' \
        '{"op":"u","before":{"id":1,"v":"a"},"after":{"id":7,"v":"c"}}' \
        '{"op":"u","before":{"id":2},"after":{"id":2,"v":null}}' >in
    cdc <in
    [ "$(sql 'SELECT * FROM t ORDER BY id')" = $'2|\n7|c' ]
    printf '%s\n' '{"op":"d","before":{"id":7},"after":null}' >in
    cdc <in
    [ "$(sql 'SELECT * FROM t')" = '2|' ]
    printf '%s\n' '{"op":"t","source":{}}' '{"op":"c","after":{"id":3,"v":"d"}}' >in
    cdc <in
    [ "$(sql 'SELECT * FROM t')" = '3|d' ]
}

@test "heartbeats, tombstones and transaction events are counted as filtered" {
    printf '%s\n' '{"ts_ms":1}' '{"schema":null,"payload":null}' \
        '{"op":"c","after":{"id":1}}' '{"action":"B"}' >in
    run -0 cdc -v <in
    [[ $output == *"read 4 = 1 out + 0 rejected + 3 filtered"* ]]
}

@test "a value that was not sent, an unknown op, no event: rejected with a reason" {
    printf '%s\n' '{"op":"c","after":{"id":1,"v":"a"}}' \
        '{"op":"u","after":{"id":1,"v":"__debezium_unavailable_value"}}' \
        '{"op":"?","source":{}}' '{"id":1}' '{"op":"c","after":{"v":1}}' >in
    run -0 cdc --max-reject 4 -v <in
    for code in "/v was not sent"*unavailable_value unknown_op not_an_event null_key; do
        # shellcheck disable=SC2053
        [[ $output == *$code* ]] || fail "$code: $output"
    done
    [[ $output == *"read 5 = 1 out + 4 rejected"* ]]
    [ "$(sql 'SELECT * FROM t')" = '1|a' ]
}

@test "wal2json, format 1: a line is one record, whatever it changes" {
    echo "{\"change\":[$(change insert 1 '"a"'),$(change insert 2 '"b"'),$(change delete 1)]}" >in
    echo "{\"change\":[$(change update 2 '"c"')]}" >>in
    run -0 cdc -v <in
    [[ $output == *"read 2 = 2 out + 0 rejected"* ]]
    [ "$(sql 'SELECT * FROM t')" = '2|c' ]
}

@test "a line of which one change is refused is rejected whole" {
    echo "{\"change\":[$(change insert 1 10),$(change insert 2 '"text"'),$(change insert 3 30)]}" >in
    echo "{\"change\":[$(change insert 4 40),$(change insert 5 50)]}" >>in
    run -0 cdc --max-reject 1 -v <in
    [[ $output == *"read 2 = 1 out + 1 rejected"* ]]
    [ "$(sql 'SELECT * FROM t ORDER BY id')" = $'4|40\n5|50' ]
    echo "{\"change\":[$(change delete 4),$(change insert 5 '"text"')]}" >in
    run -0 cdc --max-reject 100% <in
    [ "$(sql 'SELECT * FROM t ORDER BY id')" = $'4|40\n5|50' ]
}

@test "events of other tables: rejected, or left out where one was named" {
    echo "{\"change\":[$(change insert 1 1)]}" >in
    echo "{\"change\":[$(change insert 2 2 other)]}" >>in
    run -65 cdc <in
    [[ $output == *"other_table"* ]]
    run -0 cdc --source-table public.t -v <in
    [[ $output == *"1 out + 0 rejected + 1 filtered"* ]]
    [ "$(sql 'SELECT * FROM t')" = '1|1' ]
    cdc --source-table '*' --run-id any <in
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
}

@test "scd2 with --cdc: versions by the events' time, a delete closes the row" {
    printf '%s\n' \
        '{"op":"c","after":{"id":1,"v":"a"},"source":{"ts_ms":1000}}' \
        '{"op":"u","after":{"id":1,"v":"b"},"source":{"ts_ms":2000}}' \
        '{"op":"d","before":{"id":1},"source":{"ts_ms":3000}}' >in
    pipe-load sqlite:t.db -t t --mode scd2 --cdc -k id --create <in
    run -0 sql 'SELECT v, valid_from, valid_to, is_current FROM t ORDER BY valid_from'
    [ "$output" = $'a|1970-01-01T00:00:01.000000Z|1970-01-01T00:00:02.000000Z|0\nb|1970-01-01T00:00:02.000000Z|1970-01-01T00:00:03.000000Z|0' ] ||
        fail "$output"
}

@test "usage: a key is wanted, options that mean nothing are refused" {
    : >in
    run -64 pipe-load sqlite:t.db -t t --mode cdc --create <in
    run -64 pipe-load sqlite:t.db -t t --mode append --cdc --create <in
    run -64 pipe-load sqlite:t.db -t t --mode upsert -k id --source-table t --create <in
    run -64 pipe-load file:lake -t t --mode cdc -k id --create <in
}
