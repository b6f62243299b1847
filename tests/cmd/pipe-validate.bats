#!/usr/bin/env bats
# pipe-validate: keywords, reports, thresholds, casts, schemas that are refused.
# shellcheck disable=SC2016 # $ref and $schema are not for the shell
# shellcheck disable=SC2030,SC2031 # tests are subshells on purpose
load ../helper

setup() {
    pipe_setup
    cat >order.json <<'END'
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "an order",
  "type": "object",
  "required": ["id", "qty"],
  "properties": {
    "id": { "type": "integer", "minimum": 1 },
    "qty": { "type": "number", "exclusiveMinimum": 0 },
    "status": { "enum": ["new", "paid"] },
    "email": { "type": "string", "format": "email" },
    "sku": { "type": "string", "pattern": "^[A-Z]{3}$" },
    "tags": { "type": "array", "maxItems": 2,
              "items": { "type": "string", "minLength": 2 } },
    "note": { "type": ["string", "null"], "maxLength": 5 }
  },
  "additionalProperties": false
}
END
}

# records LINE...: one a line.
records() { printf '%s\n' "$@"; }

# places SCHEMA-FILE LETTERS: prints the places of rules in the letters' errors
# that lead nowhere in the schema.
places() {
    jq -r --slurpfile schema "$1" '
        def leads_in(names): names == [] or
            (names[0] as $k | if type == "array"
                then (try ($k | tonumber) catch -1) as $i |
                    $i >= 0 and $i < length and (.[$i] | leads_in(names[1:]))
                else type == "object" and has($k) and
                    (.[$k] | leads_in(names[1:])) end);
        .errors[] | (.schema // "none") as $place | $place | split("/") |
            .[1:] | map(gsub("~1"; "/") | gsub("~0"; "~")) as $names |
            select(($place | startswith("/") | not) or
                ($schema[0] | leads_in($names) | not)) | $place' "$2"
}

# verdict SCHEMA VALUE: prints "good", or "code path" of each error, for the
# record {"v": VALUE} under {"properties": {"v": SCHEMA}}; and the errors' places
# in the schema that are not there.
verdict() {
    printf '{"properties":{"v":%s}}' "$1" >v.json
    rm -f v.dlq
    printf '{"v":%s}\n' "$2" |
        pipe-validate -s v.json --dlq v.dlq --max-reject 100% >v.out 2>v.err ||
        { echo "exit $?: $(cat v.err)"; return; }
    if [ -e v.dlq ]; then
        [ ! -s v.out ] || echo "both out and rejected"
        jq -r '[.errors[] | .code + " " + .path] | join("; ")' v.dlq
        places v.json v.dlq
    else
        [ "$(cat v.out)" = "{\"v\":$2}" ] || echo "changed: $(cat v.out)"
        echo good
    fi
}

# check: reads lines "SCHEMA | VALUE | VERDICT".
check() {
    local schema value want have fails=
    while IFS='|' read -r schema value want; do
        # read without IFS=... takes the spaces off both ends
        read -r schema <<<"$schema"
        read -r value <<<"$value"
        read -r want <<<"$want"
        have=$(verdict "$schema" "$value")
        [ "$have" = "$want" ] || fails+="$schema of $value: $have, not $want"$'\n'
    done
    [ -z "$fails" ] || fail "$fails"
}

# ---- verdicts

@test "each keyword has its good and its bad value" {
    need_command jq
    check <<'END'
{"type":"integer"}                    | 1           | good
{"type":"integer"}                    | 1.0         | good
{"type":"integer"}                    | 1.5         | type /v
{"type":"integer"}                    | "1"         | type /v
{"type":["string","null"]}            | null        | good
{"type":["string","null"]}            | false       | type /v
{"enum":["a",1,null]}                 | 1.0         | good
{"enum":["a",1,null]}                 | "1"         | enum /v
{"const":{"a":[1,2]}}                 | {"a":[1,2.0]} | good
{"const":{"a":[1,2]}}                 | {"a":[2,1]} | const /v
{"minimum":0.01}                      | 0.01        | good
{"minimum":0.01}                      | 0.00999999999999999999999 | minimum /v
{"maximum":12345678901234567890123}   | 12345678901234567890123 | good
{"maximum":12345678901234567890123}   | 12345678901234567890124 | maximum /v
{"exclusiveMinimum":0}                | 1e-400      | good
{"exclusiveMinimum":0}                | -0          | exclusive_minimum /v
{"exclusiveMaximum":10}               | 9.99999     | good
{"exclusiveMaximum":10}               | 1e1         | exclusive_maximum /v
{"multipleOf":0.01}                   | 19.99       | good
{"multipleOf":0.01}                   | 0.075       | multiple_of /v
{"minLength":2}                       | "äö"        | good
{"minLength":2}                       | "ä"         | min_length /v
{"maxLength":1}                       | "\ud83d\ude00" | good
{"maxLength":1}                       | "ab"        | max_length /v
{"pattern":"^[a-z]+$"}                | "abc"       | good
{"pattern":"^[a-z]+$"}                | "aBc"       | pattern /v
{"pattern":"^[a-z]+$"}                | 5           | good
{"format":"date"}                     | "2024-02-29" | good
{"format":"date"}                     | "2023-02-29" | format /v
{"format":"date-time"}                | "2024-02-29T10:00:00Z" | good
{"format":"date-time"}                | "2024-02-29" | format /v
{"format":"email"}                    | "a@b.example" | good
{"format":"email"}                    | "a@b@c"     | format /v
{"format":"phone"}                      | "anything"  | good
{"items":{"type":"null"}}             | [null,1,null,2] | type /v/1; type /v/3
{"minItems":1}                        | []          | min_items /v
{"maxItems":1}                        | [1,2]       | max_items /v
{"uniqueItems":true}                  | [1,"1",{"a":1}] | good
{"uniqueItems":true}                  | [1,2,1.0]   | unique_items /v
{"prefixItems":[{"type":"null"}],"items":false} | [1,2] | type /v/0; additional_item /v/1
{"contains":{"const":1}}              | [2]         | contains /v
{"required":["a"]}                    | {"a":null}  | good
{"required":["a","b/c"]}              | {}          | required /v/a; required /v/b~1c
{"properties":{"a":{"type":"null"}}}  | {"a":1}     | type /v/a
{"patternProperties":{"^n":{"type":"null"}}} | {"n1":1,"m":1} | type /v/n1
{"additionalProperties":false}        | {}          | good
{"additionalProperties":false}        | {"x":1,"y":2} | additional_property /v/x; additional_property /v/y
{"additionalProperties":{"type":"null"}} | {"x":1}  | type /v/x
{"propertyNames":{"maxLength":1}}     | {"ab":1}    | max_length /v/ab
{"minProperties":1}                   | {}          | min_properties /v
{"maxProperties":1}                   | {"a":1,"b":1} | max_properties /v
{"dependentRequired":{"a":["b"]}}     | {"a":1}     | dependent_required /v/b
{"dependencies":{"a":["b"]}}          | {"a":1}     | dependent_required /v/b
{"dependencies":{"a":{"required":["b/~"]}}} | {"a":1} | required /v/b~1~0
{"properties":{"a/~":{"type":"null"}}} | {"a/~":1}  | type /v/a~1~0
{"unevaluatedProperties":{"type":"null"}} | {"a":1} | type /v/a
{"contains":{"const":1},"minContains":2} | [1]      | min_contains /v
{"contains":{"const":1},"maxContains":1} | [1,1]    | max_contains /v
{"allOf":[{"minimum":1},{"maximum":3}]} | 5         | maximum /v
{"if":{"minimum":5},"else":false}     | 1           | false_schema /v
{"anyOf":[{"type":"null"},{"minimum":1}]} | 0       | any_of /v
{"oneOf":[{"minimum":1},{"maximum":3}]} | 2         | one_of /v
{"not":{"type":"null"}}               | null        | not /v
{"if":{"minimum":5},"then":{"multipleOf":5}} | 7    | multiple_of /v
false                                 | 1           | false_schema /v
true                                  | 1           | good
END
}

@test "the empty schema passes everything" {
    echo '{}' >any.json
    records '{"a":1}' '{ }' '{"a":{"b":[1,"x",null]}}' >in
    run -0 --separate-stderr pipe-validate -s any.json <in
    [ "$output" = "$(cat in)" ]
    [ -z "$stderr" ]
}

@test "good records pass byte for byte" {
    records '{ "id" : 12345678901234567890123,	"qty":1.10 }' \
        '{"qty":1e400,"id":1}' '{"\u0069d":1,"qty":2,"note":"\u00e4\/"}' \
        '{"id":1,"qty":0.0001,"id":7}' >in
    pipe-validate -s order.json <in >out
    cmp in out
    echo '{}' >any.json
    echo '{"a":-0,"b":1.10,"c":1e400,"d":12345678901234567890123}' >in
    pipe-validate -s any.json <in >out
    cmp in out
}

@test "every error of a record is reported, with its path and both values" {
    echo '{"id":0,"qty":-3,"status":"old","email":"x","sku":"ab","tags":["a",1,"bb"],"note":"too long","x":1}' >in
    run -65 --separate-stderr pipe-validate -s order.json <in
    [ -z "$output" ]
    [[ $stderr == *'rejected line 1: '* ]]
    for part in '/id is 0, minimum is 1 (minimum)' \
        '/qty is -3, must be greater than 0 (exclusive_minimum)' \
        '/status is "old", wants one of: "new", "paid" (enum)' \
        '/email is "x", wants format email (format)' \
        '/sku is "ab", wants to match ^[A-Z]{3}$ (pattern)' \
        '/tags has 3 items, maximum is 2 (max_items)' \
        '/tags/0 is "a", length 1, minimum is 2 (min_length)' \
        '/tags/1 is 1, wants string (type)' \
        '/note is "too long", length 8, maximum is 5 (max_length)' \
        '/x is not in the schema (additional_property)'; do
        [[ $stderr == *"$part"* ]] || fail "no: $part" "$stderr"
    done
}

@test "of duplicate keys the last decides" {
    records '{"id":"x","id":1,"qty":1}' '{"id":1,"qty":1,"qty":0}' >in
    run -0 pipe-validate -s order.json --max-reject 1 -q <in
    [ "$output" = '{"id":"x","id":1,"qty":1}' ]
}

@test "a long value is cut in the message" {
    printf '{"id":"%01000d","qty":1}\n' 0 >in
    run -65 pipe-validate -s order.json <in
    [[ $output == *'0000...'* ]]
    [ "${#output}" -lt 400 ]
}

@test "escape sequences in a record do not reach the terminal" {
    printf '{"id":"\\u001b[31m","qty":1,"\\u001b]0;x\\u0007":1}\n' >in
    run -65 pipe-validate -s order.json <in
    [[ $output != *$'\e'* ]]
    [[ $output == *'additional_property'* ]]
}

@test "a bad record is found among hundreds of good ones that look like it" {
    need_command jq
    local i kernel bad=(
        '{"id":0,"qty":1.5,"status":"new","sku":"ABC","tags":["ab"]}'
        '{"id":1,"qty":0.0,"status":"new","sku":"ABC","tags":["ab"]}'
        '{"id":1.5,"qty":1,"status":"new","sku":"ABC","tags":["ab"]}'
        '{"id":1,"qty":-1,"status":"new","sku":"ABC","tags":["ab"]}'
        '{"id":1,"qty":1.5,"status":"nee","sku":"ABC","tags":["ab"]}'
        '{"id":1,"qty":1.5,"status":"new","sku":"ABc","tags":["ab"]}'
        '{"id":1,"qty":1.5,"status":"new","sku":"ABCD","tags":["ab"]}'
        '{"id":1,"qty":1.5,"status":"new","sku":"\u0041BC","tags":["\u0041"]}'
        '{"id":1,"qty":1.5,"status":"new","sku":"ABC","tags":["ä"]}'
        '{"id":1,"qty":1.5,"status":"new","skv":"ABC","tags":["ab"]}'
        '{"id":1,"qtz":1.5,"status":"new","sku":"ABC","tags":["ab"]}'
        '{"id":1,"id":0,"status":"new","sku":"ABC","tags":["ab"]}'
    )
    for i in "${!bad[@]}"; do
        yes '{"id":12,"qty":10.5,"status":"paid","sku":"XYZ","tags":["äb"]}' |
            head -n 99
        echo "${bad[i]}"
        echo '{"id":1.0,"qty":1e-9,"status":"\u006eew","sku":"ABC","tags":["äb"]}'
    done >in
    for kernel in scalar avx2 avx512 neon; do
        rm -f dlq
        PIPE_SIMD=$kernel run -0 pipe-validate -s order.json --dlq dlq <in
        [ "${#lines[@]}" = 1200 ]
        jq -r .raw dlq >rejected
        diff rejected <(printf '%s\n' "${bad[@]}")
        run jq -r '"\(.source.line) \([.errors[].code] | join(" "))"' dlq
        [ "$output" = '100 minimum
201 exclusive_minimum
302 type
403 exclusive_minimum
504 enum
605 pattern
706 pattern
807 min_length
908 min_length
1009 additional_property
1110 additional_property required
1211 minimum required' ] || fail "$output"
    done
}

# ---- dead letters and thresholds

@test "a dead letter holds the exact record and all its errors" {
    need_command jq
    records '{"id":1,"qty":1}' '{"id" : "1","qty":0 }' >in
    run -0 pipe-validate -s order.json --dlq dlq.ndjson --max-reject 1 <in
    [ "$output" = '{"id":1,"qty":1}' ]
    [ "$(jq -r .raw dlq.ndjson)" = '{"id" : "1","qty":0 }' ]
    [ "$(jq -c '[.stage,.class,.source.line]' dlq.ndjson)" = '["pipe-validate","permanent",2]' ]
    [ "$(jq -c '.errors' dlq.ndjson)" = '[{"code":"type","path":"/id","message":"is \"1\", wants integer","schema":"/properties/id/type"},{"code":"exclusive_minimum","path":"/qty","message":"is 0, must be greater than 0","schema":"/properties/qty/exclusiveMinimum"}]' ]
}

@test "without a DLQ one reject fails, unless --max-reject allows it" {
    records '{"id":1,"qty":1}' '{"id":2}' '{"id":3,"qty":1}' >in
    run -65 pipe-validate -s order.json <in
    run -65 pipe-validate -s order.json --max-reject 0 <in
    run -0 --separate-stderr pipe-validate -s order.json --max-reject 1 <in
    [ "$output" = $'{"id":1,"qty":1}\n{"id":3,"qty":1}' ]
    run -0 pipe-validate -s order.json --max-reject 34% --min-sample 3 <in
    run -65 pipe-validate -s order.json --max-reject 33% --min-sample 3 <in
}

@test "a share is judged only from --min-sample records on" {
    make() { awk -v bad="$1" -v n="$2" 'BEGIN { for (i = 1; i <= n; i++) print i <= bad ? "{}" : "{\"id\":1,\"qty\":1}" }'; }
    make 5 50 >in
    run -0 pipe-validate -s order.json --dlq c.ndjson -q <in
    run -65 pipe-validate -s order.json --max-reject 1% --min-sample 50 -q <in
    make 5 500 >in
    run -0 pipe-validate -s order.json --max-reject 1% --min-sample 500 -q <in
    # with a DLQ: 5 % from 100 records on
    make 5 100 >in
    run -0 pipe-validate -s order.json --dlq d.ndjson -q <in
    make 6 100 >in
    run -65 pipe-validate -s order.json --dlq e.ndjson -q <in
}

@test "a stage that rejects all it read fails, unless 100% is allowed" {
    records '{}' '{}' >in
    run -65 pipe-validate -s order.json --max-reject 5 <in
    [[ $output == *"2 of 2 records rejected, all of them"* ]]
    run -0 pipe-validate -s order.json --max-reject 100% -q <in
}

@test "without a DLQ the first 10 rejects are shown" {
    for ((i = 0; i < 25; i++)); do echo '{}'; done >in
    run -65 pipe-validate -s order.json --max-reject 25 <in
    [ "$(grep -c 'rejected line' <<<"$output")" = 10 ]
}

# ---- rejects on standard error

# bad_of N: N records, of which all but the first are bad in two ways, and a
# line that is none.
bad_of() {
    echo '{"id":1,"qty":1}'
    for ((i = 2; i < $1; i++)); do echo "{\"id\":\"$i\",\"qty\":0}"; done
    echo 'no record'
}

@test "--error-format json tells all rejects, as their dead letters do" {
    need_command jq
    local j
    bad_of 30 >in
    pipe-validate -s order.json --dlq letters --max-reject 100% <in >out
    for j in 1 3; do
        run -0 --separate-stderr pipe-validate -j $j -s order.json \
            --error-format json --max-reject 100% <in
        [ "$output" = '{"id":1,"qty":1}' ]
        [ "$(jq -c '[.source,.errors]' <<<"$stderr")" = \
            "$(jq -c '[.source,.errors]' letters)" ]
        [ "$(jq -r '.level + .event + .stage' <<<"$stderr" | uniq -c)" = \
            "     29 warnrejectpipe-validate" ]
    done
    [ "$(jq -c 'select(.source.line == 3) | [.source,.errors]' <<<"$stderr")" = '[{"uri":"-","line":3,"offset":36},[{"code":"type","path":"/id","message":"is \"3\", wants integer","schema":"/properties/id/type"},{"code":"exclusive_minimum","path":"/qty","message":"is 0, must be greater than 0","schema":"/properties/qty/exclusiveMinimum"}]]' ]
}

@test "--error-format json is heeded beside a DLQ and with -q, and alone on standard error" {
    need_command jq
    bad_of 30 >in
    run -0 --separate-stderr pipe-validate -s order.json --dlq letters -q \
        --error-format json --max-reject 100% <in
    [ "$(jq -s length <<<"$stderr")" = 29 ]
    [ "$(wc -l <letters)" = 29 ]
}

@test "--error-format text shows ten rejects, also beside a DLQ, and counts the others" {
    bad_of 30 >in
    run -0 --separate-stderr pipe-validate -s order.json --dlq letters \
        --error-format text --max-reject 100% <in
    [ "$(grep -c 'rejected line' <<<"$stderr")" = 10 ]
    [[ $stderr == *$'\npipe-validate: and 19 more rejected' ]]
    run -0 --separate-stderr pipe-validate -s order.json \
        --error-format text --max-reject 100% <in
    [[ $stderr == *$'\npipe-validate: and 19 more rejected (--dlq keeps them all)' ]]
    run -0 --separate-stderr pipe-validate -s order.json -q \
        --error-format text --max-reject 100% <in
    [ -z "$stderr" ]
}

@test "--log json tells ten rejects as objects, and --error-format has its say" {
    need_command jq
    local kinds='.event // (.msg | sub("line [0-9]*:.*"; "line"))'
    bad_of 30 >in
    run -65 --separate-stderr pipe-validate -s order.json --log json \
        --max-reject 20 <in
    [[ $(jq -r "$kinds" <<<"$stderr" | uniq -c | xargs) == "10 reject 1 21 of "*" records rejected, --max-reject is 20 1 and 11 more rejected (--dlq keeps them all) 1 end" ]]
    run -0 --separate-stderr pipe-validate -s order.json --log json \
        --error-format json --max-reject 100% <in
    [ "$(jq -r "$kinds" <<<"$stderr" | uniq -c | xargs)" = "29 reject 1 end" ]
    run -0 --separate-stderr pipe-validate -s order.json --log json \
        --error-format text --max-reject 100% <in
    [ "$(jq -r "$kinds" <<<"$stderr" | uniq -c | xargs)" = "10 rejected line 1 and 19 more rejected (--dlq keeps them all) 1 end" ]
}

@test "a rule in another document is placed behind its URI" {
    need_command jq
    mkdir parts by-uri
    echo '{"$defs":{"eur":{"minimum":0}}}' >parts/money.json
    echo '{"type":"string"}' >by-uri/text.json
    echo '{"properties":{"a":{"$ref":"parts/money.json#/$defs/eur"},"b":{"$ref":"https://example.net/text.json"}}}' >s.json
    run -65 --separate-stderr pipe-validate -s s.json -q --error-format json \
        --schema-dir https://example.net/=by-uri <<<'{"a":-1,"b":1}'
    [ "$(head -n 1 <<<"$stderr" | jq -r '.errors[].schema')" = "file://$PWD/parts/money.json#/\$defs/eur/minimum
https://example.net/text.json#/type" ]
}

@test "a reject with a thousand errors is cut as text and whole as JSON" {
    need_command jq
    awk 'BEGIN { printf "{\"id\":1,\"qty\":1"; for (i = 0; i < 900; i++) printf ",\"unknown%d\":1", i; print "}" }' >in
    run -65 --separate-stderr pipe-validate -s order.json <in
    [[ $stderr == *"and 8"??" more errors"* ]]
    ((${#stderr} < 6000))
    run -65 --separate-stderr pipe-validate -s order.json -q --error-format json <in
    [ "$(head -n 1 <<<"$stderr" | jq '.errors | length')" = 900 ]
}

@test "nothing in a reject drives a terminal" {
    need_command jq
    printf '{"id":1,"qty":1,"%b":"%b"}\n' '\x7f\xc2\x9b31m\xe2\x80\xae' \
        '\xc2\x9d' '\\u001b[31m\xf0\x9f\x98\x80' '\xc2\x85' >in
    echo '{"properties":{"id":false}}' >none.json
    local log format
    for log in text json; do
        for format in text json; do
            assert_exit 65 pipe-validate -s order.json --log $log -v \
                --error-format $format --max-reject 1 <in
            run -1 grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' err
            grep -q additional_property err
            [ "$format$log" = texttext ] || grep '^{' err | jq . >/dev/null
        done
    done
    run -65 --separate-stderr pipe-validate -s order.json -q --error-format json <in
    [ "$(jq -c '.errors[0].path' <<<"$(head -n 1 <<<"$stderr")" | jq -r 'explode | map(tostring) | join(" ")')" = \
        "47 127 155 51 49 109 8238" ]
}

@test "what is no record is rejected beside what breaks the schema" {
    need_command jq
    printf '{"id":1,"qty":1}\nnot json\n[1]\n{"id":1}\n{"id":2,"qty":2}\n' >in
    run -0 pipe-validate -s order.json --dlq d.ndjson --max-reject 3 <in
    [ "${#lines[@]}" = 2 ]
    [ "$(jq -r '.errors[0].code' d.ndjson | xargs)" = "not_json not_object required" ]
}

@test "a catastrophic pattern rejects its record soon" {
    need_command jq
    echo '{"properties":{"a":{"pattern":"(a+)+$"}}}' >evil.json
    awk 'BEGIN { printf "{\"a\":\""; for (i = 0; i < 50000; i++) printf "a"; print "!\"}"; print "{\"a\":\"aaa\"}" }' >in
    run -0 timeout 20 pipe-validate -s evil.json --dlq d.ndjson --max-reject 1 <in
    [ "$output" = '{"a":"aaa"}' ]
    [ "$(jq -c '.errors[] | [.code, .path]' d.ndjson)" = '["pattern_limit","/a"]' ]
}

# ---- summary and notes

# Rejects: two kinds in the schema, one check of two, and one line that is none.
many_rejects() {
    echo '{"id":1,"qty":1}'
    for ((i = 0; i < 7; i++)); do echo '{"id":1,"qty":0,"tags":["aa","b"]}'; done
    echo 'no record'
    for ((i = 0; i < 4; i++)); do echo '{"id":1,"qty":0}'; done
    printf '{"id":%d,"qty":1}\n' 20 30
}

@test "-v tells which rule rejected how many, where it stands, and the first" {
    many_rejects >in
    run -0 --separate-stderr pipe-validate -s order.json -v --dlq d.ndjson \
        --check 'small: id < 10' --check 'id > 0' --max-reject 100% <in
    [ "$stderr" = 'pipe-validate: 14 records rejected, by rule:
  RECORDS  CODE               FIELD          SCHEMA
       11  exclusive_minimum  /qty           /properties/qty/exclusiveMinimum
           first in line 2: /qty is 0, must be greater than 0
        7  min_length         /tags/*        /properties/tags/items/minLength
           first in line 2: /tags/1 is "b", length 1, minimum is 2
        2  check              check '"'small'"'
           first in line 14: check '"'small'"' failed: id < 10
        1  not_json           -
           first in line 9: value expected at byte 1
pipe-validate: read 15 = 1 out + 14 rejected; dead letters in d.ndjson' ] ||
        fail "$stderr"
    run -0 --separate-stderr pipe-validate -s order.json --dlq e.ndjson \
        --max-reject 100% <in
    [ -z "$stderr" ]
}

@test "--log json tells the same as objects" {
    need_command jq
    many_rejects >in
    run -0 --separate-stderr pipe-validate -s order.json -v --dlq d.ndjson \
        --check 'small: id < 10' --log json --max-reject 100% <in
    [ "$(jq -c 'select(.event == "rejected_by") |
        [.records,.code,.path,.schema,.check,.first]' <<<"$stderr")" = \
'[11,"exclusive_minimum","/qty","/properties/qty/exclusiveMinimum",null,{"line":2,"message":"is 0, must be greater than 0","path":"/qty"}]
[7,"min_length","/tags/*","/properties/tags/items/minLength",null,{"line":2,"message":"is \"b\", length 1, minimum is 2","path":"/tags/1"}]
[2,"check",null,null,"small",{"line":14,"message":"check '"'small'"' failed: id < 10"}]
[1,"not_json",null,null,null,{"line":9,"message":"value expected at byte 1"}]' ]
}

@test "a rule of the schema that stands in two places is two" {
    echo '{"allOf":[{"required":["a"]},{"required":["a"]}]}' >twice.json
    run -65 --separate-stderr pipe-validate -s twice.json -v <<<'{}'
    [[ $stderr == *"        1  required  /a     /allOf/0/required"*"        1  required  /a     /allOf/1/required"* ]] || fail "$stderr"
}

@test "the summary names ten rules and counts the others" {
    echo '{"additionalProperties":false}' >none.json
    for ((i = 0; i < 15; i++)); do echo "{\"p$i\":1}"; done >in
    run -0 --separate-stderr pipe-validate -s none.json -v --max-reject 100% <in
    [ "$(grep -c '^        1  additional_property  /p' <<<"$stderr")" = 10 ]
    [[ $stderr == *$'\n  and by 5 other rules\n'* ]]
    for ((i = 0; i < 5000; i++)); do echo "{\"p$i\":1}"; done >in
    run -0 --separate-stderr pipe-validate -s none.json -v --max-reject 100% <in
    [[ $stderr == *$'\n  and by 4086 or more other rules\n'* ]]
}

@test "a terminal shows the summary within its width, -q does not" {
    local columns line
    printf '{"id":1,"qty":1,"a_long_%050dname":1}\n' 1 >in
    many_rejects >>in
    for columns in 60 100; do
        run run_in_pty "stty cols $columns; pipe-validate -s order.json --dlq d.$columns --max-reject 100% <in >out"
        [[ $output == *'13 records rejected, by rule:'* ]] || fail "$output"
        [[ $output == *'       11  exclusive_minimum'*'first in line 3: /qty is 0'* ]]
        [[ $output == *'additional_property  ...0'*'1name  '* ]]
        # The last but one is a note on drift.
        for line in "${lines[@]:0:10}"; do
            ((${#line} <= columns + 1)) || fail "too long: $line"
        done
    done
    [[ $output == *'  /properties/qty/exclusiveMinimum'* ]]
    run run_in_pty 'pipe-validate -s order.json --max-reject 100% -q <in >out'
    [[ $output != *"by rule"* ]]
}

@test "nothing in a summary drives a terminal" {
    printf '{"id":1,"qty":1,"%b":"%b"}\n' '\x7f\xc2\x9b31m\xe2\x80\xae' 'x' \
        '\\u001b[31m' '\xc2\x85' >in
    local log
    for log in text json; do
        assert_exit 0 pipe-validate -s order.json --log $log -v \
            --dlq $log.ndjson --check $'id <> 1 AND \'\xc2\x9b\' <> \'\x01\'' \
            --max-reject 100% <in
        run -1 grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' err
        grep -q '"records":2,"code":"check"\|  2  check ' err
    done
}

@test "-v names what the schema says and nobody checks" {
    echo '{"requierd":["a"],"properties":{"a":{"format":"phone"}}}' >typo.json
    echo '{}' >in
    run -0 --separate-stderr pipe-validate -s typo.json -v <in
    [[ $stderr == *'schema typo.json: /requierd: unknown keyword'* ]]
    [[ $stderr == *'schema typo.json: /properties/a/format: format "phone" is not checked'* ]]
    run -0 --separate-stderr pipe-validate -s typo.json <in
    [ -z "$stderr" ]
}

@test "--no-format-assertion takes format for a comment" {
    echo '{"id":1,"qty":1,"email":"none"}' >in
    run -65 pipe-validate -s order.json <in
    run -0 pipe-validate -s order.json --no-format-assertion <in
}

# ---- casts

@test "--coerce casts strings digit for digit and leaves the rest alone" {
    records '{ "id":"12" ,"qty":"1.50","note":"7"}' '{"qty":"1e2","id":3}' >in
    run -0 pipe-validate -s order.json --coerce <in
    [ "$output" = $'{ "id":12 ,"qty":1.50,"note":"7"}\n{"qty":1e2,"id":3}' ]
    run -65 pipe-validate -s order.json <in
}

@test "--coerce: an empty cell is null, or absent where that is allowed" {
    cat >csv.json <<'END'
{"required":["id"],"properties":{"id":{"type":"integer"},"a":{"type":["number","null"]},"b":{"type":"boolean"},"c":{"type":"string"}}}
END
    records '{"id":"1","a":"","b":"","c":""}' '{"b":"","id":"2","a":"-0"}' >in
    run -0 pipe-validate -s csv.json --coerce <in
    [ "$output" = $'{"id":1,"a":null,"c":""}\n{"id":2,"a":-0}' ]
    echo '{"id":"","b":"true"}' >in
    run -65 pipe-validate -s csv.json --coerce <in
    [[ $output == *'/id is "", wants integer (type)'* ]]
}

@test "--coerce rejects what does not spell the type, with the input as it was" {
    need_command jq
    records '{"id":"007","qty":"1"}' '{"id":"+1","qty":"1"}' '{"id":"1.5","qty":"1"}' '{"id":"1","qty":"1,5"}' '{"id":" 1","qty":"2"}' '{"id":"1","qty":"2"}' >in
    run -0 pipe-validate -s order.json --coerce --dlq d.ndjson --max-reject 5 <in
    [ "$output" = '{"id":1,"qty":2}' ]
    [ "$(jq -r .raw d.ndjson)" = "$(head -n 5 in)" ]
    [ "$(jq -r '.errors[] | .code + " " + .path' d.ndjson | sort | uniq -c | xargs)" = "4 type /id 1 type /qty" ]
}

@test "CSV cells become typed values" {
    printf 'id,qty,sku,email\n1,2.50,ABC,a@b.example\n2,x,ABC,a@b.example\n' >in.csv
    pipe-extract in.csv | pipe-validate -s order.json --coerce --max-reject 1 -q >out
    [ "$(cat out)" = '{"id":1,"qty":2.50,"sku":"ABC","email":"a@b.example"}' ]
}

# ---- schemas

@test "a schema is required" {
    run -64 pipe-validate </dev/null
    [[ $output == *"--schema FILE is required"* ]]
}

@test "a schema that is not there is 66" {
    run -66 pipe-validate -s nope.json </dev/null
    [[ $output == *"cannot open schema nope.json"* ]]
}

@test "a schema that may not be read is 77" {
    ((EUID)) || skip "root reads everything"
    chmod 0 order.json
    run -77 pipe-validate -s order.json </dev/null
}

# refused SCHEMA TEXT: exits 78 with the text, before a record is read.
refused() {
    printf '%s' "$1" >bad.json
    # The input never ends: reading it first would hang.
    run -78 timeout 3 pipe-validate -s bad.json < <(sleep 5)
    [[ $output == *"schema bad.json"*"$2"* ]] || fail "$output"
}

@test "a malformed schema is refused with its place, before any record is read" {
    run -78 pipe-validate -s <(echo '{"a":') </dev/null
    [[ $output == *'line 2: '* ]]
    refused '{"type":"object",}' 'line 1: '
    refused '{"properties":{"a":{"pattern":"[a-"}}}' 'at /properties/a/pattern: bad regular expression'
    refused '{"properties":{"a":{"type":"int"}}}' 'at /properties/a/type: unknown type "int"'
    refused '{"minimum":"0"}' 'at /minimum: wants a number'
    refused '{"$schema":"http://json-schema.org/draft-04/schema#"}' 'unknown dialect'
    refused '{"$ref":"#/definitions/none"}' 'at /$ref: reference "#/definitions/none" leads nowhere'
    refused '{"$ref":"other.json"}' 'at /$ref: reference "other.json" leads to file://'
    refused '{"$ref":"https://example.com/a"}' 'which is not at hand (the network is never asked'
    refused '{"$ref":"#name"}' 'at /$ref: reference "#name" leads nowhere'
    refused '{"$schema":"https://example.com/own"}' 'unknown dialect "https://example.com/own"'
    refused '{"title":5}' 'at /title: breaks the metaschema: is 5, wants string'
    refused '{"required":["a","a"]}' 'at /required: breaks the metaschema: items 0 and 1 are equal'
    refused '{"$defs":{"a":{"$id":"x#y"}}}' 'at /$defs/a/$id: breaks the metaschema'
    refused '{"$ref":"#"}' 'refers to itself without an end'
    refused '[]' 'at its root: is an array, wants a schema'
}

@test "a schema refers to files beside it" {
    mkdir -p parts
    echo '{"$ref":"parts/money.json#/$defs/eur"}' >s.json
    echo '{"$defs":{"eur":{"properties":{"v":{"$ref":"digits.json"}}}}}' >parts/money.json
    echo '{"type":"integer"}' >parts/digits.json
    run -0 pipe-validate -s s.json <<<'{"v":1}'
    run -65 --separate-stderr pipe-validate -s s.json <<<'{"v":"1"}'
    [[ $stderr == *'/v is "1", wants integer (type)'* ]]
    run -0 pipe-validate -s "$PWD/s.json" --schema-dir /nonexistent=x <<<'{"v":1}'
    echo '{"type":"int"}' >parts/digits.json
    run -78 pipe-validate -s s.json <<<'{"v":1}'
    [[ $output == *'schema '*'/parts/digits.json at /type: unknown type "int"'* ]]
}

@test "--schema-dir knows schemas by their \$id, or by the URI that they are given" {
    mkdir -p by-id/deep by-uri/v1
    echo '{"$id":"https://example.com/money","type":"integer"}' >by-id/deep/a.json
    echo 'no schema' >by-id/b.json
    echo '{"type":"string"}' >by-uri/v1/text.json
    echo '{"properties":{"a":{"$ref":"https://example.com/money"},"b":{"$ref":"https://example.net/v1/text.json"}}}' >s.json
    run -78 pipe-validate -s s.json --schema-dir by-id </dev/null
    [[ $output == *'"https://example.net/v1/text.json" leads to https://example.net/v1/text.json, which is not at hand'* ]]
    run -0 pipe-validate -s s.json --schema-dir by-id --schema-dir https://example.net/=by-uri <<<'{"a":1,"b":""}'
    run -65 --separate-stderr pipe-validate -s s.json --schema-dir by-id --schema-dir https://example.net/=by-uri <<<'{"a":"","b":1}'
    [[ $stderr == *'/a is "", wants integer'*'/b is 1, wants string'* ]]
    echo '{"$ref":"https://example.net/%2e%2e/s.json"}' >s.json
    run -78 pipe-validate -s s.json --schema-dir https://example.net/=by-uri/v1 </dev/null
    [[ $output == *'not at hand'* ]]
    run -66 pipe-validate -s s.json --schema-dir none </dev/null
    [[ $output == *'cannot open --schema-dir none'* ]]
}

@test "a metaschema in a file chooses the vocabularies" {
    mkdir meta
    echo '{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/own","$vocabulary":{"https://json-schema.org/draft/2020-12/vocab/core":true,"https://json-schema.org/draft/2020-12/vocab/applicator":true,"https://example.com/new":false}}' >meta/own.json
    echo '{"$schema":"https://example.com/own","properties":{"a":{"minimum":5},"b":false}}' >s.json
    run -0 pipe-validate -s s.json --schema-dir meta <<<'{"a":1}'
    run -65 pipe-validate -s s.json --schema-dir meta <<<'{"b":1}'
    sed -i 's/"https:\/\/example.com\/new":false/"https:\/\/example.com\/new":true/' meta/own.json
    run -78 pipe-validate -s s.json --schema-dir meta <<<'{"a":1}'
    [[ $output == *'at /$schema: the metaschema "https://example.com/own" requires the vocabulary "https://example.com/new", which is not known'* ]]
}

@test "dynamic references, and what is left unevaluated" {
    check <<'END'
{"$id":"x:l","$defs":{"l":{"$id":"x:list","items":{"$dynamicRef":"#t"},"$defs":{"t":{"$dynamicAnchor":"t"}}},"t":{"$dynamicAnchor":"t","type":"integer"}},"$ref":"x:list"} | [1,"a"] | type /v/1
{"allOf":[{"properties":{"a":true}}],"properties":{"b":true},"unevaluatedProperties":false} | {"a":1,"b":2} | good
{"allOf":[{"properties":{"a":true}}],"properties":{"b":true},"unevaluatedProperties":false} | {"a":1,"c":2} | unevaluated_property /v/c
{"prefixItems":[true],"contains":{"type":"string"},"unevaluatedItems":false} | [1,"a",2] | unevaluated_item /v/2
END
}

@test "annotations change nothing" {
    echo '{"$id":"https://example.com/o","$comment":"c","title":"t","description":"d","default":1,"examples":[1],"deprecated":true,"readOnly":true,"contentEncoding":"base64"}' >s.json
    echo '{"a":1}' >in
    run -0 --separate-stderr pipe-validate -s s.json -v <in
    [ "$output" = '{"a":1}' ]
    [[ $stderr != *"schema s.json"* ]]
}

@test "a schema nested 10,000 deep is refused, one of 10,000 properties works" {
    awk 'BEGIN { for (i = 0; i < 10000; i++) printf "{\"items\":"; printf "{}"; for (i = 0; i < 10000; i++) printf "}" }' >bad.json
    run -78 pipe-validate -s bad.json </dev/null
    [[ $output == *"nested too deep"* ]]
    awk 'BEGIN { printf "{\"required\":[\"p9999\"],\"properties\":{"; for (i = 0; i < 10000; i++) printf "%s\"p%d\":{\"type\":\"integer\"}", i ? "," : "", i; print "}}" }' >wide.json
    awk 'BEGIN { printf "{"; for (i = 0; i < 10000; i++) printf "%s\"p%d\":%d", i ? "," : "", i, i; print "}"; print "{\"p1\":\"x\"}" }' >in
    run -0 --separate-stderr pipe-validate -s wide.json --max-reject 1 <in
    [ "$output" = "$(head -n 1 in)" ]
    [[ $stderr == *'/p1 is "x", wants integer (type); /p9999 is missing (required)'* ]]
}

@test "references within the document are followed" {
    cat >tree.json <<'END'
{"$defs":{"node":{"type":"object","required":["v"],"properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/node"}}}}},"$ref":"#/$defs/node"}
END
    records '{"v":1,"kids":[{"v":2,"kids":[]}]}' '{"v":1,"kids":[{"v":2,"kids":[{}]}]}' >in
    run -0 --separate-stderr pipe-validate -s tree.json --max-reject 1 <in
    [ "${#lines[@]}" = 1 ]
    [[ $stderr == *"/kids/0/kids/0/v is missing (required)"* ]]
}

@test "draft-07 is read by its own rules" {
    cat >d7.json <<'END'
{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"items":[{"type":"integer"}],"additionalItems":false},"b":{"$ref":"#/definitions/n","maximum":1}},"definitions":{"n":{"type":"integer"}},"dependencies":{"a":["b"]}}
END
    records '{"a":[1],"b":5}' '{"a":[1,2]}' >in
    run -0 --separate-stderr pipe-validate -s d7.json --max-reject 1 <in
    [ "$output" = '{"a":[1],"b":5}' ]
    [[ $stderr == *'/a/1 is one item too many (additional_item)'*'/b is missing beside "a" (dependent_required)'* ]]
}

# ---- the stream

@test "counts reconcile and memory stays flat" {
    make_orders 200000 | sed 's/"id":\([0-9]*\)7,/"id":"\17",/' >in
    echo '{"properties":{"id":{"type":"integer"}},"required":["id"]}' >s.json
    run -0 --separate-stderr bash -c '[ $FLAVOUR = asan ] || ulimit -v 200000; exec pipe-validate -s s.json --max-reject 20% -q --log json <in >out'
    [ "$(wc -l <out)" = 180000 ]
    run -0 bash -c 'pipe-validate -s s.json --max-reject 20% --log json <in 2>&1 >/dev/null | tail -n 1'
    [[ $output == *'"read":200000,"out":180000,"rejected":20000'* ]]
}

# ---- threads

@test "-j N gives the output, the dead letters, the counts and the summary of -j 1" {
    echo '{"properties":{"id":{"type":"integer"},"amount":{"type":"number","maximum":85},
        "country":{"enum":["DE","FR","GB","NL"]}}}' >s.json
    make_orders 20000 | awk 'NR % 89 == 0 { print "{\"id\":\"" NR "\"}" }
        NR % 301 == 0 { print "{\"id\":" NR }
        NR >= 15000 && NR % 25 == 0 { sub("}$", ",\"late\":1}") } { print }' >in
    for j in 1 2 5; do
        pipe-validate -j $j -s s.json --dlq dead$j.ndjson --max-reject 50% -v \
            <in >out$j 2>err$j
        jq -c '[.errors,.source,.raw]' dead$j.ndjson >letters$j
        sed -i 's/dead[0-9]/dead/g' err$j
        cmp out1 out$j
        cmp letters1 letters$j
        cmp err1 err$j
    done
    [ "$(wc -l <letters1)" -gt 4000 ]
    grep -q '^     [0-9]*  enum  */country' err1
    grep -q "field /late is unknown to the schema, in 201 records, first in line $(grep -n -m 1 late in | cut -d: -f1)\$" err1
    grep -q '^           first in line 4: /country is "SE"' err1
}
