#!/usr/bin/env bats
# Lineage of pipelines: where columns come from, what a run as a whole has read
# and written, and who tells the end of what was killed.
load helper

setup() {
    pipe_setup
    set -o pipefail
    server=
    export PIPE_LINEAGE=$PWD/events.ndjson
    printf 'id,name,amount,cid\n1,Ann,2.5,7\n2,Bob,3,8\n3,Cy,4,8\n' >orders.csv
    printf '{"cid":"%s","tier":"%s","since":1}\n' 7 gold 8 tin >ref.ndjson
}

teardown() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
}

# columns [DATASET [JOB]]: the columns of the last event that writes the
# dataset, each with what it comes from: "total<amount:AGGREGATION#".
columns() {
    jq -rs --arg d "${1-}" --arg j "${2-}" '
        def source: .field as $f | [.transformations[] | $f + ":" + .subtype +
            (if .masking then "#" else "" end)] | join(",");
        map(select(.eventType == "COMPLETE" and
                   ($j == "" or .job.name == $j)) | .outputs[] |
            select(.name | endswith($d)) | .facets) | last |
        (.columnLineage.fields | to_entries[] | .key + "<" +
            ([.value.inputFields[] | source] | join(" "))),
        "*<" + ([.columnLineage.dataset[] | source] | join(" ")),
        "others " + .pipeutils_columns.others +
            (.pipeutils_columns.absent | map(" -" + .) | join("")) +
            (.pipeutils_columns.unsure | map(" ?" + .) | join(""))
        ' events.ndjson
}

# columns_of TEXT COMMAND...: the columns of what the command makes of records.
columns_of() {
    local want=$1
    shift
    rm -f events.ndjson
    printf '%s\n' '{"a":1,"b":"x","o":{"p":2,"q":{"r":3}},"l":[{"m":1}]}' |
        "$@" >out || return 1
    columns >have
    assert_file have "$want"
}

# runs: each event as "TYPE JOB", sorted within the file's order.
runs() {
    jq -r '.eventType + " " + .job.name' events.ndjson
}

# serve [STATUS|hang|close]: starts a server; $url is where it takes events.
serve() {
    need_command perl
    mkdir -p srv
    rm -f srv/*
    "$REPO/tests/lib/eventd" srv "$@" 3>&- >/dev/null 2>&1 &
    server=$!
    within 5 test -s srv/port || fail "the server does not start"
    url=http://127.0.0.1:$(<srv/port)
}

shop="pipe-extract --types id=integer orders.csv |
    pipe-transform --where 'id > 0' --set 'who=sha256(name)' --drop name \
        --cast amount=number |
    pipe-join ref.ndjson -k cid -f tier |
    pipe-aggregate -g tier -a 'total=sum(amount), n=count(), who=max(who)' |
    pipe-load sqlite:t.db -t totals --mode append --create"

# ---- columns of a stage

@test "fields that are set come from the fields that the expression reads" {
    columns_of 'c<a:TRANSFORMATION b:TRANSFORMATION
a<a:IDENTITY
b<b:IDENTITY
o<o:IDENTITY
l<l:IDENTITY
*<
others same' pipe-transform --set "c=CAST(a AS string) || b"
    columns_of 'c<a:IDENTITY
d<a:TRANSFORMATION
k<
a<b:TRANSFORMATION#
b<b:IDENTITY
o<o:IDENTITY
l<l:IDENTITY
*<
others same' pipe-transform --set c=a --set 'd=c + 1' --set k=1 \
        --set 'a=sha256(b)'
}

@test "what only decides is indirect: conditions of CASE and of --where" {
    columns_of 'c<a:CONDITIONAL b:TRANSFORMATION
a<a:IDENTITY
b<b:IDENTITY
o<o:IDENTITY
l<l:IDENTITY
*<a:CONDITIONAL b:TRANSFORMATION o.p:FILTER
others same' pipe-transform --where 'o.p = 2' \
        --set "c=CASE WHEN a = 1 THEN b ELSE 'n' END" || true
    columns | grep -qx '\*<o.p:FILTER'
    columns | grep -qx 'c<a:CONDITIONAL b:TRANSFORMATION'
}

@test "renamed, dropped and kept fields lead to their old names, or nowhere" {
    columns_of 'z<a:IDENTITY
o<o:IDENTITY
l<l:IDENTITY
*<
others same -a -b' pipe-transform --rename a=z --drop b
    columns_of 'a<a:IDENTITY
o.p<o.p:IDENTITY
*<
others none' pipe-transform --keep a,o.p
    columns_of 'b<b:TRANSFORMATION#
a<a:TRANSFORMATION
o<o:IDENTITY
l<l:IDENTITY
*<
others same' pipe-transform --mask b=redact --cast a=string
}

@test "flattened fields are known as far as they were seen" {
    columns_of 'a<a:IDENTITY
b<b:IDENTITY
o_p<o.p:IDENTITY
o_q_r<o.q.r:IDENTITY
l<l:TRANSFORMATION
*<
others unknown' pipe-transform --flatten --unnest l
    columns_of 'a<a:IDENTITY
b<b:IDENTITY
o.p<o.p:IDENTITY
o.q-r<o.q.r:IDENTITY
l<l:IDENTITY
*<
others unknown' pipe-transform --flatten=o.q --flatten-sep -
}

@test "groups are made of keys, results of arguments, by time and filter" {
    columns_of 'b<b:IDENTITY
s<a:AGGREGATION
n<
m<a:AGGREGATION o.p:AGGREGATION
*<a:FILTER b:GROUP_BY
others none' pipe-aggregate -w 'a > 0' -g b \
        -a 's=sum(a), n=count(), m=arg_max(a, o.p)'
    printf '{"t":"2026-01-01T00:00:00Z","v":1}\n' >in
    rm events.ndjson
    pipe-aggregate --window 1h --time t -a 's=sum(v + 1)' <in >out
    columns >have
    assert_file have 's<v:AGGREGATION
window_start<t:TRANSFORMATION
window_end<t:TRANSFORMATION
*<t:WINDOW
others none'
}

@test "a key of dedup decides about records, and so does what --keep goes by" {
    columns_of 'a<a:IDENTITY
b<b:IDENTITY
o<o:IDENTITY
l<l:IDENTITY
*<b:FILTER o.p:FILTER a:SORT
others same' pipe-dedup -k b,o.p --keep max:a
}

@test "fields of a reference come from there, by the key" {
    columns_of 'r_t<tier:IDENTITY b:JOIN cid:JOIN
a<a:IDENTITY
b<b:IDENTITY
o<o:IDENTITY
l<l:IDENTITY
*<
others same' pipe-join ref.ndjson -k b=cid -f 'tier AS t' -p r_ || true
    echo '{"cid":"7","x":1}' >in
    rm events.ndjson
    pipe-join ref.ndjson -k cid -f 'tier AS t' -p r_ --miss drop <in >out
    columns >have
    assert_file have 'r_t<tier:IDENTITY cid:JOIN cid:JOIN
cid<cid:IDENTITY
x<x:IDENTITY
*<cid:JOIN cid:JOIN
others same'
    [ "$(jq -rs 'last | .outputs[0].facets.columnLineage.fields.r_t |
        [.inputFields[].name | split("/") | last] | join(" ")' events.ndjson |
        sed 's/pipe:\[[0-9]*\]/pipe/')" = 'ref.ndjson in ref.ndjson' ]
}

@test "the schema has the fields that were seen, with their types" {
    printf '%s\n' '{"a":1,"o":{"p":null}}' '{"a":1.5,"o":{"p":"x"},"t":true}' |
        pipe-dedup -k a >out
    [ "$(jq -cs 'last | .outputs[0].facets.schema.fields' events.ndjson)" = \
        '[{"name":"a","type":"number"},{"name":"o","type":"object","fields":[{"name":"p","type":"string|null"}]},{"name":"t","type":"boolean"}]' ]
}

@test "outputs of --route are outputs, of columns that nobody knows" {
    echo '{"a":1}' | pipe-transform --route 'a = 1 => side.ndjson' >out
    [ "$(jq -cs 'last | .outputs[1] | [.name, .facets,
        .outputFacets.outputStatistics.rowCount]' events.ndjson)" = \
        "[\"$PWD/side.ndjson\",{},1]" ]
}

# ---- the pipeline as a whole

@test "pipe-run tells the pipeline: its sources, its table, and its columns" {
    pipe-run --pipeline shop -- "$shop"
    columns totals shop >have
    assert_file have 'tier<tier:IDENTITY cid:JOIN cid:JOIN
total<amount:AGGREGATION
n<
who<name:AGGREGATION#
*<tier:GROUP_BY cid:JOIN cid:JOIN id:FILTER
others none'
    [ "$(jq -cs 'map(select(.job.name == "shop")) | [.[].eventType],
        (last | ([.inputs[] | [.name,
            .inputFacets.inputStatistics.rowCount]] | sort),
        [.outputs[] | [.name,
            .outputFacets.outputStatistics.rowCount]])' events.ndjson)" = \
        "[\"START\",\"COMPLETE\"]
[[\"$PWD/orders.csv\",3],[\"$PWD/ref.ndjson\",null]]
[[\"totals\",2]]" ]
    # Its run is the parent of the stages'.
    [ "$(jq -rs '(map(select(.job.name == "shop")) | .[0].run.runId) as $id |
        map(select(.job.name != "shop")) | length,
        all(.run.facets.parent.run.runId == $id)' events.ndjson)" = '10
true' ]
    [ -z "$(find state/runs -name lineage.ndjson)" ]
}

@test "a program of another maker in between leaves columns unknown" {
    need_command jq
    pipe-run --pipeline shop -- 'pipe-extract orders.csv | jq -c . |
        pipe-transform --set k=1 -o out.ndjson'
    columns out.ndjson shop >have
    assert_file have 'k<
id<
name<
amount<
cid<
*<
others unknown ?id ?name ?amount ?cid'
    [ "$(jq -rs 'last | .inputs[0].name' events.ndjson)" = "$PWD/orders.csv" ]
}

@test "a pipeline that fails has one end, with what it would have written" {
    assert_exit 65 pipe-run --pipeline shop -- \
        'pipe-extract orders.csv | pipe-transform --where "name > 1" |
            pipe-load sqlite:t.db -t u --mode append --create'
    [ "$(runs | grep -x '[A-Z]* shop' | tr '\n' ' ')" = 'START shop FAIL shop ' ]
    [ "$(jq -rs 'last | .outputs[] | select(.name == "u") |
        .outputFacets.outputStatistics.rowCount' events.ndjson)" = 0 ]
}

@test "an attempt after another is another run of the stages, in one of the whole" {
    printf '#!/bin/sh\n[ -e again ] || { touch again; cat >/dev/null; exit 75; }\ncat\n' >flaky
    chmod +x flaky
    pipe-run --pipeline shop --retries 2 --retry-base 10ms -q -- \
        'pipe-extract orders.csv | ./flaky | pipe-dedup -k id -o out.ndjson' \
        2>err
    runs | sort | uniq -c | awk '{ print $1, $2, $3 }' >have
    assert_file have '1 COMPLETE shop
2 COMPLETE shop.pipe-dedup
2 COMPLETE shop.pipe-extract
1 START shop
2 START shop.pipe-dedup
2 START shop.pipe-extract'
    [ "$(jq -rs 'map(.run.runId) | unique | length' events.ndjson)" = 5 ]
}

@test "a stage that is killed is told to be aborted, by pipe-run" {
    assert_exit 75 pipe-run --pipeline shop -q -- \
        'pipe-extract orders.csv | pipe-transform --set \
            "k=1" | { pipe-dedup -k id & kill -9 $!; wait $!; } >out'
    runs | grep -q '^ABORT shop.pipe-dedup$' || runs | grep -vq pipe-dedup
    # As many ends as starts, one for each run.
    [ "$(jq -rs 'group_by(.run.runId) | map([.[].eventType] |
        index("START") == 0 and length == 2) | all' events.ndjson)" = true ]
}

@test "what a killed pipe-run began is told by the next run" {
    mkfifo gate
    pipe-run --pipeline shop --run-id one -q -- \
        'pipe-extract orders.csv | { cat; cat gate; } | pipe-dedup -k id >out' \
        3>&- 2>/dev/null &
    local pid=$!
    within 10 eval 'runs 2>/dev/null | grep -q "START shop.pipe-dedup"'
    kill -KILL $pid
    wait $pid || true
    within 10 eval '! pgrep -s 0 -x pipe-dedup >/dev/null'
    : >gate &
    local opener=$!
    sleep 0.1
    kill $opener 2>/dev/null || true
    pipe-run --pipeline shop --run-id two -- 'pipe-extract orders.csv >out'
    [ "$(jq -rs 'map(select(.run.facets.pipeutils_run.runId == "one")) |
        group_by(.run.runId) | map([.[].eventType] |
            length == 2 and .[0] == "START") | all' events.ndjson)" = true ]
    [ "$(jq -rs 'map(select(.job.name == "shop") | .eventType + " " +
        .run.facets.pipeutils_run.runId) | sort | join(" ")' events.ndjson)" = \
        'ABORT one COMPLETE two START one START two' ]
    [ "$(jq -r 'select(.eventType == "ABORT" and .job.name == "shop") |
        .run.facets.errorMessage.message' events.ndjson)" = 'pipe-run was killed' ]
    # Once is enough.
    pipe-run --pipeline shop --run-id three -- 'pipe-extract orders.csv >out'
    [ "$(runs | grep -c '^ABORT shop$')" = 1 ]
}

@test "the trace that TRACEPARENT names is in every event" {
    TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 \
        pipe-run --pipeline shop -- 'pipe-extract orders.csv >out'
    [ "$(jq -r .run.facets.pipeutils_run.traceId events.ndjson | sort -u)" = \
        0af7651916cd43dd8448eb211c80319c ]
    # One that is broken is none.
    rm events.ndjson
    TRACEPARENT=00-xyz pipe-extract orders.csv >out
    [ "$(jq -r '.run.facets.pipeutils_run | has("traceId")' events.ndjson |
        sort -u)" = false ]
}

@test "owner and runbook are those of the pipeline's file" {
    mkdir conf
    echo '{"pipeline":"shop","owner":"data@example.org",
        "runbook":"https://example.org/shop"}' >conf/shop.json
    pipe-run --pipeline shop --config conf -- 'pipe-extract orders.csv >out'
    [ "$(jq -cs 'last | .job.facets | [.ownership.owners[0].name,
        .documentation.description, .jobType.jobType]' events.ndjson)" = \
        '["data@example.org","https://example.org/shop","PIPELINE"]' ]
}

@test "passwords in command lines are in no event" {
    pipe-run --pipeline shop -q -- 'pipe-extract orders.csv |
        pipe-load "postgresql://ann:s3cret@127.0.0.1:9/x" -t t \
            --mode append' || true
    [ -s events.ndjson ]
    ! grep s3cret events.ndjson >&2
}

@test "without a pipeline's name there are events of stages alone" {
    pipe-run -- 'pipe-extract orders.csv | pipe-dedup -k id >out'
    [ "$(runs | sort | tr '\n' ' ')" = 'COMPLETE pipe-dedup COMPLETE pipe-extract START pipe-dedup START pipe-extract ' ]
}

# ---- over HTTP

@test "a server has the whole run, the pipeline first and last" {
    serve
    pipe-run --pipeline shop --lineage "$url" -- 'pipe-extract orders.csv >out'
    jq -r '.eventType + " " + .job.name' srv/bodies >have
    assert_file have 'START shop
START shop.pipe-extract
COMPLETE shop.pipe-extract
COMPLETE shop'
}

@test "an endpoint that hangs, refuses, fails or closes neither fails nor delays a run" {
    local how start code
    for how in hang 500 close refuse; do
        serve "${how/refuse/201}"
        [ $how != refuse ] || { kill $server && wait $server || true; }
        start=${EPOCHREALTIME/./}
        code=0
        pipe-run --pipeline shop --lineage "$url" -- \
            'pipe-extract orders.csv | pipe-load sqlite:t.db -t o --mode append \
                --create' >out 2>err || code=$?
        ((code == 0)) || fail "$how: exit $code" "$(<err)"
        # One process waits for what is sent, however many stages there are.
        ((${EPOCHREALTIME/./} - start < 8000000)) || fail "$how took too long"
        grep -q "^pipe-run: lineage is not sent to '$url/api/v1/lineage': " err ||
            fail "$how" "$(<err)"
        [ "$(jq -rs 'last | .outcome' state/runs.ndjson)" = ok ]
        kill $server 2>/dev/null && wait $server || true
    done
}

@test "what waits for events is no part of the pipeline" {
    serve hang
    # Within --linger nothing of the pipeline may be left.
    pipe-run --pipeline shop --linger 1s --lineage "$url" -- \
        'pipe-extract orders.csv --lineage own.ndjson >out' 2>err
    [ "$(jq -rs 'last | .outcome' state/runs.ndjson)" = ok ]
}
