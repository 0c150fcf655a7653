#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hub and two laptops over networks that lose, double, exchange, delay and cut frames in the middle, go deaf in one
# direction and cut connections, for EXCHANGES (300) exchanges: all is shared, once, and the same everywhere.
# timeout: 200
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/net.sh"
exchanges=${EXCHANGES:-300}
RANDOM=$proxy_seed
echo "seed $proxy_seed"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford lambeth
laptop_new l2 hub bea salford
through_proxy l1 hub && through_proxy l2 hub || exit 1
start l1 && start l2 || exit 1
person=$(at l1 introduce --known-as Jo --source Q1 --site salford --json | jq -r .person)
check "it works through a proxy that does nothing" wait_until 30 converged hub l1 l2

# Each exchange is a note that has to come from one laptop to the other. Frames that vanish cost a timeout of ten seconds,
# so they are few; doubled and exchanged ones end the connection, which is made anew at once.
bad() { net "$1" drop 60 twice 100 swap 100 cut 100 early 1000 delay 2 jitter 20; }
good() { net "$1" drop 0 twice 0 swap 0 cut 0 early 0 delay 0 jitter 0 silent 0 rate 0; }
bad l1 && bad l2
"$B/felloe-generate" --seed 3 --events 1500 >"$work/import.jsonl" || exit 1
at l1 import "$work/import.jsonl" >/dev/null &
begun=$SECONDS
saved=0 n=0
while [ $saved -lt "$exchanges" ]; do
    laptop=l$((1 + n % 2))
    n=$((n + 1))
    at $laptop note "$person" "$laptop says $n" --json 2>/dev/null | jq -r .id >>"$work/saved" && saved=$((saved + 1))
    case $((RANDOM % 40)) in
    0) net_cut l1 ;;
    1) net_cut l2 ;;
    2) net $laptop silent $((RANDOM % 4)) ;;
    3 | 4) net l1 silent 0 && net l2 silent 0 ;;
    5) net $laptop rate 200000 ;;
    6) net $laptop rate 0 ;;
    esac
    random_moment 60
done
wait %?import 2>/dev/null
check "$saved notes were saved meanwhile, in $((SECONDS - begun)) s" test "$(grep -cE '^[0-9a-f]{64}$' "$work/saved")" -ge "$exchanges"
for l in l1 l2; do
    good $l
    echo "    $l: $(proxy_tell $l counts)"
done
for fault in dropped doubled swapped cut; do
    check "frames were $fault" test $(($(net_count l1 $fault) + $(net_count l2 $fault))) -gt 0
done
check "connections were lost and made anew" test "$(net_count l1 connections)" -ge 5
begun=$SECONDS
check "once the network is well all is shared and the same" wait_until 60 converged hub l1 l2
echo "    $((SECONDS - begun)) s after it was well"
for d in hub l1 l2; do check "verify on $d" verified $d; done
at hub log --json | jq -r .id | sort >"$work/ids"
check "no event is there twice" test -z "$(uniq -d <"$work/ids")"
for d in hub l1 l2; do
    check "every note that was saved is at $d" \
        test -z "$(sort "$work/saved" | comm -23 - <(at $d log --json | jq -r .id | sort) | head -3)"
done
connections=$(($(net_count l1 connections) + $(net_count l2 connections)))
at l1 note "$person" "the last" >/dev/null
# A PULL that had vanished while it was bad is missed 38 s after it was sent (PROTOCOL, timeouts).
check "and it goes on" wait_until 45 converged hub l1 l2
check_equal "over the same connections" $connections $(($(net_count l1 connections) + $(net_count l2 connections)))
check "nobody crashed or was at a loss" not grep -iE 'assert|abort|out of memory|starts? afresh|unknown error' "$work/hub.log" "$work/l1.log" "$work/l2.log"
finish
