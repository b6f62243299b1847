/* Groups as states: the whole of what their accumulators know, as JSON. */
#include "aggregate/private.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- rehearsal ---- */

#define REHEARSALS 256 /* before the accumulators are cleared */

static int open_rehearsal(struct aggregate *a, struct err *e)
{
    struct rehearsal *t = &a->trial;
    if (t->accs)
        return 0;
    t->side.budget = a->budget;
    t->row = malloc(a->row_size + ACC_PADDING);
    t->accs = calloc(a->n_feeds + 1, sizeof(*t->accs));
    if (!t->row || !t->accs)
        return err_nomem(e);
    for (size_t i = 0; i < a->n_feeds; i++) {
        const struct feed *f = &a->feeds[i];
        acc_init(&t->accs[i], f->acc.kind, f->param, a->budget);
        t->accs[i].cell = f->acc.cell;
        t->accs[i].at = f->acc.at;
    }
    return 0;
}

static void clear_rehearsal(struct aggregate *a)
{
    struct rehearsal *t = &a->trial;
    for (size_t i = 0; t->accs && i < a->n_feeds; i++)
        acc_reset(&t->accs[i]);
    region_free(&t->side);
    t->n = 0;
    t->bytes = 0;
}

void states_end_rehearsal(struct aggregate *a)
{
    struct rehearsal *t = &a->trial;
    for (size_t i = 0; t->accs && i < a->n_feeds; i++)
        acc_free(&t->accs[i]);
    region_free(&t->side);
    free(t->accs);
    free(t->row);
    *t = (struct rehearsal){ 0 };
}

/* A damaged state must leave no trace: it is tried on a group of its own,
 * aside, before the group that it is for is touched. */
static int rehearse(struct aggregate *a, struct str states,
                    struct aggregate_fault *fault, struct err *e)
{
    struct rehearsal *t = &a->trial;
    struct json_iter it = json_iter(states);
    struct err why = { 0 };
    struct val v;
    size_t i = 0, used = a->budget->used;
    int r = 0;
    memset(t->row, 0, a->row_size + ACC_PADDING);
    for (; r == 0 && i < a->n_feeds && json_next(&it, NULL, &v); i++)
        r = acc_absorb(&t->accs[i], t->row, &t->side, t->n, v.raw, &why);
    t->n++;
    t->bytes += a->budget->used - used;
    if (r && why.code == ERR_DATA)
        return refuse(a, fault, why.msg);
    if (r) {
        *e = why;
        return -1;
    }
    if (i < a->n_feeds || json_next(&it, NULL, &v) || it.broken)
        return refuse(a, fault, "\"_state\" is not whole");
    return 1;
}

/* To map memory for each state anew would cost more than all else; to keep what
 * many took would leave too little for the groups. */
static int rehearse_states(struct aggregate *a, struct str states,
                           struct aggregate_fault *fault, struct err *e)
{
    struct rehearsal *t = &a->trial;
    size_t max = a->budget->max;
    int r = open_rehearsal(a, e) ? -1 : rehearse(a, states, fault, e);
    if (r < 0 || t->n == REHEARSALS || (max && t->bytes > max / 16))
        clear_rehearsal(a);
    return r;
}

/* ---- taking ---- */

/* Absorbs states into the group with the key in hand. That cannot stop in the
 * middle, so where groups can be set aside the limit waits until it is done. */
static int absorb_whole(struct aggregate *a, struct str states,
                        struct aggregate_fault *fault, struct err *e)
{
    uint32_t group;
    size_t feed = 0, max = a->budget->max;
    if (overflow_can(a))
        a->budget->max = 0;
    int r = aggregate_group(a, a->key_vals, false, &group, fault, e);
    if (r == 1 && states_absorb(a, group, states, &feed, e))
        r = -1;
    a->budget->max = max;
    return r;
}

static int take_state(struct aggregate *a, struct str text,
                      struct aggregate_fault *fault, struct err *e)
{
    struct str states;
    int r = read_record(a, text, &states, fault);
    if (r == 1)
        r = rehearse_states(a, states, fault, e);
    return r == 1 ? absorb_whole(a, states, fault, e) : r;
}

/* What is left above this many bytes is for rehearsing the next state. */
static bool crowded(const struct aggregate *a)
{
    return a->budget->max && a->budget->used > a->budget->max / 4 * 3;
}

/* Takes a state, and makes room where there is too little for its rehearsal:
 * until that is over no group was touched. */
static int take_or_dump(struct aggregate *a, struct str text,
                        struct aggregate_fault *fault, struct err *e)
{
    struct err *why = &a->over.why;
    a->budget->refused = false;
    int r = take_state(a, text, fault, why);
    if (r == -1 && a->budget->refused && overflow_can(a)) {
        if (overflow_dump(a, e))
            return -1;
        r = take_state(a, text, fault, why);
    }
    if (r == -1)
        *e = *why;
    return r;
}

int states_take(struct aggregate *a, const struct select_record *recs, size_t n,
                size_t *at, struct aggregate_fault *fault, struct err *e)
{
    a->batch.n = 0;
    if (aggregate_begin_rows(a, e))
        return -1;
    while (*at < n) {
        int r = take_or_dump(a, recs[(*at)++].text, fault, e);
        if (r == 1 && crowded(a) && overflow_can(a) && overflow_dump(a, e))
            return -1;
        if (r != 1)
            return r;
    }
    return 1;
}
