/* SPDX-License-Identifier: Apache-2.0 */
/* Who works in a site, and with which devices. */
#include <stdlib.h>

#include "proto/domain/view_person.h"

bool document_devices(const struct document *document, device_visit visit, void *context)
{
    struct device_id device;
    uint8_t key[32];
    if (!document_understood(document))
        return false;
    const struct items joined = record_of(document, TYPE_worker_joined);
    for (size_t i = 0; i < joined.count; i++) {
        const struct item *item = joined.at[i];
        if (!hex_decode(item_text(item, "device"), device.b, sizeof device.b))
            continue;
        bool told = hex_decode(item_text(item, "key"), key, sizeof key);
        visit(context, &device, told ? key : NULL, item_text(item, "worker"));
    }
    return true;
}

bool document_revoked(const struct document *document, revoked_visit visit, void *context)
{
    struct device_id device;
    if (!document_understood(document))
        return false;
    const struct items revoked = record_of(document, TYPE_device_revoked);
    for (size_t i = 0; i < revoked.count; i++)
        if (hex_decode(item_text(revoked.at[i], "device"), device.b, sizeof device.b))
            visit(context, &device, item_text(revoked.at[i], "why"));
    return true;
}

/* ---- rows: one a worker ---- */

/* By worker, then device. */
static int by_worker(const void *left, const void *right)
{
    const struct item *a = *(const struct item *const *)left, *b = *(const struct item *const *)right;
    int order = bytes_compare(item_text(a, "worker"), item_text(b, "worker"));
    return order ? order : bytes_compare(item_text(a, "device"), item_text(b, "device"));
}

static bool starts_device(const struct item **joined, size_t from, size_t i)
{
    return i == from || bytes_compare(item_text(joined[i], "device"), item_text(joined[i - 1], "device")) != 0;
}

static void put_shown(struct row_maker *maker, enum register_id id, struct bytes worker)
{
    const struct reading *reading = record_reading_of(maker->document, id, worker);
    struct bytes text = reading ? value_text(reading->writes[0].value) : (struct bytes){0};
    if (text.len > 0)
        mp_put_str(&maker->cells, text);
    else
        mp_put_nil(&maker->cells);
}

static bool put_worker(struct row_maker *maker, const struct item **joined, size_t from, size_t to, uint32_t sub)
{
    struct bytes worker = item_text(joined[from], "worker");
    uint32_t devices = 0;
    row_begin(maker, VIEW_WORKERS);
    mp_put_str(&maker->cells, worker);
    put_shown(maker, REG_worker_name, worker);
    put_shown(maker, REG_worker_role, worker);
    put_shown(maker, REG_worker_agency, worker);
    for (size_t i = from; i < to; i++)
        devices += starts_device(joined, from, i);
    mp_put_array(&maker->cells, devices);
    for (size_t i = from; i < to; i++)
        if (starts_device(joined, from, i))
            mp_put_str(&maker->cells, item_text(joined[i], "device"));
    return row_emit(maker, VIEW_WORKERS, 0, sub);
}

bool rows_workers(struct row_maker *maker)
{
    const struct items all = record_of(maker->document, TYPE_worker_joined);
    const size_t count = all.count;
    const struct item **joined = calloc(count + 1, sizeof *joined);
    bool ok = joined != NULL;
    uint32_t sub = 0;
    if (ok && count > 0)
        memcpy(joined, all.at, count * sizeof *joined);
    if (ok && count > 1)
        qsort(joined, count, sizeof *joined, by_worker);
    for (size_t from = 0, to; ok && from < count; from = to) {
        for (to = from + 1; to < count; to++)
            if (bytes_compare(item_text(joined[from], "worker"), item_text(joined[to], "worker")) != 0)
                break;
        ok = put_worker(maker, joined, from, to, sub++);
    }
    free(joined);
    return ok;
}
