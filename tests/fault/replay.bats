#!/usr/bin/env bats
# kill -9 of a replay, of the stages it runs and of a purge at random moments:
# every letter is loaded once in the end, and none is lost. KILLS sets how often
# (default 60); KILL_SEED the moments.
load ../helper

N=3000

setup() {
    pipe_setup
    export PIPE_PIPELINE=p
    echo '{"required":["no"]}' >s.json
    make_orders $N | pipe-validate -s s.json --max-reject 100%
    [ "$(pipe-dlq list | wc -l)" = $N ]
    echo '{}' >s.json
}

# The rest ends in its own time, whatever became of the replay.
settled() {
    local name
    for name in pipe-load pipe-validate pipe-transform; do
        ! pgrep -x "$name" -s 0 >/dev/null || return 1
    done
}

# replay_once [SECONDS WHO]: the whole replay; after so long, where given, the
# replay itself or what it runs is killed.
replay_once() {
    pipe-dlq replay -q -- 'pipe-transform --where true |
        pipe-load sqlite:t.db -t t -m append --create -q' 2>>err &
    local pid=$!
    if [ "$1" ]; then
        sleep "$1"
        case $2 in
        replay) kill -KILL $pid 2>/dev/null ;;
        *) pkill -KILL -P $pid ;;
        esac || true
    fi
    wait $pid 2>/dev/null
}

@test "a replay killed at random moments loads every letter once" {
    local ms i who rows open half=0 early=0
    ms=${EPOCHREALTIME/./}
    replay_once '' || fail "$(cat err)"
    ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = $N ]
    [ "$(pipe-dlq list | wc -l)" = 0 ]

    RANDOM=${KILL_SEED:-42}
    cp -r "$PIPE_STATE/dlq" kept
    for ((i = 0; i < ${KILLS:-60}; i++)); do
        rm -rf "$PIPE_STATE/dlq" t.db*
        cp -r kept "$PIPE_STATE/dlq"
        # The marks of the first replay stand in a segment of their own.
        grep -l '^{"v":1,"mark"' "$PIPE_STATE"/dlq/p/* | xargs rm
        who=replay
        ((i % 2)) && who=stage
        replay_once "$(printf '0.%03d' $((RANDOM % (ms + ms / 5))))" $who || true
        within 20 settled
        rows=$(sqlite3 t.db 'SELECT count(*) FROM t' 2>/dev/null || echo 0)
        open=$(pipe-dlq list -q | wc -l)
        # Never marked and not loaded; never half a load.
        [ "$rows" = 0 ] || [ "$rows" = $N ] || half=$((half + 1))
        [ "$rows" = $N ] || [ "$open" = $N ] || half=$((half + 1))
        ((rows == 0)) && early=$((early + 1))
        replay_once '' || [ "$open" = 0 ] || fail "$(tail -n 3 err)"
        [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = \
            "$N|$N" ] || half=$((half + 1))
        [ "$(pipe-dlq list -q | wc -l)" = 0 ] || half=$((half + 1))
    done
    echo "# kills $i within $ms ms: $early before the load, half $half" >&3
    [ $half = 0 ]
    ((early > i / 10 && early < i))
}

@test "a purge killed at random moments loses no letter that it should keep" {
    local i left ms bad=0 cut=0
    RANDOM=${KILL_SEED:-42}
    sed -i '2~3s/"run_id":"[^"]*"/"run_id":"old"/' "$PIPE_STATE"/dlq/p/*
    cp -r "$PIPE_STATE/dlq" kept
    ms=${EPOCHREALTIME/./}
    pipe-dlq purge --run old -q >/dev/null
    ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
    for ((i = 0; i < ${KILLS:-60}; i++)); do
        rm -rf "$PIPE_STATE/dlq"
        cp -r kept "$PIPE_STATE/dlq"
        pipe-dlq purge --run old -q >/dev/null &
        sleep "$(printf '0.%03d' $((RANDOM % (ms + ms / 2))))"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        left=$(pipe-dlq list | wc -l)
        [ "$left" = $N ] || [ "$left" = $((N - N / 3)) ] || bad=$((bad + 1))
        [ "$left" = $N ] && cut=$((cut + 1))
        pipe-dlq purge --run old -q >/dev/null
        [ "$(pipe-dlq list | wc -l)" = $((N - N / 3)) ] || bad=$((bad + 1))
        [ "$(find "$PIPE_STATE/dlq/p" -type f | wc -l)" = 1 ] || bad=$((bad + 1))
    done
    echo "# kills $i within $ms ms: $cut before the rename, bad $bad" >&3
    [ $bad = 0 ]
    ((cut > 0 && cut < i))
}
