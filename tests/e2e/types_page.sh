#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The reference page of types is what the catalogue says today.
# timeout: 30
# short
. "$(dirname "$0")/../lib/e2e.sh"

felloe types --markdown >"$work/TYPES.md"
check "proto/TYPES.md is current (make types writes it)" cmp "$root/proto/TYPES.md" "$work/TYPES.md"
check_equal "it has every type" "$(felloe types --json | jq -r '.types | length')" \
    "$(grep -c '^### [a-z.]*\.[a-z]*$' "$work/TYPES.md")"
finish
