#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A laptop's directory is copied, and both are started and both record: both histories are in the record in the end, each
# entry once, and two (then three) laptops go on side by side, each under a number of its own.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford lambeth
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
at l1 introduce --known-as Jo --source Q1 --site salford >/dev/null
at l1 introduce --known-as Lee --source Q1 --site lambeth >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2
remember hub before

# Two.
stop l1
cp -a "$work/l1" "$work/copy"
stop hub
start l1 && start copy || exit 1
at l1 note Jo "the original, with no network" >/dev/null
at l1 introduce --known-as Kim --source Q1 --site salford >/dev/null
at copy note Jo "the copy, with no network" >/dev/null
at copy note Jo "the copy, again" >/dev/null
at copy introduce --known-as Max --source Q1 --site salford >/dev/null
at copy note Lee "the copy, of lambeth" >/dev/null
start hub || exit 1
check "original and copy come together" wait_until 40 converged hub l1 copy l2
for d in hub l1 copy l2; do
    take $d
    check "$d has each history's notes, once" has_words $d "the original, with no network" "the copy, with no network" "the copy, again"
    check_equal "$d knows all that were introduced" "Jo Kim Max" "$(at $d front-door --site salford --json | jq -r '[.rows[].person[0]] | sort | join(" ")')"
done
check "and the other site's" has_note hub "the copy, of lambeth"
check "they go on under different numbers" test "$(incarnation l1)" != "$(incarnation copy)"
whole "side by side" before hub l1 copy l2

# What one of them knew of its own is not in conflict with itself.
at copy record person.details.recorded --person Max date_of_birth=1990-01-02 >/dev/null
at copy record person.details.recorded --person Max date_of_birth=1990-02-01 >/dev/null
check "a change by who knew" wait_until 30 converged hub l1 copy l2
check_equal "is nothing to settle" 0 "$(json hub '[.sites[].to_settle] | add' status)"

# Three: copies of the copy, and all of them record at once.
remember hub second
stop copy
for d in third fourth; do cp -a "$work/copy" "$work/$d"; done
for d in copy third fourth; do start $d || exit 1; done
for i in 1 2 3; do
    for d in copy third fourth l1; do at $d note Jo "$d writes $i" >/dev/null || fail "$d records"; done
done
check "three copies and the original come together" wait_until 60 converged hub l1 copy third fourth l2
for d in hub l1 copy third fourth l2; do
    check_equal "$d has all twelve notes" 12 "$(notes $d | grep -c ' writes ')"
done
whole "four side by side" second hub l1 copy third fourth l2
check_equal "each goes on under a number of its own" 4 "$(for d in l1 copy third fourth; do incarnation $d; done | sort -u | wc -l)"
finish
