#!/usr/bin/env bats
# pipe-profile --detect: anomalies of a stream.
load ../helper

setup_file() {
    command -v cc >/dev/null || return 0
    local tool
    for tool in nabscore gausswindow; do
        cc -O2 -o "$BATS_FILE_TMPDIR/$tool" "$REPO/tests/lib/$tool.c" -lm
    done
}

need_tools() {
    [ -x "$BATS_FILE_TMPDIR/nabscore" ] || skip "no C compiler"
    nabscore=$BATS_FILE_TMPDIR/nabscore
    gausswindow=$BATS_FILE_TMPDIR/gausswindow
}

# noisy N: N values around 100 with a spike at each 1000th, minute by minute.
noisy() {
    awk -v n="$1" 'BEGIN { srand(7)
        for (i = 1; i <= n; i++)
            printf "{\"at\":%d,\"v\":%.3f}\n", i * 60,
                i % 1000 ? 100 + rand() : 140
    }'
}

# ---- the scorer, on cases that can be worked out by hand

# score_of VALUE...: a series of 100 values with one window, 50 to 59, and
# alerts at these values.
score_of() {
    printf 'one\t50\t59\n' >windows
    awk -v at=" $* " 'BEGIN { for (i = 0; i < 100; i++)
        printf "one\t%d\t%d\n", i, (index(at, " " i " ") > 0) }' |
        "$nabscore" windows 0 1 | awk '{ printf "%s ", $2 }'
}

@test "scorer: nothing detected is 0, all at once and nothing else is 100" {
    need_tools
    [ "$(score_of)" = "0.00 0.00 0.00 " ]
    [ "$(score_of 50)" = "100.00 100.00 100.00 " ]
}

@test "scorer: later in the window is less, and only the first counts" {
    need_tools
    # (2 / (1 + exp(-0.5)) - 1) / (2 / (1 + exp(-5)) - 1) = 0.24824
    [ "$(score_of 59)" = "62.41 62.41 74.94 " ]
    [ "$(score_of 50 51 59)" = "100.00 100.00 100.00 " ]
}

@test "scorer: false alarms cost the weight of the profile, less behind a window" {
    need_tools
    [ "$(score_of 20 50)" = "94.50 89.00 96.33 " ]
    # a third of a window behind: 2 / (1 + exp(5 / 3)) - 1 = -0.68225
    [ "$(score_of 50 62)" = "96.25 92.50 97.50 " ]
    [ "$(score_of 50 99)" = "94.50 89.00 96.33 " ]
}

@test "scorer: the first 15 % of a series do not count" {
    need_tools
    [ "$(score_of 14 50)" = "100.00 100.00 100.00 " ]
    [ "$(score_of 15 50)" = "94.50 89.00 96.33 " ]
}

@test "scorer: one threshold serves all series; alerts are quiet for a while" {
    need_tools
    printf '%s\t50\t59\n' a b >windows
    awk 'BEGIN { for (k = 0; k < 2; k++) for (i = 0; i < 100; i++) {
        v = i < 5 ? "null" : 1
        if (i >= 50 && i < 55) v = 5 + (k && i == 50)
        if (i == 20 + k) v = 4
        print (k ? "b" : "a") "\t" i "\t" v } }' >in
    # At 5 both windows and nothing else; at 4 two alarms more.
    [ "$("$nabscore" windows 0 <in | head -n 1)" = "standard 100.00 5.00 10" ]
    [ "$("$nabscore" windows 9 <in | head -n 1)" = "standard 100.00 5.00 2" ]
    [ "$("$nabscore" windows 9 4 <in | head -n 1)" = "standard 94.50 4.00 4" ]
}

@test "scorer: a window that is not in the series is refused" {
    need_tools
    printf 'one\t50\t500\n' >windows
    printf 'one\t50\t1\n' >in
    assert_exit 1 "$nabscore" windows 0 <in
    grep -q "a window is not in the values of 'one'" err
}

# ---- the detector

@test "on 18 labelled series it scores far above a windowed Gaussian at its best" {
    need_tools
    need_data nab
    need_command jq
    (cd "$DATA/data" && awk -F, 'FNR > 1 {
        printf "%s\t%s\t%s\n", FILENAME, $1, $2 }' ./*/*.csv) >values
    jq -r 'to_entries[] | .key as $k | .value[] |
        ["./" + $k] + map(.[:19]) | @tsv' \
        "$DATA/labels/combined_windows.json" |
        awk -F'\t' 'NR == FNR { has[$1]; next } $1 in has' values - >windows
    [ "$(wc -l <windows)" = 25 ] || fail "not the windows that were expected"

    awk -F'\t' '{ printf "{\"series\":\"%s\",\"t\":\"%s\",\"v\":%s}\n",
        $1, $2, $3 }' values |
        pipe-profile --detect v --time t -k series >judged
    jq -r '[.series, .t, ._anomaly.score // "null"] | @tsv' judged >scores
    "$nabscore" windows 100 <scores >ours
    "$nabscore" windows 100 6 <scores >at-default

    # The peer: its best window, with every value over the threshold an alert,
    # as it is published, and with the same quiet time as ours.
    local window quiet
    for window in 100 200 400 800 1600 3200 6400; do
        "$gausswindow" $window <values >gauss
        for quiet in 0 100; do
            "$nabscore" windows $quiet <gauss
        done
    done | awk '!($1 in best) || $2 > best[$1] { best[$1] = $2 }
        END { for (p in best) print p, best[p] }' >peer

    echo "# profile: ours best, ours at the default threshold, peer's best" >&3
    local profile
    for profile in standard reward_low_FP reward_low_FN; do
        awk -v p=$profile '$1 == p { s = s " " $2; n = n ? n : 0; v[n++] = $2 }
            END { print "# " p ":" s >"/dev/fd/3"
                exit !(n == 3 && v[0] > v[2] + 25 && v[1] > v[2] + 25) }' \
            ours at-default peer || fail "no clear margin: $profile"
    done

    # What it calls alerts is what the scorer made of its scores.
    jq -r '[.series, .t, if ._anomaly.alert then 1 else 0 end] | @tsv' judged |
        "$nabscore" windows 0 1 | paste -d' ' - at-default |
        awk '{ d = $2 - $6; bad = bad || d * d > 0.01 || $4 != $8 }
            END { exit bad || NR != 3 }' # but for rounded scores
}

@test "records pass byte for byte, with the verdict behind the last member" {
    noisy 1500 | sed 's/}$/ , "x" : 1.10 }/' >in
    assert_exit 0 pipe-profile --detect v <in
    sed 's/,"_anomaly":{[^}]*}\( *}\)$/\1/' out | cmp - in
    head -n 1 out | grep -qF ',"_anomaly":{"score":null,"expected":'
    sed -n 1000p out | grep -q '"score":[0-9.]*,"expected":100[0-9.]*,"alert":true}'
    [ "$(grep -c '"alert":true' out)" = 1 ]
}

@test "--only lets pass the alerts; the others are counted as filtered" {
    noisy 3500 >in
    assert_exit 0 pipe-profile --detect v --only -v <in
    [ "$(jq -c .at out)" = "$(printf '%s\n' 60000 120000 180000)" ]
    grep -q '3500 = 3 out + 0 rejected + 3497 filtered' err
}

@test "--threshold, --warm-up and --cooldown do what they say" {
    noisy 3500 >in
    assert_exit 0 pipe-profile --detect v --only --threshold 900 <in
    assert_file out ''
    assert_exit 0 pipe-profile --detect v --only --warm-up 1500 <in
    [ "$(jq -c .at out)" = "$(printf '%s\n' 120000 180000)" ]
    assert_exit 0 pipe-profile --detect v --only --cooldown 1500 <in
    [ "$(jq -c .at out)" = "$(printf '%s\n' 60000 180000)" ]
    assert_exit 0 pipe-profile --detect v --warm-up 2 <in
    [ "$(jq -c '._anomaly.score | type' out | sort | uniq -c | tr -s ' ')" = \
        "$(printf ' 2 "null"\n 3498 "number"')" ]
}

@test "each key is a series of its own" {
    # What is usual for a is unheard of for b.
    awk 'BEGIN { srand(3); for (i = 0; i < 3000; i++) {
        printf "{\"k\":\"a\",\"v\":%.3f}\n", 50 + rand()
        printf "{\"k\":\"b\",\"v\":%.3f}\n", i == 2500 ? 50 : 10 + rand() } }' >in
    assert_exit 0 pipe-profile --detect v -k k --only <in
    [ "$(jq -c '[.k, .v]' out)" = '["b",50.000]' ] ||
        [ "$(jq -c '[.k, .v]' out)" = '["b",50]' ]
    # One key alone gives what it gave among others.
    pipe-profile --detect v -k k <in | grep '"k":"a"' >among
    grep '"k":"a"' in | pipe-profile --detect v -k k | cmp - among
}

@test "null and missing keys are two series, as all keys compare by value" {
    printf '%s\n' '{"v":1}' '{"k":null,"v":2}' '{"k":1,"v":3}' \
        '{"k":1.0,"v":4}' '{"k":"1","v":5}' '{"v":6}' >in
    assert_exit 0 pipe-profile --detect v -k k <in
    [ "$(jq -c ._anomaly.expected out | tr '\n' ' ')" = '1 2 3 3 5 1 ' ]
}

@test "an hour of the day without its peak is found by the season" {
    # 30 days, a value each 10 minutes; on day 25 noon is like the night.
    awk 'BEGIN { srand(5); for (i = 0; i < 30 * 144; i++) {
        h = i % 144 / 6; v = h >= 8 && h < 18 ? 100 : 20
        if (i >= 25 * 144 + 72 && i < 25 * 144 + 90) v = 20
        printf "{\"t\":\"%s\",\"v\":%.2f}\n",
            strftime("%Y-%m-%dT%H:%M:%SZ", 1767225600 + i * 600, 1),
            v + 2 * rand() } }' >in
    assert_exit 0 pipe-profile --detect v --time t --only <in
    [ "$(jq -r .t out)" = 2026-01-26T12:00:00Z ]
    assert_exit 0 pipe-profile --detect v --time t --season none --only <in
    [ "$(jq -r .t out | grep -c 2026-01-26T12:00:00Z)" = 0 ]
    # The same as seconds since 1970, and by clocks elsewhere.
    jq -c '.t |= fromdate' in >seconds
    assert_exit 0 pipe-profile --detect v --time t --only <seconds
    [ "$(jq -r '.t | todate' out)" = 2026-01-26T12:00:00Z ]
    assert_exit 0 pipe-profile --detect v --time t --tz Asia/Kolkata --only <in
    [ "$(jq -r .t out)" = 2026-01-26T12:00:00Z ]
}

@test "--tz: seasons go by the clocks there, also when they change" {
    # A job at 06:00 in Berlin each day, a value an hour, across the change of
    # March 29.
    need_command gawk
    TZ=Europe/Berlin gawk 'BEGIN { srand(9)
        for (t = 1771200000; t < 1771200000 + 60 * 86400; t += 3600)
            printf "{\"t\":\"%s\",\"v\":%.2f}\n",
                strftime("%Y-%m-%dT%H:%M:%SZ", t, 1),
                (strftime("%H", t) == "06" ? 500 : 10) + rand() }' >in
    assert_exit 0 pipe-profile --detect v --time t --season 1d:24 --only \
        --tz Europe/Berlin <in
    assert_file out ''
    assert_exit 0 pipe-profile --detect v --time t --season 1d:24 --only <in
    [ "$(jq -r '.t[:10]' out | head -n 1)" = 2026-03-29 ]
}

@test "what is no number is rejected; null and missing pass without a verdict" {
    printf '%s\n' '{"v":"12"}' '{"v":null}' '{"w":1}' '{"v":[1]}' '{"v":1e300}' \
        '{"v":7}' 'no' >in
    assert_exit 65 pipe-profile --detect v <in
    assert_exit 0 pipe-profile --detect v --dlq dead --max-reject 100% <in
    assert_file out "$(printf '%s\n' '{"v":null}' '{"w":1}' \
        '{"v":7,"_anomaly":{"score":null,"expected":7,"alert":false}}')"
    [ "$(jq -r '.errors[0] | "\(.code) \(.path)"' dead)" = "$(printf '%s\n' \
        'type /v' 'type /v' 'number_range /v' 'not_json null')" ]
    assert_exit 0 pipe-profile --detect v --only -v --dlq dead2 \
        --max-reject 100% <in
    assert_file out ''
    grep -q '7 = 0 out + 4 rejected + 3 filtered' err
}

@test "a time that is none is rejected where a season needs it" {
    printf '%s\n' '{"v":1}' '{"v":1,"t":null}' '{"v":1,"t":"soon"}' \
        '{"v":1,"t":true}' '{"v":1,"t":1e15}' '{"v":1,"t":"2026-01-01"}' \
        '{"v":1,"t":-1.5}' >in
    assert_exit 0 pipe-profile --detect v --time t --dlq dead \
        --max-reject 100% <in
    [ "$(wc -l <out)" = 2 ]
    [ "$(jq -r '.errors[0].code' dead | tr '\n' ' ')" = \
        'time_missing time_missing time time time ' ]
}

@test "a verdict that is there is replaced; --as puts it elsewhere" {
    printf '%s\n' '{"_anomaly":1,"v":2}' >in
    assert_exit 0 pipe-profile --detect v <in
    assert_file out \
        '{"_anomaly":{"score":null,"expected":2,"alert":false},"v":2}'
    assert_exit 0 pipe-profile --detect v --as check.v <in
    assert_file out '{"_anomaly":1,"v":2,"check":{"v":{"score":null,"expected":2,"alert":false}}}'
    assert_exit 0 pipe-profile --detect v --as v.x --dlq dead \
        --max-reject 100% <in
    [ "$(jq -r '.errors[0].code' dead)" = type ]
}

@test "verdicts come while the stream is open" {
    mkfifo in
    pipe-profile --detect v <in >out &
    local pid=$!
    exec 5>in
    echo '{"v":1}' >&5
    within 5 grep -q '"expected":1' out
    echo '{"v":2}' >&5
    within 5 grep -q '"v":2' out
    exec 5>&-
    wait $pid
}

@test "memory holds, whatever the number of keys; the silent ones are forgotten" {
    awk 'BEGIN { for (i = 0; i < 60000; i++) {
        printf "{\"k\":%d,\"v\":%d}\n", i, i
        if (i % 10 == 0) print "{\"k\":\"kept\",\"v\":1}" } }' >in
    assert_exit 0 pipe-profile --detect v -k k --memory 1M <in
    grep -q 'series fill --memory: from line [0-9]* on those that were silent' err
    [ "$(wc -l <err)" = 1 ]
    [ "$(wc -l <out)" = 66000 ]
    # The one that is used has its warm-up behind it; the others began anew.
    [ "$(tail -n 1 out | jq -c ._anomaly.score)" = null ]
    [ "$(grep '"kept"' out | tail -n 1 | jq -c ._anomaly.score)" = 0 ]
    # Unbounded it would be 60000 series of 500 bytes and more.
    [ "${FLAVOUR:-release}" = asan ] && return
    command -v /usr/bin/time >/dev/null || return 0
    /usr/bin/time -f %M -o peak pipe-profile --detect v -k k --memory 1M \
        <in >/dev/null 2>&1
    (($(<peak) < 20000)) || fail "peak memory is $(<peak) KiB"
}

@test "options that say nothing are refused" {
    local bad
    for bad in '--only' '-k k' '--time t' '--threshold 3' \
        '--detect v --season 1d:24' '--detect v --time t --season 1d' \
        '--detect v --time t --season 1d:0' \
        '--detect v --time t --season 1d:x' \
        '--detect v --time t --season 0s:4' \
        '--detect v --time t --season -1d:4' \
        '--detect v --time t --season 1d:-4' \
        '--detect v --time t --season 1d:1,2d:1,3d:1,4d:1,5d:1' \
        '--detect v --threshold 0' '--detect v --threshold much' \
        '--detect v --threshold nan' '--detect v --warm-up 0' \
        '--detect v --warm-up 1' '--detect a[' '--detect v --memory 1K' '--detect v --pass' \
        '--detect v --report r.json' '--detect v --baseline b.json'; do
        # shellcheck disable=SC2086 # options in a row
        assert_exit 64 pipe-profile $bad </dev/null
        [ "$(wc -l <err)" -le 2 ] || fail "more than a line: $bad" "$(<err)"
    done
    assert_exit 64 pipe-profile --detect v --as '' </dev/null
    assert_exit 64 pipe-profile --detect v --time t --season '' </dev/null
}

@test "a season without room for one series in --memory is said" {
    echo '{"v":1,"t":0}' >in
    assert_exit 78 pipe-profile --detect v --time t --season 1d:100000,1w:100000,3d:100000 \
        --memory 1M <in
    grep -q 'too small for a series' err
}
