#!/usr/bin/env bats
# The shipped example of orchestration: make, cron, systemd and Airflow call the
# same steps, on a shop of generated orders and tickets, into SQLite.
load helper

example=$REPO/scripts/share/examples/customer-analytics
units=$REPO/scripts/share/systemd

setup() {
    pipe_setup
    need_command make
    cp -r "$example" analytics
    cd analytics || return 1
    mkdir inbox
    unset MAKEFLAGS MAKELEVEL
    export PATIENCE=10s NOTIFY='cat >>news.ndjson'
    new_warehouse
}

new_warehouse() {
    rm -f warehouse.db
    sqlite3 warehouse.db "CREATE TABLE crm (customer_id, segment);
        INSERT INTO crm VALUES ('C0000001', 'gold')"
}

# day DATE: what others bring of a day.
day() {
    "$REPO/scripts/gen-shop" -n 400 --bad 1 --date "$1" --days 1 \
        >"inbox/orders-$1.ndjson"
    "$REPO/scripts/gen-shop" -n 60 -t tickets --bad 1 --date "$1" --days 1 \
        >"inbox/tickets-$1.ndjson"
    pipe-run --pipeline crm --date "$1" -- true
}

# ok_runs DATE: names of the steps that ended well, one a run.
ok_runs() {
    jq -r "select(.date == \"$1\" and .outcome == \"ok\") | .pipeline |
        select(startswith(\"analytics-\"))[10:]" "$PIPE_STATE/runs.ndjson" |
        sort | paste -sd ' '
}

warehouse() {
    sqlite3 warehouse.db "$1"
}

# What is in the warehouse of a day; the same however often it was loaded.
contents() {
    for table in orders tickets customers; do
        warehouse "SELECT * FROM $table WHERE day = '$1' ORDER BY 1, 2, 3"
    done
}

@test "the whole graph: all steps once, and what comes out is right" {
    day 2026-01-05
    assert_exit 0 make -s -j4 DATE=2026-01-05
    [ ! -s err ] || fail "$(cat err)"
    [ "$(ok_runs 2026-01-05)" = 'customers escalate notify orders tickets verify' ]
    # By another way: jq over what was accepted.
    local total
    total=$(warehouse "SELECT sum(revenue) FROM customers")
    [ "$total" -eq "$(warehouse "SELECT sum(total_amount) FROM orders
        WHERE status <> 'cancelled'")" ]
    [ "$(warehouse 'SELECT sum(tickets) FROM customers')" -gt 0 ]
    [ "$(warehouse "SELECT segment FROM customers
        WHERE customer_id = 'C0000001'")" = gold ]
    [ "$(jq -r 'select(.news == "done") | .cents' news.ndjson)" = "$total" ]
    # The branch on a count was taken, once for each urgent ticket.
    [ "$(grep -c '"news":"urgent"' news.ndjson)" -eq \
        "$(warehouse "SELECT count(*) FROM tickets WHERE priority = 'urgent'")" ]
}

@test "given again it runs nothing and tells nobody twice" {
    day 2026-01-05
    make -s -j4 DATE=2026-01-05
    cp news.ndjson news.before
    before=$(wc -l <"$PIPE_STATE/runs.ndjson")
    rm -r inbox # taken away by now
    assert_exit 0 make -s -j4 DATE=2026-01-05
    [ "$(wc -l <"$PIPE_STATE/runs.ndjson")" -eq "$before" ]
    cmp news.ndjson news.before
}

@test "AGAIN=1 runs all of it once more, with the same result" {
    day 2026-01-05
    make -s DATE=2026-01-05
    before=$(contents 2026-01-05)
    assert_exit 0 make -s DATE=2026-01-05 AGAIN=1
    [ "$(contents 2026-01-05)" = "$before" ]
    [ "$(ok_runs 2026-01-05 | wc -w)" -eq 12 ]
}

@test "without urgent tickets the branch is not taken" {
    day 2026-01-05
    sed -i 's/"urgent"/"normal"/' inbox/tickets-2026-01-05.ndjson
    assert_exit 0 make -s DATE=2026-01-05
    [ "$(ok_runs 2026-01-05)" = 'customers notify orders tickets verify' ]
    run ! grep -q '"news":"urgent"' news.ndjson
}

@test "a second day is a day of its own, also at the same time" {
    day 2026-01-05
    day 2026-01-06
    make -s -j2 DATE=2026-01-05 >one 2>&1 3>&- &
    one=$!
    assert_exit 0 make -s -j2 DATE=2026-01-06
    wait "$one" || fail "$(cat one)"
    [ "$(ok_runs 2026-01-05)" = "$(ok_runs 2026-01-06)" ]
    [ "$(warehouse 'SELECT count(DISTINCT day) FROM customers')" -eq 2 ]
    first=$(contents 2026-01-05)
    # Alone it gives the same.
    new_warehouse
    assert_exit 0 make -s DATE=2026-01-05 AGAIN=1
    [ "$(contents 2026-01-05)" = "$first" ]
}

@test "killed in the middle, it goes on with what is missing" {
    day 2026-01-05
    # A step that takes long: as if the warehouse were slow.
    cp steps/customers customers.kept
    { echo 'touch begun; sleep 30;' && cat customers.kept; } >steps/customers
    setsid make -s -j4 DATE=2026-01-05 >first 2>&1 3>&- &
    group=$!
    within 30 test -e begun
    kill -9 -- "-$group"
    wait "$group" || true
    cp customers.kept steps/customers
    [ "$(ok_runs 2026-01-05)" = 'orders tickets' ]
    # No half of it is there, and nobody was told.
    [ -z "$(warehouse 'SELECT * FROM customers' 2>/dev/null)" ]
    [ ! -e news.ndjson ]
    # The pipeline of the killed run is stopped by its guardian in a moment.
    within 30 pipe_is_free
    assert_exit 0 make -s -j4 DATE=2026-01-05
    [ "$(ok_runs 2026-01-05)" = 'customers escalate notify orders tickets verify' ]
    # A run from nothing has the same.
    resumed=$(contents 2026-01-05)
    new_warehouse
    assert_exit 0 make -s DATE=2026-01-05 AGAIN=1
    [ "$(contents 2026-01-05)" = "$resumed" ]
}

pipe_is_free() {
    flock -n "$PIPE_STATE/lock/analytics-customers-2026-01-05" true
}

@test "a quality gate that fails takes the other branch, and nothing behind it" {
    day 2026-01-05
    day 2026-01-06
    make -s DATE=2026-01-05
    before=$(contents 2026-01-05)
    # The shop's software has changed overnight.
    sed -i 's/"total_amount":/"total":/' inbox/orders-2026-01-06.ndjson
    : >news.ndjson
    assert_exit 2 make -s -j4 DATE=2026-01-06
    [ "$(ok_runs 2026-01-06)" = 'hold tickets' ]
    [ "$(jq -r .news news.ndjson)" = held ]
    jq -e '.pipeline == "analytics-orders" and .exit == 65' news.ndjson
    [ "$(warehouse "SELECT count(*) FROM orders WHERE day = '2026-01-06'")" -eq 0 ]
    [ "$(contents 2026-01-05)" = "$before" ]
    # Told once.
    assert_exit 2 make -s DATE=2026-01-06
    [ "$(wc -l <news.ndjson)" -eq 1 ]
    # Mended, it goes on.
    sed -i 's/"total":/"total_amount":/' inbox/orders-2026-01-06.ndjson
    assert_exit 0 make -s -j4 DATE=2026-01-06
    grep -q '"news":"done","day":"2026-01-06"' news.ndjson
}

@test "another team's run that is not there is waited for; one that failed ends it" {
    day 2026-01-05
    mv "$PIPE_STATE" away
    (
        sleep 1
        pipe-run --pipeline crm --date 2026-01-05 -- true
    ) </dev/null >/dev/null 2>&1 3>&- &
    assert_exit 0 make -s DATE=2026-01-05
    day 2026-01-06
    # As if crm had not run yet.
    jq -c 'select(.pipeline != "crm" or .date != "2026-01-06")' \
        "$PIPE_STATE/runs.ndjson" >kept
    mv kept "$PIPE_STATE/runs.ndjson"
    PATIENCE=4s assert_exit 2 make -s DATE=2026-01-06
    grep -q "pipeline 'crm' has not run for 2026-01-06" err
    pipe-run --pipeline crm --date 2026-01-06 -- 'exit 65' 2>/dev/null || true
    PATIENCE=1h assert_exit 2 make -s DATE=2026-01-06
    grep -q "pipeline 'crm' has failed for 2026-01-06" err
}

# ---- the other ways in

# What cron would run: a line's command, with \% as %.
cron_lines() {
    grep -E '^[0-9*/]' "$1" | sed -E 's/^([^ ]+ ){5}//; s/\\%/%/g'
}

@test "the crontab: every % is written \\%, and its line runs the night" {
    [ -z "$(grep -E '^[0-9*/]' crontab | grep -E '(^|[^\])%')" ]
    local line n=0
    while read -r line; do
        sh -n -c "$line" || fail "not a line for sh: $line"
        n=$((n + 1))
    done < <(cron_lines crontab)
    ((n == 3))
    yesterday=$(date -d yesterday +%F)
    day "$yesterday"
    line=$(cron_lines crontab | head -n 1)
    assert_exit 0 sh -c "${line//\/srv\/pipeutils\/customer-analytics/$PWD}"
    [ ! -s out ] && [ ! -s err ] # or cron would send a mail
    grep -q "\"day\":\"$yesterday\"" news.ndjson
}

@test "the units are what systemd understands" {
    need_command systemd-analyze
    mkdir units
    cp "$units"/* units
    for unit in 'pipeutils@.service' 'pipeutils@.timer' \
        'pipeutils-failed@.service'; do
        [ -f "units/$unit" ]
    done
    systemd-analyze verify --man=no --recursive-errors=no units/* \
        >out 2>&1 || fail "$(cat out)"
    [ ! -s out ] || fail "$(cat out)"
    # A wrong word would have been told.
    sed -i 's/^Type=oneshot/Typo=oneshot/' 'units/pipeutils@.service'
    systemd-analyze verify --man=no units/* 2>&1 | grep -q Typo
    grep -qx 'OnFailure=pipeutils-failed@%i.service' "$units/pipeutils@.service"
    grep -qx 'Persistent=true' "$units/pipeutils@.timer"
    systemd-analyze calendar --iterations=1 \
        "$(sed -n 's/^OnCalendar=//p' "$units/pipeutils@.timer")" >/dev/null
}

@test "the units are hardened as far as systemd can tell" {
    need_command systemd-analyze
    # Exposure in tenths: 0 is none. What systemd calls OK is below 50.
    systemd-analyze security --offline=true --threshold=30 \
        "$units/pipeutils@.service" >out 2>&1 || fail "$(tail -n 3 out)"
}

@test "the Airflow DAG compiles, and its tasks are steps that exist" {
    need_command python3
    PYTHONDONTWRITEBYTECODE=1 python3 -c \
        'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' \
        airflow_dag.py
    local name n=0
    while read -r name; do
        [ -f "steps/$name" ] || fail "no step $name"
        n=$((n + 1))
    done < <(grep -oE '\./step [a-z]+|step\("[a-z]+"' airflow_dag.py |
        grep -oE '[a-z]+"?$' | tr -d '"')
    ((n >= 6))
    # Where Airflow is installed, its own loader reads it.
    python3 -c 'import airflow' 2>/dev/null || return 0
    AIRFLOW_HOME=$PWD/airflow python3 - <<'EOF'
from airflow.models import DagBag
bag = DagBag("airflow_dag.py", include_examples=False)
assert not bag.import_errors, bag.import_errors
assert len(bag.dags["customer_analytics"].tasks) == 8
EOF
}

@test "the schemas of the example are those of the shop" {
    cmp order.schema.json "$REPO/tests/shop/order.schema.json"
    cmp ticket.schema.json "$REPO/tests/shop/ticket.schema.json"
}
