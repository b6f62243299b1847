#!/usr/bin/env bats
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

@test "both ends of the range are run, in order, through a leap day" {
    assert_exit 0 pipe-backfill --from 2024-02-27 --to 2024-03-02 -- \
        'echo "$PIPE_DATE" >>dates'
    assert_file dates "2024-02-27
2024-02-28
2024-02-29
2024-03-01
2024-03-02"
}

@test "a century that is no leap year has no 29 February" {
    assert_exit 0 pipe-backfill --from 1900-02-28 --to 1900-03-01 -- \
        'echo "$PIPE_DATE" >>dates'
    assert_file dates "1900-02-28
1900-03-01"
    assert_exit 64 pipe-backfill --from 1900-02-29 --to 1900-03-01 -- true
    assert_file err "pipe-backfill: option --from: '1900-02-29' is not a date (YYYY-MM-DD; YYYY-MM-DDThh, YYYY-Www, YYYY-MM)"
}

@test "a year ends on 31 December" {
    assert_exit 0 pipe-backfill --from 2023-12-31 --to 2024-01-01 -- \
        'echo "$PIPE_DATE $PIPE_START $PIPE_END" >>dates'
    assert_file dates "2023-12-31 2023-12-31T00:00:00Z 2024-01-01T00:00:00Z
2024-01-01 2024-01-01T00:00:00Z 2024-01-02T00:00:00Z"
}

@test "a day of a change to summer time is one day, of 23 hours" {
    assert_exit 0 pipe-backfill --tz Europe/Berlin --from 2024-03-30 \
        --to 2024-04-01 -- 'echo "$PIPE_DATE $PIPE_START $PIPE_END" >>dates'
    assert_file dates "2024-03-30 2024-03-30T00:00:00+01:00 2024-03-31T00:00:00+01:00
2024-03-31 2024-03-31T00:00:00+01:00 2024-04-01T00:00:00+02:00
2024-04-01 2024-04-01T00:00:00+02:00 2024-04-02T00:00:00+02:00"
}

@test "a day without a midnight begins behind the gap" {
    assert_exit 0 pipe-backfill --tz America/Sao_Paulo --from 2018-11-04 \
        --to 2018-11-04 -- 'echo "$PIPE_START $PIPE_END" >>dates'
    assert_file dates "2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00"
}

@test "one word is a shell line with errexit and pipefail" {
    assert_exit 65 pipe-backfill --from 2024-01-01 --to 2024-01-01 -- \
        'false | cat; touch reached'
    [ ! -e reached ]
}

@test "several words are run as they are, without a shell" {
    assert_exit 0 pipe-backfill --from 2024-01-01 --to 2024-01-01 -- \
        cp -- "$0" 'a $b; {date}'
    [ -e 'a $b; 2024-01-01' ]
}

@test "the command reads nothing from the caller's stdin" {
    echo line | assert_exit 0 pipe-backfill --from 2024-01-01 \
        --to 2024-01-02 -- 'wc -c >>count'
    assert_file count "0
0"
}

@test "wrong usage is 64 and says what is wrong" {
    local line args message
    while IFS='|' read -r args message; do
        # shellcheck disable=SC2086 # words
        assert_exit 64 pipe-backfill $args
        assert_file err "pipe-backfill: $message"
        assert_file out ""
    done <<'END'
--from 2024-01-02 --to 2024-01-01 -- true|--from 2024-01-02 is later than --to 2024-01-01
--from 2024-1-02 --to 2024-01-03 -- true|option --from: '2024-1-02' is not a date (YYYY-MM-DD; YYYY-MM-DDThh, YYYY-Www, YYYY-MM)
--from 2024-01-01 -- true|option --to is required
--from 2024-01-01 --to 2024-01-01|no command: it stands behind --
--from 2024-01-01 --to 2024-01-01 true|unexpected operand 'true' (the command stands behind --)
--from 2024-01-01 --to 2024-01-01 -j 0 -- true|option --jobs: '0' is not a number from 1 to 999
--from 2024-01-01 --from 2024-01-01 -- true|option --from is given twice
--fro 2024-01-01|unknown option --fro
--reverse=yes|option --reverse takes no value
--from 2024-01-01 --to 2024-01-01 --step 2d -- true|option --step: '2d' is not one of 1d, 1h, 1w, 1mo
--from 2024-01-01 --to 2024-01-01 --reprocess some -- true|option --reprocess: 'some' is not one of none, failed, all
--from 2024-01-01 --to 2024-01-01 --max-failures 0 -- true|option --max-failures: '0' is not a number from 1 to 999999
--from 2024-01-01 --to 2024-01-01 --max-failures 2 --stop-on-fail -- true|--stop-on-fail and --max-failures exclude each other
--from 2024-01-01 --to 2024-01-01 --executor yarn -- true|option --executor: 'yarn' is not one of local, parallel, slurm
--from 2024-01-01 --to 2024-01-01 --slurm-time 10 -- true|option --slurm-time is for --executor slurm
--from 2024-01-01T24 --to 2024-01-01 --step 1h -- true|option --from: clocks do not show '2024-01-01T24' in UTC
--from 2025-W53 --to 2026-W01 --step 1w -- true|option --from: '2025-W53' is not a date (YYYY-MM-DD; YYYY-MM-DDThh, YYYY-Www, YYYY-MM)
--from 2024-01-01T05 --to 2024-01-01T04 --step 1h -- true|--from 2024-01-01T05 is later than --to 2024-01-01T04
--from 0001-01-01 --to 9999-12-31 -- true|more than 100000 dates from 0001-01-01 to 9999-12-31
--from 1900-01 --to 2000-12 --step 1h -- true|more than 100000 dates from 1900-01 to 2000-12
--to|option --to needs a value DATE
--from 2024-01-01 --to 2024-01-01 --tz ../passwd -- true|option --tz: '../passwd' is not a known time zone
--from 2024-01-01 --to 2024-01-01 --pipeline a/b -- true|pipeline name 'a/b' may hold only letters, digits, '-', '_' and '.'
END
    [ ! -e "$PIPE_STATE" ]
}

@test "finished dates are not run again, with --reprocess all they are" {
    local run=(pipe-backfill --from 2024-01-01 --to 2024-01-02 --
        'echo "$PIPE_DATE" >>dates')
    assert_exit 0 "${run[@]}"
    assert_exit 0 "${run[@]}"
    [ "$(outcomes)" = "2024-01-01 skipped
2024-01-02 skipped" ]
    [ "$(wc -l <dates)" = 2 ]
    assert_exit 0 pipe-backfill --reprocess all "${run[@]:1}"
    [ "$(wc -l <dates)" = 4 ]
}

@test "a longer range runs only what is new" {
    assert_exit 0 pipe-backfill --from 2024-01-02 --to 2024-01-03 -- \
        'echo "$PIPE_DATE" >>dates'
    assert_exit 0 pipe-backfill --from 2024-01-01 --to 2024-01-04 -- \
        'echo "$PIPE_DATE" >>dates'
    assert_file dates "2024-01-02
2024-01-03
2024-01-01
2024-01-04"
}

@test "another command, pipeline or zone has finished dates of its own" {
    local range=(--from 2024-01-01 --to 2024-01-01)
    assert_exit 0 pipe-backfill "${range[@]}" -- 'echo 1 >>n'
    assert_exit 0 pipe-backfill "${range[@]}" -- 'echo 1  >>n'
    assert_exit 0 pipe-backfill "${range[@]}" --pipeline x -- 'echo 1 >>n'
    assert_exit 0 pipe-backfill "${range[@]}" --tz Asia/Tokyo -- 'echo 1 >>n'
    [ "$(wc -l <n)" = 4 ]
}

@test "the same line in another folder has finished dates of its own" {
    local run=(pipe-backfill -q --from 2024-01-01 --to 2024-01-01 --
        'echo 1 >>n')
    mkdir one two
    ln -s one link
    (cd one && "${run[@]}" && "${run[@]}")
    (cd two && "${run[@]}")
    (cd link && "${run[@]}")
    assert_file one/n 1
    assert_file two/n 1
    [ "$(head -qn 1 "$PIPE_STATE"/backfill/*/command | sort)" = "$(pwd -P)/one
$(pwd -P)/two" ]
}

@test "a pipeline with a name is one in all folders" {
    local run=(pipe-backfill -q --from 2024-01-01 --to 2024-01-01)
    mkdir one two three
    (cd one && "${run[@]}" --pipeline x -- 'echo 1 >>n')
    (cd two && "${run[@]}" --pipeline x -- 'echo 1 >>n')
    (cd three && PIPE_PIPELINE=x "${run[@]}" -- 'echo 1 >>n')
    [ -e one/n ]
    [ ! -e two/n ]
    [ ! -e three/n ]
}

@test "a failing date does not stop the others and alone is run again" {
    local run=(pipe-backfill --from 2024-01-01 --to 2024-01-03 --
        'echo "$PIPE_DATE" >>dates; [ -e mended ] || [ "$PIPE_DATE" != 2024-01-02 ]')
    assert_exit 65 "${run[@]}"
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 failed
2024-01-03 done" ]
    grep -q '^pipe-backfill: 2024-01-02 failed with 1, log in /' err
    touch mended
    assert_exit 0 "${run[@]}"
    [ "$(outcomes)" = "2024-01-01 skipped
2024-01-02 done
2024-01-03 skipped" ]
    [ "$(tail -n 1 dates)" = 2024-01-02 ]
    [ "$(wc -l <dates)" = 4 ]
}

@test "75 if every failure may pass, 65 if one does not" {
    assert_exit 75 pipe-backfill --from 2024-01-01 --to 2024-01-02 -- \
        '[ "$PIPE_DATE" = 2024-01-01 ] && exit 69; exit 75'
    assert_exit 65 pipe-backfill --from 2024-01-01 --to 2024-01-02 -- \
        '[ "$PIPE_DATE" = 2024-01-01 ] && exit 75; exit 2'
    awk '$1 == "2024-01-01" { exit $3 != 75 }' out
}

@test "--stop-on-fail starts no further date" {
    assert_exit 65 pipe-backfill --stop-on-fail --from 2024-01-01 \
        --to 2024-01-03 -- '[ "$PIPE_DATE" != 2024-01-02 ]'
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 failed
2024-01-03 not-run" ]
}

@test "-j 2 runs two dates at a time" {
    # Each waits for the other: one at a time would never end.
    assert_exit 0 timeout 20 pipe-backfill -j2 --from 2024-01-01 \
        --to 2024-01-02 -- 'touch "$PIPE_DATE"
        until [ -e 2024-01-01 ] && [ -e 2024-01-02 ]; do sleep 0.05; done'
}

@test "-j 3 never runs more than three, and runs each date once" {
    assert_exit 0 pipe-backfill -j 3 --from 2024-01-01 --to 2024-01-12 -- \
        'touch "now.$PIPE_DATE"; printf "%s\n" now.* | wc -l >>width
        echo "$PIPE_DATE" >>dates; sleep 0.1; rm "now.$PIPE_DATE"'
    [ "$(sort -u dates | wc -l)" = 12 ]
    [ "$(wc -l <dates)" = 12 ]
    [ "$(sort -n width | tail -n 1)" -le 3 ]
}

@test "killed with -9 and run again, each date has run once" {
    local run=(pipe-backfill --from 2024-01-01 --to 2024-01-03 --
        'echo "$PIPE_DATE" >>dates
        [ "$PIPE_DATE" != 2024-01-02 ] || until [ -e go ]; do sleep 0.05; done')
    "${run[@]}" >/dev/null &
    within 20 grep -qs 2024-01-02 dates
    kill -9 "$!"
    wait "$!" || true
    # The second date still runs: the new backfill leaves it alone until it
    # ends, and finds it finished.
    "${run[@]}" >out &
    within 20 grep -qs 2024-01-03 dates
    touch go
    wait "$!"
    [ "$(outcomes)" = "2024-01-01 skipped
2024-01-02 skipped
2024-01-03 done" ]
    assert_file dates "2024-01-01
2024-01-02
2024-01-03"
}

@test "a date killed with -9 is not finished and runs again" {
    local run=(pipe-backfill --from 2024-01-01 --to 2024-01-01 --
        'echo "$PIPE_DATE" >>dates; [ -e again ] || kill -9 "$PPID" $$')
    assert_exit 65 "${run[@]}"
    touch again
    assert_exit 0 "${run[@]}"
    [ "$(wc -l <dates)" = 2 ]
}

# interrupt SIGNAL: a backfill that gets it while 2024-01-01 runs.
interrupt() {
    env --default-signal=INT pipe-backfill --from 2024-01-01 --to 2024-01-02 \
        -- 'echo "$PIPE_DATE $$" >>dates; [ -e go ] || sleep 60' >out 2>err &
    within 20 test -s dates
    kill -s "$1" "$!"
    wait "$!"
}

@test "SIGTERM stops what runs, leaves nothing behind and shows as 143" {
    run interrupt TERM
    [ "$status" = 143 ]
    [ "$(outcomes)" = "2024-01-01 stopped
2024-01-02 not-run" ]
    run ! kill -0 "$(awk '{ print $2 }' dates)"
    touch go
    assert_exit 0 pipe-backfill --from 2024-01-01 --to 2024-01-02 \
        -- 'echo "$PIPE_DATE $$" >>dates; [ -e go ] || sleep 60'
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 done" ]
}

@test "SIGINT stops what runs and shows as 130" {
    run interrupt INT
    [ "$status" = 130 ]
    [ "$(awk '$1 == "2024-01-01" { print $2 }' out)" = stopped ]
}

@test "a date that finishes in spite of the signal is finished" {
    pipe-backfill --from 2024-01-01 --to 2024-01-02 -- \
        'trap "" TERM; touch begun; until [ -e go ]; do sleep 0.05; done' \
        >out 2>err &
    within 20 test -e begun
    kill "$!"
    touch go
    wait "$!" || true
    [ "$(outcomes)" = "2024-01-01 done
2024-01-02 not-run" ]
}

@test "a second signal kills a date that ignores the first" {
    pipe-backfill --from 2024-01-01 --to 2024-01-01 -- \
        'trap "" TERM; touch begun; while :; do sleep 0.05; done' >out 2>err &
    local backfill=$! state=0
    within 20 test -e begun
    kill "$backfill"
    sleep 0.3
    kill "$backfill"
    wait "$backfill" || state=$?
    [ "$state" = 143 ]
    awk '$1 == "2024-01-01" { exit !($2 == "stopped" && $3 == 137) }' out
}

@test "two backfills that overlap run each date once" {
    local line='echo "$PIPE_DATE" >>dates; sleep 0.2'
    pipe-backfill --from 2024-01-01 --to 2024-01-06 -- "$line" >first &
    pipe-backfill --from 2024-01-04 --to 2024-01-08 -- "$line" >second
    wait "$!"
    [ "$(sort dates)" = "$(seq -f '2024-01-%02g' 8)" ]
}

@test "--dry-run shows the plan and leaves no trace" {
    assert_exit 0 pipe-backfill --from 2024-01-01 --to 2024-01-01 -- touch x
    assert_exit 0 pipe-backfill --dry-run --from 2024-01-01 --to 2024-01-02 \
        -- touch x
    assert_file out "date        plan  start                      end
2024-01-01  skip  2024-01-01T00:00:00Z       2024-01-02T00:00:00Z
2024-01-02  run   2024-01-02T00:00:00Z       2024-01-03T00:00:00Z"
    rm -r "$PIPE_STATE"
    assert_exit 0 pipe-backfill -n --from 2024-01-01 --to 2024-01-02 -- touch x
    [ ! -e "$PIPE_STATE" ]
}

@test "what a date writes is in its log, and its end is shown without control bytes" {
    assert_exit 65 pipe-backfill --state "$PWD/s" --pipeline p \
        --from 2024-01-01 --to 2024-01-01 -- \
        'echo one; printf "\033[31mtwo\n" >&2; exit 1'
    assert_file s/backfill/p-*/log/2024-01-01 $'one\n\033[31mtwo'
    run ! grep -q "$(printf '\033')" err
    grep -qxF '    [31mtwo' err
}

@test "the last ten lines of a failed date's log are shown" {
    assert_exit 65 pipe-backfill -q --from 2024-01-01 --to 2024-01-01 -- \
        'seq 11; false'
    [ "$(grep -x '    [0-9]*' err | xargs)" = "2 3 4 5 6 7 8 9 10 11" ]
}

@test "a program that is not there is 69 before anything runs" {
    local range=(--from 2024-01-01 --to 2024-01-01)
    touch not-executable
    for name in nosuchcmd ./nosuch ./not-executable fail cd; do
        assert_exit 69 pipe-backfill "${range[@]}" -- "$name" a
        assert_file err "pipe-backfill: there is no program '$name'"
        assert_file out ""
    done
    [ ! -e "$PIPE_STATE" ]
}

@test "a program that is not there for one date fails that date" {
    printf '#!/bin/sh\n' >run-2024-01-01
    chmod +x run-2024-01-01
    assert_exit 65 pipe-backfill --from 2024-01-01 --to 2024-01-02 -- \
        './run-{date}' a
    [ "$(awk 'NR > 1 { print $1, $2, $3 }' out)" = "2024-01-01 done 0
2024-01-02 failed 127" ]
    grep -q '^    env: .*run-2024-01-02' err
    run ! grep -q 'pipe-backfill: line' err
}

@test "a full disk is 74 and one plain line" {
    local range=(--from 2024-01-01 --to 2024-01-03) args
    while read -r args; do
        # shellcheck disable=SC2086 # words
        assert_exit 74 bash -c 'pipe-backfill "$@" >/dev/full' - $args
        assert_file err "pipe-backfill: cannot write 'stdout': No space left on device"
    done <<END
${range[*]} -- true
${range[*]} --dry-run -- true
--help
--help=man
--help=completion
--version
END
    assert_exit 74 bash -c 'pipe-backfill --version >&-'
    [ "$(wc -l <err)" = 1 ]
    run ! grep -q 'line [0-9]' err
}

@test "--quiet is silent unless a date failed" {
    assert_exit 0 pipe-backfill -q --from 2024-01-01 --to 2024-01-01 -- echo x
    assert_file out ""
    assert_file err ""
    assert_exit 65 pipe-backfill -q --from 2024-01-01 --to 2024-01-01 -- false
    [ "$(outcomes)" = "2024-01-01 failed" ]
}

@test "state goes where the other tools keep theirs; with no place it is 78" {
    unset PIPE_STATE
    local range=(--from 2024-01-01 --to 2024-01-01)
    HOME=$PWD/home assert_exit 0 pipe-backfill "${range[@]}" -- true
    compgen -G 'home/.local/state/pipeutils/backfill/backfill-*/done/2024-01-01'
    HOME=$PWD/home XDG_STATE_HOME=$PWD/xdg assert_exit 0 \
        pipe-backfill "${range[@]}" -- true
    compgen -G 'xdg/pipeutils/backfill/*/done/2024-01-01'
    HOME=$PWD/home STATE_DIRECTORY=$PWD/dir assert_exit 0 \
        pipe-backfill "${range[@]}" -- true
    compgen -G 'dir/backfill/*/done/2024-01-01'
    assert_exit 78 env -u HOME -u XDG_STATE_HOME -u STATE_DIRECTORY \
        pipe-backfill "${range[@]}" -- true
}

@test "state that cannot be created is 73 before anything runs" {
    touch file
    assert_exit 73 pipe-backfill --state "$PWD/file" --from 2024-01-01 \
        --to 2024-01-01 -- touch ran
    [ ! -e ran ]
}

@test "--help, the manual's rows and the completion name the same options" {
    pipe-backfill --help >help
    local names
    names=$(grep -o -- '--[a-z-]*' help | grep -v -- '^--$' | sort -u)
    [ "$(pipe-backfill --help=man | grep '^\.It' |
        grep -o 'Fl Fl [a-z-]*' | sed 's/Fl Fl /--/' | sort -u)" = "$names" ]
    pipe-backfill --help=completion >completion
    [ "$(bash -c '. ./completion
        compopt() { :; }
        COMP_WORDS=(pipe-backfill --) COMP_CWORD=1
        _pipe-backfill
        printf "%s\n" "${COMPREPLY[@]%=}"' | sort -u)" = "$names" ]
}

@test "completion offers folders for --state and commands behind --" {
    pipe-backfill --help=completion >completion
    mkdir folder
    [ "$(bash -c '. ./completion
        compopt() { :; }
        COMP_WORDS=(pipe-backfill --state fol) COMP_CWORD=2
        _pipe-backfill
        echo "${COMPREPLY[@]}"
        COMP_WORDS=(pipe-backfill -- pipe-backf) COMP_CWORD=2
        _pipe-backfill
        echo "${COMPREPLY[@]}"' | xargs)" = "folder pipe-backfill" ]
}

@test "--version tells the version of the suite" {
    local version
    version=$(sed -n 's/^VERSION := //p' "$REPO/Makefile")
    [ "$(pipe-backfill --version)" = "pipe-backfill (pipeutils) $version" ]
}
