/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the head of a backup's file: what is read is written, and read again to the same. */
#include "tests/fuzz/fuzz.h"

#include "proto/backup.h"

unsigned long fuzz_accepted;

bool fuzz_seed(unsigned number, struct buffer *out)
{
    struct backup_head head = {.keys = number % 2 == 1, .hub = number < 2, .device = {{1, 2}}, .name = "Dale hub",
                               .made_ms = 1767225600000, .epoch = 1 + number, .incarnation = number};
    if (number >= 4)
        return false;
    if (head.keys) {
        head.identity = bytes_str("an identity's bytes");
        if (number == 3)
            head.vault = bytes_str("a vault's");
        head.configuration = bytes_str("role = hub\n");
    }
    backup_put_head(out, &head);
    return true;
}

static bool same(const struct backup_head *a, const struct backup_head *b)
{
    return a->keys == b->keys && a->hub == b->hub && device_id_equal(&a->device, &b->device) &&
           strcmp(a->name, b->name) == 0 && a->made_ms == b->made_ms && a->epoch == b->epoch &&
           a->incarnation == b->incarnation &&
           (!a->keys || (bytes_equal(a->identity, b->identity) && bytes_equal(a->vault, b->vault) &&
                         bytes_equal(a->configuration, b->configuration)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct backup_head head, again;
    struct buffer out = {0};
    size_t whole = backup_head_size(bytes_of(data, size));
    MUST(whole == 0 || (whole > BACKUP_START && whole <= BACKUP_HEAD_MAX));
    if (!backup_read_head(bytes_of(data, size), &head))
        return 0;
    MUST(whole == size);
    backup_put_head(&out, &head);
    MUST(!out.failed && backup_read_head(buffer_bytes(&out), &again) && same(&head, &again));
    buffer_release(&out);
    fuzz_accepted++;
    return 0;
}
