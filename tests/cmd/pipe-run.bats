#!/usr/bin/env bats
# shellcheck disable=SC2016 # lines are for the shell of pipe-run
load ../helper

LOAD='pipe-load sqlite:t.db -t t --mode append --create'

setup() {
    pipe_setup
    make_orders 500 >in.ndjson
}

rows() {
    sqlite3 "${1:-t.db}" 'SELECT count(*) FROM t' 2>/dev/null || echo 0
}

# The last record, or the N-th last.
record() {
    tail -n "${2:-1}" "$PIPE_STATE/runs.ndjson" | head -n 1 | jq -r "$1"
}

# Nothing of what this test has started is running any more.
none_left() {
    ! ps -eo stat=,args= | grep -v '^Z' | grep -F "marker-$BATS_TEST_NUMBER" |
        grep -vE 'grep|bats|bash -c ps'
}

# ---- the command line

@test "an empty pipeline, as of a variable that is not set, is refused" {
    local line
    for line in '' ' ' $'\n\t'; do
        assert_exit 64 pipe-run -- "$line"
        assert_file err 'pipe-run: the pipeline behind -- is empty'
    done
    assert_exit 64 pipe-run 'true'
    assert_file err "pipe-run: unexpected operand 'true' (the command stands behind --)"
}

# ---- the gate

@test "a pipeline that ends well is committed, silently" {
    assert_exit 0 pipe-run -- "pipe-extract in.ndjson | $LOAD"
    assert_file out ''
    assert_file err ''
    [ "$(rows)" = 500 ]
}

@test "a foreign command in the middle is vouched for by its exit status" {
    need_command jq
    PIPE_ON_UNKNOWN=refuse assert_exit 0 pipe-run -- \
        "pipe-extract in.ndjson | jq -c . | $LOAD"
    assert_file err ''
    [ "$(rows)" = 500 ]
}

@test "a foreign command that fails at the end of its stream aborts" {
    assert_exit 5 pipe-run -- \
        "pipe-extract in.ndjson | (cat; exit 5) | $LOAD"
    assert_file err 'pipe-run: a command of the pipeline failed with exit 5'
    [ "$(rows)" = 0 ]
}

@test "a foreign command that is killed aborts, and is worth a retry" {
    assert_exit 75 pipe-run -- \
        "pipe-extract in.ndjson | (cat; kill -9 \$BASHPID) | $LOAD"
    tail -n 1 err | grep -qx 'pipe-run: a command of the pipeline was killed by signal 9'
    [ "$(rows)" = 0 ]
}

@test "a command behind the loader that fails aborts" {
    assert_exit 3 pipe-run -- "pipe-extract in.ndjson | $LOAD; exit 3"
    [ "$(rows)" = 0 ]
}

@test "a mistyped first command empties no partition" {
    sqlite3 t.db 'CREATE TABLE t(id); INSERT INTO t VALUES(1)'
    assert_exit 127 pipe-run -- \
        'pipe-extrct in.ndjson | pipe-load sqlite:t.db -t t --mode replace --all'
    [ "$(rows)" = 1 ]
}

@test "zero records of a foreign command are committed only if allowed" {
    assert_exit 75 pipe-run -- "true | $LOAD"
    grep -q 'no record came' err
    assert_exit 0 pipe-run -- "true | $LOAD --allow-empty"
    : >empty
    assert_exit 0 pipe-run -- "pipe-extract --format ndjson empty | $LOAD"
}

@test "the stage that failed first is named, with its reason and its code" {
    echo '{"required":["no"]}' >s.json
    assert_exit 65 pipe-run -- \
        "pipe-extract in.ndjson | pipe-validate -s s.json | $LOAD"
    tail -n 1 err | grep -qE '^pipe-run: pipe-validate failed with exit 65: .*rejected'
    [ "$(rows)" = 0 ]
    [ "$(record .exit)" = 65 ]
}

@test "a stage that dies in an inner shell without pipefail aborts" {
    assert_exit 75 pipe-run -- \
        "bash -c '{ pipe-extract in.ndjson; cat; } < <(sleep 0.1) | cat;
            exec 3< <(exec pipe-transform --where true -o x </dev/zero)
            sleep 0.3; pkill -KILL -g 0 -x pipe-transform; true' |
            $LOAD --allow-empty"
    tail -n 1 err | grep -qx 'pipe-run: pipe-transform died'
    [ "$(rows)" = 0 ]
}

@test "an inner pipeline without pipefail whose first stage fails aborts" {
    assert_exit 64 pipe-run -- \
        "bash -c 'pipe-extract --no-such in.ndjson | cat' | $LOAD --allow-empty"
    tail -n 1 err |
        grep -qx 'pipe-run: pipe-extract failed with exit 64: unknown option --no-such'
}

@test "head that cuts off a stage is refused unless that is allowed" {
    make_orders 50000 >big.ndjson
    assert_exit 78 pipe-run -- "pipe-extract big.ndjson | head -n 5 | $LOAD"
    grep -q 'pipe-extract was cut short' err
    [ "$(rows)" = 0 ]
    assert_exit 78 pipe-run -- "cat big.ndjson | head -n 5 | $LOAD"
    [ "$(rows)" = 0 ]
    assert_exit 0 pipe-run --early-close-ok -- \
        "pipe-extract big.ndjson | head -n 5 | $LOAD"
    [ "$(rows)" = 5 ]
}

@test "the shell that waits for the loader's output is no deadlock" {
    assert_exit 0 pipe-run --timeout 20s -- \
        "pipe-extract in.ndjson | $LOAD 2>&1 | cat"
    assert_exit 0 pipe-run --timeout 20s -- \
        "x=\$(pipe-extract in.ndjson | ${LOAD/-t t/-t u} 2>&1); echo \"got \$x\""
    assert_exit 0 pipe-run --timeout 20s -- \
        "exec 5> >(cat >/dev/null); p=\$!
         pipe-extract in.ndjson | ${LOAD/-t t/-t v}; exec 5>&-; wait \$p"
    [ "$(sqlite3 t.db 'SELECT count(*) FROM _pipe_loads')" = 3 ]
}

@test "what a loader logs behind its commit is not lost with a pipe" {
    assert_exit 0 pipe-run -- \
        "pipe-extract in.ndjson | $LOAD --log json 2>&1 | cat"
    jq -es 'map(select(.event == "end" and .out == 500)) | length == 1' err
}

@test "a process left behind is waited for, and its failure counts" {
    assert_exit 0 pipe-run -- \
        "pipe-extract in.ndjson | $LOAD; (sleep 0.5; echo x >late) &"
    [ -e late ]
    rm -f t.db
    assert_exit 7 pipe-run -- \
        "pipe-extract in.ndjson | $LOAD; (sleep 0.5; exit 7) & true"
    [ "$(rows)" = 0 ]
}

@test "a process left behind that does not end aborts, and is ended" {
    assert_exit 75 pipe-run --linger 300ms -- \
        "pipe-extract in.ndjson | $LOAD
         (exec -a marker-$BATS_TEST_NUMBER setsid sleep 1000) & true"
    grep -q 'left behind did not end' err
    [ "$(rows)" = 0 ]
    within 5 none_left
}

@test "loaders behind tee are committed together, or none of them" {
    both='pipe-extract in.ndjson | tee >(pipe-load sqlite:a.db -t t -m append --create) |
        pipe-load sqlite:b.db -t t -m append --create'
    assert_exit 9 pipe-run -- "$both; exit 9"
    [ "$(rows a.db) $(rows b.db)" = "0 0" ]
    assert_exit 0 pipe-run -- "$both"
    [ "$(rows a.db) $(rows b.db)" = "500 500" ]
    [ "$(record '.loads | map(.committed) | tostring')" = "[true,true]" ]
}

@test "a loader that cannot be ready keeps the other from its commit" {
    mkdir b.db
    assert_exit 73 pipe-run -- 'pipe-extract in.ndjson |
        tee >(pipe-load sqlite:a.db -t t -m append --create) |
        pipe-load sqlite:b.db -t t -m append --create'
    grep -q 'pipe-run: pipe-load failed' err
    [ "$(rows a.db)" = 0 ]
}

@test "several words are a program, under the same gate" {
    assert_exit 0 pipe-run -- sh -c "pipe-extract in.ndjson | $LOAD"
    [ "$(rows)" = 500 ]
    assert_exit 127 pipe-run -- no-such-program x
    grep -q "cannot start 'no-such-program'" err
}

@test "a number in PIPE_GATE that is no gate is harmless" {
    for gate in 5:1 1:1 0:0 x 999:5 -1:2 3; do
        rm -f t.db
        PIPE_GATE=$gate assert_exit 0 pipe-load sqlite:t.db -t t --mode append \
            --create <in.ndjson 5<in.ndjson
        [ "$(rows)" = 500 ]
    done
}

@test "a load that is there already is done, not an error" {
    run=(pipe-run --pipeline p -- "pipe-extract in.ndjson | $LOAD")
    assert_exit 0 "${run[@]}"
    assert_exit 0 "${run[@]}"
    [ "$(rows)" = 500 ]
    [ "$(sqlite3 t.db 'SELECT count(*) FROM _pipe_loads')" = 1 ]
}

@test "a run id that is given is the load's, one made up is not" {
    assert_exit 0 pipe-run --run-id monday -- "pipe-extract in.ndjson | $LOAD"
    [ "$(sqlite3 t.db 'SELECT run_id FROM _pipe_loads')" = monday ]
    make_orders 5 900 >in.ndjson
    assert_exit 65 pipe-run --run-id monday -- "pipe-extract in.ndjson | $LOAD"
    assert_exit 0 pipe-run -- "pipe-extract in.ndjson | $LOAD"
    [ "$(rows)" = 505 ]
    ! sqlite3 t.db 'SELECT run_id FROM _pipe_loads' | grep -qx "$(record .run_id)"
}

@test "a replay within a run marks no letter that is not loaded" {
    echo '{"required":["no"]}' >s.json
    PIPE_PIPELINE=q pipe-validate -s s.json --max-reject 100% <in.ndjson
    echo '{}' >s.json
    assert_exit 9 pipe-run --pipeline q -- "pipe-dlq replay -q -- '$LOAD -q'; exit 9"
    # It has committed by itself, and marked what it has loaded.
    [ "$(rows)" = 500 ]
    [ "$(pipe-dlq list --pipeline q -q | wc -l)" = 0 ]
}

# ---- stdin, environment

@test "the pipeline reads the caller's stdin only with --stdin" {
    echo '{"id":1}' | assert_exit 0 pipe-run -- 'wc -c'
    assert_file out 0
    pipe-extract in.ndjson | assert_exit 0 pipe-run --stdin -- "$LOAD"
    [ "$(rows)" = 500 ]
    assert_exit 64 pipe-run --stdin --retries 1 -- true
    grep -q 'exclude each other' err
}

@test "the pipeline knows what it is" {
    assert_exit 0 pipe-run --pipeline p --date 2024-03-31 --tz Europe/Berlin \
        --dlq letters/ --run-id r1 -- \
        'echo $PIPE_PIPELINE $PIPE_DATE $PIPE_START $PIPE_END $PIPE_TZ $PIPE_DLQ $PIPE_RUN_ID
         [ -d "$PIPE_RUN_DIR" ] && [ "$(stat -c %a "$PIPE_RUN_DIR")" = 700 ]'
    assert_file out "p 2024-03-31 2024-03-31T00:00:00+01:00 2024-04-01T00:00:00+02:00 Europe/Berlin letters/ r1"
}

@test "names that would leave the state directory are refused" {
    local option
    for option in --pipeline --run-id --lock --breaker; do
        assert_exit 64 pipe-run "$option" ../x -- true
        assert_exit 64 pipe-run "$option" .x -- true
    done
    assert_exit 64 pipe-run --lock '{date}' -- true
    assert_exit 64 pipe-run
    grep -q 'a pipeline is wanted' err
}

# ---- time and signals

@test "what takes too long is stopped, with 75" {
    assert_exit 75 pipe-run --timeout 300ms -- \
        "pipe-extract in.ndjson | (cat; exec -a marker-$BATS_TEST_NUMBER sleep 1000) | $LOAD"
    assert_file err 'pipe-run: timed out after 0.3s'
    [ "$(rows)" = 0 ]
    [ "$(record .outcome)" = timeout ]
    within 5 none_left
}

@test "what does not heed SIGTERM is killed" {
    assert_exit 75 pipe-run --timeout 300ms --kill-after 300ms -- \
        "trap '' TERM
         pipe-extract in.ndjson | (cat; exec -a marker-$BATS_TEST_NUMBER sleep 1000) | $LOAD
         (exec -a marker-$BATS_TEST_NUMBER setsid sleep 1000)"
    [ "$(rows)" = 0 ]
    within 5 none_left
}

# stop SIGNAL WHEN: sends it to a run that waits in the shell (before) or in its
# loader (after).
stop() {
    local pid
    rm -f t.db* begun
    if [ "$2" = before ]; then
        line="pipe-extract in.ndjson | (cat; touch begun
            exec -a marker-$BATS_TEST_NUMBER sleep 1000) | $LOAD"
    else
        line="pipe-extract in.ndjson | $LOAD; touch begun
            exec -a marker-$BATS_TEST_NUMBER sleep 1000"
    fi
    env --default-signal=INT,TERM,HUP pipe-run -- "$line" 2>err &
    pid=$!
    within 10 test -e begun
    kill -"$1" $pid
    code=0
    wait $pid || code=$?
}

@test "a signal is passed on, rolls back, and ends pipe-run" {
    local sig
    for sig in TERM:143 INT:130 HUP:129; do
        for when in before after; do
            stop ${sig%:*} $when
            ((code == ${sig#*:})) || fail "$sig $when: $code" "$(cat err)"
            [ "$(rows)" = 0 ]
            [ "$(record .outcome)" = stopped ]
            within 5 none_left || fail "$sig $when"
        done
    done
    [ -z "$(find . -name '*-journal')" ]
}

@test "pipe-run killed stops its pipeline, and the next run says so" {
    local when
    for when in before after; do
        stop KILL $when
        ((code == 137))
        within 10 none_left
        [ "$(rows)" = 0 ]
        assert_exit 0 pipe-run -- true
        [ "$(record .outcome 2)" = died ]
    done
}

# hold_commits: a reader of t.db that keeps a COMMIT waiting until the file `go`
# is there.
hold_commits() {
    sqlite3 t.db 'CREATE TABLE t(id INTEGER, customer TEXT, country TEXT,
        amount REAL, date TEXT); INSERT INTO t(id) VALUES(1)'
    printf '%s\n' 'BEGIN;' 'SELECT id FROM t;' \
        '.shell touch held; while [ ! -e go ]; do sleep 0.05; done' |
        sqlite3 t.db >/dev/null &
    within 10 test -e held
}

# A pending lock: the commit has begun.
commit_began() {
    ! sqlite3 t.db 'SELECT 1 FROM t LIMIT 1' >/dev/null 2>&1
}

# hold_commit: starts pipe-run with these options, and waits until its loader is
# at its COMMIT, which waits for the file `go`.
hold_commit() {
    hold_commits
    env --default-signal=INT,TERM,HUP pipe-run --pipeline p "$@" -- \
        "pipe-extract in.ndjson | $LOAD --lock-timeout 1m" 2>err &
    pid=$!
    within 10 commit_began
}

@test "a signal behind the word to commit comes too late" {
    local pid
    hold_commit
    kill -TERM $pid
    sleep 0.2
    kill -0 $pid
    touch go
    wait $pid
    [ "$(rows)" = 501 ]
    [ "$(record .outcome)" = ok ]
}

@test "a loader killed while it commits: the ledger tells the next run" {
    local pid code=0
    hold_commit
    pkill -KILL -nx pipe-load -g "$(pgrep -P $pid -x pipe-run-guard)"
    wait $pid || code=$?
    ((code == 75))
    grep -q 'died while it committed' err
    [ "$(record .outcome)" = unknown ]
    touch go
    assert_exit 0 pipe-run --pipeline p -- "pipe-extract in.ndjson | $LOAD"
    [ "$(rows)" = 501 ]
}

@test "a loader killed while another one commits: partial, and a run again does the rest" {
    local pid code=0
    both='pipe-extract in.ndjson |
        tee >(pipe-load sqlite:t.db -t t -m append --lock-timeout 1m -q) |
        (sleep 0.5; exec pipe-load sqlite:b.db -t t -m append --create -q)'
    hold_commits
    env --default-signal=INT,TERM,HUP pipe-run -- "$both" 2>err &
    pid=$!
    within 10 commit_began
    pkill -KILL -nx pipe-load -g "$(pgrep -P $pid -x pipe-run-guard)"
    sleep 0.2
    touch go
    wait $pid || code=$?
    ((code == 75))
    grep -q 'died while it waited to commit; 1 of 2 loads are committed' err
    [ "$(record .outcome)" = partial ]
    [ "$(rows) $(rows b.db)" = "501 0" ]
    assert_exit 0 pipe-run -- "$both"
    [ "$(rows) $(rows b.db)" = "501 500" ]
}

@test "a commit that does not end is cut off by the time limit" {
    local pid code=0
    hold_commit --timeout 1500ms
    wait $pid || code=$?
    ((code == 75))
    [ "$(record .outcome)" = unknown ]
    touch go
    [ "$(rows)" = 1 ]
}

# ---- lock

@test "a second run exits 75 at once, and names the first" {
    pipe-run --pipeline p -- 'touch begun; sleep 2' &
    within 10 test -e begun
    assert_exit 75 timeout 1 pipe-run --pipeline p -- 'touch second'
    grep -qE "lock 'p' is held by another run \(pid $!, run " err
    [ ! -e second ]
    [ "$(record .outcome)" = busy ]
    assert_exit 0 pipe-run --pipeline q -- true
    assert_exit 0 pipe-run --pipeline p --lock none -- true
    assert_exit 0 pipe-run --pipeline p --lock 'p-{date}' --date 2024-01-01 -- true
    assert_exit 0 pipe-run --pipeline p --lock-wait 20s -- 'touch second'
    [ -e second ]
    wait
}

# ---- retries

@test "a transient failure is tried again, and loaded once" {
    assert_exit 0 pipe-run --retries 3 --retry-base 10ms -- \
        "echo >>tries; pipe-extract in.ndjson | $LOAD
         [ \$(wc -l <tries) = 3 ] || exit 75"
    [ "$(wc -l <tries)" = 3 ]
    [ "$(rows)" = 500 ]
    [ "$(record '.attempts | map(.exit) | tostring')" = "[75,75,0]" ]
    [ "$(grep -c 'attempt . of 4' err)" = 2 ]
}

@test "bad data and a mistyped command are not tried again" {
    assert_exit 65 pipe-run --retries 3 --retry-base 10ms -- 'exit 65'
    assert_exit 127 pipe-run --retries 3 --retry-base 10ms -- 'no-such'
    [ "$(record '.attempts | length')" = 1 ]
}

@test "no retry begins behind the deadline" {
    assert_exit 75 timeout 10 pipe-run --retries 1000 --retry-base 50ms \
        --retry-cap 50ms --retry-deadline 300ms -- 'exit 75'
    local n
    n=$(record '.attempts | length')
    ((n > 1 && n < 200))
}

@test "a signal ends the wait for a retry" {
    env --default-signal=TERM pipe-run --retries 5 --retry-base 1h \
        --retry-cap 1h -- 'touch begun; exit 75' 2>err &
    within 10 grep -q attempt err
    kill $!
    code=0
    wait $! || code=$?
    ((code == 143))
}

# ---- breaker

broken() {
    pipe-run --breaker db --breaker-failures 3 --breaker-reset "${1:-1h}" \
        --breaker-lease 1s -- "${2:-exit 69}"
}

@test "a breaker opens after repeated failures and refuses at once" {
    for _ in 1 2 3; do
        assert_exit 69 broken
        grep -q 'failed with exit 69' err
    done
    assert_exit 69 broken 1h 'touch ran'
    assert_file err "pipe-run: breaker 'db' is open after 3 failures: the next try is in 60m"
    [ ! -e ran ]
    [ "$(record .outcome)" = open ]
}

@test "bad data does not open a breaker" {
    for _ in 1 2 3 4; do
        assert_exit 65 broken 1h 'exit 65'
    done
    assert_exit 0 broken 1h true
}

@test "of 30 runs at a half-open breaker one tries; if it dies, one more" {
    for _ in 1 2 3; do
        assert_exit 69 broken 500ms
    done
    sleep 0.6
    : >tries
    local i
    for i in {1..30}; do
        broken 500ms 'echo $PPID >>tries; sleep 3' 2>err.$i &
    done
    within 10 test -s tries
    sleep 0.5
    [ "$(wc -l <tries)" = 1 ]
    # Its lease is prolonged while it lives.
    sleep 1.2
    assert_exit 69 broken 500ms 'touch ran'
    kill -KILL "$(cat tries)"
    wait || true
    assert_exit 69 broken 500ms 'touch ran'
    [ ! -e ran ]
    sleep 1.1
    : >tries
    for i in {1..10}; do
        broken 500ms 'echo >>tries; sleep 1' 2>err.$i &
    done
    wait || true
    [ "$(wc -l <tries)" = 1 ]
    assert_exit 0 broken 500ms true
}

# ---- hooks and records

@test "--on-success runs behind the commit, --on-failure behind the last try" {
    assert_exit 0 pipe-run --on-success 'sqlite3 t.db "SELECT count(*) FROM t"' \
        --on-failure 'touch failed' -- "pipe-extract in.ndjson | $LOAD"
    assert_file out 500
    [ ! -e failed ]
    assert_exit 75 pipe-run --retries 1 --retry-base 1ms --on-failure \
        'echo "$PIPE_RUN_OUTCOME $PIPE_RUN_EXIT $PIPE_RUN_MESSAGE"
         jq .exit "$PIPE_RUN_RECORD"' -- 'exit 75'
    assert_file out 'failed 75 a command of the pipeline failed with exit 75
75'
    assert_exit 9 pipe-run --on-success 'exit 9' -- true
    [ "$(record .hook)" = 9 ]
}

@test "the record tells what ran, for how long, with which counts" {
    assert_exit 0 pipe-run --pipeline p --date 2024-01-31 -- \
        "pipe-extract in.ndjson | pipe-dedup -k customer | $LOAD"
    record '[.v, .outcome, .exit, .pipeline, .date] | @tsv' >have
    assert_file have $'1\tok\t0\tp\t2024-01-31'
    record '.stages[] | [.stage, .read, .out, .duplicates, .exit] | @tsv' | sort >have
    assert_file have $'pipe-dedup\t500\t7\t493\t0
pipe-extract\t500\t500\t0\t0
pipe-load\t7\t7\t0\t0'
    record '.loads[] | [.committed, .target, .table, .rows] | @tsv' >have
    assert_file have $'true\tsqlite:t.db\tt\t7'
    # Who feeds whom.
    record '.stages | map({(.stage): .}) | add |
        [."pipe-extract".stdout == ."pipe-dedup".stdin,
            ."pipe-dedup".stdout == ."pipe-load".stdin] | @tsv' >have
    assert_file have $'true\ttrue'
    diff <(record .) <(jq . "$PIPE_STATE/runs/p/$(record .run_id)/record.json")
    [ ! -e "$PIPE_STATE/runs/p/$(record .run_id)/live" ]
}

@test "the record tells what the stages and the whole run have used" {
    make_orders 20000 >big.ndjson
    local bytes
    bytes=$(stat -c %s big.ndjson)
    pipe-run --pipeline p -- 'pipe-extract big.ndjson | sed "s/}$/,\"x\":1}/" |
        pipe-load sqlite:t.db -t t --mode append --create'
    jq -e --argjson n "$bytes" '
        (.stages | length == 2 and all(.cpu_seconds >= 0 and
            .peak_memory > 1e6 and .peak_memory < 1e9 and .bytes_in > 0)) and
        (.stages | map(select(.stage == "pipe-extract"))[0] |
            .bytes_in == $n and .bytes_out == $n) and
        (.bytes_in == $n) and (.bytes_out == $n + 20000 * 6) and
        .cpu_seconds > (.stages | map(.cpu_seconds) | add) and
        .peak_memory >= 1e6' state/runs.ndjson
}

@test "a large process is seen in the peak memory, and a busy one in the time" {
    pipe-run --pipeline p -- 'pipe-extract in.ndjson | { cat
        awk "BEGIN { s = sprintf(\"%50000000s\", \"\")
            for (i = 0; i < 3000000; i++) x += i }"; } |
        pipe-load sqlite:t.db -t t --mode append --create'
    jq -e '.peak_memory > 5e7 and .cpu_seconds > 0.1 and
        all(.stages[]; .peak_memory < 5e7)' state/runs.ndjson
}

@test "a state that cannot be written fails before anything runs" {
    : >file
    PIPE_STATE=$PWD/file/state assert_exit 73 pipe-run -- 'touch ran'
    [ ! -e ran ]
    env -u PIPE_STATE -u HOME -u XDG_STATE_HOME -u STATE_DIRECTORY \
        "$BIN_DIR/pipe-run" -- 'touch ran' 2>err && fail "without a state"
    [ ! -e ran ]
}

@test "a run that was killed behind its end has one record, and its own outcome" {
    pipe-run --pipeline p --run-id one -- true
    [ "$(wc -l <"$PIPE_STATE/runs.ndjson")" = 1 ]
    local folder=$PIPE_STATE/runs/p/one
    touch "$folder/live" # behind the index
    pipe-run --pipeline p --run-id two -- true
    [ ! -e "$folder/live" ]
    [ "$(jq -r '[.run_id, .outcome] | join(" ")' "$PIPE_STATE/runs.ndjson" | xargs)" = 'one ok two ok' ]
    touch "$folder/live" # before it
    sed -i 1d "$PIPE_STATE/runs.ndjson"
    pipe-run --pipeline p --run-id three -- true
    [ "$(jq -r '[.run_id, .outcome] | join(" ")' "$PIPE_STATE/runs.ndjson" | xargs)" = 'two ok one ok three ok' ]
}

# ---- pools

@test "no more runs than a pool has slots are at work at a time" {
    local pids=()
    for _ in 1 2 3 4 5 6; do
        pipe-run --pool db:2 -- '
            echo in >>trace; sleep 0.3; echo out >>trace' 3>&- &
        pids+=("$!")
    done
    wait "${pids[@]}"
    run -0 awk '/in/ { n++ } /out/ { n-- } n > most { most = n }
        END { print most, NR }' trace
    [ "$output" = '2 12' ] || fail "$output" "$(cat trace)"
}

@test "without a free slot in time nothing is run, with 75" {
    pipe-run --pool db:1 -- 'touch there; sleep 5' 3>&- &
    local pid=$!
    within 5 test -e there
    assert_exit 75 pipe-run --pipeline p --pool db:1 --pool-wait 100ms -- \
        'touch ran'
    assert_file err "pipe-run: no slot of pool 'db' (1) was free within 0.1s: nothing was run"
    [ ! -e ran ]
    [ "$(record .outcome)" = busy ]
    # Another pool is another thing, and so is a larger view of the same one.
    assert_exit 0 pipe-run --pool disk:1 -- true
    assert_exit 0 pipe-run --pool db:2 --pool-wait 2s -- true
    kill "$pid"
    wait "$pid" || true
}

@test "a slot is free again when its run is killed with all it started" {
    pipe-run --pool db:1 -- 'touch there; sleep 30; true' 3>&- &
    local pid=$!
    within 5 test -e there
    kill -9 "$pid"
    wait "$pid" || true
    assert_exit 0 pipe-run --pool db:1 --pool-wait 15s -- true
}

@test "a run that waits for a retry holds no slot" {
    pipe-run --pool db:1 --retries 1 --retry-base 20s -- \
        'touch there; exit 75' >/dev/null 2>first 3>&- &
    local pid=$!
    within 5 grep -q 'the next in' first
    assert_exit 0 pipe-run --pool db:1 --pool-wait 3s -- true
    kill "$pid"
    wait "$pid" || true
}

@test "what is no pool is a usage error" {
    local pool
    for pool in db db: :2 db:0 db:x db:2x db:1001 ../db:1 'a/b:1'; do
        assert_exit 64 pipe-run --pool "$pool" -- true
    done
}

@test "who is stopped while it waits for a slot says so, not that none was free" {
    local first second
    pipe-run --pool q:1 --pipeline a -- ': >begun; sleep 30' &
    first=$!
    for _ in {1..100}; do [ ! -e begun ] || break; sleep 0.05; done
    pipe-run --pool q:1 --pipeline b -- true 2>err &
    second=$!
    sleep 0.5
    kill "$second"
    wait "$second" && fail "it ended well"
    kill "$first"
    wait "$first" && fail "it ended well"
    run -0 jq -r 'select(.pipeline == "b") | .outcome + ": " + .message' \
        "$PIPE_STATE/runs.ndjson"
    [ "$output" = "stopped: stopped by a signal while it waited for a slot of \
pool 'q': nothing was run" ] || fail "$output"
}
