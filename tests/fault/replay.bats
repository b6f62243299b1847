#!/usr/bin/env bats
# kill -9 of a replay, of what it runs, of an edit and of a purge at random
# moments: every letter is loaded once in the end and marked once, and none is
# lost. KILLS sets how often (default 60); KILL_SEED the moments.
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

# descendants PID: all that it started, by number and name.
descendants() {
    ps -e -o pid=,ppid=,comm= | awk -v top="$1" '
        { pid[NR] = $1; up[$1] = $2; name[$1] = $3 }
        END {
            for (i = 1; i <= NR; i++) {
                for (p = pid[i]; p > 1 && p != top; p = up[p])
                    ;
                if (p == top && pid[i] != top)
                    print pid[i], name[pid[i]]
            }
        }'
}

# The rest ends in its own time, whatever became of the replay.
settled() {
    local name
    for name in pipe-load pipe-validate pipe-transform pipe-run pipe-run-guard; do
        ! pgrep -x "$name" -s 0 >/dev/null || return 1
    done
}

# replay_once [SECONDS WHO]: the whole replay; after so long, where given, the
# replay itself or one of what it runs is killed: the first or the last of that
# name. Sets $hit.
replay_once() {
    pipe-dlq replay -q -- 'pipe-transform --where true |
        pipe-load sqlite:t.db -t t -m append --create -q' 2>>err &
    local pid=$! victim
    hit=
    if [ "$1" ]; then
        sleep "$1"
        case $2 in
        replay) victim=$pid ;;
        load-last) victim=$(descendants $pid | sed -n 's/ pipe-load$//p' | tail -n 1) ;;
        *) victim=$(descendants $pid | sed -n "s/ $2\$//p" | head -n 1) ;;
        esac
        [ -z "$victim" ] || ! kill -KILL "$victim" 2>/dev/null || hit=$2
    fi
    wait $pid 2>/dev/null
}

# marked: how many letters are named by marks "replayed", and how many of them
# more than once.
marked() {
    cat "$PIPE_STATE"/dlq/p/* | jq -r '
        if .mark == "replayed" then .of[][0]
        elif .raw then "letter " + .id else empty end' | awk '
        $1 == "letter" { is[$2] = 1; next }
        { n[$1]++ }
        END {
            for (id in n)
                if (id in is) { all++; more += n[id] > 1 }
            print all + 0, more + 0
        }'
}

@test "a replay killed at random moments loads and marks every letter once" {
    local ms i who rows open half=0 early=0 hits=0 late=0
    ms=${EPOCHREALTIME/./}
    replay_once '' || fail "$(cat err)"
    ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = $N ]
    [ "$(pipe-dlq list | wc -l)" = 0 ]
    [ "$(marked)" = "$N 0" ]

    RANDOM=${KILL_SEED:-42}
    cp -r "$PIPE_STATE/dlq" kept
    # The first replay has left a journal and its marks in other segments.
    grep -lE '^{"v":[12],"mark"' kept/p/* | xargs rm
    local whos=(replay pipe-run pipe-run-guard pipe-validate pipe-transform
        pipe-load load-last bash)
    for ((i = 0; i < ${KILLS:-60}; i++)); do
        rm -rf "$PIPE_STATE/dlq" t.db*
        cp -r kept "$PIPE_STATE/dlq"
        who=${whos[i % ${#whos[@]}]}
        ((i % 2)) || who=replay
        replay_once "$(printf '0.%03d' $((RANDOM % (ms + ms / 5))))" $who || true
        [ -z "$hit" ] || hits=$((hits + 1))
        within 20 settled
        rows=$(sqlite3 t.db 'SELECT count(*) FROM t' 2>/dev/null || echo 0)
        open=$(pipe-dlq list -q | wc -l)
        # Never marked and not loaded; never half a load.
        [ "$rows" = 0 ] || [ "$rows" = $N ] || half=$((half + 1))
        [ "$rows" = $N ] || [ "$open" = $N ] || half=$((half + 1))
        ((rows == 0)) && early=$((early + 1))
        ((rows == N && open == N)) && late=$((late + 1))
        # Ten letters more: the next replay is not the same once more.
        make_orders 10 $((N + 1)) | jq -c 'del(.id)' |
            pipe-validate -s <(echo '{"required":["id"]}') --max-reject 100%
        sed -i 's|"-s","/dev/fd/[0-9]*"|"-s","s.json"|' "$PIPE_STATE"/dlq/p/*
        replay_once '' || fail "$who: $(tail -n 3 err)"
        [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = \
            "$((N + 10))|$N" ] || half=$((half + 1))
        [ "$(pipe-dlq list -q | wc -l)" = 0 ] || half=$((half + 1))
        [ "$(marked)" = "$((N + 10)) 0" ] || half=$((half + 1))
    done
    echo "# kills $i within $ms ms, $hits hit: $early before the load, $late" \
        "between load and marks, half $half" >&3
    [ $half = 0 ]
    ((early > i / 10 && early < i && hits > i / 4))
}

@test "letters of a load, replayed by it, killed: loaded and marked once" {
    local i ms who bad=0 hits=0 pid victim
    rm -rf "$PIPE_STATE/dlq"
    sqlite3 t.db 'CREATE TABLE t (id INTEGER, customer TEXT, country TEXT,
        amount REAL, date TEXT, bad INTEGER) STRICT'
    make_orders $N | sed 's/}$/,"bad":"x"}/' |
        pipe-load sqlite:t.db -t t -m append --max-reject 100% -q
    pipe-dlq edit -q --all --drop bad
    [ "$(pipe-dlq list | wc -l)" = $N ]
    cp -r "$PIPE_STATE/dlq" kept
    cp t.db empty.db
    ms=${EPOCHREALTIME/./}
    pipe-dlq replay -q
    ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
    [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = "$N|$N" ]
    [ "$(marked)" = "$N 0" ]
    RANDOM=${KILL_SEED:-42}
    local whos=(replay pipe-run replay pipe-load replay pipe-run-guard)
    for ((i = 0; i < ${KILLS:-60} / 2; i++)); do
        rm -rf "$PIPE_STATE/dlq" t.db*
        cp -r kept "$PIPE_STATE/dlq"
        cp empty.db t.db
        who=${whos[i % ${#whos[@]}]}
        pipe-dlq replay -q 2>>err &
        pid=$!
        sleep "$(printf '0.%03d' $((RANDOM % (ms + ms / 5))))"
        victim=$pid
        [ $who = replay ] ||
            victim=$(descendants $pid | sed -n "s/ $who\$//p" | tail -n 1)
        [ -z "$victim" ] || ! kill -KILL "$victim" 2>/dev/null ||
            hits=$((hits + 1))
        wait $pid 2>/dev/null || true
        within 20 settled
        # What died is seen to whatever is chosen: here nothing.
        pipe-dlq replay -q --until 2000-01-01 2>>err || true
        pipe-dlq replay -q 2>>err || fail "$who: $(tail -n 3 err)"
        [ "$(sqlite3 t.db 'SELECT count(*), count(DISTINCT id) FROM t')" = \
            "$N|$N" ] || bad=$((bad + 1))
        [ "$(marked)" = "$N 0" ] || bad=$((bad + 1))
        [ "$(pipe-dlq list -q | wc -l)" = 0 ] || bad=$((bad + 1))
    done
    echo "# kills $i within $ms ms, $hits hit, bad $bad" >&3
    [ $bad = 0 ]
    ((hits > i / 4))
}

@test "an edit killed at random moments changes all of its letters or none" {
    local i ms bad=0 none=0 edited
    RANDOM=${KILL_SEED:-42}
    cp -r "$PIPE_STATE/dlq" kept
    ms=${EPOCHREALTIME/./}
    pipe-dlq edit -q --all --set 'amount=0'
    ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
    for ((i = 0; i < ${KILLS:-60}; i++)); do
        rm -rf "$PIPE_STATE/dlq"
        cp -r kept "$PIPE_STATE/dlq"
        pipe-dlq edit -q --all --set 'amount=0' &
        sleep "$(printf '0.%03d' $((RANDOM % (ms + ms / 4))))"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        edited=$(pipe-dlq export --format raw | grep -c '"amount":0,') || true
        [ "$edited" = 0 ] || [ "$edited" = $N ] || bad=$((bad + 1))
        [ "$edited" = 0 ] && none=$((none + 1))
        pipe-dlq edit -q --all --set 'amount=0'
        [ "$(pipe-dlq export --format raw | grep -c '"amount":0,')" = $N ] ||
            bad=$((bad + 1))
        # What it left behind goes.
        pipe-dlq purge -q --code nothing
        [ "$(cat "$PIPE_STATE"/dlq/p/* | grep -c '"edit_of"')" = $N ] ||
            bad=$((bad + 1))
    done
    echo "# kills $i within $ms ms: $none before the mark, bad $bad" >&3
    [ $bad = 0 ]
    ((none > 0 && none < i))
}

# hold_commits: a reader of t.db that keeps a COMMIT waiting until the file `go`
# is there.
hold_commits() {
    sqlite3 t.db 'CREATE TABLE t(id INTEGER, customer TEXT, country TEXT,
        amount REAL, date TEXT); INSERT INTO t(id) VALUES(0)'
    printf '%s\n' 'BEGIN;' 'SELECT id FROM t;' \
        '.shell touch held; while [ ! -e go ]; do sleep 0.05; done' |
        sqlite3 t.db >/dev/null &
    within 10 test -e held
}

# A pending lock: the commit has begun.
commit_began() {
    ! sqlite3 t.db 'SELECT 1 FROM t LIMIT 1' >/dev/null 2>&1
}

rows() {
    sqlite3 "${1:-t.db}" 'SELECT count(*) FROM t WHERE id > 0' 2>/dev/null || echo 0
}

# again REST: the same replay until nobody is in its way.
again() {
    local code=0
    pipe-dlq replay -- "$1" 2>err || code=$?
    [ "$code" != 75 ] || ! grep -q 'still at work' err || return 1
    ((code == 0))
}

@test "a replay and its pipe-run killed in the commit: the ledger tells" {
    local pid rest='pipe-load sqlite:t.db -t t -m append -q --lock-timeout 1m'
    hold_commits
    pipe-dlq replay -- "$rest" 2>err &
    pid=$!
    within 20 commit_began
    kill -KILL "$(descendants $pid | sed -n 's/ pipe-run$//p' | head -n 1)" $pid
    touch go
    wait $pid || true
    within 30 again "$rest"
    [ "$(rows)" = $N ]
    [ "$(marked)" = "$N 0" ]
    [ "$(pipe-dlq list -q | wc -l)" = 0 ]
}

@test "of two loads one is committed: its letters go again, and no others" {
    local pid code=0 rest='tee >(
        pipe-load sqlite:t.db -t t -m append --lock-timeout 1m -q) |
        (sleep 0.5; exec pipe-load sqlite:b.db -t t -m append --create -q)'
    hold_commits
    pipe-dlq replay -- "$rest" 2>err &
    pid=$!
    within 20 commit_began
    kill -KILL "$(descendants $pid | sed -n 's/ pipe-load$//p' | tail -n 1)"
    sleep 0.2
    touch go
    wait $pid || code=$?
    ((code == 75))
    grep -q 'has committed a part of its loads' err
    [ "$(rows) $(rows b.db) $(marked)" = "$N 0 0 0" ]
    # A letter more, which is not of that replay.
    make_orders 1 $((N + 1)) |
        pipe-validate -s <(echo '{"required":["no"]}') --max-reject 100%
    sed -i 's|"-s","/dev/fd/[0-9]*"|"-s","s.json"|' "$PIPE_STATE"/dlq/p/*
    within 30 again "$rest"
    grep -q 'committed in part: its letters go again' err
    [ "$(rows) $(rows b.db)" = "$N $N" ]
    [ "$(marked)" = "$N 0" ]
    [ "$(pipe-dlq list | wc -l)" = 1 ]
    within 30 again "$rest"
    [ "$(rows) $(rows b.db)" = "$((N + 1)) $((N + 1))" ]
    [ "$(marked)" = "$((N + 1)) 0" ]
}

@test "a purge killed at random moments loses no letter that it should keep" {
    local i left ms bad=0 cut=0
    RANDOM=${KILL_SEED:-42}
    sed -i '2~3s/"run_id":"[^"]*"/"run_id":"old"/' "$PIPE_STATE"/dlq/p/*
    cp -r "$PIPE_STATE/dlq" kept
    ms=${EPOCHREALTIME/./}
    pipe-dlq purge --force --run old -q >/dev/null
    ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
    for ((i = 0; i < ${KILLS:-60}; i++)); do
        rm -rf "$PIPE_STATE/dlq"
        cp -r kept "$PIPE_STATE/dlq"
        pipe-dlq purge --force --run old -q >/dev/null &
        sleep "$(printf '0.%03d' $((RANDOM % (ms + ms / 2))))"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        left=$(pipe-dlq list | wc -l)
        [ "$left" = $N ] || [ "$left" = $((N - N / 3)) ] || bad=$((bad + 1))
        [ "$left" = $N ] && cut=$((cut + 1))
        pipe-dlq purge --force --run old -q >/dev/null
        [ "$(pipe-dlq list | wc -l)" = $((N - N / 3)) ] || bad=$((bad + 1))
        [ "$(find "$PIPE_STATE/dlq/p" -type f | wc -l)" = 1 ] || bad=$((bad + 1))
    done
    echo "# kills $i within $ms ms: $cut before the rename, bad $bad" >&3
    [ $bad = 0 ]
    ((cut > 0 && cut < i))
}
