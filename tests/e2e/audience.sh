#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What only some may read: a note to named workers, supervision, safeguarding with two outcomes. By key, not by courtesy:
# the third laptop has the entries and cannot read them by any means, and hears that there is one only where the
# catalogue says so; a member's next laptop can; the hub hands keys out and shows no word; and all views are the same.
# timeout: 180
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub ben salford
laptop_new l3 hub cleo salford
start l1 && start l2 && start l3 || exit 1
id_of() { jq -r .id; }
jo=$(at l1 introduce --known-as Jo --source B1 --own-words "I would like to get out more" --json | jq -r .person)
check "all know Jo" wait_until 30 converged hub l1 l2 l3
at l3 note Jo "likes the garden" >/dev/null
check "and each other" wait_until 30 converged hub l1 l2 l3

# ---- recording: whom, and nobody who is not there ----
check_exit 3 "a worker whom nobody knows" at l1 record note.added --person Jo text=x audience=mallory
check_exit 3 "safeguarding for nobody else" at l1 record safeguarding.sent --person Jo kind=financial wishes=x
check_exit 3 "a note for oneself" at l1 record note.added --person Jo text=x audience=amy
check_exit 3 "supervision with nobody" at l1 record supervision.held --site salford date=2026-11-02 support=x
check_exit 3 "a person of whom only some would know" at l1 record note.added --person @new text=x audience=ben
check "nothing of that was recorded" test "$(at l1 log --json | grep -c .)" = "$(at l2 log --json | grep -c .)"
note=$(at l1 record note.added --person Jo text="AUROCHSA told me alone" audience=ben --json | id_of)
supervision=$(at l1 record supervision.held --site salford date=2026-11-02 support="AUROCHSB an hour a week" audience=ben --json | id_of)
sent=$(at l1 record safeguarding.sent --person Jo kind=financial wishes="AUROCHSC wants no police" audience=ben --json | id_of)
second=$(at l1 note Jo "AUROCHSA once more" --only-for ben --json | id_of)
check "each was recorded" test "${#note} ${#supervision} ${#sent} ${#second}" = "64 64 64 64"
check "and they reach everybody's log" wait_until 30 converged hub l1 l2 l3

# ---- those who may read it do, the others do not ----
says() { at "$1" show Jo | grep -q "$2"; }
finds() { at "$1" search AUROCHSA 2>/dev/null | grep -q AUROCHSA; }
check "a member reads the note" says l2 AUROCHSA
check "with a mark that it is restricted" \
    jq -e '[.. | objects | select(.restricted? == true)] | length >= 3' <(at l2 show Jo --json)
check "and the safeguarding concern" says l2 AUROCHSC
check "once, for what tells others of it is not shown to them" not says l2 entry.restricted
check "and the supervision" grep -q AUROCHSB <(at l2 log --json)
check "finds the note" finds l2
check "the entry says who may read it" jq -se 'any(.[]; .data.audience? == ["amy", "ben"])' <(at l2 log --json)
check "the third laptop sees that there is safeguarding" grep -qi 'safeguarding' <(at l3 show Jo)
check_equal "one entry that is restricted, and nothing of the note" 1 "$(at l3 show Jo --json | jq -s '[.. | objects | select(.type? == "entry.restricted")] | length')"

# ---- two outcomes that did not know of each other ----
stop hub
at l1 record safeguarding.outcome --person Jo of="$sent" outcome="AUROCHSD a plan is made" >/dev/null
at l2 record safeguarding.outcome --person Jo of="$sent" outcome="AUROCHSE no further action" >/dev/null
start hub
both() { [ "$(at "$1" to-settle | grep -oE 'AUROCHS[DE]' | sort -u | tr -d '\n')" = AUROCHSDAUROCHSE ]; }
check "both find both outcomes to settle" wait_until 40 both l1
check "on the other laptop, too" wait_until 40 both l2
check "and nobody else does" wait_until 30 converged hub l1 l2 l3
for d in hub l3; do
    check "not $d" not grep -q 'AUROCHS' <(at $d to-settle --json)
    check_equal "$d has nothing to settle" 0 "$(json $d '[.sites[].to_settle] | add' status)"
done
check "the row says whom it is about" grep -q Jo <(at l2 to-settle)
check "one settles it" at l2 settle "$(json l2 '.rows[0].number' to-settle)" --choose 1 --with amy
settled() { [ "$(json "$1" '[.sites[].to_settle] | add' status)" = 0 ]; }
check "settled among them" wait_until 30 settled l1
stop hub
at l1 record safeguarding.outcome --person Jo of="$sent" outcome="AUROCHSD looked at again" >/dev/null
at l2 record safeguarding.outcome --person Jo of="$sent" outcome="AUROCHSE closed for good" >/dev/null
start hub
check "twice again, unknowing" wait_until 40 both l1
check "settled by an entry of its own" at l1 record conflict.settled --person Jo what=safeguarding which="$sent" \
    chosen="AUROCHSD looked at again" text="AUROCHSF agreed by phone"
check "which is for the same workers" wait_until 30 settled l2
check "and only for them" wait_until 30 converged hub l1 l2 l3
at l2 record entry.struck --person Jo of="$note" why="AUROCHSG not mine to tell" >/dev/null
struck() { at l1 show Jo | grep -q 'AUROCHSG'; }
check "what was wrong is struck among them" wait_until 30 struck
check "and all converge" wait_until 30 converged hub l1 l2 l3

# ---- by no means ----
entries=$(at l3 log --json | grep -c .)
check_equal "the third laptop has every entry" "$(at l1 log --json | grep -c .)" "$entries"
check "entries are sealed for it, which is no damage" \
    jq -e '.problems == [] and ([.sites[].sealed] | add) >= 7' <(at l3 verify --json)
known_to_be_for_others() { jq -e '[.unreadable[].why] | unique == ["for-others"]' <(at l3 verify --json); }
check "and known to be for others: their keys are not missing" wait_until 10 known_to_be_for_others
never() { # everything that DAEMON tells or has
    local d=$1
    { at "$d" show Jo; at "$d" show Jo --json; at "$d" log --json; at "$d" export; at "$d" to-settle --json
      at "$d" news; at "$d" search AUROCHSA; at "$d" search police; at "$d" caseload --json; at "$d" log; } 2>&1 |
        sed 's/search AUROCHSA//; s/“AUROCHSA”//; s/"AUROCHSA"//' | grep -E 'AUROCHS[A-G] |wants no police|an hour a week'
}
for d in l3 hub; do
    check_equal "$d tells no word of it" "" "$(never $d)"
    check "nor do its files" not grep -rqaE 'AUROCHS' "$work/$d"
done
check "a member's words are in its files sealed only" not grep -rqaE 'AUROCHS' "$work/l1/views" "$work/l1/log" "$work/l1/keys"
stop l3
cp -r "$work/l3/keys" "$work/l3.keys" # its own keys, to everything that it was sent, from the first event on
rm -rf "$work/l3/views"
start l3
check "its views, made again" wait_until 30 converged hub l3
check_equal "tell no word either" "" "$(never l3)"

# ---- laptops that come later ----
laptop_new l4 hub ben salford
laptop_new l5 hub cleo salford
start l4 && start l5 || exit 1
check "two more laptops" wait_until 40 converged hub l4 l5
for text in AUROCHSC AUROCHSD AUROCHSG; do check "a member's second laptop reads $text" wait_until 20 says l4 $text; done
check "and the supervision" grep -q AUROCHSB <(at l4 log --json)
check_equal "the other's second laptop no word" "" "$(never l5)"
at l4 record note.added --person Jo text="AUROCHSA from the second laptop" audience=amy >/dev/null
from_second() { at l1 show Jo | grep -q 'from the second laptop'; }
check "what it writes for the same workers they read" wait_until 30 from_second
check "all of them have the same views" wait_until 30 converged hub l1 l2 l3 l4 l5
for d in hub l1 l2 l3 l4 l5; do check "verify on $d" verified $d; done

# ---- a member that lost its keys gets them again, another does not ----
for d in l2 l3; do stop $d; rm -rf "$work/$d/keys"; done
for d in l2 l3; do at $d repair >/dev/null 2>&1; start $d; done
check "a member without its keys has them again" wait_until 60 says l2 AUROCHSC
check "and the same views" wait_until 60 converged hub l1 l2 l3 l4 l5
check_equal "and the third none" "" "$(never l3)"
finish
