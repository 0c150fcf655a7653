#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A revoked laptop: it keeps what it has and goes on recording, shares nothing more, and is told why. Others go on.
# timeout: 90
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new lost hub amy salford
laptop_new kept hub bea salford
start lost && start kept || exit 1

person=$(at lost introduce --known-as Jo --source Q1 --json | jq -r .person)
at lost note "$person" "before" >/dev/null
check "what was recorded before is shared" wait_until 30 converged hub lost kept

device=$(at hub hub devices --json | jq -r '(.devices? // .)[] | select(.worker == "amy") | .device // .id')
check "the hub lists the laptop" test -n "$device"
check_exit 4 "revoking a laptop that is none" at hub hub revoke ffffffffffffffff
check_exit 0 "revoking" at hub hub revoke "$device" --why "left on a train"

saved=$(at lost note "$person" "after" --json | jq -r .id)
check "a revoked laptop still records" test -n "$saved"
refused() { at lost status --json | jq -e '[.. | strings | select(test("revoked"))] | length > 0'; }
check "its status says that it was revoked" wait_until 30 refused
check "and for people too" grep -q revoked <(at lost status)
id=$(at kept note "$person" "from the other one" --json | jq -r .id)
check "the other laptop goes on" wait_until 30 shared kept
check "the hub has what the other one recorded" grep -q "$id" <(at hub log --json)
check "the hub does not have what the revoked one did" not grep -q "$saved" <(at hub log --json)
check "which waits there, counted" test "$(json lost '[.sites[].waiting] | add' status)" = 1
check "the revoked laptop verifies" verified lost

stop hub
start hub
at kept note "$person" "after a restart of the hub" >/dev/null
check "after a restart of the hub the other one shares" wait_until 30 shared kept
check "and the revoked one still does not" test "$(json lost '[.sites[].waiting] | add' status)" = 1
check "the hub verifies" verified hub
finish
