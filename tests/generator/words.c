/* SPDX-License-Identifier: Apache-2.0 */
/* Chance, and the words that generated lives are told in. Nobody real is meant. */
#include "tests/generator/generate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* splitmix64 */
uint64_t chance_next(struct chance *chance)
{
    uint64_t z = chance->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t chance_below(struct chance *chance, uint32_t bound)
{
    return (uint32_t)((chance_next(chance) >> 32) * bound >> 32);
}

int64_t chance_between(struct chance *chance, int64_t low, int64_t high)
{
    return high <= low ? low : low + (int64_t)(chance_next(chance) % (uint64_t)(high - low + 1));
}

bool chance_in(struct chance *chance, unsigned per_mille)
{
    return chance_below(chance, 1000) < per_mille;
}

const char *pick(struct chance *chance, const struct weighted *table, size_t count)
{
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += table[i].weight;
    uint32_t at = chance_below(chance, all);
    for (size_t i = 0; i < count; i++) {
        if (at < table[i].weight)
            return table[i].value;
        at -= table[i].weight;
    }
    return table[0].value;
}

static const char *const first_names[] = {
    "Aaliyah", "Adam",   "Aisha",  "Alex",     "Amara",   "Andrzej",  "Anna",     "Ayo",    "Bea",     "Bilal",
    "Bronwen", "Callum", "Cerys",  "Chidi",    "Chloë",   "Connor",   "Dae",      "Dana",   "Deepa",   "Derek",
    "Dilys",   "Ebony",  "Eilidh", "Elif",     "Emre",    "Esther",   "Fatima",   "Femi",   "Frankie", "Gareth",
    "Gita",    "Grace",  "Hana",   "Harpreet", "Hassan",  "Ifan",     "Imani",    "Ines",   "Iris",    "Ivy",
    "Jamal",   "Jan",    "Jasmin", "José",     "Joyce",   "Kamal",    "Kayleigh", "Keir",   "Kwame",   "Lara",
    "Leroy",   "Lewis",  "Łucja",  "Mabel",    "Mei",     "Mohammed", "Morag",    "Nadia",  "Ned",     "Niamh",
    "Noor",    "Olu",    "Owen",   "Padma",    "Pearl",   "Priya",    "Quentin",  "Rafał",  "Reuben",  "Rhys",
    "Rosa",    "Ruth",   "Sadia",  "Siân",     "Sinéad",  "Siobhan",  "Tariq",    "Thandi", "Tomos",   "Ugo",
    "Una",     "Vera",   "Viktor", "Wanda",    "Winston", "Xin",      "Yasmin",   "Yusuf",  "Zoë"};
static const char *const last_names[] = {
    "Adeyemi", "Ahmed",  "Baker",   "Banerjee", "Bell",   "Brown",   "Campbell", "Carter",  "Chen",      "Clarke",
    "Cohen",   "Cooper", "D'Souza", "Davies",   "Diaz",   "Edwards", "Evans",    "Farah",   "Fernández", "Fox",
    "Gill",    "Graham", "Gray",    "Green",    "Hart",   "Hassan",  "Hill",     "Hughes",  "Hussain",   "Islam",
    "Jackson", "James",  "Kaur",    "Kelly",    "Khan",   "King",    "Kowalski", "Lee",     "Lewis",     "Lloyd",
    "MacLeod", "Mensah", "Miller",  "Moore",    "Morgan", "Müller",  "Murphy",   "Nowak",   "O'Neill",   "Okafor",
    "Owen",    "Parker", "Patel",   "Price",    "Quinn",  "Rahman",  "Reid",     "Roberts", "Rossi",     "Scott",
    "Shah",    "Silva",  "Singh",   "Smith",    "Stone",  "Taylor",  "Thomas",   "Turner",  "Vu",        "Walker",
    "Ward",    "Wood",   "Young"};

void words_name(uint32_t person, char out[NAME_SIZE])
{
    struct chance own = {person * 2654435761u};
    const char *first = first_names[chance_below(&own, COUNT(first_names))];
    snprintf(out, NAME_SIZE, "%s %s", first, last_names[chance_below(&own, COUNT(last_names))]);
}

void words_worker(uint32_t worker, char out[33])
{
    static const char *const names[] = {"amina", "ben",   "carys", "dev",  "ellie", "farid", "gwen",  "hal",
                                        "isla",  "jamie", "kofi",  "lena", "marc",  "nia",   "oscar", "pia"};
    size_t round = worker / COUNT(names);
    if (round == 0)
        snprintf(out, 33, "%s", names[worker]);
    else
        snprintf(out, 33, "%s-%zu", names[worker % COUNT(names)], round + 1);
}

const char *words_own(struct chance *chance)
{
    static const char *const words[] = {"To sleep through the night again",
                                        "Somebody to talk to who doesn't rush",
                                        "Help with letters about the rent",
                                        "To get out of the flat more",
                                        "To feel less on edge in shops and on buses",
                                        "Back to work, in small steps",
                                        "To be able to look after the children on bad days",
                                        "Not to be passed from one place to the next",
                                        "Company, and something to do in the week",
                                        "To understand what is happening to me",
                                        "Help to cut down drinking",
                                        "To have a \"normal\" day",
                                        "A plan for when it gets too much",
                                        "Less pain, more energy",
                                        "To get through the anniversary",
                                        "Somewhere warm to go on Sundays ☕"};
    return words[chance_below(chance, COUNT(words))];
}

const char *words_note(struct chance *chance)
{
    static const char *const words[] = {"Prefers a text message before a call.",
                                        "Sister visits on Sundays; a good day to ring is Monday.",
                                        "The housing letter came; we will read it together next time.",
                                        "Likes the allotment group, would go with somebody.",
                                        "Asked about benefits: the PIP form is due at the end of the month.",
                                        "Talked in the huddle: peer worker to go along to the first appointment.",
                                        "Blood test done at the surgery; nothing new.",
                                        "Left a message with the voluntary sector link worker.",
                                        "Would rather meet at the library than at home.",
                                        "Has a spare key with the neighbour at no. 14.",
                                        "Medication changed by the GP on Tuesday; look out for sleep and appetite.",
                                        "Said \"it's quieter now\" and meant it as good news.",
                                        "Bus fare is a worry; travel card form given.",
                                        "Rang about the boiler: landlord promised a date.",
                                        "School meeting went well; the teacher will ring weekly.",
                                        "Came to the drop-in with a friend and stayed for the whole hour."};
    return words[chance_below(chance, COUNT(words))];
}

const char *words_contact(struct chance *chance)
{
    static const char *const words[] = {"Talked about the tenancy and what to say to the landlord.",
                                        "Walked round the park; talked about sleep.",
                                        "Went through the week, what helped and what didn't.",
                                        "Looked at the goals together; one of them is done.",
                                        "Sorted letters into three piles.",
                                        "Cooked together; planned the shopping for the week.",
                                        "Talked about going back to the choir.",
                                        "Short call to say hello before the weekend.",
                                        "Practised the bus route to the college.",
                                        "Met with the daughter, who will help with the forms.",
                                        "Breathing exercises, then a cup of tea.",
                                        "Talked through what happened at the weekend, and who to ring.",
                                        "Filled in the application for the community fridge.",
                                        "Read the plan again and changed two lines of it."};
    return words[chance_below(chance, COUNT(words))];
}

const char *words_goal(struct chance *chance)
{
    static const char *const words[] = {"Go to the choir once a week",
                                        "Open the letters on the day they come",
                                        "Take the bus to the college by myself",
                                        "Sleep six hours, most nights",
                                        "See my daughter every other Sunday",
                                        "Cook something twice a week",
                                        "Pay the rent on time for three months",
                                        "Walk to the canal and back without turning round"};
    return words[chance_below(chance, COUNT(words))];
}

const char *words_task(struct chance *chance)
{
    static const char *const words[] = {"benefits form",
                                        "ring the landlord about the boiler",
                                        "letter to the GP",
                                        "find out about the allotment group",
                                        "bus pass",
                                        "ask the pharmacy for a blister pack",
                                        "appointment at the citizens advice",
                                        "new glasses"};
    return words[chance_below(chance, COUNT(words))];
}

const char *words_worry(struct chance *chance)
{
    static const char *const words[] = {"Says that it would be better not to wake up; has not said so before.",
                                        "Has not opened the door since Thursday.",
                                        "The anniversary is next week, and nobody is there that day.",
                                        "Gave the cat to the neighbour.",
                                        "Has not eaten much since the letter came.",
                                        "Somebody takes the money on the day that it comes."};
    return words[chance_below(chance, COUNT(words))];
}

struct resource_words words_resource(uint32_t number)
{
    static const struct resource_words resources[] = {
        {"Allotment group", "north", "Canal Lane plots", "wed,sat 10:00-13:00"},
        {"Community fridge", "centre", "St Mark's hall", "mon-fri 12:00-14:00; closed 2026-12-25"},
        {"Library drop-in", "centre", "Central Library, first floor", "tue,thu 14:00-16:00"},
        {"Citizens advice", "centre", "Market Street 4", "mon-fri 09:30-16:30"},
        {"Choir for everybody", "south", "Hill Road church", "mon 18:30-20:00"},
        {"Crisis café", "east", "Station Road 11", "daily 18:00-02:00"},
        {"Men's shed", "west", "Old Depot", "tue-thu 10:00-16:00"},
        {"Swimming, women only", "west", "West Baths", "sun 09:00-11:00"},
        {"Carers' breakfast", "north", "The Green café", "fri 09:00-10:30"},
        {"Night shelter", "centre", "Mill Street", "daily 20:00-08:00"},
        {"Walking group", "south", "Park gate", "wed 11:00-12:30"},
        {"Language café", "east", "St Anne's room 2", "thu 17:00-19:00"},
    };
    return resources[number % COUNT(resources)];
}
