#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A revoked laptop: it keeps what it has and goes on recording, gets and shares nothing more, and is told why. Others go
# on. One that is revoked in the midst of getting much gets no more of it within a minute (here: seconds), though its
# link is full of what was on its way.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/net.sh"

hub_new hub salford
start hub || exit 1
laptop_new lost hub amy salford
laptop_new kept hub bea salford
start lost && start kept || exit 1

person=$(at lost introduce --known-as Jo --source Q1 --json | jq -r .person)
at lost note "$person" "before" >/dev/null
check "what was recorded before is shared" wait_until 30 converged hub lost kept

device_of() { at hub hub devices --json | jq -r --arg w "$1" '(.devices? // .)[] | select(.worker == $w) | .device // .id'; }
device=$(device_of amy)
check "the hub lists the laptop" test -n "$device"
check_exit 4 "revoking a laptop that is none" at hub hub revoke ffffffffffffffff --why lost
check_exit 0 "revoking" at hub hub revoke "$device" --why "left on a train"

saved=$(at lost note "$person" "after" --json | jq -r .id)
check "a revoked laptop still records" test -n "$saved"
refused() { at "$1" status --json | jq -e '[.. | strings | select(test("revoked"))] | length > 0'; }
check "its status says that it was revoked" wait_until 30 refused lost
check "and for people too" grep -q revoked <(at lost status)
check "and until when it shows the record" grep -q "does not let this laptop in: from .* on it shows no record" <(at lost status)
check "but not to reach the hub, which it did" not grep -q "Reach the hub" <(at lost status)
id=$(at kept note "$person" "from the other one" --json | jq -r .id)
check "the other laptop goes on" wait_until 30 shared kept
check "the hub has what the other one recorded" grep -q "$id" <(at hub log --json)
check "the hub's record does not have what the revoked one did" not grep -q "$saved" <(at hub log --json)
check "which waits there, counted" test "$(json lost '[.sites[].waiting] | add' status)" = 1
aside() { [ "$(at hub hub quarantine --json | jq '[.[].events] | add // 0')" = "$1" ]; }
check "and is kept aside at the hub" wait_until 30 aside 1
check "what others record it does not get" not grep -q "$id" <(at lost log --json)
check "the revoked laptop verifies" verified lost
told_why() { at kept freshness --json | jq -e '.rows[] | select(.worker == "amy") | .revoked == "left on a train"'; }
check "the other laptop hears of it, and why" wait_until 30 told_why
check_equal "of itself it says no such thing" null "$(json kept '.rows[] | select(.worker == "bea") | .revoked' freshness)"

stop hub
start hub
at kept note "$person" "after a restart of the hub" >/dev/null
check "after a restart of the hub the other one shares" wait_until 30 shared kept
check "and the revoked one still does not" test "$(json lost '[.sites[].waiting] | add' status)" = 1
check "the hub verifies" verified hub

# ---- in the midst of it ----
"$B/felloe-generate" --seed 1 --events 4000 --sites salford >"$work/many.jsonl" || exit 1
check "much is recorded and shared" at kept import "$work/many.jsonl"
check "all of it" wait_until 60 shared kept
laptop_new thief hub cat salford
through_proxy thief hub rate 400000 buffer 65536 || exit 1 # bits a second
start thief || exit 1
received() { json thief '[.sites[].received | split(".")[1] // 0 | tonumber] | add' status; }
getting() { [ "$(received)" -gt "$1" ]; }
check "another laptop is getting it" wait_until 30 getting 100
begun=${EPOCHREALTIME/[.,]/}
check_exit 0 "it is revoked in the midst" at hub hub revoke "$(device_of cat)" --why "stolen while it was on"
check "it is told so" wait_until 60 refused thief
took=$(((${EPOCHREALTIME/[.,]/} - begun) / 1000))
check "within a minute: $took ms" test "$took" -lt 60000
had=$(received) all=$(json kept '[.sites[].received | split(".")[1] // 0 | tonumber] | add' status)
check "then it has some ($had of $all), and gets no more" not wait_until 5 getting "$had"
check "which is not all" test "$had" -lt $((all / 2))
check "its connection was cut" test "$(net_count thief connections)" -ge 2
check "the hub's list says why" grep -q "stolen while it was on" <(at hub hub devices)
finish
