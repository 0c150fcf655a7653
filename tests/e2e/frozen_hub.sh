#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hub that hangs (as behind a dead link): laptops notice, go on, wait in counted words, and share when it is back.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
person=$(at l1 introduce --known-as Jo --source Q1 --json | jq -r .person)
check "it works while the hub does" wait_until 30 converged hub l1 l2

freeze hub
for i in 1 2 3 4 5; do at l1 note "$person" "while the hub hangs, $i" >/dev/null; done
check "a laptop records at once while the hub hangs" test "$(json l1 '[.sites[].waiting] | add' status)" = 5
unreachable() { [ "$(json l1 .hub.reachable status)" = false ]; }
check "the laptop notices within 45 seconds" wait_until 45 unreachable
at l2 note "$person" "the other one too" >/dev/null
check "views go on" grep -q "while the hub hangs, 5" <(at l1 show "$person")
thaw hub
check "when the hub is back, all is shared and the same" wait_until 60 converged hub l1 l2
for d in hub l1 l2; do check "verify on $d" verified $d; done
finish
