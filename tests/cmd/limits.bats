#!/usr/bin/env bats
# What a stage does where the system sets a limit: the size of files, the number
# of descriptors, memory; and with standard descriptors closed.
# shellcheck disable=SC2086 # words
load ../helper

setup() {
    pipe_setup
    need_command prlimit
    awk 'BEGIN { for (i = 0; i < 60000; i++) printf \
        "{\"id\":%d,\"c\":\"k%d\",\"v\":%d,\"s\":\"%040d\"}\n", i, \
        i * 7919 % 30011, i % 1000, i }' >in
    mkdir t
    SPILLERS=('pipe-dedup -k c,v --memory 1M --tmpdir t'
        'pipe-dedup -k c --keep last --memory 1M --tmpdir t'
        'pipe-dedup -k c --keep max:v --memory 1M --tmpdir t'
        'pipe-aggregate -g c -a p=median(v) --memory 1M --tmpdir t'
        'pipe-aggregate -g c,v -a n=count() --sort --memory 1M --tmpdir t'
        'pipe-join in --ref-format ndjson -k id -p r_ --memory 1M --tmpdir t')
    WRITERS=('pipe-transform --set z=id+1 -o t/out'
        'pipe-transform -j 2 --set z=id+1 -o t/out'
        'pipe-extract --format ndjson - -o t/out'
        'pipe-dedup -k id -o t/out'
        'pipe-dedup -k c -o t/out --duplicates t/more'
        'pipe-aggregate -g id -a n=count() -o t/out'
        'pipe-join in --ref-format ndjson -k id -p r_ -o t/out')
}

nothing_in_t() {
    [ -z "$(ls -A t)" ] || fail "left: $(ls -A t)"
}

@test "a file past its limit ends a stage with a word, and leaves nothing" {
    local c
    for c in "${SPILLERS[@]}" "${WRITERS[@]}"; do
        prlimit --fsize=20000 $c <in 2> >(cat >err) | cat >/dev/null
        status=${PIPESTATUS[0]}
        wait
        ((status == 74)) || fail "exit $status: $c"
        grep -q "^${c%% *}: .*cannot write .*'t.*': File too large$" err ||
            fail "$c: $(cat err)"
        nothing_in_t
    done
}

@test "past the limit of open files, spilling fails with a word or does with fewer" {
    local c n
    for c in "${SPILLERS[@]}"; do
        assert_exit 0 $c <in
        mv out want
        for n in 6 12 24 60; do
            status=0
            prlimit --nofile=$n $c <in >out 2>err || status=$?
            case $status in
            0) cmp out want ;;
            73) grep -q ": cannot create a temporary file in 't': Too many open files$" err ;;
            *) fail "exit $status with $n: $c: $(cat err)" ;;
            esac
        done
        ((status == 0)) || fail "60 files are too few: $c"
        nothing_in_t
    done
}

@test "with closed descriptors a stage fails, or works, and says so where it can" {
    local c
    echo '{"id":1,"c":2,"v":3}' >one
    for c in 'pipe-transform --set z=id+1' 'pipe-dedup -k id' \
        'pipe-aggregate -g id -a n=count()' \
        'pipe-aggregate -g id -a n=count() --window 1h --time v' \
        'pipe-join one --ref-format ndjson -k id -p r_' \
        'pipe-extract --format ndjson -'; do
        assert_exit 0 $c <one
        mv out want
        assert_exit 74 $c <&-
        grep -q "cannot read 'stdin': Bad file descriptor" err
        status=0
        $c <one >&- 2>err || status=$?
        ((status == 74)) || fail "exit $status without stdout: $c"
        grep -q "cannot write 'stdout': Bad file descriptor" err
        $c <one >out 2>&-
        cmp out want
        status=0
        $c <&- >&- 2>&- || status=$?
        ((status == 74)) || fail "exit $status with nothing open: $c"
    done
}

@test "without HOME, TMPDIR and zone files they work where they need none" {
    local c
    for c in "${SPILLERS[@]}"; do
        assert_exit 0 $c <in
        mv out want
        env -i PATH="$PATH" ASAN_OPTIONS="$ASAN_OPTIONS" \
            LC_ALL=C TZ=Nowhere/Land ${c% --tmpdir t} <in >out 2>err ||
            fail "$c: $(cat err)"
        cmp out want
        TMPDIR=$PWD/nowhere assert_exit 73 ${c% --tmpdir t} <in
        grep -q "temporary file in '$PWD/nowhere': No such file" err
    done
}
