#!/usr/bin/env bats
# pipe-report: history, show, logs, check.
load ../helper

setup() {
    pipe_setup
    mkdir -p state conf
    export PIPE_CONFIG=$BATS_TEST_TMPDIR/conf
}

# record PIPELINE DAY OUTCOME [SECONDS [ROWS]]: a record of a run that began at
# 02:15 on the DAY.
record() {
    local seconds=${4:-60} rows=${5:-1000}
    local started="$2T02:15:00Z" ended
    ended=$(date -u -d "$started + $seconds seconds" +%FT%TZ)
    printf '{"v":1,"outcome":"%s","exit":%d,"run_id":"%s-%s","pipeline":"%s",' \
        "$3" "$([ "$3" = ok ] && echo 0 || echo 65)" "$1" "$2" "$1"
    printf '"date":"%s","command":"a | b","started":"%s","ended":"%s",' \
        "$2" "$started" "$ended"
    printf '"seconds":%s,"attempts":[{"outcome":"%s","exit":0}],' "$seconds" "$3"
    printf '"stages":[{"stage":"pipe-extract","stdout":1,"exit":0,"read":%d,' \
        $((rows + 10))
    printf '"out":%d,"rejected":10},{"stage":"pipe-load","stdin":1,' "$rows"
    printf '"read":%d,"out":%d,"rejected":0}],"loads":[{"target":"sqlite:d.db",' \
        "$rows" "$rows"
    printf '"table":"t","rows":%d,"committed":%s}]}\n' "$rows" \
        "$([ "$3" = ok ] && echo true || echo false)"
}

# field JQ: a field of every line of the history.
field() {
    pipe-report history "${@:2}" | jq -r "$1"
}

# ---- history

@test "runs come the newest first, 20 unless asked for more" {
    for d in {10..34}; do
        record orders "$(date -d "2026-01-01 + $d days" +%F)" ok
    done >state/runs.ndjson
    [ "$(field .date | wc -l)" = 20 ]
    [ "$(field .date | head -n 1)" = 2026-02-04 ]
    [ "$(field .date --last 25 | wc -l)" = 25 ]
    [ "$(field .date --last 3 | tr '\n' ' ')" = "2026-02-04 2026-02-03 2026-02-02 " ]
    [ "$(field .date --since 2026-01-12 --until 2026-01-13 | tr '\n' ' ')" = \
        "2026-01-13 2026-01-12 " ]
}

@test "history is what is printed without a subcommand, and nothing of no runs" {
    assert_exit 0 pipe-report
    assert_file out ""
    assert_file err ""
    record orders 2026-01-05 ok >state/runs.ndjson
    [ "$(pipe-report | jq -r .run_id)" = orders-2026-01-05 ]
}

@test "pipelines and outcomes are chosen by name" {
    {
        record orders 2026-01-05 ok
        record tickets 2026-01-05 failed
        record orders 2026-01-06 failed
        record orders-old 2026-01-06 ok
    } >state/runs.ndjson
    [ "$(field .run_id -- orders | tr '\n' ' ')" = "orders-2026-01-06 orders-2026-01-05 " ]
    [ "$(field .run_id --outcome failed | wc -l)" = 2 ]
    [ "$(field .run_id --outcome failed tickets)" = tickets-2026-01-05 ]
    [ "$(field .run_id nosuch | wc -l)" = 0 ]
}

@test "counts, reject rate and quality are those of the stages" {
    record orders 2026-01-05 ok 60 990 >state/runs.ndjson
    run -0 pipe-report
    [ "$(jq -c '[.read,.rejected,.rows,.reject_rate,.quality,.attempts]' <<<"$output")" = \
        "[1000,10,990,0.01,0.99,1]" ]
}

@test "usual is the median of the ok runs before, of the same pipeline" {
    {
        for d in 01 02 03 04 05; do
            record orders "2026-01-$d" ok "$((10#$d * 10))" "$((10#$d * 100))"
            record other "2026-01-$d" ok 999 9
            record orders "2026-01-$d" failed 5000 7
        done
        record orders 2026-01-06 ok 60
    } >state/runs.ndjson
    run -0 pipe-report history orders --last 1
    [ "$(jq -c '[.usual_seconds,.usual_rows]' <<<"$output")" = "[30.000,300]" ] ||
        [ "$(jq -c '[.usual_seconds,.usual_rows]' <<<"$output")" = "[30,300]" ]
    run -0 pipe-report history orders --last 1 --format text
    [[ $output == *"+100%"* ]]
}

@test "a torn last line, garbage and records of another version do not matter" {
    {
        record orders 2026-01-05 ok
        echo 'garbage'
        echo
        echo '{"outcome":"ok","pipeline":"old","run_id":"r0","started":"2025-01-01T00:00:00Z","ended":"2025-01-01T00:01:00Z","new_member":[1]}'
        echo '[1,2]'
        printf '{"outcome":"ok","run_id":"torn","pipe'
    } >state/runs.ndjson
    assert_exit 0 pipe-report
    [ "$(jq -r .run_id out | tr '\n' ' ')" = "r0 orders-2026-01-05 " ]
    [ "$(jq -r 'select(.run_id == "r0").seconds' out | cut -d. -f1)" = 60 ]
    grep -qx 'pipe-report: 3 lines of the index are no records, left out' err
}

@test "the newest of very many runs cost little" {
    record orders 2026-01-05 ok >one
    for _ in {1..12}; do cat one one >two && mv two one; done
    for _ in {1..40}; do cat one; done >state/runs.ndjson
    record last 2026-02-01 ok >>state/runs.ndjson
    (($(wc -l <state/runs.ndjson) == 163841))
    # What a sanitizer reserves is more than any limit.
    ([ "$FLAVOUR" = asan ] || ulimit -v 200000; pipe-report --last 3 >out)
    [ "$(jq -r .pipeline out | tr '\n' ' ')" = "last orders orders " ]
}

@test "a run that lives is shown as running, one that was killed as died" {
    pipe-run --pipeline live --run-id alive -- 'sleep 30' &
    local pid=$!
    within 5 test -e state/runs/live/alive/record.json
    [ "$(field '[.run_id,.outcome] | @tsv')" = $'alive\trunning' ]
    run -0 pipe-report show live
    [[ $output == *"pipe-report logs -f alive"* ]]
    kill -9 $pid
    wait $pid || true
    within 5 eval '[ "$(field .outcome)" = died ]'
}

@test "a name that holds escapes or markup does not reach the terminal" {
    record orders 2026-01-05 failed |
        jq -c '.pipeline="a\u001b[31m<b>" | .message="x\u001b]0;t\u0007\u202e"' \
            >state/runs.ndjson
    for sub in "history --format text" "show last" "show last --format json"; do
        # shellcheck disable=SC2086
        pipe-report $sub >out
        ! grep -qP '[\x00-\x08\x0b-\x1f\x7f]' out || fail "$sub: $(cat -v out)"
    done
    pipe-report history --format text >out
    grep -qF 'a\x1b[31m<b>' out
    grep -qF 'x\x1b]0;t\x07\u{202e}' out
}

@test "on a terminal a line is cut to its width, and has colours unless NO_COLOR" {
    record orders 2026-01-05 failed >state/runs.ndjson
    run -0 run_in_pty "stty cols 60; pipe-report"
    [[ $output == *$'\033[31mfailed'* ]]
    run -0 run_in_pty "stty cols 60; NO_COLOR=1 pipe-report | cat; NO_COLOR=1 pipe-report"
    [[ $output != *$'\033['* ]]
}

@test "a time that is none, or an option of another subcommand, is 64" {
    assert_exit 64 pipe-report history --since yesterday
    assert_exit 64 pipe-report check --since 2026-01-01
    grep -q "^pipe-report: --since is not for 'check'" err
    assert_exit 64 pipe-report histroy
    assert_exit 64 pipe-report history --follow
    assert_exit 64 pipe-report show
    assert_exit 66 pipe-report show nosuch
    assert_exit 66 pipe-report logs nosuch
}

# ---- show

@test "a run is found by its id, the start of it, its pipeline, or as the last" {
    {
        record orders 2026-01-05 ok
        record orders 2026-01-06 failed
        record tickets 2026-01-05 ok
    } >state/runs.ndjson
    of() { pipe-report show --format json "$1" | jq -r .run_id; }
    [ "$(of orders-2026-01-05)" = orders-2026-01-05 ]
    [ "$(of tick)" = tickets-2026-01-05 ]
    [ "$(of orders)" = orders-2026-01-06 ]
    [ "$(of last)" = tickets-2026-01-05 ]
    assert_exit 64 pipe-report show orders-
    grep -q 'several runs' err
}

@test "show names stages in the order of their pipes, and what to type next" {
    printf '{"id":1}\nbad\n{"id":2}\n' >in.ndjson
    assert_exit 0 pipe-run --pipeline p --run-id r1 -- \
        'pipe-extract --max-reject 50% in.ndjson | pipe-transform --where true |
            pipe-load sqlite:a.db -t t --mode append --create'
    pipe-report show r1 >out
    # In both tables.
    local order="pipe-extract pipe-transform pipe-load "
    [ "$(grep -o '^pipe-[a-z]*' out | tr '\n' ' ')" = "$order$order" ]
    grep -qE '^loads +sqlite:a.db t: 2 rows, committed' out
    grep -qE '^letters +1 open: 1 not_json' out
    next=$(sed -n 's/^\$ \(pipe-dlq .*\)/\1/p' out)
    [ "$(eval "$next" | jq -r .code)" = not_json ]
}

@test "the command that show offers for a failed run runs it again" {
    printf '{"id":1}\n' >in.ndjson
    assert_exit 1 pipe-run --pipeline p --run-id r1 -- \
        'pipe-extract in.ndjson | jq -c "if $(test -e ok && echo true || echo false) then . else error(\"it'\''s\") end" |
            pipe-load sqlite:a.db -t t --mode append --create' || true
    touch ok
    next=$(pipe-report show r1 | sed -n 's/^\$ \(pipe-run .*\)/\1/p')
    [[ $next == "pipe-run --pipeline p -- "* ]]
}

# ---- logs

@test "logs are shown by level and stage, controls as escapes" {
    pipe-run --pipeline p --run-id r1 -- \
        'echo "{}" | pipe-transform --where true -o x; printf "a\033[31mb\n" >&2' 2>err
    pipe-report logs r1 >out
    grep -qE 'pipe-transform +end exit=0 read=1 out=1' out
    grep -qF 'stderr: a\x1b[31mb' out
    run ! grep -q $'\033' out
    [ "$(pipe-report logs r1 --stage pipe-transform | wc -l)" = \
        "$(grep -c pipe-transform out)" ]
    [ "$(pipe-report logs r1 --level error | wc -l)" = 0 ]
    pipe-report logs r1 --format json | jq -es 'length > 1 and all(.run_id == "r1")' >/dev/null
}

@test "a line of a log that is half there is shown, and is no JSON" {
    record p 2026-01-05 ok >state/runs.ndjson
    mkdir -p state/runs/p/p-2026-01-05
    cp state/runs.ndjson state/runs/p/p-2026-01-05/record.json
    printf '{"ts":"2026-01-05T00:00:00Z","level":"warn","stage":"s","msg":"m"}\n{"ts":' \
        >state/runs/p/p-2026-01-05/log.ndjson
    assert_exit 0 pipe-report logs last
    assert_file out $'2026-01-05 00:00:00.000  warn   s               m\n{"ts":'
    assert_exit 0 pipe-report logs last --format json
    [ "$(wc -l <out)" = 1 ]
}

@test "logs -f follows a run to its end" {
    pipe-run --pipeline p --run-id r1 -- 'sleep 1; echo "{}" | pipe-transform --where true -o x' &
    within 5 test -e state/runs/p/r1/record.json
    timeout 10 pipe-report logs -f r1 >out
    wait
    grep -qE 'pipe-run +end exit=0' out
}

@test "a log that was removed is told of" {
    record p 2026-01-05 ok >state/runs.ndjson
    assert_exit 66 pipe-report logs last
    grep -q 'is gone' err
}

# ---- check

@test "all well, check is silent" {
    record orders 2026-01-05 ok >state/runs.ndjson
    echo '{"schedule":"15 2 * * *","sla":"1h","freshness":"26h","expected":{"rows":1000,"tolerance":"10%","duration":"1m"}}' >conf/orders.json
    assert_exit 0 pipe-report check --now 2026-01-05T10:00:00Z
    assert_file out ""
    assert_file err ""
}

# events NOW: what check finds, as words.
events() {
    pipe-report check --format json --now "$1" 2>err | jq -r .event | tr '\n' ' '
}

@test "late begins when the sla is up, and ends with a run that is ok" {
    record orders 2026-01-05 ok >state/runs.ndjson
    echo '{"schedule":"15 2 * * *","sla":"1h"}' >conf/orders.json
    [ "$(events 2026-01-06T02:14:59Z)" = "" ]
    [ "$(events 2026-01-06T03:14:59Z)" = "" ]
    [ "$(events 2026-01-06T03:15:00Z)" = "late " ]
    assert_exit 65 pipe-report check --now 2026-01-06T05:15:00Z
    grep -q '^orders: late: was to be done by 2026-01-06 03:15:00 (2h 00m ago)' out
    record orders 2026-01-06 failed >>state/runs.ndjson
    [ "$(events 2026-01-06T03:15:00Z)" = "late failed " ]
    record orders 2026-01-06 ok >>state/runs.ndjson
    [ "$(events 2026-01-06T03:15:00Z)" = "" ]
}

@test "a pipeline that never ran is late and stale" {
    echo '{"schedule":"@daily","sla":"1h","freshness":"1d"}' >conf/orders.json
    [ "$(events 2026-01-06T03:15:00Z)" = "late stale " ]
}

@test "the sla goes by the clocks of the time zone, across a change" {
    echo '{"schedule":"30 2 * * *","tz":"Europe/Berlin","sla":"1h"}' >conf/orders.json
    # 02:30 does not exist on the 29th: due at 03:00 local, 01:00 UTC.
    record orders 2026-03-28 ok | sed 's/T02:15:00Z/T01:30:00Z/' >state/runs.ndjson
    [ "$(events 2026-03-29T01:59:59Z)" = "" ]
    [ "$(events 2026-03-29T02:00:00Z)" = "late " ]
}

@test "a run that still runs is late and slow all the same" {
    echo '{"schedule":"* * * * *","sla":"1s","expected":{"duration":"1s"}}' >conf/live.json
    pipe-run --pipeline live --run-id alive -- 'sleep 30' &
    local pid=$!
    within 5 test -e state/runs/live/alive/record.json
    now=$(date -u -d '2 minutes' +%FT%TZ)
    [ "$(events "$now")" = "late slow " ]
    pipe-report check --now "$now" >out 2>err || true
    grep -q 'still runs since' out
    grep -q 'alive has run for 2m' out || grep -q 'alive has run for 1m' out
    kill $pid
    wait $pid || true
}

@test "volume, duration and dead letters are held against what is expected" {
    record orders 2026-01-05 ok 601 700 >state/runs.ndjson
    echo '{"expected":{"rows":1000,"tolerance":"30%","duration":"10m"}}' >conf/orders.json
    [ "$(events 2026-01-05T10:00:00Z)" = "slow " ]
    record orders 2026-01-05 ok 600 699 >state/runs.ndjson
    [ "$(events 2026-01-05T10:00:00Z)" = "volume " ]
    record orders 2026-01-05 ok 600 1301 >state/runs.ndjson
    [ "$(events 2026-01-05T10:00:00Z)" = "volume " ]
    record orders 2026-01-05 ok 600 1300 >state/runs.ndjson
    [ "$(events 2026-01-05T10:00:00Z)" = "" ]
    printf 'bad\nbad\n{}\n' | pipe-transform --pipeline orders --max-reject 100% --where true >/dev/null
    echo '{"expected":{"dead_letters":2}}' >conf/orders.json
    [ "$(events 2026-01-05T10:00:00Z)" = "" ]
    echo '{"expected":{"dead_letters":1}}' >conf/orders.json
    [ "$(events 2026-01-05T10:00:00Z)" = "dead_letters " ]
}

@test "runs kept from starting by a lock are not taken for the last run" {
    {
        record orders 2026-01-05 ok
        record orders 2026-01-05 busy
    } >state/runs.ndjson
    echo '{}' >conf/orders.json
    [ "$(events 2026-01-05T10:00:00Z)" = "" ]
}

@test "records of the future are not taken for a run, and told of" {
    {
        record orders 2026-01-05 ok
        record orders 2027-01-05 ok
    } >state/runs.ndjson
    echo '{"freshness":"26h"}' >conf/orders.json
    [ "$(events 2026-01-08T00:00:00Z)" = "stale " ]
    grep -q "1 runs of 'orders' lie in the future" err
}

@test "a clock that went back a day hides no run" {
    {
        record orders 2026-01-06 ok
        record orders 2026-01-05 ok
    } >state/runs.ndjson
    echo '{"schedule":"15 2 * * *","sla":"1h"}' >conf/orders.json
    [ "$(field .date --since 2026-01-06)" = 2026-01-06 ]
}

@test "owner, runbook and an upstream that is unwell stand in the line" {
    echo '{"freshness":"1h","owner":"a@b","runbook":"https://r"}' >conf/a.json
    echo '{"freshness":"1h","upstream":["a"]}' >conf/b.json
    assert_exit 65 pipe-report check --now 2026-01-08T00:00:00Z
    grep -q '^a: stale: .*; owner a@b; runbook https://r$' out
    grep -q '^b: stale: .*; unwell upstream: a$' out
    assert_exit 65 pipe-report check b --now 2026-01-08T00:00:00Z
    [ "$(wc -l <out)" = 1 ]
}

@test "one file that is wrong keeps no other from being looked at" {
    echo '{"freshness":"1h"}' >conf/a.json
    echo '{"freshnes":"1h"}' >conf/b.json
    assert_exit 78 pipe-report check --now 2026-01-08T00:00:00Z
    grep -q '^a: stale' out
    grep -q "b.json' at its root: member 'freshnes' is not known" err
    assert_exit 78 pipe-report check nosuch
    rm conf/*
    assert_exit 78 pipe-report check
    grep -q 'nothing is watched' err
}

@test "who is to be told is told once, and that it is over" {
    echo '{"freshness":"1h","notify":[{"on":["stale","recovered"],"command":"jq -c .event >>'"$PWD"'/told"}]}' >conf/a.json
    assert_exit 65 pipe-report check -n
    assert_exit 65 pipe-report check --now 2026-01-08T00:00:00Z
    [ ! -e told ]
    assert_exit 65 pipe-report check
    assert_exit 65 pipe-report check
    assert_file told '"stale"'
    pipe-run --pipeline a -- true
    assert_exit 0 pipe-report check
    assert_exit 0 pipe-report check
    assert_file told $'"stale"\n"recovered"'
}

@test "a state directory that cannot be written is no obstacle to looking" {
    record orders 2026-01-05 ok >state/runs.ndjson
    echo '{"freshness":"26h"}' >conf/orders.json
    chmod -R a-w state
    assert_exit 0 pipe-report
    assert_exit 0 pipe-report check --now 2026-01-05T10:00:00Z
    assert_exit 0 pipe-report html --now 2026-01-05T10:00:00Z
    [ -z "$(find state -newer out -type f)" ]
    chmod -R u+w state
}

@test "a run that read nothing has no quality" {
    record orders 2026-01-05 failed |
        jq -c '.stages[] |= (.read = 0 | .out = 0 | .rejected = 0)' >state/runs.ndjson
    [ "$(field '.quality')" = null ]
    pipe-report history --format text >out
    ! grep -q '100%' out || fail "$(<out)"
    pipe-report html --now 2026-01-06T00:00:00Z >page.html
    grep -q '<td data-label="quality" class="num">-</td>' page.html
}

@test "figures beyond all numbers do not make the output bad JSON" {
    record orders 2026-01-05 ok | sed 's/"seconds":60/"seconds":1e999/' >state/runs.ndjson
    [ "$(field .seconds | cut -d. -f1)" = 0 ]
}

@test "at 80 columns history has whole run ids, and messages below" {
    local run=20261122T050419Z-046119-25430
    record orders 2026-01-05 failed 4000 1234567 |
        jq -c --arg id $run '.run_id = $id | .message = "pipe-load failed" |
            .pipeline = "customer-orders"' >state/runs.ndjson
    run_in_pty "stty cols 80; pipe-report" | tr -d '\r' | sed 's/\x1b\[[0-9]*m//g' >out
    [[ $(sed -n 1p out) == PIPELINE*STARTED*OUTCOME*RUN ]]
    [[ $(sed -n 2p out) == customer-orders*"01-05 02:15"*failed*$run ]]
    [ "$(sed -n 3p out)" = "  pipe-load failed" ]
    (($(wc -L <out) <= 80)) || fail "$(<out)"
    # Elsewhere nothing is left out.
    pipe-report history --format text >out
    [[ $(<out) == *QUALITY*TRIES*"2026-01-05 02:15:00"*$run*"pipe-load failed" ]]
}

@test "at 80 columns show has whole tables, and commands to copy are not cut" {
    record orders 2026-01-05 failed 4000 123456789 |
        jq -c '.stages[] |= (. + {filtered: 12345678, duplicates: 12345678,
            seconds: 4000, cpu_seconds: 3999, peak_memory: 123456789,
            bytes_in: 123456789012, bytes_out: 123456789012}) |
            .command = "pipe-extract \("x" * 90).csv | pipe-load sqlite:d.db"' >state/runs.ndjson
    run_in_pty "stty cols 80; pipe-report show last" | tr -d '\r' |
        sed 's/\x1b\[[0-9]*m//g' >out
    grep -q '^STAGE .*DUPLICATES *$' out
    grep -q '^pipe-extract .*12,345,678$' out
    grep -q '^STAGE  *TOOK  *CPU  *MEMORY  *BYTES IN  *BYTES OUT *$' out
    grep -q '^pipe-load .*115 GiB$' out
    (($(grep '^STAGE\|^pipe-' out | sed 's/ *$//' | wc -L) <= 80)) || fail "$(<out)"
    grep -q "^\$ pipe-run .*| pipe-load sqlite:d.db'$" out
}

@test "pipe-report is no run: it writes neither metrics nor lineage" {
    record orders 2026-01-05 ok >state/runs.ndjson
    mkdir metrics
    printf '%s\n' '{"eventType":"COMPLETE","run":{"runId":"r"},"job":{"namespace":"n","name":"j"},"inputs":[{"namespace":"w","name":"a"}],"outputs":[{"namespace":"w","name":"b"}]}' >events.ndjson
    cp events.ndjson before.ndjson
    export PIPE_METRICS=$PWD/metrics PIPE_LINEAGE=$PWD/events.ndjson
    export OPENLINEAGE_URL=http://127.0.0.1:9
    for sub in history "show last" "impact w#a" html "backup -o b.tar" "prune -n"; do
        # shellcheck disable=SC2086
        pipe-report $sub >/dev/null || fail "$sub"
    done
    pipe-report check || true
    cmp events.ndjson before.ndjson
    [ -z "$(ls metrics)" ]
}

@test "a run that was killed is shown as died, with how to run it again" {
    mkdir config
    echo '{"env":{"prod":{"A":"1"}}}' >config/k.json
    PIPE_CONFIG=$PWD/config pipe-run --pipeline k --env prod -- \
        'touch there; sleep 30' 3>&- &
    local pid=$!
    within 5 test -e there
    run -0 pipe-report show k
    [[ $output == running* && $output == *'pipe-report logs -f '* ]] ||
        fail "$output"
    kill -9 "$pid"
    wait "$pid" || true
    within 15 eval 'pipe-report show k | grep -q ^died'
    run -0 pipe-report show k
    [[ $output == *"\$ pipe-run --pipeline k --env prod -- 'touch there; sleep 30'"* ]] ||
        fail "$output"
    [[ $output != *'logs -f'* ]] || fail "$output"
}
