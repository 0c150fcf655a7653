#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hub that is put back to a backup 10,000 events old: with nobody's help the laptops bring what it lacks, to the positions
# that it had, and the hub gives none of them a second time. A laptop that joined after the backup is known, too.
# timeout: 180
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"
events=${EVENTS:-10000}

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford lambeth
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
at l1 introduce --known-as Jo --source Q1 --site salford >/dev/null
check "the first entry is everywhere" wait_until 30 converged hub l1 l2
at l2 note Jo "before the backup" >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2
check "a backup is made" at hub backup "$work/hub.backup"

laptop_new l3 hub cat salford
start l3 || exit 1
"$B/felloe-generate" --seed 1 --events "$events" --sites salford,lambeth >"$work/events.jsonl" || exit 1
check "$events events come after it" at l1 import "$work/events.jsonl"
at l2 introduce --known-as Lee --source Q1 --site salford >/dev/null
at l2 note Jo "after the backup" >/dev/null
check "and are shared" wait_until 60 converged hub l1 l2 l3
at l3 note Jo "from one who came later" >/dev/null
check "to the last" wait_until 30 converged hub l1 l2 l3
remember hub before

stop hub
at l3 note Jo "while there is no hub" >/dev/null
check "the hub is put back" at hub hub restore "$work/hub.backup"
start hub || exit 1
told() { json hub '[.. | .notice? | strings] | join(" ")' status | grep -q "put back to an older state"; }
check "the hub says that it was put back" told
check "the laptops bring all of it back" wait_until 60 converged hub l1 l2 l3
whole "after the restore" before hub l1 l2 l3
refilled() { at hub status | grep "^salford: "; }
check "the hub says what came back, from whom and when: $(refilled)" \
    grep -qE "brought back [0-9]+ entries \(.*[0-9]+ from “.*” of (amy|bea|cat)\), the last on [0-9]+ " <(refilled)
check_equal "nothing new came into the epoch that was" "$(grep -c ' 1\.' "$work/before")" "$(places hub | grep -c ' 1\.')"
check_equal "what is new is in the next epoch" 4 "$(places hub | grep -vc ' 1\.')"

# The same backup once more: the next epoch is another one again.
remember hub second
stop hub
check "it is put back a second time" at hub hub restore "$work/hub.backup"
start hub || exit 1
check "and refilled a second time" wait_until 60 converged hub l1 l2 l3
whole "after the second restore" second hub l1 l2 l3
check_equal "three epochs there are" 3 "$(epochs hub)"

# Restarts, and views made again, change nothing.
before=$(digest_of l1 salford)
for d in hub l1; do stop $d && rm -rf "$work/$d/views" && start $d; done
check "with their views made again they are the same" wait_until 60 converged hub l1 l2 l3
check_equal "as before" "$before" "$(digest_of l1 salford)"
finish
