#!/usr/bin/env bats
# pipe-backfill: hours, days, weeks and months, and what the tools make of them.
# shellcheck disable=SC2016 # commands are for pipe-backfill to expand
load ../helper

setup() {
    pipe_setup
    unset PIPE_TZ PIPE_PIPELINE
}

# plan OPTION...: what would run, "date start end" a line.
plan() {
    pipe-backfill -n "$@" -- true | awk 'NR > 1 { print $1, $3, $4 }'
}

@test "a day of a change to summer time has 23 hours, the other one 25" {
    [ "$(plan --tz Europe/Berlin --step 1h --from 2026-03-29 --to 2026-03-29 |
        wc -l)" = 23 ]
    [ "$(plan --tz Europe/Berlin --step 1h --from 2026-10-25 --to 2026-10-25 |
        wc -l)" = 25 ]
    [ "$(plan --tz Europe/Berlin --step 1h --from 2026-10-24 --to 2026-10-24 |
        wc -l)" = 24 ]
}

@test "a skipped hour is no step; the one before ends where the next begins" {
    [ "$(plan --tz Europe/Berlin --step 1h --from 2026-03-29T01 \
        --to 2026-03-29T03)" = \
        "2026-03-29T01 2026-03-29T01:00:00+01:00 2026-03-29T03:00:00+02:00
2026-03-29T03 2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00" ]
}

@test "an hour that comes twice is two steps, told apart by their offsets" {
    [ "$(plan --tz Europe/Berlin --step 1h --from 2026-10-25T02 \
        --to 2026-10-25T02)" = \
        "2026-10-25T02+0200 2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00
2026-10-25T02+0100 2026-10-25T02:00:00+01:00 2026-10-25T03:00:00+01:00" ]
    # An end with an offset means one of them; its name is the same.
    [ "$(plan --tz Europe/Berlin --step 1h --from 2026-10-25T02+01:00 \
        --to 2026-10-25T02 | cut -d ' ' -f 1)" = 2026-10-25T02+0100 ]
    [ "$(plan --tz Europe/Berlin --step 1h --from 2026-10-25T02+0200 \
        --to 2026-10-25T02+0200 | cut -d ' ' -f 1)" = 2026-10-25T02+0200 ]
}

@test "months are those that the ends name, or lie in" {
    [ "$(plan --step 1mo --from 2026-01 --to 2026-03)" = \
        "2026-01 2026-01-01T00:00:00Z 2026-02-01T00:00:00Z
2026-02 2026-02-01T00:00:00Z 2026-03-01T00:00:00Z
2026-03 2026-03-01T00:00:00Z 2026-04-01T00:00:00Z" ]
    [ "$(plan --step 1mo --from 2025-12-31 --to 2026-01-01 |
        cut -d ' ' -f 1 | xargs)" = "2025-12 2026-01" ]
    [ "$(plan --tz Europe/Berlin --step 1mo --from 2026-03 --to 2026-03)" = \
        "2026-03 2026-03-01T00:00:00+01:00 2026-04-01T00:00:00+02:00" ]
}

@test "weeks begin on Monday and have the year of their Thursday" {
    [ "$(plan --step 1w --from 2025-12-31 --to 2026-01-05)" = \
        "2026-W01 2025-12-29T00:00:00Z 2026-01-05T00:00:00Z
2026-W02 2026-01-05T00:00:00Z 2026-01-12T00:00:00Z" ]
    [ "$(plan --step 1w --from 2020-W52 --to 2021-W01 | cut -d ' ' -f 1 |
        xargs)" = "2020-W52 2020-W53 2021-W01" ]
}

@test "days of a month, hours of a month: an end may be longer than a step" {
    [ "$(plan --from 2024-02 --to 2024-02 | wc -l)" = 29 ]
    [ "$(plan --from 2024-W01 --to 2024-W01 | wc -l)" = 7 ]
    [ "$(plan --step 1h --from 2024-02 --to 2024-02 | wc -l)" = 696 ]
}

@test "--reverse runs the last date first" {
    assert_exit 0 pipe-backfill --reverse --step 1mo --from 2026-01 --to 2026-03 \
        -- 'echo "$PIPE_DATE $PIPE_START" >>dates'
    assert_file dates "2026-03 2026-03-01T00:00:00Z
2026-02 2026-02-01T00:00:00Z
2026-01 2026-01-01T00:00:00Z"
    awk 'NR == 2 { exit $1 != "2026-03" }' out
}

@test "an end in an hour that clocks skip, or do not have, is 64" {
    assert_exit 64 pipe-backfill --tz Europe/Berlin --step 1h \
        --from 2026-03-29T02 --to 2026-03-29T05 -- true
    assert_file err "pipe-backfill: option --from: clocks do not show '2026-03-29T02' in Europe/Berlin"
    assert_exit 64 pipe-backfill --tz Europe/Berlin --step 1h \
        --from 2026-03-29T01 --to 2026-03-29T05+0100 -- true
    assert_file err "pipe-backfill: option --to: clocks do not show '2026-03-29T05+0100' in Europe/Berlin"
}

@test "{date}, {start} and {end} in the command are the step's" {
    assert_exit 0 pipe-backfill --tz Asia/Kolkata --step 1h --from 2026-01-01T05 \
        --to 2026-01-01T05 -- printf '%s\n' '{date} {start} {end}' '{other}'
    assert_file "$(echo "$PIPE_STATE"/backfill/*/log/2026-01-01T05)" \
        "2026-01-01T05 2026-01-01T05:00:00+05:30 2026-01-01T06:00:00+05:30
{other}"
}

# same_as_tools ZONE FROM TO STEP: each step is what the tools make of its date
# alone, and begins where the one before ends.
same_as_tools() {
    local key start end before='' n=0
    while read -r key start end; do
        [ -z "$before" ] || [ "$start" = "$before" ] ||
            fail "$1 $key: $start is not $before"
        before=$end
        [ "$(pipe-transform --date "$key" --tz "$1" --set 's=$start' \
            --set 'e=$end' <<<'{}')" = "{\"s\":\"$start\",\"e\":\"$end\"}" ] ||
            fail "$1 $key: $start $end"
        ((++n))
    done < <(plan --tz "$1" --from "$2" --to "$3" --step "$4")
    ((n > 0)) || fail "$1 $2 $3 $4: no step"
}

@test "the tools make the same interval of a date, in zones of all kinds" {
    local zone from to step
    while read -r zone from to; do
        for step in 1h 1d 1w 1mo; do
            same_as_tools "$zone" "$from" "$to" "$step"
        done
    done <<'END'
Europe/Berlin 2026-03-29 2026-03-29
Europe/Berlin 2026-10-25 2026-10-25
Australia/Lord_Howe 2026-04-05 2026-04-05
Australia/Lord_Howe 2026-10-04 2026-10-04
America/St_Johns 2010-11-06 2010-11-07
America/Sao_Paulo 2018-11-03 2018-11-04
America/Havana 2024-11-03 2024-11-03
Pacific/Apia 2011-12-29 2011-12-31
Europe/London 1969-12-31 1970-01-01
Africa/Monrovia 1972-01-07 1972-01-07
Europe/Amsterdam 1937-06-30 1937-07-01
UTC 1999-12-31 2000-01-01
END
}

# ---- what the tools make of PIPE_START and PIPE_END

@test "an interval of the caller's own is that of the date" {
    export PIPE_DATE=2026-01-05 PIPE_START=2026-01-05T06:00:00Z \
        PIPE_END=2026-01-05T12:00:00Z
    [ "$(pipe-run -- 'echo {start} | sed s/.*/$PIPE_START/; echo "$PIPE_END"')" = \
        "2026-01-05T06:00:00Z
2026-01-05T12:00:00Z" ]
    [ "$(pipe-transform --set 'e=$end' <<<'{}')" = '{"e":"2026-01-05T12:00:00Z"}' ]
    # In another zone, or for another date, they are not meant.
    [ "$(pipe-transform --date 2026-01-06 --set 's=$start' <<<'{}')" = \
        '{"s":"2026-01-06T00:00:00Z"}' ]
    [ "$(pipe-transform --tz Asia/Tokyo --set 's=$start' <<<'{}')" = \
        '{"s":"2026-01-05T00:00:00+09:00"}' ]
}

@test "an interval that is left from another date does not count" {
    export PIPE_START=2026-01-05T06:00:00Z PIPE_END=2026-01-05T12:00:00Z
    [ "$(PIPE_DATE=2026-01-07 pipe-transform --set 's=$start' <<<'{}')" = \
        '{"s":"2026-01-07T00:00:00Z"}' ]
    export PIPE_DATE=2026-01-05
    [ "$(pipe-run --date 2026-01-07 -- 'echo "$PIPE_START $PIPE_END"')" = \
        "2026-01-07T00:00:00Z 2026-01-08T00:00:00Z" ]
}

@test "an interval that is none is 64" {
    export PIPE_DATE=2026-01-05 PIPE_START=2026-01-05T06:00:00Z
    PIPE_END=later assert_exit 64 pipe-transform </dev/null
    assert_file err "pipe-transform: PIPE_END 'later' is not an RFC 3339 time"
    PIPE_END=$PIPE_START assert_exit 64 pipe-transform </dev/null
    assert_file err "pipe-transform: PIPE_END '2026-01-05T06:00:00Z' is not later than PIPE_START '2026-01-05T06:00:00Z'"
}

# ---- through pipelines

# Events of each hour of two days, by their time in UTC.
make_events() {
    local day hour
    for day in "$@"; do
        for hour in {00..23}; do
            echo "{\"at\":\"${day}T$hour:30:00Z\",\"n\":1}"
        done
    done >events.ndjson
}

# load_events STEP FROM TO COLUMN: events of each step into its partition.
load_events() {
    assert_exit 0 pipe-backfill -q --pipeline events --tz Europe/Berlin \
        --step "$1" --from "$2" --to "$3" -j 2 -- \
        "pipe-run --lock db --lock-wait 30s -- 'pipe-extract events.ndjson |
            pipe-transform --where \"epoch(at) >= epoch(\\\$start) and
                epoch(at) < epoch(\\\$end)\" |
            pipe-load sqlite:e.db -t events --mode replace --create --allow-empty \
                --partition $4={date}'"
}

@test "hours, days, weeks and months of a pipeline fill their partitions, each event once" {
    local n
    make_events 2026-03-28 2026-03-29
    while read -r step from to n; do
        rm -f e.db
        load_events "$step" "$from" "$to" part
        [ "$(sqlite3 e.db 'SELECT count(*), count(DISTINCT at), count(DISTINCT part) FROM events')" = "$n" ]
    done <<'END'
1h 2026-03-28 2026-03-29 46|46|46
1d 2026-03-28 2026-03-29 46|46|2
1w 2026-W13 2026-W14 48|48|2
1mo 2026-03 2026-04 48|48|1
END
}

@test "an hour that comes twice is two partitions" {
    make_events 2026-10-25
    load_events 1h 2026-10-25T01 2026-10-25T03 hour
    [ "$(sqlite3 e.db 'SELECT hour, at FROM events ORDER BY at')" = \
        "2026-10-25T02+0200|2026-10-25T00:30:00Z
2026-10-25T02+0100|2026-10-25T01:30:00Z
2026-10-25T03|2026-10-25T02:30:00Z" ]
}

@test "a partition of files is named after the step" {
    make_events 2026-10-25
    assert_exit 0 pipe-backfill -q --tz Europe/Berlin --step 1h \
        --from 2026-10-25T02 --to 2026-10-25T02 -- \
        'pipe-run -- "pipe-extract events.ndjson |
            pipe-load file:lake -t e --mode replace --create --partition hour={date}"'
    find lake -name 'hour=*' | sort >parts
    [ "$(wc -l <parts)" = 2 ]
}

@test "the record of a run has the step as its date" {
    assert_exit 0 pipe-backfill -q --pipeline p --step 1mo --from 2026-02 \
        --to 2026-02 -- pipe-run -- true
    jq -e '.date == "2026-02" and .outcome == "ok"' "$PIPE_STATE/runs.ndjson"
}
