/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the identity file. A hash at its end keeps damage out; the target puts the right one there, so that what is
 * before it is read whatever it is. What is accepted is saved, and read again to the same. */
#include "tests/fuzz/fuzz_dir.h"

#include <sodium.h>

#include "daemon/store/identity.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

static const char name[] = "identity";

bool fuzz_seed(unsigned number, struct buffer *out)
{
    struct identity *identity = calloc(1, sizeof *identity);
    MUST(identity != NULL);
    if (number < 2) {
        identity_generate(identity, number == 0 ? ROLE_HUB : ROLE_SPOKE);
        MUST(identity_save(identity, fuzz_dir(), NULL) == FELLOE_OK);
        fuzz_read(name, out);
    }
    free(identity);
    return number < 2;
}

static void read_and_save(struct bytes in)
{
    struct identity *identity = calloc(2, sizeof *identity);
    MUST(identity != NULL);
    if (identity_read(&identity[0], in)) {
        fuzz_accepted++;
        if (fuzz_accepted % 16 == 1) { /* a file each is slow */
            MUST(identity_save(&identity[0], fuzz_dir(), NULL) == FELLOE_OK);
            MUST(identity_load(&identity[1], fuzz_dir(), NULL) == FELLOE_OK);
            MUST(identity[0].role == identity[1].role && identity[0].joined == identity[1].joined &&
                 device_id_equal(&identity[0].device, &identity[1].device) &&
                 memcmp(&identity[0].sign_secret, &identity[1].sign_secret, sizeof identity[0].sign_secret) == 0);
        }
    }
    free(identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_reader r;
    read_and_save(bytes_of(data, size));
    mp_reader_init(&r, bytes_of(data, size));
    if (!mp_next(&r))
        return 0;
    struct bytes array = mp_object(&r);
    struct buffer whole = {0};
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, array.data, array.len, NULL, 0);
    buffer_append(&whole, array.data, array.len);
    mp_put_bin(&whole, hash, sizeof hash);
    if (array.len + 34 != size || memcmp(whole.data, data, size) != 0)
        read_and_save(buffer_bytes(&whole));
    buffer_release(&whole);
    return 0;
}
