/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's outputs: the list a step fills, answers, refusals, and incidents for whoever looks after the hub. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mp.h"
#include "proto/sync/sync_hub_internal.h"

static void output_release(struct hub_output *output)
{
    buffer_release(&output->header);
    lent_return(&output->body);
    batch_free(output->batch);
    free(output->keys);
}

void hub_outputs_clear(struct hub_outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++)
        output_release(&outputs->items[i]);
    outputs->count = 0;
    outputs->failed = false;
}

void hub_outputs_release(struct hub_outputs *outputs)
{
    hub_outputs_clear(outputs);
    free(outputs->items);
    *outputs = (struct hub_outputs){0};
}

void hub_out_of_memory(struct hub *hub)
{
    hub->out->failed = true;
    hub->dead = true;
}

struct hub_output *hub_put(struct hub *hub, enum hub_output_kind kind)
{
    struct hub_outputs *out = hub->out;
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 16;
        struct hub_output *items = realloc(out->items, cap * sizeof *items);
        if (!items) {
            hub_out_of_memory(hub);
            return NULL;
        }
        out->items = items;
        out->cap = cap;
    }
    struct hub_output *o = &out->items[out->count++];
    *o = (struct hub_output){.kind = kind};
    return o;
}

void hub_send(struct hub *hub, uint64_t peer, enum message_kind kind, uint64_t request, struct lent *body)
{
    hub->msg.kind = kind;
    hub->msg.request = request;
    struct hub_output *o = hub_put(hub, HUB_SEND);
    if (!o) {
        if (body)
            lent_return(body);
        return;
    }
    o->peer = peer;
    message_encode(&hub->msg, &o->header);
    if (body) {
        o->body = *body;
        *body = (struct lent){0};
    }
    if (o->header.failed)
        hub_out_of_memory(hub);
}

void hub_refuse(struct hub *hub, uint64_t peer, uint64_t request, enum refusal reason, struct bytes site,
                const char *text)
{
    hub->msg.refused = (struct msg_refused){.reason = reason, .site = site, .text = bytes_str(text)};
    hub_send(hub, peer, MSG_REFUSED, request, NULL);
}

void hub_incident(struct hub *hub, uint32_t device, const char *format, ...)
{
    struct hub_device *d = &hub->devices[device];
    if (hub->now < d->incident_ms)
        return;
    d->incident_ms = hub->now + INCIDENT_PAUSE_MS;
    struct hub_output *o = hub_put(hub, HUB_INCIDENT);
    if (!o)
        return;
    o->device = d->id;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(o->text, sizeof o->text, format, args);
    va_end(args);
}
