#!/usr/bin/env bats
# shellcheck disable=SC2016 # lines are for the shell of pipe-run
# Metrics all the way: real runs, a real Pushgateway, a real Prometheus that
# scrapes it and has the shipped rules and the dashboard's expressions.
load ../helper

SHARE=$REPO/scripts/share
LOAD='pipe-load sqlite:t.db -t t --mode append --create'

# launch NAME PORT COMMAND...: a server of the file's own.
launch() {
    local name=$1 port=$2
    shift 2
    "$@" >"$BATS_FILE_TMPDIR/$name.log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/$name.pid"
    within 20 answers "$port" $!
}

answers() { # PORT PID
    kill -0 "$2" && curl -sf -o /dev/null "http://127.0.0.1:$1/-/ready"
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)); do
        (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

start_gateway() {
    launch gateway "$PUSH_PORT" prometheus-pushgateway \
        --web.listen-address="127.0.0.1:$PUSH_PORT"
}

start_prometheus() {
    local dir=$BATS_FILE_TMPDIR/prometheus
    mkdir -p "$dir"
    # Times of minutes would be waited for: here they are seconds.
    sed -E 's/\bfor: .*/for: 1s/' "$SHARE/prometheus/alerts.yml" >"$dir/alerts.yml"
    cat >"$dir/prometheus.yml" <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [alerts.yml]
scrape_configs:
  - job_name: push
    honor_labels: true
    static_configs: [ { targets: ["127.0.0.1:$PUSH_PORT"] } ]
END
    launch prometheus "$PROM_PORT" prometheus --config.file="$dir/prometheus.yml" \
        --storage.tsdb.path="$dir/data" \
        --web.listen-address="127.0.0.1:$PROM_PORT"
}

setup_file() {
    command -v prometheus-pushgateway prometheus curl >/dev/null || return 0
    export PUSH_PORT PROM_PORT
    PUSH_PORT=$(free_port)
    start_gateway
    PROM_PORT=$(free_port)
    start_prometheus
}

end() { # NAME
    [ ! -e "$BATS_FILE_TMPDIR/$1.pid" ] ||
        kill "$(<"$BATS_FILE_TMPDIR/$1.pid")" 2>/dev/null || true
}

teardown_file() {
    end prometheus
    end gateway
}

setup() {
    pipe_setup
    need_command prometheus-pushgateway prometheus curl python3
    P=p$BATS_TEST_NUMBER
    export PIPE_PIPELINE=$P PIPE_METRICS=http://127.0.0.1:$PUSH_PORT
    make_orders 500 >in.ndjson
    server=
}

teardown() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
}

# pushed METRIC [LABEL=VALUE...]: what the gateway has of the test's pipeline.
pushed() {
    local name=$1 label line
    shift
    curl -sf "http://127.0.0.1:$PUSH_PORT/metrics" | grep "^${name}{.*pipeline=\"$P\"" |
        while read -r line; do
            for label; do
                [[ $line == *"${label%%=*}=\"${label#*=}\""* ]] || continue 2
            done
            echo "${line##* }"
        done
}

# query PROMQL: the values that Prometheus has, one a line.
query() {
    curl -sf "http://127.0.0.1:$PROM_PORT/api/v1/query" --data-urlencode "query=$1" |
        jq -r 'if .status == "success" then .data.result[].value[1] else error end'
}

is() { # VALUE PROMQL
    [ "$(query "$2")" = "$1" ]
}

firing() { # ALERT
    [ -n "$(query "ALERTS{alertstate=\"firing\",alertname=\"$1\",pipeline=\"$P\"}")" ]
}

@test "what runs push adds up, in one group of the pipeline" {
    local i
    for i in 1 2 3; do
        make_orders 100 $((i * 1000)) >in.ndjson
        pipe-run -- "pipe-extract in.ndjson | pipe-dedup -k id | $LOAD"
    done
    [ "$(pushed pipeline_rows_loaded_total)" = 300 ]
    [ "$(pushed pipeline_records_total stage=pipe-extract)" = 300 ]
    [ "$(pushed pipeline_runs_total stage=pipe-dedup status=success)" = 3 ]
    [ "$(pushed pipeline_runs_total outcome=ok)" = 3 ]
    [ "$(pushed pipeline_run_duration_seconds_count)" = 3 ]
    curl -sf "http://127.0.0.1:$PUSH_PORT/metrics" |
        grep "pipeline=\"$P\"" | grep -oE '(instance|job)="[^"]*"' | sort -u >labels
    assert_file labels "instance=\"$(uname -n)\"
job=\"$P\""
    # The totals outlive the gateway.
    end gateway
    within 10 eval '! answers $PUSH_PORT $(<"$BATS_FILE_TMPDIR/gateway.pid") 2>/dev/null'
    start_gateway
    make_orders 100 9000 >in.ndjson
    pipe-run -- "pipe-extract in.ndjson | $LOAD"
    [ "$(pushed pipeline_rows_loaded_total)" = 400 ]
}

@test "stages without pipe-run push themselves, all of them, and lose nothing" {
    pipe-extract in.ndjson | pipe-transform --where true |
        pipe-dedup -k customer >out
    [ "$(pushed pipeline_records_total stage=pipe-extract)" = 500 ]
    [ "$(pushed pipeline_stage_records_total stage=pipe-transform outcome=out)" = 500 ]
    [ "$(pushed pipeline_stage_records_total stage=pipe-dedup outcome=duplicate)" = 493 ]
}

@test "a group of one's own is taken as it is, and what is refused is a warning" {
    local url=http://127.0.0.1:$PUSH_PORT/metrics/job/mine/instance/here/zone/a
    pipe-dedup -k id --metrics "$url" <in.ndjson >out
    pushed pipeline_records_total job=mine instance=here zone=a >have
    assert_file have 500
    assert_exit 0 pipe-dedup -k id --metrics "${url}/odd" <in.ndjson
    grep -q "^pipe-dedup: metrics are not sent to '.*/zone/a/odd': HTTP status 4" err
    [ "$(wc -l <out)" = 500 ]
}

@test "a gateway that hangs, refuses or is not there fails no run and holds none up" {
    local port start
    port=$(free_port)
    # Takes connections and says nothing.
    python3 -c "import socket, time
s = socket.socket(); s.bind(('127.0.0.1', $port)); s.listen(50); time.sleep(60)" 3>&- &
    server=$!
    within 10 eval '(: >/dev/tcp/127.0.0.1/'"$port"') 2>/dev/null'
    start=$SECONDS
    PIPE_METRICS=http://127.0.0.1:$port assert_exit 0 pipe-dedup -k id <in.ndjson
    ((SECONDS - start <= 8)) || fail "took $((SECONDS - start)) s"
    [ "$(wc -l <out)" = 500 ]
    grep -q "metrics are not sent to 'http://127.0.0.1:$port/.*timed out" err
    # Four at once do not wait for each other's turns one after the other.
    start=$SECONDS
    PIPE_METRICS=http://127.0.0.1:$port bash -c 'pipe-extract in.ndjson |
        pipe-transform --where true | pipe-transform --where true |
        pipe-dedup -k id' >out 2>err
    ((SECONDS - start <= 16)) || fail "took $((SECONDS - start)) s"
    [ "$(wc -l <out)" = 500 ]
    PIPE_METRICS=http://127.0.0.1:1 assert_exit 0 pipe-run -- \
        "pipe-extract in.ndjson | $LOAD"
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 500 ]
    [ "$(grep -c "metrics are not sent" err)" = 2 ]
}

@test "the token goes along and is never shown" {
    need_command perl
    mkdir srv
    "$REPO/tests/lib/eventd" srv 401 3>&- >/dev/null 2>&1 &
    server=$!
    within 10 test -s srv/port
    PIPE_METRICS_TOKEN=s3cret PIPE_METRICS=http://127.0.0.1:$(<srv/port) \
        assert_exit 0 pipe-dedup -k id <in.ndjson
    grep -q "HTTP status 401" err
    ! grep s3cret err || fail "a secret is shown"
    grep -q '^Authorization: Bearer s3cret.$' srv/heads
    grep -q "^PUT /metrics/job/$P/instance/.* HTTP" srv/heads
}

@test "Prometheus has what runs have counted, and its rules say what went wrong" {
    mkdir conf
    export PIPE_CONFIG=conf
    echo '{"freshness":"1d","expected":{"rows":1000,"duration":"1h"}}' >conf/$P.json
    echo '{"properties":{"id":{"maximum":450}}}' >s.json
    # Counters are there before they step.
    pipe-run -- 'pipe-extract /dev/null | pipe-validate -s s.json --dlq none -q |
        cat >/dev/null'
    within 20 is 0 "sum(pipeline_errors_total{pipeline=\"$P\"})"
    sleep 2
    pipe-run -- "pipe-extract in.ndjson |
        pipe-validate -s s.json --dlq none --max-reject 50 -q | $LOAD"
    within 20 is 50 "sum(pipeline_errors_total{pipeline=\"$P\"})"
    is 500 "sum(pipeline_records_total{pipeline=\"$P\"})"
    is 450 "pipeline_last_rows{pipeline=\"$P\"}"
    # 50 of 500 are rejected, 450 of 1000 rows came, the score is 0.9.
    within 30 firing PipelineRunErrors
    [ -n "$(query 'ALERTS{alertname="PipelineErrorRate",alertstate="firing"}')" ]
    within 30 firing PipelineVolume
    within 30 firing PipelineVolumeLow
    within 30 firing PipelineQualityScore
    ! firing PipelineFailed || fail "PipelineFailed fires"
    ! firing PipelineStale || fail "PipelineStale fires"
    ! firing PipelineSlow || fail "PipelineSlow fires"
    pipe-run -- false || true
    within 30 firing PipelineFailed
}

@test "every expression of the dashboard is answered" {
    jq -r '.. | objects | select(has("refId")) | .expr? // empty' \
        "$SHARE/grafana/pipeutils.json" >exprs
    (($(wc -l <exprs) >= 30))
    pipe-run -- "pipe-extract in.ndjson | $LOAD"
    within 20 is 500 "pipeline_last_rows{pipeline=\"$P\"}"
    local expr
    while IFS= read -r expr; do
        expr=${expr//'$pipeline'/$P}
        expr=${expr//'$__rate_interval'/1m}
        query "$expr" >result || fail "$expr"
    done <exprs
    # And with something, where a run has it.
    is 1 "min by (pipeline) (pipeline_last_run_success{pipeline=~\"$P\"})"
}
