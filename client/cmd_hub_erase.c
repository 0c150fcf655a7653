/* SPDX-License-Identifier: Apache-2.0 */
/* hub erase: a person's keys are destroyed, here and on every laptop that hears of it. There is no way back, so it is
 * told first who it is, and their name has to be typed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/cell.h"
#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"
#include "client/when.h"

static const struct option_def options[] = {
    {"basis", "TEXT", "on which basis; it stays readable, so it must not name the person"},
    {"yes", NULL, "do not ask: for scripts"},
    OPTIONS_END,
};

static enum felloe_code ask_hub(struct cli *cli, const char *person, const char *basis, bool look,
                                struct felloe_answer **out)
{
    const struct felloe_argument arguments[] = {
        {.name = "person", .kind = FELLOE_TEXT, .text = person},
        {.name = "basis", .kind = FELLOE_TEXT, .text = basis},
        {.name = "look", .kind = FELLOE_BOOL, .integer = look},
    };
    return cli_ask(cli, "hub.erase", arguments, 3, NULL, out);
}

static bool is_erased_already(const struct felloe_value *summary)
{
    return felloe_value_bool(felloe_value_get(summary, "already"));
}

static void tell_who(FILE *to, const struct felloe_value *summary)
{
    char id[80];
    const char *name = felloe_value_text(felloe_value_get(summary, "known_as"));
    const struct felloe_value *sites = felloe_value_get(summary, "sites");
    const int64_t entries = felloe_value_integer(felloe_value_get(summary, "entries"));
    hex_of(felloe_value_get(summary, "person"), id, sizeof id);
    const bool told = felloe_value_bool(felloe_value_get(summary, "names"));
    out_text(to, *name ? name : told ? "A person of whom no name is known" : "A person (their name is for workers)");
    fprintf(to, " (%.*s): %" PRId64 " entr%s", ID_SHORT, id, entries, entries == 1 ? "y" : "ies");
    for (size_t i = 0; i < felloe_value_count(sites); i++)
        fprintf(to, "%s%s", i == 0 ? " in " : ", ", felloe_value_text(felloe_value_at(sites, i)));
    fputs("\n", to);
}

static void tell_linked(FILE *to, const struct felloe_value *summary)
{
    const struct felloe_value *linked = felloe_value_get(summary, "linked");
    for (size_t i = 0; i < felloe_value_count(linked); i++) {
        const struct felloe_value *one = felloe_value_at(linked, i);
        char id[80];
        hex_of(felloe_value_at(one, 0), id, sizeof id);
        fprintf(to, "Linked with them, and not erased with them: ");
        out_text(to, felloe_value_text(felloe_value_at(one, 1)));
        fprintf(to, " (%.*s)\n", ID_SHORT, id);
    }
}

/* What has to be typed: the name; where none is known the id. */
static enum felloe_code confirm(struct cli *cli, const struct felloe_value *summary)
{
    char id[80], *typed;
    const char *name = felloe_value_text(felloe_value_get(summary, "known_as"));
    hex_of(felloe_value_get(summary, "person"), id, sizeof id);
    id[ID_SHORT] = '\0';
    tell_who(cli->asks, summary);
    tell_linked(cli->asks, summary);
    fputs("All of it is destroyed, here and on every laptop. There is no way back, and no backup brings it back.\n",
          cli->asks);
    enum felloe_code code = ask_line(cli, *name ? "Type the name to go on" : "Type the id to go on", NULL, &typed);
    if (code != FELLOE_OK)
        return code;
    bool same = strcmp(typed, *name ? name : id) == 0;
    free(typed);
    return same ? FELLOE_OK : cli_fail(cli, FELLOE_USAGE, "that is not it: nothing was erased");
}

static enum felloe_code tell(struct cli *cli, const struct felloe_value *summary)
{
    char when[WHEN_MAX];
    if (cli->json) {
        json_t *json = json_of(summary);
        if (is_erased_already(summary)) {
            when_iso(felloe_value_integer(felloe_value_get(summary, "erased")), when);
            json_object_set_new(json, "erased", json_string(when));
        }
        return out_json(json, &cli->error);
    }
    if (is_erased_already(summary)) {
        when_friendly(felloe_value_integer(felloe_value_get(summary, "erased")), when_now(), when);
        printf("Erased already, on %s: ", when);
        out_text(stdout, felloe_value_text(felloe_value_get(summary, "basis")));
        putchar('\n');
        return FELLOE_OK;
    }
    printf("Erased: ");
    tell_who(stdout, summary);
    tell_linked(stdout, summary);
    puts("Each laptop does the same when it next hears from the hub. Backups of the keys from before still hold their\n"
         "key: make a new one now, and destroy those before it.");
    return FELLOE_OK;
}

static enum felloe_code run(struct cli *cli)
{
    const char *basis = cli_option(cli, "basis");
    struct felloe_answer *answer = NULL;
    char id[80];
    bool sure = cli_option(cli, "yes") != NULL;
    if (!basis || !*basis)
        return cli_fail(cli, FELLOE_USAGE, "say on which basis: --basis TEXT. It stays readable: leave the name out");
    if (!sure && !ask_possible(cli))
        return cli_fail(cli, FELLOE_USAGE, "nobody is there to be asked: say --yes if it is meant");
    enum felloe_code code = ask_hub(cli, cli->words[0], basis, true, &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *summary = felloe_answer_summary(answer);
    if (!is_erased_already(summary)) {
        hex_of(felloe_value_get(summary, "person"), id, sizeof id);
        code = sure ? FELLOE_OK : confirm(cli, summary);
        felloe_answer_free(answer);
        answer = NULL;
        if (code == FELLOE_OK)
            code = ask_hub(cli, id, basis, false, &answer);
    }
    if (code == FELLOE_OK)
        code = tell(cli, felloe_answer_summary(answer));
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_hub_erase = {
    "hub erase", GROUP_SETUP, "PERSON", "a person's record is destroyed, here and on every laptop",
    "Their keys are destroyed: what was written about them stays in the logs as bytes that nobody can read, and every\n"
    "chain still verifies. Who looked at the record stays known. PERSON is a name, or the id's beginning.",
    options, 1, 1, run};
