#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Coming back in Derbyshire: a farewell while somebody else is still with the person; months later they come back by two
# doors at once. One person, one time of support, and what was known goes along, marked to be checked.
# timeout: 300
. "$(dirname "$0")/../lib/e2e.sh"
. "$root/tests/lib/net.sh"
. "$root/tests/lib/days.sh"

hub_new hub dales
start hub || exit 1
laptop_new d1 hub eve dales
laptop_new d2 hub fay dales
start d1 && start d2 || exit 1
jo=$(at d1 introduce --known-as Jo --source A1 --json | jq -r .person)
rec d1 support.started "$jo" episode=E1 >/dev/null
goal=$(rec d1 goal.set "$jo" own_words="Walk to the canal and back" baseline=4)
rec d1 aboutme.changed "$jo" section=matters text="The garden" >/dev/null
rec d1 safetyplan.agreed "$jo" helps="ring the sister" >/dev/null
rec d1 accessneed.recorded "$jo" need=format detail="text only" >/dev/null
check "everybody knows Jo" wait_until 30 converged hub d1 d2

stop hub
rec d1 contact.recorded "$jo" attendance=5 mechanism=01 purpose=farewell text="Looked back" >/dev/null
rec d1 support.ended "$jo" episode=E1 reason=02 agreed=yes way_back="Ring us" >/dev/null
rec d2 contact.recorded "$jo" attendance=5 mechanism=01 minutes=60 text="Walked to the canal" >/dev/null
rec d2 goal.scored "$jo" goal="$goal" score=6 by=person >/dev/null
support() { at "$1" show "$jo" --json | jq -r .support; }
still_open() {
    local d
    for d in hub d1 d2; do
        check_equal "$d: it stays open" active "$(support $d)"
        check_equal "$d: ended while seen, to settle" '["active","ended"]' \
            "$(rows $d to-settle '[.rows[] | select(.field == "support") | .choices[]] | sort')"
        check_equal "$d: the goal came from 4 to 6" '[4,6,2]' "$(rows $d goals '.rows[0] | [.baseline, .latest, .change]')"
        check_equal "$d: no date of retention" null "$(at $d show "$jo" --json | jq -c '.retain_until // null')"
    done
}
in_every_order hub d1 d2 -- still_open

rec d2 conflict.settled "$jo" what=support chosen=ended with=eve >/dev/null
check "settled together" wait_until 30 converged hub d1 d2
for d in hub d1 d2; do
    check_equal "$d: ended" ended "$(support $d)"
    check "$d: with a date of retention" test "$(at $d show "$jo" --json | jq -c '.retain_until // null')" != null
done

# Jo comes back to Fay; the hub hears of it from a charity. Both laptops write down what helps.
stop hub
stop d1
stop d2
start hub
at hub record person.introduced --worker admin --person "$jo" source=G4 >/dev/null
stop hub
start d1 && start d2 || exit 1
rec d2 support.returned "$jo" source=B1 previous=E1 >/dev/null
rec d1 aboutme.changed "$jo" section=helps text="A walk before noon" >/dev/null
rec d2 aboutme.changed "$jo" section=helps text="Being rung back" >/dev/null
rec d1 measure.completed "$jo" dialog=4 dialog=4 dialog=4 dialog=4 dialog=4 dialog=4 dialog=4 dialog=4 dialog=5 dialog=5 dialog=5 >/dev/null
rec d2 measure.completed "$jo" dialog=5 dialog=5 dialog=5 dialog=5 dialog=5 dialog=5 dialog=5 dialog=5 dialog=6 dialog=6 dialog=6 >/dev/null
back() {
    local d
    for d in hub d1 d2; do
        check_equal "$d: one person" 1 "$(rows $d caseload '[.rows[].id] | unique | length')"
        check_equal "$d: with us" active "$(support $d)"
        check_equal "$d: who is not at the front door too" 0 "$(rows $d front-door '.rows | length')"
        check_equal "$d: no two times of support at once" 0 "$(rows $d to-settle '[.rows[] | select(.field == "episode")] | length')"
        check_equal "$d: both ways in are kept" '["A1","B1","G4"]' \
            "$(at $d show "$jo" --json | jq -c '[.rows[] | .fields.source // empty] | sort')"
        check "$d: no date of retention any more" test "$(at $d show "$jo" --json | jq -c '.retain_until // null')" = null
        check_equal "$d: what was known goes along, to be checked" true \
            "$(at $d show "$jo" --json | jq '[.record[] | select(.from_before)] | length >= 4')"
        check_equal "$d: both lines of what helps" '["A walk before noon","Being rung back"]' \
            "$(rows $d to-settle '[.rows[] | select(.field == "aboutme") | .values[]] | sort')"
        check_equal "$d: two questionnaires stay two" 2 \
            "$(at $d show "$jo" --json | jq '[.rows[] | select(.type == "measure.completed")] | length')"
        check "$d verifies" verified $d
    done
}
in_every_order hub d1 d2 -- back
finish
