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
    URI=kafka://$KAFKA
}

# into OPTION...: loads stdin into the test's topic, bounded in time.
into() {
    timeout 120 pipe-load "$URI" -t "$T" "$@"
}

# numbers FROM TO: records with these ids.
numbers() {
    seq "$1" "$2" | sed 's/.*/{"id":&}/'
}

# committed FORMAT [TOPIC]: the committed messages of the test's topic.
committed() {
    kcat -q -C -b "$KAFKA" -t "${2-$T}" -o beginning -e -f "$1\\n" \
        -X isolation.level=read_committed 3>&-
}

# count: how many there are, and how many of them differ.
count() {
    committed %s | sort >got
    echo "$(wc -l <got) $(uniq got | wc -l)"
}

# ---- messages

@test "records are messages, byte for byte, in the order they came" {
    kafka_topic "$T" 1
    printf '%s\n' '{"a": 1.10, "b":"é\u0041"}' '{"a":12345678901234567890123}' >in
    assert_exit 0 into --mode append --create <in
    committed %s >out
    cmp in out
}

@test "topics that are not there are made by --create alone" {
    numbers 1 3 >in
    assert_exit 78 into --mode append <in
    grep -q -e --create err
    assert_exit 0 into --mode upsert -k id --create --kafka-partitions 3 <in
    [ "$(count)" = '3 3' ]
    kcat -q -L -b "$KAFKA" -t "$T" 3>&- | grep -q '3 partitions'
    # Keyed messages are kept for good: the topic is compacted. A load into it
    # without the ledger's topic is refused too.
    assert_exit 0 into --mode upsert -k id <in
}

@test "a key field is the key as other clients write it; several are an array" {
    kafka_topic "$T" 1
    printf '%s\n' '{"id":"a\u00e9\"b","n":1.50}' '{"id":"c","n":2}' >in
    into --mode append -k id --create <in
    into --mode append -k n --run-id n <in
    into --mode upsert -k id,n --run-id both <in
    committed %k >keys
    assert_file keys 'aé"b
c
1.50
2
["a\u00e9\"b",1.50]
["c",2]'
}

@test "messages of a key go where the Java client sends them" {
    kafka_topic "$T" 7
    # What Utils.toPositive(Utils.murmur2(key)) % 7 is, of the broker's own code.
    printf 'k%s\n' 1 2 3 4 5 6 7 8 9 >keys
    mkdir j
    cat >j/P.java <<'END'
import org.apache.kafka.common.utils.Utils;
public class P {
    public static void main(String[] keys) {
        for (String k : keys)
            System.out.println(k + " " + Utils.toPositive(
                Utils.murmur2(k.getBytes())) % 7);
    }
}
END
    need_command javac
    # shellcheck disable=SC2154 # set by kafka.bash
    javac -cp "$kafka_jars/*" -d j j/P.java 3>&-
    # shellcheck disable=SC2046
    java -XX:TieredStopAtLevel=1 -cp "j:$kafka_jars/*" P $(cat keys) 3>&- | sort >want
    sed 's/.*/{"k":"&"}/' keys | into --mode upsert -k k --create
    committed '%k %p' | sort >got
    diff want got
}

@test "a record without its key is a dead letter" {
    kafka_topic "$T" 1
    printf '%s\n' '{"id":1}' '{"id":null}' '{"x":1}' '{"id":2}' >in
    assert_exit 0 into --mode upsert -k id --create --dlq dead/ \
        --max-reject 90% <in
    committed %k >keys
    assert_file keys '1
2'
    [ "$(cat dead/* | jq -r '.errors[0].code' | sort | uniq -c | xargs)" = \
        '2 null_key' ]
}

@test "headers name run and pipeline, and a field gives the time" {
    kafka_topic "$T" 1
    printf '%s\n' '{"t":"2026-01-31T08:00:00.5+01:00"}' '{"t":86400000}' \
        '{"t":"soon"}' >in
    assert_exit 0 into --mode append --create --pipeline shop --run-id r7 \
        --kafka-headers --kafka-time t --dlq dead/ --max-reject 90% <in
    committed '%T %h' >out
    assert_file out '1769842800500 pipe.run_id=r7,pipe.pipeline=shop
86400000 pipe.run_id=r7,pipe.pipeline=shop'
    [ "$(cat dead/* | jq -r '.errors[0].code')" = bad_time ]
    assert_exit 64 into --mode append --kafka-headers <in
}

@test "a record that the topic would not take is a dead letter, the rest is loaded" {
    kafka_topic "$T" 1 max.message.bytes=2000
    {
        numbers 1 100
        printf '{"id":"%s"}\n' "$(head -c 3000 /dev/zero | tr '\0' x)"
        # As large as it may be, and more than it may be in one batch.
        for i in 1 2 3 4; do
            printf '{"id":%d,"x":"%s"}\n' "$i" "$(head -c 1800 /dev/zero | tr '\0' x)"
        done
    } >in
    assert_exit 0 into --mode append --create --dlq dead/ --max-reject 90% <in
    [ "$(count)" = '104 104' ]
    [ "$(cat dead/* | jq -r '.errors[0].code')" = message_too_large ]
}

@test "what is deleted in a change stream is a tombstone, also under its old key" {
    kafka_topic "$T" 1
    cat >in <<'END'
{"before":null,"after":{"id":1,"v":"a"},"op":"c"}
{"before":{"id":1,"v":"a"},"after":{"id":1,"v":"b"},"op":"u"}
{"before":{"id":1,"v":"b"},"after":{"id":2,"v":"b"},"op":"u"}
{"before":{"id":2,"v":"b"},"after":null,"op":"d"}
END
    assert_exit 0 into --mode cdc -k id --create <in
    committed '%k %S [%s]' >out
    assert_file out '1 16 [{"id":1,"v":"a"}]
1 16 [{"id":1,"v":"b"}]
1 -1 []
2 16 [{"id":2,"v":"b"}]
2 -1 []'
}

@test "a change stream that empties its table is refused" {
    kafka_topic "$T" 1
    echo '{"source":{"table":"t"},"before":null,"after":null,"op":"t"}' >in
    echo '{"source":{"table":"t"},"before":null,"after":{"id":1},"op":"c"}' >>in
    assert_exit 0 into --mode cdc -k id --create --dlq dead/ --max-reject 90% <in
    [ "$(cat dead/* | jq -r '.errors[0].code')" = truncate ]
    [ "$(count)" = '1 1' ]
}

# ---- once

@test "the same run again changes nothing; with other records it is refused" {
    kafka_topic "$T" 2
    numbers 1 1000 >in
    assert_exit 0 into --mode append --create --run-id r <in
    assert_exit 0 into --mode append --run-id r <in
    grep -q 'nothing changed' err
    numbers 1 999 >other
    assert_exit 65 into --mode append --run-id r <other
    [ "$(count)" = '1000 1000' ]
    # Another run, pipeline or topic is another load.
    assert_exit 0 into --mode append --run-id r --pipeline p <in
    [ "$(count)" = '2000 1000' ]
}

@test "the ledger's row is committed with the records" {
    kafka_topic "$T" 1
    numbers 1 5 >in
    into --mode append --create --run-id r --pipeline p <in
    kcat -q -C -b "$KAFKA" -t _pipe_loads -o beginning -e -f '%k %s\n' \
        -X isolation.level=read_committed 3>&- |
        sed -n "s/^\\[\"p\",\"$T\",\"\",\"r\"\\] //p" |
        jq -c '[.pipeline, .table_name, .run_id, .mode, .rows_loaded]' >row
    assert_file row "[\"p\",\"$T\",\"r\",\"append\",5]"
}

@test "a dry run writes nothing and makes nothing" {
    numbers 1 5 >in
    assert_exit 0 into --mode append --create --dry-run <in
    [ "$(kcat -q -L -b "$KAFKA" -t "$T" 3>&- | grep -c 'partition 0')" = 0 ]
}

@test "nothing is committed of a stream whose producer died" {
    kafka_topic "$T" 1
    numbers 1 1000 >in
    into --mode append --create --run-id first <in
    mkfifo fifo
    sh -c "echo \$\$ >pid; exec pipe-transform --where 'id > 0'" <fifo 3>&- |
        timeout 60 pipe-load "$URI" -t "$T" --mode append --run-id second \
            2>err 3>&- &
    load=$!
    exec 7>fifo
    numbers 1 20000 >&7
    sleep 0.3
    kill -9 "$(cat pid)"
    exec 7>&-
    wait "$load" || status=$?
    [ "${status-0}" = 75 ]
    [ "$(count)" = '1000 1000' ]
}

@test "100000 records are loaded once, whatever moment the loader is killed at" {
    kafka_topic "$T" 3
    numbers 1 100000 >in
    into --mode append --create --run-id warm </dev/null --allow-empty
    killed=0
    for ((i = 0; i < 20; i++)); do
        pipe-load "$URI" -t "$T" --mode append --run-id r <in 2>/dev/null 3>&- &
        sleep "0.$(printf %03d $((RANDOM % 900)))"
        kill -9 $! 2>/dev/null && killed=$((killed + 1))
        wait $! || true
        case $(count) in
        '0 0' | '100000 100000') ;;
        *) echo "round $i: $(count)" && return 1 ;;
        esac
    done
    assert_exit 0 into --mode append --run-id r <in
    [ "$(count)" = '100000 100000' ]
    ((killed > 0))
}

@test "batches go on behind the last one that a killed loader committed" {
    kafka_topic "$T" 2
    numbers 1 20000 >in
    into --mode append --create --run-id warm </dev/null --allow-empty
    for ((i = 0; i < 6; i++)); do
        pipe-load "$URI" -t "$T" --mode append --run-id r --batch 700 \
            <in 2>/dev/null 3>&- &
        sleep "0.$(printf %03d $((RANDOM % 500)))"
        kill -9 $! 2>/dev/null || true
        wait $! || true
        read -r all once <<<"$(count)"
        [ "$all" = "$once" ]
    done
    assert_exit 0 into --mode append --run-id r --batch 700 <in
    [ "$(count)" = '20000 20000' ]
}

@test "a second load of the pipeline takes the place of one that is under way" {
    kafka_topic "$T" 1
    numbers 1 1000 >in
    into --mode append --create --run-id warm </dev/null --allow-empty
    mkfifo pipe
    pipe-load "$URI" -t "$T" --mode append --run-id old <pipe 2>old.err 3>&- &
    old=$!
    exec 7>pipe
    cat in >&7
    sleep 0.7
    assert_exit 0 into --mode append --run-id new <in
    exec 7>&-
    wait "$old" || status=$?
    [ "${status-0}" = 75 ]
    grep -q 'same transactional id' old.err
    [ "$(count)" = '1000 1000' ]
}

@test "loads of two pipelines into one topic do not hinder each other" {
    kafka_topic "$T" 1
    numbers 1 500 >in
    numbers 501 1000 >in2
    into --mode append --create --run-id warm </dev/null --allow-empty
    into --mode append --pipeline a <in 3>&- &
    a=$!
    into --mode append --pipeline b <in2 3>&- &
    b=$!
    wait "$a"
    wait "$b"
    [ "$(count)" = '1000 1000' ]
}

@test "under pipe-run a load counts only if the whole pipeline ended well" {
    kafka_topic "$T" 1
    numbers 1 100 >in
    into --mode append --create --run-id warm </dev/null --allow-empty
    assert_exit 1 timeout 60 pipe-run --pipeline p -- \
        "{ cat in; exit 1; } | pipe-load $URI -t $T --mode append"
    [ "$(count)" = '0 0' ]
    assert_exit 0 timeout 60 pipe-run --pipeline p -- \
        "cat in | pipe-load $URI -t $T --mode append"
    [ "$(count)" = '100 100' ]
}

@test "--ask tells whether a load is committed" {
    kafka_topic "$T" 1
    numbers 1 100 >in
    into --mode append --create --run-id r --pipeline p <in
    hash=$(kcat -q -C -b "$KAFKA" -t _pipe_loads -o beginning -e -f '%k %s\n' \
        3>&- | sed -n "s/^\\[\"p\",\"$T\",\"\",\"r\"\\] //p" | jq -r .input_hash)
    ask() {
        timeout 60 pipe-load --ask "{\"target\":\"$URI\",\"table\":\"$T\",
            \"cwd\":\"\",\"pipeline\":\"p\",\"partition\":\"\",
            \"run_id\":\"$1\",\"input_hash\":\"$hash\"}"
    }
    [ "$(ask r)" = true ]
    [ "$(ask other)" = false ]
}

# ---- brokers

@test "no broker is exit 69, and a target that cannot be is 64" {
    numbers 1 3 >in
    assert_exit 69 timeout 60 pipe-load kafka://127.0.0.1:1 -t "$T" \
        --mode append --kafka-wait 500ms <in
    assert_exit 64 timeout 60 pipe-load "$URI/$T" -t "$T" --mode append <in
    assert_exit 64 timeout 60 pipe-load "$URI" -t 'a b' --mode append <in
    assert_exit 64 timeout 60 pipe-load "$URI" -t _pipe_loads --mode append <in
    kafka_topic "$T" 1
    assert_exit 64 into --mode append --create \
        --kafka-option transactional.id=x <in
}

@test "a broker that dies under a load costs nothing but the load" {
    kafka_topic "$T" 1
    numbers 1 50000 >in
    into --mode append --create --run-id warm </dev/null --allow-empty
    mkfifo pipe
    pipe-load "$URI" -t "$T" --mode append --run-id r --kafka-wait 3s \
        <pipe 2>err 3>&- &
    load=$!
    exec 7>pipe
    head -n 25000 in >&7
    kafka_kill
    tail -n +25001 in >&7
    exec 7>&-
    status=0
    wait "$load" || status=$?
    kafka_launch # whatever comes: the tests behind this one want it
    # 69 where it had not begun when the broker died.
    [[ $status =~ ^(69|75)$ ]] || fail "exit $status: $(cat err)"
    assert_exit 0 into --mode append --run-id r <in
    [ "$(count)" = '50000 50000' ]
}

# ---- dead letters

@test "a dead letter is a message with the headers of Kafka Connect" {
    kafka_topic "$T" 1
    printf '{"a":1}\n{"a":\n{"a":2}\n' >in
    assert_exit 0 timeout 60 pipe-transform --where 'a > 0' --pipeline shop \
        --run-id r9 --dlq "$URI/$T" --max-reject 90% <in
    assert_file out '{"a":1}
{"a":2}'
    committed '%s' >letters
    assert_file letters '{"a":'
    committed '%h' | tr ',' '\n' | sed 's/^\(pipe.id=\).*/\1/' | head -n 12 >headers
    for h in __connect.errors.offset=8 __connect.errors.connector.name=shop \
        __connect.errors.task.id=r9 __connect.errors.stage=TRANSFORMATION \
        __connect.errors.class.name=pipe-transform \
        __connect.errors.exception.class.name=not_json pipe.attempt=1; do
        grep -qxF "$h" headers
    done
    grep -q '^__connect.errors.exception.message=.' headers
}

@test "a dead letter of a topic names topic, partition and offset" {
    kafka_topic "$T" 2
    kafka_topic "$T.dead" 1
    printf '{"a":1}\nno\n' | kafka_produce "$T" 1
    assert_exit 0 timeout 60 pipe-extract "$URI/$T" --dlq "$URI/$T.dead" \
        --max-reject 90%
    committed '%s %h' "$T.dead" >letter
    grep -q '^no ' letter
    for h in topic="$T" partition=1 offset=1 stage=VALUE_CONVERTER; do
        grep -qF "__connect.errors.$h," letter
    done
}

@test "a dead letter that the topic would not take is cut, and says so" {
    kafka_topic "$T" 1 max.message.bytes=8000
    { numbers 1 3 && printf '{"x":"%s"\n' "$(head -c 20000 /dev/zero | tr '\0' x)"; } >in
    assert_exit 0 timeout 60 pipe-transform --where 'id > 0' --dlq "$URI/$T" \
        --max-reject 90% <in
    committed '%S %h' >letter
    grep -q 'pipe.raw_length=20007' letter
    read -r size _ <letter
    ((size > 4000 && size < 8000))
}

@test "a stage whose dead letters cannot be kept fails" {
    echo '{"a":' >in
    assert_exit 73 timeout 60 pipe-transform --where 'a > 0' \
        --dlq "$URI/$T" --max-reject 100% <in
    grep -q 'no such topic' err
    assert_exit 64 timeout 60 pipe-transform --where 'a > 0' --dlq "$URI" <in
    assert_exit 64 pipe-dlq list --dlq "$URI/$T"
    grep -q kafka-envelope err
}

@test "dead letters are kept where the load is forked off by pipe-run" {
    kafka_topic "$T" 1
    kafka_topic "$T.dead" 1
    printf '{"id":1}\n{"x":1}\n' >in
    assert_exit 0 timeout 60 pipe-run --pipeline p -- \
        "cat in | pipe-load $URI -t $T --mode append -k id --create \
            --dlq $URI/$T.dead --max-reject 90%"
    [ "$(count)" = '1 1' ]
    committed '%s %h' "$T.dead" >letter
    grep -q '^{"x":1} .*__connect.errors.stage=TASK_PUT' letter
}

# ---- last, since what a killed client left open stays so for a minute

@test "a load waits for one that is being decided, and not for ever" {
    kafka_topic "$T" 1
    numbers 1 3 >in
    into --mode append --create --run-id warm <in
    # All of the ledger's partitions, since which one it is is not told.
    for ((p = 0; p < 16; p++)); do
        # They end by themselves, should the test not end them.
        timeout 60 "$KAFKA_DIR/tool" transaction "$KAFKA" _pipe_loads "$p" open \
            <<<x >"open.$p" 2>/dev/null 3>&- &
        pids+=($!)
    done
    for ((p = 0; p < 16; p++)); do
        for ((i = 0; i < 100; i++)); do
            grep -q open "open.$p" && break
            sleep 0.1
        done
    done
    assert_exit 75 into --mode append --run-id next --lock-timeout 1s <in
    grep -q 'open transaction' err
    kill "${pids[@]}"
    [ "$(count)" = '3 3' ]
}
