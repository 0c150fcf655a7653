/* SPDX-License-Identifier: Apache-2.0 */
/* Views that another version of the fold has made: its documents are not read, all is made again from the log. */
#include "tests/unit/given_views.h"

#include <sodium.h>

/* Drops all that the views have of this person, as if another version had not known of it, and says that the views are
 * of the version of the fold that comes `later`. */
static void made_by_another_version(struct given_node *node, const struct key_record *person, uint64_t later)
{
    static struct mp_reader r;
    struct views_txn txn = node_views_begin(node);
    struct buffer owner = {0};
    struct bytes have;
    assert_true(store_get(txn.store, VIEWS_META, bytes_str("schema"), &have));
    mp_reader_init(&r, have);
    assert_true(mp_next(&r));
    mp_put_array(&owner, mp_array(&r, 4, 4));
    mp_copy(&r, &owner);
    uint64_t version = mp_uint(&r, UINT64_MAX);
    assert_true(version == document_version());
    mp_put_uint(&owner, version + later);
    mp_copy(&r, &owner);
    mp_copy(&r, &owner);
    assert_true(mp_done(&r));
    views_drop_subject(&txn, bytes_str(SITE), &person->owner);
    store_put(txn.store, VIEWS_META, bytes_str("schema"), buffer_bytes(&owner));
    node_views_end(node, &txn);
    buffer_release(&owner);
}

static void views_of_another_version_are_made_again(void **state)
{
    (void)state;
    struct given_node *hub = given_node(ROLE_HUB, NULL), *amy = given_node(ROLE_SPOKE, hub);
    struct key_record jo = node_introduce(amy, "Jo");
    node_introduce(amy, "Kim");
    struct node_digest before = node_digest(amy);

    made_by_another_version(amy, &jo, 0);
    struct node_digest same_version = node_digest(amy);
    assert_int_equal(rows_in(&same_version, "documents"), rows_in(&before, "documents") - 1); /* it is believed */

    made_by_another_version(amy, &jo, 1);
    struct node_digest made_again = node_digest(amy);
    assert_same_digest(&before, &made_again);
    given_node_end(amy);
    given_node_end(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(views_of_another_version_are_made_again)};
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
