#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hub whose directory is put back from a copy, with nobody telling it: it tells by itself, before it gives a position. And
# one that is put back in a way that it cannot tell, and contradicts itself: the site stands still, and nothing else.
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
check "all is shared" wait_until 30 converged hub l1 l2 l3

# The directory itself put back from a copy: that it can tell by itself, before it gives a position.
stop hub
cp -a "$work/hub" "$work/older"
start hub || exit 1
at l2 note Jo "not in the directory's copy" >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2
remember hub newest
stop hub && stop l2 && stop l1
rm -rf "$work/hub" && mv "$work/older" "$work/hub"
start hub || exit 1
at l3 note Lee "from one who knows no better" >/dev/null
check "a laptop that lacks nothing comes first and shares" wait_until 20 has_note hub "from one who knows no better"
for d in l1 l2; do start $d || exit 1; done
check "the others bring what the copy lacks" wait_until 40 converged hub l1 l2
whole "after the directory's copy" newest hub l1 l2
check "the hub said that it was copied or put back" grep -q "was copied or put back" "$work/hub.log"

# Put back in a way that nothing tells (a disk's image), and it gives a position a second time before anybody who knows
# better comes: it then contradicts its own signature. Nothing is taken for true that is not: the site stands still and says
# so, what is on the laptops stays there, and the other site goes on.
put_back() { cat "$1/log/data.mdb" >"$work/hub/log/data.mdb" && rm -rf "$work/hub/views"; }
stop hub
rm -rf "$work/older" && cp -a "$work/hub" "$work/older"
start hub || exit 1
at l1 note Jo "not in the copy" >/dev/null
check "once more" wait_until 30 converged hub l1 l2
for d in l1 l2 l3; do stop $d; done
stop hub
cp -a "$work/hub" "$work/newer-hub" && put_back "$work/older"
start hub || exit 1
laptop_new l5 hub eve salford
start l5 || exit 1
check "a laptop joins at the hub that does not know" wait_until 30 converged hub l5
for d in l1 l3; do start $d || exit 1; done
split() { json l1 '.sites[] | select(.site == "salford") | .notice' status | grep -q "differs from what it told us"; }
check "the laptop that knows better says so" wait_until 20 split
check "it has what it had" has_note l1 "not in the copy"
at l3 note Lee "while salford stands still" >/dev/null
check "the other site goes on" wait_until 20 has_note l1 "while salford stands still"
stop hub
rm -rf "$work/hub" && mv "$work/newer-hub" "$work/hub"
start hub || exit 1
start l2
check "with the newer hub back, all is well again" wait_until 40 converged hub l1 l2
check "and nothing was lost" has_note hub "not in the copy"
finish
