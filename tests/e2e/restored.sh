#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hub put back to an older copy, and a laptop's directory that was copied: both are noticed and said in words, nothing
# that a laptop holds is lost, and other sites and laptops go on.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea lambeth
laptop_new l3 hub cat lambeth
start l1 && start l2 && start l3 || exit 1
at l1 introduce --known-as Jo --source Q1 >/dev/null
at l2 introduce --known-as Lee --source Q1 >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2
stop hub
cp -a "$work/hub" "$work/older"
start hub
at l1 note Jo "after the copy" >/dev/null
check "so is what comes after the copy was made" wait_until 30 converged hub l1 l2
events=$(at l1 log --json | jq -r .id | sort)

# The hub goes back in time, for salford only: nothing was written in lambeth since.
stop hub
mv "$work/hub" "$work/newer" && mv "$work/older" "$work/hub"
start hub
said() { at "$1" status --json | jq -e --arg w "$2" '[.. | strings | select(test($w))] | length > 0'; }
check "the laptop notices that the hub was restored" wait_until 30 said l1 restored
check_equal "and has everything still" "$events" "$(at l1 log --json | jq -r .id | sort)"
at l1 note Jo "it goes on recording" >/dev/null
check "it goes on recording" grep -q "goes on recording" <(at l1 show Jo)
check "it does not call shared what the restored hub lacks" test "$(json l1 '.sites[] | select(.site == "salford") | .waiting' status)" -ge 1
at l2 note Lee "lambeth goes on" >/dev/null
check "the other site goes on" wait_until 30 converged hub l2 l3
stop hub
rm -rf "$work/hub" && mv "$work/newer" "$work/hub"
start hub
check "with the newer hub back, all is well again" wait_until 60 converged hub l1
for d in hub l1; do check "verify on $d" verified $d; done

# Lambeth wrote on the older hub what the newer one never had; that is said, too, and nothing is lost.
check "the laptop of the other site still has its words" grep -q "lambeth goes on" <(at l2 show Lee)
check "and verifies" verified l2

# A copy of a laptop: two that believe to be the same device.
stop l1
cp -a "$work/l1" "$work/clone"
start l1
at l1 note Jo "the original" >/dev/null
check "the original shares" wait_until 30 shared l1
stop l1
start clone
at clone note Jo "the copy" >/dev/null
check "the copy is told that its record has two histories" wait_until 30 said clone 'two histories|copied|copy'
check "it keeps what was written there" grep -q "the copy" <(at clone show Jo)
check "and does not call it shared" test "$(json clone '.sites[] | select(.site == "salford") | .waiting' status)" -ge 1
stop clone
start l1
at l1 note Jo "the original goes on" >/dev/null
check "the original goes on" wait_until 30 converged hub l1
check "the hub verifies" verified hub
finish
