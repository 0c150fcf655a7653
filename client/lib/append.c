/* SPDX-License-Identifier: Apache-2.0 */
/* Recording: drafts into a frame, and what became of each of them. */
#include "client/lib/client.h"

#include <stdio.h>

/* As many batches may be under way at once: enough that the daemon is never without work, few enough that both
 * sides' sockets hold the answers. */
#define APPENDS_MAX 4

static bool same_name(const struct felloe_field *a, const struct felloe_field *b)
{
    return a->name == b->name || strcmp(a->name, b->name) == 0;
}

/* Fields of one name become a list, wherever they stand. */
static uint32_t count_name(const struct felloe_draft *draft, size_t index, bool *is_first)
{
    uint32_t count = 1;
    *is_first = true;
    for (size_t i = 0; i < index && *is_first; i++)
        *is_first = !same_name(&draft->fields[i], &draft->fields[index]);
    for (size_t i = index + 1; i < draft->field_count && *is_first; i++)
        count += same_name(&draft->fields[i], &draft->fields[index]);
    return count;
}

static void put_fields(struct buffer *out, const struct felloe_draft *draft)
{
    bool first;
    uint32_t names = 0;
    for (size_t i = 0; i < draft->field_count; i++) {
        count_name(draft, i, &first);
        names += first;
    }
    mp_put_map(out, names);
    for (size_t i = 0; i < draft->field_count; i++) {
        uint32_t count = count_name(draft, i, &first);
        if (!first)
            continue;
        mp_put_text(out, draft->fields[i].name);
        if (count == 1) {
            mp_put_text(out, draft->fields[i].value);
            continue;
        }
        mp_put_array(out, count);
        for (size_t j = i; j < draft->field_count; j++)
            if (same_name(&draft->fields[j], &draft->fields[i]))
                mp_put_text(out, draft->fields[j].value);
    }
}

static struct bytes text_of(const char *text)
{
    return text ? bytes_str(text) : (struct bytes){0};
}

/* `fields`: room for a draft's, used for all of a batch. */
static void put_draft(struct buffer *out, const struct felloe_draft *draft, struct buffer *fields)
{
    buffer_clear(fields);
    put_fields(fields, draft);
    struct control_draft wire = {
        .type = text_of(draft->type),
        .site = text_of(draft->site),
        .person = text_of(draft->person),
        .worker = text_of(draft->worker),
        .has_occurred = draft->has_occurred,
        .occurred = draft->occurred,
        .source = text_of(draft->source),
        .origin = text_of(draft->id),
        .subject = text_of(draft->subject),
        .anyway = draft->anyway,
        .fields = buffer_bytes(fields),
    };
    control_put_draft(out, &wire);
    out->failed |= fields->failed;
}

static enum felloe_code check_draft(const struct felloe_draft *draft, struct felloe_error *error)
{
    const char *const texts[] = {draft->type,   draft->person, draft->site,   draft->worker,
                                 draft->source, draft->id,     draft->subject};
    static const char *const names[] = {"the type", "the person", "the site", "the worker",
                                        "the source", "the id", "the subject"};
    enum felloe_code code = FELLOE_OK;
    if (!draft->type || !*draft->type)
        return felloe_fail(error, FELLOE_INVALID, "an event needs a type");
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == FELLOE_OK; i++)
        code = client_check_text(names[i], texts[i], error);
    for (size_t i = 0; i < draft->field_count && code == FELLOE_OK; i++) {
        code = client_check_text("a field's name", draft->fields[i].name, error);
        if (code == FELLOE_OK)
            code = client_check_text(draft->fields[i].name, draft->fields[i].value, error);
    }
    return code;
}

enum felloe_code felloe_append_send(struct felloe_client *client, const struct felloe_draft *drafts, size_t count,
                                    bool partly, struct felloe_error *error)
{
    if (client->appends >= APPENDS_MAX)
        return felloe_fail(error, FELLOE_USAGE, "wait for an earlier batch first: at most %d are under way",
                           APPENDS_MAX);
    for (size_t i = 0; i < count; i++) {
        enum felloe_code code = check_draft(&drafts[i], error);
        if (code != FELLOE_OK)
            return code;
    }
    size_t begin = control_frame_begin(&client->out);
    control_put_request(&client->out, CONTROL_RECORD, partly ? 1 : 0);
    if (partly) {
        mp_put_text(&client->out, "partly");
        mp_put_bool(&client->out, true);
    }
    struct buffer fields = {0};
    for (size_t i = 0; i < count; i++)
        put_draft(&client->out, &drafts[i], &fields);
    buffer_release(&fields);
    if (client->out.len > CONTROL_FRAME_MAX) {
        size_t size = client->out.len;
        buffer_clear(&client->out);
        return felloe_fail(error, FELLOE_INVALID,
                           "the batch is too large (%zu KiB, up to %u go in at once): send fewer events a batch, and "
                           "note that one event may have up to %d KiB",
                           size / 1024, CONTROL_FRAME_MAX / 1024, EVENT_SIZE_MAX / 1024);
    }
    control_frame_end(&client->out, begin);
    enum felloe_code code = client_send(client, error);
    if (code == FELLOE_OK)
        client->appends++;
    return code;
}

/* An id comes as bytes; its text may come too. */
static void id_text(const struct felloe_value *value, char *out, size_t size)
{
    size_t len;
    const uint8_t *bytes = felloe_value_bytes(value, &len);
    if (bytes && len * 2 < size)
        hex_encode(bytes_of(bytes, len), out);
    else if (!bytes && value)
        snprintf(out, size, "%s", felloe_value_text(value));
}

static void read_result(const struct felloe_value *item, struct felloe_saved *out)
{
    const struct felloe_value *failure = felloe_value_get(item, "error"), *known = felloe_value_get(item, "known");
    *out = (struct felloe_saved){0};
    if (failure) {
        int64_t number = felloe_value_integer(felloe_value_get(item, "code"));
        out->code = felloe_fail(&out->error,
                                number > 0 && number <= FELLOE_LOCKED ? (enum felloe_code)number : FELLOE_FAILED, "%s",
                                felloe_value_text(failure));
        return;
    }
    const struct felloe_value *warning = felloe_value_get(item, "warning");
    out->known = known != NULL;
    if (warning)
        snprintf(out->warning, sizeof out->warning, "%s", felloe_value_text(warning));
    id_text(known ? known : felloe_value_get(item, "id"), out->id, sizeof out->id);
    id_text(felloe_value_get(item, "person"), out->person, sizeof out->person);
}

static enum felloe_code take_results(struct felloe_client *client, struct bytes rest, struct felloe_saved *results,
                                     size_t count, size_t *done, struct felloe_error *error)
{
    for (;;) {
        struct felloe_value item;
        enum value_verdict verdict = value_read(&client->scratch, &rest, &item);
        if (verdict == VALUE_END)
            return FELLOE_OK;
        if (verdict != VALUE_OK || *done == count)
            return client_malformed(client, verdict == VALUE_OK ? VALUE_MALFORMED : verdict, error);
        read_result(&item, &results[(*done)++]);
    }
}

enum felloe_code felloe_append_wait(struct felloe_client *client, struct felloe_saved *results, size_t count,
                                    struct felloe_error *error)
{
    size_t done = 0;
    enum felloe_code code;
    if (client->appends == 0)
        return felloe_fail(error, FELLOE_USAGE, "no batch is under way");
    for (;;) {
        struct frame frame;
        code = client_frame(client, &frame, error);
        if (code != FELLOE_OK || frame.kind == FRAME_END)
            break;
        if (frame.kind == FRAME_DATA)
            code = take_results(client, frame.rest, results, count, &done, error);
        if (code != FELLOE_OK)
            return code;
    }
    if (client->appends > 0)
        client->appends--;
    if (code == FELLOE_OK && done != count)
        return client_malformed(client, VALUE_MALFORMED, error);
    return code;
}

enum felloe_code felloe_append(struct felloe_client *client, const struct felloe_draft *drafts, size_t count,
                               bool partly, struct felloe_saved *results, struct felloe_error *error)
{
    if (client->appends > 0)
        return felloe_fail(error, FELLOE_USAGE, "wait for the batches that were sent first");
    enum felloe_code code = felloe_append_send(client, drafts, count, partly, error);
    return code == FELLOE_OK ? felloe_append_wait(client, results, count, error) : code;
}
