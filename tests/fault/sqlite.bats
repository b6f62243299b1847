#!/usr/bin/env bats
# What may befall a load into SQLite: nothing or all, with a code that says
# whether to try again, and once after a re-run.
load ../helper

teardown() {
    umount small 2>/dev/null || true
}

into() { pipe-load sqlite:t.db -t t -q "$@"; }
count() { sqlite3 t.db 'SELECT count(*) FROM t'; }

@test "files that must not grow any more: nothing, and once when they may" {
    local blocks first refused=0
    make_orders 5000 >in
    sqlite3 first.db 'CREATE TABLE t(id INTEGER, customer TEXT, country TEXT,
        amount REAL, date TEXT)'
    for ((blocks = 8; blocks < 1200; blocks += 45)); do
        # The signal of the limit ignored: a write fails; or not: it kills.
        for first in "trap '' XFSZ;" ''; do
            rm -f t.db*
            cp first.db t.db
            status=0
            bash -c "$first ulimit -f $blocks; exec pipe-load sqlite:t.db -t t \
                -m append -q" <in 2>err || status=$?
            case $status/$(count) in
            0/5000) ;;
            74/0 | 153/0) refused=$((refused + 1)) ;;
            *) fail "$blocks: exit $status, $(count) rows" "$(cat err)" ;;
            esac
            into -m append <in
            [ "$(count)" = 5000 ] || fail "$blocks: not once"
        done
    done
    echo "# refused $refused" >&3
    ((refused > 4))
}

@test "the target's disk is full: nothing, and once when it has room" {
    mkdir small
    [ $EUID = 0 ] && mount -t tmpfs -o size=200k none small 2>/dev/null ||
        skip 'a small file system cannot be mounted here'
    make_orders 20000 >in
    local status=0 rows later
    sqlite3 small/t.db 'CREATE TABLE t(id INTEGER, customer TEXT, country TEXT,
        amount REAL, date TEXT)'
    pipe-load sqlite:small/t.db -t t -m append -q <in 2>err || status=$?
    rows=$(sqlite3 small/t.db 'SELECT count(*) FROM t')
    mount -o remount,size=20m small
    pipe-load sqlite:small/t.db -t t -m append -q <in || true
    later=$(sqlite3 small/t.db 'SELECT count(*) FROM t')
    umount small
    [ $status/"$rows"/"$later" = 74/0/20000 ] ||
        fail "exit $status, $rows rows, then $later" "$(cat err)"
}

# A transaction that begins with a read and goes on to write would fail at once.
@test "a lock that is given back in time is waited for, in every mode" {
    local mode
    make_orders 100 >in
    into -m upsert -k id --create <in
    for mode in append 'upsert -k id' 'replace --all' 'delete-insert -k id' \
        'append --batch 30'; do
        sqlite3 t.db 'DROP TABLE t; DROP TABLE _pipe_loads'
        into -m append --create --run-id first <<<'{"id":0}'
        sqlite3 t.db 'ALTER TABLE t ADD customer; ALTER TABLE t ADD country;
            ALTER TABLE t ADD amount; ALTER TABLE t ADD date;
            CREATE UNIQUE INDEX u ON t(id)'
        rm -f held
        printf '%s\n' 'BEGIN IMMEDIATE;' 'INSERT INTO t(id) VALUES(-1);' \
            '.shell touch held; sleep 0.7' 'COMMIT;' | sqlite3 t.db &
        within 10 test -e held
        # shellcheck disable=SC2086 # mode has options
        into -m $mode --run-id r --lock-timeout 30s <in || fail "$mode"
        wait
        [ "$(sqlite3 t.db 'SELECT count(*) FROM t WHERE id > 0')" = 100 ] || fail "$mode"
    done
}

@test "delete-insert by several at once: one of them, whole" {
    local i
    sqlite3 t.db 'CREATE TABLE t(k INTEGER, run INTEGER)'
    for i in 1 2 3 4; do
        seq 2000 | sed "s/.*/{\"k\":&,\"run\":$i}/" >in.$i
        into -m delete-insert -k k --run-id "$i" --lock-timeout 60s <in.$i &
    done
    wait
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT k), count(DISTINCT run)
        FROM t')" = '2000|2000|1' ]
    [ "$(sqlite3 t.db 'SELECT count(*) FROM _pipe_loads')" = 4 ]
}

@test "one bad row in 100,000: rejected with its reason, the rest is loaded" {
    make_orders 100000 | sed '54321s/"amount":[0-9.]*/"amount":-1/' >in
    sqlite3 t.db 'CREATE TABLE t(id INTEGER PRIMARY KEY, customer TEXT,
        country TEXT, amount REAL CHECK (amount >= 0), date TEXT)'
    run -0 pipe-load sqlite:t.db -t t -m append --dlq dead.ndjson -v <in
    [[ $output == *'read 100000 = 99999 out + 1 rejected'* ]]
    jq -e '.source.line == 54321 and .errors[0].code == "constraint"' dead.ndjson
    [ "$(count)" = 99999 ]
}

@test "a constraint that fails at COMMIT under pipe-run: 65, nothing, the record says so" {
    sqlite3 t.db 'CREATE TABLE p(id INTEGER PRIMARY KEY);
        CREATE TABLE t(id INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED)'
    echo '{"id":1}' >in
    assert_exit 65 pipe-run -q --pipeline p -- 'pipe-extract --format ndjson in |
        pipe-load sqlite:t.db -t t -m append -q'
    [ "$(count)" = 0 ]
    [ "$(jq -r '.outcome, .loads[0].committed' "$PIPE_STATE/runs.ndjson" |
        xargs)" = 'failed false' ]
}
