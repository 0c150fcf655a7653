#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line as people and pipes use it: where the directory comes from, following the log, progress on a terminal
# and none in a pipe, interrupting, waiting, and readers that go away.
# timeout: 90
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
person=$(at l1 introduce --known-as Jo --source Q1 --json | jq -r .person)

# Where the directory comes from.
check "FELLOE_DIR names it" env FELLOE_DIR="$work/l1" "$B/felloe" status
mkdir -p "$work/data" "$work/home/.local/share"
ln -s "$work/l1" "$work/data/felloe"
ln -s "$work/l2" "$work/home/.local/share/felloe"
check_equal "then XDG_DATA_HOME" amy "$(XDG_DATA_HOME=$work/data "$B/felloe" status --json | jq -r .worker)"
check_equal "then the home directory" bea "$(env -u XDG_DATA_HOME HOME="$work/home" "$B/felloe" status --json | jq -r .worker)"
check_equal "--dir goes before all" amy "$(FELLOE_DIR=$work/l2 "$B/felloe" --dir "$work/l1" status --json | jq -r .worker)"

# Following: what another laptop records comes by itself, once.
at l2 log --follow --json >"$work/followed" 2>/dev/null &
follower=$!
check "the follower starts with what is there" wait_until 20 grep -q "$person" "$work/followed"
id=$(at l1 note Jo "followed" --json | jq -r .id)
check "it is told what another laptop records" wait_until 20 grep -q "$id" "$work/followed"
check_equal "once" 1 "$(grep -c "$id" "$work/followed")"
check "status --wait waits until all is shared and received" timeout 30 "$B/felloe" --dir "$work/l1" status --wait
kill_9 l2
gone() { ! kill -0 $follower; }
check "the follower ends when its daemon does" wait_until 10 gone
start l2

# Pipes and terminals.
"$B/felloe-generate" --seed 5 --events 3000 >"$work/events.jsonl"
at l1 import "$work/events.jsonl" >"$work/out" 2>"$work/err"
check_equal "no progress in a pipe" "" "$(cat "$work/err")"
check_equal "one line says what was done" "Saved 3000 events" "$(cat "$work/out")"
"$B/felloe-generate" --seed 6 --events 6000 >"$work/events.jsonl"
if script -qec true /dev/null >/dev/null 2>&1; then
    script -qec "'$B/felloe' --dir '$work/l1' import '$work/events.jsonl'" /dev/null >"$work/typescript" 2>&1
    check "a progress bar on a terminal" grep -q 'importing' "$work/typescript"
else
    at l1 import "$work/events.jsonl" >/dev/null
    skip "a progress bar on a terminal: no terminal can be made here"
fi
check_equal "a reader that goes away is no error" "0 0" \
    "$(at l1 log --json 2>"$work/err" | head -1 >/dev/null; echo "${PIPESTATUS[1]} $(wc -l <"$work/err")")"

# Interrupted: what was saved stays, and the same import goes on.
"$B/felloe-generate" --seed 8 --events 25000 >"$work/events.jsonl"
"$B/felloe" --dir "$work/l1" import "$work/events.jsonl" >"$work/out" 2>"$work/err" &
import=$!
more() { [ "$(json l1 '[.sites[].saved] | add' status)" -gt 9500 ]; }
wait_until 20 more
kill -INT $import
wait $import
code=$?
if [ $code = 0 ]; then skip "interrupting: the import was through before"; else
    check_equal "an interrupted import is exit 130" 130 $code
    check "it says how to go on: $(head -c 150 "$work/err")" grep -qiE 'again|go on' "$work/err"
fi
check "the import goes on" at l1 import "$work/events.jsonl"
check_equal "and adds each once, and what tells of those that are restricted" \
    "$((34002 + $(at l1 log --json | grep -c '"type":"entry.restricted"')))" "$(json l1 '[.sites[].saved] | add' status)"

# Tables for people, JSON for programs.
for v in caseload front-door to-settle freshness status types verify digest log; do
    check "$v --json is JSON" jq -es 'length > 0' <(at l1 "$v" --json)
done
check "types lists the catalogue" test "$(at l1 types | grep -c '\.')" -ge 13
check "types of one shows its fields and merge rules" grep -qi 'settle' <(at l1 types person.details.recorded)
check "no colour in a pipe" not grep -q $'\e' <(at l1 status; at l1 caseload; at l1 show Jo)
finish
