/* SPDX-License-Identifier: Apache-2.0 */
/* One event as a CloudEvents line: to standard output, or to the file of a laptop and of the time that it was without a
 * network (folder/0007-laptop2.jsonl). */
#include "tests/generator/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "proto/id.h"

static FILE *out;        /* where the line goes */
static bool first_field;

/* ---- who knows of what ---- */

/* Which laptop a worker has, and which time without a network it is. */
static uint32_t laptop_of(const struct wanted *wanted, uint32_t worker)
{
    return worker % wanted->laptops;
}

static int64_t spell_of(const struct wanted *wanted, int64_t time)
{
    return (time - wanted->start) / DAYS(wanted->spell_days);
}

void line_knows(struct line *line, const struct ref *ref)
{
    const struct wanted *wanted = line->wanted;
    if (wanted->spells && ref->number > 0 && spell_of(wanted, ref->time) == spell_of(wanted, line->time) &&
        laptop_of(wanted, ref->worker) != laptop_of(wanted, line->worker))
        line->worker = ref->worker;
}

/* ---- files ---- */

static FILE *laptop_files[LAPTOPS_MAX];
static int64_t spell_open = -1;

bool lines_close(void)
{
    bool fine = true;
    for (size_t i = 0; i < LAPTOPS_MAX; i++) {
        fine = (!laptop_files[i] || fclose(laptop_files[i]) == 0) && fine;
        laptop_files[i] = NULL;
    }
    return fflush(stdout) == 0 && fine;
}

static FILE *file_of(const struct line *line)
{
    const struct wanted *wanted = line->wanted;
    char path[4096];
    if (!wanted->spells)
        return stdout;
    int64_t spell = spell_of(wanted, line->time);
    uint32_t laptop = laptop_of(wanted, line->worker);
    if (spell != spell_open && !lines_close())
        return NULL;
    spell_open = spell;
    if (!laptop_files[laptop]) {
        snprintf(path, sizeof path, "%s/%04" PRId64 "-laptop%" PRIu32 ".jsonl", wanted->spells, spell, laptop + 1);
        laptop_files[laptop] = fopen(path, "a");
    }
    return laptop_files[laptop];
}

/* ---- values ---- */

static void put_escaped(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(out, "\\u%04x", *p);
        else
            putc(*p, out);
    }
}

static void put_moment(int64_t ms)
{
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(out, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

static void put_name(const char *name)
{
    fprintf(out, "%s\"%s\":", first_field ? "" : ",", name);
    first_field = false;
}

static void put_worker(uint32_t worker)
{
    char id[33];
    words_worker(worker, id);
    fprintf(out, "\"%s\"", id);
}

void line_text(const char *name, const char *value)
{
    put_name(name);
    putc('"', out);
    put_escaped(value);
    putc('"', out);
}

void line_number(const char *name, int64_t value)
{
    put_name(name);
    fprintf(out, "%" PRId64, value);
}

void line_numbers(const char *name, const int64_t *values, size_t count)
{
    put_name(name);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%" PRId64, i ? "," : "[", values[i]);
    putc(']', out);
}

void line_yes(const char *name, bool value)
{
    put_name(name);
    fputs(value ? "true" : "false", out);
}

void line_time(const char *name, int64_t ms)
{
    put_name(name);
    put_moment(ms);
}

void line_day(const char *name, int64_t ms)
{
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d", &tm);
    line_text(name, text);
}

void line_worker(const char *name, uint32_t worker)
{
    put_name(name);
    put_worker(worker);
}

void line_workers(const char *name, const uint32_t *workers, size_t count)
{
    put_name(name);
    for (size_t i = 0; i < count; i++) {
        putc(i ? ',' : '[', out);
        put_worker(workers[i]);
    }
    putc(']', out);
}

void line_ref(const struct line *line, const char *name, const struct ref *ref)
{
    char id[LINE_ID_SIZE];
    line_id(line->wanted, ref->number, id);
    line_text(name, id);
}

/* ---- the line ---- */

/* Like an event's own id, so that an import takes it for one where an event names another. */
void line_id(const struct wanted *wanted, uint64_t number, char id_out[LINE_ID_SIZE])
{
    const uint64_t numbers[] = {wanted->seed, wanted->events, wanted->people, wanted->months, number};
    struct event_id id;
    crypto_generichash(id.b, sizeof id.b, (const uint8_t *)numbers, sizeof numbers, NULL, 0);
    hex_encode(bytes_of(id.b, sizeof id.b), id_out);
}

static void put_subject(const struct line *line)
{
    char name[NAME_SIZE];
    if (line->person == NOBODY)
        return;
    words_name(line->person, name);
    fputs(",\"subject\":\"", out);
    put_escaped(name);
    fprintf(out, " %" PRIu32 "\"", line->person + 1); /* names come twice, people do not */
}

void line_begin(const struct line *line, const char *type)
{
    const struct wanted *wanted = line->wanted;
    char id[LINE_ID_SIZE];
    out = file_of(line);
    if (!out) {
        perror("felloe-generate");
        exit(1);
    }
    line_id(wanted, line->number, id);
    /* other numbers, other people: the source says which */
    fprintf(out, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/generated/%" PRIu64 "-%" PRIu64 "-%" PRIu32 "\"",
            id, wanted->seed, wanted->events, wanted->people);
    fprintf(out, ",\"type\":\"%s\"", type);
    put_subject(line);
    fputs(",\"time\":", out);
    put_moment(line->time);
    if (line->occurred) {
        fputs(",\"occurred\":", out);
        put_moment(line->occurred);
    }
    if (wanted->site_count > 0)
        fprintf(out, ",\"site\":\"%s\"",
                wanted->sites[(line->person == NOBODY ? line->site : line->person) % wanted->site_count]);
    fputs(",\"worker\":", out);
    put_worker(line->worker);
    fputs(",\"data\":{", out);
    first_field = true;
}

void line_end(void)
{
    fputs("}}\n", out);
}
