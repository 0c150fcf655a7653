# SPDX-License-Identifier: Apache-2.0
# Felloe, as its peers are asked: see run.
# shellcheck shell=bash disable=SC2034,SC2154
asked[felloe]="checks each event against the catalogue, seals it under the person's key, chains and signs it, and acknowledges after the commit (fdatasync); for the backlog, sends it encrypted and authenticated (CURVE), where the hub checks chains and signatures, commits, and only then signs a receipt; views are kept up on both sides meanwhile"
durable[felloe durable]="yes, on both sides"
missing_felloe() { return 1; }
version_felloe() { "$B/felloe" --version | awk '{ print $2; exit }'; }
modes_felloe() { echo durable; }

shared_all() { start laptop && wait_until 600 shared laptop; }
new_pair() {
    hub_new hub salford && start hub && laptop_new laptop hub amy salford && stop hub && start laptop
}
gone() {
    local name
    for name in hub laptop; do
        [ -z "${pid[$name]:-}" ] || stop "$name"
        rm -rf "${work:?}/$name"
    done
}
all_folded() { [ "$(json "$1" '.folded == .total' status)" = true ]; }
round_felloe() { # MODE DIR
    new_pair || return 1
    took felloe durable one "$(number "$bench" record "$work/laptop" 1 1 "$each" "$bytes")"
    took felloe durable many "$(number "$bench" record "$work/laptop" 64 1 "$each" "$bytes")"
    gone
    new_pair || return 1
    took felloe durable bulk "$(number "$bench" fill "$work/laptop" "$events" "$bytes")"
    wait_until 600 all_folded laptop && stop laptop && start hub && rate_of "$events" shared_all || return 1
    took felloe durable backlog "$rate"
    gone
}
