#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What opens a record: a hub's key file, a laptop's passphrase. Without it nothing is read, put back or repaired; with it
# all of that is; backups of the keys are shut as the directory was.
# timeout: 150
. "$(dirname "$0")/../lib/e2e.sh"

amys='correct horse battery'
asked() { at "$@" --passphrase-fd 3 3<<<"$amys"; }
wrong() { at "$@" --passphrase-fd 3 3<<<"some wrong words"; }

# ---- a hub with a key file ----
key=$work/hub.key
port[hub]=$(free_port)
make_hub() { at hub hub init --name hub --listen "tcp://127.0.0.1:${port[hub]}" --site salford "$@"; }
check_exit 2 "a hub's way has to be said" make_hub
check_exit 2 "a hub takes no passphrase" make_hub --unlock passphrase
check "and it says why" grep -q "by itself" "$work/check.err"
check_exit 4 "a key file that is not there" make_hub --unlock "file:$key"
head -c 31 /dev/urandom >"$key"
check_exit 3 "one that is too short" make_hub --unlock "file:$key"
head -c 32 /dev/urandom >"$key"
check_exit 0 "a hub with a key file" make_hub --unlock "file:$key"
mv "$key" "$key.away"
check_exit 4 "without it the hub does not start" felloed --dir "$work/hub"
check "and says which file is missing" grep -q "$key" "$work/check.err"
head -c 32 /dev/urandom >"$key"
check_exit 8 "another file does not open it" felloed --dir "$work/hub"
mv "$key.away" "$key"
start hub || exit 1
mkdir "$work/credentials" && cp "$key" "$work/credentials/hub-key"
stop hub
sed -i 's/^unlock *=.*/unlock = credential:hub-key/' "$work/hub/felloe.conf"
prefix="env CREDENTIALS_DIRECTORY=$work/credentials" start hub || exit 1
ok "the same key as a credential opens it"

# As systemd lays a LoadCredential= there: a folder of mode 500, a file of mode 400, the service's own user's.
stop hub
chmod 400 "$work/credentials/hub-key" && chmod 500 "$work/credentials"
with() { env CREDENTIALS_DIRECTORY="$work/credentials" "$@"; }
check_exit 0 "a hub is made with a credential" with "$B/felloe" --dir "$work/made" hub init --name made --site dales \
    --listen "tcp://127.0.0.1:$(free_port)" --unlock credential:hub-key
check_exit 4 "without it that one does not start" felloed --dir "$work/made"
check "and says which credential" grep -q "hub-key" "$work/check.err"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && getent passwd games >/dev/null; then
    chmod 755 "$work" && chown -R games: "$work/hub" "$work/credentials"
    prefix="setpriv --reuid=games --regid=games --clear-groups --no-new-privs env CREDENTIALS_DIRECTORY=$work/credentials" \
        start hub || exit 1
    check_equal "an unprivileged service of its own user opens by it" false "$(json hub .locked status)"
    stop hub
    chown -R root: "$work/hub" "$work/credentials"
else
    skip "as another user: only root can be one"
fi
prefix="env CREDENTIALS_DIRECTORY=$work/credentials" start hub || exit 1
chmod 700 "$work/credentials"

# ---- a laptop with a passphrase ----
laptop_new bea hub bea salford
invite hub amy salford >"$work/ticket"
check_exit 2 "a passphrase has to come from somewhere" at amy join "$(cat "$work/ticket")" --unlock passphrase
at amy join - --passphrase-fd 3 --json <"$work/ticket" 3<<<"$amys" >"$work/joined" || fail "amy joins"
check "the recovery code is in no file" not grep -rqa "$(jq -r .recovery "$work/joined")" "$work/amy"
check_equal "felloe.conf says the way" "unlock = passphrase" "$(grep '^unlock' "$work/amy/felloe.conf")"
start amy && start bea || exit 1
check "the passphrase opens it" asked amy unlock
jo=$(at amy introduce --known-as Jo --source Q1 --json | jq -r .person)
at amy note Jo "about the tenancy" >/dev/null
check "all is shared" wait_until 30 converged hub amy bea
digest=$(digest_of amy salford)
check_exit 0 "its keys are backed up" at amy backup --keys "$work/keys.backup"
check_exit 0 "and its log" at amy backup "$work/log.backup"
stop amy

# ---- repair ----
repair() { grep -q "shut, and this needs" "$work/check.err"; }
check_exit 14 "nothing is repaired without the passphrase" at amy repair
check "and it says how it is given" repair
check_exit 8 "nor with a wrong one" wrong amy repair
check_exit 0 "with it all is found whole" asked amy repair
cp "$work/check.out" "$work/said"
check "nothing was damaged" grep -q "Nothing is damaged" "$work/said"
size=$(stat -c %s "$work/amy/keys/data.mdb")
head -c $((size - 8192)) /dev/urandom | dd of="$work/amy/keys/data.mdb" bs=8192 seek=1 conv=notrunc 2>/dev/null
check_exit 0 "a damaged keyring is repaired" asked amy repair
check "and the damaged one kept" test -d "$work/amy/keys.damaged-1"
start amy && check "then it is opened as before" asked amy unlock
check "and shows the person, whose key the hub gives again" wait_until 20 at amy show Jo
stop amy

# ---- a second worker ----
bens='staple of the other one'
echo "$(id -un) = amy ben" >>"$work/amy/felloe.conf"
start amy && asked amy unlock >/dev/null
check "ben is given a passphrase of his own" \
    at amy passphrase add ben --passphrase-fd 3 3< <(printf '%s\n' "$amys" "$bens")
stop amy
check_exit 8 "with his the keys are not repaired: amy's would be lost" at amy repair --passphrase-fd 3 3<<<"$bens"
check "it says whose it takes" grep -q "own worker, amy" "$work/check.err"

# ---- restore, in an empty directory ----
restore=(restore "$work/log.backup" --keys "$work/keys.backup")
check_exit 14 "a backup of the keys is shut" at again "${restore[@]}"
check_exit 8 "a wrong passphrase does not open it" wrong again "${restore[@]}"
check_exit 0 "the one of then does" asked again "${restore[@]}"
check "the key is not in the backup" not grep -qaF "$(head -c 16 "$key")" "$work/keys.backup"
start again || exit 1
check "what was put back starts locked" test "$(json again .locked status)" = true
check "and opens with that passphrase" asked again unlock
same_views() { [ "$(digest_of again salford)" = "$digest" ]; }
check "and shows what it showed" wait_until 20 same_views
stop again

# ---- a vault that is gone, or another's ----
mv "$work/amy/vault" "$work/vault.amy"
check_exit 12 "without its vault nothing is opened" felloed --dir "$work/amy"
check "and it says where it is to be had" grep -q "backup of the keys" "$work/check.err"
cp "$work/bea/vault" "$work/amy/vault"
check_exit 12 "another laptop's does not do" asked amy repair
check_exit 0 "it comes back from the backup" sh -c "rm '$work/amy/vault' && \
    '$B/felloe' --dir '$work/amy' restore --keys '$work/keys.backup' --passphrase-fd 3 3<<E
$amys
E"
start amy && check "and opens" asked amy unlock
check "with all that it had" wait_until 20 at amy show Jo

# ---- what a passphrase's place holds ----
check "no key of a person can be read in its files" not grep -rqa "about the tenancy" "$work/amy"
finish
