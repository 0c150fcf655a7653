/* SPDX-License-Identifier: Apache-2.0 */
/* passphrase: who may unlock this laptop, and with what. */
#include "client/passphrase.h"

#include <string.h>

#include "client/output.h"
#include "client/secret.h"
#include "client/upkeep.h"
#include "client/verbs.h"
#include "client/when.h"

/* ---- the daemon's answers ---- */

enum felloe_code passphrase_ask(struct cli *cli, const struct passphrase_wish *wish, struct felloe_answer **out)
{
    const char *const pairs[][2] = {{"do", wish->what},
                                    {"passphrase", wish->passphrase},
                                    {"recovery", wish->recovery},
                                    {"worker", wish->worker},
                                    {"new", wish->fresh}};
    struct felloe_argument arguments[sizeof pairs / sizeof *pairs];
    size_t count = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][1] && *pairs[i][1])
            arguments[count++] =
                (struct felloe_argument){.name = pairs[i][0], .kind = FELLOE_TEXT, .text = pairs[i][1]};
    return cli_ask(cli, "passphrase", arguments, count, NULL, out);
}

static bool is_passphrase(const struct felloe_value *slot)
{
    return strcmp(felloe_value_text(felloe_value_get(slot, "kind")), "passphrase") == 0;
}

size_t passphrase_count(const struct felloe_value *summary)
{
    const struct felloe_value *slots = felloe_value_get(summary, "slots");
    size_t count = 0;
    for (size_t i = 0; i < felloe_value_count(slots); i++)
        count += is_passphrase(felloe_value_at(slots, i));
    return count;
}

bool passphrase_of(const struct felloe_value *summary, const char *worker)
{
    const struct felloe_value *slots = felloe_value_get(summary, "slots");
    for (size_t i = 0; i < felloe_value_count(slots); i++) {
        const struct felloe_value *slot = felloe_value_at(slots, i);
        if (is_passphrase(slot) && strcmp(felloe_value_text(felloe_value_get(slot, "worker")), worker) == 0)
            return true;
    }
    return false;
}

void passphrase_show_recovery(const char *code)
{
    if (!*code)
        return;
    printf("\nRecovery code: %s\n\n"
           "It is shown this once. Write it down, and keep it away from the laptop: it opens the record when the\n"
           "passphrase is forgotten (felloe unlock --recovery). Without either, what was not shared is lost.\n", code);
}

/* ---- list ---- */

static const char *kind_words(const char *kind)
{
    static const char *const words[][2] = {{"passphrase", "a passphrase"},
                                           {"recovery", "the recovery code"},
                                           {"key", "a key file or credential"},
                                           {"none", "opens by itself"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], kind) == 0)
            return words[i][1];
    return kind;
}

static enum felloe_code print_list(struct cli *cli, const struct felloe_value *summary)
{
    const struct felloe_value *slots = felloe_value_get(summary, "slots");
    struct table *table = table_new();
    table_column(table, "worker", COLUMN_PLAIN);
    table_column(table, "opens with", COLUMN_PLAIN);
    table_column(table, "since", COLUMN_PLAIN);
    for (size_t i = 0; i < felloe_value_count(slots); i++) {
        const struct felloe_value *slot = felloe_value_at(slots, i);
        char since[WHEN_MAX];
        when_friendly(felloe_value_integer(felloe_value_get(slot, "made")), when_now(), since);
        table_row(table);
        table_cell(table, 0, felloe_value_text(felloe_value_get(slot, "worker")));
        table_cell(table, 1, kind_words(felloe_value_text(felloe_value_get(slot, "kind"))));
        table_cell(table, 2, since);
    }
    return table_print(table, &cli->error);
}

static json_t *list_json(const struct felloe_value *summary)
{
    const struct felloe_value *slots = felloe_value_get(summary, "slots");
    json_t *list = json_array();
    for (size_t i = 0; i < felloe_value_count(slots); i++) {
        const struct felloe_value *slot = felloe_value_at(slots, i);
        char since[WHEN_MAX];
        when_iso(felloe_value_integer(felloe_value_get(slot, "made")), since);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "worker",
                                              felloe_value_text(felloe_value_get(slot, "worker")), "kind",
                                              felloe_value_text(felloe_value_get(slot, "kind")), "made", since));
    }
    return list;
}

/* ---- the changes ---- */

struct action {
    const char *name;
    const char *before, *after; /* around the worker's id, when it is done */
    bool worker, proof, fresh;  /* needs one; is shown to be theirs; asks for a new passphrase */
};
static const struct action actions[] = {
    {"list", NULL, NULL, false, false, false},
    {"change", "The new passphrase of ", " is set", false, true, true},
    {"add", "", " has a passphrase on this laptop now. Restricted entries stay shut to them here", true, true, true},
    {"remove", "The passphrase of ", " opens this laptop no more", true, true, false},
    {"recovery", "A new recovery code of ", "; the one before opens nothing any more", false, true, false},
    {"set", "The passphrase of ", " is set. From now on this laptop locks itself, and starts locked", false, false,
     true},
};

static enum felloe_code tell_done(struct cli *cli, const struct action *action, const struct felloe_value *summary)
{
    const char *recovery = felloe_value_text(felloe_value_get(summary, "recovery"));
    const char *worker = felloe_value_text(felloe_value_get(summary, "changed"));
    if (cli->json)
        return out_json(json_pack("{s:b,s:o,s:s?,s:s?}", "locked",
                                  felloe_value_bool(felloe_value_get(summary, "locked")), "opens", list_json(summary),
                                  "changed", *worker ? worker : NULL, "recovery", *recovery ? recovery : NULL),
                        &cli->error);
    if (!action->before)
        return print_list(cli, summary);
    fputs(action->before, stdout);
    out_text(stdout, worker);
    puts(action->after);
    passphrase_show_recovery(recovery);
    return FELLOE_OK;
}

static enum felloe_code ask_secrets(struct cli *cli, const struct action *action, const char *worker,
                                    struct secret *proof, struct secret *fresh)
{
    char question[120];
    enum felloe_code code = FELLOE_OK;
    if (action->proof)
        code = secret_ask(cli, cli_option(cli, "recovery") ? "Recovery code"
                               : action->worker            ? "Passphrase of whose laptop this is"
                                                           : "Passphrase", proof);
    snprintf(question, sizeof question, "New passphrase%s%s", action->worker ? " of " : "",
             action->worker ? worker : "");
    if (code == FELLOE_OK && action->fresh)
        code = secret_ask_new(cli, question, fresh);
    return code;
}

/* Nobody is asked for a passphrase where there is none. */
static enum felloe_code check_any(struct cli *cli, const struct action *action)
{
    struct felloe_answer *answer;
    if (!action->proof)
        return FELLOE_OK;
    enum felloe_code code = passphrase_ask(cli, &(struct passphrase_wish){.what = "list"}, &answer);
    if (code != FELLOE_OK)
        return code;
    if (passphrase_count(felloe_answer_summary(answer)) == 0)
        code = cli_fail(cli, FELLOE_INVALID,
                        "No passphrase opens this: `felloe passphrase list` shows what does. A laptop gets one by "
                        "`felloe passphrase set`; a hub has to start by itself.");
    felloe_answer_free(answer);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    const char *what = cli->word_count > 0 ? cli->words[0] : "change", *worker = NULL;
    const struct action *action = NULL;
    struct secret proof = {0}, fresh = {0};
    struct felloe_answer *answer = NULL;
    for (size_t i = 0; i < sizeof actions / sizeof *actions && !action; i++)
        if (strcmp(actions[i].name, what) == 0)
            action = &actions[i];
    if (!action)
        return cli_fail(cli, FELLOE_USAGE,
                        "say list, change, add WORKER, remove WORKER, recovery or set, not \"%.40s\"", what);
    if (action->worker != (cli->word_count > 1))
        return cli_fail(cli, FELLOE_USAGE, action->worker ? "say whose: felloe passphrase %s WORKER"
                                                          : "felloe passphrase %s takes no further word", what);
    worker = action->worker ? cli->words[1] : cli_option(cli, "worker");
    enum felloe_code code = check_any(cli, action);
    if (code == FELLOE_OK)
        code = ask_secrets(cli, action, worker, &proof, &fresh);
    if (code == FELLOE_OK) {
        const bool recovery = cli_option(cli, "recovery") != NULL;
        const struct passphrase_wish wish = {.what = what,
                                             .passphrase = recovery ? NULL : proof.text,
                                             .recovery = recovery ? proof.text : NULL,
                                             .worker = worker,
                                             .fresh = fresh.text};
        code = passphrase_ask(cli, &wish, &answer);
    }
    secret_release(&proof);
    secret_release(&fresh);
    if (code != FELLOE_OK)
        return code;
    code = tell_done(cli, action, felloe_answer_summary(answer));
    felloe_answer_free(answer);
    return code;
}

static const struct option_def options[] = {
    {"recovery", NULL, "show that you may by the recovery code, instead of the passphrase"},
    SECRET_OPTION,
    OPTIONS_END,
};

const struct verb verb_passphrase = {
    "passphrase", GROUP_KEEP, "[list | change | add WORKER | remove WORKER | recovery | set]",
    "who may unlock this laptop, and with what",
    "change   another passphrase, also where nothing is said (--worker ID: a colleague's, with theirs)\n"
    "add      a colleague may unlock this laptop, too, with a passphrase of their own, typed by them\n"
    "remove   … and may not any more\n"
    "recovery a new recovery code, in place of the one that was printed when the laptop joined\n"
    "set      a laptop that opened by itself gets a passphrase\n"
    "list     who has one\n"
    "Each change asks for the passphrase of whose laptop this is, also while it is unlocked.",
    options, 0, 2, run};
