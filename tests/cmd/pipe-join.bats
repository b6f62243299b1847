# pipe-join: keys, what is added, misses, times, databases, references larger
# than memory. What a join is, SQLite says.
load ../helper

lines() { printf '%s\n' "$@"; }

# random_pair N: ref.ndjson and in.ndjson of N records each: keys of several
# types and spellings, null, missing, repeated.
random_pair() {
    awk -v n="$1" 'function key(r) {
            r = int(rand() * 8)
            if (r == 0) return "null"
            if (r == 1) return "\"" int(rand() * n) "\""
            if (r == 2) return int(rand() * n) ".0"
            if (r == 3) return int(rand() * n) "e0"
            return int(rand() * n)
        }
        BEGIN {
            srand(11)
            for (i = 0; i < n; i++) {
                printf "{\"id\":%s,\"n\":%d,\"v\":\"%s\"}\n", key(), i, \
                    substr("abcdefghijklmnopqrstuvwxyz", 1, i % 27) >"ref.ndjson"
                printf (i % 97 ? "{\"i\":%d,\"k\":%s}\n" : "{\"i\":%d}\n"), i, \
                    key() >"in.ndjson"
            }
        }'
}

# What SQLite makes of the two: JSON numbers as REAL, strings as TEXT, so that
# values compare as our keys do. One line "i n" a row, n empty without a match.
sqlite_join() {
    sqlite3 :memory: <<END
CREATE TABLE r (k, n INTEGER);
CREATE TABLE s (k, i INTEGER);
CREATE TABLE raw (line);
.mode ascii
.separator "\037" "\n"
.import ref.ndjson raw
INSERT INTO r SELECT CASE json_type(line, '\$.id') WHEN 'text' THEN line ->> '\$.id'
    WHEN 'null' THEN NULL ELSE CAST(line ->> '\$.id' AS REAL) END, line ->> '\$.n'
    FROM raw ORDER BY rowid;
DELETE FROM raw;
.import in.ndjson raw
INSERT INTO s SELECT CASE json_type(line, '\$.k') WHEN 'text' THEN line ->> '\$.k'
    WHEN 'null' THEN NULL ELSE CAST(line ->> '\$.k' AS REAL) END, line ->> '\$.i'
    FROM raw ORDER BY rowid;
CREATE INDEX byk ON r (k);
.mode list
.separator ' '
$1
END
}

as_rows() {
    jq -r '"\(.i) \(.n // "")"'
}

# ---- keys and what is added

@test "fields of the reference stand behind those of the record, bytes untouched" {
    lines '{"id":1, "price":1.10, "o":{ "a": [1,2] },"u":"\u00e9"}' >ref.ndjson
    lines '{ "n":1.00 ,"id" : 1 }' '{"id":1.0}' |
        pipe-join ref.ndjson -k id >out
    assert_file out '{ "n":1.00 ,"id" : 1,"price":1.10,"o":{ "a": [1,2] },"u":"\u00e9" }
{"id":1.0,"price":1.10,"o":{ "a": [1,2] },"u":"\u00e9"}'
}

@test "keys compare by type and value, composite and nested ones part by part" {
    lines '{"a":{"b":["x"]},"c":1e1,"v":1}' '{"a":{"b":["x"]},"c":"10","v":2}' >ref.ndjson
    lines '{"p":"\u0078","q":10}' '{"p":"x","q":"10"}' '{"p":"x","q":11}' '{"p":"X","q":10}' |
        pipe-join ref.ndjson -k 'p=a.b[0],q=/c' -f v >out
    assert_file out '{"p":"\u0078","q":10,"v":1}
{"p":"x","q":"10","v":2}
{"p":"x","q":11}
{"p":"X","q":10}'
}

@test "null and missing keys match nothing, on neither side" {
    lines '{"id":null,"v":1}' '{"v":2}' '{"id":0,"v":3}' >ref.ndjson
    lines '{"id":null}' '{"x":1}' '{"id":0}' | pipe-join ref.ndjson -k id -v >out 2>err
    assert_file out '{"id":null}
{"x":1}
{"id":0,"v":3}'
    grep -q '2 of 3 reference records have no key' err
}

@test "--fields chooses and renames, a field that is not there is not added" {
    lines '{"id":1,"name":"a","at":{"city":"b"}}' '{"id":2}' >ref.ndjson
    lines '{"id":1}' '{"id":2}' |
        pipe-join ref.ndjson -k id -f 'at.city AS town' -f 'name,id as rid' >out
    assert_file out '{"id":1,"town":"b","name":"a","rid":1}
{"id":2,"rid":2}'
    assert_exit 64 pipe-join ref.ndjson -k id -f 'name,at AS name' </dev/null
    assert_exit 64 pipe-join ref.ndjson -k id -f 'name,' </dev/null
    assert_exit 64 pipe-join ref.ndjson -k id -f 'a..b' </dev/null
}

@test "--prefix and --nest keep names apart" {
    lines '{"id":1,"name":"r"}' '{"id":2}' >ref.ndjson
    lines '{"id":1,"name":"s"}' '{"id":2,"name":"s"}' >in.ndjson
    pipe-join ref.ndjson -k id --prefix r_ <in.ndjson >out
    assert_file out '{"id":1,"name":"s","r_name":"r"}
{"id":2,"name":"s"}'
    pipe-join ref.ndjson -k id --nest 'the "ref"' <in.ndjson >out
    assert_file out '{"id":1,"name":"s","the \"ref\"":{"name":"r"}}
{"id":2,"name":"s","the \"ref\"":{}}'
    assert_exit 64 pipe-join ref.ndjson -k id --nest a --prefix b <in.ndjson
}

@test "a field that is there is rejected, or replaced where it stands" {
    lines '{"id":1,"name":"r","tier":2}' '{"id":2,"tier":3}' >ref.ndjson
    lines '{"id":1,"na\u006de": null ,"x":1}' '{"id":2,"name":"s"}' '{"tier":0,"id":1,"name":1}' >in.ndjson
    assert_exit 0 pipe-join ref.ndjson -k id --dlq dead --max-reject 2 <in.ndjson
    assert_file out '{"id":2,"name":"s","tier":3}'
    [ "$(jq -c '.errors[0] | [.code, .path]' dead | sort -u)" = \
        '["field_exists","/name"]' ]
    pipe-join ref.ndjson -k id --overwrite <in.ndjson >out
    assert_file out '{"id":1,"na\u006de": "r" ,"x":1,"tier":2}
{"id":2,"name":"s","tier":3}
{"tier":2,"id":1,"name":"r"}'
}

@test "of duplicate fields in a reference record the last counts" {
    lines '{"id":1,"a":1,"b":2,"\u0061":3}' >ref.ndjson
    lines '{"id":1}' | pipe-join ref.ndjson -k id >out
    assert_file out '{"id":1,"a":3,"b":2}'
}

@test "a reference of keys alone filters" {
    lines '{"id":1}' '{"id":2}' >ref.ndjson
    lines '{"id" : 2}' '{"id":3}' | pipe-join ref.ndjson -k id --miss drop -v >out 2>err
    assert_file out '{"id" : 2}'
    grep -q 'read 2 = 1 out + 0 rejected + 1 filtered' err
}

# ---- misses and many matches

@test "--miss keeps, drops or rejects, and counts reconcile" {
    lines '{"id":1,"v":1}' >ref.ndjson
    lines '{"id":1}' '{"id":2}' '{"id":1}' >in.ndjson
    pipe-join ref.ndjson -k id <in.ndjson >out
    [ "$(wc -l <out)" = 3 ]
    assert_exit 0 pipe-join ref.ndjson -k id -m reject --dlq dead --max-reject 1 -v <in.ndjson
    grep -q 'read 3 = 2 out + 1 rejected' err
    [ "$(jq -r '.errors[0].code + " " + (.source.line | tostring) + " " + .raw' dead)" = \
        'no_match 2 {"id":2}' ]
    assert_exit 65 pipe-join ref.ndjson -k id -m reject <in.ndjson
}

@test "a dead letter is replayed by the same join" {
    mkdir d
    lines '{"id":1,"v":1}' >ref.ndjson
    lines '{"id":1}' '{"id":2}' | PIPE_TZ=Europe/Oslo \
        pipe-join ref.ndjson -k id -m reject --dlq d/ --max-reject 1 -f 'v AS w' >out
    lines '{"id":2,"v":2}' >>ref.ndjson
    pipe-dlq replay --dlq d/ -- cat >again
    assert_file again '{"id":2,"w":2}'
}

@test "several reference records: named and refused, first, last, all, rejected" {
    lines '{"id":1,"v":"a"}' '{"id":2,"v":"b"}' '{"id":1.0,"v":"c"}' '{"id":1,"v":"d"}' >ref.ndjson
    lines '{"id":2}' '{"id":1}' >in.ndjson
    assert_exit 65 pipe-join ref.ndjson -k id <in.ndjson
    assert_file out ''
    grep -q "ref.ndjson', line 3: reference has several records of key 1e0" err
    pipe-join ref.ndjson -k id --multi first <in.ndjson >out
    assert_file out $'{"id":2,"v":"b"}\n{"id":1,"v":"a"}'
    pipe-join ref.ndjson -k id --multi last <in.ndjson >out
    assert_file out $'{"id":2,"v":"b"}\n{"id":1,"v":"d"}'
    pipe-join ref.ndjson -k id --multi all -v <in.ndjson >out 2>err
    assert_file out $'{"id":2,"v":"b"}\n{"id":1,"v":"a"}\n{"id":1,"v":"c"}\n{"id":1,"v":"d"}'
    grep -q 'read 2 = 2 out + 0 rejected' err
    assert_exit 0 pipe-join ref.ndjson -k id --multi reject --max-reject 1 --dlq dead <in.ndjson
    assert_file out '{"id":2,"v":"b"}'
    grep -q many_matches dead
}

@test "joins are those of SQL: random keys, left and inner, one and all" {
    need_command sqlite3 jq
    random_pair 4000
    pipe-join ref.ndjson -k k=id --multi all <in.ndjson | as_rows >have
    sqlite_join 'SELECT i, n FROM s LEFT JOIN r USING (k) ORDER BY s.rowid, r.rowid;' >want
    cmp have want
    [ "$(grep -c ' .' want)" -gt 1000 ] # it does match
    pipe-join ref.ndjson -k k=id --multi last --miss drop <in.ndjson | as_rows >have
    sqlite_join 'SELECT i, max(n) FROM s JOIN r USING (k) GROUP BY s.rowid ORDER BY s.rowid;' >want
    cmp have want
    pipe-join ref.ndjson -k k=id --multi first <in.ndjson | as_rows >have
    sqlite_join 'SELECT i, min(n) FROM s LEFT JOIN r USING (k) GROUP BY s.rowid ORDER BY s.rowid;' >want
    cmp have want
}

@test "-j gives the same bytes, rejects included" {
    random_pair 30000
    sed -i '0~101s/}/,"v":0}/' in.ndjson # rejected where it matches
    local multi
    for multi in first all reject; do
        for j in 1 3; do
            pipe-join ref.ndjson -k k=id --multi $multi -j $j --dlq dead$j \
                --max-reject 100% <in.ndjson >out$j
        done
        cmp out1 out3
        cmp <(jq -c '[.raw, .errors, .source.line]' dead1) <(jq -c '[.raw, .errors, .source.line]' dead3)
        rm dead1 dead3
    done
}

# ---- as of a time

@test "--as-of takes the latest that is not after, to the microsecond and over zones" {
    lines '{"k":1,"t":"2026-01-01T00:00:00Z","v":"a"}' '{"k":1,"t":"2026-01-01T12:00:00.5+01:00","v":"b"}' \
        '{"k":1,"t":"2025-12-31","v":"0"}' '{"k":2,"t":null,"v":"x"}' >ref.ndjson
    lines '{"k":1,"at":"2026-01-01T11:00:00.499999Z"}' '{"k":1,"at":"2026-01-01T11:00:00.5Z"}' \
        '{"k":1,"at":"2025-12-31T00:00:00+00:01"}' '{"k":1,"at":"2025-12-31"}' \
        '{"k":1,"at":null}' '{"k":1}' '{"k":2,"at":"2026-01-01"}' |
        pipe-join ref.ndjson -k k --as-of at=t -f v >out
    assert_file out '{"k":1,"at":"2026-01-01T11:00:00.499999Z","v":"a"}
{"k":1,"at":"2026-01-01T11:00:00.5Z","v":"b"}
{"k":1,"at":"2025-12-31T00:00:00+00:01"}
{"k":1,"at":"2025-12-31","v":"0"}
{"k":1,"at":null}
{"k":1}
{"k":2,"at":"2026-01-01"}'
}

@test "--as-of compares numbers exactly, and --tz places times without a zone" {
    lines '{"k":1,"t":9007199254740993,"v":1}' '{"k":1,"t":0.30,"v":2}' '{"k":1,"t":-1e3,"v":3}' >ref.ndjson
    lines '{"k":1,"t":9007199254740992}' '{"k":1,"t":9007199254740993.0}' '{"k":1,"t":0.3}' \
        '{"k":1,"t":0.29}' '{"k":1,"t":-1000.01}' | pipe-join ref.ndjson -k k --as-of t=t -f v -m drop >out
    assert_file out '{"k":1,"t":9007199254740992,"v":2}
{"k":1,"t":9007199254740993.0,"v":1}
{"k":1,"t":0.3,"v":2}
{"k":1,"t":0.29,"v":3}'
    lines '{"k":1,"t":"2026-07-01","v":1}' >ref.ndjson
    lines '{"k":1,"at":"2026-06-30T22:00:00Z"}' >in.ndjson
    [ "$(pipe-join ref.ndjson -k k --as-of at=t -f v <in.ndjson | jq .v)" = null ]
    [ "$(pipe-join ref.ndjson -k k --as-of at=t -f v --tz Europe/Oslo <in.ndjson | jq .v)" = 1 ]
}

@test "--as-of-max bounds how far it looks back" {
    lines '{"k":1,"t":"2026-01-01T00:00:00Z","v":1}' '{"k":1,"t":"2026-03-01T00:00:00Z","v":2}' >ref.ndjson
    lines '{"k":1,"at":"2026-01-08T00:00:00Z"}' '{"k":1,"at":"2026-01-08T00:00:00.000001Z"}' \
        '{"k":1,"at":"2026-03-02T00:00:00Z"}' |
        pipe-join ref.ndjson -k k --as-of at=t --as-of-max 7d -f v -m drop >out
    assert_file out '{"k":1,"at":"2026-01-08T00:00:00Z","v":1}
{"k":1,"at":"2026-03-02T00:00:00Z","v":2}'
    lines '{"k":1,"t":5,"v":1}' >ref.ndjson
    assert_exit 64 pipe-join ref.ndjson -k k --as-of at=t --as-of-max 7d </dev/null
    assert_exit 64 pipe-join ref.ndjson -k k --as-of-max 7d </dev/null
    assert_exit 64 pipe-join ref.ndjson -k k --as-of at=t --multi all </dev/null
}

@test "times that are none: an error in the reference, rejected in the stream" {
    lines '{"k":1,"t":"2026-01-01"}' '{"k":1,"t":"soon"}' >ref.ndjson
    assert_exit 65 pipe-join ref.ndjson -k k --as-of at=t </dev/null
    grep -q "line 2: reference: 't' is no time: \"soon\"" err
    lines '{"k":1,"t":"2026-01-01"}' '{"k":2,"t":7}' >ref.ndjson
    assert_exit 65 pipe-join ref.ndjson -k k --as-of at=t </dev/null
    lines '{"k":1,"t":"2026-01-01","v":1}' >ref.ndjson
    lines '{"k":1,"at":"soon"}' '{"k":1,"at":7}' '{"k":1,"at":[]}' '{"k":1,"at":"2026-01-02"}' |
        pipe-join ref.ndjson -k k --as-of at=t -f v --dlq dead --max-reject 3 >out
    assert_file out '{"k":1,"at":"2026-01-02","v":1}'
    [ "$(jq -c '.errors[0] | [.code, .path]' dead | uniq -c | tr -s ' ')" = ' 3 ["time","/at"]' ]
}

@test "records of one key and one time go by --multi" {
    lines '{"k":1,"t":"2026-01-01","v":1}' '{"k":1,"t":"2026-01-01T00:00:00Z","v":2}' \
        '{"k":1,"t":"2025-01-01","v":0}' >ref.ndjson
    lines '{"k":1,"at":"2026-05-01"}' >in.ndjson
    assert_exit 65 pipe-join ref.ndjson -k k --as-of at=t <in.ndjson
    grep -q 'several records of key 1e0 and one time' err
    [ "$(pipe-join ref.ndjson -k k --as-of at=t --multi first <in.ndjson | jq .v)" = 1 ]
    [ "$(pipe-join ref.ndjson -k k --as-of at=t --multi last <in.ndjson | jq .v)" = 2 ]
    assert_exit 65 pipe-join ref.ndjson -k k --as-of at=t --multi reject <in.ndjson
    grep -q many_matches err
}

@test "as-of joins are those of SQL, in memory and on disk" {
    need_command sqlite3 jq
    awk 'function t() { return sprintf("2026-%02d-%02dT%02d:00:00Z",
            1 + int(rand() * 12), 1 + int(rand() * 28), int(rand() * 24)) }
        BEGIN { srand(5)
            for (i = 0; i < 20000; i++) {
                printf "{\"id\":%d,\"t\":\"%s\",\"n\":%d}\n", rand() * 700, t(), i >"ref.ndjson"
                printf "{\"i\":%d,\"k\":%d,\"at\":\"%s\"}\n", i, rand() * 800, t() >"in.ndjson"
            } }'
    sqlite3 :memory: >want <<'END'
CREATE TABLE raw (line);
CREATE TABLE r (k, t, n);
CREATE TABLE s (k, t, i);
.mode ascii
.separator "\037" "\n"
.import ref.ndjson raw
INSERT INTO r SELECT line ->> '$.id', line ->> '$.t', line ->> '$.n' FROM raw;
DELETE FROM raw;
.import in.ndjson raw
INSERT INTO s SELECT line ->> '$.k', line ->> '$.at', line ->> '$.i' FROM raw;
CREATE INDEX x ON r (k, t, n);
.mode list
.separator ' '
SELECT i, (SELECT n FROM r WHERE r.k = s.k AND r.t <= s.t
    ORDER BY r.t DESC, r.n DESC LIMIT 1) FROM s ORDER BY i;
END
    pipe-join ref.ndjson -k k=id --as-of at=t --multi last -f n <in.ndjson | as_rows >have
    cmp have want
    pipe-join ref.ndjson -k k=id --as-of at=t --multi last -f n --memory 1M -v <in.ndjson 2>err | as_rows >have
    cmp have want
    grep -q 'joined on disk' err
}

# ---- the reference

@test "the reference is CSV, TSV, JSON or NDJSON, plain or compressed, one or more files" {
    need_command gzip zstd
    lines 'id;name' '1;"a;b"' '2;-' >a.csv
    lines '{"id":"1"}' '{"id":"2"}' >in.ndjson
    pipe-join a.csv -k id --ref-delimiter ';' --ref-null - <in.ndjson >out
    assert_file out $'{"id":"1","name":"a;b"}\n{"id":"2","name":null}'
    printf 'id\tv\n1\t2\n' | gzip >b.tsv.gz
    pipe-join b.tsv.gz -k id --ref-types v=integer -m drop <in.ndjson >out
    assert_file out '{"id":"1","v":2}'
    printf '[\n {"id": "1",\n  "v": [1,\n 2]}\n]\n' | zstd -q >c.json.zst
    pipe-join c.json.zst -k id -m drop <in.ndjson >out
    [ "$(jq -c . out)" = '{"id":"1","v":[1,2]}' ]
    lines '{"id":"1","v":1}' >d1.ndjson
    lines '{"id":"2","v":2}' >d2.ndjson
    pipe-join 'd?.ndjson' -k id <in.ndjson >out
    assert_file out $'{"id":"1","v":1}\n{"id":"2","v":2}'
    cp d1.ndjson 'd 3'
    pipe-join "file:$PWD/d%203" --ref-format ndjson -k id -m drop <in.ndjson >out
    assert_file out '{"id":"1","v":1}'
}

@test "a reference that is not whole fails before any output" {
    lines '{"id":1}' >in.ndjson
    lines '{"id":1,"v":1}' '{"id":2' '{"id":3}' >ref.ndjson
    assert_exit 65 pipe-join ref.ndjson -k id <in.ndjson
    assert_file out ''
    grep -q "'ref.ndjson', line 2: not a record" err
    printf '{"id":1}\n{"id":2' >ref.ndjson
    assert_exit 65 pipe-join ref.ndjson -k id <in.ndjson
    lines 'id,v' '1,2' '3,4,5' >ref.csv
    assert_exit 65 pipe-join ref.csv -k id <in.ndjson
    grep -q "line 3" err
    lines '{"id":1e99999}' >ref.ndjson
    assert_exit 65 pipe-join ref.ndjson -k id <in.ndjson
    lines '{"id":1}' | gzip | head -c 20 >ref.ndjson.gz
    assert_exit 65 pipe-join ref.ndjson.gz -k id <in.ndjson
    assert_exit 66 pipe-join none.ndjson -k id <in.ndjson
    assert_exit 66 pipe-join 'none*.ndjson' -k id <in.ndjson
    assert_exit 66 pipe-join . -k id <in.ndjson
}

@test "usage errors name what is wrong" {
    lines '{"id":1}' >ref.ndjson
    assert_exit 64 pipe-join ref.ndjson </dev/null
    grep -q -- --key err
    assert_exit 64 pipe-join -k id </dev/null
    assert_exit 64 pipe-join ref.ndjson ref.ndjson -k id </dev/null
    assert_exit 64 pipe-join - -k id </dev/null
    grep -q 'cannot be stdin' err
    assert_exit 64 pipe-join ref.ndjson -k 'id,b=id' </dev/null
    assert_exit 64 pipe-join ref.ndjson -k 'id=' </dev/null
    assert_exit 64 pipe-join ref.ndjson -k id --query 'SELECT 1' </dev/null
    grep -q -- "--query is not for 'ref.ndjson'" err
    assert_exit 64 pipe-join ref.ndjson -k id --cache f </dev/null
    assert_exit 64 pipe-join ref.ndjson -k id --ref-types a=integer </dev/null
    assert_exit 64 pipe-join s3://bucket/key -k id </dev/null
}

@test "more names than can be added are refused, chosen ones are not" {
    awk 'BEGIN { for (i = 0; i < 5000; i++) printf "{\"id\":%d,\"f%d\":1}\n", i, i }' >ref.ndjson
    assert_exit 65 pipe-join ref.ndjson -k id </dev/null
    grep -q -- --fields err
    [ "$(lines '{"id":4999}' | pipe-join ref.ndjson -k id -f f4999)" = '{"id":4999,"f4999":1}' ]
}

@test "records that cannot be judged are dead letters with a code" {
    lines '{"id":1,"v":1}' >ref.ndjson
    { lines '{"id":1e99999}'
        printf '{"id":%s1%s}\n' "$(printf '%0300d' 0 | tr 0 '[')" "$(printf '%0300d' 0 | tr 0 ']')"; } >in.ndjson
    assert_exit 0 pipe-join ref.ndjson -k id --max-depth 400 --max-reject 100% --dlq dead <in.ndjson
    [ "$(jq -r '.errors[0].code' dead | paste -sd ' ')" = 'number_range too_deep' ]
}

# ---- larger than memory

@test "a reference larger than --memory gives the same bytes, from disk" {
    random_pair 40000
    # Some are rejected where they match, and few miss.
    sed -i '0~101s/}/,"v":0}/' in.ndjson
    mkdir tmp
    local multi miss
    for multi in first last all reject; do
        miss=keep
        [ $multi = all ] && miss=drop
        pipe-join ref.ndjson -k k=id --multi $multi -m $miss --dlq a --max-reject 100% <in.ndjson >want
        pipe-join ref.ndjson -k k=id --multi $multi -m $miss --dlq b --max-reject 100% \
            --memory 1M --tmpdir tmp -v <in.ndjson >out 2>err
        grep -q 'does not fit into 1 MiB: joined on disk' err
        cmp out want
        cmp <(jq -c '[.raw, .errors, .source]' a) <(jq -c '[.raw, .errors, .source]' b)
        grep -q 'read 40000 = ' err
        rm a b
    done
    [ -z "$(ls -A tmp)" ]
    assert_exit 65 pipe-join ref.ndjson -k k=id --memory 1M <in.ndjson
    assert_file out ''
}

@test "records without a match are rejected from disk as from memory" {
    random_pair 40000
    head -n 3000 in.ndjson >few
    pipe-join ref.ndjson -k k=id --multi last -m reject --dlq a --max-reject 100% <few >want
    pipe-join ref.ndjson -k k=id --multi last -m reject --dlq b --max-reject 100% --memory 1M <few >out
    cmp out want
    cmp <(jq -c '[.raw, .errors, .source]' a) <(jq -c '[.raw, .errors, .source]' b)
    [ "$(wc -l <a)" -gt 500 ]
}

@test "a reference of 40 MB joins within --memory 1M, parted more than once" {
    need_command sqlite3
    awk 'BEGIN { for (i = 0; i < 300000; i++)
        printf "{\"id\":\"K%07d\",\"v\":\"%0100d\"}\n", i, i }' >ref.ndjson
    [ "$(wc -c <ref.ndjson)" -gt 36000000 ]
    awk 'BEGIN { srand(3); for (i = 0; i < 50000; i++)
        printf "{\"i\":%d,\"id\":\"K%07d\"}\n", i, rand() * 330000 }' >in.ndjson
    pipe-join ref.ndjson -k id --memory 512M -v <in.ndjson >want 2>err
    run ! grep -q 'on disk' err
    pipe-join ref.ndjson -k id --memory 1M -v <in.ndjson >out 2>err
    grep -q 'on disk' err
    cmp out want
    [ "$(grep -c '"v"' out)" -gt 40000 ]
    rm ref.ndjson out want
}

@test "records of one key that do not fit fail, with --memory named" {
    awk 'BEGIN { for (i = 0; i < 30000; i++)
        printf "{\"id\":1,\"v\":\"%0100d\"}\n", i }' >ref.ndjson
    assert_exit 78 pipe-join ref.ndjson -k id --multi all --memory 1M < <(lines '{"id":1}')
    grep -q 'records of one key need more than the 1 MiB' err
    assert_file out ''
}

@test "a folder for files that is not there fails when it is needed" {
    random_pair 60000
    assert_exit 73 pipe-join ref.ndjson -k k=id --multi all --memory 1M --tmpdir none <in.ndjson
    lines '{"id":1}' >ref.ndjson
    assert_exit 0 pipe-join ref.ndjson -k k=id --tmpdir none <in.ndjson
}

# ---- SQLite

@test "a SQLite table or query is the reference, values exact" {
    need_command sqlite3
    sqlite3 c.db "CREATE TABLE c (id, name TEXT, amt REAL, b BLOB, n);
        INSERT INTO c VALUES (1, 'Ann', 1.5, x'00ff', 9007199254740993),
            ('x', 'B\"o' || char(10), 1e300, NULL, 0.1), (2.0, '', 100.0, x'', -9223372036854775808);"
    lines '{"id":1}' '{"id":"x"}' '{"id":2}' >in.ndjson
    pipe-join sqlite:c.db --table c -k id <in.ndjson >out
    assert_file out '{"id":1,"name":"Ann","amt":1.5,"b":"AP8=","n":9007199254740993}
{"id":"x","name":"B\"o\n","amt":1e+300,"b":null,"n":0.1}
{"id":2,"name":"","amt":100.0,"b":"","n":-9223372036854775808}'
    PIPE_DATE=2026-01-31 pipe-join sqlite:c.db -k id \
        --query "SELECT id, '{date}' AS d FROM c WHERE id = 1;" -m drop <in.ndjson >out
    assert_file out '{"id":1,"d":"2026-01-31"}'
}

@test "SQLite queries that give no rows, write or are wrong are refused" {
    need_command sqlite3
    sqlite3 c.db 'CREATE TABLE c (id, v); INSERT INTO c VALUES (1, 9e999), (2, CAST(x'"'ff'"' AS TEXT))'
    local sql
    for sql in 'DELETE FROM c' 'SELECT 1 AS id; SELECT 2' '' 'SELECT id, v AS id FROM c' \
        'CREATE TABLE d (id)'; do
        assert_exit 64 pipe-join sqlite:c.db --query "$sql" -k id </dev/null
    done
    [ "$(sqlite3 c.db 'SELECT count(*) FROM c')" = 2 ]
    assert_exit 78 pipe-join sqlite:c.db --table none -k id </dev/null
    assert_exit 64 pipe-join sqlite:c.db -k id </dev/null
    assert_exit 64 pipe-join sqlite:c.db --table c --query 'SELECT 1' -k id </dev/null
    assert_exit 66 pipe-join sqlite:none.db --table c -k id </dev/null
    [ ! -e none.db ]
    assert_exit 65 pipe-join sqlite:c.db --query 'SELECT * FROM c WHERE id = 1' -k id </dev/null
    grep -q '/v number is infinite' err
    assert_exit 65 pipe-join sqlite:c.db --query 'SELECT * FROM c WHERE id = 2' -k id </dev/null
    grep -q '/v text is not UTF-8' err
    head -c 5000 /dev/urandom >bad.db
    assert_exit 65 pipe-join sqlite:bad.db --table c -k id </dev/null
}

# ---- the cache

@test "--cache-ttl spares the database, and expires" {
    need_command sqlite3
    sqlite3 c.db "CREATE TABLE c (id, v); INSERT INTO c VALUES (1, 'old')"
    value() { lines '{"id":1}' | pipe-join sqlite:c.db -k id --cache kept "$@" | jq -r .v; }
    [ "$(value --table c --cache-ttl 1h)" = old ]
    sqlite3 c.db "UPDATE c SET v = 'new'"
    [ "$(value --table c --cache-ttl 1h)" = old ]
    [ "$(value --query 'SELECT * FROM c' --cache-ttl 1h)" = new ]
    [ "$(value --table c --cache-ttl 1h)" = new ]
    sqlite3 c.db "UPDATE c SET v = 'newer'"
    touch -d '2 hours ago' kept
    [ "$(value --table c --cache-ttl 1h)" = newer ]
    sqlite3 c.db "UPDATE c SET v = 'newest'"
    [ "$(value --table c)" = newest ]
    touch -d '2 hours' kept
    sqlite3 c.db "UPDATE c SET v = 'last'"
    [ "$(value --table c --cache-ttl 1h)" = last ]
}

@test "--stale-ok stands in for a database that is away, with a warning" {
    need_command sqlite3
    sqlite3 c.db "CREATE TABLE c (id, v); INSERT INTO c VALUES (1, 'x')"
    lines '{"id":1}' >in.ndjson
    assert_exit 0 pipe-join sqlite:c.db --table c -k id --cache kept <in.ndjson
    touch -d '5 hours ago' kept
    mv c.db away
    cp kept before
    assert_exit 66 pipe-join sqlite:c.db --table c -k id --cache kept <in.ndjson
    assert_exit 0 pipe-join sqlite:c.db --table c -k id --cache kept --stale-ok -q <in.ndjson
    assert_file out '{"id":1,"v":"x"}'
    grep -q 'goes on with the reference of 5 h ago' err
    cmp kept before
    assert_exit 66 pipe-join sqlite:c.db --query 'SELECT 1 AS id' -k id --cache kept --stale-ok <in.ndjson
}

@test "a file that is no cache is left alone, and a failed fetch leaves none" {
    need_command sqlite3
    sqlite3 c.db "CREATE TABLE c (id, v); INSERT INTO c VALUES (1, 1), (2, 9e999)"
    lines precious >mine
    assert_exit 73 pipe-join sqlite:c.db --table c -k id --cache mine </dev/null
    assert_file mine precious
    assert_exit 65 pipe-join sqlite:c.db --table c -k id --cache kept </dev/null
    [ ! -e kept ]
    rm -f mine c.db out err
    [ -z "$(find . -type f)" ]
    assert_exit 64 pipe-join sqlite:c.db --table c -k id --stale-ok </dev/null
}

# ---- as a stage

@test "lineage names the reference as an input" {
    lines '{"id":1,"v":1}' >ref.ndjson
    lines '{"id":1}' '{"id":1}' | pipe-join ref.ndjson -k id --lineage ev -o out
    [ "$(jq -r 'select(.eventType == "COMPLETE") | .inputs[].name' ev | grep -c ref.ndjson)" = 1 ]
}

@test "weather of a real year: the hour that came twice is named" {
    need_data nycflights13
    need_command sqlite3 jq zcat
    local weather=$DATA/weather.csv.gz
    local key=origin,year,month,day,hour
    pipe-extract "$weather" >in.ndjson
    assert_exit 65 pipe-join "$weather" -k $key -f temp --prefix w_ <in.ndjson
    grep -qE 'several records of key "[A-Z]{3}","2013","11","3","1"' err
    pipe-join "$weather" -k $key -f temp --prefix w_ --multi all <in.ndjson |
        jq -r '[.origin, .time_hour, .temp, .w_temp] | join(",")' | sort >have
    zcat "$weather" >weather.csv
    sqlite3 :memory: >rows <<'END'
.import --csv weather.csv w
.mode list
.separator ,
SELECT a.origin, a.time_hour, a.temp, b.temp FROM w a JOIN w b
    USING (origin, year, month, day, hour);
END
    sort rows >want
    cmp have want
    [ "$(wc -l <want)" -gt "$(wc -l <in.ndjson)" ]
}

@test "a reference in which no record has the key is refused" {
    printf '{"id":1,"n":"x"}\n{"id":2,"n":"y"}\n' >ref.ndjson
    printf '{"c":1}\n' >in
    assert_exit 65 pipe-join ref.ndjson -k c=idd <in
    grep -q "no record of the reference has the key 'idd'" err
    [ ! -s out ]
}
