#include "lineage/fieldset.h"

#include "json/value.h"

#include <stdlib.h>

#define TEXT_MAX ((size_t)4 << 20)

void fieldset_free(struct fieldset *f)
{
    free(f->v);
    arena_free(&f->text);
    buf_free(&f->scratch);
    *f = (struct fieldset){ 0 };
}

static unsigned type_of(const struct val *v)
{
    switch (v->type) {
    case JSON_MISSING: return 0;
    case JSON_NULL: return FIELDSET_NULL;
    case JSON_FALSE:
    case JSON_TRUE: return FIELDSET_BOOLEAN;
    case JSON_STRING: return FIELDSET_STRING;
    case JSON_ARRAY: return FIELDSET_ARRAY;
    case JSON_OBJECT: return FIELDSET_OBJECT;
    case JSON_NUMBER: break;
    }
    for (size_t i = 0; i < v->raw.n; i++)
        if (memchr(".eE", v->raw.p[i], 3))
            return FIELDSET_NUMBER;
    return FIELDSET_INTEGER;
}

/* The field of this key in parent, made where there is none; -1 where there is
 * no room. */
static int field_of(struct fieldset *f, int parent, struct str key)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].parent == parent && str_eq(f->v[i].name, key))
            return (int)i;
    if (f->n == f->cap && f->n < FIELDSET_MAX) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        struct fieldset_field *v = realloc(f->v, cap * sizeof(*v));
        if (v) {
            f->v = v;
            f->cap = cap;
        }
    }
    struct str around = parent < 0 ? STR("") : f->v[parent].path;
    f->text.max = TEXT_MAX;
    char *path = f->n < f->cap && f->n < FIELDSET_MAX
                     ? arena_alloc(&f->text, around.n + key.n + 1)
                     : NULL;
    if (!path) {
        f->full = true;
        return -1;
    }
    size_t at = around.n + (parent >= 0);
    memcpy(path, around.p, around.n);
    if (parent >= 0)
        path[around.n] = '.';
    memcpy(path + at, key.p, key.n);
    f->v[f->n] = (struct fieldset_field){ .name = { path + at, key.n },
                                          .path = { path, at + key.n },
                                          .parent = parent };
    return (int)f->n++;
}

static void take(struct fieldset *f, struct str object, int parent, int depth)
{
    struct json_iter it = json_iter(object);
    struct str key;
    struct val v;
    while (json_next(&it, &key, &v)) {
        buf_reset(&f->scratch);
        if (memchr(key.p, '\\', key.n)) {
            if (json_unescape(&f->scratch, key))
                continue;
            key = buf_str(&f->scratch);
        }
        int i = field_of(f, parent, key);
        if (i < 0)
            continue;
        f->v[i].types |= type_of(&v);
        if (v.type == JSON_OBJECT && depth < FIELDSET_DEPTH)
            take(f, v.raw, i, depth + 1);
    }
}

void fieldset_take(struct fieldset *f, struct str record)
{
    record = str_trim(record);
    if (record.n && record.p[0] == '{')
        take(f, record, FIELDSET_NO_PARENT, 1);
}

void fieldset_take_lines(struct fieldset *f, struct str text)
{
    const char *p = text.p, *end = text.p + text.n, *lf;
    while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        fieldset_take(f, (struct str){ p, (size_t)(lf - p) });
        p = lf + 1;
    }
}

int fieldset_types(struct buf *out, unsigned types)
{
    static const char *const names[] = { "integer", "number", "string",
                                         "boolean", "object", "array",
                                         "null" };
    bool any = false;
    if (types & FIELDSET_NUMBER)
        types &= ~(unsigned)FIELDSET_INTEGER;
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (!(types & 1U << i))
            continue;
        buf_addf(out, "%s%s", any ? "|" : "", names[i]);
        any = true;
    }
    return out->failed ? -1 : 0;
}
