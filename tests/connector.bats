#!/usr/bin/env bats
# The connector that lib/README.md shows: it is built as it stands there, and
# nothing else is touched.
load helper

# build: pipe-extract with the example among its connectors.
build() {
    local root=$BATS_FILE_TMPDIR
    sed -n '/^```c$/,/^```$/p' "$REPO/lib/README.md" | sed '1d;$d' >"$root/seq.c"
    "$REPO/scripts/build/connectors" "$REPO"/lib/*/*.c "$root/seq.c" >"$root/connectors.c"
    make -s -C "$REPO" FLAVOUR="$FLAVOUR" EXTRA="$root/seq.c $root/connectors.c" \
        EXTRA_OUT="$root/pipe-extract" pipe-extract-with
}

setup_file() {
    build >"$BATS_FILE_TMPDIR/log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/log" >&2
        return 1
    }
}

setup() {
    pipe_setup
    need_command sqlite3
    PATH=$BATS_FILE_TMPDIR:$PATH
    export PIPE_PIPELINE=p
}

@test "the example of the map builds without a warning, and is short" {
    [ ! -s "$BATS_FILE_TMPDIR/log" ] || fail "$(cat "$BATS_FILE_TMPDIR/log")"
    [ "$(wc -l <"$BATS_FILE_TMPDIR/seq.c")" -le 75 ]
}

@test "its option is shown and taken, and its positions are kept" {
    pipe-extract --help | grep -q -- '--seq-to N'
    [ "$(pipe-extract --seq-to 3 seq: | tr -d '\n')" = '{"n":1}{"n":2}{"n":3}' ]
    load() {
        pipe-extract --seq-to "$1" --resume-from sqlite:t.db seq: |
            pipe-load sqlite:t.db -t t --mode append --create
    }
    load 3
    load 5
    load 5
    [ "$(sqlite3 t.db 'SELECT group_concat(n) FROM t')" = 1,2,3,4,5 ]
    pipe-run -- 'pipe-extract --seq-to 4 seq: | pipe-load file:out -t t --mode append --create'
    pipe-run -- 'pipe-extract --seq-to 6 seq: | pipe-load file:out -t t --mode append --create'
    [ "$(cat out/t/part-* | sort | tr -d '\n')" = '{"n":1}{"n":2}{"n":3}{"n":4}{"n":5}{"n":6}' ]
}

@test "a stream is committed batch by batch, and goes on behind the last one" {
    load() {
        pipe-extract --seq-to "$1" --resume-from sqlite:t.db seq: |
            pipe-load sqlite:t.db -t t --mode append --create --batch 3
    }
    load 7
    [ "$(sqlite3 t.db 'SELECT count(*) FROM _pipe_loads')" = 3 ]
    load 9
    [ "$(sqlite3 t.db 'SELECT group_concat(n) FROM t')" = 1,2,3,4,5,6,7,8,9 ]
    # Killed between batches: what was committed stays, and nothing twice.
    pipe-extract --seq-to 20 --resume-from sqlite:t.db seq: >stream
    { head -n 7 stream && false; } | pipe-load sqlite:t.db -t t --mode append --batch 3 --on-unknown accept
    load 20
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT n), max(n) FROM t')" = '20|20|20' ]
}
