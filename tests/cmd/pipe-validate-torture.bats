#!/usr/bin/env bats
# pipe-validate: schemas and records that would take for ever, or everything.
# shellcheck disable=SC2016 # $ref is not for the shell
load ../helper

# list N FORMAT: FORMAT with %d for 0 .. N-1, commas between.
list() {
    awk -v n="$1" -v f="$2" 'BEGIN { for (i = 0; i < n; i++) { t = f; gsub(/%d/, i, t); gsub(/%n/, i + 1, t); printf "%s%s", i ? "," : "", t } }'
}

# wraps N BEFORE MIDDLE AFTER
wraps() {
    awk -v n="$1" -v b="$2" -v m="$3" -v a="$4" 'BEGIN { for (i = 0; i < n; i++) printf "%s", b; printf "%s", m; for (i = 0; i < n; i++) printf "%s", a }'
}

# many C N: N times the character.
many() {
    head -c "$2" /dev/zero | tr '\0' "$1"
}

# refused TEXT: s.json is refused before the first record, quickly.
refused() {
    # The input never ends: reading it first would hang.
    assert_exit 78 timeout 20 pipe-validate -s s.json "${@:2}" < <(sleep 3)
    grep -qF -- "$1" err || fail "$(head -c 500 err)"
    [ ! -s out ]
}

# ---- references

@test "references that go round without a value between them are refused" {
    local s
    for s in '{"$ref":"#"}' '{"allOf":[{"$ref":"#"}]}' '{"anyOf":[true,{"$ref":"#"}]}' \
        '{"not":{"$ref":"#"}}' '{"if":true,"then":{"$ref":"#"}}' '{"dependentSchemas":{"a":{"$ref":"#"}}}' \
        '{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"oneOf":[{"$ref":"#/$defs/a"}]}}}' \
        '{"$id":"http://x/a","$dynamicAnchor":"n","allOf":[{"$dynamicRef":"#n"}]}' \
        '{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"allOf":[{"$recursiveRef":"#"}]}'; do
        echo "$s" >s.json
        refused 'refers to itself without an end'
    done
    echo '{"allOf":[{"$ref":"b.json"}]}' >s.json
    echo '{"$ref":"s.json"}' >b.json
    refused 'refers to itself without an end'
    mkdir dir
    echo '{"$id":"https://example.com/a","$ref":"https://example.com/b"}' >dir/a.json
    echo '{"$id":"https://example.com/b","anyOf":[{"$ref":"https://example.com/a"}]}' >dir/b.json
    echo '{"properties":{"x":{"$ref":"https://example.com/a"}}}' >s.json
    refused 'refers to itself without an end' --schema-dir dir
}

@test "references that go round through values are followed as deep as the record is" {
    echo '{"properties":{"c":{"$ref":"#"}},"additionalProperties":false}' >s.json
    wraps 255 '{"c":' '{}' '}' >in
    assert_exit 0 timeout 20 pipe-validate -s s.json <in
    wraps 255 '{"c":' '{"d":1}' '}' >in
    assert_exit 65 timeout 20 pipe-validate -s s.json <in
    wraps 100000 '{"c":' '{}' '}' >in
    echo >>in
    assert_exit 65 timeout 20 pipe-validate -s s.json <in
    grep -qF 'nested too deep' err
}

@test "lists that double at each level cost no more than they say" {
    echo "{\"\$defs\":{$(list 60 '"d%d":{"allOf":[{"$ref":"#/$defs/d%n"},{"$ref":"#/$defs/d%n"}]}'),\"d60\":{\"required\":[\"a\"]}},\"\$ref\":\"#/\$defs/d0\"}" >s.json
    yes '{"a":1}' | head -n 10000 >in
    assert_exit 0 timeout 20 pipe-validate -s s.json <in
    [ "$(wc -l <out)" = 10000 ]
    echo '{}' >in
    assert_exit 65 timeout 20 pipe-validate -s s.json <in
    [ "$(grep -o missing err | wc -l)" = 1 ]
}

@test "where they differ at each level the record is given up in bounded time" {
    need_command jq
    local kind
    for kind in allOf anyOf oneOf; do
        echo "{\"\$defs\":{$(list 60 "\"d%d\":{\"$kind\":[{\"\$ref\":\"#/\$defs/d%n\",\"minProperties\":1},{\"\$ref\":\"#/\$defs/d%n\",\"maxProperties\":9}]}"),\"d60\":{\"required\":[\"b\"]}},\"\$ref\":\"#/\$defs/d0\"}" >s.json
        echo '{"a":1}' >in
        rm -f d.ndjson
        assert_exit 0 timeout 20 pipe-validate -s s.json --dlq d.ndjson --max-reject 100% <in
        [[ $(jq -r '.errors[].code' d.ndjson | sort -u | xargs) == *too_complex* || $kind = allOf ]] || fail "$kind: $(head -c 300 d.ndjson)"
    done
    # Thousands of schemas for one large object.
    echo "{\"dependentSchemas\":{$(list 3000 '"p%d":{"required":["q%d"]}')}}" >s.json
    echo "{$(list 20000 '"p%d":1')}" >in
    rm -f d.ndjson
    assert_exit 0 timeout 60 pipe-validate -s s.json --dlq d.ndjson --max-reject 100% <in
}

@test "a reference reads plain files only" {
    mkfifo pipe.json
    mkdir folder.json dir
    mkfifo dir/p.json
    local to
    for to in pipe.json folder.json /dev/zero nope.json; do
        echo "{\"properties\":{\"a\":{\"\$ref\":\"$to\"}}}" >s.json
        refused "at /properties/a/\$ref: reference \"$to\" leads to file://"
        refused 'which is not at hand'
    done
    echo '{"$ref":"https://example.com/p.json"}' >s.json
    refused 'reference "https://example.com/p.json" leads to https://example.com/p.json, which is not at hand' --schema-dir dir
    refused 'which is not at hand' --schema-dir https://example.com/=dir
    refused 'which is not at hand'
}

@test "the schema itself may come from a pipe, and is read once" {
    echo '{"properties":{"a":{"type":"integer"},"b":{"default":2}}}' >s.json
    echo '{"a":1}' >in
    assert_exit 0 pipe-validate -v -s <(cat s.json) --fill-defaults --evolve remove=allow <in
    assert_file out '{"a":1,"b":2}'
    assert_exit 0 pipe-validate --compat full <(cat s.json) <(cat s.json)
    mkdir folder
    assert_exit 66 pipe-validate -s folder <in
    grep -qF 'schema folder is a directory' err
    assert_exit 66 pipe-validate --compat full folder s.json
}

# ---- sizes

@test "10,000 of anything compile and check in sensible time" {
    local s n=10000
    wide() {
        printf '%s' "$1" >s.json
        assert_exit "$2" timeout 30 pipe-validate -s s.json --max-reject 100 -q <in
    }
    { yes '{"p9999":1,"a":9999}' | head -n 1000; echo '{"p9999":"x","a":-1}'; } >in
    wide "{\"properties\":{$(list $n '"p%d":{"type":"integer"}')}}" 0
    [ "$(wc -l <out)" = 1000 ]
    wide "{\"properties\":{\"a\":{\"enum\":[$(list $n '%d')]}}}" 0
    [ "$(wc -l <out)" = 1000 ]
    wide "{\"properties\":{\"a\":{\"anyOf\":[$(list $n '{"const":%d}')]}}}" 0
    [ "$(wc -l <out)" = 1000 ]
    wide "{\"properties\":{\"a\":{\"oneOf\":[$(list $n '{"const":%d}')]}}}" 0
    [ "$(wc -l <out)" = 1000 ]
    wide "{\"\$defs\":{$(list $n '"d%d":{"type":"integer"}')},\"properties\":{$(list $n '"p%d":{"$ref":"#/$defs/d%d"}')}}" 0
    [ "$(wc -l <out)" = 1000 ]
    wide "{\"patternProperties\":{$(list $n '"^p%d$":{"type":"integer"}')}}" 0
    [ "$(wc -l <out)" = 1000 ]
    wide "{\"dependentRequired\":{$(list $n '"p%d":["a"]')},\"propertyNames\":{\"enum\":[\"a\",$(list $n '"p%d"')]}}" 0
    [ "$(wc -l <out)" = 1001 ]
    echo "{$(list $n '"p%d":%d')}" >in
    wide "{\"required\":[$(list $n '"p%d"')],\"unevaluatedProperties\":false,\"oneOf\":[{\"properties\":{$(list $n '"p%d":true')}},$(list 200 '{"properties":{"p%d":{"const":-1}}}')]}" 0
    [ "$(wc -l <out)" = 1 ]
}

@test "a schema may have 16 MiB to the byte, and nest 256 deep" {
    local n=$((16 * 1024 * 1024))
    { printf '{"title":"'; many x $((n - 12)); printf '"}'; } >s.json
    [ "$(stat -c %s s.json)" = $n ]
    assert_exit 0 pipe-validate -s s.json <<<'{}'
    assert_exit 0 pipe-validate --compat full s.json s.json
    { printf '{"title":"'; many x $((n - 11)); printf '"}'; } >s.json
    refused "schema s.json is larger than $n bytes"
    wraps 256 '{"not":' true '}' >s.json
    assert_exit 0 pipe-validate -s s.json <<<'{}'
    wraps 257 '{"not":' true '}' >s.json
    refused 'nested too deep'
    wraps 10000 '[' '' ']' >deep
    printf '{"enum":%s}' "$(cat deep)" >s.json
    refused 'nested too deep'
}

@test "large keys, many items, many duplicates" {
    echo '{"properties":{"a":{"uniqueItems":true}}}' >s.json
    echo "{\"a\":[$(list 100000 '%d')]}" >in
    echo "{\"a\":[$(list 100000 '"%d"'),\"7\"]}" >>in
    assert_exit 0 timeout 30 pipe-validate -s s.json --max-reject 1 <in
    [ "$(wc -l <out)" = 1 ]
    grep -qF '/a items 7 and 100000 are equal (unique_items)' err || fail "$(cut -c 1-300 err)"
    echo '{"additionalProperties":{"type":"integer"}}' >s.json
    { printf '{"'; many k 1000000; printf '":1}\n{"'; many k 1000000; printf '":"x"}\n'; } >in
    assert_exit 0 timeout 30 pipe-validate -s s.json --max-reject 1 <in
    [ "$(wc -l <out)" = 1 ]
    echo '{"properties":{"a":{"const":99999}},"maxProperties":1}' >s.json
    echo "{$(list 100000 '"a":%d')}" >in
    assert_exit 0 timeout 30 pipe-validate -s s.json <in
}

# ---- numbers

@test "numbers of any length and exponent are exact, and cost no more than their text" {
    local nines
    nines=$(many 9 10000)
    # says SCHEMA RECORD VERDICT
    says() {
        echo "{\"properties\":{\"a\":$1}}" >s.json
        echo "{\"a\":$2}" >in
        assert_exit "$3" timeout 20 pipe-validate -s s.json -q <in
    }
    says "{\"minimum\":$nines}" "$nines" 0
    says "{\"minimum\":$nines}" "${nines}.1" 0
    says "{\"minimum\":$nines}" "${nines%9}8.9" 65
    says '{"minimum":1e99999999999}' 1e99999999998 65
    says '{"minimum":1e99999999999}' 1e99999999999999999999999999999999 0
    says '{"maximum":-1e-99999999999}' -1e-99999999999999999999999999999999 65
    says '{"multipleOf":1e-400}' 1 0
    says '{"multipleOf":1e-400}' 1e-401 65
    says '{"multipleOf":1e400}' 3e400 0
    says '{"multipleOf":1e400}' 1 65
    says '{"multipleOf":0.01}' 19.99 0
    says '{"multipleOf":0.01}' 19.999 65
    says "{\"multipleOf\":3}" "$nines" 0
    says "{\"multipleOf\":7}" "${nines}" 65
    says '{"minLength":1e0}' '"x"' 0
    says '{"maxLength":1e300}' '"x"' 0
    local bad
    for bad in '"multipleOf":0' '"multipleOf":0e5' '"multipleOf":-1' "\"multipleOf\":$nines" '"multipleOf":1e-999999999999' '"maximum":1e999999999999' '"minLength":1e-1' '"minLength":-0.5' '"maxItems":"1"'; do
        echo "{\"properties\":{\"a\":{$bad}}}" >s.json
        refused 'at /properties/a/'
    done
}

# ---- texts that are no schemas

@test "bytes that are no JSON are refused with the line" {
    printf '{"a":"\xff"}' >s.json
    refused 'schema s.json line 1: not UTF-8'
    printf '\n{"required":["a"]}\0' >s.json
    refused 'schema s.json line 2: NUL byte'
    : >s.json
    refused 'schema s.json line 1: text ends too early'
    echo '{} {}' >s.json
    refused 'text behind the value'
    printf '\xff\xfe{\0}\0' >s.json
    refused 'not UTF-8'
    echo '{"pattern":"\ud800"}' >s.json
    refused 'schema s.json'
    printf '\xef\xbb\xbf{"required":["a"]}' >s.json
    assert_exit 65 pipe-validate -s s.json <<<'{}'
    assert_exit 0 pipe-validate -v --fill-defaults -s s.json <<<'{"a":1}'
    echo '{"type":"string","type":"object","required":["x"],"required":["a"]}' >s.json
    assert_exit 0 pipe-validate -s s.json <<<'{"a":1}'
}

# ---- patterns

@test "catastrophic patterns reject their record wherever they stand" {
    need_command jq
    # gives_up SCHEMA RECORD POINTER
    gives_up() {
        printf '%s' "$1" >s.json
        printf '%s\n' "$2" >in
        rm -f d.ndjson
        assert_exit 0 timeout 20 pipe-validate -s s.json --dlq d.ndjson --max-reject 100% <in
        [ "$(jq -c '[.errors[0].code, .errors[0].path[:9]]' d.ndjson)" = "[\"pattern_limit\",\"$3\"]" ] || fail "$1: $(cut -c 1-300 d.ndjson)"
    }
    local as p
    as=$(many a 50000)
    for p in '(a+)+$' '^(a+)+$' '^(a|aa)+$' '(a|a)*[cd]' '(?=(a+)+$)c|(a+)+d'; do
        gives_up "{\"properties\":{\"a\":{\"pattern\":\"$p\"}}}" "{\"a\":\"${as}b\"}" /a
    done
    gives_up '{"properties":{"a":{"not":{"pattern":"^(a+)+$"}}}}' "{\"a\":\"${as}b\"}" /a
    gives_up '{"properties":{"a":{"anyOf":[{"pattern":"^(a+)+$"},{"maxLength":1}]}}}' "{\"a\":\"${as}b\"}" /a
    gives_up '{"patternProperties":{"^(a+)+$":{}}}' "{\"${as}b\":1}" "/aaaaaaaa"
    gives_up '{"propertyNames":{"pattern":"^(a+)+$"}}' "{\"${as}b\":1}" "/aaaaaaaa"
}

@test "many strings that are each a little catastrophic are bounded together" {
    need_command jq
    echo '{"properties":{"a":{"items":{"pattern":"^(a+)+$"}}}}' >s.json
    # Each of them is decided, in a good part of a millisecond.
    echo "{\"a\":[$(list 40000 '"aaaaaaaaaaaaaaaaaab"')]}" >in
    assert_exit 0 timeout 30 pipe-validate -s s.json --dlq d.ndjson --max-reject 100% <in
    jq -r '.errors[].code' d.ndjson | grep -q pattern_limit
    # A few of them are.
    echo "{\"a\":[$(list 50 '"aaaaaaaaaaaaaaaaaab"')]}" >in
    rm d.ndjson
    assert_exit 0 timeout 30 pipe-validate -s s.json --dlq d.ndjson --max-reject 100% <in
    [ "$(jq -r '.errors[].code' d.ndjson | sort | uniq -c | xargs)" = '50 pattern' ]
}

@test "a pattern that cannot be run is refused with place and reason" {
    local p
    for p in '[' '(' 'a{2,1}' '\\' '\\k<x>' '\\p{Foo}' '[b-a]' '*a' 'a**' '\\u{110000}' '(?<=a+)b' \
        '(?#c)' '\\C' '\\z' '\\A' '\\c1' '\\x' '(?P<n>a)' '(?>a)' 'a++' '\\K' '(*UTF)' '(?R)' '\\g1' '(?<n>a)(?<n>b)'; do
        echo "{\"properties\":{\"a\":{\"pattern\":\"$p\"}}}" >s.json
        refused 'schema s.json at /properties/a/pattern: bad regular expression: '
        echo "{\"patternProperties\":{\"$p\":true}}" >s.json
        refused 'schema s.json at /patternProperties'
        refused 'bad regular expression: '
    done
    { printf '{"pattern":"'; many '(' 10000; many ')' 10000; printf '"}'; } >s.json
    refused 'groups nest too deep'
    { printf '{"pattern":"'; many a 1000000; printf '"}'; } >s.json
    refused 'regular expression is too large'
}

@test "patterns mean what ECMA-262 says" {
    # matches PATTERN STRING (both as in JSON); differs: does not
    try() {
        echo "{\"properties\":{\"a\":{\"pattern\":\"$2\"}}}" >s.json
        printf '{"a":"%s"}\n' "$3" >in
        assert_exit "$1" pipe-validate -s s.json -q <in
    }
    matches() { try 0 "$@"; }
    differs() { try 65 "$@"; }
    matches '^\\d$' 7
    differs '^\\d$' '\u0667' # an Arabic digit
    matches '^\\w$' _
    differs '^\\w$' é
    matches '^\\W$' é
    matches '^\\s$' '\u00a0'
    matches '^\\s$' '\ufeff'
    differs '^\\S$' '\u2003'
    matches '^\\cJ$' '\n'
    matches '^\\u{1F600}$' 😀
    matches '^\\uD83D\\uDE00$' 😀
    matches '^.$' 😀
    matches '(?<=€)\\d' '€5'
    differs '(?<!€)\\d' '€5'
    differs '^a$' 'a\n'
    differs '^a.b$' 'a\u2028b'
    matches '^a[^]b$' 'a\nb'
    differs '[]' a
    matches '^(?<year>\\d{4})-\\k<year>$' 2024-2024
    differs '^(?<year>\\d{4})-\\k<year>$' 2024-2025
    matches '^\\p{L}+$' Ünal
    matches '^\\p{Lu}\\P{Lu}+$' Ünal
    matches '^\\p{Script=Greek}+$' αβγ
    differs '^\\p{Script=Greek}+$' abc
    matches 'b' abc # no anchors
    matches '^(a)?b\\1$' b # a group that did not match is empty
}

# ---- dialects

@test "dialects and vocabularies that are not known are refused" {
    echo '{"$schema":"https://example.com/mine"}' >s.json
    refused 'at /$schema: unknown dialect "https://example.com/mine"'
    echo '{"$schema":5}' >s.json
    refused 'at /$schema: wants a string'
    mkdir meta
    echo '{"$schema":"https://example.com/b","$id":"https://example.com/a"}' >meta/a.json
    echo '{"$schema":"https://example.com/a","$id":"https://example.com/b"}' >meta/b.json
    echo '{"$schema":"https://example.com/a"}' >s.json
    refused 'schema ' --schema-dir meta
    refused 'is described by itself' --schema-dir meta
    echo '{"$defs":{"a/b~c":{"minLength":-1}}}' >s.json
    refused 'at /$defs/a~1b~0c/minLength: wants a whole number'
}
