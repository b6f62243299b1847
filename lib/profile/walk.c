#include "profile/walk.h"

#include <stdlib.h>

/* A plan of more is not worth its memory. */
#define TOKENS_MOST 1024
#define MISSES_MOST 16

typedef uint64_t words __attribute__((vector_size(16)));

struct plan_key {
    words word, mask;  /* its first bytes, as far as it goes */
    uint32_t token, n; /* bytes behind the quote, with the closing one */
    size_t at;         /* in bytes */
};

struct plan_value {
    uint32_t field, token, end; /* the value is between these tokens */
    uint32_t elements;
    uint8_t type;
};

struct walk_plan {
    uint64_t serial; /* of the shape; 0: none */
    unsigned seen;   /* records of it that were walked, of late */
    struct plan_key *keys;
    struct plan_value *values;
    size_t n_keys, n_values;
    struct buf bytes;
};

int walk_init(struct walk *w, struct fields *fields)
{
    *w = (struct walk){ .fields = fields };
    w->plans = calloc(WALK_PLANS, sizeof(*w->plans));
    return w->plans ? 0 : -1;
}

static void clear(struct walk_plan *p)
{
    free(p->keys);
    free(p->values);
    buf_free(&p->bytes);
    *p = (struct walk_plan){ 0 };
}

void walk_free(struct walk *w)
{
    for (size_t i = 0; w->plans && i < WALK_PLANS; i++)
        clear(&w->plans[i]);
    free(w->plans);
    buf_free(&w->key);
    buf_free(&w->padded);
}

/* ---- by walking ---- */

static int not_json(struct err *e)
{
    return err_set(e, ERR_DATA, "not JSON");
}

static int child_of(struct walk *w, uint32_t field, struct str raw,
                    uint32_t *number, struct err *e)
{
    if (!memchr(raw.p, '\\', raw.n))
        return fields_child(w->fields, field, raw, number, e);
    buf_reset(&w->key);
    if (buf_reserve(&w->key, 1) || json_unescape(&w->key, raw))
        return err_nomem(e);
    return fields_child(w->fields, field, buf_str(&w->key), number, e);
}

static int walk_value(struct walk *w, uint32_t field, struct val v,
                      struct err *e);

/* Of twins the last counts, so there is a first pass that finds it. */
static int walk_object(struct walk *w, uint32_t field, struct str raw,
                       struct err *e)
{
    struct fields *fs = w->fields;
    struct str key;
    struct val v;
    uint32_t number;
    size_t place = 0;
    struct json_iter it = json_iter(raw);
    for (; json_next(&it, &key, &v); place++) {
        if (child_of(w, field, key, &number, e))
            return -1;
        if (number != FIELD_NONE)
            fs->v[number]->place = place;
    }
    if (it.broken)
        return not_json(e);
    it = json_iter(raw);
    for (place = 0; json_next(&it, &key, &v); place++) {
        if (child_of(w, field, key, &number, e))
            return -1;
        if (number == FIELD_NONE)
            fs->left_out--; /* it was counted above */
        else if (fs->v[number]->place == place && walk_value(w, number, v, e))
            return -1;
    }
    return 0;
}

static int walk_array(struct walk *w, uint32_t field, struct str raw,
                      uint32_t *elements, struct err *e)
{
    struct val v;
    uint32_t number;
    struct json_iter it = json_iter(raw);
    for (*elements = 0; json_next(&it, NULL, &v); ++*elements)
        if (fields_child(w->fields, field, (struct str){ 0 }, &number, e) ||
            (number != FIELD_NONE && walk_value(w, number, v, e)))
            return -1;
    return it.broken ? not_json(e) : 0;
}

static int walk_value(struct walk *w, uint32_t field, struct val v,
                      struct err *e)
{
    struct column_value c = { v.raw.p, (uint32_t)v.raw.n, (uint8_t)v.type,
                              true };
    if (v.type == JSON_STRING) {
        c.p++;
        c.n -= 2;
    } else if (v.type == JSON_ARRAY) {
        if (walk_array(w, field, v.raw, &c.n, e))
            return -1;
    } else if (v.type == JSON_OBJECT) {
        if (walk_object(w, field, v.raw, e))
            return -1;
    }
    return fields_take(w->fields, field, c, e);
}

/* ---- by plan ---- */

struct planner {
    struct walk *walk;
    const struct shaped *r;
    struct walk_plan *plan;
    size_t cap_keys, cap_values;
};

/* Room for one more of size bytes. */
static int room(void **v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return 0;
    size_t more = *cap ? *cap * 2 : 16;
    void *p = realloc(*v, more * size);
    if (!p)
        return -1;
    *v = p;
    *cap = more;
    return 0;
}

static int plan_key(struct planner *pl, uint32_t token, struct str key)
{
    struct walk_plan *p = pl->plan;
    void *keys = p->keys;
    if (room(&keys, p->n_keys, &pl->cap_keys, sizeof(*p->keys)))
        return -1;
    p->keys = keys;
    struct plan_key *k = &p->keys[p->n_keys++];
    *k = (struct plan_key){ .token = token,
                            .n = (uint32_t)key.n + 1,
                            .at = p->bytes.n };
    char bytes[sizeof(words)] = { 0 }, mask[sizeof(words)] = { 0 };
    size_t n = k->n < sizeof(bytes) ? k->n : sizeof(bytes);
    memcpy(bytes, key.p, n); /* the closing quote is behind it */
    memset(mask, 0xff, n);
    memcpy(&k->word, bytes, sizeof(bytes));
    memcpy(&k->mask, mask, sizeof(mask));
    return buf_add(&p->bytes, key.p, k->n);
}

static enum json_type type_of(uint8_t token)
{
    return token == '0' ? JSON_NUMBER : json_type_of((char)token);
}

static int plan_value(struct planner *pl, uint32_t field, uint32_t token,
                      struct err *e);

/* 0; 1 where there can be no plan; -1 with e. */
static int plan_object(struct planner *pl, uint32_t field, uint32_t token,
                       struct err *e)
{
    const struct shape *s = pl->r->shape;
    struct fields *fs = pl->walk->fields;
    uint64_t stamp = ++fs->stamps;
    uint32_t end = s->close[token], i = token + 1;
    while (i < end) {
        uint32_t number, value = i + 2;
        struct str key = shape_text(s, pl->r->block, pl->r->line, i);
        key = (struct str){ key.p + 1, key.n - 2 };
        if (child_of(pl->walk, field, key, &number, e))
            return -1;
        if (number == FIELD_NONE) {
            fs->left_out--; /* it will be walked */
            return 1;
        }
        if (fs->v[number]->stamp == stamp)
            return 1; /* twins */
        fs->v[number]->stamp = stamp;
        fs->v[number]->place = i;
        if (plan_key(pl, i, key))
            return err_nomem(e);
        int r = plan_value(pl, number, value, e);
        if (r)
            return r;
        i = (s->tok[value] == '{' || s->tok[value] == '[' ? s->close[value]
                                                          : value) +
            2;
    }
    return 0;
}

static int plan_array(struct planner *pl, uint32_t field, uint32_t token,
                      uint32_t *elements, struct err *e)
{
    const struct shape *s = pl->r->shape;
    uint32_t end = s->close[token], i = token + 1, number;
    for (*elements = 0; i < end; ++*elements) {
        if (fields_child(pl->walk->fields, field, (struct str){ 0 }, &number,
                         e))
            return -1;
        if (number == FIELD_NONE) {
            pl->walk->fields->left_out--;
            return 1;
        }
        int r = plan_value(pl, number, i, e);
        if (r)
            return r;
        i = (s->tok[i] == '{' || s->tok[i] == '[' ? s->close[i] : i) + 2;
    }
    return 0;
}

static int plan_value(struct planner *pl, uint32_t field, uint32_t token,
                      struct err *e)
{
    const struct shape *s = pl->r->shape;
    struct walk_plan *p = pl->plan;
    enum json_type type = type_of(s->tok[token]);
    struct plan_value v = {
        .field = field, .token = token, .end = token + 1, .type = (uint8_t)type
    };
    int r = type == JSON_OBJECT  ? plan_object(pl, field, token, e)
            : type == JSON_ARRAY ? plan_array(pl, field, token, &v.elements, e)
                                 : 0;
    if (r)
        return r;
    void *values = p->values;
    if (room(&values, p->n_values, &pl->cap_values, sizeof(*p->values)))
        return err_nomem(e);
    p->values = values;
    p->values[p->n_values++] = v;
    return 0;
}

static bool fits(const struct walk_plan *p, const struct shaped *r)
{
    for (size_t i = 0; i < p->n_keys; i++) {
        const struct plan_key *k = &p->keys[i];
        const char *at = r->block + r->line->pos[k->token] + 1;
        words w;
        memcpy(&w, at, sizeof(w));
        w = (w ^ k->word) & k->mask;
        if (w[0] | w[1] ||
            (k->n > sizeof(w) && memcmp(at, p->bytes.p + k->at, k->n) != 0))
            return false;
    }
    return true;
}

static int take_by_plan(struct walk *w, const struct walk_plan *p,
                        const struct shaped *r, struct err *e)
{
    const uint32_t *pos = r->line->pos;
    bool odd = r->line->flags & (SCAN_ESCAPES | SCAN_NON_ASCII);
    for (size_t i = 0; i < p->n_values; i++) {
        const struct plan_value *v = &p->values[i];
        struct column_value c = { r->block + pos[v->token], v->elements,
                                  v->type, odd };
        if (v->type == JSON_STRING || v->type == JSON_NUMBER) {
            const char *end = r->block + pos[v->end];
            while ((unsigned char)end[-1] <= ' ')
                end--;
            c.n = (uint32_t)(end - c.p);
            if (v->type == JSON_STRING) {
                c.p++;
                c.n -= 2;
            }
        }
        if (fields_take(w->fields, v->field, c, e))
            return -1;
    }
    return 0;
}

/* Plans the way of r where that is worth it. 0 or -1 with e. */
static int plan_anew(struct walk *w, struct walk_plan *p,
                     const struct shaped *r, struct err *e)
{
    struct planner pl = { .walk = w, .r = r, .plan = p };
    uint64_t serial = r->shape->serial;
    clear(p);
    int result = plan_value(&pl, 0, 0, e);
    if (result)
        clear(p);
    p->serial = serial;
    return result < 0 ? -1 : 0;
}

int walk_take(struct walk *w, struct str record, const struct shaped *r,
              struct err *e)
{
    if (!r || r->shape->n > TOKENS_MOST) {
        struct val v = { JSON_OBJECT, record };
        if (r)
            return walk_value(w, 0, v, e);
        buf_reset(&w->padded);
        if (buf_add_str(&w->padded, record) ||
            buf_reserve(&w->padded, COLUMN_PADDING))
            return err_nomem(e);
        memset(w->padded.p + w->padded.n, 0, COLUMN_PADDING);
        v = json_val(buf_str(&w->padded));
        return walk_value(w, 0, v, e) || fields_flush(w->fields, e) ? -1 : 0;
    }
    struct walk_plan *p = &w->plans[r->shape->serial % WALK_PLANS];
    if (p->serial == r->shape->serial && p->n_values && fits(p, r))
        return take_by_plan(w, p, r, e);
    if (p->serial != r->shape->serial) {
        clear(p);
        p->serial = r->shape->serial;
    } else if (++p->seen == 1 || p->seen % MISSES_MOST == 0) {
        if (plan_anew(w, p, r, e))
            return -1;
        p->seen = 1;
    }
    return walk_value(w, 0, json_val(record), e);
}
