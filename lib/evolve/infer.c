#include "evolve/form.h"

#include "json/number.h"

#include <stdlib.h>

/* Of ASCII text that has no escapes this needs no copy. */
static struct str characters(struct buf *scratch, struct str raw)
{
    if (!memchr(raw.p, '\\', raw.n))
        return raw;
    buf_reset(scratch);
    json_unescape(scratch, raw);
    return buf_str(scratch);
}

static void add_value(struct infer *i, struct form *f, struct val v,
                      unsigned depth);

static void add_items(struct infer *i, struct form *f, struct str raw,
                      unsigned depth)
{
    struct json_iter it = json_iter(raw);
    struct val v;
    uint64_t n = 0;
    f->types |= FORM_ARRAY;
    while (json_next(&it, NULL, &v)) {
        n++;
        if (!f->items && !f->any_items)
            f->items = depth < INFER_DEPTH ? form_new(i) : NULL;
        if (f->items)
            add_value(i, f->items, v, depth + 1);
        else
            f->any_items = true;
    }
    f->min_items = n < f->min_items ? n : f->min_items;
    f->max_items = n > f->max_items ? n : f->max_items;
}

static void add_members(struct infer *i, struct form *f, struct str raw,
                        unsigned depth)
{
    struct json_iter it = json_iter(raw);
    struct form_object *o = f->object;
    struct str key;
    struct val v;
    uint64_t serial = ++i->serial;
    f->types |= FORM_OBJECT;
    if (!o)
        o = f->object = form_alloc(i, sizeof(*o));
    if (!o)
        return;
    o->objects++;
    o->open = o->open || depth >= INFER_DEPTH;
    while (depth < INFER_DEPTH && json_next(&it, &key, &v)) {
        struct form *to;
        struct form_member *m =
            form_member(i, o, characters(&i->key, key), &to);
        if (m && m->last != serial) {
            m->last = serial;
            m->present++;
        }
        if (m)
            to = m->form;
        if (to)
            add_value(i, to, v, depth + 1);
    }
}

static void add_value(struct infer *i, struct form *f, struct val v,
                      unsigned depth)
{
    switch (v.type) {
    case JSON_NULL: f->types |= FORM_NULL; break;
    case JSON_FALSE:
    case JSON_TRUE: f->types |= FORM_BOOLEAN; break;
    case JSON_NUMBER: form_number(i, f, v.raw); break;
    case JSON_STRING:
        form_string(
            i, f,
            characters(&i->text, (struct str){ v.raw.p + 1, v.raw.n - 2 }));
        break;
    case JSON_ARRAY: add_items(i, f, v.raw, depth); break;
    case JSON_OBJECT: add_members(i, f, v.raw, depth); break;
    case JSON_MISSING: break;
    }
}

struct infer *infer_new(bool strict, struct err *e)
{
    struct infer *i = calloc(1, sizeof(*i));
    if (i) {
        i->strict = strict;
        i->arena.max = (size_t)256 << 20;
        i->root = form_new(i);
    }
    if (!i || !i->root) {
        err_nomem(e);
        infer_free(i);
        return NULL;
    }
    return i;
}

void infer_free(struct infer *i)
{
    if (!i)
        return;
    arena_free(&i->arena);
    buf_free(&i->text);
    buf_free(&i->key);
    free(i);
}

int infer_add(struct infer *i, struct str record, struct err *e)
{
    add_value(i, i->root, json_val(record), 0);
    return i->text.failed || i->key.failed ? err_nomem(e) : 0;
}
