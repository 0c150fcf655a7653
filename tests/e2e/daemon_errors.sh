#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starting, stopping and settings of the daemon: every mistake has one clear message and its exit code.
# timeout: 120
# short
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
check_exit 6 "a verb without a daemon" at hub status
check_exit 6 "recording without a daemon" at hub introduce --known-as Jo --source Q1
check_exit 4 "a directory that was never set up" felloed --dir "$work/none"
check_exit 7 "hub init on a hub" at hub hub init --name hub --listen tcp://127.0.0.1:9 --site salford --unlock none
check_exit 0 "--check of a good configuration" felloed --dir "$work/hub" --check
check "the configuration has a comment on each setting" \
    awk '/^[a-z_]+ *=/ { if (!comment && $1 != last) exit 1; comment = 0; last = $1 } /^;/ { comment = 1 }' "$work/hub/felloe.conf"

start hub || exit 1
check_exit 7 "a second daemon on the same directory" felloed --dir "$work/hub"
check "the first one goes on" is_up hub
check_exit 0 "status --wait ends on a hub in which nothing is recorded" timeout 20 "$B/felloe" --dir "$work/hub" status --wait
hub_new second salford
sed -i "s|^listen *=.*|listen = tcp://127.0.0.1:${port[hub]}|" "$work/second/felloe.conf"
check_exit 7 "a port that is taken" felloed --dir "$work/second"

cp "$work/hub/felloe.conf" "$work/good.conf"
printf '[felloe]\ncolour = blue\n' >>"$work/hub/felloe.conf"
check_exit 3 "an unknown setting" felloed --dir "$work/hub" --check
check "names its line" grep -q "$(wc -l <"$work/hub/felloe.conf")" "$work/check.err"
kill -HUP "${pid[hub]}"
check "SIGHUP with a bad configuration is refused in words" wait_until 10 grep -q colour "$work/hub.log"
check "and the daemon goes on" is_up hub
cp "$work/good.conf" "$work/hub/felloe.conf"
sed -i 's/^log *=.*/log = debug/' "$work/hub/felloe.conf"
: >"$work/hub.log"
kill -HUP "${pid[hub]}"
check "SIGHUP reads the configuration again" wait_until 10 test -s "$work/hub.log"
check "and the daemon goes on" is_up hub

# SIGTERM under load: what was said to be saved is there afterwards.
laptop_new l1 hub amy salford
start l1 || exit 1
person=$(at l1 introduce --known-as Jo --source Q1 --json | jq -r .person)
touch "$work/saved"
load() {
    local i=0 answer
    while answer=$(at l1 note "$person" "$((++i))" --json 2>/dev/null); do jq -r .id <<<"$answer" >>"$work/saved"; done
}
load &
load=$!
enough() { [ "$(wc -l <"$work/saved")" -ge 20 ]; }
wait_until 20 enough
stop l1
check_equal "SIGTERM under load ends with" 0 "$exit_code"
wait $load
start l1
at l1 log --json | jq -r .id | sort >"$work/ids"
check_equal "and nothing that was said to be saved ($(wc -l <"$work/saved")) is missing" "" "$(sort "$work/saved" | comm -23 - "$work/ids")"
check "verify after that" verified l1
end l1 INT
check_equal "SIGINT ends with" 0 "$exit_code"
check "no socket is left behind" test ! -e "$work/l1/felloe.sock"
check_exit 6 "then there is no daemon" at l1 status

# Damage: a log that was cut off is refused, not trusted.
cp -a "$work/l1" "$work/cut"
big=$(find "$work/cut/log" -name 'data.mdb')
truncate -s 8192 "$big"
check_exit 12 "a log that was cut off" felloed --dir "$work/cut"
check "it says how to make it whole" grep -q "$work/cut repair" "$work/check.err"
at cut repair >"$work/out" 2>"$work/err"
check "repair tells its outcome and nothing else" test ! -s "$work/err"
check "with nothing to be done by hand" not grep -q "Put it back" "$work/out"
for part in identity felloe.conf; do
    cp -a "$work/l1" "$work/without-$part"
    rm "$work/without-$part/$part"
    check_exit 4 "a directory without $part" felloed --dir "$work/without-$part"
    check "that comes from a backup of the keys" grep -q "$part.*restore --keys" "$work/check.err"
    check_exit 6 "it is still a Felloe directory" at "without-$part" status
    check "to be started" grep -q "felloed --dir" "$work/check.err"
done
cp -a "$work/l1" "$work/keyless"
rm -rf "$work/keyless/keys"
start keyless
found() { at keyless show "$person" --json | grep -q '"20"\|20'; }
check "a laptop that lost its keys gets them from the hub" wait_until 20 found
stop keyless
cp -a "$work/l1" "$work/noviews"
rm -rf "$work/noviews/views"
start noviews
seen() { at noviews show "$person" --json | grep -q '"20"\|20'; }
check "views that are missing are made again" wait_until 20 seen
stop noviews

# Not writable.
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work"
    cp "$B/felloed" "$B/felloe" "$work/"
    drop=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    prefix_check=("${drop[@]}" "$work/felloed")
else
    prefix_check=(felloed)
fi
cp -a "$work/l1" "$work/readonly"
chmod -R a-w,a+rX "$work/readonly"
check_exit 8 "a directory that is not writable" "${prefix_check[@]}" --dir "$work/readonly"
chmod -R u+w "$work/readonly"
chmod -R go= "$work/l1"
if [ "$(id -u)" = 0 ]; then
    check_exit 8 "somebody else's directory" "${prefix_check[@]}" --dir "$work/l1"
    start l1
    check_exit 8 "somebody else's daemon" "${drop[@]}" "$work/felloe" --dir "$work/l1" status
fi
check_equal "identity and keys are for their owner alone" "" "$(find "$work/l1" -type f -perm /077 -print)"
finish
