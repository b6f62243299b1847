load ../helper
load mq

setup_file() { mqtt_start; }
teardown_file() { mqtt_stop; }

setup() {
    pipe_setup
    need_command mosquitto
    # A topic of the test's own.
    T=t$BATS_TEST_NUMBER
    URI=mqtt://$MQTT/$T/#
}

# pipeline OPTION...: one load of what has come, gated.
pipeline() {
    timeout 60 pipe-run --pipeline p -- "pipe-extract '$URI' \
        --resume-from sqlite:t.db --mqtt-quiet 500ms $* | pipe-load \
        sqlite:t.db -t t --mode append --create --allow-empty"
}

# session: the broker keeps from here on what comes.
session() {
    pipeline >/dev/null 2>&1
}

numbers() { seq -f '{"id":%.0f}' "$1" "$2"; }
rows() { sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t'; }
segments() { find state -name '*.journal' | wc -l; }

subscriptions() { grep -cF "$T/# (QoS 1)" "$BATS_FILE_TMPDIR/mqtt/log" || true; }
subscribed() { (("$(subscriptions)" >= $1)); }

# live OPTION...: reads without a ledger, and publishes stdin meanwhile.
live() {
    local before
    before=$(subscriptions)
    cat >messages
    timeout 60 pipe-extract "$URI" "$@" >out 2>err 3>&- &
    reader=$!
    within 20 subscribed $((before + 1))
    publish "$T/a" <messages
    code=0
    wait "$reader" || code=$?
}

# ---- records

@test "payloads are records, byte for byte, with their circumstances on request" {
    live < <(printf '%s\n' '{"a": 1.10,  "b":"é"}' '{}')
    ((code == 0))
    assert_file out '{"a": 1.10,  "b":"é"}
{}'
    live --mqtt-fields < <(printf '%s\n' '{"a":1}' '{}')
    sed 's/"at":"2[-0-9]*T[0-9:.]*Z"/AT/' out >seen
    assert_file seen "{\"a\":1,\"_mqtt\":{\"topic\":\"$T/a\",\"qos\":1,\"retain\":false,AT}}
{\"_mqtt\":{\"topic\":\"$T/a\",\"qos\":1,\"retain\":false,AT}}"
}

@test "payloads that are no object are dead letters, or a field" {
    live --dlq dead/ --max-reject 90% < <(printf '%s\n' no '{"a":1}' '[1]')
    ((code == 0))
    assert_file out '{"a":1}'
    cat dead/* | jq -r '"\(.errors[0].code) \(.raw)"' >letters
    assert_file letters 'not_json no
not_object [1]'
    live --mqtt-payload text < <(echo 'n"o')
    assert_file out '{"payload":"n\"o"}'
    live --mqtt-payload base64 < <(printf '\xff\n')
    assert_file out '{"payload":"/w=="}'
    live --mqtt-payload text < <(printf '\xff\n')
    ((code == 65))
    grep -q invalid_utf8 err
}

@test "a message that the broker retains is read once in a session" {
    echo '{"id":1}' | publish "$T/kept" 1 1
    for v in 5 3.1.1; do
        rm -f t.db
        pipeline --mqtt-version $v --mqtt-client-id "$T-$v"
        pipeline --mqtt-version $v --mqtt-client-id "$T-$v"
        [ "$(rows)" = '1|1' ]
    done
    printf '' | publish "$T/kept" 1 1
}

# ---- the session and the ledger

@test "what comes while nobody reads is in the next load, once" {
    session
    numbers 1 5000 | publish "$T/a"
    pipeline
    [ "$(rows)" = '5000|5000' ]
    numbers 5001 5010 | publish "$T/b/c"
    pipeline
    pipeline
    [ "$(rows)" = '5010|5010' ]
}

@test "a load that fails gets the same messages again, from the journal" {
    session
    numbers 1 100 | publish "$T/a"
    run -1 timeout 60 pipe-run --pipeline p -- "pipe-extract '$URI' \
        --resume-from sqlite:t.db --mqtt-quiet 500ms | { cat; false; } |
        pipe-load sqlite:t.db -t t --mode append --create"
    [ ! -f t.db ] || [ "$(sqlite3 t.db 'SELECT count(*) FROM sqlite_schema WHERE name = "t"')" = 0 ]
    # The broker has none of them any more.
    numbers 101 110 | publish "$T/a"
    pipeline
    [ "$(rows)" = '110|110' ]
}

@test "with --max each load takes so many, and none is lost" {
    session
    numbers 1 1000 | publish "$T/a"
    pipeline --max 333
    pipeline --max 333
    # The broker may take its time, and may send some again (QoS 1).
    for _ in 1 2 3 4 5; do
        pipeline
        [[ $(rows) != *'|1000' ]] || break
    done
    [[ $(rows) = *'|1000' ]] || fail "$(rows)"
}

@test "the journal is emptied by what is committed" {
    session
    awk 'BEGIN { for (i = 0; i < 3000; i++)
        printf "{\"id\":%d,\"fill\":\"%01000d\"}\n", i, i }' | publish "$T/a"
    pipeline
    (("$(du -sb state | cut -f 1)" > 3000000))
    pipeline
    (("$(du -sb state | cut -f 1)" < 1000000))
    [ "$(rows)" = '3000|3000' ]
    numbers 3001 3001 | publish "$T/a"
    pipeline
    [ "$(rows)" = '3001|3001' ]
}

@test "pipelines have journals of their own, and one has it at a time" {
    session
    numbers 1 10 | publish "$T/a"
    timeout 60 pipe-extract "$URI" --pipeline p --resume-from sqlite:t.db \
        --follow >first 2>&1 3>&- &
    within 20 grep -q '"id":10' first
    assert_exit 75 pipe-extract "$URI" --pipeline p --resume-from sqlite:t.db
    grep -q 'another process' err
    assert_exit 0 pipe-extract "$URI" --pipeline other --resume-from sqlite:t.db
    kill $!
    wait $! || true
}

@test "acknowledgements are sent when the messages are on disk" {
    need_command strace
    session
    numbers 1 50 | publish "$T/a"
    strace -f -o calls -e trace=fdatasync,write,sendto,pwrite64 pipe-extract \
        "$URI" --pipeline p --resume-from sqlite:t.db --mqtt-quiet 500ms >out ||
        skip 'strace cannot trace here'
    # PUBACK is 0x40, 2 bytes, the number.
    awk '/pwrite64/ { dirty = 1 } /fdatasync/ { dirty = 0; synced = 1 }
        /"@\\2/ && (dirty || !synced) { early = 1 } END { exit early }' calls
    [ "$(grep -c '"@\\2' calls)" -ge 50 ]
}

# ---- kills

@test "nothing is lost when pipelines and the broker are killed, 20 times" {
    local i next=1 killed=0
    session
    for ((i = 0; i < 20; i++)); do
        numbers $next $((next + 299)) | publish "$T/a"
        next=$((next + 300))
        setsid timeout 60 pipe-run -q --pipeline p -- "pipe-extract '$URI' \
            --resume-from sqlite:t.db --mqtt-quiet 300ms | pipe-load \
            sqlite:t.db -t t --mode append --create --allow-empty" \
            >>run.out 2>&1 3>&- &
        pid=$!
        sleep "0.$((RANDOM % 40 + 10))"
        case $((i % 4)) in
        0) pkill -9 -s "$pid" && killed=$((killed + 1)) ;;
        1) pkill -9 -s "$pid" -x pipe-extract && killed=$((killed + 1)) ;;
        2)
            # Mosquitto writes its store when it is told to.
            kill -USR1 "$(cat "$BATS_FILE_TMPDIR/mqtt.pid")"
            sleep 0.2
            mqtt_kill
            mqtt_launch "$MQTT_PORT"
            ;;
        esac || true
        wait "$pid" || true
    done
    within 30 pipeline
    [ "$(sqlite3 t.db 'SELECT count(DISTINCT id), max(id) FROM t')" = '6000|6000' ] ||
        fail "$(rows)" "$(tail -n 5 run.out)"
    ((killed > 0))
}

@test "topics are followed, through a broker that goes and comes" {
    follow() {
        setsid bash -c "pipe-extract '$URI' --follow --pipeline p \
            --resume-from sqlite:t.db | pipe-load sqlite:t.db -t t \
            --mode append --create --pipeline p --batch 100 \
            --batch-time 100ms" >>follow.out 2>&1 3>&- &
        pid=$!
    }
    have() { [ "$(rows 2>/dev/null | cut -d '|' -f 2)" = "$1" ]; }
    session
    follow
    numbers 1 500 | publish "$T/a"
    within 30 have 500
    mqtt_stop
    mqtt_launch "$MQTT_PORT"
    numbers 501 600 | publish "$T/a"
    within 30 have 600
    pkill -9 -s "$pid"
    wait "$pid" || true
    numbers 601 1000 | publish "$T/a"
    follow
    within 30 have 1000
    pkill -9 -s "$pid"
    wait "$pid" || true
}

# ---- failures

@test "no broker is 69; a filter or URI that is none is 64" {
    assert_exit 69 pipe-extract mqtt://127.0.0.1:1/t --mqtt-wait 500ms
    assert_exit 64 pipe-extract "mqtt://$MQTT/a/#/b"
    assert_exit 64 pipe-extract "mqtt://$MQTT"
    assert_exit 64 pipe-extract "mqtt://me:hunter2@$MQTT/t"
    run ! grep -q hunter2 err
}

@test "users and TLS: the password is in no message, the certificate is checked" {
    need_command openssl
    local dir=$BATS_FILE_TMPDIR/mqtt old=$MQTT_PORT
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$dir/key.pem" \
        -out "$dir/cert.pem" 2>/dev/null
    # The form of mosquitto_passwd.
    python3 - >"$dir/users" <<'END'
import base64, hashlib
salt = b'123456789012'
h = hashlib.pbkdf2_hmac('sha512', b'hunter2', salt, 101)
print('me:$7$101$%s$%s' % (base64.b64encode(salt).decode(), base64.b64encode(h).decode()))
END
    cat >"$dir/more.conf" <<END
allow_anonymous false
password_file $dir/users
certfile $dir/cert.pem
keyfile $dir/key.pem
END
    mqtt_stop
    mqtt_launch "$old"
    URI=mqtts://$MQTT/$T/#
    export PW=hunter2 BAD=hunter3
    assert_exit 77 pipe-extract "$URI" --mqtt-ca "$dir/cert.pem" \
        --mqtt-user me --mqtt-password env:BAD
    run ! grep -q hunter err
    assert_exit 77 pipe-extract "$URI" --mqtt-ca "$dir/cert.pem"
    # An authority that nobody here knows.
    assert_exit 78 pipe-extract "$URI" --mqtt-user me --mqtt-password env:PW \
        --mqtt-wait 500ms
    timeout 60 pipe-extract "$URI" --mqtt-ca "$dir/cert.pem" --mqtt-user me \
        --mqtt-password env:PW >out 2>err 3>&- &
    within 20 subscribed 1
    echo '{"a":1}' | publish "$T/a" 1 0 "$dir/cert.pem" me hunter2
    wait $! || fail "$(cat err)"
    assert_file out '{"a":1}'
    rm "$dir/more.conf"
    mqtt_stop
    mqtt_launch "$old"
}
