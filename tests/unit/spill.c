#include "unit.h"

#include "table/spill.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t rnd(void)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* The bytes of item i: its length and letters follow from it. */
static struct str text_of(uint64_t i, char *room, size_t most)
{
    size_t n = (size_t)(i * 7919 % most);
    for (size_t k = 0; k < n; k++)
        room[k] = (char)('a' + (i + k) % 26);
    return (struct str){ room, n };
}

static void check_round(size_t memory, uint64_t items, size_t most)
{
    struct spill p;
    struct err e = { 0 };
    char *room = malloc(most + 1);
    uint64_t *held = calloc(SPILL_MOST, sizeof(*held)), number, all = 0;
    struct str item;
    CHECK(spill_init(&p, memory, "/tmp", &e) == 0);
    CHECK((size_t)p.n * p.block <= memory / 8 || p.block == 4096);
    unsigned char *where = malloc(items + 1);
    for (uint64_t i = 0; i < items; i++) {
        where[i] = (unsigned char)spill_part_of(&p, rnd(), i % SPILL_LEVELS);
        CHECK(spill_add(&p, where[i], i, text_of(i, room, most), &e) == 0);
        held[where[i]]++;
    }
    for (unsigned i = 0; i < p.n; i++) {
        uint64_t last = 0, n = 0;
        CHECK(spill_rewind(&p, i, &e) == 0);
        while (spill_next(&p, i, &number, &item, &e) == 1) {
            CHECK(where[number] == i && (n == 0 || number > last));
            CHECK(str_eq(item, text_of(number, room, most)));
            last = number;
            n++;
        }
        CHECK(n == held[i]);
        all += n;
    }
    CHECK(all == items);
    for (all = 0; spill_merge(&p, &number, &item, &e) == 1; all++) {
        CHECK(number == all);
        CHECK(str_eq(item, text_of(number, room, most)));
    }
    CHECK(all == items && spill_merge(&p, &number, &item, &e) == 0);
    spill_free(&p);
    free(where);
    free(held);
    free(room);
}

TEST("parts give their items back in order")
{
    check_round(1 << 20, 0, 10);
    check_round(1 << 20, 1, 10);
    check_round(1 << 20, 20000, 40);
    check_round(64 << 20, 50000, 300);
}

TEST("items longer than a block")
{
    check_round(1 << 20, 300, 40000);
}

TEST("a folder that is not there")
{
    struct spill p;
    struct err e = { 0 };
    CHECK(spill_init(&p, 1 << 20, "/nonexistent", &e) == 0);
    CHECK(spill_add(&p, 0, 1, STR("x"), &e) == -1);
    CHECK(e.code == ERR_CANTCREAT && strstr(e.msg, "/nonexistent"));
    spill_free(&p);
}

TEST("a disk that is full")
{
    struct spill p;
    struct err e = { 0 };
    CHECK(spill_init(&p, 1 << 20, "/tmp", &e) == 0);
    CHECK(spill_add(&p, 3, 1, STR("x"), &e) == 0);
    FILE *full = fopen("/dev/full", "w");
    CHECK(full != NULL);
    if (full) {
        CHECK(dup2(fileno(full), p.v[3].fd) >= 0);
        CHECK(spill_rewind(&p, 3, &e) == -1 && e.code == ERR_IO);
        fclose(full);
    }
    spill_free(&p);
}

UNIT_MAIN
