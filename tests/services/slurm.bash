# slurm: a cluster of one node, of the test's own, on loopback.
#
#   setup_file() { slurm_start; }      exports SLURM_CONF SLURM_DIR
#   teardown_file() { slurm_stop; }
#
# It has its own munge, with a key and a socket of its own, and runs as the user
# who runs the tests.
# shellcheck shell=bash

slurm_has() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

# Daemons stay in the foreground, so that their process ids are known.
slurm_daemon() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$SLURM_DIR/$name.out" 2>&1 </dev/null 3>&- &
    echo "$!" >>"$SLURM_DIR/pids"
}

slurm_conf() {
    local host
    host=$(hostname -s)
    cat >"$SLURM_CONF" <<END
ClusterName=pipetest
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$SLURM_DIR/munge/socket
CredType=cred/munge
SlurmctldPort=$1
SlurmdPort=$2
SlurmctldPidFile=$SLURM_DIR/slurmctld.pid
SlurmdPidFile=$SLURM_DIR/slurmd.pid
SlurmctldLogFile=$SLURM_DIR/slurmctld.log
SlurmdLogFile=$SLURM_DIR/slurmd.log
StateSaveLocation=$SLURM_DIR/state
SlurmdSpoolDir=$SLURM_DIR/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MaxArraySize=${SLURM_ARRAY:-1001}
ReturnToService=2
KillWait=5
NodeName=node NodeHostname=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=500 State=UNKNOWN
PartitionName=main Nodes=node Default=YES MaxTime=INFINITE State=UP
PartitionName=other Nodes=node Default=NO MaxTime=10 State=UP
END
}

slurm_is_up() {
    [ "$(sinfo -h -p main -o %T 2>/dev/null)" = idle ]
}

# True if the two ports answer, which they must not yet.
slurm_taken() { # PORT...
    local port
    for port; do
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    done
    return 1
}

slurm_start() {
    local name port try
    export SLURM_DIR=$BATS_FILE_TMPDIR/slurm
    export SLURM_CONF=$SLURM_DIR/slurm.conf
    for name in slurmctld slurmd munged sbatch; do
        slurm_has "$name" >/dev/null && continue
        export SLURM_SKIP="$name is not installed"
        return 0
    done
    mkdir -p "$SLURM_DIR"/{munge,state,spool}
    chmod 700 "$SLURM_DIR/munge"
    (umask 077 && head -c 1024 /dev/urandom >"$SLURM_DIR/munge/key")
    slurm_daemon munged "$(slurm_has munged)" --foreground --force \
        --key-file="$SLURM_DIR/munge/key" \
        --socket="$SLURM_DIR/munge/socket" --pid-file="$SLURM_DIR/munge/pid" \
        --log-file="$SLURM_DIR/munge/log" --seed-file="$SLURM_DIR/munge/seed"
    within 20 test -S "$SLURM_DIR/munge/socket" || return 1
    for ((try = 0; try < 20; try++)); do
        port=$((20000 + RANDOM % 20000))
        slurm_taken "$port" "$((port + 1))" || break
    done
    slurm_conf "$port" "$((port + 1))"
    slurm_daemon slurmctld "$(slurm_has slurmctld)" -D
    slurm_daemon slurmd "$(slurm_has slurmd)" -D -N node
    within 60 slurm_is_up || {
        tail -n 20 "$SLURM_DIR"/*.log "$SLURM_DIR"/*.out >&2
        return 1
    }
}

# Processes of jobs that are left: all have the cluster's folder in their
# environment.
slurm_left() {
    local file
    for file in /proc/[0-9]*/environ; do
        grep -qzsxF "SLURM_CONF=$SLURM_CONF" "$file" || continue
        file=${file#/proc/}
        [[ $(cat "/proc/${file%/*}/comm" 2>/dev/null) != slurmstepd ]] ||
            echo "${file%/*}"
    done
}

slurm_is_down() {
    local pid
    while read -r pid; do
        kill -0 "$pid" 2>/dev/null && return 1
    done <"$SLURM_DIR/pids"
    [ -z "$(slurm_left)" ]
}

slurm_stop() {
    [ -e "$SLURM_DIR/pids" ] || return 0
    scancel --user="$(id -un)" 2>/dev/null
    within 15 test -z "$(squeue -h 2>/dev/null)" || :
    # munge last: the others speak through it.
    tac "$SLURM_DIR/pids" | xargs kill 2>/dev/null
    within 15 slurm_is_down ||
        { cat "$SLURM_DIR/pids"; slurm_left; } | xargs kill -9 2>/dev/null
}
