/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes lines to import, CloudEvents 1.0 as JSON: a draft comes of it, whole, or it is said why not. */
#include "tests/fuzz/fuzz.h"

#include "client/cloudevent.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imported imported = {0};
    struct felloe_error error = {0};
    char *line = malloc(size + 1); /* as lines.h gives them: with a NUL behind */
    MUST(line != NULL);
    memcpy(line, data, size);
    line[size] = '\0';
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
