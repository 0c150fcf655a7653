#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power cuts: a hub and laptops are recorded while they are set up and work; from what they did to their disks IMAGES
# (200) disks that a cut could have left are built, opened and compared with what had been said (see tests/power/power.h).
# timeout: 240
# In a mount namespace of its own where that can be had, so that one laptop can have a small disk.
if [ "${1:-}" != inside ]; then
    if [ "$(id -u)" = 0 ]; then unshare=(unshare -m); else unshare=(unshare -rm); fi
    "${unshare[@]}" mount -t tmpfs -o size=1m none /mnt 2>/dev/null && exec "${unshare[@]}" "$0" inside
fi
. "$(dirname "$0")/../lib/e2e.sh"
images=${IMAGES:-200} seed=${SEED:-$$}
if grep -q -- -fsanitize "$B/.flags"; then
    echo "skip nothing can be preloaded under a sanitizer"
    exit 77
fi

# recorded NAME COMMAND…: a daemon of which NAME/NAME is the directory, so that the folder above it is recorded too.
recording() { echo "env LD_PRELOAD=$B/record_io.so FELLOE_RECORD=$work/$1.trace FELLOE_RECORD_DIR=$work/$1"; }
recorded() {
    local words
    mkdir -p "$work/$1"
    read -ra words <<<"$(recording "$1")"
    shift
    "${words[@]}" "$@"
}
start_recorded() { prefix=$(recording "$1") start "$1/$1"; }
join_recorded() {
    local name=$1 worker=$2
    shift 2
    invite hub/hub "$worker" "$@" | recorded "$name" "$B/felloed" --dir "$work/$name/$name" --join - --unlock none >/dev/null
}
notes() { # NAME FROM TO
    local i
    for ((i = $2; i <= $3; i++)); do at "$1" note "$person" "$1 $i" >/dev/null || return 1; done
}

# ---- what is recorded ----
port[hub/hub]=$(free_port) || exit 1
recorded hub "$B/felloed" --dir "$work/hub/hub" --init-hub --unlock none --name hub --listen "tcp://127.0.0.1:${port[hub/hub]}" \
    --site salford --site lambeth >/dev/null || exit 1
start_recorded hub && join_recorded amy amy salford && laptop_new bea hub/hub bea salford lambeth &&
    start_recorded amy && start bea || exit 1
person=$(at amy/amy introduce --known-as Jo --source Q1 --json | jq -r .person)
check "a laptop records one by one" notes amy/amy 1 12
check "and shares" wait_until 20 converged hub/hub amy/amy bea
check "another laptop writes about the same person" notes bea 1 6
"$B/felloe-generate" --seed 7 --events 40 >"$work/import.jsonl"
check "the first imports, in batches" at amy/amy import "$work/import.jsonl"
check "the hub is backed up" at hub/hub backup "$work/backup"
check "the hub writes something itself" at hub/hub note "$person" "from the hub"
check "all is shared" wait_until 20 converged hub/hub amy/amy bea
stop hub/hub
check "the laptop records without its hub" notes amy/amy 13 18
stop amy/amy
start_recorded amy && start_recorded hub || exit 1
check "all is shared again after a start of both" wait_until 20 converged hub/hub amy/amy bea
# The hub is put back to the backup, and refilled.
stop hub/hub
check "keys come and are erased" recorded hub "$B/felloe-power" --keys "$work/hub/hub"
check "the backup is put back" recorded hub "$B/felloed" --dir "$work/hub/hub" --restore "$work/backup"
start_recorded hub || exit 1
check "the laptops bring back what it lacks" wait_until 30 converged hub/hub amy/amy bea

# A laptop whose syncs fail now and then. What was written before a sync that failed may be lost, though it is read.
join_recorded cal cal salford || exit 1
mkdir "$work/fails"
for ((call = 5; call < 45; call += 3)); do
    rm -f "$work/told"
    # shellcheck disable=SC2086
    $(recording cal) LD_PRELOAD="$B/record_io.so $B/fail_io.so" FELLOE_FAIL_DIR="$work/cal" FELLOE_FAIL_AT=$call \
        FELLOE_FAIL_ONLY="meta fdatasync" FELLOE_FAIL_WITH=EIO FELLOE_FAIL_TOLD="$work/told" \
        $([ $((call % 2)) = 0 ] || echo FELLOE_FAIL_EVER=1) \
        "$B/felloed" --dir "$work/cal/cal" >"$work/cal.log" 2>&1 &
    pid[cal/cal]=$!
    wait_until 20 up_or_dead cal/cal
    at cal/cal introduce --known-as "Person $call" --source Q1 >/dev/null 2>&1 # with a key of its own
    notes cal/cal "$call" $((call + 2)) 2>/dev/null
    stop cal/cal
    cat "$work/told" >>"$work/fails/told" 2>/dev/null
    start_recorded cal || exit 1
    at cal/cal log --json >/dev/null
    stop cal/cal
done
check "a laptop's syncs failed ($(grep -cE '^(meta|fdatasync)' "$work/fails/told"))" grep -qE '^(meta|fdatasync) cal/log' "$work/fails/told"
start_recorded cal && wait_until 20 converged hub/hub cal/cal
check_equal "all that it has is shared" 0 "$?"
# A laptop whose disk is full for a while: it gives its reserve up, and makes it again.
traces=(hub amy cal)
if [ "${1:-}" = inside ]; then
    traces+=(dan)
    mkdir "$work/dan"
    mount -t tmpfs -o size=28m,mode=700 none "$work/dan"
    trap 'code=$?; kill -9 "${pid[@]}" 2>/dev/null; cd / && umount -l "$work/dan"; (exit $code); cleanup' EXIT
    join_recorded dan dan salford && start_recorded dan || exit 1
    text=$(printf 'x%.0s' {1..20000})
    for i in 1 2; do
        notes dan/dan 1 4
        dd if=/dev/zero of="$work/dan/filler" bs=4k 2>/dev/null
        for ((n = 0; n < 9; n++)); do at dan/dan note "$person" "$n $text" >/dev/null 2>&1 || break; done
        check "a full disk is met after $n notes" test $n -lt 9
        rm "$work/dan/filler"
        check "with room again it records" wait_until 5 at dan/dan note "$person" "there is room"
    done
    check "and shares" wait_until 20 converged hub/hub dan/dan
    stop dan/dan
else
    skip "a full disk: no small disk can be mounted here"
fi
for d in amy/amy bea cal/cal hub/hub; do stop "$d"; check_equal "$d ends" 0 "$exit_code"; done

# ---- what may be on the disks ----
[ -z "${TRACES:-}" ] || cp "$work"/*.trace "$TRACES" # to be gone through in pieces, with felloe-power
traces=("${traces[@]/#/$work/}")
power() { "$B/felloe-power" --seed "$seed" "$@" "${traces[@]/%/.trace}"; }
check "of $images disks after a power cut (seed $seed) none lacks what was said, and all verify" \
    power --images "$images" --jobs "${JOBS:-1}"
cp "$work/check.out" "$work/power.out"
cat "$work/power.out"
said=$(sed -n 's/^amy.trace.* \([0-9]*\) saved.*/\1/p' "$work/check.out")
check_equal "each event that the laptop said was saved counts" "$((19 + $(wc -l <"$work/import.jsonl")))" "$said"
for fault in no-sync no-meta-sync no-key-sync no-views-sync no-folder-sync early; do
    check "the test finds it when the product is wrong: $fault" \
        not power --images $([ $fault = early ] && echo 450 || echo 150) --pretend "$fault"
done

# ---- whole daemons on some of them ----
same_when_rebuilt() { # the views that outlived the cut are what the log makes them
    local before
    wait_until 10 folded "$1" && before=$(digest_of "$1") && at "$1" rebuild >/dev/null && [ "$before" = "$(digest_of "$1")" ]
}
folded() { [ "$(json "$1" '.folded == .total' status)" = true ]; }
RANDOM=$seed
mkdir "$work/image"
for ((i = 0; i < ${STARTS:-6}; i++)); do
    name=$([ $((i % 2)) = 0 ] && echo hub || echo amy)
    cuts=$(sed -n "s/^$name.trace: \([0-9]*\) cuts.*/\1/p" "$work/power.out")
    cut=$((150 + RANDOM % (cuts - 150))) # past the making of it
    power --only "$((i % 2)):$cut:$i" --build "$work/image" >/dev/null
    start "image/$name" || continue
    check "$name starts after the power was cut at $cut, and verifies" verified "image/$name"
    check "and shows what its log holds" same_when_rebuilt "image/$name"
    stop "image/$name"
done
finish
