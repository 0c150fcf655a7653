#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make demo`: one hub and four laptops in two sites, as real processes that speak CURVE on loopback. It tells what it
# does, checks it, and ends with "demo: all N checks hold". KEEP=1 leaves everything running.
. "$(dirname "$0")/lib/e2e.sh"
KEEP=${KEEP:-}
begun=$SECONDS
laptops=(amy ben cat dan)
bold='' dim='' plain=''
[ -t 1 ] && bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'

step() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
tell() { printf '  %s\n' "$@"; }
show() { # show NAME VERB…: what somebody would type, and what they would see
    local name=$1
    shift
    printf '  %s%s$ felloe %s%s\n' "$dim" "$name" "$*" "$plain"
    at "$name" "$@" 2>&1 | cut -c1-118 | sed 's/^/    /'
}
check() { # a check says nothing when it holds
    local text=$1
    shift
    if "$@" >"$work/check.out" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        printf '  DOES NOT HOLD: %s\n' "$text"
        head -5 "$work/check.out" | sed 's/^/    /'
    fi
}
all_same() { converged hub "${laptops[@]}"; }

step "1. A hub for two sites, and four laptops that join it with tickets"
hub_new hub salford lambeth || exit 1
start hub || exit 1
tell "hub: sites salford and lambeth, at tcp://127.0.0.1:${port[hub]}"
invite_for() { # invite_for WORKER SITE NAME ROLE
    invite_options=(--name "$3" --role "$4")
    laptop_new "$1" hub "$1" "$2" || return 1
    sed -i 's/^pull_wait *=.*/pull_wait = 2/' "$work/$1/felloe.conf" # seconds; so that the hub hears of them often
    start "$1" && tell "$1: $3, $4, $2"
}
invite_for amy salford "Amy Okafor" "support worker" || exit 1
invite_for ben salford "Ben Shaw" "nurse" || exit 1
invite_for cat lambeth "Cat Reid" "peer worker" || exit 1
invite_for dan lambeth "Dan Price" "occupational therapist" || exit 1
check "all four are in" wait_until 30 all_same
invite_options=()
ticket=$(invite hub eve lambeth)
check "a ticket lets one in" at eve join "$ticket" --unlock none
check "and only one" not at mallory join "$ticket" --unlock none
check "who can be shut out again" at hub hub revoke "$(at hub hub devices --json | jq -r '.[] | select(.worker == "eve") | .device')" --why "a try"

step "2. A crisis in Salford begins as a worry. Jo is with the team; Amy, a support worker, is worried, and says so"
jo=$(at amy introduce Jo --source themselves --own-words "I would like to get out more" --json | jq -r .person)
at amy welcome Jo --offer short >/dev/null
at amy worried-about Jo "does not sleep, gives things away" --protects "the sister rings every evening" --urgency routine >/dev/null
check "it arrives" wait_until 30 all_same
show ben safety
check "Ben sees what they hold together" grep -q "gives things away" <(at ben safety)
check "Cat's laptop, in Lambeth, does not hold it" not at cat show "$jo"

step "3. The network goes. Ben had a good talk with Jo. Amy, who cannot know, meets Jo and hears worse"
stop hub
at ben stand-down Jo "does not sleep" "a good week; talked it through with Jo" >/dev/null
at ben safety-plan Jo --helps "call the crisis line" >/dev/null
at ben keyworker Jo ben --person-agrees >/dev/null
at amy worried-about Jo "says it would be better not to wake up" --protects "the sister" --urgency "very urgent" >/dev/null
at amy crisis open Jo "very urgent" --where "at home" --trigger "a letter from the landlord" --on "3 hours ago" >/dev/null
at amy safety-plan Jo --helps "call the sister" >/dev/null
at amy keyworker Jo amy --person-agrees >/dev/null
tell "Saved on each laptop, though there is no hub:"
show amy status
waiting() { json "$1" '[.sites[].waiting] | add' status; }
check "Amy has four entries waiting" test "$(waiting amy)" = 4
check "Ben has three" test "$(waiting ben)" = 3
check "what is not shared is not called shared" test "$(json amy '[.sites[] | .saved - .shared] | add' status)" = 4

step "4. Still no network, and Cat's laptop in Lambeth dies twice (kill -9) while it takes in 2,000 events"
at cat introduce --known-as Lee --source Q1 --urgency 1 >/dev/null
"$B/felloe-generate" --seed 11 --events 2000 --sites lambeth >"$work/lambeth.jsonl"
saved=$(at cat log --json | jq -r .id | sort)
for _ in 1 2; do
    at cat import "$work/lambeth.jsonl" >/dev/null 2>&1 &
    import=$!
    random_moment 300
    kill_9 cat
    wait $import
    start cat
done
now=$(at cat log --json | jq -r .id | sort)
check "nothing that was saved is lost" test -z "$(comm -23 <(echo "$saved") <(echo "$now"))"
at cat import "$work/lambeth.jsonl" --json >"$work/import.json" 2>/dev/null
tell "Imported once more after the kills: $(jq -r '"\(.known) were there already, \(.saved) came in now"' "$work/import.json")"
check "every line is in, once" test "$(jq '.known + .saved' "$work/import.json")" = 2000
check "the record on that laptop verifies" verified cat

step "5. The network comes back. Nobody does anything, and everything converges"
start hub
before=$SECONDS
check "all views are byte-identical on the hub and each laptop" wait_until 60 all_same
tell "after $((SECONDS - before)) s. Ben stood down the one worry that he knew of. The other one is open, and so is the crisis:"
show ben safety
check "the worry that Ben had not heard of is open" grep -q "not to wake up" <(at ben safety)
check "the one that he stood down is not" not grep -q "gives things away" <(at ben safety)
check "the four hours run" test "$(json ben '.rows[0].clock // empty | length > 0' safety)" = true
tell "Both wrote what helps, and both agreed a key worker. Nothing was overwritten:"
show ben to-settle
check "Ben finds both lines of the safety plan" test "$(at ben to-settle | grep -oE 'call the (sister|crisis line)' | sort -u | wc -l)" = 2
check "and so does Amy" test "$(at amy to-settle | grep -oE 'call the (sister|crisis line)' | sort -u | wc -l)" = 2

step "6. Ben goes there; the clock stops. They talk, and settle it together. Amy does not carry it home alone"
at ben crisis respond Jo "stayed until the sister came" --how "face to face" --who ben --on "1 hour ago" >/dev/null
number() { json ben "[.rows[] | select(.field == \"$1\") | .number] | first" to-settle; }
at ben settle "$(number safety_helps)" --text "call the sister, then the crisis line" --with amy >/dev/null
at ben settle Jo keyworker amy --with amy >/dev/null
at amy worry share "today's visit does not leave me alone" >/dev/null
check "it reaches everyone" wait_until 30 all_same
at ben worry hold "today's visit" >/dev/null
check "so does Ben's answer" wait_until 30 all_same
show amy show Jo
show amy worries
check "nothing is left to settle" test "$(json amy '[.sites[].to_settle] | add' status)" = 0
check "Amy is the key worker" grep -q "Amy Okafor" <(at ben caseload)
check "Ben holds it too" grep -q "Ben Shaw" <(at amy worries)
check "search finds who said what" grep -q landlord <(at ben search landlord)

step "7. What don't we know? When each laptop was last heard, and what waits"
heard_all() { [ "$(at hub freshness --json | jq '[.. | objects | .waiting? // empty] | add')" = 0 ]; }
check "the hub has heard that nothing waits" wait_until 15 heard_all
show hub freshness
show dan status
check "the hub has heard all four" test "$(at hub freshness --json | jq '[.. | objects | select(has("device"))] | length')" -ge 4
check "nothing waits anywhere" test "$(for l in "${laptops[@]}"; do waiting "$l"; done | sort -u)" = 0
check "Dan, who did nothing, has Lambeth's 2,000" test "$(at dan log --site lambeth --json | wc -l)" -gt 2000

step "8. Every chain, hash, signature and position, from the first event on"
for d in hub "${laptops[@]}"; do
    check "verify on $d" verified $d
    tell "$(printf '%-4s' $d) $(at $d verify | head -1)"
done

step "9. Dan's laptop is left on a train, with something on it that nobody else has. A passphrase opens it"
check "Dan has a passphrase" at dan passphrase set --passphrase-fd 3 3<<<"four plain words together"
stop hub
check "Dan writes with no hub there" at dan introduce Kit --source drop-in --own-words "somebody to talk to"
stop dan
start hub
device=$(at hub hub devices --json | jq -r '.[] | select(.worker == "dan") | .device')
check "his laptop is shut out" at hub hub revoke "$device" --why "left on a train"
start dan
tell "Somebody finds it, and opens its lid:"
show dan caseload
handed_over() { [ "$(at hub hub quarantine --json | jq '[.[].events] | add // 0')" = 1 ]; }
check "what Dan wrote is handed over, and kept aside" wait_until 30 handed_over
show hub hub quarantine dan
check "somebody who looked at it takes it in" at hub hub quarantine dan --accept
kit_is_there() { at cat show Kit >/dev/null 2>&1; }
check "then Cat has it" wait_until 30 kit_is_there
tell "" "Who opened Jo's record? Each laptop wrote it down before it showed anything:"
show hub audit Jo --limit 4

printf '\n'
if [ "$failed" != 0 ]; then
    echo "demo: $failed of $((passed + failed)) checks do NOT hold"
    exit 1
fi
if [ -n "$KEEP" ]; then
    trap - EXIT
    disown -a
    tell "Everything is still running (KEEP=1). Look around:" \
        "  $B/felloe --dir $work/amy caseload" \
        "  $B/felloe --dir $work/ben show Jo" \
        "  $B/felloe --dir $work/hub hub devices" \
        "Stop it and throw it away:" \
        "  kill ${pid[*]}; rm -r $work" ""
fi
tell "$((SECONDS - begun)) seconds."
echo "demo: all $passed checks hold"
