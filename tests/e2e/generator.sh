#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The generator: as many lines as asked for, the same for the same seed, each one a CloudEvent that the catalogue takes.
# timeout: 60
. "$(dirname "$0")/../lib/e2e.sh"
generate() { "$B/felloe-generate" "$@"; }
# The last line of an import's answer, as JSON.
imported() { at l1 import "$1" --json | jq -ce "$2"; }

for n in 1 17 3000; do
    check_equal "$n lines" "$n" "$(generate --events "$n" | wc -l)"
done
generate --events 3000 --seed 9 --people 40 --workers 5 --months 3 --sites salford,lambeth >"$work/lines.jsonl"
check_equal "the same seed, the same lines" "$(sha256sum <"$work/lines.jsonl")" \
    "$(generate --events 3000 --seed 9 --people 40 --workers 5 --months 3 --sites salford,lambeth | sha256sum)"
check "another seed, other lines" test "$(generate --events 100 --seed 1 | sha256sum)" != "$(generate --events 100 --seed 2 | sha256sum)"
check "each is a CloudEvent of its own" jq -se '(map(.id) | unique | length) == 3000 and all(.[];
    .specversion == "1.0" and (.source | length > 0) and (.data | type == "object"))' "$work/lines.jsonl"
check "in the order of time" jq -se '[.[].time] | . == sort' "$work/lines.jsonl"
check "about as many people, of as many workers and sites as asked for" jq -se \
    '([.[].subject // empty] | unique | length) == 40 and ([.[].worker] | unique | length) == 5 and
     ([.[].site] | unique) == ["lambeth", "salford"]' "$work/lines.jsonl"
check "a person stays in one site" jq -se '[.[] | select(.subject) | [.subject, .site]] | unique | length == 40' "$work/lines.jsonl"
check "three in four were introduced by a GP" jq -se '[.[] | select(.type == "person.introduced") | .data.source] |
    (map(select(. == "A1")) | length) * 100 / length | . > 70 and . < 80' <(generate --events 20000)
check "nearly every type of event happens" jq -se '[.[].type] | unique | length >= 44' <(generate --events 20000)
mkdir "$work/spells"
generate --events 2000 --laptops 3 --spells "$work/spells"
check_equal "as many lines in all, where laptops are without a network" 2000 "$(cat "$work"/spells/*.jsonl | wc -l)"
check "and every laptop has files" test "$(find "$work/spells" -name '*-laptop3.jsonl' | wc -l)" -gt 10
for wrong in "" "--events 0" "--events many" "--events 5 --sites A!" "--events 5 --people 0" "--events 5 more" "--tea"; do
    # shellcheck disable=SC2086
    check "refused, and told how to use it: $wrong" not generate $wrong
done

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amina salford lambeth
start l1 || exit 1
generate --events 2000 --sites salford,lambeth >"$work/more.jsonl"
check "every line is taken by an import" imported "$work/lines.jsonl" '.saved == 3000 and .failed == 0'
check "of another set of people, too" imported "$work/more.jsonl" '.saved == 2000 and .failed == 0'
check "nothing was left out" imported "$work/lines.jsonl" '.known == 3000 and .saved == 0'
check "there is somebody at the front door" json l1 '.rows | length > 0 or error("few")' front-door
check "there are people on the caseload" json l1 '.rows | length > 3 or error("few")' caseload
check "and nothing is to settle: one laptop wrote it all" json l1 '.rows | length == 0 or error("some")' to-settle
finish
