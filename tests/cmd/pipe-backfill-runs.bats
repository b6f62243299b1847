#!/usr/bin/env bats
# pipe-backfill beside others: nightly runs, positions, terminals, GNU parallel.
# shellcheck disable=SC2016 # commands are for pipe-backfill to expand
load ../helper

setup() {
    pipe_setup
    unset PIPE_TZ PIPE_PIPELINE
}

# Outcomes of the last table, one "date outcome" a line.
outcomes() {
    awk 'NR > 1 { print $1, $2 }' out
}

days() { # FIRST LAST: of January 2024
    seq -f '2024-01-%02g' "$1" "$2"
}

# ---- which dates run

@test "--reprocess none runs what was never tried, failed also what is not finished, all everything" {
    local line='echo "$PIPE_DATE" >>dates; [ "$PIPE_DATE" != 2024-01-02 ]'
    assert_exit 65 pipe-backfill --from 2024-01-01 --to 2024-01-02 -- "$line"
    assert_exit 0 pipe-backfill --reprocess none --from 2024-01-01 \
        --to 2024-01-03 -- "$line"
    [ "$(outcomes)" = "2024-01-01 skipped
2024-01-02 left
2024-01-03 done" ]
    assert_exit 65 pipe-backfill --reprocess failed --from 2024-01-01 \
        --to 2024-01-03 -- "$line"
    [ "$(outcomes)" = "2024-01-01 skipped
2024-01-02 failed
2024-01-03 skipped" ]
    assert_exit 65 pipe-backfill --reprocess all --from 2024-01-01 \
        --to 2024-01-03 -- "$line"
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 failed
2024-01-03 done" ]
    [ "$(wc -l <dates)" = 7 ]
}

@test "--max-failures starts no further date when so many have failed" {
    assert_exit 65 pipe-backfill --max-failures 2 --from 2024-01-01 \
        --to 2024-01-05 -- '[ "$PIPE_DATE" = 2024-01-02 ]'
    [ "$(outcomes)" = "2024-01-01 failed
2024-01-02 done
2024-01-03 failed
2024-01-04 not-run
2024-01-05 not-run" ]
}

# ---- a date is one process's at a time

@test "a nightly run and a backfill of the same date exclude each other" {
    pipe-run --pipeline o --date 2024-01-02 -- \
        'touch nightly; until [ -e go ]; do sleep 0.05; done; echo night >>order' 3>&- &
    within 20 test -e nightly
    pipe-backfill --pipeline o --from 2024-01-01 --to 2024-01-03 -- \
        'echo "$PIPE_DATE" >>order' >out 2>err 3>&- &
    local backfill=$!
    # The other dates are run meanwhile.
    within 20 grep -qs 2024-01-03 order
    sleep 1
    assert_file order "2024-01-01
2024-01-03"
    touch go
    wait "$backfill"
    assert_file order "2024-01-01
2024-01-03
night
2024-01-02"
}

@test "a nightly run of a date that a backfill has is 75, or waits" {
    pipe-backfill -q --pipeline o --from 2024-01-02 --to 2024-01-02 -- \
        'touch begun; until [ -e go ]; do sleep 0.05; done; echo past >>order' 3>&- &
    local backfill=$!
    within 20 test -e begun
    assert_exit 75 pipe-run --pipeline o --date 2024-01-02 -- 'echo no >>order'
    grep -qE "^pipe-run: lock 'o-2024-01-02' is held by another run \(pid [0-9]+, pipe-backfill\): nothing was run$" err
    # Another date of the pipeline is free, and the pipeline itself too.
    assert_exit 0 pipe-run --pipeline o --date 2024-01-03 -- 'echo free >>order'
    pipe-run --pipeline o --date 2024-01-02 --lock-wait 30s -- \
        'echo night >>order' 3>&- &
    sleep 0.5
    touch go
    wait "$!"
    wait "$backfill"
    assert_file order "free
past
night"
}

@test "below a backfill pipe-run goes on with the lock that it finds" {
    assert_exit 0 pipe-backfill -q --pipeline o -j 3 --from 2024-01-01 \
        --to 2024-01-06 -- pipe-run -- 'echo "$PIPE_DATE" >>dates; sleep 0.2
            pipe-run --lock other-{date} -- "echo inner >>inner"'
    [ "$(sort dates)" = "$(days 1 6)" ]
    [ "$(wc -l <inner)" = 6 ]
    # Nothing is left of locks of dates.
    [ -z "$(find "$PIPE_STATE/lock" -name 'o-2024*')" ]
}

@test "--lock none takes no lock of the date either" {
    assert_exit 0 pipe-run --pipeline o --date 2024-01-02 -- \
        'pipe-run --lock none -- "echo in"'
    assert_exit 0 pipe-run --pipeline o --date 2024-01-02 --lock none -- \
        '[ ! -e "$PIPE_STATE/lock" ] || [ -z "$(ls "$PIPE_STATE/lock")" ] || ls "$PIPE_STATE/lock"'
    assert_file out o
}

@test "a descriptor that is not the lock is not taken for it" {
    pipe-backfill -q --pipeline o --from 2024-01-02 --to 2024-01-02 -- \
        'touch begun; until [ -e go ]; do sleep 0.05; done' 3>&- &
    within 20 test -e begun
    local fd
    for fd in 7 9 0 x -1; do
        PIPE_DATE_LOCK=$fd assert_exit 75 pipe-run --pipeline o \
            --date 2024-01-02 -- true 7<"$0"
    done
    # The file itself, opened by another one, is not locked by it.
    PIPE_DATE_LOCK=7 assert_exit 75 pipe-run --pipeline o --date 2024-01-02 \
        -- true 7<"$PIPE_STATE/lock/o-2024-01-02"
    touch go
    wait "$!"
}

@test "backfills and nightly runs, twenty at once: a date is never run by two" {
    local i pids=()
    for i in 1 2 3 4; do
        pipe-backfill -q --pipeline o -j 2 --reprocess all --from 2024-01-01 \
            --to 2024-01-04 -- 'mkdir "in.$PIPE_DATE" || echo two >>bad
            sleep 0.05; rmdir "in.$PIPE_DATE"; echo "$PIPE_DATE" >>dates' \
            2>>errors 3>&- &
        pids+=("$!")
    done
    for i in {1..16}; do
        pipe-run --pipeline o --lock "nightly-$i" --lock-wait 60s \
            --date "2024-01-0$((i % 4 + 1))" -- 'mkdir "in.$PIPE_DATE" ||
                echo two >>bad; sleep 0.05; rmdir "in.$PIPE_DATE"
            echo "$PIPE_DATE" >>dates' 2>>errors 3>&- &
        pids+=("$!")
    done
    for i in "${pids[@]}"; do wait "$i"; done
    [ ! -e bad ]
    [ "$(sort dates | uniq -c | awk '{ print $1, $2 }')" = "8 2024-01-01
8 2024-01-02
8 2024-01-03
8 2024-01-04" ]
}

@test "killed with -9 again and again and resumed: each date is loaded once" {
    local day try backfill line='pipe-run --retries 3 --retry-base 50ms \
        --lock db --lock-wait 60s -- "pipe-extract in-{date}.ndjson |
            pipe-load sqlite:o.db -t o --mode append --create \
                --run-id backfill-{date}"'
    for day in $(days 1 12); do
        echo "{\"day\":\"$day\"}" >"in-$day.ndjson"
    done
    for try in 1 2 3 4 5 6; do
        pipe-backfill -q --pipeline o -j 3 --from 2024-01-01 --to 2024-01-12 \
            -- "$line" >/dev/null 2>&1 3>&- &
        backfill=$!
        sleep "0.$((try * 2 + 1))"
        kill -9 "$backfill" 2>/dev/null || break
        wait "$backfill" || true
        # And a date that it left behind.
        pkill -9 -s 0 -o -f 'pipe-load sqlite:o.db' || true
    done
    assert_exit 0 pipe-backfill --pipeline o -j 3 --from 2024-01-01 \
        --to 2024-01-12 -- "$line"
    [ "$(sqlite3 o.db 'SELECT day FROM o ORDER BY day')" = "$(days 1 12)" ]
    [ "$(outcomes | grep -c -e 'done' -e skipped)" = 12 ]
}

# ---- positions

# nightly: loads what has been added to app.db since the last time.
nightly() {
    pipe-run --pipeline tickets -- 'pipe-extract sqlite:app.db --table t \
        --cursor changed | pipe-load sqlite:dwh.db -t t --mode append --create'
}

position() {
    pipe-extract --show-state --pipeline tickets --resume-from sqlite:dwh.db |
        jq -r .value
}

@test "a backfill neither begins at the position of the nightly run nor moves it" {
    sqlite3 app.db "CREATE TABLE t (id INTEGER, changed TEXT);
        INSERT INTO t VALUES (1, '2024-01-01'), (2, '2024-01-02')"
    nightly
    [ "$(position)" = 2024-01-02 ]
    sqlite3 app.db "INSERT INTO t VALUES (3, '2024-01-03'), (4, '2024-01-04')"
    assert_exit 0 pipe-backfill -q --pipeline tickets --from 2024-01-01 \
        --to 2024-01-04 -- 'pipe-run --lock db --lock-wait 30s -- \
            "pipe-extract sqlite:app.db --cursor changed --source-name app \
                --query \"SELECT * FROM t WHERE changed = '"'{date}'"'\" |
            pipe-load sqlite:dwh.db -t past --mode replace --create \
                --partition changed={date}"'
    [ "$(sqlite3 dwh.db 'SELECT group_concat(id) FROM past')" = 1,2,3,4 ]
    [ "$(position)" = 2024-01-02 ]
    nightly
    [ "$(sqlite3 dwh.db 'SELECT group_concat(id) FROM t')" = 1,2,3,4 ]
    [ "$(position)" = 2024-01-04 ]
    # The same line as at night: all that there is, and nothing is noted.
    assert_exit 0 pipe-backfill -q --pipeline tickets --from 2024-01-01 \
        --to 2024-01-01 -- 'pipe-extract sqlite:app.db --table t \
            --cursor changed --resume-from sqlite:dwh.db |
            pipe-load sqlite:again.db -t t --mode append --create'
    [ "$(sqlite3 again.db 'SELECT count(*) FROM t')" = 4 ]
    [ "$(position)" = 2024-01-04 ]
    [ -z "$(pipe-extract --show-state --pipeline tickets --resume-from sqlite:again.db)" ]
}

@test "files that a backfill reads stay new for the nightly run, and the other way round" {
    mkdir in
    echo '{"n":1}' >in/1.ndjson
    local night=(pipe-run --pipeline f -- 'pipe-extract --new in/ |
        pipe-load sqlite:f.db -t f --mode append --create --allow-empty')
    "${night[@]}"
    echo '{"n":2}' >in/2.ndjson
    assert_exit 0 pipe-backfill -q --pipeline f --from 2024-01-01 \
        --to 2024-01-01 -- pipe-run -- 'pipe-extract --new in/ |
        pipe-load sqlite:past.db -t f --mode replace --all --create'
    [ "$(sqlite3 past.db 'SELECT group_concat(n) FROM f')" = 1,2 ]
    "${night[@]}"
    "${night[@]}"
    [ "$(sqlite3 f.db 'SELECT group_concat(n) FROM f')" = 1,2 ]
}

# ---- on a terminal

@test "on a terminal a table shows what runs, in place, and makes way for the last one" {
    need_command script
    run_in_pty "stty rows 10 cols 60; pipe-backfill --from 2024-01-01 \
        --to 2024-01-02 -- 'sleep 0.8'" >screen
    grep -q '0 of 2, 1 running  0:00:0' screen
    grep -q '1 of 2, 1 running, 1 done  0:00:0' screen
    grep -qE '2024-01-02  running      -        [0-9]' screen
    # It goes up over its lines, and is wiped before the table that stays.
    grep -q $'\033\[3A' screen
    grep -q $'\033\[3A\r\033\[Jdate        outcome   exit  seconds' screen
    [ "$(sed 's/.*\x1b\[J//' screen | tr -d '\r' | tail -n 3 | awk '{ print $1, $2 }')" = \
        "date outcome
2024-01-01 done
2024-01-02 done" ]
}

@test "the live table keeps to the terminal's width and height" {
    need_command script
    run_in_pty "stty rows 6 cols 24; pipe-backfill -j 9 --from 2024-01-01 \
        --to 2024-01-09 -- 'sleep 0.8'" >screen
    # Lines of it end with ESC [K.
    tr '\r' '\n' <screen | sed -n 's/\x1b\[K.*//p' | sed 's/.*\x1b\[[0-9]*A//' >lines
    [ -s lines ]
    [ "$(awk '{ if (length($0) > n) n = length($0) } END { print n }' lines)" -le 23 ]
    grep -q $'\033\[5A' screen
    run ! grep -q $'\033\[6A' screen
}

@test "a line about a failure stands above the live table" {
    need_command script
    run_in_pty "pipe-backfill --from 2024-01-01 --to 2024-01-02 -- \
        'sleep 0.6; echo why; false'" >screen || true
    grep -q $'\033\[Jpipe-backfill: 2024-01-01 failed with 1, log in ' screen
    grep -qE '1 of 2, 1 running, 1 failed' screen
    grep -q '2024-01-01  failed       1' screen
}

@test "no live table with --quiet, on a dumb terminal, or without one" {
    need_command script
    run_in_pty "pipe-backfill -q --from 2024-01-01 --to 2024-01-01 -- 'sleep 0.6'" >screen
    [ ! -s screen ]
    run_in_pty "TERM=dumb pipe-backfill --from 2024-01-01 --to 2024-01-01 -- 'sleep 0.6'" >screen
    run ! grep -q $'\033' screen
    assert_exit 0 pipe-backfill --from 2024-01-01 --to 2024-01-01 -- 'sleep 0.6'
    run ! grep -q $'\033' out err
    assert_file err ""
}

# ---- GNU parallel

@test "by GNU parallel: outcomes, logs and marks are the same" {
    need_command parallel
    local run=(pipe-backfill --from 2024-01-01 --to 2024-01-04)
    export HOME=$PWD/home
    mkdir home
    local line='echo "$PIPE_DATE $PIPE_START" | tee -a dates
        [ -e mended ] || [ "$PIPE_DATE" != 2024-01-03 ]'
    assert_exit 65 "${run[@]}" --executor parallel -j 2 -- "$line"
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 done
2024-01-03 failed
2024-01-04 done" ]
    grep -q '^pipe-backfill: 2024-01-03 failed with 1, log in /' err
    grep -q '^    2024-01-03 2024-01-03T00:00:00Z$' err
    touch mended
    # Either one goes on with what the other has left.
    assert_exit 0 "${run[@]}" -- "$line"
    [ "$(outcomes | grep -c skipped)" = 3 ]
    assert_exit 0 "${run[@]}" --executor parallel -- "$line"
    [ "$(outcomes | grep -c skipped)" = 4 ]
    [ "$(wc -l <dates)" = 5 ]
    [ -z "$(ls -A "$HOME")" ]
}

@test "by GNU parallel: -j at a time, and none after --max-failures" {
    need_command parallel
    assert_exit 0 timeout 30 pipe-backfill --executor parallel -j 2 \
        --from 2024-01-01 --to 2024-01-02 -- 'touch "$PIPE_DATE"
        until [ -e 2024-01-01 ] && [ -e 2024-01-02 ]; do sleep 0.05; done'
    assert_exit 65 pipe-backfill --executor parallel --max-failures 2 \
        --from 2024-01-01 --to 2024-01-06 -- 'sleep 0.1; false'
    [ "$(outcomes)" = "2024-01-01 failed
2024-01-02 failed
2024-01-03 not-run
2024-01-04 not-run
2024-01-05 not-run
2024-01-06 not-run" ]
}

@test "by GNU parallel: SIGTERM stops what runs and starts no more" {
    need_command parallel
    local state=0
    pipe-backfill --executor parallel --from 2024-01-01 --to 2024-01-03 -- \
        'echo "$$" >>pids; sleep 60' >out 2>err 3>&- &
    within 20 test -s pids
    kill "$!"
    wait "$!" || state=$?
    [ "$state" = 143 ]
    [ "$(outcomes)" = "2024-01-01 stopped
2024-01-02 not-run
2024-01-03 not-run" ]
    run ! kill -0 "$(head -n 1 pids)"
}

@test "by GNU parallel: killed with -9 and run again, each date has run once" {
    need_command parallel
    local run=(pipe-backfill --executor parallel -j 2 --from 2024-01-01
        --to 2024-01-05 -- 'echo "$PIPE_DATE" >>dates
        [ "$PIPE_DATE" \> 2024-01-02 ] || until [ -e go ]; do sleep 0.05; done')
    "${run[@]}" >/dev/null 2>&1 3>&- &
    within 20 grep -qs 2024-01-02 dates
    kill -9 "$!"
    wait "$!" || true
    "${run[@]}" >out 2>err 3>&- &
    sleep 1
    touch go
    wait "$!"
    within 20 test "$(wc -l <dates)" = 5
    [ "$(sort dates)" = "$(days 1 5)" ]
}

@test "by GNU parallel: a date that is killed with all its processes is failed" {
    need_command parallel
    local run=(pipe-backfill --executor parallel --from 2024-01-01
        --to 2024-01-02 -- 'echo "$PIPE_DATE" >>dates
        [ "$PIPE_DATE" != 2024-01-01 ] || [ -e again ] || kill -9 "$(ps -o ppid= -p "$PPID")" 0')
    assert_exit 65 "${run[@]}"
    [ "$(outcomes)" = "2024-01-01 failed
2024-01-02 done" ]
    touch again
    assert_exit 0 "${run[@]}"
    [ "$(wc -l <dates)" = 3 ]
}

@test "an executor that is not there is 69 before anything runs" {
    mkdir bin
    printf '#!/bin/sh\necho "parallel, of moreutils"\n' >bin/parallel
    chmod +x bin/parallel
    PATH=$PWD/bin:$PATH assert_exit 69 pipe-backfill --executor parallel \
        --from 2024-01-01 --to 2024-01-01 -- touch ran
    assert_file err "pipe-backfill: needs GNU parallel (package parallel)"
    printf '#!/bin/sh\necho "no controller" >&2\nexit 1\n' >bin/scontrol
    touch bin/{sbatch,squeue,scancel}
    chmod +x bin/*
    PATH=$PWD/bin:$PATH assert_exit 69 pipe-backfill --executor slurm \
        --from 2024-01-01 --to 2024-01-01 -- touch ran
    assert_file err "pipe-backfill: Slurm does not answer: no controller"
    [ ! -e ran ]
    [ ! -e "$PIPE_STATE" ]
}
