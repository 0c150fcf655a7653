/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon promised: read off what it sent. Ids that left on the local socket are looked for as such, whatever the
 * answer they stood in; messages to the hub or to laptops are decoded. */
#include "tests/power/power.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/event_log.h"
#include "proto/event/ticket.h"
#include "proto/sync/message.h"
#include "tests/power/opened.h"

/* Where each event of the log is at the end of the trace. */
struct known {
    struct event_id id;
    char site[SLUG_MAX + 1];
    uint64_t seq;       /* of the own stream; 0: somebody else's */
    struct position at; /* epoch 0: none yet */
};
struct index {
    struct known *items;
    size_t count, cap;
};

static int by_id(const void *a, const void *b)
{
    return memcmp(&((const struct known *)a)->id, &((const struct known *)b)->id, sizeof(struct event_id));
}

static void note_event(struct index *index, const char *site, struct bytes raw, uint64_t seq, struct position at)
{
    if (index->count == index->cap) {
        index->cap = index->cap ? 2 * index->cap : 1024;
        index->items = realloc(index->items, index->cap * sizeof *index->items);
        if (index->items == NULL)
            exit(2);
    }
    struct known *known = &index->items[index->count++];
    *known = (struct known){.seq = seq, .at = at};
    snprintf(known->site, sizeof known->site, "%s", site);
    event_id_of(raw, &known->id);
}

static void index_site(struct index *index, struct log_reader *reader, const char *site)
{
    struct log_walk walk;
    struct log_item item;
    struct stream_head head;
    uint64_t shared;
    int64_t oldest;
    log_walk_begin(&walk, reader, bytes_str(site), (struct position){1, 1});
    while (log_walk_next(&walk, &item))
        note_event(index, site, item.event, 0, item.at);
    log_walk_end(&walk);
    if (!log_own(reader, bytes_str(site), &head, &shared, &oldest))
        return;
    for (uint64_t seq = 1; seq <= head.seq; seq++)
        if (log_get_own(reader, bytes_str(site), seq, &item))
            note_event(index, site, item.event, seq, item.at);
}

static void index_log(struct index *index, struct event_log *log)
{
    char site[SLUG_MAX + 1];
    struct log_reader *reader = log_reader_begin(log, NULL);
    for (size_t i = 0; log_site_at(reader, i, site); i++)
        index_site(index, reader, site);
    log_reader_end(reader);
    if (index->count > 0)
        qsort(index->items, index->count, sizeof *index->items, by_id);
}

/* ---- one promise ---- */

static int by_promise(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    struct said same = *y;
    same.op = x->op;
    int order = memcmp(x, &same, sizeof same);
    return order != 0 ? order : (x->op > y->op) - (x->op < y->op);
}

static int by_time(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    return (x->op > y->op) - (x->op < y->op);
}

/* What was said again and again counts once, from the first time on. */
static void keep_first(struct said_list *list)
{
    size_t kept = 0;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_promise);
    for (size_t i = 0; i < list->count; i++) {
        struct said same = list->items[i];
        same.op = kept > 0 ? list->items[kept - 1].op : 0;
        if (kept == 0 || memcmp(&same, &list->items[kept - 1], sizeof same) != 0)
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
    if (kept > 0)
        qsort(list->items, kept, sizeof *list->items, by_time);
    for (size_t i = 0; i < kept; i++)
        list->counts[list->items[i].kind]++;
}

static struct said *add(struct said_list *list, size_t op, enum said_kind kind, struct bytes site)
{
    if (list->count == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 1024;
        list->items = realloc(list->items, list->cap * sizeof *list->items);
        if (list->items == NULL)
            exit(2);
    }
    struct said *said = &list->items[list->count++];
    memset(said, 0, sizeof *said); /* compared byte by byte */
    said->op = op;
    said->kind = kind;
    bytes_to_text(site, said->site, sizeof said->site);
    return said;
}

/* The event was named to somebody: it is where it is at the end of the trace. Own ones by their number, at a hub by
 * their position. */
static void add_event(struct said_list *list, const struct index *index, size_t op, const uint8_t *id)
{
    struct known wanted;
    memcpy(&wanted.id, id, sizeof wanted.id);
    const struct known *end = index->items + index->count;
    const struct known *found =
        index->count > 0 ? bsearch(&wanted, index->items, index->count, sizeof wanted, by_id) : NULL;
    if (found == NULL)
        return;
    while (found > index->items && by_id(found - 1, &wanted) == 0)
        found--;
    bool own = false;
    for (const struct known *k = found; !list->hub && k < end && by_id(k, &wanted) == 0; k++)
        own |= k->seq != 0;
    for (; found < end && by_id(found, &wanted) == 0; found++) {
        enum said_kind kind = own ? SAID_EVENT : SAID_ENTRY;
        if (own != (found->seq != 0) || (!own && found->at.epoch == 0))
            continue;
        struct said *said = add(list, op, kind, bytes_str(found->site));
        memcpy(said->id, id, sizeof said->id);
        said->seq = found->seq;
        said->epoch = found->at.epoch;
        said->n = found->at.n;
    }
}

static void add_head(struct said_list *list, size_t op, struct bytes site, const struct log_head *head)
{
    if (head->at.epoch == 0 || head->at.n == 0)
        return;
    struct said *said = add(list, op, SAID_HEAD, site);
    memcpy(said->id, head->hash.b, sizeof said->id);
    said->epoch = head->at.epoch;
    said->n = head->at.n;
}

/* ---- what carries promises ---- */

static void read_key(struct said_list *list, size_t op, struct bytes data)
{
    static const struct {
        const char *word;
        enum said_kind kind;
    } words[] = {{KEY_KEPT, SAID_KEY}, {KEY_ERASING, SAID_ERASING}, {KEY_ERASED, SAID_ERASED}};
    for (size_t i = 0; i < sizeof words / sizeof *words && data.len == KEY_WORDS + 16; i++)
        if (strncmp((const char *)data.data, words[i].word, KEY_WORDS) == 0)
            memcpy(add(list, op, words[i].kind, bytes_str(""))->id, data.data + KEY_WORDS, 16);
}

static void read_local(struct said_list *list, const struct index *index, size_t op, struct bytes data)
{
    static const char ticket_begins[] = "felloe1-";
    for (size_t i = 0; i + 34 <= data.len; i++)
        if (data.data[i] == 0xc4 && data.data[i + 1] == 0x20)
            add_event(list, index, op, data.data + i + 2);
    read_key(list, op, data);
    const uint8_t *text = memmem(data.data, data.len, ticket_begins, sizeof ticket_begins - 1);
    size_t len = 0, rest = text != NULL ? data.len - (size_t)(text - data.data) : 0;
    while (len < rest && text[len] > ' ' && text[len] < 0x7f)
        len++;
    struct ticket ticket;
    if (text == NULL || ticket_parse(bytes_of(text, len), &ticket, NULL) != FELLOE_OK)
        return;
    crypto_scalarmult_base(add(list, op, SAID_TICKET, bytes_str(""))->id, ticket.curve_secret);
}

static void read_feed(struct said_list *list, size_t op, const struct msg_feed *feed)
{
    if (feed->count > 0)
        add_head(list, op, feed->site, &feed->head);
}

static void read_from_hub(struct said_list *list, const struct index *index, size_t op, const struct message *message)
{
    switch (message->kind) {
    case MSG_RECEIPT:
        if (message->receipt.seq > 0)
            add_event(list, index, op, message->receipt.id.b);
        break;
    case MSG_WELCOME:
        for (uint32_t i = 0; i < message->welcome.site_count; i++)
            if (message->welcome.sites[i].held_seq > 0)
                add_event(list, index, op, message->welcome.sites[i].held_id.b);
        break;
    case MSG_FEED:
        read_feed(list, op, &message->feed);
        break;
    case MSG_JOINED:
        memcpy(add(list, op, SAID_DEVICE, bytes_str(""))->id, message->joined.device.b, sizeof message->joined.device);
        break;
    default:
        break;
    }
}

static void read_from_laptop(struct said_list *list, const struct index *index, size_t op,
                             const struct message *message)
{
    const struct hello_site *site = message->hello.sites;
    switch (message->kind) {
    case MSG_HELLO:
        for (uint32_t i = 0; i < message->hello.site_count; i++, site++) {
            if (site->own_seq > 0)
                add_event(list, index, op, site->own_id.b);
            for (unsigned c = 0; c < site->cursor_count; c++)
                add_head(list, op, site->site, &site->cursors[c]);
        }
        break;
    case MSG_PUSH: /* its events are in the other frame; the last one's number is enough */
        for (size_t i = 0; message->push.count > 0 && i < index->count; i++) {
            const struct known *known = &index->items[i];
            if (known->seq == message->push.first_seq + message->push.count - 1 &&
                bytes_is(message->push.site, known->site))
                add_event(list, index, op, known->id.b);
        }
        break;
    case MSG_JOIN:
        memcpy(add(list, op, SAID_SELF, bytes_str(""))->id, message->join.sign.b, sizeof message->join.sign);
        break;
    default:
        break;
    }
}

/* ---- all of it ---- */

static bool has_argument(struct bytes arguments, const char *wanted)
{
    return memmem(arguments.data, arguments.len, wanted, strlen(wanted)) != NULL;
}

/* The operation that a promise is said to stand before. */
static size_t before_its_sync(const struct trace *trace, size_t op)
{
    while (op > 0 && trace->ops[op - 1].head->kind != TRACE_SYNC)
        op--;
    return op > 0 ? op - 1 : 0;
}

static bool log_was_whole(struct opened *opened)
{
    struct verify_result result;
    const struct verify_options options = {
        .log = opened->log, .keyring = opened->keyring, .identity = &opened->identity};
    if (verify_log(&options, &result, NULL) != FELLOE_OK || result.problems != 0) {
        fputs("felloe-power: the log does not verify even at the end of the trace\n", stderr);
        exit(2);
    }
    bool sealed = false;
    for (size_t i = 0; i < result.site_count; i++)
        sealed |= result.sites[i].sealed > 0;
    return !sealed;
}

void said_collect(struct said_list *list, const struct trace *trace, const char *whole, enum pretence pretence)
{
    static struct message message;
    struct index index = {0};
    struct opened opened;
    struct felloe_error error = {0};
    *list = (struct said_list){0};
    if (opened_open(&opened, whole, &error) != FELLOE_OK) {
        fprintf(stderr, "felloe-power: %s: what is there at the end cannot be opened: %s\n", trace->path,
                error.message);
        exit(2);
    }
    list->hub = opened.identity.role == ROLE_HUB;
    list->sealed = !log_was_whole(&opened);
    list->epoch = event_log_epoch(opened.log);
    index_log(&index, opened.log);
    opened_close(&opened);
    list->events = index.count;
    bool making = false, restoring = false;
    size_t begun = 0;
    for (size_t i = 0; i < trace->count; i++) {
        const struct op *op = &trace->ops[i];
        size_t at = pretence == PRETEND_EARLY ? before_its_sync(trace, i) : i;
        if (op->head->kind == TRACE_BEGIN) {
            making = has_argument(op->data, "--init-hub") || has_argument(op->data, "--join");
            restoring = has_argument(op->data, "--restore");
            begun = i;
        } else if (op->head->kind == TRACE_END && restoring && op->head->offset == 0) {
            list->restored_from = begun;
            list->restored_to = i;
        } else if (op->head->kind == TRACE_END && making && op->head->offset == 0) {
            add(list, at, SAID_MADE, bytes_str(""));
        } else if (op->head->kind == TRACE_LOCAL) {
            read_local(list, &index, at, op->data);
        } else if (op->head->kind == TRACE_NET && message_decode(op->data, &message)) {
            (list->hub ? read_from_hub : read_from_laptop)(list, &index, at, &message);
        }
    }
    free(index.items);
    keep_first(list);
}

void said_release(struct said_list *list)
{
    free(list->items);
    *list = (struct said_list){0};
}
