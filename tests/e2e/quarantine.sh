#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What was on a revoked laptop and not shared: it shows up, hands it over, and somebody at the hub looks at it. Taken in,
# it is everybody's; discarded, it is gone. A restart of either side brings nothing twice.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new lost hub amy salford
laptop_new kept hub bea salford
start lost && start kept || exit 1
jo=$(at lost introduce --known-as Jo --source Q1 --json | jq -r .person)
check "what was recorded before is shared" wait_until 30 converged hub lost kept

stop lost
device=$(at hub hub devices --json | jq -r '.[] | select(.worker == "amy") | .device')
check_exit 2 "revoking needs a why" at hub hub revoke "$device"
check_exit 0 "revoking" at hub hub revoke "$device" --why "stolen from a car"
check_equal "the why is on the list" "stolen from a car" \
    "$(at hub hub devices --json | jq -r '.[] | select(.worker == "amy") | .why')"
check_equal "nothing is in quarantine yet" 0 "$(at hub hub quarantine --json | jq length)"
stop hub
start lost || exit 1
kim=$(at lost introduce --known-as Kim --source Q1 --json | jq -r .person)
at lost note "$kim" "sleeps at the station" >/dev/null
late=$(at lost note "$jo" "said that she will call" --json | jq -r .id)
start hub

# ---- it shows up ----
events() { at hub hub quarantine --json | jq '[.[].events] | add // 0'; }
holds() { [ "$(events)" = "$1" ]; }
handed() { at lost status | grep -q "handed over"; }
check "it hands over what it had not shared" wait_until 40 holds 3
check "and is told so" wait_until 20 handed
check "the hub's status says it" grep -q "Kept aside from revoked laptops: 3 entries of 1 laptop" <(at hub status)
check "its journal, too" grep -q "handed over" "$work/hub.log"
check "that is not sharing: it still waits" test "$(json lost '[.sites[].waiting] | add' status)" = 3
check "nothing of it is in the record" not grep -q "$late" <(at hub log --json)
check "nor does anybody else know of it" not at kept show "$kim"

entries=$(at hub hub quarantine amy --json)
check_equal "its entries are shown, opened" '["Kim","sleeps at the station","said that she will call"]' \
    "$(jq -c '[.entries[].data | .fields // . | .known_as // .text] | map(select(. != null))' <<<"$entries")"
check_equal "all of them could be taken in" '["follows"]' "$(jq -c '[.entries[].fit] | unique' <<<"$entries")"
check "people read them, too" grep -q "sleeps at the station" <(at hub hub quarantine amy)
check "looking is on record" grep -q "read what was kept aside" <(at hub audit)

stop lost
start lost

check "after a restart of the laptop it is told so again" wait_until 20 handed
check_equal "nothing is there twice" 3 "$(events)"
stop hub
start hub
check_equal "the quarantine outlives a restart of the hub" 3 "$(events)"
check "the hub verifies with it" verified hub

# ---- taken in ----
check_equal "somebody takes it in" '{"taken":3,"left":0}' \
    "$(at hub hub quarantine amy --accept --json | jq -c '{taken, left}')"
check_equal "then nothing is in quarantine" 0 "$(events)"
check "which is said, too" grep -q "^Nothing of the laptop of .* is kept aside$" <(at hub hub quarantine amy)
check "the other laptop gets it" wait_until 30 converged hub kept
check "with the person whom nobody knew of" grep -q "sleeps at the station" <(at kept show "$kim")
check "it is in the record as what it is" grep -q "$late" <(at kept log --json)
check "the hub verifies" verified hub
check "and the other laptop" verified kept
check "a trace stays" grep -q "taken in" <(at hub status)

# ---- discarded ----
at lost note "$jo" "written by whoever has the laptop now" >/dev/null
at lost show "$jo" >/dev/null
check "what is written since is handed over as well, with who looked" wait_until 40 holds 3
looked() { at hub audit --json | jq '[.looks[] | select(.worker == "amy" and .how == "show")] | length'; }
check_equal "the auditors do not see it yet" 0 "$(looked)"
check "nor does whoever looks at what is kept aside" grep -q "who looked at a record" <(at hub hub quarantine amy)
check_exit 2 "discarding needs a why" at hub hub quarantine amy --discard
check_equal "it is discarded, but for who looked" '{"dropped":1,"left":0,"looks":2}' \
    "$(at hub hub quarantine amy --discard --why "not hers" --json | jq -c '{dropped, left, looks}')"
check_equal "which the auditors see" 1 "$(looked)"
check "the journal has the why" grep -q "not hers" "$work/hub.log"
stop lost
start lost
check "after another restart, too" wait_until 20 handed
check_equal "it is not brought again" 0 "$(events)"
check "nor is it in the record" not grep -q "written by whoever" <(at hub log --json)
check "the hub verifies after all" verified hub
finish
