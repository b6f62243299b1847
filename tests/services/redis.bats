load ../helper
load mq

setup_file() { redis_start; }
teardown_file() { redis_stop; }

setup() {
    pipe_setup
    need_command redis-server redis-cli
    # A stream of the test's own.
    S=s$BATS_TEST_NUMBER
    URI=redis://$REDIS/$S
}

cli() { redis-cli -p "$REDIS_PORT" "$@"; }

# add FROM TO: entries with these ids.
add() {
    local i
    for ((i = $1; i <= $2; i++)); do
        echo "XADD $S * id $i"
    done | cli >/dev/null
}

extract() { timeout 60 pipe-extract "$URI" "$@"; }

# pipeline OPTION...: one load of what the ledger has not, gated.
pipeline() {
    timeout 60 pipe-run --pipeline p -- "pipe-extract '$URI' \
        --resume-from sqlite:t.db $* | pipe-load sqlite:t.db -t t \
        --mode append --create"
}

rows() { sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t'; }
pending() { cli XPENDING "$S" g | head -n 1; }

# ---- records

@test "the fields of an entry are a record of strings, and of one name the last counts" {
    cli XADD "$S" 1-1 b 'é"' a 1 b '
2' '' '' >/dev/null
    assert_exit 0 extract --redis-fields
    assert_file out "{\"a\":\"1\",\"b\":\"\\n2\",\"\":\"\",\"_redis\":{\"stream\":\"$S\",\"id\":\"1-1\"}}"
}

@test "JSON in a field is the record, digit for digit" {
    cli XADD "$S" 1-1 x 1 j ' {"a":1.10,
"b":{}}' >/dev/null
    cli XADD "$S" 2-1 j '{}' >/dev/null
    assert_exit 0 extract --redis-json j
    assert_file out ' {"a":1.10, "b":{}}
{}'
    assert_exit 0 extract --redis-json j --redis-fields
    tail -n 1 out >last
    assert_file last "{\"_redis\":{\"stream\":\"$S\",\"id\":\"2-1\"}}"
}

@test "entries that are no record are dead letters" {
    cli XADD "$S" 1-1 j no >/dev/null
    cli XADD "$S" 2-1 k 1 >/dev/null
    cli XADD "$S" 3-1 j '{"a":1}' >/dev/null
    assert_exit 0 extract --redis-json j --dlq dead/ --max-reject 90%
    assert_file out '{"a":1}'
    cat dead/* | jq -r '"\(.errors[0].code) \(.raw)"' >letters
    assert_file letters 'not_json no
no_field {"k":"1"}'
    local S=$S.u URI
    URI=redis://$REDIS/$S
    cli XADD "$S" 1-1 k $'\xff' >/dev/null
    assert_exit 65 extract
    grep -q invalid_utf8 err
    cli XADD "$S.l" 1-1 k "$(printf '%0200d' 1)" >/dev/null
    assert_exit 65 pipe-extract "$URI.l" --max-record 100
    grep -q too_long err
}

@test "20,000 entries are read in their order" {
    add 1 20000
    extract | jq -r .id | md5sum >have
    seq 1 20000 | md5sum | diff - have
}

# ---- the ledger

@test "the next load goes on behind what was committed" {
    add 1 10
    pipeline
    add 11 30
    pipeline --max 5
    pipeline
    pipeline
    [ "$(rows)" = '30|30' ]
}

@test "entries that were trimmed before they were read fail the run, or are skipped" {
    add 1 10
    pipeline --max 5
    cli XTRIM "$S" MAXLEN 3 >/dev/null
    assert_exit 65 pipeline
    grep -q 'was trimmed' err
    [ "$(rows)" = '5|5' ]
    pipeline --redis-gone skip
    [ "$(rows)" = '8|8' ]
    add 11 12
    cli XTRIM "$S" MAXLEN 0 >/dev/null
    assert_exit 65 pipeline
}

@test "a stream that was made anew is not taken for the one that was read" {
    cli XADD "$S" 5-1 id 1 >/dev/null
    pipeline
    cli DEL "$S" >/dev/null
    cli XADD "$S" 1-1 id 2 >/dev/null
    assert_exit 65 pipeline
    grep -q 'not the one that was read' err
    pipeline --rewind
    [ "$(rows)" = '2|2' ]
}

# ---- groups

@test "a group's entries are acknowledged when they are committed, not before" {
    add 1 100
    extract --redis-group g >/dev/null
    [ "$(pending)" = 100 ]
    # What this member was given before comes again: nobody has committed it.
    pipeline --redis-group g
    [ "$(rows)" = '100|100' ]
    [ "$(pending)" = 100 ]
    add 101 110
    pipeline --redis-group g
    [ "$(rows)" = '110|110' ]
    [ "$(pending)" = 10 ]
}

@test "a load that fails acknowledges nothing" {
    add 1 10
    run -1 timeout 60 pipe-run --pipeline p -- "pipe-extract '$URI' \
        --redis-group g --resume-from sqlite:t.db | { cat; false; } |
        pipe-load sqlite:t.db -t t --mode append --create"
    [ "$(pending)" = 10 ]
    pipeline --redis-group g
    [ "$(rows)" = '10|10' ]
}

@test "entries of a member that died are taken over, also those before one's own" {
    add 1 10
    # b is given five, a commits the others.
    cli XGROUP CREATE "$S" g 0 >/dev/null
    cli XREADGROUP GROUP g b COUNT 5 STREAMS "$S" '>' >/dev/null
    pipeline --redis-group g --redis-consumer a
    [ "$(rows)" = '5|5' ]
    sleep 0.3
    pipeline --redis-group g --redis-consumer a --redis-claim 200ms
    [ "$(rows)" = '10|10' ]
    sleep 0.3
    pipeline --redis-group g --redis-consumer c --redis-claim 200ms
    [ "$(rows)" = '10|10' ]
    [ "$(pending)" = 0 ]
}

@test "a group that is gone, or that others had, is not passed over" {
    add 1 10
    pipeline --redis-group g
    assert_exit 64 pipeline
    cli XGROUP DESTROY "$S" g >/dev/null
    assert_exit 65 pipeline --redis-group g
    grep -q 'its group is not there' err
}

@test "a reader without a group may join one where it is" {
    add 1 10
    pipeline
    add 11 20
    pipeline --redis-group g
    [ "$(rows)" = '20|20' ]
}

@test "trimmed entries that a group has not read fail the run" {
    add 1 10
    pipeline --redis-group g --max 4
    pipeline --redis-group g
    # All is read: to trim it loses nothing.
    cli XTRIM "$S" MAXLEN 0 >/dev/null
    add 11 20
    pipeline --redis-group g
    [ "$(rows)" = '20|20' ]
    add 21 30
    cli XTRIM "$S" MAXLEN 5 >/dev/null
    assert_exit 65 pipeline --redis-group g
    pipeline --redis-group g --redis-gone skip
    [ "$(rows)" = '25|25' ]
}

# ---- kills

@test "nothing is lost or doubled when pipelines and the server are killed, 20 times" {
    local i next=1 killed=0
    for ((i = 0; i < 20; i++)); do
        add $next $((next + 499))
        next=$((next + 500))
        setsid timeout 60 pipe-run -q --pipeline p -- "pipe-extract '$URI' \
            --redis-group g --redis-claim 0s --resume-from sqlite:t.db |
            pipe-load sqlite:t.db -t t --mode append --create" \
            >>run.out 2>&1 3>&- &
        pid=$!
        sleep "0.0$((RANDOM % 90 + 10))"
        case $((i % 4)) in
        0) pkill -9 -s "$pid" && killed=$((killed + 1)) ;;
        1) pkill -9 -s "$pid" -x pipe-extract && killed=$((killed + 1)) ;;
        2)
            redis_kill
            redis_launch "$REDIS_PORT"
            ;;
        esac || true
        wait "$pid" || true
    done
    within 30 pipeline --redis-group g
    [ "$(rows)" = '10000|10000' ] || fail "$(rows)" "$(tail -n 5 run.out)"
    echo "# $killed kills hit a pipeline" >&3
}

@test "a stream is followed, and goes on where it was killed" {
    follow() {
        setsid bash -c "pipe-extract '$URI' --follow --pipeline p \
            --redis-group g --resume-from sqlite:t.db | pipe-load sqlite:t.db \
            -t t --mode append --create --pipeline p --batch 100 \
            --batch-time 100ms" >>follow.out 2>&1 3>&- &
        pid=$!
    }
    have() { [ "$(rows 2>/dev/null)" = "$1|$1" ]; }
    add 1 1000
    follow
    within 30 have 1000
    # What is committed is acknowledged while it goes on.
    within 30 eval "[ \"\$(pending)\" = 0 ]"
    redis_kill
    redis_launch "$REDIS_PORT"
    add 1001 1500
    within 30 have 1500
    pkill -9 -s "$pid"
    wait "$pid" || true
    add 1501 2000
    follow
    within 30 have 2000
    pkill -9 -s "$pid"
    wait "$pid" || true
    [ "$(rows)" = '2000|2000' ]
}

# ---- failures

@test "no stream is 66, no server 69, another kind of key 65" {
    assert_exit 66 extract
    assert_exit 69 pipe-extract redis://127.0.0.1:1/s --redis-wait 500ms
    cli SET "$S" x >/dev/null
    assert_exit 65 extract
    assert_exit 64 pipe-extract "redis://$REDIS/"
    assert_exit 64 pipe-extract "rediss://$REDIS/$S"
}

@test "a password comes from where it is kept, and is in no message" {
    add 1 1
    cli ACL SETUSER me on '>hunter2' '~*' +@all >/dev/null
    assert_exit 0 env PW=hunter2 pipe-extract "$URI" --redis-user me \
        --redis-password env:PW
    assert_exit 77 env PW=hunter3 pipe-extract "$URI" --redis-user me \
        --redis-password env:PW
    run ! grep -q hunter err
    assert_exit 64 pipe-extract "redis://me:hunter2@$REDIS/$S"
    run ! grep -q hunter2 err
    assert_exit 64 extract --redis-password hunter2
    run ! grep -q hunter2 err
}
