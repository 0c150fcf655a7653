#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Getting in: a wrong, used or expired ticket, an unknown key, a wrong hub. Each says so, and the right ticket works.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1

ticket=$(invite hub amy salford)
check "a ticket is one word that begins with felloe1-" grep -qE '^felloe1-[A-Za-z0-9_-]+$' <<<"$ticket"

check_exit 2 "nobody says what opens the record" at l1 join "$ticket"
check "it names the four ways" grep -q "passphrase.*file:PATH.*credential:NAME.*none" "$work/check.err"
check_exit 3 "a ticket that is none" at l1 join "not-a-ticket" --unlock none
last=${ticket: -1}
[ "$last" = A ] && other=B || other=A
check_exit 3 "a ticket with a slip in it" at l1 join "${ticket%?}$other" --unlock none
check_exit 3 "half a ticket" at l1 join "${ticket:0:60}" --unlock none

check "the right ticket" at l1 join "$ticket" --unlock none
words=$(sed -n 's/^Its words: \([a-z ]*\)\..*/\1/p' "$work/check.out")
check "the laptop shows five words" test "$(wc -w <<<"$words")" = 5
check_equal "and the hub the same ones" "\"$words\"" "$(json hub '.[] | select(.worker == "amy") | .words' hub devices)"
check "also to people" grep -q "$words" <(at hub hub devices)
check_exit 9 "the same ticket on another laptop" at l2 join "$ticket" --label stranger --unlock none
check "the hub's status tells of the ticket's second use" grep -q "“stranger”.*had let in “" <(at hub status)
check "and its journal" grep -q "a ticket was used a second time, by a laptop called “stranger”" "$work/hub.log"
start l1
check_equal "once it is served, the laptop shows them too" "\"$words\"" "$(json l1 .words status)"
stop l1
check_exit 7 "joining twice from one directory" at l1 join "$(invite hub amy salford)" --unlock none
check_exit 4 "an invitation to a site that the hub does not have" at hub hub invite --site nowhere --worker amy

invite_options=(--json)
of_a_day() { # and not of an hour more
    local left=$(($(date -d "$(invite hub amy salford | jq -r .expires)" +%s) - $(date +%s)))
    [ $left -gt 86300 ] && [ $left -le 86400 ]
}
check "a ticket is good for a day" of_a_day

# Expired, by the laptop's clock: it does not even ask the hub.
invite_options=(--valid 1s --json)
invited=$(invite hub amy salford)
is_past() { [ "$(date +%s%N)" -gt "$(date -d "$(jq -r .expires <<<"$invited")" +%s%N)" ]; }
check "a ticket's time runs out" wait_until 20 is_past
freeze hub
check_exit 9 "an expired ticket" at l3 join "$(jq -r .ticket <<<"$invited")" --unlock none
thaw hub
check_exit 3 "an invitation for no time at all" at hub hub invite --site salford --worker amy --valid 0s
# Expired, by the hub's clock alone.
invite_options=(--hours 1)
expired=$(invite hub amy salford)
invite_options=()
stop hub
if start_later hub 3700; then
    check_exit 9 "a ticket that the hub says is expired" at l3 join "$expired" --unlock none
    stop hub
else
    skip "an expired ticket: no other clock under sanitizers"
fi
start hub

# A ticket that the hub never heard of, with the right hub's key: the hub was put back to a copy from before the invitation.
stop hub
cp -a "$work/hub" "$work/before"
start hub
unknown=$(invite hub bea salford)
stop hub
mv "$work/hub" "$work/after" && mv "$work/before" "$work/hub"
start hub
check_exit 9 "a ticket that the hub does not know" at l4 join "$unknown" --unlock none
stop hub
check_exit 10 "a hub that is not there" at l4 join "$unknown" --unlock none
rm -rf "$work/hub" && mv "$work/after" "$work/hub"

# Another hub at the same address: its key is not the one that the ticket pins.
hub_new other salford
sed -i "s|^listen *=.*|listen = tcp://127.0.0.1:${port[hub]}|" "$work/other/felloe.conf"
start other
timeout 60 "$B/felloe" --dir "$work/l4" join "$unknown" --unlock none >"$work/check.out" 2>"$work/check.err"
code=$?
check "a hub with another key: exit 9 or 10, $(head -c 150 "$work/check.err")" test $code = 9 -o $code = 10
check "and no laptop came of it" test -z "$(json other '.[]? | select(.worker == "bea")' hub devices)"
stop other

# After all of this the ticket still works with the right hub.
start hub
check_exit 0 "the same ticket with the right hub" at l4 join "$unknown" --unlock none
start l4
check "and it is in" wait_until 20 reachable l4
finish
