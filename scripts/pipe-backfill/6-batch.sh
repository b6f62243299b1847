
# ---- all dates, by GNU parallel or Slurm: a job a date
#
# A job is a script that holds all that it needs, so that a node which has bash
# and the state directory can run it. It locks, runs and remembers its date as
# the local executor does, and leaves what it came to in the batch's folder.

# On the node: the date on this line of the batch.
work_date() { # LINE
    local key start end lock why='' result=0 group=''
    read -r key start end < <(sed -n "${1}p" "$batch/steps")
    pass_on() { [[ -z $group ]] || kill -s TERM -- "-$group" 2>/dev/null; }
    trap pass_on TERM INT HUP
    [[ ! -e $batch/stop ]] || return 0
    if ! is_wanted "$key"; then
        leave "$key" "$why" 0
        return
    fi
    lock_date "$key"
    case $? in
    1) leave "$key" busy 0 && return ;;
    2) leave "$key" ended 73 && return 73 ;;
    esac
    if is_wanted "$key"; then
        why=ended
        set -m
        run_date "$key" "$start" "$end" &
        group=$!
        set +m
        printf '%s\n' "$group" >"$batch/began/$key"
        [[ ! -e $batch/stop ]] || pass_on
        while :; do # a signal that is passed on ends a wait, not the date
            wait "$group"
            result=$?
            kill -0 "$group" 2>/dev/null || break
        done
    fi
    exec {lock}>&-
    drop_lock "$key"
    leave "$key" "$why" "$result"
    return "$result"
}

leave() { # KEY WHY STATUS
    printf '%s %s %s\n' "$2" "$3" "$SECONDS" >"$batch/.$1.$$" &&
        mv -f "$batch/.$1.$$" "$batch/result/$1"
}

# ---- here: the batch

write_job() {
    {
        printf '#!/usr/bin/env bash\n# A date of %s %s.\nset -uo pipefail\n' \
            "$NAME" "$pipeline"
        declare -p batch home locks named command reprocess
        declare -p PIPE_STATE PIPE_TZ PIPE_PIPELINE 2>/dev/null
        printf 'exec {bell}<>/dev/null\n' # nobody hears it
        printf 'cd -- %q || exit 66\n' "$PWD"
        declare -f lock_date drop_lock is_wanted run_date remember work_date leave
        # shellcheck disable=SC2016 # of the job
        printf 'work_date $(($1 + ${SLURM_ARRAY_TASK_ID:-0}))\n'
    } >"$batch/job"
}

# A line a date of this round.
write_steps() { # INDEX...
    local i
    for i; do
        printf '%s %s %s\n' "${keys[i]}" "${starts[i]}" "${ends[i]}"
    done >"$batch/steps"
}

make_batch() {
    { mkdir -p "$home/batch" && batch=$(mktemp -d "$home/batch/XXXXXX") &&
        mkdir "$batch/began" "$batch/result" && write_job; } ||
        fail 73 "cannot create $home/batch"
    # What was killed has left its own; nodes may still write there for a while.
    find "$home/batch" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
}

# Takes in what the nodes have written since.
collect() {
    local file key why code group took
    for file in "$batch"/began/*; do
        [[ -e $file ]] || continue
        key=${file##*/}
        if [[ -z ${groups[$key]-} ]] && read -r group <"$file"; then
            groups[$key]=$group
            began[$key]=$SECONDS
            outcome[$key]=running
            note "$key begins"
        fi
    done
    for file in "$batch"/result/*; do
        [[ -e $file ]] || continue
        key=${file##*/}
        read -r why code took <"$file" || continue
        rm -f "$file" "$batch/began/$key"
        unset "groups[$key]"
        if [[ $why == ended ]]; then
            began[$key]=$((SECONDS - took))
            end_date "$key" "$code"
        else
            outcome[$key]=$why
        fi
    done
}

# The batch is over: who began and has left nothing was killed; who has not
# begun was not let.
settle() { # INDEX...
    local i key
    for i; do
        key=${keys[i]}
        case ${outcome[$key]} in
        queued)
            unset "outcome[$key]"
            may_start && lost=1
            ;;
        running)
            rm -f "$batch/began/$key"
            unset "groups[$key]"
            end_date "$key" 137
            ;;
        esac
    done
}

run_batch() {
    local i todo=() round=() again lost='' why
    declare -gA groups=()
    for i in "${!keys[@]}"; do
        if is_wanted "${keys[i]}"; then todo+=("$i"); else outcome[${keys[i]}]=$why; fi
    done
    ((${#todo[@]})) || return 0
    make_batch
    while ((${#todo[@]})) && may_start && [[ -z $lost ]]; do
        round=("${todo[@]:0:chunk}")
        todo=("${todo[@]:chunk}")
        for i in "${round[@]}"; do outcome[${keys[i]}]=queued; done
        write_steps "${round[@]}"
        "submit_$executor" "${#round[@]}" && watch_batch "${round[@]}"
        settle "${round[@]}"
        again=()
        for i in "${round[@]}"; do
            [[ ${outcome[${keys[i]}]-} != busy ]] || again+=("$i")
        done
        todo+=("${again[@]}")
        # Others hold them: a new round, but not at once.
        ((${#again[@]} < ${#todo[@]} || ${#todo[@]} == 0)) || pause 2
    done
    [[ -z $lost ]] || show_trouble
    rm -rf "$batch"
    batch=
}

pause() { # SECONDS
    read -r -t "$1" -u "$bell" _ || :
}

watch_batch() { # INDEX...
    local held='' tries=0 i left
    while "lives_$executor"; do
        [[ -z $stop_by ]] || stop_batch "$stop_by"
        collect
        if [[ -n $draining && -z $held ]]; then
            held=1
            "hold_$executor"
        fi
        draw
        pause 0.5
    done
    # On a network's file system what was written may be seen late.
    while ((tries++ < 10)); do
        collect
        left=0
        for i; do [[ ${outcome[${keys[i]}]} != running ]] || left=1; done
        [[ $executor == slurm && $left == 1 && -z $stopping ]] || break
        pause 0.5
    done
}

# What the executor or a job said that could not even begin.
show_trouble() {
    say "$executor has not run all dates"
    cat "$batch"/err* 2>/dev/null | tail -n 10 |
        LC_ALL=C tr -d '\000-\010\013-\037\177' | sed 's/^/    /' >&2
}

stop_batch() { # TERM|KILL
    stop_by=
    : >"$batch/stop"
    "hold_$executor"
    "stop_$executor" "$1"
}

# ---- GNU parallel

check_parallel() {
    [[ $(parallel --version 2>/dev/null </dev/null) == 'GNU parallel'* ]] ||
        fail 69 "needs GNU parallel (package parallel)"
    chunk=$STEPS_MAX
}

submit_parallel() { # N
    local halt=never
    ((max_failures == 0)) || halt=soon,fail=$((max_failures - failures))
    seq "$1" >"$batch/lines"
    set -m # signals of the terminal are ours to pass on
    PARALLEL_HOME=$batch/parallel PARALLEL_SHELL=$BASH parallel --plain \
        --will-cite --ungroup --halt "$halt" --jobs "$jobs" --joblog "$batch/joblog" \
        --tmpdir "$batch" -a "$batch/lines" "$BASH" "$batch/job" {} \
        </dev/null >/dev/null 2>"$batch/err" {bell}>&- &
    batch_pid=$!
    set +m
}

lives_parallel() {
    kill -0 "$batch_pid" 2>/dev/null
}

hold_parallel() {
    kill -s HUP "$batch_pid" 2>/dev/null
}

stop_parallel() { # TERM|KILL
    local file group
    for file in "$batch"/began/*; do
        read -r group <"$file" && kill -s "$1" -- "-$group"
    done 2>/dev/null
}

# ---- Slurm

check_slurm() {
    local tool limit
    for tool in sbatch squeue scancel scontrol; do
        type -P "$tool" >/dev/null ||
            fail 69 "needs $tool (package slurm-client)"
    done
    limit=$(timeout 20 scontrol show config 2>&1) || fail 69 "Slurm does not answer:\
 ${limit%%$'\n'*}"
    limit=${limit##*MaxArraySize*( )=*( )}
    limit=${limit%%[!0-9]*}
    chunk=$((${limit:-0} > 1 ? limit - 1 : 1000))
    ((chunk <= 1000)) || chunk=1000
}

submit_slurm() { # N
    local words=() more said
    [[ -z ${given[slurm-partition]-} ]] ||
        words+=("--partition=${given[slurm-partition]}")
    [[ -z ${given[slurm-time]-} ]] || words+=("--time=${given[slurm-time]}")
    [[ -z ${given[slurm-mem]-} ]] || words+=("--mem=${given[slurm-mem]}")
    read -ra more <<<"${given[slurm-args]-}"
    said=$(sbatch --parsable --job-name="$NAME-$pipeline" --open-mode=append \
        --output="$batch/err.%a" --chdir="$PWD" \
        --array="1-$1${given[jobs]:+%$jobs}" "${words[@]}" "${more[@]}" \
        "$batch/job" 0 2>&1 </dev/null) || {
        printf '%s\n' "$said" >"$batch/err"
        return 1
    }
    batch_job=${said##*$'\n'}
    batch_job=${batch_job%%;*}
    note "Slurm has it as job $batch_job"
    look_again=0 look_after=1
}

# Asks rarely, for the controller is everybody's.
lives_slurm() {
    local left
    ((SECONDS >= look_again)) || return 0
    left=$(squeue -h -r -j "$batch_job" -o %i 2>&1)
    case $?,$left in
    0,) return 1 ;;
    0,*) ;;
    *'Invalid job id'*) return 1 ;; # it is long gone
    *) note "squeue: ${left%%$'\n'*}" ;;
    esac
    look_again=$((SECONDS + look_after))
    ((look_after >= 5)) || ((look_after += 1))
}

hold_slurm() {
    [[ -z $batch_job ]] ||
        scancel --quiet --state=PENDING "$batch_job" 2>/dev/null
}

stop_slurm() { # TERM|KILL
    [[ -z $batch_job ]] ||
        scancel --quiet --full --signal="$1" "$batch_job" 2>/dev/null
    look_again=0
}
