#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A day in a library in Lambeth: two laptops without a network, a hub that hears from the GP meanwhile. Nothing that
# either wrote is lost, in whatever order they come back.
# timeout: 240
. "$(dirname "$0")/../lib/e2e.sh"
. "$root/tests/lib/net.sh"
. "$root/tests/lib/days.sh"

hub_new hub lambeth
start hub || exit 1
laptop_new l1 hub cat lambeth
laptop_new l2 hub dan lambeth
through_proxy l1 hub twice 2000
through_proxy l2 hub twice 2000
start l1 && start l2 || exit 1
check "both laptops are in" wait_until 30 converged hub l1 l2

# At the library: no network. The support worker meets Jo; the GP's letter about "Joanne" comes to the hub.
stop hub
jo=$(at l1 introduce --known-as Jo --source Q1 --own-words "Somebody to talk to" --json | jq -r .person)
rec l1 person.details.recorded "$jo" date_of_birth=1990-05-05 >/dev/null
rec l1 contact.recorded "$jo" mechanism=01 place=N02 attendance=5 minutes=30 purpose=drop-in text="Talked over tea." >/dev/null
task=$(rec l1 task.raised "$jo" what="benefits form")
stop l1
start hub
joanne=$(at hub introduce --worker admin --known-as Joanne --source A1 --json | jq -r .person)
at hub record person.details.recorded --worker admin --person "$joanne" date_of_birth=1990-05-05 >/dev/null
start l1
check "the first morning reaches all" wait_until 30 converged hub l1 l2

# The afternoon: both are out, both go on with Jo, and neither knows of the other.
stop hub
rec l1 accessneed.recorded "$jo" need=format detail="text only" >/dev/null
rec l2 accessneed.recorded "$jo" need=interpreter detail="BSL interpreter" >/dev/null
rec l1 person.details.recorded "$jo" known_as=Jo >/dev/null
rec l2 person.details.recorded "$jo" known_as=Joey >/dev/null
rec l1 task.taken "$jo" task="$task" worker=cat >/dev/null
rec l2 task.taken "$jo" task="$task" worker=dan >/dev/null
rec l2 task.closed "$jo" task="$task" state=done outcome="filled in and posted" >/dev/null
rec l1 task.closed "$jo" task="$task" state=dropped outcome="no longer needed, I thought" >/dev/null
rec l1 sharing.preference "$jo" agency=housing category=all choice=object >/dev/null
rec l2 sharing.preference "$jo" agency=housing category=all choice=allow >/dev/null

outcome() {
    local d
    for d in hub l1 l2; do
        check_equal "$d: both introductions are there, of two records" '["A1","Q1"]' "$(rows $d front-door '[.rows[].source] | sort')"
        check_equal "$d: one likely duplicate to settle, and no merging by itself" 1 \
            "$(rows $d to-settle '[.rows[] | select(.field == "linked")] | length')"
        check_equal "$d: two access needs" '["text only"] ["BSL interpreter"]' \
            "$(at $d before-you-call "$jo" --json | jq -r '.rows[0] | "\(.format | tojson) \(.interpreter | tojson)"')"
        check_equal "$d: Joey is shown" '["Joey"]' "$(rows $d front-door "[.rows[] | select(.id == \"$jo\") | .person[]]")"
        check "$d: and Jo is in the story" grep -q '"known_as": *"Jo"' <(at $d show "$jo" --json)
        check "$d: the task is done: nothing is left of it" test "$(rows $d my-day '[.rows[] | select(.what | tostring | test("benefits"))] | length')" = 0
        check_equal "$d: and both who took it are named in the story" '["cat","dan"]' \
            "$(at $d show "$jo" --json | jq -c '[.rows[] | select(.type == "task.taken") | .who] | sort')"
        check_equal "$d: housing is blocked" 1 "$(at $d before-you-call "$jo" --json | jq '[.rows[0].objections[] | select(test("housing"))] | length')"
        check "$d: to be asked again" test "$(at $d before-you-call "$jo" --json | jq '[.rows[0].ask_again[] | select(test("housing"))] | length')" = 1
        check_equal "$d: it is to settle, before the rest" sharing "$(rows $d to-settle '.rows[0].field' | tr -d '"')"
        check_equal "$d: one contact, though deliveries came twice" 1 \
            "$(at $d show "$jo" --json | jq '[.rows[] | select(.type == "contact.recorded")] | length')"
        check "$d verifies" verified $d
    done
    check "frames did come twice" test "$(($(net_count l1 doubled) + $(net_count l2 doubled)))" -gt 0
}
in_every_order hub l1 l2 -- outcome
finish
