/* SPDX-License-Identifier: Apache-2.0 */
/* The vault's slots: what opens them, sealing and opening; see vault.h. */
#include "daemon/store/vault.h"

#include <errno.h>
#include <sodium.h>
#include <unistd.h>

#define SLOT_KEY_SIZE 32
/* A file could name any limits; these are the most that Argon2id is asked for. */
#define OPSLIMIT_MAX 16u
#define MEMLIMIT_MAX ((uint64_t)1 << 30)

const struct vault_cost vault_cost_moderate = {crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
                                               crypto_pwhash_argon2id_MEMLIMIT_MODERATE};
const struct vault_cost vault_cost_least = {crypto_pwhash_argon2id_OPSLIMIT_MIN, crypto_pwhash_argon2id_MEMLIMIT_MIN};

/* ---- secrets ---- */

void vault_secret_clear(struct vault_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}

void vault_secret_open(struct vault_secret *out)
{
    *out = (struct vault_secret){.kind = VAULT_OPEN};
}

enum felloe_code vault_secret_passphrase(struct vault_secret *out, struct bytes text, struct felloe_error *error)
{
    size_t characters = 0;
    for (size_t i = 0; i < text.len; i++)
        characters += (text.data[i] & 0xC0) != 0x80;
    if (text.len > VAULT_PASSPHRASE_MAX || !utf8_valid(text) || memchr(text.data, 0, text.len) != NULL)
        return felloe_fail(error, FELLOE_INVALID, "a passphrase has at most %d bytes of UTF-8", VAULT_PASSPHRASE_MAX);
    if (characters < VAULT_PASSPHRASE_MIN)
        return felloe_fail(error, FELLOE_INVALID, "a passphrase has at least %d characters. Four or five words that do "
                                                  "not belong together are good, and easy to keep in mind",
                           VAULT_PASSPHRASE_MIN);
    *out = (struct vault_secret){.kind = VAULT_PASSPHRASE, .len = text.len};
    memcpy(out->b, text.data, text.len);
    return FELLOE_OK;
}

enum felloe_code vault_secret_read(struct vault_secret *out, int descriptor, struct felloe_error *error)
{
    uint8_t text[VAULT_PASSPHRASE_MAX + 1];
    size_t len = 0;
    ssize_t got = 1;
    while (got > 0 && len < sizeof text && memchr(text, '\n', len) == NULL) {
        got = read(descriptor, text + len, sizeof text - len);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            len += (size_t)got;
    }
    const uint8_t *newline = memchr(text, '\n', len);
    enum felloe_code code =
        got < 0 ? felloe_fail(error, FELLOE_USAGE, "the passphrase cannot be read from --passphrase-fd %d: %s",
                              descriptor, strerror(errno))
                : vault_secret_passphrase(out, bytes_of(text, newline != NULL ? (size_t)(newline - text) : len), error);
    sodium_memzero(text, sizeof text);
    return code;
}

/* ---- recovery codes: 128 random bits and a check of 12, as 28 letters of Crockford's base 32 ---- */

#define CODE_BYTES   16u
#define CODE_LETTERS 28u
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static unsigned check_of(const uint8_t code[CODE_BYTES])
{
    uint8_t hash[16];
    crypto_generichash(hash, sizeof hash, code, CODE_BYTES, NULL, 0);
    return (unsigned)hash[0] << 4 | hash[1] >> 4;
}

void vault_recovery_make(char text[VAULT_RECOVERY_SIZE], struct vault_secret *out)
{
    *out = (struct vault_secret){.kind = VAULT_RECOVERY, .len = CODE_BYTES};
    randombytes_buf(out->b, CODE_BYTES);
    uint8_t all[CODE_BYTES + 2];
    unsigned check = check_of(out->b);
    memcpy(all, out->b, CODE_BYTES);
    all[CODE_BYTES] = (uint8_t)(check >> 4);
    all[CODE_BYTES + 1] = (uint8_t)(check << 4);
    size_t at = 0;
    for (size_t i = 0; i < CODE_LETTERS; i++) {
        const size_t bit = i * 5;
        unsigned pair = (unsigned)all[bit / 8] << 8 | (bit / 8 + 1 < sizeof all ? all[bit / 8 + 1] : 0u);
        if (i > 0 && i % 5 == 0)
            text[at++] = '-';
        text[at++] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    text[at] = '\0';
    sodium_memzero(all, sizeof all);
}

/* 0 to 31; 32: a gap; 33: no such letter. */
static unsigned letter_value(uint8_t c)
{
    if (c >= 'a' && c <= 'z')
        c = (uint8_t)(c - 'a' + 'A');
    if (c == '-' || c == ' ' || c == '\t')
        return 32;
    c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (unsigned)(at - alphabet) : 33;
}

enum felloe_code vault_secret_recovery(struct vault_secret *out, struct bytes text, struct felloe_error *error)
{
    uint8_t all[CODE_BYTES + 2] = {0};
    size_t letters = 0;
    bool fine = true;
    for (size_t i = 0; fine && i < text.len; i++) {
        const unsigned value = letter_value(text.data[i]);
        if (value == 32)
            continue;
        fine = value < 32 && letters < CODE_LETTERS;
        for (size_t b = 0; fine && b < 5; b++) {
            const size_t bit = letters * 5 + b;
            all[bit / 8] = (uint8_t)(all[bit / 8] | (value >> (4 - b) & 1) << (7 - bit % 8));
        }
        letters++;
    }
    const unsigned check = (unsigned)all[CODE_BYTES] << 4 | all[CODE_BYTES + 1] >> 4;
    fine = fine && letters == CODE_LETTERS && check == check_of(all);
    if (fine) {
        *out = (struct vault_secret){.kind = VAULT_RECOVERY, .len = CODE_BYTES};
        memcpy(out->b, all, CODE_BYTES);
    }
    sodium_memzero(all, sizeof all);
    return fine ? FELLOE_OK
                : felloe_fail(error, FELLOE_INVALID,
                              letters == CODE_LETTERS ? "a letter of the recovery code is wrong: look at it again"
                                                      : "a recovery code has 28 letters and digits; this one has %zu",
                              letters);
}

/* ---- a slot ---- */

static void keyed_hash(const char *name, const struct vault_slot *slot, struct bytes secret, uint8_t out[SLOT_KEY_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, (const uint8_t *)name, strlen(name), SLOT_KEY_SIZE);
    crypto_generichash_update(&state, slot->salt, sizeof slot->salt);
    if (secret.len > 0)
        crypto_generichash_update(&state, secret.data, secret.len);
    crypto_generichash_final(&state, out, SLOT_KEY_SIZE);
    sodium_memzero(&state, sizeof state);
}

/* False: no memory for it. */
static bool slot_key(const struct vault_slot *slot, const struct vault_secret *secret, uint8_t out[SLOT_KEY_SIZE])
{
    const struct bytes bytes = bytes_of(secret->b, secret->len);
    switch (slot->kind) {
    case VAULT_PASSPHRASE:
        return slot->cost.opslimit <= OPSLIMIT_MAX && slot->cost.memlimit <= MEMLIMIT_MAX &&
               crypto_pwhash(out, SLOT_KEY_SIZE, (const char *)secret->b, secret->len, slot->salt, slot->cost.opslimit,
                             (size_t)slot->cost.memlimit, crypto_pwhash_ALG_ARGON2ID13) == 0;
    case VAULT_RECOVERY:
        keyed_hash("felloe vault recovery 1", slot, bytes, out);
        return true;
    case VAULT_KEY:
        keyed_hash("felloe vault key 1", slot, bytes, out);
        return true;
    case VAULT_OPEN:
        keyed_hash("felloe vault open 1", slot, (struct bytes){0}, out);
        return true;
    }
    return false;
}

struct associated {
    uint8_t b[64 + SLUG_MAX];
    size_t len;
};
static struct associated slot_associated(const struct vault *vault, const struct vault_slot *slot)
{
    static const char name[] = "felloe vault slot 1"; /* with its NUL */
    struct associated a = {.len = sizeof name};
    const size_t worker = strlen(slot->worker);
    memcpy(a.b, name, sizeof name);
    a.b[a.len++] = (uint8_t)slot->kind;
    memcpy(a.b + a.len, vault->device.b, sizeof vault->device.b);
    a.len += sizeof vault->device.b;
    memcpy(a.b + a.len, slot->worker, worker);
    a.len += worker;
    return a;
}

static bool slot_open(const struct vault *vault, const struct vault_slot *slot, const uint8_t with[SLOT_KEY_SIZE],
                      uint8_t key[KEYRING_KEY_SIZE])
{
    const struct associated a = slot_associated(vault, slot);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, slot->sealed, sizeof slot->sealed, a.b, a.len,
                                                      slot->nonce, with) == 0;
}

void vault_start(struct vault *vault, const struct device_id *device)
{
    *vault = (struct vault){.device = *device};
}

static uint32_t find(const struct vault *vault, enum vault_kind kind, const char *worker)
{
    uint32_t i = 0;
    while (i < vault->count &&
           (vault->slots[i].kind != kind || (worker != NULL && strcmp(vault->slots[i].worker, worker) != 0)))
        i++;
    return i;
}

const struct vault_slot *vault_find(const struct vault *vault, enum vault_kind kind, const char *worker)
{
    const uint32_t at = find(vault, kind, worker);
    return at < vault->count ? &vault->slots[at] : NULL;
}

bool vault_remove(struct vault *vault, enum vault_kind kind, const char *worker)
{
    const uint32_t at = find(vault, kind, worker);
    if (at == vault->count)
        return false;
    vault->count--;
    memmove(&vault->slots[at], &vault->slots[at + 1], (vault->count - at) * sizeof vault->slots[0]);
    sodium_memzero(&vault->slots[vault->count], sizeof vault->slots[0]);
    return true;
}

enum felloe_code vault_add(struct vault *vault, const struct vault_secret *secret, const char *worker,
                           const uint8_t key[KEYRING_KEY_SIZE], bool restricted, const struct vault_cost *cost,
                           int64_t now_ms, struct felloe_error *error)
{
    const uint32_t at = find(vault, secret->kind, worker);
    struct vault_slot slot = {.kind = secret->kind, .made_ms = now_ms};
    uint8_t with[SLOT_KEY_SIZE], halves[KEYRING_KEY_SIZE] = {0};
    if (at == VAULT_SLOTS_MAX)
        return felloe_fail(error, FELLOE_FAILED, "this laptop has %d ways in already, and no room for one more: take "
                                                 "one away first (felloe passphrase remove WORKER)",
                           VAULT_SLOTS_MAX);
    if (!bytes_to_text(bytes_str(worker), slot.worker, sizeof slot.worker))
        return felloe_fail(error, FELLOE_INVALID, "'%.60s' is no worker", worker);
    if (secret->kind == VAULT_PASSPHRASE)
        slot.cost = *cost;
    randombytes_buf(slot.salt, sizeof slot.salt);
    randombytes_buf(slot.nonce, sizeof slot.nonce);
    if (!slot_key(&slot, secret, with))
        return felloe_fail(error, FELLOE_FAILED, "a passphrase takes 256 MiB of memory for a second, and there is not "
                                                 "as much: close something, and do it again");
    memcpy(halves, key, restricted ? KEYRING_KEY_SIZE : KEYRING_HALF_SIZE);
    const struct associated a = slot_associated(vault, &slot);
    crypto_aead_xchacha20poly1305_ietf_encrypt(slot.sealed, NULL, halves, sizeof halves, a.b, a.len, NULL, slot.nonce,
                                               with);
    sodium_memzero(with, sizeof with);
    sodium_memzero(halves, sizeof halves);
    vault->slots[at] = slot;
    vault->count += at == vault->count;
    return FELLOE_OK;
}

static enum felloe_code none_opens(const struct vault_secret *secret, bool no_memory, uint32_t tried,
                                   struct felloe_error *error)
{
    static const char *const whats[] = {"", "way in without a secret", "passphrase", "recovery code", "key file"};
    if (no_memory)
        return felloe_fail(error, FELLOE_FAILED, "a passphrase takes 256 MiB of memory for a second, and there is not "
                                                 "as much: close something, and do it again");
    if (tried == 0)
        return felloe_fail(error, FELLOE_NOT_FOUND, "this laptop has no such %s", whats[secret->kind]);
    return felloe_fail(error, FELLOE_DENIED,
                       secret->kind == VAULT_PASSPHRASE ? "that is not the passphrase"
                       : secret->kind == VAULT_RECOVERY ? "that is not the recovery code of this laptop"
                                                        : "this key file does not open it: it is another one's");
}

enum felloe_code vault_open(const struct vault *vault, const struct vault_secret *secret, const char *worker,
                            uint8_t key[KEYRING_KEY_SIZE], uint32_t *opened, struct felloe_error *error)
{
    uint32_t tried = 0;
    bool no_memory = false;
    for (uint32_t i = 0; i < vault->count; i++) {
        const struct vault_slot *slot = &vault->slots[i];
        uint8_t with[SLOT_KEY_SIZE];
        if (slot->kind != secret->kind || (worker != NULL && strcmp(slot->worker, worker) != 0))
            continue;
        tried++;
        const bool made = slot_key(slot, secret, with), opens = made && slot_open(vault, slot, with, key);
        sodium_memzero(with, sizeof with);
        no_memory |= !made;
        if (opens) {
            if (opened != NULL)
                *opened = i;
            return FELLOE_OK;
        }
    }
    sodium_memzero(key, KEYRING_KEY_SIZE);
    return none_opens(secret, no_memory, tried, error);
}

/* ---- the box secrets ---- */

static void boxes_key(const uint8_t key[KEYRING_KEY_SIZE], uint8_t out[32])
{
    static const char name[] = "felloe vault boxes key 1";
    crypto_generichash(out, 32, (const uint8_t *)name, sizeof name, key, KEYRING_HALF_SIZE);
}

static struct associated boxes_associated(const struct vault *vault)
{
    static const char name[] = "felloe vault boxes 1"; /* with its NUL */
    struct associated a = {.len = sizeof name + sizeof vault->device.b};
    memcpy(a.b, name, sizeof name);
    memcpy(a.b + sizeof name, vault->device.b, sizeof vault->device.b);
    return a;
}

void vault_seal_boxes(struct vault *vault, const struct identity *identity)
{
    struct box_secret all[3] = {identity->box_secret, identity->box_before, identity->box_next};
    uint8_t with[32];
    _Static_assert(sizeof vault->boxes == sizeof all + 16, "three secrets and a tag");
    boxes_key(identity->keyring_key, with);
    randombytes_buf(vault->boxes_nonce, sizeof vault->boxes_nonce);
    const struct associated a = boxes_associated(vault);
    crypto_aead_xchacha20poly1305_ietf_encrypt(vault->boxes, NULL, (const uint8_t *)all, sizeof all, a.b, a.len, NULL,
                                               vault->boxes_nonce, with);
    sodium_memzero(all, sizeof all);
    sodium_memzero(with, sizeof with);
}

static bool is_secret_of(const struct box_secret *secret, const struct box_public *public)
{
    struct box_public made;
    return !sodium_is_zero(secret->b, sizeof secret->b) && crypto_scalarmult_base(made.b, secret->b) == 0 &&
           memcmp(made.b, public->b, sizeof made.b) == 0;
}

/* The file of one of the two is written before the other's: the public key says which secret is in use. */
static bool take_boxes(struct identity *identity, const struct box_secret all[3])
{
    identity->box_secret = all[0];
    identity->box_before = all[1];
    identity->box_next = all[2];
    if (is_secret_of(&all[1], &identity->box_public)) { /* the vault is ahead */
        identity->box_secret = all[1];
        identity->box_before = (struct box_secret){0};
        identity->box_next = all[0];
    } else if (is_secret_of(&all[2], &identity->box_public)) { /* the identity is */
        identity->box_secret = all[2];
        identity->box_before = all[0];
        identity->box_next = (struct box_secret){0};
    }
    return is_secret_of(&identity->box_secret, &identity->box_public);
}

enum felloe_code vault_unlock(const struct vault *vault, const uint8_t key[KEYRING_KEY_SIZE], struct identity *identity,
                              struct felloe_error *error)
{
    struct box_secret all[3];
    uint8_t with[32];
    boxes_key(key, with);
    const struct associated a = boxes_associated(vault);
    bool opens = device_id_equal(&vault->device, &identity->device) &&
                 crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)all, NULL, NULL, vault->boxes,
                                                            sizeof vault->boxes, a.b, a.len, vault->boxes_nonce,
                                                            with) == 0 &&
                 take_boxes(identity, all);
    sodium_memzero(all, sizeof all);
    sodium_memzero(with, sizeof with);
    if (opens) {
        memcpy(identity->keyring_key, key, KEYRING_KEY_SIZE);
        identity->locked = false;
        return FELLOE_OK;
    }
    sodium_memzero(&identity->box_secret, 3 * sizeof identity->box_secret);
    return felloe_fail(error, FELLOE_DAMAGED, "the vault and the identity of this directory do not belong together, or "
                                              "one of them is damaged: put both back from a backup of the keys (felloe "
                                              "restore --keys)");
}
