#!/usr/bin/env bats
# pipe-extract: sources in, records out.
load ../helper

# ---- CSV

@test "a CSV file becomes a record a row, cells as strings" {
    printf 'id,zip\n1,00123\n2,"a ""b"", c"\n' >in.csv
    pipe-extract in.csv >out
    assert_file out '{"id":"1","zip":"00123"}
{"id":"2","zip":"a \"b\", c"}'
}

@test "all pairs of csv-spectrum are equal" {
    need_data csv-spectrum
    n=0
    for csv in "$DATA"/csvs/*.csv; do
        name=$(basename "$csv" .csv)
        pipe-extract "$csv" | jq -cS . >have
        # One pair differs in itself: the phone number in the JSON of
        # location_coordinates is not the one in its CSV.
        jq -cS 'if type == "array" then .[] else . end |
            if .["Contact Phone Number"] == "1234567890"
            then .["Contact Phone Number"] = "2095257564" else . end' \
            "$DATA/json/$name.json" >want
        cmp have want || fail "$name differs"
        n=$((n + 1))
    done
    [ "$n" -eq 12 ]
}

@test "real CSV gives the same bytes with every reader" {
    need_data csv-spectrum
    files=("$DATA"/csvs/*.csv)
    for set in online-retail nycflights13 jaffle-shop uci-incident; do
        mapfile -t -O "${#files[@]}" files \
            < <(find "$PIPE_TEST_DATA/$set" -name '*.csv*' 2>/dev/null)
    done
    for csv in "${files[@]}"; do
        for reader in scalar avx2 avx512 libcsv; do
            PIPE_SIMD=$reader pipe-extract -f csv --max-reject 100% \
                --dlq none "$csv" >"$reader" 2>"$reader.err"
            cmp scalar "$reader" || fail "$csv"
            cmp scalar.err "$reader.err" || fail "$csv"
        done
    done
}

@test "dead letters are the same with every reader" {
    {
        echo 'a,b'
        for i in $(seq 3000); do
            echo "$i,\"x
\"\"$i\""
            case $((i % 400)) in
            1) echo 'ragged' ;;
            101) echo '"a"b,1' ;;
            102) printf '\xff,1\n' ;;
            201) printf 'a\0,1\n' ;;
            301) printf '1\r2,3\n' ;;
            esac
        done
    } >in.csv
    for reader in scalar avx2 avx512 libcsv; do
        PIPE_SIMD=$reader pipe-extract --max-reject 100% --run-id r \
            --dlq "$reader.dlq" in.csv >"$reader"
        jq -c 'del(.ts)' "$reader.dlq" >"$reader.letters"
        [ "$(wc -l <"$reader.letters")" -eq 38 ]
        cmp scalar "$reader"
        # They name the file that they are in, as --dlq was given.
        cmp <(sed 's/scalar.dlq//g' scalar.letters) \
            <(sed "s/$reader.dlq//g" "$reader.letters")
    done
}

@test "the 20 days of online-retail are 42481 records" {
    need_data online-retail
    pipe-extract "$DATA/*.csv" >out
    [ "$(wc -l <out)" -eq 42481 ]
    [ "$(jq -s 'map(.Quantity | tonumber) | add' out)" -eq \
        "$(pipe-extract -t Quantity=integer,UnitPrice=number "$DATA/*.csv" |
            jq -s 'map(.Quantity) | add')" ]
    # The digits are those of the file.
    pipe-extract -t UnitPrice=number "$DATA/2010-12-01.csv" |
        grep -q '"UnitPrice":3.39,'
}

@test "ragged rows are rejected with line, counts and exact bytes" {
    printf 'a,b\r\n1\r\n2,"x\r\ny"\r\n3,4,5\r\n' >in.csv
    assert_exit 0 pipe-extract --dlq q in.csv
    assert_file out '{"a":"2","b":"x\r\ny"}'
    jq -c '[.source.uri, .source.line, .source.offset, .errors[0].code,
        .errors[0].message, .raw]' q >have
    assert_file have '["in.csv",2,5,"ragged_row","expected 2 fields, found 1","1"]
["in.csv",5,18,"ragged_row","expected 2 fields, found 3","3,4,5"]'
}

@test "without dead letters a rejected row fails the run and is shown" {
    printf 'a,b\n1\n2,3\n' >in.csv
    assert_exit 65 pipe-extract in.csv
    grep -q 'line 2: expected 2 fields, found 1' err
}

@test "an open quote at the end is exit 65 at every cut, never a record" {
    printf 'a,b\n1,"two\nlines"\n' >whole.csv
    assert_exit 0 pipe-extract whole.csv
    for cut in {7..15}; do
        head -c "$cut" whole.csv >cut.csv
        assert_exit 65 pipe-extract cut.csv
        [ ! -s out ] || fail "a record from $cut bytes"
        grep -q truncated err
    done
}

@test "other delimiters, quotes, no header, null tokens" {
    printf "1;'x;y';NA\n2;;z\n" >in.txt
    pipe-extract -d semicolon --quote "'" --no-header --columns id,b,c \
        --null NA --null '' in.txt >out
    assert_file out '{"id":"1","b":"x;y","c":null}
{"id":"2","b":null,"c":"z"}'
    printf 'a\tb\n"1\t2"\n' | pipe-extract -f tsv --quote none >out
    assert_file out '{"a":"\"1","b":"2\""}'
    printf '1|2\n' | pipe-extract -d '|' --no-header >out
    assert_file out '{"column1":"1","column2":"2"}'
}

@test "each file has its own header; equal and empty names are made different" {
    printf 'a,b\n1,2\n' >1.csv
    printf 'b,,b\n3,4,5\n' >2.csv
    pipe-extract 1.csv 2.csv >out
    assert_file out '{"a":"1","b":"2"}
{"b":"3","column2":"4","b_2":"5"}'
}

@test "types cast cells digit for digit; what does not cast names its column" {
    printf 'n,i,b,s\n1.10,007,TRUE,007\n,,,\nx,1.5,maybe,\n' >in.csv
    assert_exit 0 pipe-extract -t n=number,i=integer -t b=boolean,s=string \
        --dlq q in.csv
    assert_file out '{"n":1.10,"i":7,"b":true,"s":"007"}
{"n":null,"i":null,"b":null,"s":""}'
    jq -c '.errors[] | [.code, .path, .message]' q >have
    assert_file have '["cast","/n","'"'x'"' is no number"]
["cast","/i","'"'1.5'"' is no integer"]
["cast","/b","'"'maybe'"' is no boolean"]'
}

@test "a column that --types names has to be there" {
    printf 'a\n1\n' >in.csv
    assert_exit 65 pipe-extract -t b=number in.csv
    grep -q "no column 'b'" err
}

@test "types come from a JSON Schema; --types goes before it" {
    cat >s.json <<'END'
{"type":"object","properties":{"i":{"type":"integer"},
 "n":{"type":["null","number"]},"m":{"type":["string","number"]},
 "t":{"type":"string","format":"date"},"o":{"type":"boolean"},"absent":{}}}
END
    printf 'i,n,m,t,o\n1,2.50,3,2026-01-01,true\n' |
        pipe-extract -f csv --schema s.json -t o=string >out
    assert_file out '{"i":1,"n":2.50,"m":"3","t":"2026-01-01","o":"true"}'
    assert_exit 66 pipe-extract --schema nosuch.json in.csv
    echo '{' >bad.json
    assert_exit 78 pipe-extract --schema bad.json in.csv
}

@test "invalid UTF-8 and NUL reject the row, the letter keeps the bytes" {
    printf 'a,b\n\xff,1\nx\0,2\n3,4\n' >in.csv
    assert_exit 0 pipe-extract --dlq q in.csv
    assert_file out '{"a":"3","b":"4"}'
    [ "$(jq -r '.raw_b64 // empty' q | head -1 | base64 -d | xxd -p)" = ff2c31 ]
    [ "$(jq -r '.errors[0] | .code + .path' q | paste -sd,)" = \
        invalid_utf8/a,nul_byte/a ]
}

@test "fed with what it recorded, it reads rejected rows the same way" {
    printf '"a,1";b\n1;2\n3\n5;6;7\n' >in.txt
    assert_exit 0 pipe-extract -d ';' -t '"a,1=integer"' --dlq q in.txt
    [ "$(jq -r '.argv[-1]' q | sort -u)" = - ]
    eval "$(jq -r '.argv | @sh' q | head -1)" >out <<<'3;4'
    assert_file out '{"a,1":3,"b":"4"}'
    # As they were they are rejected again, for the same reason.
    jq -r .raw q >raws
    status=0
    eval "$(jq -r '.argv | @sh' q | head -1)" <raws >out 2>err || status=$?
    [ "$status" -eq 65 ]
    grep -q 'line 1: expected 2 fields, found 1' err
}

@test "rejected rows can be corrected and replayed" {
    printf 'id,n\n1,2\n3\n4,5\n' >in.csv
    assert_exit 0 pipe-extract -t id=integer --dlq letters.ndjson in.csv
    sed -i 's/"raw":"3"/"raw":"3,4"/' letters.ndjson
    pipe-dlq replay --dlq letters.ndjson --all 2>/dev/null >out
    assert_file out '{"id":3,"n":"4"}'
}

# ---- JSON

@test "an array is read element by element, bytes kept, on one line each" {
    printf '[ {"a": 1.10,\n  "b":[1,\r\n2]},\n{"c":"x"} ]' >in.json
    pipe-extract in.json >out
    assert_file out '{"a": 1.10,   "b":[1,  2]}
{"c":"x"}'
}

@test "one object over several lines, and objects in a row" {
    printf '{\n"a":1\n}\n' >in.json
    pipe-extract in.json >out
    assert_file out '{ "a":1 }'
    printf '{"a":1}{"a":2}\n{"a":3}' | pipe-extract >out
    assert_file out '{"a":1}
{"a":2}
{"a":3}'
}

@test "NDJSON in a file called .json is read line by line" {
    printf '{"a":1}\nbroken\n{"a":2}\n' >in.json
    assert_exit 0 pipe-extract --dlq q in.json
    assert_file out '{"a":1}
{"a":2}'
    [ "$(jq -r '.raw' q)" = broken ]
}

@test "an element that is no object is rejected with its place" {
    printf '[{"a":1},\n 12,{"a":2}]' >in.json
    assert_exit 0 pipe-extract --dlq q in.json
    assert_file out '{"a":1}
{"a":2}'
    [ "$(jq -c '[.errors[0].code, .source.line, .source.offset, .raw]' q)" = \
        '["not_object",2,11,"12"]' ]
}

@test "every truncated prefix of an array is exit 65" {
    printf '[{"a":"]"},\n{"b":[1,2]}]' >whole.json
    size=$(wc -c <whole.json)
    assert_exit 0 pipe-extract whole.json
    for ((cut = 1; cut < size; cut++)); do
        head -c "$cut" whole.json >cut.json
        assert_exit 65 pipe-extract cut.json
    done
}

@test "garbage between elements is exit 65" {
    for text in '[{"a":1} {"b":2}]' '[{"a":1},,{}]' '{"a":1},{"b":2}' \
        '[{"a":1}]]' '[{"a":[1}}]'; do
        printf '%s' "$text" >in.json
        assert_exit 65 pipe-extract -f json in.json
    done
}

# ---- NDJSON: JSONTestSuite as line input

@test "every y_ of JSONTestSuite passes byte for byte" {
    need_data jsontestsuite
    n=0
    for file in "$DATA"/test_parsing/y_*.json; do
        { printf '{"v":' && tr '\n' ' ' <"$file" && printf '}\n'; } >in
        assert_exit 0 pipe-extract -f ndjson in
        cmp in out || fail "$file"
        n=$((n + 1))
    done
    [ "$n" -eq 95 ]
}

@test "every n_ of JSONTestSuite is rejected as it stands" {
    # As line input: a file with line feeds in it is several lines, none of
    # which is a record; an empty file, one space and a lone byte order mark
    # are streams of no records. The others fail: all lines rejected, or a cut
    # last line.
    need_data jsontestsuite
    n=0 empty=0
    for file in "$DATA"/test_parsing/n_*.json; do
        code=65
        if [[ $file =~ n_(structure_no_data|single_space|structure_UTF8_BOM) ]]
        then
            code=0
            empty=$((empty + 1))
        fi
        assert_exit "$code" pipe-extract -f ndjson "$file"
        [ ! -s out ] || fail "$file gave $(cat out)"
        # With a line end behind it, it is no cut line but one to reject.
        { cat "$file" && echo; } >in
        assert_exit "$code" pipe-extract -f ndjson in
        [ ! -s out ] || fail "$file with a line end gave $(cat out)"
        n=$((n + 1))
    done
    [ "$n" -eq 188 ]
    [ "$empty" -eq 3 ]
}

@test "every n_ is rejected as a member's value too" {
    # No file is an object by itself, so the test above could pass for the
    # wrong reason; as the value of a member the grammar alone decides. The one
    # left out is wrong for its line feed, which is a space here.
    need_data jsontestsuite
    for file in "$DATA"/test_parsing/n_*.json; do
        [[ $file != *n_string_unescaped_newline.json ]] || continue
        { printf '{"v":' && tr '\n' ' ' <"$file" && printf '}\n'; } >in
        assert_exit 65 pipe-extract -f ndjson in
        [ ! -s out ] || fail "$file"
    done
}

@test "no i_ of JSONTestSuite crashes, in any format" {
    need_data jsontestsuite
    for file in "$DATA"/test_parsing/[in]_*.json; do
        for format in ndjson json csv tsv; do
            code=0
            pipe-extract -f $format "$file" >out 2>err || code=$?
            ((code == 0 || code == 65)) || fail "exit $code: $format $file"
        done
    done
}

# ---- compression

@test "gzip and zstd, several members in a row, are read as they are" {
    printf 'a,b\n1,2\n' >first
    printf '3,4\n' >second
    { gzip -c first && gzip -c second; } >in.csv.gz
    pipe-extract in.csv.gz >out
    assert_file out '{"a":"1","b":"2"}
{"a":"3","b":"4"}'
    pipe-extract <in.csv.gz >out2
    cmp out out2
    need_command zstd
    { zstd -qc first && zstd -qc second; } >in.csv.zst
    pipe-extract in.csv.zst >out2
    cmp out out2
}

@test "lines and offsets are those of the decompressed source" {
    printf 'a,b\n1,2\n3\n' | gzip >in.csv.gz
    assert_exit 0 pipe-extract --dlq q in.csv.gz
    [ "$(jq -c '[.source.line, .source.offset]' q)" = '[3,8]' ]
}

@test "every truncated prefix of a gzip file is exit 65" {
    make_orders 20 | gzip >whole.ndjson.gz
    size=$(wc -c <whole.ndjson.gz)
    for ((cut = 0; cut < size; cut += cut < 40 || cut > size - 20 ? 1 : 7)); do
        head -c "$cut" whole.ndjson.gz >cut.ndjson.gz
        assert_exit 65 pipe-extract cut.ndjson.gz
    done
    assert_exit 0 pipe-extract whole.ndjson.gz
    [ "$(wc -l <out)" -eq 20 ]
}

@test "corrupt data and trailing garbage are exit 65" {
    make_orders 20 | gzip >good.gz
    { cat good.gz && echo x; } >garbage.ndjson.gz
    assert_exit 65 pipe-extract garbage.ndjson.gz
    grep -q 'trailing garbage' err
    { head -c 60 good.gz && printf '\0\0\0\0' && tail -c +65 good.gz; } \
        >corrupt.ndjson.gz
    assert_exit 65 pipe-extract corrupt.ndjson.gz
    grep -q corrupt err
    echo '{}' >plain.ndjson.gz
    assert_exit 65 pipe-extract plain.ndjson.gz
}

@test "a bomb is stopped at the cap" {
    head -c 20000000 /dev/zero | gzip >bomb.ndjson.gz
    assert_exit 65 pipe-extract bomb.ndjson.gz
    grep -q 'limit of 1000 times' err
    assert_exit 65 pipe-extract --max-ratio 0 --max-size 5M bomb.ndjson.gz
    grep -q 'limit of 5242880 bytes' err
    make_orders 1000 | gzip >good.ndjson.gz
    assert_exit 0 pipe-extract --max-size 1M --max-ratio 1000 good.ndjson.gz
}

# ---- what operands name

@test "globs are sorted, file: URIs decoded, - is stdin, none is stdin" {
    for i in b a 'c d'; do echo "{\"f\":\"$i\"}" >"$i.ndjson"; done
    echo '{"f":"stdin"}' | pipe-extract '[ab].ndjson' - file:c%20d.ndjson >out
    assert_file out '{"f":"a"}
{"f":"b"}
{"f":"stdin"}
{"f":"c d"}'
    echo '{"f":"stdin"}' | pipe-extract >out
    assert_file out '{"f":"stdin"}'
}

@test "{date} in a name is filled in by --date" {
    echo '{"a":1}' >2026-01-31.ndjson
    pipe-extract --date 2026-01-31 '{date}.ndjson' >out
    assert_file out '{"a":1}'
    assert_exit 64 pipe-extract '{date}.ndjson'
}

@test "a missing input is exit 66 before any output" {
    echo '{"a":1}' >a.ndjson
    assert_exit 66 pipe-extract a.ndjson nosuch.ndjson
    [ ! -s out ]
    grep -q "nosuch.ndjson" err
    assert_exit 66 pipe-extract a.ndjson 'nosuch*'
    [ ! -s out ]
    mkdir d
    assert_exit 66 pipe-extract d
    grep -q "no file matches 'd'" err
}

@test "an input that may not be read is exit 77" {
    [ "$(id -u)" -ne 0 ] || skip "root may read everything"
    echo '{}' >a.ndjson
    chmod 0 a.ndjson
    assert_exit 77 pipe-extract a.ndjson
}

@test "options that contradict or miss their format are exit 64" {
    echo '{}' >a.ndjson
    assert_exit 64 pipe-extract -d , a.ndjson
    assert_exit 64 pipe-extract -d ab a.csv
    assert_exit 64 pipe-extract -d '"' a.csv
    assert_exit 64 pipe-extract --columns a,a a.csv
    assert_exit 64 pipe-extract --columns a,,b a.csv
    assert_exit 64 pipe-extract -t a=int a.csv
    assert_exit 64 pipe-extract - -
    assert_exit 64 pipe-extract gopher://localhost/x
}

@test "a format that cannot be told is exit 65 and says what helps" {
    echo 'some words' >in
    assert_exit 65 pipe-extract in
    grep -q -- '--format' err
}

@test "an empty input is a stream of no records" {
    : >empty
    : >empty.ndjson
    : >empty.csv
    printf 'a,b\n' >header.csv
    printf 'a\tb\n' >header.tsv
    while read -r args; do
        # shellcheck disable=SC2086 # words
        assert_exit 0 pipe-extract $args
        assert_file out ""
        assert_file err ""
    done <<'END'
empty
empty.ndjson
header.csv
header.tsv
--no-header empty.csv
--columns a,b empty.csv
END
}

@test "CSV without as much as a header is exit 65, and empties no partition" {
    : >x.csv
    printf '\n\r\n' >blank.tsv
    gzip <x.csv >z.csv.gz
    for file in x.csv blank.tsv z.csv.gz; do
        assert_exit 65 pipe-extract "$file"
        assert_file out ""
        assert_file err "pipe-extract: '$file' is empty: a header row is wanted (--no-header or --columns for files without)"
    done
    echo '{"a":"1"}' | pipe-load sqlite:t.db -t t --mode replace \
        --partition day=2024-01-01 --create
    run ! bash -o pipefail -c "pipe-extract x.csv | pipe-load sqlite:t.db \
        -t t --mode replace --partition day=2024-01-01"
    [ "$(sqlite3 t.db 'SELECT a, day FROM t')" = "1|2024-01-01" ]
}

@test "CSV from a stage that died before its first byte says that" {
    run bash -c "pipe-transform --nosuch | pipe-extract -f csv"
    [[ $output != *"is empty"* ]]
    [[ $output == *upstream* ]]
}

@test "a header of one column that looks like several is noted" {
    local file
    printf 'a;b;c\n1;2;3\n' >semicolon.csv
    printf 'a\tb\n1\t2\n' >tab.csv
    printf 'a|b\n1|2\n' >pipe.csv
    printf 'a,b\n1,2\n' >comma.tsv
    while read -r file header delimiter; do
        assert_exit 0 pipe-extract "$file"
        [ "$(wc -l <out)" = 1 ]
        assert_file err "pipe-extract: header of '$file' is one column '$header': is the delimiter $delimiter? (--delimiter)"
    done <<'END'
semicolon.csv a;b;c ';'
tab.csv a\tb tab
pipe.csv a|b '|'
comma.tsv a,b ','
END
    # The first file says it for all.
    assert_exit 0 pipe-extract semicolon.csv pipe.csv
    [ "$(wc -l <err)" = 1 ]
}

@test "that note is not made under -q, nor where the reader has chosen" {
    printf 'a;b\n1;2\n' >x.csv
    printf '"a;b"\n1\n' >quoted.csv
    printf 'a;b,c\n1,2\n' >two.csv
    while read -r args; do
        # shellcheck disable=SC2086 # words
        assert_exit 0 pipe-extract $args
        [ -s out ]
        assert_file err ""
    done <<'END'
-q x.csv
-d comma x.csv
-d semicolon x.csv
--no-header x.csv
--columns c x.csv
quoted.csv
two.csv
END
}

# ---- as a stage

@test "a truncated source fails the stages behind it with its code" {
    printf '[{"a":1},' >cut.json
    run bash -c 'pipe-extract cut.json | pipe-dedup -k a >out
        echo "${PIPESTATUS[@]}"'
    [[ ${lines[-1]} == '65 65' ]] || fail "$output"
}

@test "behind a stage that was killed it fails with 75" {
    mkfifo fifo
    pipe-extract -f ndjson fifo | pipe-extract -f ndjson >out 2>err &
    last=$!
    first=$(jobs -p %%)
    exec 7>fifo
    echo '{"a":1}' >&7
    within 5 test -s out
    kill -9 "$first"
    exec 7>&-
    status=0
    wait "$last" || status=$?
    [ "$status" -eq 75 ]
    grep -q 'upstream died' err
}

@test "records flow while the source is still open" {
    mkfifo fifo
    pipe-extract -f ndjson fifo >out &
    pid=$!
    exec 7>fifo
    echo '{"a":1}' >&7
    within 5 test -s out
    exec 7>&-
    wait "$pid"
    assert_file out '{"a":1}'
}

@test "memory is constant: under 32 MiB for 80 MB, in every format" {
    [ "$FLAVOUR" != asan ] || skip "sanitizers need memory of their own"
    [ -x /usr/bin/time ] || skip "GNU time is not installed"
    row='1234567,"some text, quoted",2026-01-01,12.50'
    { echo id,text,day,price && yes "$row" | head -n 1800000; } >in.csv
    row='{"id":1234567,"text":"some text, quoted","price":12.50}'
    yes "$row" | head -n 1400000 >in.ndjson
    { printf '[{}' && yes ",$row" | head -n 1400000 && echo ']'; } >in.json
    gzip -1 <in.csv >in.csv.gz
    for file in in.csv in.ndjson in.json in.csv.gz; do
        /usr/bin/time -f %M -o rss pipe-extract "$file" | tail -n 1 >last
        [ -s last ]
        (($(tail -n 1 rss) < 32768)) || fail "$file: $(cat rss) KiB"
    done
    rm in.*
}

@test "a record as long as the limit passes" {
    head -c 16777208 /dev/zero | tr '\0' x >long
    { printf '{"a":"' && cat long && printf '"}\n'; } >in.ndjson
    { printf 'a\n' && cat long; } >in.csv
    for file in in.ndjson in.csv; do
        assert_exit 0 pipe-extract "$file"
        [ "$(wc -c <out)" -eq 16777217 ]
    done
}

@test "a record beyond the limit is rejected, with its first bytes" {
    head -c 16777216 /dev/zero | tr '\0' x >long
    { printf 'a,b\n1,"' && cat long && printf '"\n2,3\n'; } >in.csv
    { printf '[{"a":"' && cat long && printf '"},{"b":2}]'; } >in.json
    { printf '{"a":"' && cat long && printf '"}\n{"b":2}\n'; } >in.ndjson
    for file in in.csv in.json in.ndjson; do
        rm -rf q
        assert_exit 0 pipe-extract --dlq q "$file"
        [ "$(wc -l <out)" -eq 1 ]
        [ "$(jq -r '.errors[0].code' q)" = too_long ]
        (($(wc -c <q) < 200000))
    done
}
