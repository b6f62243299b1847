/* Groups as states: the whole of what their accumulators know, as JSON. */
#include "aggregate/private.h"

#include <stdlib.h>

int states_begin(struct aggregate *a, struct err *e)
{
    if (a->writing)
        return 0;
    a->writing = true;
    for (size_t i = 0; i < a->n_feeds; i++)
        if (acc_write_begin(&a->feeds[i].acc, aggregate_size(a), e))
            return -1;
    return 0;
}

void states_end(struct aggregate *a)
{
    for (size_t i = 0; a->writing && i < a->n_feeds; i++)
        acc_write_end(&a->feeds[i].acc);
    a->writing = false;
}

int states_write(struct aggregate *a, uint32_t group, struct buf *out,
                 struct err *e)
{
    const char *row = aggregate_row(a, group);
    for (size_t i = 0; i < a->n_feeds; i++) {
        buf_addc(out, i ? ',' : '[');
        if (acc_write(&a->feeds[i].acc, row, &a->side, group, out, e))
            return -1;
    }
    if (a->n_feeds == 0)
        buf_addc(out, '[');
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

int states_absorb(struct aggregate *a, uint32_t group, struct str states,
                  size_t *feed, struct err *e)
{
    struct json_iter it = json_iter(states);
    struct val v;
    size_t i = 0;
    for (; json_next(&it, NULL, &v); i++) {
        if (i < *feed)
            continue;
        if (i == a->n_feeds)
            return err_set(e, ERR_DATA, "more states than aggregates");
        if (acc_absorb(&a->feeds[i].acc, aggregate_row(a, group), &a->side,
                       group, v.raw, e))
            return -1;
        *feed = i + 1;
    }
    if (it.broken || i < a->n_feeds)
        return err_set(e, ERR_DATA, "fewer states than aggregates");
    return 0;
}

/* ---- --merge ---- */

static int refuse(struct aggregate *a, struct aggregate_fault *fault,
                  const char *why)
{
    buf_reset(&a->message);
    buf_addz(&a->message, why);
    return aggregate_fault_at(a, fault, "not_a_state", NULL);
}

/* The keys of a record by the names of the output, and its states. 1, or 0
 * with fault. */
static int read_record(struct aggregate *a, struct str text, struct str *states,
                       struct aggregate_fault *fault)
{
    struct val record = { JSON_OBJECT, text };
    struct val state = json_get(record, STR("_state"));
    struct val of = json_get(state, STR("of"));
    struct val s = json_get(state, STR("s"));
    struct val v = json_get(state, STR("v"));
    if (state.type != JSON_OBJECT || of.type != JSON_STRING ||
        s.type != JSON_ARRAY || v.type != JSON_NUMBER)
        return refuse(a, fault, "no \"_state\" as --partial writes it");
    if (!str_eq(v.raw, STR("1")))
        return refuse(a, fault, "\"_state\" of another version");
    if (of.raw.n != 18 || memcmp(of.raw.p + 1, a->signature, 16) != 0)
        return refuse(a, fault,
                      "\"_state\" of other keys or aggregates: --merge takes "
                      "the -g and -a that --partial had");
    for (size_t i = 0; i < a->n_by; i++)
        a->key_vals[i] = json_get(record, a->by[i].name);
    *states = s.raw;
    return 1;
}

/* A damaged state must leave no trace: it is tried on a group of its own,
 * aside, before the group that it is for is touched. */
static int rehearse_states(struct aggregate *a, struct str states,
                           struct aggregate_fault *fault, struct err *e)
{
    struct err why = { 0 };
    struct region side = { .budget = a->budget };
    struct json_iter it = json_iter(states);
    struct val v;
    size_t i = 0;
    int r = 1;
    for (; r == 1 && i < a->n_feeds && json_next(&it, NULL, &v); i++) {
        struct acc acc;
        struct feed *f = &a->feeds[i];
        acc_init(&acc, f->acc.kind, f->param, a->budget);
        acc.cell = f->acc.cell;
        char *row = calloc(1, acc_size(&acc) + ACC_PADDING);
        if (!row)
            r = err_nomem(e);
        else if (acc_absorb(&acc, row, &side, 0, v.raw, &why))
            r = why.code == ERR_DATA ? refuse(a, fault, why.msg) : -1;
        if (r == -1 && why.code)
            *e = why;
        free(row);
        acc_free(&acc);
    }
    region_free(&side);
    if (r == 1 && (i < a->n_feeds || json_next(&it, NULL, &v) || it.broken))
        return refuse(a, fault, "\"_state\" is not whole");
    return r;
}

static int take_state(struct aggregate *a, struct str text,
                      struct aggregate_fault *fault, struct err *e)
{
    struct str states;
    uint32_t group;
    size_t feed = 0;
    int r = read_record(a, text, &states, fault);
    if (r == 1)
        r = rehearse_states(a, states, fault, e);
    if (r == 1)
        r = aggregate_group(a, a->key_vals, false, &group, fault, e);
    if (r == 1 && states_absorb(a, group, states, &feed, e))
        r = -1;
    return r;
}

/* Half of what is left above this many bytes is for the state in hand: what is
 * absorbed cannot be stopped in the middle. */
static bool crowded(const struct aggregate *a)
{
    return a->budget->max && a->budget->used > a->budget->max / 4 * 3;
}

int states_take(struct aggregate *a, const struct select_record *recs, size_t n,
                size_t *at, struct aggregate_fault *fault, struct err *e)
{
    a->batch.n = 0;
    if (aggregate_begin_rows(a, e))
        return -1;
    while (*at < n) {
        if (crowded(a) && overflow_can(a) && overflow_dump(a, e))
            return -1;
        int r = take_state(a, recs[(*at)++].text, fault, e);
        if (r != 1)
            return r;
    }
    return 1;
}
