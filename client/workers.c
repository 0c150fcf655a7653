/* SPDX-License-Identifier: Apache-2.0 */
/* Workers as people name them: found in the view of those who work here. */
#include "client/workers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/domain/text_fold.h"
#include "proto/domain/view.h"

static enum felloe_code me(struct cli *cli, char out[WORKER_ID_MAX])
{
    struct felloe_answer *answer;
    const char *worker = cli_option(cli, "worker");
    if (worker) {
        snprintf(out, WORKER_ID_MAX, "%s", worker);
        return FELLOE_OK;
    }
    enum felloe_code code = cli_ask(cli, "status", NULL, 0, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    snprintf(out, WORKER_ID_MAX, "%s", felloe_value_text(felloe_value_get(felloe_answer_summary(answer), "worker")));
    felloe_answer_free(answer);
    return *out ? FELLOE_OK
                : cli_fail(cli, FELLOE_USAGE, "say who: this device has no worker of its own (--worker ID)");
}

/* 3: the id or the whole name; 2: the beginning of the name; 1: the beginning of a word in it. Folded texts. */
static int fits(const char *id, struct bytes name, struct bytes text)
{
    if (text.len == strlen(id) && strncasecmp(id, (const char *)text.data, text.len) == 0)
        return 3;
    if (text.len > name.len)
        return 0;
    if (memcmp(name.data, text.data, text.len) == 0)
        return text.len == name.len ? 3 : 2;
    for (size_t i = 1; i + text.len <= name.len; i++)
        if (name.data[i - 1] == ' ' && memcmp(name.data + i, text.data, text.len) == 0)
            return 1;
    return 0;
}

struct finding {
    int best;
    size_t count, used;
    char id[WORKER_ID_MAX], all[400];
};

static void look_at(struct finding *f, const struct felloe_value *row, struct bytes text)
{
    const char *id = felloe_value_text(felloe_value_at(row, WORKER_ID)),
               *name = felloe_value_text(felloe_value_at(row, WORKER_NAME));
    struct buffer folded = {0};
    text_fold(bytes_str(name), &folded);
    int fit = folded.failed ? 0 : fits(id, buffer_bytes(&folded), text);
    buffer_release(&folded);
    if (fit == 0 || fit < f->best || (fit == f->best && strcmp(f->id, id) == 0))
        return;
    if (fit > f->best)
        f->count = f->used = 0;
    f->best = fit;
    f->count++;
    snprintf(f->id, sizeof f->id, "%s", id);
    int more = snprintf(f->all + f->used, sizeof f->all - f->used, "%s%s (%s)", f->used ? "; " : "", *name ? name : id,
                        id);
    if (more > 0 && f->used + (size_t)more < sizeof f->all)
        f->used += (size_t)more;
    f->all[f->used] = '\0';
}

enum felloe_code worker_find(struct cli *cli, const char *text, char out[WORKER_ID_MAX])
{
    struct felloe_answer *answer;
    struct finding finding = {0};
    struct buffer folded = {0};
    if (strcmp(text, "@me") == 0 || strcasecmp(text, "me") == 0)
        return me(cli, out);
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_view(cli->client, "workers", NULL, NULL, &answer, &cli->error);
    if (code != FELLOE_OK)
        return code;
    text_fold(bytes_str(text), &folded);
    for (size_t i = 0; !folded.failed && folded.len > 0 && i < felloe_answer_count(answer); i++)
        look_at(&finding, felloe_answer_item(answer, i), buffer_bytes(&folded));
    buffer_release(&folded);
    felloe_answer_free(answer);
    if (finding.count > 1)
        return cli_fail(cli, FELLOE_AMBIGUOUS, "%s could be several workers: %s. Say more of the name, or the id.",
                        text, finding.all);
    snprintf(out, WORKER_ID_MAX, "%s", finding.count == 1 ? finding.id : text);
    if (finding.count == 0 && strlen(text) >= WORKER_ID_MAX)
        return cli_fail(cli, FELLOE_INVALID, "%.40s… is no worker's id", text);
    return FELLOE_OK;
}
