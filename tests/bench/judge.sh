# SPDX-License-Identifier: Apache-2.0
# Samples and what becomes of them: for the figures of the bench, and for the peers'. Source it after lib/e2e.sh.
# shellcheck shell=bash disable=SC2034,SC2154
declare -A values=() limits=() ratios=() units=() stalls_p50=() stalls_p99=()

# progress WORDS: how far it is, on stderr.
progress() { printf '%s\n' "$*" >&2; }
# machine_of DIR: what this machine is, with the file system of DIR, in $machine.
machine_of() {
    machine="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -sr)"
    machine+=", $(df -T "$1" | awk 'NR == 2 { print $2 }')"
}
is_number() { [[ $1 =~ ^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$ ]]; }
# sample FIGURE VALUE UNIT [LIMIT [RATIO]]: one round's. Without RATIO it is value : limit.
sample() {
    local number
    for number in "${2:-}" "${4:-0}" "${5:-0}"; do
        is_number "$number" && continue
        progress "    $1: nothing was measured"
        broken=1
        return 1
    done
    progress "    $1 $2 $3${4:+, limit $4}${5:+, ratio $5}"
    values[$1]+="$2 " units[$1]=$3 limits[$1]+="${4:-0} " ratios[$1]+="${5:-null} "
}
# stalls FIGURE LINES: what one commit of LMDB's took meanwhile, of the measuring program's lines.
stalls() {
    local p50 p99
    p50=$(line commit-p50 <<<"$2") p99=$(line commit-p99 <<<"$2")
    is_number "$p50" && is_number "$p99" || { broken=1; return 1; }
    progress "    meanwhile a commit of the disk's: median $p50 ms, 99th percentile $p99 ms"
    stalls_p50[$1]+="$p50 " stalls_p99[$1]+="$p99 "
}
# numbers WORDS: as an array of JSON.
numbers() { printf '[%s]' "$(tr -s ' ' , <<<"${1% }")"; }
# judge FIGURE GOAL WHAT: GOAL is "ratio >= 0.85", "value <= 5" …, or nothing: told, not judged.
judge() {
    local figure=$1 goal=$2 text=$3
    [ -n "${values[$figure]:-}" ] || { broken=1; return 1; }
    jq -nc --arg figure "$figure" --arg unit "${units[$figure]}" --arg goal "$goal" --arg text "$text" \
        --arg machine "$machine" --arg commit "$commit" --arg by "$by" \
        --argjson events "$events" --argjson seconds "${each:-0}" \
        --argjson values "$(numbers "${values[$figure]}")" --argjson limits "$(numbers "${limits[$figure]}")" \
        --argjson given "$(numbers "${ratios[$figure]}")" \
        --argjson p50 "$(numbers "${stalls_p50[$figure]:-}")" --argjson p99 "$(numbers "${stalls_p99[$figure]:-}")" '
        def median: sort | .[(length - 1) / 2 | floor];
        ([range($values | length) | select($limits[.] > 0) | $given[.] // ($values[.] / $limits[.])]) as $ratios
        | ($values | median) as $value | (if $ratios == [] then null else $ratios | median end) as $ratio
        | (if $ratios == [] then $values else $ratios end) as $judged
        | ($goal | split(" ")) as [$of, $how, $bound]
        | (if $of == "ratio" then $ratio else $value end) as $x
        | {$figure, $text, $value, $unit,
           limit: (if $ratios == [] then null else $limits | median end), $ratio,
           spread: (if ($judged | median) == 0 then 0 else (($judged | max) - ($judged | min)) / ($judged | median) end),
           rounds: ($values | length), goal: (if $goal == "" then null else $goal end),
           holds: (if $goal == "" then null elif $how == ">=" then $x >= ($bound | tonumber)
                   else $x <= ($bound | tonumber) end),
           disk: (if $p50 == [] then null else {p50: ($p50 | median), p99: ($p99 | median)} end),
           $by, $events, $seconds, $machine, $commit}' | tee -a "$out" | row
}
# row: lines of JSON as lines of the table.
row() {
    jq -r 'def short: if . == null then "" elif . >= 1000 then round | tostring
            else (. * 1000 | round) / 1000 | tostring end;
        [.figure, (.value | short), .unit, (.limit | short), (.ratio | short), "±\(.spread * 50 | round) %", .goal // "",
         if .holds == null then "" elif .holds then "holds" else "NOT REACHED" end,
         if .disk == null then "" else "\(.disk.p50 | short) / \(.disk.p99 | short)" end] | @tsv' |
        awk -F '\t' '{ printf "%-22s %12s %-8s %12s %8s %7s  %-16s %-12s %s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9 }'
}
heading() {
    echo "$machine; $rounds rounds, $events events"
    printf '%-22s %12s %-8s %12s %8s %7s  %-16s %-12s %s\n' figure value unit limit ratio spread goal "" "disk's p50/p99, ms"
}
# number COMMAND…: the value of the only line that the measuring program prints.
number() { "$@" | awk 'NR == 1 { print $2 }'; }
# line NAME: the value of that line of the measuring program's, from stdin.
line() { awk -v name="$1" '$1 == name { print $2 }'; }
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
# rate_of COUNT COMMAND…: how many a second it did, in $rate. (Not in a subshell: what was started is to be known.)
rate_of() {
    local count=$1 begun
    shift
    begun=$(now_us)
    "$@" >/dev/null || return 1
    rate=$((count * 1000000 / ($(now_us) - begun)))
}
# processor_us NAME: how long a daemon had the processor, all its threads.
processor_us() { cat "/proc/${pid[$1]}"/task/*/schedstat | awk '{ s += $1 } END { printf "%d\n", s / 1000 }'; }
