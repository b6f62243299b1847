#!/usr/bin/env bats
# pipe-aggregate --window: results by event time, late records, streams.
load ../helper

# at TIME...: a record for each time, with v counted up from 1, in the file `in`.
at() {
    local time v=0
    for time; do
        printf '{"t":"%s","v":%d}\n' "$time" $((++v))
    done >in
}

# windows OPTION...: aggregates `in`; what comes out is, shorter, in `short`:
# start end n sum.
windows() {
    assert_exit 0 pipe-aggregate --time t -a 'n=count(), s=sum(v)' "$@" <in
    sed -E 's/.*start":"([^"]*)","window_end":"([^"]*)".*"n":([0-9]+),"s":([0-9]+)\}/\1 \2 \3 \4/' \
        out >short
}

# open_stream PIPELINE: starts it between two FIFOs; $to and $from are ours.
open_stream() {
    mkfifo fifo.in fifo.out
    bash -c "$1" <fifo.in >fifo.out 2>stream.err &
    stream=$!
    exec {to}>fifo.in {from}<fifo.out
}

say() {
    printf '%s\n' "$@" >&"$to"
}

# hear: the next line of the stream, while its input is open, in $REPLY.
hear() {
    REPLY=
    IFS= read -r -t 20 -u "$from" || fail "nothing came" "$(cat stream.err)"
}

close_stream() {
    exec {to}>&-
    cat <&"$from" >rest
    exec {from}<&-
    wait "$stream"
}

# ---- results ----

@test "tumbling windows: groups by first appearance, windows by their end" {
    printf '%s\n' '{"t":"2026-01-01T00:10:00Z","c":"b","v":2}' \
        '{"t":"2026-01-01T01:20:00Z","c":"b","v":3}' \
        '{"t":"2026-01-01T00:50:00Z","c":"a","v":1.50}' \
        '{"t":"2026-01-01T00:59:59.999Z","c":"b","v":4}' >in
    assert_exit 0 pipe-aggregate --window 1h --time t --lateness 1h -g c \
        -a 'n=count(), s=sum(v)' <in
    assert_file out '{"window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T01:00:00Z","c":"b","n":2,"s":6}
{"window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T01:00:00Z","c":"a","n":1,"s":1.50}
{"window_start":"2026-01-01T01:00:00Z","window_end":"2026-01-01T02:00:00Z","c":"b","n":1,"s":3}'
    assert_file err ''
}

@test "sliding windows: each record is in as many as there are steps" {
    at 2026-01-01T00:12:00Z 2026-01-01T00:07:00Z
    windows --window sliding:10m,5m --lateness 10m
    assert_file short '2026-01-01T00:00:00Z 2026-01-01T00:10:00Z 1 2
2026-01-01T00:05:00Z 2026-01-01T00:15:00Z 2 3
2026-01-01T00:10:00Z 2026-01-01T00:20:00Z 1 1'
}

@test "sessions end when nothing came for the gap, by key" {
    printf '{"t":%d,"u":"%s","v":%d}\n' 0 a 1 20 b 2 25 a 3 60 a 4 45 b 5 >in
    assert_exit 0 pipe-aggregate --window session:30s --time t --lateness 1m \
        -g u -a 's=sum(v)' <in
    assert_file out '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:55Z","u":"a","s":4}
{"window_start":"1970-01-01T00:00:20Z","window_end":"1970-01-01T00:01:15Z","u":"b","s":7}
{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:01:30Z","u":"a","s":4}'
}

@test "a record that joins sessions comes behind what they had" {
    printf '{"t":%d,"v":%s}\n' 0 1 50 2 80 3 25 4 >in
    assert_exit 0 pipe-aggregate --window session:30s --time t --lateness 5m \
        -a 'l=list(v), f=first(v), z=last(v)' <in
    assert_file out '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:01:20Z","l":[1,2,4],"f":1,"z":4}
{"window_start":"1970-01-01T00:01:20Z","window_end":"1970-01-01T00:01:50Z","l":[3],"f":3,"z":3}'
    # One that is rejected joins nothing.
    printf '{"t":%d,"v":%s}\n' 0 1 50 2 25 '"x"' >in
    assert_exit 0 pipe-aggregate --window session:30s --time t --lateness 5m \
        -a 's=sum(v)' --max-reject 1 <in
    assert_file out '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:30Z","s":1}
{"window_start":"1970-01-01T00:00:50Z","window_end":"1970-01-01T00:01:20Z","s":2}'
}

@test "trailing windows: each record gives what its key had until then" {
    printf '{"t":%d,"u":"%s","v":%d}\n' 0 a 1 5 b 2 9 a 3 10 a 4 12 b 5 >in
    assert_exit 0 pipe-aggregate --window trailing:10s --time t -g u \
        -a 's=sum(v), n=count()' <in
    assert_file out '{"window_start":"1969-12-31T23:59:50Z","window_end":"1970-01-01T00:00:00Z","u":"a","s":1,"n":1}
{"window_start":"1969-12-31T23:59:55Z","window_end":"1970-01-01T00:00:05Z","u":"b","s":2,"n":1}
{"window_start":"1969-12-31T23:59:59Z","window_end":"1970-01-01T00:00:09Z","u":"a","s":4,"n":2}
{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","u":"a","s":7,"n":2}
{"window_start":"1970-01-01T00:00:02Z","window_end":"1970-01-01T00:00:12Z","u":"b","s":7,"n":2}'
}

@test "--where and --having: before and behind the windows" {
    at 2026-01-01T00:00:00Z 2026-01-01T00:01:00Z 2026-01-01T01:00:00Z
    windows --window 1h --where 'v <> 1' --having 's > 2'
    assert_file short '2026-01-01T01:00:00Z 2026-01-01T02:00:00Z 1 3'
}

@test "nothing in, nothing out" {
    assert_exit 0 pipe-aggregate --window 1h --time t -a 'count()' </dev/null
    assert_file out ''
}

# ---- time zones ----

@test "Berlin, autumn: two windows for the hour shown twice, a day of 25" {
    at 2026-10-24T22:00:00Z 2026-10-25T00:30:00Z 2026-10-25T01:30:00Z \
        2026-10-25T22:59:59Z 2026-10-25T23:00:00Z
    windows --window 1h --tz Europe/Berlin
    assert_file short '2026-10-25T00:00:00+02:00 2026-10-25T01:00:00+02:00 1 1
2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00 1 2
2026-10-25T02:00:00+01:00 2026-10-25T03:00:00+01:00 1 3
2026-10-25T23:00:00+01:00 2026-10-26T00:00:00+01:00 1 4
2026-10-26T00:00:00+01:00 2026-10-26T01:00:00+01:00 1 5'
    windows --window 1d --tz Europe/Berlin
    assert_file short '2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00 4 10
2026-10-26T00:00:00+01:00 2026-10-27T00:00:00+01:00 1 5'
}

@test "Berlin, spring: no window for the hour skipped, a day of 23" {
    at 2026-03-29T00:30:00Z 2026-03-29T01:00:00Z 2026-03-29T21:59:00Z \
        2026-03-29T22:00:00Z
    windows --window 1h --tz Europe/Berlin
    assert_file short '2026-03-29T01:00:00+01:00 2026-03-29T03:00:00+02:00 1 1
2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00 1 2
2026-03-29T23:00:00+02:00 2026-03-30T00:00:00+02:00 1 3
2026-03-30T00:00:00+02:00 2026-03-30T01:00:00+02:00 1 4'
    windows --window 1d --tz Europe/Berlin
    assert_file short '2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00 3 6
2026-03-30T00:00:00+02:00 2026-03-31T00:00:00+02:00 1 4'
}

@test "New York, both changes: hours, days, and sliding over them" {
    at 2013-03-10T06:30:00Z 2013-03-10T07:30:00Z 2013-11-03T05:30:00Z \
        2013-11-03T06:30:00Z
    windows --window 1h --tz America/New_York
    assert_file short '2013-03-10T01:00:00-05:00 2013-03-10T03:00:00-04:00 1 1
2013-03-10T03:00:00-04:00 2013-03-10T04:00:00-04:00 1 2
2013-11-03T01:00:00-04:00 2013-11-03T01:00:00-05:00 1 3
2013-11-03T01:00:00-05:00 2013-11-03T02:00:00-05:00 1 4'
    windows --window sliding:2h,1h --tz America/New_York
    assert_file short '2013-03-10T00:00:00-05:00 2013-03-10T03:00:00-04:00 1 1
2013-03-10T01:00:00-05:00 2013-03-10T04:00:00-04:00 2 3
2013-03-10T03:00:00-04:00 2013-03-10T05:00:00-04:00 1 2
2013-11-03T00:00:00-04:00 2013-11-03T01:00:00-05:00 1 3
2013-11-03T01:00:00-04:00 2013-11-03T02:00:00-05:00 2 7
2013-11-03T01:00:00-05:00 2013-11-03T03:00:00-05:00 1 4'
    windows --window sliding:2d,1d --tz America/New_York
    assert_file short '2013-03-09T00:00:00-05:00 2013-03-11T00:00:00-04:00 2 3
2013-03-10T00:00:00-05:00 2013-03-12T00:00:00-04:00 2 3
2013-11-02T00:00:00-04:00 2013-11-04T00:00:00-05:00 2 7
2013-11-03T00:00:00-04:00 2013-11-05T00:00:00-05:00 2 7'
}

@test "times without a zone are in --tz, months and weeks on its calendar" {
    at '2026-03-31 23:30:00' 2026-04-01
    windows --window 1mo --tz Europe/Berlin
    assert_file short '2026-03-01T00:00:00+01:00 2026-04-01T00:00:00+02:00 1 1
2026-04-01T00:00:00+02:00 2026-05-01T00:00:00+02:00 1 2'
    windows --window 1w --tz Europe/Berlin
    assert_file short '2026-03-30T00:00:00+02:00 2026-04-06T00:00:00+02:00 2 3'
}

@test "a year of weather: hours and days are those its own columns say" {
    need_data nycflights13
    pipe-extract "$DATA/weather.csv.gz" >in
    assert_exit 0 pipe-aggregate --tz America/New_York --window 1h \
        --time time_hour --lateness 400d -g origin,hour -a 'n=count()' <in
    (($(wc -l <out) == 26115))
    # The hour of the clock in window_start is the hour of the column.
    run ! grep -vE 'start":"2013-..-..T0?([0-9]+):00:00-0[45]:00".*"hour":"\1","n":1\}' \
        <(sed -E 's/T0([0-9]):/T\1:/' out)
    [ "$(grep -c '"2013-11-03T01:00:00-0[45]:00","window_end' out)" = 6 ]
    pipe-aggregate --tz America/New_York --window 1d --time time_hour \
        --lateness 400d -a 'n=count()' <in |
        sed -E 's/.*start":"([0-9-]+)T.*"n":([0-9]+).*/\1 \2/' >have
    gzip -dc "$DATA/weather.csv.gz" | awk -F, 'NR > 1 {
        n[sprintf("%d-%02d-%02d", $2, $3, $4)]++
    } END { for (day in n) print day, n[day] }' | sort >want
    diff have want
    (($(wc -l <have) == 364))
}

# ---- late records ----

@test "late records are rejected with their bytes, and counted" {
    printf '%s\n' '{"t":100,"v":1}' '{"t":170,"v":2}' '{ "t":99, "v":3 }' >in
    assert_exit 0 pipe-aggregate --window 1m --time t -a 's=sum(v)' \
        --dlq "$PWD/dead/" --max-reject 1 --log json <in
    grep -q '"read":3,"out":2,"rejected":1,"filtered":0' err
    cat dead/* >letters
    grep -q '"code":"late","path":"/t","message":"1970-01-01T00:01:39Z is late: the watermark is at 1970-01-01T00:02:50Z"' letters
    grep -qF '"raw":"{ \"t\":99, \"v\":3 }"' letters
}

@test "a late record fails the run where nobody allowed one" {
    printf '%s\n' '{"t":100,"v":1}' '{"t":170,"v":2}' '{"t":99,"v":3}' >in
    assert_exit 65 pipe-aggregate --window 1m --time t -a 's=sum(v)' <in
    grep -q 'rejected line 3: /t .* (late)' err
    # The first window was right when it was emitted; the last one never was.
    assert_file out '{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:02:00Z","s":1}'
}

@test "--late drop: late records are filtered, and how many is said" {
    printf '{"t":%d,"v":1}\n' 100 170 99 98 171 >in
    assert_exit 0 pipe-aggregate --window 1m --time t -a 's=sum(v)' \
        --late drop --log json <in
    grep -q '"read":5,"out":3,"rejected":0,"filtered":2' err
    grep -q '2 late records dropped' err
    assert_exit 0 pipe-aggregate --window 1m --time t -a 's=sum(v)' \
        --late drop <in
    assert_file err 'pipe-aggregate: 2 late records dropped'
}

@test "--late update: late records emit the result anew, and numbered" {
    printf '{"t":%d,"v":1}\n' 100 120 99 98 181 97 >in
    assert_exit 0 pipe-aggregate --window 1m --time t -a 's=sum(v)' \
        --late update --late-for 1m --max-reject 1 <in
    assert_file out '{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:02:00Z","s":1}
{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:02:00Z","window_update":1,"s":2}
{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:02:00Z","window_update":2,"s":3}
{"window_start":"1970-01-01T00:02:00Z","window_end":"1970-01-01T00:03:00Z","s":1}
{"window_start":"1970-01-01T00:03:00Z","window_end":"1970-01-01T00:04:00Z","s":1}'
    grep -q '2 late records updated results' err
    grep -q 'rejected line 6.*(late)' err
}

@test "records whose time is missing or unreadable are rejected" {
    printf '%s\n' '{"v":1}' '{"t":null}' '{"t":"soon"}' '{"t":[1]}' \
        '{"t":"2026-01-01T00:00:00Z"}' >in
    assert_exit 0 pipe-aggregate --window 1h --time t -a 'n=count()' \
        --max-reject 4 <in
    assert_file err 'pipe-aggregate: rejected line 1: /t time is missing (time_missing)
pipe-aggregate: rejected line 2: /t time is null (time_missing)
pipe-aggregate: rejected line 3: /t no RFC 3339 time or date (time)
pipe-aggregate: rejected line 4: /t no time: needs a string or a number of the years 0 to 9999 (time)'
    (($(wc -l <out) == 1))
}

@test "a value that cannot be summed is rejected once, whatever its windows" {
    printf '%s\n' '{"t":1,"v":"x"}' '{"t":2,"v":1}' >in
    assert_exit 0 pipe-aggregate --window sliding:1h,1m --time t \
        -a 's=sum(v)' --max-reject 1 --log json <in
    grep -q '"read":2,"out":1,"rejected":1' err
    (($(wc -l <out) == 60))
}

@test "--time-unit: numbers count seconds, milliseconds or microseconds" {
    local unit zeros
    while read -r unit zeros; do
        printf '{"t":1767225600%s,"v":1}\n' "$zeros" >in
        windows --window 1d --time-unit "$unit"
        assert_file short '2026-01-01T00:00:00Z 2026-01-02T00:00:00Z 1 1'
    done <<<'s .25
ms 000
us 000000'
}

# ---- sources ----

@test "--source: a partition that runs ahead makes none of the others late" {
    printf '{"t":%d,"_src":{"partition":%d},"v":1}\n' 0 0 0 1 1000 0 30 1 \
        1001 0 31 1 61 1 >in
    assert_exit 65 pipe-aggregate --window 1m --time t -a 'n=count()' <in
    assert_exit 0 pipe-aggregate --window 1m --time t -a 'n=count()' \
        --source _src.partition <in
    sed -n 1p out >first
    assert_file first '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:01:00Z","n":4}'
}

# ---- streams ----

@test "a window comes out while the input is open, once time has passed it" {
    open_stream "pipe-aggregate --window 1m --time t -a 'n=count()'"
    say '{"t":10}' '{"t":20}' '{"t":60}'
    hear
    [ "$REPLY" = '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:01:00Z","n":2}' ]
    say '{"t":120}'
    hear
    [ "$REPLY" = '{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:02:00Z","n":1}' ]
    close_stream
    assert_file rest '{"window_start":"1970-01-01T00:02:00Z","window_end":"1970-01-01T00:03:00Z","n":1}'
}

@test "--idle-timeout: where nothing comes windows close by the clock" {
    open_stream "pipe-aggregate --window 1s --time t --idle-timeout 100ms -a 'n=count()'"
    say '{"t":10.5}' '{"t":10.6}'
    hear
    [ "$REPLY" = '{"window_start":"1970-01-01T00:00:10Z","window_end":"1970-01-01T00:00:11Z","n":2}' ]
    say '{"t":12}'
    hear
    [ "$REPLY" = '{"window_start":"1970-01-01T00:00:12Z","window_end":"1970-01-01T00:00:13Z","n":1}' ]
    close_stream
    assert_file rest ''
}

@test "--idle-timeout: a source that fell silent holds no window back" {
    open_stream "pipe-aggregate --window 1m --time t --source p --idle-timeout 150ms -a 'n=count()'"
    say '{"t":10,"p":1}' '{"t":10,"p":2}' '{"t":70,"p":1}'
    hear
    [ "$REPLY" = '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:01:00Z","n":2}' ]
    close_stream
}

@test "a signal ends the wait for input at once, and no open window comes" {
    mkfifo fifo.in
    pipe-aggregate --window 1h --time t --idle-timeout 60s -a 'n=count()' \
        <fifo.in >out 2>err &
    local stage=$! status=0
    exec {to}>fifo.in
    say '{"t":10}' '{"t":3700}'
    within 20 test -s out
    kill -TERM "$stage"
    wait "$stage" || status=$?
    exec {to}>&-
    ((status == 143))
    assert_file out '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T01:00:00Z","n":1}'
}

@test "behind an upstream that fails no open window is emitted" {
    printf '%s\n' '{"t":10}' '{"t":70}' '{"t":80}' '{"t":90,' >in
    run -65 --separate-stderr bash -o pipefail -c \
        "pipe-extract in | pipe-aggregate --window 1m --time t -a 'n=count()'"
    [ "$output" = '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:01:00Z","n":1}' ]
}

# ---- alerts ----

alerts="pipe-aggregate -g customer_id --window trailing:30d --time created_at \
    -a \"tickets=count(), high=count(CASE WHEN priority = 'high' THEN 1 END), last=last(ticket_id)\" \
    --having 'tickets >= 3 OR high >= 2' --lateness 2h"

@test "alerts on a stream of tickets are those of the rule, one by one" {
    local i t=1767225600 state=7 day=86400 customer high late
    local names=(low high)
    for ((i = 1; i <= 1500; i++)); do
        state=$(((state * 1103515245 + 12345) & 0x7fffffff))
        t=$((t + state % 20000))
        state=$(((state * 1103515245 + 12345) & 0x7fffffff))
        # Up to an hour late; three in ten are high.
        customer=c$((state >> 4 & 63)) high=$((t % 10 < 3))
        late=$((t - (state >> 12) % 3600))
        printf '{"ticket_id":"T%d","customer_id":"%s","priority":"%s","created_at":"%(%FT%TZ)T"}\n' \
            $i $customer "${names[high]}" $late
        echo "$i $customer $high $late" >&9
    done >in 9>plain
    # The rule, read as it stands: of all tickets so far, those of the customer
    # within 30 days up to this one.
    awk -v span=$((30 * day)) '{
        who[NR] = $2; high[NR] = $3; at[NR] = $4; n = h = 0; last = 0
        for (i = 1; i <= NR; i++)
            if (who[i] == $2 && at[i] <= $4 && at[i] > $4 - span) {
                n++
                h += high[i]
                if (!last || at[i] >= at[last])
                    last = i
            }
        if (n >= 3 || h >= 2)
            printf "{\"customer_id\":\"%s\",\"tickets\":%d,\"high\":%d,\"last\":\"T%d\"}\n", $2, n, h, last
    }' plain >want
    (($(wc -l <want) > 300 && $(wc -l <want) < 1400))
    bash -c "$alerts" <in | sed 's/"window_start":"[^"]*","window_end":"[^"]*",//' >have
    diff want have
}

@test "an alert comes out of the pipeline while its input is open" {
    open_stream "$alerts | pipe-transform --set \"alert = 'customer ' || customer_id || ': ' || CAST(tickets AS text) || ' tickets'\""
    say '{"ticket_id":"T1","customer_id":"c1","priority":"high","created_at":"2026-01-01T00:00:00Z"}'
    say '{"ticket_id":"T2","customer_id":"c2","priority":"high","created_at":"2026-01-02T00:00:00Z"}'
    say '{"ticket_id":"T3","customer_id":"c1","priority":"high","created_at":"2026-01-30T23:59:59Z"}'
    hear
    [[ $REPLY == *'"customer_id":"c1","tickets":2,"high":2,"last":"T3","alert":"customer c1: 2 tickets"}' ]]
    say '{"ticket_id":"T4","customer_id":"c1","priority":"low","created_at":"2026-01-31T00:00:00Z"}'
    say '{"ticket_id":"T5","customer_id":"c1","priority":"low","created_at":"2026-01-31T00:00:01Z"}'
    hear
    [[ $REPLY == *'"window_end":"2026-01-31T00:00:01Z","customer_id":"c1","tickets":3,"high":1,"last":"T5",'* ]]
    close_stream
    assert_file rest ''
}

# ---- limits and misuse ----

@test "windows that need more than --memory fail and say so" {
    awk 'BEGIN { for (i = 0; i < 50000; i++) printf "{\"t\":1,\"k\":\"key number %d\"}\n", i }' >in
    local kind
    for kind in 1h session:1h trailing:1h; do
        assert_exit 78 pipe-aggregate --window $kind --time t -g k \
            -a 'count()' --memory 1M -o /dev/null <in
        grep -q 'than .*--memory' err
    done
}

@test "options that do not fit together are refused" {
    local args
    while read -r args; do
        # shellcheck disable=SC2086
        assert_exit 64 pipe-aggregate -a 'count()' $args </dev/null
        assert_file out ''
    done <<'END'
--window 1h
--time t
--lateness 1m
--idle-timeout 1s
--window 36h --time t
--window sliding:1h,7m --time t
--window hop:1h --time t
--window 1h --time t --late update
--window 1h --time t --late-for 1h
--window 1h --time t --late keep
--window trailing:1h --time t --late update --late-for 1h
--window 1h --time t --sort
--window 1h --time t --partial
--window 1h --time t --merge
--window 1h --time t --time-unit h
--window 1h --time t..u
--window 1h --time t -g window_start
--window 1h --time t -a window_end=count()
END
}
