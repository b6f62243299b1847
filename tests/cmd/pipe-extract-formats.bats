#!/usr/bin/env bats
# pipe-extract: fixed widths, log lines, records inside documents, encodings.
load ../helper

# ---- records inside JSON documents

@test "--records leads to an array or to one record, in each document" {
    printf '{"n":{"d":"]}"},"d":{"skip":[1,[{}]],"i":[{"a": 1},\n{"a":2}],"z":[]}}
        {"d":{"i":{"a":3}}}{"d":{"i":null}}{"d":{"i":[]},"e":1}' >in.json
    pipe-extract --records d.i in.json >out
    assert_file out '{"a": 1}
{"a":2}
{"a":3}'
    pipe-extract --records /d/i in.json | cmp - out
    echo '[{"x":1},{"r":[{"a":1},{"a":2}]}]' | pipe-extract --records /1/r/1 >out
    assert_file out '{"a":2}'
    echo '{"":{"a~b/c":[{"a":1}]}}' | pipe-extract --records '//a~0b~1c' >out
    assert_file out '{"a":1}'
    echo '{"\u0061\n":[{"k":1}]}' | pipe-extract --records $'/a\n' >out
    assert_file out '{"k":1}'
}

@test "a document without the records fails, with the path and its line" {
    printf '{"d":[{"a":1}]}\n{"e":1}' >in.json
    assert_exit 65 pipe-extract --records d in.json
    assert_file out '{"a":1}'
    assert_file err "pipe-extract: 'in.json' has no 'd' in the document at line 2"
    for text in '[]' '{}' '1' '{"d":{}}' '{"d":[1]}' '{"d":null}'; do
        assert_exit 65 pipe-extract --records d.e.f - <<<"$text"
        grep -q "has no 'd.e.f'" err || fail "$text: $(cat err)"
    done
    assert_exit 65 pipe-extract --records d <<<'{"d":12}'
    grep -q "'d' of 'stdin' at line 1 is neither array nor object" err
    assert_exit 65 pipe-extract --records d </dev/null
    grep -q "is empty" err
}

@test "a second key on the path fails: which of them is meant?" {
    assert_exit 65 pipe-extract --records a.b <<<'{"a":{"b":[{"x":1}],"b":[]}}'
    grep -q "has the key 'b' of 'a.b' twice, at line 1" err
    assert_exit 65 pipe-extract --records a.b <<<'{"a":{"b":[]},"\u0061":0}'
    assert_exit 0 pipe-extract --records a.b <<<'{"b":1,"a":{"c":{"b":2},"b":[]}}'
}

@test "what is broken beside the records fails" {
    for text in '{"x":tru,"d":[]}' '{"x":[},"d":[]}' '{x:1,"d":[]}' \
        '{"x" 1,"d":[]}' '{"d":[],}' '{"d":[] "x":1}' '{"d":[]' '{"d":[]}}' \
        '{"d":[{}' '{"d":[{}]' '{"d":[{}] ]' '{"d":nul}' '{"x":{' '{"x":"'; do
        assert_exit 65 pipe-extract --records d - <<<"$text"
        grep -qE 'is not JSON|is truncated' err || fail "$text: $(cat err)"
    done
}

@test "an element that is no object is rejected, the others pass" {
    assert_exit 0 pipe-extract --dlq q --records d \
        <<<'{"d":[1,{"a":1},[{"b":1}],null,{"a":tru}]}'
    assert_file out '{"a":1}'
    [ "$(jq -r .raw q | paste -sd ' ')" = '1 [{"b":1}] null {"a":tru}' ]
}

@test "every cut of a document fails" {
    printf '{"x":[1,{"y":"]"}],"d":{"i":[{"a":1}, {"b":"}"}],"k":-1.5e3}}' >whole
    for ((n = 1; n < $(wc -c <whole); n++)); do
        head -c "$n" whole >cut
        assert_exit 65 pipe-extract --records d.i cut
    done
}

@test "a document larger than memory passes through little of it" {
    {
        printf '{"x":"%0100000d","before":[' 0
        for i in {1..200}; do printf '{"a":"%01000d"},' 0; done
        printf '0],"d":['
        awk 'BEGIN { for (i = 0; i < 100000; i++) printf "{\"i\":%d,\"pad\":\"%0300d\"},", i, 0 }'
        printf '{"i":-1}],"after":[{"a":1}]}'
    } >big.json
    [ "$(wc -c <big.json)" -gt 30000000 ]
    (
        ulimit -v 30000
        pipe-extract --records d big.json
    ) >out
    [ "$(wc -l <out)" -eq 100001 ]
    [ "$(tail -n 1 out)" = '{"i":-1}' ]
}

@test "--records is for JSON alone" {
    echo 'a' >in.csv
    assert_exit 64 pipe-extract -f csv --records d in.csv
    assert_file err "pipe-extract: --records is for JSON, 'in.csv' is csv"
    assert_exit 64 pipe-extract --records 'a[' in.csv
}

# ---- fixed width

@test "lines of fixed width: characters, gaps, the rest, types" {
    printf 'Zoë  007- 9.50 rest of it \n€uro 008-      \n\n' >in
    pipe-extract --widths 'name:5,id:3,:1,"p,x:5",r:*' \
        -t '"p,x=number",id=string' in >out
    assert_file out '{"name":"Zoë","id":"007","p,x":9.50,"r":"rest of it"}
{"name":"€uro","id":"008","p,x":null,"r":""}'
    printf 'ab\r\ncd\r\n' | pipe-extract --widths a:1,b:1 --null c >out
    assert_file out '{"a":"a","b":"b"}
{"a":null,"b":"d"}'
    printf ' x\n' | pipe-extract --widths a:1,b:1 --null '' >out
    assert_file out '{"a":null,"b":"x"}'
}

@test "short and long lines, and what is no text, are rejected" {
    printf 'title\n#c\nab1\nab\nab12\n\xff\xc3\xa91\na\x001\nabx\nab2' >in
    assert_exit 0 pipe-extract --skip 1 --comment '#' --dlq q \
        --widths s:2,n:1 -t n=integer in --max-reject 100%
    assert_file out '{"s":"ab","n":1}
{"s":"ab","n":2}'
    jq -c '[.source.line, .source.offset, .errors[0].code, .errors[0].message]' q >have
    assert_file have '[4,13,"line_width","expected 3 characters, found 2"]
[5,16,"line_width","expected 3 characters, found 4"]
[6,21,"invalid_utf8","it is not UTF-8"]
[7,26,"nul_byte","it holds a NUL byte"]
[8,30,"cast","'"'x'"' is no integer"]'
}

@test "a last line without its end and too short is a truncated file" {
    printf 'abc\nab' >in
    assert_exit 65 pipe-extract --widths a:3 in
    assert_file out '{"a":"abc"}'
    assert_file err "pipe-extract: 'in' is truncated: its last line 2 has no end and 2 of 3 characters"
    printf 'abc\nabc' | pipe-extract --widths a:3 | wc -l | grep -qx 2
}

@test "a line longer than a record may be is read over" {
    { printf 'abc\n'; printf '%0200000d\n' 0; printf 'def\n'; } >in
    assert_exit 0 pipe-extract --max-record 100 --widths a:3 --dlq q in
    assert_file out '{"a":"abc"}
{"a":"def"}'
    [ "$(jq -c '[.source.line, .errors[0].code, .errors[0].message]' q)" = \
        '[2,"too_long","line of 200001 bytes, limit is 100"]' ]
}

@test "widths that are none are refused" {
    for w in '' a a: a:0 a:x a:-1 a:1x 'a:*,b:1' a:1,a:2 :3 a:99999999 '"a:1'; do
        assert_exit 64 pipe-extract --widths "$w" - <<<x
    done
    assert_exit 64 pipe-extract -f fixed - <<<x
    grep -q 'wants --widths' err
    assert_exit 64 pipe-extract --widths a:1 -d ';' - <<<x
    grep -q -- "--delimiter is for CSV and TSV" err
    assert_exit 64 pipe-extract -f csv --widths a:1 - <<<x
}

# ---- log lines

@test "named groups are fields; one that took no part is null" {
    printf 'a=1 b=2\na=3\n\nb=4\n' >in
    assert_exit 0 pipe-extract --dlq q -t a=integer \
        --regex '^a=(?<a>\d+)( b=(?<b>\d+))?' in
    assert_file out '{"a":1,"b":"2"}
{"a":3,"b":null}'
    [ "$(jq -c '[.source.line, .errors[0].code, .raw]' q)" = \
        '[4,"no_match","b=4"]' ]
}

@test "access logs by name, also with what is no request" {
    cat >access.log <<'END'
127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "http://x/\"q\"" "Mozilla/4.08 [en] (Win98; I ;Nav)"
::1 - - [10/Oct/2000:13:55:36 -0700] "\x16\x03\x01" 400 - "-" "-"
10.0.0.1 - a b [10/Oct/2000:13:55:36 -0700] "" 408 0 "-" "-"
10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a b HTTP/1.1" 404 1 "-" "x
END
    assert_exit 0 pipe-extract --regex combined --dlq q --max-reject 1 access.log
    jq -c '[.host, .user, .request, .method, .path, .protocol, .status, .bytes,
        .referer, .agent]' out >have
    assert_file have '["127.0.0.1","frank","GET /a.gif HTTP/1.0","GET","/a.gif","HTTP/1.0","200","2326","http://x/\\\"q\\\"","Mozilla/4.08 [en] (Win98; I ;Nav)"]
["::1","-","\\x16\\x03\\x01",null,null,null,"400","-","-","-"]
["10.0.0.1","a b","",null,null,null,"408","0","-","-"]'
    [ "$(jq .source.line q)" = 4 ]
    cut -d '"' -f 1-3 access.log | sed 's/ $//; 4d' |
        pipe-extract --regex common >out
    [ "$(jq -r .status out | paste -sd ' ')" = '200 400 408' ]
    printf 'Feb  3 04:05:06 host cron[12]: (root) CMD\nFeb 13 04:05:06 h kernel: x: y\n' |
        pipe-extract --regex syslog >out
    assert_file out '{"time":"Feb  3 04:05:06","host":"host","program":"cron","pid":"12","message":"(root) CMD"}
{"time":"Feb 13 04:05:06","host":"h","program":"kernel","pid":null,"message":"x: y"}'
}

@test "a record of several lines goes on up to the next start" {
    printf 'lost\n1 a\n  x\n\n  y\n#c\n2 b\r\n  z\r\n3 \xff\n4 d' >in
    assert_exit 0 pipe-extract --dlq q --comment '#' --multiline '^[0-9]' \
        --regex '(?s)^(?<n>\d) (?<t>.*)$' in --max-reject 100%
    assert_file out '{"n":"1","t":"a\n  x\n\n  y"}
{"n":"2","t":"b\r\n  z"}
{"n":"4","t":"d"}'
    jq -c '[.source.line, .source.offset, .errors[0].code]' q >have
    assert_file have '[1,0,"no_match"]
[9,31,"invalid_utf8"]'
}

@test "records of several lines that are too long are read over" {
    {
        printf '1 a\n'
        for _ in {1..40}; do printf 'continued line\n'; done
        printf '2 b\n3 %0300d\n%0300d\n4 d\n' 0 0
    } >in
    assert_exit 0 pipe-extract --max-record 100 --dlq q --multiline '^[0-9] ' \
        --regex '^(?<n>\d)' in --max-reject 100%
    assert_file out '{"n":"2"}
{"n":"4"}'
    jq -c '[.source.line, .errors[0].message]' q >have
    assert_file have '[1,"record of 604 bytes, limit is 100"]
[43,"record of 604 bytes, limit is 100"]'
}

@test "a pattern that backtracks without end rejects its line" {
    { echo aab; printf '%050d\n' 0 | tr 0 a; echo ab; } >in
    assert_exit 0 pipe-extract --dlq q --regex '^(?<x>(a+)+)(?=b)' in \
        --max-reject 100%
    [ "$(wc -l <out)" -eq 2 ]
    [ "$(jq -r '.errors[0].code' q)" = match_limit ]
}

@test "a last line that was cut off is no dead letter" {
    printf '12 x\n13' >in
    assert_exit 65 pipe-extract --dlq q --regex '^(?<n>\d+) ' in
    assert_file err "pipe-extract: 'in' is truncated: line 2 has no end and does not match --regex"
    [ ! -s q ]
}

@test "patterns that are none are refused" {
    assert_exit 64 pipe-extract --regex '(?<a>x' - <<<x
    grep -q "is no regular expression: missing closing parenthesis" err
    assert_exit 64 pipe-extract --regex '(x)' - <<<x
    grep -q "names no group" err
    assert_exit 64 pipe-extract --regex '(?<a>x)' --multiline '[' - <<<x
    assert_exit 64 pipe-extract --multiline x -f csv - <<<x
    assert_exit 64 pipe-extract -f regex - <<<x
    grep -q 'wants --regex' err
    assert_exit 65 pipe-extract --regex '(?<a>x)' -t z=integer - <<<x
}

# ---- encodings

@test "NDJSON, JSON and log lines in other encodings" {
    printf '{"a":"é"}\n{"a":"😀"}\n' >want
    iconv -t UTF-16 want | pipe-extract --encoding utf-16 | cmp - want
    iconv -t UTF-16BE want | pipe-extract --encoding utf-16be -f json | cmp - want
    printf 'x é\n' | iconv -t latin1 |
        pipe-extract --encoding latin1 --regex '(?<a>\S+)$' | cmp - <(head -n 1 want)
    iconv -t UTF-16 want | gzip >in.ndjson.gz
    pipe-extract --encoding utf-16 in.ndjson.gz | cmp - want
}

@test "bytes that are no character reject their record, and stay in it" {
    printf '{"a":"\x81"}\n{"a":"b"}\n' >in.ndjson
    assert_exit 0 pipe-extract --encoding windows-1252 --dlq q in.ndjson
    assert_file out '{"a":"b"}'
    [ "$(jq -r .errors[0].code q)" = invalid_utf8 ]
    [ "$(jq -r .raw_b64 q | base64 -d | xxd -p)" = \
        "$(printf '{"a":"\xff\x81"}' | xxd -p)" ]
}

@test "a source that ends inside a character is truncated" {
    printf 'a\n1\n\x81' >in
    assert_exit 65 pipe-extract -f csv --encoding shift_jis in
    assert_file err "pipe-extract: 'in' is truncated: it ends inside a character of shift_jis, at byte 4"
}

@test "large input is converted the same, however it comes" {
    make_orders 20000 | sed 's/"c\([0-9]\)"/"ü€\1"/' >want
    iconv -t UTF-16 want >in
    pipe-extract -f ndjson --encoding utf-16 in | cmp - want
    dd if=in bs=4093 status=none | pipe-extract -f ndjson --encoding utf-16 |
        cmp - want
    head -n 200 want | iconv -t ISO-2022-JP-2 >in
    dd if=in bs=1 status=none |
        pipe-extract -f ndjson --encoding ISO-2022-JP-2 |
        cmp - <(head -n 200 want)
}

# ---- detection

@test "what was found out is told under -v, and only there" {
    printf 'a;b\n1;2\n' >in.csv
    assert_exit 0 pipe-extract in.csv
    assert_file err ''
    assert_exit 0 pipe-extract -v in.csv
    grep -qx "pipe-extract: 'in.csv' as csv: the delimiter is ';'" err
    printf "1.5;'x'\n2.5;'y'\n3.5;'z'\n" >in.csv
    assert_exit 0 pipe-extract -v --dialect auto in.csv
    grep -qx "pipe-extract: 'in.csv' as csv: the delimiter is ';', the quote is ''', there is no header" err
    assert_exit 0 pipe-extract -v --dialect rfc4180 in.csv
    ! grep ' as csv' err
}

@test "a delimiter is found as the rows come, without waiting for more" {
    mkfifo pipe
    pipe-extract -f csv <pipe >out &
    exec 9>pipe
    printf 'a;b\n1;2\n' >&9
    within 10 grep -q '{"a":"1","b":"2"}' out
    exec 9>&-
    wait $!
}

@test "characters of the dialect that clash are refused" {
    for args in '-d ; --escape ;' '--comment , -d ,' '--comment "' \
        '--escape # --comment #' '--comment ab' '--escape é'; do
        # shellcheck disable=SC2086 # two words an option
        assert_exit 64 pipe-extract $args - <<<x
    done
}

# ---- dead letters

@test "dead letters of every format are read again as they were" {
    printf 'a;b\n1;2\n3\n' >in.csv
    pipe-extract --dlq csv.q --max-reject 100% in.csv
    printf 'a,b\nx\\,y\n"1\\",z"\n' >in.csv
    pipe-extract --dlq escape.q --max-reject 100% --escape '\' in.csv
    printf '1,x\n2\n3,y\n' >in.csv
    pipe-extract --dlq auto.q --max-reject 100% --dialect auto --no-header in.csv
    printf '1 \xff\n' | iconv -f latin1 -t UTF-16 |
        pipe-extract --dlq encoding.q --max-reject 100% --encoding UTF-16 \
            --widths n:1
    printf 'ab1\nabx\n' | pipe-extract --dlq fixed.q --max-reject 100% \
        --widths '"s:,:1",:1,n:1' -t n=integer --null b
    printf 'no\n1 -\n' | pipe-extract --dlq regex.q --max-reject 100% \
        --regex '^(?<n>\d)(?<t> .)' -t n=integer
    printf '1 a\n b\n2\n c\n' | pipe-extract --dlq multi.q --max-reject 100% \
        --multiline '^\d' --regex '(?s)^(?<n>\d) (?<t>.*)'
    echo '{"d":[{"a":1},2,{"a":01}]}' |
        pipe-extract --dlq json.q --max-reject 100% --records d
    for q in csv escape auto encoding fixed regex multi json; do
        [ -s $q.q ] || fail "no letters in $q.q"
        assert_exit 65 pipe-dlq replay --dlq $q.q --all
        # The same reasons again, and no other.
        jq -c 'select(.attempt == 2) | [.errors[].code]' $q.q >have
        jq -c 'select(.attempt == 1) | [.errors[].code]' $q.q >want
        [ -s want ] && cmp have want || fail "$q: $(cat have want err)"
    done
}

@test "an edited letter passes as its line would have" {
    printf 'id   name\n1    Ann\n2Bob\n' >in
    assert_exit 0 pipe-extract --skip 1 --widths id:5,name:3 -t id=integer \
        --dlq q in
    sed -i 's/"raw":"2Bob"/"raw":"2    Bob"/' q
    assert_exit 0 pipe-dlq replay --dlq q --all
    assert_file out '{"id":2,"name":"Bob"}'
}
