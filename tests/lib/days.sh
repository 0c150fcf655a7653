#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For the three days: the same entries, shared in every order in which laptops can come to the hub, with deliveries
# doubled, and looked at everywhere. Source it after e2e.sh and net.sh.
#
#   offline NAME…                 the laptops' daemons run, the hub does not
#   in_every_order HUB LAPTOP… -- OUTCOME   puts all back to where they are now, once for each order; shares; calls OUTCOME
#   ago MINUTES                   that long before now, as a time
#   rec NAME TYPE PERSON FIELD=VALUE…       records; prints the entry's id (PERSON "" for what is about none)
#   rows NAME VIEW JQ             what a view says, through jq

ago() { date -u -d "@$((EPOCHSECONDS - $1 * 60))" +%Y-%m-%dT%H:%M:%SZ; }
rec() {
    local name=$1 type=$2 person=$3 answer
    shift 3
    answer=$(at "$name" record "$type" ${person:+--person "$person"} "$@" --json) || { fail "$name records $type"; return 1; }
    jq -r .id <<<"$answer"
}
rows() { at "$1" "$2" --json | jq -c "$3"; }

# Files are written in place: a daemon knows a directory that was copied by its files being others.
keep_as_it_is() { rm -rf "$work/kept" && mkdir "$work/kept" && for d; do cp -a "$work/$d" "$work/kept/$d"; done; }
put_back_as_it_was() {
    local d file
    for d; do
        while IFS= read -r -d '' file; do
            [ -e "$work/kept/$d/$file" ] || rm -f "$work/$d/$file"
        done < <(cd "$work/$d" && find . -type f -print0)
        while IFS= read -r -d '' file; do
            mkdir -p "$(dirname "$work/$d/$file")"
            cat "$work/kept/$d/$file" >"$work/$d/$file"
        done < <(cd "$work/kept/$d" && find . -type f -print0)
    done
}
permutations() { # one a line
    local rest=("${@:2}") i
    [ ${#rest[@]} = 0 ] && echo "$1" && return
    for i in "${!rest[@]}"; do
        permutations "$1 ${rest[i]}" "${rest[@]:0:i}" "${rest[@]:i+1}"
    done
}
# Everything that the laptop has is at the hub, and the other way round.
is_level() {
    [ "$(at "$1" status --json | jq '[.sites[] | .waiting + (.head.n // .head) - (.received.n // .received)] | add')" = 0 ] 2>/dev/null ||
        { shared "$1" && reachable "$1" && converged "$the_hub" "$1"; }
}
views_alone() { digest_of "$@" | jq -c 'map(select(.view != "documents" and .view != "devices"))'; }

in_every_order() {
    the_hub=$1
    shift
    local laptops=() order laptop first=
    while [ "$1" != -- ]; do laptops+=("$1"); shift; done
    local outcome=$2
    for laptop in "${laptops[@]}"; do stop "$laptop"; done
    is_up "$the_hub" && stop "$the_hub"
    keep_as_it_is "$the_hub" "${laptops[@]}"
    while read -r order; do
        put_back_as_it_was "$the_hub" "${laptops[@]}"
        start "$the_hub" || exit 1
        for laptop in $order; do # one after the other, each alone with the hub
            start "$laptop" || exit 1
            check "[$order] $laptop shares what it has" wait_until 30 converged "$the_hub" "$laptop"
            stop "$laptop"
        done
        for laptop in "${laptops[@]}"; do start "$laptop" || exit 1; done
        check "[$order] all have the same views, byte for byte" wait_until 40 converged "$the_hub" "${laptops[@]}"
        [ -n "$first" ] || first=$(views_alone "$the_hub")
        check_equal "[$order] and those of every other order" "$first" "$(views_alone "$the_hub")"
        [ "$order" = "${laptops[*]}" ] && "$outcome"
        for laptop in "${laptops[@]}"; do stop "$laptop"; done
        stop "$the_hub"
    done < <(permutations "" "${laptops[@]}" | sed 's/^ //')
    for laptop in "$the_hub" "${laptops[@]}"; do start "$laptop" || exit 1; done
    wait_until 40 converged "$the_hub" "${laptops[@]}"
}
