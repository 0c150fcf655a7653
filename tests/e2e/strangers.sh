#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# STRANGERS (1,000) connections at once for 12 seconds that send nothing, garbage, half a greeting, forged and wrong keys:
# honest laptops go on sharing meanwhile, the hub's memory stays below 256 MiB, and its descriptors come back.
# timeout: 100
. "$(dirname "$0")/../lib/e2e.sh"
strangers=${STRANGERS:-1000}

hub_new hub salford
start hub || exit 1
for i in {1..20}; do invite hub "worker-$i" salford; done >"$work/tickets"
ticket=$(invite hub stranger salford)
said() { grep -q "^$1" "$work/$2"; }
descriptors() { find "/proc/${pid[hub]}/fd" -type l | wc -l; }
processor_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/${pid[hub]}/stat"; }
fleet() { "$B/tests/net/fleet" "$work/tickets" 10 8 500 <<<go >"$work/$1.out" 2>"$work/$1.log"; }

idle=$(descriptors)
check "20 honest laptops share with nobody else there" fleet alone
echo "    $(grep 'of an event' "$work/alone.out")"
for i in {1..20}; do invite hub "worker-$i" salford; done >"$work/tickets"
begun=$(processor_ms)
"$B/tests/net/strangers" "$ticket" "$strangers" 12 >"$work/strangers.out" 2>"$work/strangers.log" &
crowd=$!
crowded() { [ "$(descriptors)" -gt $((idle + strangers / 3)) ]; }
check "$strangers strangers come" wait_until 10 crowded
busy=$(descriptors)
check "meanwhile 20 honest laptops join and share" fleet among
echo "    $(grep 'of an event' "$work/among.out")"

check "the crowd leaves" wait $crowd
echo "    $(cat "$work/strangers.out"); $busy descriptors, $(($(processor_ms) - begun)) ms of the hub's processor"
p99=$(sed -n 's/^receipt of an event:.*p99=\([0-9]*\).*/\1/p' "$work/among.out")
check "a receipt took at most 2 s (p99 $p99 ms)" test "${p99:-99999}" -le 2000
check "the hub's memory is below 256 MiB: $(memory hub) MiB" test "$(memory hub)" -lt 256
given_back() { [ "$(descriptors)" -le $((idle + 4)) ]; }
check "its descriptors come back" wait_until 30 given_back
check "strangers are told of in its journal, not one by one" test "$(grep -c 'refused a connection' "$work/hub.log")" -ge 1 -a "$(grep -c 'refused a connection' "$work/hub.log")" -le 20
check "verify on the hub" verified hub
finish
