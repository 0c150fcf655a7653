/* SPDX-License-Identifier: Apache-2.0 */
/* The marks of who has looked at what: their text, and their files. */
#include "daemon/views/looked.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/store/file.h"

#define FIRST_LINE "felloe looked\n"
/* A line a site, with a position for each epoch. */
#define LOOKED_BYTES_MAX (64u * 1024)
#define POSITION_TEXT 34 /* a space and a position */

const struct looked_site *looked_at(const struct looked *looked, const char *site)
{
    for (size_t i = 0; i < looked->count; i++)
        if (strcmp(looked->sites[i].site, site) == 0)
            return &looked->sites[i];
    return NULL;
}

void looked_put(struct looked *looked, const struct looked_site *site)
{
    size_t i = 0;
    while (i < looked->count && strcmp(looked->sites[i].site, site->site) != 0)
        i++;
    if (i == SITES_MAX)
        return;
    looked->sites[i] = *site;
    if (i == looked->count)
        looked->count++;
}

/* ---- text ---- */

void looked_encode(const struct looked *looked, struct buffer *out)
{
    char line[SLUG_MAX + 64], place[POSITION_TEXT];
    buffer_append(out, FIRST_LINE, strlen(FIRST_LINE));
    int len = snprintf(line, sizeof line, "at %" PRId64 "\n", looked->at_ms);
    buffer_append(out, line, (size_t)len);
    for (size_t i = 0; i < looked->count; i++) {
        const struct looked_site *site = &looked->sites[i];
        len = snprintf(line, sizeof line, "site %s %" PRIu32 " %" PRIu64, site->site, site->incarnation,
                       site->cursor.own_seq);
        buffer_append(out, line, (size_t)len);
        for (size_t e = 0; e < site->cursor.seen.count; e++) {
            place[0] = ' ';
            position_format(site->cursor.seen.at[e], place + 1);
            buffer_append(out, place, strlen(place));
        }
        buffer_append_byte(out, '\n');
    }
}

/* Takes what stands before `end`, which has to be there. */
static bool take(struct bytes *rest, char end, struct bytes *out)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;
    if (!at)
        return false;
    *out = bytes_of(rest->data, (size_t)(at - rest->data));
    *rest = bytes_of(at + 1, rest->len - out->len - 1);
    return true;
}

static bool number(struct bytes text, uint64_t max, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (text.data[i] < '0' || text.data[i] > '9' || *out > (max - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return text.len > 0;
}

static bool read_site(struct bytes line, struct looked_site *out)
{
    struct bytes word;
    uint64_t value;
    *out = (struct looked_site){0};
    if (!take(&line, ' ', &word) || !slug_valid(word) || !bytes_to_text(word, out->site, sizeof out->site))
        return false;
    if (!take(&line, ' ', &word) || !number(word, UINT32_MAX, &value))
        return false;
    out->incarnation = (uint32_t)value;
    bool more = take(&line, ' ', &word);
    if (!number(more ? word : line, UINT64_MAX, &out->cursor.own_seq))
        return false;
    while (more) {
        struct position at;
        more = take(&line, ' ', &word);
        if (!position_parse(more ? word : line, &at) || !seen_advance(&out->cursor.seen, at))
            return false;
    }
    return true;
}

bool looked_decode(struct bytes text, struct looked *out)
{
    struct bytes line, word;
    uint64_t at;
    *out = (struct looked){0};
    if (!take(&text, '\n', &line) || !bytes_is(line, "felloe looked") || !take(&text, '\n', &line) ||
        !take(&line, ' ', &word) || !bytes_is(word, "at") || !number(line, INT64_MAX, &at))
        return false;
    struct looked_site site;
    while (take(&text, '\n', &line)) {
        if (!take(&line, ' ', &word) || !bytes_is(word, "site") || !read_site(line, &site) ||
            looked_at(out, site.site) || out->count == SITES_MAX) {
            *out = (struct looked){0};
            return false;
        }
        looked_put(out, &site);
    }
    if (text.len > 0) {
        *out = (struct looked){0};
        return false;
    }
    out->at_ms = (int64_t)at;
    return true;
}

/* ---- files ---- */

static bool folder_of(const char *dir, char *out, size_t size)
{
    int len = snprintf(out, size, "%s/looked", dir);
    return len > 0 && (size_t)len < size;
}

void looked_read(const char *dir, const char *worker, struct looked *out)
{
    char folder[PATH_MAX];
    struct buffer text = {0};
    struct felloe_error error;
    *out = (struct looked){0};
    if (folder_of(dir, folder, sizeof folder) && slug_valid(bytes_str(worker)) &&
        file_read(folder, worker, LOOKED_BYTES_MAX, &text, &error) == FELLOE_OK)
        looked_decode(buffer_bytes(&text), out);
    buffer_release(&text);
}

enum felloe_code looked_write(const char *dir, const char *worker, const struct looked *looked,
                              struct felloe_error *error)
{
    char folder[PATH_MAX];
    struct buffer text = {0};
    if (!slug_valid(bytes_str(worker)) || !folder_of(dir, folder, sizeof folder))
        return felloe_fail(error, FELLOE_INVALID, "%s is no worker's id.", worker);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return felloe_fail(error, FELLOE_STORAGE, "The folder %s cannot be made: %s.", folder, strerror(errno));
    looked_encode(looked, &text);
    enum felloe_code code = text.failed ? felloe_fail(error, FELLOE_FAILED, "Memory ran out.")
                                        : file_write(folder, worker, buffer_bytes(&text), error);
    buffer_release(&text);
    return code;
}
