#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hub whose log is gone, and one whose directory was put back to an older copy without anybody telling it: the laptops
# bring back what it lacks, to the old positions, and the hub gives none of them a second time.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford lambeth
laptop_new l2 hub bea salford
laptop_new l3 hub cat lambeth
start l1 && start l2 && start l3 || exit 1
at l1 introduce --known-as Jo --source Q1 --site salford >/dev/null
at l3 introduce --known-as Lee --source Q1 >/dev/null
check "the first entries are everywhere" wait_until 30 converged hub l1 l2 l3
at l2 note Jo "from the second laptop" >/dev/null
at l1 note Lee "from the first laptop" >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2 l3
remember hub before

# Its log is gone; who it is and its keys are there.
stop hub
at l2 note Jo "while there is no hub" >/dev/null
rm -rf "$work/hub/log" "$work/hub/views"
start hub || exit 1
check "with its log gone the hub is refilled" wait_until 40 converged hub l1 l2 l3
whole_lambeth() { at l3 note Lee "$1" >/dev/null && wait_until 30 converged hub l1 l3; }
whole "after the log was lost" before hub l1 l2
check "and the other site, too" whole_lambeth "after the log was lost"
laptop_new l4 hub dot salford
start l4 || exit 1
check "a new laptop joins and gets all of it" wait_until 30 converged hub l4

# Put back to an older state in a way that nothing tells (a disk's image): the first laptop that brings what it signed later
# is the evidence.
put_back() { cat "$1/log/data.mdb" >"$work/hub/log/data.mdb" && rm -rf "$work/hub/views"; }
stop hub
cp -a "$work/hub" "$work/older"
start hub || exit 1
for i in 1 2 3 4 5; do at l1 note Jo "after the copy, $i" >/dev/null; done
at l2 introduce --known-as Kim --source Q1 >/dev/null
check "what comes after the copy is shared" wait_until 30 converged hub l1 l2 l4
remember hub newer
stop hub
put_back "$work/older"
start hub || exit 1
check "the hub notices that it was put back, and is refilled" wait_until 40 converged hub l1 l2 l3 l4
check "it says so in its log" grep -q "put back to an older state" "$work/hub.log"
whole "after the older copy" newer hub l1 l2 l4
check "what is new is in an epoch of its own" test "$(epochs hub)" = 3
check_equal "the hub never ended meanwhile" 3 "$(grep -c ' ending$' "$work/hub.log")"
finish
