#!/usr/bin/env bats
# pipe-report impact: what a dataset or a column has reached, by the events of
# our runs and those of others.
load ../helper

setup() {
    pipe_setup
    export PIPE_LINEAGE=$PWD/events.ndjson
    printf 'id,amount,note\n1,2.5,x\n2,3,y\n' >orders.csv
    pipe-run --pipeline orders -- 'pipe-extract orders.csv |
        pipe-transform --cast amount=number --set "day='\''d'\''" |
        pipe-load sqlite:shop.db -t orders --mode append --create'
    pipe-run --pipeline daily -- 'pipe-extract sqlite:shop.db --table orders |
        pipe-aggregate -g day -a "total=sum(amount)" -o daily.ndjson'
    unset PIPE_LINEAGE
    events=$PWD/events.ndjson
}

# impact ARGUMENT...: as text.
impact() {
    pipe-report impact --lineage "$events" --format text "$@"
}

# others EVENT...: adds events of another maker, "JOB INPUT OUTPUT [RUN [TYPE]]".
others() {
    local event job in out run type
    for event; do
        read -r job in out run type <<<"$event"
        jq -nc --arg j "$job" --arg i "$in" --arg o "$out" \
            --arg r "${run:-$job}" --arg t "${type:-COMPLETE}" '
            {eventType: $t, eventTime: "2026-01-02T00:00:00+01:00",
             producer: "https://example.org/dbt",
             run: {runId: $r}, job: {namespace: "dbt", name: $j},
             inputs: [{namespace: "file", name: $i}],
             outputs: [{namespace: "warehouse", name: $o}]}' >>events.ndjson
    done
}

@test "a source leads to the table and, in another pipeline, to the file" {
    impact orders.csv >out
    assert_file out "$PWD/orders.csv
  sqlite://$PWD/shop.db#orders (orders)
    $PWD/daily.ndjson (daily)"
    impact --upstream daily.ndjson >out
    assert_file out "$PWD/daily.ndjson
  sqlite://$PWD/shop.db#orders (daily)
    $PWD/orders.csv (orders)"
}

@test "a column is followed exactly, a key to whole records" {
    impact orders.csv.amount >out
    assert_file out "$PWD/orders.csv.amount
  sqlite://$PWD/shop.db#orders.amount (orders, TRANSFORMATION)
    $PWD/daily.ndjson.total (daily, AGGREGATION)"
    impact orders.csv.note >out
    assert_file out "$PWD/orders.csv.note
  sqlite://$PWD/shop.db#orders.note (orders, IDENTITY)"
    impact orders.day >out
    assert_file out "sqlite://$PWD/shop.db#orders.day
  $PWD/daily.ndjson.day (daily, IDENTITY)
  $PWD/daily.ndjson (daily, decides about records: GROUP_BY)"
    impact -u daily.ndjson.total >out
    assert_file out "$PWD/daily.ndjson.total
  sqlite://$PWD/shop.db#orders.amount (daily, AGGREGATION)
    $PWD/orders.csv.amount (orders, TRANSFORMATION)
  sqlite://$PWD/shop.db#orders.day (daily, decides about records: GROUP_BY)"
}

@test "a dataset has the names that people give it" {
    local name
    for name in orders "sqlite:shop.db#orders" "sqlite:$PWD/shop.db#orders" \
        "sqlite://$PWD/shop.db#orders"; do
        impact "$name" >out
        [ "$(head -n 1 out)" = "sqlite://$PWD/shop.db#orders" ] || fail "$name"
    done
    for name in orders.csv ./orders.csv "$PWD/orders.csv" "file:orders.csv"; do
        impact "$name" >out
        [ "$(head -n 1 out)" = "$PWD/orders.csv" ] || fail "$name"
    done
    others "report $PWD/daily.ndjson shop.public.daily"
    impact public.daily | head -n 1 >out
    assert_file out 'warehouse#shop.public.daily'
}

@test "a name of several is refused, and they are listed" {
    others "a $PWD/daily.ndjson one.sales" "b $PWD/daily.ndjson two.sales"
    assert_exit 64 impact sales
    assert_file err "pipe-report: 'sales' may be one of 2 datasets: warehouse#one.sales, warehouse#two.sales"
    assert_exit 0 impact one.sales
}

@test "an unknown name is exit 66, with those that are alike" {
    assert_exit 66 impact ordrs
    grep -qF "no job's last run names a dataset 'ordrs'; there is " err
    grep -qF "#orders" err
    # A field that no event names may be in some record all the same.
    assert_exit 0 impact orders.csv.amuont
    assert_file err "pipe-report: no event names a column 'amuont' of 'orders.csv'; it goes where all others go"
    assert_exit 66 impact nothing.alike
    assert_file err "pipe-report: no job's last run names a dataset 'nothing.alike'"
    assert_exit 66 impact daily.ndjson.nope
    assert_file err "pipe-report: no event names a column 'nope' of '$PWD/daily.ndjson'"
    assert_exit 64 impact
    assert_exit 66 impact ''
}

@test "events of other makers count, and lead on where columns are unknown" {
    others "model $PWD/daily.ndjson sales"
    impact orders.csv.amount >out
    [ "$(tail -n 1 out)" = "      warehouse#sales (model, may reach: columns are not known)" ]
    impact -u sales.x >out
    [ "$(sed -n 2p out)" = "  $PWD/daily.ndjson (model, may reach: columns are not known)" ]
}

@test "of each job the latest good run counts; --since leaves out older ones" {
    others "model $PWD/orders.csv old 1" "model $PWD/orders.csv new 2" \
        "model $PWD/orders.csv bad 3 FAIL"
    impact orders.csv >out
    grep -q 'warehouse#new' out
    run ! grep -q 'warehouse#old\|warehouse#bad' out
    impact --since 2099-01-01 orders.csv >out 2>err && fail "$(<out)" || true
    grep -q 'last run names' err
    impact --since "$(date -u +%Y-01-01)" orders.csv >out
    ! grep -q 'warehouse#new' out || [ "$(date -u +%Y)" = 2026 ]
}

@test "circles end" {
    jq -nc '["a b", "b c", "c a"][] | split(" ") as [$i, $o] |
        {eventType: "COMPLETE", run: {runId: $i},
         job: {namespace: "n", name: ($i + $o)},
         inputs: [{namespace: "w", name: $i}],
         outputs: [{namespace: "w", name: $o}]}' >>events.ndjson
    impact 'w#a' >out
    assert_file out 'w#a
  w#b (ab)
    w#c (bc)
      w#a (ca), where it began'
}

@test "JSON has nodes and edges, and is what programs get" {
    pipe-report impact --lineage "$events" orders.csv.amount >out
    [ "$(jq -c '[.direction, .whole, (.nodes | map(.column)),
        (.edges | map([.from, .to, .job.name, .kind, .run, .reach]))]' out)" = \
        '["downstream",true,["amount","amount","total"],[[0,1,"orders","TRANSFORMATION","COMPLETE","exact"],[1,2,"daily","AGGREGATION","COMPLETE","exact"]]]' ]
    [ "$(wc -l <out)" = 1 ]
    run_in_pty "pipe-report impact --lineage $events orders.csv" | grep -q '(orders)'
}

@test "DOT is what Graphviz reads, whatever names have" {
    jq -nc '{eventType: "COMPLETE", run: {runId: "q"},
         job: {namespace: "n", name: "a\"b\\"},
         inputs: [{namespace: "file", name: "/x"}],
         outputs: [{namespace: "w", name: "new\nline\"]"}]}' >>events.ndjson
    pipe-report impact --lineage "$events" --format dot /x >out
    assert_file out 'digraph lineage {
  rankdir=LR;
  node [shape=box];
  n0 [label="/x", penwidth=2];
  n1 [label="w#new line\"]"];
  n0 -> n1 [label="a\"b\\", style=solid];
}'
    assert_exit 64 pipe-report history --format dot
}

@test "a torn line, an empty file and lines that are no events are passed over" {
    printf 'x\n{}\n[1]\n\n{"eventType":"COMPLETE","run":{"runId":"t"},"job":{"namespace":"n","name":"t"},"inputs":[{"namespace":"file","name":"%s/orders.csv"}],"outputs":[{"namespace":"w","na' "$PWD" >>events.ndjson
    impact orders.csv >out
    [ "$(wc -l <out)" = 3 ]
    # What is whole counts also without its line feed.
    printf 'me":"torn"}]}' >>events.ndjson
    impact orders.csv >out
    grep -q 'w#torn (t)' out
    : >empty
    assert_exit 66 pipe-report impact --lineage empty orders.csv
}

@test "without --lineage the events are those of the state directory" {
    assert_exit 66 pipe-report impact orders.csv
    grep -qF "$PIPE_STATE/lineage.ndjson" err
    cp events.ndjson "$PIPE_STATE/lineage.ndjson"
    assert_exit 0 pipe-report impact orders.csv
    PIPE_LINEAGE=$events assert_exit 0 pipe-report impact orders.csv
    assert_exit 64 pipe-report impact --lineage http://127.0.0.1:9/ orders.csv
}

@test "files of all days are read where their name has a date" {
    head -n 4 events.ndjson >e-2026-01-01.ndjson
    tail -n +5 events.ndjson >e-2026-01-02.ndjson
    pipe-report impact --lineage 'e-{date}.ndjson' --format text orders.csv >out
    impact orders.csv >want
    diff want out
}

@test "control bytes in names do not reach the terminal" {
    jq -nc '{eventType: "COMPLETE", run: {runId: "q"},
         job: {namespace: "n", name: "j"},
         inputs: [{namespace: "file", name: "/x"}],
         outputs: [{namespace: "w", name: "a\u001b[31mb"}]}' >>events.ndjson
    impact /x >out
    ! grep -q $'\033' out
}

@test "a big file of events takes bounded time and memory" {
    local n=50000
    awk -v n=$n 'BEGIN { for (i = 0; i < n; i++)
        printf "{\"eventType\":\"%s\",\"eventTime\":\"2026-01-01T00:00:%02dZ\"," \
            "\"run\":{\"runId\":\"r%d\"},\"job\":{\"namespace\":\"n\"," \
            "\"name\":\"j%d\"},\"inputs\":[{\"namespace\":\"w\",\"name\":\"d%d\"}]," \
            "\"outputs\":[{\"namespace\":\"w\",\"name\":\"d%d\"}]}\n",
            i % 2 ? "COMPLETE" : "START", i % 60, i / 2, i / 2 % 500,
            i / 2 % 500, i / 2 % 500 + 1 }' >many
    local start=${EPOCHREALTIME/./}
    # A sanitizer takes all addresses.
    ([ "$FLAVOUR" = asan ] || ulimit -v 1000000
        pipe-report impact --lineage many 'w#d0' >out)
    [ "$(jq '.nodes | length' out)" = 501 ]
    ((${EPOCHREALTIME/./} - start < 60000000))
}

# ours JOB INPUT OUTPUT: an event of a command that ran without pipe-run.
ours() {
    jq -nc --arg j "$1" --arg i "$2" --arg o "$3" '
        {eventType: "COMPLETE", eventTime: "2026-01-02T00:00:00Z",
         run: {runId: ("run-" + $j), facets: {pipeutils_run: {}}},
         job: {namespace: "default", name: $j},
         inputs: [{namespace: "w", name: $i}],
         outputs: [{namespace: "w", name: $o}]}' >>events.ndjson
}

@test "a stage that its pipeline covers is not told of beside it, but with -v" {
    ours sales.pipe-load a b
    ours sales a b
    impact 'w#a' >out
    assert_file out 'w#a
  w#b (sales)'
    impact -v 'w#a' 2>/dev/null >out
    [ "$(wc -l <out)" = 3 ]
    grep -q '(sales.pipe-load)' out
}

@test "a stage that reads or writes what its pipeline does not is told of" {
    ours sales a b
    ours sales.pipe-load a c
    ours sales.pipe-join x b
    ours sales.mart a b
    impact 'w#a' >out
    grep -q 'w#c (sales.pipe-load)' out
    grep -q '(sales.mart)' out
    impact 'w#x' >out
    grep -q 'w#b (sales.pipe-join)' out
}
