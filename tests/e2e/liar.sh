#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A laptop that was let in and lies at every message (tests/net/liar.c): each lie is refused, or its connection cut; the
# liar is named in the hub's journal, nothing of it is in the record, honest laptops go on, and the hub's memory stays
# below 256 MiB.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
for i in {1..10}; do invite hub "worker-$i" salford; done >"$work/tickets"
ticket=$(invite hub liar salford)
"$B/tests/net/fleet" "$work/tickets" 10 25 500 <<<go >"$work/fleet.out" 2>"$work/fleet.log" &
fleet=$!
begun=$SECONDS
"$B/tests/net/liar" "$ticket" 2>"$work/liar.log" | tee "$work/liar.out"
lied=${PIPESTATUS[0]}
passed=$(grep -c '^ok ' "$work/liar.out") failed=$(grep -c '^FAIL ' "$work/liar.out")
check "the liar lied to its end, in $((SECONDS - begun)) s" test "$lied" = 0
check "the hub is there" alive hub
check "honest laptops went on and were told of nothing wrong" wait $fleet
sed 's/^/    /' "$work/fleet.out"
p99=$(sed -n 's/^receipt of an event:.*p99=\([0-9]*\).*/\1/p' "$work/fleet.out")
check "a receipt took them at most 5 s (p99 $p99 ms)" test "${p99:-99999}" -le 5000
check "the hub's memory is below 256 MiB: $(memory hub) MiB" test "$(memory hub)" -lt 256
device=$(at hub hub devices --json | jq -r '.[] | select(.worker == "liar") | .device' | cut -c1-8)
check "the liar ($device) is named in the journal" grep -q "device $device: .* do not verify" "$work/hub.log"
check "and so is why it was cut off" grep -q "cut off device $device" "$work/hub.log"
check "the journal is not flooded: $(wc -l <"$work/hub.log") lines" test "$(wc -l <"$work/hub.log")" -lt 150
check_equal "of the liar there is what was true" 3 "$(at hub log --json | jq -r "select(.device[:8] == \"$device\") | .id" | wc -l)"
check "verify on the hub" verified hub
stop hub
check_equal "and it ends well" 0 "$exit_code"

# A hub that was put back to a backup is told by the liar what never was; then an honest laptop brings what was.
hub_new second salford
start second || exit 1
laptop_new l1 second amy salford
start l1 || exit 1
at l1 introduce --known-as Jo --source Q1 --site salford >/dev/null
mkfifo "$work/go"
"$B/tests/net/liar" "$(invite second liar salford)" restored <"$work/go" >"$work/again.out" 2>>"$work/liar.log" &
liar=$!
exec 8>"$work/go"
said() { grep -q "^$1$" "$work/again.out"; }
wait_until 20 said joined
wait_until 20 converged second l1
check "a backup is made" at second backup "$work/backup"
for i in {1..5}; do at l1 note Jo "after the backup, $i" >/dev/null; done
wait_until 20 converged second l1
echo >&8
wait_until 20 said told
check "more comes after it" wait_until 20 converged second l1
stop l1
stop second
check "the hub is put back" at second hub restore "$work/backup"
start second || exit 1
echo >&8
check "the liar lied to its end" wait $liar
exec 8>&-
grep -E '^(ok|FAIL)' "$work/again.out" | sort | uniq -c | awk '{ $1 = ""; print substr($0, 2) }'
check "the memory of this hub is below 256 MiB: $(memory second) MiB" test "$(memory second)" -lt 256
start l1
check "an honest laptop brings back all that was" wait_until 30 converged second l1
check "and nothing else: verify" verified second
check_equal "three events are the liar's, five notes are those after the backup" "8" \
    "$(at second log --site salford --json | jq -r 'select(.type == "note.added") | .id' | wc -l | awk '{ print $1 + 1 }')"
finish
