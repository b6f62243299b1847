#!/usr/bin/env bats
# pipe-wait for consumer groups of Kafka.
load ../helper
load kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }

setup() {
    kafka_need
    need_command kcat
    pipe_setup
}

# consume TOPIC GROUP: reads to the ends, and commits.
consume() {
    timeout 60 kcat -q -b "$KAFKA" -G "$2" -e -X auto.offset.reset=earliest \
        "$1" >/dev/null 3>&-
}

@test "a group that has caught up holds; one that is behind is waited for" {
    kafka_topic lag 2
    seq 60 | kafka_produce lag 0
    seq 40 | kafka_produce lag 1
    # It never read: all is left.
    assert_exit 75 pipe-wait --once --group g "kafka://$KAFKA/lag"
    assert_file err "pipe-wait: group 'g' is 100 messages behind in 'kafka://$KAFKA/lag', wanted 0 at most"
    assert_exit 75 pipe-wait --once --group g --max-lag 99 "kafka://$KAFKA/lag"
    assert_exit 0 pipe-wait --once --group g --max-lag 100 "kafka://$KAFKA/lag"
    (
        sleep 1
        consume lag g
    ) </dev/null >/dev/null 2>&1 3>&- &
    assert_exit 0 pipe-wait --group g --interval 500ms --timeout 60s \
        "kafka://$KAFKA/lag"
    wait
    seq 5 | kafka_produce lag 1
    assert_exit 75 pipe-wait --once --group g --max-lag 4 "kafka://$KAFKA/lag"
    grep -q "group 'g' is 5 messages behind" err
}

@test "a topic that is not there is 66, or awaited; a broker that is not, is" {
    assert_exit 66 pipe-wait --timeout 60s --group g "kafka://$KAFKA/nosuch"
    assert_exit 75 pipe-wait --once --allow-missing --group g \
        "kafka://$KAFKA/nosuch"
    assert_exit 75 pipe-wait --timeout 1s --group g kafka://127.0.0.1:1/t
}
