/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over the keys that begin alike; see store.h. */
#include "daemon/store/store.h"

static bool begins_with(struct bytes key, struct bytes prefix)
{
    return key.len >= prefix.len && (prefix.len == 0 || memcmp(key.data, prefix.data, prefix.len) == 0);
}

bool store_seek_prefix(struct store_cursor *cursor, struct bytes prefix, struct store_item *out)
{
    return store_seek(cursor, prefix, out) && begins_with(out->key, prefix);
}

bool store_next_prefix(struct store_cursor *cursor, struct bytes prefix, struct store_item *out)
{
    return store_next(cursor, out) && begins_with(out->key, prefix);
}

bool store_last_prefix(struct store_cursor *cursor, struct bytes prefix, struct store_item *out)
{
    /* The first key above all that begin with the prefix: the prefix plus one; none when it is all 0xff. */
    struct store_key above;
    key_start(&above);
    key_put(&above, prefix.data, prefix.len);
    while (above.len > 0 && above.b[above.len - 1] == 0xff)
        above.len--;
    if (above.len > 0)
        above.b[above.len - 1]++;
    return store_seek_below(cursor, key_bytes(&above), out) && begins_with(out->key, prefix);
}
