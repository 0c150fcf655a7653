#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every verb of the day's work, over real daemons: used once in a pipe, as people type it, with dates, names and words in
# short; and on a terminal, where what is missing is asked for. A verb that is not used here fails the test.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford dales
start hub || exit 1
invite_options=(--name "Amy Okafor" --role "support worker")
laptop_new l1 hub amy salford
invite_options=(--name "Ben Hill")
laptop_new l2 hub ben salford
invite_options=()
start l1 && start l2 || exit 1
level() { shared l1 && shared l2 && converged hub l1 l2; }
wait_until 20 level

declare -A used=()
# use VERB [WORD]…: on l1; the verb may be two words. What it says is in $said.
use() {
    local two="$1 ${2:-}"
    if [[ " $verbs " == *"|$two|"* ]]; then used[$two]=1; else used[$1]=1; fi
    said=$(at l1 "$@" 2>"$work/err")
    local code=$?
    if [ $code = 0 ]; then ok "felloe $*"; else fail "felloe $*: exit $code $(head -c 300 "$work/err")"; fi
}
# refuse CODE PATTERN VERB…: exit code, and words in the one line that says why.
refuse() {
    local want=$1 pattern=$2 code
    shift 2
    at l1 "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    if [ $code = "$want" ] && grep -qE -- "$pattern" "$work/err" && [ "$(wc -l <"$work/err")" = 1 ]; then
        ok "felloe $*: exit $code, $(head -c 140 "$work/err")"
    else
        fail "felloe $*: exit $code (not $want): $(head -c 400 "$work/err")"
    fi
}
says() { # says PATTERN: in what the last verb said
    if grep -qE -- "$1" <<<"$said"; then ok "   it says: $1"; else fail "   it says: $1"; head -30 <<<"$said" | sed 's/^/    /'; fi
}
# Of the story: how many entries of a type there are.
entries() { json l1 "[.rows[] | select(.type == \"$1\")] | length" show Jo; }
field() { json l1 "[.rows[] | select(.type == \"$1\")][-1].fields.$2" show "${3:-Jo}"; }
verbs="|$(json l1 '[.verbs[].verb] | join("|")' help | tr -d '"')|"

# ---- who comes and goes ----
use introduce Jo --source drop-in --own-words "I would like to get out more" --urgency routine
says 'introduced by: drop-in, urgency: routine'
use acknowledge Jo "the GP" --method email
use details Jo --pronouns she --born 1/2/90 --contact "07700 900123" --nhs 9434765919
check_equal "1/2/90 is a day of 1990" '"1990-02-01"' "$(field person.details.recorded date_of_birth)"
use welcome Jo --offer short
use pause Jo "with her sister" --until "in 2 weeks"
use keyworker Jo Amy --person-agrees
check_equal "a worker is found by the name" '"amy"' "$(field keyworker.agreed worker)"
use team join Jo
use team join Jo ben --role housing
use team leave Jo "Ben Hill"
check_equal "who is left in the team" '["amy"]' "$(json l1 .team show Jo)"
use introduce Joanne --source GP
use welcome Joanne
use link Jo Joanne "the same date of birth"
use unlink Jo Joanne cousins
use farewell Joanne --reason complete --agreed --way-back "ring us"
use welcome-back Joanne --source themselves --own-words "it got harder"
use share Jo dales "joint work"

# ---- meeting and talking ----
use arrange Jo "tomorrow 14:30" "benefits form" --at "the library" --with Amy,ben
use rearrange Jo benefits "tomorrow 10:00"
check_equal "what is not said anew stays" '"the library" ["amy","ben"]' \
    "$(json l1 '[.rows[] | select(.type == "contact.planned")][-1].fields | "\(.place|tojson) \(.with|tojson)"' show Jo | jq -r .)"
use today --days 3
says 'benefits form +the library'
use arrange Jo "tomorrow 16:00" "a walk"
use call-off Jo "a walk"
use meet Jo --at library --minutes 1h30 "talked about the tenancy" --appointment benefits --on "yesterday 14:30"
check_equal "a place goes by the beginning of a word, a time by hours and minutes" '"N02" 90' \
    "$(json l1 '[.rows[] | select(.type == "contact.recorded")][-1].fields | "\(.place|tojson) \(.minutes)"' show Jo | jq -r .)"
use note Jo "the new lock works" --huddle
use note Jo "told in confidence" --only-for ben
use talk Jo --going-well "the choir" --hopes "a job with animals"
use about-me Jo helps "music, and a text before a visit"
use access-need Jo interpreter BSL
use sharing Jo housing --object
check_equal "what is not said is everything" '"all"' "$(field sharing.preference category)"
use pass-on Jo plan gp "Jo asked us to"
use before-you-call Jo
says 'housing: everything.*BSL.*07700 900123'

# ---- deciding and doing together ----
use decide Jo "Move to the new flat?" "not yet" --options stay --options move --person-present
use task raise Jo "benefits form" --due friday --for amy
use task raise Jo "bus pass form" --due "1 dec"
use task take Jo benefits
refuse 5 'bus pass form \(.*benefits form \(' task close Jo form --done
refuse 4 'there is: ' task close Jo "a cake" --done
use task close Jo bus --done "sent"
use task list Jo
says 'benefits form'
check "a closed task is not listed" not grep -q 'bus pass' <<<"$said"
use goal set Jo "sleep through the night" --baseline 3
use goal score Jo sleep 6 --by person
use goal change sleep --text "sleep, and wake without dread"
use goals
says 'sleep, and wake without dread .* 3 +6 +\+3'
use plan Jo --aims "a home of her own" --review-by "1 mar"
use measure Jo --dialog "5 4 6 3 4 5 6 4 5 5 6"
use measure Jo --reqol 23
use formulate Jo "since the move" --with-person
use huddle
says 'Jo'
use huddle Jo Joanne --present amy,ben --text "ring the landlord"
check_equal "both are discussed" "1 1" "$(entries huddle.discussed) $(json l1 '[.rows[] | select(.type == "huddle.discussed")] | length' show Joanne)"

# ---- keeping safe together ----
use worried-about Jo "talks of not waking up" --protects "her sister, the dog" --urgency "very urgent" --kind suicide
use safety
says 'talks of not waking up.*her sister'
use safety-plan Jo --helps "call sister" --services "crisis line"
use crisis open Jo "very urgent" --where home --trigger "letter from the landlord"
use safety
says '(3 h 59 min|4 h) left'
use crisis respond Jo "stayed until her sister came" --how "face to face"
use stand-down Jo "talks of" "saw her; she has plans for Sunday" --agreed-by Amy,ben
use safeguarding send Jo financial --wishes "nobody is to be arrested" --only-for ben
use safeguarding outcome Jo financial "a plan with the bank"

# ---- community and places ----
use resource record "Men's shed" --area Ordsall --at "Oak Road 4" --hours "mon-sun 00:00-24:00"
use resources
says "Men's shed +Ordsall +Oak Road 4 +open"
use resource change men --closed
says 'status: closed'
use connect Jo men
use connect Jo men --made --warm
use connections
use session record drop-in library "tomorrow 10:00" --minutes 2h --workers amy,ben
use session record "walking group" "the park gate" --hours "mon-sun 00:00-24:00"
use session cancel drop-in
check_equal "what is cancelled keeps what it was" '"drop-in" 120 "cancelled"' \
    "$(at l1 log --json | jq -rs '[.[] | select(.type | endswith("session.recorded"))][-1].data | "\(.name|tojson) \(.minutes) \(.status|tojson)"')"
use out "Jo's flat, Oak Road" --back-by "in 2 hours"
use places
says "Oak Road.*Amy Okafor"
use safe
use places
check "nobody is out any more" not grep -q 'Oak Road' <<<"$said"
refuse 4 'no outing is open' safe

# ---- looking after one another ----
use worry share "yesterday's visit does not leave me alone"
use worry hold yesterday ben
use worries
says "yesterday's visit.*Ben Hill"
use supervision peer --date today --support "two quiet mornings" --only-for ben
use reflect "ringing before the letter comes saves a visit" --themes letters

# ---- put right, record, settle ----
use correct Jo "talked about" minutes 45 "it was longer"
use strike Jo "the new lock" "about somebody else"
id=$(at l1 note Jo "said twice" --json | jq -r .id)
use strike "${id:0:10}" "twice" # whom it is about, the entry says
check_equal "an entry says itself whom it is about" '"twice"' \
    "$(json l1 "[.rows[] | select(.id == \"$id\")][0].struck" show Jo)"
id=$(at l1 task raise Jo "nobody has it yet" --json | jq -r .id)
use task close "${id:0:8}" --dropped
refuse 4 'There is no entry 99998888' task close 99998888 --done
use record note.added --person Jo text="straight from the catalogue"
wait_until 20 level
stop hub
at l1 details Jo --born 1990-01-02 >/dev/null
at l2 details Jo --born 1990-02-03 >/dev/null
start hub
wait_until 20 level
use to-settle
says '^1  Jo .*date of birth'
says '^    2  1990-0'
use settle 1 --choose 2 --with Ben --why "asked her"
check_equal "nothing of it is left to settle" 0 "$(json l1 '[.rows[] | select(.field == "date_of_birth")] | length' to-settle)"

# ---- looking ----
use show Jo
for words in 'Objects to sharing' 'housing: everything' 'interpreter: BSL' 'call sister' 'music, and a text' 'a home of her own' \
    'sleep, and wake without dread' 'late entry, recorded' 'struck: about somebody else' '\[restricted\]' 'corrected: minutes 45'; do
    says "$words"
done
check "a task is told by its words, not its number" grep -qE 'task taken .*which task: benefits form' <<<"$said"
for v in caseload front-door farewells freshness learning workers news views types; do use "$v"; done
use search tenancy
for v in today caseload front-door safety goals connections resources places to-settle worries farewells freshness learning workers \
    "before-you-call Jo" "task list" "show Jo" "types task.closed" huddle news views; do
    # shellcheck disable=SC2086
    check "$v --json" jq -e . <(at l1 $v --json)
done
check "a filter of a view" test "$(json l1 '.rows | length' caseload --worker amy)" = 1
check "the first of several, and how many there are" grep -q '1 of 2 shown' <(at l1 caseload --limit 1)
refuse 2 'takes a number' caseload --limit few
refuse 2 'urgency' caseload --urgency 2
use types --markdown
says '^### task.closed'

# ---- what is missing is said in a pipe ----
refuse 2 'felloe note PERSON TEXT' note Jo
refuse 2 'whom it is about' meet
refuse 2 'say what about "task": task raise' task
refuse 2 'done or dropped.*felloe task close' task close Jo benefits
refuse 2 'give at least one of --aims' plan Jo
refuse 3 'a day that exists' task raise Jo x --due "31/11"
refuse 3 'could be at home|could be' introduce Kim --source other
refuse 4 'Nobody here is called' meet Nobody
at l1 introduce Jo >/dev/null
refuse 5 'Jo could be several people: Jo \(.*; Jo \(' note Jo "which of them?"
check "help has a screen for each group" test "$(at l1 help together | wc -l)" -lt 24
check "help of a verb has an example" grep -q 'felloe meet Jo --at library' <(at l1 help meet)

# ---- on a terminal it is asked for ----
# typed VERB…: what stands on stdin is what somebody types. A terminal shows what is asked, and the exit code is the verb's.
typed() {
    local command="'$B/felloe' --dir '$work/l1'" word
    for word; do command+=" $(printf %q "$word")"; done
    said=$(script -qefc "$command" /dev/null | tr -d '\r')
    exit_code=${PIPESTATUS[0]}
}
if [ "$(script -qec 'echo yes' /dev/null </dev/null 2>/dev/null | tr -d '\r')" != yes ]; then
    skip "a terminal: script(1) can make none here"
else
    kim=$(at l1 introduce Kim --json | jq -r .person)
    typed note Jo "which of them?" </dev/null
    says 'several people:$'
    says '^  Jo \(.*\)$'
    says '^Give the id'
    typed task raise <<<$'Kim\nfind a form\nnext friday\nBen'
    says 'Who .*:'
    says 'What: '
    says 'Saved: task .*by when: Fri'
    check_equal "what was typed is recorded" '"find a form" "ben"' \
        "$(json l1 '[.rows[] | select(.type == "task.raised")][-1].fields | "\(.what|tojson) \(.for|tojson)"' show Kim | jq -r .)"
    typed crisis open Kim <<<$'soon\nvery\n\nhome'
    says '4   very urgent'
    says 'must be one of: 1 emergency'
    says 'Saved: crisis .*very urgent'
    typed task close Kim --done <<<$'1\nsent it'
    says '1  find a form'
    says 'Saved: task closed'
    typed meet Kim <<<$'phone\n\nmet\n45\nwe talked' # nothing but whom: then it asks for the rest
    check_equal "a contact, question by question" '"02" 45 "we talked"' \
        "$(json l1 '[.rows[] | select(.type == "contact.recorded")][-1].fields |
            "\(.mechanism|tojson) \(.minutes) \(.text|tojson)"' show Kim | jq -r .)"
    wait_until 20 level
    stop hub
    at l1 keyworker Kim amy >/dev/null
    at l2 keyworker Kim ben >/dev/null
    start hub
    wait_until 20 level
    number=$(json l1 '[.rows[] | select(.field == "keyworker")][0].number' to-settle)
    typed settle "$number" <<<$'9x\n2\nAmy, Ben'
    says '2  Ben Hill|2  ben'
    says 'Saved: settled together .*key worker'
    typed note Kim </dev/null
    says 'nothing was recorded'
    check_equal "ctrl-D records nothing" 0 "$(json l1 '[.rows[] | select(.type == "note.added")] | length' show Kim)"
    # Every verb that records, alone on a terminal, given up at the first question.
    while IFS='|' read -r verb type; do
        case $verb in safe) continue ;; esac # needs nothing
        before=$(at l1 status --json | jq '[.sites[].saved] | add')
        # shellcheck disable=SC2086
        typed $verb </dev/null
        if [ "$verb" = huddle ]; then says 'Whom to talk about'; continue; fi
        if [ "$verb" = supervision ]; then continue; fi # needs nothing but a day, which it has
        if grep -qE 'nothing was recorded|is open' <<<"$said" && [ "$before" = "$(at l1 status --json | jq '[.sites[].saved] | add')" ]
        then ok "felloe $verb asks, and takes ctrl-D"; else fail "felloe $verb asks, and takes ctrl-D"; head -5 <<<"$said"; fi
    done < <(at l1 help --json | jq -r '.verbs[] | select(.type) | "\(.verb)|\(.type)"')
fi

# ---- what one does not know yet ----
stop l1
if start_later l1 300000; then
    quiet_is_told() {
        LD_PRELOAD=$B/later.so FELLOE_LATER=300000 at l1 caseload | grep 'Not heard from Ben Hill for 3 days'
    }
    check "a view says whose laptop was not heard, and for how long" wait_until 10 quiet_is_told
else
    skip "a laptop that was not heard for days: no clock can be moved here"
    start l1
fi

# ---- nothing was left out ----
left=()
while read -r verb; do
    case $verb in
    status | log | export | import | audit | backup | verify | repair | rebuild | digest | join | restore | "hub "* | help) continue ;;
    unlock | lock | passphrase | rekey) continue ;;
    esac # those that keep it well and set it up have tests of their own
    [ -n "${used[$verb]:-}" ] || left+=("$verb")
done < <(at l1 help --json | jq -r '.verbs[].verb')
check_equal "every verb was used" "" "${left[*]}"
finish
