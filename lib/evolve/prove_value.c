/* prove_value: enum and const, types, numbers, strings. */
#include "evolve/prove.h"

#include "json/number.h"
#include "schema/limit.h"

#include <stdlib.h>

/* What c's own enum or const say, for a report. */
static struct str choices_of(struct prover *p, const struct conj *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->flat[i]->choices)
            return prover_value(p, c->flat[i]->choices);
        if (c->flat[i]->constant)
            return prover_value(p, c->flat[i]->constant);
    }
    return FOUND_NOTHING;
}

static bool listed(const struct rule *b, const struct tree *v)
{
    if (b->constant)
        return tree_equal(b->constant, v);
    for (uint32_t i = 0; i < b->choices->n; i++)
        if (tree_equal(&b->choices->v[i], v))
            return true;
    return false;
}

/* Infinitely many values fit no list. */
bool prove_values(struct prover *p, struct conj *c, const struct rule *b)
{
    bool ok = c->finite;
    for (size_t i = 0; i < c->n_values && ok; i++)
        ok = listed(b, c->values[i]) &&
             prover_spend(p, b->choices ? 1 + b->choices->n / 4 : 1);
    return ok || prover_found(p, (struct finding){
                                     .rule = b,
                                     .keyword = b->constant ? "const" : "enum",
                                     .had = choices_of(p, c) });
}

bool prove_type(struct prover *p, struct conj *c, const struct rule *b)
{
    if (!(c->types & ~b->types))
        return true;
    unsigned said = c->types;
    return prover_found(p, (struct finding){ .rule = b,
                                             .keyword = "type",
                                             .had = said == KIND_ANY
                                                        ? FOUND_NOTHING
                                                        : prover_types(p, said),
                                             .disjoint = !(said & b->types) });
}

/* ---- numbers ---- */

static bool at_least(struct prover *p, const struct conj *c,
                     const struct rule *b, const char *keyword,
                     struct str bound, bool above)
{
    int cmp = bound.p && c->min.p ? number_cmp(c->min, bound) : -1;
    if (!bound.p || cmp > 0 || (cmp == 0 && (c->above || !above)))
        return true;
    return prover_found(
        p, (struct finding){ .rule = b, .keyword = keyword, .had = c->min });
}

static bool at_most(struct prover *p, const struct conj *c,
                    const struct rule *b, const char *keyword, struct str bound,
                    bool below)
{
    int cmp = bound.p && c->max.p ? number_cmp(c->max, bound) : 1;
    if (!bound.p || cmp < 0 || (cmp == 0 && (c->below || !below)))
        return true;
    return prover_found(
        p, (struct finding){ .rule = b, .keyword = keyword, .had = c->max });
}

static bool is_multiple(struct prover *p, const struct conj *c,
                        const struct rule *b)
{
    struct str want = b->number->multiple, had = FOUND_NOTHING;
    struct multiple m;
    bool small = multiple_of(&m, want);
    if (small && (c->types & KIND_NUMBER) == KIND_INTEGER &&
        multiple_divides(&m, STR("1")))
        return true;
    for (size_t i = 0; i < c->n; i++) {
        const struct number_part *n = c->flat[i]->number;
        if (!n || !n->multiple.p)
            continue;
        if (small ? multiple_divides(&m, n->multiple)
                  : number_cmp(want, n->multiple) == 0)
            return true;
        had = n->multiple;
    }
    return prover_found(p, (struct finding){ .rule = b,
                                             .keyword = "multipleOf",
                                             .had = had,
                                             .disjoint = true });
}

bool prove_number(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct number_part *n = b->number;
    bool ok = at_least(p, c, b, "minimum", n->minimum, false);
    ok &= at_least(p, c, b, "exclusiveMinimum", n->exclusive_minimum, true);
    ok &= at_most(p, c, b, "maximum", n->maximum, false);
    ok &= at_most(p, c, b, "exclusiveMaximum", n->exclusive_maximum, true);
    if (n->multiple.p)
        ok &= is_multiple(p, c, b);
    return ok;
}

/* ---- strings ---- */

enum text { PATTERN, FORMAT, ENCODING, MEDIA };

static struct str text_at(const struct string_part *s, enum text what)
{
    switch (what) {
    case PATTERN: return s->pattern_text;
    case FORMAT: return s->format;
    case ENCODING: return s->encoding;
    case MEDIA: return s->media;
    }
    return FOUND_NOTHING;
}

/* What cannot be weighed is only ever equal. */
static bool same_text(struct prover *p, const struct conj *c,
                      const struct rule *b, enum text what)
{
    static const char *const keywords[] = { "pattern", "format",
                                            "contentEncoding",
                                            "contentMediaType" };
    struct str want = text_at(b->string, what), had = FOUND_NOTHING;
    if (!want.p || (what == PATTERN && rule_pattern_is_all(want)) ||
        (what == FORMAT && p->no_format))
        return true;
    for (size_t i = 0; i < c->n; i++) {
        const struct string_part *s = c->flat[i]->string;
        struct str one = s ? text_at(s, what) : FOUND_NOTHING;
        if (one.p && str_eq(one, want))
            return true;
        had = one.p ? one : had;
    }
    return prover_found(
        p, (struct finding){ .rule = b,
                             .keyword = keywords[what],
                             .had = had.p ? prover_string(p, had) : had,
                             .disjoint = true });
}

bool prove_string(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct string_part *s = b->string;
    bool ok = true;
    if (s->min > c->min_length)
        ok = prover_found(
            p, (struct finding){ .rule = b,
                                 .keyword = "minLength",
                                 .had = c->min_length
                                            ? prover_count(p, c->min_length)
                                            : FOUND_NOTHING });
    if (s->max < c->max_length)
        ok = prover_found(
            p, (struct finding){ .rule = b,
                                 .keyword = "maxLength",
                                 .had = c->max_length != RULE_NO_MAX
                                            ? prover_count(p, c->max_length)
                                            : FOUND_NOTHING });
    for (int i = PATTERN; i <= MEDIA; i++)
        ok &= same_text(p, c, b, (enum text)i);
    return ok;
}
