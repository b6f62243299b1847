#!/usr/bin/env bats
# kill -9 under pipe-run, at random moments: of each stage, of a jq in the
# middle, of the loader (both its processes), of bash, of pipe-run, of its
# guardian. What is committed is everything or nothing, nothing is left running,
# and the next run loads once. KILLS sets how often (default 100); KILL_SEED the
# moments.
# shellcheck disable=SC2034 # a campaign reads them
load ../helper
load ../kills

setup_file() {
    kills_setup
}

@test "random kills under pipe-run, in every mode: nothing or all, then once" {
    GATED=yes
    sqlite_modes
    VICTIMS=(pipe-extract jq pipe-transform load-first load-last shell run guard)
    ENDERS=(load-first load-last shell run guard)
    LAST=pipe-transform
    local loads=${KILLS:-100} records died runs
    campaign 'SQLite under pipe-run, all modes' "$loads"
    # Each run has its record, the killed ones by the hand of a later run; but
    # those that were killed before they could begin one.
    records=$(wc -l <"$PIPE_STATE/runs.ndjson")
    died=$(jq -r .outcome "$PIPE_STATE/runs.ndjson" | grep -cx died)
    ((died > 0 && died <= hits[run]))
    runs=$((4 * ${#MODES[@]} + 2 * loads))
    echo "# $runs runs, $records records, $died of them died" >&3
    ((records <= runs && records >= runs - hits[run]))
}

@test "several loaders killed at random moments: a run again makes all whole" {
    need_command jq
    make_orders 8000 >in.ndjson
    GATED=yes
    fresh() {
        rm -f a.db* b.db*
        sqlite3 a.db 'CREATE TABLE t(id INTEGER, customer TEXT, country TEXT,
            amount REAL, date TEXT)'
        echo '{"id":0}' | pipe-load sqlite:a.db -t t -m append -q
        cp a.db b.db
    }
    load() {
        exec pipe-run -q --pipeline p --kill-after 5s --lock-wait 20s -- '
            pipe-extract in.ndjson |
                tee >(pipe-load sqlite:a.db -t t -m append -q) |
                jq -c . | pipe-load sqlite:b.db -t t -m append -q'
    }
    state() {
        sqlite_state a.db
        sqlite_state b.db
    }
    # Each of the two for itself: jq writes some numbers otherwise.
    between() {
        local one which
        for which in head tail; do
            one=$($which -n 2 <<<"$1")
            [ "$one" = "$($which -n 2 <<<"${nothing[load]}")" ] ||
                [ "$one" = "$($which -n 2 <<<"${all[load]}")" ] || return 1
        done
    }
    VICTIMS=(pipe-extract tee jq load-first load-last shell run guard)
    ENDERS=(load-first load-last run guard)
    LAST=jq
    campaign 'two SQLite loads of one run' "${KILLS:-40}"
}
