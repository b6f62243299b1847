/* infer_write: forms as a JSON Schema. */
#include "evolve/form.h"

struct writer {
    struct buf *out;
    bool pretty, strict;
    unsigned depth;
    bool first; /* of the object that is open */
};

static void line(struct writer *w)
{
    if (w->pretty)
        buf_addf(w->out, "\n%*s", (int)(2 * w->depth), "");
}

static void open(struct writer *w)
{
    buf_addc(w->out, '{');
    w->depth++;
    w->first = true;
}

static void close(struct writer *w)
{
    w->depth--;
    if (!w->first)
        line(w);
    buf_addc(w->out, '}');
    w->first = false;
}

static void key(struct writer *w, struct str name)
{
    if (!w->first)
        buf_addc(w->out, ',');
    w->first = false;
    line(w);
    json_quote(w->out, name);
    buf_addz(w->out, w->pretty ? ": " : ":");
}

static void count(struct writer *w, const char *name, uint64_t n)
{
    key(w, str_of(name));
    buf_addf(w->out, "%llu", (unsigned long long)n);
}

static void comma(struct writer *w, bool wanted)
{
    if (wanted)
        buf_addz(w->out, w->pretty ? ", " : ",");
}

static void write_form(struct writer *w, const struct form *f);

static void write_types(struct writer *w, unsigned types)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        { FORM_BOOLEAN, "boolean" }, { FORM_INTEGER, "integer" },
        { FORM_FRACTION, "number" }, { FORM_STRING, "string" },
        { FORM_ARRAY, "array" },     { FORM_OBJECT, "object" },
        { FORM_NULL, "null" },
    };
    size_t n = 0;
    if (!types)
        return;
    if (types & FORM_FRACTION)
        types &= ~(unsigned)FORM_INTEGER;
    bool list = (types & (types - 1)) != 0;
    key(w, STR("type"));
    buf_addz(w->out, list ? "[" : "");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (!(types & names[i].bit))
            continue;
        comma(w, n++);
        json_quote(w->out, str_of(names[i].name));
    }
    buf_addz(w->out, list ? "]" : "");
}

/* ---- strict ---- */

static bool is_enum(const struct form *f)
{
    const struct form_text *t = f->text;
    return t && !t->many &&
           !(f->types & ~(unsigned)(FORM_STRING | FORM_NULL)) &&
           t->strings >= INFER_SAMPLE &&
           t->strings >= (uint64_t)t->n_words * INFER_REPEATS;
}

static void write_enum(struct writer *w, const struct form *f)
{
    const struct form_text *t = f->text;
    key(w, STR("enum"));
    buf_addc(w->out, '[');
    for (uint32_t i = 0; i < t->n_words; i++) {
        comma(w, i);
        json_quote(w->out, (struct str){ t->words[i].text, t->words[i].n });
    }
    if (f->types & FORM_NULL) {
        comma(w, t->n_words);
        buf_addz(w->out, "null");
    }
    buf_addc(w->out, ']');
}

static void write_text(struct writer *w, const struct form *f)
{
    const struct form_text *t = f->text;
    if (!t)
        return;
    if (is_enum(f)) {
        write_enum(w, f);
        return;
    }
    for (unsigned i = 0; i < FORM_FORMATS; i++) {
        if (!(t->formats & 1u << i))
            continue;
        key(w, STR("format"));
        json_quote(w->out, str_of(form_formats[i]));
        return;
    }
    if (t->odd)
        return;
    count(w, "minLength", t->min);
    count(w, "maxLength", t->max);
}

static void write_bounds(struct writer *w, const struct form *f)
{
    if (f->boundless || !f->min.n)
        return;
    key(w, STR("minimum"));
    buf_add(w->out, f->min.text, f->min.n);
    key(w, STR("maximum"));
    buf_add(w->out, f->max.text, f->max.n);
}

/* ---- containers ---- */

static void write_items(struct writer *w, const struct form *f)
{
    if (f->items && !f->any_items) {
        key(w, STR("items"));
        write_form(w, f->items);
    }
    if (w->strict) {
        count(w, "minItems", f->min_items);
        count(w, "maxItems", f->max_items);
    }
}

static void write_required(struct writer *w, const struct form_object *o)
{
    size_t n = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        if (o->members[i].present < o->objects)
            continue;
        if (n == 0) {
            key(w, STR("required"));
            buf_addc(w->out, '[');
        }
        comma(w, n++);
        json_quote(w->out, o->members[i].key);
    }
    if (n)
        buf_addc(w->out, ']');
}

static void write_members(struct writer *w, const struct form_object *o)
{
    if (o->n) {
        key(w, STR("properties"));
        open(w);
        for (uint32_t i = 0; i < o->n; i++) {
            key(w, o->members[i].key);
            write_form(w, o->members[i].form);
        }
        close(w);
        write_required(w, o);
    }
    if (o->rest && !o->open) {
        key(w, STR("additionalProperties"));
        write_form(w, o->rest);
    } else if (w->strict && !o->open) {
        key(w, STR("additionalProperties"));
        buf_addz(w->out, "false");
    }
}

static void write_body(struct writer *w, const struct form *f)
{
    write_types(w, f->types);
    if (w->strict) {
        write_bounds(w, f);
        write_text(w, f);
    }
    if (f->types & FORM_ARRAY)
        write_items(w, f);
    if (f->types & FORM_OBJECT && f->object)
        write_members(w, f->object);
}

static void write_form(struct writer *w, const struct form *f)
{
    open(w);
    write_body(w, f);
    close(w);
}

int infer_write(const struct infer *i, struct buf *out, bool pretty,
                struct err *e)
{
    struct writer w = { .out = out, .pretty = pretty, .strict = i->strict };
    open(&w);
    key(&w, STR("$schema"));
    buf_addz(out, "\"https://json-schema.org/draft/2020-12/schema\"");
    if (i->root->types)
        write_body(&w, i->root);
    else
        write_types(&w, FORM_OBJECT);
    close(&w);
    return out->failed ? err_nomem(e) : 0;
}
