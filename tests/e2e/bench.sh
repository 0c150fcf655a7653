#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The bench measures what it says, and what fell is found: with tiny numbers, so that no time that is measured matters.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
export B OUT=$work/bench.jsonl ROUNDS=1 EVENTS=2000 SECONDS_EACH=1
bench=$root/tests/bench

check "a figure with its limit, and one without, are measured" "$bench/run" record-one memory
check_equal "each as a line of JSON with all that was promised" '["record-one","memory-laptop"]' \
    "$(jq -sc '[.[] | select(has("figure") and has("value") and has("unit") and has("limit") and has("ratio") and
        has("goal") and has("holds")) | .figure]' "$OUT")"
check_equal "what is measured is judged" true "$(jq -s '.[0] | .ratio > 0 and .holds == (.ratio >= 0.85)' "$OUT")"
# judged GOAL SAMPLE…: of samples "VALUE LIMIT [RATIO]", the value, the limit, the ratio and whether the goal holds.
judged() (
    goal=$1 out=$work/judged.jsonl machine=m commit=c by=x events=1 each=1
    shift
    . "$bench/judge.sh"
    for sample; do
        read -r value limit ratio <<<"$sample"
        sample x "$value" /s "$limit" ${ratio:+"$ratio"} 2>/dev/null
    done
    judge x "$goal" "what is judged" >/dev/null
    jq -c '[.value, .limit, .ratio, .holds]' "$out"
    rm "$out"
)
check_equal "a ratio is the value's to the limit's, and the median of the rounds'" '[20,40,0.5,true]' \
    "$(judged "ratio >= 0.5" "10 40" "20 40" "30 40")"
check_equal "or that of slices in turns, where it was so measured" '[20,40,0.3,false]' \
    "$(judged "ratio >= 0.5" "20 40 0.3")"
check_equal "some are to be low" '[20,40,0.5,false]' "$(judged "value <= 5" "20 40")"
check "it goes into a table" grep -q '^| record one by one, .* | ≥ 0.85 |' <("$bench/tables" bench "$OUT")
# Two peers of which one is faster, without waiting for the disk: that has to be said.
{
    for line in 'felloe 0 durable 1000 yes' 'fleet 1 async 5000 no' 'slow 2 durable 10 yes'; do
        read -r system version mode value durable <<<"$line"
        jq -nc --arg system "$system" --arg version "$version" --arg mode "$mode" --argjson value "$value" \
            --arg durable "$durable" '{$system, $version, $mode, work: "one", $value, $durable, asked: "what it is",
                events: 1, rounds: 1, machine: "m", commit: "c"}'
    done
} >"$work/peers.jsonl"
"$bench/tables" peers "$work/peers.jsonl" >"$work/peers.md"
check "where a peer is ahead its table says so" grep -qF \
    '**Ahead of Felloe here**: one by one: fleet 5 times (not durable).' "$work/peers.md"
check "what each was asked to do stands beside it" grep -qxF -e '- **slow**: what it is.' "$work/peers.md"
check_exit 2 "a figure that there is not" "$bench/run" swiftness

# What was kept is of this very run; then of one that was five times as fast, and half as large.
export B=$work/kept KEPT=$work/kept/kept.json
mkdir "$B" && cp "$OUT" "$B/bench.jsonl"
check "a run is kept" "$bench/check" keep
check "nothing fell below itself" "$bench/check"
jq '.figures["record-one"].is *= 1.2' "$KEPT" >"$KEPT.new" && mv "$KEPT.new" "$KEPT"
check "a sixth is no fall" "$bench/check"
jq '.figures["record-one"].is *= 5' "$KEPT" >"$KEPT.new" && mv "$KEPT.new" "$KEPT"
"$bench/check" >"$work/fell"
check_equal "what fell is an error" 1 $?
check "it is named, with both ratios" grep -qE '^record-one ratio [0-9.]+, kept [0-9.]+: fell by 83 %$' "$work/fell"
check_equal "what did not fall is not named" 1 "$(wc -l <"$work/fell")"
jq '.figures["record-one"].is /= 6 | .figures["memory-laptop"].is /= 2' "$KEPT" >"$KEPT.new" && mv "$KEPT.new" "$KEPT"
check "of a size more is worse" grep -q '^memory-laptop value .* MiB, kept .*: fell by 50 %$' <("$bench/check")
finish
