#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For end-to-end tests and the demo: hubs and laptops as real processes in one temporary directory. Source it.
#
#   hub_new NAME SITE…                a hub that listens on a free port
#   invite HUB WORKER SITE…           prints a ticket; further options in $invite_options
#   laptop_new NAME HUB WORKER SITE…  invited and joined (the hub has to run)
#   start NAME   start_later NAME SECONDS   stop NAME   kill_9 NAME   freeze NAME   thaw NAME   is_up NAME
#   at NAME VERB…                     felloe on that directory          json NAME JQ VERB…   the same, through jq
#   wait_until SECONDS COMMAND…       polls until the command succeeds
#   check TEXT COMMAND…   check_exit CODE TEXT COMMAND…   check_equal TEXT A B   skip TEXT
#   finish                            last line of a test: exits with its outcome
#
# $work is the temporary directory, $work/NAME a daemon's own, $work/NAME.log what it wrote to stderr.
set -u
shopt -s extglob
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${B:-$root/build}
[[ $B = /* ]] || B=$root/$B
export TZ=UTC LC_ALL=C.UTF-8
unset FELLOE_DIR NOTIFY_SOCKET
work=$(mktemp -d "${TMPDIR:-/tmp}/felloe.XXXXXX")
declare -A pid=() port=()
passed=0 failed=0 skipped=0
trap 'cleanup' EXIT
trap 'exit 130' INT TERM HUP

cleanup() {
    local name code=$?
    trap - EXIT
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null
    for name in "${!pid[@]}"; do kill -CONT "${pid[$name]}" 2>/dev/null; kill -9 "${pid[$name]}" 2>/dev/null; done
    wait 2>/dev/null
    if [ "$failed" != 0 ] || { [ "$code" != 0 ] && [ "$code" != 77 ]; }; then
        for name in "$work"/*.log; do
            [ -s "$name" ] && { echo "--- the end of ${name##*/}:"; tail -n 12 "$name"; }
        done
        [ -n "${FELLOE_KEEP_FAILED:-}" ] && echo "kept: $work" && exit "$code"
    fi
    rm -rf "$work"
    for name in "${port[@]}"; do rmdir "${TMPDIR:-/tmp}/felloe-port.$name" 2>/dev/null; done
    exit "$code"
}

# ---- outcomes ----
ok() { passed=$((passed + 1)); echo "ok $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1"; }
skip() { skipped=$((skipped + 1)); echo "skip $1"; }
finish() {
    [ $failed = 0 ] || exit 1
    [ $passed = 0 ] && [ $skipped != 0 ] && exit 77
    exit 0
}
check() {
    local text=$1
    shift
    "$@" >"$work/check.out" 2>&1
    local code=$?
    if [ $code = 0 ]; then ok "$text"; else
        fail "$text"
        echo "    (exit $code) ${*:0:200}" | head -c 500
        echo
        head -c 2000 "$work/check.out" | sed 's/^/    /' | head -20
        [[ " $* " == *" converged "* ]] && apart_now
    fi
}
not() { ! "$@"; }
check_equal() {
    if [ "$2" = "$3" ]; then ok "$1"; else
        fail "$1"
        echo "    expected: ${2:0:600}"
        echo "    found:    ${3:0:600}"
    fi
}
# The exit code, and for anything but 0 one clear message on stderr: a single line that ends whole and names no function.
check_exit() {
    local want=$1 text=$2 code
    shift 2
    limit=(timeout 60)
    "$@" >"$work/check.out" 2>"$work/check.err"
    code=$?
    limit=()
    if [ $code != "$want" ]; then
        fail "$text: exit $want"
        echo "    found exit $code of: ${*:0:200}" | head -c 600
        echo
        tail -n 5 "$work/check.err" "$work/check.out" | cut -c1-300 | sed 's/^/    /'
    elif [ "$want" != 0 ] && [ "$want" != 13 ] && [ "$(grep -c . "$work/check.err")" != 1 ]; then
        fail "$text: one clear message"
        head -n 8 "$work/check.err" | cut -c1-300 | sed 's/^/    /'
    else
        ok "$text: exit $want$([ "$want" = 0 ] || echo ", $(grep . "$work/check.err" | head -1 | cut -c1-150)")"
    fi
}

# ---- daemons ----
# A port that nothing listens on, and that no other test running now was given.
free_port() {
    local p
    for _ in {1..200}; do
        p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null && continue
        mkdir "${TMPDIR:-/tmp}/felloe-port.$p" 2>/dev/null && echo "$p" && return
    done
    echo "no free port" >&2
    return 1
}
limit=() # words to run the client or the daemon under
felloe() { "${limit[@]}" "$B/felloe" "$@"; }
felloed() { "${limit[@]}" "$B/felloed" "$@"; }
at() { local name=$1; shift; felloe --dir "$work/$name" "$@"; }
json() { local name=$1 filter=$2; shift 2; at "$name" "$@" --json | jq -c "$filter"; }

hub_new() {
    local name=$1 s sites=()
    shift
    for s; do sites+=(--site "$s"); done
    port[$name]=$(free_port) || exit 1
    at "$name" hub init --name "$name" --listen "tcp://127.0.0.1:${port[$name]}" --unlock none "${sites[@]}" \
        >/dev/null
}
is_up() { at "$1" status --json >/dev/null 2>&1; }
alive() { kill -0 "${pid[$1]:-0}" 2>/dev/null; }
up_or_dead() { is_up "$1" || ! alive "$1"; }
# Starts the daemon and waits until it answers. $prefix may hold words to run it under.
start() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    ${prefix:-} "$B/felloed" --dir "$work/$name" "$@" >>"$work/$name.log" 2>&1 &
    pid[$name]=$!
    wait_until 20 up_or_dead "$name" && alive "$name" && return
    fail "felloed starts on $name"
    tail -n 5 "$work/$name.log"
    return 1
}
# End it with a signal, wait until it is gone; the exit code is in $exit_code.
end() {
    local name=$1 signal=$2
    kill "-$signal" "${pid[$name]}" 2>/dev/null
    wait "${pid[$name]}" 2>/dev/null
    exit_code=$?
    unset "pid[$name]"
}
# The daemon NAME with a clock that is so many seconds ahead. False where that cannot be had (under sanitizers).
start_later() {
    grep -q -- -fsanitize "$B/.flags" && return 1
    prefix="env LD_PRELOAD=$B/later.so FELLOE_LATER=$2" start "$1"
}
stop() { end "$1" TERM; }
kill_9() { end "$1" KILL; }
freeze() { kill -STOP "${pid[$1]}"; }
thaw() { kill -CONT "${pid[$1]}"; }
memory() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/${pid[$1]}/status"; }

invite_options=()
invite() {
    local hub=$1 worker=$2 s sites=()
    shift 2
    for s; do sites+=(--site "$s"); done
    at "$hub" hub invite --worker "$worker" "${sites[@]}" "${invite_options[@]}"
}
laptop_new() {
    local name=$1 hub=$2 worker=$3 ticket
    shift 3
    ticket=$(invite "$hub" "$worker" "$@") && at "$name" join "$ticket" --unlock none >/dev/null
}

# ---- waiting ----
# The one place that sleeps: short, and only between two looks.
wait_until() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    while ! "$@" >/dev/null 2>&1; do
        [ "${EPOCHREALTIME/[.,]/}" -ge $deadline ] && return 1
        sleep 0.05
    done
}
# A random moment, for kills: up to so many milliseconds.
random_moment() { sleep "$(printf '0.%03d' $((RANDOM % $1)))"; }

sites_of() { at "$1" status --json | jq -c '[.sites[] | {site, waiting, received, head}] | sort_by(.site)'; }
shared() { [ "$(json "$1" '[.sites[].waiting] | add' status)" = 0 ]; }
reachable() { [ "$(json "$1" .hub.reachable status)" = true ]; }
# What a laptop has folded, as one hash a view of the sites given (all of its own when none is). Where there is none, what
# it prints is like nothing else, nor like what it prints the next time.
digest_of() {
    local name=$1 all
    shift
    all=$(at "$name" digest --json) || { echo "no digest of $name ($BASHPID, ${EPOCHREALTIME})"; return 1; }
    jq -cS --args '[.sites[] | select(($ARGS.positional | length) == 0 or
        (.site as $s | any($ARGS.positional[]; . == $s)))] | sort_by(.site, .view)' "$@" <<<"$all"
}
# converged HUB LAPTOP…: nothing waits, and every laptop's views of its sites are byte for byte the hub's. What is
# missing is in $apart when it fails; a check that waited for it in vain tells it (apart_now).
apart=
converged() {
    local hub=$1 laptop sites here there
    shift
    for laptop; do
        apart="$laptop has not shared all"
        shared "$laptop" || return 1
        apart="$laptop gives no digest"
        sites=$(at "$laptop" digest --json | jq -r '[.sites[].site] | unique[]') && [ -n "$sites" ] || return 1
        # shellcheck disable=SC2086
        here=$(digest_of "$laptop" $sites) there=$(digest_of "$hub" $sites)
        apart="$laptop shows $here, $hub shows $there"
        [ "$here" = "$there" ] || return 1
    done
    apart=
}
# What each that runs says of its sites, and what it wrote last.
apart_now() {
    local name
    echo "    apart: ${apart:0:900}"
    for name in "${!pid[@]}"; do
        echo "    $name: $(at "$name" status --json 2>&1 | jq -c '[{role, hub, notice, problem},
            (.sites[] | {site, saved, shared, waiting, received, head, folded, notice})]' 2>&1 | head -c 900)"
        tail -n 4 "$work/$name.log" | cut -c1-300 | sed 's/^/        /'
    done
}
verified() { at "$1" verify --json | jq -e '.problems == [] and .stories == []' >/dev/null; }
