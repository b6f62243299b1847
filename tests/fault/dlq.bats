#!/usr/bin/env bats
# Dead letters while several processes write them, and writers that are killed
# or find the disk full. KILLS sets how many writers are killed (default 500);
# KILL_SEED the moments.
load ../helper

setup() {
    pipe_setup
    export PIPE_PIPELINE=p
    printf '%s' '{"properties":{"price":{"type":"number"},' \
        '"kind":{"enum":["a"]}},"required":["price"]}' >s.json
}

# orders_of WRITER FROM N: a third each is rejected for type, required and enum.
orders_of() {
    awk -v w="$1" -v from="$2" -v n="$3" 'BEGIN {
        for (i = from; i < from + n; i++)
            if (i % 3 == 0)
                printf "{\"id\":\"%s-%d\",\"price\":\"%d\"}\n", w, i, i
            else if (i % 3 == 1)
                printf "{\"id\":\"%s-%d\"}\n", w, i
            else
                printf "{\"id\":\"%s-%d\",\"price\":1,\"kind\":\"z\"}\n", w, i
    }'
}

# writer NAME: 30 runs of 24 records each.
writer() {
    local run
    for run in {0..29}; do
        orders_of "$1" $((run * 24)) 24 |
            pipe-validate -s s.json --max-reject 100% || return
        sleep 0.$((1 + RANDOM % 2))
    done
}

# at_work COMMAND...: runs it; busy is no fault while others are at work.
at_work() {
    local code=0
    "$@" 2>>err || code=$?
    case $code in
    0 | 75) ;;
    65) tail -n 1 err | grep -qE 'were rejected again|nothing to replay' ;;
    *) fail "exit $code: $*" "$(tail -n 3 err)" ;;
    esac
}

# one_round: everything that can be done to a queue.
one_round() {
    at_work pipe-dlq list -q >/dev/null || return
    at_work pipe-dlq stats -q >/dev/null || return
    at_work pipe-dlq check --max-open 1000000 || return
    at_work pipe-dlq export -q -o export.ndjson || return
    at_work pipe-dlq edit -q --code type \
        --set 'price=CAST(price AS NUMBER)' || return
    at_work pipe-dlq replay -q --code type -- \
        'pipe-load sqlite:t.db -t t -m append --create -q' || return
    at_work pipe-dlq purge --force --code enum >>purged || return
}

everything_is_there() {
    local i writers=4 each=240 rounds=0 pids=()
    for ((i = 0; i < writers; i++)); do
        writer "w$i" &
        pids+=($!)
    done
    # Two at it, so that they are in each other's way, too.
    (while [ ! -e over ]; do
        at_work pipe-dlq edit -q --code type \
            --set 'price=CAST(price AS NUMBER)' || exit 1
        at_work pipe-dlq purge --force --code enum >>purged2 || exit 1
    done) &
    local other=$!
    while kill -0 "${pids[@]}" 2>/dev/null; do
        one_round || return
        rounds=$((rounds + 1))
    done
    for i in "${pids[@]}"; do
        wait "$i" || fail "a writer failed"
    done
    touch over
    wait $other || fail "$(tail -n 3 err)"
    one_round
    one_round
    # What was purged was shown; what was not is there.
    cat purged purged2 | jq -r .id | sort >gone
    [ -z "$(uniq -d gone)" ]
    [ "$(wc -l <gone)" = $((writers * each)) ]
    [ "$(pipe-dlq list --code enum -q | wc -l)" = 0 ]
    # What was mended is loaded, once, and marked.
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = \
        "$((writers * each))|$((writers * each))" ]
    [ "$(pipe-dlq list --state replayed -q | wc -l)" = $((writers * each)) ]
    # What nobody touched is as it was.
    [ "$(pipe-dlq show | jq -r '.raw | fromjson | .id' | sort -u | wc -l)" = \
        $((writers * each)) ]
    [ "$(pipe-dlq list | wc -l)" = $((writers * each)) ]
    echo "# $((3 * writers * each)) letters, $rounds rounds" >&3
}

@test "four writers, and all that is done to a folder meanwhile, lose nothing" {
    everything_is_there
}

@test "four writers, and all that is done to one file meanwhile, lose nothing" {
    export PIPE_DLQ=all.ndjson
    everything_is_there
}

# whole FILE...: the lines that are whole, of all files.
whole() {
    cat "$@" 2>/dev/null | awk '/\}$/' | sort
}

@test "a writer killed 500 times: what was written whole is there, and only that" {
    local i torn=0 seen kills=${KILLS:-500} acked=0
    RANDOM=${KILL_SEED:-42}
    orders_of x 0 3000 >orders
    for ((i = 0; i < kills; i++)); do
        # A folder, and a file that all share.
        PIPE_DLQ=dl/
        ((i % 2)) && PIPE_DLQ=dl.ndjson
        export PIPE_DLQ
        if ((i % 20 < 2)); then
            # Acknowledged by a good end.
            orders_of "ok$i" 0 30 | pipe-validate -s s.json --max-reject 100%
            acked=$((acked + 30))
            continue
        fi
        sed "s/\"x-/\"x$i-/" orders |
            pipe-validate -s s.json --max-reject 100% 2>err &
        sleep "0.00$((RANDOM % 10))"
        kill -KILL $! 2>/dev/null || true
        # What is whole when it is dead stays so, whoever comes behind.
        wait $! 2>/dev/null || true
        if ((i % 50 == 49)); then
            whole dl/*.ndjson dl.ndjson >seen
            [ -z "$(tail -q -c 1 dl/*.ndjson dl.ndjson | tr -d '\n')" ] ||
                torn=$((torn + 1))
            for seen in dl/ dl.ndjson; do
                pipe-dlq list --dlq $seen -q >/dev/null 2>>err
                # A writer repairs what it finds.
                orders_of "mend$i" 0 1 |
                    pipe-validate -s s.json --max-reject 100% --dlq $seen
            done
            whole dl/*.ndjson dl.ndjson | comm -23 seen - >lost
            [ ! -s lost ] || fail "lost: $(head -n 1 lost)"
        fi
    done
    for seen in dl/ dl.ndjson; do
        pipe-dlq export --dlq $seen -q >all 2>err
        [ ! -s err ] || fail "$(cat err)"
        [ "$(jq -r .id all | sort | uniq -d | wc -l)" = 0 ]
    done
    [ "$(cat dl/*.ndjson dl.ndjson | jq -r .raw | grep -c '"ok')" = $acked ]
    whole dl/*.ndjson dl.ndjson | cmp - <(cat dl/*.ndjson dl.ndjson | sort)
    echo "# $kills writers, $acked letters acknowledged, torn at $torn of" \
        "$((kills / 50)) looks" >&3
}

# in_small_disk COMMAND: with a file system of 256 KiB at small/.
in_small_disk() {
    mkdir small
    unshare -m bash -c 'mount -t tmpfs -o size=256k none small &&
        mount --make-private small && eval "$1"' - "$1"
}

@test "a full disk is exit 74, and what it cut short is healed" {
    mkdir probe
    unshare -m mount -t tmpfs -o size=64k none probe 2>/dev/null ||
        skip "a file system cannot be mounted here"
    orders_of x 0 3000 >orders
    local where
    for where in dl/ dl.ndjson; do
        rm -rf small
        # shellcheck disable=SC2016
        WHERE=$where in_small_disk '
            export PIPE_DLQ=small/$WHERE
            head -c 90000 /dev/zero >small/filler
            pipe-validate -s s.json --max-reject 100% <orders 2>err
            echo $? >code
            cat small/dl* small/dl/* 2>/dev/null >first
            # One half-way, as of a writer that died on the full disk.
            for f in small/dl.ndjson small/dl/*; do
                [ ! -f $f ] || printf "{\"v\":1,\"id\":\"12" >>$f
            done
            rm small/filler
            pipe-dlq list -q --dlq small/$WHERE 2>>err | wc -l >listed
            head -n 30 orders | sed s/x-/y-/ |
                pipe-validate -s s.json --max-reject 100% 2>>err
            echo $? >>code
            pipe-dlq export --dlq small/$WHERE >second 2>err2'
        [ "$(xargs <code)" = "74 0" ]
        grep -q 'cannot write a dead letter' err
        [ "$(jq -s length first)" -gt 50 ]
        [ "$(jq -s length first)" = "$(cat listed)" ]
        [ "$(jq -r '.raw' second | grep -c '"x-')" = "$(cat listed)" ]
        [ "$(jq -r '.raw' second | grep -c '"y-')" = 30 ]
        [ ! -s err2 ]
    done
}
