#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may talk to the daemon: the socket by its file's mode and group, the user at its other end by what the kernel says,
# in whose name by [users], hub administration by administrators. Needs root, to be other users.
# timeout: 60
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && getent passwd games www-data daemon >/dev/null &&
    getent group users >/dev/null && setpriv --reuid=games --regid=users --clear-groups "$B/felloe" help >/dev/null 2>&1 || {
    skip "only root can be other users, with setpriv"
    finish
}
chmod 755 "$work"
as() { # USER DIR VERB…
    local user=$1 dir=$2
    shift 2
    setpriv --reuid="$user" --regid="${group:-users}" --clear-groups \
        env HOME=/ FELLOE_DIR="$dir" "${limit[@]}" "$B/felloe" "$@"
}
set_in() { # NAME SETTING VALUE
    sed -i "s|^$2 =.*|$2 = $3|" "$work/$1/felloe.conf"
}
opened() { # NAME: its socket in a folder that others may enter
    mkdir -m 755 "$work/$1.open"
    set_in "$1" socket "$work/$1.open/felloe.sock"
    set_in "$1" socket_group users
}

hub_new hub salford
check_equal "who makes a hub administers it" "administrators = root" "$(grep ^administrators "$work/hub/felloe.conf")"
opened hub
set_in hub administrators www-data
echo "daemon = desk" >>"$work/hub/felloe.conf"
start hub || exit 1
laptop_new l1 hub amy salford
opened l1
echo "daemon = ben cover-desk" >>"$work/l1/felloe.conf"
check "the configuration is fine" felloed --dir "$work/l1" --check
start l1 || exit 1
jo=$(at l1 introduce --known-as Jo --source A1 --json | jq -r .person)
desk=$work/l1.open

check_equal "the socket is its owner's and its group's" "660 users" "$(stat -c '%a %G' "$desk/felloe.sock")"
check_equal "without a group it would be its owner's alone" "600" "$(hub_new other dales; start other; stat -c %a "$work/other/felloe.sock"; stop other)"
check "a user of [users] reads" grep -q "Jo" <(as daemon "$desk" show Jo)
check "and records" as daemon "$desk" note Jo "met at the desk"
worker_of_last() { at l1 log --json | jq -r '.worker' | tail -1; }
check_equal "as the first of their workers" ben "$(worker_of_last)"
check "or as another of them" as daemon "$desk" note Jo "met again" --worker cover-desk
check_equal "which is what the record says" cover-desk "$(worker_of_last)"
check_exit 8 "but as nobody else" as daemon "$desk" note Jo "as amy" --worker amy
check_exit 13 "nor by importing it" as daemon "$desk" import - <<<'{"specversion":"1.0","id":"x1","source":"s","type":"note.added","worker":"amy","subject":"P1","data":{"text":"as amy"}}'
check_exit 8 "a user that nobody named may not speak to it" as games "$desk" status
check_exit 8 "whatever they ask" as games "$desk" show Jo
group=nogroup check_exit 8 "one that is not of the group does not even reach it" as games "$desk" status
check_exit 8 "taking a backup is for whose laptop it is" as daemon "$desk" backup --keys -
check_exit 8 "so is giving it a passphrase" as daemon "$desk" passphrase set --passphrase-fd 3 3<<<"now it is mine alone"
check_equal "and it opens by itself, still" none "$(at l1 passphrase list --json | jq -r '[.opens[].kind] | join(" ")')"
at l1 log --json >"$work/all"
check_equal "nothing came of what was refused" 0 "$(grep -c "as amy" "$work/all")"

echo "games = amy" >>"$work/l1/felloe.conf"
kill -HUP "${pid[l1]}"
check "[users] is read again at a SIGHUP" wait_until 10 as games "$desk" show Jo

check_exit 8 "hub administration is for administrators" as daemon "$work/hub.open" hub invite --worker x --site salford
check "whom the configuration names" as www-data "$work/hub.open" hub invite --worker carl --site salford
check "they see the laptops" as www-data "$work/hub.open" hub devices
check_exit 8 "and not the record" as www-data "$work/hub.open" show Jo
check_exit 8 "nor do they record" as www-data "$work/hub.open" introduce --known-as X --source A1
check "root may always" at hub hub devices

# ---- an administrator who is no worker: ids, dates and counts; no names and no words ----
as_admin() { as www-data "$work/hub.open" "$@"; }
check "everything is at the hub" wait_until 20 converged hub l1
at l1 record support.started --person Jo offer=short >/dev/null
at l1 record support.ended --person Jo reason=02 agreed=yes --anyway >/dev/null
ended() { at hub hub retention --json | jq -e --arg jo "$jo" 'any(.[]; .person == $jo and .known_as == ["Jo"])' >/dev/null; }
check "who reads sees by name until when to keep" wait_until 20 ended
check "an administrator by the id" grep -q "${jo:0:8}" <(as_admin hub retention)
check "without the name" not grep -q Jo <(as_admin hub retention; as_admin hub retention --json)
check "and is told why" grep -q "Names are for workers" <(as_admin hub retention)
check "so with who looked" grep -q "${jo:0:8}" <(as_admin audit)
check "whom" not grep -q Jo <(as_admin audit; as_admin audit --json)
check "which root sees by name" grep -q "Jo ${jo:0:8}" <(at hub audit)
check_exit 4 "nobody is found for them by a name" as_admin audit Jo
check_exit 4 "also to be erased" as_admin hub erase Jo --basis "letter" --yes
check_exit 3 "the basis names nobody, still" as_admin hub erase "$jo" --basis "Jo asked" --yes
kim=$(at l1 introduce --known-as Kim --source Q1 --json | jq -r .person)
check "somebody else" wait_until 20 at hub show "$kim"
check "is erased by the id" eval 'as_admin hub erase "$kim" --basis "letter of 3 March" --yes >"$work/erased" 2>&1'
check_equal "and not named" 0 "$(grep -c Kim "$work/erased")"
check "what was done is on record in plain words" grep -q "erased the record" <(at hub audit)

check_exit 0 "they revoke a laptop" as_admin hub revoke amy --why "lost on a train"
stop hub
at l1 note Jo "said on the train" >/dev/null
start hub || exit 1
aside() { [ "$(as_admin hub quarantine --json | jq '[.[].events] | add // 0')" -ge 1 ]; }
check "see that something is kept aside, whose, and since when" wait_until 30 aside
check_exit 8 "and not what it says" as_admin hub quarantine amy
check "which workers do" grep -q "said on the train" <(at hub hub quarantine amy)
check "and settle it without having read it" as_admin hub quarantine amy --accept
check_exit 8 "a user of nothing is told so" as games "$work/hub.open" hub devices

stop l1
set_in l1 socket_group there-is-no-such-group
limit=(timeout 20)
check_exit 3 "a group that there is not is named" felloed --dir "$work/l1"
limit=()
set_in l1 socket ""
check_exit 3 "and a group whose members could not reach the socket is refused" felloed --dir "$work/l1" --check
check_equal "the person is the same to all" "$jo" "$(at hub show Jo --json | jq -r '.person // empty')"
finish
