#!/usr/bin/env bats
# Signals to the stages that reshape, under pipe-run: a routed file, a join and
# an aggregate that spill, keys kept over runs, and a load into SQLite. What is
# loaded is nothing or all, a routed file is whole or not there, no key counts
# without its load, and the next run ends as one without a signal. KILLS sets how
# often (default 60); KILL_SEED the moments.
# shellcheck disable=SC2016,SC2034,SC2154,SC2317 # a campaign reads them
load ../helper
load ../kills

setup_file() {
    kills_setup
}

setup() {
    pipe_setup
    need_command jq sqlite3
    mkdir tmp
    make_orders 30000 >in.ndjson
    make_orders 12000 | sed 's/"customer".*"amount"/"price"/' >ref.ndjson
    sqlite3 first.db 'CREATE TABLE t(customer TEXT, country TEXT, day TEXT,
        n INTEGER, ids TEXT)'
    GATED=yes
    SIGNALS=(KILL)
    MODES=(load)
    VICTIMS=(pipe-extract pipe-transform pipe-dedup pipe-join pipe-aggregate
        load-first load-last shell run guard)
    ENDERS=(load-first load-last shell run guard)
    LAST=pipe-aggregate
    load() {
        TMPDIR=$PWD/tmp exec pipe-run -q --pipeline p --kill-after 5s \
            --lock-wait 20s -- '
            pipe-extract in.ndjson |
                pipe-transform --set "day=substr(date,1,10)" \
                    --route "country = '\''SE'\'' => routed.ndjson" |
                pipe-dedup -k id --state seen.db --memory 1M \
                    --duplicates again.ndjson |
                pipe-join ref.ndjson -k id -f price --memory 1M |
                pipe-aggregate -g customer,country,day --memory 1M --sort \
                    -a "n=count(), ids=list(id)" |
                pipe-transform --set "ids=CAST(length(ids) AS TEXT)" |
                pipe-load sqlite:t.db -t t -m append -q'
    }
}

fresh() {
    rm -rf t.db* seen.db* routed.ndjson again.ndjson state
    cp first.db t.db
    one_of "${SIGNALS[@]}"
    SIGNAL=$drawn
}

# state: all that was loaded; and what is wrong beside it. (A routed file is
# empty where what is before it was killed even before its mark: such a pipe is
# that of an unknown writer who had nothing to say.)
state() {
    sqlite3 t.db 'SELECT count(*), sum(n) FROM t'
    sqlite3 t.db 'SELECT * FROM t ORDER BY 1, 2, 3, 4' | md5sum
    [ ! -s routed.ndjson ] || [ "$(wc -l <routed.ndjson)" = 6000 ] ||
        echo "half a routed file"
    [ -z "$(ls -A tmp)" ] || echo "left in TMPDIR: $(ls -A tmp)"
}

@test "other signals: each is nothing or all too" {
    SIGNALS=(TERM INT HUP PIPE)
    campaign 'reshaping, by TERM, INT, HUP, PIPE' "${KILLS:-60}"
}

@test "kills at random moments: nothing or all, and no key without its load" {
    campaign 'reshaping into SQLite' "${KILLS:-60}"
}
