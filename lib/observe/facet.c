#include "observe/facet.h"

#include "base/date.h"
#include "json/utf8.h"
#include "json/value.h"

/* Inputs of which each column is listed one by one. */
#define INPUTS_LISTED 64

void facet_text(struct buf *out, struct str value)
{
    struct buf text = { 0 };
    out->failed |= utf8_lossy(&text, value) != 0;
    json_quote(out, buf_str(&text));
    buf_free(&text);
}

void facet_comma(struct buf *out)
{
    char before = out->n ? out->p[out->n - 1] : '{';
    if (before != '{' && before != '[')
        buf_addc(out, ',');
}

void facet_key(struct buf *out, const char *key)
{
    facet_comma(out);
    buf_addf(out, "\"%s\":", key);
}

void facet_str(struct buf *out, const char *key, struct str value)
{
    facet_key(out, key);
    facet_text(out, value);
}

void facet_count(struct buf *out, const char *key, uint64_t n)
{
    facet_key(out, key);
    buf_addf(out, "%llu", (unsigned long long)n);
}

void facet_time(struct buf *out, const char *key, int64_t us)
{
    facet_key(out, key);
    buf_addc(out, '"');
    time_format(out, us);
    buf_addc(out, '"');
}

void facet_object(struct buf *out, const char *key)
{
    facet_key(out, key);
    buf_addc(out, '{');
}

void facet_array(struct buf *out, const char *key)
{
    facet_key(out, key);
    buf_addc(out, '[');
}

void facet_element(struct buf *out)
{
    facet_comma(out);
    buf_addc(out, '{');
}

void facet_open(struct buf *out, const char *key, const char *version,
                const char *name)
{
    facet_object(out, key);
    facet_str(out, "_producer", STR(FACET_PRODUCER));
    facet_key(out, "_schemaURL");
    buf_addf(out, "\"" FACET_SPEC "facets/%s/%s.json#/$defs/%s\"", version,
             name, name);
}

void facet_own(struct buf *out, const char *key, const char *base)
{
    facet_object(out, key);
    facet_str(out, "_producer", STR(FACET_PRODUCER));
    facet_key(out, "_schemaURL");
    buf_addf(out, "\"" FACET_SPEC "2-0-2/OpenLineage.json#/$defs/%s\"", base);
}

void facet_close(struct buf *out)
{
    buf_addc(out, '}');
}

void facet_end(struct buf *out)
{
    buf_addc(out, ']');
}

void facet_dataset(struct buf *out, const struct dataset *d)
{
    facet_str(out, "namespace", d->namespace);
    facet_str(out, "name", d->name);
}

/* ---- schema */

static void add_fields(struct buf *out, const struct fieldset *f, int parent)
{
    struct buf types = { .max = 256 };
    facet_array(out, "fields");
    for (size_t i = 0; i < f->n; i++) {
        const struct fieldset_field *field = &f->v[i];
        if (field->parent != parent)
            continue;
        buf_reset(&types);
        (void)fieldset_types(&types, field->types);
        facet_element(out);
        facet_str(out, "name", field->name);
        facet_str(out, "type", buf_str(&types));
        if (field->types & FIELDSET_OBJECT)
            add_fields(out, f, (int)i);
        facet_close(out);
    }
    facet_end(out);
    buf_free(&types);
}

void facet_schema(struct buf *out, const struct fieldset *fields)
{
    if (fields->n == 0)
        return;
    facet_open(out, "schema", "1-2-0", "SchemaDatasetFacet");
    add_fields(out, fields, FIELDSET_NO_PARENT);
    facet_close(out);
}

/* ---- columns */

static bool is_input(const struct facts *f, uint32_t input, size_t i)
{
    if (input == COLMAP_MAIN || input == COLMAP_SIDE)
        return f->inputs[i].side == (input == COLMAP_SIDE);
    return input == i;
}

/* An input that is listed twice, as stdin may be, counts once. */
static bool is_repeated(const struct facts *f, size_t i)
{
    for (size_t k = 0; k < i && k < 2 * INPUTS_LISTED; k++)
        if (f->inputs[k].side == f->inputs[i].side &&
            str_eq(f->inputs[k].name, f->inputs[i].name) &&
            str_eq(f->inputs[k].namespace, f->inputs[i].namespace))
            return true;
    return false;
}

static void add_transformations(struct buf *out,
                                const struct colmap_sources *list, size_t first)
{
    const struct colmap_source *at = &list->v[first];
    facet_array(out, "transformations");
    for (size_t i = first; i < list->n; i++) {
        const struct colmap_source *s = &list->v[i];
        bool indirect = colmap_indirect(s->kind);
        if (s->input != at->input || !str_eq(s->field, at->field))
            continue;
        facet_element(out);
        facet_str(out, "type", indirect ? STR("INDIRECT") : STR("DIRECT"));
        facet_str(out, "subtype", str_of(colmap_kind_name(s->kind)));
        facet_key(out, "masking");
        buf_addz(out, s->masks ? "true" : "false");
        facet_close(out);
    }
    facet_end(out);
}

static bool is_first(const struct colmap_sources *list, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (list->v[k].input == list->v[i].input &&
            str_eq(list->v[k].field, list->v[i].field))
            return false;
    return true;
}

static void add_sources(struct buf *out, const struct facts *f,
                        const struct colmap_sources *list)
{
    for (size_t k = 0; k < list->n; k++) {
        const struct colmap_source *s = &list->v[k];
        if (!s->field.n || !is_first(list, k))
            continue;
        for (size_t i = 0; i < f->n_inputs; i++) {
            if (!is_input(f, s->input, i) || is_repeated(f, i))
                continue;
            facet_element(out);
            facet_dataset(out, &f->inputs[i]);
            facet_str(out, "field", s->field);
            add_transformations(out, list, k);
            facet_close(out);
        }
    }
}

/* Only the field of the same name, of inputs that are many. */
static bool goes_without(const struct colmap *m, const struct colmap_column *c,
                         size_t n_inputs)
{
    return n_inputs > INPUTS_LISTED && m->others == COLMAP_SAME &&
           c->from.n == 1 && c->from.v[0].input == COLMAP_MAIN &&
           c->from.v[0].kind == COLMAP_IDENTITY && !c->from.v[0].masks &&
           str_eq(c->from.v[0].field, c->name);
}

static void add_columns(struct buf *out, const struct facts *f,
                        const struct colmap *m)
{
    facet_open(out, "columnLineage", "1-2-0", "ColumnLineageDatasetFacet");
    facet_object(out, "fields");
    for (size_t i = 0; i < m->n; i++) {
        if (goes_without(m, &m->columns[i], f->n_inputs))
            continue;
        facet_comma(out);
        facet_text(out, m->columns[i].name);
        buf_addz(out, ":{\"inputFields\":[");
        add_sources(out, f, &m->columns[i].from);
        buf_addz(out, "]}");
    }
    facet_close(out);
    facet_array(out, "dataset");
    add_sources(out, f, &m->whole);
    facet_end(out);
    facet_close(out);
}

static bool is_from(const struct facts *f, const struct colmap *m, size_t i)
{
    bool is = !m->numbered && is_input(f, COLMAP_MAIN, i);
    for (size_t k = 0; k < m->n_from && !is; k++)
        is = is_input(f, m->from[k], i);
    return is;
}

static bool is_unsure(const struct colmap_sources *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->v[i].field.n)
            return true;
    return false;
}

void facet_columns(struct buf *out, const struct facts *f,
                   const struct colmap *m)
{
    static const char *const others[] = { [COLMAP_SAME] = "same",
                                          [COLMAP_NONE] = "none",
                                          [COLMAP_UNKNOWN] = "unknown" };
    if (m->n || m->whole.n || m->others != COLMAP_UNKNOWN)
        add_columns(out, f, m);
    facet_own(out, "pipeutils_columns", "DatasetFacet");
    facet_str(out, "others", str_of(others[m->others]));
    facet_array(out, "from");
    for (size_t i = 0; i < f->n_inputs; i++) {
        if (!is_from(f, m, i) || is_repeated(f, i))
            continue;
        facet_element(out);
        facet_dataset(out, &f->inputs[i]);
        facet_close(out);
    }
    facet_end(out);
    facet_array(out, "absent");
    for (size_t i = 0; i < m->n_absent && m->others == COLMAP_SAME; i++) {
        facet_comma(out);
        facet_text(out, m->absent[i]);
    }
    facet_end(out);
    facet_array(out, "unsure");
    for (size_t i = 0; i < m->n; i++) {
        if (!is_unsure(&m->columns[i].from))
            continue;
        facet_comma(out);
        facet_text(out, m->columns[i].name);
    }
    facet_end(out);
    facet_close(out);
}
