# pipe-load into PostgreSQL: versions of rows (scd2), and the same history as
# SQLite keeps of the same changes.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

into() { pipe-load "$URL" -t t --mode scd2 --on-unknown accept "$@"; }
lines() { printf '%s\n' "$@"; }

# Columns of versions in order: of a key, then of time.
versions() { sql "SELECT $1 FROM t ORDER BY id, valid_from"; }

@test "scd2 makes its columns; a key has one current version" {
    lines '{"id":1,"v":"a"}' | into -k id --create
    [ "$(sql "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) ||
        CASE WHEN attnotnull THEN '!' ELSE '' END, ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0")" = \
        'id bigint!, v text, valid_from timestamp with time zone!, valid_to timestamp with time zone, is_current boolean!, row_hash text!' ]
    run sql "INSERT INTO t VALUES (1, 'b', now(), NULL, true, '')"
    [[ $output == *'violates unique constraint'* ]]
    run sql "INSERT INTO t SELECT * FROM t"
    [[ $output == *'violates unique constraint'* ]]
}

@test "scd2 opens a version for a change, and closes the one before" {
    lines '{"id":1,"v":"a"}' '{"id":2,"v":"x"}' | into -k id --create
    lines '{"id":1,"v":"b"}' '{"id":2,"v":"x"}' | into -k id
    [ "$(versions 'id, v, is_current, valid_to IS NULL')" = $'1|a|f|f\n1|b|t|t\n2|x|t|t' ]
    [ "$(sql 'SELECT count(*) FROM t a JOIN t b ON a.id = b.id AND a.valid_to = b.valid_from')" = 1 ]
    [ "$(sql 'SELECT mode, rows_read, rows_loaded FROM _pipe_loads ORDER BY id')" = $'scd2|2|2\nscd2|2|2' ]
}

@test "the same input again changes nothing, as the same run and as another" {
    lines '{"id":1,"v":"a","t":"2026-01-01"}' '{"id":1,"v":"b","t":"2026-01-02"}' '{"id":2,"v":"a","t":"2026-01-03"}' >in
    into -k id --effective t --create --run-id one <in
    before=$(versions 'ctid, *')
    run -0 into -k id --effective t --run-id one <in
    [[ $output == *"run 'one' was loaded on "*'nothing changed'* ]]
    into -k id --effective t --run-id two <in
    [ "$(versions 'ctid, *')" = "$before" ]
    [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 2 ]
}

@test "scd2: the same values otherwise written are no change" {
    lines '{"id":1,"n":1.0,"s":"\u0061","o":{"x":1,"y":null},"z":null}' | into -k id --create
    lines '{"s":"a", "n":1,"id":1.0,"o":{"y":null, "x":1e0}}' | into -k id
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    lines '{"id":1,"n":1}' | into -k id
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
    # A new column without a value changes nothing.
    lines '{"id":1,"n":1,"new":null}' | into -k id --create
    [ "$(sql 'SELECT count(*) FROM t')" = 2 ]
    # Missing is null: the columns of the version before do not stay.
    [ "$(versions 'n, s')" = $'1|a\n1|' ]
}

@test "scd2 --effective places late changes in history and corrects those of one time" {
    lines '{"id":1,"v":"a","t":"2026-01-01"}' '{"id":1,"v":"c","t":"2026-03-01T00:00:00+01:00"}' |
        into -k id --effective t --create
    lines '{"id":1,"v":"b","t":"2026-02-01"}' '{"id":1,"v":"A","t":"2026-01-01T00:00:00Z"}' |
        into -k id --effective t
    [ "$(versions 'v, valid_from, valid_to, is_current')" = \
        'A|2026-01-01 00:00:00+00|2026-02-01 00:00:00+00|f
b|2026-02-01 00:00:00+00|2026-02-28 23:00:00+00|f
c|2026-02-28 23:00:00+00||t' ]
}

@test "scd2: a version that was known to begin later began earlier" {
    lines '{"id":1,"v":"a","t":"2026-01-01"}' '{"id":1,"v":"b","t":"2026-03-01"}' | into -k id --effective t --create
    lines '{"id":1,"v":"b","t":"2026-02-01"}' | into -k id --effective t
    [ "$(versions "v, valid_from::date, valid_to::date, t")" = $'a|2026-01-01|2026-02-01|2026-01-01\nb|2026-02-01||2026-03-01' ]
}

@test "scd2: a record without a time to be effective is rejected; years 0 and 9999 are times" {
    run -0 into -k id --effective t --create --max-reject 4 < <(lines '{"id":1,"t":"0000-02-29T01:02:03.000004Z"}' \
        '{"id":1}' '{"id":1,"t":null}' '{"id":1,"t":"soon"}' '{"id":1,"t":20260101}' '{"id":1,"v":1,"t":"9999-12-31T23:59:59.999999Z"}')
    [ "$(grep -c 'no time to be effective from (effective_time)' <<<"$output")" = 4 ]
    [[ $output == *"is missing, no time"* && $output == *'is "soon", no time'* ]]
    [ "$(versions valid_from)" = $'0001-02-29 01:02:03.000004+00 BC\n9999-12-31 23:59:59.999999+00' ]
}

@test "scd2 --track: other columns are set in place" {
    lines '{"id":1,"city":"Rome","n":1}' | into -k id --track city --create
    lines '{"id":1,"city":"Rome","n":2}' | into -k id --track city
    [ "$(sql 'SELECT city, n FROM t')" = 'Rome|2' ]
    lines '{"id":1,"city":"Oslo","n":3}' | into -k id --track city
    [ "$(versions 'city, n')" = $'Rome|2\nOslo|3' ]
    run -78 into -k id --track nope --create < <(lines '{"id":1,"city":"Bern"}')
    [[ $output == *"option --track: table 't' has no column 'nope'"* ]]
    run -78 into -k id --track nope < <(lines '{"id":1,"city":"Bern"}')
    [[ $output == *"tracked column 'nope' is not in table 't'"* ]]
}

@test "scd2 --track compares every type; what is the same is not touched" {
    sql 'CREATE TABLE t (id int, city text, j json, b jsonb, p point, d date, x bytea, a int[], valid_from timestamptz,
        valid_to timestamptz, is_current boolean, row_hash text, PRIMARY KEY (id, valid_from))'
    lines '{"id":1,"city":"Rome","j":[1],"b":{"x":1,"y":2},"p":"(1,2)","d":"2026-01-01","x":"YQ==","a":[1]}' | into -k id --track city
    before=$(versions 'ctid')
    lines '{"id":1,"city":"Rome","j":[1],"b":{"y":2,"x":1},"p":"( 1 , 2 )","d":"2026-01-01","x":"YQ==","a":[1]}' |
        into -k id --track city --run-id again
    [ "$(versions 'ctid')" = "$before" ]
    lines '{"id":1,"city":"Rome","j":[2],"p":"(1,2)","d":"2026-01-01","x":"YQ==","a":[1]}' | into -k id --track city
    [ "$(versions 'j, b, p')" = '[2]||(1,2)' ]
}

@test "audit columns do not make versions, nor move where nothing changed" {
    lines '{"id":1,"v":1,"u":1}' >in
    into -k id --track v --create --audit _run_id --run-id a <in
    into -k id --track v --audit _run_id --run-id b <in
    [ "$(sql 'SELECT count(*), min(_run_id) FROM t')" = '1|a' ]
    lines '{"id":1,"v":1,"u":2}' | into -k id --track v --audit _run_id --run-id c
    [ "$(sql 'SELECT u, _run_id FROM t')" = '2|c' ]
    lines '{"id":1,"v":2}' | into -k id --track v --audit all --source x --create --run-id d
    [ "$(versions '_run_id, _source, _loaded_at = valid_from')" = $'c||\nd|x|t' ]
}

@test "scd2: of several records of a key in one load the last counts; no clock goes back" {
    lines '{"id":1,"v":"a"}' '{"id":1,"v":"b"}' | into -k id --create
    [ "$(sql 'SELECT v FROM t')" = b ]
    sql "UPDATE t SET valid_from = '2999-01-01T00:00:00.000000Z'"
    lines '{"id":1,"v":"c"}' | into -k id
    [ "$(sql 'SELECT v, count(*) FROM t GROUP BY v')" = 'c|1' ]
    [ "$(sql 'SELECT count(*) FROM t WHERE valid_to <= valid_from')" = 0 ]
    sql "UPDATE t SET valid_to = '2999-02-01', is_current = false"
    lines '{"id":1,"v":"d"}' | into -k id
    [ "$(versions 'v, valid_from::date, valid_to::date')" = $'c|2999-01-01|2999-02-01\nd|2999-02-01|' ]
}

# A table whose versions must have v < 10.
checked() {
    sql "CREATE TABLE t (id int, v int CHECK (v < 10), t text, valid_from timestamptz, valid_to timestamptz,
        is_current boolean, row_hash text, PRIMARY KEY (id, valid_from))"
}

@test "scd2: a version that a constraint refuses changes nothing, and the key may go on" {
    checked
    run -0 into -k id --effective t --max-reject 1 -v < <(lines '{"id":1,"v":1,"t":"2026-01-01"}' \
        '{"id":1,"v":99,"t":"2026-01-02"}' '{"id":1,"v":3,"t":"2026-01-03"}' '{"id":2,"v":3,"t":"2026-01-03"}')
    [[ $output == *"line 2: new row for relation \"t\" violates check constraint"*'(constraint)'* ]]
    [[ $output == *"read 4 = 3 out + 1 rejected"* ]]
    [ "$(versions 'id, v, is_current')" = $'1|1|f\n1|3|t\n2|3|t' ]
    [ "$(sql 'SELECT valid_to::date FROM t WHERE v = 1')" = 2026-01-03 ]
}

@test "scd2: refused rows among many are found, of any kind, and none else is lost" {
    checked
    sql 'ALTER TABLE t ADD d date'
    seq 1 5000 | awk '{ v = $1 % 7
        if ($1 % 500 == 3) v = 50                 # the constraint
        if ($1 % 500 == 4) v = 3000000000         # the type
        d = $1 % 500 == 5 ? "soon" : "2026-01-01" # what the server parses
        printf "{\"id\":%d,\"v\":%d,\"d\":\"%s\",\"t\":\"2026-01-%02d\"}\n", $1 % 1000, v, d, 1 + $1 / 1000 }' >in
    echo '{"id":1,"v":1,"d":"\ud800","t":"2026-01-09"}' >>in
    run -0 into -k id --effective t --max-reject 100 --dlq dead -v <in
    [[ $output == *"read 5001 = 4970 out + 31 rejected"* ]]
    [ "$(jq -r '.errors[0].code' dead | sort | uniq -c | xargs)" = \
        '10 constraint 10 invalid_value 1 lone_surrogate 10 number_precision' ]
    # The same without the bad ones is the same history.
    versions '*' >with
    sql 'TRUNCATE t, _pipe_loads'
    jq -r .source.line dead | sed 's/$/d/' | sed -f - in | into -k id --effective t
    versions '*' >without
    cmp with without
}

@test "scd2: what a refused row would have ended goes on" {
    checked
    lines '{"op":"c","after":{"id":1,"v":1},"source":{"ts_ms":1000}}' | into --cdc -k id
    # The row gets another key, under which it is refused: the old one stays.
    run -0 into --cdc -k id --max-reject 1 < <(lines '{"op":"u","before":{"id":1},"after":{"id":2,"v":99},"source":{"ts_ms":2000}}' \
        '{"op":"c","after":{"id":3,"v":3},"source":{"ts_ms":2000}}')
    [ "$(versions 'id, v, is_current')" = $'1|1|t\n3|3|t' ]
    lines '{"op":"u","before":{"id":1},"after":{"id":2,"v":2},"source":{"ts_ms":3000}}' | into --cdc -k id
    [ "$(versions 'id, v, is_current')" = $'1|1|f\n2|2|t\n3|3|t' ]
}

@test "scd2 wants a table of its own, its columns and their types" {
    sql 'CREATE TABLE t (id int PRIMARY KEY, v int)'
    run -78 into -k id --create < <(lines '{"id":1}')
    [[ $output == *"table 't' has no column 'valid_from': mode scd2 keeps versions in a table of its own"* ]]
    sql 'ALTER TABLE t ADD valid_from text, ADD valid_to timestamptz, ADD is_current boolean, ADD row_hash text'
    run -78 into -k id < <(lines '{"id":1}')
    [[ $output == *"column 'valid_from' of table 't' is text, mode scd2 wants timestamp with time zone"* ]]
    sql 'ALTER TABLE t DROP valid_from, ADD valid_from timestamptz'
    run -78 into -k id < <(lines '{"id":1}')
    [[ $output == *'has no primary key or unique index on ("id", "valid_from"): mode scd2 needs one'* ]]
    sql 'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, valid_from)'
    lines '{"id":1}' | into -k id
    sql "UPDATE t SET valid_to = 'infinity'"
    run -78 into -k id < <(lines '{"id":1,"v":2}')
    [[ $output == *"table 't' has the time 'infinity' in column 'valid_to'"* ]]
}

@test "scd2 --scd2-columns names the columns; no field of theirs is taken" {
    names=von,bis,jetzt,hash
    lines '{"id":1,"v":1,"von":1}' '{"id":1,"v":1}' | into -k id --create --scd2-columns $names --max-reject 1
    [ "$(sql 'SELECT jetzt FROM t')" = t ]
    run -0 into -k id --scd2-columns $names --max-reject 1 < <(lines '{"id":1,"bis":"x"}' '{"id":1,"v":2}')
    [[ $output == *"/bis is computed by the target"* ]]
    [ "$(sql 'SELECT v, jetzt FROM t ORDER BY von')" = $'1|f\n2|t' ]
}

@test "scd2 --schema: its columns are in no schema; audit columns are added" {
    echo '{"properties":{"id":{"type":"integer"},"v":{"type":"string"}}}' >s.json
    for v in a b; do
        lines "{\"id\":1,\"v\":\"$v\"}" | into -k id --create --schema s.json --audit all --source x --run-id $v
    done
    [ "$(versions 'v, is_current, _run_id')" = $'a|f|a\nb|t|b' ]
}

@test "scd2: a surrogate key that no record has is the server's" {
    sql 'CREATE TABLE t (sk bigint GENERATED BY DEFAULT AS IDENTITY, id int, v int, note text DEFAULT $$none$$,
        valid_from timestamptz, valid_to timestamptz, is_current boolean, row_hash text, PRIMARY KEY (id, valid_from))'
    lines '{"id":1,"v":1,"note":"x"}' | into -k id --track v
    lines '{"id":1,"v":1}' '{"id":2,"v":5}' | into -k id --track v
    lines '{"id":1,"v":2,"note":null}' | into -k id --track v
    [ "$(versions 'sk, id, v, note')" = $'1|1|1|\n3|1|2|\n2|2|5|' ]
}

@test "scd2 goes in batches, and goes on behind those that are there" {
    for i in 1 2 3 4 5 6; do echo "{\"id\":$((i % 2)),\"v\":$i,\"t\":\"2026-01-0$i\"}"; done >in
    head -n 4 in | into -k id --effective t --create --batch 2 --run-id r
    into -k id --effective t --batch 2 --run-id r <in
    [ "$(versions 'id, v, is_current')" = $'0|2|f\n0|4|f\n0|6|t\n1|1|f\n1|3|f\n1|5|t' ]
    [ "$(sql 'SELECT rows_loaded FROM _pipe_loads ORDER BY id' | xargs)" = '2 2 2' ]
}

@test "scd2 with --cdc: versions by the events' time, a delete closes the row" {
    lines '{"op":"c","after":{"id":1,"v":"a"},"source":{"ts_ms":1000}}' \
        '{"op":"u","after":{"id":1,"v":"b"},"source":{"ts_ms":2000}}' \
        '{"op":"d","before":{"id":1},"source":{"ts_ms":3000}}' | into --cdc -k id --create
    [ "$(versions 'v, valid_from, valid_to, is_current')" = \
        $'a|1970-01-01 00:00:01+00|1970-01-01 00:00:02+00|f\nb|1970-01-01 00:00:02+00|1970-01-01 00:00:03+00|f' ]
}

@test "scd2 with --cdc: a truncation ends all versions at its time" {
    lines '{"op":"c","after":{"id":1,"v":"a"},"source":{"ts_ms":1000}}' \
        '{"op":"c","after":{"id":2,"v":"b"},"source":{"ts_ms":2000}}' | into --cdc -k id --create
    lines '{"op":"c","after":{"id":3,"v":"c"},"source":{"ts_ms":2000}}' \
        '{"op":"u","after":{"id":2,"v":"B"},"source":{"ts_ms":3000}}' \
        '{"op":"t","source":{"ts_ms":3000}}' \
        '{"op":"c","after":{"id":2,"v":"b"},"source":{"ts_ms":4000}}' | into --cdc -k id
    [ "$(versions "id, v, extract(epoch FROM valid_from)::int, extract(epoch FROM valid_to)::int, is_current")" = \
        $'1|a|1|3|f\n2|b|2|3|f\n2|b|4||t\n3|c|2|3|f' ]
}

@test "scd2: composite keys, names that look like SQL" {
    local name='x"); DROP TABLE safe;--'
    sql 'CREATE TABLE safe (a int)'
    for v in a b; do
        lines "{\"k'\\\"\":1,\"at\":\"2026-01-01\",\"va\\\"l\":\"$v\",\"op\":\"o\",\"ts\":null}" |
            pipe-load "$URL" -t "$name" --mode scd2 -k "k'\"",at --create --on-unknown accept
    done
    [ "$(sql 'SELECT "va""l", is_current FROM "x""); DROP TABLE safe;--" ORDER BY valid_from')" = $'a|f\nb|t' ]
    [ "$(sql 'SELECT count(*) FROM safe')" = 0 ]
}

@test "scd2: two loads at once wait for each other, and for other writers" {
    seq 1 500 | sed 's/.*/{"id":&,"v":1}/' | into -k id --create
    for v in 2 3 4; do
        seq 1 500 | sed "s/.*/{\"id\":&,\"v\":$v}/" | into -k id --run-id $v &
    done
    psql -X -q -c "BEGIN; UPDATE t SET v = v WHERE id < 50; SELECT pg_sleep(0.5); COMMIT" >/dev/null &
    wait
    # By their clocks some may have begun at the same time.
    [ "$(sql 'SELECT count(DISTINCT id), count(*) FILTER (WHERE is_current) FROM t')" = '500|500' ]
    [ "$(sql 'SELECT count(*) FROM (SELECT valid_to, lead(valid_from) OVER (PARTITION BY id ORDER BY valid_from) AS next
        FROM t) AS v WHERE valid_to IS DISTINCT FROM next')" = 0 ]
    [ "$(sql 'SELECT count(*) FROM _pipe_loads')" = 4 ]
}

# ---- the same as SQLite

# changes SEED KEYS MOST VALUES TIMES UNTIMED MOVES: change events in random
# order, up to MOST a key, at TIMES seconds; a share without a time, a share
# that change the key. One in five deletes. $truncations end all there is.
changes() {
    awk -v seed="$1" -v keys="$2" -v most="$3" -v values="$4" -v times="$5" -v untimed="$6" -v moves="$7" \
        -v truncations="${truncations-0}" '
    function at(ms) { return sprintf(",\"source\":{\"ts_ms\":%d}", ms) }
    BEGIN {
        srand(seed)
        for (i = 0; i < truncations; i++)
            printf "%.9f\t{\"op\":\"t\"%s}\n", rand(), at(1767225600000 + 1000 * int(rand() * times))
        for (k = 1; k <= keys; k++) for (i = int(rand() * (most + 1)); i > 0; i--) {
            ms = 1767225600000 + 1000 * int(rand() * times)
            ts = at(ms)
            if (rand() < untimed) ts = ""
            else if (untimed && rand() < 0.1) ts = at(ms + 31536000000000) # ahead of the clock
            if (rand() < 0.2) event = sprintf("{\"op\":\"d\",\"before\":{\"id\":%d}%s}", k, ts)
            else {
                before = rand() < moves ? sprintf("\"before\":{\"id\":%d},", 1 + int(rand() * keys)) : ""
                event = sprintf("{\"op\":\"u\",%s\"after\":{\"id\":%d,\"v\":\"v%d\",\"w\":%d}%s}", before, k,
                    int(rand() * values), int(rand() * 3), ts)
            }
            printf "%.9f\t%s\n", rand(), event
        }
    }' | sort -n | cut -f 2
}

# The two histories as text, with the loads' clocks as their numbers.
history() {
    local utc="'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'"
    if [ "$1" = sqlite ]; then
        sqlite3 s.db "SELECT id, v, w, valid_from, ifnull(valid_to, '-'), is_current, row_hash FROM t
            ORDER BY id, valid_from"
    else
        versions "id, v, w, to_char(valid_from, $utc), coalesce(to_char(valid_to, $utc), '-'), is_current::int, row_hash"
    fi >"$1.raw"
    cut -d '|' -f 4,5 "$1.raw" | tr '|' '\n' | grep -v -e '^2026-01-01' -e '^3' -e '^-' |
        sort -u | awk '{ printf "s/%s/clock%d/g\n", $1, NR }' >clocks
    sed -f clocks "$1.raw"
}

# differ OPTION...: loads of random changes into both; the same after each.
differ() {
    local target load
    rm -f s.db
    sql 'DROP TABLE IF EXISTS t, _pipe_loads' 2>/dev/null
    for load in 1 2 3; do
        # shellcheck disable=SC2086 # words of the shape
        changes "${SEED:-7}$load" $shape >in
        for target in sqlite:s.db "$URL"; do
            pipe-load "$target" -t t --mode scd2 --cdc --source-table '*' -k id --create \
                --on-unknown accept --run-id "r$load" "$@" <in
        done
        history sqlite >a
        history postgres >b
        diff a b >differences || fail "load $load of $shape $*: $(head -n 6 differences)"
    done
    [ "$(wc -l <a)" -gt 300 ]
}

@test "differential: late and repeated changes and deletes of 400 keys are the same history in SQLite" {
    shape='400 8 4 24 0 0' differ
    shape='400 8 2 10 0 0' differ
}

@test "differential: the same with --track" {
    shape='400 8 4 24 0 0' differ --track v
    shape='400 8 2 10 0 0' differ --track v
}

@test "differential: long histories of few keys" {
    shape='60 60 3 80 0 0' differ
    shape='60 60 3 80 0 0' differ --track v
}

@test "differential: rows that change their key" {
    shape='300 5 3 12 0 0.2' differ
    shape='300 5 3 12 0 0.2' differ --track v
}

@test "differential: truncations among changes" {
    truncations=3 shape='400 8 3 24 0 0' differ
    truncations=1 shape='400 8 3 24 0 0.1' differ --track v
}

@test "differential: changes by the load's clock among others" {
    shape='300 4 3 20 0.3 0' differ
    shape='500 2 2 20 1 0' differ --track v
}
