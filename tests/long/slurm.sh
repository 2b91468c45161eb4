#!/bin/bash
# SPDX-License-Identifier: MIT
# contrib/slurm on a Slurm of one machine: slurmctld, slurmd and munged run here, in a folder of their own; a list of disks goes
# through sbatch as a job array, and the merged report is, byte for byte, that of one run.
#
# $VHDXRAY: the program. Needs root. Exit 77 when there is no Slurm to be had. Prints a line per check, last `N passed, N failed`.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
program=${VHDXRAY:-$root/build/release/vhdxray}
[ "$(id -u)" -eq 0 ] || { echo "slurm: not root"; exit 77; }
"$root/tools/setup" cluster || exit 77
dir=$(mktemp -d /tmp/vhdxray-slurm-XXXXXX)
chmod 755 "$dir"
cd "$dir" || exit
. "$root/tests/checks.sh"
daemons=()
trap '[ ${#daemons[@]} -eq 0 ] || kill "${daemons[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT

finish_with_logs() {
    if [ "$failed" -gt 0 ]; then tail -n 15 ./*.log; fi
    finish
}

# Within a minute.
wait_for() {
    local n
    for n in $(seq 120); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.5
    done
    echo "after $((n / 2)) seconds: not $*"
    return 1
}

# ---- a cluster ----

host=$(hostname -s)
mkdir munge state spool
head -c 1024 /dev/urandom >munge/key
chmod 700 munge
chmod 400 munge/key
munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge.socket" --pid-file="$dir/munge/pid" \
    --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" >munged.log 2>&1 &
daemons+=($!)
cat >slurm.conf <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=1536 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
export SLURM_CONF=$dir/slurm.conf
check 'munge' wait_for test -S munge.socket
slurmctld -D >slurmctld.log 2>&1 &
daemons+=($!)
slurmd -D -N "$host" >slurmd.log 2>&1 &
daemons+=($!)
check 'the node is idle' wait_for eval '[ "$(sinfo -h -o %T)" = idle ]'
[ "$failed" -eq 0 ] || finish_with_logs

# ---- disks, a list, a job array ----

mkdir disks results
"$(dirname "$program")/tests/write_cases" disks >/dev/null || { echo "FAIL the disks could not be written"; exit 1; }
find "$dir/disks" -name '*.*vhdx' | LC_ALL=C sort >list
echo "$dir/disks/not there.vhdx" >>list
count=$(wc -l <list)
check 'there are disks' test "$count" -gt 500
path=$(dirname "$program"):$root/contrib/fleet:$PATH
code=0
PATH=$path vhdxray check --files-from list -f jsonl -o single.jsonl 2>/dev/null || code=$?
check 'the single run' test "$code" -eq 3
job=$(PATH=$path sbatch --parsable --array=1-5 "$root/contrib/slurm/vhdxray.sbatch" "$dir/list" "$dir/results")
check 'sbatch' eval '[[ $job =~ ^[0-9]+$ ]]'
merge=$(PATH=$path sbatch --parsable --dependency=afterany:"$job" \
    --wrap="merge-shards '$dir/results' 5 >'$dir/merged.jsonl'; echo \$? >'$dir/merged.code'")
check 'the merge waits for it' eval '[[ $merge =~ ^[0-9]+$ ]]'
check 'all parts are done' wait_for eval '[ "$(ls "$dir/results" | grep -c "\.exit$")" -eq 5 ]'
check 'the merge is done' wait_for test -s merged.code
check 'five tasks, each on its part' eval '[ "$(cat results/part-?-of-5.jsonl | wc -l)" -eq "$count" ] && [ "$(wc -l <results/part-5-of-5.jsonl)" -eq $((count / 5)) ]'
check 'the merged report is that of one run' cmp merged.jsonl single.jsonl
check 'and so is its exit code' test "$(cat merged.code)" -eq 3
check 'tasks succeeded' eval '[ "$(scontrol -o show job "$job" | grep -c "JobState=COMPLETED .*\bExitCode=0:0")" -eq 5 ]'

# One part again, by itself, after it was lost.
rm results/part-3-of-5.*
check 'a lost part is missed' eval '! PATH=$path merge-shards results 5 2>/dev/null'
again=$(PATH=$path VHDXRAY_SHARDS=5 sbatch --parsable --array=3 "$root/contrib/slurm/vhdxray.sbatch" "$dir/list" "$dir/results")
check 'it is done again' wait_for test -s results/part-3-of-5.exit
check "it was job ${again:-?}, and the report is whole" eval 'PATH=$path merge-shards results 5 | cmp - single.jsonl'
# A list that is not there: the task fails, and says so.
bad=$(PATH=$path sbatch --parsable --array=1 "$root/contrib/slurm/vhdxray.sbatch" "$dir/no-list" "$dir/results")
check 'a list that is not there is a failed task' wait_for eval '
    [ -n "$bad" ] && scontrol -o show job "$bad" | grep -q "JobState=FAILED"'
finish_with_logs
