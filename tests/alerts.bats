#!/usr/bin/env bats
# The alert rules and the dashboard that are shipped: rules that say when they
# fire, and nothing that asks for a metric which is not exported.
load helper

SHARE=$REPO/scripts/share

setup() {
    pipe_setup
    cp "$SHARE"/prometheus/*.yml .
}

# The names of all metrics in PromQL on stdin, one a line. What is in braces and
# quotes is no name.
metric_names() {
    grep -oE '\bpipeline_[a-z_]+' | sort -u
}

# The names of the metrics that the manual lists.
listed_names() {
    sed -n '/^\.Sh METRICS/,/^\.Sh LINEAGE/p' "$REPO/man/pipeutils.7.in" |
        sed -n 's/^\.It Cm \(pipeline_[a-z_]*\).*/\1/p' | sort -u
}

# Fails for names on stdin that the manual does not list; a histogram has three.
all_listed() {
    sed -E 's/_(bucket|sum|count)$//' | sort -u |
        comm -23 - <(listed_names) >unlisted
    [ ! -s unlisted ] || fail "not in METRICS of pipeutils(7):" "$(<unlisted)"
}

@test "every rule is silent just below its threshold and fires just above" {
    need_command promtool
    promtool check rules alerts.yml
    promtool test rules alerts_test.yml alerts_day_test.yml
}

# failing FILTER: which alerts the cases miss, or have beyond what they want, with
# rules that the awk program FILTER has made others.
failing() {
    awk "$1" good.yml >alerts.yml
    ! cmp -s good.yml alerts.yml || fail "nothing was changed"
    ! promtool test rules alerts_test.yml alerts_day_test.yml >log 2>&1 || return 0
    grep -oE 'alertname="[A-Za-z]*"' log | cut -d'"' -f2 | sort | uniq -c |
        awk '{ print $2 }'
}

@test "no threshold can be moved, and no rule delayed, without a case that fails" {
    need_command promtool
    local parity by thresholds
    cp alerts.yml good.yml
    # What stands behind a comparison at the end of a line; of two that follow
    # each other, as in rules of two halves, one at a time.
    thresholds='match($0, /[<>] [0-9.]+( \*.*)?$/) { n++
        if (n % 2 == parity) {
            v = substr($0, RSTART + 2); sub(/ .*/, "", v)
            to = v == 0 ? 2 * by : v * (1 + by / 50)
            $0 = substr($0, 1, RSTART + 1) sprintf("%.10g", to) \
                substr($0, RSTART + 2 + length(v))
            print alert >"/dev/stderr" } }
        /alert:/ { alert = $NF } { print }'
    for parity in 0 1; do
        for by in -1 1; do
            failing "BEGIN { parity = $parity; by = $by } $thresholds" \
                2>moved >found
            sort -u moved >want
            (($(wc -l <want) >= 7)) || fail "$(cat want)"
            comm -23 want found >missed
            [ ! -s missed ] || fail "moved by $by, and nothing fails:" "$(<missed)"
        done
    done
    failing '/alert:/ { alert = $NF }
        /^        for:/ { print "        for: 2h"; print alert >"/dev/stderr"; next }
        { print }' 2>moved >found
    (($(wc -l <moved) == 4))
    comm -23 <(sort -u moved) found >missed
    [ ! -s missed ] || fail "delayed, and nothing fails:" "$(<missed)"
}

@test "every rule has a severity, a summary, a description and its place in the runbook" {
    local name
    grep -oE 'alert: .*' alerts.yml | cut -d' ' -f2 >names
    [ "$(sort -u names | wc -l)" = "$(wc -l <names)" ]
    while read -r name; do
        sed -n "/alert: $name\$/,/runbook:/p" alerts.yml >rule
        grep -qE 'severity: (warning|critical)$' rule || fail "$name: severity"
        grep -q '^          summary: .' rule || fail "$name: summary"
        grep -q '^          description: .' rule || fail "$name: description"
        grep -qF "runbook: \"man:pipeutils-runbook(7)#$name\"" rule ||
            fail "$name: runbook"
        grep -q "^\.It Cm $name\$" "$REPO/man/pipeutils.7.in" ||
            fail "$name is not in the manual"
    done <names
}

@test "the two rules that people write first are there to the letter" {
    grep -A1 -F 'expr: sum(rate(pipeline_errors_total[5m])) / sum(rate(pipeline_records_total[5m])) > 0.01' \
        alerts.yml | grep -q 'for: 5m'
    grep -A1 -F 'expr: pipeline_consumer_lag > 100000' alerts.yml |
        grep -q 'for: 10m'
}

@test "rules and dashboard ask only for metrics that the manual lists" {
    grep -E 'expr|^          ' alerts.yml | metric_names >names
    (($(wc -l <names) >= 15))
    all_listed <names
    jq -r '.. | .expr? // empty' "$SHARE/grafana/pipeutils.json" |
        metric_names >names
    (($(wc -l <names) >= 15))
    all_listed <names
}

@test "runs export every metric that the manual lists, and no other" {
    export PIPE_METRICS=metrics
    make_orders 200 >in.ndjson
    echo '{"properties":{"id":{"maximum":199}}}' >s.json
    mkdir conf
    echo '{"schedule":"@daily","sla":"4h","freshness":"1d",
        "expected":{"rows":200,"duration":"1h"},
        "price":{"cpu_hour":1,"currency":"EUR"}}' >conf/p.json
    local i
    # Baselines are there from the third run on.
    for i in 1 2 3 4; do
        pipe-run --pipeline p --config conf --date "2026-01-0$i" -- "
            pipe-extract in.ndjson |
            pipe-validate -s s.json --dlq dlq.ndjson --max-reject 5 -q \
                --baseline base.json \
                --expect 'r: rows within 30% of baseline' |
            pipe-load sqlite:t.db -t t --mode replace --partition d={date} \
                --create --latency-field date"
    done
    cat metrics/*.prom | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' | sort -u >have
    # What takes a server or a dead letter queue is tested where these are.
    listed_names | grep -vE '^pipeline_(consumer_lag|dlq_.*)$' >want
    diff want have
}

@test "the dashboard can be imported" {
    jq -e '.title and .uid and (.panels | length > 10) and
        (.templating.list | map(.name) | contains(["datasource", "pipeline"])) and
        ([.panels[].id] | length == (unique | length)) and
        (.panels | all(.title and .type and .gridPos)) and
        ([.panels[] | select(.type != "row")] |
            all(.targets | length > 0 and all(.expr and .refId))) and
        ([.panels[] | select(.type != "row") | .datasource.uid] |
            all(. == "${datasource}"))' "$SHARE/grafana/pipeutils.json"
    # No panel lies over another one.
    jq -e '[.panels[].gridPos] | . as $p | [range(length)] | all(. as $i |
        [range($i)] | all(. as $j | $p[$i] as $a | $p[$j] as $b |
            $a.x + $a.w <= $b.x or $b.x + $b.w <= $a.x or
            $a.y + $a.h <= $b.y or $b.y + $b.h <= $a.y)) and
        all($p[]; .x + .w <= 24)' "$SHARE/grafana/pipeutils.json"
}

@test "every expression of the dashboard is PromQL" {
    need_command promtool
    # As rules, which promtool reads.
    jq '{groups: [{name: "dashboard", rules: [.. | objects |
        select(has("refId") and has("expr")) | .expr |
        gsub("[$]pipeline"; ".*") | gsub("[$]__rate_interval"; "1m") |
        {record: "x", expr: .}] | to_entries |
        map(.value.record = "x:\(.key)" | .value)}]}' \
        "$SHARE/grafana/pipeutils.json" >rules.yml
    (($(grep -c '"expr"' rules.yml) >= 30))
    promtool check rules rules.yml
    sed 's/sum by (pipeline) (/sum by (pipeline) ((/' rules.yml >bad.yml
    ! promtool check rules bad.yml 2>/dev/null || fail "what is wrong passes"
}
