#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All sixteen views, over a hub and two laptops: what each shows, in which order, the same on every node; filters by
# worker, team, site, person, time and urgency; pages; JSON.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford derby
start hub || exit 1
invite_options=(--name "Amy Ash" --role "support worker" --agency council)
laptop_new l1 hub amy salford derby
invite_options=(--name Ben --role nurse --agency trust)
laptop_new l2 hub ben salford
start l1 && start l2 || exit 1
all() { wait_until 30 converged hub l1 l2; }
rows() { json "$1" .rows "${@:2}"; }
# rows NODE FILTER VIEW…: as the filter shows each
each() { json "$1" "[.rows[] | $2]" "${@:3}"; }
names() { each "$1" '.person[0]' "${@:2}"; }
person_of() { jq -r .person; }
in_days() { date -d "$1 days" '+%Y-%m-%d'; }

# ---- a week of a team ----
jo=$(at l1 introduce Jo --source Q1 --urgency 2 --json | person_of)
kim=$(at l1 introduce Kim --source A1 --urgency 3 --json | person_of)
lou=$(at l2 introduce Lou --source A1 --urgency 4 --own-words "just talk" --site salford --json | person_of)
max=$(at l1 introduce Max --source B1 --site derby --json | person_of)
check "introductions" all
{
    at l1 welcome Jo --offer short
    at l1 keyworker Jo amy
    at l1 team join Jo ben
    at l1 meet Jo "talked about the tenancy" --minutes 30
    at l1 task raise Jo "benefits form" --for amy --due "$(in_days +1)"
    at l1 goal set Jo "sleep through the night" --baseline 3
    at l1 access-need Jo contact-method "text only"
    at l1 sharing Jo housing --object
    at l1 resource record "Men's shed" --area Ordsall --hours "mon-sun 00:00-24:00" --site commons
    at l1 resource record "Garden" --area Broughton --site salford
    at l1 worried-about Jo "talks of not waking up" --protects "her sister" --urgency 2
} >"$work/made" 2>&1
check_equal "all of that was taken" "" "$(grep felloe: "$work/made")"
check "heard by all" all
{
    at l2 welcome Kim
    at l2 keyworker Kim ben
    at l2 goal score Jo sleep 6
    at l2 connect Jo "Men's shed" --offered
    at l2 arrange Jo "$(in_days +1) 14:30" "home visit" --at home --with ben
    at l2 crisis open Kim 4 "a letter" --where home
    at l2 out "Oak Road" --back-by "$(in_days +1) 16:00"
    at l2 worry share "yesterday does not leave me alone"
    at l2 session record "drop-in" library "$(in_days +1) 10:00" --minutes 120 --workers amy,ben
} >"$work/made" 2>&1
check_equal "and that" "" "$(grep felloe: "$work/made")"
check "heard by all" all

# ---- what each shows ----
check_equal "front-door: most urgent first" '["Lou","Max"]' "$(names l1 front-door)"
check_equal "with their words, and the clock of four hours" '["just talk",240,false]' \
    "$(json l2 '.rows[0] | [.own_words, .clock.limit_minutes, .clock.over]' front-door)"
check_equal "caseload: whom nobody has seen for longest first" '["Kim","Jo"]' "$(names l1 caseload)"
check_equal "who is around them" '[["amy"],["ben"]]' \
    "$(json l1 '.rows[] | select(.person == ["Jo"]) | [.key_workers, .team]' caseload)"
check "when they meet next" [ "$(json l1 '.rows[] | select(.person == ["Jo"]) | .next' caseload)" != null ]
check_equal "safety: an open crisis first" '["Kim","Jo"]' "$(names l2 safety)"
check_equal "what we hold together" '[["talks of not waking up"],["her sister"]]' \
    "$(json l2 '.rows[1] | [.concerns, .protects]' safety)"
check_equal "huddle: the crisis first" '"Kim"' "$(json l1 '.rows[0].person[0]' huddle)"
check_equal "today: only what I promised" '["benefits form"]' "$(each l1 'select(.kind == "task") | .what' today --days 2)"
check_equal "an appointment is the other's" '["home visit"]' \
    "$(each l2 'select(.kind == "appointment") | .what' today --days 2)"
check_equal "everybody's, where asked for" true \
    "$(json l1 '[.rows[].what] | (index("home visit") != null) and (index("benefits form") != null)' today --days 2 --worker '*')"
check_equal "before-you-call" '[["text only"],1]' \
    "$(json l2 '.rows[0] | [.contact_method, (.objections | length)]' before-you-call Jo)"
check_equal "goals: from 3 to 6" '[["sleep through the night"],3,6,3]' \
    "$(json l1 '.rows[0] | [.goal, .baseline, .latest, .change]' goals)"
check_equal "connections: to what, by its name" "\"Men's shed\"" "$(json l1 '.rows[0].resource_label' connections)"
check "for people too" eval "at l1 connections | grep -q \"Men's shed\""
check_equal "resources, by area" '["Garden","Men'"'"'s shed"]' "$(each l1 .name resources)"
check_equal "which is open now" '[null,true]' "$(each l1 '.open_now.open' resources)"
check_equal "places: who is out" '[["ben"]]' "$(each l1 'select(.place == "Oak Road") | .workers' places --days 2)"
check_equal "and where the team will be" '["library"]' "$(each l1 'select(.what == "drop-in") | .place' places --days 2)"
check_equal "worries: nobody holds it" '[["ben",[]]]' "$(each l1 '[.worker, .held_by]' worries)"
check_equal "freshness: every laptop, and the hub" '["amy","ben","hub"]' "$(json l1 '[.rows[].worker] | unique' freshness)"
check_equal "workers" '["amy","ben"]' "$(json l1 '[.rows[].worker] | unique' workers)"
check_equal "learning: counts" true "$(json l1 '[.rows[] | select(.what == "introductions") | .count] == [4]' learning)"
check_equal "to-settle: nothing" '[]' "$(rows l1 to-settle)"
check_equal "news: of the other" true "$(json l1 '[.rows[].who] | unique == ["ben","hub"]' news)"
check_equal "the story, in order" '"person.introduced"' "$(json l1 '.rows[0].type' show Jo)"
for view in front-door caseload safety huddle goals connections resources places worries; do
    check_equal "$view: the same everywhere" "$(rows hub $view --site salford)" "$(rows l1 $view --site salford)"
    check_equal "$view: and there" "$(rows hub $view --site salford)" "$(rows l2 $view --site salford)"
done

# ---- filters ----
check_equal "by worker" '["Jo"]' "$(names l1 caseload --worker amy)"
check_equal "by worker's name" '["Jo"]' "$(names l1 caseload --worker "amy ash")"
check_equal "by agency" '["Jo"]' "$(names l1 caseload --team trust)"
check_equal "by several" '["Jo"]' "$(names l1 caseload --team "council, ben")"
check_equal "by site" '["Max"]' "$(names l1 front-door --site derby)"
check_equal "by person" '["Kim"]' "$(names l1 safety --person Kim)"
check_equal "by urgency" '["Lou"]' "$(names l1 front-door --urgency "very urgent")"
check_equal "by time" '[]' "$(names l1 front-door --since "$(in_days +1)")"
check_equal "by time, since today" '["Lou","Max"]' "$(names l1 front-door --since today)"
check_exit 2 "what a view does not say" at l1 resources --worker amy
check_exit 4 "a team that is none" at l1 caseload --team gardeners
check_exit 3 "an urgency that is none" at l1 front-door --urgency high
check_exit 4 "a site that is none" at l1 caseload --site nowhere
check_exit 4 "a person who is none" at l1 safety --person Nobody
check_exit 2 "before-you-call, without a person" at l1 before-you-call

# ---- pages ----
for i in 1 2 3 4 5 6 7; do at l2 introduce "Person $i" --source A1 --urgency 3; done >/dev/null
check "more at the door" all
check_equal "the first three of all" '[3,9]' "$(json l1 '[(.rows | length), .total]' front-door --limit 3)"
check_equal "the next three" '["Person 3","Person 4"]' "$(names l1 front-door --site salford --after 3 --limit 2)"
check_equal "the last ones" '[2,9]' "$(json l1 '[(.rows | length), .total]' front-door --after 7 --limit 5)"
check_equal "behind the last" '[0,9]' "$(json l1 '[(.rows | length), .total]' front-door --after 50)"
check_equal "a page of what passes the filter" '[2,7]' "$(json l1 '[(.rows | length), .total]' front-door --urgency 3 --limit 2)"

# ---- as of when ----
check "each says as of when" [ "$(json l1 .as_of caseload)" != null ]
stop hub
check_equal "also without the hub" '["Kim","Jo"]' "$(names l1 caseload)"
finish
