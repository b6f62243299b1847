#!/usr/bin/env bats
# pipe-dedup --state under kill -9, at every step of a run and at random: no
# record is loaded twice by what comes after, and none is missing.
load ../helper

setup() {
    pipe_setup
    need_command jq sqlite3
    seq 1 400 | jq -c '{id: ., v: "first"}' >a
    seq 200 700 | jq -c '{id: ., v: "second"}' >b
    sqlite3 first.db 'CREATE TABLE t(id INTEGER, v TEXT)'
}

# job INPUT [COMMAND BEFORE pipe-run...]: two dedups, each with a state.
job() {
    local in=$1
    shift
    "$@" pipe-run -q --pipeline p --kill-after 2s --lock-wait 20s -- "
        pipe-extract --format ndjson $in |
        $BEFORE_DEDUP pipe-dedup -k id --state seen.db |
        pipe-dedup -k id,v --state pairs.db |
        pipe-load sqlite:t.db -t t -m append -q"
}

fresh() {
    rm -rf t.db* seen.db* pairs.db* state
    cp first.db t.db
}

none_left() {
    ! pgrep -s 0 -r R,S,D,T '^pipe-' \
        >/dev/null
}

# judge WHAT: another input comes next, of which a part was in what was killed.
judge() {
    local have
    within 20 none_left || fail "left running: $1" "$(pgrep -s 0 -a pipe-)"
    have=$(sqlite3 t.db 'SELECT count(*) FROM t')
    case $have in
    0) n_nothing=$((n_nothing + 1)) ;;
    400) n_all=$((n_all + 1)) ;;
    *) fail "half: $1: $have" ;;
    esac
    job b 2>err || fail "the run behind $1" "$(cat err)"
    [ "$(sqlite3 seen.db 'SELECT count(*) FROM pending')" = 0 ] ||
        fail "pending: $1"
    if [ "$have" = 0 ]; then want=501; else want=700; fi
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = \
        "$want|$want" ] || fail "not once: $1: $have, then $(
        sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')"
    [ "$have" = 0 ] || return 0
    job a 2>err || fail "the run behind that, $1" "$(cat err)"
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = \
        '700|700' ] || fail "not once at the end: $1"
}

# at_each_call STAGE CALL...: a kill at the first, second ... of each; of many
# not all.
at_each_call() {
    local stage=$1 call n status
    shift
    for call in "$@"; do
        for ((n = 1; n < 200; n += 1 + n / 5)); do
            fresh
            status=0
            set -- strace -o trace -e trace="$call" \
                -e inject="$call":signal=KILL:when=$n
            BEFORE_DEDUP=''
            case $stage in
            run) job a "$@" >out 2>err || status=$? ;;
            dedup) BEFORE_DEDUP="$*" && { job a >out 2>err || status=$?; } ;;
            esac
            BEFORE_DEDUP=''
            [ "$status" != 0 ] || break
            judge "$stage, $call $n"
        done
        [ "$status" = 0 ] || fail "more than $n of $call"
    done
}

@test "pipe-run is killed at each of its steps" {
    need_command strace
    n_nothing=0 n_all=0
    at_each_call run rename,renameat,renameat2 unlink sendmsg fdatasync
    echo "# pipe-run: $n_nothing before the commit, $n_all behind it" >&3
    ((n_nothing > 3 && n_all > 3))
}

@test "pipe-dedup is killed at each of its steps" {
    need_command strace
    n_nothing=0 n_all=0
    at_each_call dedup pwrite64 fdatasync rename,renameat,renameat2
    echo "# pipe-dedup: $n_nothing before the commit, $n_all behind it" >&3
    ((n_nothing > 3))
}

@test "kills at random, of any process, on inputs that overlap" {
    local i hits=0 pid victim
    BEFORE_DEDUP=''
    fresh
    RANDOM=${KILL_SEED:-7}
    for ((i = 0; i < ${KILLS:-40}; i++)); do
        seq $((i * 300 + 1)) $((i * 300 + 900)) |
            jq -c '{id: ., v: "x"}' >in
        job in >out 2>err &
        pid=$!
        sleep "0.0$((RANDOM % 90 + 10))"
        set -- pipe-run pipe-dedup pipe-load pipe-extract
        eval "victim=\${$((RANDOM % 4 + 1))}"
        ! pkill -KILL -s 0 -x "$victim" || hits=$((hits + 1))
        wait $pid || true
        within 20 none_left || fail "left running: $i"
    done
    seq 1 $((i * 300 + 900)) | jq -c '{id: ., v: "x"}' >in
    job in 2>err || fail "$(cat err)"
    echo "# $i runs, $hits kills" >&3
    ((hits > i / 4))
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id), max(id) FROM t')" \
        = "$((i * 300 + 900))|$((i * 300 + 900))|$((i * 300 + 900))" ] ||
        fail "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')"
}
