#include "quality/gauge.h"

#include "base/date.h"
#include "json/key.h"
#include "quality/describe.h"

#include <stdlib.h>

/* Keys that wait to be put into their set. */
#define QUEUE_KEYS 32
#define QUEUE_BYTES 65536

struct gauge_queue {
    size_t n;
    struct {
        struct hash128 hash;
        size_t at, n; /* in bytes */
    } keys[QUEUE_KEYS];
    struct buf bytes;
};

int gauges_init(struct gauges *g, const char *tz, size_t memory, struct err *e)
{
    *g = (struct gauges){ .tz = tz,
                          .budget.max = memory,
                          .select = select_new() };
    return g->select ? 0 : err_nomem(e);
}

static void gauge_free(struct gauge *x)
{
    free(x->slots);
    buf_free(&x->example);
    decimal_free(&x->sum);
    decimal_free(&x->squares);
    decimal_free(&x->min);
    decimal_free(&x->max);
    keyset_free(&x->keys);
    pattern_run_free(x->match);
    if (x->queue)
        buf_free(&x->queue->bytes);
    free(x->queue);
}

void gauges_free(struct gauges *g)
{
    for (size_t i = 0; i < g->n; i++)
        gauge_free(&g->v[i]);
    free(g->v);
    select_batch_free(&g->batch);
    select_free(g->select);
    buf_free(&g->key);
    buf_free(&g->text);
    *g = (struct gauges){ 0 };
}

/* ---- which gauges there are */

/* False where the measure needs none. */
static bool kind_of(enum measure m, struct gauge *x)
{
    switch (m) {
    case MEASURE_NULL_COUNT:
    case MEASURE_NULL_SHARE:
    case MEASURE_MISSING_COUNT:
    case MEASURE_MISSING_SHARE: x->kind = GAUGE_PRESENCE; return true;
    case MEASURE_DISTINCT_COUNT:
    case MEASURE_DISTINCT_SHARE:
    case MEASURE_DUPLICATE_COUNT:
    case MEASURE_DUPLICATE_SHARE:
    case MEASURE_REPEATS: x->kind = GAUGE_KEYS; return true;
    case MEASURE_SUM:
    case MEASURE_MEAN: x->wants = GAUGE_SUM; break;
    case MEASURE_MIN:
    case MEASURE_MAX: x->wants = GAUGE_EXTREMES; break;
    case MEASURE_STDDEV: x->wants = GAUGE_SUM | GAUGE_SQUARES; break;
    case MEASURE_NEWEST: x->kind = GAUGE_NEWEST; return true;
    case MEASURE_AMONG_COUNT:
    case MEASURE_AMONG_SHARE:
    case MEASURE_OUTSIDERS: x->kind = GAUGE_AMONG; return true;
    case MEASURE_ROWS:
    case MEASURE_REJECTS:
    case MEASURE_REJECT_SHARE: return false;
    }
    x->kind = GAUGE_NUMBERS;
    return true;
}

static int find_slots(struct gauges *g, const struct gate *gate,
                      struct gauge *x)
{
    x->slots = calloc(gate->n_fields, sizeof(*x->slots));
    for (; x->slots && x->n_slots < gate->n_fields; x->n_slots++) {
        int slot = select_add(g->select, &gate->fields[x->n_slots]);
        if (slot < 0)
            return -1;
        x->slots[x->n_slots] = (size_t)slot;
    }
    return x->slots ? 0 : -1;
}

static bool same(const struct gauge *a, const struct gauge *b)
{
    return a->kind == b->kind && a->allowed == b->allowed &&
           a->pattern == b->pattern && a->n_slots == b->n_slots &&
           memcmp(a->slots, b->slots, a->n_slots * sizeof(*a->slots)) == 0;
}

/* What is counted of a field's values. 0 or -1 (memory). */
static int choose(struct gauge *x, const struct gate *gate,
                  const struct allowed *allowed)
{
    x->allowed = allowed;
    x->pattern = gate->pattern;
    x->negated = gate->negated || gate->measure == MEASURE_OUTSIDERS;
    if (x->pattern && !(x->match = pattern_run_new()))
        return -1;
    if (x->negated || !allowed)
        return 0;
    const struct val null = { JSON_NULL, STR("null") };
    int r = allowed_has(allowed, null, &x->example);
    buf_reset(&x->example);
    x->takes_null = r > 0;
    return r < 0 ? -1 : 0;
}

int gauges_add(struct gauges *g, const struct gate *gate,
               const struct allowed *allowed, size_t *index, struct err *e)
{
    struct gauge x = { 0 };
    *index = NO_GAUGE;
    if (!kind_of(gate->measure, &x))
        return 0;
    struct gauge *v = realloc(g->v, (g->n + 1) * sizeof(*v));
    if (v)
        g->v = v;
    if (x.kind == GAUGE_KEYS)
        x.queue = calloc(1, sizeof(*x.queue));
    if (!v || (x.kind == GAUGE_KEYS && !x.queue) || find_slots(g, gate, &x) ||
        (x.kind == GAUGE_AMONG && choose(&x, gate, allowed))) {
        gauge_free(&x);
        return err_nomem(e);
    }
    keyset_init_unnumbered(&x.keys, &g->budget);
    for (*index = 0; *index < g->n && !same(&v[*index], &x); ++*index)
        ;
    if (*index < g->n) {
        v[*index].wants |= x.wants;
        gauge_free(&x);
    } else {
        v[g->n++] = x;
    }
    return 0;
}

/* ---- a record */

/* A value that is of no use. */
static int note_bad(struct gauge *x, struct val v, struct err *e)
{
    x->bad++;
    if (x->example.n)
        return 0;
    return describe_value(&x->example, v.raw) ? err_nomem(e) : 0;
}

static int add_to_sum(struct decimal *sum, const struct decimal *d)
{
    decimal_int s;
    if (d->scale != sum->scale || d->big || sum->big ||
        __builtin_add_overflow(sum->small, d->small, &s))
        return decimal_add(sum, sum, d);
    sum->small = s;
    return 0;
}

static int take_decimal(struct gauge *x, const struct decimal *d)
{
    int r = 0, s = 0;
    x->n++;
    if (x->wants & GAUGE_SUM)
        r = add_to_sum(&x->sum, d);
    if (r != -1 && x->wants & GAUGE_EXTREMES) {
        if (x->n == 1 || decimal_cmp(d, &x->min) < 0)
            s = decimal_copy(&x->min, d);
        if (s == 0 && (x->n == 1 || decimal_cmp(d, &x->max) > 0))
            s = decimal_copy(&x->max, d);
    }
    if (r != -1 && s == 0 && x->wants & GAUGE_SQUARES) {
        struct decimal square = DECIMAL_ZERO;
        s = decimal_mul(&square, d, d);
        if (s == 0)
            s = add_to_sum(&x->squares, &square);
        decimal_free(&square);
    }
    x->far |= r == -2 || s == -2;
    return r == -1 || s == -1 ? -1 : 0;
}

static int take_number(struct gauge *x, struct val v, struct err *e)
{
    struct decimal d = DECIMAL_ZERO;
    int r = v.type == JSON_NUMBER ? decimal_parse(&d, v.raw) : -2;
    if (r == -2)
        return note_bad(x, v, e);
    if (r == 0)
        r = take_decimal(x, &d);
    decimal_free(&d);
    return r ? err_nomem(e) : 0;
}

static int take_time(struct gauges *g, struct gauge *x, struct val v,
                     struct err *e)
{
    struct str text;
    int64_t us;
    if (v.type != JSON_STRING)
        return note_bad(x, v, e);
    if (json_string(v, &g->text, &text))
        return err_nomem(e);
    if (!time_parse(text, g->tz, &us))
        return note_bad(x, v, e);
    if (x->n++ == 0 || us > x->newest)
        x->newest = us;
    return 0;
}

/* 1 if the pattern is found in v, 0 if not, -1 without memory. */
static int is_match(struct gauges *g, struct gauge *x, struct val v)
{
    struct str text;
    if (v.type != JSON_STRING)
        return 0;
    if (json_string(v, &g->text, &text))
        return -1;
    int r = pattern_match(x->pattern, x->match, text);
    x->far |= r < 0;
    return r > 0;
}

static int take_among(struct gauges *g, struct gauge *x, struct val v,
                      struct err *e)
{
    int r =
        x->pattern ? is_match(g, x, v) : allowed_has(x->allowed, v, &g->key);
    if (r < 0)
        return err_nomem(e);
    x->n++;
    return (r > 0) != x->negated ? note_bad(x, v, e) : 0;
}

/* ---- sets */

static int insert_key(struct gauge *x, struct hash128 hash, struct str key,
                      struct err *e)
{
    uint32_t number;
    int r = keyset_insert(&x->keys, hash, key, &number, e);
    if (r == 0 && !x->example.n)
        r = describe_key(&x->example, key) ? err_nomem(e) : 0;
    return r < 0 ? -1 : 0;
}

static int empty_queue(struct gauge *x, struct err *e)
{
    struct gauge_queue *q = x->queue;
    for (size_t i = 0; i < q->n; i++)
        keyset_prefetch_key(&x->keys, q->keys[i].hash);
    for (size_t i = 0; i < q->n; i++) {
        struct str key = { q->bytes.p + q->keys[i].at, q->keys[i].n };
        if (insert_key(x, q->keys[i].hash, key, e))
            return -1;
    }
    q->n = 0;
    buf_reset(&q->bytes);
    return 0;
}

/* The key of record i of the batch; with a part that is null or missing it has
 * none, as in SQL. */
static int take_key(struct gauges *g, struct gauge *x, size_t i, struct err *e)
{
    struct gauge_queue *q = x->queue;
    size_t at = q->bytes.n;
    for (size_t k = 0; k < x->n_slots; k++) {
        struct val v = g->batch.vals[x->slots[k] * SELECT_BATCH + i];
        bool absent = v.type <= JSON_NULL;
        int r = absent ? 0 : key_add(&q->bytes, v);
        if (r == -1)
            return err_nomem(e);
        if (r || absent) {
            q->bytes.n = at;
            return r ? note_bad(x, v, e) : 0;
        }
    }
    x->n++;
    struct str key = { q->bytes.p + at, q->bytes.n - at };
    q->keys[q->n].hash = keyset_hash(&x->keys, key);
    q->keys[q->n].at = at;
    q->keys[q->n].n = key.n;
    keyset_prefetch(&x->keys, q->keys[q->n].hash);
    q->n++;
    return q->n == QUEUE_KEYS || q->bytes.n > QUEUE_BYTES ? empty_queue(x, e)
                                                          : 0;
}

/* ---- records */

static int take_value(struct gauges *g, struct gauge *x, struct val v,
                      struct err *e)
{
    switch (x->kind) {
    case GAUGE_NUMBERS: return take_number(x, v, e);
    case GAUGE_NEWEST: return take_time(g, x, v, e);
    case GAUGE_AMONG: return take_among(g, x, v, e);
    default: return 0;
    }
}

/* The n values of one field, one behind the other. */
static int take_column(struct gauges *g, struct gauge *x, size_t n,
                       struct err *e)
{
    const struct val *v = g->batch.vals + x->slots[0] * SELECT_BATCH;
    unsigned absent = 1u << JSON_MISSING | 1u << JSON_NULL;
    absent &= g->batch.types[x->slots[0]];
    for (size_t i = 0; i < n && absent; i++) {
        x->missing += v[i].type == JSON_MISSING;
        x->nulls += v[i].type == JSON_NULL;
    }
    if (x->kind == GAUGE_PRESENCE)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].type > JSON_NULL && take_value(g, x, v[i], e))
            return -1;
    return 0;
}

static int take_keys(struct gauges *g, struct gauge *x, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (take_key(g, x, i, e))
            return -1;
    return 0;
}

int gauges_take(struct gauges *g, const struct select_record *recs, size_t n,
                struct err *e)
{
    g->rows += n;
    if (!g->n)
        return 0;
    if (!g->batch.vals && select_batch_init(&g->batch, g->select, 0))
        return err_nomem(e);
    if (select_pick_batch(g->select, recs, n, &g->batch))
        return err_set(e, ERR_DATA, "a record is not JSON");
    for (size_t i = 0; i < g->n; i++) {
        struct gauge *x = &g->v[i];
        if (x->kind == GAUGE_KEYS ? take_keys(g, x, n, e)
                                  : take_column(g, x, n, e))
            return -1;
    }
    return 0;
}

int gauges_end(struct gauges *g, struct err *e)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].queue && empty_queue(&g->v[i], e))
            return -1;
    return 0;
}

/* ---- merging */

static int merge_numbers(struct gauge *a, const struct gauge *b, struct err *e)
{
    int r = 0;
    if (!b->n)
        return 0;
    if (!a->n || decimal_cmp(&b->min, &a->min) < 0)
        r = decimal_copy(&a->min, &b->min);
    if (r == 0 && (!a->n || decimal_cmp(&b->max, &a->max) > 0))
        r = decimal_copy(&a->max, &b->max);
    if (r == 0)
        r = decimal_add(&a->sum, &a->sum, &b->sum);
    int s = r == -1 ? 0 : decimal_add(&a->squares, &a->squares, &b->squares);
    a->far |= b->far || r == -2 || s == -2;
    return r == -1 || s == -1 ? err_nomem(e) : 0;
}

static int merge_keys(struct gauge *a, struct gauge *b, struct err *e)
{
    size_t at = 0;
    struct str key;
    while (keyset_next(&b->keys, &at, &key))
        if (insert_key(a, keyset_hash(&a->keys, key), key, e))
            return -1;
    keyset_free(&b->keys);
    return 0;
}

static int merge(struct gauge *a, struct gauge *b, struct err *e)
{
    if (a->kind == GAUGE_NUMBERS && merge_numbers(a, b, e))
        return -1;
    if (a->kind == GAUGE_KEYS && merge_keys(a, b, e))
        return -1;
    if (a->kind == GAUGE_NEWEST && b->n && (!a->n || b->newest > a->newest))
        a->newest = b->newest;
    if (!a->example.n && buf_add_str(&a->example, buf_str(&b->example)))
        return err_nomem(e);
    a->far |= b->far;
    a->n += b->n;
    a->bad += b->bad;
    a->nulls += b->nulls;
    a->missing += b->missing;
    return 0;
}

/* The sets of both count until those of one are gone. */
int gauges_merge(struct gauges *into, struct gauges *from, struct err *e)
{
    into->rows += from->rows;
    into->budget.max += from->budget.max - from->budget.used;
    for (size_t i = 0; i < into->n; i++) {
        size_t held = from->budget.used;
        if (merge(&into->v[i], &from->v[i], e))
            return -1;
        into->budget.max += held - from->budget.used;
    }
    return 0;
}
