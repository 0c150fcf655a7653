# SPDX-License-Identifier: Apache-2.0
# Figures of what is there all the time: idle daemons, bytes of events, many laptops. run sources it.
# shellcheck shell=bash disable=SC2034,SC2154
all_figures+=(idle bytes fan-in memory-hub)

# Two hours of an idle laptop and its hub in two minutes: their clocks run 60 times as fast (tests/preload/faster.c). A
# proxy counts all bytes both ways, connections that are renewed included; the kernel counts wake-ups.
figure_idle() {
    local seconds=${IDLE_SECONDS:-130} fast=60 prefix lines before
    forget l1 l2 hub
    hub_new hub salford && start hub && laptop_new l1 hub amy salford && laptop_new l2 hub bea salford &&
        through_proxy l1 hub && stop hub || return 1
    prefix="env LD_PRELOAD=$B/faster.so FELLOE_FASTER=$fast FELLOE_FASTER_SINCE=$(date +%s)"
    start hub && start l2 && start l1 || return 1
    at l1 introduce --known-as Jo --source Q1 --site salford >/dev/null && wait_until 60 shared l1 || return 1
    "$bench" wakeups 5 "${pid[l1]}" >/dev/null # until five minutes later
    before=$(bytes_both l1)
    lines=$("$bench" wakeups "$seconds" "${pid[l1]}" "${pid[hub]}") || return 1
    sample idle-wire "$((($(bytes_both l1) - before) * 86400 / fast / seconds))" B/day
    sample idle-laptop "$(line wakeups-1 <<<"$lines" | awk -v f=$fast '{ print $1 / f }')" wake-ups/s
    sample idle-hub "$(line wakeups-2 <<<"$lines" | awk -v f=$fast '{ print $1 / f }')" wake-ups/s
    judge idle-wire "value <= 300000" "an idle laptop of two sites, bytes both ways (CURVE's included, TCP's not)"
    judge idle-laptop "value <= 1" "wake-ups of an idle laptop"
    judge idle-hub "value <= 1" "wake-ups of a hub with two idle laptops"
    prefix=
    forget l1 l2 proxy-l1 hub
}

# The size of a directory's database, in bytes.
size_of() { stat -c %s "$work/$1/$2/data.mdb"; }
bytes_both() { net_count "$1" "up|down" | awk '{ s += $1 } END { print s }'; }
received_all() {
    [ "$(json "$1" '[.sites[].received | split(".")[1] // 0 | tonumber] | add' status)" -ge "$events" ]
}
figure_bytes() {
    local lines count event body
    forget l1 l2 hub
    alone && at l1 import "$(generated "$events")" >/dev/null && stop l1 && start hub && through_proxy l1 hub &&
        start l1 && wait_until 600 shared l1 || return 1
    laptop_new l2 hub bea salford && start l2 && wait_until 600 received_all l2 || return 1
    stop l1 && stop l2 && stop hub
    mkdir -p "$work/image" && ln -sfn "$work/l2" "$work/image/l2"
    lines=$("$bench" bytes "$work/image") || return 1
    rm -rf "${work:?}/image"
    count=$(line events <<<"$lines") event=$(line event <<<"$lines") body=$(line body <<<"$lines")
    sample bytes-wire "$(jq -n "$(bytes_both l1) / $count")" B "$event"
    sample bytes-disk "$(jq -n "$(size_of hub log) / $count - $body")" B
    sample bytes-views "$(jq -n "$(size_of hub views) / $count")" B
    judge bytes-wire "ratio <= 1.1" "an event on its way to the hub, both ways; against the event itself"
    judge bytes-disk "value <= 300" "an event in the hub's log, above what was written ($body B)"
    judge bytes-views "" "an event in the views, which can be made again"
    forget l1 l2 proxy-l1 hub
}

# LAPTOPS with events of their own, that all share at once; then they stay, and do nothing.
figure_fan_in() {
    local i laptops=${LAPTOPS:-1000} each_events=${LAPTOP_EVENTS:-1000} lines="$work/fan-in" sites=() road
    for ((i = 1; i <= 30; i++)); do sites+=("team-$i"); done
    forget hub
    bare_road || return 1
    for ((i = 0; i < rounds; i++)); do
        forget hub
        hub_new hub "${sites[@]}" && start hub || return 1
        tickets "$laptops" >"$work/tickets" || return 1
        "$bench" fanin "$work/tickets" "$each_events" >"$lines" || return 1
        wait_until 600 folded hub || return 1
        road_beside fan-in "$(line events <"$lines")" || return 1
        sample fan-in-slowest "$(line laptop-max <"$lines")" ms "$(line laptop-p50 <"$lines")"
    done
    judge fan-in "value >= 150000" "$laptops laptops share $each_events events each at once, which need the same cores; against the bare road"
    judge fan-in-slowest "ratio <= 3" "the slowest of them; against the median"
    forget hub
}
# The same many, each with one event; then they stay connected, and do nothing.
figure_memory_hub() {
    local i laptops=${LAPTOPS:-1000} lines="$work/idle" sites=() fan woken
    forget hub
    for ((i = 1; i <= 30; i++)); do sites+=("team-$i"); done
    hub_new hub "${sites[@]}" && start hub && tickets "$laptops" >"$work/tickets" || return 1
    "$bench" fanin "$work/tickets" 1 50 >"$lines" & fan=$!
    wait_until 600 grep -q ^busy "$lines" || return 1
    "$bench" wakeups 15 "${pid[hub]}" >/dev/null # what it needed meanwhile is given back
    woken=$("$bench" wakeups 20 "${pid[hub]}")
    sample memory-hub "$(private hub)" MiB
    sample memory-hub-woken "$(line wakeups-1 <<<"$woken")" wake-ups/s
    wait $fan || return 1
    judge memory-hub "value <= 96" "private memory of the hub, with $laptops idle laptops"
    judge memory-hub-woken "" "how often they wake it: each gives a sign of life in two minutes"
    forget hub
}
tickets() {
    local n
    for ((n = 0; n < $1; n++)); do invite hub "worker-$n" "team-$((n % 30 + 1))" || return 1; done
}
