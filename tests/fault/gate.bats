#!/usr/bin/env bats
# pipe-run and the loader under it when a system call or an allocation fails, or
# memory runs out: everything or nothing, a word about it, nothing left running,
# and the next run loads once.
load ../helper

setup_file() {
    STARVE=
    [ "$FLAVOUR" = asan ] || {
        STARVE=$BATS_FILE_TMPDIR/starve.so
        "${CC:-cc}" -D_GNU_SOURCE -O1 -shared -fPIC -o "$STARVE" \
            "$REPO/tests/fault/starve.c"
    }
    export STARVE
}

setup() {
    pipe_setup
    make_orders 500 >in.ndjson
    sqlite3 first.db 'CREATE TABLE t(id INTEGER, customer TEXT, country TEXT,
        amount REAL, date TEXT)'
    LOADER=(pipe-load)
    JOB=(pipe-run -q --pipeline p --kill-after 2s --lock-wait 20s --)
}

# job [COMMAND OF THE LOADER...]
job() {
    "${JOB[@]}" "pipe-extract in.ndjson | jq -c . |
        ${LOADER[*]} sqlite:t.db -t t -m append -q"
}

rows() {
    sqlite3 t.db 'SELECT count(*) FROM t'
}

none_left() {
    ! pgrep -s 0 -r R,S,D,T -x 'pipe-(run-guard|load|extract)' >/dev/null
}

# judge WHAT: after a load that was to fail. Once more, it loads once.
judge() {
    local have
    within 20 none_left || fail "left running: $1" "$(pgrep -s 0 -a pipe-)"
    have=$(rows)
    case $status/$have in
    0/500) ;;
    0/*) fail "exit 0 and $have rows: $1" "$(cat err)" ;;
    */500 | */0) [ -s err ] || fail "no word about $1" ;;
    *) fail "half: $1: $have rows" ;;
    esac
    case $status in
    0 | 6[4-9] | 7[0-8] | 12[67]) ;;
    *) fail "exit $status: $1" "$(cat err)" ;;
    esac
    pipe-run -q --pipeline p --lock-wait 20s -- 'pipe-extract in.ndjson |
        jq -c . | pipe-load sqlite:t.db -t t -m append -q' 2>err ||
        fail "again after $1" "$(cat err)"
    [ "$(rows)" = 500 ] || fail "not once after $1"
}

# once: one load into a new table; $status.
once() {
    rm -f t.db* err
    cp first.db t.db
    status=0
    job 2>err || status=$?
}

# ---- system calls

# The openat calls by which libraries are found are not ours.
calls_before_main() {
    [ "$2" = openat ] || {
        echo 0
        return
    }
    strace -e trace=openat "$(command -v "$1")" --version 2>&1 >/dev/null |
        grep -c '^openat'
}

# inject PROGRAM CALL:ERROR...: each call of that kind fails in turn.
inject() {
    local what n from program=$1 counts=""
    shift
    for what in "$@"; do
        from=$(calls_before_main "$program" "${what%:*}")
        for ((n = from + 1; n < from + 60; n++)); do
            set_up_"${program#pipe-}" "$what" "$n"
            once
            judge "$what $n"
            grep -q INJECTED trace || break
        done
        counts+=" ${what%:*} $((n - from - 1))"
        total=$((total + n - from - 1))
    done
    echo "# $program, failed calls:$counts" >&3
}

trace_options() {
    options=(-qq -o "$PWD/trace" -e trace="${1%:*}"
        -e inject="${1%:*}:error=${1#*:}:when=$2")
}

set_up_run() {
    trace_options "$@"
    JOB=(strace "${options[@]}" "$(command -v pipe-run)" -q --pipeline p
        --kill-after 2s --lock-wait 20s --)
}

@test "a system call of pipe-run fails: nothing or all, and the next run loads once" {
    need_command strace jq
    local total=0
    inject pipe-run openat:EMFILE write:ENOSPC fsync:EIO rename:EIO mkdir:ENOSPC \
        pipe2:EMFILE socketpair:EMFILE clone:EAGAIN signalfd4:EMFILE \
        sendmsg:EPIPE recvmsg:EIO wait4:EINTR poll:EINTR
    ((total > 40))
}

# fail_each PROGRAM CALL ERRNO STEP: each such call of the program fails in turn
# (with a STEP, after some tens fewer and fewer of them); counts in $total.
fail_each() {
    local n
    for ((n = 1; n < 100000; n += 1 + n / $4)); do
        rm -f log
        LD_PRELOAD=$STARVE FAIL_NAME=$1 FAIL_CALL=$2 FAIL_ERRNO=$3 FAIL_AT=$n \
            FAIL_LOG=$PWD/log once
        judge "$2 $n of $1"
        [ -e log ] || break
        total=$((total + 1))
    done
    echo "# $1: fails up to $2 $((n - 1))" >&3
}

@test "a system call of the loader fails: nothing or all, and the next run loads once" {
    need_command jq
    [ "$STARVE" ] || skip "sanitizers bring an allocator of their own"
    local total=0 call
    # ENOSPC, EIO, EMFILE, EAGAIN, EPIPE
    for call in pwrite64:28 fdatasync:5 unlink:5 open:24 pipe2:24 \
        socketpair:24 fork:11 sendmsg:32 recvmsg:5; do
        fail_each pipe-load "${call%:*}" "${call#*:}" 100000
    done
    ((total > 20))
}

# ---- memory

@test "an allocation of pipe-run or of the loader fails: nothing or all" {
    need_command jq
    [ "$STARVE" ] || skip "sanitizers bring an allocator of their own"
    local total=0
    fail_each pipe-run alloc 12 8
    fail_each pipe-load alloc 12 8
    ((total > 40))
}

@test "memory is limited: the loader refuses cleanly or loads all" {
    need_command prlimit jq
    [ "$FLAVOUR" != asan ] || skip "sanitizers reserve terabytes"
    local mib refused=0 loaded=0
    # A record that outgrows what was enough for those before it.
    {
        head -n 499 in.ndjson
        printf '{"id":500,"customer":"%s"}\n' \
            "$(head -c 9000000 /dev/zero | tr '\0' x)"
    } >large
    mv large in.ndjson
    for ((mib = 6; mib <= 150; mib += 6)); do
        LOADER=(prlimit --as=$((mib << 20)) pipe-load)
        once
        judge "$mib MiB for the loader"
        if ((status)); then
            refused=$((refused + 1))
        else
            loaded=$((loaded + 1))
        fi
    done
    echo "# refused $refused, loaded $loaded" >&3
    ((refused > 3 && loaded > 3))
}

@test "memory is limited for the whole job: it fails cleanly or loads all" {
    need_command prlimit jq
    [ "$FLAVOUR" != asan ] || skip "sanitizers reserve terabytes"
    local mib refused=0 loaded=0
    for ((mib = 4; mib <= 80; mib += 4)); do
        JOB=(prlimit --as=$((mib << 20)) pipe-run -q --pipeline p
            --kill-after 2s --lock-wait 20s --)
        once
        judge "$mib MiB for the job"
        if ((status)); then
            refused=$((refused + 1))
        else
            loaded=$((loaded + 1))
        fi
    done
    echo "# refused $refused, loaded $loaded" >&3
    ((refused > 1 && loaded > 3))
}
