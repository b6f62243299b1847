#include "evolve/judge.h"

#include "json/number.h"
#include "json/utf8.h"
#include "schema/format.h"
#include "schema/limit.h"

#define DEPTH_MAX 2000

static enum answer worse(enum answer a, enum answer b)
{
    return a < b ? a : b;
}

static enum answer no(struct judge *j, const struct rule *rule,
                      const char *keyword)
{
    j->rule = rule;
    j->keyword = keyword;
    return ANSWER_NO;
}

unsigned judge_kind(const struct tree *v)
{
    switch (v->type) {
    case JSON_NULL: return KIND_NULL;
    case JSON_FALSE: return KIND_FALSE;
    case JSON_TRUE: return KIND_TRUE;
    case JSON_NUMBER:
        return number_is_integer(v->text) ? KIND_INTEGER : KIND_FRACTION;
    case JSON_STRING: return KIND_STRING;
    case JSON_ARRAY: return KIND_ARRAY;
    case JSON_OBJECT: return KIND_OBJECT;
    case JSON_MISSING: break;
    }
    return 0;
}

static enum answer judge_number(struct judge *j, const struct rule *rule,
                                const struct tree *v)
{
    const struct number_part *n = rule->number;
    struct multiple m;
    if (n->minimum.p && number_cmp(v->text, n->minimum) < 0)
        return no(j, rule, "minimum");
    if (n->maximum.p && number_cmp(v->text, n->maximum) > 0)
        return no(j, rule, "maximum");
    if (n->exclusive_minimum.p &&
        number_cmp(v->text, n->exclusive_minimum) <= 0)
        return no(j, rule, "exclusiveMinimum");
    if (n->exclusive_maximum.p &&
        number_cmp(v->text, n->exclusive_maximum) >= 0)
        return no(j, rule, "exclusiveMaximum");
    if (!n->multiple.p)
        return ANSWER_YES;
    if (!multiple_of(&m, n->multiple))
        return ANSWER_MAYBE;
    return multiple_divides(&m, v->text) ? ANSWER_YES
                                         : no(j, rule, "multipleOf");
}

/* Code points of valid UTF-8. */
static uint64_t length_of(struct str s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static enum answer judge_string(struct judge *j, const struct rule *rule,
                                struct str text)
{
    const struct string_part *s = rule->string;
    enum answer a = ANSWER_YES;
    if (!utf8_valid(text))
        return ANSWER_MAYBE; /* a lone surrogate */
    uint64_t n = length_of(text);
    if (n < s->min)
        return no(j, rule, "minLength");
    if (n > s->max)
        return no(j, rule, "maxLength");
    if (s->format.p && !j->no_format) {
        enum format f = format_find(s->format);
        if (f == FORMAT_NONE)
            a = ANSWER_MAYBE;
        else if (!format_ok(f, text))
            return no(j, rule, "format");
    }
    if (s->encoding.p || s->media.p)
        a = ANSWER_MAYBE;
    if (s->pattern) {
        int match = pattern_match(s->pattern, j->set->match, text);
        if (match == 0)
            return no(j, rule, "pattern");
        if (match < 0)
            a = ANSWER_MAYBE;
    }
    return a;
}

static enum answer judge_contains(struct judge *j, const struct rule *rule,
                                  const struct tree *v)
{
    const struct array_part *a = rule->array;
    uint64_t sure = 0, perhaps = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        enum answer one = judge_value(j, a->contains, &v->v[i]);
        sure += one == ANSWER_YES;
        perhaps += one != ANSWER_NO;
    }
    if (perhaps < a->min_contains)
        return no(j, rule, a->min_contains == 1 ? "contains" : "minContains");
    if (sure > a->max_contains)
        return no(j, rule, "maxContains");
    return sure >= a->min_contains && perhaps <= a->max_contains ? ANSWER_YES
                                                                 : ANSWER_MAYBE;
}

static enum answer judge_array(struct judge *j, const struct rule *rule,
                               const struct tree *v)
{
    const struct array_part *a = rule->array;
    enum answer all = ANSWER_YES;
    if (v->n < a->min)
        return no(j, rule, "minItems");
    if (v->n > a->max)
        return no(j, rule, "maxItems");
    for (uint32_t i = 0; i < v->n && all; i++) {
        const struct rule *item = i < a->prefix.n ? a->prefix.v[i] : a->rest;
        if (item)
            all = worse(all, judge_value(j, item, &v->v[i]));
    }
    for (uint32_t i = 0; a->unique && i < v->n && all; i++)
        for (uint32_t k = 0; k < i && j->steps; k++, j->steps--)
            if (tree_equal(&v->v[i], &v->v[k]))
                return no(j, rule, "uniqueItems");
    if (all && a->contains)
        all = worse(all, judge_contains(j, rule, v));
    return all;
}

/* What a member has to fit: its own rule, those of patterns, or the rest's. */
static enum answer judge_member(struct judge *j, const struct rule *rule,
                                struct str key, const struct tree *v)
{
    const struct object_part *o = rule->object;
    enum answer all = ANSWER_YES;
    const struct rule *own = rule_property(o, key);
    bool matched = own != NULL, perhaps = false;
    if (own)
        all = judge_value(j, own, v);
    for (size_t i = 0; i < o->n_patterns && all; i++) {
        int match = pattern_match(o->patterns[i].pattern, j->set->match, key);
        matched = matched || match > 0;
        perhaps = perhaps || match < 0;
        if (match > 0)
            all = worse(all, judge_value(j, o->patterns[i].rule, v));
    }
    if (perhaps)
        return worse(all, ANSWER_MAYBE);
    if (!matched && o->additional)
        all = worse(all, judge_value(j, o->additional, v));
    return all;
}

static enum answer judge_dependents(struct judge *j, const struct rule *rule,
                                    const struct tree *v)
{
    const struct object_part *o = rule->object;
    enum answer all = ANSWER_YES;
    for (size_t i = 0; i < o->n_dependents && all; i++) {
        const struct dependent *d = &o->dependents[i];
        if (!tree_get(v, d->key))
            continue;
        for (size_t k = 0; k < d->names.n; k++)
            if (!tree_get(v, d->names.v[k]))
                return no(j, rule, d->keyword);
        if (d->rule)
            all = worse(all, judge_value(j, d->rule, v));
    }
    return all;
}

static enum answer judge_object(struct judge *j, const struct rule *rule,
                                const struct tree *v)
{
    const struct object_part *o = rule->object;
    enum answer all = ANSWER_YES;
    if (v->n < o->min)
        return no(j, rule, "minProperties");
    if (v->n > o->max)
        return no(j, rule, "maxProperties");
    for (size_t i = 0; i < o->required.n; i++)
        if (!tree_get(v, o->required.v[i]))
            return no(j, rule, "required");
    for (uint32_t i = 0; i < v->n && all; i++) {
        if (o->names)
            all = worse(all, judge_text(j, o->names, v->keys[i]));
        if (all)
            all = worse(all, judge_member(j, rule, v->keys[i], &v->v[i]));
    }
    return all ? worse(all, judge_dependents(j, rule, v)) : all;
}

static enum answer judge_any(struct judge *j, const struct rule_list *l,
                             const struct tree *v)
{
    enum answer best = ANSWER_NO;
    for (size_t i = 0; i < l->n && best != ANSWER_YES; i++) {
        enum answer a = judge_value(j, l->v[i], v);
        best = a > best ? a : best;
    }
    return best;
}

static enum answer judge_one(struct judge *j, const struct rule_list *l,
                             const struct tree *v)
{
    size_t sure = 0, perhaps = 0;
    for (size_t i = 0; i < l->n && sure < 2; i++) {
        enum answer a = judge_value(j, l->v[i], v);
        sure += a == ANSWER_YES;
        perhaps += a == ANSWER_MAYBE;
    }
    if (sure > 1 || sure + perhaps == 0)
        return ANSWER_NO;
    return perhaps ? ANSWER_MAYBE : ANSWER_YES;
}

static enum answer judge_condition(struct judge *j, const struct place_part *p,
                                   const struct tree *v)
{
    enum answer a = judge_value(j, p->cond, v);
    enum answer then = ANSWER_YES, otherwise = ANSWER_YES;
    if (a != ANSWER_NO && p->then)
        then = judge_value(j, p->then, v);
    if (a != ANSWER_YES && p->otherwise)
        otherwise = judge_value(j, p->otherwise, v);
    if (a == ANSWER_MAYBE)
        return then == otherwise ? then : ANSWER_MAYBE;
    return a == ANSWER_YES ? then : otherwise;
}

static enum answer judge_place(struct judge *j, const struct rule *rule,
                               const struct tree *v)
{
    const struct place_part *p = rule->place;
    enum answer all = p->ref ? judge_value(j, p->ref, v) : ANSWER_YES;
    for (size_t i = 0; i < p->all.n && all; i++)
        all = worse(all, judge_value(j, p->all.v[i], v));
    if (all && p->any.n) {
        all = worse(all, judge_any(j, &p->any, v));
        if (!all)
            return no(j, rule, "anyOf");
    }
    if (all && p->one.n) {
        all = worse(all, judge_one(j, &p->one, v));
        if (!all)
            return no(j, rule, "oneOf");
    }
    if (all && p->negated) {
        enum answer a = judge_value(j, p->negated, v);
        if (a == ANSWER_YES)
            return no(j, rule, "not");
        all = worse(all, a == ANSWER_NO ? ANSWER_YES : ANSWER_MAYBE);
    }
    if (all && p->cond)
        all = worse(all, judge_condition(j, p, v));
    return all;
}

static enum answer judge_set(struct judge *j, const struct rule *rule,
                             const struct tree *v)
{
    unsigned kind = judge_kind(v);
    enum answer all = rule->opaque ? ANSWER_MAYBE : ANSWER_YES;
    if (!(rule->types & kind))
        return no(j, rule, "type");
    if (rule->constant && !tree_equal(rule->constant, v))
        return no(j, rule, "const");
    if (rule->choices) {
        uint32_t i = 0;
        while (i < rule->choices->n && !tree_equal(&rule->choices->v[i], v))
            i++;
        j->steps -= i / 8 < j->steps ? i / 8 : j->steps;
        if (i == rule->choices->n)
            return no(j, rule, "enum");
    }
    if (kind & KIND_NUMBER && rule->number)
        all = worse(all, judge_number(j, rule, v));
    if (kind == KIND_STRING && rule->string)
        all = worse(all, judge_string(j, rule, v->text));
    if (kind == KIND_ARRAY && rule->array)
        all = worse(all, judge_array(j, rule, v));
    if (kind == KIND_OBJECT && rule->object)
        all = worse(all, judge_object(j, rule, v));
    if (all && rule->place)
        all = worse(all, judge_place(j, rule, v));
    return all;
}

enum answer judge_value(struct judge *j, const struct rule *rule,
                        const struct tree *v)
{
    if (rule->kind == RULE_TRUE)
        return ANSWER_YES;
    if (rule->kind == RULE_FALSE)
        return no(j, rule, "false");
    if (j->steps == 0 || j->depth == DEPTH_MAX)
        return ANSWER_MAYBE;
    j->steps--;
    j->depth++;
    enum answer a = judge_set(j, rule, v);
    j->depth--;
    /* Out of steps, a loop may have ended before its time. */
    return j->steps == 0 && a == ANSWER_YES ? ANSWER_MAYBE : a;
}

enum answer judge_text(struct judge *j, const struct rule *rule,
                       struct str text)
{
    struct tree t = { .type = JSON_STRING, .text = text, .raw = text };
    return judge_value(j, rule, &t);
}
