/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a verb: the request, and its answer as a whole or item by item. */
#include "client/lib/client.h"

#include <stdlib.h>

struct felloe_answer {
    struct arena arena;
    struct felloe_value *items; /* malloc'd array; what they contain is in the arena */
    size_t count, cap;
    struct felloe_value summary;
};

size_t felloe_answer_count(const struct felloe_answer *answer)
{
    return answer->count;
}

const struct felloe_value *felloe_answer_item(const struct felloe_answer *answer, size_t index)
{
    return index < answer->count ? &answer->items[index] : NULL;
}

const struct felloe_value *felloe_answer_summary(const struct felloe_answer *answer)
{
    return &answer->summary;
}

void felloe_answer_free(struct felloe_answer *answer)
{
    if (!answer)
        return;
    arena_release(&answer->arena);
    free(answer->items);
    free(answer);
}

enum felloe_code client_frame(struct felloe_client *client, struct frame *out, struct felloe_error *error)
{
    enum felloe_code code = client_receive(client, &out->payload, error);
    if (code != FELLOE_OK)
        return code;
    out->rest = out->payload;
    arena_clear(&client->scratch);
    enum value_verdict verdict = value_read(&client->scratch, &out->rest, &out->head);
    const char *name = verdict == VALUE_OK ? felloe_value_text(felloe_value_at(&out->head, 0)) : "";
    if (strcmp(name, "data") == 0)
        out->kind = FRAME_DATA;
    else if (strcmp(name, "progress") == 0)
        out->kind = FRAME_PROGRESS;
    else if (strcmp(name, "end") == 0)
        out->kind = FRAME_END;
    else if (strcmp(name, "error") == 0) {
        int64_t number = felloe_value_integer(felloe_value_at(&out->head, 1));
        const char *text = felloe_value_text(felloe_value_at(&out->head, 2));
        return felloe_fail(error, number > 0 && number <= FELLOE_LOCKED ? (enum felloe_code)number : FELLOE_FAILED,
                           "%s", text);
    } else
        return client_malformed(client, verdict == VALUE_OK ? VALUE_MALFORMED : verdict, error);
    return FELLOE_OK;
}

static void put_argument(struct buffer *out, const struct felloe_argument *argument)
{
    mp_put_text(out, argument->name);
    switch (argument->kind) {
    case FELLOE_TEXT:
        mp_put_text(out, argument->text);
        break;
    case FELLOE_INTEGER:
        mp_put_int(out, argument->integer);
        break;
    case FELLOE_BOOL:
        mp_put_bool(out, argument->integer != 0);
        break;
    case FELLOE_ARRAY: {
        uint32_t count = 0;
        while (argument->texts && argument->texts[count])
            count++;
        mp_put_array(out, count);
        for (uint32_t i = 0; i < count; i++)
            mp_put_text(out, argument->texts[i]);
        break;
    }
    case FELLOE_NIL:
    case FELLOE_BYTES:
    case FELLOE_MAP:
        mp_put_nil(out);
        break;
    }
}

static enum felloe_code check_argument(const struct felloe_argument *argument, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    if (argument->kind == FELLOE_TEXT)
        code = client_check_text(argument->name, argument->text, error);
    for (size_t i = 0; argument->kind == FELLOE_ARRAY && argument->texts && argument->texts[i]; i++)
        if (code == FELLOE_OK)
            code = client_check_text(argument->name, argument->texts[i], error);
    return code;
}

/* An argument that is NULL is left out, so that callers can list all that there might be. */
static bool is_given(const struct felloe_argument *argument)
{
    return argument->kind == FELLOE_TEXT ? argument->text != NULL
                                         : argument->kind != FELLOE_ARRAY || argument->texts != NULL;
}

static enum felloe_code send_request(struct felloe_client *client, const char *name,
                                     const struct felloe_argument *arguments, size_t count, struct felloe_error *error)
{
    enum control_verb verb;
    if (!control_verb_find(bytes_str(name), &verb))
        return felloe_fail(error, FELLOE_USAGE, "the daemon has no verb \"%s\"", name);
    if (client->appends > 0)
        return felloe_fail(error, FELLOE_USAGE, "wait for the batches that were sent before asking \"%s\"", name);
    uint32_t given = 0;
    for (size_t i = 0; i < count; i++) {
        enum felloe_code code = check_argument(&arguments[i], error);
        if (code != FELLOE_OK)
            return code;
        given += is_given(&arguments[i]);
    }
    size_t begin = control_frame_begin(&client->out);
    control_put_request(&client->out, verb, given);
    for (size_t i = 0; i < count; i++)
        if (is_given(&arguments[i]))
            put_argument(&client->out, &arguments[i]);
    control_frame_end(&client->out, begin);
    return client_send(client, error);
}

/* Where an answer's parts go: items to `item`, or all into `answer`. */
struct sink {
    struct felloe_client *client;
    const struct felloe_progress *progress;
    struct felloe_answer *answer;
    felloe_item item;
    void *context;
    bool stopped;
};

static enum value_verdict keep_item(struct felloe_answer *answer, struct bytes *rest)
{
    if (answer->count == answer->cap) {
        size_t cap = answer->cap ? answer->cap * 2 : 64;
        struct felloe_value *items = reallocarray(answer->items, cap, sizeof *items);
        if (!items)
            return VALUE_NO_MEMORY;
        answer->items = items;
        answer->cap = cap;
    }
    enum value_verdict verdict = value_read(&answer->arena, rest, &answer->items[answer->count]);
    if (verdict == VALUE_OK)
        answer->count++;
    return verdict;
}

static enum value_verdict take_items(struct sink *sink, struct bytes rest)
{
    enum value_verdict verdict = VALUE_OK;
    while (verdict == VALUE_OK && !sink->stopped) {
        if (!sink->item) {
            verdict = keep_item(sink->answer, &rest);
            continue;
        }
        struct felloe_value value;
        arena_clear(&sink->client->scratch);
        verdict = value_read(&sink->client->scratch, &rest, &value);
        if (verdict == VALUE_OK)
            sink->stopped = !sink->item(sink->context, &value);
    }
    return verdict == VALUE_END ? VALUE_OK : verdict;
}

static void tell_progress(const struct sink *sink, const struct felloe_value *head)
{
    if (sink->progress && sink->progress->report)
        sink->progress->report(sink->progress->context, (uint64_t)felloe_value_integer(felloe_value_at(head, 1)),
                               (uint64_t)felloe_value_integer(felloe_value_at(head, 2)),
                               felloe_value_text(felloe_value_at(head, 3)));
}

/* The summary lives as long as the answer: read again, into its arena. */
static enum value_verdict keep_summary(struct felloe_answer *answer, struct bytes payload)
{
    struct felloe_value head;
    enum value_verdict verdict = value_read(&answer->arena, &payload, &head);
    if (verdict == VALUE_OK)
        answer->summary = *felloe_value_at(&head, 1);
    return verdict;
}

static enum felloe_code take_answer(struct sink *sink, struct felloe_error *error)
{
    for (;;) {
        struct frame frame;
        enum felloe_code code = client_frame(sink->client, &frame, error);
        if (code != FELLOE_OK)
            return code;
        enum value_verdict verdict = VALUE_OK;
        if (frame.kind == FRAME_PROGRESS)
            tell_progress(sink, &frame.head);
        else if (frame.kind == FRAME_DATA)
            verdict = take_items(sink, frame.rest);
        else
            verdict = keep_summary(sink->answer, frame.payload);
        if (verdict != VALUE_OK)
            return client_malformed(sink->client, verdict, error);
        if (sink->stopped)
            client_drop(sink->client);
        if (sink->stopped || frame.kind == FRAME_END)
            return FELLOE_OK;
    }
}

enum felloe_code felloe_ask(struct felloe_client *client, const char *verb, const struct felloe_argument *arguments,
                            size_t argument_count, const struct felloe_progress *progress, struct felloe_answer **out,
                            struct felloe_error *error)
{
    return felloe_stream(client, verb, arguments, argument_count, NULL, NULL, progress, out, error);
}

enum felloe_code felloe_stream(struct felloe_client *client, const char *verb, const struct felloe_argument *arguments,
                               size_t argument_count, felloe_item item, void *context,
                               const struct felloe_progress *progress, struct felloe_answer **summary,
                               struct felloe_error *error)
{
    if (summary)
        *summary = NULL;
    struct felloe_answer *answer = calloc(1, sizeof *answer);
    if (!answer)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    struct sink sink = {.client = client, .progress = progress, .answer = answer, .item = item, .context = context};
    enum felloe_code code = send_request(client, verb, arguments, argument_count, error);
    if (code == FELLOE_OK)
        code = take_answer(&sink, error);
    if (code == FELLOE_OK && summary)
        *summary = answer;
    else
        felloe_answer_free(answer);
    return code;
}

enum felloe_code felloe_view(struct felloe_client *client, const char *name, const char *site, const char *person,
                             struct felloe_answer **out, struct felloe_error *error)
{
    const struct felloe_argument arguments[] = {
        {.name = "name", .kind = FELLOE_TEXT, .text = name},
        {.name = "site", .kind = FELLOE_TEXT, .text = site},
        {.name = "person", .kind = FELLOE_TEXT, .text = person},
    };
    return felloe_ask(client, "view", arguments, 3, NULL, out, error);
}

enum felloe_code felloe_status(struct felloe_client *client, struct felloe_answer **out, struct felloe_error *error)
{
    return felloe_ask(client, "status", NULL, 0, NULL, out, error);
}
