/* SPDX-License-Identifier: Apache-2.0 */
/* Workers by what people call them; see view_team.h. */
#include "daemon/views/view_team.h"

#include <stdlib.h>

#include "proto/domain/text_fold.h"
#include "proto/mp.h"

void team_release(struct team *team)
{
    buffer_release(&team->text);
    free(team->workers);
    *team = (struct team){0};
}

struct matching {
    struct team *team;
    struct mp_reader *r;
    struct bytes text;
    bool name_only;   /* by id and name, not by role and agency */
    bool exact;       /* somebody has this very id */
    bool found;
};

static bool has(const struct team *team, struct bytes id)
{
    for (size_t at = 0; at < team->text.len; at += (size_t)team->text.data[at] + 1)
        if (bytes_equal(id, bytes_of(team->text.data + at + 1, team->text.data[at])))
            return true;
    return false;
}

/* As a length and the id: the buffer may still move. */
static void keep(struct team *team, struct bytes id)
{
    if (id.len == 0 || id.len > UINT8_MAX || has(team, id))
        return;
    buffer_append_byte(&team->text, (uint8_t)id.len);
    buffer_append(&team->text, id.data, id.len);
    team->count++;
}

static bool match_worker(void *context, const struct views_row *row)
{
    struct matching *m = context;
    struct bytes id = {0};
    bool fits = false;
    mp_reader_init(m->r, row->cells);
    uint32_t count = mp_next(m->r) ? mp_array(m->r, 0, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count; i++) {
        bool looked_at = i == WORKER_ID || i == WORKER_NAME ||
                         (!m->name_only && (i == WORKER_ROLE || i == WORKER_AGENCY));
        if (!looked_at || mp_peek(m->r) != MP_STR) {
            mp_skip(m->r);
            continue;
        }
        struct bytes text = mp_str(m->r, 0, EVENT_SIZE_MAX);
        if (i == WORKER_ID) {
            id = text;
            m->exact |= bytes_equal(text, m->text);
        }
        fits |= text_fold_equal(text, m->text);
    }
    if (fits && !m->r->failed) {
        keep(m->team, id);
        m->found = true;
    }
    return !m->team->text.failed;
}

static void look(struct views_txn *txn, const struct scope *scope, struct matching *m)
{
    m->r = malloc(sizeof *m->r);
    for (size_t i = 0; m->r && i < scope->count; i++)
        views_rows(txn, bytes_str(scope->sites[i]), VIEW_WORKERS, (struct bytes){0}, match_worker, m);
    m->team->failed |= m->r == NULL || m->team->text.failed;
    free(m->r);
}

static enum felloe_code finish(struct team *team, struct felloe_error *error)
{
    size_t at = 0;
    team->workers = calloc(team->count + 1, sizeof *team->workers);
    if (team->failed || !team->workers)
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    for (size_t i = 0; i < team->count; i++) {
        team->workers[i] = bytes_of(team->text.data + at + 1, team->text.data[at]);
        at += team->workers[i].len + 1;
    }
    return FELLOE_OK;
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && text.data[0] == ' ')
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    return text;
}

enum felloe_code team_find(struct views_txn *txn, const struct scope *scope, struct bytes text, struct team *out,
                           struct felloe_error *error)
{
    while (text.len > 0 && !out->failed) {
        const uint8_t *comma = memchr(text.data, ',', text.len);
        size_t len = comma ? (size_t)(comma - text.data) : text.len, before = out->count;
        struct matching m = {.team = out, .text = trimmed(bytes_of(text.data, len))};
        text = comma ? bytes_of(comma + 1, text.len - len - 1) : (struct bytes){0};
        if (m.text.len == 0)
            continue;
        look(txn, scope, &m);
        if (!out->failed && out->count == before && !m.found)
            return felloe_fail(error, FELLOE_NOT_FOUND,
                               "No worker here is of “%.*s”: give agencies, roles or workers as `felloe workers` lists "
                               "them.",
                               (int)(m.text.len < 60 ? m.text.len : 60), (const char *)m.text.data);
    }
    return finish(out, error);
}

enum felloe_code team_find_worker(struct views_txn *txn, const struct scope *scope, struct bytes text, struct team *out,
                                  struct felloe_error *error)
{
    struct matching m = {.team = out, .text = text, .name_only = true};
    look(txn, scope, &m);
    if (!out->failed && (m.exact || (out->count == 0 && slug_valid(text)))) {
        buffer_clear(&out->text);
        out->count = 0;
        keep(out, text);
        out->failed |= out->text.failed;
    }
    if (!out->failed && out->count != 1)
        return felloe_fail(error, out->count > 1 ? FELLOE_AMBIGUOUS : FELLOE_NOT_FOUND,
                           out->count > 1 ? "Several workers are called “%.*s”: give the id of one (`felloe workers`)."
                                          : "No worker “%.*s” is known here: `felloe workers` lists them.",
                           (int)(text.len < 60 ? text.len : 60), (const char *)text.data);
    return finish(out, error);
}

bool team_has_worker(struct views_txn *txn, const struct scope *scope, struct bytes id)
{
    struct team team = {0};
    struct matching m = {.team = &team, .text = id, .name_only = true};
    look(txn, scope, &m);
    team_release(&team);
    return m.exact;
}
