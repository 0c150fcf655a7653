#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the compiler and the linker were asked for is in the programs; the units take away what systemd can take away, and
# the daemon asks the kernel for nothing that they forbid.
# timeout: 90
. "$(dirname "$0")/../lib/e2e.sh"
cd "$root" || exit 1
grep -q -- -fsanitize "$B/.flags" && skip "with sanitizers, programs are built in another way" && finish

# ---- programs ----
has() { grep -qE "$1" <<<"$2"; }
for program in felloed felloe libfelloe.so; do
    headers=$(readelf -Wl "$B/$program") dynamic=$(readelf -Wd "$B/$program")
    symbols=$(readelf -W --dyn-syms "$B/$program" | awk '{ print $7, $8 }')
    if [ $program != libfelloe.so ]; then
        check "$program may lie anywhere in memory (PIE)" has 'FLAGS_1.*\bPIE\b' "$dynamic"
    fi
    check "$program: relocations are read-only" has 'GNU_RELRO' "$headers"
    check "$program: all symbols are bound at the start" has '\b(NOW|BIND_NOW)\b' "$dynamic"
    check "$program: the stack is not executable" has 'GNU_STACK .* RW  ' "$headers"
    check "$program: nothing is writable and executable" not has ' RWE ' "$headers"
    check "$program: no relocations in code" not has 'TEXTREL' "$dynamic"
    check "$program: libraries come from the system alone (no RPATH)" not has 'RPATH|RUNPATH' "$dynamic"
    check "$program: stack protector" has '__stack_chk_fail' "$symbols"
    grep -q -- -D_FORTIFY_SOURCE "$B/.flags" && check "$program: checked calls of the C library" has '_chk@' "$symbols"
done
check "ZeroMQ's recv is felloed's (net_guard.h)" has '^[0-9]+ recv$' "$(readelf -W --dyn-syms "$B/felloed" | awk '{ print $7, $8 }')"
if grep -q -- -fcf-protection "$B/.flags"; then
    without=$(find "$B/daemon" "$B/client" "$B/proto" -name '*.o' -not -path '*/older/*' |
        while read -r o; do readelf -Wn "$o" | grep -q 'IBT, SHSTK' || echo "$o"; done)
    check_equal "every object is made for control-flow protection" "" "$without"
    if readelf -Wn "$(${CC:-gcc} -print-file-name=Scrt1.o)" | grep -q 'IBT, SHSTK'; then
        check "and so are the programs" has 'IBT, SHSTK' "$(readelf -Wn "$B/felloed")"
    else
        skip "that programs say so: this system's own Scrt1.o does not"
    fi
fi

# ---- units ----
if ! command -v systemd-analyze >/dev/null; then
    skip "units: systemd-analyze is not here"
    finish
fi
units=$work/units
mkdir "$units"
for unit in felloed-hub.service felloed.service user/felloed.service; do
    sed -e "s#@BINDIR@#$B#g; s#@DOCDIR@#$root#g" "$root/daemon/units/$unit" >"$units/${unit/\//-}"
done
for unit in felloed-hub felloed; do
    said=$(systemd-analyze security --offline=true --threshold=15 "$units/$unit.service" 2>&1)
    check "$unit.service: exposed at most 1.5: $(tail -1 <<<"$said" | tr -dc '0-9.' | sed 's/^[^0-9]*//')" \
        systemd-analyze security --offline=true --threshold=15 "$units/$unit.service"
done
for unit in felloed-hub felloed user-felloed; do
    cp "$units/$unit.service" "$work/felloed.service" # under the name that it has when it is installed
    check_equal "$unit.service: systemd finds no fault" "" "$(systemd-analyze verify --man=no "$work/felloed.service" 2>&1 | grep -i felloed)"
    check "$unit.service: is restarted after a failure" grep -q '^Restart=on-failure' "$units/$unit.service"
done
for unit in felloed-hub felloed; do
    for line in User=felloe NoNewPrivileges=yes 'LimitNOFILE=[0-9]+' LimitCORE=0 'MemoryMax=[0-9]+[MG]' MemorySwapMax=0 \
        'TasksMax=[0-9]+' 'LoadCredential=felloe-[a-z]+' 'SystemCallFilter=.+'; do
        check "$unit.service: $line" grep -qE "^$line$" "$units/$unit.service"
    done
done
hardening() { sed -n '/^NoNewPrivileges/,/^InaccessiblePaths/p' "$1"; }
check_equal "both are hardened alike" "$(hardening "$units/felloed-hub.service")" "$(hardening "$units/felloed.service")"

# ---- what the filter lets through, against what is asked for ----
expand() { # a group's calls, and those of the groups in it
    local word
    for word in $(systemd-analyze syscall-filter "$1" 2>/dev/null | tail -n +2 | grep -v '#'); do
        if [[ $word = @* ]]; then expand "$word"; else echo "$word"; fi
    done
}
allowed() {
    local line word
    while read -r line; do
        for word in ${line#\~}; do
            if [[ $word = @* ]]; then expand "$word"; else echo "$word"; fi
        done | sort -u >"$work/words"
        if [[ $line = \~* ]]; then
            sort -u "$work/allowed" | comm -23 - "$work/words" >"$work/next"
        else
            sort -u "$work/allowed" "$work/words" >"$work/next"
        fi
        mv "$work/next" "$work/allowed"
    done < <(sed -n 's/^SystemCallFilter=//p' "$units/felloed-hub.service")
}
if ! command -v strace >/dev/null || ! strace -qq -o "$work/try" true 2>/dev/null; then
    skip "what the daemon asks of the kernel: strace is not here, or may not look"
    finish
fi
: >"$work/allowed"
allowed
check "the filter lets some calls through: $(wc -l <"$work/allowed")" test "$(wc -l <"$work/allowed")" -gt 150
check "and not those that need privileges" not grep -qE '^(mount|setuid|ptrace|bpf|keyctl|kexec_load)$' "$work/allowed"
hub_new hub salford
prefix="strace -f -qq -o $work/hub.calls"
start hub || exit 1
prefix=""
secret="correct horse battery"
ticket=$(invite hub amy salford)
felloed --dir "$work/l1" --join "$ticket" --unlock passphrase --passphrase-fd 3 --json 3<<<"$secret" >/dev/null
prefix="strace -f -qq -o $work/l1.calls"
start l1 || exit 1
prefix=""
unlock() { at l1 unlock --passphrase-fd 3 3<<<"$secret"; }
check "a laptop is unlocked" unlock
at l1 introduce --known-as Jo --source A1 --site salford >/dev/null
at l1 show Jo >/dev/null
at l1 backup "$work/backup" >/dev/null
check "it works meanwhile" wait_until 30 shared l1
verified l1
check "and locked" at l1 lock
check "and unlocked again" wait_until 20 unlock
kill -HUP "$(pgrep -P "${pid[hub]}")" 2>/dev/null
for name in hub l1; do
    kill "$(pgrep -P "${pid[$name]}")" 2>/dev/null
    wait "${pid[$name]}"
    unset "pid[$name]"
done
sed -E 's/^[0-9]+ +//' "$work"/*.calls | grep -oE '^[a-z_0-9]+\(' | tr -d '(' | sort -u >"$work/asked"
check "the daemon asked the kernel for $(wc -l <"$work/asked") kinds of things" test "$(wc -l <"$work/asked")" -gt 40
check_equal "the units' filter forbids none of them" "" "$(comm -23 "$work/asked" "$work/allowed" | tr '\n' ' ')"
finish
