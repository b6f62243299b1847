#!/usr/bin/env bats
# pipe-validate: versions of a schema, inference, drift, defaults.
# shellcheck disable=SC2016,SC2030,SC2031 # $ref is not for the shell; subshells
load ../helper

setup() {
    pipe_setup
    cat >v1.json <<'END'
{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string","minLength":1}},"additionalProperties":false}
END
    # Reads all that v1 allowed, and more.
    cat >v2.json <<'END'
{"type":"object","required":["id"],"properties":{"id":{"type":"number"},"name":{"type":"string"},"mail":{"type":"string"}},"additionalProperties":false}
END
    # Asks for more than v2 did.
    cat >v3.json <<'END'
{"type":"object","required":["id","mail"],"properties":{"id":{"type":"number"},"name":{"type":"string"},"mail":{"type":"string"}},"additionalProperties":false}
END
}

# kinds: the differences in `out`, a word each.
kinds() {
    jq -r '"\(.verdict[:2])/\(.kind)/\(.direction)"' out | xargs
}

# ---- compatibility

@test "what breaks no reader is compatible, and still told" {
    assert_exit 0 pipe-validate --compat backward v1.json v2.json
    [ "$(kinds)" = "co/type_widened/forward co/property_added/forward co/min_length_removed/forward" ] || fail "$(kinds)"
    assert_file err ''
    [ "$(jq -c '[.pointer, .old, .new, .from, .to] | select(.[0] == "/properties/id/type")' out)" = '["/properties/id/type","integer","number","v1.json","v2.json"]' ]
}

@test "what breaks a reader is 65, with each difference on stdout" {
    assert_exit 65 pipe-validate --compat forward v1.json v2.json
    [ "$(kinds)" = "in/type_widened/forward in/property_added/forward in/min_length_removed/forward" ] || fail "$(kinds)"
    assert_file err 'pipe-validate: v2.json is not compatible (forward): 3 of 3 differences break it'
    assert_exit 65 pipe-validate --compat full v1.json v2.json
    assert_exit 65 pipe-validate --compat backward v2.json v3.json
    [ "$(kinds)" = "in/required_added/backward" ]
    [ "$(jq -c '[.pointer,.new,has("old"),.message]' out)" = '["/required","mail",false,"property \"mail\" is required now"]' ]
}

@test "transitive kinds compare the last version with all, the others with one" {
    cp v2.json v4.json
    assert_exit 0 pipe-validate --compat forward v1.json v2.json v4.json
    assert_file out ''
    assert_exit 65 pipe-validate --compat forward_transitive v1.json v2.json v4.json
    [ "$(jq -r .from out | sort -u)" = v1.json ]
    assert_exit 0 pipe-validate --compat backward_transitive v1.json v2.json v4.json
    assert_exit 65 pipe-validate --compat full_transitive v1.json v2.json v4.json
    assert_exit 0 pipe-validate --compat full v2.json v4.json
}

@test "differences are lines for people on a terminal, or where asked" {
    assert_exit 65 pipe-validate --compat backward --error-format text v2.json v3.json
    assert_file out 'incompatible  /required: property "mail" is required now (v2.json to v3.json)'
    run run_in_pty 'pipe-validate --compat backward v2.json v3.json'
    [[ $output == *'incompatible  /required: property "mail"'* ]]
}

@test "names of properties do not drive a terminal" {
    printf '{"properties":{"a\\u001b[31m":{"type":"string"}}}' >esc.json
    echo '{}' >any.json
    assert_exit 0 pipe-validate --compat backward --error-format text esc.json any.json
    run ! grep -q $'\e' out
    grep -qF 'a\x1b[31m' out
}

@test "formats may be comments" {
    echo '{"format":"date"}' >a.json
    echo '{"format":"time"}' >b.json
    assert_exit 65 pipe-validate --compat backward a.json b.json
    assert_exit 0 pipe-validate --compat backward --no-format-assertion a.json b.json
}

@test "recursive schemas are compared" {
    echo '{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/n"}}}}},"$ref":"#/$defs/n"}' >a.json
    sed 's/integer/number/' a.json >b.json
    assert_exit 0 pipe-validate --compat backward a.json b.json
    assert_exit 65 pipe-validate --compat forward a.json b.json
}

# refused SCHEMA TEXT
refused() {
    printf '%s' "$1" >bad.json
    assert_exit 78 timeout 10 pipe-validate --compat full v1.json bad.json
    [ ! -s out ]
    grep -qF -- "$2" err || fail "$(cat err)"
}

@test "what is no schema is refused with file, place and reason" {
    refused '{"type":' 'schema bad.json, line 1'
    refused '{"properties":{"a":{"type":"text"}}}' 'schema bad.json at /properties/a/type: unknown type "text"'
    refused '{"$ref":"#/a"}' 'at /$ref: reference "#/a" leads nowhere'
    refused '{"$ref":"other.json"}' 'at /$ref: reference "other.json" leads to file://'
    refused '{"$ref":"http://example.com/x"}' 'leads to http://example.com/x, which is not at hand'
    refused '{"allOf":[{"$ref":"#"}]}' 'refers to itself without an end'
    refused '{"$schema":"urn:x"}' 'at /$schema: unknown dialect "urn:x"'
    refused '7' 'at its root: is a number, wants a schema'
    assert_exit 66 pipe-validate --compat full v1.json nope.json
    grep -qF 'cannot open schema nope.json' err
}

@test "a schema nested 10,000 deep is refused, one of 10,000 properties compared" {
    refused "$(awk 'BEGIN { for (i = 0; i < 10000; i++) printf "{\"not\":"; printf "{}"; for (i = 0; i < 10000; i++) printf "}" }')" 'nested too deep'
    wide() {
        awk -v type="$1" 'BEGIN { printf "{\"properties\":{"; for (i = 0; i < 10000; i++) printf "%s\"p%d\":{\"type\":\"%s\"}", i ? "," : "", i, i == 5000 ? type : "integer"; print "},\"additionalProperties\":false}" }'
    }
    wide integer >a.json
    wide string >b.json
    assert_exit 65 timeout 20 pipe-validate --compat full a.json b.json
    [ "$(jq -c '[.kind,.pointer]' out)" = '["type_changed","/properties/p5000/type"]' ]
    assert_exit 65 timeout 20 pipe-validate --compat backward a.json v1.json
    # More than are listed; the last line says so.
    [ "$(grep -c property_removed out)" -gt 9900 ]
    [ "$(grep -c more_differences out)" = 1 ]
}

@test "catastrophic patterns end, and are not taken to match" {
    printf '{"patternProperties":{"(a+)+$":{"type":"string"}}}' >a.json
    printf '{"properties":{"%sb":{"type":"string"}}}' "$(printf 'a%.0s' {1..5000})" >b.json
    assert_exit 65 timeout 20 pipe-validate --compat full a.json b.json
}

@test "a comparison of too many cases is given up in bounded time" {
    one() {
        local n=$1 i
        printf '{"allOf":['
        for ((i = 0; i < 12; i++)); do
            printf '%s{"oneOf":[{"maxLength":%d},{"minItems":%d},{"maximum":%d},{"required":["a%d"]}]}' "${i/#0/}" $((i + n)) "$i" $((i + n)) "$i" | sed 's/^[0-9]*{/{/'
            ((i == 11)) || printf ,
        done
        printf ']}'
    }
    one 3 >a.json
    one 4 >b.json
    assert_exit 65 timeout 60 pipe-validate --compat backward a.json b.json
    [ "$(jq -r 'select(.kind == "too_complex").direction' out)" = both ]
}

# ---- other documents

# versions TEXT OLD NEW: old/order.json and new/order.json with that text, each
# with a money.json of its own beside it.
versions() {
    mkdir -p old new
    echo "$1" | tee old/order.json >new/order.json
    echo "$2" >old/money.json
    echo "$3" >new/money.json
}

@test "each version has its own files beside it" {
    versions '{"properties":{"sum":{"$ref":"money.json#/$defs/eur"}}}' \
        '{"$defs":{"eur":{"type":"integer"}}}' '{"$defs":{"eur":{"type":"number"}}}'
    assert_exit 0 pipe-validate --compat backward old/order.json new/order.json
    [ "$(kinds)" = co/type_widened/forward ] || fail "$(cat out)"
    [ "$(jq -r .pointer out)" = "file://$PWD/old/money.json#/\$defs/eur/type" ] || fail "$(cat out)"
    assert_exit 65 pipe-validate --compat forward old/order.json new/order.json
    # From anywhere, and back.
    cd new
    assert_exit 65 pipe-validate --compat backward order.json ../old/order.json
    # Two that say the same are the same, though the files are two.
    cp money.json ../old/money.json
    assert_exit 0 pipe-validate --compat full ../old/order.json order.json
    assert_file out ''
}

@test "documents of documents, with names of their own and circles, are followed" {
    mkdir -p dir/deep
    echo '{"$id":"https://example.com/v/node","properties":{"kids":{"items":{"$ref":"tree"}},"v":{"$ref":"#val"}},"$defs":{"x":{"$anchor":"val","type":"integer"}}}' >dir/node.json
    echo '{"$id":"https://example.com/v/tree","$ref":"node"}' >dir/deep/tree.json
    echo '{"$ref":"https://example.com/v/tree","required":["v"]}' >a.json
    echo '{"$ref":"https://example.com/v/tree"}' >b.json
    assert_exit 0 pipe-validate --compat backward --schema-dir dir a.json b.json
    [ "$(kinds)" = co/required_removed/forward ]
    assert_exit 65 pipe-validate --compat forward --schema-dir dir a.json b.json
    # The same tree, spelled in one document.
    echo '{"properties":{"kids":{"items":{"$ref":"#"}},"v":{"type":"integer"}}}' >c.json
    assert_exit 0 pipe-validate --compat full --schema-dir dir b.json c.json
    assert_exit 0 pipe-validate --compat full --schema-dir https://example.com/v/=map --schema-dir dir b.json c.json
    assert_exit 78 pipe-validate --compat full b.json c.json
    grep -qF 'schema b.json at /$ref: reference "https://example.com/v/tree" leads to https://example.com/v/tree, which is not at hand' err
    assert_file out ''
}

@test "a mistake in another document is refused with its file and place" {
    versions '{"$ref":"money.json"}' '{"properties":{"a":{"minLength":-1}}}' '{}'
    assert_exit 78 pipe-validate --compat full old/order.json new/order.json
    grep -qF "schema $PWD/old/money.json at /properties/a/minLength: is -1, wants a whole" err || fail "$(cat err)"
    echo '{"allOf":[{"$ref":"order.json"}]}' >old/money.json
    assert_exit 78 pipe-validate --compat full old/order.json new/order.json
    grep -qF 'refers to itself without an end' err
    echo '{"a":' >old/money.json
    assert_exit 78 pipe-validate --compat full old/order.json new/order.json
    grep -qF "schema $PWD/old/money.json, line" err
    rm old/money.json
    mkfifo old/money.json
    assert_exit 78 timeout 10 pipe-validate --compat full old/order.json new/order.json
    grep -qF 'which is not at hand' err
}

@test "a draft-07 document may refer to one of 2020-12, each by its own rules" {
    versions '{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"t":{"$ref":"money.json"}}}' \
        '{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"integer"}],"items":false}' \
        '{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"integer"}],"additionalItems":false}'
    assert_exit 0 pipe-validate --compat full old/order.json new/order.json
    sed -i 's/integer/number/' new/money.json
    assert_exit 0 pipe-validate --compat backward old/order.json new/order.json
    assert_exit 65 pipe-validate --compat forward old/order.json new/order.json
}

@test "dynamic anchors in several documents are not taken for one" {
    mkdir dir
    echo '{"$id":"https://example.com/list","items":{"$dynamicRef":"#t"},"$defs":{"t":{"$dynamicAnchor":"t"}}}' >dir/list.json
    echo '{"$ref":"https://example.com/list"}' >a.json
    echo '{"$ref":"https://example.com/list","$defs":{"t":{"$dynamicAnchor":"t","type":"integer"}}}' >b.json
    # Lists of anything, and of integers; which, is not followed where two may
    # be meant, so the other way round nothing is shown.
    assert_exit 65 pipe-validate --compat backward --schema-dir dir a.json b.json
    assert_exit 0 pipe-validate --compat forward --schema-dir dir a.json b.json
    jq '.title = "t"' b.json >c.json
    assert_exit 65 pipe-validate --compat full --schema-dir dir b.json c.json
}

@test "unevaluatedProperties beside references breaks nothing where what it means stays" {
    local s='{"$defs":{"base":{"properties":{"x":{"$ref":"#"},"y":{"type":"integer"}}}},"allOf":[{"$ref":"#/$defs/base"}],"unevaluatedProperties":false,"description":"one"}'
    echo "$s" >a.json
    sed 's/one/two/; s/base/other/g' <<<"$s" >b.json
    assert_exit 0 pipe-validate --compat full a.json b.json
    # A property more, a type that is wider: as with additionalProperties.
    sed 's/"x"/"z":{"type":"string"},&/; s/integer/number/' <<<"$s" >b.json
    assert_exit 0 pipe-validate --compat backward a.json b.json
    [ "$(kinds)" = 'co/type_widened/forward co/property_added/forward' ] || fail "$(cat out)"
    assert_exit 65 pipe-validate --compat backward b.json a.json
    # Beside alternatives only what stays the same is.
    sed 's/allOf/anyOf/' <<<"$s" >c.json
    sed 's/allOf/anyOf/; s/"x"/"z":{"type":"string"},&/' <<<"$s" >d.json
    assert_exit 65 pipe-validate --compat backward c.json d.json
}

@test "drift and defaults see what other documents name" {
    versions '{"properties":{"sum":{"$ref":"money.json"},"by":{"$ref":"https://example.com/who"}}}' \
        '{"properties":{"v":{"type":"number"},"cur":{"default":"EUR"}}}' '{}'
    mkdir dir
    echo '{"$id":"https://example.com/who","properties":{"id":{"type":"integer"},"role":{"default":null}}}' >dir/who.json
    printf '%s\n' '{"sum":{"v":1,"tax":2},"by":{"id":7}}' >in
    assert_exit 0 pipe-validate -s old/order.json --schema-dir dir --fill-defaults --evolve remove=allow -v <in
    assert_file out '{"sum":{"v":1,"tax":2,"cur":"EUR"},"by":{"id":7,"role":null}}'
    grep -qF 'field /sum/tax is unknown to the schema, in 1 record' err
    grep -qF 'property /by/role is in none of 1 record' err
    run ! grep -q 'field /sum/v\|field /by' err
    sed -i 's/"EUR"/7,"type":"string"/' old/money.json
    assert_exit 78 pipe-validate -s old/order.json --schema-dir dir --fill-defaults <in
    grep -qF "schema $PWD/old/money.json at /properties/cur/default: the default does not fit" err || fail "$(cat err)"
}

@test "a schema of a dialect in a file is looked at for drift, and not compared" {
    mkdir meta
    echo '{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/own","$vocabulary":{"https://json-schema.org/draft/2020-12/vocab/core":true,"https://json-schema.org/draft/2020-12/vocab/applicator":true}}' >meta/own.json
    echo '{"$schema":"https://example.com/own","properties":{"a":{"default":1}}}' >s.json
    assert_exit 0 pipe-validate -s s.json --schema-dir meta -v --fill-defaults <<<'{"b":1}'
    assert_file out '{"b":1,"a":1}'
    grep -qF 'field /b is unknown' err
    assert_exit 78 pipe-validate --compat full --schema-dir meta s.json s.json
    grep -qF 'unknown dialect "https://example.com/own"' err
}

@test "10,000 alternatives are compared, or given up, in bounded time" {
    awk 'BEGIN { printf "{\"title\":\"one\",\"anyOf\":["; for (i = 0; i < 10000; i++) printf "%s{\"properties\":{\"a\":{\"const\":%d}},\"required\":[\"a\"]}", i ? "," : "", i; print "]}" }' >a.json
    sed 's/one/two/' a.json >b.json
    assert_exit 0 timeout 20 pipe-validate --compat full a.json b.json
    sed 's/"const":5000}/"const":"x"}/' a.json >b.json
    assert_exit 65 timeout 20 pipe-validate --compat full a.json b.json
}

@test "modes and their options are held apart" {
    run -64 pipe-validate --compat full v1.json
    [[ $output == *"at least two versions"* ]]
    run -64 pipe-validate --compat sideways v1.json v2.json
    run -64 pipe-validate --compat full --infer v1.json v2.json
    run -64 pipe-validate --compat full -s v1.json v2.json v3.json
    run -64 pipe-validate --infer --check 'a > 1'
    [[ $output == *"--check is not for --infer"* ]]
    run -64 pipe-validate -s v1.json v2.json
    run -64 pipe-validate -s v1.json --pretty
    run -64 pipe-validate -s v1.json --error-format xml
    run -64 pipe-validate --fill-defaults --check 'a > 1'
    [[ $output == *"--fill-defaults needs --schema"* ]]
}

# ---- inference

@test "a schema is inferred in one line, or over several" {
    printf '%s\n' '{"id":1,"tags":["a"]}' '{"id":2.5,"name":null}' >in
    assert_exit 0 pipe-validate --infer <in
    assert_file out '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"id":{"type":"number"},"tags":{"type":"array","items":{"type":"string"}},"name":{"type":"null"}},"required":["id"]}'
    cp out s.json
    assert_exit 0 pipe-validate --infer --pretty <in
    [ "$(wc -l <out)" -gt 10 ]
    cmp <(jq -S . out) <(jq -S . s.json)
    run run_in_pty "pipe-validate --infer <in"
    [[ $output == *'  "type": "object",'* ]]
    assert_exit 0 pipe-validate --infer -o f.json <in
    cmp f.json s.json
}

@test "no schema comes of a stream that died" {
    run bash -c 'set -o pipefail; printf "{\"a\":1}\nx\n" | pipe-extract --format ndjson - 2>/dev/null | pipe-validate --infer'
    ((status != 0))
    [[ $output != *properties* ]]
}

@test "lines that are no records are rejected, not described" {
    printf '%s\n' '{"a":1}' 'x' '[1]' >in
    assert_exit 65 pipe-validate --infer <in
    [ ! -s out ]
    assert_exit 0 pipe-validate --infer --max-reject 2 <in
    [ "$(jq -c .properties out)" = '{"a":{"type":"integer"}}' ]
}

# fits FILE: every record of it fits what is inferred from it.
fits() {
    local how n
    for how in --infer --strict-infer; do
        assert_exit 0 pipe-validate "$how" <"$1"
        mv out schema.json
        assert_exit 0 pipe-validate -s schema.json <"$1"
        cmp out <(sed -e '$a\' "$1") || fail "$1 $how"
    done
    n=$(wc -l <"$1")
    ((n > 10)) || fail "$1 has $n records"
}

@test "every record fits what is inferred: earthquakes" {
    need_data usgs
    pipe-extract --types 'latitude=number,longitude=number,depth=number' "$DATA/all_month.csv.gz" >in
    fits in
    [ "$(jq -c '.properties.time' schema.json)" = '{"type":"string","format":"date-time"}' ]
}

@test "every record fits what is inferred: change events" {
    need_data cdc-debezium
    sed -e '$a\' "$DATA/debezium-data.txt" >in
    fits in
}

@test "every record fits what is inferred: air quality" {
    need_data openaq
    for f in "$DATA"/*_long.csv; do
        pipe-extract -q --max-reject 1 --format csv - >in < <(sed -e '$a\' "$f")
        fits in
    done
}

@test "every record fits what is inferred: sample indexes" {
    need_data opensearch-sample
    for f in "$DATA"/*.json.gz; do
        pipe-extract --format ndjson "$f" >in
        fits in
    done
}

@test "every record fits what is inferred: the jaffle shop" {
    need_data jaffle-shop
    for f in "$DATA"/*.csv; do
        pipe-extract "$f" >in
        fits in
    done
}

@test "keys that are data become a map, in bounded memory" {
    awk 'BEGIN { for (i = 0; i < 200000; i++) printf "{\"by\":{\"user-%d\":{\"n\":%d}}}\n", i, i }' >in
    assert_exit 0 bash -c '[ $FLAVOUR = asan ] || ulimit -v 200000; exec pipe-validate --infer <in'
    [ "$(jq -c '.properties.by' out)" = '{"type":"object","additionalProperties":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}' ]
    [ "$(wc -c <out)" -lt 1000 ]
}

# ---- drift

orders() {
    printf '%s\n' '{"id":1,"name":"a"}' '{"id":2,"nick":"b"}' '{"id":3,"nick":"c","o":{"x":1}}'
}

@test "unknown fields and missing properties are told under -v" {
    echo '{"properties":{"id":{},"name":{},"mail":{},"o":{"properties":{"y":{}}}}}' >s.json
    orders >in
    assert_exit 0 pipe-validate -s s.json -v <in
    grep -qF 'field /nick is unknown to the schema, in 2 records, first in line 2' err
    grep -qF 'field /o/x is unknown to the schema, in 1 record, first in line 3' err
    run ! grep -q mail err
    assert_exit 0 pipe-validate -s s.json <in
    [ ! -s err ]
    assert_exit 65 pipe-validate -s s.json -v --evolve '' <in
    grep -qF 'property /mail is in none of 3 records (remove, unapproved)' err
    grep -qF 'property /o/y is in none of 1 record (remove, unapproved)' err
    cmp out in
}

@test "the policy decides by kind" {
    echo '{"properties":{"id":{"type":"integer"},"name":{}}}' >s.json
    orders >in
    assert_exit 0 pipe-validate -s s.json --evolve add=allow <in
    assert_exit 65 pipe-validate -s s.json --evolve add=block <in
    assert_file err 'pipe-validate: schema drift: field /nick is unknown to the schema, in 2 records, first in line 2 (add, blocked), and 1 more'
    echo '{"id":"x","name":"n"}' >>in
    assert_exit 65 pipe-validate -s s.json -q --max-reject 1 --evolve add=allow <in
    grep -qF 'schema drift: value at /id has another type in 1 record, first in line 4 (type, blocked)' err
    assert_exit 0 pipe-validate -s s.json -q --max-reject 1 --evolve type=allow <in
    for bad in add add=yes size=allow add=allow,add=block; do
        run -64 pipe-validate -s s.json --evolve "$bad" <in
    done
}

@test "what is signed off does not fail the run, what is blocked does" {
    echo '{"properties":{"id":{},"name":{},"mail":{}}}' >s.json
    orders >in
    printf '# seen\nremove /mail  # ann, 2026-01-31\n{"kind":"add","pointer":"/nick","who":"bob"}\n' >ok
    assert_exit 65 pipe-validate -s s.json --evolve add=approve --approve ok <in
    grep -qF 'field /o is unknown to the schema, in 1 record, first in line 3 (add, unapproved)' err
    echo 'add /o' >>ok
    assert_exit 0 pipe-validate -s s.json --evolve add=approve --approve ok <in
    assert_exit 65 pipe-validate -s s.json --evolve add=block --approve ok <in
    echo '[{"kind":"add","pointer":"/nick"},{"kind":"add","pointer":"/o"},{"kind":"remove","pointer":"/mail"}]' >ok.json
    assert_exit 0 pipe-validate -s s.json --evolve add=approve --approve ok.json <in
}

@test "a list that cannot be read is refused with its line" {
    echo '{}' >s.json
    printf 'add /a\nadd b\n' >ok
    assert_exit 78 pipe-validate -s s.json --evolve '' --approve ok </dev/null
    grep -qF 'approvals ok, line 2: add, remove or type and a JSON Pointer are wanted' err
    printf '[{"kind":"add"}]' >ok
    assert_exit 78 pipe-validate -s s.json --evolve '' --approve ok </dev/null
    printf '{"kind":"grow","pointer":"/a"}' >ok
    assert_exit 78 pipe-validate -s s.json --evolve '' --approve ok </dev/null
    assert_exit 66 pipe-validate -s s.json --evolve '' --approve none </dev/null
    assert_exit 64 pipe-validate -s s.json --approve ok </dev/null
}

@test "drift that fails a run stops the load behind it" {
    echo '{"properties":{"id":{},"mail":{}}}' >s.json
    orders >in
    run -65 bash -c 'set -o pipefail; pipe-validate -s s.json --evolve "" <in | pipe-load sqlite:x.db -t t --mode append --create'
    [ ! -e x.db ] || [ "$(sqlite3 x.db 'SELECT count(*) FROM sqlite_master WHERE name = "t"')" = 0 ]
}

@test "threads see the same drift" {
    echo '{"properties":{"id":{"type":"integer"},"country":{}}}' >s.json
    make_orders 30000 | sed 's/"id":\([0-9]*\)7,/"id":"\17","odd":1,/' >in
    run -65 pipe-validate -s s.json -v --evolve '' --max-reject 20% -o out1 <in
    one=$(grep -E 'field|value|property' <<<"$output")
    [[ $one == *"field /odd is unknown to the schema, in 3000 records, first in line 7"* ]] || fail "$one"
    run -65 pipe-validate -s s.json -v --evolve '' --max-reject 20% -j 3 -o out3 <in
    two=$(grep -E 'field|value|property' <<<"$output")
    [ "$two" = "$one" ] || fail "$two"
}

# ---- defaults

@test "missing properties get their default, and all other bytes stay" {
    echo '{"required":["qty"],"properties":{"id":{"type":"integer"},"qty":{"type":"number","default":1.50},"o":{"properties":{"n":{"default":12345678901234567890}}}}}' >s.json
    printf '%s\n' '{ "id":1 }' '{"id":2,"qty":null}' '{"id":3,"qty":2,"o":{}}' '{"id":"x"}' >in
    assert_exit 0 pipe-validate -s s.json --fill-defaults --max-reject 2 --dlq d.ndjson <in
    assert_file out '{ "id":1,"qty":1.50 }
{"id":3,"qty":2,"o":{"n":12345678901234567890}}'
    [ "$(jq -r .raw d.ndjson)" = '{"id":2,"qty":null}
{"id":"x"}' ]
}

@test "an empty cell that is dropped gets the default too" {
    echo '{"properties":{"id":{"type":"integer"},"qty":{"type":"integer","default":1}}}' >s.json
    printf 'id,qty\n1,\n2,5\n' | pipe-extract --format csv - >in
    assert_exit 0 pipe-validate -s s.json --coerce --fill-defaults <in
    assert_file out '{"id":1,"qty":1}
{"id":2,"qty":5}'
}

@test "a default that does not fit its schema is refused" {
    echo '{"properties":{"a":{"type":"string","default":1}}}' >s.json
    assert_exit 78 pipe-validate -s s.json --fill-defaults </dev/null
    grep -qF 'at /properties/a/default: the default does not fit its own schema (type)' err
    assert_exit 0 pipe-validate -s s.json </dev/null
}
