#!/usr/bin/env bats
# kill -9 under pipe-run, at random moments: of each stage, of a jq in the
# middle, of the loader (both its processes), of bash, of pipe-run, of its
# guardian. What is committed is everything or nothing, nothing is left running,
# and the next run loads once. KILLS sets how often (default 80); KILL_SEED the
# moments.
load ../helper

N=60000

# job DB: appends, so that a load that is repeated would show. Becomes pipe-run:
# to be called in a subshell.
job() {
    exec pipe-run -q --pipeline p --kill-after 5s -- "
        pipe-extract --format ndjson in.ndjson |
            jq -c . |
            pipe-transform --where 'id IS NOT NULL' |
            pipe-load sqlite:$1 -t t --mode append -q"
}

# The process group of the pipeline of pipe-run PID: its guardian's number.
group_of() {
    pgrep -P "$1" -x pipe-run-guard
}

# begun PID: its pipeline has a group, whose number is in the file group, or is
# over already.
begun() {
    group_of "$1" >group || ! kill -0 "$1" 2>/dev/null
}

# took FUNCTION ARG...: how long it takes here, in ms: the best of three, so
# that the kills fall within it.
took() {
    local best=1000000 ms
    for _ in 1 2 3; do
        ms=${EPOCHREALTIME/./}
        ("$@")
        ms=$(((${EPOCHREALTIME/./} - ms) / 1000))
        ((ms < best)) && best=$ms
        rm -f a.db* b.db*
    done
    echo $best
}

# Members of the group that are not zombies.
members() {
    pgrep -r R,S,D,T -g "$1" "${@:2}"
}

group_is_gone() {
    [ -z "$1" ] || ! members "$1" >/dev/null
}

# strike VICTIM PID GROUP: kills it; false if it is not there.
strike() {
    local pid
    [ "$3" ] || return 1
    case $1 in
    run) pid=$2 ;;
    guard) pid=$(members "$3" -x pipe-run-guard) ;;
    load-first) pid=$(members "$3" -ox pipe-load) ;;
    load-last) pid=$(members "$3" -nx pipe-load) ;;
    *) pid=$(members "$3" -ox "$1") ;;
    esac
    [ "$pid" ] && kill -KILL "$pid" 2>/dev/null
}

# state DB: rows and ledger rows, beside the one that was there.
state() {
    sqlite3 "$1" "SELECT (SELECT count(*) - 1 FROM t) || '/' ||
        (SELECT count(*) FROM _pipe_loads WHERE table_name = 't')"
}

@test "random kills under pipe-run leave no half load and no process" {
    need_command jq
    make_orders $N >in.ndjson
    sqlite3 empty.db "CREATE TABLE t(id INTEGER, customer TEXT, country TEXT,
        amount REAL, date TEXT); INSERT INTO t(id) VALUES(-1)"
    cp empty.db t.db
    (job t.db)
    [ "$(state t.db)" = $N/1 ]

    local ms
    ms=$(took job t.db)

    local victims=(pipe-extract jq pipe-transform load-first load-last bash run
        guard)
    local nothing=0 all=0 bad=0 missed=0 i pid group victim have status
    RANDOM=${KILL_SEED:-42}
    for ((i = 0; i < ${KILLS:-80}; i++)); do
        victim=${victims[i % ${#victims[@]}]}
        rm -f t.db*
        cp empty.db t.db
        job t.db 2>err &
        pid=$!
        within 10 begun $pid || fail "run $i does not begin" "$(cat err)"
        group=$(cat group)
        sleep "$(printf '0.%03d' $((RANDOM % (ms * 2 / 3))))"
        strike "$victim" $pid "$group" || missed=$((missed + 1))
        status=0
        wait $pid 2>/dev/null || status=$?
        within 10 group_is_gone "$group" || {
            echo "left running after $victim: $(members "$group" -a)"
            bad=$((bad + 1))
        }
        have=$(state t.db 2>&1) || have="0/0" # no ledger yet
        case $have in
        0/0) nothing=$((nothing + 1)) ;;
        "$N/1") all=$((all + 1)) ;;
        *) bad=$((bad + 1)); echo "half: $victim $have" ;;
        esac
        # Whoever says that all is well has loaded all.
        ((status != 0)) || [ "$have" = $N/1 ] || {
            bad=$((bad + 1))
            echo "exit 0: $victim $have"
        }
        # The next run loads once, at once.
        (job t.db) 2>err || { bad=$((bad + 1)); cat err; }
        [ "$(state t.db)" = $N/1 ] || {
            bad=$((bad + 1))
            echo "again: $victim $(state t.db)"
        }
    done
    echo "# kills $i within $ms ms: nothing $nothing, all $all, bad $bad," \
        "too late $missed" >&3
    [ $bad = 0 ]
    # A test that never killed in time, or always, would prove nothing.
    ((nothing > i / 5 && missed < i * 3 / 4))
    # Each run has its record; those that were killed are known as such.
    local n
    n=$(jq -r .outcome "$PIPE_STATE/runs.ndjson" | grep -cx died)
    ((n > 0 && n <= i / 8 + 1))
    [ "$(wc -l <"$PIPE_STATE/runs.ndjson")" = $((4 + 2 * i)) ]
}

@test "several loaders killed at random moments: a run again makes all whole" {
    need_command jq
    local i bad=0 partial=0 a b pid group
    make_orders 30000 >in.ndjson
    both() {
        exec pipe-run -q --pipeline p --kill-after 5s -- '
            pipe-extract in.ndjson |
                tee >(pipe-load sqlite:a.db -t t -m append --create -q) |
                jq -c . | pipe-load sqlite:b.db -t t -m append --create -q'
    }
    rows() {
        sqlite3 "$1" 'SELECT count(*) FROM t' 2>/dev/null || echo 0
    }
    local ms
    ms=$(took both)
    RANDOM=${KILL_SEED:-42}
    local victims=(load-first load-last run tee jq)
    for ((i = 0; i < ${KILLS:-80} / 4; i++)); do
        rm -f a.db* b.db*
        both 2>err &
        pid=$!
        within 10 begun $pid || fail "run $i does not begin" "$(cat err)"
        group=$(cat group)
        sleep "$(printf '0.%03d' $((RANDOM % (ms * 2 / 3))))"
        strike "${victims[i % 5]}" $pid "$group" || true
        wait $pid 2>/dev/null || true
        within 10 group_is_gone "$group" || bad=$((bad + 1))
        a=$(rows a.db)
        b=$(rows b.db)
        [[ $a == 0 || $a == 30000 ]] && [[ $b == 0 || $b == 30000 ]] ||
            { bad=$((bad + 1)); echo "half: $a $b"; }
        [ "$a" = "$b" ] || partial=$((partial + 1))
        (both) 2>err || { bad=$((bad + 1)); cat err; }
        [ "$(rows a.db) $(rows b.db)" = "30000 30000" ] ||
            { bad=$((bad + 1)); echo "again: $(rows a.db) $(rows b.db)"; }
    done
    echo "# kills $i within $ms ms: one of two committed $partial, bad $bad" >&3
    [ $bad = 0 ]
}
