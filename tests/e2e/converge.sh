#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole road: recorded with no network, saved, shared when the hub comes, merged, the same views everywhere; two who
# changed one field without knowing of each other both find their words, settle them, and restarts change nothing.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
laptop_new l3 hub cat lambeth
start l1 && start l2 && start l3 || exit 1

# What one records, another finds.
answer=$(at l1 introduce --known-as Jo --source B1 --own-words "I would like to get out more" --urgency 3 --json)
person=$(jq -r .person <<<"$answer")
check "recording answers with id and person" grep -qE '^[0-9a-f]{64} [0-9a-f]{32}$' <(jq -r '.id + " " + .person' <<<"$answer")
check "a view has at once what was recorded" grep -q Jo <(at l1 front-door)
check "it reaches the hub and the other laptop" wait_until 30 converged hub l1 l2
check "who is waiting? is the same there" grep -q Jo <(at l2 front-door)
check_exit 4 "a laptop of another site does not know the person" at l3 show "$person"
check_equal "and holds none of that site's events" "" "$(at l3 log --json | grep -c salford | grep -v '^0$')"

# Offline is a normal state: everything is saved, nothing is shared, and the status says so.
stop hub
at l1 record person.details.recorded --person Jo date_of_birth=1990-01-02 pronouns=she >/dev/null
at l1 note Jo "met at the library" >/dev/null
at l2 record person.details.recorded --person Jo date_of_birth=1990-02-01 >/dev/null
at l2 note Jo "rang, no answer" >/dev/null
waits() { [ "$(json "$1" '.sites[] | select(.site == "salford") | .waiting' status)" = "$2" ]; }
check "two events wait on one laptop" waits l1 2
check "two events wait on the other" waits l2 2
check_equal "the oldest waiting has a time" true "$(json l1 '.sites[] | select(.site == "salford") | .oldest_waiting != null' status)"
check "the status line says that they wait" grep -q 'Waiting to share 2' <(at l1 status)
check "the other one's words are not there yet" not grep -q library <(at l2 show Jo)
unreachable() { [ "$(json l1 .hub.reachable status)" = false ]; }
check "the hub is not reachable" wait_until 20 unreachable

start hub
check "when the hub is back all converge with nobody's help" wait_until 40 converged hub l1 l2
for d in l1 l2; do
    check "$d shows both notes" test "$(at $d show Jo | grep -cE 'library|no answer')" -ge 2
    check "$d shows both dates of birth to settle" test "$(at $d to-settle | grep -cE '1990-01-02|1990-02-01')" -ge 1
    check_equal "$d counts one thing to settle" 1 "$(json $d '.sites[] | select(.site == "salford") | .to_settle' status)"
    check "$d shows it on the caseload or front door of the person" \
        jq -se '[.. | objects | select(.to_settle? == 1)] | length > 0' <(at $d show Jo --json; at $d caseload --json; at $d front-door --json)
done
check_equal "the two laptops show the same story" "$(at l1 show Jo --json | jq -cS 'del(.as_of, .sites)')" "$(at l2 show Jo --json | jq -cS 'del(.as_of, .sites)')"

# Settled together.
at l2 settle Jo date_of_birth 1990-02-01 --with amy >/dev/null
check "the settlement reaches the other laptop" wait_until 30 converged hub l1 l2
check_equal "nothing is left to settle" '0 0' "$(json l1 '[.sites[].to_settle] | add' status) $(json l2 '[.sites[].to_settle] | add' status)"
check "what was chosen is shown" grep -q 1990-02-01 <(at l1 show Jo --json)

# One that changes it knowingly makes no conflict.
at l1 record person.details.recorded --person Jo date_of_birth=1990-03-03 >/dev/null
check "a later change" wait_until 30 converged hub l1 l2
check_equal "by one who knew is no conflict" 0 "$(json l2 '[.sites[].to_settle] | add' status)"

# Restart everything; and a laptop whose views are thrown away.
before=$(digest_of l1)
for d in hub l1 l2 l3; do stop $d; [ "$exit_code" = 0 ] || fail "$d stops with exit $exit_code"; done
rm -rf "$work/l2/views"
for d in hub l1 l2 l3; do start $d; done
check "after restarts they are the same" wait_until 30 converged hub l1 l2
check_equal "and as before" "$before" "$(digest_of l1)"
check "an event after the restart" at l3 introduce --known-as Lee --source Q1 --site lambeth
check "reaches the hub" wait_until 30 converged hub l3
check "log --from continues" test "$(at hub log --site salford --json | wc -l)" -gt "$(at hub log --site salford --from 5 --json | wc -l)"
for d in hub l1 l2 l3; do
    check "verify on $d" verified $d
    check "status has every promised key on $d" \
        jq -e '.hub | has("reachable") and has("last_contact")' <(at $d status --json)
    check "and each site's" \
        jq -e 'all(.sites[]; has("saved") and has("shared") and has("waiting") and has("oldest_waiting") and has("received") and has("head") and has("to_settle"))' \
        <(at $d status --json)
done
check "the status line says that all is shared" grep -qE 'Waiting to share 0|Nothing waiting|Shared through' <(at l1 status)
check "freshness lists the laptops" test "$(json hub '[.. | objects | select(has("device"))] | length' freshness)" -ge 2
finish
