#!/usr/bin/env bats
# pipe-wait: what is waited for, what is not, and how it is looked at.
load ../helper

# ms COMMAND...: runs it; $took is how many milliseconds that was.
ms() {
    local start=${EPOCHREALTIME/./}
    code=0
    "$@" >out 2>err || code=$?
    took=$(((${EPOCHREALTIME/./} - start) / 1000))
}

# later SECONDS 'SHELL LINE': runs it in the background, after so long.
later() {
    (
        sleep "$1"
        eval "$2"
    ) </dev/null >/dev/null 2>&1 3>&- &
}

# record OUTCOME EXIT [MEMBERS]: as pipe-run writes one.
record() {
    mkdir -p "$PIPE_STATE"
    printf '{"v":1,"outcome":"%s","exit":%d,"message":"why so","run_id":"r1","pipeline":"orders","date":"2026-01-05","attempts":[]%s}\n' \
        "$1" "$2" "${3-}" >>"$PIPE_STATE/runs.ndjson"
}

# ---- files

@test "a file that is there is not waited for, and success is silent" {
    : >there
    assert_exit 0 pipe-wait there "file:$PWD/there"
    [ ! -s out ]
    [ ! -s err ]
}

@test "a file that is not there: 75, and one line that names it" {
    assert_exit 75 pipe-wait --timeout 200ms --interval 50ms there.csv a.csv
    assert_file err "pipe-wait: gave up after 0.2 s: 'there.csv' is not there; 'a.csv' is not there"
}

@test "--once does not wait; with -q only the exit status tells" {
    ms pipe-wait --once nosuch
    ((code == 75 && took < 2000))
    assert_file err "pipe-wait: 'nosuch' is not there"
    assert_exit 75 pipe-wait --once -q nosuch
    [ ! -s err ]
    # A mistake is told all the same.
    assert_exit 64 pipe-wait --once -q ftp://host/x
    grep -q "no sensor for 'ftp://host/x'" err
}

@test "a file that appears is noticed at once, not at the next look" {
    later 0.5 ': >there'
    ms pipe-wait --interval 10m --max-interval 10m --timeout 20s there
    ((code == 0)) || fail "exit $code"
    ((took < 5000)) || fail "took $took ms"
}

@test "in folders that do not exist yet too, and by rename" {
    later 0.5 'mkdir -p a/b; echo x >tmp; sleep 0.1; mv tmp a/b/c'
    ms pipe-wait --interval 10m --max-interval 10m --timeout 20s a/b/c
    ((code == 0 && took < 5000)) || fail "exit $code, took $took ms"
}

@test "a folder that is replaced is watched anew" {
    mkdir d
    later 0.4 'mv d old; mkdir d; sleep 0.3; : >d/f'
    ms pipe-wait --interval 10m --max-interval 10m --timeout 20s d/f
    ((code == 0 && took < 5000)) || fail "exit $code, took $took ms"
}

@test "matches in folders that a pattern names are noticed at once" {
    mkdir -p data/1 data/2
    later 0.5 ': >data/1/x.csv; sleep 0.2; : >data/2/x.csv'
    ms pipe-wait --interval 10m --max-interval 10m --timeout 20s \
        --count 2 'data/*/x.csv'
    ((code == 0 && took < 5000)) || fail "exit $code, took $took ms"
}

@test "without inotify it looks at the interval, and -v says so" {
    unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances' \
        2>/dev/null || skip 'user namespaces are not to be had'
    later 0.5 ': >there'
    ms unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances &&
        exec pipe-wait -v --interval 300ms --timeout 20s there'
    ((code == 0)) || fail "exit $code" "$(cat err)"
    ((took >= 450 && took < 10000)) || fail "took $took ms"
    grep -q 'cannot watch folders, .*: Too many open files' err
    # With one watch fewer than it needs it is the same.
    rm there
    later 0.5 ': >there'
    ms unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_watches &&
        exec pipe-wait -v --interval 300ms --timeout 20s there'
    ((code == 0)) || fail "exit $code" "$(cat err)"
    grep -q 'cannot watch folders, .*: No space left' err
}

@test "--min-size waits until there are so many bytes" {
    printf 12345 >f
    assert_exit 75 pipe-wait --once --min-size 1K f
    assert_file err "pipe-wait: 'f' has 5 of 1024 bytes"
    assert_exit 0 pipe-wait --once --min-size 5 f
    mkdir d
    assert_exit 75 pipe-wait --once --min-size 1 d
}

@test "--stable waits until a file does not change any more" {
    : >f
    (for _ in 1 2 3 4 5 6; do
        sleep 0.2
        echo more >>f
    done) </dev/null 3>&- &
    ms pipe-wait --stable 600ms --interval 100ms --timeout 20s f
    wait
    ((code == 0)) || fail "exit $code"
    # All six lines are in it: a pause of 0.2 s was not taken for the end.
    [ "$(wc -l <f)" -eq 6 ]
    ((took >= 1700)) || fail "took $took ms"
}

@test "--stable notices a file that was replaced by one as large and old" {
    echo a >f
    touch -d 2026-01-01 f
    later 0.4 'echo b >g; touch -d 2026-01-01 g; mv g f'
    ms pipe-wait --stable 800ms --timeout 20s f
    ((code == 0 && took >= 1100)) || fail "exit $code, took $took ms"
}

@test "--once --stable takes no longer than that" {
    : >f
    ms pipe-wait --once --stable 300ms f
    ((code == 0 && took >= 300 && took < 5000)) ||
        fail "exit $code, took $took ms"
    assert_exit 75 pipe-wait --once --stable 1h f nosuch
}

@test "--newer-than compares with a time, a date or a file" {
    touch -d '2026-01-05 12:00Z' f
    touch -d '2026-01-05 11:00Z' ref
    assert_exit 0 pipe-wait --once --newer-than ref f
    assert_exit 75 pipe-wait --once --newer-than f f
    assert_exit 0 pipe-wait --once --newer-than 2026-01-05T11:59:59Z f
    assert_exit 75 pipe-wait --once --newer-than 2026-01-05T12:00:00Z f
    assert_exit 0 pipe-wait --once --date 2026-01-05 --newer-than '{start}' f
    assert_exit 75 pipe-wait --once --date 2026-01-05 --newer-than '{end}' f
    assert_exit 66 pipe-wait --once --newer-than nosuch f
    grep -q "'nosuch' is no time, and as a file" err
}

@test "--newer-than takes dates of all centuries as what they are" {
    touch f
    assert_exit 75 pipe-wait --once --newer-than 9999-12-31 f
    assert_exit 75 pipe-wait --once --newer-than 2562-01-01 f
    assert_exit 0 pipe-wait --once --newer-than 1600-01-01 f
    assert_exit 0 pipe-wait --once --newer-than 1960-01-01T00:00:00.5Z f
    touch -d '1960-01-01 00:00:00.25Z' f
    assert_exit 75 pipe-wait --once --newer-than 1960-01-01T00:00:00.5Z f
    assert_exit 0 pipe-wait --once --newer-than 1960-01-01T00:00:00.2Z f
}

@test "--marker looks into the folder" {
    mkdir -p parts/1 parts/2
    assert_exit 75 pipe-wait --once --marker _SUCCESS parts/1
    assert_file err "pipe-wait: 'parts/1/_SUCCESS' is not there"
    : >parts/1/_SUCCESS
    assert_exit 0 pipe-wait --once --marker _SUCCESS parts/1
    assert_exit 75 pipe-wait --once --marker _SUCCESS --count 2 'parts/*'
    assert_exit 64 pipe-wait --once --marker a/b parts/1
}

@test "--count compares, in every way" {
    touch {1,2,3}.csv
    local yes no
    for yes in 3 '>=3' '>= 2' '=3' '==3' '>2' '<4' '<=3'; do
        assert_exit 0 pipe-wait --once --count "$yes" '*.csv'
    done
    for no in 4 '>3' '<3' '=2' '<=2'; do
        assert_exit 75 pipe-wait --once --count "$no" '*.csv'
    done
    assert_file err "pipe-wait: '*.csv' matches 3 files, wanted <=2"
    assert_exit 0 pipe-wait --once --count '=0' '*.nosuch'
    for no in '' '>=' x '-1' '>=3x' 99999999999999999999; do
        assert_exit 64 pipe-wait --once --count "$no" '*.csv'
    done
    assert_exit 64 pipe-wait --once --count 1 1.csv
}

@test "file: is no pattern" {
    : >'a*'
    assert_exit 0 pipe-wait --once 'file:a*'
    rm 'a*'
    : >ab
    assert_exit 75 pipe-wait --once 'file:a*'
}

@test "a folder that cannot be read is 77, a file as folder 66, at once" {
    : >f
    ms pipe-wait --timeout 1h f/x
    ((code == 66 && took < 2000))
    mkdir closed
    : >closed/x
    chmod 0 closed
    # Root may read everything, unless it gives that up.
    local as=()
    ((EUID)) || need_command setpriv
    ((EUID)) || as=(setpriv "--bounding-set=-dac_override,-dac_read_search" --)
    assert_exit 77 "${as[@]}" pipe-wait --timeout 1h "$PWD/closed/x"
    grep -q "cannot look at '.*closed/x': Permission denied" err
    assert_exit 77 "${as[@]}" pipe-wait --timeout 1h "$PWD/closed/*"
    chmod 700 closed
}

@test "{date} expands in sensors; without a date it is 64" {
    : >o-2026-01-05
    assert_exit 0 pipe-wait --once --date 2026-01-05 'o-{date}'
    assert_exit 64 pipe-wait --once 'o-{date}'
}

# ---- several

@test "all have to hold; with --any one is enough" {
    : >a
    assert_exit 75 pipe-wait --once a b
    assert_file err "pipe-wait: 'b' is not there"
    assert_exit 0 pipe-wait --any --once b a
    [ ! -s err ]
}

@test "what held at first is looked at again at the end" {
    : >a
    later 0.4 'rm a; sleep 0.2; : >b; sleep 0.6; : >a'
    ms pipe-wait --timeout 20s --interval 100ms a b
    ((code == 0 && took >= 1000)) || fail "exit $code, took $took ms"
    [ -e a ] && [ -e b ]
}

@test "--any: what fails for good is told, and the others are waited for" {
    : >f
    later 0.3 ': >b'
    assert_exit 0 pipe-wait --any --timeout 20s f/x b
    assert_file err "pipe-wait: cannot look at 'f/x': Not a directory"
    assert_exit 66 pipe-wait --any --timeout 20s f/x f/y
}

@test "-v says what is waited for, and how often it was looked at" {
    later 0.3 ': >there'
    assert_exit 0 pipe-wait -v --timeout 20s there
    sed -n 1p err | grep -qx "pipe-wait: waiting: 'there' is not there"
    sed -n 2p err | grep -qx "pipe-wait: 'there' holds, looked at [0-9]* times"
    assert_exit 0 pipe-wait -v --log json there
    jq -se 'map(.stage) | unique == ["pipe-wait"]' err
}

@test "looks come about as often as asked for, ever more rarely" {
    [[ $FLAVOUR != asan ]] || skip 'the leak check does not work under strace'
    # SQLite is not watched. 100, 200, 400 ms: some 5 to 9 looks in 1.5 s.
    sqlite3 t.db 'CREATE TABLE t (a)'
    ms strace -f -e trace=openat -o trace pipe-wait sqlite:t.db \
        --query 'SELECT a FROM t' --interval 100ms --max-interval 400ms \
        --timeout 1500ms || skip 'strace is not installed'
    [ -s trace ] || skip 'strace does not work here'
    ((code == 75)) || fail "exit $code"
    looks=$(grep -c '"[^"]*t.db", O_RDONLY' trace)
    ((looks >= 4 && looks <= 11)) || fail "$looks looks"
}

@test "options for what is not there, contradictions and no sensor are 64" {
    assert_exit 64 pipe-wait
    assert_exit 64 pipe-wait ''
    assert_exit 64 pipe-wait file:
    assert_exit 64 pipe-wait --once --timeout 1s f
    assert_exit 64 pipe-wait --query 'SELECT 1' f
    grep -q -- '--query is for none of these sensors' err
    assert_exit 64 pipe-wait --stable 1s https://example.org/
    assert_exit 64 pipe-wait --expect 301 https://example.org/
    assert_exit 64 pipe-wait --match '(' https://example.org/
    assert_exit 64 pipe-wait --json /a https://example.org/
    assert_exit 64 pipe-wait --header 'Authorization: x' https://example.org/
    assert_exit 64 pipe-wait https://user:secret@example.org/
    run ! grep -q secret err
    assert_exit 64 pipe-wait sqlite:t.db
    assert_exit 64 pipe-wait postgresql://h/db
    assert_exit 64 pipe-wait --query 'SELECT 1' postgresql://u:secret@h/db
    run ! grep -q secret err
    assert_exit 64 pipe-wait kafka://h/t
    assert_exit 64 pipe-wait --group g kafka://h
    assert_exit 64 pipe-wait s3://bucket/
    assert_exit 64 pipe-wait run:orders
    assert_exit 64 pipe-wait run:../x@2026-01-05
    assert_exit 64 pipe-wait run:orders@2026-02-30
}

@test "a private address is refused, at once" {
    assert_exit 77 pipe-wait http://127.0.0.1:9/
    grep -q 'private address' err
}

# ---- signals and time

@test "signals end the wait within a second, by the signal" {
    local sig
    for sig in TERM INT; do
        # A shell has its background jobs ignore SIGINT.
        env --default-signal=INT timeout -k 1 20 pipe-wait --interval 1h \
            --max-interval 1h nosuch 2>err 3>&- &
        sleep 0.5
        pkill -"$sig" -P $! -x pipe-wait
        ms wait $!
        ((code == 128 + $(kill -l "$sig"))) || fail "$sig: exit $code"
        ((took < 3000)) || fail "$sig: took $took ms"
        [ ! -s err ] || fail "$(cat err)"
    done
}

@test "setting the clock a day forth or back changes nothing" {
    [[ $FLAVOUR != asan ]] || skip 'a preloaded library and a sanitizer'
    cat >clock.c <<'EOF'
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
/* From the third call on it is a day later, then two days earlier, and so on. */
static void jump(time_t *s)
{
    static int n;
    if (++n > 2)
        *s += n % 2 ? 86400 : -172800;
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    int r = (int)syscall(SYS_clock_gettime, id, t);
    if (id == CLOCK_REALTIME)
        jump(&t->tv_sec);
    return r;
}
time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t)
        *t = now.tv_sec;
    return now.tv_sec;
}
EOF
    "${CC:-cc}" -shared -fPIC -O1 clock.c -o clock.so
    ms env LD_PRELOAD="$PWD/clock.so" pipe-wait --interval 100ms \
        --timeout 700ms nosuch
    ((code == 75 && took >= 700 && took < 5000)) ||
        fail "exit $code, took $took ms"
    : >f
    ms env LD_PRELOAD="$PWD/clock.so" pipe-wait --stable 400ms f
    ((code == 0 && took >= 400 && took < 5000)) ||
        fail "exit $code, took $took ms"
}

# ---- SQL

@test "a SQLite row holds when its first column is true" {
    sqlite3 t.db 'CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 0)'
    local yes no
    for yes in 1 -1 0.5 "'x'" "'0'" "x'00'" '(SELECT count(*) FROM t)' true; do
        assert_exit 0 pipe-wait --once sqlite:t.db --query "SELECT $yes"
    done
    for no in 0 0.0 NULL "''" "x''" false '1 WHERE 0'; do
        assert_exit 75 pipe-wait --once sqlite:t.db --query "SELECT $no"
    done
    assert_exit 0 pipe-wait --once sqlite:t.db --date 2026-01-05 \
        --query "SELECT '{date}' = '2026-01-05';"
}

@test "a row that is inserted is waited for, and so is a lock" {
    sqlite3 t.db 'CREATE TABLE t (a)'
    later 0.5 "sqlite3 t.db 'INSERT INTO t VALUES (1)'"
    ms pipe-wait sqlite:t.db --query 'SELECT a FROM t' --interval 100ms \
        --timeout 20s
    ((code == 0 && took >= 400)) || fail "exit $code, took $took ms"
    (printf 'BEGIN EXCLUSIVE;\n.shell touch locked; sleep 2\nCOMMIT;\n' |
        sqlite3 t.db) </dev/null >/dev/null 2>&1 3>&- &
    within 5 test -e locked
    assert_exit 75 pipe-wait --once sqlite:t.db --query 'SELECT a FROM t'
    grep -q 'locked' err
    assert_exit 0 pipe-wait --timeout 20s --interval 100ms sqlite:t.db \
        --query 'SELECT a FROM t'
    wait
}

@test "what will never be a row fails at once: SQL, files that are none" {
    sqlite3 t.db 'CREATE TABLE t (a)'
    assert_exit 78 pipe-wait sqlite:t.db --query 'SELEC 1'
    assert_exit 78 pipe-wait sqlite:t.db --query 'SELECT nosuch FROM t'
    assert_exit 64 pipe-wait sqlite:t.db --query 'DELETE FROM t'
    assert_exit 64 pipe-wait sqlite:t.db --query 'SELECT 1; SELECT 2'
    assert_exit 64 pipe-wait sqlite:t.db --query ''
    seq 1000 >text
    assert_exit 65 pipe-wait sqlite:text --query 'SELECT a FROM t'
    assert_exit 66 pipe-wait sqlite:. --query 'SELECT 1'
}

@test "a table or database that is missing: at once, or with --allow-missing awaited" {
    sqlite3 t.db 'CREATE TABLE t (a)'
    assert_exit 78 pipe-wait sqlite:t.db --query 'SELECT a FROM u'
    assert_exit 66 pipe-wait sqlite:u.db --query 'SELECT a FROM u'
    later 0.5 "sqlite3 u.db 'CREATE TABLE u (a); INSERT INTO u VALUES (1)'"
    assert_exit 0 pipe-wait --allow-missing --timeout 20s --interval 100ms \
        sqlite:u.db --query 'SELECT a FROM u'
    assert_exit 78 pipe-wait --allow-missing sqlite:u.db \
        --query 'SELECT b FROM u'
}

# ---- runs

@test "run: holds when the pipeline's run for the date has ended well" {
    assert_exit 75 pipe-wait --once run:orders@2026-01-05
    assert_file err "pipe-wait: pipeline 'orders' has not run for 2026-01-05"
    record ok 0
    assert_exit 0 pipe-wait --once run:orders@2026-01-05
    assert_exit 0 pipe-wait --once --date 2026-01-05 run:orders
    assert_exit 75 pipe-wait --once run:orders@2026-01-06
    assert_exit 75 pipe-wait --once run:order@2026-01-05
}

@test "a run under pipe-run is noticed when it ends" {
    mkdir -p state
    later 0.5 'pipe-run --pipeline orders --date 2026-01-05 -- true'
    ms pipe-wait --interval 10m --max-interval 10m --timeout 20s \
        run:orders@2026-01-05
    ((code == 0 && took < 8000)) || fail "exit $code, took $took ms"
}

@test "a run that failed for good ends the wait with 65 and the reason" {
    record failed 65
    ms pipe-wait run:orders@2026-01-05
    ((code == 65 && took < 2000)) || fail "exit $code, took $took ms"
    assert_file err "pipe-wait: pipeline 'orders' has failed for 2026-01-05, exit 65: why so"
    assert_exit 75 pipe-wait --keep-waiting --timeout 200ms \
        run:orders@2026-01-05
    # Mended since.
    record ok 0
    assert_exit 0 pipe-wait run:orders@2026-01-05
}

@test "a run that failed but is tried again now is waited for" {
    record failed 65
    mkdir -p "$PIPE_STATE/runs/orders/r2"
    printf '{"v":1,"outcome":"running","pipeline":"orders","date":"2026-01-05","pid":%d}\n' \
        $$ >"$PIPE_STATE/runs/orders/r2/record.json"
    assert_exit 75 pipe-wait --timeout 200ms run:orders@2026-01-05
    # One whose process is gone is none.
    sleep 0 &
    wait $!
    sed -i "s/\"pid\":[0-9]*/\"pid\":$!/" "$PIPE_STATE/runs/orders/r2/record.json"
    assert_exit 65 pipe-wait --timeout 200ms run:orders@2026-01-05
}

@test "a run that failed by bad luck is waited for" {
    local outcome
    for outcome in 'failed 75' 'failed 69' 'failed 137' 'timeout 75' \
        'stopped 143' 'died 137'; do
        rm -f "$PIPE_STATE/runs.ndjson"
        # shellcheck disable=SC2086 # two words
        record $outcome
        assert_exit 75 pipe-wait --timeout 100ms run:orders@2026-01-05
        grep -q "orders' for 2026-01-05: ${outcome% *} with exit" err
    done
}

@test "a failed run does not undo a good one; a partial one does" {
    record ok 0
    record failed 65
    record busy 75
    assert_exit 0 pipe-wait --once run:orders@2026-01-05
    record partial 75
    assert_exit 75 pipe-wait --once run:orders@2026-01-05
    record ok 0
    assert_exit 0 pipe-wait --once run:orders@2026-01-05
}

@test "records of others, torn lines and lines that are no records are passed over" {
    mkdir -p "$PIPE_STATE"
    printf '%s\n' 'no json "pipeline":"orders"' '{"pipeline":"orders"}' \
        '{"outcome":"ok","message":"\"pipeline\":\"orders\"","pipeline":"x","date":"2026-01-05"}' \
        '{"outcome":"ok","pipeline":"orders"}' >"$PIPE_STATE/runs.ndjson"
    printf '{"outcome":"ok","pipeline":"orders","date":"2026-01-05"' \
        >>"$PIPE_STATE/runs.ndjson"
    assert_exit 75 pipe-wait --once run:orders@2026-01-05
    echo '}' >>"$PIPE_STATE/runs.ndjson"
    assert_exit 0 pipe-wait --once run:orders@2026-01-05
}

@test "an index that is replaced while it is waited for is read anew" {
    record ok 0 ',"x":"a long line, so that the new file is shorter"'
    mv "$PIPE_STATE/runs.ndjson" kept
    record failed 75
    later 0.4 'cp kept new; mv new "$PIPE_STATE/runs.ndjson"'
    assert_exit 0 pipe-wait --timeout 20s --interval 10m run:orders@2026-01-05
}

@test "100,000 runs of others are read in a moment" {
    mkdir -p "$PIPE_STATE"
    seq 100000 | sed 's/.*/{"v":1,"outcome":"ok","run_id":"r&","pipeline":"p&","date":"2026-01-05","attempts":[]}/' \
        >"$PIPE_STATE/runs.ndjson"
    record ok 0
    ms pipe-wait --once run:orders@2026-01-05
    ((code == 0)) || fail "exit $code"
    ((took < 3000)) || fail "took $took ms"
}

@test "as the first step of a pipeline under pipe-run" {
    make_orders 3 >orders-2026-01-05.ndjson
    # shellcheck disable=SC2016 # for the inner shell
    local line='pipe-wait --once "orders-{date}.ndjson" &&
        pipe-extract "orders-{date}.ndjson" |
        pipe-load sqlite:t.db -t t --mode append --create'
    assert_exit 0 pipe-run --pipeline t --date 2026-01-05 -- "$line"
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" -eq 3 ]
    assert_exit 75 pipe-run --pipeline t --date 2026-01-06 -- "$line"
    grep -q "'orders-2026-01-06.ndjson' is not there" err
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" -eq 3 ]
    # As a branch it fails nothing.
    assert_exit 0 pipe-run --pipeline branch --date 2026-01-06 -- \
        'pipe-wait --once -q "orders-{date}.ndjson" || echo none'
    assert_file out none
    # A file that comes late: the retry finds it.
    later 0.5 'make_orders 3 4 >orders-2026-01-06.ndjson'
    assert_exit 0 pipe-run --pipeline t --date 2026-01-06 --retries 50 \
        --retry-base 100ms --retry-cap 200ms -- "$line"
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" -eq 6 ]
}
