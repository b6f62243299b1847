/* accbox: one accumulator with rows for some groups, fed with texts. */
#ifndef ACCBOX_H
#define ACCBOX_H

#include "base/decimal.h"
#include "json/check.h"
#include "aggregate/acc.h"

#include <stdlib.h>

#define BOX_GROUPS 4

struct box {
    struct budget budget;
    struct acc acc;
    struct region side;
    char *rows;
    size_t row;
    struct buf text;
};

static struct err box_err;

static inline void box_rows(struct box *b)
{
    acc_fit(&b->acc, 8);
    b->row = acc_size(&b->acc);
    b->rows = calloc(1, b->row * BOX_GROUPS + ACC_PADDING);
}

static inline void box_open(struct box *b, enum acc_kind kind,
                            const struct acc_param *param, size_t max)
{
    *b = (struct box){ .budget.max = max };
    acc_init(&b->acc, kind, param, &b->budget);
    b->side.budget = &b->budget;
    box_rows(b);
}

/* Gives everything back; the budget must be as it was. */
static inline bool box_close(struct box *b)
{
    acc_free(&b->acc);
    region_free(&b->side);
    free(b->rows);
    buf_free(&b->text);
    return b->budget.used == 0;
}

static inline char *box_row(struct box *b, uint32_t group)
{
    return b->rows + group * b->row;
}

/* Judges and takes one value: 1, 0 where it is refused, -1. */
static inline int box_take_by(struct box *b, uint32_t group, const char *v,
                              const char *by)
{
    struct buf why = { 0 };
    const char *code = NULL;
    struct val x = json_val(str_of(v)), y = json_val(str_of(by));
    int r = acc_judge(&b->acc, x, y, "fn", &code, &why, &box_err);
    buf_free(&why);
    if (r == 1 && b->acc.far)
        r = acc_rehearse(&b->acc, box_row(b, group), x, &code, &why, &box_err);
    buf_free(&why);
    if (r != 1)
        return r;
    return acc_take(&b->acc, box_row(b, group), &b->side, group, x, y, &box_err)
               ? -1
               : 1;
}

static inline int box_take(struct box *b, uint32_t group, const char *v)
{
    return box_take_by(b, group, v, v);
}

/* The answer to a question; borrowed until the next text of the box. */
static inline const char *box_ask(struct box *b, uint32_t group,
                                  enum acc_ask ask, const char *p, uint32_t k)
{
    struct acc_question q = { .ask = ask, .k = k };
    buf_reset(&b->text);
    if (p && decimal_parse(&q.p, str_of(p)))
        return "no decimal";
    int r = acc_print(&b->acc, box_row(b, group), &b->side, group, &q, &b->text,
                      &box_err);
    decimal_free(&q.p);
    return r ? box_err.msg : buf_z(&b->text);
}

static inline const char *box_print(struct box *b, uint32_t group)
{
    return box_ask(b, group, ASK_PLAIN, NULL, 0);
}

/* The state as text, likewise. */
static inline const char *box_write(struct box *b, uint32_t group)
{
    buf_reset(&b->text);
    int r = acc_write_begin(&b->acc, BOX_GROUPS, &box_err);
    if (r == 0)
        r = acc_write(&b->acc, box_row(b, group), &b->side, group, &b->text,
                      &box_err);
    acc_write_end(&b->acc);
    return r ? box_err.msg : buf_z(&b->text);
}

static inline int box_absorb(struct box *b, uint32_t group, struct str state)
{
    return acc_absorb(&b->acc, box_row(b, group), &b->side, group, state,
                      &box_err);
}

/* Numbers that look random and are the same every time (Steele, Lea, Flood
 * 2014, "Fast splittable pseudorandom number generators"). */
static inline uint64_t box_random(uint64_t *seed)
{
    uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#endif
