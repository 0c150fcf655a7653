#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A lease: past it a laptop that has not heard from the hub shows no record, and records on; a clock set back does not
# stretch it; the hub's word opens it again. A laptop that was put back, or has lost what it knew of the lease, waits for
# that word.
# timeout: 90
# short
. "$(dirname "$0")/../lib/e2e.sh"

hour=3600
hub_new hub salford
check "a hub begins with a lease of 72 h" grep -q '^lease_hours = 72$' "$work/hub/felloe.conf"
start hub || exit 1
laptop_new amy hub amy salford
start amy || exit 1
person=$(at amy introduce --known-as Jo --source Q1 --json | jq -r .person)
check "what was recorded is shared" wait_until 30 converged hub amy
until_ms() { json amy .lease_until status; }
check "the laptop knows of the lease" test "$(until_ms)" != null
check "which is not over" test "$(json amy .lease_passed status)" = false
check "and not told of while the hub is there" not grep -q "Reach the hub" <(at amy status)
left=$(($(date -d "$(until_ms | tr -d '"')" +%s) - $(date +%s)))
check "72 hours from now ($left s)" test $left -gt $((71 * hour)) -a $left -le $((72 * hour))
stop hub
check "without the hub people are told until when" wait_until 20 grep -q "Reach the hub by" <(at amy status)

# ---- put back, or without its files ----
check_exit 0 "a backup of the log" at amy backup "$work/amy.log.backup"
check_exit 0 "and of the keys" at amy backup --keys "$work/amy.keys.backup"
stop amy
rm "$work/amy/lease"
start amy
shut() {
    check "$1: it shows no record" test "$(json amy .lease_passed status)" = true
    check_exit 14 "$1: nor when asked" at amy show "$person"
    check "$1: it says what to do" grep -q "Connect it to a network" "$work/check.err"
    check_exit 0 "$1: it records" at amy note "$person" "while $1"
}
shut "nobody knows when the hub was heard"
stop amy
mv "$work/amy" "$work/amy.whole"
check_exit 0 "a laptop is put back to its backups" at amy restore "$work/amy.log.backup" --keys "$work/amy.keys.backup"
check "it knows the terms" cmp "$work/amy.whole/terms" "$work/amy/terms"
start amy
shut "put back"
stop amy
rm -r "$work/amy"
mv "$work/amy.whole" "$work/amy"
start hub || exit 1
start amy
opened() { [ "$(json amy .lease_passed status)" = false ]; }
check "the hub's word opens it" wait_until 30 opened
check "with all that was written" wait_until 30 converged hub amy
stop hub
stop amy
echo nonsense >"$work/amy/terms"
start amy
shut "the terms are damaged"
stop amy
rm "$work/amy/terms"
start amy
shut "the terms are gone"
start hub || exit 1
check "the hub's word opens it" wait_until 30 opened
stop hub
stop amy

# ---- over ----
start_later amy $((71 * hour)) || { skip "a lease: no other clock under sanitizers"; finish; }
check_exit 0 "an hour before its end the record is shown" at amy show "$person"
stop amy
start_later amy $((73 * hour))
check "an hour after it, it is over" test "$(json amy .lease_passed status)" = true
check "and told" grep -q "shows no record until it does" <(at amy status)
check_exit 14 "the record is not shown" at amy show "$person"
check_exit 14 "nor found" at amy search Jo
check_exit 14 "nor exported" at amy export -
check_exit 0 "recording goes on" at amy note "$person" "written past the lease"
stop amy
start amy # the clock is set back by 73 hours
check "a clock set back does not make it longer" test "$(json amy .lease_passed status)" = true
check_exit 14 "the record is still not shown" at amy show "$person"

start hub || exit 1
check "the hub's word opens it again" wait_until 30 opened
check "with what was written meanwhile" grep -q "written past the lease" <(at amy show "$person")
check "which is shared" wait_until 30 converged hub amy

sed -i 's/^lease_hours = .*/lease_hours = 0/' "$work/hub/felloe.conf"
kill -HUP "${pid[hub]}"
none() { [ "$(json amy .lease_until status)" = null ]; }
stop amy
start amy
check "a hub may want none: laptops hear of it" wait_until 30 none
stop hub
stop amy
start_later amy $((1000 * hour))
check_exit 0 "then the record is shown however long it was" at amy show "$person"
finish
