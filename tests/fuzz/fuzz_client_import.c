/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes lines to import, CloudEvents 1.0 as JSON: a draft comes of it, whole, or it is said why not. What is JSON, and
 * what it says, jansson has to see alike. */
#include "tests/fuzz/fuzz.h"

#include "client/cloudevent.h"
#include "client/json_line.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

static const char *const lines[] = {
    "{\"specversion\":\"1.0\",\"id\":\"a1\",\"source\":\"urn:example:old\",\"type\":\"note.added\","
    "\"subject\":\"p7\",\"time\":\"2026-03-01T10:00:00Z\",\"site\":\"dale-east\",\"worker\":\"ash-grey\","
    "\"datacontenttype\":\"application/json\",\"data\":{\"text\":\"Rang, no answer.\"}}",
    "{\"specversion\":\"1.0\",\"id\":\"a2\",\"source\":\"urn:example:old\",\"type\":\"person.introduced\","
    "\"subject\":\"p7\",\"occurred\":\"2026-02-28T23:59:59.999+05:30\",\"data\":{\"known_as\":\"Zo\\u00eb\","
    "\"source\":\"A1\",\"urgency\":3,\"own_words\":\"\\ud83d\\ude00\",\"needs\":[\"housing\",\"debt\"],\"yes\":true}}",
    "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"x\",\"type\":\"y\",\"data\":{\"n\":-9223372036854775808}}"};

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= 2)
        return false;
    buffer_append(out, lines[number], strlen(lines[number]));
    return true;
}

static bool same(const struct json_line *line, const struct json_item *item, const json_t *value);

static bool same_inside(const struct json_line *line, const struct json_item *item, const json_t *value)
{
    size_t count = 0;
    for (const struct json_item *at = item + 1; at < line->items + item->end; at = line->items + at->end, count++)
        if (!same(line, at, item->kind == LINE_LIST ? json_array_get(value, count) : json_object_get(value, at->name)))
            return false;
    return count == (item->kind == LINE_LIST ? json_array_size(value) : json_object_size(value));
}

static bool same(const struct json_line *line, const struct json_item *item, const json_t *value)
{
    MUST(value != NULL);
    switch (json_typeof(value)) {
    case JSON_NULL: return item->kind == LINE_NULL;
    case JSON_TRUE: return item->kind == LINE_TRUE;
    case JSON_FALSE: return item->kind == LINE_FALSE;
    case JSON_REAL: return item->kind == LINE_REAL;
    case JSON_INTEGER:
        return item->kind == LINE_WHOLE && strlen(item->text) == item->text_len &&
               strtoll(item->text, NULL, 10) == json_integer_value(value);
    case JSON_STRING:
        return item->kind == LINE_TEXT && strlen(item->text) == item->text_len &&
               item->text_len == json_string_length(value) && strcmp(item->text, json_string_value(value)) == 0;
    case JSON_ARRAY: return item->kind == LINE_LIST && same_inside(line, item, value);
    case JSON_OBJECT: return item->kind == LINE_OBJECT && same_inside(line, item, value);
    }
    return false;
}

/* jansson takes more (other bounds on nesting and names), and no numbers with a fraction that overflow. */
static void compare(const char *text, size_t size)
{
    struct json_line line = {0};
    struct felloe_error error = {0};
    json_error_t problem;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
    char *copy = malloc(size + 1);
    MUST(copy != NULL);
    memcpy(copy, text, size + 1);
    if (json_line_read(&line, copy, size, &error) == FELLOE_OK)
        MUST(value != NULL ? same(&line, line.items, value) : json_error_code(&problem) == json_error_numeric_overflow);
    else
        MUST(value == NULL || strstr(error.message, "too deep") || strstr(error.message, "too many"));
    json_decref(value);
    json_line_release(&line);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imported imported = {0};
    struct felloe_error error = {0};
    char *line = malloc(size + 1); /* as lines.h gives them: with a NUL behind */
    MUST(line != NULL);
    memcpy(line, data, size);
    line[size] = '\0';
    if (utf8_valid(bytes_of(data, size)))
        compare(line, size);
    enum felloe_code code = imported_read(&imported, line, size, &error);
    if (code == FELLOE_OK) {
        const struct felloe_draft *draft = &imported.draft;
        MUST(draft->type != NULL && draft->source != NULL && draft->id != NULL);
        for (size_t i = 0; i < draft->field_count; i++)
            MUST(draft->fields[i].name != NULL && draft->fields[i].value != NULL);
        fuzz_accepted++;
    } else {
        MUST(error.message[0] != '\0');
    }
    imported_release(&imported);
    free(line);
    return 0;
}
