#include "reshape/flatten.h"

#include "json/splice.h"
#include "json/utf8.h"

#include <stdlib.h>

/* Bytes of a record and of a name: every field's name has that of all around
 * it, so that they can grow with the square of what is read. */
#define LIMIT (BUF_MAX_DEFAULT - 4096)

/* A name that may be there once: of a field that comes out (level 0), or of a
 * member of an object that is taken apart, of which each has a level. */
struct flatten_name {
    struct str text;
    size_t level;
    bool made; /* not there before, or the name of what is taken apart */
};

int flatten_separator(struct flatten *f, struct str text, struct err *e)
{
    struct buf quoted = { 0 };
    if (!utf8_valid(text))
        return err_set(e, ERR_USAGE, "'%.*s': not UTF-8", STR_ARG(text));
    buf_reset(&f->between);
    int r = json_quote(&quoted, text);
    if (r == 0)
        r = buf_add(&f->between, quoted.p + 1, quoted.n - 2);
    buf_free(&quoted);
    return r ? err_nomem(e) : 0;
}

int flatten_init(struct flatten *f, struct str field, struct err *e)
{
    *f = (struct flatten){ 0 };
    if (path_parse(&f->field, field, e) || flatten_separator(f, STR("_"), e))
        return -1;
    if (f->field.n && !f->field.steps[f->field.n - 1].key.p)
        return err_set(e, ERR_USAGE,
                       "'%.*s': an element of an array has no name to begin "
                       "others with",
                       STR_ARG(field));
    return 0;
}

void flatten_free(struct flatten *f)
{
    path_free(&f->field);
    buf_free(&f->between);
    buf_free(&f->prefix);
    arena_free(&f->keys);
    free(f->names);
    *f = (struct flatten){ 0 };
}

/* ---- names */

/* raw is a key as it is written. */
static int add_name(struct flatten *f, struct str raw, size_t level, bool made)
{
    if (f->n_names == f->cap_names) {
        size_t cap = f->cap_names ? f->cap_names * 2 : 64;
        struct flatten_name *v = realloc(f->names, cap * sizeof(*v));
        if (!v)
            return -1;
        f->names = v;
        f->cap_names = cap;
    }
    struct buf plain = { 0 };
    struct str text = raw;
    if (raw.n && memchr(raw.p, '\\', raw.n)) {
        if (json_unescape(&plain, raw)) {
            buf_free(&plain);
            return -1;
        }
        text = buf_str(&plain);
    }
    if (made || plain.p)
        text = arena_dup(&f->keys, text);
    buf_free(&plain);
    f->names[f->n_names++] = (struct flatten_name){ text, level, made };
    return text.p ? 0 : -1;
}

static int by_level_and_text(const void *a, const void *b)
{
    const struct flatten_name *x = a, *y = b;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    return str_cmp(x->text, y->text);
}

/* Two fields of one name are refused if one of them is new; duplicates that
 * the record had stay what they were. */
static bool find_collision(struct flatten *f, struct str *name)
{
    if (f->n_names > 1)
        qsort(f->names, f->n_names, sizeof(*f->names), by_level_and_text);
    for (size_t i = 1; i < f->n_names; i++) {
        struct flatten_name *a = &f->names[i - 1], *b = &f->names[i];
        if (a->level != b->level || !str_eq(a->text, b->text))
            continue;
        if (a->made || b->made) {
            *name = a->text;
            return true;
        }
    }
    return false;
}

/* ---- fields */

static bool is_taken_apart(const struct flatten *f, struct val v)
{
    if (v.type != JSON_OBJECT && (v.type != JSON_ARRAY || !f->arrays))
        return false;
    struct json_iter it = json_iter(v.raw);
    return json_next(&it, NULL, &v);
}

/* Writes the field whose name is prefix. */
static int put_field(struct flatten *f, struct buf *out, struct val v)
{
    if (out->n + f->prefix.n + v.raw.n > LIMIT)
        return -4;
    if (!f->first)
        buf_addc(out, ',');
    f->first = false;
    size_t at = out->n;
    buf_addc(out, '"');
    buf_add_str(out, buf_str(&f->prefix));
    buf_addz(out, "\":");
    buf_add_str(out, v.raw);
    if (out->failed)
        return -1;
    return add_name(f, (struct str){ out->p + at + 1, f->prefix.n }, 0, true);
}

/* Takes v apart, whose name is prefix. */
static int take_apart(struct flatten *f, struct buf *out, struct val v)
{
    struct json_iter it = json_iter(v.raw);
    size_t n = f->prefix.n, level = ++f->levels;
    struct str key;
    struct val m;
    for (size_t i = 0; json_next(&it, &key, &m); i++) {
        bool apart = is_taken_apart(f, m);
        if (n + f->between.n + key.n > LIMIT)
            return -4;
        buf_add_str(&f->prefix, buf_str(&f->between));
        if (it.object)
            buf_add_str(&f->prefix, key);
        else
            buf_addf(&f->prefix, "%zu", i);
        if (f->prefix.failed || (it.object && add_name(f, key, level, apart)))
            return -1;
        int r = apart ? take_apart(f, out, m) : put_field(f, out, m);
        if (r)
            return r;
        f->prefix.n = n;
    }
    return 0;
}

/* Appends the object with those of its members taken apart that have this name,
 * or all (.p NULL). */
static int flatten_object(struct flatten *f, struct str object, struct str only,
                          struct buf *out)
{
    struct json_iter it = json_iter(object);
    const char *done = object.p + 1; /* behind the brace, or the last member */
    struct str key;
    struct val m;
    buf_addc(out, '{');
    while (json_next(&it, &key, &m)) {
        const char *end = m.raw.p + m.raw.n;
        bool apart =
            (!only.p || json_raw_equals(key, only)) && is_taken_apart(f, m);
        if (add_name(f, key, 1, apart))
            return -1;
        if (apart) {
            buf_reset(&f->prefix);
            buf_add_str(&f->prefix, key);
            int r = f->prefix.failed ? -1 : take_apart(f, out, m);
            if (r)
                return r;
        } else {
            /* With what stood before it, but for a comma where it has become
             * the first. */
            const char *comma = memchr(done, ',', (size_t)(key.p - done));
            const char *from = f->first && comma ? comma + 1 : done;
            f->first = false;
            buf_add(out, from, (size_t)(end - from));
            if (add_name(f, key, 0, false))
                return -1;
        }
        done = end;
    }
    return buf_add(out, done, (size_t)(object.p + object.n - done));
}

int flatten_run(struct flatten *f, struct str record, struct buf *out,
                struct str *name)
{
    const struct path *p = &f->field;
    const struct path above = { .steps = p->steps, .n = p->n ? p->n - 1 : 0 };
    struct val object = json_find(record, &above);
    struct str only = p->n ? p->steps[p->n - 1].key : (struct str){ NULL, 0 };
    f->n_names = 0;
    f->first = true;
    f->levels = 1;
    arena_reset(&f->keys);
    if (object.type != JSON_OBJECT)
        return buf_add_str(out, record);
    const char *behind = object.raw.p + object.raw.n;
    buf_add(out, record.p, (size_t)(object.raw.p - record.p));
    int r = flatten_object(f, object.raw, only, out);
    if (r)
        return r;
    buf_add(out, behind, (size_t)(record.p + record.n - behind));
    if (out->failed)
        return -1;
    return find_collision(f, name) ? -3 : 0;
}
