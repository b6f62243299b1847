#!/usr/bin/env bats
# What --metrics and --lineage leave behind, and what they never do: fail a
# run, hold it up, lose a count or give a secret away.
load helper

setup() {
    pipe_setup
    set -o pipefail
    server=
    printf '{"id":%s,"a":%s}\n' 1 1.5 2 null 2 4 x 5 >in.ndjson
    sed -i 's/"id":x/"id":"x"/' in.ndjson
    echo '{"properties":{"id":{"type":"integer"}}}' >s.json
}

teardown() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
}

# sample FILE METRIC [LABEL=VALUE...]: the value of the sample that has these
# labels, in the .prom file of that name.
sample() {
    local file=$1 name=$2 label
    shift 2
    grep "^${name}[{ ]" "metrics/$file.prom" | while read -r line; do
        for label; do
            [[ $line == *"${label%%=*}=\"${label#*=}\""* ]] || continue 2
        done
        echo "${line##* }"
    done
}

# hides WORD FILE...: none of the files has the word.
hides() {
    ! grep -F -- "$1" "${@:2}" >&2
}

# serve [STATUS|hang]: starts a server; $url is where it takes events.
serve() {
    need_command perl
    mkdir -p srv
    rm -f srv/*
    "$REPO/tests/lib/eventd" srv "$@" 3>&- >/dev/null 2>&1 &
    server=$!
    within 5 test -s srv/port || fail "the server does not start"
    url=http://127.0.0.1:$(<srv/port)
}

# shop: extract, validate, dedup, load of in.ndjson, one reject, one duplicate.
shop() {
    pipe-extract in.ndjson |
        pipe-validate -s s.json --dlq none --max-reject 1 -q "$@" |
        pipe-dedup -k id |
        pipe-load sqlite:t.db -t t --mode append --create
}

# ---- metrics

@test "counts of two runs add up, and each record entered once" {
    export PIPE_METRICS=metrics PIPE_PIPELINE=shop PIPE_RUN_ID
    for PIPE_RUN_ID in one two; do
        shop
    done
    local m=pipeline_stage_records_total
    [ "$(sample shop.pipe-extract pipeline_records_total stage=pipe-extract)" = 8 ]
    for stage in pipe-validate pipe-dedup pipe-load; do
        [ "$(sample shop.$stage pipeline_records_total pipeline=shop)" = 0 ]
        [ "$(sample shop.$stage pipeline_runs_total status=success)" = 2 ]
        [ "$(sample shop.$stage pipeline_duration_seconds_count)" = 2 ]
    done
    [ "$(cat metrics/*.prom | awk '/^pipeline_errors_total/ { n += $NF }
        END { print n }')" = 2 ]
    [ "$(sample shop.pipe-validate pipeline_rejects_total code=type)" = 2 ]
    [ "$(sample shop.pipe-validate $m outcome=out)" = 6 ]
    [ "$(sample shop.pipe-validate $m outcome=rejected)" = 2 ]
    [ "$(sample shop.pipe-dedup $m outcome=duplicate)" = 2 ]
    [ "$(sample shop.pipe-load $m outcome=out)" = 4 ]
    [ "$(sample shop.pipe-validate pipeline_data_quality_score)" = 0.75 ]
}

@test "behind another program the count of records begins anew" {
    export PIPE_METRICS=metrics
    jq -c . in.ndjson | pipe-dedup -k id | pipe-transform --where true >out
    [ "$(sample pipe-dedup pipeline_records_total)" = 4 ]
    [ "$(sample pipe-transform pipeline_records_total)" = 0 ]
}

@test "promtool finds nothing wrong with any file" {
    need_command promtool
    export PIPE_METRICS=metrics
    PIPE_PIPELINE=shop shop --expect 'rows >= 1' --expect $'"q": rows < 9' || true
    shop --expect 'rows >= 1' --expect 'q: newest d within 1d of now' || true
    ls metrics/*.prom >files
    [ "$(wc -l <files)" -ge 8 ]
    while read -r file; do
        promtool check metrics <"$file" || fail "$file"
    done <files
}

@test "20 stages that end at once lose no count and no event" {
    for i in $(seq 20); do
        pipe-dedup -k id --metrics metrics --lineage events.ndjson \
            <in.ndjson >out.$i 2>err.$i &
    done
    wait
    cat err.* >errs
    assert_file errs ''
    [ "$(sample pipe-dedup pipeline_runs_total status=success)" = 20 ]
    [ "$(sample pipe-dedup pipeline_records_total)" = 80 ]
    [ "$(jq -s 'map(select(.eventType == "COMPLETE")) | length' events.ndjson)" = 20 ]
    [ "$(jq -s 'map(.run.runId) | unique | length' events.ndjson)" = 20 ]
}

@test "a run that fails is counted, and when the last good one was stays" {
    pipe-dedup -k id --metrics metrics <in.ndjson >out
    local last
    last=$(sample pipe-dedup pipeline_last_success_timestamp_seconds)
    ((last > 1600000000))
    printf '{"id":1}\n{"id":' >cut.ndjson
    assert_exit 65 pipe-dedup -k id --metrics metrics <cut.ndjson
    [ "$(sample pipe-dedup pipeline_runs_total status=failed)" = 1 ]
    [ "$(sample pipe-dedup pipeline_runs_total status=success)" = 1 ]
    [ "$(sample pipe-dedup pipeline_last_success_timestamp_seconds)" = "$last" ]
}

@test "a run that a signal ends, or whose reader goes, is aborted" {
    mkfifo in
    pipe-dedup -k id --metrics metrics --lineage events.ndjson <in >out &
    local pid=$!
    exec 7>in
    cat in.ndjson >&7
    within 5 test -s out
    kill -TERM $pid
    local code=0
    wait $pid || code=$?
    exec 7>&-
    ((code == 143))
    [ "$(sample pipe-dedup pipeline_runs_total status=aborted)" = 1 ]
    [ "$(jq -r .eventType events.ndjson | tr '\n' ' ')" = 'START ABORT ' ]
    seq -f '{"id":%.0f}' 1000000 | pipe-dedup -k id --metrics metrics |
        head -n 1 >out || true
    within 5 eval '[ "$(sample pipe-dedup pipeline_runs_total status=aborted)" = 2 ]'
}

@test "gates are metrics: whether they hold, and what was measured" {
    assert_exit 65 pipe-validate --metrics metrics --expect 'n: rows = 4' \
        --expect 'warn:null share of a < 10%' --expect 'sum of a > 100' \
        --expect 'warn:d: newest d within 1d of now' <in.ndjson
    assert_exit 0 pipe-validate --metrics other --expect 'rows > 0' <in.ndjson
    local g=pipeline_quality_gate v=pipeline_quality_value f=pipe-validate
    [ "$(sample $f $g gate=n severity=error)" = 1 ]
    [ "$(sample $f $v gate=n)" = 4 ]
    [ "$(sample $f $g 'gate=null share of a < 10%' severity=warn)" = 0 ]
    [ "$(sample $f $v 'gate=null share of a < 10%')" = 0.25 ]
    [ "$(sample $f $g 'gate=sum of a > 100')" = 0 ]
    [ "$(sample $f $v 'gate=sum of a > 100')" = 10.5 ]
    [ "$(sample $f $g gate=d)" = 0 ]
    [ -z "$(sample $f $v gate=d)" ]
    [ "$(sample $f pipeline_data_quality_score)" = 0.25 ]
    # A run with other gates replaces them.
    pipe-validate --metrics metrics --expect 'rows > 0' <in.ndjson >out
    [ "$(sample $f $g)" = 1 ]
    # One that does not come to judge leaves them.
    printf '{"id":' | pipe-validate --metrics metrics --expect 'rows > 9' || true
    [ "$(sample $f $g 'gate=rows > 0')" = 1 ]
}

@test "a damaged file is left as it is, and the run is good" {
    pipe-dedup -k id --metrics metrics <in.ndjson >want
    local file=metrics/pipe-dedup.prom damage
    cp $file good
    for damage in 'sed $d good' 'head -c 100 good' 'echo garbage' true; do
        $damage >$file
        cp $file before
        assert_exit 0 pipe-dedup -k id --metrics metrics <in.ndjson
        cmp out want
        cmp $file before
        [ "$(wc -l <err)" = 1 ]
        grep -q "metrics are not written: '$file' is damaged" err
    done
    rm $file
    assert_exit 0 pipe-dedup -k id --metrics metrics <in.ndjson
    [ "$(sample pipe-dedup pipeline_runs_total status=success)" = 1 ]
}

@test "places that cannot be written are a warning, also under -q" {
    : >file
    local to
    for to in file file/x /proc/none; do
        assert_exit 0 pipe-dedup -k id -q --metrics $to --lineage $to/l <in.ndjson
        [ "$(wc -l <out)" = 3 ]
        [ "$(grep -c '^pipe-dedup: metrics are not written: ' err)" = 1 ]
        [ "$(grep -c '^pipe-dedup: lineage is not written: ' err)" = 2 ]
    done
    assert_exit 0 pipe-dedup -k id --log json --metrics file <in.ndjson
    [ "$(jq -r .level err | tr '\n' ' ')" = 'warn info ' ]
}

@test "a lock that somebody keeps holds nobody up for long" {
    mkdir metrics
    flock metrics sleep 30 3>&- &
    local holder=$! start=$SECONDS
    sleep 0.2
    assert_exit 0 pipe-dedup -k id --metrics metrics <in.ndjson
    kill $holder
    ((SECONDS - start < 10))
    grep -q "metrics are not written: cannot lock 'metrics'" err
}

@test "commands that only look leave nothing behind" {
    : >letters
    pipe-dlq list --dlq letters --metrics metrics --lineage events.ndjson
    pipe-validate --compat full s.json s.json --metrics metrics \
        --lineage events.ndjson
    [ ! -e metrics ] && [ ! -e events.ndjson ]
}

# ---- lineage

# official JSON...: a schema of events whose facets are checked by their own
# schemas, all from the specification.
official() {
    local ids run job input output dataset
    ids() {
        grep -lE "/OpenLineage.json#/\\\$defs/$1\"" "$DATA"/spec/facets/*.json |
            xargs jq -c 'select(.required | not) | {"$ref": ."$id"}' | jq -sc .
    }
    run=$(ids RunFacet) job=$(ids JobFacet)
    input=$(ids InputDatasetFacet) output=$(ids OutputDatasetFacet)
    dataset=$(ids DatasetFacet)
    for ids in "$run" "$job" "$input" "$output" "$dataset"; do
        [ "$(jq length <<<"$ids")" -ge 1 ] || return 1
    done
    jq -n --argjson run "$run" --argjson job "$job" --argjson input "$input" \
        --argjson output "$output" --argjson dataset "$dataset" '
        def facets($key; $list): {properties: {($key): {allOf: $list}}};
        {"$ref": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
         required: ["eventType"],
         properties: {
           run: facets("facets"; $run), job: facets("facets"; $job),
           inputs: {items: {allOf: [facets("facets"; $dataset),
                                    facets("inputFacets"; $input)]}},
           outputs: {items: {allOf: [facets("facets"; $dataset),
                                     facets("outputFacets"; $output)]}}}}'
}

@test "every event is valid by the official schemas, and so is every facet" {
    need_data openlineage
    official >official.json
    export PIPE_LINEAGE=$PWD/events.ndjson PIPE_PIPELINE=shop PIPE_RUN_ID=r \
        PIPE_DATE=2026-03-29 PIPE_TZ=Europe/Berlin
    shop --check 'id > 0' --expect 'rows >= 1' --expect 'unique id' \
        --expect 'null count of a < 9' --expect 'warn:max of a < 0' \
        --expect 'distinct count of id > 0' --expect 'mean of a > 0' || true
    pipe-aggregate -g id -a 'n=count()' -o groups.ndjson <in.ndjson
    assert_exit 64 pipe-transform --where 'a >' <in.ndjson
    pipe-validate --infer <in.ndjson >out
    pipe-extract in.ndjson no-such-file || true
    pipe-load sqlite:no/such/t.db -t t --mode append </dev/null || true
    PIPE_RUN_ID=6ba7b810-9dad-11d1-80b4-00c04fd430c8 pipe-extract - <in.ndjson
    mkdir conf
    echo '{"pipeline":"shop","owner":"data@example.org",
        "runbook":"https://example.org/shop"}' >conf/shop.json
    echo '{"id":1,"x":"y"}' >ref.ndjson
    pipe-run --config conf -- 'pipe-extract in.ndjson |
        pipe-transform --where "a > 0" --max-reject 9 -q \
            --set "h=sha256(CAST(a AS string))" |
        pipe-join ref.ndjson -k id --max-reject 9 -q |
        pipe-load sqlite:t.db -t u --mode append --create'
    assert_exit 65 pipe-run -- 'pipe-extract in.ndjson |
        pipe-validate -s s.json --max-reject 0 -o good.ndjson'
    unset PIPE_LINEAGE PIPE_PIPELINE
    [ "$(wc -l <events.ndjson)" = 36 ] || fail "$(wc -l <events.ndjson)"
    pipe-validate -s official.json --schema-dir "$DATA/spec" <events.ndjson >out
    cmp events.ndjson out
    # The schemas would pass a facet that they do not know.
    cat "$DATA"/spec/facets/*.json | jq -r '."$id"' | sort >known
    jq -r '[.run.facets, .job.facets, (.inputs[], .outputs[] |
        .facets, .inputFacets, .outputFacets) // {}] | map(to_entries[]) | .[] |
        select(.key | startswith("pipeutils_") | not) | .value._schemaURL' events.ndjson |
        sed 's/#.*//' | sort -u >used
    [ -s used ]
    [ -z "$(comm -13 known used)" ] || fail "$(comm -13 known used)"
    for facet in NominalTime Parent ErrorMessage JobType InputStatistics \
        OutputStatistics DataQualityAssertions DataQualityMetrics \
        SourceCode ColumnLineage Schema Ownership Documentation; do
        grep -q "/$facet" used || fail "no event has $facet"
    done
}

@test "an event that is none fails the check of the test above" {
    need_data openlineage
    official >official.json
    pipe-dedup -k id --lineage events.ndjson <in.ndjson >out
    local spoil
    for spoil in '.run.runId = "x"' 'del(.eventTime)' '.eventType = "DONE"' \
        'del(.run.facets.processing_engine.version)' \
        '.inputs[0].inputFacets.inputStatistics.rowCount = "4"' \
        'del(.outputs[0].outputFacets.outputStatistics._producer)'; do
        tail -n 1 events.ndjson | jq -c "$spoil" |
            assert_exit 65 pipe-validate -s official.json --schema-dir "$DATA/spec"
    done
}

@test "the stages of a pipeline connect: the source leads to the table" {
    shop >/dev/null
    PIPE_LINEAGE=events.ndjson shop
    # Follows datasets from job to job until nothing new is reached.
    jq -rs 'map(select(.eventType == "COMPLETE") |
            {i: [.inputs[] | .namespace + " " + .name],
             o: [.outputs[] | .namespace + " " + .name]}) as $jobs |
        [["file " + $ENV.PWD + "/in.ndjson"] |
            recurse(. as $at | ([$jobs[] |
                select(any(.i[]; IN($at[]))) | .o[]] + $at | unique) |
                select(length > ($at | length)))] | last[]' events.ndjson >reached
    grep -qxF "sqlite://$PWD/t.db t" reached
    [ "$(wc -l <reached)" = 5 ]
    [ "$(jq -c 'select(.job.name == "pipe-load" and .eventType == "COMPLETE") |
        [.inputs[0].inputFacets.inputStatistics.rowCount,
         .outputs[0].outputFacets.outputStatistics.rowCount]' events.ndjson)" = \
        '[2,0]' ] # the run was loaded before
}

@test "inputs and outputs have the rows and bytes that went by" {
    cp in.ndjson more.ndjson
    gzip -k more.ndjson
    pipe-extract in.ndjson more.ndjson.gz --lineage e1 >all.ndjson
    [ "$(jq -rs 'last | .inputs[] | .name + " " + (.inputFacets.inputStatistics |
        "\(.rowCount) \(.size)")' e1)" = "$PWD/in.ndjson 4 $(wc -c <in.ndjson)
$PWD/more.ndjson.gz 4 $(wc -c <more.ndjson.gz)" ]
    [ "$(jq -rs 'last | .outputs[] | .name + " " + (.outputFacets.outputStatistics |
        "\(.rowCount) \(.size)")' e1)" = "$PWD/all.ndjson 8 $(wc -c <all.ndjson)" ]
    pipe-aggregate -a 'n=count()' -o sum --lineage e2 <all.ndjson
    [ "$(jq -rs 'last | .outputs[0] | .name + " " +
        (.outputFacets.outputStatistics.rowCount | tostring)' e2)" = "$PWD/sum 1" ]
    pipe-validate -s s.json --dlq dead/ --max-reject 9 --lineage e3 \
        <all.ndjson >out
    [ "$(jq -rs 'last | .outputs[1] | .name + " " +
        (.outputFacets.outputStatistics.rowCount | tostring)' e3)" = "$PWD/dead 2" ]
    # Of a file that does not appear nothing was written.
    assert_exit 65 pipe-validate -s s.json -o none --lineage e4 <all.ndjson
    [ "$(jq -rs 'last | .eventType + " " +
        (.outputs[0].outputFacets.outputStatistics.rowCount | tostring)' e4)" = 'FAIL 0' ]
}

@test "gates and checks are assertions, measures are metrics of columns" {
    assert_exit 65 pipe-validate --lineage e --check 'warn: big: a > 2' \
        --expect 'null count of a = 1' --expect 'warn:max of a < 2' \
        --expect 'unique id' --expect 'sum of /a = 10.5' <in.ndjson
    [ "$(jq -cs 'last | .inputs[0].inputFacets.dataQualityAssertions.assertions[] |
        [.assertion, .column, .success, .severity, .name, .actual]' e)" = \
        '["check",null,false,"warn","big","1 records fail"]
["not_null","a",true,"error","null count of a = 1","1"]
["max","a",false,"warn","max of a < 2","5"]
["unique","id",false,"error","unique id","1"]
["sum","a",true,"error","sum of /a = 10.5","10.5"]' ]
    [ "$(jq -cs 'last | .outputs[0].facets.dataQualityMetrics |
        [.rowCount, .columnMetrics]' e)" = \
        '[4,{"a":{"nullCount":1,"count":3,"sum":10.5,"min":1.5,"max":5},"id":{"distinctCount":3}}]' ]
    [ "$(jq -rs 'last | .run.facets.errorMessage.message' e)" = \
        "$(sed -n 's/^pipe-validate: \(gate failed\)/\1/p' err)" ]
}

@test "the same run has the same id, and so have its two events" {
    for i in 1 2; do
        pipe-dedup -k id --run-id r --lineage e$i <in.ndjson >out
    done
    pipe-dedup -k a --null-key group --run-id r --lineage e3 <in.ndjson >out
    [ "$(cat e1 e2 | sed 's/--lineage e.//' | jq -r .run.runId | sort -u | wc -l)" = 2 ]
    pipe-dedup -k id --run-id r --lineage e1 <in.ndjson >out
    [ "$(jq -r .run.runId e1 | sort -u | wc -l)" = 1 ]
    [ "$(cat e1 e3 | jq -r .run.runId | sort -u | wc -l)" = 2 ]
}

@test "half a line that a killed run left is cut off" {
    printf '{"whole":1}\n{"hal' >e
    pipe-dedup -k id --lineage e <in.ndjson >out
    [ "$(jq -c 'has("whole")' e | tr '\n' ' ')" = 'true false false ' ]
    pipe-dedup -k id --lineage 'e-{date}' --date 2026-01-31 <in.ndjson >out
    [ "$(wc -l <e-2026-01-31)" = 2 ]
}

# ---- over HTTP

@test "a server has both events in order, with the key" {
    serve
    OPENLINEAGE_API_KEY=s3cret OPENLINEAGE_NAMESPACE=shop \
        pipe-dedup -k id --lineage "$url" <in.ndjson >out 2>err
    assert_file err ''
    [ "$(jq -r '.eventType + " " + .job.namespace' srv/bodies | tr '\n' ' ')" = \
        'START shop COMPLETE shop ' ]
    [ "$(grep -c '^POST /api/v1/lineage HTTP' srv/heads)" = 2 ]
    [ "$(grep -c '^Authorization: Bearer s3cret.$' srv/heads)" = 2 ]
    [ "$(grep -c '^Content-Type: application/json.$' srv/heads)" = 2 ]
    pipe-dedup -k id --lineage "$url/own?token=x" <in.ndjson >out
    [ "$(grep -c '^POST /own?token=x HTTP' srv/heads)" = 2 ]
}

@test "the customary variables name the server" {
    serve
    OPENLINEAGE_URL=$url pipe-dedup -k id <in.ndjson >out
    OPENLINEAGE_URL=$url/base/ OPENLINEAGE_ENDPOINT=e pipe-dedup -k id <in.ndjson >out
    OPENLINEAGE_URL=$url OPENLINEAGE_DISABLED=true pipe-dedup -k id <in.ndjson >out
    OPENLINEAGE_URL=$url pipe-dedup -k id --lineage file <in.ndjson >out
    [ "$(grep ^POST srv/heads | cut -d' ' -f2 | tr '\n' ' ')" = \
        '/api/v1/lineage /api/v1/lineage /base/e /base/e ' ]
    [ "$(wc -l <file)" = 2 ]
}

@test "a server that refuses, is not there or redirects is a warning" {
    local status
    for status in 500 401 302; do
        serve $status
        OPENLINEAGE_API_KEY=s3cret assert_exit 0 \
            pipe-dedup -k id --lineage "$url/x?token=s3cret" <in.ndjson
        assert_file err "pipe-dedup: lineage is not sent to '$url/x': HTTP status $status"
        [ "$(wc -l <out)" = 3 ]
        [ "$(grep -c ^POST srv/heads)" = 2 ]
        kill $server
        wait $server || true
    done
    OPENLINEAGE_API_KEY=s3cret assert_exit 0 \
        pipe-dedup -k id --lineage "$url/x?token=s3cret" <in.ndjson
    [ "$(wc -l <err)" = 1 ]
    grep -q "^pipe-dedup: lineage is not sent to '$url/x': " err
    hides s3cret err
}

@test "a server that hangs holds up neither the records nor the end for long" {
    serve hang
    local start=$SECONDS codes
    pipe-extract in.ndjson --lineage "$url" 2>err1 |
        pipe-dedup -k id --lineage "$url" 2>err2 >out
    codes="${PIPESTATUS[*]}"
    ((SECONDS - start <= 8)) || fail "took $((SECONDS - start)) s"
    [ "$codes" = '0 0' ]
    [ "$(wc -l <out)" = 3 ]
    grep -q "^pipe-extract: lineage is not sent to '$url/.*in 5 s" err1
    grep -q "^pipe-dedup: lineage is not sent to '$url/.*in 5 s" err2
}

@test "behind a hanging server the next stage has its end of file at once" {
    serve hang
    local start=${EPOCHREALTIME/./}
    pipe-extract in.ndjson --lineage "$url" 2>err |
        { cat >out; echo $((${EPOCHREALTIME/./} - start)) >us; }
    [ "$(wc -l <out)" = 4 ]
    (($(<us) < 3000000)) || fail "the reader waited $(<us) us"
}

@test "a stage that is killed leaves no process behind" {
    serve hang
    mkfifo in
    pipe-dedup -k id --lineage "$url" <in >out 3>&- &
    local pid=$! child
    exec 7>in
    cat in.ndjson >&7
    within 5 pgrep -P $pid >child
    child=$(<child)
    kill -KILL $pid
    exec 7>&-
    within 8 eval "! kill -0 $child 2>/dev/null"
}

@test "a failed run is told to the server, too" {
    serve
    printf '{"id":1}\n{"id":' >cut.ndjson
    assert_exit 65 pipe-dedup -k id --lineage "$url" <cut.ndjson
    [ "$(jq -r .eventType srv/bodies | tr '\n' ' ')" = 'START FAIL ' ]
    [ "$(jq -rs 'last | .run.facets.errorMessage.message' srv/bodies)" = \
        "$(sed 's/^pipe-dedup: //' err)" ]
}

@test "without libcurl there is a warning and no lineage" {
    mkdir lib
    : >lib/libcurl.so.4
    : >lib/libcurl-gnutls.so.4
    LD_LIBRARY_PATH=$PWD/lib assert_exit 0 \
        pipe-dedup -k id --lineage http://127.0.0.1:9 <in.ndjson
    [ "$(wc -l <out)" = 3 ]
    grep -q "lineage is not sent .*: libcurl is not installed: .* package libcurl4" err
}

@test "a key that is no header is not sent, and not shown" {
    serve
    OPENLINEAGE_API_KEY=$'s3cret\r\nX-Other: 1' assert_exit 0 \
        pipe-dedup -k id --lineage "$url" <in.ndjson
    grep -q 'API key is not printable ASCII' err
    hides s3cret err
    [ ! -e srv/heads ]
}

@test "passwords in a URL are refused, by option and by variable, and not shown" {
    local to
    for to in http://ann:s3cret@h/ https://s3cret@h:1/x; do
        assert_exit 64 pipe-dedup -k id --lineage $to <in.ndjson
        grep -q OPENLINEAGE_API_KEY err
        hides s3cret err
        OPENLINEAGE_URL=$to assert_exit 64 pipe-dedup -k id <in.ndjson
        hides s3cret err
    done
    # Nor does a target's end up in an event.
    pipe-load 'postgres://ann:s3cret@h/db?password=s3cret' -t t --mode append \
        --lineage e <in.ndjson || true
    [ -s e ]
    hides s3cret e
}

@test "what is neither a file nor a server is refused" {
    local to
    for to in ftp://h/x kafka://h/x http:// http:///x file: ''; do
        assert_exit 64 pipe-dedup -k id --lineage "$to" <in.ndjson
        grep -q lineage err
        assert_file out ''
    done
    assert_exit 64 pipe-dedup -k id --metrics '' <in.ndjson
    assert_exit 64 pipe-dedup -k id --metrics 'm-{date}' <in.ndjson
    assert_exit 64 pipe-dedup -k id --pipeline ../x --metrics m <in.ndjson
    OPENLINEAGE_URL=h:80 assert_exit 64 pipe-dedup -k id <in.ndjson
}
