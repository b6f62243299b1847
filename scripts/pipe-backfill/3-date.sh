
# ---- one date. What stands here runs on other machines too: it knows home,
# locks, named, command and reprocess.

# Locks the date for as long as a process lives that has $lock open: 0, or 1
# where another one has it, or 2. Who lets go of a lock may remove its file.
lock_date() { # KEY
    local file=$locks$1
    while :; do
        { exec {lock}>>"$file"; } 2>/dev/null || return 2
        if ! flock -n "$lock"; then
            exec {lock}>&-
            return 1
        fi
        [[ ! /proc/self/fd/$lock -ef $file ]] || break
        exec {lock}>&-
    done
    printf 'pid %d, pipe-backfill\n' "$$" >"$file"
}

# The date has ended. The file stays if something that it left behind lives.
drop_lock() { # KEY
    local lock
    lock_date "$1" || return 0
    rm -f "$locks$1"
    exec {lock}>&-
}

# Sets $why to skipped or left where the date is not to be run.
is_wanted() { # KEY
    why=
    [[ $reprocess != all ]] || return 0
    if [[ -e $home/done/$1 ]]; then
        why=skipped
    elif [[ $reprocess == none && -e $home/log/$1 ]]; then
        why=left
    fi
    [[ -z $why ]]
}

# In a process of its own, which lives until the command has ended and then
# remembers that by itself: a killed backfill loses nothing.
run_date() { # KEY START END
    local words=() word result=0
    for word in "${command[@]}"; do
        word=${word//\{date\}/$1}
        word=${word//\{start\}/$2}
        words+=("${word//\{end\}/$3}")
    done
    trap : TERM INT HUP # the command gets them too; wait for its end
    set +m
    exec </dev/null >"$home/log/$1" 2>&1 || exit 73
    export PIPE_DATE=$1 PIPE_START=$2 PIPE_END=$3 PIPE_BACKFILL=1
    unset PIPE_DATE_LOCK PIPE_RUN_ID PIPE_GATE # one run a date, of its own
    [[ -z $named ]] || export PIPE_DATE_LOCK=$lock
    ((${#words[@]} > 1)) || words=(bash -eo pipefail -c "${words[0]}")
    # By env, which runs programs alone, and says plainly what it cannot.
    env -- "${words[@]}" {bell}>&- || result=$?
    if ((result == 0)); then
        trap '' TERM INT HUP # what is done is remembered, come what may
        remember "$1" || result=74
    fi
    printf '%s %s\n' "$BASHPID" "$result" >&"$bell"
    exit "$result"
}

# The mark of a finished date: whole and durable, or not there.
remember() { # KEY
    local mark=$home/done/.$1.$BASHPID
    printf 'finished %(%Y-%m-%dT%H:%M:%SZ)T\n' -1 >"$mark" &&
        sync "$mark" && mv -f "$mark" "$home/done/$1" && sync "$home/done"
}
