#!/usr/bin/env bats
# kill -9 of loads into SQLite, at random moments and at each system call: what
# is committed is everything or nothing, and the next run loads once. KILLS sets
# how many random moments (default 100 each); KILL_SEED which.
# shellcheck disable=SC2034 # a campaign reads them
load ../helper
load ../kills

setup_file() {
    kills_setup
}

@test "random kills in a pipeline of five stages: nothing or all, then once" {
    make_orders 30000 >in.ndjson
    sqlite3 first.db "CREATE TABLE t(id INTEGER, country TEXT, date TEXT,
        customer TEXT, n INTEGER); INSERT INTO t(id) VALUES(-1)"
    echo '{"id":0}' | pipe-load sqlite:first.db -t t --mode append -q
    fresh() {
        rm -f t.db*
        cp first.db t.db
    }
    load() {
        pipe-extract --format ndjson in.ndjson |
            pipe-transform --where 'id IS NOT NULL' |
            pipe-dedup -k id |
            pipe-aggregate -g id,country,date,customer -a 'n=count()' |
            pipe-load sqlite:t.db -t t --mode append -q
    }
    state() {
        sqlite_state t.db
    }
    VICTIMS=(pipe-extract pipe-transform pipe-dedup pipe-aggregate pipe-load
        shell)
    ENDERS=(pipe-load)
    LAST=pipe-aggregate
    campaign 'SQLite, five stages' "${KILLS:-100}"
}

@test "random kills in every mode: nothing or all, then once" {
    sqlite_modes
    VICTIMS=(pipe-extract pipe-transform pipe-load shell)
    ENDERS=(pipe-load)
    LAST=pipe-transform
    campaign 'SQLite, all modes' "${KILLS:-100}"
}

@test "a kill at each system call of a load: nothing or all, then once" {
    need_command strace
    local call n status have first whole nothing=0 all=0
    make_orders 3000 >old
    make_orders 3000 2000 | sed 's/2026-01/2026-02/' >new
    pipe-load sqlite:first.db -t t --create -m append -q <old
    once() {
        pipe-load sqlite:t.db -t t -m upsert -k id -q <new
    }
    sqlite3 first.db 'CREATE UNIQUE INDEX u ON t(id)'
    cp first.db t.db
    first=$(sqlite_state t.db)
    once
    whole=$(sqlite_state t.db)
    for call in openat fcntl pwrite64 fdatasync unlink exit_group; do
        for ((n = 1; n < 400; n++)); do
            rm -f t.db*
            cp first.db t.db
            status=0
            strace -qq -o trace -e trace=$call \
                -e inject=$call:signal=KILL:when=$n \
                "$(command -v pipe-load)" sqlite:t.db -t t -m upsert -k id -q \
                <new 2>/dev/null || status=$?
            have=$(sqlite_state t.db)
            case $have in
            "$first") nothing=$((nothing + 1)) ;;
            "$whole") ((status == 0)) || all=$((all + 1)) ;;
            *) fail "killed at $call $n: $have" ;;
            esac
            once || fail "again after $call $n"
            [ "$(sqlite_state t.db)" = "$whole" ] || fail "twice at $call $n"
            ((status)) || break
        done
        ((n > 1 && n < 400)) || fail "$call $n"
    done
    echo "# killed at a system call: found nothing $nothing, all $all" >&3
    ((nothing > 30 && all > 1))
}
