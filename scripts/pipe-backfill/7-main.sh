
# ---- start

check_number() { # OPTION GREATEST
    local text=${given[$1]-1}
    { [[ $text =~ ^[1-9][0-9]{0,5}$ ]] && ((text <= $2)); } ||
        fail 64 "option --$1: '$text' is not a number from 1 to $2"
}

check_choice() { # OPTION: one of those that its row completes
    local row name choices
    for row in "${OPTIONS[@]}"; do
        IFS='|' read -r _ name _ choices _ <<<"$row"
        [[ $name == "$1" ]] || continue
        [[ -z ${given[$1]+x} || " $choices " == *" ${given[$1]} "* ]] ||
            fail 64 "option --$1: '${given[$1]}' is not one of ${choices// /, }"
    done
}

check_options() {
    local option
    for option in step reprocess executor; do check_choice "$option"; done
    check_number jobs 999
    check_number max-failures 999999
    jobs=${given[jobs]-1} max_failures=${given[max-failures]-0}
    [[ -z ${given[stop-on-fail]-} ]] || max_failures=1
    [[ -z ${given[stop-on-fail]-} || -z ${given[max-failures]-} ]] ||
        fail 64 "--stop-on-fail and --max-failures exclude each other"
    step=${given[step]-1d} reprocess=${given[reprocess]-failed}
    executor=${given[executor]-local}
    for option in slurm-partition slurm-time slurm-mem slurm-args; do
        [[ -z ${given[$option]+x} || $executor == slurm ]] ||
            fail 64 "option --$option is for --executor slurm"
    done
    tz=${given[tz]-${PIPE_TZ:-UTC}}
    [[ $tz != /* && $tz != *..* && -f ${TZDIR:-/usr/share/zoneinfo}/$tz ]] ||
        fail 64 "option --tz: '$tz' is not a known time zone"
    pipeline=${given[pipeline]-${PIPE_PIPELINE:-backfill}}
    [[ $pipeline =~ ^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$ ]] ||
        fail 64 "pipeline name '$pipeline' may hold only letters, digits, '-',\
 '_' and '.'"
}

check_command() {
    ((${#command[@]})) || fail 64 "no command: it stands behind --"
    [[ -n ${command[0]} ]] || fail 64 "the command is empty"
    # Several words are a program; its name may be known for a date only.
    ((${#command[@]} == 1)) || [[ ${command[0]} == *'{'* ]] ||
        type -P -- "${command[0]}" >/dev/null ||
        fail 69 "there is no program '${command[0]}'"
}

# Sets $home, the state of this command in this pipeline or folder, $named where
# the pipeline has a name, and $locks, what a date's lock is called before it.
find_home() {
    local state=${given[state]-} hash folder=''
    state=${state:-${PIPE_STATE:-${STATE_DIRECTORY:-}}}
    state=${state:-${XDG_STATE_HOME:+$XDG_STATE_HOME/pipeutils}}
    state=${state:-${HOME:+$HOME/.local/state/pipeutils}}
    [[ -n $state ]] || fail 78 "no place for state: set PIPE_STATE,\
 STATE_DIRECTORY, XDG_STATE_HOME or HOME"
    [[ $state == /* ]] || state=$PWD/$state
    named=${given[pipeline]-${PIPE_PIPELINE:-}}
    # Relative paths make one line two commands in two folders, unless a name
    # says that they are one.
    [[ -n $named ]] || folder=$(pwd -P)
    hash=$(printf '%s\0' "$tz" ${folder:+"$folder"} "${command[@]}" |
        sha256sum) ||
        fail 69 "sha256sum does not work (package coreutils)"
    home=$state/backfill/$pipeline-${hash:0:12}
    locks=$home/lock/
    [[ -z $named ]] || locks=$state/lock/$pipeline-
    [[ -z ${given[tz]-} ]] || export PIPE_TZ=$tz
    [[ -z ${given[state]-} ]] || export PIPE_STATE=$state
    [[ -z ${given[pipeline]-} ]] || export PIPE_PIPELINE=$pipeline
}

make_home() {
    local folder
    for folder in "$home"/{done,log} "${locks%/*}"; do
        (umask 077 && mkdir -p "$folder") || fail 73 "cannot create $folder"
        [[ -w $folder ]] || fail 77 "cannot write in $folder"
    done
    { pwd -P && printf '%q ' "${command[@]}" && echo; } >"$home/command" ||
        fail 73 "cannot write $home/command"
}

check_tools() {
    command -v flock >/dev/null || fail 69 "needs flock (package util-linux)"
    [[ $executor == local ]] || "check_$executor"
}

# No `read` in here: it would take away the time limit of the one that the
# signal may have come in the middle of.
on_signal() { # NAME
    local kill=TERM
    [[ -z $stopping ]] || kill=KILL
    stopping=$1
    stop_by=$kill # for batches, between two looks
    [[ $executor != local ]] || stop_local "$kill"
}

main() {
    declare -gA given=() outcome=() status=() seconds=() running=() began=()
    declare -ga command=() keys=() starts=() ends=()
    declare -g jobs max_failures failures=0 step reprocess executor tz pipeline
    declare -g home named locks batch='' batch_pid='' batch_job='' bell='' heard='' stopping='' stop_by='' draining='' live='' drawn='' resized=''
    local result name

    ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)) ||
        fail 69 "needs bash 5.1 or later"
    print_wanted "$@"
    parse "$@"
    check_options
    list_steps
    check_command
    find_home
    if [[ -n ${given[dry-run]-} ]]; then
        show "$(print_plan)" || exit 74
        exit 0
    fi
    check_tools
    make_home
    exec {bell}<> <(:) # a pipe of our own, on which dates ring at their end
    for name in INT TERM HUP; do
        # shellcheck disable=SC2064 # the name of now
        trap "on_signal $name" "$name"
    done
    note "state in $home"
    start_live
    if [[ $executor == local ]]; then run_local; else run_batch; fi
    erase
    verdict
    result=$?
    if [[ -z ${given[quiet]-} ]] || ((result)) || [[ -n $stopping ]]; then
        show "$(print_table)" || result=74
    fi
    if [[ -n $stopping ]]; then
        trap - "$stopping"
        kill -s "$stopping" "$BASHPID"
    fi
    exit "$result"
}

main "$@"
