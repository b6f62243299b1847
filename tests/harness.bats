#!/usr/bin/env bats
# The tests' own tools notice what they are there to notice.
load helper

# sum STATUS TAP...: judges lines of TAP; prints "passed failed skipped".
sum() {
    local status=$1
    shift
    printf '%s\n' "$@" >tap
    touch left
    rm -f sums
    awk -v name=job -v status="$status" -v left=left -v sums=sums \
        -f "$REPO/tests/lib/tap.awk" tap >said
    cat sums
}

@test "passed, failed and skipped tests are counted" {
    [ "$(sum 1 1..3 'ok 1 a' '# why' 'not ok 2 b' 'ok 3 c # skip no disk')" = "1 1 1" ]
    grep -qx '# why' said
    grep -qx 'skipped: job: c: no disk' said
    [ "$(sum 0 1..1 'ok 1 - a')" = "1 0 0" ]
    [ ! -s said ]
    [ "$(sum 0 '1..0 # SKIP no data')" = "0 0 1" ]
}

@test "a job that dies, stops early or ends badly has failed" {
    [ "$(sum 139 'ok 1 a')" = "1 1 0" ]
    [ "$(sum 0 1..3 'ok 1 a' 'ok 2 b')" = "2 1 0" ]
    [ "$(sum 86 1..1 'ok 1 a')" = "1 1 0" ]
    [ "$(sum 124 1..1 'ok 1 a')" = "1 1 0" ]
    grep -q 'timed out' said
    [ "$(sum 0 '')" = "0 1 0" ]
}

@test "what a job leaves behind is a failure each" {
    printf '%s\n' 'a (in TMPDIR)' 'b (in HOME)' >left
    [ "$(sum 0 1..1 'ok 1 a')" = "1 2 0" ]
    grep -q 'left behind: b (in HOME)' said
}

@test "a golden folder holds stdout, stderr and exit status to the byte" {
    mkdir same other
    echo 'cat; echo oops >&2; exit 3' | tee same/cmd >other/cmd
    echo in | tee same/in.ndjson >other/in.ndjson
    echo in >same/out
    echo oops >same/err
    echo 3 >same/exit
    printf in >other/out
    run "$REPO/tests/lib/golden" same other
    [ "$status" = 1 ]
    [ "${lines[0]}" = "ok 1 - same" ]
    [[ $output == *"# out differs"*"# err differs"*"# exit differs"*"not ok 2 - other"* ]]
}

@test "examples of a page are run in order, escapes and continued lines read" {
    cat >page.1.in <<'END'
.Sh DESCRIPTION
.Bd -literal
$ false outside of the examples
.Ed
.Sh EXAMPLES
.\" setup: echo made >file
.Bd -literal
$ cat file; printf '%s\en' 'x\ey' |
>     cat
made
x\ey
$ echo wrong
right
.Ed
.\" skip: no such machine
.Bd -literal
$ nosuch
.Ed
END
    run "$REPO/tests/lib/examples" page.1.in
    [ "$status" = 1 ]
    [[ ${lines[0]} == "ok 1 - cat file"* ]]
    [[ $output == *"-right"*"+wrong"*"not ok 2 - echo wrong"* ]]
    [[ $output == *"ok 3 - nosuch # skip no such machine"*"1..3" ]]
}

@test "lint holds the includes against the map" {
    mkdir -p tree/scripts tree/lib/base tree/lib/json
    cp "$REPO/scripts/lint" tree/scripts/
    printf -- '- base: knows nothing\n- json: base\n' >tree/lib/README.md
    echo '#include "base/a.h"' >tree/lib/json/ok.c
    run tree/scripts/lint layers
    [ "$status" = 0 ]
    echo '#include "json/b.h"' >tree/lib/base/bad.c
    run tree/scripts/lint layers
    [ "$status" = 1 ]
    [[ $output == *"lib/base/bad.c:1: base may not include json"* ]]
}
