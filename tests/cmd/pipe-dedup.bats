#!/usr/bin/env bats
# pipe-dedup: one record of each key.
load ../helper

# lines TEXT...: each as a line in the file `in`.
lines() {
    printf '%s\n' "$@" >in
}

@test "the first record of each key is kept, in order, byte for byte" {
    lines '{"id":2,"v":1.10}' '{ "id" : 1 , "v":"\u0061" }' '{"id":2,"v":3}' \
        '{"id":1}' '{"id":3,"v":1e400}'
    assert_exit 0 pipe-dedup -k id <in
    assert_file out "$(sed -n '1p;2p;5p' in)"
    assert_file err ''
}

@test "the last record of each key is kept, in the order of those last ones" {
    lines '{"id":1,"v":1}' '{"id":2,"v":2}' '{"id":1,"v":3}' '{"id":3,"v":4}' \
        '{"id":2,"v":5}'
    assert_exit 0 pipe-dedup -k id --keep last <in
    assert_file out '{"id":1,"v":3}
{"id":3,"v":4}
{"id":2,"v":5}'
}

@test "numbers are equal by value, strings by characters, and never across" {
    lines '{"k":1}' '{"k":1.0}' '{"k":1e0}' '{"k":"1"}' '{"k":10e-1}' \
        '{"k":0}' '{"k":-0}' '{"k":"ab"}' '{"k":"a\u0062"}' \
        '{"k":true}' '{"k":"true"}' '{"k":0.00}'
    assert_exit 0 pipe-dedup -k k <in
    assert_file out '{"k":1}
{"k":"1"}
{"k":0}
{"k":"ab"}
{"k":true}
{"k":"true"}'
}

@test "huge integers and long decimals are compared digit by digit" {
    lines '{"k":12345678901234567890123}' '{"k":12345678901234567890124}' \
        '{"k":12345678901234567890123.0}' '{"k":9007199254740993}' \
        '{"k":9007199254740992}' '{"k":0.1}' \
        '{"k":0.1000000000000000055511151231257827}'
    assert_exit 0 pipe-dedup -k k <in
    assert_file out "$(sed 3d in)"
}

@test "objects are keys with their members in any order, arrays in theirs" {
    lines '{"k":{"a":1,"b":[1,2]}}' '{"k":{"b":[1.0,2],"a":1}}' \
        '{"k":{"b":[2,1],"a":1}}' '{"k":{"a":1}}' '{"k":{"a":1,"b":null}}'
    assert_exit 0 pipe-dedup -k k <in
    assert_file out "$(sed 2d in)"
}

@test "composite and nested keys, given in lists or one by one" {
    lines '{"a":1,"b":{"c":[5,6]}}' '{"a":1,"b":{"c":[7,6]}}' \
        '{"b":{"c":[8,6]},"a":1}' '{"a":1,"b":{"c":[5,7]}}'
    assert_exit 0 pipe-dedup -k 'a,b.c[1]' <in
    assert_file out "$(sed -n '1p;4p' in)"
    assert_exit 0 pipe-dedup -k a -k /b/c/1 <in
    assert_file out "$(sed -n '1p;4p' in)"
}

@test "the last of duplicate fields is the key" {
    lines '{"id":1,"id":2}' '{"id":2}' '{"id":1}'
    assert_exit 0 pipe-dedup -k id <in
    assert_file out "$(sed 2d in)"
}

@test "without -k exact repeats are dropped, by value" {
    lines '{"a":1,"b":"x"}' '{ "b":"\u0078", "a":1.00 }' '{"a":1}' \
        '{"a":1,"b":null}' '{"a":1}'
    assert_exit 0 pipe-dedup <in
    assert_file out "$(sed -n '1p;3p;4p' in)"
}

@test "a null or missing key part is rejected by default" {
    lines '{"a":1,"b":1}' '{"a":null,"b":1}' '{"b":1}' '{"a":1}'
    assert_exit 0 pipe-dedup -k a,b --max-reject 3 <in
    assert_file out '{"a":1,"b":1}'
    grep -q 'line 2: /a key field is null (null_key)' err
    grep -q 'line 3: /a key field is missing (null_key)' err
    grep -q 'line 4: /b key field is missing (null_key)' err
    assert_exit 65 pipe-dedup -k a,b <in
}

@test "rejected records are dead letters with code and path" {
    lines '{"id":1}' '{"id":null,"x":1.10}'
    assert_exit 0 pipe-dedup -k id --dlq dead.ndjson <in
    assert_file out '{"id":1}'
    [ "$(jq -r '[.errors[0].code, .errors[0].path, .raw, .stage] | join(" ")' \
        dead.ndjson)" = 'null_key /id {"id":null,"x":1.10} pipe-dedup' ]
}

@test "--null-key pass lets all of them through" {
    lines '{"a":null,"x":1}' '{"a":null,"x":2}' '{"x":3}' '{"x":3}' '{"a":1}' \
        '{"a":1}'
    assert_exit 0 pipe-dedup -k a --null-key pass <in
    assert_file out "$(sed 6d in)"
    assert_exit 0 pipe-dedup -k a --null-key pass --keep last <in
    assert_file out "$(sed 5d in)"
}

@test "--null-key group keeps one with null and one without" {
    lines '{"a":null,"x":1}' '{"a":null,"x":2}' '{"x":3}' '{"x":4}' '{"a":1}'
    assert_exit 0 pipe-dedup -k a --null-key group <in
    assert_file out "$(sed -n '1p;3p;5p' in)"
    assert_exit 0 pipe-dedup -k a --null-key group --keep last <in
    assert_file out "$(sed -n '2p;4p;5p' in)"
}

@test "--null-key group: a null part tells composite keys apart too" {
    lines '{"a":null,"b":12}' '{"b":12}' '{"a":12,"b":null}' \
        '{"b":12.0,"a":null}' '{"a":"null","b":12}' '{"a":12}' '{"b":1.2e1}'
    assert_exit 0 pipe-dedup -k a,b --null-key group <in
    assert_file out "$(sed -n '1,3p;5,6p' in)"
}

@test "300,000 keys of more patterns than are kept: the same as awk" {
    awk 'BEGIN { srand(3)
        for (i = 0; i < 300000; i++) {
            n = int(rand() * 100000); s = n % 1500
            printf "{\"k\":\"%c%c%c-%d\",\"i\":%d}\n", 65 + s % 26, \
                97 + int(s / 26) % 26, 97 + n % 7, n, i
        }
    }' >in
    assert_exit 0 pipe-dedup -k k <in
    awk -F'"' '!seen[$4]++' in | cmp - out
}

@test "a number that cannot be compared is rejected as key, passed otherwise" {
    lines '{"id":1e7000,"x":1}' '{"id":1,"x":1e7000}'
    assert_exit 0 pipe-dedup -k id --max-reject 1 <in
    assert_file out '{"id":1,"x":1e7000}'
    grep -q 'line 1: /id .*(number_range)' err
}

@test "counts reconcile and duplicates are counted" {
    {
        make_orders 50
        make_orders 30
        echo 'not json'
        echo '{"id":null}'
    } >in
    for keep in first last; do
        assert_exit 0 pipe-dedup -k id --keep $keep --max-reject 5 -v <in
        grep -q 'read 82 = 50 out + 2 rejected + 30 duplicates' err
        [ "$(wc -l <out)" = 50 ]
    done
}

@test "--duplicates and -o into one file is refused" {
    assert_exit 64 pipe-dedup -k id --duplicates one -o one </dev/null
    grep -q "name one file, 'one'" err
    [ ! -e one ]
}

@test "--duplicates gets what was dropped, in order" {
    lines '{"id":1,"v":1}' '{"id":2,"v":2}' '{"id":1,"v":3}' '{"id":2,"v":4}' \
        '{"id":2,"v":5}'
    assert_exit 0 pipe-dedup -k id --duplicates dropped <in
    assert_file dropped "$(sed -n '3,5p' in)"
    assert_exit 0 pipe-dedup -k id --keep last --duplicates dropped <in
    assert_file dropped "$(sed -n '1p;2p;4p' in)"
    echo '{"id":9}' | pipe-dedup -k id --duplicates none
    [ -e none ] && [ ! -s none ]
}

@test "--duplicates leaves the old file where the run fails" {
    echo old >dropped
    lines '{"id":1}' '{"id":1}' '{"id":null}'
    assert_exit 65 pipe-dedup -k id --duplicates dropped <in
    assert_file dropped old
    assert_exit 65 pipe-dedup -k id --keep last --duplicates dropped <in
    assert_file dropped old
    [ "$(ls)" = "$(printf '%s\n' dropped err in out)" ]
}

@test "--duplicates in a folder that is not there fails before reading" {
    lines '{"id":1}'
    assert_exit 73 pipe-dedup -k id --duplicates nowhere/dropped <in
    grep -q "nowhere/dropped" err
    assert_file out ''
}

@test "--keep last writes nothing where the input fails" {
    printf '{"id":1}\n{"id":2}\n{"id":3' >in
    assert_exit 65 pipe-dedup -k id --keep last <in
    assert_file out ''
}

@test "--keep last sets records aside in --tmpdir, and leaves nothing there" {
    mkdir spool
    make_orders 3000 >in
    make_orders 1000 >>in
    assert_exit 0 pipe-dedup -k id --keep last --tmpdir spool <in
    [ "$(wc -l <out)" = 3000 ]
    diff out <(sed '1,1000d' in)
    [ -z "$(ls -A spool)" ]
    assert_exit 73 pipe-dedup -k id --keep last --tmpdir nowhere <in
    grep -q "nowhere" err
    TMPDIR=$PWD/nowhere assert_exit 73 pipe-dedup -k id --keep last <in
    TMPDIR=$PWD/nowhere assert_exit 0 pipe-dedup -k id <in
}

@test "--keep first writes a record while the input is still open" {
    mkfifo to
    pipe-dedup -k id <to >out &
    pid=$!
    exec 7>to
    echo '{"id":1}' >&7
    echo '{"id":1}' >&7
    within 5 grep -q . out
    exec 7>&-
    wait $pid
    assert_file out '{"id":1}'
}

@test "records cost no memory: 60 MB with few keys stay in small room" {
    need_command prlimit
    awk 'BEGIN { s = sprintf("%6000s", ""); gsub(/ /, "x", s)
        for (i = 0; i < 10000; i++) printf "{\"k\":%d,\"s\":\"%s\"}\n", i % 9, s
    }' >in
    [ "$FLAVOUR" = asan ] && skip "sanitizers need address space"
    for keep in first last; do
        assert_exit 0 prlimit --as=40000000 pipe-dedup -k k --keep $keep <in
        [ "$(wc -l <out)" = 9 ]
    done
}

@test "bad options are refused" {
    lines '{"id":1}'
    assert_exit 64 pipe-dedup -k 'a..b' <in
    grep -q "field path 'a..b'" err
    assert_exit 64 pipe-dedup -k a,a <in
    grep -q "key field 'a' is given twice" err
    assert_exit 64 pipe-dedup -k a --keep middle <in
    grep -q 'first, last, max:FIELD, min:FIELD' err
    assert_exit 64 pipe-dedup -k a --keep max: <in
    grep -q 'names no field' err
    assert_exit 64 pipe-dedup -k a --keep max:a..b <in
    assert_exit 64 pipe-dedup -k a --memory 100K <in
    assert_exit 64 pipe-dedup -k a --null-key drop <in
    assert_exit 64 pipe-dedup -k a, <in
}

@test "random keys: the same as awk on spelling that is one to one" {
    awk 'BEGIN { srand(7)
        for (i = 0; i < 20000; i++)
            printf "{\"k\":\"%x\",\"n\":%d,\"i\":%d}\n", int(rand() * 4000), \
                int(rand() * 3), i
    }' >in
    assert_exit 0 pipe-dedup -k k,n --duplicates dropped <in
    diff out <(awk -F'[:,]' '!seen[$2 "," $4]++' in)
    diff dropped <(awk -F'[:,]' 'seen[$2 "," $4]++' in)
    assert_exit 0 pipe-dedup -k k,n --keep last --duplicates dropped <in
    diff out <(tac in | awk -F'[:,]' '!seen[$2 "," $4]++' | tac)
    diff dropped <(tac in | awk -F'[:,]' 'seen[$2 "," $4]++' | tac)
}

@test "random spellings of numbers: the same as sqlite3's idea of equal" {
    need_command sqlite3
    # Values of few digits, which a double holds exactly when scaled.
    awk 'BEGIN { srand(11)
        for (i = 0; i < 5000; i++) {
            v = int(rand() * 400) - 200
            f = int(rand() * 4)
            if (f == 0) t = v
            else if (f == 1) t = v ".0"
            else if (f == 2) t = v * 10 "e-1"
            else t = v "e0"
            printf "{\"k\":%s,\"i\":%d}\n", t, i
        }
    }' >in
    assert_exit 0 pipe-dedup -k k <in
    sqlite3 :memory: <<'SQL' >want
.mode tabs
CREATE TABLE t(line TEXT);
.import in t
SELECT line FROM t WHERE rowid IN (
    SELECT min(rowid) FROM t
    GROUP BY CAST(json_extract(line, '$.k') AS REAL))
ORDER BY rowid;
SQL
    diff want out
}
