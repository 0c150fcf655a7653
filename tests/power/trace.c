/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a trace of tests/preload/record_io.c; and chance from a seed. */
#include "tests/power/power.h"

#include <stdio.h>
#include <stdlib.h>

static void refuse(const struct trace *trace, size_t at, const char *why)
{
    fprintf(stderr, "felloe-power: %s, at byte %zu: %s\n", trace->path, at, why);
    exit(2);
}

static size_t read_whole(struct trace *trace)
{
    FILE *in = fopen(trace->path, "rb");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0)
        refuse(trace, 0, "cannot be read");
    long size = ftell(in);
    rewind(in);
    trace->bytes = malloc((size_t)size + 1);
    if (size <= 0 || trace->bytes == NULL || fread(trace->bytes, 1, (size_t)size, in) != (size_t)size)
        refuse(trace, 0, "cannot be read, or is empty");
    fclose(in);
    return (size_t)size;
}

void trace_load(struct trace *trace, const char *path)
{
    *trace = (struct trace){.path = path};
    size_t size = read_whole(trace), cap = 0;
    for (size_t at = 0; at < size;) {
        /* Records are of any length: a head that is not aligned is copied. */
        struct trace_head *head = malloc(sizeof *head);
        if (head == NULL || size - at < sizeof *head)
            refuse(trace, at, "the last record is cut short");
        memcpy(head, trace->bytes + at, sizeof *head);
        if (head->size < sizeof *head + head->name_size || head->size > size - at)
            refuse(trace, at, "the last record is cut short");
        if (head->kind < TRACE_BEGIN || head->kind > TRACE_UNSEEN)
            refuse(trace, at, "an unknown record");
        if (head->kind == TRACE_UNSEEN)
            refuse(trace, at, "a file is written through a map: what is in it cannot be known");
        if (trace->count == cap) {
            cap = cap ? 2 * cap : 4096;
            trace->ops = realloc(trace->ops, cap * sizeof *trace->ops);
            if (trace->ops == NULL)
                refuse(trace, at, "memory ran out");
        }
        const uint8_t *rest = trace->bytes + at + sizeof *head;
        trace->ops[trace->count++] = (struct op){
            .head = head,
            .name = head->name_size > 0 ? (const char *)rest : "",
            .data = bytes_of(rest + head->name_size, head->size - sizeof *head - head->name_size),
        };
        at += head->size;
    }
}

void trace_release(struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++)
        free((void *)(uintptr_t)trace->ops[i].head);
    free(trace->ops);
    free(trace->bytes);
}

bool op_is_of_disk(const struct op *op)
{
    switch (op->head->kind) {
    case TRACE_BEGIN:
    case TRACE_END:
    case TRACE_LOCAL:
    case TRACE_NET:
    case TRACE_UNSEEN:
    case TRACE_FAILED:
        return false;
    case TRACE_OPEN:
        return (op->head->flags & (TRACE_CREATED | TRACE_EMPTIED)) != 0;
    default:
        return true;
    }
}

uint64_t chance_next(struct chance *chance)
{
    uint64_t z = chance->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t chance_below(struct chance *chance, uint64_t bound)
{
    return bound == 0 ? 0 : chance_next(chance) % bound;
}
