#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every look is recorded: whichever way somebody's record is opened, before it is shown, offline too; it comes to the hub,
# and only the auditors' secret opens it there. Where it cannot be recorded, nothing is shown.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub ben salford
start l1 || exit 1
start l2 || exit 1
jo=$(at l1 introduce --known-as Jo --source Q1 --json | jq -r .person)
sam=$(at l1 introduce --known-as Sam --source Q1 --json | jq -r .person)
at l1 note Jo "asked about the allotment" >/dev/null
check "before anybody looks" wait_until 20 converged hub l1 l2

# What the auditors read: [worker, how, what, whom] of each look, the oldest first; theirs left out.
auditors=()
audit() { at hub audit "$@" "${auditors[@]}" --json </dev/null; }
looks() { audit "$@" | jq -c '[.looks[] | select(.how != "audit") | [.worker, .how, .what, ([.people[].name] | sort | join(" "))]]'; }
has() { # has JSON: the looks are at last just these
    expected=$(jq -c . <<<"$1")
    wait_until 20 eval '[ "$(looks)" = "$expected" ]' && return
    looks
    return 1
}
check_equal "nobody did, and recording is none" "[]" "$(looks)"

# ---- every way of opening ----
at l1 show Jo >/dev/null
all='["amy","show","","Jo"]'
check "show, with all the views that it takes, is one look" has "[$all]"
at l1 before-you-call Jo >/dev/null
all+=',["amy","before-you-call","","Jo"]'
at l2 front-door >/dev/null
all+=',["ben","view","front-door","Jo Sam"]'
check "a call, and a list with the people in it" has "[$all]"
at l1 search allotment >/dev/null
all+=',["amy","search","","Jo"]'
at l1 log >/dev/null
all+=',["amy","log","","Jo Sam"]'
at l1 export "$work/all.json" >/dev/null
all+=',["amy","export","","Jo Sam"]'
at l2 news >/dev/null
all+=',["ben","news","","Jo Sam"]'
at l1 goals Sam >/dev/null
all+=',["amy","view","goals","Sam"]'
check "a hit, the log, an export, news, one of the views" has "[$all]"
at l1 search nothing-like-it >/dev/null
at l1 resources >/dev/null
at l1 status >/dev/null
at l1 log --from 9999 >/dev/null
check_equal "what shows nobody is no look" "[$all]" "$(looks)"
at hub show Sam >/dev/null
all+=',["hub","show","","Sam"]'
check "the hub's own are recorded, too" has "[$all]"

# ---- offline ----
stop hub
at l1 show Sam >/dev/null
all+=',["amy","show","","Sam"]'
check_equal "offline it waits, on a line of its own" "true 0" "$(json l1 '.looks.waiting > 0' status) $(json l1 '[.sites[].waiting] | add' status)"
check "which status says" grep -q "Looks at the record to share" <(at l1 status)
kill_9 l1
start l1 || exit 1
check_equal "killed, it waits still" true "$(json l1 '.looks.waiting > 0' status)"
start hub || exit 1
check "and comes to the hub with the rest" has "[$all]"

# ---- of whom, by whom ----
check_equal "of one person" '["show","before-you-call","view","search","log","export","news"]' "$(audit Jo | jq -c '[.looks[] | select(.how != "audit") | .how]')"
check_equal "of one worker" '["view","news"]' "$(audit ben | jq -c '[.looks[] | .how]')"
check_equal "by the whole id" "$(looks Jo)" "$(looks "$jo")"
check_equal "and who read that" true "$(audit hub | jq '[.looks[] | select(.how == "audit")] | length > 0')"
check_equal "since tomorrow none" 0 "$(audit --since "in 1 days" | jq '.looks | length')"
check_exit 4 "of nobody" at hub audit Nobody
check_equal "who asked the daemon" "\"$(id -un)\"" "$(audit | jq -c '[.looks[].user] | unique[]')"
check "as FHIR AuditEvents" jq -se --arg jo "$jo" '
    length > 0 and all(.[]; .resourceType == "AuditEvent" and (.recorded | length) > 0 and .agent[0].requestor and
        .source.observer.identifier.system == "urn:felloe:device" and (.type.code | length) > 0 and
        any(.entity[]; .what.identifier.value == $jo))' <(at hub audit Jo --fhir)
check "without names" not grep -qE 'Jo"|Sam"' <(at hub audit Jo --fhir)

# ---- whose secret opens it ----
check "at first whoever runs the hub" grep -q "as the hub itself is" <(at hub hub auditors)
echo "the auditors alone" >"$work/secret"
echo "somebody else's guess" >"$work/guess"
check "the auditors take a passphrase" at hub hub auditors --passphrase --passphrase-fd 3 3<"$work/secret"
check_exit 2 "without it not the hub itself" at hub audit </dev/null
check_exit 8 "nor with another" at hub audit --passphrase-fd 3 3<"$work/guess"
check_exit 8 "nor is it changed so" at hub hub auditors --like-hub --passphrase-fd 3 3<"$work/guess"
audit() { at hub audit "$@" --passphrase-fd 3 --json 3<"$work/secret"; }
check_equal "with it all is there" "[$all]" "$(looks)"
at l2 show Sam >/dev/null
all+=',["ben","show","","Sam"]'
check "and what comes" has "[$all]"
stop hub
start hub || exit 1
check_equal "after a restart, too" "[$all]" "$(looks)"
check_exit 8 "a laptop reads none" at l1 audit
check_exit 4 "audit is no site" at l1 log --site audit
check_exit 3 "nor can one be called so" at hub hub init --name x --site audit --listen tcp://127.0.0.1:7399 --unlock none --dir "$work/x"
check "nobody's looks lie open" not grep -rqaE 'record\.opened|before-you-call' "$work"/{hub,l1,l2}/{log,keys}
check_equal "no list of sites has it" '["commons","salford"]' "$(json hub '[.sites[].site]' status)"
for d in hub l1 l2; do check "verify on $d" verified $d; done
check_equal "which looks at its chains, too" true "$(json hub '.looks.events >= 12 and .looks.problems == 0' verify)"

# ---- the hub's directory is lost: the backup of the keys has the auditors', too ----
at hub backup --keys "$work/keys" >/dev/null
at hub backup "$work/log" >/dev/null
stop hub
mv "$work/hub" "$work/hub.gone"
check "put back" at hub hub restore "$work/log" --keys "$work/keys"
start hub || exit 1
check "the auditors read on, and laptops bring what it lacks" has "[$all]"
check_exit 2 "with their passphrase" at hub audit </dev/null

# ---- not recorded, not shown ----
if grep -q -- -fsanitize "$B/.flags"; then
    skip "a disk that is full, a daemon that is killed: nothing can be preloaded under a sanitizer"
    finish
fi
stop hub
stop l1
will=$work/will
hindered() { prefix="env LD_PRELOAD=$B/at_will.so FELLOE_WILL=$will FELLOE_WILL_DIR=$work/l1" start l1; }
ways=("show Jo" "show Jo --json" "before-you-call Jo" "front-door" "search allotment" "log" "export -")
hindered || exit 1
check "it shows" grep -q Jo <(at l1 show Jo)
echo full >"$will"
for way in "${ways[@]}"; do
    # shellcheck disable=SC2086
    at l1 $way >"$work/out" 2>"$work/err"
    code=$?
    check_equal "felloe $way: exit 11 on a full disk" 11 $code
    check_equal "and shows nobody" 0 "$(cat "$work/out" "$work/err" | grep -ciE 'jo\b|sam\b|allotment')"
done
check "it says why" grep -q "Nothing is shown.*recorded" "$work/err"
rm "$will"
check "with room it shows again" wait_until 10 eval 'at l1 show Jo | grep -q Jo'

echo stop >"$will"
timeout 60 "$B/felloe" --dir "$work/l1" show Jo >"$work/out" 2>&1 &
shown=$!
check "stopped before the look is durable" wait_until 10 grep -q "^State:.*T" "/proc/${pid[l1]}/status"
check_equal "nothing is shown yet" "" "$(cat "$work/out")"
thaw l1
wait $shown
check "then it is" grep -q Jo "$work/out"

echo kill >"$will"
at l1 show Jo >"$work/out" 2>"$work/err"
check_equal "killed before the look is durable: nothing was shown" "" "$(cat "$work/out")"
check "the daemon was killed" not kill -0 "${pid[l1]}"
wait "${pid[l1]}" 2>/dev/null
unset "pid[l1]"
rm -f "$will"
start l1 || exit 1
start hub || exit 1
for _ in 1 2 3; do all+=',["amy","show","","Jo"]'; done
check "what was shown came to the hub, and nothing else" has "[$all]"
check "verify is clean" verified l1
finish
