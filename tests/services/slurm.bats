#!/usr/bin/env bats
# pipe-backfill --executor slurm, on a real Slurm of one node.
# shellcheck disable=SC2016 # commands are for pipe-backfill to expand
load ../helper
load slurm

setup_file() {
    slurm_start
}

teardown_file() {
    slurm_stop
}

setup() {
    [ -z "${SLURM_SKIP-}" ] || skip "$SLURM_SKIP"
    pipe_setup
    unset PIPE_TZ PIPE_PIPELINE
    # Jobs are listed for a while after their end.
    within 60 no_job || fail "$(squeue -h)"
}

no_job() {
    [ -z "$(squeue -h -o %i)" ]
}

# Outcomes of the last table, one "date outcome" a line.
outcomes() {
    awk 'NR > 1 { print $1, $2 }' out
}

@test "each date of a range is a job, with the interval of its step" {
    assert_exit 0 pipe-backfill --executor slurm --tz Europe/Berlin --step 1mo \
        --from 2026-01 --to 2026-03 -- \
        'echo "$PIPE_DATE $PIPE_START $PIPE_END $PIPE_BACKFILL $SLURM_JOB_NAME" >>dates'
    [ "$(sort dates)" = "2026-01 2026-01-01T00:00:00+01:00 2026-02-01T00:00:00+01:00 1 pipe-backfill-backfill
2026-02 2026-02-01T00:00:00+01:00 2026-03-01T00:00:00+01:00 1 pipe-backfill-backfill
2026-03 2026-03-01T00:00:00+01:00 2026-04-01T00:00:00+02:00 1 pipe-backfill-backfill" ]
    [ "$(outcomes)" = "2026-01 done
2026-02 done
2026-03 done" ]
    # Nothing of the batch is left.
    [ -z "$(ls "$PIPE_STATE"/backfill/*/batch)" ]
}

@test "a failing date neither stops nor undoes the others, and alone runs again" {
    local run=(pipe-backfill --executor slurm --from 2024-01-01 --to 2024-01-04
        -- 'echo "$PIPE_DATE" >>dates; [ -e mended ] || [ "$PIPE_DATE" != 2024-01-02 ]')
    assert_exit 65 "${run[@]}"
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 failed
2024-01-03 done
2024-01-04 done" ]
    grep -q '^pipe-backfill: 2024-01-02 failed with 1, log in /' err
    touch mended
    assert_exit 0 "${run[@]}"
    [ "$(outcomes)" = "2024-01-01 skipped
2024-01-02 done
2024-01-03 skipped
2024-01-04 skipped" ]
    [ "$(wc -l <dates)" = 5 ]
}

@test "what one executor has finished another one skips" {
    local rest=(--from 2024-01-01 --to 2024-01-03 -- 'echo "$PIPE_DATE" >>dates')
    assert_exit 0 pipe-backfill --executor slurm --from 2024-01-02 \
        --to 2024-01-02 "${rest[@]:4}"
    assert_exit 0 pipe-backfill "${rest[@]}"
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 skipped
2024-01-03 done" ]
    assert_exit 0 pipe-backfill --executor slurm "${rest[@]}"
    [ "$(sort dates)" = "2024-01-01
2024-01-02
2024-01-03" ]
}

@test "-j limits how many run at a time" {
    assert_exit 0 pipe-backfill --executor slurm -j 1 --from 2024-01-01 \
        --to 2024-01-03 -- \
        'touch "now.$PIPE_DATE"; ls now.* | wc -l >>width; sleep 0.5; rm now.*'
    [ "$(sort -u width)" = 1 ]
    [ "$(wc -l <width)" = 3 ]
}

@test "options of Slurm reach sbatch" {
    assert_exit 0 pipe-backfill --executor slurm --slurm-partition other \
        --slurm-time 5 --slurm-mem 100M --slurm-args '--nice=7 --comment=why' \
        --from 2024-01-01 --to 2024-01-01 -- \
        'scontrol show job "$SLURM_JOB_ID" >job'
    grep -q 'Partition=other' job
    grep -q 'TimeLimit=00:05:00' job
    grep -qE '(MinMemoryNode|mem)=100M' job
    grep -q 'Nice=7' job
    grep -q 'Comment=why' job
}

@test "what sbatch refuses is told, and no date has run" {
    assert_exit 75 pipe-backfill --executor slurm --slurm-partition nosuch \
        --from 2024-01-01 --to 2024-01-02 -- 'touch ran'
    [ "$(outcomes)" = "2024-01-01 not-run
2024-01-02 not-run" ]
    grep -q 'invalid partition' err
    [ ! -e ran ]
}

@test "--max-failures cancels the jobs that wait" {
    assert_exit 65 pipe-backfill --executor slurm -j 1 --max-failures 1 \
        --from 2024-01-01 --to 2024-01-06 -- \
        'echo "$PIPE_DATE" >>dates; sleep 2; false'
    [ "$(wc -l <dates)" -le 3 ]
    [ "$(outcomes | tail -n 2)" = "2024-01-05 not-run
2024-01-06 not-run" ]
    [ "$(outcomes | head -n 1)" = "2024-01-01 failed" ]
    no_job
}

@test "killed with -9 and run again, each date has run once" {
    local run=(pipe-backfill --executor slurm --from 2024-01-01 --to 2024-01-04
        -- 'echo "$PIPE_DATE" >>dates; until [ -e go ]; do sleep 0.1; done')
    "${run[@]}" >/dev/null 2>&1 3>&- &
    within 30 grep -qs . dates
    kill -9 "$!"
    wait "$!" || true
    # Slurm goes on with what it has: the new backfill waits for the locks.
    "${run[@]}" >out 2>err 3>&- &
    sleep 2
    touch go
    wait "$!"
    [ "$(sort dates)" = "2024-01-01
2024-01-02
2024-01-03
2024-01-04" ]
    [ "$(outcomes | grep -c -e 'done' -e skipped)" = 4 ]
}

@test "a date that is killed is failed, and runs again" {
    local run=(pipe-backfill --executor slurm --from 2024-01-01 --to 2024-01-02
        -- 'echo "$PIPE_DATE" >>dates
        [ "$PIPE_DATE" != 2024-01-01 ] || [ -e again ] || kill -9 "$PPID" $$')
    assert_exit 65 "${run[@]}"
    [ "$(outcomes)" = "2024-01-01 failed
2024-01-02 done" ]
    touch again
    assert_exit 0 "${run[@]}"
    [ "$(wc -l <dates)" = 3 ]
}

@test "a job that is killed whole leaves its date failed" {
    local run=(pipe-backfill --executor slurm --from 2024-01-01 --to 2024-01-01
        -- 'echo "$PIPE_DATE" >>dates
        [ -e again ] || { scancel --full --signal=KILL "$SLURM_JOB_ID"; sleep 60; }')
    assert_exit 65 "${run[@]}"
    # By the kill, or by what Slurm sends to the rest of the job behind it.
    [ "$(awk 'NR > 1 { print $2, $3 ~ /^1(37|43)$/ }' out)" = "failed 1" ]
    touch again
    assert_exit 0 "${run[@]}"
    [ "$(wc -l <dates)" = 2 ]
}

@test "two backfills at once, one by Slurm: each date runs once" {
    local line='echo "$PIPE_DATE" >>dates; sleep 0.3'
    pipe-backfill --executor slurm --from 2024-01-01 --to 2024-01-05 -- "$line" \
        >first 2>&1 3>&- &
    pipe-backfill --reverse --from 2024-01-01 --to 2024-01-05 -- "$line" >second
    wait "$!"
    [ "$(sort dates)" = "$(seq -f '2024-01-%02g' 5)" ]
}

@test "SIGTERM stops what runs, cancels what waits, and shows as 143" {
    local state=0
    pipe-backfill --executor slurm -j 1 --from 2024-01-01 --to 2024-01-03 -- \
        'echo "$PIPE_DATE $$" >>dates; sleep 60' >out 2>err 3>&- &
    within 30 grep -qs . dates
    kill "$!"
    wait "$!" || state=$?
    [ "$state" = 143 ]
    [ "$(outcomes)" = "2024-01-01 stopped
2024-01-02 not-run
2024-01-03 not-run" ]
    run ! kill -0 "$(awk '{ print $2 }' dates)"
    within 20 no_job
}

@test "a pipeline loads a partition for each hour of a day with 23" {
    for hour in 00 01 03 04; do
        echo '{"id":1}' >"in-2026-03-29T$hour.ndjson"
    done
    assert_exit 0 pipe-backfill --executor slurm --pipeline o --step 1h \
        --tz Europe/Berlin --from 2026-03-29 --to 2026-03-29T04 -- \
        'pipe-run --lock-wait 30s --lock db -- "pipe-extract in-{date}.ndjson |
            pipe-load sqlite:o.db -t o --mode replace --create \
                --partition hour={date}"'
    [ "$(sqlite3 o.db 'SELECT group_concat(hour) FROM (SELECT * FROM o ORDER BY hour)')" = \
        2026-03-29T00,2026-03-29T01,2026-03-29T03,2026-03-29T04 ]
}
