#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hub that begins an epoch, and a laptop that goes on as another incarnation, open their logs again while people work:
# no request fails, whoever follows the log misses nothing, and a signal in the midst of it is heard.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

# Asks and records without a pause until told to stop; what went wrong is in $work/errors.
keep_busy() {
    local name=$1 i=0
    while [ ! -e "$work/enough" ]; do
        i=$((i + 1))
        at "$name" status --json >/dev/null 2>>"$work/errors" || echo "status at $name: $?" >>"$work/errors"
        if [ "$name" != hub ]; then
            at "$name" note Jo "$name is busy, $i" >/dev/null 2>>"$work/errors" || echo "note at $name: $?" >>"$work/errors"
            echo "$name is busy, $i" >>"$work/said.$name"
        fi
    done
}

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
at l1 introduce --known-as Jo --source Q1 >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2
stop l1
cp -a "$work/l1" "$work/older-l1"
start l1 || exit 1
at l1 note Jo "since the copy of the laptop" >/dev/null
check "it is shared" wait_until 30 converged hub l1 l2
stop hub
cp -a "$work/hub" "$work/older-hub"
start hub || exit 1
at l2 note Jo "since the copy of the hub" >/dev/null
check "so is what comes after the copies" wait_until 30 converged hub l1 l2

# Both are put back, and meet again while people work at all three.
stop hub && stop l1
for d in hub l1; do rm -rf "$work/$d" && mv "$work/older-$d" "$work/$d"; done
start l1 || exit 1
at l1 note Jo "on the older copy" >/dev/null
at l1 log --follow --json >"$work/followed" 2>>"$work/errors" &
follower=$!
start hub || exit 1
for d in hub l1 l2; do keep_busy $d & busy+=($!); done
opened() { [ "$(grep -c "the log was opened again" "$work/$1.log")" -ge 1 ]; }
check "the hub opens its log again" wait_until 30 opened hub
check "the laptop opens its log again" wait_until 30 opened l1
for _ in 1 2 3; do kill -HUP "${pid[hub]}" "${pid[l1]}"; done
check "the hub is there" is_up hub
touch "$work/enough"
wait "${busy[@]}"
check "all come together" wait_until 40 converged hub l1 l2
check_equal "no request failed" "" "$(cat "$work/errors" 2>/dev/null)"
remember hub after
whole "in the end" after hub l1 l2
for d in l1 l2; do
    check_equal "all that $d said is in the record" "$(sort "$work/said.$d")" "$(notes hub | grep "^$d is busy" | sort)"
done
check "and what was said before" has_words hub "since the copy of the laptop" "since the copy of the hub" "on the older copy"

# The follower has each entry, those that were written again under their new name as well.
followed_all() { [ -z "$(comm -23 <(cut -d' ' -f3 "$work/l1.entries" | sort) <(jq -r .id "$work/followed" | sort))" ]; }
take l1
check "who follows the laptop's log misses nothing" wait_until 10 followed_all
check_equal "and is told nothing twice" "" "$(jq -r .id "$work/followed" | sort | uniq -d)"
kill $follower 2>/dev/null
for d in hub l1 l2; do
    stop $d
    check_equal "$d ends as it should" 0 "$exit_code"
done
finish
