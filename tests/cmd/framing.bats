#!/usr/bin/env bats
# How records come: with CRLF, a byte order mark, blank lines, without the last
# LF, byte by byte, cut, or not at all; every tool reads them alike, with and
# without threads and past --memory.
# shellcheck disable=SC2059,SC2086 # formats and words
load ../helper

setup() {
    pipe_setup
    awk 'BEGIN { for (i = 0; i < 300; i++) printf \
        "{\"id\":%d,\"g\":\"g%d\",\"v\":%d,\"t\":\"2026-01-%02dT%02d:00:00Z\"}\n", \
        i, i % 7, i * 37 % 11, i / 20 + 1, i % 20 }' >in
    STAGES=('pipe-transform --set z=v*2'
        'pipe-transform -j 4 --where v>3 --rename g=h'
        'pipe-transform -j 2 --flatten --lower g'
        'pipe-transform --cast v=string --mask g=sha256'
        'pipe-dedup'
        'pipe-dedup -k g,v'
        'pipe-dedup -k g,v -j 2 --memory 1M'
        'pipe-dedup -k v --keep last'
        'pipe-dedup -k v --keep max:id -j 2'
        'pipe-dedup -k v --window 24h --time t'
        'pipe-aggregate -g g -a n=count(),s=sum(v)'
        'pipe-aggregate -g g -a p=median(v) -j 2 --memory 1M --sort'
        'pipe-aggregate -g g -a d=distinct(v) --partial'
        'pipe-aggregate -g g -a n=count() --window 1h --time t'
        'pipe-aggregate -g g -a n=count() --window session:90m --time t -j 2'
        'pipe-aggregate -g g -a n=count() --window trailing:1d --time t'
        'pipe-join in -k id -p r_ --ref-format ndjson'
        'pipe-join in -k g --multi all -p r_ -j 4 --ref-format ndjson'
        'pipe-join in -k g --multi last -p r_ --memory 1M --ref-format ndjson'
        'pipe-extract --format ndjson -')
}

# each_stage INPUT: all stages give what they give for the plain records, but
# for CR.
each_stage() {
    local c
    for c in "${STAGES[@]}"; do
        assert_exit 0 $c <in
        mv out want
        assert_exit 0 $c < <("$@")
        tr -d '\r' <out | cmp - want || fail "$c"
    done
}

dressed() {
    printf '\xef\xbb\xbf\r\n'
    sed 's/$/\r/; 5i\\r\n\n   \n' in
}

unended() {
    head -c -1 in
}

# The first kilobytes one at a time.
drops() {
    perl -e '$| = 1; local $/; $_ = <STDIN>;
        syswrite STDOUT, $_ for split //, substr $_, 0, 3000;
        syswrite STDOUT, substr $_, 3000' <in
}

# bare TEXT: without a record nothing comes out, and all is well.
bare() {
    local c
    for c in "${STAGES[@]}"; do
        printf "$1" >bare
        assert_exit 0 $c <bare
        assert_file out ''
    done
}

@test "CRLF, a byte order mark and blank lines change nothing" {
    each_stage dressed
}

@test "a last object without its LF counts" {
    each_stage unended
}

@test "records that come byte by byte are whole" {
    need_command perl
    each_stage drops
}

@test "no bytes, blank lines or a byte order mark alone are no records" {
    bare ''
    bare '\n\n \r\n\t\n'
    bare '\xef\xbb\xbf'
    bare '\xef\xbb\xbf\r\n'
}

@test "a last line that is cut ends every tool with 65 and its line" {
    local c
    head -c 10000 in >cut.ndjson
    for c in "${STAGES[@]}"; do
        assert_exit 65 $c <cut.ndjson
        grep -q "line $(wc -l <cut.ndjson | awk '{ print $1 + 1 }')" err ||
            fail "$c: $(cat err)"
    done
}
