/* SPDX-License-Identifier: Apache-2.0 */
/* A byte a word. The words are plain, each well apart from the others when it is heard over a telephone, and stay what
 * they are: two versions of Felloe that show others for the same keys would have people believe in an attack. */
#include "proto/event/words.h"

#include <assert.h>
#include <sodium.h>

#include "proto/endian.h"

static const char *const list[256] = {
    "acorn", "admiral", "album", "almond", "amber", "anchor", "atlas", "attic", "bagpipe", "bakery", "balcony",
    "ballad", "balloon", "banana", "barrel", "beacon", "bicycle", "biscuit", "blanket", "blossom", "bonfire",
    "bramble", "bridge", "broom", "bubble", "buffalo", "bumblebee", "butter", "cabbage", "cactus", "camera", "canal",
    "captain", "caravan", "cargo", "carpet", "castle", "cathedral", "cedar", "cello", "chalk", "cherry", "chestnut",
    "chimney", "chorus", "cinema", "circle", "clarinet", "clover", "cobweb", "coconut", "compass", "concert",
    "cottage", "cousin", "cricket", "crystal", "cucumber", "cushion", "daffodil", "daisy", "decade", "dentist",
    "desert", "diamond", "dolphin", "dragon", "drawer", "dumpling", "eagle", "easel", "echo", "elbow", "elephant",
    "elm", "emerald", "engine", "envelope", "evening", "farmer", "feather", "fiddle", "flamingo", "flannel", "flute",
    "forest", "fossil", "fountain", "fox", "freckle", "friday", "galaxy", "garden", "garlic", "gazelle", "giant",
    "giraffe", "glacier", "goblet", "gondola", "gorilla", "granite", "grape", "guitar", "hammock", "harbour",
    "harvest", "hedgehog", "helmet", "holiday", "horizon", "hotel", "iceberg", "igloo", "island", "ivory", "jacket",
    "jasmine", "jigsaw", "journal", "jungle", "kangaroo", "kayak", "kettle", "kingdom", "kitchen", "kiwi", "ladder",
    "lagoon", "lantern", "laundry", "lavender", "lemon", "lettuce", "library", "lighthouse", "lizard", "lobster",
    "magnet", "mandolin", "mango", "marble", "meadow", "mermaid", "meteor", "midnight", "mirror", "monkey", "mosaic",
    "museum", "mustard", "napkin", "nectar", "needle", "nutmeg", "oasis", "octopus", "olive", "onion", "orange",
    "orchard", "organ", "otter", "panther", "papaya", "parrot", "pelican", "pepper", "piano", "pickle", "pigeon",
    "pirate", "pony", "postcard", "potato", "pumpkin", "pyramid", "quarter", "quilt", "rabbit", "radio", "rainbow",
    "raspberry", "reindeer", "ribbon", "river", "robin", "saffron", "sailor", "sardine", "satchel", "sausage",
    "saxophone", "scarf", "scissors", "scooter", "seagull", "seaweed", "shadow", "shepherd", "sheriff", "silver",
    "skeleton", "sketch", "snowflake", "sofa", "sparrow", "spider", "spinach", "sponge", "squirrel", "stadium",
    "staircase", "starfish", "statue", "strawberry", "summer", "sunflower", "swallow", "tadpole", "tambourine",
    "tangerine", "teapot", "telescope", "temple", "thimble", "thunder", "tiger", "tomato", "tortoise", "tractor",
    "trumpet", "tulip", "tunnel", "turtle", "twilight", "umbrella", "unicorn", "valley", "vanilla", "velvet",
    "village", "violin", "volcano", "waffle", "walnut", "waterfall", "whale", "whistle", "willow", "winter",
    "woodland", "xylophone", "yoghurt", "zebra", "zigzag",
};

void words_spell(const uint8_t bytes[WORDS_COUNT], char out[WORDS_TEXT_MAX])
{
    size_t at = 0;
    for (size_t i = 0; i < WORDS_COUNT; i++) {
        size_t len = strlen(list[bytes[i]]);
        assert(at + len + 2 <= WORDS_TEXT_MAX);
        if (i > 0)
            out[at++] = ' ';
        memcpy(out + at, list[bytes[i]], len);
        at += len;
    }
    out[at] = '\0';
}

static void spell_hash(crypto_generichash_state *state, char out[WORDS_TEXT_MAX])
{
    uint8_t hash[32];
    crypto_generichash_final(state, hash, sizeof hash);
    words_spell(hash, out);
}

static void begin(crypto_generichash_state *state, const char *purpose)
{
    crypto_generichash_init(state, NULL, 0, 32);
    crypto_generichash_update(state, (const uint8_t *)purpose, strlen(purpose) + 1);
}

void words_of_device(const struct sign_public *hub, const struct sign_public *sign, const struct box_public *box,
                     const uint8_t curve[32], char out[WORDS_TEXT_MAX])
{
    crypto_generichash_state state;
    begin(&state, "felloe words 1");
    crypto_generichash_update(&state, hub->b, sizeof hub->b);
    crypto_generichash_update(&state, sign->b, sizeof sign->b);
    crypto_generichash_update(&state, box->b, sizeof box->b);
    crypto_generichash_update(&state, curve, 32);
    spell_hash(&state, out);
}

void words_of_head(struct bytes site, const struct log_head *head, char out[WORDS_TEXT_MAX])
{
    crypto_generichash_state state;
    uint8_t at[12];
    put_be32(at, head->at.epoch);
    put_be64(at + 4, head->at.n);
    begin(&state, "felloe head words 1");
    crypto_generichash_update(&state, site.data, site.len);
    crypto_generichash_update(&state, (const uint8_t *)"", 1);
    crypto_generichash_update(&state, at, sizeof at);
    crypto_generichash_update(&state, head->hash.b, sizeof head->hash.b);
    spell_hash(&state, out);
}
