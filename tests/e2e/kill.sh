#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments under load, KILLS (200) times, spread over a hub and two laptops. Whatever was said to be
# saved is in the record everywhere afterwards, exactly once; every chain verifies; all views are the same.
# timeout: 280
. "$(dirname "$0")/../lib/e2e.sh"
kills=${KILLS:-200}
RANDOM=${SEED:-$$}
echo "seed ${SEED:-$$}"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford lambeth
start l1 && start l2 || exit 1
person=$(at l1 introduce --known-as Jo --source Q1 --site salford --json | jq -r .person)
check "it works before the first kill" wait_until 30 converged hub l1 l2

# Load: each laptop records one by one, and keeps the id of what was said to be saved.
load() {
    local laptop=$1 n=0 answer
    while [ -e "$work/loading" ]; do
        n=$((n + 1))
        answer=$(at "$laptop" note "$person" "$laptop $n" --json 2>/dev/null) &&
            jq -r .id <<<"$answer" >>"$work/$laptop.saved"
    done
    echo $n >"$work/$laptop.tried"
}
# And one imports, again and again until it has got through: what is in already is not added again.
"$B/felloe-generate" --seed 7 --events 3000 >"$work/import.jsonl" || exit 1
lines=$(wc -l <"$work/import.jsonl")
import_until_done() {
    while [ -e "$work/loading" ]; do at l2 import "$work/import.jsonl" >/dev/null 2>&1 && break; done
    echo done >"$work/imported"
}
touch "$work/loading" "$work/l1.saved" "$work/l2.saved"
load l1 &
load l2 &
import_until_done &

begun=$SECONDS
victims=(hub l1 l2)
for ((i = 0; i < kills; i++)); do
    victim=${victims[$((RANDOM % 3))]}
    random_moment 250
    # Some die while they start: before anything is known to answer.
    if [ $((RANDOM % 8)) = 0 ]; then
        kill_9 "$victim"
        "$B/felloed" --dir "$work/$victim" >>"$work/$victim.log" 2>&1 &
        pid[$victim]=$!
        random_moment 60
        i=$((i + 1))
    fi
    kill_9 "$victim"
    start "$victim" || exit 1
done
ok "$kills kills, each followed by a start, in $((SECONDS - begun)) s"
rm "$work/loading"
wait_until 30 test -s "$work/l1.tried" -a -s "$work/l2.tried" -a -s "$work/imported"

check "the import gets through at last" at l2 import "$work/import.jsonl"
check "all is shared and the views are the same" wait_until 60 converged hub l1 l2
for d in hub l1 l2; do check "verify on $d" verified $d; done

at hub log --json | jq -r .id | sort >"$work/ids"
check "no event is there twice" test -z "$(uniq -d <"$work/ids")"
for l in l1 l2; do
    check "all $(wc -l <"$work/$l.saved") that $l said were saved are at the hub" \
        test -z "$(sort "$work/$l.saved" | comm -23 - "$work/ids" | head -3)"
    check "and on the other laptop" \
        test -z "$(sort "$work/$l.saved" | comm -23 - <(at $([ $l = l1 ] && echo l2 || echo l1) log --json | jq -r .id | sort) | head -3)"
    check "the load was a load: $(wc -l <"$work/$l.saved") of $(cat "$work/$l.tried")" test "$(wc -l <"$work/$l.saved")" -ge "$kills"
done
imported=$(at hub log --json | jq -r 'select(.type != "note.added" or (.fields.text // .data.text // "" | test("^l[12] [0-9]+$") | not)) | .id' | wc -l)
check "every one of $lines imported lines is there once ($imported events that are not notes of the load)" \
    test "$imported" -ge "$lines"
finish
