#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# HALF (5,000) half-open connections and RATE (1,000) wrong keys a second for at least SPAN (20) seconds: 20 honest laptops join
# and share meanwhile, and get their receipts; the hub's memory stays below 256 MiB.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
half=${HALF:-5000} rate=${RATE:-1000} span=${SPAN:-20}
if [ "$(ulimit -Hn)" != unlimited ] && [ "$(ulimit -Hn)" -lt $((half + 1200)) ]; then
    half=$(($(ulimit -Hn) - 1200))
    skip "with $half half-open connections: this machine lets a process have $(ulimit -Hn) descriptors"
fi

hub_new hub salford
start hub || exit 1
for i in {1..20}; do invite hub "worker-$i" salford; done >"$work/tickets"
ticket=$(invite hub stranger salford)
descriptors() { find "/proc/${pid[hub]}/fd" -type l | wc -l; }
processor_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/${pid[hub]}/stat"; }
idle=$(descriptors) begun=$(processor_ms)
# At a low priority: real ones come from other machines.
nice -n 19 "$B/tests/net/hostile" "$ticket" "$half" "$rate" 100 >"$work/hostile.out" 2>"$work/hostile.log" &
crowd=$!
crowded() { [ "$(descriptors)" -gt $((idle + half / 2)) ]; }
check "$half half-open connections come" wait_until 60 crowded
fleet() { "$B/tests/net/fleet" "$work/tickets" 10 $span 500 <<<go >"$work/fleet.out" 2>"$work/fleet.log"; }
check "meanwhile 20 honest laptops join and share" fleet
check "the attack went on all the while" kill -TERM $crowd
check "and ends; nobody was let in" wait $crowd
sed 's/^/    /' "$work/hostile.out" "$work/fleet.out"
echo "    $(($(processor_ms) - begun)) ms of the hub's processor"
of() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" "$work/hostile.out"; }
check "wrong keys were refused: $(of a_second) a second" test "$(of refused)" -gt $((rate * span / 50))
[ "$(of a_second)" -ge $((rate * 9 / 10)) ] || skip "$rate wrong keys a second: this machine makes $(of a_second)"
check "whoever does not finish is hung up on: $(of hung_up)" test "$(of hung_up)" -ge $half
p99=$(sed -n 's/^receipt of an event:.*p99=\([0-9]*\).*/\1/p' "$work/fleet.out")
check "a receipt took less than a second (p99 $p99 ms)" test "${p99:-99999}" -lt 1000
check "the hub's memory is below 256 MiB: $(memory hub) MiB" test "$(memory hub)" -lt 256
given_back() { [ "$(descriptors)" -le $((idle + 4)) ]; }
check "its descriptors come back" wait_until 30 given_back
check "its journal is not flooded: $(wc -l <"$work/hub.log") lines" test "$(wc -l <"$work/hub.log")" -lt 150
check "verify on the hub" verified hub
finish
