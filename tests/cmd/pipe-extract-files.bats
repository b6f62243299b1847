#!/usr/bin/env bats
# pipe-extract: which files are read: folders, globs, days, archives, new ones.
load ../helper

# csv FILE VALUE...: a file of one column.
csv() {
    local file=$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' f "$@" >"$file"
}

# values [ARG...]: what pipe-extract reads, on one line.
values() {
    pipe-extract "$@" | jq -rs 'map(.f) | join(" ")'
}

# ---- folders and globs

@test "a folder is all files below it, sorted; what is hidden or unfinished is not" {
    csv in/b.csv b
    csv in/a.csv a
    csv in/a/z.csv a/z
    csv in/a-b.csv a-b
    for f in .hidden.csv _tmp/x.csv .git/y.csv z.csv.part z.csv.tmp z.csv~ \
        .z.csv.crc z.csv.PART; do
        csv "in/$f" wrong
    done
    touch in/_SUCCESS
    # By the bytes of whole paths: '-' and '.' come before '/'.
    [ "$(values in)" = 'a-b a a/z b' ]
    [ "$(values in/)" = 'a-b a a/z b' ]
    [ "$(values "file:$PWD/in")" = 'a-b a a/z b' ]
    mkdir empty
    assert_exit 66 pipe-extract empty
    grep -q "no file matches 'empty'" err
}

@test "links are followed, but never in a circle; a link to nowhere fails" {
    csv in/a.csv a
    csv other/b.csv b
    ln -s ../other in/more
    ln -s a.csv in/again.csv
    [ "$(values in)" = 'a a b' ]
    csv flat/c.csv c
    ln -s . flat/self
    [ "$(values flat)" = c ]
    ln -s nowhere flat/broken.csv
    assert_exit 66 pipe-extract flat
    grep -q broken.csv err
}

@test "globs: ** is folders at any depth, folders that match are read" {
    csv in/a.csv a
    csv in/2026/b.csv b
    csv in/2026/01/c.csv c
    csv in/.git/d.csv wrong
    csv in/2027/e.csv e
    [ "$(values 'in/**/*.csv')" = 'c b e a' ]
    [ "$(values 'in/**/c.csv')" = c ]
    [ "$(values 'in/**/01/*')" = c ]
    [ "$(values '**/b.csv')" = b ]
    [ "$(values 'in/20*')" = 'c b e' ]
    [ "$(values 'in/*/*.csv')" = 'b e' ]
    assert_exit 66 pipe-extract 'in/**/nosuch'
    assert_exit 66 pipe-extract 'nosuch/**'
}

@test "a folder behind a wildcard that may not be looked into fails: 77" {
    local as_user=()
    csv in/a/x.csv a
    csv in/b/x.csv b
    ln -s round in/round
    [ "$(values 'in/*/x.csv')" = 'a b' ]
    if [ "$(id -u)" = 0 ]; then
        # Root without the right to override permissions.
        as_user=(setpriv "--bounding-set=-dac_override,-dac_read_search")
        "${as_user[@]}" true || skip "root may read all folders here"
    fi
    chmod 000 in/b
    for glob in 'in/*/x.csv' 'in/*/x.*' 'in/**/x.csv'; do
        assert_exit 77 "${as_user[@]}" pipe-extract "$glob"
        [ ! -s out ]
    done
    chmod 755 in/b
}

@test "a file that becomes shorter while it is read fails: 75" {
    { echo f && yes row | head -n 4000000; } >a.csv
    {
        code=0
        pipe-extract a.csv 2>err || code=$?
        echo "$code" >code
    } | {
        read -r _
        truncate -s 8000002 a.csv # behind a whole row
        cat >/dev/null
    }
    assert_file code 75
    grep -q "'a.csv' became shorter while it was read" err
    # One that grows is read as far as it goes, one that is replaced as it was.
    { echo f && yes row | head -n 4000000; } >a.csv
    pipe-extract a.csv | {
        read -r _
        csv new.csv x
        mv new.csv a.csv
        wc -l
    } >out
    [ "$(cat out)" -eq 3999999 ]
}

@test "--include and --exclude choose by name, or with a slash by path" {
    csv in/a.csv a
    csv in/a.txt wrong
    csv in/sub/b.csv b
    csv in/old/c.csv c
    [ "$(values --include '*.csv' in)" = 'a c b' ]
    [ "$(values --include '*.csv' --exclude 'old/**' in)" = 'a b' ]
    [ "$(values --include a.csv --include 'sub/*' in)" = 'a b' ]
    [ "$(values --exclude '*.txt' 'in/*')" = 'a c b' ]
    assert_exit 66 pipe-extract --include '*.json' in
    # A file that is named itself is not chosen among others.
    [ "$(values --exclude '*.csv' in/a.csv)" = a ]
}

# ---- days

@test "--since and --until read each day, until not included, in order" {
    for d in 2026-02-27 2026-02-28 2026-03-01; do csv "$d.csv" "$d"; done
    csv extra.csv x
    [ "$(values --since 2026-02-27 --until 2026-03-02 '{date}.csv' extra.csv)" = \
        '2026-02-27 2026-02-28 2026-03-01 x' ]
    [ "$(values --since 2026-02-28 --until 2026-03-01 '{date}.csv')" = 2026-02-28 ]
    csv 2024-02-29.csv leap
    csv 2024-02-28.csv 28
    csv 2024-03-01.csv 1
    [ "$(values --since 2024-02-28 --until 2024-03-02 '{date}.csv')" = '28 leap 1' ]
}

@test "days are whole where clocks change" {
    # In Berlin the 29th of March 2026 has 23 hours, the 25th of October 25.
    csv '2026-03-29T00:00:00+01:00_2026-03-30T00:00:00+02:00.csv' spring
    csv '2026-03-30T00:00:00+02:00_2026-03-31T00:00:00+02:00.csv' next
    csv '2026-10-25T00:00:00+02:00_2026-10-26T00:00:00+01:00.csv' autumn
    [ "$(values --tz Europe/Berlin --since 2026-03-29 --until 2026-03-31 \
        '{start}_{end}.csv')" = 'spring next' ]
    [ "$(values --tz Europe/Berlin --since 2026-10-25 --until 2026-10-26 \
        '{start}_{end}.csv')" = autumn ]
}

@test "a missing day fails before the first record, or is skipped if asked" {
    csv 2026-01-01.csv 1
    csv 2026-01-03.csv 3
    assert_exit 66 pipe-extract --since 2026-01-01 --until 2026-01-04 '{date}.csv'
    [ ! -s out ]
    grep -q 2026-01-02.csv err
    [ "$(values --skip-missing --since 2026-01-01 --until 2026-01-04 '{date}.csv')" = '1 3' ]
    assert_exit 66 pipe-extract --skip-missing --since 2025-01-01 \
        --until 2025-01-04 '{date}.csv'
    grep -q 'none of 3 days' err
    # A file without a date in its name must be there.
    assert_exit 66 pipe-extract --skip-missing --since 2026-01-01 \
        --until 2026-01-02 '{date}.csv' nosuch.csv
}

@test "ranges that are none are 64" {
    csv 2026-01-01.csv 1
    assert_exit 64 pipe-extract --since 2026-01-01 '{date}.csv'
    assert_exit 64 pipe-extract --until 2026-01-01 '{date}.csv'
    assert_exit 64 pipe-extract --since 2026-01-02 --until 2026-01-02 '{date}.csv'
    assert_exit 64 pipe-extract --since 2026-02-30 --until 2026-03-02 '{date}.csv'
    assert_exit 64 pipe-extract --since 0001-01-01 --until 2026-03-02 '{date}.csv'
    assert_exit 64 pipe-extract --since 2026-01-01 --until 2026-01-02 2026-01-01.csv
    assert_exit 64 pipe-extract --since 2026-01-01 --until 2026-01-02 \
        --date 2026-01-01 '{date}.csv'
    assert_exit 64 pipe-extract --skip-missing 2026-01-01.csv
}

# ---- complete or not

@test "--marker NAME: a folder without it is not complete: 75" {
    csv in/a.csv a
    csv in/sub/b.csv b
    assert_exit 75 pipe-extract --marker DONE in
    [ ! -s out ]
    grep -q "'in' is not complete: it has no file 'DONE'" err
    assert_exit 75 pipe-extract --marker DONE 'in/*.csv'
    assert_exit 75 pipe-extract --marker DONE in/a.csv
    touch in/DONE
    [ "$(values --marker DONE in)" = 'a b' ]
    [ "$(values --marker DONE 'in/*.csv')" = a ]
    [ "$(values --marker DONE in/a.csv)" = a ]
    assert_exit 75 pipe-extract --marker DONE in/sub/b.csv
}

@test "--marker '*.done': a file without one of its own is not complete: 75" {
    csv in/a.csv a
    csv in/b.csv b
    touch in/a.csv.done
    assert_exit 75 pipe-extract --marker '*.done' in
    [ "$(values --marker '*.done' in/a.csv)" = a ]
    touch in/b.csv.done
    [ "$(values --marker '*.done' in)" = 'a b' ]
    [ "$(values --marker '*.done' 'in/*')" = 'a b' ]
    for bad in '' a/b '*' '*.*.done'; do
        assert_exit 64 pipe-extract --marker "$bad" in
    done
}

@test "--min-age leaves alone what changed just now" {
    csv in/old.csv old
    csv in/young.csv young
    touch -d '2 hours ago' in/old.csv
    [ "$(values --min-age 1h in)" = old ]
    assert_exit 0 pipe-extract -v --min-age 1h in
    grep -q "1 file changed within --min-age and left alone" err
    assert_exit 75 pipe-extract --min-age 1h in/young.csv
    assert_exit 75 pipe-extract --min-age 1d in
}

# ---- archives

@test "each file of an archive is an input of its own, whatever the format" {
    need_command zip xz zstd bzip2
    csv d/a.csv a
    printf '{"f":"b"}\n' >d/b.ndjson
    csv d/sub/c.csv c
    gzip -c d/sub/c.csv >d/sub/d.csv.gz
    csv d/.hidden.csv wrong
    (cd d && zip -qr ../x.zip a.csv b.ndjson sub .hidden.csv)
    list=(a.csv b.ndjson sub/c.csv sub/d.csv.gz .hidden.csv)
    tar -C d -cf x.tar "${list[@]}"
    tar -C d -czf x.tgz "${list[@]}"
    tar -C d -cJf x.tar.xz "${list[@]}"
    tar -C d -cjf x.tar.bz2 "${list[@]}"
    tar -C d --zstd -cf x.tar.zst "${list[@]}"
    tar -C d --format=v7 -cf old.tar "${list[@]}"
    cp x.tgz noname
    for x in x.zip x.tar x.tgz x.tar.xz x.tar.bz2 x.tar.zst old.tar noname; do
        [ "$(values "$x")" = 'a b c c' ] || fail "$x"
    done
}

@test "members are read whatever letters their names have, in any locale" {
    need_command zip
    csv größe.csv a
    csv 中/文.csv b
    zip -qX plain.zip größe.csv 中/文.csv
    tar --format=pax -cf x.tar größe.csv 中/文.csv
    for LC_ALL in C C.UTF-8; do
        for x in plain.zip x.tar; do
            [ "$(values "$x")" = 'a b' ] || fail "$x in $LC_ALL"
            [ "$(values "$x!中/*")" = b ] || fail "$x in $LC_ALL"
        done
    done
    # As most other writers do it, with the bit that says UTF-8: bit 11 of the
    # flags at 6 of the member's header and at 8 of its place in the directory.
    zip -qX x.zip 中/文.csv
    at=$(LC_ALL=C grep -abo $'PK\1\2' x.zip | cut -d: -f1)
    for byte in 7 $((at + 9)); do
        printf '\010' | dd of=x.zip bs=1 seek="$byte" conv=notrunc status=none
    done
    for LC_ALL in C C.UTF-8; do
        [ "$(values x.zip)" = b ] || fail "x.zip in $LC_ALL"
        [ "$(values 'x.zip!中/*')" = b ] || fail "x.zip in $LC_ALL"
    done
}

@test "dead letters name the archive and its member" {
    need_command zip
    printf 'a,b\n1\n2,3\n' >m.csv
    zip -q x.zip m.csv
    pipe-extract --dlq q x.zip >out
    assert_file out '{"a":"2","b":"3"}'
    [ "$(jq -r .source.uri q)" = 'x.zip!m.csv' ]
}

@test "a pattern behind ! chooses members" {
    need_command zip
    csv d/a.csv a
    csv d/sub/b.csv b
    csv d/sub/notes.txt wrong
    (cd d && zip -qr ../x.zip a.csv sub)
    [ "$(values 'x.zip!*.csv')" = 'a b' ]
    [ "$(values 'x.zip!sub/*.csv')" = b ]
    [ "$(values 'x.zip!a.csv')" = a ]
    [ "$(values 'x.zip!**/b.csv')" = b ]
    [ "$(values '*.zip!b.csv')" = b ]
    [ "$(values --include '*.csv' x.zip)" = 'a b' ]
    [ "$(values --exclude 'sub/*' x.zip)" = a ]
    assert_exit 66 pipe-extract 'x.zip!nosuch'
    grep -q "no member of 'x.zip' matches 'nosuch'" err
    assert_exit 64 pipe-extract 'x.zip!'
    assert_exit 65 pipe-extract 'd/a.csv!b'
    # A file with such a name is that file.
    csv 'odd!name.csv' odd
    [ "$(values 'odd!name.csv')" = odd ]
    [ "$(values '[!x]dd*.csv')" = odd ]
}

@test "members' names never drive a terminal" {
    csv $'esc\e[2J\n.csv' x
    printf 'a,b\n1\n' >$'esc\e[2J\n.csv'
    tar cf x.tar esc*
    assert_exit 65 pipe-extract x.tar
    run ! grep -q $'\e' err
    grep -qF 'x.tar!esc\x1b[2J\n.csv' err ||
        grep -qF 'line 2' err
    pipe-extract --dlq q --max-reject 100% x.tar
    [ "$(jq -r .source.uri q)" = 'x.tar!esc\x1b[2J\n.csv' ]
}

@test "an archive is whole, or the exit code is 65: cut anywhere" {
    need_command zip
    seq -f 'row %.0f' 400 | sed 1if >a.csv
    seq -f 'row %.0f' 400 | sed 1if >b.csv
    zip -q x.zip a.csv b.csv
    tar cf x.tar a.csv b.csv
    tar czf x.tgz a.csv b.csv
    [ "$(pipe-extract x.tar | wc -l)" -eq 800 ]
    # Behind the members of a plain tar, where nothing else tells.
    member=$((512 + ($(stat -c %s a.csv) + 511) / 512 * 512))
    for cut in "$member" $((2 * member)) $((2 * member + 512)); do
        head -c "$cut" x.tar >cut.tar
        assert_exit 65 pipe-extract cut.tar
    done
    for x in x.zip x.tar x.tgz; do
        size=$(stat -c %s "$x")
        # The padding of a tar is not part of it.
        [ "$x" != x.tar ] || size=$((2 * member + 512))
        for part in 1 7 13 29 50 71 88 97 99; do
            head -c $((size * part / 100)) "$x" >"cut${x#x}"
            assert_exit 65 pipe-extract "cut${x#x}"
        done
    done
}

@test "encrypted, misnamed and empty archives" {
    need_command zip
    csv a.csv a
    zip -q -P secret x.zip a.csv
    assert_exit 65 pipe-extract x.zip
    grep -q "member 'a.csv' of 'x.zip' is encrypted" err
    cp a.csv wrong.zip
    assert_exit 65 pipe-extract wrong.zip
    cp a.csv wrong.tar
    assert_exit 65 pipe-extract wrong.tar
    : >empty.tar
    assert_exit 65 pipe-extract empty.tar
    mkdir nothing
    tar cf nothing.tar nothing
    assert_exit 66 pipe-extract nothing.tar
    grep -q "no file to be read in 'nothing.tar'" err
}

@test "a bomb stops at --max-size and --max-ratio, and nothing is written to disk" {
    need_command zip
    head -c 30000000 /dev/zero | tr '\0' 1 | fold -w 1000 | sed 1if >big.csv
    zip -q x.zip big.csv
    tar cjf x.tar.bz2 big.csv
    rm big.csv
    for x in x.zip x.tar.bz2; do
        assert_exit 65 pipe-extract --max-ratio 50 "$x"
        grep -q '50 times' err
        assert_exit 65 pipe-extract --max-size 1M --max-ratio 0 "$x"
        [ "$(stat -c %s out)" -lt 2000000 ]
        assert_exit 0 pipe-extract --max-ratio 0 "$x"
        [ "$(wc -l <out)" -eq 30000 ]
    done
    [ "$(find . -name '*.csv')" = '' ]
}

@test "xz, bzip2 and lz4 files, whole or 65" {
    need_command xz bzip2 lz4
    seq -f 'row %.0f' 5000 | sed 1if >a.csv
    pipe-extract a.csv >want
    xz -k a.csv
    bzip2 -k a.csv
    lz4 -q a.csv a.csv.lz4
    for x in xz bz2 lz4; do
        pipe-extract "a.csv.$x" >out
        cmp out want
        size=$(stat -c %s "a.csv.$x")
        for part in 20 60 99; do
            head -c $((size * part / 100)) "a.csv.$x" >"cut.csv.$x"
            assert_exit 65 pipe-extract "cut.csv.$x"
        done
        # Two in a row are one, as for gzip.
        cat "a.csv.$x" "a.csv.$x" >"two.csv.$x"
        [ "$(pipe-extract "two.csv.$x" | wc -l)" -eq 10001 ]
        { cat "a.csv.$x" && echo rubbish; } >"bad.csv.$x"
        assert_exit 65 pipe-extract "bad.csv.$x"
        # So little of a head that libarchive does not know it.
        for bytes in 4 5 7 9 11; do
            head -c $bytes "a.csv.$x" >"head.csv.$x"
            assert_exit 65 pipe-extract "head.csv.$x"
        done
        # So little that nothing but the name tells.
        head -c 3 "a.csv.$x" >"stub.ndjson.$x"
        assert_exit 65 pipe-extract "stub.ndjson.$x"
        : >"void.ndjson.$x"
        assert_exit 65 pipe-extract "void.ndjson.$x"
        tar cf x.tar "a.csv.$x"
        pipe-extract x.tar >out
        cmp out want
        tar cf x.tar "cut.csv.$x"
        assert_exit 65 pipe-extract x.tar
    done
}

# ---- new files only

# load_new [OPTION...]: loads what is new in `in`; prints all that is loaded.
load_new() {
    export PIPE_STATE=$PWD/state
    pipe-run --pipeline p -- \
        "pipe-extract --new $* | pipe-load sqlite:x.db -t t --mode append --create -q" \
        2>err || return
    sqlite3 x.db 'SELECT group_concat(f, " ") FROM (SELECT f FROM t ORDER BY rowid)'
}

@test "--new reads each file once" {
    csv in/a.csv a
    csv in/b.csv b
    [ "$(load_new in)" = 'a b' ]
    [ "$(load_new in)" = 'a b' ]
    csv in/c.csv c
    [ "$(load_new in)" = 'a b c' ]
    # The ledger has them too.
    [ "$(sqlite3 x.db 'SELECT count(*) FROM _pipe_positions')" -eq 3 ]
}

@test "--new: what was not committed is new" {
    export PIPE_STATE=$PWD/state
    csv in/a.csv a
    assert_exit 1 pipe-run --pipeline p -- 'pipe-extract --new in | (cat >/dev/null; exit 1)'
    run ! pipe-run --pipeline p -- \
        'pipe-extract --new in | pipe-load sqlite:x.db -t t --mode append --create -q; exit 3'
    [ "$(load_new in)" = a ]
    [ "$(load_new in)" = a ]
}

@test "--new: a file that was touched is not read again, one that changed is" {
    csv in/a.csv a
    csv in/b.csv b
    load_new in
    touch -d '1 hour ago' in/a.csv
    [ "$(load_new in)" = 'a b' ]
    csv in/b.csv X
    touch -d '3 hours ago' in/b.csv
    [ "$(load_new -v in)" = 'a b X' ]
    grep -q "'in/b.csv' has changed since it was read" err
    echo more >>in/a.csv
    [ "$(load_new -v in)" = 'a b X a more' ]
    grep -q "'in/a.csv' has grown since it was read" err
    [ "$(load_new in)" = 'a b X a more' ]
}

@test "--new opens no file whose size and time are those noted" {
    need_command strace
    csv in/a.csv a
    load_new in
    csv in/b.csv b
    export PIPE_STATE=$PWD/state
    strace -f -qq -e trace=openat -o trace pipe-run --pipeline p -- \
        'pipe-extract --new in | pipe-load sqlite:x.db -t t --mode append -q' ||
        skip "strace may not trace here"
    grep -q '"in/b.csv"' trace
    run ! grep -q '"in/a.csv"' trace
}

@test "--new with archives, compression, Parquet's peers: noted once they are whole" {
    need_command zip
    csv a.csv a
    csv b.csv b
    mkdir in
    zip -q in/x.zip a.csv b.csv
    tar cf in/y.tar a.csv b.csv
    gzip -c a.csv >in/z.csv.gz
    [ "$(load_new in)" = 'a b a b a' ]
    [ "$(load_new in)" = 'a b a b a' ]
    [ "$(sqlite3 x.db 'SELECT count(*) FROM _pipe_positions')" -eq 3 ]
    # The checksum is of the file's bytes, however it was read.
    touch in/*
    [ "$(load_new in)" = 'a b a b a' ]
}

@test "--new leaves alone what is young or has no marker yet, and takes it later" {
    csv in/a.csv a
    csv in/b.csv b
    touch in/a.csv.ok
    [ "$(load_new --marker '*.ok' in)" = a ]
    touch in/b.csv.ok
    [ "$(load_new --marker '*.ok' in)" = 'a b' ]
    csv in/c.csv c
    [ "$(load_new --min-age 1h in)" = 'a b' ]
    [ "$(load_new --include '*.csv' in)" = 'a b c' ]
}

@test "--new: no file is fine, but the folder has to be there" {
    mkdir in
    csv first/a.csv a
    load_new first
    [ "$(load_new in)" = a ]
    [ "$(load_new "'in/*.csv'")" = a ]
    export PIPE_STATE=$PWD/state
    assert_exit 66 pipe-run --pipeline p -- 'pipe-extract --new nosuch | cat >/dev/null'
}

@test "--new over days: files of all days are noted under one source" {
    csv in/2026-01-01.csv 1
    csv in/2026-01-02.csv 2
    [ "$(load_new --since 2026-01-01 --until 2026-01-03 "'in/{date}.csv'")" = '1 2' ]
    csv in/2026-01-03.csv 3
    [ "$(load_new --since 2026-01-01 --until 2026-01-04 "'in/{date}.csv'")" = '1 2 3' ]
}

@test "--new where nobody keeps what was read is 64" {
    csv in/a.csv a
    assert_exit 64 pipe-extract --new in
    grep -q pipe-run err
    export PIPE_STATE=$PWD/state
    assert_exit 64 pipe-run --pipeline p -- 'pipe-extract --new --max 1 in >/dev/null'
}

@test "a thousand files" {
    mkdir in
    for ((i = 1000; i < 2000; i++)); do
        printf 'f\n%d\n' "$i" >"in/$i.csv"
    done
    [ "$(load_new in | wc -w)" -eq 1000 ]
    csv in/2000.csv 2000
    [ "$(load_new in | wc -w)" -eq 1001 ]
}
