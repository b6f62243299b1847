#!/usr/bin/env bats
# pipe-validate: row checks, batch gates, the baseline, the report.
load ../helper

# records LINE...: one a line.
records() { printf '%s\n' "$@"; }

# gate JSON-LINES GATE: prints "good", or what stderr says behind "gate ...
# failed: ", or "exit N: STDERR" where it is neither.
gate() {
    local r=0
    tr ' ' '\n' <<<"$1" >gate.in
    pipe-validate --expect "$2" "${@:3}" <gate.in >gate.out 2>gate.err || r=$?
    cmp -s gate.in gate.out || echo "other records came out"
    case $r in
    0) if [ -s gate.err ]; then sed 's/^pipe-validate: /noted: /' gate.err; else echo good; fi ;;
    65) sed 's/^pipe-validate: gate failed: //' gate.err ;;
    *) echo "exit $r: $(cat gate.err)" ;;
    esac
}

# ---- checks

@test "without a schema, a check or a gate there is nothing to do: 64" {
    assert_exit 64 pipe-validate </dev/null
    grep -q 'no schema given' err
    assert_exit 64 pipe-validate --coerce --check 'a > 0' </dev/null
    grep -q 'required for --coerce' err
}

@test "a check needs no schema, rejects FALSE, and passes TRUE, NULL and missing" {
    records '{"a":1}' '{"a":-1}' '{"a":null}' '{"b":1}' >in
    assert_exit 0 pipe-validate --check 'pos: a >= 0' --max-reject 1 <in
    assert_file out "$(records '{"a":1}' '{"a":null}' '{"b":1}')"
    assert_file err "pipe-validate: rejected line 2: check 'pos' failed: a >= 0 (check)"
}

@test "a record is rejected with the errors of schema and checks together" {
    need_command jq
    echo '{"properties":{"n":{"type":"integer"}}}' >s.json
    records '{"n":1,"total":-2,"s":"x"}' '{"n":"1","total":-2,"s":"z"}' >in
    assert_exit 0 pipe-validate -s s.json --check 'total >= 0' \
        --check "known: s IN ('x', 'y')" --dlq q.ndjson --max-reject 100% <in
    [ "$(jq -r '[.errors[] | .code + " " + .message] | join("; ")' q.ndjson)" = \
        "$(records 'check check failed: total >= 0' \
            "type is \"1\", wants integer; check check failed: total >= 0; check check 'known' failed: s IN ('x', 'y')")" ]
}

@test "an expression without a value rejects with its own code" {
    need_command jq
    echo '{"a":"x"}' | assert_exit 0 pipe-validate --check 'a > 0' \
        --dlq q.ndjson --max-reject 100%
    [ "$(jq -r '.errors[] | .code + " " + .path' q.ndjson)" = 'expr_type /a' ]
}

@test "a check that warns lets the record pass and tells how many" {
    records '{"a":1}' '{"a":-1}' >in
    assert_exit 0 pipe-validate --check 'warn: pos: a >= 0' <in
    assert_file out "$(cat in)"
    assert_file err "pipe-validate: warning: 1 found by check 'pos'"
}

@test "a bad check is refused before any record, with a caret" {
    assert_exit 64 pipe-validate --check 'x: a >' <<<'{"a":1}'
    assert_file out ''
    [ "$(sed -n 2,3p err)" = "$(printf '  a >\n     ^')" ]
    assert_exit 64 pipe-validate --check 'x: a > 1' --check 'x: b > 1' </dev/null
    grep -q 'name is given twice at byte 1' err
}

@test "checks see what --coerce made" {
    echo '{"properties":{"n":{"type":"integer"}}}' >s.json
    records '{"n":"5"}' '{"n":"50"}' >in
    assert_exit 0 pipe-validate -s s.json --coerce --check 'n < 10' \
        --expect 'max of n = 5' --max-reject 1 <in
    assert_file out '{"n":5}'
}

@test "checks know the date of the run" {
    records '{"d":"2026-01-31"}' '{"d":"2026-02-01"}' >in
    assert_exit 0 pipe-validate --check "d = \$date" --date 2026-01-31 \
        --max-reject 1 <in
    assert_file out '{"d":"2026-01-31"}'
    assert_exit 64 pipe-validate --check "d = \$date" <in
}

# ---- gates

@test "each gate has a batch that passes and one that fails" {
    local fails='' in expr want have
    while IFS='|' read -r in expr want; do
        read -r in <<<"$in"
        read -r expr <<<"$expr"
        read -r want <<<"$want"
        have=$(gate "$in" "$expr" --date 2026-01-31)
        [ "$have" = "$want" ] || fails+="$expr: $have"$'\n'"   not: $want"$'\n'
    done <<'END'
{"a":1} {"a":2}            | rows between 2 and 3           | good
{"a":1} {"a":2}            | rows between 3 and 4           | rows is 2, wants between 3 and 4
{"a":1} {"a":2}            | rows within 30% of 2.5         | good
{"a":1} {"a":2}            | rows within 10% of 2.5         | rows is 2, wants within 10% of 2.5
{"a":1} {"b":2}            | null share of a <= 50%         | good
{"a":1} {"a":null} {"b":2} | null share of a <= 50%         | null share of a is 66.666666666667% (2 of 3), wants <= 50%
{"a":1} {"a":null} {"b":2} | missing share of a < 34%       | good
{"a":1} {"a":null} {"b":2} | missing count of a = 0         | missing count of a is 1, wants = 0
{"a":1} {"a":2} {"a":1.0}  | distinct count of a between 2 and 2 | good
{"a":1} {"a":2} {"a":1.0}  | distinct share of a >= 99%     | distinct share of a is 66.666666666667% (2 of 3), wants >= 99%
{"a":1} {"a":"1"}          | unique a                       | good
{"a":1} {"a":1e0}          | unique a                       | unique a: 1 of 2 keys repeated, such as 1
{"a":1,"b":1} {"a":1,"b":2} | unique a, b                   | good
{"a":1,"b":1} {"b":1,"a":1} | unique a, b                   | unique a, b: 1 of 2 keys repeated, such as 1, 1
{"a":"x"} {"a":null}       | values of a in ('x', 'y')      | good
{"a":"x"} {"a":"z"}        | values of a in ('x', 'y')      | values of a: 1 of 2 not in ('x', 'y'), such as "z"
{"a":1} {"a":1} {"a":1}    | duplicate count of a = 2       | good
{"a":1} {"a":1.0} {}       | duplicate count of a < 1       | duplicate count of a is 1, wants < 1, such as 1
{"a":1} {"a":1} {}         | duplicate share of a <= 50%    | good
{"a":1} {"a":1} {}         | duplicate share of a < 50%     | duplicate share of a is 50% (1 of 2), wants < 50%, such as 1
{"a":1,"b":1} {"a":1,"b":2} | duplicate count of a, b = 0   | good
{"a":"x"} {"a":"n/a"} {}   | count of a in ('n/a', 'NA') < 2 | good
{"a":"x"} {"a":"n/a"} {} {"a":null} | count of a in ('n/a', NULL) < 3 | count of a in ('n/a', NULL) is 3, wants < 3, such as "n/a"
{"a":"x"} {"a":"n/a"} {} {"a":null} | share of a in ('n/a', NULL) <= 75% | good
{"a":"x"} {"a":"z"} {}     | count of a not in ('x', 'y') = 0 | count of a not in ('x', 'y') is 1, wants = 0, such as "z"
{"a":"x"} {"a":"z"} {} {}  | share of a not in ('x', NULL) < 26% | good
{"a":"DE1"} {"a":"de1"} {"a":1} {} | count of a not matching '^[A-Z]{2}\d$' < 3 | good
{"a":"DE1"} {"a":"de1"}    | count of a matching '^[A-Z]{2}\d$' = 0 | count of a matching '^[A-Z]{2}\d$' is 1, wants = 0, such as "DE1"
{"a":1} {"a":2}            | rows > 2 and < 4               | rows is 2, wants > 2 and < 4
{"a":1} {"a":2}            | rows >= 2 and <= 2             | good
{"a":1} {"a":2}            | rows < 2 or > 2                | rows is 2, wants < 2 or > 2
{"a":1} {"a":2}            | rows <= 2 or >= 5              | good
{"a":0.1} {"a":0.2}        | sum of a = 0.3                 | good
{"a":0.1} {"a":0.2}        | sum of a > 0.3                 | sum of a is 0.3, wants > 0.3
{"a":1} {"a":2}            | mean of a between 1.5 and 1.5  | good
{"a":1} {"a":2}            | mean of a >= 2                 | mean of a is 1.5, wants >= 2
{"a":1} {"a":-2.50}        | min of a >= -2.5               | good
{"a":1} {"a":-2.50}        | min of a > -2.5                | min of a is -2.5, wants > -2.5
{"a":1} {"a":99999999999999999999} | max of a <= 99999999999999999999 | good
{"a":1} {"a":99999999999999999999} | max of a <= 99999999999999999998 | max of a is 99999999999999999999, wants <= 99999999999999999998
{"a":1} {"a":2} {"a":3}    | stddev of a = 1                | good
{"a":1} {"a":2} {"a":3}    | stddev of a < 1                | stddev of a is 1, wants < 1
{"a":1} {"a":"x"}          | mean of a >= 0                 | mean of a cannot be told for 1 of 2 values (not numbers to compute with), such as "x"
{"a":null}                 | mean of a >= 0                 | mean of a has no value, wants >= 0
{"t":"2026-01-31T22:00:00Z"} | newest t within 2h of date   | good
{"t":"2026-01-31T21:59:59Z"} | newest t within 2h of date   | newest t is 2026-01-31T21:59:59Z, wants within 2h of date (2026-02-01T00:00:00Z)
{"a":{"b":[{"c":7}]}}      | sum of a.b[0].c = 7            | good
{"a":{"b(c":7}}            | sum of a."b(c" = 7             | good
{"a":{"b/c":7}}            | sum of /a/b~1c = 7             | good
{"a":1}                    | warn: rows >= 2                | noted: warning: gate failed: rows is 1, wants >= 2
{"a":1}                    | warn: few: rows >= 2           | noted: warning: gate 'few' failed: rows is 1, wants >= 2
END
    [ -z "$fails" ] || fail "$fails"
}

@test "the end of the date is that of the zone" {
    echo '{"t":"2026-01-31T22:00:00"}' >in
    assert_exit 0 pipe-validate --expect 'newest t within 2h of date' \
        --date 2026-01-31 --tz Asia/Tokyo <in
    echo '{"t":"2026-01-31T22:00:00Z"}' >in
    assert_exit 65 pipe-validate --expect 'newest t within 2h of date' \
        --date 2026-01-31 --tz Asia/Tokyo <in
}

@test "freshness may be held against now" {
    date -u +'{"t":"%Y-%m-%dT%H:%M:%SZ"}' >in
    assert_exit 0 pipe-validate --expect 'newest t within 1h of now' <in
    date -u -d '-2 hours' +'{"t":"%Y-%m-%dT%H:%M:%SZ"}' >in
    assert_exit 65 pipe-validate --expect 'newest t within 1h of now' <in
    date -u -d '+2 hours' +'{"t":"%Y-%m-%dT%H:%M:%SZ"}' >in
    assert_exit 65 pipe-validate --expect 'newest t within 1h of now' <in
}

@test "gates are over the records that pass, rejects over all" {
    records '{"a":1}' '{"a":-1}' '{"a":-2}' '{"a":2}' >in
    assert_exit 0 pipe-validate --check 'a > 0' --max-reject 2 -q \
        --expect 'rows = 2' --expect 'min of a = 1' --expect 'rejects = 2' \
        --expect 'reject share <= 50%' <in
    assert_exit 65 pipe-validate --check 'a > 0' --max-reject 2 -q \
        --expect 'r: reject share < 50%' <in
    assert_file err "pipe-validate: gate 'r' failed: reject share is 50% (2 of 4), wants < 50%"
}

@test "values may be listed in a file" {
    records '"x"' y '12' '' '{"z":1}' >codes
    records '{"a":"x"}' '{"a":"y"}' '{"a":12.0}' '{"a":{"z":1}}' >in
    assert_exit 0 pipe-validate --expect 'values of a in codes' <in
    assert_exit 0 pipe-validate --expect "values of a in 'codes'" <in
    gzip codes
    assert_exit 0 pipe-validate --expect 'values of a in codes.gz' <in
    echo '{"a":"12"}' >in
    assert_exit 65 pipe-validate --expect 'values of a in codes.gz' <in
    assert_file err 'pipe-validate: gate failed: values of a: 1 of 1 not in codes.gz, such as "12"'
    assert_exit 66 pipe-validate --expect 'values of a in none' <in
    records null 7 >codes
    records '{"a":7}' '{"a":8}' '{}' >in
    assert_exit 0 pipe-validate --expect "count of a in 'codes' = 2" <in
    assert_exit 0 pipe-validate --expect "count of a not in 'codes' = 1" <in
    records x '"y' >codes
    assert_exit 78 pipe-validate --expect 'values of a in codes' <in
    grep -q "line 2 of 'codes' is no JSON value" err
}

@test "a mistake in a gate is refused with a caret" {
    assert_exit 64 pipe-validate --expect 'few: rows betwen 1 and 2' </dev/null
    assert_file err "$(printf '%s\n' \
        "pipe-validate: --expect: bound expected: a comparison, 'between' or 'within' at byte 11" \
        '  few: rows betwen 1 and 2' '            ^')"
    assert_exit 64 pipe-validate --expect 'newest t within 2h of date' </dev/null
    grep -q 'there is no --date' err
    assert_exit 64 pipe-validate --expect 'rows within 5% of baseline' </dev/null
    grep -q 'no baseline' err
}

@test "the first gate that failed is named, and how many more" {
    echo '{"a":1}' >in
    assert_exit 65 pipe-validate --expect 'rows = 1' --expect 'two: rows = 2' \
        --expect 'rows = 3' --expect 'warn: rows = 4' --expect 'rows = 5' -q <in
    assert_file err "pipe-validate: gate 'two' failed: rows is 1, wants = 2; 2 more gates failed"
    assert_exit 65 pipe-validate --expect 'rows = 2' --expect 'rows = 3' -v <in
    grep -qx 'pipe-validate: gate failed: rows is 1, wants = 3' err
}

@test "empty input has no rows, no nulls and no mean" {
    assert_exit 0 pipe-validate --expect 'rows = 0' --expect 'unique a' \
        --expect 'null share of a = 0' --expect 'reject share = 0' </dev/null
    assert_exit 65 pipe-validate --expect 'mean of a > 0' </dev/null
    assert_exit 65 pipe-validate --expect 'newest a within 1d of now' </dev/null
}

@test "keys beyond --memory are refused, not guessed" {
    make_orders 200000 >in
    assert_exit 78 pipe-validate --expect 'unique id' --memory 1M <in
    grep -q -- '--memory' err
    assert_exit 0 pipe-validate --expect 'unique id' --memory 64M <in
}

@test "threads change no measure" {
    need_command jq
    make_orders 60000 >in
    make_orders 3 59000 >>in
    local jobs
    for jobs in 1 2 7; do
        assert_exit 65 pipe-validate -j $jobs --report r.$jobs -q \
            --check 'warn: amount > 1' \
            --expect 'rows = 60003' --expect 'unique id' \
            --expect 'unique customer, date' --expect 'sum of amount > 0' \
            --expect 'mean of amount > 0' --expect 'stddev of amount > 0' \
            --expect 'min of amount > 0' --expect 'max of amount > 0' \
            --expect 'distinct count of country = 5' \
            --expect 'distinct share of id > 0' \
            --expect 'null share of note = 1' \
            --expect 'duplicate count of country = 49995' \
            --expect "count of country not in ('DE', 'FR') > 1" \
            --expect "share of country matching '^D' < 1" \
            --expect 'newest date within 1d of now' \
            --expect "values of country in ('DE', 'FR', 'GB')" <in
        cmp -s in out
        # Which example is told depends on who came first.
        jq 'del(.ts, .run_id, .error, .gates[].message) | .gates[].high = 0 |
            .gates[].low = 0' r.$jobs >s.$jobs
    done
    cmp s.1 s.2
    cmp s.1 s.7
    [ "$(jq '.gates[] | select(.name == "unique id") | .value' r.7)" = 3 ]
    [ "$(jq -r '.gates[] | select(.measure == "sum of amount") | .value' r.7)" = \
        "$(awk -F'"amount":' '{ split($2, a, ","); s += a[1] * 100 }
            END { printf "%.2f", s / 100 }' in)" ]
}

# ---- what a failed gate does

@test "a load behind a gate that failed commits nothing" {
    need_command sqlite3
    load_orders() {
        pipe-validate --expect "rows >= $1" <in |
            pipe-load sqlite:t.db -t t --mode replace --all --create
    }
    make_orders 500 >in
    run -65 load_orders 501
    [ ! -e t.db ] || [ "$(sqlite3 t.db "SELECT count(*) FROM sqlite_master WHERE name = 't'")" = 0 ]
    run -0 load_orders 500
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 500 ]
    make_orders 100 >in
    run -65 load_orders 101
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 500 ]
}

@test "behind a gate that failed an output file does not appear" {
    echo '{"a":1}' >in
    assert_exit 65 pipe-validate --expect 'rows = 2' -o o.ndjson <in
    [ ! -e o.ndjson ]
    assert_exit 0 pipe-validate --expect 'rows = 1' -o o.ndjson <in
    assert_file o.ndjson '{"a":1}'
}

@test "a replay is no batch: gates are not judged" {
    need_command jq
    make_orders 20 >in
    echo '{"id":0,"amount":"x"}' >>in
    assert_exit 0 pipe-validate --check 'amount >= 0' --expect 'rows >= 20' \
        --dlq q/ --report r.json <in
    rm r.json
    sed -i 's/\\"x\\"/5/g' q/*
    assert_exit 0 pipe-dlq replay --dlq q/ -- 'cat >replayed'
    assert_file replayed '{"id":0,"amount":5}'
    [ ! -e r.json ]
}

# ---- the report

@test "the report has counts, rules, checks and gates" {
    need_command jq
    echo '{"properties":{"n":{"type":"integer"}}}' >s.json
    records '{"n":1}' '{"n":"1"}' '{"n":"2"}' '{"n":-1}' '{"n":3}' >in
    assert_exit 65 pipe-validate -s s.json --check 'pos: n > 0' -q \
        --expect 'two: rows = 2' --expect 'mean of n between 3 and 4' \
        --expect 'warn: null share of n > 1%' --max-reject 100% \
        --pipeline p --run-id r1 --date 2026-01-31 --dlq none \
        --report "r-{date}.json" <in
    [ "$(jq -c '[.v, .stage, .pipeline, .run_id, .date, .passed, .exit]' r-2026-01-31.json)" = \
        '[1,"pipe-validate","p","r1","2026-01-31",false,65]' ]
    [ "$(jq -r .error r-2026-01-31.json)" = \
        'gate failed: mean of n is 2, wants between 3 and 4' ]
    [ "$(jq -c .counts r-2026-01-31.json)" = '{"read":5,"out":2,"rejected":3}' ]
    [ "$(jq -c .rules r-2026-01-31.json)" = '[{"code":"type","path":"/n","schema":"/properties/n/type","records":2}]' ]
    [ "$(jq -c .checks r-2026-01-31.json)" = \
        '[{"name":"pos","expression":"n > 0","severity":"error","failed":1,"errors":2,"passed":false}]' ]
    [ "$(jq -c '.gates[] | [.name, .severity, .measure, .value, .bound, .low, .high, .passed]' r-2026-01-31.json)" = \
        "$(records '["two","error","rows",2,"= 2",2,2,true]' \
            '["mean of n between 3 and 4","error","mean of n",2,"between 3 and 4",3,4,false]' \
            '["null share of n > 1%","warn","null share of n",0,"> 1%",0.01,null,false]')" ]
}

@test "the report says when nothing could be judged" {
    need_command jq
    records '{"a":1}' '{"a":-1}' '{"a":-2}' >in
    assert_exit 65 pipe-validate --check 'a > 0' --expect 'rows = 1' -q \
        --report r.json <in
    [ "$(jq -c '[.exit, .gates[0].passed, .gates[0].value]' r.json)" = '[65,null,null]' ]
    jq -e '.error | test("--max-reject")' r.json
    printf '{"a":1}\n{"a":' >in
    assert_exit 65 pipe-validate --expect 'rows = 1' --report r.json <in
    [ "$(jq -c '[.passed, .gates[0].passed]' r.json)" = '[false,null]' ]
    jq -e '.error | test("truncated")' r.json
}

@test "a report that cannot be written fails the stage" {
    echo '{"a":1}' >in
    assert_exit 73 pipe-validate --expect 'rows = 1' --report none/r.json -o o \
        --baseline b <in
    # No output appears, and its measures are not those of a good run.
    [ ! -e o ]
    assert_file b ''
}

# ---- the baseline

# day N DATE [OPTION...]: a run of N orders.
day() {
    make_orders "$1" | pipe-validate --expect 'vol: rows within 30% of baseline' \
        --baseline b.ndjson --date "$2" "${@:3}" >/dev/null
}

@test "a batch is held against the median of the last good runs" {
    need_command jq
    local d err
    for d in 01 02 03; do
        err=$(day 10${d#0} 2026-01-$d 2>&1)
        [ "$err" = "pipe-validate: gate 'vol': rows is 10${d#0}, no baseline yet: $((10#$d - 1)) of 3 runs" ]
    done
    day 130 2026-01-04 # within 30% of 102
    run -65 day 50 2026-01-05
    [ "$output" = "pipe-validate: gate 'vol' failed: rows is 50, wants within 30% of baseline 102.5 (71.75 to 133.25, median of 4 runs)" ]
    [ "$(jq -c '[.date, .measures.rows]' b.ndjson)" = \
        "$(records '["2026-01-01",101]' '["2026-01-02",102]' '["2026-01-03",103]' '["2026-01-04",130]')" ]
    # Once more, with what is missing: it replaces its own entry.
    day 100 2026-01-05
    day 99 2026-01-05
    [ "$(jq -c 'select(.date == "2026-01-05") | .measures.rows' b.ndjson)" = 99 ]
}

@test "--baseline-runs keeps so many, --baseline-min wants so many" {
    local d
    for d in 01 02 03 04; do
        day 100 2026-01-$d --baseline-runs 2 --baseline-min 1 2>/dev/null
    done
    [ "$(wc -l <b.ndjson)" = 2 ]
    run -65 day 10 2026-01-05 --baseline-runs 2 --baseline-min 1
    run -0 day 10 2026-01-05 --baseline-runs 3 --baseline-min 3
    run -64 day 10 2026-01-05 --baseline-runs 2
}

@test "with a pipeline the baseline is in the state, once a gate asks for it" {
    make_orders 10 >in
    assert_exit 0 pipe-validate --pipeline p --expect 'rows > 1' <in
    [ ! -e "$PIPE_STATE/baseline" ]
    assert_exit 0 pipe-validate --pipeline p \
        --expect 'rows within 5% of baseline' <in
    [ "$(wc -l <"$PIPE_STATE/baseline/p.ndjson")" = 1 ]
}

@test "a run whose output cannot be written leaves no measures" {
    make_orders 10 >in
    mkdir locked
    assert_exit 0 pipe-validate --expect 'rows > 1' --baseline b.ndjson -o x <in
    local before
    before=$(cat b.ndjson)
    # The output file cannot take its place: a folder is there.
    mkdir o && touch o/x
    run ! pipe-validate --expect 'rows > 1' --baseline b.ndjson -o o <in
    [ "$(cat b.ndjson)" = "$before" ]
    # Nor can a full device take it.
    run ! bash -c "pipe-validate --expect 'rows > 1' --baseline b.ndjson <in >/dev/full"
    [ "$(cat b.ndjson)" = "$before" ]
}

@test "a baseline that cannot be read or kept is told before any record" {
    echo '{"a":1}' >in
    echo 'no run' >b.ndjson
    assert_exit 78 pipe-validate --expect 'rows > 0' --baseline b.ndjson <in
    assert_file err "pipe-validate: baseline 'b.ndjson' cannot be used: line 1 is no run"
    assert_file out ''
    assert_exit 73 pipe-validate --expect 'rows > 0' --baseline none/b.ndjson <in
    mkdir dir
    assert_exit 73 pipe-validate --expect 'rows > 0' --baseline dir <in
}

@test "runs that end at once all keep their measures" {
    make_orders 10 >in
    local i
    for i in {1..12}; do
        pipe-validate --expect 'rows > 1' --baseline b.ndjson --run-id "r$i" \
            <in >/dev/null &
    done
    wait
    [ "$(wc -l <b.ndjson)" = 12 ]
}

@test "a kill at any step of keeping a baseline leaves the old one or the new one" {
    need_command strace jq
    make_orders 10 >in
    local i step
    for i in 1 2 3; do
        pipe-validate --expect 'rows > 1' --baseline b.ndjson --run-id "r$i" <in >/dev/null
    done
    strace -o /dev/null -e trace=rename true 2>/dev/null || skip 'strace may not trace here'
    local steps=0 before
    for step in flock:1 write:1 write:2 write:3 fsync:1 fsync:2 linkat:1 rename:1 close:5; do
        before=$(cat b.ndjson)
        run strace -qq -o trace -e "trace=${step%:*}" \
            -e "inject=${step%:*}:signal=KILL:when=${step#*:}" \
            pipe-validate --expect 'rows > 1' --baseline b.ndjson \
            --run-id "k-$step" -o out.ndjson <in
        [ "$status" = 137 ] || continue
        steps=$((steps + 1))
        jq -es 'all(.measures.rows == 10) and length <= 14' b.ndjson
        case $(cat b.ndjson) in
        "$before" | "$before"*k-$step*) ;;
        *) fail "killed at $step: $(cat b.ndjson)" ;;
        esac
        # And the next run goes on.
        pipe-validate --expect 'rows > 1' --baseline b.ndjson --run-id "after-$step" <in >/dev/null
        grep -q "after-$step" b.ndjson
        tail -n 3 b.ndjson >b.short && mv b.short b.ndjson
    done
    [ "$steps" -ge 5 ] || fail "only $steps kills"
}

# ---- real data, against other programs

# measure GATE: the measure of real.ndjson.
measure() {
    pipe-validate --expect "x: $1" --report r.json -q <real.ndjson >/dev/null || true
    jq -r '.gates[0].value' r.json
}

# same GATE SQL: the measure is what sqlite3 computes.
same() {
    local have want
    have=$(measure "$1")
    want=$(sqlite3 real.db "$2")
    awk -v a="$have" -v b="$want" 'BEGIN { exit !(a == b ||
        (a - b < 1e-9 * (b < 0 ? -b : b) && b - a < 1e-9 * (b < 0 ? -b : b))) }' ||
        fail "$1: $have, sqlite3 has $want"
}

@test "measures of 45,211 bank customers are those of sqlite3" {
    need_command jq sqlite3
    need_data uci-bank-marketing
    zcat "$DATA/bank-full.csv.gz" >real.csv
    pipe-extract -d semicolon -t age=integer,balance=integer,duration=integer \
        real.csv >real.ndjson
    sqlite3 real.db '.separator ;' '.import real.csv t'
    same 'rows > 0' 'SELECT count(*) FROM t'
    same 'sum of balance > 0' 'SELECT sum(balance) FROM t'
    same 'mean of balance > 0' 'SELECT avg(balance) FROM t'
    same 'min of balance > 0' 'SELECT min(CAST(balance AS INTEGER)) FROM t'
    same 'max of duration > 0' 'SELECT max(CAST(duration AS INTEGER)) FROM t'
    same 'distinct count of job > 0' 'SELECT count(DISTINCT job) FROM t'
    same 'distinct share of age > 0' 'SELECT 1.0 * count(DISTINCT age) / count(*) FROM t'
    same 'unique age, job, balance' \
        'SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT age, job, balance FROM t)) FROM t'
    same "values of marital in ('married', 'single')" \
        "SELECT count(*) FROM t WHERE marital NOT IN ('married', 'single')"
    same 'stddev of age > 0' \
        'SELECT sqrt((sum(age * age) - sum(age) * 1.0 * sum(age) / count(*)) / (count(*) - 1)) FROM t'
}

@test "measures of a month of earthquakes are those of sqlite3" {
    need_command jq sqlite3
    need_data usgs
    zcat "$DATA/all_month.csv.gz" >real.csv
    pipe-extract -t mag=number,depth=number,nst=integer --null '' real.csv >real.ndjson
    sqlite3 real.db '.mode csv' '.import real.csv t'
    same 'rows > 0' 'SELECT count(*) FROM t'
    same 'null share of nst > 0' "SELECT 1.0 * sum(nst = '') / count(*) FROM t"
    same 'unique id' 'SELECT count(*) - count(DISTINCT id) FROM t'
    same 'mean of mag > 0' "SELECT avg(mag) FROM t WHERE mag <> ''"
    same 'min of depth > 0' "SELECT min(CAST(depth AS REAL)) FROM t WHERE depth <> ''"
    [ "$(measure 'newest time within 1d of now')" = \
        "$(sqlite3 real.db 'SELECT max(time) FROM t' | sed 's/0*Z$/Z/; s/\.Z/Z/')" ]
}

@test "a day of retail that is cut short fails the gate on volume" {
    need_command jq sqlite3
    need_data online-retail
    local day n=0 failed=''
    for day in "$DATA"/2010-12-*.csv; do
        n=$((n + 1))
        pipe-extract -t Quantity=integer,UnitPrice=number "$day" |
            pipe-validate -q --baseline b.ndjson --date "$(basename "$day" .csv)" \
                --expect 'rows within 90% of baseline' \
                --expect 'null share of CustomerID <= 60%' >/dev/null ||
            failed+="$(basename "$day" .csv) "
    done
    [ "$n" = 20 ]
    # A cut file of the last day: 100 rows of thousands.
    head -n 20 "$DATA/2010-12-09.csv" |
        pipe-extract -f csv - >cut.ndjson
    run -65 pipe-validate -q --baseline b.ndjson --date 2010-12-24 \
        --expect 'rows within 90% of baseline' <cut.ndjson
    # Exact to the cent, where binary sums are not.
    pipe-extract -t Quantity=integer,UnitPrice=number "$DATA/2010-12-01.csv" >real.ndjson
    [ "$(measure 'sum of UnitPrice > 0')" = \
        "$(jq -r .UnitPrice real.ndjson | awk '{ s += sprintf("%.0f", $1 * 1000) }
            END { printf "%.2f\n", s / 1000 }')" ]
}

@test "the standard deviations of NIST's certified sets are right to 13 digits" {
    need_command jq
    need_data nist-strd
    local set want
    for set in Lew Lottery Mavro Michelso NumAcc1; do
        want=$(sed -nE 's/^(standardDeviation *=|Sample Standard Dev.* s:) *//p' \
            "$DATA/$set.txt" | tr -d '\r')
        tr -d '\r' <"$DATA/$set.txt" | awk '/^#? *Data(: Y)?$/ { data = 1 }
            data && /^ *-?[0-9]+(\.[0-9]+)? *$/ { printf "{\"x\":%s}\n", $1 }' \
            >real.ndjson
        [ -s real.ndjson ]
        awk -v a="$(measure 'stddev of x > 0')" -v b="$want" 'BEGIN {
            d = a - b; exit !((d < 0 ? -d : d) <= 1e-12 * b) }' ||
            fail "$set: $(measure 'stddev of x > 0'), certified $want"
    done
}
