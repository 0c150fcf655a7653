/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of the NHS Data Dictionary and MHSDS with the words that teams use, and a few small lists of our own. */
#include "proto/domain/codelists.h"

#define LIST(id, list_name, table) \
    const struct code_list id = {.name = list_name, .codes = table, .count = sizeof table / sizeof table[0]}

static const struct code sources[] = {
    {"A1", "GP"},
    {"A2", "health visitor"},
    {"A3", "other primary health care"},
    {"A4", "maternity service"},
    {"B1", "themselves"},
    {"B2", "carer or relative"},
    {"C1", "social services"},
    {"C2", "education"},
    {"C3", "housing"},
    {"D1", "employer"},
    {"D2", "occupational health"},
    {"E1", "police"},
    {"E2", "courts"},
    {"E3", "probation"},
    {"E4", "prison"},
    {"E5", "court liaison and diversion"},
    {"E6", "youth offending team"},
    {"F1", "school nurse"},
    {"F2", "hospital paediatrics"},
    {"F3", "community paediatrics"},
    {"G1", "independent medium secure unit"},
    {"G2", "independent low secure unit"},
    {"G3", "other independent mental health service"},
    {"G4", "voluntary sector"},
    {"H1", "emergency department"},
    {"H2", "other hospital care"},
    {"I1", "another mental health trust, for a time"},
    {"I2", "another mental health trust, for good"},
    {"M1", "asylum services"},
    {"M2", "telephone or online access"},
    {"M3", "agency out of the area"},
    {"M4", "drug action team"},
    {"M5", "Jobcentre Plus"},
    {"M6", "other service or agency"},
    {"M7", "single point of access"},
    {"M8", "debt agency"},
    {"N1", "talking therapies, stepped up"},
    {"N2", "talking therapies, stepped down"},
    {"N4", "other talking therapies"},
    {"P1", "our own organisation"},
    {"Q1", "drop-in"},
};
LIST(codes_source, "source", sources);

static const struct code urgencies[] = {
    {"1", "emergency"},
    {"4", "very urgent"},
    {"2", "urgent"},
    {"3", "routine"},
};
LIST(codes_urgency, "urgency", urgencies);

static const struct code reasons[] = {
    {"01", "first experience of psychosis, perhaps"},
    {"02", "psychosis, ongoing or again"},
    {"03", "bipolar disorder"},
    {"04", "low mood"},
    {"05", "anxiety"},
    {"06", "obsessions and compulsions"},
    {"07", "phobias"},
    {"08", "organic brain disorder"},
    {"09", "drugs and alcohol"},
    {"10", "unexplained physical symptoms"},
    {"11", "trauma"},
    {"12", "eating"},
    {"13", "around a birth"},
    {"14", "emotional regulation and relating (personality)"},
    {"15", "self-harm"},
    {"16", "conduct"},
    {"18", "in crisis"},
    {"19", "relationships"},
    {"20", "discomfort with gender"},
    {"21", "attachment"},
    {"22", "looking after oneself"},
    {"23", "adjusting to illness"},
    {"24", "neurodevelopmental, not autism"},
    {"25", "autism, perhaps"},
    {"26", "autism"},
    {"28", "gambling"},
    {"31", "finding or keeping work"},
};
LIST(codes_reason, "reason", reasons);

static const struct code mechanisms[] = {
    {"01", "face to face"},
    {"02", "telephone"},
    {"04", "talk type"},
    {"05", "email"},
    {"09", "text message"},
    {"10", "instant messages"},
    {"11", "video"},
    {"12", "message board"},
    {"13", "chat room"},
    {"98", "other"},
};
LIST(codes_mechanism, "mechanism", mechanisms);

static const struct code places[] = {
    {"A01", "at home"},
    {"A02", "carer's home"},
    {"A03", "workplace"},
    {"A04", "somewhere of the person's own"},
    {"B01", "health centre"},
    {"C01", "GP practice"},
    {"D01", "walk-in centre"},
    {"E04", "emergency department"},
    {"H01", "day centre"},
    {"J01", "resource centre"},
    {"M01", "prison"},
    {"M02", "probation office"},
    {"M03", "police station"},
    {"N01", "outdoors"},
    {"N02", "library, café or other public building"},
    {"N03", "voluntary organisation"},
    {"N05", "pharmacy"},
    {"X01", "elsewhere"},
};
LIST(codes_place, "place", places);

static const struct code attendances[] = {
    {"5", "met"},
    {"6", "came late, and we met"},
    {"7", "came too late to meet; we'll try again"},
    {"2", "called off by the person"},
    {"3", "didn't meet; we'll try again"},
    {"4", "called off by us"},
    {"0", "still to come"},
};
LIST(codes_attendance, "attendance", attendances);

static const struct code closures[] = {
    {"01", "admitted elsewhere"},
    {"02", "support complete"},
    {"03", "moved out of the area"},
    {"04", "nothing further that we could offer"},
    {"05", "we lost touch"},
    {"06", "died"},
    {"07", "the person asked for it"},
    {"08", "connected to another service"},
    {"09", "didn't want to meet us"},
};
LIST(codes_closure, "closure", closures);

static const struct code offers[] = {
    {"short", "short"},
    {"long", "long"},
    {"one-off", "one-off"},
};
LIST(codes_offer, "offer", offers);

static const struct code purposes[] = {
    {"welcome", "welcome"},
    {"drop-in", "drop-in"},
    {"crisis", "crisis"},
    {"review", "review"},
    {"farewell", "farewell"},
};
LIST(codes_purpose, "purpose", purposes);

static const struct code methods[] = {
    {"in-person", "in person"},
    {"phone", "by phone"},
    {"letter", "by letter"},
    {"email", "by email"},
    {"text", "by text message"},
};
LIST(codes_method, "method", methods);

/* Protective first: while one says active and another ended, the person stays with us. */
static const struct code supports[] = {
    {"active", "we are with them"},
    {"ended", "farewell"},
};
LIST(codes_support, "support", supports);

static const struct code members[] = {
    {"in", "yes"},
    {"out", "no longer"},
};
LIST(codes_member, "member", members);

static const struct code abuses[] = {
    {"physical", "physical"},
    {"domestic", "domestic abuse"},
    {"sexual", "sexual"},
    {"psychological", "psychological"},
    {"financial-material", "financial or material"},
    {"modern-slavery", "modern slavery"},
    {"discriminatory", "discriminatory"},
    {"organisational", "organisational"},
    {"neglect-acts-of-omission", "neglect, acts of omission"},
    {"self-neglect", "self-neglect"},
};
LIST(codes_abuse, "abuse", abuses);

static const struct code_list *const lists[] = {
    &codes_source, &codes_urgency, &codes_reason, &codes_mechanism, &codes_place, &codes_attendance,
    &codes_closure, &codes_offer, &codes_purpose, &codes_method, &codes_support, &codes_member, &codes_abuse,
    &codes_linked, &codes_pause, &codes_section, &codes_need, &codes_sharing, &codes_agency, &codes_category,
    &codes_appointment, &codes_correctable, &codes_visit, &codes_booking, &codes_task, &codes_closing,
    &codes_goal, &codes_goals, &codes_concern, &codes_concern_kind, &codes_crisis, &codes_by, &codes_connection,
    &codes_resource, &codes_session, &codes_outing, &codes_works, &codes_supervision,
};

size_t code_list_count(void)
{
    return sizeof lists / sizeof lists[0];
}

const struct code_list *code_list_at(size_t index)
{
    return index < code_list_count() ? lists[index] : NULL;
}

size_t code_rank(const struct code_list *list, struct bytes code)
{
    size_t i = 0;
    while (i < list->count && !bytes_is(code, list->codes[i].code))
        i++;
    return i;
}

const char *code_label(const struct code_list *list, struct bytes code)
{
    size_t rank = list ? code_rank(list, code) : 0;
    return list && rank < list->count ? list->codes[rank].label : NULL;
}
