/* SPDX-License-Identifier: Apache-2.0 */
/* verify: every chain, hash, signature and position of the log, from the first event on. */
#include <inttypes.h>

#include "client/output.h"
#include "client/upkeep.h"
#include "client/verbs.h"

enum felloe_code ask_with_progress(struct cli *cli, const char *what, struct felloe_answer **out)
{
    struct progress progress;
    progress_init(&progress, what, cli->json);
    struct felloe_progress reports = progress_reports(&progress);
    enum felloe_code code = cli_ask(cli, cli->verb->name, NULL, 0, &reports, out);
    progress_end(&progress);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = ask_with_progress(cli, "verifying", &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *summary = felloe_answer_summary(answer);
    const struct felloe_value *problems = felloe_value_get(summary, "problems");
    size_t count = felloe_value_count(problems);
    int64_t events = felloe_value_integer(felloe_value_get(summary, "events"));
    if (cli->json) {
        code = out_json(json_of(summary), &cli->error);
    } else if (count == 0) {
        printf("All %" PRId64 " events verify: every chain, hash, signature and position\n", events);
    } else {
        for (size_t i = 0; i < count; i++) {
            out_text(stdout, felloe_value_text(felloe_value_at(problems, i)));
            putchar('\n');
        }
    }
    felloe_answer_free(answer);
    if (code == FELLOE_OK && count > 0)
        return cli_fail(cli, FELLOE_DAMAGED,
                        "%zu problem%s in %" PRId64 " events: keep a copy of the directory, and let this device join "
                        "anew; what it had shared is at the hub",
                        count, count == 1 ? "" : "s", events);
    return code;
}

const struct verb verb_verify = {"verify", GROUP_KEEP, "", "check every chain, hash, signature and position of the log",
                                 NULL, NULL, 0, 0, run};
