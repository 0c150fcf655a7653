#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A lease: past it a laptop that has not heard from the hub shows no record, and records on; a clock set back does not
# stretch it; the hub's word opens it again.
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
stop amy

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
opened() { [ "$(json amy .lease_passed status)" = false ]; }
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
