#include "reshape/derive.h"

#include <stdio.h>
#include <stdlib.h>

int derive_init(struct derive *d, const struct expr_env *env)
{
    *d = (struct derive){ .exprs = expr_new(env) };
    return d->exprs ? 0 : -1;
}

void derive_free(struct derive *d)
{
    for (size_t i = 0; i < d->n; i++) {
        path_free(&d->v[i].path);
        buf_free(&d->v[i].key);
    }
    free(d->v);
    free(d->splices);
    expr_free(d->exprs);
    buf_free(&d->tail);
    for (size_t i = 0; i < 3; i++)
        buf_free(&d->rec[i]);
    *d = (struct derive){ 0 };
}

/* ---- items */

/* Values bound to slots are seen under the very path that was set. Where one
 * path contains another, the record has to be made first: a round ends. */
static bool needs_round(const struct derive *d, const struct derive_item *a)
{
    for (size_t i = d->n; i-- > 0;) {
        const struct derive_item *before = &d->v[i];
        if (before->kind == DERIVE_SET &&
            ((a->kind == DERIVE_SET &&
              path_relate(&before->path, &a->path) == PATH_WITHIN) ||
             expr_overlaps(d->exprs, a->expr, &before->path)))
            return true;
        if (before->opens)
            return false;
    }
    return false;
}

/* What stands before a value in a record that gets this member. */
static int make_key(struct derive_item *a)
{
    if (a->path.n != 1 || !a->path.steps[0].key.p)
        return 0;
    json_quote(&a->key, a->path.steps[0].key);
    return buf_addc(&a->key, ':');
}

static int grow(struct derive *d)
{
    struct derive_item *v = realloc(d->v, (d->n + 1) * sizeof(*v));
    if (v)
        d->v = v;
    struct splice *s = realloc(d->splices, (d->n + 2) * sizeof(*s));
    if (s)
        d->splices = s;
    return v && s ? 0 : -1;
}

static int fill(struct derive *d, struct derive_item *a, const char *what,
                struct str field, struct str text, struct err *e)
{
    if (path_parse(&a->path, field, e))
        return -1;
    a->expr = expr_add(d->exprs, what, text, e);
    if (a->expr < 0)
        return -1;
    a->slot = expr_field(d->exprs, &a->path);
    return a->slot < 0 || make_key(a) ? err_nomem(e) : 0;
}

static void add(struct derive *d, struct derive_item *a)
{
    a->opens = d->n == 0 || needs_round(d, a);
    for (size_t i = d->n; !a->opens && i-- > 0;) {
        if (d->v[i].kind == DERIVE_SET && d->v[i].slot == a->slot)
            a->first = false;
        if (d->v[i].opens)
            break;
    }
    d->v[d->n++] = *a;
}

int derive_set(struct derive *d, const char *what, struct str field,
               struct str text, unsigned how, struct err *e)
{
    struct derive_item a = { .first = true, .how = how };
    if (grow(d))
        return err_nomem(e);
    if (fill(d, &a, what, field, text, e)) {
        path_free(&a.path);
        buf_free(&a.key);
        return -1;
    }
    add(d, &a);
    return 0;
}

int derive_test(struct derive *d, enum derive_kind kind, const char *what,
                struct str text, size_t to, struct err *e)
{
    struct derive_item a = { .kind = kind, .slot = -1, .to = to };
    if (grow(d))
        return err_nomem(e);
    a.expr = expr_add(d->exprs, what, text, e);
    if (a.expr < 0)
        return -1;
    add(d, &a);
    return 0;
}

/* ---- records */

/* A buffer that holds neither of two texts. */
static struct buf *spare(struct derive *d, struct str a, struct str b)
{
    struct buf *r = d->rec;
    while (r->p && (r->p == a.p || r->p == b.p))
        r++;
    buf_reset(r);
    return r;
}

static int cannot_set(const struct derive_item *a, struct expr_fault *f)
{
    f->code = "expr_path";
    f->path = STR("");
    snprintf(f->msg, sizeof(f->msg),
             "cannot set %.100s: a parent is no object, or an array is too "
             "short",
             a->path.text.p);
    return -1;
}

/* What an item comes to once all of its round are computed. */
enum change { CHANGE_NONE, CHANGE_REPLACE, CHANGE_NEW, CHANGE_DROP };

static enum change change_of(const struct derive *d,
                             const struct derive_item *a)
{
    if (a->kind != DERIVE_SET)
        return CHANGE_NONE;
    bool is = expr_slot(d->exprs, a->slot).type != JSON_MISSING;
    bool was = a->was.type != JSON_MISSING;
    if (!a->first || (!is && !was))
        return CHANGE_NONE;
    return is && was ? CHANGE_REPLACE : is ? CHANGE_NEW : CHANGE_DROP;
}

/* Is there something that one splice cannot do: a nested field that is new, or
 * a field that goes? */
static bool needs_steps(const struct derive *d, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        enum change c = change_of(d, &d->v[i]);
        if (c == CHANGE_DROP || (c == CHANGE_NEW && !d->v[i].key.n))
            return true;
    }
    return false;
}

/* New fields and dropped ones, one by one. base is what values borrow from. */
static int step_round(struct derive *d, size_t from, size_t to, struct str base,
                      struct str *record, struct expr_fault *f)
{
    for (size_t i = from; i < to; i++) {
        const struct derive_item *a = &d->v[i];
        enum change c = change_of(d, a);
        if (c != CHANGE_NEW && c != CHANGE_DROP)
            continue;
        struct buf *out = spare(d, base, *record);
        int rc = c == CHANGE_DROP ? json_drop(out, *record, &a->path)
                                  : json_put(out, *record, &a->path,
                                             expr_slot(d->exprs, a->slot).raw);
        if (rc == -2)
            return cannot_set(a, f);
        if (rc)
            return -2;
        *record = buf_str(out);
    }
    return 0;
}

/* Replaces what is there and, with_new, adds new members, in one pass. */
static int splice_round(struct derive *d, size_t from, size_t to, bool with_new,
                        struct str *record)
{
    struct str end = json_object_end(*record);
    bool empty = end.p == record->p || end.p[-1] == '{';
    size_t n = 0;
    buf_reset(&d->tail);
    for (size_t i = from; i < to; i++) {
        const struct derive_item *a = &d->v[i];
        enum change c = change_of(d, a);
        if (c == CHANGE_NONE)
            continue;
        struct str value = expr_slot(d->exprs, a->slot).raw;
        if (c == CHANGE_REPLACE) {
            d->splices[n++] = (struct splice){ a->was.raw, value };
        } else if (c == CHANGE_NEW && with_new) {
            if (!empty || d->tail.n)
                buf_addc(&d->tail, ',');
            buf_add_str(&d->tail, buf_str(&a->key));
            buf_add_str(&d->tail, value);
        }
    }
    if (d->tail.failed)
        return -2;
    if (d->tail.n)
        d->splices[n++] = (struct splice){ end, buf_str(&d->tail) };
    if (n == 0)
        return 0;
    struct buf *out = spare(d, *record, *record);
    if (json_splice(out, *record, d->splices, n))
        return -2;
    *record = buf_str(out);
    return 0;
}

/* Makes the record that items from .. to have set, of a round that begins with
 * *record. */
static int make_record(struct derive *d, size_t from, size_t to,
                       struct str *record, struct expr_fault *f)
{
    struct str base = *record;
    bool steps = needs_steps(d, from, to);
    int rc = splice_round(d, from, to, !steps, record);
    return rc || !steps ? rc : step_round(d, from, to, base, record, f);
}

/* Is a key of the path there more than once, in the objects that it leads
 * through? Of those only the last counts for all who look a field up. */
static bool is_twice(struct str record, const struct path *path)
{
    struct val at = json_val(record);
    for (size_t i = 0; i < path->n; i++) {
        const struct path_step *step = &path->steps[i];
        struct json_iter it = json_iter(at.raw);
        struct val v, found = { JSON_MISSING, { "", 0 } };
        struct str key;
        if (at.type != JSON_OBJECT && at.type != JSON_ARRAY)
            return false;
        for (size_t n = 0; json_next(&it, &key, &v); n++) {
            if (it.object ? !step->key.p || !json_raw_equals(key, step->key)
                          : n != step->index)
                continue;
            if (found.type != JSON_MISSING)
                return true;
            found = v;
        }
        at = found;
    }
    return false;
}

static int set_one(struct derive *d, const struct derive_item *a,
                   struct str record, struct expr_fault *f)
{
    struct val v;
    if (a->how & DERIVE_HIDES && is_twice(record, &a->path)) {
        f->code = "key_twice";
        f->path = STR("");
        snprintf(f->msg, sizeof(f->msg),
                 "cannot mask %.100s: it is there more than once",
                 a->path.text.p);
        return -1;
    }
    if (a->how & DERIVE_IF_THERE &&
        expr_slot(d->exprs, a->slot).type == JSON_MISSING)
        return 0;
    int rc = expr_eval(d->exprs, a->expr, &v, f);
    if (rc == 0)
        expr_bind(d->exprs, a->slot, v);
    return rc;
}

/* Items from .. to, which see one record and each other's values. */
static int run_round(struct derive *d, size_t from, size_t to,
                     struct str *record, size_t *dest, struct expr_fault *f)
{
    struct str base = *record;
    for (size_t i = from; i < to; i++)
        if (d->v[i].kind == DERIVE_SET)
            d->v[i].was = expr_slot(d->exprs, d->v[i].slot);
    for (size_t i = from; i < to; i++) {
        const struct derive_item *a = &d->v[i];
        if (a->kind == DERIVE_SET) {
            int rc = set_one(d, a, base, f);
            if (rc)
                return rc;
            continue;
        }
        int is = expr_test(d->exprs, a->expr, f);
        if (is < 0)
            return is;
        if (a->kind == DERIVE_WHERE && !is)
            return DERIVE_FILTERED;
        if (a->kind == DERIVE_WHERE || !is)
            continue;
        *record = base;
        int rc = make_record(d, from, i, record, f);
        *dest = a->to;
        if (rc == 0 && a->kind == DERIVE_TEE)
            rc = d->tee(d->tee_context, a->to, *record);
        else if (rc == 0)
            return DERIVE_ROUTED;
        if (rc)
            return rc;
    }
    *record = base;
    return make_record(d, from, to, record, f);
}

int derive_run(struct derive *d, struct str record, const struct shaped *shaped,
               struct str *out, size_t *to, struct expr_fault *f)
{
    int rc = DERIVE_DONE;
    expr_begin(d->exprs);
    for (size_t from = 0, end; from < d->n && rc == DERIVE_DONE; from = end) {
        for (end = from + 1; end < d->n && !d->v[end].opens; end++)
            ;
        if (expr_load(d->exprs, record, from ? NULL : shaped)) {
            f->code = "not_json";
            f->path = STR("");
            snprintf(f->msg, sizeof(f->msg), "not JSON");
            return -1;
        }
        rc = run_round(d, from, end, &record, to, f);
    }
    *out = record;
    return rc;
}
