#!/usr/bin/env bats
# pipe-dedup --window: duplicates within a time of each other.
load ../helper

lines() {
    printf '%s\n' "$@" >in
}

# events N KEYS JITTER: N events a second apart, each up to JITTER seconds out
# of order.
events() {
    awk -v n="$1" -v keys="$2" -v jitter="$3" 'BEGIN { srand(4)
        for (i = 0; i < n; i++) {
            t = 1767225600 + i - int(rand() * (jitter + 1))
            k = int(rand() * keys)
            printf "{\"k\":\"%s%d\",\"at\":\"%s\",\"i\":%d}\n", k % 2 ? "K" : \
                "some name ", k, strftime("%Y-%m-%dT%H:%M:%SZ", t, 1), i
        }
    }'
}

# reference WINDOW LATENESS: by the definition, comparing with all that passed;
# too late ones go to `late`.
reference() {
    gawk -v window="$1" -v lateness="$2" -F'"' '{
        t = mktime(gensub(/[-T:Z]/, " ", "g", $8), 1)
        if (NR > 1 && t < newest - lateness) { print >"late"; next }
        if (NR == 1 || t > newest) newest = t
        n = split(passed[$4], was, " ")
        for (i = 1; i <= n; i++)
            if ((t > was[i] ? t - was[i] : was[i] - t) < window) {
                print >"rest"; next
            }
        passed[$4] = passed[$4] " " t
        print >"want"
    }' in
}

@test "a key passes again once the window is over, counted from what passed" {
    lines '{"k":1,"at":"2026-01-01T00:00:00Z"}' \
        '{"k":1,"at":"2026-01-01T00:40:00Z"}' \
        '{"k":2,"at":"2026-01-01T00:50:00Z"}' \
        '{"k":1,"at":"2026-01-01T00:59:59.999999Z"}' \
        '{"k":1,"at":"2026-01-01T02:00:00+01:00"}' \
        '{"k":1,"at":"2026-01-01T01:59:00Z"}'
    assert_exit 0 pipe-dedup -k k --window 1h --time at -v \
        --duplicates dropped <in
    assert_file out "$(sed -n '1p;3p;5p' in)"
    assert_file dropped "$(sed -n '2p;4p;6p' in)"
    grep -q 'read 6 = 3 out + 0 rejected + 3 duplicates' err
}

@test "a record out of order is a duplicate of a later one that passed" {
    lines '{"k":1,"at":"2026-01-01T01:00:00Z"}' \
        '{"k":1,"at":"2026-01-01T00:30:00Z"}' \
        '{"k":1,"at":"2026-01-01T00:00:00Z"}' \
        '{"k":1,"at":"2026-01-01T00:59:00Z"}'
    assert_exit 0 pipe-dedup -k k --window 1h --time at <in
    assert_file out "$(sed -n '1p;3p' in)"
}

@test "random events, in order and out of it: the definition, done naively" {
    need_command gawk
    local jitter lateness
    for jitter in 0 50 900; do
        for lateness in 0 60 1200; do
            events 40000 3000 $jitter >in
            rm -f late want rest
            touch late rest
            reference 600 $lateness
            assert_exit 0 pipe-dedup -k k --window 10m --time at \
                --lateness ${lateness}s --late drop --duplicates dropped -v <in
            cmp want out
            cmp rest dropped
            grep -q "$(wc -l <late) filtered" err || [ ! -s late ]
            assert_exit 0 pipe-dedup -k k --window 10m --time at \
                --lateness ${lateness}s --dlq dead --max-reject 100% <in
            cmp want out
            [ ! -s late ] || jq -r .raw dead | cmp late -
            rm -f dead
        done
    done
}

@test "keys that are older than the window take no memory" {
    need_command gawk
    events 400000 2000000 5 >in
    reference 20 20
    assert_exit 0 pipe-dedup -k k --window 20s --time at --memory 12M <in
    cmp want out
    assert_exit 78 pipe-dedup -k k --window 20d --time at --memory 12M <in
    grep -q 'keys of a window need more than --memory' err
}

@test "a record too late is rejected, passed or dropped, by choice" {
    lines '{"k":1,"at":"2026-01-01T12:00:00Z"}' \
        '{"k":1,"at":"2026-01-01T11:00:00Z","n":1}' \
        '{"k":1,"at":"2026-01-01T09:59:59Z","n":2}'
    set -- pipe-dedup -k k --window 1h --time at --lateness 2h -v
    assert_exit 65 "$@" <in
    grep -q 'line 3: /at event time is 7201s behind the latest (late)' err
    assert_exit 0 "$@" --late pass <in
    assert_file out "$(cat in)"
    assert_exit 0 "$@" --late drop <in
    assert_file out "$(head -n 2 in)"
    grep -q '1 records came too late' err
    grep -q 'read 3 = 2 out + 0 rejected + 1 filtered' err
}

@test "an event time that is none is rejected; without a zone it is in --tz" {
    lines '{"k":1}' '{"k":1,"at":null}' '{"k":1,"at":5}' '{"k":1,"at":"soon"}' \
        '{"k":1,"at":"2026-01-01 00:30:00"}' '{"k":1,"at":"2025-12-31T23:45:00Z"}'
    assert_exit 0 pipe-dedup -k k --window 1h --time at --max-reject 4 <in
    assert_file out "$(sed -n 5p in)"
    grep -q 'line 1: /at event time is missing (bad_time)' err
    grep -q 'line 3: /at event time is number (bad_time)' err
    grep -q 'line 4: /at event time is no RFC 3339 time: "soon" (bad_time)' err
    # 00:30 in Berlin is 23:30 the day before.
    assert_exit 0 pipe-dedup -k k --window 20m --time at --max-reject 4 \
        --tz Europe/Berlin <in
    assert_file out "$(sed -n 5p in)"
    assert_exit 0 pipe-dedup -k k --window 20m --time at --max-reject 4 \
        --lateness 1h <in
    assert_file out "$(sed -n '5,6p' in)"
}

@test "records pass while the input is still open, and rejects are as ever" {
    mkfifo to
    pipe-dedup -k k --window 1h --time at --max-reject 1 <to >out 2>err &
    pid=$!
    exec 7>to
    echo '{"k":null,"at":"2026-01-01T00:00:00Z"}' >&7
    echo '{"k":1,"at":"2026-01-01T00:00:00Z"}' >&7
    within 5 grep -q . out
    exec 7>&-
    wait $pid
    grep -q null_key err
    assert_file out '{"k":1,"at":"2026-01-01T00:00:00Z"}'
}

@test "nested keys and the whole record; a null key passes where told" {
    lines '{"a":{"k":1},"at":"2026-01-01T00:00:00Z"}' \
        '{"a":{"k":1},"at":"2026-01-01T00:10:00Z"}' \
        '{"at":"2026-01-01T00:00:00Z","a":{"k":1.0}}' '{"a":{}}'
    assert_exit 0 pipe-dedup -k a.k --window 1h --time at --null-key pass <in
    assert_file out "$(sed -n '1p;4p' in)"
    assert_exit 0 pipe-dedup --window 1h --time /at --max-reject 1 <in
    assert_file out "$(sed -n '1,2p' in)"
}

@test "options that do not go together are refused" {
    lines '{"k":1}'
    assert_exit 64 pipe-dedup -k k --window 1h <in
    grep -q 'needs --time' err
    assert_exit 64 pipe-dedup -k k --time at <in
    assert_exit 64 pipe-dedup -k k --lateness 1h <in
    assert_exit 64 pipe-dedup -k k --late drop <in
    grep -q 'for --window' err
    assert_exit 64 pipe-dedup -k k --window 1h --time at --keep last <in
    grep -q 'waits for an end' err
    assert_exit 64 pipe-dedup -k k --window 0s --time at <in
    assert_exit 64 pipe-dedup -k k --window soon --time at <in
    assert_exit 64 pipe-dedup -k k --window 1h --time a..b <in
}
