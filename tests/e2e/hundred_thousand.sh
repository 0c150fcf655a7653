#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# EVENTS (100,000) generated events imported on one laptop, shared, and present at the hub and on a second laptop.
# Prints the seconds and the memory of each daemon.
# timeout: 300
. "$(dirname "$0")/../lib/e2e.sh"
events=${EVENTS:-100000}

hub_new hub salford lambeth derbyshire
start hub || exit 1
laptop_new l1 hub amy salford lambeth derbyshire
laptop_new l2 hub bea salford lambeth derbyshire
start l1 && start l2 || exit 1
"$B/felloe-generate" --seed 1 --events "$events" --sites salford,lambeth,derbyshire >"$work/events.jsonl" || exit 1
check_equal "the generator wrote $events lines" "$events" "$(wc -l <"$work/events.jsonl")"

seconds() { echo "$(((${EPOCHREALTIME/[.,]/} - begun) / 100000))" | sed 's/\(.\)$/.\1/; s/^\./0./'; }
begun=${EPOCHREALTIME/[.,]/}
check "they are imported" at l1 import "$work/events.jsonl"
echo "    imported after $(seconds) s"
check "they are shared" wait_until 150 shared l1
echo "    shared after $(seconds) s"
check "the views of hub and both laptops are the same" wait_until 150 converged hub l1 l2
echo "    the same everywhere after $(seconds) s"

for d in hub l1 l2; do
    begun=${EPOCHREALTIME/[.,]/}
    check "verify on $d" verified $d
    n=$(at $d log --json | wc -l)
    check "$d has at least $events events ($n), verified in $(seconds) s, at most $(memory $d) MiB of memory" test "$n" -ge "$events"
done
for words in tenancy "benefits form" zeppelin a; do
    begun=${EPOCHREALTIME/[.,]/}
    total=$(json l2 .total search "$words")
    check "\"$words\": $total entries found in $(seconds) s" test -n "$total"
done
check_equal "a search finds the same on the laptop that wrote it all" "$(json l2 .total search tenancy)" \
    "$(json l1 .total search tenancy)"
check_equal "the hub and the second laptop have the same ids" \
    "$(at hub log --json | jq -r .id | sort | sha256sum)" "$(at l2 log --json | jq -r .id | sort | sha256sum)"
check "the rebuilt views are the same again" at l2 rebuild
check "and so is their digest" wait_until 90 converged hub l1 l2
finish
