#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A laptop with a passphrase: it starts locked, and shares and receives all the same; a wrong passphrase makes the next
# wait; unlocked it shows everything; two workers each with their own; the recovery code; locking by hand and by the clock;
# and the daemon killed in the middle of either.
# timeout: 300
. "$(dirname "$0")/../lib/e2e.sh"

amys='correct horse battery' bens='staple of the other one'
hub_new hub salford
start hub || exit 1
laptop_new kept hub cleo salford
start kept || exit 1
ticket=$(invite hub amy salford)
check "a laptop joins with a passphrase" \
    eval 'at amy join "$ticket" --unlock passphrase --passphrase-fd 3 --json 3<<<"$amys" >"$work/joined"'
recovery=$(jq -r .recovery "$work/joined")
check "and is given a recovery code" test "${#recovery}" -ge 28
start amy || exit 1
locked() { [ "$(json "$1" .locked status)" = true ]; }
unlock() { at "$1" unlock "${@:3}" --passphrase-fd 3 3<<<"$2"; }

# ---- locked after the start ----
check "it starts locked" locked amy
check "status says what to do" grep -q 'felloe unlock' <(at amy status)
check_exit 14 "nothing is shown" at amy caseload
check_exit 14 "nothing is recorded" at amy note Jo "words"

# ---- a wrong passphrase ----
for i in 1 2 3; do
    begun=${EPOCHREALTIME/./} # microseconds
    unlock amy "wrong horse $i" 2>"$work/wrong"
    check_equal "a wrong passphrase ($i)" 8 $?
done
# Its two seconds count from its beginning: on a busy machine they may be over by now.
over() { [ $((${EPOCHREALTIME/./} - begun)) -ge 2000000 ]; }
told() { grep -qE "$1" "$work/wrong" || over; }
check "the third told how long to wait, in a sentence" told '^felloe: .* passphrase; the next try .* in [0-9]+ s$'
unlock amy "wrong horse 4" 2>"$work/wrong"
check "it is told from when on the next one is taken" told 'in [0-9]+ s'
refused_yet() {
    unlock amy "$amys"
    [ $? = 8 ] || over
}
check "and the right one is not taken earlier" refused_yet
wait_for_tries() { [ "$(json amy .wait_ms passphrase list)" = 0 ]; }
is_unlocked() { ! locked "$1"; }
unlocks() { unlock amy "$amys" && is_unlocked amy; }
check "after that the right one opens it" wait_until 20 unlocks
check_equal "by whom" '"amy"' "$(json amy .worker status)"
check "unlocking once more changes nothing" unlock amy "$amys"

# ---- shared and received while it is locked ----
jo=$(at amy introduce --known-as Jo --source B1 --own-words "MARK the first words" --json | jq -r .person)
check "what is recorded is shared" wait_until 30 converged hub amy kept
stop hub
mia=$(at amy introduce --known-as Mia --source B2 --own-words "MARK written offline" --json | jq -r .person)
note=$(at amy note Jo "MARK said before it was locked" --json | jq -r .id)
check "a restricted note needs to wait for the hub, too" \
    at amy record note.added --person Jo text="MARK for two" audience=cleo
check "locking" at amy lock
check "it is locked" locked amy
check "which waits there" test "$(json amy '[.sites[].waiting] | add' status)" -ge 3
start hub
check "back at the hub a locked laptop shares what waited" wait_until 30 shared amy
check "while it stays locked" locked amy
check "the hub has the note" grep -q "$note" <(at hub log --json)
reads() { at "$1" show "$2" 2>/dev/null | grep -q "$3"; }
check "and reads it: the keys came along" wait_until 20 reads hub Mia "MARK written offline"
check "so does the other laptop" wait_until 20 reads kept Mia "MARK written offline"
at kept note Jo "MARK came while it was locked" >/dev/null
ida=$(at kept introduce --known-as Ida --source B1 --own-words "MARK a stranger to it" --json | jq -r .person)
check "the other one shares" wait_until 20 shared kept
received() { [ "$(json amy '[.sites[] | select(.received == .head)] | length' status)" = 2 ]; }
heads() { json "$1" '[.sites[] | {site, received}]' status; }
same_head() { [ "$(heads amy)" = "$(json hub '[.sites[] | {site, received}]' status)" ]; }
check "it receives while it is locked" wait_until 20 same_head
check "locked, still" locked amy

# ---- every verb ----
for words in "today" "caseload" "front-door" "worries" "safety" "to-settle" "news" "show Jo" "show $jo" "search MARK" \
    "log" "export" "digest" "rebuild" "before-you-call Jo" "places" "resources" "workers" "task list" "freshness" \
    "note Jo x" "meet Jo x" "introduce --known-as Xx --source B9" "settle 1" "huddle" "library" "learning" "farewells"; do
    # shellcheck disable=SC2086
    at amy $words >"$work/out" 2>"$work/err" </dev/null
    code=$?
    if [ $code = 14 ] || [ $code = 2 ]; then ok "$words shows nothing (exit $code)"; else fail "$words: exit $code"; fi
    check "no word of anybody ($words)" not grep -qE 'MARK|Jo|Mia|Ida' "$work/out"
done
check "verify goes on" verified amy
check "a backup goes on" at amy backup "$work/locked.backup"

# ---- and then ----
check "unlocked" unlock amy "$amys"
check "what came while it was locked is there" wait_until 20 reads amy Jo "MARK came while it was locked"
check "also of people whose key came then" wait_until 20 reads amy Ida "MARK a stranger to it"
check "all views are the hub's" wait_until 30 converged hub amy kept

# ---- two workers ----
check_exit 8 "the owner's passphrase is needed to add another" \
    at amy passphrase add ben --passphrase-fd 3 3< <(printf '%s\n' "not hers at all" "$bens")
check_exit 4 "and somebody who is a worker here" \
    at amy passphrase add bne --passphrase-fd 3 3< <(printf '%s\n' "$amys" "$bens")
check_exit 4 "somebody without a laptop of their own is not known, either" \
    at amy passphrase add ben --passphrase-fd 3 3< <(printf '%s\n' "$amys" "$bens")
echo "$(id -un) = amy ben" >>"$work/amy/felloe.conf" # [users] is its last section
kill -HUP "${pid[amy]}"
check "until felloe.conf says who they are" wait_until 10 grep -q "the configuration was read again" "$work/amy.log"
check "with it a colleague gets one" \
    at amy passphrase add ben --passphrase-fd 3 3< <(printf '%s\n' "$amys" "$bens")
check_equal "who may" '["amy","ben"]' "$(at amy passphrase list --json | jq -c '[.opens[] | select(.kind == "passphrase") | .worker] | sort')"
at amy lock >/dev/null
check_exit 8 "their passphrase is not hers" unlock amy "$bens" --worker amy
check "ben unlocks it with his" unlock amy "$bens" --worker ben
check_equal "it is his session" '"ben"' "$(json amy .worker status)"
check "which status says, and what it lacks" grep -q "Unlocked by ben, on the laptop of amy: .* stay shut" <(at amy status)
check "he reads what is everybody's" wait_until 20 reads amy Mia "MARK written offline"
check "but not what is restricted" not reads amy Jo "MARK for two"
check_exit 8 "nor does he write such" at amy record note.added --person Jo text="x" audience=cleo
at amy note Jo "MARK by ben" >/dev/null
looked() { at hub audit --json </dev/null | jq -e 'any(.looks[]; .worker == "ben")'; }
check "and so are his looks" wait_until 30 looked
check_equal "what he records is his" ben "$(at amy log --json | jq -r 'select((.data.text? // "") == "MARK by ben") | .data.worker // .worker // .felloeworker' | head -1)"
check "a restricted note comes in his session" \
    at kept record note.added --person Jo text="MARK two more" audience=amy
check "and is shared" wait_until 20 shared kept
check "it reaches the laptop" wait_until 20 same_head
check "and stays shut to him" not reads amy Jo "MARK two more"
at amy lock >/dev/null
check "amy unlocks it again" unlock amy "$amys" --worker amy
check "and finds what is restricted to her" wait_until 20 reads amy Jo "MARK two more"
check "also what was there before" wait_until 20 reads amy Jo "MARK for two"
check "all views are the hub's again" wait_until 30 converged hub amy kept
check "ben's passphrase is taken away" at amy passphrase remove ben --passphrase-fd 3 3<<<"$amys"
at amy lock >/dev/null
check_exit 4 "and opens nothing more" unlock amy "$bens" --worker ben
check_exit 8 "also not as hers" unlock amy "$bens"

# ---- another passphrase; the recovery code ----
new='a whole new sentence'
check "changed while it is locked" \
    at amy passphrase change --passphrase-fd 3 3< <(printf '%s\n' "$amys" "$new")
check_exit 8 "the old one is refused" unlock amy "$amys"
check "the new one opens" unlock amy "$new"
at amy lock >/dev/null
check_exit 3 "a recovery code that was mistyped" at amy unlock --recovery --passphrase-fd 3 3<<<"${recovery}X"
check "the recovery code opens, and sets another passphrase" \
    at amy unlock --recovery --passphrase-fd 3 3< <(printf '%s\n' "$recovery" "$amys")
check "all is there" reads amy Ida "MARK a stranger to it"
at amy lock >/dev/null
check_exit 8 "the forgotten one opens nothing more" unlock amy "$new"
check "the one that was set does" unlock amy "$amys"

# ---- locked while it unlocks ----
at amy lock >/dev/null
unlock amy "$amys" >/dev/null 2>&1 &
waiting=$!
tried() { [ -e "$work/amy/vault-tries" ]; }
check "somebody is unlocking it" wait_until 10 tried
at amy lock >/dev/null
wait $waiting
check "locking in the midst of unlocking is the last word" wait_until 10 locked amy
check "it opens again" wait_until 30 unlocks

# ---- killed while it unlocks, and while it locks ----
for i in 1 2; do
    at amy lock >/dev/null 2>&1
    unlock amy "$amys" >/dev/null 2>&1 &
    waiting=$!
    random_moment 900
    kill_9 amy
    start amy
    wait $waiting
    check "killed while it is unlocked ($i): it starts locked" locked amy
    check "and opens" wait_until 30 unlocks
    at amy lock >/dev/null 2>&1 &
    waiting=$!
    random_moment 120
    kill_9 amy
    start amy
    wait $waiting
    check "killed while it locks ($i): it starts locked" locked amy
    check "and opens again" wait_until 30 unlocks
done
check "nothing is lost" wait_until 30 converged hub amy kept
check "and all of it verifies" verified amy

# ---- a laptop that opened by itself ----
check "one that opens by itself cannot be locked" not at kept lock
for who in kept hub; do
    check_exit 3 "nobody is asked for a passphrase that there is not ($who)" at $who passphrase change
done
cleos='a sentence of her own'
check "it is given a passphrase" eval 'at kept passphrase set --json --passphrase-fd 3 3<<<"$cleos" >"$work/set"'
check "and a recovery code" test "$(jq -r '.recovery | length' "$work/set")" -ge 28
check_equal "nothing else opens it" '["passphrase","recovery"]' "$(jq -c '[.opens[].kind] | sort' "$work/set")"
check "felloe.conf says so" grep -q '^unlock = passphrase' "$work/kept/felloe.conf"
stop kept
start kept
check "it starts locked" locked kept
check "and opens" unlock kept "$cleos"

# ---- set back, and locked when it hears of it ----
stop amy
cp -a "$work/amy" "$work/old"
start amy
check "unlocked" wait_until 30 unlocks
at amy note Jo "MARK of the first history" >/dev/null
check "one history is shared" wait_until 30 converged hub amy kept
stop hub
kill_9 amy
rm -rf "$work/amy"
mv "$work/old" "$work/amy"
start amy
check "set back, and unlocked" wait_until 30 unlocks
at amy note Jo "MARK of the second history" >/dev/null
at amy lock >/dev/null
start hub
says_unlock() { at amy status | grep -q 'two histories.*felloe unlock'; }
check "a locked laptop with two histories says what to do" wait_until 30 says_unlock
check "and writes nothing again" test "$(json amy '[.sites[].waiting] | add' status)" -ge 1
check "unlocked" wait_until 30 unlocks
check "it goes on by itself" wait_until 40 converged hub amy kept
check "the hub has one history" reads hub Jo "MARK of the first history"
check "and the other" reads hub Jo "MARK of the second history"

# ---- by the clock ----
sed -i 's/^lock_after.*/lock_after = 2s/' "$work/amy/felloe.conf"
stop amy
start amy
unlock amy "$amys" >/dev/null
was=${pid[amy]}
at amy log --follow >/dev/null 2>&1 &
check "a laptop that nobody uses locks itself, though somebody follows" wait_until 10 locked amy
check "it is the same process to whoever looks after it" kill -0 "$was"
unlock amy "$amys" >/dev/null
for _ in {1..20}; do at amy note Jo "$(printf '%050000d' 0)" >/dev/null; done
mkfifo "$work/pager"
exec 9<>"$work/pager" # open, and read by nobody
at amy log --json >"$work/pager" 2>/dev/null 9>&- &
check "nor does a pager that was left open keep it from that" wait_until 10 locked amy
finish
