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

# ---- casts

@test "cast gives a field the type asked for, in its place" {
    want '{"a":12.50,"b":"7","c":true,"d":1}' '{"a":" 12.50","b":7,"c":"true","d":1}' \
        --cast a=number,b=string --cast c=boolean
    want '{"o":{"n":1,"l":[2]}}' '{"o":{"n":"1","l":["2"]}}' --cast 'o.n=number, o.l[0]=number'
    want '{"odd \"name":1,"k.e":2}' '{"odd \"name":"1","k.e":"2"}' \
        --cast 'odd "name=number,/k.e=number'
}

@test "cast to integer, date and timestamp" {
    pipe-transform -s 'x=cast(1 AS integer)' </dev/null 2>/dev/null ||
        skip "the expressions have no integer, date and timestamp yet"
    want '{"i":5,"d":"2024-02-29"}' '{"i":"5","d":"2024-02-29"}' --cast i=integer,d=date
    echo '{"i":"5.5"}' >in
    assert_exit 65 pipe-transform --cast i=integer <in
    grep -q '(expr_cast)' err
    echo '{"t":"yesterday"}' >in
    assert_exit 65 pipe-transform --cast t=timestamp <in
    grep -q '(expr_cast)' err
}

@test "cast leaves null null and missing missing" {
    want '{"a":null}' '{"a":null}' --cast a=number,b=string,c.d=boolean
}

@test "what cannot be cast rejects its record, with the field" {
    printf '%s\n' '{"a":"1"}' '{"a":"x"}' '{"a":[1]}' |
        pipe-transform --cast a=number --dlq dead.ndjson --max-reject 100% >out
    assert_file out '{"a":1}'
    jq -c '[.errors[0].code, .errors[0].path, .raw]' dead.ndjson >have
    printf '%s\n' '["expr_cast","/a","{\"a\":\"x\"}"]' '["expr_cast","/a","{\"a\":[1]}"]' |
        diff - have
}

@test "a cast that says nothing sensible is a usage error" {
    local bad
    for bad in a=float a a= =number 'a=number,' a..b=number '/l/0=number'; do
        assert_exit 64 pipe-transform --cast "$bad" </dev/null
        grep -q '^pipe-transform: --cast' err
    done
}

# ---- names

@test "rename keeps place, spaces and bytes" {
    want '{ "z" : 1.10 ,"b":2}' '{ "a" : 1.10 ,"b":2}' --rename a=z
    want '{"o":{"z":[1 ,2]},"b":3}' '{"o":{"a":[1 ,2]},"b":3}' --rename o.a=o.z
    want '{"l":[{"z":1}]}' '{"l":[{"a":1}]}' --rename 'l[0].a=l[0].z'
    want '{"x y":1}' '{"\u0061":1}' --rename 'a=x y'
    want '{"q\"":1}' '{"a":1}' --rename 'a=q"'
    want '{"c":1,"d":2}' '{"a":1,"b":2}' --rename 'a=c, b=d'
    want '{"z":1,"z":2}' '{"a":1,"a":2}' --rename a=z
    want '{"b":1,"a":2}' '{"a":1,"b":2}' --rename a=t,b=a,t=b
}

@test "a field that is missing is not renamed" {
    want '{"b":1}' '{"b":1}' --rename a=z,o.a=o.z,b.c=b.d
    want '{"a":null}' '{"z":null}' --rename z=a
    want '{"a":1}' '{"a":1}' --rename a=a
}

@test "a new name that is taken rejects" {
    printf '%s\n' '{"a":1,"b":2}' '{"a":1}' '{"b":3}' |
        pipe-transform --rename a=b --max-reject 1 >out 2>err
    assert_file out $'{"b":1}\n{"b":3}'
    grep -q 'line 1: /b there is a field of the new name already (name_taken)' err
}

@test "a rename that would move a field is a usage error" {
    local bad
    for bad in a a=b.c a.b=c 'l[0]=l[1]' a= =b a=b,c; do
        assert_exit 64 pipe-transform --rename "$bad" </dev/null
        grep -q '^pipe-transform: --rename' err
    done
}

@test "rename there and back is the identity" {
    mixed 2000 | grep '^{.*}$' | grep -v ':01}' >in
    pipe-transform --rename id=x,amount=y,country=z --rename z=country,y=amount,x=id <in |
        cmp - in
}

# ---- fields

@test "drop takes fields away, at any depth" {
    want '{"b" : 2}' '{"a":1, "b" : 2, "c":3}' --drop a,c
    want '{}' '{"a":1,"b":2}' --drop a,b
    want '{"a":1}' '{"a":1}' --drop x,y.z,a.b
    want '{"o":{"b":2},"l":[1,null,3]}' '{"o":{"a":1,"b":2},"l":[1,2,3]}' --drop 'o.a,l[1]'
    want '{"b":2}' '{"a":1,"b":2,"a":3}' --drop a
    want '{"b":1}' '{"\u0061":1,"b":1}' --drop a
    want '{"o":{}}' '{"o":{"a":1}}' --drop o.a
    want '{ "c":3 }' '{ "a":1 , "b":2 , "c":3 }' --drop a,b
}

@test "keep leaves the fields named, in the order of the record, and their parents" {
    want '{"b" : 2,"c":3}' '{"a":1, "b" : 2,"c":3}' --keep c,b
    want '{"o":{"b":2}}' '{"o":{"a":1,"b":2},"x":1}' --keep o.b
    want '{"o":{}}' '{"o":{"a":1},"x":1}' --keep o.b
    want '{}' '{"o":5,"x":1}' --keep o.b
    want '{}' '{"a":1}' --keep z
    want '{"l":[null,2,null]}' '{"l":[1,2,3]}' --keep 'l[1]'
    want '{"a":1,"a":2}' '{"a":1,"b":0,"a":2}' --keep a
    want '{"a":null}' '{"a":null,"b":null}' --keep a
}

@test "keep and drop of the same fields share a record out" {
    make_orders 3000 >in
    pipe-transform --keep country,id <in >kept
    pipe-transform --drop country,id <in >dropped
    paste kept dropped | while IFS=$'\t' read -r a b; do
        printf '%s\n' "${a%\}},${b#\{}"
    done | jq -cS . >joined
    jq -cS . in | cmp - joined
    [ "$(head -1 kept)" = '{"id":1,"country":"FR"}' ]
}

@test "one element spelled in two ways is refused" {
    assert_exit 64 pipe-transform --keep 'l[0].a,/l/0/b' </dev/null
    grep -q 'another way' err
    assert_exit 64 pipe-transform --drop 'a,,b' </dev/null
    grep -q 'empty name' err
}

# ---- flatten

@test "flatten makes nested fields fields of the record, where they stood" {
    want '{"a_b":1,"a_c_d":2 ,"e":3}' '{"a":{"b":1,"c":{"d":2}} ,"e":3}' --flatten
    want '{"x": 1,"a_b":2, "y":3}' '{"x": 1,"a":{"b":2}, "y":3}' --flatten
    want '{"a.b":1}' '{"a":{"b":1}}' --flatten --flatten-sep .
    want '{"a\u0041_b\n":1}' '{"a\u0041":{"b\n":1}}' --flatten
    want '{ "a" : 1 }' '{ "a" : 1 }' --flatten
}

@test "flatten keeps empty objects, and arrays unless their elements get names" {
    want '{"a_b":{},"c":[],"l":[1,{"x":2}]}' '{"a":{"b":{}},"c":[],"l":[1,{"x":2}]}' --flatten
    want '{"l_0":1,"l_1_x":2,"c":[]}' '{"l":[1,{"x":2}],"c":[]}' \
        --flatten --flatten-arrays index
}

@test "flatten of a field flattens it into what is around it" {
    want '{"o_a_b":1,"p":{"q":1}}' '{"o":{"a":{"b":1}},"p":{"q":1}}' --flatten=o
    want '{"o":{"a_b":1},"p":{"q":1}}' '{"o":{"a":{"b":1}},"p":{"q":1}}' --flatten=o.a
    want '{"o":null}' '{"o":null}' --flatten=o --flatten=p
    want '{"l":[{"a_b":1}]}' '{"l":[{"a":{"b":1}}]}' --flatten='l[0].a'
}

@test "two fields that would have one name reject" {
    local r
    for r in '{"a_b":1,"a":{"b":2}}' '{"a":{"b":2},"a_b":1}' '{"a":{"b":1},"a":{"b":2}}' \
        '{"a":{"b":1},"a":{"c":2}}' '{"a":{"b":1},"a":5}' '{"a":{"b":{"c":1}},"a_b":{"c":1}}' \
        '{"\u0061":{"b":1},"a_\u0062":2}'; do
        printf '%s\n' "$r" >in
        assert_exit 65 pipe-transform --flatten <in
        grep -q 'flattened, two fields have the name .*(name_taken)' err
    done
    want '{"a_b_c":1,"a_b":2}' '{"a":{"b":{"c":1}},"a_b":2}' --flatten
    want '{"x":1,"x":2,"a_b":3}' '{"x":1,"x":2,"a":{"b":3}}' --flatten
}

@test "flattening that grows beyond all measure rejects" {
    # Every one of many fields has the long name around it.
    { printf '{"%s":{' "$(head -c 200000 /dev/zero | tr '\0' k)"
        seq 1000 | sed 's/.*/"&":1/' | paste -sd,
        printf '}}'
    } | tr -d '\n' >in
    echo >>in
    echo '{"a":{"b":1}}' >>in
    assert_exit 0 pipe-transform --flatten --max-reject 1 <in
    assert_file out '{"a_b":1}'
    grep -q '(too_large)' err
}

# ---- unnest

@test "unnest makes a record of each element, in order" {
    want $'{"id":1,"l":{"s":"a"},"z":2.0}\n{"id":1,"l":7,"z":2.0}' \
        '{"id":1,"l":[{"s":"a"}, 7],"z":2.0}' --unnest l
    want $'{"o":{"l":1},"n":0}\n{"o":{"l":2},"n":1}' '{"o":{"l":[1,2]}}' \
        --unnest o.l --unnest-index n
    want $'{"l":null}\n{"l":[1]}' '{"l":[null,[1]]}' --unnest l
}

@test "a record without elements is filtered, or kept with null" {
    printf '%s\n' '{"l":[]}' '{"l":null}' '{}' '{"l":[1]}' >in
    pipe-transform --unnest l -v <in >out 2>err
    assert_file out '{"l":1}'
    assert_file err 'pipe-transform: read 4 = 1 out + 0 rejected + 3 filtered'
    pipe-transform --unnest l --unnest-empty keep --unnest-index n <in >out
    assert_file out '{"l":null,"n":null}
{"l":null,"n":null}
{"n":null}
{"l":1,"n":0}'
}

@test "what stands behind unnest is done to each of its records" {
    want $'{"l":1,"x":2}\n{"l":3,"x":6}' '{"l":[1,2,3]}' --unnest l --where 'l <> 2' --set x=l*2
    want $'{"a":1,"b":3}\n{"a":1,"b":4}\n{"a":2,"b":3}\n{"a":2,"b":4}' \
        '{"a":[1,2],"b":[3,4]}' --unnest a --unnest b
    want $'{"l_s":1}\n{"l_s":2}' '{"l":[{"s":1},{"s":2}]}' --unnest l --flatten
}

@test "counts are of the records read, however many come of each" {
    printf '%s\n' '{"l":[1,2,3]}' '{"l":[]}' '{"l":[4,5]}' '{"l":"x"}' >in
    pipe-transform --unnest l --where 'l < 5' -v --max-reject 1 <in >out 2>err
    [ "$(wc -l <out)" = 4 ]
    grep -q 'read 4 = 2 out + 1 rejected + 1 filtered' err
    grep -q '4 records to the output' err
    grep -q '/l cannot be unnested: it is no array (not_array)' err
}

@test "a record of which one part fails leaves nothing, anywhere" {
    printf '%s\n' '{"l":[1,0,2]}' '{"l":[1,2]}' |
        pipe-transform --tee 'TRUE => copies' --unnest l --route 'l = 2 => twos' \
            --set q=2/l --max-reject 1 >out 2>err
    assert_file out '{"l":1,"q":2}'
    assert_file copies '{"l":[1,2]}'
    assert_file twos '{"l":2}'
}

@test "the element's number takes no field's place" {
    printf '%s\n' '{"l":[1],"n":5}' >in
    assert_exit 65 pipe-transform --unnest l --unnest-index n <in
    grep -q '/n .*(name_taken)' err
    assert_exit 64 pipe-transform --unnest l --unnest-index l.n </dev/null
}

@test "unnesting that grows beyond all measure rejects" {
    { printf '{"big":"%s","l":[' "$(head -c 300000 /dev/zero | tr '\0' x)"
        seq 1000 | paste -sd,
        printf ']}'
    } | tr -d '\n' >in
    echo >>in
    echo '{"l":[1]}' >>in
    for j in 1 2; do
        assert_exit 0 pipe-transform -j $j --unnest l --max-reject 1 <in
        assert_file out '{"l":1}'
        grep -q '(too_large)' err
    done
}

@test "details need what they are details of" {
    assert_exit 64 pipe-transform --unnest-index n </dev/null
    grep -q 'unnest-index: stands directly behind no --unnest' err
    assert_exit 64 pipe-transform --unnest l --drop a --unnest-empty keep </dev/null
    assert_exit 64 pipe-transform --flatten-sep . --flatten </dev/null
    assert_exit 64 pipe-transform --flatten --flatten-arrays all </dev/null
    grep -q "'all' is neither keep nor index" err
}

# ---- masks

@test "mask with null empties a value that is there" {
    want '{"a":null,"b":2}' '{"a":"secret","b":2}' --mask a=null,c=null
}

@test "masks hide a value, and leave null and missing" {
    pipe-transform -s "x=mask('a')" </dev/null 2>/dev/null ||
        skip "the expressions have no masks yet"
    printf 'k3y-0123456789abcdef0123456789abcdef' >key
    chmod 600 key
    t '{"a":"4111111111111111","b":"Zoe","c":"Zoe","d":"Zoe","e":null}' \
        --mask 'a=mask(4), b=sha256, c=redact, d=pseudonymise(file:key)' \
        --mask e=mask,f=sha256 >out
    jq -e '.a != "4111111111111111" and (.a | endswith("1111"))
        and .c != "Zoe" and .d != "Zoe" and .e == null and (has("f") | not)' out
    [ "$(jq -r .b out)" = "$(printf Zoe | sha256sum | cut -d ' ' -f 1)" ]
    # The same key gives the same name, also from the environment.
    K=$(cat key) t '{"d":"Zoe"}' --mask 'd=pseudonymise(env:K)' >again
    [ "$(jq -r .d out)" = "$(jq -r .d again)" ]
}

@test "a masked field that is there twice rejects the record: one would be left" {
    printf '%s\n' '{"e":"secret","e":"b"}' '{"a":{"k":"secret"},"a":{}}' \
        '{"a":[{"k":1},{"k":"secret","\u006b":2}]}' '{"e":"b","x":1,"x":2}' >in
    assert_exit 0 pipe-transform --mask 'e=redact,a.k=redact,a[1].k=null' \
        --max-reject 100% <in
    assert_file out '{"e":"[REDACTED]","x":1,"x":2}'
    assert_exit 65 pipe-transform --mask 'e=redact' <in
    grep -q 'cannot mask e: it is there more than once (key_twice)' err
    run ! grep -q secret out err
}

@test "a mask that is none is a usage error" {
    local bad
    for bad in a=hide a 'a=mask(x)' 'a=sha256(1)' 'a=pseudonymise' 'a=null()'; do
        assert_exit 64 pipe-transform --mask "$bad" </dev/null
        grep -q '^pipe-transform: --mask' err
    done
}

# ---- standard forms

@test "trim takes white space of any kind from the ends" {
    want '{"a":"x y","n":{"b":["z",1,null]}}' \
        '{"a":"  x y\t","n":{"b":["\u00a0z\u2003",1,null]}}' --trim
    want '{"a":"é","b":" q "}' '{"a":" é　","b":" q "}' --trim=a
    want '{"a":"","b":"\\","c":"\"x\""}' '{"a":" \n ","b":" \\ ","c":" \"x\" "}' --trim
    want '{" k ":"v"}' '{" k ":" v "}' --trim
    want '{"a":"\ud800 x","b":5}' '{"a":" \ud800 x ","b":5}' --trim=a,b,c
    want '{"a":"\u0061"}' '{"a":" \u0061"}' --trim
}

@test "squeeze makes runs of white space one space" {
    want '{"a":" x y z","b":"p  q"}' '{"a":"  x \n\ty\u00a0z","b":"p  q"}' --squeeze=a
    want '{"a":"x y"}' '{"a":"x y"}' --squeeze
}

@test "lower and upper change the letters of the fields named" {
    want '{"a":"éa\n1","b":"STRASSE Ñ","c":"Mixed"}' '{"a":"ÉA\n1","b":"Strasse ñ","c":"Mixed"}' \
        --lower a --upper b
    want '{"a":{"b":["X",1]}}' '{"a":{"b":["x",1]}}' --upper a
    want '{"a":"é"}' '{"a":"\u00c9"}' --lower a
    want '{"a":null}' '{"a":null}' --lower a,b
    assert_exit 64 pipe-transform --lower </dev/null
}

@test "empty strings become null" {
    want '{"a":null,"b":" ","c":[null],"d":{"":null}}' '{"a":"","b":" ","c":[""],"d":{"":""}}' \
        --empty-null
    want '{"a":null,"b":""}' '{"a":"","b":""}' --empty-null=a
    want '{"a":null}' '{"a":"  "}' --trim --empty-null
}

@test "standard forms leave all else as it was, byte for byte" {
    local r='{ "a" : "x" ,"n":[1.10, {"\u0061":-0e5 }],"s":"\u00e9\/\ud83d\ude00 y" }'
    want "$r" "$r" --trim --squeeze --empty-null --lower a,n
    assert_exit 64 pipe-transform --trim=a,a.b </dev/null
    grep -q "overlap" err
}

# ---- order

@test "operations see what those before them have made" {
    want '{"b":2}' '{"a":1}' --rename a=b --set b=b+1
    want '{"b":1}' '{"a":1}' --set b=a --drop a
    want '' '{"a":1}' --drop a --where 'a = 1'
    want '{"x_y":1,"z":1}' '{"x":{"y":1}}' --flatten --set z=x_y
    want '{"n":6}' '{"n":" 5 "}' --trim --cast n=number --set n=n+1
}

@test "dead letters hold all operations in order" {
    echo '{"a":"x"}' >in
    assert_exit 65 pipe-transform --trim --rename b=c --cast a=number -w 'a = 1' \
        --flatten --flatten-sep . --route 'a=2 => r' --dlq dead.ndjson <in
    jq -e '.argv == ["pipe-transform", "--trim", "--rename=b=c", "--cast=a=number",
        "--where=a = 1", "--flatten", "--flatten-sep=.", "--route=a=2 => r"]' dead.ndjson
}

# ---- routes

@test "a route takes its records as they are by then; the first that is TRUE wins" {
    printf '{"a":%s}\n' 1 2 3 4 null >in
    pipe-transform -s b=a*2 --route 'a > 3 => big' --route 'a > 1 => mid' -s c=1 -v \
        <in >out 2>err
    assert_file big '{"a":4,"b":8}'
    assert_file mid $'{"a":2,"b":4}\n{"a":3,"b":6}'
    assert_file out $'{"a":1,"b":2,"c":1}\n{"a":null,"b":null,"c":1}'
    grep -q 'read 5 = 5 out + 0 rejected' err
    grep -q '2 records to the output' err
    grep -q "1 records to '.*/big'" err
    grep -q "2 records to '.*/mid'" err
}

@test "a tee copies, and its record goes on" {
    printf '{"a":%d}\n' 1 2 | pipe-transform --tee 'a = 2 => copy' -s a=a+1 --route 'a = 3 => r' >out
    assert_file copy '{"a":2}'
    assert_file r '{"a":3}'
    assert_file out '{"a":2}'
}

@test "routes that name one file share it, whatever they call it" {
    mkdir d
    printf '{"a":%d}\n' 1 2 3 | pipe-transform --route 'a = 1 => d/f' \
        --route 'a = 2 => ./d/../d/f' --route "a = 3 => $PWD/d/f" >out
    assert_file d/f $'{"a":1}\n{"a":2}\n{"a":3}'
    assert_file out ''
}

@test "a route's file has the date in its name, and is made though nothing goes there" {
    echo '{"a":1}' | pipe-transform --date 2024-02-29 --route 'a > 1 => big-{date}' >out
    assert_file big-2024-02-29 ''
    assert_exit 64 pipe-transform --route 'a > 1 => big-{date}' </dev/null
    grep -q 'date' err
}

@test "a stage that fails leaves no routed file, and what stood there stands" {
    echo old >r
    printf '{"a":%d}\n' 1 2 3 >in
    echo '{"a":' >>in
    assert_exit 65 pipe-transform --route 'a < 3 => r' --tee 'TRUE => new' <in
    assert_file r old
    [ ! -e new ]
    printf '{"a":%d}\n' 1 2 0 | assert_exit 65 pipe-transform --route '1 / a > 0 => r'
    assert_file r old
    run bash -c "pipe-transform --set x=1/0 --max-reject 0 <<<'{}' 2>/dev/null |
        pipe-transform --route 'TRUE => r'"
    [ "$status" = 65 ]
    assert_file r old
    [ "$(find . -name '.r*' -o -name '.new*' | wc -l)" = 0 ]
}

@test "a route goes to a descriptor that is open" {
    printf '{"a":%d}\n' 1 2 3 >in
    pipe-transform --route 'a = 1 => fd:3' --route 'a = 2 => &4' --route 'a = 9 => fd:3' \
        <in >out 3>three 4>four
    assert_file three '{"a":1}'
    assert_file four '{"a":2}'
    assert_file out '{"a":3}'
}

@test "an output that cannot be written is named as it was given" {
    assert_exit 74 pipe-transform --tee 'TRUE => fd:5' 5>/dev/full <<<'{}'
    grep -q "cannot write 'fd:5': No space left on device" err
    assert_exit 74 pipe-transform --tee 'TRUE => /dev/full' <<<'{}'
    grep -q "cannot write '/dev/full': No space left on device" err
}

@test "a descriptor that is not open, or not for writing, is a usage error" {
    assert_exit 64 pipe-transform --route 'TRUE => fd:9' 9>&- <<<'{}'
    grep -q "cannot write 'fd:9': the descriptor is not open" err
    assert_exit 64 pipe-transform --route 'TRUE => fd:9' 9</dev/null <<<'{}'
    grep -q 'for reading alone' err
    assert_exit 64 pipe-transform --route 'TRUE => fd:1' <<<'{}'
    # Descriptors of our own are none that were handed over.
    local fd
    for fd in 3 4 5 6 7 8; do
        assert_exit 64 pipe-transform -o o --dlq d/ --route "TRUE => fd:$fd" 3>&- 4>&- <<<'{}'
    done
    run bash -c "pipe-transform --route 'TRUE => fd:3' 3>&1 <<<'{}' | cat"
    [[ $output == *"same pipe"* ]]
}

@test "a route cannot be the output of -o, nor without arrow or names" {
    assert_exit 64 pipe-transform -o x --route 'TRUE => ./x' <<<'{}'
    grep -q 'the output of -o' err
    [ ! -e x ]
    assert_exit 64 pipe-transform --route 'a > 1' <<<'{}'
    grep -q "no '=>'" err
    assert_exit 64 pipe-transform --route 'a > 1 =>' <<<'{}'
    assert_exit 64 pipe-transform --route ' => x' <<<'{}'
    assert_exit 73 pipe-transform --route 'TRUE => no/such/x' <<<'{}'
}

@test "an arrow in a string belongs to the condition" {
    want '' '{"a":"x=>y"}' --route "a = 'x=>y' => out1"
    assert_file out1 '{"a":"x=>y"}'
}

@test "a routed pipe is marked, so that its reader vouches for a whole stream" {
    [ -x "$BIN_DIR/pipe-load" ] || skip "pipe-load is not built"
    printf '{"a":%d}\n' 1 2 3 >in
    pipe-transform --route 'a > 1 => fd:3' 3>&1 >rest <in |
        pipe-load sqlite:t.db -t t --mode append --create --on-unknown refuse
    [ "$(sqlite3 t.db 'SELECT sum(a) FROM t')" = 5 ]
    assert_file rest '{"a":1}'
}

@test "the reader of a routed pipe learns that the stage failed" {
    printf '%s\n' '{"a":1}' '{"a":"x"}' >in
    { pipe-transform --route 'a > 0 => fd:3' 3>&1 >rest <in 2>/dev/null |
        pipe-dedup -k a >kept 2>err; } || true
    grep -q 'upstream failed with exit 65' err
}

@test "-j 4 is -j 1 byte for byte, through unnest, routes and rejects" {
    mixed 20000 | sed 's/"amount":\([0-9.]*\)/"l":[\1,{"x":1},""],"amount":\1/' >in
    for j in 1 4; do
        mkdir "d$j"
        pipe-transform -j $j --tee "country = 'NL' AND l IS NOT MISSING => d$j/tee" \
            --route "country = 'DE' => d$j/de" --unnest l --unnest-index i \
            --rename customer=c --empty-null --flatten --route "i = 1 => d$j/one" \
            --keep id,l,l_x,amount,c --set 'v=amount*2' --max-reject 20% \
            --dlq d$j/dead -v <in >d$j/out 2>d$j/err
        jq -c '[.errors,.source,.raw]' d$j/dead >d$j/letters
        rm d$j/dead
        sed -i 's/d[14]\//d\//g; s/dead.*//' d$j/err
    done
    [ "$(wc -l <d1/out)" -gt 10000 ]
    [ "$(wc -l <d1/letters)" -gt 200 ]
    [ "$(wc -l <d1/one)" -gt 5000 ]
    diff -r d1 d4
}

@test "a replay does not write a routed file anew" {
    [ -x "$BIN_DIR/pipe-dlq" ] || skip "pipe-dlq is not built"
    printf '%s\n' '{"a":1}' '{"a":"x"}' '{"a":3}' |
        pipe-transform --route 'a > 0 => r' --dlq dead/ --max-reject 100% >out
    assert_file r $'{"a":1}\n{"a":3}'
    run pipe-dlq replay --dlq dead/ -- cat
    [ "$status" != 0 ]
    [[ $output == *"a replay would write it anew"* ]]
    assert_file r $'{"a":1}\n{"a":3}'
}

@test "-v names fields that expressions read and no record had" {
    printf '%s\n' '{"name":"Old","n":1}' '{"name":"New"}' >in
    for j in 1 3; do
        assert_exit 0 pipe-transform -j "$j" -v -s name=Zoe -s 'm = n' \
            -w "m = 1 OR a.b IS NULL" <in
        grep -q 'no record had the field /Zoe that' err
        grep -q 'no record had the field /a/b that' err
        [ "$(grep -c 'no record had' err)" = 2 ]
    done
    assert_exit 0 pipe-transform -s name=Zoe <in
    [ ! -s err ]
}
