#!/usr/bin/env bats
# pipe-report: backup, restore, prune.
load ../helper

# One run with dead letters, a log, keys of a dedup, and a database.
make_state() {
    printf '{"id":1}\nbad\n{"id":2}\n' >in.ndjson
    pipe-run --pipeline p --run-id "${1:-r1}" -- \
        'pipe-extract --max-reject 50% in.ndjson |
            pipe-dedup -k id --state keys |
            pipe-load sqlite:shop.db -t t --mode append --create' 2>err
}

# tree FOLDER: its files with their contents, locks left out.
tree() {
    (cd "$1" && find . -type f ! -path './lock/*' ! -name '.*' ! -name '*-wal' \
        ! -name '*-shm' ! -name '*.db*' ! -name live -print0 | sort -z |
        xargs -0 sha256sum)
}

@test "what is restored is what was there, databases included" {
    make_state
    pipe-report backup -o b.tar.zst --include sqlite:shop.db
    tree state >before
    (($(wc -l <before) > 3))
    mv state old
    mv shop.db old.db
    assert_exit 0 pipe-report restore b.tar.zst
    grep -q 'shop.db: --include puts it back' err
    tree state | diff before -
    [ ! -e shop.db ]
    assert_exit 0 pipe-report restore --force --include "$PWD/shop.db" b.tar.zst
    [ "$(sqlite3 shop.db 'SELECT count(*) FROM t')" = 2 ]
    [ ! -e state.restoring ]
    # The state goes on where it was: the same keys are known.
    make_state r2
    [ "$(sqlite3 shop.db 'SELECT count(*) FROM t')" = 2 ]
    [ "$(pipe-report history | jq -r .run_id | tr '\n' ' ')" = "r2 r1 " ]
}

@test "tar and sha256sum read a backup, of every kind" {
    make_state
    for kind in tar tar.gz tar.zst; do
        pipe-report backup -o "b.$kind"
        mkdir "out.$kind"
        tar -xf "b.$kind" -C "out.$kind"
        (cd "out.$kind" && sha256sum --quiet -c SHA256SUMS)
        diff state/runs.ndjson "out.$kind/state/runs.ndjson"
    done
    assert_exit 64 pipe-report backup -o b.zip
    assert_exit 64 pipe-report backup
}

@test "names of more than a hundred bytes come back" {
    long=$(printf 'n%.0s' {1..120})
    mkdir -p "state/positions/$long"
    echo '{}' >"state/positions/$long/$long.json"
    pipe-report backup -o b.tar
    tar -tf b.tar | grep -qx "state/positions/$long/$long.json"
    mv state old
    pipe-report restore b.tar
    diff -r old state
}

@test "a state that is not empty is kept, unless forced" {
    make_state
    pipe-report backup -o b.tar.zst
    make_state r2
    tree state >before
    assert_exit 73 pipe-report restore b.tar.zst
    tree state | diff before -
    assert_exit 0 pipe-report restore --force b.tar.zst
    [ "$(pipe-report history | jq -r .run_id)" = r1 ]
}

@test "a backup that is cut or changed anywhere is refused, the state kept" {
    make_state
    pipe-report backup -o b.tar
    tree state >before
    size=$(stat -c %s b.tar)
    for at in 0 100 512 1000 $((size / 2)) $((size - 1100)) $((size - 1025)); do
        head -c "$at" b.tar >cut.tar
        run pipe-report restore --force cut.tar
        ((status == 65)) || fail "cut at $at: exit $status $output"
    done
    # Each file's first byte, and names.
    tree state | diff before -
    grep -obUa 'not_json' b.tar | cut -d: -f1 >places
    grep -obUa 'state/' b.tar | cut -d: -f1 >>places
    (($(wc -l <places) > 3))
    while read -r at; do
        cp b.tar bad.tar
        printf X | dd of=bad.tar bs=1 seek="$at" conv=notrunc status=none
        run pipe-report restore --force bad.tar
        ((status == 65)) || fail "changed at $at: exit $status $output"
        run pipe-report restore -n bad.tar
        ((status == 65)) || fail "changed at $at, verified: exit $status"
    done <places
    tree state | diff before -
    [ ! -e state.restoring ]
}

@test "an archive whose names lead elsewhere is refused" {
    mkdir -p evil/state && echo '{}' >evil/BACKUP.json && echo x >evil/x
    (cd evil && tar --format=ustar -cf ../evil.tar BACKUP.json --transform 's,^x,state/../../x,' x)
    assert_exit 65 pipe-report restore evil.tar
    grep -q 'leads elsewhere' err
    (cd evil && ln -s /etc link && tar --format=ustar -cf ../link.tar BACKUP.json link)
    assert_exit 65 pipe-report restore link.tar
    (cd evil && tar --format=ustar -cf ../other.tar x)
    assert_exit 65 pipe-report restore other.tar
    [ ! -e x ] && [ ! -e state ]
}

@test "killed at any moment, a restore leaves the old state or the new one" {
    make_state
    awk 'BEGIN { for (i = 0; i < 100000; i++) printf "{\"a\":%d}\n", i }' >big
    cp big state/big.ndjson
    pipe-report backup -o b.tar
    rm state/big.ndjson
    local killed=0 replaced=0 began took i
    began=${EPOCHREALTIME/./}
    PIPE_STATE=$PWD/other pipe-report restore b.tar
    took=$((${EPOCHREALTIME/./} - began))
    for i in {1..20}; do
        pipe-report restore --force b.tar 2>/dev/null &
        sleep "$(printf '0.%06d' $((took * i / 16)))"
        kill -9 $! 2>/dev/null && killed=$((killed + 1))
        wait $! 2>/dev/null || true
        [ "$(jq -r .run_id state/runs.ndjson)" = r1 ]
        [ "$(find state/dlq -name '*.ndjson' | wc -l)" = 1 ]
        if [ -e state/big.ndjson ]; then
            cmp big state/big.ndjson || fail "half a file at kill $i"
            rm state/big.ndjson
            replaced=$((replaced + 1))
        fi
    done
    echo "# $killed killed, $replaced replaced" >&3
    ((killed > 3))
    assert_exit 0 pipe-report restore --force b.tar
    cmp big state/big.ndjson
    [ ! -e state.restoring ]
}

@test "a backup made while runs work holds whole lines and readable databases" {
    make_state
    (for i in {2..7}; do
        printf '{"id":%d}\nbad\n' "$i" >"in$i.ndjson"
        pipe-run --pipeline p -- "pipe-extract --max-reject 90% in$i.ndjson |
            pipe-dedup -k id --state keys |
            pipe-load sqlite:shop.db -t t --mode append --create" 2>/dev/null
    done) &
    for i in {1..4}; do
        pipe-report backup -o b.tar --include shop.db 2>/dev/null
        rm -rf out && mkdir out && tar -xf b.tar -C out
        (cd out && sha256sum --quiet -c SHA256SUMS)
        cat out/state/runs.ndjson out/state/dlq/p/*.ndjson | jq -e . >/dev/null
        find out -type f | while read -r f; do
            head -c 15 "$f" | grep -qa 'SQLite format 3' || continue
            [ "$(sqlite3 "$f" 'PRAGMA integrity_check')" = ok ] || echo "$f"
        done >bad
        [ ! -s bad ] || fail "$(cat bad)"
    done
    wait
}

@test "restore waits for no run: it refuses while one lives" {
    make_state
    pipe-report backup -o b.tar
    pipe-run --pipeline live --run-id alive -- 'sleep 30' &
    local pid=$!
    within 5 test -e state/runs/live/alive/record.json
    assert_exit 75 pipe-report restore --force b.tar
    assert_exit 0 pipe-report backup -o c.tar
    grep -q 'runs of live live' err
    kill $pid
    wait $pid || true
}

# ---- prune

# old DAYS RUN: makes the run as if it had ended so many days ago.
old() {
    local day
    day=$(date -u -d "$1 days ago" +%F)
    sed -i -E "s/\"(started|ended)\":\"[^T]*T/\"\1\":\"${day}T/g" \
        "state/runs/p/$2/record.json"
    jq -c . "state/runs/p/$2/record.json" >line
    jq -c --arg id "$2" 'select(.run_id != $id)' state/runs.ndjson >rest
    cat line rest >state/runs.ndjson
}

@test "what is older than the file says goes, the last run stays" {
    export PIPE_CONFIG=$PWD/conf
    mkdir conf
    for i in 1 2 3; do make_state "r$i"; done
    old 100 r1
    old 40 r2
    echo '{"keep":{"runs":"90d","logs":"30d"}}' >conf/p.json
    tree state >before
    assert_exit 0 pipe-report prune -n
    assert_file out 'p: would remove 1 run, 1 log, 1 record'
    tree state | diff before -
    assert_exit 0 pipe-report prune
    assert_file out ""
    [ ! -e state/runs/p/r1 ]
    [ -e state/runs/p/r2/record.json ]
    [ ! -e state/runs/p/r2/log.ndjson ]
    [ -e state/runs/p/r3/log.ndjson ]
    [ "$(jq -r .run_id state/runs.ndjson | sort | tr '\n' ' ')" = "r2 r3 " ]
    [ "$(stat -c %a state/runs.ndjson)" = 600 ]
    # A year later still: the last run is what the pipeline is judged by.
    assert_exit 0 pipe-report prune --now "$(date -u -d '400 days' +%FT%TZ)"
    [ "$(jq -r .run_id state/runs.ndjson | tr '\n' ' ')" = "r3 " ]
}

@test "dead letters go by their age; what is not named is kept for ever" {
    export PIPE_CONFIG=$PWD/conf
    mkdir conf
    make_state
    echo '{}' >conf/p.json
    assert_exit 0 pipe-report prune --now "$(date -u -d '9000 days' +%FT%TZ)"
    [ "$(pipe-dlq list --pipeline p | wc -l)" = 1 ]
    echo '{"keep":{"dead_letters":"90d"}}' >conf/p.json
    assert_exit 0 pipe-report prune -v --now "$(date -u -d '89 days' +%FT%TZ)"
    [ "$(pipe-dlq list --pipeline p | wc -l)" = 1 ]
    assert_exit 0 pipe-report prune -v --now "$(date -u -d '91 days' +%FT%TZ)"
    grep -qx 'p: removed 1 dead letter (1 open)' out
    [ "$(pipe-dlq list --pipeline p | wc -l)" = 0 ]
}

@test "a run that lives, and one that state waits for, are not removed" {
    export PIPE_CONFIG=$PWD/conf
    mkdir conf
    echo '{"keep":{"runs":"1s"}}' >conf/p.json
    make_state
    make_state r2
    mkdir -p state/runs/p/r1/pending
    echo '{}' >state/runs/p/r1/pending/x.json
    pipe-run --pipeline p --run-id alive -- 'sleep 30' &
    local pid=$!
    within 5 test -e state/runs/p/alive/record.json
    assert_exit 0 pipe-report prune --now "$(date -u -d '10 days' +%FT%TZ)"
    [ -e state/runs/p/alive ] && [ -e state/runs/p/r1 ] && [ ! -e state/runs/p/r2 ]
    kill $pid
    wait $pid || true
}

@test "records of runs that end while the index is pruned are not lost" {
    export PIPE_CONFIG=$PWD/conf
    mkdir conf
    echo '{"keep":{"runs":"90d"}}' >conf/p.json
    make_state
    for i in {1..2000}; do
        printf '{"outcome":"ok","pipeline":"p","run_id":"old%d","started":"2020-01-01T00:00:00Z","ended":"2020-01-01T00:00:01Z"}\n' "$i"
    done >many
    (for i in {1..8}; do pipe-run --pipeline "q$i" -- true; done) &
    local rounds=0
    while kill -0 $! 2>/dev/null; do
        # As a run appends: with the lock of the file that is there.
        flock state/runs.ndjson -c 'cat many >>state/runs.ndjson'
        pipe-report prune
        rounds=$((rounds + 1))
    done
    wait
    make_state r9
    pipe-report prune
    ((rounds > 3))
    [ "$(jq -r 'select(.pipeline != "p").pipeline' state/runs.ndjson | sort -u | wc -l)" = 8 ]
    run ! grep -q '"old' state/runs.ndjson
}
