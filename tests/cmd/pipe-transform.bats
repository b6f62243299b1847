#!/usr/bin/env bats
# pipe-transform: conditions, assignments, bytes that stay, rejects.
#
# shellcheck disable=SC2016 # expressions have dollars of their own
load ../helper

# t RECORD ARG...: runs one record through the command.
t() {
    local record=$1
    shift
    printf '%s\n' "$record" | pipe-transform "$@"
}

# want TEXT RECORD ARG...: the record becomes exactly this line.
want() {
    local want=$1 have
    shift
    have=$(t "$@") || fail "exit $? for: $*"
    [ "$have" = "$want" ] || fail "have:   $have" "wanted: $want" "for: $*"
}

# ---- where

@test "where keeps TRUE only; FALSE, NULL and missing are filtered" {
    printf '{"id":%d,"a":%s}\n' 1 true 2 false 3 null >in
    echo '{"id":4}' >>in
    pipe-transform --where a -v <in >out 2>err
    assert_file out '{"id":1,"a":true}'
    assert_file err 'pipe-transform: read 4 = 1 out + 0 rejected + 3 filtered'
}

@test "NOT of an unknown condition keeps nothing either" {
    printf '%s\n' '{"a":1}' '{"a":null}' '{}' '{"a":2}' >in
    pipe-transform -w 'NOT a = 1' <in >out
    assert_file out '{"a":2}'
    pipe-transform -w 'a IS NULL' <in >out
    assert_file out $'{"a":null}\n{}'
    pipe-transform -w 'a IS MISSING' <in >out
    assert_file out '{}'
}

@test "cancelled orders are left out" {
    make_orders 50 | pipe-transform -s "status = CASE WHEN id IN (3, 7, 49) \
THEN 'cancelled' ELSE 'paid' END" | pipe-transform -w "status <> 'cancelled'" >out
    [ "$(wc -l <out)" = 47 ]
    [ "$(grep -c cancelled out)" = 0 ]
}

@test "counts go to the json log" {
    printf '{"a":%d}\n' 1 2 3 | pipe-transform -w 'a > 1' --log json >out 2>err
    grep -q '"read":3,"out":2,"rejected":0,"filtered":1,"duplicates":0' err
}

# ---- bytes that stay

@test "numbers pass byte for byte, through conditions and assignments" {
    local n
    for n in 12345678901234567890123 1.10 1e400 -0 1E+2 0.0 -0.00 1e9999 \
        123456789.123456789012345678901234567890; do
        want "{\"v\":$n}" "{\"v\":$n}" --where 'v IS NOT NULL'
        want "{\"v\":$n,\"c\":$n}" "{\"v\":$n}" --set c=v
        want "{\"v\":$n,\"x\":1}" "{\"v\":$n}" --set x=1
        want "{\"o\":{\"v\":[$n]},\"c\":{\"v\":[$n]},\"d\":$n}" \
            "{\"o\":{\"v\":[$n]}}" --set c=o --set 'd=c.v[0]'
    done
    for n in 12345678901234567890123 1.10 1e400 1E+2 0.00 1e9999; do
        want "{\"c\":$n}" '{}' --set "c=coalesce(m, $n)"
    done
}

@test "spaces, escapes, order and unknown fields stay as they are" {
    want '{ "b" : 2.50 ,"A\u0061":"\u00e9\/" , "x":[1 , {"y":null}], "a":7 }' \
        '{ "b" : 2.50 ,"A\u0061":"\u00e9\/" , "x":[1 , {"y":null}], "a":1 }' \
        --set a=7
}

@test "without options records pass" {
    want '{"a" : 1}' '{"a" : 1}'
}

@test "a field is found and set under its escaped name" {
    want '{"\u0061":2}' '{"\u0061":1}' -s 'a=a+1'
}

# ---- set

@test "decimals are exact" {
    want '{"c":0.3}' '{}' -s 'c=0.1+0.2'
    want '{"a":1.10,"c":2.10}' '{"a":1.10}' -s 'c=a+1'
    want '{"q":3,"p":4.25,"r":12.75}' '{"q":3,"p":4.25}' -s 'r=q*p'
    want '{"n":12345678901234567890123,"m":12345678901234567890124}' \
        '{"n":12345678901234567890123}' -s 'm=n+1'
}

@test "assignments run in order and see those before them" {
    want '{"a":1,"b":2,"c":6}' '{"a":1}' -s b=a+1 -s c=b*3
    want '{"a":16}' '{"a":1}' -s a=a+1 -s a=a*a -s a=a*a
    want '{"a":2,"b":1}' '{"a":1,"b":2}' -s t=a -s a=b -s b=t -s t=MISSING
}

@test "where sees what stands before it on the command line, and no more" {
    want '{"a":5}' '{"a":1}' -w 'a = 1' -s a=5
    want '' '{"a":1}' -s a=5 -w 'a = 1'
    want '{"a":5,"b":6}' '{"a":1}' -w 'a = 1' -s a=5 -w 'a = 5' -s b=a+1
    want '{"o":{"a":5}}' '{"o":{"a":1}}' -s o.a=5 -w 'o IS NOT NULL' -w 'o.a = 5'
}

@test "a field is replaced where it stands, a new one comes last" {
    want '{"x":1,"a":"new","y":2,"z":true}' '{"x":1,"a":[1,{}],"y":2}' \
        -s "a='new'" -s z=TRUE
    want '{"a":1}' '{}' -s a=1
    want '{"q":{"r":1},"c":2}' '{}' -s q.r=1 -s c=2
    want '{"t":3,"u":2}' '{}' -s t=1 -s u=2 -s t=3
    want '{"a":1,"b":2 }' '{ }' -s a=1 -s b=2
    want '{"a":1,"b":2}' '{}' -s a=1 -s b=2
}

@test "of duplicate keys the last is read and set" {
    want '{"a":1,"a":3}' '{"a":1,"a":2}' -s a=a+1
}

@test "nested fields are set, parents made" {
    want '{"o":{"a":1,"b":2}}' '{"o":{"a":1}}' -s o.b=o.a+1
    want '{"o":{"a":5}}' '{"o":{"a":1}}' -s o.a=5
    want '{"p":{"q":{"r":1,"s":2}}}' '{}' -s p.q.r=1 -s p.q.s=2
    want '{"l":[1,{"x":9}]}' '{"l":[1,{"x":2}]}' -s 'l[1].x=9'
    want '{"l":[1,7]}' '{"l":[1,2]}' -s '/l/1=7'
    want '{"a.b":1}' '{}' -s '/a.b=1'
    want '{"odd name":1,"copy":2}' '{}' -s 'odd name=1' -s 'copy="odd name"+1'
}

@test "an assignment sees what was set inside and around its fields" {
    want '{"o":{"a":2},"c":{"a":2}}' '{"o":{"a":1}}' -s o.a=2 -s c=o
    want '{"o":{"a":1},"p":{"a":1},"d":1}' '{"o":{"a":1}}' -s p=o -s d=p.a
    want '{"o":{"a":1},"p":{"a":3},"q":{"a":3}}' '{"o":{"a":1}}' \
        -s p=o -s p.a=3 -s q=p
    want '{"o":7,"c":7}' '{"o":{"a":1}}' -s o.a=2 -s o=7 -s c=o
    want '{"a":{"b":{"c":3}},"x":{"b":{"c":2}},"y":2}' \
        '{"a":{"b":{"c":1}}}' -s a.b.c=a.b.c+1 -s x=a -s y=x.b.c -s a.b.c=3
}

@test "a missing result takes the field away, or leaves it out" {
    want '{"b":2}' '{"a":1,"b":2}' -s a=MISSING
    want '{"b":2}' '{"b":2}' -s a=nothing.here
    want '{"a":1,"c":{}}' '{"a":1,"c":{"d":2}}' -s c.d=x
    want '{"b":2}' '{"a":1,"b":2,"a":3}' -s a=x
    want '{"a":1}' '{"a":1}' -s b=1 -s b=MISSING
    want '{"a":3,"b":2}' '{"a":1,"b":2}' -s a=MISSING -s c=a -s a=3
    want '{"l":[1,null,3]}' '{"l":[1,2,3]}' -s 'l[1]=MISSING'
}

@test "arithmetic over null or a missing field is null" {
    want '{"a":null,"b":null,"c":null}' '{"a":null}' -s b=a+1 -s c=m+1
}

@test "strings are written with the escapes they need" {
    want '{"a":"x\"y\\\u0001","b":"x\"y\\\u0001!"}' '{"a":"x\"y\\\u0001"}' \
        -s "b=a || '!'"
    want '{"b":"it'\''s"}' '{}' -s "b='it''s'"
}

@test "the demo's figures: lifetime, value, days since the last order" {
    want '{"first_order":"2010-12-01","last_order":"2010-12-09T08:26:00Z","avg":20.50,"count":3,"lifetime_days":9,"estimated_value":3.03,"days_since_last":22}' \
        '{"first_order":"2010-12-01","last_order":"2010-12-09T08:26:00Z","avg":20.50,"count":3}' \
        --date 2010-12-31 \
        --set 'lifetime_days = days(last_order, first_order) + 1' \
        --set 'estimated_value = round(avg * count * lifetime_days / 365 * 2, 2)' \
        --set 'days_since_last = days($date, last_order)'
}

# ---- dates and the run's interval

@test "date, start and end come from --date or its variable, in --tz" {
    want '{"d":"2024-03-31","s":"2024-03-31T00:00:00+01:00","e":"2024-04-01T00:00:00+02:00"}' \
        '{}' --date 2024-03-31 --tz Europe/Berlin -s 'd=$date' -s 's=$start' -s 'e=$end'
    PIPE_DATE=2024-02-29 want '{"d":"2024-02-29"}' '{}' -s 'd=$date'
    PIPE_TZ=Asia/Tokyo want '{"t":"2024-01-31T20:00:00Z","d":"2024-02-01"}' \
        '{"t":"2024-01-31T20:00:00Z"}' -s 'd=date(t)'
}

@test "the interval without a date is a usage error" {
    assert_exit 64 pipe-transform -s 'x=days($date, d)' </dev/null
    assert_file err 'pipe-transform: --set x: $date needs --date at byte 6
  days($date, d)
       ^'
}

# ---- errors

@test "a bad expression is 64 with a caret, before anything is read" {
    echo 'no json' >in
    assert_exit 64 pipe-transform -w "a = 'x" <in
    assert_file err "pipe-transform: --where: string without closing quote at byte 5
  a = 'x
      ^"
    assert_file out ''
    assert_exit 64 pipe-transform -s 'total = price *' <in
    assert_file err "pipe-transform: --set total: a value expected, but the expression ends at byte 9
   price *
          ^"
    assert_exit 64 pipe-transform -w 'a = (' --log json <in
    grep -q '"msg":"--where: a value expected.*\\n  a = (\\n       ^"' err
}

@test "control bytes in an expression do not reach the terminal" {
    assert_exit 64 pipe-transform -w $'a\e[31m = 1' <<<'{}'
    [ "$(grep -c $'\e' err)" = 0 ]
}

@test "an assignment without field or sign is refused" {
    assert_exit 64 pipe-transform -s 'a' </dev/null
    grep -q "no '=' behind the field" err
    assert_exit 64 pipe-transform -s '=1' </dev/null
    grep -q "no field before the '='" err
    assert_exit 64 pipe-transform -s 'a..b=1' </dev/null
    assert_exit 64 pipe-transform -s '"a"=1' </dev/null
    grep -q 'without quotes' err
    assert_exit 64 pipe-transform -s 'a==1' </dev/null
}

@test "a string compared with a number rejects the record, it is not FALSE" {
    printf '%s\n' '{"a":1}' '{"a":"1"}' '{"a":2}' >in
    assert_exit 65 pipe-transform -w 'a > 0' <in
    assert_exit 0 pipe-transform -w 'a > 0' --max-reject 1 -v <in
    assert_file out $'{"a":1}\n{"a":2}'
    assert_file err 'pipe-transform: rejected line 2: /a cannot compare string "1" with number 0 (--where, byte 3) (expr_type)
pipe-transform: read 3 = 2 out + 1 rejected'
}

@test "each reason has its code, its field and the record as it came" {
    cat >in <<'END'
{"a":0}
{"a":"x"}
{"a":1e9999}
{"a":[ 1.0 ]}
{"a":1}
END
    pipe-transform -s 'b = 1 / a * 1e6' --dlq dead.ndjson --max-reject 100% <in >out
    assert_file out '{"a":1,"b":1000000}'
    jq -c '[.errors[0].code, .errors[0].path, .raw]' dead.ndjson >have
    cat >wanted <<'END'
["division_by_zero",null,"{\"a\":0}"]
["expr_type","/a","{\"a\":\"x\"}"]
["number_range","/a","{\"a\":1e9999}"]
["expr_type","/a","{\"a\":[ 1.0 ]}"]
END
    diff wanted have
}

@test "a date that is none rejects" {
    printf '%s\n' '{"d":"31.12.2024"}' '{"d":"2024-12-31"}' |
        pipe-transform -s 'd=date(d)' --max-reject 1 >out 2>err
    assert_file out '{"d":"2024-12-31"}'
    grep -q '/d string "31.12.2024" is neither a date nor a date-time.*(expr_date)' err
}

@test "a field below something that is no object rejects" {
    printf '%s\n' '{"a":1}' '{"a":{}}' | pipe-transform -s a.b=2 --max-reject 1 >out 2>err
    assert_file out '{"a":{"b":2}}'
    grep -q 'cannot set a.b.*(expr_path)' err
    printf '%s\n' '{"l":[1]}' '{"l":[1,2]}' | pipe-transform -s 'l[1]=9' --max-reject 1 >out 2>err
    assert_file out '{"l":[1,9]}'
}

@test "a record rejected by a later assignment leaves no trace of the first" {
    printf '%s\n' '{"a":1}' '{"a":0}' '{"a":2}' |
        pipe-transform -s b=a+1 -s c=6/a --max-reject 1 >out 2>err
    assert_file out $'{"a":1,"b":2,"c":6}\n{"a":2,"b":3,"c":3}'
}

@test "dead letters know the date, also where it came from the environment" {
    echo '{"d":1}' >in
    PIPE_DATE=2024-05-01 PIPE_TZ=Asia/Tokyo assert_exit 65 \
        pipe-transform -s 'x=days($date, d)' --dlq dead.ndjson <in
    jq -e '.argv == ["pipe-transform", "--set=x=days($date, d)",
        "--date=2024-05-01", "--tz=Asia/Tokyo"]' dead.ndjson
}

@test "a dead letter is replayed through the same expressions" {
    [ -x "$BIN_DIR/pipe-dlq" ] || skip "pipe-dlq is not built"
    printf '%s\n' '{"a":"x"}' '{"a":2}' |
        pipe-transform -s b=a+1 --dlq dead/ --max-reject 100% >out
    assert_file out '{"a":2,"b":3}'
    assert_exit 65 pipe-dlq replay --dlq dead/ -- cat
    grep -q 'rejected again' err
    pipe-dlq list --dlq dead/ --format json >list
    jq -e '.attempt == 2 and .code == "expr_type" and .stage == "pipe-transform"' list
}

# ---- as a stage

@test "-o FILE appears whole" {
    make_orders 1000 | pipe-transform -w 'id > 10' -o out.ndjson
    [ "$(wc -l <out.ndjson)" = 990 ]
}

@test "many records through many stages come out the same" {
    make_orders 20000 >in
    pipe-transform -w 'TRUE' <in | pipe-transform -s 'x=amount*2' |
        pipe-transform -s 'x=MISSING' | cmp - in
}

@test "rounded quotients agree with an independent computation" {
    make_orders 5000 >in
    pipe-transform -w "country IN ('DE','FR') AND amount >= 10" \
        -s 'net=round(amount / 1.19, 2)' <in >out
    [ "$(wc -l <out)" = "$(jq -c 'select((.country=="DE" or .country=="FR") and .amount >= 10)' in | wc -l)" ]
    # In cents, whole numbers all the way.
    sed 's/.*"amount":\([0-9.]*\).*/\1/' out | awk -F. '{ c = $1 * 100 + $2
        n = int((c * 200 + 119) / 238)
        printf "%d.%02d\n", n / 100, n % 100 }' >wanted
    sed 's/.*"net":\([0-9.]*\).*/\1/' out |
        awk '{ printf "%.2f\n", $1 }' | cmp wanted -
}

# ---- threads

# mixed N: N lines of which some are no records, some fail, some are blank.
mixed() {
    make_orders "$1" | awk '
        NR % 97 == 0 { print "{\"id\":" NR ",\"amount\":\"x\"}" }
        NR % 131 == 0 { print "{\"id\":" NR ",\"amount\":01}" }
        NR % 211 == 0 { print "" }
        NR % 307 == 0 { print "[" NR "]" }
        NR % 401 == 0 { printf "{\"id\":%d,\"amount\":2}\r\n", NR }
        { print }'
}

# in_lanes J ARG...: what a run with -j J leaves behind, in files named by J.
in_lanes() {
    local j=$1
    shift
    pipe-transform -j "$j" -w "country <> 'DE' OR country IS MISSING" \
        -s 'double=amount*2' --max-reject 10% --dlq "dead$j.ndjson" -v "$@" \
        >"out$j" 2>"err$j" || echo "exit $?" >>"err$j"
    jq -c '[.errors,.source,.raw]' "dead$j.ndjson" >"letters$j"
    sed -i 's/dead[0-9]*/dead/g' "err$j"
}

@test "-j N gives the output, the dead letters and the counts of -j 1, in order" {
    mixed 30000 >in
    in_lanes 1 <in
    [ "$(wc -l <letters1)" -gt 500 ]
    grep -q ':30' letters1
    for j in 2 3 16; do
        in_lanes "$j" <in
        cmp out1 "out$j"
        cmp letters1 "letters$j"
        cmp err1 "err$j"
    done
    # From a pipe blocks are cut elsewhere.
    mixed 30000 | in_lanes 4
    cmp out1 out4
    cmp letters1 letters4
}

@test "-j N starts behind a byte order mark, and takes the last line without its end" {
    printf '\xef\xbb\xbf{"a":1}\n{"a":2}' | pipe-transform -j 2 -s b=a >out
    assert_file out $'{"a":1,"b":1}\n{"a":2,"b":2}'
    printf '' | pipe-transform -j 2 -s b=a >out
    assert_file out ''
}

@test "-j N fails on a cut last line with its number, and shows what was good" {
    { mixed 5000; printf '{"id":1'; } >in
    in_lanes 1 <in
    in_lanes 3 <in
    grep -q 'truncated: line 5[0-9]* has no end' err1
    grep -q 'exit 65' err1
    cmp err1 err3
    cmp out1 out3
}

@test "-j N reads over a line beyond the limit, wherever it stands" {
    big=$(head -c 400000 /dev/zero | tr '\0' x)
    for at in 0 1 2 1500; do
        { make_orders "$at"; printf '{"big":"%s"}\n' "$big"; make_orders 1500; } >in
        for j in 1 3; do
            pipe-transform -j $j --max-record 100K --max-reject 1 -s x=id <in >out$j 2>err$j
        done
        cmp out1 out3
        cmp err1 err3
        grep -q "line $((at + 1)): record of 400010 bytes" err3
        [ "$(wc -l <out3)" = $((at + 1500)) ]
    done
    printf '{"a":1}\n{"big":"%s' "$big" >in
    assert_exit 65 pipe-transform -j 2 --max-record 100K -s x=1 <in
    grep -q 'truncated: line 2' err
    # Within the limit a line may be longer than a block.
    { make_orders 10; printf '{"big":"%s"}\n' "$big"; make_orders 10; } >in
    pipe-transform -j 2 -s x=1 <in | sed 's/,"x":1}$/}/' | cmp - in
}

@test "-j N stops at the limit of rejects, and passes on that its upstream failed" {
    mixed 20000 >in
    assert_exit 65 pipe-transform -j 3 -s x=1 --max-reject 2 <in
    grep -q '3 of [0-9]* records rejected, --max-reject is 2' err
    run bash -c "pipe-transform -s x=1/0 --max-reject 0 <in 2>/dev/null |
        pipe-transform -j 2 -s y=1 >out"
    [ "$status" = 65 ]
    [[ $output == *"upstream failed"* ]]
}

@test "-j N does not hold back what a slow writer has sent" {
    mkfifo fifo
    pipe-transform -j 4 -s b=a <fifo >out &
    exec 5>fifo
    printf '{"a":1}\n{"a":2' >&5
    for _ in $(seq 50); do [ -s out ] && break; sleep 0.1; done
    assert_file out '{"a":1,"b":1}'
    printf '}\n' >&5
    for _ in $(seq 50); do [ "$(wc -l <out)" = 2 ] && break; sleep 0.1; done
    assert_file out $'{"a":1,"b":1}\n{"a":2,"b":2}'
    exec 5>&-
    wait $!
}

@test "the number of threads is 1 to 64" {
    for n in 0 65 x; do
        assert_exit 64 pipe-transform -j $n -s a=1 </dev/null
    done
    echo '{}' | PIPE_JOBS=2 pipe-transform -s a=1 >out
    assert_file out '{"a":1}'
}

# ---- where -o leads

@test "-o through a link replaces what it leads to; -o /dev/stdout is stdout" {
    echo '{"a":1}' >in
    mkdir there
    echo old >there/real
    ln -s there/real link
    pipe-transform -s b=2 -o link <in
    [ -L link ]
    assert_file there/real '{"a":1,"b":2}'
    ln -s there/new dangling
    pipe-transform -s b=3 -o dangling <in
    grep -q '"b":3' dangling
    pipe-transform -s b=4 -o /dev/stdout <in >out
    assert_file out '{"a":1,"b":4}'
    [ -L /dev/stdout ]
    [ "$(pipe-transform -s b=5 -o /dev/fd/1 <in)" = '{"a":1,"b":5}' ]
}
