# mq: a Redis server and an MQTT broker of the test's own, on loopback.
#
#   redis_start; redis_stop; redis_kill; redis_launch    $REDIS (host:port)
#   mqtt_start; mqtt_stop; mqtt_kill; mqtt_launch        $MQTT (host:port)
#
# Both keep what they acknowledge. Their files are in $BATS_FILE_TMPDIR.
# shellcheck shell=bash

# mq_listens PORT PID: the process is there, and the port answers.
mq_listens() {
    kill -0 "$2" 2>/dev/null && (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# mq_start NAME: launches it on a port that is free, which another process may
# take in the same moment.
mq_start() {
    local try
    for ((try = 0; try < 20; try++)); do
        port=$((20000 + RANDOM % 10000))
        (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        "$1_launch" "$port" && return
    done
    return 1
}

# mq_end NAME SIGNAL: ends it and waits until it is gone.
mq_end() {
    local pid
    pid=$(cat "$BATS_FILE_TMPDIR/$1.pid")
    kill "-$2" "$pid" 2>/dev/null || true
    within 20 mq_gone "$pid"
}

mq_gone() {
    ! kill -0 "$1" 2>/dev/null
}

redis_launch() { # PORT
    local dir=$BATS_FILE_TMPDIR/redis
    mkdir -p "$dir"
    setsid redis-server --port "$1" --bind 127.0.0.1 --dir "$dir" --save '' \
        --appendonly yes --appendfsync always --stream-node-max-entries 1 \
        >>"$dir/log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/redis.pid"
    within 20 redis_ready "$1" $!
}

redis_ready() { # PORT PID
    mq_listens "$1" "$2" && [ "$(redis-cli -p "$1" ping)" = PONG ]
}

redis_start() {
    local port
    command -v redis-server >/dev/null || return 0
    mq_start redis
    export REDIS=127.0.0.1:$port REDIS_PORT=$port
}

redis_kill() { mq_end redis KILL; }
redis_stop() { [ -z "${REDIS-}" ] || mq_end redis TERM; }

mqtt_launch() { # PORT
    local dir=$BATS_FILE_TMPDIR/mqtt
    mkdir -p "$dir"
    {
        echo "user $(id -un)"
        echo "listener $1 127.0.0.1"
        echo 'persistence true'
        echo "persistence_location $dir/"
        echo 'max_queued_messages 0'
        echo 'log_type all'
        [ -f "$dir/more.conf" ] && cat "$dir/more.conf" ||
            echo 'allow_anonymous true'
    } >"$dir/conf"
    setsid mosquitto -c "$dir/conf" >>"$dir/log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/mqtt.pid"
    within 20 mq_listens "$1" $!
}

mqtt_start() {
    local port
    command -v mosquitto >/dev/null || return 0
    cc -O1 -D_GNU_SOURCE -o "$BATS_FILE_TMPDIR/mqtttool" \
        "$REPO/tests/services/mqtttool.c" -lmosquitto
    mq_start mqtt
    export MQTT=127.0.0.1:$port MQTT_PORT=$port
    export MQTTTOOL=$BATS_FILE_TMPDIR/mqtttool
}

mqtt_kill() { mq_end mqtt KILL; }
mqtt_stop() { [ -z "${MQTT-}" ] || mq_end mqtt TERM; }

# publish TOPIC [QOS [RETAIN]]: lines of stdin.
publish() {
    "$MQTTTOOL" 127.0.0.1 "$MQTT_PORT" "$@" 3>&-
}
