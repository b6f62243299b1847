
# ---- all dates, by this process

# Sets outcome[key] to what the date has come to.
end_date() { # KEY STATUS
    local key=$1
    status[$key]=$2
    seconds[$key]=$((SECONDS - began[$key]))
    if (($2 == 0)); then
        outcome[$key]='done'
    elif [[ -n $stopping ]]; then
        outcome[$key]=stopped
    else
        outcome[$key]=failed
        say "$key failed with $2, log in $home/log/$key"
        { tail -n 10 "$home/log/$key" 2>/dev/null || :; } |
            LC_ALL=C tr -d '\000-\010\013-\037\177' | sed 's/^/    /' >&2
        ((failures += 1))
        ((max_failures == 0 || failures < max_failures)) || draining=1
    fi
    note "$key ${outcome[$key]} (${seconds[$key]} s)"
}

may_start() {
    [[ -z $stopping && -z $draining ]]
}

# Locks the date and starts it. Sets its outcome to running, skipped or left (it
# is not to be run) or busy (another process has the lock).
start_date() { # INDEX
    local key=${keys[$1]} lock why
    is_wanted "$key" || { outcome[$key]=$why && return; }
    outcome[$key]=busy
    lock_date "$key"
    case $? in
    1) return ;;
    2) fail 73 "cannot lock $locks$key" ;;
    esac
    if ! is_wanted "$key"; then # another backfill has finished it since
        outcome[$key]=$why
        exec {lock}>&-
        drop_lock "$key"
        return
    fi
    note "$key begins"
    # A process group of its own, so that all of it can be stopped.
    set -m
    run_date "$key" "${starts[$1]}" "${ends[$1]}" &
    set +m
    running[$!]=$key
    began[$key]=$SECONDS
    outcome[$key]=running
    # A signal that came before the date was known of has missed it.
    [[ -z $stopping ]] || kill -s TERM -- "-$!" 2>/dev/null
    exec {lock}>&-
}

reap_date() { # PID STATUS
    local key=${running[$1]-}
    [[ -n $key ]] || return 0 # ended once already
    unset "running[$1]"
    end_date "$key" "$2"
    drop_lock "$key"
}

# Waits a moment, or until a date ends. `wait -n` will not do: it may miss a
# child that a signal has ended. The moment may be over in mid line: what was
# read of it is kept for the next time.
wait_date() {
    local line pid ended
    if IFS= read -r -t 0.5 -u "$bell" line; then
        read -r pid ended <<<"$heard$line"
        heard=''
        wait "$pid"
        reap_date "$pid" "$ended"
        return
    fi
    heard+=$line
    for pid in "${!running[@]}"; do # who is killed does not ring
        kill -0 "$pid" 2>/dev/null && continue
        wait "$pid"
        reap_date "$pid" "$?"
    done
}

run_local() {
    local next=0 last=$((${#keys[@]} - 1)) i busy=() again
    while :; do
        while ((next <= last && ${#running[@]} < jobs)) && may_start; do
            start_date "$next"
            [[ ${outcome[${keys[next]}]} != busy ]] || busy+=("$next")
            ((next++))
        done
        # Dates that others hold come last, as they are let go.
        again=()
        for i in "${busy[@]}"; do
            if ((next > last && ${#running[@]} < jobs)) && may_start; then
                start_date "$i"
            fi
            [[ ${outcome[${keys[i]}]} != busy ]] || again+=("$i")
        done
        busy=("${again[@]}")
        if ((${#running[@]} == 0)) &&
            { ((next > last && ${#busy[@]} == 0)) || ! may_start; }; then
            return
        fi
        draw
        wait_date
    done
}

# The first signal asks all that runs to stop, the second kills.
stop_local() { # TERM|KILL
    local pid
    for pid in "${!running[@]}"; do
        kill -s "$1" -- "-$pid" 2>/dev/null
    done
}
