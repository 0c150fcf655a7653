#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What people mistype and misremember: each has one clear message and its documented exit code, and nothing is added.
# timeout: 90
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford
start l1 || exit 1
jo=$(at l1 introduce --known-as Jo --source Q1 --json | jq -r .person)
at l1 introduce --known-as Sam --source A1 >/dev/null
at l1 introduce --known-as Sam --source B1 >/dev/null
check "three people are there" wait_until 20 converged hub l1
events=$(at l1 log --json | wc -l)

check_exit 2 "an unknown verb" at l1 remember Jo
check "it names the nearest one" grep -q 'note' <(at l1 noet Jo x 2>&1)
check_exit 2 "an unknown option" at l1 status --fast
check_exit 2 "verify of one site: it goes through all" at l1 verify --site salford
check_exit 2 "rebuild of one site" at l1 rebuild --site salford
check_exit 2 "a missing argument" at l1 note Jo
check_exit 2 "hub with nothing" at l1 hub
check_exit 2 "an empty --dir, of a variable that was not set" felloe --dir "" status
check "what is wrong with options is JSON when that was asked for" jq -e '.error.code == 2' <(at l1 status --fast --json 2>&1)
check_exit 3 "an unknown type" at l1 record note.sung --person Jo text=la
check_exit 3 "an unknown field" at l1 record note.added --person Jo txt=la
check_exit 3 "a required field that is missing" at l1 record note.added --person Jo
check_exit 3 "a field given twice" at l1 record note.added --person Jo text=la text=lo
check_exit 3 "an unknown code" at l1 introduce --known-as Kim --source Z9
check "it lists the codes" grep -q 'B1' <(at l1 introduce --known-as Kim --source Z9 2>&1)
check_exit 3 "an NHS number with a wrong check digit" at l1 record person.details.recorded --person Jo nhs_number=9434765918
check_exit 0 "an NHS number with a right one" at l1 record person.details.recorded --person Jo nhs_number=9434765919
check_exit 3 "a day that is none" at l1 record person.details.recorded --person Jo date_of_birth=1990-02-30
check_exit 3 "a number out of range" at l1 record contact.recorded --person Jo minutes=5000
check_exit 4 "an unknown person" at l1 note Nobody "x"
check_exit 5 "two people of one name" at l1 note Sam "x"
check_exit 3 "a note about somebody new" at l1 note @new "x"
check_exit 0 "a name with more space in it" at l1 introduce --known-as "Bo  de  Groot"
check_exit 0 "is found as a table shows it" at l1 note "bo de groot" "x"
check_exit 4 "an id that nobody has" at l1 show 00000000000000000000000000000000
check_exit 0 "a prefix of an id" at l1 note "${jo:0:8}" "by prefix"
check_exit 8 "a site that one is not let into" at l1 introduce --known-as Kim --source Q1 --site lambeth
check_exit 8 "a worker.joined that is not the hub's" at l1 record worker.joined worker=eve device="$(printf '0%.0s' {1..32})"
check_exit 3 "an event over 64 KiB" at l1 note Jo "$(printf 'x%.0s' {1..70000})"
check_exit 0 "one just under it" at l1 note Jo "$(printf 'x%.0s' {1..64000})"
check_exit 3 "text that is not UTF-8" at l1 note Jo $'caf\xe9'
check_exit 0 "text with every kind of letter" at l1 note Jo 'Zoë, 李, 🙂 "quoted" <b> \n'
check "it comes back as it was" grep -qF 'Zoë, 李, 🙂 \"quoted\" <b> \\n' <(at l1 log --json)
check_exit 4 "an import of a file that is not there" at l1 import "$work/none.jsonl"
check_exit 8 "a hub's verb on a laptop" at l1 hub invite --site salford --worker eve
check_exit 4 "a log of a site that is not here" at l1 log --site nowhere
check_exit 4 "its status" at l1 status --site nowhere
check_exit 4 "its digest" at l1 digest --site nowhere
check_exit 3 "an import of a directory" at l1 import "$work"
check_exit 8 "an export onto a directory" at l1 export "$work"
check_exit 3 "a worker with the hub's own id" at hub hub invite --site salford --worker hub
check_exit 4 "a long name of letters that take four bytes each" at l1 note "x$(printf '🙂%.0s' {1..40})" x
check "is told in those letters" grep -q '“x🙂🙂🙂' <(at l1 note "x$(printf '🙂%.0s' {1..40})" x 2>&1)
check "what is no UTF-8 is told as JSON, too" jq -e '.error.code == 2' <(at l1 $'caf\xe9' --json 2>&1)
check "help is JSON, too" jq -e '[.verbs[].verb] | index("hub invite")' <(at l1 help --json)

check "errors with --json are JSON" jq -e '.error.code == 4 and (.error.message | length > 10)' \
    <(at l1 note Nobody x --json 2>&1)
added=$(($(at l1 log --json | wc -l) - events))
check_equal "only what was right was added" 6 "$added"
check "verify" verified l1
check_exit 0 "a note that would drive a terminal" at l1 note Jo $'red \e[31m \u009b31m \u202e'
raw=$'\e|\u009b|\u202e'
for v in "show Jo" "log" "log --json" "show Jo --json" "show $'\e'"; do
    # shellcheck disable=SC2086
    check "cannot: $v" not grep -qE "$raw" <(at l1 $v 2>&1)
done
check "help lists every exit code's verb" at l1 help
for v in note import status "hub invite" verify; do
    # shellcheck disable=SC2086
    check "help $v" at l1 help $v
done
finish
