#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# LAPTOPS (100) laptops with 100 events each that connect at the same moment, when their hub comes back: all is shared, and
# how long that took, and how much memory the hub needed, is printed. `make fleet LAPTOPS=1000` is the large one.
# timeout: 280
. "$(dirname "$0")/../lib/e2e.sh"
laptops=${LAPTOPS:-100} events=${EVENTS:-100}
count=$(((laptops + 31) / 32)) sites=()
[ $count -le 30 ] || count=30
for ((i = 1; i <= count; i++)); do sites+=("team-$i"); done

hub_new hub "${sites[@]}"
start hub || exit 1
for ((i = 0; i < laptops; i++)); do
    invite hub "worker-$i" "${sites[$((i % count))]}" >>"$work/tickets" || exit 1
done
check_equal "$laptops invited, into $count sites" "$laptops" "$(wc -l <"$work/tickets")"
said() { grep -q "^$1" "$work/fleet.out"; }
descriptors() { find "/proc/${pid[hub]}/fd" -type l | wc -l; }
mkfifo "$work/go"
"$B/tests/net/fleet" "$work/tickets" "$events" 10 2000 <"$work/go" >"$work/fleet.out" 2>"$work/fleet.log" &
fleet=$!
exec 8>"$work/go"
check "all join" wait_until 120 said joined
echo "    $(cat "$work/fleet.out"); the hub: at most $(memory hub) MiB of memory"
stop hub
echo go >&8
wait_until 60 said connecting
start hub || exit 1
idle=$(descriptors)
check "all is shared" wait_until 250 said backlog
busy=$(descriptors)
check "the hub's memory is below 256 MiB: $(memory hub) MiB" test "$(memory hub)" -lt 256
check "then each writes an event every 2 s for 10 s, and nobody is told of anything wrong" wait $fleet
exec 8>&-
sed 's/^/    /' "$work/fleet.out"
check "the hub's memory is still below 256 MiB: $(memory hub) MiB" test "$(memory hub)" -lt 256
given_back() { [ "$(descriptors)" -le $((idle + 8)) ]; }
check "its $busy descriptors are given back ($idle before)" wait_until 20 given_back
check "every event is there" test "$(at hub log --json | grep -c note.added)" -ge $((laptops * (events - 1)))
check "verify on the hub" verified hub
finish
