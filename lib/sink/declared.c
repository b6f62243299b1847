#include "sink/declared.h"

static const char *type_name(const struct sink_column *d, const char *format,
                             struct buf *out)
{
    static const struct {
        unsigned types;
        const char *name;
    } names[] = {
        { 1u << JSON_TRUE | 1u << JSON_FALSE, "boolean" },
        { 1u << JSON_NUMBER, "number" },
        { 1u << JSON_STRING, "string" },
        { 1u << JSON_ARRAY, "array" },
        { 1u << JSON_OBJECT, "object" },
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (d->types & names[i].types)
            buf_addf(out, "%s%s", out->n ? " or " : "",
                     i == 1 && d->integer ? "integer" : names[i].name);
    if (format && d->types & 1u << JSON_STRING)
        buf_addf(out, " (%s)", format);
    const char *z = buf_z(out);
    return z ? z : "another type";
}

int declared_clash(const struct column *c, const struct sink_column *d,
                   const char *format, const struct sink_spec *spec,
                   struct err *e)
{
    struct buf name = { .max = 200 };
    err_set(e, ERR_CONFIG,
            "column '%s' of table '%s' is %s, the schema says %s: a change of "
            "type is not made",
            c->name, spec->table, *c->type ? c->type : "untyped",
            type_name(d, format, &name));
    buf_free(&name);
    return -1;
}

static bool is_declared(const struct table *t, const struct sink_spec *spec,
                        const struct column *c)
{
    for (size_t i = 0; i < spec->n_columns; i++)
        if (table_same_name(t, c->name, spec->columns[i].name))
            return true;
    return false;
}

int declared_drop_removed(struct table *t, const struct sink_spec *spec,
                          struct err *e)
{
    for (size_t i = 0; i < t->n; i++) {
        struct column *c = &t->v[i];
        struct str name = str_of(c->name);
        if (c->derived || c->audit || is_declared(t, spec, c) ||
            str_eq(name, spec->part_column))
            continue;
        if (!spec->approved(spec->approved_context, name))
            return err_set(e, ERR_CONFIG,
                           "column '%s' of table '%s' is not in the schema: "
                           "to go on without it, sign off \"remove /%s\" "
                           "(--approve)",
                           c->name, spec->table, c->name);
        c->dropped = true;
    }
    return 0;
}
