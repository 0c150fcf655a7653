#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power cuts: a hub and laptops are recorded while they are set up and work; from what they did to their disks IMAGES
# (200) disks that a cut could have left are built, opened and compared with what had been said (see tests/power/power.h).
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
images=${IMAGES:-200} seed=${SEED:-$$}
if grep -q -- -fsanitize "$B/.flags"; then
    echo "skip nothing can be preloaded under a sanitizer"
    exit 77
fi

# recorded NAME COMMAND…: a daemon of which NAME/NAME is the directory, so that the folder above it is recorded too.
recorded() {
    local name=$1
    shift
    mkdir -p "$work/$name"
    env LD_PRELOAD="$B/record_io.so" FELLOE_RECORD="$work/$name.trace" FELLOE_RECORD_DIR="$work/$name" "$@"
}
start_recorded() {
    prefix="env LD_PRELOAD=$B/record_io.so FELLOE_RECORD=$work/$1.trace FELLOE_RECORD_DIR=$work/$1" start "$1/$1"
}
join_recorded() {
    local name=$1 worker=$2
    shift 2
    invite hub/hub "$worker" "$@" | recorded "$name" "$B/felloed" --dir "$work/$name/$name" --join - >/dev/null
}
notes() { # NAME FROM TO
    local i
    for ((i = $2; i <= $3; i++)); do at "$1" note "$person" "$1 $i" >/dev/null || return 1; done
}

# ---- what is recorded ----
port[hub/hub]=$(free_port) || exit 1
recorded hub "$B/felloed" --dir "$work/hub/hub" --init-hub --name hub --listen "tcp://127.0.0.1:${port[hub/hub]}" \
    --site salford --site lambeth >/dev/null || exit 1
start_recorded hub && join_recorded amy amy salford && laptop_new bea hub/hub bea salford lambeth &&
    start_recorded amy && start bea || exit 1
person=$(at amy/amy introduce --known-as Jo --source Q1 --json | jq -r .person)
check "a laptop records one by one" notes amy/amy 1 12
check "and shares" wait_until 20 converged hub/hub amy/amy bea
check "another laptop writes about the same person" notes bea 1 6
"$B/felloe-generate" --seed 7 --events 40 >"$work/import.jsonl"
check "the first imports, in batches" at amy/amy import "$work/import.jsonl"
check "the hub writes something itself" at hub/hub note "$person" "from the hub"
check "all is shared" wait_until 20 converged hub/hub amy/amy bea
stop hub/hub
check "the laptop records without its hub" notes amy/amy 13 18
stop amy/amy
start_recorded amy && start_recorded hub || exit 1
check "all is shared again after a start of both" wait_until 20 converged hub/hub amy/amy bea
for d in amy/amy bea hub/hub; do stop "$d"; check_equal "$d ends" 0 "$exit_code"; done

# ---- what may be on the disks ----
power() { "$B/felloe-power" --seed "$seed" "$@" "$work/hub.trace" "$work/amy.trace"; }
check "of $images disks after a power cut (seed $seed) none lacks what was said, and all verify" \
    power --images "$images" --jobs "${JOBS:-1}"
cat "$work/check.out"
for fault in no-sync no-meta-sync no-key-sync no-folder-sync early; do
    check "the test finds it when the product is wrong: $fault" not power --images 400 --pretend "$fault"
done
finish
