#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk that fails under a whole daemon: FAULTS (72; all: every one) of its calls fail (PARTS: of which of its lives), each once and from then on for
# ever, with EIO and with ENOSPC; while a hub or a laptop is made, or a hub is put back to a backup, and while they start,
# record, share and end. Nothing that was said to be saved is missing afterwards, nothing ends by a signal, and the message
# says what to do.
# timeout: 300
. "$(dirname "$0")/../lib/e2e.sh"
parts=${PARTS:-make join restore laptop hub}
faults=${FAULTS:-72} call=0 mode= calls=1
RANDOM=${SEED:-$$}
echo "seed ${SEED:-$$}"
if grep -q -- -fsanitize "$B/.flags"; then
    echo "skip nothing can be preloaded under a sanitizer"
    exit 77
fi
modes=("EIO " "EIO FELLOE_FAIL_EVER=1" "ENOSPC " "ENOSPC FELLOE_FAIL_EVER=1")

# failing NAME CALL MODE: words to run a daemon under, whose files are in $work/NAME. CALL 0: it only counts.
failing() {
    echo "env LD_PRELOAD=$B/fail_io.so FELLOE_FAIL_DIR=$work/$1 FELLOE_FAIL_COUNT=$work/count FELLOE_FAIL_TOLD=$work/told \
FELLOE_FAIL_AT=$2 FELLOE_FAIL_WITH=$3"
}
# After a run without a fault: $calls, how many calls it has made.
count() {
    calls=$(cat "$work/count" 2>/dev/null)
    rm -f "$work/count"
    [ "${calls:=1}" -ge 20 ] || bad "only $calls calls were counted"
}
# sweep PART CALLS: which calls of how many are to fail, each in each mode: "CALL MODE", the share of this part of all.
sweep() {
    local share=0 mode i
    [ "$faults" = all ] || share=$(($1 * faults / 100))
    for mode in "${modes[@]}"; do
        if [ "$faults" = all ]; then
            for ((i = 1; i <= $2; i++)); do echo "$i $mode"; done
        else
            for ((i = 0; i < (share + 3) / 4; i++)); do echo "$(((RANDOM * 32768 + RANDOM) % $2 + 1)) $mode"; done
        fi
    done
}
# bad TEXT: something went wrong with the fault at hand.
wrong=0
bad() {
    wrong=$((wrong + 1))
    [ $wrong -le 5 ] && echo "    $1 ($who, call $call, $mode, $(cat "$work/told" 2>/dev/null)): $(tail -n 1 "$work/err" 2>/dev/null | cut -c1-200)"
}
# What went wrong is an exit code of ours, and one message that says what to do.
says_what() { # CODE
    [ "$1" -lt 128 ] || bad "ended by signal $(($1 - 128))"
    [ "$(grep -c . "$work/err")" -ge 1 ] || bad "exit $1 without a message"
    grep -qiE 'free some space|again|check the|put it back|may not|repair' "$work/err" || bad "the message does not say what to do"
}
fell=0 # how many faults came to pass
outcome() { # TEXT: all the faults since the last outcome
    if [ $wrong = 0 ]; then ok "$1"; else fail "$1: $wrong times not"; fi
    wrong=0
}

# ---- making a hub, joining it ----
hub_new hub salford
start hub || exit 1
make_hub() { # WORDS
    # shellcheck disable=SC2086
    $1 "$B/felloed" --dir "$work/made/hub" --init-hub --unlock none --name made --listen tcp://127.0.0.1:7355 --site salford >/dev/null 2>"$work/err"
}
join_hub() {
    # shellcheck disable=SC2086
    $1 "$B/felloed" --dir "$work/made/l" --join - --unlock none >/dev/null 2>"$work/err" <"$work/ticket"
}
making() { # COMMAND: under every fault, and then again without
    local code
    mkdir "$work/made"
    who=$1
    invite hub amy salford >"$work/ticket"
    "$1" "$(failing made 0 EIO)" || bad "it does not even work without a fault"
    count
    while read -r call mode; do
        rm -rf "$work/made" "$work/told"
        mkdir "$work/made"
        [ "$1" = make_hub ] || invite hub amy salford >"$work/ticket"
        "$1" "$(failing made "$call" "$mode")"
        code=$?
        [ -s "$work/told" ] && fell=$((fell + 1))
        [ $code = 0 ] || says_what $code
        "$1" ""
        again=$?
        # What was made is not made again; what was not is.
        [ "$again" = 0 ] || { [ "$again" = 7 ] && [ $code != 1 ]; } || bad "making it again: exit $again"
        B_dir=$(ls -d "$work"/made/*)
        "$B/felloed" --dir "$B_dir" --check >/dev/null 2>"$work/err" || bad "what was made does not check"
    done < <(sweep 15 "$calls")
    rm -rf "$work/made"
}
part() { [[ " $parts " == *" $1 "* ]]; }
if part make; then
    making make_hub
    outcome "a hub is made after any failure of the disk, by doing it again"
fi
if part join; then
    making join_hub
    outcome "a laptop joins after any failure of the disk, by doing it again"
fi

# ---- putting a hub back to a backup ----
restore_hub() { # WORDS
    # shellcheck disable=SC2086
    $1 "$B/felloed" --dir "$work/made/hub" --restore "$work/backup" >/dev/null 2>"$work/err"
}
serves() { # NAME TEXT: its daemon starts, its record verifies, and it ends
    start "$1" 2>"$work/err" || bad "$2: it does not start"
    verified "$1" || bad "$2: it does not verify"
    stop "$1"
}
restoring() {
    local one
    hub_new whole salford
    start whole || exit 1
    one=$(at whole introduce --known-as Jo --source Q1 --site salford --json | jq -r .person)
    at whole note "$one" "before" >/dev/null
    at whole backup "$work/backup" >/dev/null || fail "a backup can be made"
    at whole note "$one" "after" >/dev/null
    stop whole
    mkdir "$work/made"
    cp -r "$work/whole" "$work/made/hub"
    who=restore_hub
    restore_hub "$(failing made 0 EIO)" || bad "it does not even work without a fault"
    count
    while read -r call mode; do
        rm -rf "$work/made/hub" "$work/told"
        cp -r "$work/whole" "$work/made/hub"
        restore_hub "$(failing made "$call" "$mode")"
        code=$?
        [ -s "$work/told" ] && fell=$((fell + 1))
        [ $code = 0 ] || says_what $code
        serves made/hub "after a failure"
        restore_hub "" || bad "putting it back again: exit $?"
        serves made/hub "after it was put back"
    done < <(sweep 10 "$calls")
    rm -rf "$work/made"
}
if part restore; then
    restoring
    outcome "a hub is put back to a backup after any failure of the disk, by doing it again"
fi

# ---- a daemon at work ----
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
person=$(at l1 introduce --known-as Jo --source Q1 --json | jq -r .person)
check "it works before the first fault" wait_until 20 converged hub l1 l2
stop l1
touch "$work/l1.saved" "$work/hub.saved" "$work/shared"

# NAME's daemon works under the words given: it starts, records three notes, what was written on it or at l2 is shared; it
# ends. $exit_code is how.
work_under() {
    local name=$1 answer code i
    # shellcheck disable=SC2086
    $2 "$B/felloed" --dir "$work/$name" >"$work/err" 2>&1 &
    pid[$name]=$!
    wait_until 20 up_or_dead "$name" || bad "it neither starts nor ends"
    for i in 1 2 3; do
        alive "$name" || break
        answer=$(at "$name" note "$person" "call $call $mode $i" --json 2>"$work/note.err")
        code=$?
        if [ $code = 0 ]; then
            jq -r .id <<<"$answer" >>"$work/$name.saved"
        elif [ $code != 6 ] && [ $code != 11 ]; then
            bad "a note gives exit $code: $(head -1 "$work/note.err")"
        fi
    done
    if [ "$name" = hub ] && at l2 note "$person" "from l2, call $call" --json >"$work/l2.note"; then
        wait_until 1 l2_shared_or_dead && shared l2 && jq -r .id "$work/l2.note" >>"$work/shared"
    else
        wait_until 1 shared_or_dead "$name"
    fi
    end "$name" TERM
}
shared_or_dead() { ! alive "$1" || shared "$1"; }
l2_shared_or_dead() { ! alive hub || shared l2; }
# All of FILE is in what NAME has.
has_all() { [ -z "$(sort "$1" | comm -23 - <(at "$2" log --json | jq -r .id | sort) | head -3)" ]; }

under_faults() { # NAME SHARE
    local sync
    who=$1 call=0 mode=
    rm -f "$work/told"
    work_under "$1" "$(failing "$1" 0 EIO)"
    [ "$exit_code" = 0 ] || bad "exit $exit_code without a fault"
    count
    while read -r call mode; do
        rm -f "$work/told"
        work_under "$1" "$(failing "$1" "$call" "$mode")"
        [ -s "$work/told" ] && fell=$((fell + 1))
        [ "$exit_code" = 0 ] || says_what "$exit_code"
        # A sync of the truth that failed: whoever looks after the daemon has to start it again.
        sync=$(grep -E '^(fdatasync|meta) (log|keys)/' "$work/told" 2>/dev/null)
        [ -z "$sync" ] || [[ $mode = ENOSPC* ]] || [ "$exit_code" = 11 ] || bad "exit $exit_code after a sync that failed"
        start "$1" 2>"$work/err" || exit 1
        has_all "$work/$1.saved" "$1" || bad "something that was said to be saved is missing"
        [ "$1" != hub ] || has_all "$work/shared" hub || bad "something that was said to be shared is missing"
        verified "$1" || bad "it does not verify"
        stop "$1"
        [ "$exit_code" = 0 ] || bad "exit $exit_code after a start without faults"
    done < <(sweep "$2" "$calls")
}
if part laptop; then
    under_faults l1 30
    outcome "a laptop whose disk fails at any of $calls calls loses nothing that it said was saved ($(wc -l <"$work/l1.saved") notes)"
fi
stop hub
start l1 || exit 1
if part hub; then
    under_faults hub 30
    outcome "a hub whose disk fails at any of $calls calls loses nothing ($(wc -l <"$work/hub.saved") notes, $(wc -l <"$work/shared") shared)"
fi
[ -n "${PARTS:-}" ] || check "$fell faults came to pass" test "$fell" -ge 40
start hub
echo "$fell faults"
check "at the end all is shared, and all views are the same" wait_until 30 converged hub l1 l2
for d in hub l1 l2; do check "verify on $d" verified $d; done
finish
