#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For end-to-end tests on bad networks: each laptop reaches its hub through a proxy of its own. Source it after e2e.sh.
#
#   through_proxy LAPTOP HUB [NAME VALUE]...   starts tests/net/proxy, and has the laptop connect to it (before `start`)
#   net LAPTOP NAME VALUE [NAME VALUE]...      changes the network (the names are in tests/net/way.h)
#   net_cut LAPTOP                             cuts its connections
#   net_count LAPTOP NAME                      connections, now, up, down, frames, dropped, doubled, swapped, cut
declare -A proxy_control=()
proxy_seed=${SEED:-$$}

proxy_tell() { # LAPTOP LINE: prints the answer
    local answer
    exec 9<>"/dev/tcp/127.0.0.1/${proxy_control[$1]}" || return 1
    echo "$2" >&9
    read -r -t 10 answer <&9
    exec 9>&-
    echo "$answer"
}
proxy_answers() { [ -n "$(proxy_tell "$1" counts 2>/dev/null)" ]; }
through_proxy() {
    local laptop=$1 hub=$2
    shift 2
    port[proxy-$laptop]=$(free_port) || exit 1
    port[control-$laptop]=$(free_port) || exit 1
    proxy_control[$laptop]=${port[control-$laptop]}
    proxy_seed=$((proxy_seed + 1))
    "$B/tests/net/proxy" "${port[proxy-$laptop]}" "${port[control-$laptop]}" "${port[$hub]}" "$proxy_seed" "$@" \
        >>"$work/proxy-$laptop.log" 2>&1 &
    disown # a bash that waits for daemons does not wait for it
    pid[proxy-$laptop]=$!
    wait_until 10 proxy_answers "$laptop" || { fail "the proxy of $laptop starts"; return 1; }
    sed -i "s|^hub *=.*|hub = tcp://127.0.0.1:${port[proxy-$laptop]}|" "$work/$laptop/felloe.conf"
}
net() {
    local laptop=$1
    shift
    while [ $# -gt 1 ]; do
        [ "$(proxy_tell "$laptop" "$1 $2")" = ok ] || { fail "the proxy of $laptop takes: $1 $2"; return 1; }
        shift 2
    done
}
net_cut() { proxy_tell "$1" cut >/dev/null; }
net_count() { proxy_tell "$1" counts | tr ' ' '\n' | sed -nE "s/^($2)=//p"; }
