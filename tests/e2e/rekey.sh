#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys that change: a laptop's, also when it is killed at any moment, when an answer is lost and when the hub is put
# back; the hub's, with laptops that heard of it, one that did not, and one that was revoked besides. Old keys are refused
# afterwards.
# timeout: 150
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new amy hub amy salford
laptop_new bea hub bea salford
start amy && start bea || exit 1
person=$(at amy introduce --known-as Jo --source Q1 --json | jq -r .person)
check "what was recorded is shared" wait_until 30 converged hub amy bea

words() { json "$1" .words status; }
hub_words() { json hub ".[] | select(.worker == \"$1\") | .words" hub devices; }
agree() { [ "$(words "$1")" = "$(hub_words "$1")" ]; }
# Both sides have the laptop's new keys, and it is there.
renewed() { agree "$1" && [ "$(words "$1")" != "$2" ] && reachable "$1"; }

# ---- a laptop's ----
before=$(words amy)
check "both sides show the same words" agree amy
check "the laptop's status does in words" grep -q "to compare with felloe hub devices: $(words amy | tr -d '"')" \
    <(at amy status)
stop amy
cp -a "$work/amy" "$work/thief"
rm -f "$work/thief/felloe.sock"
start amy
check "felloe rekey shows the new words" grep -q "Its words are now" <(at amy rekey)
check "the hub has the same new ones" wait_until 20 renewed amy "$before"
at amy note "$person" "under new keys" >/dev/null
check "what is recorded after it is shared" wait_until 30 converged hub amy bea
check "the hub's journal tells" grep -q "has new keys; the old ones are refused" "$work/hub.log"
start thief
refused() { at thief status | grep -q "does not admit"; }
check "whoever has the old keys is refused" wait_until 20 refused
stop thief

# Without the hub; killed before it could ask; then it asks by itself.
before=$(words amy)
stop hub
cp -a "$work/hub" "$work/hub.before"
cp "$work/amy/identity" "$work/identity.before"
check "rekey without the hub says that it waits for it" grep -q "asked as soon as it is" <(at amy rekey)
check_equal "and goes on with the present ones" "$before" "$(words amy)"
kill_9 amy
start amy
check_equal "also when it was killed" "$before" "$(words amy)"
start hub
check "with the hub back they change by themselves" wait_until 30 renewed amy "$before"

# The answer is lost: the hub has the new keys, and the laptop still goes by the old ones.
after=$(words amy)
stop amy
cp "$work/identity.before" "$work/amy/identity"
start amy
check "a laptop that was not answered finds out" wait_until 30 renewed amy "$before"
check_equal "and has those that the hub has" "$after" "$(words amy)"

# The hub is put back to before it: it knows the old ones alone.
stop hub
mv "$work/hub" "$work/hub.after" && mv "$work/hub.before" "$work/hub"
start hub
check "a hub that was put back learns the new ones again" wait_until 60 renewed amy "$before"
check_equal "which are the same" "$after" "$(words amy)"
at amy note "$person" "to the hub that was put back" >/dev/null
check "and all is shared" wait_until 60 converged hub amy bea

# Killed at any moment.
for i in 1 2 3; do
    before=$(words amy)
    at amy rekey >/dev/null 2>&1 &
    client=$!
    random_moment 150
    kill_9 amy
    wait $client
    start amy || exit 1
    check "killed within a rekey ($i) it comes back" wait_until 40 reachable amy
    check "and both sides agree" wait_until 40 agree amy
done
check_exit 0 "and a whole one" at amy rekey
at amy note "$person" "after all of this" >/dev/null
check "all is shared" wait_until 60 converged hub amy bea
check "the laptop verifies" verified amy

# ---- the hub's ----
check_exit 4 "nothing to take back" at hub hub rekey --cancel
check_exit 0 "in ten days" at hub hub rekey --in 10
check_exit 7 "not twice" at hub hub rekey
check "the hub's status tells of it" grep -q "The hub has other keys from" <(at hub status)
check "as JSON" test "$(json hub .hub_keys_change status)" != null
told_amy() { [ "$(json amy .hub_keys_change status)" != null ]; }
stop amy
start amy
check "so does a laptop's, as JSON" wait_until 20 told_amy
check_exit 0 "taken back" at hub hub rekey --cancel
check "then it does not" test "$(json hub .hub_keys_change status)" = null
check_exit 8 "a laptop has no such verb" at amy hub rekey
stop bea
cp "$work/amy/identity" "$work/identity.before"
stale=$(at hub hub rekey --tell)
check_exit 0 "in some seconds" at hub hub rekey --in 5s
stop amy
start amy # hears of it
pinned() { grep -q "the hub has new keys, as it had told" "$work/amy.log"; }
check "a laptop that heard of it goes on with the hub's new keys" wait_until 40 pinned
at amy note "$person" "to the hub's new keys" >/dev/null
check "and shares" wait_until 40 shared amy
cp "$work/amy/identity" "$work/identity.after"
stop amy
cp "$work/identity.before" "$work/amy/identity"
start amy
at amy note "$person" "put back to before" >/dev/null
check "put back to before, it finds the hub by the terms that it kept" wait_until 40 shared amy
check "and has pinned its new key again" wait_until 10 cmp "$work/identity.after" "$work/amy/identity"
check_exit 0 "somebody gives it what told the hub's old key" at amy rekey --ticket "$stale"
at amy note "$person" "after a stale ticket" >/dev/null
check "which it gets over" wait_until 40 shared amy
start bea
wrong() { at bea status | grep -q "does not hold the hub's key"; }
check "one that was away is told that the key is another" wait_until 20 wrong
check "and what to do" grep -q "felloe rekey --ticket" <(at bea status)
hub_new other salford
start other
check_exit 9 "a ticket of another hub pins nothing" at bea rekey --ticket "$(invite other bea salford)"
check_exit 3 "nor does one that is none" at bea rekey --ticket felloe1-nonsense
check_exit 0 "a ticket of the hub pins its new key" at bea rekey --ticket "$(invite hub bea salford)"
check "and it is back" wait_until 40 converged hub amy bea
stop hub
start hub
check "after a restart too" wait_until 40 reachable amy
laptop_new cay hub cay salford
start cay
check "and a laptop that is new" wait_until 40 converged hub amy bea cay

# ---- a laptop that was revoked and missed the hub's new keys: it gets no ticket, and has something to hand over ----
stop hub
check_exit 0 "recorded without the hub" at cay introduce --known-as Kit --source Q1 --site salford
stop cay
start hub
check_exit 0 "revoked" at hub hub revoke cay --why "left on a train"
check_exit 0 "and the hub gets other keys" at hub hub rekey --in 1s
new_keys() { [ "$(grep -c "the hub has its new keys from now on" "$work/hub.log")" = 2 ]; }
check "which it has soon" wait_until 30 new_keys
start cay
wrong() { at cay status | grep -q "does not hold the hub's key"; }
check "it does not find the hub" wait_until 20 wrong
told=$(at hub hub rekey --tell)
check_exit 0 "it is told the hub's key" at cay rekey --ticket "$told"
handed() { at cay status | grep -q "was handed over"; }
check "and hands over" wait_until 40 handed
check "to be looked at" grep -q Kit <(at hub hub quarantine cay)
check "what tells the key lets nobody in" not at thief2 join "$told" --unlock none
check_equal "and changes nothing" null "$(json hub .hub_keys_change status)"
check_exit 2 "one thing at a time" at hub hub rekey --tell --cancel
check "the hub verifies" verified hub
finish
