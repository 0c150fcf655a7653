/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's outputs: the list a step fills, messages, and notices to people. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/sync/sync_spoke_internal.h"

static void output_release(struct spoke_output *output)
{
    buffer_release(&output->header);
    lent_return(&output->body);
    batch_free(output->batch);
    free(output->receipt);
    free(output->welcome);
    free(output->keys);
}

void spoke_outputs_clear(struct spoke_outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++)
        output_release(&outputs->items[i]);
    outputs->count = 0;
    outputs->failed = false;
}

void spoke_outputs_release(struct spoke_outputs *outputs)
{
    spoke_outputs_clear(outputs);
    free(outputs->items);
    *outputs = (struct spoke_outputs){0};
}

void spoke_out_of_memory(struct spoke *s)
{
    s->out->failed = true;
    s->dead = true;
}

struct spoke_output *spoke_put(struct spoke *s, enum spoke_output_kind kind, const struct site *site)
{
    struct spoke_outputs *out = s->out;
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 16;
        struct spoke_output *items = realloc(out->items, cap * sizeof *items);
        if (!items) {
            spoke_out_of_memory(s);
            return NULL;
        }
        out->items = items;
        out->cap = cap;
    }
    struct spoke_output *o = &out->items[out->count++];
    *o = (struct spoke_output){.kind = kind};
    if (site)
        o->site = site_name(site);
    return o;
}

uint64_t spoke_send(struct spoke *s, enum message_kind kind, struct lent *body)
{
    s->msg.kind = kind;
    s->msg.request = ++s->last_request;
    struct spoke_output *o = spoke_put(s, SPOKE_SEND, NULL);
    if (!o) {
        if (body)
            lent_return(body);
        return s->msg.request;
    }
    message_encode(&s->msg, &o->header);
    if (body) {
        o->body = *body;
        *body = (struct lent){0};
    }
    if (o->header.failed)
        spoke_out_of_memory(s);
    return s->msg.request;
}

struct spoke_output *spoke_notice(struct spoke *s, struct site *site, enum spoke_notice notice, const char *format, ...)
{
    if (site ? site->noticed && site->notice == notice : s->noticed && s->notice == notice)
        return NULL;
    struct spoke_output *o = spoke_put(s, SPOKE_NOTICE, site);
    if (!o)
        return NULL;
    o->notice = notice;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(o->text, sizeof o->text, format, args);
    va_end(args);
    /* a text that was cut must not end within a character */
    size_t len = strlen(o->text);
    while (len > 0 && !utf8_valid(bytes_of(o->text, len)))
        o->text[--len] = '\0';
    if (site) {
        site->noticed = true;
        site->notice = notice;
    } else {
        s->noticed = true;
        s->notice = notice;
    }
    return o;
}

void spoke_notice_clear(struct spoke *s, struct site *site)
{
    bool *noticed = site ? &site->noticed : &s->noticed;
    if (!*noticed)
        return;
    *noticed = false;
    struct spoke_output *o = spoke_put(s, SPOKE_NOTICE, site);
    if (o)
        o->notice = NOTICE_CLEAR;
}
