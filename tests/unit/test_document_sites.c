/* SPDX-License-Identifier: Apache-2.0 */
/* A person who is with two teams: each site has a log of its own, and the hub copies what was written in the one to the
 * other, late. Against a second, naive model that knows nothing of positions: it remembers for each event which others
 * its writer knew. Both sites' documents, folded in any order, say what the model says, and their rows are the same. */
#include "tests/unit/given_orders.h"

#define SITES 2
#define LAPTOPS 4 /* two in each site */
#define STORY 48

/* One event, what its writer knew, and where it is. */
struct told {
    struct fold_event event;
    struct event_body body;
    struct buffer fields;
    unsigned site, laptop;
    bool knew[STORY];
    uint64_t n, copy_n;    /* in its own site's log, in the other's; 0: not yet */
    struct site_mark saw;  /* for its copy: how far its writer had seen what was written in the other site */
};

static struct told story[STORY];
static unsigned count, log_of[SITES][2 * STORY];
static uint64_t head[SITES], seq[LAPTOPS], pulled[LAPTOPS];
static bool knows[LAPTOPS][STORY];

static uint32_t tag_of(unsigned site)
{
    return site_tag(bytes_str(site ? "dales" : "high-peak"));
}

static void forget_all(void)
{
    for (unsigned i = 0; i < count; i++)
        buffer_release(&story[i].fields);
    count = 0;
    memset(head, 0, sizeof head);
    memset(seq, 0, sizeof seq);
    memset(pulled, 0, sizeof pulled);
    memset(knows, 0, sizeof knows);
}

/* ---- writing, sharing, copying, reading ---- */

/* `fields` is taken over. */
static void tell_fields(unsigned laptop, const char *type, struct buffer fields)
{
    static const char *const workers[LAPTOPS] = {"w1", "w2", "w3", "w4"};
    const struct type_def *known = catalogue_find(bytes_str(type));
    struct told *told = &story[count];
    *told = (struct told){.site = laptop / 2, .laptop = laptop, .fields = fields};
    memcpy(told->knew, knows[laptop], sizeof told->knew);
    told->body = (struct event_body){.time = (uint64_t)(NOON + (int64_t)dice(90) * MINUTE) << 16 | count,
                                     .type = bytes_str(type), .has_subject = true, .subject = JO,
                                     .worker = bytes_str(workers[laptop]), .fields = buffer_bytes(&told->fields)};
    told->event = (struct fold_event){.home = tag_of(told->site), .incarnation = 1, .seq = ++seq[laptop],
                                      .by_hub = known && known->writer == BY_HUB, .body = &told->body};
    memset(told->event.device.b, 'a' + (int)laptop, sizeof told->event.device.b);
    if (pulled[laptop] > 0)
        assert_true(seen_advance(&told->event.seen, (struct position){1, pulled[laptop]}));
    uint64_t mixed = (count + 1) * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < 4; i++, mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9u)
        put_be64(told->event.id.b + 8 * i, mixed);
    knows[laptop][count++] = true;
}

static void tell(unsigned laptop, const char *const *texts)
{
    struct buffer fields = {0};
    fields_of(&fields, texts[0], texts + 1);
    tell_fields(laptop, texts[0], fields);
}
#define TELL(laptop, ...) tell(laptop, (const char *const[]){__VA_ARGS__, NULL, NULL})

static void share(unsigned laptop)
{
    for (unsigned i = 0; i < count; i++)
        if (story[i].laptop == laptop && story[i].n == 0) {
            log_of[story[i].site][head[story[i].site]] = i;
            story[i].n = ++head[story[i].site];
        }
}

/* The hub copies what it has of one site to the other, in order, and says what it found that the writer had seen. */
static void copy_to(unsigned site)
{
    for (uint64_t n = 1; n <= head[!site]; n++) {
        struct told *told = &story[log_of[!site][n - 1]];
        if (told->site == site || told->copy_n > 0)
            continue;
        log_of[site][head[site]] = log_of[!site][n - 1];
        told->copy_n = ++head[site];
        told->saw = (struct site_mark){tag_of(site) | MARK_APART, 1, 0};
        for (unsigned i = 0; i < count; i++) /* of those written there, whose copies it had read */
            if (story[i].site == site && story[i].copy_n > 0 && seen_covers(&told->event.seen,
                                                                           (struct position){1, story[i].copy_n}) &&
                story[i].n > told->saw.n)
                told->saw.n = story[i].n;
    }
}

static void read_log(unsigned laptop)
{
    pulled[laptop] = head[laptop / 2];
    for (uint64_t n = 0; n < pulled[laptop]; n++)
        knows[laptop][log_of[laptop / 2][n]] = true;
}

/* ---- the model ---- */

static const char *text_of(unsigned event, const char *field)
{
    static struct mp_reader r;
    static char text[2][80];
    static unsigned turn;
    turn = !turn;
    text[turn][0] = '\0';
    mp_reader_init(&r, story[event].body.fields);
    assert_true(mp_next(&r));
    for (uint32_t pairs = mp_map(&r, 64); pairs > 0; pairs--) {
        bool found = bytes_is(mp_str(&r, 1, 100), field);
        if (found && mp_peek(&r) == MP_STR)
            assert_true(bytes_to_text(mp_str(&r, 0, 100), text[turn], sizeof text[turn]));
        else if (found)
            hex_encode(mp_bin(&r, 0, 32), text[turn]);
        else
            mp_skip(&r);
    }
    return text[turn];
}

static bool is_type(unsigned event, const char *type)
{
    return bytes_is(story[event].body.type, type);
}

/* A strike counts unless a strike of it counts. */
static bool is_struck(unsigned event)
{
    char hex[65];
    hex_encode(bytes_of(story[event].event.id.b, 32), hex);
    for (unsigned i = 0; i < count; i++)
        if (is_type(i, "entry.struck") && strcmp(text_of(i, "of"), hex) == 0 && !is_struck(i))
            return true;
    return false;
}

enum matter { CRISIS, SUPPORT, SHARING };

/* What the event says about it, as a number in the order of protection; -1: nothing. */
static int says(unsigned event, enum matter matter, const char *which, bool *witness)
{
    static const char *const orders[] = {"1 4 2 3 answered", "active ended", "object allow"};
    static const char *const names[] = {"crisis", "support", "sharing"};
    const char *code = "";
    *witness = false;
    if (is_type(event, "conflict.settled") && strcmp(text_of(event, "what"), names[matter]) == 0 &&
        strcmp(text_of(event, "which"), which) == 0)
        code = text_of(event, "chosen");
    else if (matter == CRISIS && is_type(event, "crisis.opened"))
        code = text_of(event, "urgency");
    else if (matter == CRISIS && is_type(event, "crisis.responded") && strcmp(text_of(event, "how"), "01") == 0)
        code = "answered";
    else if (matter == SUPPORT && (is_type(event, "support.started") || is_type(event, "support.returned")))
        code = "active";
    else if (matter == SUPPORT && is_type(event, "support.ended"))
        code = "ended";
    else if (matter == SUPPORT && (is_type(event, "crisis.opened") || is_type(event, "crisis.responded") ||
                                   (is_type(event, "contact.recorded") &&
                                    strchr("56", text_of(event, "attendance")[0]))))
        *witness = (code = "active") != NULL;
    else if (matter == SHARING && is_type(event, "sharing.preference")) {
        char key[40];
        snprintf(key, sizeof key, "%s\x1f%s", text_of(event, "agency"), text_of(event, "category"));
        code = strcmp(key, which) == 0 ? text_of(event, "choice") : "";
    }
    const char *at = *code ? strstr(orders[matter], code) : NULL;
    return at ? (int)(at - orders[matter]) : -1;
}

/* Is there one that says something of it and knew of this one? */
static bool is_overwritten(unsigned event, enum matter matter, const char *which)
{
    bool witness;
    for (unsigned i = 0; i < count; i++)
        if (i != event && !is_struck(i) && story[i].knew[event] && says(i, matter, which, &witness) >= 0 && !witness)
            return true;
    return false;
}

/* The one that protects most of what stands; -1: nothing. *open: there are several. */
static int model(enum matter matter, const char *which, bool *open)
{
    int best = -1, said;
    bool witness, stands[STORY] = {false};
    *open = false;
    for (unsigned i = 0; i < count; i++) {
        said = says(i, matter, which, &witness);
        stands[i] = said >= 0 && !witness && !is_struck(i) && !is_overwritten(i, matter, which);
        if (!stands[i])
            continue;
        *open = *open || (best >= 0 && said != best);
        best = best < 0 || said < best ? said : best;
    }
    for (unsigned i = 0; i < count && best >= 0; i++) { /* who met them and did not know of the end */
        bool speaks = false;
        said = says(i, matter, which, &witness);
        for (unsigned j = 0; j < count; j++) {
            bool other;
            speaks = speaks || (stands[j] && !story[i].knew[j] && says(j, matter, which, &other) != said);
        }
        if (said < 0 || !witness || is_struck(i) || is_overwritten(i, matter, which) || !speaks)
            continue;
        *open = *open || said != best;
        best = said < best ? said : best;
    }
    return best;
}

/* ---- the documents ---- */

static void deliver_to(struct document *document, unsigned site, unsigned event, bool early)
{
    struct told *told = &story[event];
    struct fold_event fold = told->event;
    fold.log = tag_of(site);
    if (told->site == site) {
        fold.at = (struct position){early ? 0 : 1, told->n};
    } else {
        fold.at = (struct position){1, told->copy_n};
        fold.home_at = (struct position){1, told->n};
        fold.saw = (struct marks){&told->saw, told->saw.n > 0};
    }
    assert_true(document_fold(document, &fold));
}

/* Every event once or twice, in some order; now and then the document is put away and taken up again. */
static void fold_site(struct document *document, unsigned site)
{
    unsigned order[2 * STORY], deliveries = 0;
    for (unsigned i = 0; i < count; i++)
        for (unsigned times = 1 + dice(2); times > 0; times--)
            order[deliveries++] = i;
    document_clear(document);
    for (unsigned i = deliveries; i > 0; i--) {
        unsigned which = dice(i), event = order[which];
        order[which] = order[i - 1];
        deliver_to(document, site, event, dice(8) == 0);
        if (dice(20) == 0) {
            struct buffer away = encoded(document);
            assert_true(document_decode(document, buffer_bytes(&away)));
            buffer_release(&away);
        }
    }
    for (unsigned i = 0; i < count; i++) /* at last each has its place */
        deliver_to(document, site, i, false);
}

static void assert_matter(const struct document *document, enum matter matter, enum register_id id, const char *which)
{
    static const char *const orders[] = {"1 4 2 3 answered", "active ended", "object allow"};
    const struct reading *reading = record_reading_of(document, id, bytes_str(which));
    char code[16] = "";
    bool open;
    int expected = model(matter, which, &open);
    assert_int_equal(reading != NULL, expected >= 0);
    if (!reading)
        return;
    assert_true(bytes_to_text(value_text(reading->writes[0].value), code, sizeof code));
    assert_ptr_equal(strstr(orders[matter], code), orders[matter] + expected);
    assert_int_equal(reading->to_settle, open);
}

static void assert_as_the_model(const struct document *document)
{
    static const char *const agencies[] = {"housing", "gp"}, *const categories[] = {"all", "plan"};
    assert_matter(document, CRISIS, REG_crisis, "");
    assert_matter(document, SUPPORT, REG_support, "");
    for (unsigned i = 0; i < 4; i++) {
        char which[40];
        snprintf(which, sizeof which, "%s\x1f%s", agencies[i / 2], categories[i % 2]);
        assert_matter(document, SHARING, REG_sharing, which);
    }
}

static struct buffer rows_of(const struct document *document)
{
    struct buffer out = {0};
    assert_true(view_rows(document, &JO, all_rows, &out));
    return out;
}

/* ---- histories ---- */

static void tell_something(unsigned laptop)
{
    static const char *const urgencies[] = {"1", "4", "2", "3"}, *const mechanisms[] = {"01", "02"};
    static const char *const agencies[] = {"housing", "gp"}, *const categories[] = {"all", "plan"};
    static const char *const choices[] = {"allow", "object"}, *const attendances[] = {"5", "3", "6"};
    static const char *const ends[] = {"active", "ended"};
    char hex[65], which[40];
    snprintf(which, sizeof which, "%s\x1f%s", agencies[dice(2)], categories[dice(2)]);
    switch (dice(16)) {
    case 0: case 1: TELL(laptop, "crisis.opened", "urgency", urgencies[dice(4)]); break;
    case 2: case 3: TELL(laptop, "crisis.responded", "how", mechanisms[dice(2)]); break;
    case 4: TELL(laptop, "support.started"); break;
    case 5: case 6: TELL(laptop, "support.ended", "reason", "02"); break;
    case 7: TELL(laptop, "support.returned", "source", "B1"); break;
    case 8: TELL(laptop, "contact.recorded", "attendance", attendances[dice(3)]); break;
    case 9: case 10: case 11:
        TELL(laptop, "sharing.preference", "agency", agencies[dice(2)], "category", categories[dice(2)], "choice",
             choices[dice(2)]);
        break;
    case 12: TELL(laptop, "conflict.settled", "what", "crisis", "chosen", dice(2) ? "answered" : "2"); break;
    case 13: TELL(laptop, "conflict.settled", "what", "support", "chosen", ends[dice(2)]); break;
    case 14: TELL(laptop, "conflict.settled", "what", "sharing", "which", which, "chosen", choices[dice(2)]); break;
    default:
        if (count == 0)
            break;
        hex_encode(bytes_of(story[dice(count)].event.id.b, 32), hex);
        TELL(laptop, "entry.struck", "of", hex, "why", "mistyped");
        break;
    }
}

/* Anything that can be written about a person; what it may speak of is what was told so far. (Not a move: then it is
 * right that the two sites show different things.) */
static void tell_anything(unsigned laptop)
{
    static struct team *told_so_far;
    const struct type_def *type = catalogue_at(dice((uint32_t)catalogue_count()));
    struct buffer fields = {0};
    if (type->about == ABOUT_SITE || type->id == TYPE_person_shared)
        return;
    if (!told_so_far)
        told_so_far = team_new();
    told_so_far->count = count;
    for (unsigned i = 0; i < count; i++) {
        told_so_far->events[i].event = story[i].event;
        told_so_far->events[i].body = story[i].body;
    }
    put_random_fields(told_so_far, type, dice(2), &fields);
    tell_fields(laptop, type->name, fields);
}

static void make_story(unsigned events, void (*tell_one)(unsigned laptop))
{
    forget_all();
    while (count < events) {
        unsigned laptop = dice(LAPTOPS);
        switch (dice(8)) {
        case 0: case 1: case 2: case 3: tell_one(laptop); break;
        case 4: case 5: share(laptop); break;
        case 6: read_log(laptop); break;
        default: copy_to(dice(SITES)); break;
        }
    }
    for (unsigned i = 0; i < LAPTOPS; i++)
        share(i);
    copy_to(0);
    copy_to(1);
}

/* Each site's log in some orders, and what `look` says of each; at last the rows of both sites, byte for byte. */
static void fold_both(struct document *const documents[SITES], unsigned orders,
                      void (*look)(const struct document *document))
{
    struct buffer first[SITES] = {{0}}, rows[SITES];
    for (unsigned order = 0; order < orders; order++)
        for (unsigned site = 0; site < SITES; site++) {
            fold_site(documents[site], site);
            if (look)
                look(documents[site]);
            struct buffer bytes = encoded(documents[site]);
            if (order > 0 && !bytes_equal(buffer_bytes(&bytes), buffer_bytes(&first[site])))
                fail_msg("another order gave another document");
            buffer_release(&first[site]);
            first[site] = bytes;
        }
    for (unsigned site = 0; site < SITES; site++)
        rows[site] = rows_of(documents[site]);
    if (!bytes_equal(buffer_bytes(&rows[0]), buffer_bytes(&rows[1])))
        fail_msg("two sites, other rows");
    for (unsigned site = 0; site < SITES; site++) {
        buffer_release(&rows[site]);
        buffer_release(&first[site]);
    }
}

static void both_sites_say_what_the_model_says(void **state)
{
    (void)state;
    struct document *documents[SITES] = {document_new(), document_new()};
    for (unsigned seed = 0; seed < 400; seed++) {
        dice_state = seed;
        make_story(2 + dice(seed % 2 ? STORY - 1 : 10), tell_something);
        fold_both(documents, 3, assert_as_the_model);
    }
    forget_all();
    document_free(documents[0]);
    document_free(documents[1]);
}

static size_t caseload_of(unsigned site)
{
    struct document *document = document_new();
    fold_site(document, site);
    char *text = rows_text(document, VIEW_CASELOAD, &JO);
    size_t rows = strlen(text) > 0;
    free(text);
    document_free(document);
    return rows;
}

static void copy_and_read(void)
{
    for (unsigned i = 0; i < LAPTOPS; i++)
        share(i);
    copy_to(0);
    copy_to(1);
    for (unsigned i = 0; i < LAPTOPS; i++)
        read_log(i);
}

/* Who moves is in the other team's caseload; who is shared back, with both; whatever a settlement may say of it. */
static void who_moves_is_shown_where_they_are(void **state)
{
    (void)state;
    forget_all();
    TELL(0, "support.started");
    copy_and_read();
    TELL(0, "person.shared", "to", "dales", "moves", "yes");
    copy_and_read();
    assert_true(caseload_of(0) == 0 && caseload_of(1) == 1);
    TELL(2, "person.shared", "to", "high-peak");
    copy_and_read();
    assert_true(caseload_of(0) == 1 && caseload_of(1) == 1);
    TELL(3, "conflict.settled", "what", "home", "chosen", "lambeth");
    copy_and_read();
    assert_true(caseload_of(0) == 1 && caseload_of(1) == 1);
    TELL(1, "person.shared", "to", "dales", "moves", "yes");
    TELL(3, "person.shared", "to", "high-peak"); /* who does not know of that yet: nobody lets go of them */
    copy_and_read();
    assert_true(caseload_of(0) == 1 && caseload_of(1) == 1);
    forget_all();
}

static void both_sites_show_the_same_of_every_type(void **state)
{
    (void)state;
    struct document *documents[SITES] = {document_new(), document_new()};
    for (unsigned seed = 0; seed < 250; seed++) {
        dice_state = 70000 + seed;
        make_story(STORY, tell_anything);
        fold_both(documents, 3, NULL);
    }
    forget_all();
    document_free(documents[0]);
    document_free(documents[1]);
}

/* The same while not all of it has come: a laptop's own views, and a hub that copies late, say what holds of what they
 * have; who has all of the first events has what the model says of those. */
static void a_part_of_the_story_has_its_own_outcome(void **state)
{
    (void)state;
    struct document *document = document_new();
    for (unsigned seed = 0; seed < 60; seed++) {
        dice_state = 9000 + seed;
        make_story(STORY, tell_something);
        for (uint64_t n = 1; n <= head[0]; n++) { /* as site 0's log comes in */
            unsigned all = count;
            struct told kept[STORY];
            memcpy(kept, story, sizeof kept);
            count = 0;
            for (unsigned i = 0; i < all; i++) { /* the story so far: what lies further on is not known of */
                uint64_t place = kept[i].site == 0 ? kept[i].n : kept[i].copy_n;
                if (place <= n) {
                    story[count] = kept[i];
                    unsigned to = 0;
                    for (unsigned j = 0; j < all; j++)
                        if ((kept[j].site == 0 ? kept[j].n : kept[j].copy_n) <= n)
                            story[count].knew[to++] = kept[i].knew[j];
                    story[count].event.body = &story[count].body;
                    count++;
                }
            }
            if (n == head[0] || dice(6) == 0) {
                fold_site(document, 0);
                assert_as_the_model(document);
            }
            memcpy(story, kept, sizeof kept);
            count = all;
        }
    }
    forget_all();
    document_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sites_say_what_the_model_says),
        cmocka_unit_test(who_moves_is_shown_where_they_are),
        cmocka_unit_test(both_sites_show_the_same_of_every_type),
        cmocka_unit_test(a_part_of_the_story_has_its_own_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
