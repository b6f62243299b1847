#!/usr/bin/env bats
# pipe-extract of Parquet files, which DuckDB itself has written.
load ../helper

setup_file() {
    # shellcheck source=tests/lib/duckdb.bash
    . "$REPO/tests/lib/duckdb.bash"
    export PIPE_LIBDUCKDB=${PIPE_LIBDUCKDB:-$duckdb_library}
    [ -e "$PIPE_LIBDUCKDB" ] || return 0
    build_duckdb_query "$BATS_FILE_TMPDIR/query"
    export DUCKDB_LIBRARY=$PIPE_LIBDUCKDB
}

setup() {
    pipe_setup
    [ -e "$PIPE_LIBDUCKDB" ] ||
        skip "no libduckdb (scripts/setup --dev gets it, PIPE_LIBDUCKDB names it)"
}

# parquet FILE 'SELECT ...' [OPTION...]: writes a file.
parquet() {
    local file=$1 select=$2
    shift 2
    "$BATS_FILE_TMPDIR/query" 2 "COPY ($select) TO '$file' (FORMAT parquet$*)"
}

@test "numbers keep every digit" {
    parquet x.parquet "SELECT -1.50::DECIMAL(4,2) AS a,
        0.05::DECIMAL(9,2) AS b, -0.001::DECIMAL(18,3) AS c,
        12345678901234567890123456789.123456789::DECIMAL(38,9) AS d,
        42::DECIMAL(38,0) AS e, 9223372036854775807 AS f,
        -9223372036854775808 AS g, 18446744073709551615::UBIGINT AS h,
        (-128)::TINYINT AS i, 65535::USMALLINT AS j"
    pipe-extract x.parquet >out
    assert_file out '{"a":-1.50,"b":0.05,"c":-0.001,"d":12345678901234567890123456789.123456789,"e":42,"f":9223372036854775807,"g":-9223372036854775808,"h":18446744073709551615,"i":-128,"j":65535}'
}

@test "floating point numbers are the fewest digits that give them back" {
    parquet x.parquet "SELECT 0.1::DOUBLE AS a, 1e300::DOUBLE AS b,
        -0.0::DOUBLE AS c, 2.5e-9::DOUBLE AS d, 3::DOUBLE AS e,
        0.1::FLOAT AS f, 16777216::FLOAT AS g, 1/3::DOUBLE AS h,
        123456789012345678::DOUBLE AS i, 19.99::DOUBLE AS j,
        'nan'::DOUBLE AS k, 'inf'::DOUBLE AS l, '-inf'::FLOAT AS m"
    pipe-extract x.parquet >out
    assert_file out '{"a":0.1,"b":1e+300,"c":-0.0,"d":2.5e-09,"e":3.0,"f":0.1,"g":16777216.0,"h":0.3333333333333333,"i":1.2345678901234568e+17,"j":19.99,"k":"NaN","l":"Infinity","m":"-Infinity"}'
}

@test "every double of a random sample is read back as it was" {
    parquet x.parquet "SELECT CASE WHEN i % 3 = 0 THEN
        round(hash(i) % 100000000 / 10000.0, 4) ELSE
        (hash(i) % 9007199254740993)::DOUBLE / (1 + hash(i + 1) % 1000003)::DOUBLE
        * pow(10, (hash(i + 2) % 40)::INTEGER - 20) END::DOUBLE AS v
        FROM range(20000) t(i)"
    pipe-extract x.parquet >have
    # DuckDB reads the text and compares it with the file, bit by bit.
    "$BATS_FILE_TMPDIR/query" 1 "COPY (SELECT count(*) FROM
        (SELECT row_number() OVER () AS n, v FROM 'x.parquet') a JOIN
        (SELECT row_number() OVER () AS n,
            replace(replace(t, '{\"v\":', ''), '}', '')::DOUBLE AS v
            FROM read_csv('have', columns = {'t': 'VARCHAR'}, header = false,
                delim = '|', quote = '', escape = '')) b
        ON a.n = b.n AND a.v = b.v) TO 'equal' (HEADER false)"
    assert_file equal 20000
}

@test "times, bytes, texts and identifiers" {
    parquet x.parquet "SELECT TIMESTAMP '2024-02-29 12:34:56.5' AS a,
        TIMESTAMPTZ '2024-02-29 12:34:56.123456+02' AS b,
        '1969-12-31 23:59:59.999999999'::TIMESTAMP_NS AS c,
        TIMESTAMP '1900-01-01 00:00:00' AS d, DATE '1969-12-31' AS e,
        TIME '01:02:03.25' AS f, '\\xAA\\x00'::BLOB AS g,
        'aé\"b' || chr(10) || chr(1) AS h, '' AS i,
        uuid '12345678-1234-5678-9abc-def012345678' AS j, true AS k,
        INTERVAL '14 months 3 days 3.5 seconds' AS l"
    pipe-extract x.parquet >out
    assert_file out '{"a":"2024-02-29T12:34:56.5","b":"2024-02-29T10:34:56.123456Z","c":"1969-12-31T23:59:59.999999999","d":"1900-01-01T00:00:00","e":"1969-12-31","f":"01:02:03.25","g":"qgA=","h":"aé\"b\n\u0001","i":"","j":"12345678-1234-5678-9abc-def012345678","k":true,"l":"P14M3DT3.5S"}'
}

@test "lists, structs and maps nest; null stands wherever it stood" {
    parquet x.parquet "SELECT [1, 2, NULL] AS a, []::INTEGER[] AS b,
        NULL::INTEGER[] AS c, {'x': 1, 'y': [{'z': 'w'}, NULL]} AS d,
        NULL::STRUCT(x INTEGER) AS e, MAP {'k': 1.5, 'j': NULL} AS f,
        MAP {1: 'x'} AS g, MAP {DATE '2024-01-01': [1]} AS h,
        [[1], [], [2, 3]] AS i, NULL::VARCHAR AS j"
    pipe-extract x.parquet >out
    assert_file out '{"a":[1,2,null],"b":[],"c":null,"d":{"x":1,"y":[{"z":"w"},null]},"e":null,"f":{"k":1.5,"j":null},"g":{"1":"x"},"h":{"2024-01-01":[1]},"i":[[1],[],[2,3]],"j":null}'
}

@test "names of columns and fields are escaped" {
    parquet x.parquet 'SELECT 1 AS "a ""b"" \c", {'"'"'x"y'"'"': 2} AS "é"'
    pipe-extract x.parquet >out
    assert_file out '{"a \"b\" \\c":1,"é":{"x\"y":2}}'
}

@test "what has no form in JSON is text" {
    parquet x.parquet "SELECT TIMETZ '01:02:03+00' AS a, 1 AS b"
    pipe-extract x.parquet >out
    assert_file out '{"a":"01:02:03+00","b":1}'
}

@test "rows come in the order of the file, over chunks and row groups" {
    parquet x.parquet "SELECT i AS id, 'v' || i AS v FROM range(100000) t(i)" \
        ", ROW_GROUP_SIZE 5000"
    pipe-extract x.parquet >out
    seq 0 99999 | sed 's/.*/{"id":&,"v":"v&"}/' >want
    cmp out want
}

@test "by name, by its first bytes, by --format; many files; a redirected file" {
    parquet a.parquet "SELECT 1 AS id"
    parquet b "SELECT 2 AS id"
    mkdir d
    parquet 'd/c[1].parquet' "SELECT 3 AS id"
    pipe-extract a.parquet b d >out
    assert_file out '{"id":1}
{"id":2}
{"id":3}'
    pipe-extract -f parquet <b >out
    assert_file out '{"id":2}'
    parquet empty.parquet "SELECT 1 AS id WHERE false"
    pipe-extract empty.parquet >out
    [ ! -s out ]
}

@test "a stream, an archive and a compressed file are refused: 64" {
    parquet x.parquet "SELECT 1 AS id"
    # shellcheck disable=SC2002 # a pipe is what is tested
    cat x.parquet | assert_exit 64 pipe-extract -f parquet
    grep -q 'not from a stream' err
    gzip -k x.parquet
    assert_exit 64 pipe-extract x.parquet.gz
    tar cf x.tar x.parquet
    assert_exit 64 pipe-extract x.tar
}

@test "a truncated file is never read as a shorter one: 65" {
    parquet x.parquet "SELECT i AS id FROM range(1000) t(i)"
    size=$(stat -c %s x.parquet)
    for cut in 1 4 8 100 1000; do
        head -c -"$cut" x.parquet >cut.parquet
        assert_exit 65 pipe-extract cut.parquet
        [ ! -s out ]
    done
    [ "$size" -gt 1000 ]
    grep -q "cut.parquet" err
    ! grep -q '/proc/' err
    : >nothing.parquet
    assert_exit 65 pipe-extract nothing.parquet
}

@test "damage in the middle of a file fails: 65" {
    parquet x.parquet "SELECT hash(i) AS v, md5(i::VARCHAR) AS s
        FROM range(300000) t(i)" ", ROW_GROUP_SIZE 20000"
    size=$(stat -c %s x.parquet)
    head -c 3000 /dev/urandom |
        dd of=x.parquet bs=1 seek=$((size * 3 / 4)) conv=notrunc status=none
    assert_exit 65 pipe-extract x.parquet
    grep -q "of 300000 rows could be read" err
    [ "$(wc -l <out)" -lt 300000 ]
}

@test "a row beyond --max-record is rejected, the others pass" {
    parquet x.parquet "SELECT i AS id, repeat('x', CASE WHEN i % 10 = 7
        THEN 5000 ELSE 5 END) AS s FROM range(30) t(i)"
    assert_exit 0 pipe-extract --max-record 1K --dlq q x.parquet
    [ "$(wc -l <out)" -eq 27 ]
    jq -c '[.source.line, .errors[0].code]' q >have
    assert_file have '[8,"too_long"]
[18,"too_long"]
[28,"too_long"]'
}

@test "what pipe-load writes is what pipe-extract reads" {
    printf '{"id":1,"p":12.50,"n":7,"t":"x"}\n{"id":2,"p":0.05,"n":null,"t":"é"}\n' >in
    pipe-load file:out -t t --mode append --format parquet --create \
        --on-unknown accept <in
    pipe-extract out/t >have
    cmp in have
}

@test "memory does not grow with the file" {
    parquet small.parquet "SELECT i AS id, md5(i::VARCHAR) AS s
        FROM range(200000) t(i)"
    parquet large.parquet "SELECT i AS id, md5(i::VARCHAR) AS s
        FROM range(3000000) t(i)"
    for f in small large; do
        /usr/bin/time -o "$f" -f %M pipe-extract "$f.parquet" >/dev/null
    done
    [ "$(cat large)" -lt $(($(cat small) + 120000)) ]
}

@test "no library: 69, and 78 for one that is named" {
    parquet x.parquet "SELECT 1 AS id"
    assert_exit 78 env PIPE_LIBDUCKDB=/nowhere/libduckdb.so \
        pipe-extract x.parquet
    if ! ldconfig -p | grep -q 'libduckdb\.so$'; then
        assert_exit 69 env -u PIPE_LIBDUCKDB pipe-extract x.parquet
        grep -q PIPE_LIBDUCKDB err
    fi
}
