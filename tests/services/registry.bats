#!/usr/bin/env bats
# Framed messages: schemas from a registry, real and faulty.
load ../helper
load kafka.bash
load registry.bash

setup_file() {
    kafka_start
    registry_start
}

teardown_file() {
    registry_stop
    kafka_stop
}

setup() {
    pipe_setup
    export PIPE_DLQ=$BATS_TEST_TMPDIR/rejected/
    topic=t$BATS_TEST_NUMBER
}

teardown() {
    [ ! -f server.pid ] || kill "$(cat server.pid)"
}

need_servers() {
    kafka_need
    registry_need
    kafka_topic "$topic"
}

# Sends stdin, whatever its bytes, as one message.
send() {
    cat >"$BATS_TEST_TMPDIR/message"
    kcat -q -P -b "$KAFKA" -t "$topic" -p 0 "$BATS_TEST_TMPDIR/message" 3>&-
}

# A server of documents in the folder docs, which can fail; sets url.
serve() {
    mkdir -p docs/schemas/ids
    jq -n '{schema: ({type: "record", name: "r", fields: [
        {name: "a", type: "long"}]} | tojson)}' >docs/schemas/ids/1
    echo '["AVRO"]' >docs/schemas/types
    /usr/bin/python3 "$REPO/tests/services/registry_server.py" docs \
        >port 2>server.log 3>&- &
    echo $! >server.pid
    local try
    for ((try = 0; try < 100; try++)); do
        [ -s port ] && break
        sleep 0.1
    done
    url=http://127.0.0.1:$(cat port)
}

asked() {
    grep -c "$1" docs/log
}

read_all() {
    pipe-extract "kafka://$KAFKA/$topic" --registry "${url:-$REGISTRY}" "$@"
}

@test "10,000 messages of random schemas read as their reference encoders say" {
    need_command protoc
    /usr/bin/python3 -c 'import avro, google.protobuf' 2>/dev/null ||
        skip 'python3-avro or python3-protobuf is not installed'
    peers=$REPO/tests/services/registry_peers.py
    /usr/bin/python3 "$peers" make cases 5000 "$RANDOM"
    "$BUILD_DIR/unit/registry_decode" cases <cases/messages >have
    run /usr/bin/python3 "$peers" compare cases <have
    [ "$status" -eq 0 ] || fail "$output"
    [[ ${lines[-1]} == '10000 messages, 0 differ, 0 missing' ]]
}

@test "Avro: records come out as JSON, with the registry's own references" {
    need_servers
    money='{"type":"fixed","name":"Money","namespace":"shop","size":8,
        "logicalType":"decimal","precision":18,"scale":2}'
    registry_add "$topic-money" AVRO "$money" >/dev/null
    id=$(registry_add "$topic-value" AVRO '{"type":"record","name":"Order",
        "namespace":"shop","fields":[{"name":"id","type":"long"},
        {"name":"total","type":"Money"},
        {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}' \
        "[{\"name\":\"shop.Money\",\"subject\":\"$topic-money\",\"version\":1}]")
    # 7, 12.50, 2024-02-29T12:00:00.5Z
    printf '\x0e\0\0\0\0\0\0\x04\xe2\xc0\xc4\xbc\xfb\xff\xa0\x89\x06' |
        frame "$id" | send
    run -0 read_all
    [ "$output" = '{"id":7,"total":12.50,"at":"2024-02-29T12:00:00.5Z"}' ] ||
        fail "$output"
}

@test "Protobuf: message types of a file, and of a file that it imports" {
    need_servers
    registry_add "$topic-item" PROTOBUF 'syntax = "proto3"; package shop;
        message Item { string sku = 1; int64 count = 2; }' >/dev/null
    id=$(registry_add "$topic-value" PROTOBUF 'syntax = "proto3";
        package shop; import "item.proto";
        message Note { string text = 1; }
        message Order { int64 id = 1; repeated Item items = 2;
            map<string, bool> flags = 3; }' \
        "[{\"name\":\"item.proto\",\"subject\":\"$topic-item\",\"version\":1}]")
    printf '\0\x0a\2hi' | frame "$id" | send
    printf '\2\2\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x12\5\x0a\1s\x10\3\x1a\5\x0a\1x\x10\1' |
        frame "$id" | send
    run -0 read_all
    [ "${lines[0]}" = '{"text":"hi"}' ] || fail "$output"
    [ "${lines[1]}" = '{"id":9223372036854775807,"items":[{"sku":"s","count":3}],"flags":{"x":true}}' ] ||
        fail "$output"
}

@test "JSON Schema: messages pass byte for byte, on request only valid ones" {
    need_servers
    id=$(registry_add "$topic-value" JSON \
        '{"type":"object","properties":{"n":{"minimum":5}}}')
    echo -n '{"n" : 5.00}' | frame "$id" | send
    echo -n '{"n":4}' | frame "$id" | send
    run -0 read_all
    [ "$output" = $'{"n" : 5.00}\n{"n":4}' ] || fail "$output"
    run -0 --separate-stderr read_all --registry-validate --max-reject 1
    [ "$output" = '{"n" : 5.00}' ] || fail "$output"
    run -0 pipe-dlq show --all --format json
    [ "$(jq -r '.errors[0] | .code + " " + .path' <<<"$output")" = 'invalid /n' ] ||
        fail "$output"
}

@test "what cannot be decoded is rejected with its bytes, and the rest read" {
    need_servers
    serve
    printf '\x54' | frame 1 | send
    echo '{"plain":true}' | send
    printf '\x54' | frame 99 | send
    printf '\x80' | frame 1 | send
    printf '\x56' | frame 1 | send
    run -0 --separate-stderr read_all --max-reject 3
    [ "$output" = $'{"a":42}\n{"a":43}' ] || fail "$output" "$stderr"
    run -0 pipe-dlq show --all --format json
    [ "$(jq -r '.errors[0].code' <<<"$output" | sort | tr '\n' ' ')" = \
        'bad_avro not_framed unknown_schema ' ] || fail "$output"
    [ "$(jq -r 'select(.errors[0].code == "bad_avro") | .raw_b64' \
        <<<"$output")" = AAAAAAGA ] || fail "$output"
}

@test "a schema is asked for once, and then known without the registry" {
    need_servers
    serve
    for i in 1 2 3; do printf '\x54' | frame 1 | send; done
    run -0 read_all
    [ "${#lines[@]}" -eq 3 ]
    [ "$(asked ids/1)" -eq 1 ]
    kill "$(cat server.pid)"
    rm server.pid
    run -0 read_all
    [ "${#lines[@]}" -eq 3 ]
}

@test "a registry that fails for a moment is asked again" {
    need_servers
    serve
    echo 2 >docs/failures
    printf '\x54' | frame 1 | send
    run -0 read_all
    [ "$output" = '{"a":42}' ]
    [ "$(asked 503)" -eq 2 ]
}

@test "what is no registry ends the run, and rejects nothing" {
    need_servers
    serve
    printf '\x54' | frame 1 | send
    touch docs/plain
    run -78 --separate-stderr read_all
    [[ $stderr == *'no schema registry'* ]] || fail "$stderr"
    rm docs/plain docs/schemas/types docs/schemas/ids/1
    run -78 --separate-stderr read_all
    [[ $stderr == *'no schema registry'* ]] || fail "$stderr"
    [ ! -d rejected ] || [ -z "$(ls rejected)" ]
}

@test "credentials come from a file or a variable and are nowhere to be seen" {
    need_servers
    serve
    printf '\x54' | frame 1 | send
    echo "Basic $(printf 'me:sesame' | base64)" >docs/authorization
    run -77 --separate-stderr read_all
    export KEY=me:wrong
    run -77 --separate-stderr read_all --registry-auth env:KEY
    [[ $stderr != *wrong* ]]
    (umask 077 && echo me:sesame >key)
    run -0 read_all --registry-auth file:key
    [ "$output" = '{"a":42}' ]
    rm -rf "$PIPE_STATE"
    echo 'Bearer abc' >docs/authorization
    export KEY=abc
    run -0 read_all --registry-token env:KEY
    [ "$output" = '{"a":42}' ]
    ! grep -rs -e sesame -e abc "$PIPE_STATE"
}

@test "secrets in the command line and odd options are refused" {
    run -64 pipe-extract kafka://127.0.0.1:1/t --registry http://me:pw@127.0.0.1/
    run -64 pipe-extract kafka://127.0.0.1:1/t --registry ftp://127.0.0.1/
    run -64 pipe-extract kafka://127.0.0.1:1/t --registry http://127.0.0.1/ \
        --registry-auth me:pw
    [[ $output != *me:pw* ]]
    run -64 pipe-extract kafka://127.0.0.1:1/t --kafka-value registry
    run -64 pipe-extract kafka://127.0.0.1:1/t --kafka-value json \
        --registry http://127.0.0.1/
}

@test "the envelope takes values of any type" {
    need_servers
    id=$(registry_add "$topic-value" AVRO '"long"')
    printf '\x54' | frame "$id" | send
    run -0 read_all --kafka-envelope
    [ "$(jq -c .value <<<"$output")" = 42 ] || fail "$output"
    run -0 --separate-stderr read_all --max-reject 100%
    [ -z "$output" ]
}
