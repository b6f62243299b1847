#!/usr/bin/env bats
# Reading ahead in a second thread (-j 2) changes nothing but the time.
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own

load helper

STAGES=('pipe-dedup -k id' 'pipe-dedup -k id --keep last --null-key pass'
    "pipe-aggregate -g c -a 'count(), sum(v), max(c)'"
    "pipe-aggregate -a 'count(), first(id), last(id)'")

# both_ways FILE OPTION...: each stage on FILE, as a file and through a pipe,
# leaves with -j 2 what it leaves with -j 1.
both_ways() {
    local stage way j file=$1
    shift
    for stage in "${STAGES[@]}"; do
        for way in file pipe; do
            for j in 1 2; do
                rm -f dlq
                code=0
                if [ $way = file ]; then
                    eval "$stage -j $j --log json --run-id r --dlq dlq $*" \
                        <"$file" >out$j 2>err$j || code=$?
                else
                    eval "cat $file | $stage -j $j --log json --run-id r --dlq dlq $*" \
                        >out$j 2>err$j || code=$?
                fi
                # Times and speeds apart.
                sed -Ei 's/"(ts|time|ms|seconds|cpu_seconds|bytes_in|peak_memory|mb_per_s|[a-z_]*_ms)":[^,}]*//g' err$j
                : >dlq$j
                [ ! -s dlq ] || jq -c 'del(.ts, .argv)' dlq >dlq$j
                echo "exit $code" >>err$j
            done
            for what in out err dlq; do
                cmp -s ${what}1 ${what}2 || fail \
                    "$stage $* <$file ($way): $what differs" \
                    "$(diff ${what}1 ${what}2 | cut -c 1-300 | head -6)"
            done
        done
    done
}

# orders N: records with few groups and some ids twice.
orders() {
    awk -v n="$1" 'BEGIN {
        for (i = 0; i < n; i++)
            printf "{\"id\":%d,\"c\":\"c%d\",\"v\":%d.%02d}\n", \
                i * 7919 % (n - n / 10), i % 13, i % 90, i % 100
    }'
}

@test "the golden folders come out the same with a thread that reads ahead" {
    PIPE_JOBS=2 "$REPO/tests/lib/golden" "$REPO"/tests/golden/*/ >out ||
        fail "$(grep -A 5 '^not ok' out)"
    [ "$(grep -c '^ok' out)" -gt 50 ]
}

@test "records across many blocks come out the same" {
    orders 60000 >in
    [ "$(wc -c <in)" -gt 1500000 ]
    both_ways in
    pipe-dedup -j 2 -k id <in >out
    [ "$(wc -l <out)" = 54000 ]
}

@test "bad lines are rejected with the same line, offset and reason" {
    {
        printf '\xef\xbb\xbf{"id":1,"c":"x","v":1}\r\n\n   \n'
        printf '[1]\n{"id":2,"v":01}\n{"id":"\xc3","v":1}\n{"id":"\\q"}\nnull\n'
        printf '{"id":3\n}\n{"id":"a\x01b"}\n{"id":\x00}\n'
        orders 20000
        printf '{"a":%s1%s}\n' "$(printf '[%.0s' {1..300})" "$(printf ']%.0s' {1..300})"
        printf '{"id":null,"v":2}\n{"id":7,"v":"no number"}\n'
        orders 20000
        printf '{"id":9,"v":1e7000}\n{"id":99'
        printf '}'
    } >in
    both_ways in --max-reject 100%
    both_ways in --max-reject 12
    both_ways in --max-reject 3
}

@test "empty inputs, and those that are cut, end the same way" {
    local text
    : >in
    both_ways in
    for text in '{' '{"id":1}' '{"id":1}\n{"id":2,' '{"id":1}\n\n' '\xef\xbb' \
        '\xef\xbb\xbf' '\n' 'x' '{"id":1}\r' '{"id":12'; do
        # shellcheck disable=SC2059 # text is the format
        printf "$text" >in
        both_ways in
    done
    orders 20000 | head -c 700001 >in
    both_ways in
}

@test "lines at the limit and beyond come out the same, wherever they stand" {
    {
        orders 100
        awk 'BEGIN { for (n = 250000; n < 265000; n += 4999) {
            printf "{\"id\":\"%0*d\"}\n{\"id\":%d}\n", n, 1, n } }'
        orders 6000
        awk 'BEGIN { printf "{\"id\":\"%0*d\"}\n", 1500000, 1 }'
        orders 10
        awk 'BEGIN { printf "{\"id\":\"%0*d\"}", 600000, 1 }'
    } >in
    both_ways in
    both_ways in --max-record 260000 --max-reject 100%
    both_ways in --max-record 300 --max-reject 100%
}

@test "a record of 16 MiB comes through" {
    {
        orders 10
        printf '{"id":"x","pad":"%0*d"}\n' 16777197 0 # with LF one byte more
        printf '{"id":"y","pad":"%0*d"}\n' 16777198 0
        orders 20
    } >in
    both_ways in --max-reject 100%
    pipe-dedup -j 2 -k id --max-reject 1 -q <in >out 2>err
    [ "$(wc -L <out)" = 16777216 ]
}

@test "real weather comes out the same" {
    need_data nycflights13
    pipe-extract "$DATA/weather.csv.gz" >in
    [ "$(wc -l <in)" -gt 20000 ]
    STAGES=("pipe-aggregate -g origin,month -a 'count(), sum(temp), max(time_hour), last(wind_dir)'"
        'pipe-dedup -k origin,time_hour')
    both_ways in --max-reject 100%
}

# next_is LINE: within 5 seconds one more line comes out of fd 6, this one.
next_is() {
    local have
    IFS= read -r -t 5 have <&6 || fail "nothing came for: $1"
    [ "$have" = "$1" ] || fail "came: $have" "wanted: $1"
}

@test "what a slow writer has sent goes on before more is waited for" {
    mkfifo in out
    pipe-dedup -j 2 -k id <in >out &
    exec 5>in 6<out
    # Each is only written when the one before has come out.
    for i in 1 2 3 4 5; do
        printf '{"id":%d}\n' $i >&5
        next_is "{\"id\":$i}"
    done
    printf '{"id":6}\n{"id":' >&5
    next_is '{"id":6}'
    printf '7}\r\n\n{"id":8}\n{"id":8}\n{"id":9' >&5
    next_is '{"id":7}'
    next_is '{"id":8}'
    printf '}' >&5
    exec 5>&-
    next_is '{"id":9}'
    wait $!
}

@test "what was sent before a long record goes on while it is waited for" {
    mkfifo in out
    pipe-dedup -j 2 -k id --max-record 1K --max-reject 1 <in >out 2>err &
    exec 5>in 6<out
    printf '{"id":1}\n{"id":"%0*d' 300000 2 >&5
    next_is '{"id":1}'
    printf '%0*d"}\n{"id":3}\n' 300000 2 >&5
    next_is '{"id":3}'
    exec 5>&-
    wait $!
}

# ends_within SECONDS CODE: the stage in the background, $pid, does so.
ends_within() {
    local code=0
    within "$1" eval "! kill -0 $pid 2>/dev/null" || fail "still there"
    wait "$pid" || code=$?
    [ "$code" = "$2" ] || fail "exit $code, wanted $2"
}

# threads_are N: the stage $pid has so many threads.
threads_are() {
    [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" = "$1" ]
}

@test "-j 2 has a second thread, -j 1 and a pipe by default have none" {
    local j
    unset PIPE_JOBS
    mkfifo in
    for j in '-j 2,2' '-j 64,2' '-j 1,1' ',1'; do
        # shellcheck disable=SC2086 # no word or two
        pipe-dedup -k id ${j%,*} <in >out &
        pid=$!
        exec 5>in
        printf '{"id":1}\n' >&5
        within 5 test -s out
        threads_are "${j#*,}" || fail "${j%,*}: not ${j#*,} threads"
        exec 5>&-
        wait $pid
    done
}

@test "a signal ends a stage whose thread waits for its input" {
    local sig
    mkfifo in
    for sig in TERM,143 INT,130 HUP,129; do
        rm -f out
        (trap - INT && exec pipe-dedup -j 2 -k id <in >out) &
        pid=$!
        exec 5>in
        printf '{"id":1}\n{"id":2' >&5
        within 5 test -s out
        kill -"${sig%,*}" $pid
        ends_within 5 "${sig#*,}"
        assert_file out '{"id":1}'
        exec 5>&-
    done
}

@test "a signal ends a stage whose thread is ahead of it" {
    mkfifo out
    orders 200000 >in
    pipe-dedup -j 2 -k id <in >out &
    pid=$!
    exec 6<out
    IFS= read -r line <&6
    within 5 threads_are 2 # the ring is full, or the thread reads
    kill -TERM $pid
    ends_within 5 143
    # At a record boundary.
    cat <&6 >rest
    [ "$(tail -c 1 rest | od -An -c | tr -d ' ')" = '\n' ]
    [ "$line" = "$(head -n 1 in)" ]
}

@test "too many rejects end a stage while its input stays open" {
    mkfifo in
    pipe-dedup -j 2 -k id <in >out 2>err &
    pid=$!
    exec 5>in
    printf '{"id":1}\nx\n' >&5
    ends_within 5 65
    exec 5>&-
    grep -q '1 of 2 records rejected' err
}

@test "a reader that goes away ends a stage whose input stays open" {
    mkfifo in out
    pipe-dedup -j 2 -k id <in >out 2>err &
    pid=$!
    exec 5>in 6<out
    exec 6<&-
    printf '{"id":1}\n' >&5
    ends_within 5 141
    exec 5>&-
}

@test "an upstream that was killed, or failed, is seen at the end" {
    local j
    for j in 1 2; do
        mkfifo in.$j
        bash -c "pipe-dedup -k id <in.$j & echo \$! >pid; wait" |
            pipe-aggregate -j $j -a 'count()' >out$j 2>err$j &
        agg=$!
        exec 5>in.$j
        printf '{"id":1}\n' >&5
        within 5 test -s pid
        sleep 0.1
        kill -9 "$(cat pid)"
        exec 5>&-
        code=0
        wait $agg || code=$?
        echo "exit $code" >>err$j
        rm pid
        printf '{"id":1}\nx\n' >bad
        code=0
        pipe-dedup -k id <bad 2>/dev/null |
            pipe-aggregate -j $j -a 'count()' >>out$j 2>>err$j || code=$?
        echo "exit $code" >>err$j
    done
    cmp out1 out2 && cmp err1 err2
    [ ! -s out2 ]
    grep -q 'upstream failed with exit 65' err2
}

@test "a stream that another stage has ended well is whole, and vouched for" {
    orders 30000 >in
    # Bytes that were read are held against those that the mark tells.
    pipe-dedup -k id <in | pipe-dedup -j 2 -k id | pipe-aggregate -j 2 -a 'n=count()' \
        --log json 2>err >out
    assert_file out '{"n":27000}'
    grep -q '"exit":0,"read":27000' err
}

@test "an input that cannot be read is exit 74 both ways" {
    local j
    for j in 1 2; do
        assert_exit 74 pipe-dedup -j $j -k id <.
        mv err err$j
    done
    cmp err1 err2
}

@test "peak memory stays below that of the engine's goals" {
    [ "$FLAVOUR" = release ] || skip "sanitizers need more"
    orders 300000 >in
    local kb
    kb=$(PATH=$PATH bash -c 'exec 3>&1; command time -f %M -o peak pipe-aggregate -j 2 \
        -g c -a "sum(v)" <in >/dev/null; cat peak') || skip "no time(1)"
    [ "$kb" -lt 12000 ] || fail "$kb KiB"
}
