#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A laptop that was set back and has lost its keys as well: what was written on it and is nowhere else is not left behind
# because the keys that it takes to write it again come a moment later.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
at l1 introduce --known-as Jo --source Q1 >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2
stop l1
cp -a "$work/l1" "$work/older"
start l1 || exit 1
at l1 note Jo "since the copy" >/dev/null
check "so is what comes after the copy" wait_until 30 converged hub l1 l2
remember hub before
stop l1 && stop hub
rm -rf "$work/l1" && mv "$work/older" "$work/l1"
start l1 || exit 1
at l1 note Jo "on the older copy" >/dev/null
stop l1
rm -rf "$work/l1/keys"
start l1 && start hub || exit 1
check "it goes on" wait_until 60 grep -q "goes on as incarnation" "$work/l1.log"
check "what it alone had reaches the hub" wait_until 30 has_note hub "on the older copy"
whole "in the end" before hub l1 l2
finish
