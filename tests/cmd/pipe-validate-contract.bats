#!/usr/bin/env bats
# pipe-validate: contracts of the Open Data Contract Standard, schemas as YAML.
load ../helper

# records LINE...: one a line.
records() { printf '%s\n' "$@"; }

# contract [LINE...]: writes c.yaml, with these lines behind the header.
contract() {
    records 'apiVersion: v3.1.0' 'kind: DataContract' 'id: orders' \
        'version: 1.0.0' 'status: active' "$@" >c.yaml
}

# property KEYS...: a contract whose only property `a` has these keys (flow).
property() {
    contract 'schema:' '- name: orders' '  properties:' "  - {name: a, $1}"
}

# refused EXIT TEXT [OPTION...]: c.yaml ends with EXIT before a record is read,
# with TEXT in its message.
refused() {
    assert_exit "$1" pipe-validate -s c.yaml "${@:3}" <<<'{"a":1}'
    [ ! -s out ] || fail 'a record came out'
    grep -qF -e "$2" err || fail "wanted: $2" "$(cat err)"
}

orders() {
    contract 'schema:' '- name: orders' '  properties:' \
        '  - {name: id, logicalType: integer, primaryKey: true}' \
        '  - {name: status, logicalType: string, required: true, quality: [' \
        '     {id: known, metric: invalidValues, mustBe: 0,' \
        '      arguments: {validValues: [new, paid]}}]}' \
        '  - {name: total, logicalType: number,' \
        '     logicalTypeOptions: {minimum: 0, multipleOf: 0.01}}' \
        '  - {name: day, logicalType: date,' \
        '     logicalTypeOptions: {minimum: 2020-01-01}}' \
        '  - {name: lines, logicalType: array, items: {logicalType: object,' \
        '     properties: [{name: sku, logicalType: string, required: true}]}}' \
        '  quality:' \
        '  - {metric: rowCount, mustBeGreaterOrEqualTo: 2, severity: warning}' \
        'slaProperties:' \
        '- {property: latency, value: 2, unit: d, element: orders.day}'
}

# ---- records

@test "a record that breaks the contract is rejected with every error" {
    need_command jq
    orders
    records '{"id":1,"status":"new","total":1.50,"day":"2026-01-31"}' \
        '{"id":"x","total":-0.005,"day":"2019-12-31","lines":[{"sku":"a"},{}]}' \
        '{"id":2,"status":"paid","total":null,"x":[]}' >in
    assert_exit 0 pipe-validate -s c.yaml --date 2026-01-31 --dlq q.ndjson \
        --max-reject 50% <in
    assert_file out "$(sed -n '1p;3p' in)"
    [ "$(jq -c '.errors[] | [.code, .path]' q.ndjson)" = "$(records \
        '["type","/id"]' '["minimum","/total"]' '["multiple_of","/total"]' \
        '["required","/lines/1/sku"]' '["required","/status"]' \
        '["check",null]')" ]
    jq -r '.errors[-1].message' q.ndjson | grep -qxF \
        "check failed: \"day\" >= '2020-01-01'"
}

@test "bytes of records that pass stay as they are" {
    orders
    records '{ "total":1.50 ,"id" : 1e0,"status":"\u006eew","day":"2026-01-31"}' \
        '{"status":"paid","id":12345678901234567890123, "z":1.0}' >in
    assert_exit 0 pipe-validate -s c.yaml --date 2026-01-31 <in
    cmp in out
    assert_exit 0 pipe-validate -s c.yaml --date 2026-01-31 -j 3 <in
    cmp in out
}

@test "cells of CSV are cast by the contract's types" {
    orders
    printf 'id,status,total,day\n1,new,1.50,2026-01-31\n2,paid,,\n' >in.csv
    pipe-extract --null '' in.csv |
        assert_exit 0 pipe-validate -s c.yaml --coerce --date 2026-01-31
    assert_file out "$(records \
        '{"id":1,"status":"new","total":1.50,"day":"2026-01-31"}' \
        '{"id":2,"status":"paid","total":null,"day":null}')"
}

@test "drift is told by the contract's properties" {
    orders
    records '{"id":1,"status":"new","day":"2026-01-31","extra":1}' \
        '{"id":2,"status":"new"}' >in
    assert_exit 65 pipe-validate -s c.yaml --date 2026-01-31 \
        --evolve add=block <in
    grep -q 'field /extra is unknown to the schema' err
}

# ---- the batch

@test "keys and metrics are gates over the batch" {
    orders
    records '{"id":1,"status":"new","day":"2026-01-31"}' \
        '{"id":1.0,"status":"gone"}' >in
    assert_exit 65 pipe-validate -s c.yaml --date 2026-01-31 -v <in
    grep -qxF 'pipe-validate: gate failed: unique id: 1 of 2 keys repeated, such as 1' err
    grep -qxF "pipe-validate: gate 'known' failed: values of status: 1 of 2 not in ('new', 'paid'), such as \"gone\"" err
    grep -qF "gate 'known' failed" err
}

@test "a rule that only warns lets the batch pass" {
    orders
    echo '{"id":1,"status":"new","day":"2026-01-31"}' >in
    assert_exit 0 pipe-validate -s c.yaml --date 2026-01-31 <in
    assert_file err 'pipe-validate: warning: gate failed: rows is 1, wants >= 2'
}

@test "latency is seen from the end of the date, and needs one" {
    orders
    records '{"id":1,"status":"new","day":"2026-01-31"}' \
        '{"id":2,"status":"new"}' >in
    assert_exit 0 pipe-validate -s c.yaml --date 2026-02-01 <in
    assert_exit 65 pipe-validate -s c.yaml --date 2026-02-02 <in
    assert_file err 'pipe-validate: gate failed: newest day is 2026-01-31T00:00:00Z, wants within 2d of date (2026-02-03T00:00:00Z)'
    refused 64 'contract c.yaml, line 22 at /slaProperties/0: newest day within 2d of date: there is no --date'
}

@test "gates of the contract are in the report, beside those of the command line" {
    need_command jq
    orders
    records '{"id":1,"status":"new","day":"2026-01-31"}' \
        '{"id":2,"status":"new"}' >in
    assert_exit 0 pipe-validate -s c.yaml --date 2026-01-31 --report r.json \
        --expect 'mine: rows = 2' <in
    [ "$(jq -c '[.gates[] | [.name, .severity, .passed]]' r.json)" = \
        '[["known","error",true],["unique id","error",true],["rows >= 2","warn",true],["newest day within 2d of date","error",true],["mine","error",true]]' ]
    assert_exit 64 pipe-validate -s c.yaml --date 2026-01-31 \
        --expect 'known: rows = 2' <in
    grep -q 'name is given twice' err
}

@test "a replay is no batch: gates of the contract are not judged" {
    contract 'schema:' '- {name: o, properties: [{name: a, logicalType: integer}],' \
        '   quality: [{metric: rowCount, mustBeGreaterThan: 10, severity: info}]}'
    echo '{"a":"1"}' | assert_exit 0 pipe-validate -s c.yaml --dlq q/ \
        --max-reject 100%
    sed -i 's/integer/string/; s/, severity: info//' c.yaml
    assert_exit 0 pipe-dlq replay --dlq q/ -- 'cat >replayed'
    assert_file replayed '{"a":"1"}'
}

# ---- what cannot be judged

@test "what cannot be judged is refused before the first record, with its place" {
    property 'quality: [{type: sql, query: SELECT 1, mustBe: 0}]'
    refused 78 'contract c.yaml, line 9, column 25 at /schema/0/properties/0/quality/0: SQL cannot be run over a stream (--unchecked sql passes over it)'
    refused 78 'SQL cannot be run' --unchecked custom,sla
    assert_exit 0 pipe-validate -s c.yaml --unchecked sql -v <<<'{"a":1}'
    grep -qF 'contract c.yaml: line 9 at /schema/0/properties/0/quality/0: SQL cannot be run over a stream: not checked' err
    property 'quality: [{type: custom, engine: soda, implementation: x}]'
    refused 78 '--unchecked custom'
    property 'quality: [{metric: freshness, mustBe: 0}]'
    refused 78 '--unchecked metric'
    property 'relationships: [{to: customers.id}]'
    refused 78 '--unchecked relationships'
    property 'logicalType: string, logicalTypeOptions: {format: iban}'
    refused 78 '--unchecked format'
    property 'logicalType: time, logicalTypeOptions: {minimum: "08:30:00"}'
    refused 78 '--unchecked range'
    property 'items: {unique: true}'
    refused 78 '--unchecked items'
    contract 'schema: [{name: o}]' 'slaProperties: [{property: beauty, value: 1}]'
    refused 78 '--unchecked sla'
    refused 64 "'beauty' is none of sql" --unchecked beauty
}

@test "what is prose or of the service is told with -v" {
    contract 'schema: [{name: o, quality: [{type: text, description: fine}]}]' \
        'slaProperties: [{property: retention, value: 3, unit: y}]'
    assert_exit 0 pipe-validate -s c.yaml <<<'{"a":1}'
    assert_file err ''
    assert_exit 0 pipe-validate -s c.yaml -v <<<'{"a":1}'
    grep -q 'at /schema/0/quality/0: a rule in prose: not checked' err
    grep -q 'at /slaProperties/0: retention is of the service: not checked' err
}

@test "a misspelt key and a wrong type are refused, whatever goes unchecked" {
    all=sql,custom,metric,relationships,sla,format,range,items
    property 'requird: true'
    refused 78 "key 'requird' is not known to the standard" --unchecked "$all"
    property 'required: no'
    refused 78 '/required: is a string, wants a boolean' --unchecked "$all"
    property 'logicalType: string, logicalTypeOptions: {pattern: "("}'
    refused 78 'line 9, column 66 at /schema/0/properties/0/logicalTypeOptions/pattern' \
        --unchecked "$all"
}

# ---- objects and names

@test "of several objects --object says which" {
    contract 'schema:' '- {name: a, properties: [{name: x, required: true}]}' \
        '- {name: b, properties: [{name: y, required: true}]}'
    refused 64 'contract c.yaml has 2 objects, say --object: a, b'
    refused 64 "contract c.yaml has no object 'c' but a, b" --object c
    assert_exit 0 pipe-validate -s c.yaml --object b <<<'{"y":1}'
    assert_exit 65 pipe-validate -s c.yaml --object b <<<'{"x":1}'
    echo '{}' >s.json
    assert_exit 64 pipe-validate -s s.json --object b <<<'{"x":1}'
    grep -q 's.json is a JSON Schema, no contract' err
    assert_exit 64 pipe-validate --check 'a > 0' --object b <<<'{"x":1}'
    grep -q -e '--object needs --schema' err
}

@test "fields have the physical name unless --names is logical" {
    property 'physicalName: p, logicalType: integer, required: true, unique: true'
    assert_exit 0 pipe-validate -s c.yaml <<<'{"p":1}'
    assert_exit 65 pipe-validate -s c.yaml --names logical <<<'{"p":1}'
    assert_exit 0 pipe-validate -s c.yaml --names logical <<<'{"a":1}'
    assert_exit 64 pipe-validate -s c.yaml --names odd <<<'{"a":1}'
}

@test "names may be anything that a key of JSON may be" {
    contract 'schema:' '- name: o' '  properties:' \
        "  - {name: \"a \\\"b'.[0]\", logicalType: object, properties: [" \
        '     {name: no, unique: true}, {name: "select", logicalType: date,' \
        '      logicalTypeOptions: {minimum: 2020-01-01}}]}'
    records '{"a \"b'"'"'.[0]":{"no":1,"select":"2020-01-01"}}' \
        '{"a \"b'"'"'.[0]":{"no":1,"select":"2020-01-02"}}' >in
    assert_exit 65 pipe-validate -s c.yaml <in
    grep -qF '1 of 2 keys repeated, such as 1' err
    sed -i 's/2020-01-01"/2019-01-01"/; s/:1,/:2,/' in
    assert_exit 65 pipe-validate -s c.yaml <in
    grep -qF "\"a \"\"b'.[0]\".\"select\" >= '2020-01-01'" err
}

# ---- files

@test "a contract may be JSON, or come through a pipe" {
    echo '{"kind":"DataContract","apiVersion":"v3.0.2","id":"x","version":"1",
        "status":"active","schema":[{"name":"o","properties":[
        {"name":"a","logicalType":"integer"}]}]}' >c.json
    assert_exit 65 pipe-validate -s c.json <<<'{"a":"x"}'
    grep -q '/a is "x", wants integer or null (type)' err
    property 'logicalType: integer'
    assert_exit 65 pipe-validate -s <(cat c.yaml) <<<'{"a":"x"}'
    grep -q '/a is "x", wants integer or null (type)' err
}

@test "a JSON Schema may be YAML, and refer to files beside it" {
    mkdir s
    echo '{"$defs":{"eur":{"minimum":0.10}}}' >s/money.json
    records 'type: object' 'properties:' '  total:' \
        '    $ref: "money.json#/$defs/eur"' '    default: 1.50' >s/order.yml
    assert_exit 65 pipe-validate -s s/order.yml <<<'{"total":0.09}'
    grep -q '/total is 0.09, minimum is 0.10 (minimum)' err
    assert_exit 0 pipe-validate -s s/order.yml --fill-defaults <<<'{}'
    assert_file out '{"total":1.50}'
}

@test "YAML that cannot be read is refused with line and column" {
    contract 'schema: [' >c.yaml
    refused 78 'YAML c.yaml, line 7, column 1: '
    contract 'id: again'
    refused 78 "YAML c.yaml, line 6, column 1: key 'id' is given twice, first in line 3"
    contract '---' 'x: y'
    refused 78 'a second document begins'
    contract 'schema: !!python/object:x {}'
    refused 78 'is not read'
    contract $'name: \xff'
    refused 78 'YAML c.yaml, line 6, column 7: not UTF-8'
    assert_exit 66 pipe-validate -s none.yaml </dev/null
}

@test "a billion laughs are refused at once" {
    {
        echo 'a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]'
        for i in {1..9}; do
            r="*a$((i - 1))"
            echo "a$i: &a$i [$r, $r, $r, $r, $r, $r, $r, $r, $r, $r]"
        done
    } >c.yaml
    (
        ulimit -v 200000 2>/dev/null
        [[ $FLAVOUR != release ]] || refused 78 'more than 1000000 values'
    )
    refused 78 'more than 1000000 values'
}

@test "what is no contract of a version that is known is refused" {
    contract 'schema: [{name: o}]'
    sed -i 's/v3.1.0/v2.2.2/' c.yaml
    refused 78 "at /apiVersion: 'v2.2.2' is none of v3.0.0, v3.0.1, v3.0.2, v3.1.0"
    sed -i 's/v2.2.2/v3.0.1/; /kind/d' c.yaml
    refused 78 "contract has no 'kind'"
    echo 'dataContractSpecification: 1.1.0' >c.yaml
    refused 78 'follows the Data Contract Specification'
}

# ---- versions

@test "versions of a contract are compared by what they say of records" {
    property 'logicalType: integer, quality: [{type: sql, query: x, mustBe: 0}]'
    mv c.yaml v1.yaml
    property 'logicalType: number'
    assert_exit 0 pipe-validate --compat backward v1.yaml c.yaml
    assert_exit 65 pipe-validate --compat forward v1.yaml c.yaml
    property 'logicalType: integer, required: true'
    assert_exit 65 pipe-validate --compat backward --error-format text v1.yaml c.yaml
    grep -q '^incompatible' out
    echo '{"properties":{"a":{"type":["integer","null"]}},"type":"object"}' >s.json
    assert_exit 0 pipe-validate --compat full v1.yaml s.json
    contract 'schema: [{name: x}, {name: y}]'
    assert_exit 64 pipe-validate --compat full c.yaml c.yaml
    assert_exit 0 pipe-validate --compat full --object y c.yaml c.yaml
}

# ---- a mass of them

@test "10,000 properties and a pattern that backtracks are taken in time" {
    {
        contract 'schema:' '- name: o' '  properties:'
        awk 'BEGIN { for (i = 0; i < 10000; i++)
            printf "  - {name: p%d, logicalType: integer, required: true}\n", i }'
        echo '  - {name: s, logicalType: string, logicalTypeOptions: {pattern: "^(a+)+$"}}'
    } >all.yaml
    cat c.yaml all.yaml >big.yaml
    awk 'BEGIN { printf "{"; for (i = 0; i < 10000; i++) printf "\"p%d\":1,", i
        s = sprintf("%30000s", ""); gsub(" ", "a", s); print "\"s\":\"" s "b\"}" }' >in
    assert_exit 65 timeout 60 pipe-validate -s big.yaml <in
    grep -q '^pipe-validate: rejected line 1: /s ' err
}
