#!/usr/bin/env bats
load ../helper

naive() {
    python3 "$REPO/tests/lib/profile_naive.py" "$@"
}

# day N [FROM]: N orders of a day.
day() {
    make_orders "$1" "${2:-1}" >"day.ndjson"
}

# field PATH FILTER: of the profile in `out`.
field() {
    jq -c --arg path "$1" ".fields[] | select(.path == \$path) | $2" out
}

# ---- what a profile says

@test "a profile is what a naive one says, on records of all kinds" {
    need_command python3
    for seed in 1 2 3; do
        naive --make $seed 2000 >in.ndjson
        pipe-profile --fields 5000 <in.ndjson >out
        naive in.ndjson out
    done
}

@test "a profile of many different values is within the errors it states" {
    need_command python3
    naive --make 4 15000 >in.ndjson
    pipe-profile --fields 10000 <in.ndjson >out
    [ "$(field id .distinct_error)" != 0 ]
    [ "$(field amount .numbers.quantile_error)" = 0.01 ]
    naive in.ndjson out
}

real() {
    local set=$1 types=$3 file
    need_command python3
    need_data "$set"
    for file in $DATA/$2; do
        if [ "$types" ]; then
            pipe-extract --types "$types" "$file" >in.ndjson
        else
            pipe-extract "$file" >in.ndjson
        fi
        pipe-profile <in.ndjson >out
        naive in.ndjson out
    done
}
@test "real data: bank marketing" {
    real uci-bank-marketing 'bank-full.csv.gz' ''
}
@test "real data: online retail" {
    real online-retail '2010-12-0[1-3].csv' Quantity=integer,UnitPrice=number
}
@test "real data: weather" {
    real nycflights13 'weather.csv.gz' ''
}

@test "null, missing, and fields of objects and elements are told apart" {
    cat >in.ndjson <<'END'
{"a":{"b":1},"l":[{"x":1},{"x":null},{}]}
{"a":{},"l":[]}
{"a":null}
{"l":[{"x":"s"}]}
END
    pipe-profile <in.ndjson >out
    [ "$(jq -c '[.fields[].path]' out)" = '["a","a.b","l","l[]","l[].x"]' ]
    [ "$(field a '[.of,.missing,.null]')" = '[4,1,1]' ]
    [ "$(field a.b '[.of,.missing,.null]')" = '[2,1,0]' ]
    [ "$(field 'l' '[.of,.missing,.elements.min,.elements.max]')" = '[4,1,0,3]' ]
    [ "$(field 'l[]' '[.of,.missing]')" = '[4,0]' ]
    [ "$(field 'l[].x' '[.of,.missing,.null]')" = '[4,1,1]' ]
    [ "$(field 'l[].x' .hints)" = '["unique","mixed"]' ]
}

@test "digits are kept: sums are exact, and least and greatest as they were written" {
    cat >in.ndjson <<'END'
{"n":12345678901234567890123456789.10}
{"n":0.000000000000000000000000000001}
{"n":1e3}
{"n":-1.50}
END
    pipe-profile <in.ndjson >out
    grep -qF '"sum":12345678901234567890123457787.600000000000000000000000000001' out
    grep -qF '"min":-1.50,"max":12345678901234567890123456789.10' out
    [ "$(field n .types)" = '{"string":0,"integer":0,"decimal":4,"true":0,"false":0,"object":0,"array":0}' ]
}

@test "numbers are the same by value, strings by their characters" {
    printf '{"n":1,"s":"\\u0041"}\n{"n":1.0,"s":"A"}\n{"n":1e0,"s":"A"}\n{"n":"1","s":"a"}\n' |
        pipe-profile >out
    [ "$(field n .distinct)" = 2 ]
    [ "$(field s '[.distinct,.values[0].count]')" = '[2,3]' ]
}

@test "of twin keys the last counts, as everywhere" {
    printf '{"a":1,"a":"x"}\n%.0s' {1..40} | pipe-profile >out
    [ "$(field a '[.of,.strings.count,.numbers]')" = '[40,40,null]' ]
}

@test "hints: keys, constants, empty fields, order" {
    make_orders 3000 |
        pipe-transform --set "k = 'x'" --set 'none = NULL' --set 'down = 0 - id' >in.ndjson
    pipe-profile <in.ndjson >out
    [ "$(field id .hints)" = '["unique","key","ascending"]' ]
    [ "$(field down .hints)" = '["unique","key","descending"]' ]
    [ "$(field k .hints)" = '["constant"]' ]
    [ "$(field none .hints)" = '["empty"]' ]
}

@test "strings that are known by their form are named" {
    cat >in.ndjson <<'END'
{"e":"a@b.org","u":"https://b.org/x","d":"2026-01-31","t":"2026-01-31T08:00:00Z","i":"01234567-89ab-cdef-0123-456789abcdef","x":"AB-12"}
END
    pipe-profile <in.ndjson >out
    [ "$(jq -c '[.fields[].strings | .format]' out)" = \
        '["email","url","date","timestamp","uuid",null]' ]
    [ "$(field x '.strings.patterns[0].pattern')" = '"AA-99"' ]
    # What only looks like one is none.
    echo '{"d":"2026-13-99"}' | pipe-profile >out
    [ "$(field d .strings.format)" = null ]
}

@test "--duplicates counts records that came before" {
    day 100
    { cat day.ndjson && head -n 7 day.ndjson; } | pipe-profile --duplicates >out
    [ "$(jq .duplicates out)" = 7 ]
    pipe-profile <day.ndjson >out
    [ "$(jq .duplicates out)" = null ]
}

@test "the same records make the same profile, by whatever way they come" {
    make_orders 60000 >in.ndjson
    pipe-profile -j 1 <in.ndjson >one
    pipe-profile -j 2 <in.ndjson >two
    cat in.ndjson | pipe-profile >three
    cmp one two
    cmp one three
}

# ---- bounds

@test "fields are told apart up to a number, and more are counted" {
    awk 'BEGIN { for (i = 0; i < 3000; i++) printf "{\"f%d\":{\"x\":%d}}\n", i, i }' >in.ndjson
    pipe-profile --fields 50 <in.ndjson >out
    [ "$(jq '.fields | length' out)" = 50 ]
    more=$(jq .more_fields out)
    ((more > 2800 && more < 3200)) || fail "about $more more fields"
    pipe-profile --format text --fields 50 <in.ndjson | tail -n 1 | grep -q '^and about .* more fields'
}

@test "memory is bounded whatever the data is" {
    [ "$FLAVOUR" != asan ] || skip "the sanitizer takes all addresses"
    # 300 fields of which each value is another.
    awk 'BEGIN { srand(1); for (i = 0; i < 6000; i++) { printf "{";
        for (f = 0; f < 300; f++) printf "%s\"f%d\":\"%d-%d\"", f ? "," : "", f, rand() * 1e9, i;
        print "}" } }' >in.ndjson
    (
        ulimit -v 120000
        pipe-profile -j 1 --memory 16M <in.ndjson >out
    )
    [ "$(jq '.records, (.fields | length)' out | tr '\n' ' ')" = '6000 300 ' ]
    field f299 '.distinct > 5700 and .distinct < 6300' | grep -qx true
}

@test "nesting without end is cut at a depth" {
    awk 'BEGIN { for (i = 0; i < 200; i++) printf "{\"a\":"; printf "1";
        for (i = 0; i < 200; i++) printf "}"; print "" }' | pipe-profile >out
    [ "$(jq '[.fields[].depth] | max' out)" = 32 ]
    [ "$(jq '.more_fields' out)" -ge 1 ]
}

# ---- ways out

@test "--pass writes the records as they came, and the profile to --report" {
    printf '{"b": 1.10,  "a":"\\u00e9"}\n{"a":null}\n' >in.ndjson
    pipe-profile --pass --report p.json <in.ndjson | cmp - in.ndjson
    [ "$(jq .records p.json)" = 2 ]
    assert_exit 64 pipe-profile --pass <in.ndjson
    grep -q -- '--pass needs' err
}

@test "the format follows the name of the file, or is asked for" {
    day 10
    pipe-profile --report p.html <day.ndjson
    head -c 15 p.html | grep -qx '<!DOCTYPE html>'
    pipe-profile --report p.txt <day.ndjson
    head -n 1 p.txt | grep -qx '10 records, .*'
    pipe-profile -o q.html <day.ndjson
    cmp p.html q.html
    pipe-profile --format json --report p.txt <day.ndjson
    jq -e .profile p.txt
    pipe-profile --date 2026-01-31 --report 'p-{date}.json' <day.ndjson
    [ "$(jq -r .date p-2026-01-31.json)" = 2026-01-31 ]
}

@test "on a terminal there is a table, no wider than it, with nothing alive in it" {
    printf '{"\\u001b[31mname":"\\u001b]0;owned\\u0007","long":"%0200d","x":"\xe2\x80\xae"}\n' 7 >in.ndjson
    run_in_pty 'stty cols 60; exec pipe-profile <in.ndjson' | tr -d '\r' >out
    grep -q '^field' out
    run ! grep -qP '[\x1b\x07]|\xe2\x80\xae' out
    awk 'length($0) > 60 { exit 1 }' out
}

@test "a page shows what data holds and takes none of it for markup" {
    cat >in.ndjson <<'END'
{"<script>alert(1)</script>":"</style><img src=x onerror=alert(2)>","k":"' onload='x","b":"&lt;"}
{"<script>alert(1)</script>":"</style><img src=x onerror=alert(2)>","k":"' onload='x","b":"\"><svg onload=alert(3)>"}
END
    pipe-profile --pipeline x --report p.html <in.ndjson
    run ! grep -qiE '<script|<img|onerror=[^&]*alert\(2\)>|"><svg onload' p.html
    grep -qF '&lt;img src=x onerror=alert(2)&gt;' p.html
    grep -qF '&amp;lt;' p.html
    # Nothing from elsewhere.
    sed 's/&lt;[^<]*//g' p.html >bare.html
    run ! grep -qiE '(src|href)=|@import|url\(' bare.html
}

@test "a browser finds text where data has markup" {
    need_command chromium
    printf '{"f":"<b id=inj>x</b>"}\n%.0s' 1 2 3 >in.ndjson
    pipe-profile --report p.html <in.ndjson
    HOME=$PWD timeout 60 chromium --headless --no-sandbox --disable-gpu \
        --user-data-dir="$PWD/browser" --dump-dom "file://$PWD/p.html" >dom 2>/dev/null ||
        skip "chromium does not start here"
    grep -qF '&lt;b id=inj&gt;x&lt;/b&gt;' dom
    run ! grep -q '<b id' dom
    [ "$(grep -o '<section>' dom | wc -l)" = 1 ]
}

@test "nothing is written of a stream whose upstream failed" {
    day 20
    pipe-extract --format ndjson day.ndjson - <<<'{"cut' 2>/dev/null |
        { pipe-profile --report p.json -o p.out 2>err || echo "exit $?" >code; }
    [ "$(cat code)" = 'exit 65' ]
    [ ! -e p.json ] && [ ! -e p.out ]
}

@test "a full disk is a failure" {
    day 20
    code=0
    pipe-profile <day.ndjson >/dev/full 2>err || code=$?
    [ "$code" = 74 ]
    assert_exit 73 pipe-profile --report nowhere/p.json <day.ndjson
}

# ---- a baseline

@test "the same stream again has not drifted; the baseline is made by --update" {
    day 1000
    pipe-profile --baseline b.json --update --report p.json <day.ndjson
    jq -e '.profile == 1 and .drift == null' b.json
    pipe-profile --baseline b.json <day.ndjson >out
    [ "$(jq -c '[.drift.verdict, .drift.judged, .drift.findings]' out)" = '["passed",5,[]]' ]
}

@test "drift is exit 65 with a line for each reason, and the baseline stays" {
    day 1000
    pipe-profile --baseline b.json --update <day.ndjson >out
    cp b.json was.json
    sed 's/"country":"DE"/"country":null/; s/"amount":[1-4]/"amount":9/' day.ndjson >bad.ndjson
    assert_exit 65 pipe-profile --baseline b.json --update <bad.ndjson
    grep -q "drift: 'country' is there and not null in 80%, and in 100% of the baseline" err
    grep -q "drift: 'amount' has shifted: the population stability index of its numbers is" err
    grep -q "drift: 'country' lacks values that are 20% of the baseline: \"DE\"" err
    [ "$(tail -n 1 err | sed 's/[0-9]* drifts/N drifts/')" = \
        "pipe-profile: N drifts from baseline 'b.json'" ]
    cmp b.json was.json
    jq -e '.drift.verdict == "drifted"' out
    assert_exit 0 pipe-profile --baseline b.json --update --warn <bad.ndjson
    grep -q "warning: 'country'" err
    cmp b.json was.json
}

@test "a load behind a stream that drifted is not committed" {
    day 1000
    pipe-profile --baseline b.json --update --report p.json <day.ndjson
    flow() {
        pipe-extract "$1" | pipe-profile --pass --baseline b.json |
            pipe-load sqlite:t.db -t t --mode append --create
    }
    flow day.ndjson
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 1000 ]
    head -n 300 day.ndjson >half.ndjson
    code=0
    flow half.ndjson 2>err || code=$?
    [ "$code" = 65 ]
    grep -q 'drift: 300 records are 70% fewer than the 1000' err
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 1000 ]
    code=0
    pipe-run --pipeline p -- 'pipe-extract half.ndjson |
        pipe-profile --pass --baseline b.json |
        pipe-load sqlite:t.db -t t --mode append --create' 2>err || code=$?
    [ "$code" = 65 ]
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 1000 ]
}

@test "a baseline that cannot be used is 78, and never taken for none" {
    day 200
    pipe-profile --baseline b.json --update <day.ndjson >out
    : >empty
    echo '{"profile":2,"records":1,"fields":[]}' >later
    echo '{"records":1}' >other
    jq -c '.fields[0].null = -1' b.json >negative
    jq -c '.fields[0].null += 1' b.json >odd
    jq -c 'del(.fields[3].numbers.bins)' b.json >less
    head -c 700 b.json >short
    printf 'x\0y' >bytes
    for name in empty later other negative odd less short bytes; do
        cp $name was
        assert_exit 78 pipe-profile --baseline $name --update <day.ndjson
        grep -q "baseline '$name' cannot be used" err || fail "$name: $(cat err)"
        [ ! -s out ]
        cmp $name was
    done
    assert_exit 66 pipe-profile --baseline nowhere <day.ndjson
}

@test "an empty stream is drift, and makes no baseline" {
    : >empty.ndjson
    pipe-profile --baseline b.json --update <empty.ndjson >out 2>err
    [ ! -e b.json ]
    day 200
    pipe-profile --baseline b.json --update <day.ndjson >out
    assert_exit 65 pipe-profile --baseline b.json --update <empty.ndjson
    grep -q 'drift: 0 records are 100% fewer' err
}

@test "what goes on by itself is no drift: numbers of records, dates, times" {
    awk 'BEGIN { for (i = 1; i <= 1000; i++) printf \
        "{\"id\":%d,\"day\":\"2026-01-01\",\"at\":\"2026-01-01T10:00:%02dZ\"}\n", i, i % 60 }' \
        >one.ndjson
    sed 's/2026-01-01/2026-01-02/' one.ndjson | pipe-transform --set 'id = id + 5000' >two.ndjson
    pipe-profile --baseline b.json --update <one.ndjson >out
    pipe-profile --baseline b.json <two.ndjson >out
}

@test "few values are not judged, and a difference that chance explains is none" {
    make_orders 90 >few.ndjson
    pipe-profile --baseline b.json --update <few.ndjson >out
    sed 's/"amount":/"amount":9/' few.ndjson | pipe-profile --baseline b.json >out
    [ "$(jq -c '[.drift.verdict,.drift.unjudged]' out)" = '["unjudged",5]' ]
    sed 's/"amount":/"amount":9/' few.ndjson |
        assert_exit 65 pipe-profile --min-sample 50 --baseline b.json
    # 150 of one population, and another 150.
    awk 'BEGIN { srand(3); for (i = 0; i < 300; i++) printf "{\"n\":%.4f}\n", rand() }' >all
    head -n 150 all | pipe-profile --baseline c.json --update >out
    tail -n 150 all | pipe-profile --baseline c.json >out
}

@test "each threshold can be moved and taken away" {
    day 1000
    pipe-profile --baseline b.json --update <day.ndjson >out
    head -n 600 day.ndjson >less.ndjson
    assert_exit 65 pipe-profile --baseline b.json <less.ndjson
    pipe-profile --baseline b.json --max-volume 50% <less.ndjson >out
    pipe-profile --baseline b.json --max-volume none <less.ndjson >out
    sed 's/"country":"DE"/"country":"XX"/' day.ndjson >new.ndjson
    assert_exit 65 pipe-profile --baseline b.json <new.ndjson
    assert_exit 65 pipe-profile --baseline b.json --max-psi none <new.ndjson
    pipe-profile --baseline b.json --max-psi none --max-new 20% <new.ndjson >out
    pipe-profile --baseline b.json --ignore country <new.ndjson >out
    sed 's/"amount":89/"amount":8900/' day.ndjson >wide.ndjson
    pipe-profile --baseline b.json <wide.ndjson >out
    assert_exit 65 pipe-profile --baseline b.json --max-range 50% <wide.ndjson
    grep -q "drift: 'amount' goes up to 8900" err
    awk '{ sub(/"customer":"c/, "&" NR % 50); print }' day.ndjson >many.ndjson
    assert_exit 65 pipe-profile --max-new none --max-psi none --max-distinct 50% \
        --baseline b.json <many.ndjson
    grep -q "drift: 'customer' has .* different values, and 7 in the baseline" err
    for bad in --max-psi=10% --max-shift=10 --max-volume=-1% --max-new=x%; do
        assert_exit 64 pipe-profile --baseline b.json $bad <day.ndjson
    done
    assert_exit 64 pipe-profile --update <day.ndjson
}

@test "a field that is lost is drift, and a new one is told of" {
    day 500
    pipe-profile --baseline b.json --update <day.ndjson >out
    pipe-transform --drop country --set 'more = 1' <day.ndjson >other.ndjson
    assert_exit 65 pipe-profile -v --baseline b.json <other.ndjson
    grep -q "drift: 'country' is nowhere, and in 100% of the baseline" err
    grep -q "'more' is a field that the baseline has not" err
}

@test "numbers near and beyond the ends of doubles make a profile that is JSON" {
    local numbers
    for numbers in '1e308 -1e308' '1e300 5' '1E400 -1E500' '1E400 1e308 0 7'; do
        # shellcheck disable=SC2086 # words
        printf '{"a":%s}\n' $numbers >in
        rm -f b.json
        pipe-profile --baseline b.json --update <in >out
        python3 -c 'import json, sys
json.load(open("out"), parse_constant=sys.exit)'
        [ "$(field a '.numbers | has("stddev")')" = false ]
        assert_exit 0 pipe-profile --baseline b.json <in
        pipe-profile --format html <in >out
        ! grep -qE '>-?(nan|inf)<' out || fail "$numbers"
    done
}

@test "a number beyond all doubles, or of hundreds of digits, is told of" {
    day 500
    pipe-profile --baseline b.json --update <day.ndjson >out
    local zeros
    zeros=$(printf '%0280d' 0)
    for number in 1E400 "1$zeros"; do
        (
            head -n 499 day.ndjson
            tail -n 1 day.ndjson | sed "s/\"amount\":[^,}]*/\"amount\":$number/"
        ) >other.ndjson
        assert_exit 65 pipe-profile --max-range 10% --baseline b.json \
            <other.ndjson
        python3 -c 'import json, sys
drift = json.load(open("out"), parse_constant=sys.exit)["drift"]
value, = (f["value"] for f in drift["findings"] if f["metric"] == "range")
sys.exit(0 if value == float(sys.argv[1]) or value is None else str(value))' \
            "$number"
        grep -q "'amount' goes up to $number, and to 89.93" err
    done
}

# ---- telling

@test "lineage has what was measured of each field, and what was found" {
    day 500
    pipe-profile --baseline b.json --update --lineage e1 <day.ndjson >out
    jq -es 'last.outputs[0].facets.dataQualityMetrics.columnMetrics.amount |
        .nullCount == 0 and .distinctCount == 500 and .max == 89.93' e1 ||
        fail "$(jq -cs 'last.outputs' e1)"
    sed 's/"DE"/null/' day.ndjson |
        assert_exit 65 pipe-profile --baseline b.json --lineage e2
    jq -es 'last | .eventType == "FAIL" and any(.inputs[0].inputFacets
        .dataQualityAssertions.assertions[]; .column == "country" and
        .assertion == "complete" and .success == false)' e2 ||
        fail "$(jq -cs 'last.inputs' e2)"
}
