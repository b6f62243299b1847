#!/usr/bin/env bats
# pipe-dedup: more keys than memory, and the best record of a key.
load ../helper

lines() {
    printf '%s\n' "$@" >in
}

# Keys with and without a word, in four spellings of each number, with a value
# to compare by: text, numbers, null and nothing.
mixed() {
    awk -v n="$1" -v keys="$2" 'BEGIN { srand(5)
        for (i = 0; i < n; i++) {
            k = int(rand() * keys); v = int(rand() * 50); r = int(rand() * 12)
            if (k % 3 == 0) key = k (r % 2 ? ".0" : "")
            else if (k % 3 == 1) key = "\"O-" k "\""
            else key = "\"a name with " k " in it, and no pattern\""
            value = r < 2 ? "" : ",\"v\":" (r == 2 ? "null" : r == 3 ? "\"t" v \
                "\"" : r < 7 ? v * 10 "e-1" : v)
            print "{\"k\":" key ",\"i\":" i value "}"
        }
    }'
}

# reference RULE: the same by sqlite3, the kept and the dropped records.
reference() {
    local best
    case $1 in
    first) best='i' ;;
    last) best='-i' ;;
    max) best='v IS NULL, t DESC, v DESC, i' ;;
    min) best='v IS NULL, t, v, i' ;;
    esac
    sqlite3 :memory: <<SQL
.mode tabs
CREATE TABLE lines(line TEXT);
.import in lines
CREATE TABLE t AS SELECT line, json_extract(line, '$.k') AS k,
    json_extract(line, '$.i') AS i, json_extract(line, '$.v') AS v,
    typeof(json_extract(line, '$.v')) = 'text' AS t FROM lines;
CREATE TABLE ranked AS SELECT line, i, row_number() OVER (
    PARTITION BY typeof(k) = 'text', CASE WHEN typeof(k) = 'text' THEN k
        ELSE CAST(k AS REAL) END ORDER BY $best) AS r FROM t;
.once want
SELECT line FROM ranked WHERE r = 1 ORDER BY i;
.once rest
SELECT line FROM ranked WHERE r > 1 ORDER BY i;
SQL
}

@test "whatever --memory is, the result is what sqlite3 says, dropped ones too" {
    need_command sqlite3
    mixed 120000 60000 >in
    mkdir spool
    local rule keep memory
    for rule in first last max min; do
        reference $rule
        keep=$rule
        [[ $rule != m* ]] || keep=$rule:v
        for memory in 1M 3M 1G; do
            assert_exit 0 pipe-dedup -k k --keep $keep --memory $memory -v \
                --tmpdir spool --duplicates dropped <in
            cmp want out
            cmp rest dropped
            assert_exit 0 pipe-dedup -k k --keep $keep --memory $memory -q \
                --tmpdir spool <in
            cmp want out
            [ ! -s err ]
        done
    done
    [ -z "$(ls -A spool)" ]
}

@test "parts that do not fit are parted again, and -v tells how deep" {
    awk 'BEGIN { s = sprintf("%120s", ""); gsub(/ /, "x", s); srand(1)
        for (i = 0; i < 200000; i++)
            printf "{\"k\":\"%s%d\",\"v\":%d}\n", s, int(rand() * 500000), i
    }' >in
    local keep
    for keep in first last max:v min:v; do
        assert_exit 0 pipe-dedup -k k --keep $keep --memory 1M -v <in
        grep -Eq '[0-9]+ keys were parted on disk, [2-9] levels deep' err
        grep -Eq 'read 200000 = [0-9]+ out \+ 0 rejected \+ [0-9]+ dup' err
        [ "$(wc -l <out)" = "$(sed -n 's/.*= \([0-9]*\) out.*/\1/p' err)" ]
        mv out parted
        assert_exit 0 pipe-dedup -k k --keep $keep --memory 1G -v <in
        cmp parted out
        ! grep -q 'parted on disk' err || fail "1 GiB is not enough"
    done
}

@test "past --memory the peak stays near it" {
    need_command prlimit
    [ "$FLAVOUR" = asan ] && skip "sanitizers need address space"
    mixed 600000 2000000 >in
    for keep in first last max:i; do
        assert_exit 0 pipe-dedup -k k --keep $keep --memory 1G <in
        mv out want
        # Libraries and blocks included; without a limit it takes 30 and more.
        assert_exit 0 prlimit --data=16000000 \
            pipe-dedup -k k --keep $keep --memory 4M <in
        cmp want out
    done
}

@test "what had passed before memory was full is written at once" {
    mkfifo to
    pipe-dedup -k id --memory 1M <to >out 2>err &
    pid=$!
    exec 7>to
    printf '{"id":%d}\n' {1..1000} >&7
    within 5 eval '[ "$(wc -l <out)" = 1000 ]'
    awk 'BEGIN { for (i = 500; i < 200000; i++) printf "{\"id\":%d}\n", i }' >&7
    exec 7>&-
    wait $pid
    [ "$(wc -l <out)" = 199999 ]
    awk -F'[:}]' '{ if ($2 != NR) exit 1 }' out
}

@test "records without a key keep their place among those that waited" {
    mixed 100000 200000 | sed -E '1000~1000s/"k":("[^"]*"|[^,]*)/"k":null/' >in
    for keep in first last; do
        assert_exit 0 pipe-dedup -k k --null-key pass --keep $keep <in
        mv out want
        assert_exit 0 pipe-dedup -k k --null-key pass --keep $keep \
            --memory 1M <in
        cmp want out
        [ "$(grep -c '"k":null' out)" = 100 ]
        assert_exit 0 pipe-dedup -k k --null-key group --keep $keep \
            --memory 1M <in
        [ "$(grep -c '"k":null' out)" = 1 ]
    done
}

@test "composite, nested and whole-record keys past --memory" {
    awk 'BEGIN { srand(9)
        for (i = 0; i < 90000; i++)
            printf "{\"c\":{\"id\":%d},\"items\":[{\"sku\":\"s%d\"}]}\n", \
                int(rand() * 9000), int(rand() * 9)
    }' >in
    awk '!seen[$0]++' in >want
    assert_exit 0 pipe-dedup -k 'c.id,items[0].sku' --memory 1M -v <in
    cmp want out
    grep -q 'parted on disk' err
    assert_exit 0 pipe-dedup --memory 1M -v <in
    cmp want out
    grep -q 'parted on disk' err
    tac in | awk '!seen[$0]++' | tac >want
    assert_exit 0 pipe-dedup --memory 1M --keep last <in
    cmp want out
}

@test "rejects past --memory: nothing that waited is written" {
    { mixed 100000 200000 && echo '{"k":null}'; } >in
    assert_exit 65 pipe-dedup -k k --keep max:v --memory 1M <in
    assert_file out ''
    assert_exit 65 pipe-dedup -k k --memory 1M --duplicates dropped <in
    [ ! -e dropped ]
}

@test "a --tmpdir that is not there, or full, ends the run with a word" {
    mixed 100000 200000 >in
    assert_exit 73 pipe-dedup -k k --memory 1M --tmpdir nowhere <in
    grep -q nowhere err
    (
        ulimit -f 64
        trap '' XFSZ
        for keep in first last; do
            assert_exit 74 pipe-dedup -k k --memory 1M --keep $keep <in >out
        done
    ) | cat
    run -73 pipe-dedup -k k --memory 1M --tmpdir /proc <in
}

@test "a key larger than --memory is a failure, not a guess" {
    awk 'BEGIN { s = sprintf("%3000000s", ""); gsub(/ /, "x", s)
        for (i = 0; i < 3; i++) printf "{\"k\":\"%s%d\"}\n", s, i }' >in
    assert_exit 78 pipe-dedup -k k --memory 1M --keep last <in
    grep -q -- '--memory' err
    assert_exit 0 pipe-dedup -k k --memory 20M --keep last <in
    cmp in out
}

@test "a signal while keys are worked through ends the run" {
    mixed 400000 1000000 >in
    pipe-dedup -k k --keep last --memory 1M <in >out 2>err &
    pid=$!
    sleep 0.05
    kill -TERM $pid
    wait $pid || status=$?
    [ "${status-0}" = 143 ] || [ "$(wc -l <out)" -gt 300000 ]
}

@test "--keep max and min: values in order, the first of equals, no double" {
    lines '{"id":1,"v":9007199254740993,"n":1}' \
        '{"id":1,"v":9007199254740992,"n":2}' \
        '{"id":1,"v":9007199254740993.0,"n":3}' \
        '{"id":2,"v":"2026-01-09T00:00:00Z","n":4}' \
        '{"id":2,"v":"2026-01-10T00:00:00Z","n":5}' \
        '{"id":2,"v":"2026-01-09T23:59:59Z","n":6}'
    assert_exit 0 pipe-dedup -k id --keep max:v <in
    assert_file out "$(sed -n '1p;5p' in)"
    assert_exit 0 pipe-dedup -k id --keep min:v <in
    assert_file out "$(sed -n '2p;4p' in)"
}

@test "--keep max and min: null and missing lose, and the first of them stays" {
    lines '{"id":1}' '{"id":1,"v":null}' '{"id":1,"v":-5}' '{"id":1,"v":null}' \
        '{"id":2,"v":null,"n":1}' '{"id":2,"n":2}' '{"id":3,"v":1}' '{"id":3}'
    for keep in max:v min:v; do
        assert_exit 0 pipe-dedup -k id --keep $keep <in
        assert_file out "$(sed -n '3p;5p;7p' in)"
    done
}

@test "--keep max by a nested field, or one of the key's own, or of all" {
    lines '{"id":1,"m":{"at":[3]}}' '{"id":1,"m":{"at":[7]}}' '{"id":2}'
    assert_exit 0 pipe-dedup -k id --keep 'max:m.at[0]' <in
    assert_file out "$(sed -n '2,3p' in)"
    assert_exit 0 pipe-dedup -k id --keep max:/m/at/0 <in
    assert_file out "$(sed -n '2,3p' in)"
    assert_exit 0 pipe-dedup -k id --keep max:id <in
    assert_file out "$(sed -n '1p;3p' in)"
    assert_exit 0 pipe-dedup --keep max:m <in
    assert_file out "$(cat in)"
}

@test "--keep max with values that grow past --memory" {
    awk 'BEGIN { srand(2); for (r = 1; r < 7; r++) { s = sprintf("%" 2 ^ r * 8 \
        "s", ""); gsub(/ /, r, s); for (i = 0; i < 8000; i++)
        printf "{\"k\":%d,\"v\":\"%s\"}\n", (i * 7919) % 8000, s } }' >in
    tail -n 8000 in >want
    assert_exit 0 pipe-dedup -k k --keep max:v --memory 1M -v <in
    cmp want out
    grep -q 'parted on disk' err
    head -n 8000 in >want
    assert_exit 0 pipe-dedup -k k --keep min:v --memory 1M <in
    cmp want out
}

@test "--keep max with a single value past --memory fails, and does not go on for ever" {
    awk 'BEGIN { s = sprintf("%2000000d", 1); for (i = 0; i < 3; i++) printf \
        "{\"k\":%d,\"s\":\"%s%d\"}\n", i % 2, s, i }' >in
    assert_exit 78 timeout 20 pipe-dedup -k k --keep max:s --memory 1M <in
    grep -q 'a key needs more than the 1 MiB that --memory allows' err
}
