#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Turns a CSV file of case notes into CloudEvents lines for `felloe import`: for each row an introduction and a note.
#
#   tests/lib/case_notes.sh FILE.csv [FIRST-DAY]     (2026-03-02; a row an hour from then on)
#
# Columns are found by the names in the first line: person_oid, first_name, last_name, writer_style, case_note. Values
# may stand in quotes, with commas, quotes (doubled) and line ends in them.
set -u
awk -v first="$(date -u -d "${2:-2026-03-02} 09:00" +%s)" '
function escaped(text) {
    gsub(/\\/, "&&", text); gsub(/"/, "\\\"", text); gsub(/\t/, "\\t", text); gsub(/\r/, "", text)
    gsub(/\n/, "\\n", text)
    return "\"" text "\""
}
function event(id, type, person, worker, data) {
    printf "{\"specversion\":\"1.0\",\"source\":\"/case-notes\",\"id\":%s,\"type\":\"%s\",\"subject\":%s,", escaped(id), \
        type, escaped(person)
    printf "\"time\":\"%s\",\"worker\":\"%s\",\"data\":{%s}}\n", strftime("%Y-%m-%dT%H:%M:%SZ", first + count * 3600, 1), \
        worker, data
}
function row(fields, n,    i, worker, person) {
    if (!named) {
        for (i = 1; i <= n; i++) at[fields[i]] = i
        named = 1
        return
    }
    person = fields[at["person_oid"]]
    worker = fields[at["writer_style"]]
    gsub(/[^a-z0-9]/, "-", worker)
    event(person "-1", "person.introduced", person, worker,
        "\"source\":\"Q1\",\"known_as\":" escaped(fields[at["first_name"]] " " fields[at["last_name"]]))
    event(person "-2", "note.added", person, worker, "\"text\":" escaped(fields[at["case_note"]]))
    count++
}
{
    line = quoted ? line "\n" $0 : $0
    quotes = gsub(/"/, "\"", line)
    quoted = quotes % 2
    if (quoted) next
    n = 0
    rest = line ","
    while (rest != "") {
        if (substr(rest, 1, 1) == "\"") {
            match(rest, /^"([^"]|"")*"/)
            value = substr(rest, 2, RLENGTH - 2)
            gsub(/""/, "\"", value)
            rest = substr(rest, RLENGTH + 2)
        } else {
            value = substr(rest, 1, index(rest, ",") - 1)
            rest = substr(rest, index(rest, ",") + 1)
        }
        fields[++n] = value
    }
    if (n > 1) row(fields, n)
}' "$1"
