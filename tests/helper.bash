# helper: what every bats file loads (`load helper`, `load ../helper`).
#
# Each test starts in its own empty folder, which is removed after it, with
# PIPE_STATE inside. A file with a setup() of its own calls pipe_setup first.
# shellcheck shell=bash
bats_require_minimum_version 1.5.0

REPO=${REPO:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
FLAVOUR=${FLAVOUR:-release}
BIN_DIR=${BIN_DIR:-$REPO/build/$FLAVOUR/bin}
BUILD_DIR=${BUILD_DIR:-$REPO/build/$FLAVOUR}
PIPE_TEST_DATA=${PIPE_TEST_DATA:-$REPO/../shared/data}
[[ :$PATH: == *":$BIN_DIR:"* ]] || PATH=$BIN_DIR:$PATH
export REPO FLAVOUR BIN_DIR BUILD_DIR PIPE_TEST_DATA PATH LC_ALL=C.UTF-8 TZ=UTC

pipe_setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export PIPE_STATE=$BATS_TEST_TMPDIR/state
}

setup() {
    pipe_setup
}

# Ends the test with what was wrong.
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# need_command NAME...: skips the test where a program is not installed.
need_command() {
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || skip "$name is not installed"
    done
}

# need_data SET: skips the test where the shared data set is not here; sets
# $DATA to its folder.
need_data() {
    DATA=$PIPE_TEST_DATA/$1
    [ -d "$DATA" ] || skip "data set $1 is not in PIPE_TEST_DATA"
}

# make_orders N [FROM]: N orders with ids FROM (default 1) and up, the same at
# every call.
make_orders() {
    awk -v n="$1" -v from="${2:-1}" 'BEGIN {
        split("DE FR GB NL SE", country, " ")
        for (i = from; i < from + n; i++)
            printf "{\"id\":%d,\"customer\":\"c%d\",\"country\":\"%s\"," \
                "\"amount\":%d.%02d,\"date\":\"2026-01-%02d\"}\n", i, \
                i % 7, country[i % 5 + 1], i % 90, i * 37 % 100, i % 28 + 1
    }'
}

# run_in_pty 'SHELL LINE': runs it with a terminal as stdin, stdout and stderr,
# prints what the terminal would have shown, returns its exit status.
run_in_pty() {
    need_command script
    SHELL=/bin/bash TERM=xterm script -qefc "$1" /dev/null </dev/null
}

# within SECONDS COMMAND...: waits until the command succeeds.
within() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/./} < end)) || return 1
        sleep 0.02
    done
}

# assert_exit CODE COMMAND...: runs the command with stdout and stderr kept in
# the files `out` and `err`, and checks its exit status.
assert_exit() {
    local want=$1 have=0
    shift
    "$@" >out 2>err || have=$?
    ((have == want)) || fail "exit $have, wanted $want: $*" "$(head -c 2000 err)"
}

# assert_file FILE TEXT: the file holds exactly the text and a line end (or
# nothing, where the text is empty).
assert_file() {
    local want=$2
    [ -n "$want" ] && want+=$'\n'
    [ "$(cat "$1" && echo .)" = "$want." ] || {
        diff -u --label wanted --label "$1" <(printf %s "$want") "$1" >&2
        return 1
    }
}
