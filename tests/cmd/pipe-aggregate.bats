#!/usr/bin/env bats
# pipe-aggregate: groups and exact results.
load ../helper

# lines TEXT...: each as a line in the file `in`.
lines() {
    printf '%s\n' "$@" >in
}

@test "ten times 0.1 is exactly 1.0" {
    printf '{"x":0.%d}\n' 1 1 1 1 1 1 1 1 1 1 >in
    assert_exit 0 pipe-aggregate -a 'sum(x)' <in
    assert_file out '{"sum_x":1.0}'
}

@test "sums keep every digit and the largest scale" {
    lines '{"x":12345678901234567890123}' '{"x":0.10}' '{"x":-1}' \
        '{"x":99999999999999999999999999999999999999999999}'
    assert_exit 0 pipe-aggregate -a 's=sum(x)' <in
    assert_file out '{"s":100000000000000000000012345678901234567890121.10}'
}

@test "averages are exact, or 34 digits rounded half-even" {
    lines '{"x":1.10}' '{"x":1.15}'
    assert_exit 0 pipe-aggregate -a 'avg(x)' <in
    assert_file out '{"avg_x":1.125}'
    lines '{"x":10}' '{"x":0}' '{"x":0}'
    assert_exit 0 pipe-aggregate -a 'avg(x)' <in
    assert_file out '{"avg_x":3.333333333333333333333333333333333}'
}

@test "keys in -g order, aggregates in -a order, groups as they appear" {
    lines '{"b":2,"a":"y","v":1}' '{"a":"x","b":1,"v":2}' \
        '{"a":"y","b":2.0,"v":3}'
    assert_exit 0 pipe-aggregate -g a,b -a 'n=count(), hi=max(v)' \
        -a 'lo=min(v)' <in
    assert_file out '{"a":"y","b":2,"n":2,"hi":3,"lo":1}
{"a":"x","b":1,"n":1,"hi":2,"lo":2}'
    assert_exit 0 pipe-aggregate -g b -g a <in
    assert_file out '{"b":2,"a":"y"}
{"b":1,"a":"x"}'
}

@test "keys are equal by value and printed in their first spelling" {
    lines '{"k":1.10}' '{"k":11e-1}' '{"k":"a\u0062"}' '{"k":"ab"}' \
        '{"k":"1.1"}' '{"k":{"x":1,"y":2}}' '{"k":{ "y":2.0,"x":1}}'
    assert_exit 0 pipe-aggregate -g k -a 'count()' <in
    assert_file out '{"k":1.10,"count":2}
{"k":"a\u0062","count":2}
{"k":"1.1","count":1}
{"k":{"x":1,"y":2},"count":2}'
}

@test "null and missing are two groups, and missing stays absent" {
    lines '{"k":null}' '{}' '{"k":1}' '{"j":0}'
    assert_exit 0 pipe-aggregate -g k -a 'count()' <in
    assert_file out '{"k":null,"count":1}
{"count":2}
{"k":1,"count":1}'
}

@test "--sort orders groups by key: missing, null, booleans, numbers, strings" {
    lines '{"k":"b"}' '{"k":10}' '{"k":[1]}' '{"k":9}' '{"k":true}' '{}' \
        '{"k":null}' '{"k":"B"}' '{"k":false}' '{"k":{}}'
    assert_exit 0 pipe-aggregate -g k --sort <in
    assert_file out '{}
{"k":null}
{"k":false}
{"k":true}
{"k":9}
{"k":10}
{"k":"B"}
{"k":"b"}
{"k":[1]}
{"k":{}}'
}

@test "--sort and min and max agree with jq on random values" {
    need_command jq
    awk 'function value(depth,    r) {
            r = int(rand() * (depth > 2 ? 6 : 8))
            if (r == 0) return "null"
            if (r == 1) return rand() < 0.5 ? "true" : "false"
            if (r < 4) return int(rand() * 20) - 10
            if (r < 6) return "\"" word[1 + int(rand() * n)] "\""
            if (r == 6) return "[" value(depth + 1) "," value(depth + 1) "]"
            return "{\"" (rand() < 0.5 ? "p" : "q") "\":" value(depth + 1) "}"
        }
        BEGIN { srand(13)
            n = split("a b ab B aa \\u00e9 e z~ \\u0061c \\\" \\n", word, " ")
            for (i = 0; i < 3000; i++) print "{\"k\":" value(0) "}"
        }' >in
    jq -e . in >/dev/null
    assert_exit 0 pipe-aggregate -g k --sort <in
    diff <(jq -c . out) <(jq -c -s 'unique | .[]' in)
    assert_exit 0 pipe-aggregate -a 'lo=min(k),hi=max(k)' <in
    diff <(jq -c . out) <(jq -c -s \
        'map(.k | select(. != null)) | {lo: min, hi: max}' in)
}

@test "without -g there is one row, also over no records; with it none" {
    : >empty
    assert_exit 0 pipe-aggregate \
        -a 'count(),count(x),distinct(x),sum(x),avg(x),min(x),last(x)' \
        <empty
    assert_file out '{"count":0,"count_x":0,"distinct_x":0,"sum_x":null,"avg_x":null,"min_x":null,"last_x":null}'
    assert_exit 0 pipe-aggregate -g k -a 'count()' <empty
    assert_file out ''
}

@test "no record from an upstream that cannot be verified gives no row" {
    assert_exit 0 pipe-aggregate -a 'count()' </dev/null
    assert_file out ''
    grep -q 'no record came' err
}

@test "null and missing values are skipped" {
    lines '{"x":null}' '{"x":4}' '{}' '{"x":2}' '{"x":null}'
    assert_exit 0 pipe-aggregate -a 'count(),count(x),sum(x),avg(x),min(x)' \
        -a 'max(x),first(x),last(x),distinct(x)' <in
    assert_file out '{"count":5,"count_x":2,"sum_x":6,"avg_x":3,"min_x":2,"max_x":4,"first_x":4,"last_x":2,"distinct_x":2}'
}

@test "min and max order mixed types as jq does, and keep spellings" {
    lines '{"x":"b"}' '{"x":1.50}' '{"x":"a"}' '{"x":15e-1}' '{"x":2}'
    assert_exit 0 pipe-aggregate -a 'min(x),max(x)' <in
    assert_file out '{"min_x":1.50,"max_x":"b"}'
    lines '{"x":[1,2]}' '{"x":{"a":1}}' '{"x":false}' '{"x":true}'
    assert_exit 0 pipe-aggregate -a 'min(x),max(x)' <in
    assert_file out '{"min_x":false,"max_x":{"a":1}}'
}

@test "distinct counts by value, and count(distinct x) is the same" {
    lines '{"x":1}' '{"x":1.0}' '{"x":"1"}' '{"x":[1]}' '{"x":[1e0]}'
    assert_exit 0 pipe-aggregate -a 'distinct(x), d=count(distinct x)' <in
    assert_file out '{"distinct_x":3,"d":3}'
}

@test "first and last pass any value byte for byte" {
    lines '{"x":1e400}' '{"x":{ "a" : [1.10, -0] }}'
    assert_exit 0 pipe-aggregate -a 'first(x), last(x)' <in
    assert_file out '{"first_x":1e400,"last_x":{ "a" : [1.10, -0] }}'
}

@test "what is no number rejects its record from every aggregate and group" {
    lines '{"g":"a","x":1,"y":1}' '{"g":"a","x":5,"y":"2"}' \
        '{"g":"b","x":true,"y":1}' '{"g":"a","x":{},"y":1}'
    assert_exit 0 pipe-aggregate -g g \
        -a 'count(),max(x),distinct(x),last(y),sum(x),avg(y)' \
        --dlq dead.ndjson --max-reject 3 <in
    assert_file out '{"g":"a","count":1,"max_x":1,"distinct_x":1,"last_y":1,"sum_x":1,"avg_y":1}'
    assert_file - 'type /y avg needs a number, this is a string
type /x sum needs a number, this is a boolean
type /x sum needs a number, this is an object' < <(
        jq -r '.errors[0] | "\(.code) \(.path) \(.message)"' dead.ndjson)
}

@test "a number out of range rejects where it is computed with, else passes" {
    lines '{"x":1}' '{"x":1e7000}'
    assert_exit 0 pipe-aggregate -a 'sum(x)' --max-reject 1 <in
    assert_file out '{"sum_x":1}'
    grep -q 'line 2: /x .*(number_range)' err
    assert_exit 0 pipe-aggregate -a 'count(x),last(x)' <in
    assert_file out '{"count_x":2,"last_x":1e7000}'
}

@test "nothing is written where the input or the run is bad" {
    printf '{"k":1}\n{"k":2' >in
    assert_exit 65 pipe-aggregate -g k -a 'count()' <in
    assert_file out ''
    lines '{"k":1}' '{"k":"x"}'
    assert_exit 65 pipe-aggregate -a 'sum(k)' <in
    assert_file out ''
    assert_exit 65 pipe-aggregate -a 'sum(k)' -o result <in
    [ ! -e result ]
}

@test "counts reconcile: taken records are out" {
    make_orders 100 >in
    echo '{"amount":"1"}' >>in
    assert_exit 0 pipe-aggregate -g country -a 'sum(amount)' --max-reject 1 \
        -v <in
    [ "$(wc -l <out)" = 5 ]
    grep -q 'read 101 = 100 out + 1 rejected' err
}

@test "names: given, made, quoted in the output" {
    lines '{"o":{"total":1,"a\"b":2}}'
    assert_exit 0 pipe-aggregate -a 'sum(o.total), x-1=max(/o/total), MIN(o.total)' \
        -a 'count(*)' <in
    assert_file out '{"sum_total":1,"x-1":1,"min_total":1,"count":1}'
    assert_exit 0 pipe-aggregate -g '/o/a"b' -a 'n=count()' <in
    assert_file out '{"a\"b":2,"n":1}'
}

@test "bad descriptions are refused with the place" {
    assert_exit 64 pipe-aggregate </dev/null
    assert_exit 64 pipe-aggregate -a 'meridian(x)' </dev/null
    grep -q "no such function" err
    assert_exit 64 pipe-aggregate -a 'n=count(), s=sum(x' </dev/null
    grep -q "')' expected at byte 19" err
    assert_exit 64 pipe-aggregate -g a.id,b.id </dev/null
    grep -q "two output fields are called 'id'" err
    assert_exit 64 pipe-aggregate -a 'sum(x)' -a 'sum(x)' </dev/null
    assert_exit 64 pipe-aggregate -a '' </dev/null
}

# Every function, so that every state goes to disk and comes back.
every_function='n=count(),c=count(v),s=sum(v),a=avg(v),lo=min(t),hi=max(v),
    f=first(t),l=last(t),am=arg_min(t,v),ax=arg_max(v,t),sd=stddev(v),
    vp=var_pop(v),d=distinct(t),ad=approx_distinct(t),p=percentile(v,0.9),
    pd=percentile_disc(v,0.9),ap=approx_percentile(v,0.5),m=mode(t),
    top=top(t,3),li=list(v),h=histogram(v,-100,50,6)'

# N records, each of KEYS keys several times, with gaps and odd spellings.
make_spread() {
    awk -v n="$1" -v keys="$2" 'BEGIN { x = 1
        for (i = 0; i < n; i++) {
            x = (x * 1103515245 + 12345) % 2147483648
            k = x % keys
            v = i % 17 == 0 ? "null" : i % 5 ? x % 9973 / 100 : -(i % 300)
            printf "{\"k\":%s,\"g\":\"%s\",\"v\":%s", \
                i % 3 ? k : k ".0", k % 7 ? "g" k % 11 : "\\u0067" k % 11, v
            if (i % 13)
                printf ",\"t\":\"t%d%s\"", x % 29, i % 31 ? "" : " long enough to lie elsewhere, surely"
            print "}"
        }
    }'
}

@test "past --memory groups go to disk, and the result is the same to the byte" {
    make_spread 60000 20000 >in
    for keys in k g,k k,g; do
        for order in '' --sort; do
            assert_exit 0 pipe-aggregate -g "$keys" -a "$every_function" $order <in
            mv out want
            assert_exit 0 pipe-aggregate -g "$keys" -a "$every_function" $order \
                --memory 2M --tmpdir "$BATS_TEST_TMPDIR" -v <in
            grep -q 'outgrew --memory' err
            cmp out want
        done
    done
    [ -z "$(find . -name 'pipe-spool*')" ]
}

@test "parts that do not fit are parted again" {
    make_spread 300000 150000 >in
    assert_exit 0 pipe-aggregate -g k -a 's=sum(v),f=first(t),n=count()' <in
    mv out want
    assert_exit 0 pipe-aggregate -g k -a 's=sum(v),f=first(t),n=count()' \
        --memory 1M -v <in
    grep -q 'outgrew --memory' err
    cmp out want
}

@test "--having and rejects are the same past --memory" {
    { make_spread 30000 9000; echo '{"k":1,"v":"x"}'; } >in
    for memory in 1G 1M; do
        assert_exit 0 pipe-aggregate -g k -a 's=sum(v)' --having 's > 100' \
            --max-reject 1 --memory $memory <in
        mv out "out.$memory"
        grep -q '/v sum needs a number' err
    done
    cmp out.1G out.1M
    [ "$(wc -l <out.1G)" -lt 9000 ]
}

@test "a single group past --memory fails with a word" {
    make_orders 60000 >in
    assert_exit 78 pipe-aggregate -a 'distinct(id)' --memory 1M <in
    grep -q -- '--memory' err
    assert_file out ''
    assert_exit 78 pipe-aggregate -g 'all=id > 0' --memory 1M \
        -a "l=list('some forty bytes of text for each of them ' || customer)" <in
    grep -q 'a single group' err
    assert_exit 0 pipe-aggregate -g customer -a 'sum(amount)' --memory 1M <in
    [ "$(wc -l <out)" = 7 ]
}

@test "what empty tables take is allowed, however little --memory is" {
    lines '{"k":"a","s":"b","v":1}'
    assert_exit 0 pipe-aggregate --memory 1M -g k,s \
        -a 'a=mode(s),b=mode(v),c=top(s),d=distinct(v),l=list(s),p=median(v)' <in
    assert_file out '{"k":"a","s":"b","a":"b","b":1,"c":[{"value":"b","count":1}],"d":1,"l":["b"],"p":1}'
}

@test "--tmpdir that is not there or full fails with a word" {
    make_orders 60000 >in
    assert_exit 73 pipe-aggregate -g id -a 'sum(amount)' --memory 1M \
        --tmpdir /nonexistent <in
    grep -q "/nonexistent" err
    assert_file out ''
}

@test "--partial and --merge: pieces in order give the whole, to the byte" {
    make_spread 20000 3000 >in
    assert_exit 0 pipe-aggregate -g g,k -a "$every_function" <in
    mv out want
    split -l 3333 in piece.
    for p in piece.*; do
        pipe-aggregate -g g,k -a "$every_function" --partial <"$p" >"part.$p"
    done
    cat part.* >parts
    assert_exit 0 pipe-aggregate -g g,k -a "$every_function" --merge <parts
    cmp out want
    assert_exit 0 pipe-aggregate -g g,k -a "$every_function" --merge \
        --memory 2M -v <parts
    grep -q 'outgrew --memory' err
    cmp out want
    # Parts of parts, and states that --memory set aside.
    head -2 parts | pipe-aggregate -g g,k -a "$every_function" --merge --partial >a
    tail -n +3 parts | pipe-aggregate -g g,k -a "$every_function" --merge \
        --partial --memory 2M >b
    cat a b >both
    assert_exit 0 pipe-aggregate -g g,k -a "$every_function" --merge <both
    cmp out want
}

@test "--merge makes room where the next state finds none" {
    make_spread 20000 3000 >in
    local aggregates='hi=max(t),m=mode(t),lo=min(v),c=count(v)'
    assert_exit 0 pipe-aggregate -g k,g -a "$aggregates" <in
    mv out want
    { head -n 9000 in | pipe-aggregate -g k,g -a "$aggregates" --partial
      tail -n +9001 in | pipe-aggregate -g k,g -a "$aggregates" --partial; } >parts
    assert_exit 0 pipe-aggregate -g k,g -a "$aggregates" --merge --memory 1M \
        -v <parts
    grep -q 'outgrew --memory' err
    cmp out want
}

@test "--merge refuses what is no state of the same aggregates" {
    lines '{"k":1,"v":2}' '{"k":2,"v":3}'
    pipe-aggregate -g k -a 'sum(v)' --partial <in >parts
    assert_exit 65 pipe-aggregate -g k -a 'max(v)' --merge <parts
    grep -q 'other keys or aggregates' err
    pipe-aggregate -g k -a 'x=sum(v)' --partial <in >of_v
    assert_exit 65 pipe-aggregate -g k -a 'x=sum(w)' --merge <of_v
    grep -q 'other keys or aggregates' err
    assert_exit 65 pipe-aggregate -g k -a 'sum(v)' --merge <in
    grep -q 'no "_state"' err
    sed 's/"s":\[.*\]/"s":[1]/' parts >damaged
    assert_exit 65 pipe-aggregate -g k -a 'sum(v)' --merge <damaged
    grep -q 'not_a_state' err
    assert_exit 64 pipe-aggregate -g k -a 'sum(v)' --merge --where 'k = 1' <parts
    assert_exit 64 pipe-aggregate -g k -a 'sum(v)' --partial --having 'k = 1' <in
    # The states would stand where the key does.
    assert_exit 64 pipe-aggregate -g '_state=k' -a 'sum(v)' --partial <in
    grep -q "'_state' is what --partial writes" err
    assert_exit 64 pipe-aggregate -g '_state=k' -a 'sum(v)' --merge <parts
    assert_exit 0 pipe-aggregate -g '_state=k' -a 'sum(v)' <in
    # A damaged state leaves no trace.
    { sed 's/"s":\[\(.*\),[^]]*\]/"s":[\1,"x"]/' parts; cat parts; } >mixed
    assert_exit 0 pipe-aggregate -g k -a 'sum(v)' --merge --max-reject 2 <mixed
    assert_file out '{"k":1,"sum_v":2}
{"k":2,"sum_v":3}'
}

@test "keys and arguments may be expressions" {
    lines '{"t":"2024-01-31T23:30:00Z","p":1.10,"q":3,"c":{"x":"a"}}' \
        '{"t":"2024-01-31T22:30:00Z","p":2,"q":0.5,"c":{"x":"A"}}' \
        '{"t":"2024-02-01T00:00:00Z","p":2,"q":null}'
    assert_exit 0 pipe-aggregate -g 'day=date(t),c=lower(c.x)' \
        -a 'revenue=sum(p * q), n=count(), big=count(CASE WHEN p > 1.5 THEN 1 END)' <in
    assert_file out '{"day":"2024-01-31","c":"a","revenue":4.30,"n":2,"big":1}
{"day":"2024-02-01","c":null,"revenue":null,"n":1,"big":1}'
    assert_exit 0 pipe-aggregate --tz Europe/Berlin -g 'day=date(t)' -a 'n=count()' <in
    assert_file out '{"day":"2024-02-01","n":2}
{"day":"2024-01-31","n":1}'
    assert_exit 64 pipe-aggregate -a 'sum(p * q)' <in
    grep -q 'needs a name' err
    assert_exit 64 pipe-aggregate -a 'x=sum(p * )' <in
    grep -q -- '--aggregate x' err
    assert_exit 64 pipe-aggregate -g 'd=date(t' -a 'n=count()' <in
    assert_exit 64 pipe-aggregate -g 'date(t)' -a 'n=count()' <in
    grep -q "'date(t)': an expression needs a name" err
}

@test "an expression that cannot be computed rejects its record" {
    lines '{"k":1,"v":1}' '{"k":2,"v":"x"}' '{"k":1,"v":5}'
    assert_exit 0 pipe-aggregate -g k -a 'x=sum(v * 2), n=count()' --max-reject 1 <in
    assert_file out '{"k":1,"x":12,"n":2}'
    grep -q "line 2: /v '\*' needs numbers" err
    assert_exit 0 pipe-aggregate -a 'n=count()' --where 'v > 0' --max-reject 1 -v <in
    assert_file out '{"n":2}'
    grep -q 'read 3 = 2 out + 1 rejected' err
}

@test "--where takes what is TRUE, --having writes what is TRUE" {
    lines '{"k":"a","v":1}' '{"k":"b","v":2}' '{"k":"a"}' '{"k":"c","v":null}'
    assert_exit 0 pipe-aggregate -g k -a 'n=count()' --where 'v < 2' -v <in
    assert_file out '{"k":"a","n":1}'
    grep -q 'read 4 = 1 out + 0 rejected + 3 filtered' err
    assert_exit 0 pipe-aggregate -g k -a 'n=count(),s=sum(v)' --having 's > 0' \
        --having "k <> 'b'" <in
    assert_file out '{"k":"a","n":2,"s":1}'
    assert_exit 64 pipe-aggregate -g k -a 'n=count()' --having 'n >' <in
    assert_exit 64 pipe-aggregate -g k -a 'n=count()' --having 'm > 1' <in
    grep -q "no field of the output is called 'm'" err
    assert_exit 65 pipe-aggregate -g k -a 'n=count()' --having "k > 1" <in
    assert_file out ''
}

@test "large values and small ones are grouped alike, past any batch" {
    awk 'BEGIN { s = sprintf("%5000s", ""); gsub(/ /, "x", s)
        for (i = 0; i < 30000; i++) {
            k = i * 7919 % 9001
            printf "{\"k\":%d,\"v\":\"%s%d\"}\n", k, k % 100 ? "" : s, i
        }
    }' >in
    assert_exit 0 pipe-aggregate -g k -a 'n=count(),f=first(v),l=last(v)' <in
    awk -F'[:,}]' '{ k = $2; v = $4
        if (!(k in n)) { order[++m] = k; f[k] = v }
        n[k]++; l[k] = v
    } END { for (i = 1; i <= m; i++) { k = order[i]
        printf "{\"k\":%s,\"n\":%d,\"f\":%s,\"l\":%s}\n", k, n[k], f[k], l[k]
    } }' in >want
    diff -q want out
    [ "$(wc -l <out)" = 9001 ]
}

@test "random records: the same as sqlite3 in whole cents" {
    need_command sqlite3
    awk 'BEGIN { srand(3)
        for (i = 0; i < 30000; i++) {
            c = int(rand() * 200000) - 100000
            r = rand()
            cents = r < 0.1 ? "null" : c
            x = r < 0.1 ? "null" : sprintf("%s%d.%02d", c < 0 ? "-" : "", \
                int((c < 0 ? -c : c) / 100), (c < 0 ? -c : c) % 100)
            if (r > 0.95)
                printf "{\"g\":\"g%d\",\"i\":%d}\n", rand() * 6000, i
            else
                printf "{\"g\":\"g%d\",\"x\":%s,\"c\":%s,\"i\":%d}\n", \
                    rand() * 6000, x, cents, i
        }
    }' >in
    assert_exit 0 pipe-aggregate -g g -a 'n=count(),nx=count(x),s=sum(x)' \
        -a 'lo=min(x),hi=max(x),d=distinct(x),f=first(i),l=last(i)' <in
    sqlite3 :memory: <<'SQL' >want
.mode tabs
CREATE TABLE t(line TEXT);
.import in t
CREATE TABLE v AS SELECT json_extract(line, '$.g') AS g,
    json_extract(line, '$.c') AS c, json_extract(line, '$.i') AS i FROM t;
SELECT g, count(*), count(c), coalesce(sum(c), 'null'),
    coalesce(min(c), 'null'), coalesce(max(c), 'null'),
    count(DISTINCT c), min(i), max(i)
FROM v GROUP BY g ORDER BY min(i);
SQL
    # Points taken out: cents again.
    sed -E 's/[{}"]//g; s/(^|,)[a-z]+:/\1/g; s/,/\t/g' out |
        awk -F'\t' -v OFS='\t' '{
            for (i = 4; i <= 6; i++)
                if ($i != "null") {
                    sub(/\./, "", $i)
                    $i = $i + 0
                }
            print
        }' >have
    diff -q want have || { diff want have | head -5; false; }
    [ "$(wc -l <have)" -gt 5000 ]
}

@test "random averages: what they were made of comes back within 34 digits" {
    need_command bc
    awk 'BEGIN { srand(5)
        for (i = 0; i < 2000; i++)
            printf "{\"g\":%d,\"x\":%d.%03d}\n", rand() * 50, rand() * 1e6, \
                rand() * 1000
    }' >in
    assert_exit 0 pipe-aggregate -g g -a 's=sum(x),n=count(),a=avg(x)' <in
    [ "$(wc -l <out)" = 50 ]
    # Off by at most half a unit of the last of 34 digits, or not at all.
    sed -E 's/.*"s":([0-9.]+),"n":([0-9]+),"a":([0-9.]+).*/\1 \2 \3/' out |
        while read -r s n a; do
            echo "scale = 80; a = $a; d = $s / $n - a; if (d < 0) d = -d"
            echo "if (length(a) > 34) 1"
            echo "if (length(a) < 34) if ($s != a * $n) 2"
            echo "if (length(a) == 34) if (d * 2 > 10 ^ -scale(a)) 3"
        done | BC_LINE_LENGTH=0 bc >wrong
    assert_file wrong ''
}

@test "real data: orders of a shop by country against awk" {
    need_data online-retail
    awk -F, 'FNR > 1 && NF == 8 && $0 !~ /"/ {
        printf "{\"country\":\"%s\",\"q\":%d,\"customer\":\"%s\"}\n", $8, $4, $7
    }' "$DATA"/*.csv | tr -d '\r' >in
    assert_exit 0 pipe-aggregate -g country -a 'count(),sum(q),min(q),max(q)' \
        -a 'distinct(customer)' <in
    tr -d '{}"' <in | awk -F'[:,]' '{
        c = $2; q = $4
        if (!(c in n)) { order[++m] = c; lo[c] = hi[c] = q }
        n[c]++; s[c] += q
        if (q < lo[c]) lo[c] = q
        if (q > hi[c]) hi[c] = q
        if (!seen[c, $6]++) d[c]++
    } END { for (i = 1; i <= m; i++) { c = order[i]
        printf "{\"country\":\"%s\",\"count\":%d,\"sum_q\":%d,\"min_q\":%d," \
            "\"max_q\":%d,\"distinct_customer\":%d}\n", c, n[c], s[c], lo[c], \
            hi[c], d[c]
    } }' >want
    diff want out
    [ "$(wc -l <out)" -gt 10 ]
}
