/* SPDX-License-Identifier: Apache-2.0 */
/* One setting of D/felloe.conf given another value: the other lines, people's comments among them, stay as they are. */
#include <stdio.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/store/file.h"

#define FILE_MAX (256u * 1024)

static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->data) + 1 : rest->len;
    struct bytes line = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + len, rest->len - len);
    return line;
}

static struct bytes without_blanks(struct bytes line)
{
    while (line.len > 0 && (*line.data == ' ' || *line.data == '\t'))
        line = bytes_of(line.data + 1, line.len - 1);
    return line;
}

static bool begins(struct bytes line, const char *text)
{
    return line.len >= strlen(text) && memcmp(line.data, text, strlen(text)) == 0;
}

/* "name = …", with or without blanks. */
static bool is_setting(struct bytes line, const char *name)
{
    line = without_blanks(line);
    if (!begins(line, name))
        return false;
    line = without_blanks(bytes_of(line.data + strlen(name), line.len - strlen(name)));
    return begins(line, "=") || begins(line, ":");
}

static void put_setting(struct buffer *out, const char *name, const char *value)
{
    const char *const parts[] = {name, " = ", value, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buffer_append(out, parts[i], strlen(parts[i]));
}

enum felloe_code config_set(const char *dir, const char *section, const char *name, const char *value,
                            struct felloe_error *error)
{
    struct buffer old = {0}, new = {0};
    char heading[64];
    enum felloe_code code = file_read(dir, "felloe.conf", FILE_MAX, &old, error);
    snprintf(heading, sizeof heading, "[%s]", section);
    struct bytes rest = buffer_bytes(&old);
    /* Twice: a line that is there is replaced; otherwise it stands right below its section's heading. */
    bool inside = false, there = false;
    while (code == FELLOE_OK && rest.len > 0 && !there) {
        struct bytes line = without_blanks(take_line(&rest));
        if (begins(line, "["))
            inside = begins(line, heading);
        there = inside && is_setting(line, name);
    }
    rest = buffer_bytes(&old);
    inside = false;
    while (code == FELLOE_OK && rest.len > 0) {
        struct bytes line = take_line(&rest);
        bool heads = begins(without_blanks(line), "[");
        if (heads)
            inside = begins(without_blanks(line), heading);
        if (inside && is_setting(line, name))
            put_setting(&new, name, value);
        else
            buffer_append(&new, line.data, line.len);
        if (heads && inside && !there)
            put_setting(&new, name, value);
    }
    if (code == FELLOE_OK && new.failed)
        code = felloe_fail(error, FELLOE_FAILED, "out of memory while writing the configuration");
    if (code == FELLOE_OK)
        code = file_write(dir, "felloe.conf", buffer_bytes(&new), error);
    buffer_release(&old);
    buffer_release(&new);
    return code;
}
