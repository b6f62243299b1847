#!/usr/bin/env bats
# kill -9 of a load into files: at random moments, under pipe-run too, and at each system call that
# changes the folder. Run again, there is exactly one copy. KILLS sets how many
# random moments (default 60); KILL_SEED which.
# shellcheck disable=SC2034,SC2128 # a campaign reads them
load ../helper
load ../kills

setup_file() {
    kills_setup
}

load_run() {
    pipe-load file:lake -t t --create --partition-by c --run-id "$1" -q \
        --mode "${@:2}"
}

# All records, in order.
data() {
    find lake/t -name '.pipe-*' -prune -o -name 'part-*' -exec cat {} + | sort
}

# Nothing half done is left, and readers by _SUCCESS see every partition.
check_tidy() {
    local rest
    rest=$(find lake -name '.pipe-*' -o -name '*.tmp')
    [ -z "$rest" ] || fail "left behind: $rest"
    rest=$(find lake/t -type d '!' -exec test -e '{}/_SUCCESS' ';' -print)
    [ -z "$rest" ] || fail "no _SUCCESS in: $rest"
    [ "$(jq -r .state lake/t/_pipe_loads.ndjson | sort | uniq -c | awk '{print $1}' | uniq | wc -l)" = 1 ] ||
        fail "a load was begun and is not ended"
}

# Whoever goes by the table's _SUCCESS at this moment sees all of the run or
# nothing of it, whose records are $1 by the field run.
check_readers() {
    [ -e lake/t/_SUCCESS ] || return 0
    case $(data | grep -c "\"run\":$1}") in
    0 | 15) ;;
    *) fail "half of run $1, and _SUCCESS" ;;
    esac
}

@test "random kills: run again, there is exactly one copy of each load" {
    local mode i ms start killed=0 counted=0 all=0
    for c in DE FR NL; do
        for i in 1 2 3 4 5; do echo "{\"id\":$i,\"c\":\"$c\",\"run\":0}"; done
    done >in
    load_run first append <in
    start=${EPOCHREALTIME/./}
    load_run probe replace --all <in
    ms=$(((${EPOCHREALTIME/./} - start) / 1000 + 5))
    RANDOM=${KILL_SEED:-42}
    cat in >want
    for ((i = 1; i <= ${KILLS:-60}; i++)); do
        sed "s/\"run\":0/\"run\":$i/" in >next
        if ((i % 2)); then
            mode=(append)
            sort -o want want next
        else
            mode=(replace --all)
            sort -o want next
        fi
        pipe-load file:lake -t t --partition-by c --run-id "$i" -q \
            --mode "${mode[@]}" <next &
        sleep "$(printf '0.%03d' $((RANDOM % ms)))"
        kill -KILL $! 2>/dev/null && killed=$((killed + 1))
        wait $! 2>/dev/null || true
        grep -q "\"run_id\":\"$i\"" lake/t/_pipe_loads.ndjson &&
            counted=$((counted + 1))
        check_readers "$i"
        load_run "$i" "${mode[@]}" <next
        data | cmp - want || fail "run $i: not one copy"
        check_tidy
        all=$((all + 1))
    done
    echo "# $killed of $all killed within $ms ms, $counted counted before the second run" >&3
    [ "$killed" -gt $((all / 10)) ]
}

@test "random kills under pipe-run with jq: run again, there is exactly one copy" {
    need_command jq
    GATED=yes
    MODES=(append replace)
    make_orders 4000 >old.ndjson
    make_orders 6000 3000 | sed 's/2026-01-/2026-02-/' >new.ndjson
    pipe-load file:lake -t t --create --partition-by country -m append -q \
        --run-id first <old.ndjson
    mv lake first
    fresh() {
        rm -rf lake
        cp -r first lake
    }
    load() {
        local how=$mode
        [ "$mode" = append ] || how='replace --all'
        exec pipe-run -q --pipeline p --kill-after 5s --lock-wait 20s -- "
            pipe-extract --format ndjson new.ndjson | jq -c . |
                pipe-transform --where TRUE |
                pipe-load file:lake -t t --partition-by country -m $how -q"
    }
    state() {
        data | md5sum
    }
    # Files of a load that counts, but is not whole yet: readers are told by
    # the table's _SUCCESS. The next load brings it to its end first.
    between() {
        [ ! -e lake/t/_SUCCESS ]
    }
    VICTIMS=(pipe-extract jq pipe-transform load-first load-last shell run guard)
    ENDERS=(load-first load-last shell run guard)
    LAST=pipe-transform
    campaign 'files under pipe-run' "${KILLS:-60}"
    check_tidy
}

@test "a kill at each system call: run again, there is exactly one copy" {
    need_command strace
    local call n mode status kills=0
    printf '%s\n' '{"id":1,"c":"DE"}' '{"id":2,"c":"FR"}' >old
    printf '%s\n' '{"id":3,"c":"FR"}' '{"id":4,"c":"NL"}' >new
    for mode in append 'replace --all'; do
        # shellcheck disable=SC2206
        local words=($mode)
        for call in write mkdirat openat renameat unlinkat fsync; do
            for ((n = 1; n < 200; n++)); do
                rm -rf lake
                load_run old append <old
                status=0
                strace -qq -o /dev/null -e trace=$call \
                    -e inject=$call:signal=KILL:when=$n \
                    "$(command -v pipe-load)" file:lake -t t --partition-by c \
                    --run-id new -q --mode "${words[@]}" <new 2>/dev/null || status=$?
                load_run new "${words[@]}" <new
                if [ "$mode" = append ]; then
                    sort old new | cmp - <(data)
                else
                    cmp new <(data)
                fi || fail "$mode, killed at $call $n"
                check_tidy
                [ $status != 0 ] || break
                kills=$((kills + 1))
            done
            [ $n -lt 200 ] || fail "$call does not end"
        done
    done
    echo "# $kills kills" >&3
    [ $kills -gt 60 ]
}

@test "a system call that fails: nothing or all, and the next run is good" {
    need_command strace
    local call n status failures=0
    printf '%s\n' '{"id":1,"c":"DE"}' '{"id":2,"c":"FR"}' >old
    printf '%s\n' '{"id":3,"c":"FR"}' '{"id":4,"c":"NL"}' >new
    for call in write:ENOSPC mkdirat:ENOSPC openat:EMFILE renameat:EIO \
        unlinkat:EIO fsync:EIO ftruncate:EIO flock:ENOLCK; do
        for ((n = 1; n < 60; n++)); do
            rm -rf lake
            load_run old append <old
            status=0
            strace -qq -o trace -e trace="${call%:*}" \
                -e "inject=${call%:*}:error=${call#*:}:when=$n" \
                "$(command -v pipe-load)" file:lake -t t --partition-by c \
                --run-id new -q --mode replace --all <new 2>err || status=$?
            case $status in
            0 | 66 | 69 | 7[0-9] | 127) ;;
            *) fail "exit $status at $call $n: $(cat err)" ;;
            esac
            grep -q INJECTED trace || break
            failures=$((failures + 1))
            load_run new replace --all <new || fail "second run: $call $n: $(cat err)"
            cmp new <(data) || fail "$call $n"
            check_tidy
        done
    done
    echo "# $failures failures" >&3
    [ $failures -gt 60 ]
}
