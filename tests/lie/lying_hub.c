/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a hub of the product a lying one: linked in front of message_decode (--wrap), it forgets what laptops say
 * of the log that they have received. So the hub never tells them that its own is another one (split), nor that it was
 * put back (rewind), and passes on to each what the others write, into whatever story it has. */
#include "proto/sync/message.h"

bool __real_message_decode(struct bytes header, struct message *out);
bool __wrap_message_decode(struct bytes header, struct message *out);

bool __wrap_message_decode(struct bytes header, struct message *out)
{
    if (!__real_message_decode(header, out))
        return false;
    for (uint32_t i = 0; out->kind == MSG_HELLO && i < out->hello.site_count; i++)
        out->hello.sites[i].cursor_count = 0;
    return true;
}
