/* exprrecord: random records with the fields of exprtree. */
#ifndef TESTS_EXPRRECORD_H
#define TESTS_EXPRRECORD_H

#include "exprprint.h"
#include "json/utf8.h"
#include "json/value.h"

struct record {
    struct value values[FIELDS];
    struct buf json; /* owned */
};

static inline struct value random_value(const struct field *f)
{
    struct value v = { .present = !chance(8), .null = chance(8) };
    if (f->type == 's') {
        random_text(v.text, 6);
    } else if (f->type == 'b') {
        v.num = chance(2);
    } else {
        uint64_t most = chance(3) && f->bound > 10 ? 10 : (uint64_t)f->bound;
        v.num = (int64_t)(random_bits() % (most + 1));
        v.num = chance(3) ? -v.num : v.num;
    }
    return v;
}

/* Characters as JSON may spell them. */
static inline void spell_string(struct buf *out, const char *s)
{
    static const char *const wide[] = { "\xe2\x82\xac", "\\u20ac",
                                        "\xf0\x9f\x98\x80", "\\uD83D\\ude00" };
    buf_addc(out, '"');
    while (*s) {
        for (int i = 0; i < 4; i += 2)
            if (strncmp(s, wide[i], strlen(wide[i])) == 0) {
                buf_addz(out, wide[i + (int)random_below(2)]);
                s += strlen(wide[i]);
                i = -2;
            }
        if (!*s)
            break;
        if (*s == '"' || *s == '\\')
            buf_addf(out, "\\%c", *s);
        else if (*s > 0 && chance(8))
            buf_addf(out, "\\u00%02x", (unsigned)*s);
        else
            buf_addc(out, *s);
        s++;
    }
    buf_addc(out, '"');
}

/* Numbers with a scale come in all spellings, whole ones as casts give them. */
static inline void spell_number(struct buf *out, int64_t num, int scale)
{
    if (num < 0)
        buf_addc(out, '-');
    num = num < 0 ? -num : num;
    for (; scale && num % 10 == 0 && chance(2); scale--)
        num /= 10;
    if (scale && chance(4))
        buf_addf(out, "%lld%s-%d", (long long)num, chance(2) ? "e" : "E",
                 scale);
    else if (scale && chance(4))
        buf_addf(out, "%lld.0e-%d", (long long)num, scale);
    else
        add_decimal(out, num, scale);
}

static inline void spell_value(struct buf *out, int field,
                               const struct value *v)
{
    const struct field *f = &fields[field];
    if (v->null || !v->present)
        buf_addz(out, "null");
    else if (f->type == 'b')
        buf_addz(out, v->num ? "true" : "false");
    else if (f->type == 's')
        spell_string(out, v->text);
    else if (f->in_quotes)
        buf_addf(out, chance(2) ? "\"%lld\"" : "\"  %lld \"",
                 (long long)v->num);
    else
        spell_number(out, v->num, f->scale);
}

/* A member, if the field is there. */
static inline void spell_member(struct buf *out, const struct record *r,
                                const char *name, int field)
{
    if (!r->values[field].present)
        return;
    if (out->n && out->p[out->n - 1] != '{')
        buf_addz(out, chance(3) ? " , " : ",");
    buf_addf(out, chance(4) ? "\"%s\" :\t" : "\"%s\":", name);
    spell_value(out, field, &r->values[field]);
}

static inline int field_named(const char *path)
{
    int i = 0;
    while (strcmp(fields[i].path, path) != 0)
        i++;
    return i;
}

static inline void spell_objects(struct record *r)
{
    static const char *const names[] = { "j", "s", "p" };
    char path[16];
    struct buf *out = &r->json;
    buf_addz(out, ",\"o\":{");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "o . %s", names[i]);
        spell_member(out, r, names[i], field_named(path));
    }
    buf_addz(out, "},\"odd \\\"name\":{");
    spell_member(out, r, "d", field_named("\"odd \"\"name\" . d"));
    buf_addc(out, '}');
}

/* An array that is long enough for what it has to hold. */
static inline void spell_array(struct record *r)
{
    int first = field_named("a [ 0 ]"), second = field_named("a [ 1 ]");
    struct value *v = r->values;
    if (!v[first].present && v[second].present)
        v[first] = (struct value){ .present = true, .null = true };
    if (!v[first].present && chance(2))
        return;
    buf_addz(&r->json, ",\"a\":[");
    if (v[first].present)
        spell_value(&r->json, first, &v[first]);
    if (v[second].present) {
        buf_addz(&r->json, ", ");
        spell_value(&r->json, second, &v[second]);
    }
    buf_addc(&r->json, ']');
}

/* A record with the member "lit", whose value is to be added behind it. */
static inline void random_record(struct record *r)
{
    struct buf *out = &r->json;
    for (size_t i = 0; i < FIELDS; i++)
        r->values[i] = random_value(&fields[i]);
    buf_reset(out);
    /* Of two members with the same name the last one counts. */
    buf_addz(out, chance(4) ? "{\"i\":\"no\",\"x\":[{}]" : "{\"x\":[]");
    if (chance(4) && r->values[field_named("i")].present)
        buf_addz(out, ",\"i\":{}");
    else if (out->n > 8 && !r->values[field_named("i")].present)
        r->values[field_named("i")] =
            (struct value){ .present = true, .null = true };
    for (size_t i = 0; i < FIELDS; i++)
        if (!strchr(fields[i].path, ' '))
            spell_member(out, r, fields[i].path, (int)i);
    spell_objects(r);
    spell_array(r);
    buf_addz(out, ",\"lit\":");
}

#endif
