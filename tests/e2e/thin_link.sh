#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two laptops on links of RATE (50,000) bit/s: EVENTS (20,000) wait on one to be shared, and at the hub, in 16 sites, for
# the other. For WATCH (30) seconds both make steady progress, new notes of a third still come within 30 s, and nobody
# reconnects in a storm; then the links are opened wide, and all finish.
# timeout: 170
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/net.sh"
events=${EVENTS:-20000} rate=${RATE:-50000} watch=${WATCH:-30}
small=(rate "$rate" buffer 8192 delay 150)
wide=(rate 0 buffer 1048576 delay 0)

many=(lambeth team-{1..15})
hub_new hub salford bolton "${many[@]}"
start hub || exit 1
laptop_new up hub amy salford bolton
laptop_new down hub bea bolton "${many[@]}"
laptop_new other hub cat salford bolton "${many[@]}"
start other || exit 1
through_proxy up hub buffer 8192 && through_proxy down hub buffer 8192 || exit 1
start up && start down || exit 1
jo=$(at other introduce --known-as Jo --source Q1 --site salford --json | jq -r .person)
lee=$(at other introduce --known-as Lee --source Q1 --site bolton --json | jq -r .person)
check "it works while the links are quick" wait_until 30 converged hub up down other

# For one, 20,000 wait at the hub; for the other, the link becomes thin in the midst of sharing, with windows wide open.
stop down
"$B/felloe-generate" --seed 1 --events "$events" --sites salford >"$work/up.jsonl" || exit 1
"$B/felloe-generate" --seed 2 --events "$events" --people 300 --sites "$(IFS=, && echo "${many[*]}")" >"$work/down.jsonl" || exit 1
check "$events events are saved on the other laptop" at other import "$work/down.jsonl"
check "and shared" wait_until 60 shared other
net down "${small[@]}"
start down || exit 1
count() {
    case $1 in
    up) json up '[.sites[].shared] | add' status ;;
    down) json down '[.sites[].received | split(".")[1] // 0 | tonumber] | add' status ;;
    esac
}
declare -A from=() seen=() slowest=([up]=0 [down]=0) at_ms=() connections=()
grew() { local now; now=$(count "$1") && [ "$now" -gt "$2" ]; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
at up import "$work/up.jsonl" >"$work/import.out" &
import=$!
check "some are shared while the link is quick" wait_until 20 grew up $((events / 20))
net up "${small[@]}"
check "all are saved on the thin laptop" wait $import

for l in up down; do
    connections[$l]=$(net_count $l connections) from[$l]=$(count $l) seen[$l]=${from[$l]} at_ms[$l]=$(now_ms)
done
begun=$(now_ms) notes=0 noted=0 note_slowest=0
look() { # has it moved on, and how long did that take?
    local l=$1 now ms
    now=$(count "$l") ms=$(($(now_ms) - at_ms[$l]))
    [ "$ms" -le "${slowest[$l]}" ] || slowest[$l]=$ms
    [ "$now" = "${seen[$l]}" ] || { seen[$l]=$now at_ms[$l]=$(now_ms); }
}
# A note a time, to both; the next when it has come. What is not there yet is in $late.
note() {
    notes=$((notes + 1)) noted=$(now_ms) late="up:Jo up:Lee down:Lee"
    at other note "$jo" "note $notes" >/dev/null
    at other note "$lee" "note $notes" >/dev/null
}
came() {
    local where still=
    look up
    look down
    for where in $late; do
        if at "${where%:*}" show "${where#*:}" | grep -q "note $notes$"; then
            echo "    note $notes is on $where after $(($(now_ms) - noted)) ms" >>"$work/came"
        else
            still+=" $where"
        fi
    done
    late=$still
    [ -z "$late" ]
}
while [ $(($(now_ms) - begun)) -lt $((watch * 1000)) ]; do
    note
    wait_until 30 came
    ms=$(($(now_ms) - noted))
    [ $ms -le $note_slowest ] || note_slowest=$ms
done
check "new notes of another laptop came while all that waited: $notes, the slowest after $note_slowest ms" \
    test "$notes" -ge 2 -a "$note_slowest" -lt 30000
cat "$work/came"
seconds=$((($(now_ms) - begun) / 1000))
for l in up down; do
    check "$l moved on in steps of at most ${slowest[$l]} ms: by $((seen[$l] - from[$l])) events in $seconds s" \
        test "${slowest[$l]}" -le 20000 -a $((seen[$l] - from[$l])) -ge $((seconds * rate / 50000 * 3))
    made=$(($(net_count $l connections) - connections[$l]))
    check "$l made $made new connections meanwhile" test $made -le 2
    echo "    $l: $(proxy_tell $l counts)"
done
check "there was still a backlog at the end" test "$(count up)" -lt "$events" -a "$(count down)" -lt "$events"
net up "${wide[@]}" && net down "${wide[@]}"
begun=$SECONDS
check "once the links are wide all is shared and the same" wait_until 90 converged hub up down other
echo "    $((SECONDS - begun)) s after that"
for d in hub up down; do check "verify on $d" verified $d; done
finish
