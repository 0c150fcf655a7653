# SPDX-License-Identifier: Apache-2.0
# Felloe, as its peers are asked: see run.
# shellcheck shell=bash disable=SC2034,SC2154
asked[felloe]="checks each event against the catalogue, seals it under the person's key, chains and signs it, and acknowledges after the commit (fdatasync); for the backlog, sends it encrypted and authenticated (CURVE), where the hub checks chains and signatures, commits, and only then signs a receipt; views are kept up on both sides meanwhile; connecting to the hub counts (the others are connected by then)"
durable[felloe durable]="yes, on both sides"
missing_felloe() { return 1; }
version_felloe() { "$B/felloe" --version | awk '{ print $2; exit }'; }
modes_felloe() { echo durable; }

new_pair() {
    hub_new hub salford && start hub && laptop_new laptop hub amy salford && stop hub && start laptop
}
gone() {
    local name
    for name in hub laptop newcomer; do
        [ -z "${pid[$name]:-}" ] || stop "$name"
        rm -rf "${work:?}/$name"
    done
}
round_felloe() { # MODE DIR
    new_pair || return 1
    took felloe durable one "$(number "$bench" record "$work/laptop" 1 1 "$each" "$bytes")"
    took felloe durable many "$(number "$bench" clients "$work/laptop" 64 "$each" "$bytes")"
    gone
    new_pair || return 1
    took felloe durable bulk "$(number "$bench" fill "$work/laptop" "$events" "$bytes")"
    wait_until 600 folded laptop && stop laptop && start hub && moves laptop shared || return 1
    took felloe durable backlog "$rate"
    wait_until 600 folded hub && stop laptop && laptop_new newcomer hub bea salford && moves newcomer received || return 1
    took felloe durable newcomer "$rate"
    gone
}
