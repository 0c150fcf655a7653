#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A build that knows one type less, and one field of another: its hub and laptop keep, pass on, count and show what they
# do not recognise, and fold it once they are upgraded. One that goes back to the older build loses nothing either.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"

older=$work/older
mkdir "$older"
ln -s "$B/felloed-older" "$older/felloed"
ln -s "$B/felloe" "$older/felloe"
cp "$B/.flags" "$older/.flags"
not_recognised() { json "$1" .not_recognised show Jo; }
unknown_rows() { json "$1" '[.rows[] | select(.not_recognised)] | length' show Jo; }
says_so() { [ "$(not_recognised "$1")" = "$2" ]; }

hub_new hub salford
B=$older start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
start l1 && B=$older start l2 || exit 1

# What only the newer laptop knows.
at l1 introduce --known-as Jo --source Q1 >/dev/null
id=$(at l1 record experience.shared --person Jo good="the tea, and being listened to" by=person --json | jq -r .id)
check "an older hub takes it: it is shared" wait_until 20 shared l1
check "an older laptop receives it, and counts it" wait_until 20 says_so l2 1
check_equal "the newer laptop knows it" 0 "$(not_recognised l1)"
check_equal "its story has it, as not recognised" 1 "$(unknown_rows l2)"
check "people are told so" sh -c "'$B/felloe' --dir '$work/l2' show Jo | grep -i 'not recognised'"
check "an older laptop's views are its older hub's" wait_until 20 converged hub l2
check_exit 3 "an older laptop does not write it itself" at l2 record experience.shared --person Jo good="tea"

# A type that it knows, with a field that it does not.
at l1 record note.added --person Jo text="about the tenancy" huddle=yes >/dev/null
check "what has a field that it does not know counts, too" wait_until 20 says_so l2 2
check_equal "as far as it is known it is shown" "about the tenancy" \
    "$(json l2 '.rows[] | select(.type == "note.added") | .fields.text' show Jo | jq -r .)"
check_equal "what the field asks for nobody there knows" 0 "$(json l2 '.rows[0].asked_by | length' huddle)"

# What others say of it meanwhile counts once it is known: a strike by a laptop that could not read it.
other=$(at l1 record experience.shared --person Jo good="of another Jo" --json | jq -r .id)
wait_until 20 says_so l2 3
check "an older laptop can strike it" at l2 record entry.struck --person Jo of="$other" why="another Jo"
check "nothing waits" wait_until 20 shared l2

# A backup of the older hub, and the log of the older laptop, hold it whole.
check_equal "an older build exports it by its type" 2 \
    "$(at l2 export "$work/out.jsonl" >/dev/null 2>&1; cat "$work/out.jsonl" | jq -rs '[.[] | select(.type | test("experience.shared"))] | length')"

# The upgrade.
stop l2
start l2 || exit 1
check "an upgraded laptop folds it" wait_until 20 says_so l2 0
check_equal "nothing is unknown in the story any more" 0 "$(unknown_rows l2)"
check_equal "its words are there" "the tea, and being listened to" \
    "$(json l2 ".rows[] | select(.id == \"$id\") | .fields.good" show Jo | jq -r .)"
check_equal "the huddle knows who asked to talk about Jo" 1 "$(json l2 '.rows[0].asked_by | length' huddle)"
check_equal "and what was struck is struck" "another Jo" \
    "$(json l2 ".rows[] | select(.id == \"$other\") | .struck" show Jo | jq -r .)"
stop hub
start hub || exit 1
check "hub and both laptops show the same, byte for byte" wait_until 20 converged hub l1 l2
check "the record verifies" at l2 verify

# And back: a laptop on which the older build has to be put again.
stop l2
B=$older start l2 || exit 1
check "the older build goes on where it was" wait_until 20 says_so l2 3
at l2 note Jo "from the older build" >/dev/null
check "and shares" wait_until 20 shared l2
stop l2
start l2 || exit 1
check "the newer one again: all the same" wait_until 20 converged hub l1 l2
finish
