#include "reshape/shorthand.h"

#include <stdio.h>

/* The next item of a list, up to a comma that is in no brackets; false at the
 * end. */
static bool next_item(struct str *list, struct str *item)
{
    size_t n = 0;
    int open = 0;
    if (!list->p)
        return false;
    for (; n < list->n && (list->p[n] != ',' || open > 0); n++)
        open += (list->p[n] == '(') - (list->p[n] == ')');
    *item = (struct str){ list->p, n };
    *list = n < list->n ? (struct str){ list->p + n + 1, list->n - n - 1 }
                        : (struct str){ NULL, 0 };
    return true;
}

/* Writes text between two quotes, those in it doubled. */
static void write_quoted(struct buf *out, char quote, struct str text)
{
    buf_addc(out, quote);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == quote)
            buf_addc(out, quote);
        buf_addc(out, text.p[i]);
    }
    buf_addc(out, quote);
}

/* Writes a path as expressions spell it. They have no step that is a key or
 * an index, whichever is there. */
static int write_field(struct buf *out, const struct path *p, struct err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct path_step *s = &p->steps[i];
        if (s->key.p && s->index != PATH_NO_INDEX)
            return err_set(e, ERR_USAGE,
                           "'%.*s': a number may be a key or an index here: "
                           "write it as a.b or a[0]",
                           STR_ARG(p->text));
        if (s->key.p && i > 0)
            buf_addc(out, '.');
        if (s->key.p)
            write_quoted(out, '"', s->key);
        else
            buf_addf(out, "[%zu]", s->index);
    }
    return out->failed ? err_nomem(e) : 0;
}

/* Writes the expression for a field, whose spelling is field. */
typedef int write_expr(struct buf *out, struct str field, struct str how,
                       struct err *e);

static int add_field(struct derive *d, const char *name, struct str field,
                     struct str how, write_expr *write, struct err *e)
{
    bool hides = strcmp(name, "mask") == 0;
    struct path path = { 0 };
    struct buf spelled = { 0 }, expr = { 0 };
    char what[80];
    snprintf(what, sizeof(what), "--%s %.*s", name,
             (int)(field.n < 60 ? field.n : 60), field.p);
    int r = path_parse(&path, field, e);
    if (r == 0 && path.n == 0)
        r = err_set(e, ERR_USAGE, "no field before the '='");
    if (r == 0)
        r = write_field(&spelled, &path, e);
    if (r == 0)
        r = write(&expr, buf_str(&spelled), how, e);
    if (r == 0 && expr.failed)
        r = err_nomem(e);
    if (r == 0)
        r = derive_set(d, what, field, buf_str(&expr),
                       DERIVE_IF_THERE | (hides ? DERIVE_HIDES : 0), e);
    path_free(&path);
    buf_free(&spelled);
    buf_free(&expr);
    return r;
}

static int add_list(struct derive *d, const char *name, struct str list,
                    write_expr *write, struct err *e)
{
    struct str item;
    while (next_item(&list, &item)) {
        item = str_trim(item);
        const char *equals = item.n ? memchr(item.p, '=', item.n) : NULL;
        if (!equals)
            return err_set(e, ERR_USAGE, "'%.*s': no '=' behind the field",
                           STR_ARG(item));
        size_t n = (size_t)(equals - item.p);
        struct str how = { equals + 1, item.n - n - 1 };
        if (add_field(d, name, str_trim((struct str){ item.p, n }),
                      str_trim(how), write, e))
            return -1;
    }
    return 0;
}

/* ---- casts */

static int write_cast(struct buf *out, struct str field, struct str how,
                      struct err *e)
{
    static const char *const types[] = { "number",  "integer", "string",
                                         "boolean", "date",    "timestamp" };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (str_eq(how, str_of(types[i]))) {
            buf_addf(out, "CAST(%.*s AS %s)", STR_ARG(field), types[i]);
            return 0;
        }
    return err_set(e, ERR_USAGE,
                   "'%.*s' is not one of number, integer, string, boolean, "
                   "date, timestamp",
                   STR_ARG(how));
}

int shorthand_cast(struct derive *d, struct str text, struct err *e)
{
    return add_list(d, "cast", text, write_cast, e);
}

/* ---- masks */

static bool is_count(struct str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return s.n > 0 && i == s.n;
}

static int write_mask(struct buf *out, struct str field, struct str how,
                      struct err *e)
{
    struct str name = how, arg = { NULL, 0 };
    const char *open = how.n ? memchr(how.p, '(', how.n) : NULL;
    if (open && how.p[how.n - 1] == ')') {
        name.n = (size_t)(open - how.p);
        arg = str_trim((struct str){ open + 1, how.n - name.n - 2 });
    }
    if (!arg.p && str_eq(name, STR("null"))) {
        buf_addz(out, "NULL");
    } else if (!arg.p &&
               (str_eq(name, STR("mask")) || str_eq(name, STR("redact")) ||
                str_eq(name, STR("sha256")))) {
        buf_addf(out, "%.*s(%.*s)", STR_ARG(name), STR_ARG(field));
    } else if (str_eq(name, STR("mask")) && is_count(arg)) {
        buf_addf(out, "mask(%.*s, %.*s)", STR_ARG(field), STR_ARG(arg));
    } else if (str_eq(name, STR("pseudonymise")) && arg.n) {
        buf_addf(out, "pseudonymise(%.*s, ", STR_ARG(field));
        write_quoted(out, '\'', arg);
        buf_addc(out, ')');
    } else {
        return err_set(e, ERR_USAGE,
                       "'%.*s' is not one of mask, mask(N), redact, sha256, "
                       "pseudonymise(file:PATH), pseudonymise(env:NAME), null",
                       STR_ARG(how));
    }
    return 0;
}

int shorthand_mask(struct derive *d, struct str text, struct err *e)
{
    return add_list(d, "mask", text, write_mask, e);
}
