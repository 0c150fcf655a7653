#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# CloudEvents in and out: twice adds nothing, a bad line is named and keeps no other out, and what was exported from one
# team can be imported by another.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford lambeth derbyshire
start hub || exit 1
laptop_new l1 hub amy salford lambeth derbyshire
start l1 || exit 1
"$B/felloe-generate" --seed 3 --events 2000 --sites salford,lambeth,derbyshire >"$work/in.jsonl" || exit 1
check_equal "the generator is a function of its seed" "$(sha256sum <"$work/in.jsonl")" "$("$B/felloe-generate" --seed 3 --events 2000 --sites salford,lambeth,derbyshire | sha256sum)"
check "each line is a CloudEvent" jq -se 'all(.[]; .specversion == "1.0" and has("id") and has("source") and has("type"))' "$work/in.jsonl"

check_exit 0 "an import" at l1 import "$work/in.jsonl"
events=$(at l1 log --json | wc -l)
check "adds every line" test "$events" -ge 2000
check_exit 0 "the same import again" at l1 import "$work/in.jsonl"
check_equal "adds nothing" "$events" "$(at l1 log --json | wc -l)"
check_exit 0 "the same import from stdin" at l1 import - <"$work/in.jsonl"
check_equal "adds nothing" "$events" "$(at l1 log --json | wc -l)"
check "it says so with --json" jq -e '.known == 2000 and .saved == 0' <(at l1 import "$work/in.jsonl" --json)

# Bad lines among good ones.
"$B/felloe-generate" --seed 4 --events 50 >"$work/more.jsonl"
{
    head -10 "$work/more.jsonl"
    echo 'this is no JSON'
    sed -n 11,20p "$work/more.jsonl"
    sed -n 21p "$work/more.jsonl" | jq -c '.type = "note.sung" | .id = "sung"'
    echo
    sed -n '22,$p' "$work/more.jsonl"
    sed -n 22p "$work/more.jsonl" | cut -c1-60
} >"$work/bad.jsonl"
check_exit 13 "an import with bad lines" at l1 import "$work/bad.jsonl"
cat "$work/check.out" "$work/check.err" >"$work/said"
check "names line 11" grep -qE '\b11\b' "$work/said"
check "names line 22 and what is wrong with it" grep -E '\b22\b' "$work/said"
check "says note.sung is unknown" grep -q 'note.sung' "$work/said"
check "names the last line" grep -qE '\b53\b' "$work/said"
check_equal "the other 49 went in" $((events + 49)) "$(at l1 log --json | wc -l)"
check_exit 13 "an import of nothing but a bad line" at l1 import - <<<"nothing"
check_exit 0 "an import of nothing" at l1 import /dev/null

# Round trip: out, and into another team's hub.
check_exit 0 "an export" at l1 export "$work/out.jsonl"
check "each exported line is a CloudEvent" jq -se 'all(.[]; .specversion == "1.0" and has("id") and has("source") and has("type") and has("time"))' "$work/out.jsonl"
check_equal "every event is exported" "$(at l1 log --json | wc -l)" "$(wc -l <"$work/out.jsonl")"
# (once the hub has told where its own stand: until then they come last)
exported_the_same() { rm "$work/out.jsonl"; at l1 export "$work/out.jsonl" && cmp -s "$work/out.jsonl" <(at l1 export -); }
check "to stdout it is the same" wait_until 10 exported_the_same
check_exit 0 "importing one's own export" at l1 import "$work/out.jsonl"
check_equal "adds nothing" "$(wc -l <"$work/out.jsonl")" "$(at l1 log --json | wc -l)"

hub_new hub2 salford lambeth derbyshire
start hub2 || exit 1
laptop_new l2 hub2 bea salford lambeth derbyshire
start l2 || exit 1
grep -v '"worker.joined"' "$work/out.jsonl" >"$work/cross.jsonl"
check_exit 0 "importing the export elsewhere" at l2 import "$work/cross.jsonl"
check "shares there" wait_until 60 converged hub2 l2
content() { # what was said of whom by whom, without ids and places in logs
    at "$1" export - | grep -v '"worker.joined"' | jq -cS '{type, data: (.data | if type == "object" then del(.. | .of?, .task?, .goal?, .which?, .appointment?, .resource?, .session?, .outing?, .worry?, .audience?) else . end)}' | sort | sha256sum
}
check_equal "and says the same" "$(content l1)" "$(content l2)"
check_equal "with as many people waiting" "$(json l1 '(.rows? // .) | length' front-door)" "$(json l2 '(.rows? // .) | length' front-door)"
check_equal "the caseload has as many rows" "$(json l1 '(.rows? // .) | length' caseload)" "$(json l2 '(.rows? // .) | length' caseload)"
for d in l1 l2 hub2; do check "verify on $d" verified $d; done
check_exit 8 "an export to where one may not write" at l1 export /proc/none.jsonl
finish
