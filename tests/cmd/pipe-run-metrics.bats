#!/usr/bin/env bats
# shellcheck disable=SC2016 # lines are for the shell of pipe-run
# Metrics of a run as a whole, what is usual, and what a run costs.
load ../helper

LOAD='pipe-load sqlite:t.db -t t --mode append --create'

setup() {
    pipe_setup
    export PIPE_METRICS=metrics PIPE_CONFIG=conf
    mkdir conf
    make_orders 500 >in.ndjson
}

# sample METRIC [LABEL=VALUE...] [<FILE]: of the run's file.
sample() {
    local name=$1 label line
    shift
    grep "^${name}[{ ]" metrics/p.pipe-run.prom | while read -r line; do
        for label; do
            [[ $line == *"${label%%=*}=\"${label#*=}\""* ]] || continue 2
        done
        echo "${line##* }"
    done
}

runs() { sample pipeline_runs_total outcome="$1"; }

# load ROWS: a run that loads so many new rows.
load_rows() {
    make_orders "$1" $((++begun * 100000)) >in.ndjson
    pipe-run --pipeline p -- "pipe-extract in.ndjson | $LOAD"
}

@test "while a run is under way its metrics say since when" {
    pipe-run --pipeline p -- 'cp metrics/p.pipe-run.prom during
        pipe-extract in.ndjson | '"$LOAD"
    local since
    since=$(sed -n 's/^pipeline_running_since.* //p' during)
    (($(date +%s) - since < 60))
    grep -q '^pipeline_runs_total.*outcome="failed"} 0$' during
    ! grep pipeline_last_run_success during || fail "there was none"
    [ "$(sample pipeline_running_since_timestamp_seconds)" = 0 ]
    [ "$(sample pipeline_last_run_success)" = 1 ]
    [ "$(sample pipeline_last_rows)" = 500 ]
    [ "$(sample pipeline_rows_loaded_total)" = 500 ]
    [ "$(sample pipeline_run_duration_seconds_count)" = 1 ]
    [ "$(runs ok)" = 1 ]
}

@test "each record enters once, also where a loader has given up its stdin" {
    pipe-run --pipeline p -- "pipe-extract in.ndjson | pipe-dedup -k id | $LOAD"
    grep -h '^pipeline_records_total' metrics/*.prom | sort >have
    assert_file have 'pipeline_records_total{pipeline="p",stage="pipe-dedup"} 0
pipeline_records_total{pipeline="p",stage="pipe-extract"} 500
pipeline_records_total{pipeline="p",stage="pipe-load"} 0'
}

@test "a run that was killed is still under way, until the next one has ended" {
    pipe-run --pipeline p -- 'sleep 60' 3>&- &
    local pid=$!
    within 10 test -s metrics/p.pipe-run.prom
    kill -KILL $pid
    wait $pid || true
    (($(sample pipeline_running_since_timestamp_seconds) > 1000000000))
    pipe-run --pipeline p --lock-wait 10s -- "pipe-extract in.ndjson | $LOAD"
    [ "$(sample pipeline_running_since_timestamp_seconds)" = 0 ]
}

@test "a run that fails leaves what was good, and is counted by its outcome" {
    load_rows 100
    local last
    last=$(sample pipeline_last_success_timestamp_seconds stage=pipe-run)
    assert_exit 9 pipe-run --pipeline p -- 'exit 9'
    assert_exit 75 pipe-run --pipeline p --timeout 100ms -- 'sleep 5'
    [ "$(runs ok) $(runs failed) $(runs timeout)" = '1 1 1' ]
    [ "$(sample pipeline_last_run_success)" = 0 ]
    [ "$(sample pipeline_last_rows)" = 100 ]
    [ "$(sample pipeline_rows_loaded_total)" = 100 ]
    [ "$(sample pipeline_last_success_timestamp_seconds)" = "$last" ]
}

@test "a run that is refused by its lock or its breaker is counted as that" {
    pipe-run --pipeline p --breaker b --breaker-failures 1 -- 'exit 75' || true
    assert_exit 69 pipe-run --pipeline p --breaker b -- true
    [ "$(runs open)" = 1 ]
    mkdir -p state/lock
    flock state/lock/p "$BIN_DIR/pipe-run" --pipeline p -- true 2>err || true
    [ "$(runs busy)" = 1 ]
    [ "$(runs failed) $(runs ok)" = '1 0' ]
    [ "$(sample pipeline_running_since_timestamp_seconds)" = 0 ]
}

@test "what is usual is the median of the last runs that loaded something" {
    local n
    for n in 100 900; do
        load_rows $n
    done
    # Nothing new, and a failure: neither is usual.
    pipe-run --pipeline p -- "pipe-extract in.ndjson | $LOAD" 2>/dev/null
    pipe-run --pipeline p -- false || true
    [ -z "$(sample pipeline_baseline_rows)" ]
    load_rows 200
    load_rows 10
    [ "$(sample pipeline_baseline_rows)" = 200 ]
    awk -v s="$(sample pipeline_baseline_duration_seconds)" \
        'BEGIN { exit !(s > 0 && s < 60) }'
    load_rows 10
    [ "$(sample pipeline_baseline_rows)" = 150 ]
    # What another pipeline does is no matter.
    for n in 1 2 3; do
        pipe-run --pipeline pp -- "pipe-extract in.ndjson | cat" >/dev/null
    done
    [ "$(sample pipeline_baseline_rows)" = 150 ]
}

@test "what is declared goes before what is usual, and goes when it is not declared" {
    echo '{"schedule":"0 0 1 1 *","tz":"UTC","sla":"4h","freshness":"26h",
        "expected":{"rows":1000,"duration":"10m"}}' >conf/p.json
    load_rows 100
    [ "$(sample pipeline_expected_rows)" = 1000 ]
    [ "$(sample pipeline_baseline_rows)" = 1000 ]
    [ "$(sample pipeline_baseline_duration_seconds)" = 600 ]
    [ "$(sample pipeline_freshness_seconds)" = 93600 ]
    [ "$(sample pipeline_sla_seconds)" = 14400 ]
    local next
    next=$(date -u -d "$(date -u -d '+1 year' +%Y)-01-01 04:00" +%s)
    [ "$(sample pipeline_sla_deadline_timestamp_seconds)" = "$next" ]
    rm conf/p.json
    load_rows 100
    [ -z "$(sample pipeline_expected_rows)$(sample pipeline_sla_seconds)" ]
    [ -z "$(sample pipeline_sla_deadline_timestamp_seconds)" ]
}

@test "a run that fails for the moment that is due leaves its deadline" {
    echo '{"schedule":"0 0 1 1 *","sla":"4h"}' >conf/p.json
    pipe-run --pipeline p -- false || true
    local due
    due=$(date -u -d "$(date -u +%Y)-01-01 04:00" +%s)
    [ "$(sample pipeline_sla_deadline_timestamp_seconds)" = "$due" ]
    load_rows 10
    (($(sample pipeline_sla_deadline_timestamp_seconds) > due))
}

@test "cost is what was used by its price, in the record and in the metrics" {
    echo '{"cpu_hour":3600,"currency":"EUR"}' >price.json
    echo '{"price":{"gib_out":1,"currency":"USD"}}' >conf/p.json
    pipe-run --pipeline p --price price.json -- "pipe-extract in.ndjson | $LOAD"
    jq -e '.currency == "EUR" and
        (.cost - .cpu_seconds | fabs) < 0.001' state/runs.ndjson
    [ "$(jq '.cost * 1000 | round' state/runs.ndjson)" = "$(
        sample pipeline_cost_total currency=EUR |
            awk '{ printf "%.0f\n", $1 * 1000 }')" ]
    # Without --price those of the pipeline's file.
    make_orders 10 1000 >in.ndjson
    pipe-run --pipeline p -- "pipe-extract in.ndjson | $LOAD"
    tail -n 1 state/runs.ndjson | jq -e '.currency == "USD" and
        (.cost - .bytes_out / 1073741824 | fabs) < 1e-12'
    rm conf/p.json
    pipe-run --pipeline q -- true
    tail -n 1 state/runs.ndjson | jq -e 'has("cost") | not'
}

@test "memory costs as long as it is held" {
    echo '{"gib_hour":3600,"currency":"EUR"}' >price.json
    pipe-run --pipeline p --price price.json -- "pipe-extract in.ndjson |
        { cat; sleep 1; } | $LOAD"
    jq -e '([.stages[] | .peak_memory * .seconds] | add / 1073741824) as $held |
        (.peak_memory * .seconds / 1073741824) as $largest |
        (.cost - ([$held, $largest] | max) | fabs) < 1e-6 and .cost > 0' \
        state/runs.ndjson
}

@test "a price file that is not there or wrong is refused before anything runs" {
    assert_exit 66 pipe-run --price none.json -- 'touch ran'
    grep -q none.json err
    local bad
    for bad in '{"cpu_hours":1}' '{"cpu_hour":"1"}' '{"cpu_hour":1' '[1]' \
        '{"cpu_hour":1},"owner":"x"' '{"cpu_hour":-1}' ''; do
        echo "$bad" >price.json
        assert_exit 78 pipe-run --price price.json -- 'touch ran'
        grep -q "price.json" err || fail "$bad" "$(<err)"
    done
    [ ! -e ran ]
}

@test "metrics that cannot be written are a warning, and the run is good" {
    : >file
    PIPE_METRICS=file/x assert_exit 0 pipe-run --pipeline p -- \
        "pipe-extract in.ndjson | $LOAD"
    grep -q '^pipe-run: metrics are not written: ' err
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 500 ]
    assert_exit 64 pipe-run --metrics ftp://h/ -- true
    assert_exit 64 pipe-run --metrics http://u:s3cret@h/ -- true
    ! grep s3cret err || fail "a secret is shown"
}

@test "a stream's metrics are there before its end, and each count once" {
    mkfifo in
    pipe-dedup -k id --metrics-every 100ms <in >out 3>&- &
    local pid=$!
    exec 7>in
    make_orders 30 >&7
    sleep 0.2
    make_orders 1 1000 >&7
    within 10 grep -q 'outcome="out"} 3[01]$' metrics/pipe-dedup.prom
    ! grep pipeline_runs_total metrics/pipe-dedup.prom || fail "it has not ended"
    make_orders 5 >&7
    exec 7>&-
    wait $pid
    grep -q 'outcome="out"} 31$' metrics/pipe-dedup.prom
    grep -q 'outcome="duplicate"} 5$' metrics/pipe-dedup.prom
    grep -q '^pipeline_records_total.* 36$' metrics/pipe-dedup.prom
    grep -q '^pipeline_runs_total.*success"} 1$' metrics/pipe-dedup.prom
}

@test "latency is how old an event is, whatever its time is written in" {
    local now
    now=$(date +%s)
    printf '{"id":%d,"t":%s}\n' 1 "\"$(date -u -d @$((now - 100)) +%FT%TZ)\"" \
        2 "\"$(date -u -d @$((now - 1000)) +%FT%TZ)\"" 3 "\"no time\"" >in.ndjson
    pipe-run --pipeline p -- "pipe-extract in.ndjson | $LOAD --latency-field t"
    local f=metrics/p.pipe-load.prom m=pipeline_processing_latency_seconds
    grep -q "^${m}_count.* 2$" $f
    grep -q "^${m}_bucket.*le=\"60\"} 0$" $f
    grep -q "^${m}_bucket.*le=\"300\"} 1$" $f
    grep -q "^${m}_bucket.*le=\"3600\"} 2$" $f
    printf '{"id":%d,"e":{"ts_ms":%s}}\n' 4 $((now * 1000 - 100000)) 5 $((now - 100)) \
        6 $((now * 1000000 - 100000000)) >in.ndjson
    pipe-run --pipeline q -- "pipe-extract in.ndjson |
        pipe-load sqlite:u.db -t t --mode append --create --latency-field e.ts_ms"
    f=metrics/q.pipe-load.prom
    grep -q "^${m}_bucket.*le=\"60\"} 0$" $f
    grep -q "^${m}_bucket.*le=\"300\"} 3$" $f
}

@test "the gate's baseline is exported beside its value" {
    local i
    for i in 1 2 3 4; do
        head -n $((100 * i)) in.ndjson |
            pipe-validate --baseline b.ndjson --date 2026-01-0$i -q \
                --expect 'r: rows within 900% of baseline' >/dev/null
    done
    grep -q '^pipeline_quality_baseline.*gate="r"} 200$' metrics/pipe-validate.prom
    grep -q '^pipeline_quality_value.*gate="r"} 400$' metrics/pipe-validate.prom
}
