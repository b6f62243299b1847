#include "schema/values.h"

#include "base/hash.h"
#include "json/key.h"
#include "json/number.h"

#define LINEAR_MAX 8 /* up to here comparing all beats hashing */

static int value_set(struct arena *a, struct value *out, struct val v)
{
    struct buf b = { 0 };
    int r = 0;
    out->type = v.type;
    out->raw = arena_dup(a, v.raw);
    out->text = out->raw;
    if (v.type == JSON_STRING)
        r = json_unescape(&b, (struct str){ v.raw.p + 1, v.raw.n - 2 });
    else if (v.type == JSON_ARRAY || v.type == JSON_OBJECT)
        r = key_add(&b, v);
    if (r == 0 && v.type >= JSON_STRING)
        out->text = arena_dup(a, buf_str(&b));
    if (r == 0 && (!out->raw.p || !out->text.p))
        r = -1;
    buf_free(&b);
    return r;
}

static int index_strings(struct arena *a, struct values *s)
{
    size_t n = 16;
    while (n < s->n * 2)
        n *= 2;
    s->slots = arena_alloc(a, n * sizeof(*s->slots));
    if (!s->slots)
        return -1;
    memset(s->slots, 0, n * sizeof(*s->slots));
    s->n_slots = n;
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].type != JSON_STRING)
            continue;
        size_t at = hash64(s->v[i].text) & (n - 1);
        while (s->slots[at])
            at = (at + 1) & (n - 1);
        s->slots[at] = i + 1;
    }
    return 0;
}

static int words_set(struct arena *a, struct values *s)
{
    struct str *v = s->n > WORDS_MAX ? NULL : arena_alloc(a, s->n * sizeof(*v));
    size_t n = 0;
    if (!v)
        return s->n > WORDS_MAX ? 0 : -1;
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].type == JSON_STRING)
            v[n++] = s->v[i].text;
    return n ? words_new(&s->words, a, v, n) : 0;
}

struct values *values_new(struct arena *a, struct val v, bool single, bool *bad)
{
    struct val e;
    size_t n = 0;
    struct json_iter it = json_iter(v.raw);
    while (!single && json_next(&it, NULL, &e))
        n++;
    if (single)
        n = 1;
    *bad = false;
    struct values *s = arena_alloc(a, sizeof(*s));
    if (!s)
        return NULL;
    *s = (struct values){ .n = n };
    s->v = arena_alloc(a, n * sizeof(*s->v));
    if (!s->v)
        return NULL;
    it = json_iter(v.raw);
    for (size_t i = 0; i < n; i++) {
        if (single)
            e = v;
        else
            json_next(&it, NULL, &e);
        int r = value_set(a, &s->v[i], e);
        if (r) {
            *bad = r != -1;
            return NULL;
        }
    }
    if ((n > LINEAR_MAX && index_strings(a, s)) || words_set(a, s))
        return NULL;
    return s;
}

static int match_string(const struct values *s, struct str text)
{
    if (!s->slots) {
        for (size_t i = 0; i < s->n; i++)
            if (s->v[i].type == JSON_STRING && str_eq(s->v[i].text, text))
                return 1;
        return 0;
    }
    size_t at = hash64(text) & (s->n_slots - 1);
    for (; s->slots[at]; at = (at + 1) & (s->n_slots - 1))
        if (str_eq(s->v[s->slots[at] - 1].text, text))
            return 1;
    return 0;
}

static int match_container(const struct values *s, struct val v,
                           struct buf *scratch)
{
    bool keyed = false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].type != v.type)
            continue;
        if (!keyed) {
            buf_reset(scratch);
            int r = key_add(scratch, v);
            if (r)
                return r == -1 ? -1 : -2;
            keyed = true;
        }
        if (str_eq(s->v[i].text, buf_str(scratch)))
            return 1;
    }
    return 0;
}

int values_match(const struct values *s, struct val v, struct str text,
                 struct buf *scratch)
{
    switch (v.type) {
    case JSON_STRING: return match_string(s, text);
    case JSON_ARRAY:
    case JSON_OBJECT: return match_container(s, v, scratch);
    case JSON_NUMBER:
        for (size_t i = 0; i < s->n; i++)
            if (s->v[i].type == JSON_NUMBER &&
                number_cmp(s->v[i].text, v.raw) == 0)
                return 1;
        return 0;
    default:
        for (size_t i = 0; i < s->n; i++)
            if (s->v[i].type == v.type)
                return 1;
        return 0;
    }
}
