#!/usr/bin/env bats
# A load into PostgreSQL that dies or is cut off at any moment: everything or
# nothing, and once after a re-run. KILLS sets how often (default 60 each);
# KILL_SEED the moments.
# shellcheck disable=SC2034 # a campaign reads them
load ../helper
load ../kills
load postgres

setup_file() {
    kills_setup
    "${CC:-cc}" -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/cutproxy" \
        "$REPO/tests/services/cutproxy.c"
    pg_start
}
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql "SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
        WHERE nspname !~ '^(pg_|information_schema)'" |
        while read -r drop; do sql "$drop"; done 2>/dev/null
    sql 'CREATE SCHEMA public'
}

@test "random kills in every mode: nothing or all, then once" {
    pg_modes
    VICTIMS=(pipe-extract pipe-transform pipe-load shell)
    ENDERS=(pipe-load)
    LAST=pipe-transform
    campaign 'PostgreSQL, all modes' "${KILLS:-60}"
}

@test "random kills under pipe-run with jq, in every mode: nothing or all, then once" {
    GATED=yes
    pg_modes
    VICTIMS=(pipe-extract jq pipe-transform load-first load-last shell run guard)
    ENDERS=(load-first load-last shell run guard)
    LAST=pipe-transform
    campaign 'PostgreSQL under pipe-run, all modes' "${KILLS:-60}"
}

@test "loads of one run into SQLite and PostgreSQL, killed: a run again makes both whole" {
    need_command jq
    make_orders 8000 >in.ndjson
    GATED=yes
    sql 'CREATE SCHEMA load'
    echo '{"id":0,"customer":"","country":"","amount":0.5,"date":""}' >first
    fresh() {
        rm -f t.db*
        pipe-load sqlite:t.db -t t -m append --create -q <first
        sql 'DROP TABLE IF EXISTS load.t, load._pipe_loads' 2>/dev/null
        pipe-load "$URL" -t load.t -m append --create -q <first
    }
    load() {
        exec pipe-run -q --pipeline p --kill-after 5s --lock-wait 20s -- "
            pipe-extract in.ndjson |
                tee >(pipe-load sqlite:t.db -t t -m append -q) |
                jq -c . | pipe-load '$URL' -t load.t -m append -q"
    }
    state() {
        pg_state load
        sqlite_state t.db
    }
    # Each of the two for itself.
    between() {
        local one which
        for which in 'head -n 1' 'tail -n 2'; do
            one=$($which <<<"$1")
            [ "$one" = "$($which <<<"${nothing[load]}")" ] ||
                [ "$one" = "$($which <<<"${all[load]}")" ] || return 1
        done
    }
    VICTIMS=(pipe-extract tee jq load-first load-last shell run guard)
    ENDERS=(load-first load-last run guard)
    LAST=jq
    campaign 'SQLite and PostgreSQL in one run' "${KILLS:-40}"
}

# proxy WHEN: starts a proxy that cuts the connection then: $proxy, $port.
proxy() {
    rm -f proxy.log
    "$BATS_FILE_TMPDIR/cutproxy" "$PGPORT" "$1" >proxy.log 3>&- &
    proxy=$!
    within 10 grep -qs ready proxy.log
    port=$(awk '/^ready/ { print $2 }' proxy.log)
}

# cut WHEN [RUN]: loads through that proxy.
cut() {
    local port proxy
    proxy "$1"
    status=0
    pipe-load "postgresql://pipe@127.0.0.1:$port/postgres" -t t --mode append \
        --run-id "${2:-r}" -v <in.ndjson >out 2>&1 || status=$?
    kill "$proxy"
    wait "$proxy" 2>/dev/null || true
    grep -q cut proxy.log
}

@test "the connection is cut before COMMIT: nothing, 75; once after a re-run" {
    make_orders 1000 >in.ndjson
    echo '{"id":0}' | pipe-load "$URL" -t t --mode append --create --on-unknown accept --run-id 0
    sql 'ALTER TABLE t ADD customer text, ADD country text, ADD amount numeric, ADD date text'
    cut before
    cat out
    [ "$status" = 75 ]
    grep -q 'nothing is loaded' out
    [ "$(sql 'SELECT count(*) FROM t')" = 1 ]
    pipe-load "$URL" -t t --mode append --run-id r <in.ndjson
    [ "$(sql 'SELECT count(*) FROM t')" = 1001 ]
}

@test "the connection is cut at or after COMMIT: the ledger says that it was done" {
    make_orders 1000 >in.ndjson
    for when in during after; do
        sql 'DROP TABLE IF EXISTS t, _pipe_loads' 2>/dev/null
        echo '{"id":0,"customer":"","country":"","amount":0.5,"date":""}' |
            pipe-load "$URL" -t t --mode append --create --on-unknown accept --run-id 0
        cut $when
        cat out
        # A commit that was only sent may be lost or done; what is said is so.
        case $status in
        0) [ "$(sql 'SELECT count(*) FROM t')" = 1001 ] ;;
        75) [ "$(sql 'SELECT count(*) FROM t')" = 1 ] && [ $when = during ] ;;
        *) false ;;
        esac
        pipe-load "$URL" -t t --mode append --run-id r <in.ndjson
        [ "$(sql 'SELECT count(*) FROM t')" = 1001 ]
    done
}

@test "the outcome of a COMMIT stays unknown: said so at a signal, and a re-run knows" {
    local load status=0
    make_orders 1000 >in.ndjson
    echo '{"id":0,"customer":"","country":"","amount":0.5,"date":""}' |
        pipe-load "$URL" -t t --mode append --create --on-unknown accept --run-id 0
    proxy last
    pipe-load "postgresql://pipe@127.0.0.1:$port/postgres" -t t --mode append \
        --run-id r <in.ndjson >out 2>&1 &
    load=$!
    # Where the proxy was, nobody answers any more.
    within 20 grep -q cut proxy.log
    wait "$proxy"
    sleep 0.5
    kill -0 $load
    kill -TERM $load
    wait $load || status=$?
    [ $status = 143 ] || fail "exit $status" "$(cat out)"
    run -0 pipe-load "$URL" -t t --mode append --run-id r <in.ndjson
    [[ $output == *'already: nothing changed'* ]]
    [ "$(sql 'SELECT count(*) FROM t')" = 1001 ]
}

@test "the connection is cut at random places of a load: nothing or all, then once" {
    local i at size run nothing=0 all=0 have
    make_orders 3000 >in.ndjson
    echo '{"id":0,"customer":"","country":"","amount":0.5,"date":""}' |
        pipe-load "$URL" -t t --mode append --create --on-unknown accept --run-id 0
    ! cut 100000000 whole || fail "that was enough"
    size=$(awk '/^said/ { print $2 }' proxy.log)
    RANDOM=${KILL_SEED:-42}
    for ((i = 0; i < ${KILLS:-60} / 2; i++)); do
        sql 'TRUNCATE t'
        # Anywhere, in what follows the rows, around the last COMMIT.
        case $((i % 3)) in
        0) at=$((1 + (RANDOM << 15 | RANDOM) % size)) ;;
        1) at=$((size - RANDOM % 1200)) ;;
        2) at=$((size - RANDOM % 24)) ;;
        esac
        run=$(printf 'r%04d' "$i") # as long as the first one's name
        cut $at "$run" || fail "not cut at $at of $size" "$(cat out)"
        have=$(sql 'SELECT count(*) FROM t')
        case $status/$have in
        69/0 | 75/0) nothing=$((nothing + 1)) ;;
        0/3000) all=$((all + 1)) ;;
        *) fail "cut at $at: exit $status, $have rows" "$(cat out)" ;;
        esac
        pipe-load "$URL" -t t --mode append --run-id "$run" -q <in.ndjson
        [ "$(sql 'SELECT count(*) FROM t')" = 3000 ] || fail "not once: cut at $at"
    done
    echo "# cuts: nothing $nothing, all $all" >&3
    ((nothing > 0 && all > 0))
}
