/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a device of the hub by what people call it. */
#include "daemon/control/control_device.h"

#include <ctype.h>

#include "daemon/views/view_find.h"

struct search {
    struct bytes text;
    char prefix[33]; /* the text in lower case, where it may be an id's beginning */
    struct device_record *out;
    size_t count;
};

static bool match(void *context, const struct device_record *device)
{
    struct search *s = context;
    char hex[33];
    hex_encode(bytes_of(device->device.b, sizeof device->device.b), hex);
    bool by_id = s->prefix[0] && strncmp(hex, s->prefix, strlen(s->prefix)) == 0;
    if (!by_id && !bytes_is(s->text, device->label) && !bytes_is(s->text, device->worker))
        return true;
    *s->out = *device;
    s->count++;
    return true;
}

enum felloe_code control_device(struct control_request *request, struct device_record *out, struct felloe_error *error)
{
    struct search s = {.text = control_arg_text(request, "device"), .out = out};
    int shown = (int)(s.text.len < 60 ? s.text.len : 60);
    if (s.text.len == 0)
        return felloe_fail(error, FELLOE_USAGE, "Say which device: its id, the beginning of it, or its label.");
    if (s.text.len >= ID_PREFIX_MIN && bytes_to_text(s.text, s.prefix, sizeof s.prefix))
        for (char *c = s.prefix; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    struct log_reader *reader = log_reader_begin(request->daemon->log, error);
    if (!reader)
        return error->code;
    log_devices(reader, match, &s);
    log_reader_end(reader);
    if (s.count == 0)
        return felloe_fail(error, FELLOE_NOT_FOUND, "There is no device %.*s; `felloe hub devices` lists them.", shown,
                           (const char *)s.text.data);
    if (s.count > 1)
        return felloe_fail(error, FELLOE_AMBIGUOUS, "%.*s could be %zu devices: give the id, or more of it.", shown,
                           (const char *)s.text.data, s.count);
    return FELLOE_OK;
}
