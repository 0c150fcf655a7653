#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What only some may read, about a person whom two teams support: the hub's copies of it are for the same workers, in
# whichever team they are, and for nobody else.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford dales
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub ben salford
laptop_new l3 hub dora dales
laptop_new l4 hub eve dales
laptop_new l5 hub ben dales # who works in both teams, with two laptops
for d in l1 l2 l3 l4 l5; do start $d || exit 1; done
at l1 introduce Jo --source B1 --own-words "I would like to get out more" >/dev/null
check "one team knows Jo" wait_until 30 converged hub l1 l2 l3 l4 l5
at l1 note Jo --only-for ben "AUROCHSA before" >/dev/null
at l1 record safeguarding.sent --person Jo kind=financial wishes="AUROCHSB wishes" audience=ben >/dev/null
at l1 record person.shared --person Jo to=dales why=both >/dev/null
knows() { at "$1" show Jo >/dev/null; }
for d in l3 l4 l5; do check "the other team knows Jo on $d" wait_until 30 knows $d; done
check_exit 3 "a worker whom neither team has" at l1 note Jo --only-for mallory "x"
at l1 note Jo --only-for dora "AUROCHSF across" >/dev/null
at l1 note Jo --only-for ben "AUROCHSC after" >/dev/null
at l3 note Jo --only-for eve "AUROCHSD in dales" >/dev/null
at l3 record safeguarding.sent --person Jo kind=neglect wishes="AUROCHSE in dales" audience=eve >/dev/null
says() { [ "$(at "$1" show Jo | grep -oE 'AUROCHS[A-F]' | sort -u | sed 's/AUROCHS//' | tr -d '\n')" = "$2" ]; }
check "amy reads what is for amy and ben, and what is across" wait_until 40 says l1 ABCF
for d in l2 l5; do check "ben reads what is for amy and ben on $d" wait_until 40 says $d ABC; done
check "dora reads what is for dora and eve, and what is across" wait_until 40 says l3 DEF
check "eve reads what is for dora and eve" wait_until 40 says l4 DE
check "all have the same views" wait_until 40 converged hub l1 l2 l3 l4 l5
for pair in l1:ABCF l2:ABC l3:DEF l4:DE l5:ABC; do check "nobody reads more than that: $pair" says "${pair%:*}" "${pair#*:}"; done
told() { [ "$(at "$1" show Jo --json | jq -c '[.rows[] | select(.type == "entry.restricted") | .fields.kind]')" = '["safeguarding.sent"]' ]; }
for d in l1 l2 l3 l4 l5; do check "$d hears of the other team's safeguarding" wait_until 20 told $d; done
check "the hub says no word" not grep -q AUROCHS <(at hub show Jo; at hub log --json; at hub to-settle)
for d in hub l1 l2 l3 l4 l5; do check "verify on $d" verified $d; done
finish
