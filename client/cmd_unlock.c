/* SPDX-License-Identifier: Apache-2.0 */
/* unlock, lock: a session on this laptop begins, and ends. */
#include <string.h>
#include <time.h>

#include "client/ask.h"
#include "client/output.h"
#include "client/passphrase.h"
#include "client/secret.h"
#include "client/upkeep.h"
#include "client/verbs.h"

/* ---- unlock ---- */

static enum felloe_code tell_unlocked(struct cli *cli, const struct felloe_value *summary)
{
    const char *worker = felloe_value_text(felloe_value_get(summary, "worker"));
    bool already = felloe_value_bool(felloe_value_get(summary, "already"));
    bool whole = felloe_value_bool(felloe_value_get(summary, "whole"));
    if (cli->json)
        return out_json(json_pack("{s:s,s:b,s:b}", "worker", worker, "whole", whole, "already", already), &cli->error);
    printf(already ? "It was unlocked already, by " : "Unlocked: ");
    out_text(stdout, worker);
    puts(already || whole ? "" : ". Restricted entries stay shut: they open for whose laptop this is");
    return FELLOE_OK;
}

/* Whose passphrase: on a laptop of several, where nobody said so. */
static enum felloe_code ask_whose(struct cli *cli, const struct felloe_value *summary, char **out)
{
    const char *of = felloe_value_text(felloe_value_get(summary, "of"));
    const struct felloe_value *slots = felloe_value_get(summary, "slots");
    if (passphrase_count(summary) < 2 || cli_option(cli, "worker") || !ask_possible(cli))
        return FELLOE_OK;
    fprintf(cli->asks, "Who has a passphrase here:");
    for (size_t i = 0; i < felloe_value_count(slots); i++) {
        const struct felloe_value *slot = felloe_value_at(slots, i);
        if (strcmp(felloe_value_text(felloe_value_get(slot, "kind")), "passphrase") != 0)
            continue;
        fputc(' ', cli->asks);
        out_text(cli->asks, felloe_value_text(felloe_value_get(slot, "worker")));
    }
    fputc('\n', cli->asks);
    return ask_line(cli, "Who are you", passphrase_of(summary, of) ? of : NULL, out);
}

static enum felloe_code unlock(struct cli *cli, const char *worker, const char *kind, const char *text)
{
    const struct felloe_argument arguments[] = {{.name = kind, .kind = FELLOE_TEXT, .text = text},
                                                {.name = "worker", .kind = FELLOE_TEXT, .text = worker}};
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "unlock", arguments, worker && *worker ? 2 : 1, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    code = tell_unlocked(cli, felloe_answer_summary(answer));
    felloe_answer_free(answer);
    return code;
}

/* With the code that was printed once; then a passphrase that they will know. */
static enum felloe_code unlock_by_recovery(struct cli *cli)
{
    struct secret recovery, fresh;
    struct felloe_answer *answer;
    enum felloe_code code = secret_ask(cli, "Recovery code", &recovery);
    if (code != FELLOE_OK)
        return code;
    code = unlock(cli, NULL, "recovery", recovery.text);
    if (code == FELLOE_OK)
        code = secret_ask_new(cli, "New passphrase", &fresh);
    if (code == FELLOE_OK) {
        const struct passphrase_wish wish = {.what = "change", .recovery = recovery.text, .fresh = fresh.text};
        code = passphrase_ask(cli, &wish, &answer);
        secret_release(&fresh);
    }
    secret_release(&recovery);
    if (code != FELLOE_OK)
        return code;
    felloe_answer_free(answer);
    if (!cli->json)
        puts("The new passphrase is set");
    return FELLOE_OK;
}

static enum felloe_code unlock_by_passphrase(struct cli *cli, const struct felloe_value *summary)
{
    char *asked = NULL;
    const char *worker = cli_option(cli, "worker");
    char question[80];
    struct secret secret;
    enum felloe_code code = ask_whose(cli, summary, &asked);
    if (code != FELLOE_OK)
        return code;
    worker = asked ? asked : worker;
    snprintf(question, sizeof question, "Passphrase%s%s", worker ? " of " : "", worker ? worker : "");
    code = secret_ask(cli, question, &secret);
    if (code == FELLOE_OK) {
        code = unlock(cli, worker, "passphrase", secret.text);
        secret_release(&secret);
    }
    free(asked);
    return code;
}

static enum felloe_code run_unlock(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = passphrase_ask(cli, &(struct passphrase_wish){.what = "list"}, &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *summary = felloe_answer_summary(answer);
    if (!felloe_value_bool(felloe_value_get(summary, "locked")))
        code = unlock(cli, cli_option(cli, "worker"), "passphrase", ""); /* says whose session it is */
    else if (cli_option(cli, "recovery"))
        code = unlock_by_recovery(cli);
    else
        code = unlock_by_passphrase(cli, summary);
    felloe_answer_free(answer);
    return code;
}

static const struct option_def unlock_options[] = {
    {"recovery", NULL, "with the recovery code that was printed when the laptop joined; then a new passphrase is set"},
    SECRET_OPTION,
    OPTIONS_END,
};

const struct verb verb_unlock = {
    "unlock", GROUP_KEEP, "", "open the record with your passphrase",
    "A laptop with a passphrase starts locked: it shares what waits and receives, and shows nothing. On a laptop of\n"
    "several, --worker ID says whose passphrase it is. A wrong one makes the next try wait, longer each time.",
    unlock_options, 0, 0, run_unlock};

/* ---- lock ---- */

#define LOOKS_MAX 300
#define LOOK_NS   100000000

/* The daemon starts anew: it is locked once the new one says so. */
static enum felloe_code await_locked(struct cli *cli)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    for (int i = 0; i < LOOKS_MAX; i++) {
        struct felloe_answer *answer;
        struct felloe_error error;
        felloe_close(cli->client);
        cli->client = NULL;
        if (felloe_connect(cli->dir, &cli->client, &error) == FELLOE_OK &&
            felloe_status(cli->client, &answer, &error) == FELLOE_OK) {
            bool locked = felloe_value_bool(felloe_value_get(felloe_answer_summary(answer), "locked"));
            felloe_answer_free(answer);
            if (locked)
                return FELLOE_OK;
        }
        nanosleep(&pause, NULL);
    }
    return cli_fail(cli, FELLOE_NO_DAEMON, "the record is shut, but the daemon did not come back: start felloed");
}

static enum felloe_code run_lock(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "lock", NULL, 0, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    bool already = felloe_value_bool(felloe_value_get(felloe_answer_summary(answer), "already"));
    felloe_answer_free(answer);
    if (!already)
        code = await_locked(cli);
    if (code != FELLOE_OK)
        return code;
    if (cli->json)
        return out_json(json_pack("{s:b,s:b}", "locked", true, "already", already), &cli->error);
    puts(already ? "It was locked already" : "Locked. What waits is still shared, and news is still received");
    return FELLOE_OK;
}

const struct verb verb_lock = {
    "lock", GROUP_KEEP, "", "shut the record until somebody types their passphrase",
    "The daemon starts anew, so that nothing of what was open is left in its memory. It locks itself when nobody used\n"
    "the record for a while: felloe.conf, [felloe] lock_after = 15 (minutes; 0: never).",
    NULL, 0, 0, run_lock};
