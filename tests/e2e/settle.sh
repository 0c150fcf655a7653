#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Settling together: numbers that stay, a choice or words of one's own, somebody else who was quicker, two who settled
# without knowing of each other, and likely duplicates that are linked, told apart and unlinked without loss.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
invite_options=(--name Amy)
laptop_new l1 hub amy salford
invite_options=(--name Ben)
laptop_new l2 hub ben salford
start l1 && start l2 || exit 1

open() { json "$1" '.rows' to-settle "${@:2}"; }
numbers() { json "$1" '[.rows[].number]' to-settle; }
number_of() { json "$1" ".rows[] | select(.field == \"$2\") | .number" to-settle; }
same() { wait_until 30 converged hub l1 l2; }
count() { json "$1" '[.sites[].to_settle] | add' status; }
# Both write without knowing of each other: the hub is away, then back.
apart() { stop hub; }
together() { start hub && same; }

person=$(at l1 introduce Jo --source Q1 --json | jq -r .person)
check "both know of Jo" same
check_equal "nothing is to settle" "[]" "$(open l1)"

# ---- a number belongs to one thing ----
apart
at l1 details Jo --born 1990-02-03 >/dev/null
at l2 details Jo --born 1990-03-02 >/dev/null
check "written without knowing of each other" together
born1=$(number_of l1 date_of_birth) born2=$(number_of l2 date_of_birth)
check_equal "it has the first number" "1 1" "$born1 $born2"
apart
at l1 safety-plan Jo --helps "call sister" >/dev/null
at l2 safety-plan Jo --helps "call the crisis line" >/dev/null
check "and the safety plan" together
check_equal "safety comes first, and each keeps its number" "[2,1]" "$(numbers l1)"
check_equal "status counts them" 2 "$(count l1)"
check_equal "both are told" '["call sister","call the crisis line"]' \
    "$(json l1 '.rows[0].values | sort' to-settle)"

# ---- choosing ----
check_exit 4 "a number that nothing has" at l1 settle 99 --choose 1
check_exit 3 "a choice that is none" at l1 settle "$born1" --choose 7
check_exit 2 "nothing chosen" at l1 settle "$born1"
chosen=$(json l1 '.rows[] | select(.number == 1) | .choices[1]' to-settle)
check "the second is chosen" at l1 settle "$born1" --choose 2 --with Jo --why "asked"
check_equal "it holds" "[$chosen]" "$(json l1 .date_of_birth show Jo)"
check_equal "the other keeps its number" "[2]" "$(numbers l1)"

# ---- somebody was quicker ----
check "the other laptop hears of it" same
check_exit 3 "settled meanwhile" at l2 settle "$born2" --choose 1
check "by whom, and what" grep -q "Amy settled it.*${chosen//\"/}" "$work/check.err"
check_equal "nothing was recorded" "[$chosen]" "$(json l2 .date_of_birth show Jo)"

# ---- in words of one's own ----
plan=$(number_of l2 safety_helps)
check "both, in one sentence" at l2 settle "$plan" --text "call sister, then the crisis line" --with Amy
check "heard by all" same
check_equal "nothing is left" "[]" "$(open l1)"
apart
at l1 details Jo --born 1990-02-03 >/dev/null
at l2 details Jo --born 1990-03-02 >/dev/null
check "the date again" together
check_exit 3 "words that are no date" at l1 settle "$born1" --text "some day in March"
check_equal "it has its number again" "[1]" "$(numbers l1)"

# ---- two settlements ----
first=$(json l1 '.rows[0].choices[0]' to-settle) second=$(json l1 '.rows[0].choices[1]' to-settle)
apart
check "Amy takes the one" at l1 settle "$born1" --choose 1
check "Ben takes the other" at l2 settle "$born2" --choose 2
check_equal "each is done" "[] []" "$(open l1) $(open l2)"
check "they meet" together
check_equal "it is to settle again" "1 1" "$(numbers l1 | jq length) $(numbers l2 | jq length)"
check_equal "between the two" "$(jq -cn "[$first,$second] | sort")" "$(json l1 '.rows[0].choices | sort' to-settle)"
check "and is settled for good" at l2 settle "$born2" --text 1991-01-01 --with Amy
check "heard by all" same
check_equal "for all" '["1991-01-01"] ["1991-01-01"]' "$(json l1 .date_of_birth show Jo) $(json l2 .date_of_birth show Jo)"

# ---- likely duplicates ----
other=$(at l2 introduce Joanne --source A1 --json | jq -r .person)
at l2 note Joanne "a letter from the GP" >/dev/null
at l2 details Joanne --born 1991-01-01 >/dev/null
check "heard by all" same
check_equal "one likely duplicate, here and there" "1 1" "$(open l1 | jq length) $(open l2 | jq length)"
check_equal "status counts it" "1 1" "$(count l1) $(count l2)"
check_equal "both are asked about" "1 1" "$(open l1 --person "$person" | jq length) $(open l1 --person "$other" | jq length)"
story() { json "$1" '[.rows[].id] | length' show "$2"; }
before="$(story l1 "$person") $(story l1 "$other")"
twins=$(json l1 '.rows[0].number' to-settle) twins2=$(json l2 '.rows[0].number' to-settle)
check "they are one person" at l1 settle "$twins" --choose 1 --with Jo --why "asked"
check_equal "nothing is left" "[] 0" "$(open l1) $(count l1)"
check_equal "the story is told together, from either side" "$(story l1 "$person")" "$(story l1 "$other")"
check_equal "of both, and that they were linked" "$((${before/ / + } + 1))" "$(story l1 "$person")"
check_equal "and says with whom" "\"Joanne\"" "$(json l1 '.linked[0][1]' show "$person")"
check "heard by all" same
check_equal "there too" "$(story l1 "$person")" "$(story l2 "$other")"
check_exit 3 "too late" at l2 settle "$twins2" --choose 1
check "and told so" grep -q "Amy settled it.*same person" "$work/check.err"
check "they are two after all" at l2 unlink "$person" "$other" --why "another birthday"
check "heard by all" same
check_equal "each has its own story again" 0 "$(json l1 '.linked | length' show "$person")"
check_equal "nothing of either is lost" "$((${before/ / + } + 2))" "$(($(story l1 "$person") + $(story l1 "$other")))"
check_equal "and nobody proposes it again" "[]" "$(open l1)"

# ---- linked here, told apart there ----
third=$(at l1 introduce "Jo-Ann" --json | jq -r .person)
at l1 details "$third" --born 1991-01-01 >/dev/null
check "heard by all" same
check_equal "a likely duplicate of each of the two" 2 "$(open l1 | jq length)"
check_exit 3 "of several, one is meant" at l1 settle Joanne linked linked
# both of the same pair
pair=$(json l1 '.rows[0] | {key, id}' to-settle)
at_pair() { json "$1" ".rows[] | select({key, id} == $pair) | .number" to-settle; }
one=$(at_pair l1) two=$(at_pair l2)
apart
check "linked by the one" at l1 settle "$one" --choose 1
check "told apart by the other" at l2 settle "$two" --choose 2
check "they meet" together
check_equal "it is to settle, under its number" "$one" "$(at_pair l1)"
check_equal "by the words of both" '["linked","apart"]' "$(json l1 ".rows[] | select({key, id} == $pair) | .choices" to-settle)"
check "and is settled" at l1 settle "$one" --choose 2 --with Ben
check "heard by all" same
check_equal "for all" "" "$(at_pair l2)"

# ---- what is about the site ----
at l1 resource record "Men's shed" >/dev/null
check "heard by all" same
apart
at l1 resource change "Men's shed" --status closed >/dev/null
at l2 resource change "Men's shed" --status changed >/dev/null
check "a resource, changed by two" together
check_equal "is to settle, by its name" '"Men'"'"'s shed"' "$(json l1 '.rows[] | select(.field == "resource_status") | .which' to-settle)"
check "and is settled" at l1 settle "$(number_of l1 resource_status)" --choose 1
check "heard by all" same
check_equal "for all" "" "$(number_of l2 resource_status)"

# ---- numbers are of one run of the daemon ----
at l1 to-settle >/dev/null
stop l1
start l1 || exit 1
check_exit 4 "after a restart no number leads to another thing" at l1 settle 1 --choose 1
finish
