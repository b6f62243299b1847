# kafka: a Kafka broker of the test's own, on loopback: one node, KRaft.
#
#   setup_file() { kafka_start; }      exports KAFKA (host:port)
#   teardown_file() { kafka_stop; }
#   setup() { kafka_need; pipe_setup; }
#
# The broker is Apache Kafka itself, out of Maven's artifacts, which are kept in
# build/kafka. Where they cannot be had kafka_need skips the test with the
# reason. Its files are in /tmp, so that they outlive no folder of a test.
# shellcheck shell=bash disable=SC2317 # functions that others call

kafka_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
kafka_version=3.7.2
kafka_jars=$kafka_top/build/kafka/$kafka_version

# kafka_fetch: gets the broker and what it needs, once; prints why it cannot.
kafka_fetch() {
    local work=$kafka_top/build/kafka/fetch.$$ status=0
    [ -d "$kafka_jars" ] && return
    command -v mvn >/dev/null || {
        echo 'maven is not installed'
        return 1
    }
    mkdir -p "$work"
    cat >"$work/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pipeutils.tests</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$kafka_version</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
END
    timeout 600 mvn -B -q -f "$work/pom.xml" -Dmaven.repo.local="$work/m2" \
        -Djava.io.tmpdir="$work" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$work/jars" \
        >"$work/log" 2>&1 </dev/null 3>&- || status=1
    # Another file's tests may have been quicker.
    ((status)) || mv -T "$work/jars" "$kafka_jars" 2>/dev/null ||
        [ -d "$kafka_jars" ] || status=1
    ((!status)) || echo 'Maven has no Kafka for us:' \
        "$(grep -m 1 ERROR "$work/log" | cut -c 1-200)"
    rm -rf "$work"
    return "$status"
}

# kafka_java CLASS ARGUMENT...: becomes Java, as it starts quickly and stays
# small.
kafka_java() {
    exec java -Xmx512m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -XX:-UsePerfData -Xshare:auto -Djava.io.tmpdir="$KAFKA_DIR/tmp" \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -cp "$kafka_jars/*" "$@"
}

# A cluster's id: 16 bytes in the base64 of URLs.
kafka_id() {
    head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | cut -c 1-22
}

# kafka_launch: starts the broker at $KAFKA and waits until it answers.
kafka_launch() {
    local pid try
    (kafka_java kafka.Kafka "$KAFKA_DIR/server.properties") \
        >>"$KAFKA_DIR/log" 2>&1 </dev/null 3>&- 4>&- &
    pid=$!
    disown "$pid"
    echo "$pid" >"$KAFKA_DIR/pid"
    for ((try = 0; try < 600; try++)); do
        kill -0 "$pid" 2>/dev/null || return 1
        "$KAFKA_DIR/tool" ready "$KAFKA" 2>/dev/null && return
        sleep 0.1
    done
    kafka_kill
    return 1
}

# Two free ports, as far as one can know before they are taken.
kafka_ports() {
    local broker=$((20000 + RANDOM % 12000)) controller
    controller=$((broker + 1))
    KAFKA=127.0.0.1:$broker
    cat >"$KAFKA_DIR/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$KAFKA_DIR/data
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
log.retention.check.interval.ms=1000
END
}

kafka_start() {
    local try
    export KAFKA='' KAFKA_DIR='' KAFKA_MISSING=''
    command -v java >/dev/null || KAFKA_MISSING='java is not installed'
    [ -n "$KAFKA_MISSING" ] || KAFKA_MISSING=$(kafka_fetch) || true
    [ -z "$KAFKA_MISSING" ] || return 0
    KAFKA_DIR=$(mktemp -d /tmp/pipe-kafka.XXXXXX)
    mkdir "$KAFKA_DIR/tmp"
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra \
        "$kafka_top/tests/services/kafkatool.c" -lrdkafka \
        -o "$KAFKA_DIR/tool" 3>&- || return 1
    kafka_ports
    (kafka_java kafka.tools.StorageTool format -t "$(kafka_id)" \
        -c "$KAFKA_DIR/server.properties") >"$KAFKA_DIR/log" 2>&1 </dev/null \
        3>&- || {
        cat "$KAFKA_DIR/log" >&2
        return 1
    }
    for ((try = 0; try < 5; try++)); do
        kafka_launch && return
        kafka_ports
    done
    tail -n 50 "$KAFKA_DIR/log" >&2
    return 1
}

# kafka_need: skips the test where there is no broker.
kafka_need() {
    [ -z "$KAFKA_MISSING" ] || skip "$KAFKA_MISSING"
}

# kafka_kill: the broker dies at once, as kill -9 has it.
kafka_kill() {
    local pid
    pid=$(cat "$KAFKA_DIR/pid")
    kill -9 "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# kafka_stop: it ends for good.
kafka_stop() {
    [ -n "${KAFKA_DIR-}" ] || return 0
    kafka_kill
    rm -rf "$KAFKA_DIR"
}

# kafka_topic NAME [PARTITIONS [CONFIG=VALUE...]]: makes a topic.
kafka_topic() {
    "$KAFKA_DIR/tool" topic "$KAFKA" "$1" "${2:-1}" "${@:3}"
}

# kafka_produce TOPIC PARTITION [KCAT OPTION...]: a message a line of stdin.
kafka_produce() {
    kcat -q -P -b "$KAFKA" -t "$1" -p "$2" "${@:3}" 3>&-
}

# kafka_transaction TOPIC PARTITION commit|abort|open: lines of stdin as one
# transaction, which ends as said; open: stays so until stopped.
kafka_transaction() {
    "$KAFKA_DIR/tool" transaction "$KAFKA" "$@" 3>&-
}

# kafka_trim TOPIC PARTITION OFFSET: the broker forgets what lies before.
kafka_trim() {
    "$KAFKA_DIR/tool" trim "$KAFKA" "$@"
}

# kafka_count TOPIC [KCAT OPTION...]: committed messages in it.
kafka_count() {
    kcat -q -C -b "$KAFKA" -t "$1" -o beginning -e -f '%o\n' \
        -X isolation.level=read_committed "${@:2}" 3>&- | wc -l
}
