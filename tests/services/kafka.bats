load ../helper
load kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }

setup() {
    kafka_need
    pipe_setup
    need_command kcat
    # A topic of the test's own.
    T=t$BATS_TEST_NUMBER
    URI=kafka://$KAFKA/$T
}

# What a test that failed has left running.
teardown() {
    local member
    touch "$BATS_TEST_TMPDIR/enough"
    for member in "$BATS_TEST_TMPDIR"/member[12]; do
        [ ! -e "$member" ] || pkill -9 -s "$(cat "$member")" || true
    done
}

# extract [OPTION...]: the test's topic, bounded in time.
extract() {
    timeout 120 pipe-extract "$URI" "$@"
}

# pipeline OPTION...: one load of what the ledger has not, gated.
pipeline() {
    timeout 120 pipe-run --pipeline p -- "pipe-extract '$URI' \
        --resume-from sqlite:t.db $* | pipe-load sqlite:t.db -t t --mode append \
        --create"
}

# numbers FROM TO: records with these ids.
numbers() {
    seq -f '{"id":%.0f}' "$1" "$2"
}

rows() {
    sqlite3 t.db 'SELECT count(*), count(DISTINCT id), min(id), max(id) FROM t'
}

# ---- reading

@test "messages that kcat wrote are read from all partitions, byte for byte" {
    kafka_topic "$T" 3
    printf '{"a": 1.10, "b":"é"}\n{"a":12345678901234567890123}\n' |
        kafka_produce "$T" 0
    echo ' {"a":2} ' | kafka_produce "$T" 2
    extract | sort | tr ' ' _ >out
    assert_file out '_{"a":2}_
{"a":_1.10,_"b":"é"}
{"a":12345678901234567890123}'
}

@test "an empty topic has nothing" {
    kafka_topic "$T" 2
    assert_exit 0 extract
    assert_file out ''
}

@test "messages of every compression are read" {
    kafka_topic "$T" 1
    for codec in none gzip snappy lz4 zstd; do
        echo "{\"z\":\"$codec\"}" | kafka_produce "$T" 0 -X compression.codec=$codec
    done
    extract | jq -r .z | paste -sd ' ' >out
    assert_file out 'none gzip snappy lz4 zstd'
}

@test "several topics are read in one go" {
    kafka_topic "$T" 1
    kafka_topic "$T.more" 2
    echo '{"a":1}' | kafka_produce "$T" 0
    echo '{"a":2}' | kafka_produce "$T.more" 1
    timeout 60 pipe-extract "$URI,$T.more" --kafka-fields |
        jq -r '"\(.a) \(._kafka.topic) \(._kafka.partition)"' | sort >out
    assert_file out "1 $T 0
2 $T.more 1"
}

@test "key, headers, time and place of a message are fields on request" {
    kafka_topic "$T" 1
    echo 'k1:{"a":1}' | kafka_produce "$T" 0 -K: -H h1=v1 -H h1=v2
    extract --kafka-fields | jq -c '._kafka | del(.timestamp)' >out
    assert_file out "{\"topic\":\"$T\",\"partition\":0,\"offset\":0,\"key\":\"k1\",\"headers\":[{\"key\":\"h1\",\"value\":\"v1\"},{\"key\":\"h1\",\"value\":\"v2\"}]}"
    extract --kafka-fields | jq -e '._kafka.timestamp | sub("\\.[0-9]+Z"; "Z") |
        fromdateiso8601 > now - 3600'
}

@test "tombstones and values that are no object are dead letters, with their place" {
    kafka_topic "$T" 2
    printf 'k1:{"a":1}\nk2:\nk3:no\nk4:{"a":2}\n' | kafka_produce "$T" 1 -K: -Z
    assert_exit 0 extract --dlq dead/ --max-reject 90%
    assert_file out '{"a":1}
{"a":2}'
    cat dead/* | jq -r '"\(.errors[0].code) \(.source.partition) \(.source.offset) \(.source.uri)"' >letters
    assert_file letters "tombstone 1 1 $URI
not_json 1 2 $URI"
    extract --kafka-envelope --max-reject 90% 2>err |
        jq -c '[.key, .value]' >out
    assert_file out '["k1",{"a":1}]
["k2",null]
["k4",{"a":2}]'
}

@test "a dead letter is read again once it is mended" {
    kafka_topic "$T" 1
    printf '{"a":1}\n{"a":[1}\n' | kafka_produce "$T" 0
    extract --dlq dead/ --max-reject 90% >out
    sed -i 's/\[1}/[1]}/' dead/*
    pipe-dlq replay --dlq dead/ >out
    assert_file out '{"a":[1]}'
}

@test "without a dead letter folder a bad value fails the run" {
    kafka_topic "$T" 1
    echo no | kafka_produce "$T" 0
    assert_exit 65 extract
    grep -q 'not_json' err
}

# ---- where it starts and ends

@test "it ends where the topic ended at its start, while a producer goes on" {
    kafka_topic "$T" 2
    numbers 1 1000 | kafka_produce "$T" 0
    (for ((i = 2000; i < 8000; i++)); do
        echo "{\"id\":$i}"
        ((i % 20)) || sleep 0.01
    done | kafka_produce "$T" 0 -X linger.ms=1) 3>&- &
    producer=$!
    sleep 0.3
    assert_exit 0 extract
    kill "$producer" 2>/dev/null || true
    [ "$(head -n 1000 out | md5sum)" = "$(numbers 1 1000 | md5sum)" ]
    (("$(wc -l <out)" < 6500))
}

@test "reading starts at the end, or at a time, where that is asked for" {
    kafka_topic "$T" 1
    numbers 1 3 | kafka_produce "$T" 0
    sleep 1.1
    date -u +%FT%T.%3NZ >when
    sleep 0.1
    numbers 4 5 | kafka_produce "$T" 0
    assert_exit 0 extract --kafka-from end
    assert_file out ''
    assert_exit 0 extract --kafka-from "$(cat when)"
    assert_file out '{"id":4}
{"id":5}'
    assert_exit 0 extract --kafka-from 2099-01-01
    assert_file out ''
}

@test "aborted messages are skipped, and the marks of transactions are no end" {
    kafka_topic "$T" 1
    numbers 1 3 | kafka_transaction "$T" 0 commit
    numbers 11 13 | kafka_transaction "$T" 0 abort
    numbers 4 5 | kafka_transaction "$T" 0 commit
    numbers 14 15 | kafka_transaction "$T" 0 abort
    assert_exit 0 extract
    assert_file out "$(numbers 1 5)"
}

@test "what an open transaction has written is not read until it is committed" {
    kafka_topic "$T" 1
    numbers 1 2 | kafka_produce "$T" 0
    (numbers 3 4 | kafka_transaction "$T" 0 open >opened) 3>&- &
    within 20 grep -q open opened
    numbers 5 6 | kafka_produce "$T" 0
    assert_exit 0 extract
    assert_file out "$(numbers 1 2)"
    pkill -P $! 2>/dev/null || kill $! || true
}

@test "messages that the broker has deleted fail the run, or are skipped" {
    kafka_topic "$T" 1
    numbers 1 10 | kafka_produce "$T" 0
    assert_exit 0 pipeline --max 3
    kafka_trim "$T" 0 6
    assert_exit 65 pipeline
    grep -q 'messages are gone: .* from offset 6 on, and reading goes on at 3' err
    [ "$(rows)" = '3|3|1|3' ]
    assert_exit 0 pipeline --kafka-gone skip
    [ "$(rows)" = '7|7|1|10' ]
}

# ---- the ledger

@test "the next load goes on behind what was committed" {
    kafka_topic "$T" 3
    numbers 1 10 | kafka_produce "$T" 0
    numbers 11 20 | kafka_produce "$T" 1
    pipeline
    [ "$(rows)" = '20|20|1|20' ]
    numbers 21 30 | kafka_produce "$T" 1
    numbers 31 40 | kafka_produce "$T" 2
    pipeline
    [ "$(rows)" = '40|40|1|40' ]
    pipeline
    [ "$(rows)" = '40|40|1|40' ]
    pipe-extract "$URI" --pipeline p --resume-from sqlite:t.db --show-state |
        jq -c '[.partition, .value]' | sort >out
    assert_file out '["0",10]
["1",20]
["2",10]'
}

@test "a load that fails moves nothing" {
    kafka_topic "$T" 1
    numbers 1 10 | kafka_produce "$T" 0
    pipeline
    numbers 11 20 | kafka_produce "$T" 0
    run -1 timeout 60 pipe-run --pipeline p -- "pipe-extract '$URI' \
        --resume-from sqlite:t.db | { cat; false; } |
        pipe-load sqlite:t.db -t t --mode append"
    [ "$(rows)" = '10|10|1|10' ]
    pipeline
    [ "$(rows)" = '20|20|1|20' ]
}

@test "with --max each load takes so many, and none twice" {
    kafka_topic "$T" 2
    numbers 1 5000 | kafka_produce "$T" 0
    numbers 5001 7000 | kafka_produce "$T" 1
    for _ in 1 2 3; do pipeline --max 1999; done
    [ "$(rows | cut -d '|' -f 1,2)" = '5997|5997' ]
    pipeline
    [ "$(rows)" = '7000|7000|1|7000' ]
}

@test "100,000 messages are loaded once over runs that are killed" {
    kafka_topic "$T" 4
    for p in 0 1 2 3; do
        numbers $((p * 25000 + 1)) $((p * 25000 + 25000)) |
            kafka_produce "$T" "$p" -X linger.ms=20
    done
    killed=0
    for ((i = 0; i < 40; i++)); do
        setsid timeout 60 pipe-run -q --pipeline p -- "pipe-extract '$URI' \
            --resume-from sqlite:t.db --max 9000 |
            pipe-load sqlite:t.db -t t --mode append --create" \
            >>run.out 2>&1 3>&- &
        pid=$!
        if ((i % 3)); then
            sleep "0.$((RANDOM % 35 + 5))"
            # Its session: all of it, or one stage of it.
            if ((i % 2)); then
                pkill -9 -s "$pid" || true
            else
                pkill -9 -s "$pid" -x pipe-extract || true
            fi
            killed=$((killed + 1))
        fi
        wait "$pid" || true
        [ -f t.db ] && [ "$(rows 2>/dev/null | cut -d '|' -f 1)" = 100000 ] && break
    done
    within 30 pipeline
    [ "$(rows)" = '100000|100000|1|100000' ]
    ((killed > 0))
}

@test "a stream is loaded in batches, and goes on where it was killed" {
    kafka_topic "$T" 2
    follow() {
        setsid bash -c "pipe-extract '$URI' --follow --pipeline p \
            --resume-from sqlite:t.db | pipe-load sqlite:t.db -t t \
            --mode append --create --pipeline p --batch 100 --batch-time 200ms" \
            >>follow.out 2>&1 3>&- &
        pid=$!
    }
    have() { [ "$(rows 2>/dev/null | cut -d '|' -f 1)" = "$1" ]; }
    follow
    numbers 1 1000 | kafka_produce "$T" 0
    within 30 have 1000
    pkill -9 -s "$pid"
    wait "$pid" || true
    numbers 1001 1500 | kafka_produce "$T" 1
    follow
    numbers 1501 2000 | kafka_produce "$T" 0
    within 30 have 2000
    pkill -9 -s "$pid"
    wait "$pid" || true
    [ "$(rows)" = '2000|2000|1|2000' ]
}

# ---- groups

@test "the members of a group share the partitions" {
    kafka_topic "$T" 4
    for p in 0 1 2 3; do echo "{\"id\":$p}" | kafka_produce "$T" "$p"; done
    pids=()
    for m in 1 2; do
        timeout 60 pipe-extract "$URI" --follow --kafka-group "$T" \
            >"out$m" 2>"err$m" 3>&- &
        pids+=($!)
    done
    # Each has its own as soon as both have read something.
    within 30 test -s out1
    within 30 test -s out2
    for p in 0 1 2 3; do echo "{\"id\":3$p}" | kafka_produce "$T" "$p"; done
    all() { (($(cat out1 out2 | grep -c '"id":3[0-9]') >= 4)); }
    within 30 all
    kill "${pids[@]}"
    wait
    grep -h '"id":3[0-9]' out1 out2 | sort >out
    assert_file out '{"id":30}
{"id":31}
{"id":32}
{"id":33}'
    grep -q '"id":3[0-9]' out1
    grep -q '"id":3[0-9]' out2
}

@test "a group's offsets follow the ledger, and other members start there" {
    kafka_topic "$T" 1
    numbers 1 100 | kafka_produce "$T" 0
    assert_exit 0 pipeline --kafka-group "$T"
    [ "$(rows)" = '100|100|1|100' ]
    # Read, and not committed: the group does not know.
    assert_exit 0 extract --kafka-group "$T" --kafka-from group
    (("$(wc -l <out)" == 100))
    # The next load tells the group what the one before has committed.
    numbers 101 110 | kafka_produce "$T" 0
    assert_exit 0 pipeline --kafka-group "$T"
    [ "$(rows)" = '110|110|1|110' ]
    assert_exit 0 extract --kafka-group "$T" --kafka-from group
    assert_file out "$(numbers 101 110)"
}

@test "what a group loads is loaded once, also when a member dies" {
    kafka_topic "$T" 4
    # A member that is started again as long as there is work, as by a service
    # manager.
    member() {
        until [ -e "$BATS_TEST_TMPDIR/enough" ]; do
            setsid bash -c "echo \$\$ >member$1; pipe-extract '$URI' --follow \
                --kafka-group '$T' --kafka-option session.timeout.ms=1500 \
                --kafka-option heartbeat.interval.ms=300 \
                --pipeline p --resume-from sqlite:t.db | pipe-load sqlite:t.db \
                -t t --mode append --create --pipeline p --batch 50 \
                --batch-time 100ms" >>"err$1" 2>&1 || true
            sleep 0.1
        done
    }
    have() { [ "$(rows 2>/dev/null | cut -d '|' -f 1)" = "$1" ]; }
    send() { # FROM TO
        for p in 0 1 2 3; do
            numbers $(($1 + p * 100000)) $(($2 + p * 100000)) |
                kafka_produce "$T" "$p"
        done
    }
    echo '{"id":0}' | pipe-load sqlite:t.db -t t --mode append --create -q \
        --on-unknown accept
    member 1 3>&- &
    send 1 500
    within 30 have 2001
    member 2 3>&- &
    send 501 1000
    within 30 have 4001
    pkill -9 -s "$(cat member1)"
    send 1001 1500
    within 60 have 6001
    touch enough
    pkill -9 -s "$(cat member1)" || true
    pkill -9 -s "$(cat member2)" || true
    wait
    [ "$(rows)" = '6001|6001|0|301500' ]
}

# ---- failures

@test "a topic that is not there is 66, a broker that is not there 69" {
    assert_exit 66 extract
    grep -q "topic '$T' .* does not exist" err
    assert_exit 69 pipe-extract kafka://127.0.0.1:1/t --kafka-wait 1s
    grep -q 'Connection refused' err
}

@test "a password on the command line is refused and not repeated" {
    assert_exit 64 extract --kafka-option sasl.password=hunter2
    run ! grep -q hunter2 err
    assert_exit 64 pipe-extract kafka://me:hunter2@h/t
    run ! grep -q hunter2 err
    kafka_topic "$T" 1
    assert_exit 0 env PW=hunter2 pipe-extract \
        --kafka-option sasl.password=env:PW "$URI"
}

@test "a broker that dies while a topic is read is 75" {
    kafka_topic "$T" 1
    awk 'BEGIN { for (i = 0; i < 150000; i++)
        printf "{\"id\":%d,\"fill\":\"%0300d\"}\n", i, i }' |
        kafka_produce "$T" 0 -X linger.ms=20
    mkfifo fifo
    extract --kafka-wait 2s >fifo 2>err 3>&- &
    exec 9<fifo
    read -r -u 9 _
    kafka_kill
    cat <&9 >rest
    exec 9<&-
    code=0
    wait $! || code=$?
    kafka_launch
    ((code == 75))
    (("$(wc -l <rest)" < 149999))
    grep -q 'its end is not reached' err
}

@test "a broker that dies and comes back within the time is waited for" {
    kafka_topic "$T" 1
    awk 'BEGIN { for (i = 0; i < 150000; i++)
        printf "{\"id\":%d,\"fill\":\"%0300d\"}\n", i, i }' |
        kafka_produce "$T" 0 -X linger.ms=20
    mkfifo fifo
    extract >fifo 2>err 3>&- &
    reader=$!
    exec 9<fifo
    read -r -u 9 first
    kafka_kill
    kafka_launch
    { echo "$first"; cat <&9; } | jq -r .id >ids
    exec 9<&-
    wait "$reader"
    [ "$(seq 0 149999 | md5sum)" = "$(md5sum <ids)" ]
}

@test "a signal ends it at a record's end" {
    kafka_topic "$T" 1
    numbers 1 10 | kafka_produce "$T" 0
    pipe-extract "$URI" --follow >out 2>err 3>&- &
    within 20 grep -q '"id":10' out
    kill -TERM $!
    code=0
    wait $! || code=$?
    ((code == 143))
    assert_file out "$(numbers 1 10)"
}

@test "a source that waits notices that its reader is gone" {
    kafka_topic "$T" 1
    echo '{"a":1}' | kafka_produce "$T" 0
    run -141 bash -c "set -o pipefail; timeout 30 pipe-extract '$URI' --follow |
        head -n 1"
    [ "$output" = '{"a":1}' ]
}

@test "the lag behind the broker is a metric" {
    kafka_topic "$T" 1
    numbers 1 100 | kafka_produce "$T" 0
    timeout 60 pipe-extract "$URI" --max 40 --pipeline p --metrics m >out
    (("$(wc -l <out)" == 40))
    grep -hq '^pipeline_consumer_lag.* 60$' m/*.prom
}
