# kills: kill -9 at random moments, for the tests of every target.
#
# A test says what is killed by functions, which may go by $mode:
#
#   fresh      puts the target back to what it was before the load
#   load       runs the load; where GATED is set, becomes pipe-run
#   state      prints what the target holds, once whoever was killed is gone
#   between    whether what `state` printed ($1) is a part that may be there,
#              as with batches (by default there is none)
#
# and by arrays: VICTIMS are killed at any moment of the load, ENDERS between
# the end of the stage $LAST, and so of the stream, and the end of the load.
# MODES are the values of $mode; one is drawn for each kill. A victim is the
# name of a program, or
#
#   shell      what runs the pipeline
#   run        pipe-run
#   guard      its guardian
#   load-first the oldest pipe-load: under pipe-run what the shell waits for
#   load-last  the newest: under pipe-run the one that loads and commits
#
# SIGNAL is what is sent, set by a file's fresh() where it is not KILL.
#
# KILLS sets how often, KILL_SEED the moments.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2317 # variables and functions of the tests

MODES=(load)
GATED=

between() {
    false
}

# kills_setup: what setup_file has to do.
kills_setup() {
    STRIKE=$BATS_FILE_TMPDIR/strike
    "${CC:-cc}" -D_GNU_SOURCE -O1 -o "$STRIKE" "$REPO/tests/lib/strike.c"
    export STRIKE
}

# below N: a random number from 0 up to, not including, N, in $drawn. (In a
# subshell RANDOM would not go on.)
below() {
    drawn=$(((RANDOM << 15 | RANDOM) % ($1 > 0 ? $1 : 1)))
}

# one_of WORD...: one of them, in $drawn.
one_of() {
    below $#
    drawn=${*:drawn + 1:1}
}

# members GROUP [OPTION OF PGREP...]: those of a process group that live.
members() {
    pgrep -r R,S,D,T -g "$1" "${@:2}"
}

# begin: starts the load as a process group of its own, $pid.
begin() {
    set -m
    load >out 2>err </dev/null &
    pid=$!
    set +m
}

# strike VICTIM LAST US: kills the victim, if it is still there, so long after
# the end of the process LAST (-: the beginning); waits for the load's end.
# $group is that of the pipeline: under pipe-run of its own.
strike() {
    local name=$1
    case $1 in
    shell) name=bash ;;
    run) name=@ ;;
    guard) name=pipe-run-guard ;;
    load-first) name=pipe-load ;;
    load-last) name=pipe-load+ ;;
    esac
    hit=0
    group=$("$STRIKE" "$pid" "$name" "$2" "$3" \
        "$(kill -l "${SIGNAL:-KILL}")") || hit=1
    [ -n "$GATED" ] || group=$pid
    status=0
    wait "$pid" 2>/dev/null || status=$?
}

group_is_gone() {
    [ -z "$group" ] || ! members "$group" >/dev/null
}

# probe: the load undisturbed, three times: what there is before it and behind
# it, and how long it takes, in microseconds: all of it at best, and at most from
# the end of the stream.
probe() {
    local began at
    fresh
    nothing[$mode]=$(state)
    for _ in 1 2 3; do
        fresh
        began=${EPOCHREALTIME/./}
        begin
        "$STRIKE" "$pid" - "$LAST" 0 >/dev/null
        at=${EPOCHREALTIME/./}
        wait "$pid" || fail "$mode does not load: $(cat err)"
        at=$((${EPOCHREALTIME/./} - at))
        began=$((${EPOCHREALTIME/./} - began))
        ((began < ${total[$mode]:-99999999})) && total[$mode]=$began
        # Who looks late sees less of it.
        ((at > ${tail[$mode]:-0})) && tail[$mode]=$at
    done
    all[$mode]=$(state)
    [ "${all[$mode]}" != "${nothing[$mode]}" ] || fail "$mode loads nothing"
    (load) 2>err || fail "$mode does not load again: $(cat err)"
    [ "$(state)" = "${all[$mode]}" ] || fail "$mode loads twice"
}

# kill_once: one load, one kill: sets $victim, $status and $hit.
kill_once() {
    local from=-
    if ((i % 2)); then
        one_of "${ENDERS[@]}"
        victim=$drawn
        from=$LAST
        below "${tail[$mode]}"
    else
        one_of "${VICTIMS[@]}"
        victim=$drawn
        below "${total[$mode]}"
    fi
    fresh
    begin
    strike "$victim" "$from" "$drawn"
}

# found WHAT...: something that must not be.
found() {
    n[$1]=$((n[$1] + 1))
    echo "$1: load $i, $victim killed (${hit/1/too late}) in $mode: ${*:2}"
}

# What is there after the kill. Who says that all is well has loaded all.
judge() {
    local have kind=half
    have=$(state)
    case $have in
    "${nothing[$mode]}") kind=nothing ;;
    "${all[$mode]}") kind=all ;;
    *) ! between "$have" || kind=part ;;
    esac
    ((status)) || [ $kind = all ] || found other "exit 0, and $have"
    case $kind in
    half) found half "$have" ;;
    *) n[$kind]=$((n[$kind] + 1)) ;;
    esac
    # Those that were in time are told apart.
    ((hit)) || n[hit-$kind]=$((n[hit-$kind] + 1))
    ((hit)) || hits[$victim]=$((${hits[$victim]:-0} + 1))
}

# campaign NAME N: N loads, each with one kill. What is committed is nothing or
# all, no process is left, and the same again ends as one load without a kill
# does. Sets $hits: how often each victim was hit.
campaign() {
    local i mode victim status hit pid group drawn have
    local -A nothing all total tail n
    declare -gA hits=()
    for mode in "${MODES[@]}"; do
        probe
        echo "$mode: ${total[$mode]} us, of which ${tail[$mode]} at the end"
    done
    RANDOM=${KILL_SEED:-42}
    for ((i = 0; i < $2; i++)); do
        one_of "${MODES[@]}"
        mode=$drawn
        kill_once
        within 20 group_is_gone ||
            found other "left running: $(members "$group" -a)"
        judge
        (load) >out 2>err </dev/null || found other "again: $(cat err)"
        have=$(state)
        [ "$have" = "${all[$mode]}" ] || found double "$have"
        (((i + 1) % 100 && i + 1 < $2)) || tell "$1" $((i + 1))
    done
    ((n[half] + n[double] + n[other] == 0))
    # Kills that were always too late, or never, would prove nothing.
    ((n[hit-nothing] + n[hit-part] > i / 10 && n[all] > 0))
}

# tell NAME LOADS: what there was so far.
tell() {
    local victim kinds="" part=""
    for victim in "${!hits[@]}"; do
        kinds+=" $victim ${hits[$victim]},"
    done
    [ -z "${n[part]-}" ] || part=" part of it ${n[part]},"
    echo "# $1: $2 loads; killed:${kinds%,}; found nothing" \
        "$((n[nothing])), all $((n[all])) ($((n[hit-all])) of them killed" \
        "behind the commit, the others not in time),$part" \
        "half $((n[half])), twice $((n[double])), other faults $((n[other]))" >&3
}

# ---- SQLite

# sqlite_state DB: rows and loads for people, then a hash of all that they say,
# but for the time.
sqlite_state() {
    sqlite3 "$1" 'SELECT count(*) FROM t' 'SELECT count(*) FROM _pipe_loads' |
        xargs
    sqlite3 "$1" 'SELECT * FROM t ORDER BY 1, 2, 3, 4, 5' \
        'SELECT name FROM sqlite_master ORDER BY name' \
        'SELECT table_name, mode, partition, run_id, input_hash, rows_read,
            rows_loaded, rows_rejected, watermark FROM _pipe_loads
            ORDER BY id' | md5sum
}

# ---- loads in every mode

# make_inputs N: what the tables hold first, and N records that come then, of
# which some are known; the same as change events.
make_inputs() {
    make_orders $(($1 / 2)) >old.ndjson
    make_orders "$1" $(($1 / 4)) |
        sed 's/2026-01-/2026-02-/; s/"amount":/&1/' >new.ndjson
    jq -c '{op: "c", after: ., source: {table: "t"}}' old.ndjson >old.cdc
    jq -c '{op: (if .id % 5 == 0 then "d" else "u" end), before: {id},
            after: (if .id % 5 == 0 then null else . end),
            source: {table: "t"}}' new.ndjson >new.cdc
}

# mode_is MODE old|new: sets $in, $where, and the options of pipe-load in $how.
mode_is() {
    in=$2.ndjson where=TRUE
    case $1 in
    append | versioned) how=(-m "$1") ;;
    insert | upsert | delete-insert) how=(-m "$1" -k id) ;;
    partition)
        how=(-m replace --partition country=DE)
        where="country = 'DE'"
        ;;
    range)
        how=(-m replace --range date=2026-02-01..2026-02-15)
        where="date < '2026-02-15'"
        ;;
    scd2) how=(-m scd2 -k id --effective date) ;;
    scd3) how=(-m scd3 -k id --track amount) ;;
    cdc)
        how=(-m cdc -k id)
        in=$2.cdc
        ;;
    batch) how=(-m append --batch 300 --run-id "$2") ;;
    esac
    case $1/$2 in
    partition/old | range/old) how=(-m append) where=TRUE ;;
    esac
}

# load_mode TARGET TABLE [PROGRAM]: the load of $mode behind two stages, with
# another maker's program between them under pipe-run.
load_mode() {
    local in where how
    mode_is "$mode" new
    if [ -z "$GATED" ]; then
        pipe-extract --format ndjson "$in" |
            pipe-transform --where "$where" |
            pipe-load "$1" -t "$2" "${how[@]}" -q
    else
        exec pipe-run -q --pipeline p --kill-after 5s --lock-wait 20s -- "
            pipe-extract --format ndjson $in |
                $3 |
                pipe-transform --where \"$where\" |
                pipe-load '$1' -t $2 ${how[*]} -q"
    fi
}

# first_load TARGET TABLE: what is there before.
first_load() {
    local in where how
    mode_is "$mode" old
    pipe-load "$1" -t "$2" "${how[@]}" --create -q <"$in"
}

# sqlite_modes: prepares the loads of all modes into t.db.
sqlite_modes() {
    need_command jq
    MODES=(append insert upsert partition range delete-insert scd2 scd3 cdc
        versioned)
    [ -n "$GATED" ] || MODES+=(batch) # not under pipe-run
    make_inputs 8000
    for mode in "${MODES[@]}"; do
        first_load "sqlite:$mode.db" t
    done
    fresh() {
        rm -f t.db*
        cp "$mode.db" t.db
    }
    load() {
        load_mode sqlite:t.db t 'jq -c .'
    }
    state() {
        sqlite_state t.db
    }
    # Whole batches of what came, and all that was there.
    between() {
        [ "$mode" = batch ] && [ "$(sqlite3 t.db "SELECT count(*) % 300
            FROM t WHERE date >= '2026-02-01'")" = 0 ]
    }
}
