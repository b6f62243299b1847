#!/usr/bin/env bats
# pipe-extract --cursor under kill -9, at every step of a run and at random, of
# any process, over a source that grows: every record is loaded, and once.
load ../helper

setup() {
    pipe_setup
    need_command jq sqlite3
    export PIPE_PIPELINE=p
    rows=0
    : >in
}

# grow N: records at the end of the source, two of each value, so that each
# run begins among records that are at the position and committed.
grow() {
    seq $((rows + 1)) $((rows + $1)) | jq -c '{at: (. / 2 | ceil), id: .}' >>in
    rows=$((rows + $1))
}

# job [COMMAND BEFORE pipe-run...]: one run, as TARGET says.
job() {
    local extract='pipe-extract --format ndjson --cursor at in'
    local load='pipe-load sqlite:t.db -t t -m append --create -q'
    case $TARGET in
    ledger) extract+=' --resume-from sqlite:t.db' ;;
    state) load='pipe-load file:out -t t -m append --create -q' ;;
    both) ;;
    lag) extract+=' --lag 7' ;;
    esac
    case $TARGET in
    bare)
        set -o pipefail
        "$@" $BEFORE_EXTRACT $extract --resume-from sqlite:t.db |
            $BEFORE_LOAD $load
        ;;
    *)
        "$@" pipe-run -q --kill-after 2s --lock-wait 20s ${RETRIES-} -- \
            "$BEFORE_EXTRACT $extract | $BEFORE_LOAD $load"
        ;;
    esac
}

loaded() {
    case $TARGET in
    state) find out -name 'part-*' -exec cat {} + 2>/dev/null ;;
    *) sqlite3 t.db "SELECT json_object('id', id) FROM t" 2>/dev/null ;;
    esac | jq -r .id
}

# once WHAT: what is loaded has nothing twice, and is the head of the source.
once() {
    local have
    loaded | sort -n >have || true
    have=$(wc -l <have)
    seq "$have" | cmp -s - have || fail "not once: $1" \
        "$have loaded, $(sort -u have | wc -l) of them different"
}

all() {
    job 2>err || fail "the run behind $1" "$(cat err)"
    once "$1"
    [ "$(wc -l <have)" = $rows ] ||
        fail "lost: $1: $(wc -l <have) of $rows"
}

none_left() {
    ! pgrep -s 0 -r R,S,D,T '^pipe-' >/dev/null
}

# at_each_call STAGE CALL...: a kill at the first, second ... of each.
at_each_call() {
    local stage=$1 call n status
    shift
    for call in "$@"; do
        for ((n = 1; n < 120; n += 1 + n / 4)); do
            status=0
            BEFORE_EXTRACT='' BEFORE_LOAD=''
            grow 5
            set -- strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace="$call" \
                -e inject="$call":signal=KILL:when=$n
            case $stage in
            run) job "$@" >out.log 2>err || status=$? ;;
            extract) BEFORE_EXTRACT="$*" && { job >out.log 2>err || status=$?; } ;;
            load) BEFORE_LOAD="$*" && { job >out.log 2>err || status=$?; }
                ;;
            esac
            BEFORE_EXTRACT='' BEFORE_LOAD=''
            within 20 none_left ||
                fail "left running: $call $n" "$(pgrep -s 0 -a pipe-)"
            [ "$status" = 0 ] || n_killed=$((n_killed + 1))
            once "$TARGET, $stage, $call $n"
            grow 3
            all "$TARGET, $stage, $call $n"
            [ "$status" != 0 ] || break
        done
        [ "$status" = 0 ] || fail "more than $n of $call"
    done
}

@test "pipe-run is killed at each of its steps" {
    need_command strace
    for TARGET in both state; do
        n_killed=0 rows=0
        rm -rf t.db* out state
        : >in
        at_each_call run rename,renameat,renameat2 unlink sendmsg fdatasync
        echo "# $TARGET: $n_killed kills" >&3
        ((n_killed > 0))
    done
}

@test "pipe-extract is killed at each of its steps" {
    need_command strace
    for TARGET in ledger state bare; do
        n_killed=0 rows=0
        rm -rf t.db* out state
        : >in
        calls=('write,writev')
        [ $TARGET = bare ] || calls+=('rename,renameat,renameat2' 'fdatasync,fsync')
        at_each_call extract "${calls[@]}"
        echo "# $TARGET: $n_killed kills" >&3
        ((n_killed > 0))
    done
}

@test "pipe-load is killed at each of its steps" {
    need_command strace
    TARGET=bare # under pipe-run its process forks: kills at random, below
    n_killed=0
    at_each_call load pwrite64 fdatasync
    echo "# $n_killed kills" >&3
    ((n_killed > 0))
}

@test "kills at random, of any process, while the source grows" {
    local i hits n_hits=0 pid victim
    BEFORE_EXTRACT='' BEFORE_LOAD=''
    RANDOM=${KILL_SEED:-5}
    for TARGET in ledger both state lag bare; do
        hits=0 rows=0
        rm -rf t.db* out state
        : >in
        for ((i = 0; i < ${KILLS:-25}; i++)); do
            grow $((RANDOM % 400 + 1))
            job >out.log 2>err &
            pid=$!
            sleep "0.0$((RANDOM % 50 + 10))"
            set -- pipe-run pipe-load pipe-extract
            [ $TARGET != bare ] || shift
            eval "victim=\${$((RANDOM % $# + 1))}"
            ! pkill -KILL -s 0 -x "$victim" || hits=$((hits + 1))
            wait $pid || true
            within 20 none_left || fail "left running: $TARGET, $i"
            once "$TARGET, run $i"
        done
        grow 3
        all "$TARGET, the end"
        echo "# $TARGET: $i runs, $hits kills, $rows records" >&3
        n_hits=$((n_hits + hits))
    done
    ((n_hits > i / 2))
}

@test "attempts of one run, of which the first fails at its load" {
    TARGET=both BEFORE_EXTRACT='' RETRIES='--retries 3 --retry-base 10ms'
    BEFORE_LOAD="sh -c '[ -e tried ] || { touch tried; cat >/dev/null; exit 75; }; exec \"\$@\"' -"
    for i in 1 2 3; do
        rm -f tried
        grow 7
        all "run $i"
        [ -e tried ]
    done
}
