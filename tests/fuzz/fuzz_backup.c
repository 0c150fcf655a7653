/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the head of a backup's file. What is accepted is written again and read as the same. */
#include "tests/fuzz/fuzz.h"

#include "proto/backup.h"

unsigned long fuzz_accepted;

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= 4)
        return false;
    const struct backup_head head = {.keys = number % 2, .hub = number / 2, .device = {{9}}, .name = "Wheelhouse",
                                     .made_ms = 1767312000000, .epoch = 1 + number, .incarnation = 1,
                                     .identity = bytes_str("identity"), .configuration = bytes_str("role = hub\n")};
    backup_put_head(out, &head);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct backup_head head, again;
    if (!backup_read_head(bytes_of(data, size), &head))
        return 0;
    MUST(backup_head_size(bytes_of(data, BACKUP_START)) == size);
    struct buffer b = {0};
    backup_put_head(&b, &head);
    MUST(!b.failed && backup_read_head(buffer_bytes(&b), &again));
    MUST(head.keys == again.keys && head.hub == again.hub && device_id_equal(&head.device, &again.device));
    MUST(strcmp(head.name, again.name) == 0 && head.made_ms == again.made_ms);
    MUST(head.epoch == again.epoch && head.incarnation == again.incarnation);
    MUST(bytes_equal(head.identity, again.identity));
    MUST(!head.keys || bytes_equal(head.configuration, again.configuration));
    buffer_release(&b);
    fuzz_accepted++;
    return 0;
}
