/* SPDX-License-Identifier: Apache-2.0 */
/* audit: who looked at whose record; at the hub, by its auditors. Also as FHIR R4 AuditEvents, one a line. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/auditors.h"
#include "client/cell.h"
#include "client/output.h"
#include "client/verbs.h"
#include "client/when.h"

/* What a screen holds is far less; programs get all. */
#define LIMIT_SHOWN 1000

enum { ROW_ID, ROW_TIME, ROW_WORKER, ROW_DEVICE, ROW_LABEL, ROW_HOW, ROW_WHAT, ROW_UID, ROW_USER, ROW_PEOPLE };

static const struct option_def options[] = {
    {"since", "WHEN", "looks since then: yesterday, 1 dec, 2026-12-01"},
    {"limit", "N", "the newest so many (a table shows 1000)"},
    {"fhir", NULL, "FHIR R4 AuditEvent resources, one a line of JSON"},
    SECRET_OPTION,
    OPTIONS_END,
};

/* How people call each way of looking. */
static const char *how_words(const char *how)
{
    static const struct { const char *how, *words; } all[] = {
        {"show", "opened the record"}, {"before-you-call", "looked before a call"}, {"view", "saw in a list"},
        {"record", "was told of while recording"},
        {"search", "found by a search"}, {"log", "read in the log"}, {"export", "exported"},
        {"news", "read in the news"}, {"audit", "read who had looked"},
        {"quarantine", "read what was kept aside"}, {"before-erase", "looked before erasing"},
        {"erase", "erased the record"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].how, how) == 0)
            return all[i].words;
    return how;
}

/* ---- the table ---- */

static void people_text(FILE *to, const struct felloe_value *people)
{
    enum { NAMED = 3 };
    size_t count = felloe_value_count(people);
    for (size_t i = 0; i < count && i < NAMED; i++) {
        const struct felloe_value *person = felloe_value_at(people, i);
        const char *name = felloe_value_text(felloe_value_at(person, 1));
        char id[80];
        hex_of(felloe_value_at(person, 0), id, sizeof id);
        fprintf(to, "%s%s%s%.*s", i > 0 ? ", " : "", name, *name ? " " : "", ID_SHORT, id);
    }
    if (count > NAMED)
        fprintf(to, " and %zu more", count - NAMED);
}

static void add_row(struct table *table, const struct felloe_value *row, int64_t now)
{
    char time[WHEN_MAX], words[160], *people = NULL;
    const char *what = felloe_value_text(felloe_value_at(row, ROW_WHAT));
    size_t len;
    FILE *to = open_memstream(&people, &len);
    when_friendly(felloe_value_integer(felloe_value_at(row, ROW_TIME)), now, time);
    snprintf(words, sizeof words, "%s%s%s", how_words(felloe_value_text(felloe_value_at(row, ROW_HOW))),
             *what ? ": " : "", what);
    if (to) {
        people_text(to, felloe_value_at(row, ROW_PEOPLE));
        fclose(to);
    }
    table_row(table);
    table_cell(table, 0, time);
    table_cell(table, 1, felloe_value_text(felloe_value_at(row, ROW_WORKER)));
    table_cell(table, 2, felloe_value_text(felloe_value_at(row, ROW_LABEL)));
    table_cell(table, 3, felloe_value_text(felloe_value_at(row, ROW_USER)));
    table_cell(table, 4, words);
    table_cell(table, 5, people);
    free(people);
}

static enum felloe_code print_table(struct cli *cli, const struct felloe_answer *answer)
{
    static const char *const headings[] = {"when", "worker", "laptop", "user", "how", "whom"};
    const size_t count = felloe_answer_count(answer);
    const struct felloe_value *summary = felloe_answer_summary(answer);
    const int64_t total = felloe_value_integer(felloe_value_get(summary, "total")),
                  sealed = felloe_value_integer(felloe_value_get(summary, "sealed")), now = when_now();
    struct table *table = table_new();
    for (size_t c = 0; c < sizeof headings / sizeof *headings; c++)
        table_column(table, headings[c], c == 5 ? COLUMN_WRAP : COLUMN_PLAIN);
    for (size_t i = 0; i < count; i++)
        add_row(table, felloe_answer_item(answer, i), now);
    if (count == 0)
        puts("Nobody looked, as far as the hub has heard");
    enum felloe_code code = table_print(table, &cli->error);
    if ((int64_t)count < total)
        printf("%zu of %" PRId64 " looks, the newest: --since and --limit choose others\n", count, total);
    if (sealed > 0)
        printf("%" PRId64 " look%s cannot be opened: sealed for other auditors\n", sealed, sealed == 1 ? "" : "s");
    if (count > 0 && !felloe_value_bool(felloe_value_get(summary, "names")))
        puts("Names are for workers, and for who has the auditors' passphrase: [users] in felloe.conf says who is one");
    return code;
}

/* ---- JSON ---- */

static json_t *hex_json(const struct felloe_value *value)
{
    char hex[80];
    hex_of(value, hex, sizeof hex);
    return json_string(hex);
}

static json_t *row_json(const struct felloe_value *row)
{
    const struct felloe_value *people = felloe_value_at(row, ROW_PEOPLE);
    char time[WHEN_MAX];
    json_t *named = json_array();
    when_iso(felloe_value_integer(felloe_value_at(row, ROW_TIME)), time);
    for (size_t i = 0; i < felloe_value_count(people); i++) {
        const struct felloe_value *person = felloe_value_at(people, i), *name = felloe_value_at(person, 1);
        json_array_append_new(named, json_pack("{s:o,s:o}", "id", hex_json(felloe_value_at(person, 0)), "name",
                                               felloe_value_kind(name) == FELLOE_TEXT
                                                   ? json_string(felloe_value_text(name)) : json_null()));
    }
    return json_pack("{s:o,s:s,s:s,s:o,s:s,s:s,s:s,s:I,s:s,s:o}", "id", hex_json(felloe_value_at(row, ROW_ID)), "when",
                     time, "worker", felloe_value_text(felloe_value_at(row, ROW_WORKER)), "device",
                     hex_json(felloe_value_at(row, ROW_DEVICE)), "laptop",
                     felloe_value_text(felloe_value_at(row, ROW_LABEL)), "how",
                     felloe_value_text(felloe_value_at(row, ROW_HOW)), "what",
                     felloe_value_text(felloe_value_at(row, ROW_WHAT)), "uid",
                     (json_int_t)felloe_value_integer(felloe_value_at(row, ROW_UID)), "user",
                     felloe_value_text(felloe_value_at(row, ROW_USER)), "people", named);
}

static enum felloe_code print_json(struct cli *cli, const struct felloe_answer *answer)
{
    json_t *rows = json_of_items(answer, row_json);
    const struct felloe_value *summary = felloe_answer_summary(answer);
    return out_json(json_pack("{s:o,s:I,s:I}", "looks", rows, "total",
                              (json_int_t)felloe_value_integer(felloe_value_get(summary, "total")), "sealed",
                              (json_int_t)felloe_value_integer(felloe_value_get(summary, "sealed"))),
                    &cli->error);
}

/* ---- FHIR ---- */

#define DICOM "http://dicom.nema.org/resources/ontology/DCM"

static json_t *coding(const char *system, const char *code, const char *display)
{
    return json_pack("{s:s,s:s,s:s}", "system", system, "code", code, "display", display);
}

static json_t *identified(const char *system, json_t *value)
{
    return json_pack("{s:{s:s,s:o}}", "identifier", "system", system, "value", value);
}

static json_t *fhir_agent(const struct felloe_value *row)
{
    const char *worker = felloe_value_text(felloe_value_at(row, ROW_WORKER)),
               *user = felloe_value_text(felloe_value_at(row, ROW_USER));
    json_t *agent = json_pack("{s:o,s:b,s:{s:[o]}}", "who", identified("urn:felloe:worker", json_string(worker)),
                              "requestor", 1, "type", "coding",
                              coding("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "humanuser",
                                     "human user"));
    if (*user)
        json_object_set_new(agent, "altId", json_string(user));
    return agent;
}

static json_t *fhir_entities(const struct felloe_value *people, const char *what)
{
    json_t *entities = json_array();
    for (size_t i = 0; i < felloe_value_count(people); i++) {
        json_t *id = hex_json(felloe_value_at(felloe_value_at(people, i), 0));
        json_t *entity = json_pack(
            "{s:o,s:o,s:o}", "what", identified("urn:felloe:person", id), "type",
            coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", "1", "Person"), "role",
            coding("http://terminology.hl7.org/CodeSystem/object-role", "1", "Patient"));
        if (*what)
            json_object_set_new(entity, "description", json_string(what));
        json_array_append_new(entities, entity);
    }
    return entities;
}

/* By ids alone: whoever takes these in may not be meant to know names. */
static json_t *fhir_of(const struct felloe_value *row)
{
    const char *how = felloe_value_text(felloe_value_at(row, ROW_HOW)),
               *what = felloe_value_text(felloe_value_at(row, ROW_WHAT));
    bool exports = strcmp(how, "export") == 0, erases = strcmp(how, "erase") == 0,
         finds = strcmp(how, "search") == 0 || strcmp(how, "view") == 0;
    char time[WHEN_MAX];
    when_iso(felloe_value_integer(felloe_value_at(row, ROW_TIME)), time);
    json_t *type = exports ? coding(DICOM, "110106", "Export")
                   : finds ? coding(DICOM, "110112", "Query") : coding(DICOM, "110110", "Patient Record");
    json_t *observer = identified("urn:felloe:device", hex_json(felloe_value_at(row, ROW_DEVICE)));
    json_object_set_new(observer, "display", json_string(felloe_value_text(felloe_value_at(row, ROW_LABEL))));
    return json_pack("{s:s,s:o,s:o,s:[o],s:s,s:s,s:s,s:[o],s:{s:o,s:[o]},s:o}", "resourceType", "AuditEvent", "id",
                     hex_json(felloe_value_at(row, ROW_ID)), "type", type, "subtype",
                     coding("urn:felloe:look", how, how_words(how)), "action", erases ? "D" : finds ? "E" : "R",
                     "recorded", time, "outcome", "0", "agent", fhir_agent(row), "source", "observer", observer, "type",
                     coding("http://terminology.hl7.org/CodeSystem/security-source-type", "1", "User Device"), "entity",
                     fhir_entities(felloe_value_at(row, ROW_PEOPLE), what));
}

static enum felloe_code print_fhir(struct cli *cli, const struct felloe_answer *answer)
{
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        json_t *event = fhir_of(felloe_answer_item(answer, i));
        bool written = out_json_line(stdout, event, JSON_COMPACT);
        json_decref(event);
        if (!written)
            return cli_fail(cli, FELLOE_STORAGE, "the looks could not be written to the end");
    }
    return FELLOE_OK;
}

/* ---- the verb ---- */

static enum felloe_code ask(struct cli *cli, struct felloe_answer **out)
{
    struct felloe_argument arguments[4] = {{.name = "limit", .kind = FELLOE_INTEGER}};
    struct secret secret = {0};
    struct progress progress;
    struct when since;
    size_t count = 1;
    char *end = NULL;
    const char *limit = cli_option(cli, "limit"), *from = cli_option(cli, "since");
    bool all = cli->json || cli_option(cli, "fhir");
    arguments[0].integer = limit ? strtol(limit, &end, 10) : all ? 0 : LIMIT_SHOWN;
    if (limit && (*end != '\0' || arguments[0].integer < 0))
        return cli_fail(cli, FELLOE_USAGE, "--limit %.20s is not a number", limit);
    if (from && !when_parse(from, WHEN_BACK, when_now(), &since))
        return cli_fail(cli, FELLOE_USAGE, "--since %.40s is not a time: write yesterday, friday, 1/12 or 2026-12-01",
                        from);
    if (from)
        arguments[count++] = (struct felloe_argument){.name = "since", .kind = FELLOE_INTEGER, .integer = since.ms};
    if (cli->word_count > 0)
        arguments[count++] = (struct felloe_argument){.name = "whom", .kind = FELLOE_TEXT, .text = cli->words[0]};
    enum felloe_code code = auditors_ask(cli, &secret);
    if (code != FELLOE_OK)
        return code;
    if (secret.text)
        arguments[count++] = (struct felloe_argument){.name = "passphrase", .kind = FELLOE_TEXT, .text = secret.text};
    progress_init(&progress, "reading", cli->json);
    const struct felloe_progress reports = progress_reports(&progress);
    code = cli_ask(cli, "audit", arguments, count, &reports, out);
    progress_end(&progress);
    secret_release(&secret);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = ask(cli, &answer);
    if (code != FELLOE_OK)
        return code;
    if (cli_option(cli, "fhir"))
        code = print_fhir(cli, answer);
    else
        code = cli->json ? print_json(cli, answer) : print_table(cli, answer);
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_audit = {
    "audit", "Keep it well", "[WORKER|PERSON]", "who looked at whose record; at the hub, by its auditors",
    "Every laptop records who it shows to whom before it shows them, offline too, and brings that along when it meets\n"
    "the hub. Only the auditors' secret opens it (`felloe hub auditors`). This is recorded as a look, too.",
    options, 0, 1, run};
