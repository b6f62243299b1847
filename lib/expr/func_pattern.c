/* Functions of regular expressions; the operators ~ ~* !~ !~* are calls of
 * regexp_like. */
#include "expr/func.h"

#include "json/utf8.h"

#include <stdio.h>

int func_check_pattern(struct expr_set *x, struct str s, struct func_why *why)
{
    struct regex_why wrong;
    struct regex_set *set = expr_patterns(x);
    int rc = set ? regex_pin(set, s, 0, &wrong) : -2;
    if (rc == -1) {
        snprintf(why->text, sizeof(why->text), "regular expression: %.120s",
                 wrong.text);
        why->at = wrong.at;
    }
    return rc;
}

/* What argument i says of the letters g, i, m and s. */
static int read_flags(struct call *c, uint32_t i, unsigned *flags, bool *all)
{
    struct str s;
    int rc = call_string(c, i, &s);
    for (size_t k = 0; rc == 0 && k < s.n; k++) {
        switch (s.p[k]) {
        case 'i': *flags |= REGEX_NOCASE; break;
        case 'm': *flags |= REGEX_LINES; break;
        case 's': *flags |= REGEX_NEWLINE; break;
        case 'g':
            if (all) {
                *all = true;
                break;
            }
            /* fall through */
        default:
            return call_needs(
                c, i, all ? "flags of g, i, m and s" : "flags of i, m and s");
        }
    }
    return rc;
}

/* The string that is searched and the pattern that is argument 1. */
static int get_pattern(struct call *c, unsigned flags, struct str *s,
                       const struct regex **re)
{
    struct regex_why why;
    struct str pattern;
    struct regex_set *set = expr_patterns(c->x);
    int rc = call_string(c, 0, s);
    if (rc == 0)
        rc = call_string(c, 1, &pattern);
    if (rc)
        return rc;
    rc = set ? regex_get(set, pattern, flags, re, &why) : -2;
    if (rc == -1)
        return expr_faultf(c->x, c->at, &c->args[1], "expr_regex",
                           "regular expression '%.60s': %s at its byte %zu",
                           pattern.n < 60 ? pattern.p : "(long)", why.text,
                           why.at + 1);
    if (rc == 0 && !utf8_valid(*s))
        return expr_faultf(c->x, c->at, &c->args[0], "expr_regex",
                           "string has a lone surrogate, which no regular "
                           "expression can be held against");
    return rc;
}

static int search(struct call *c, const struct regex *re, struct str s,
                  size_t from, const size_t **group)
{
    struct regex_why why;
    int rc = regex_search(c->x->patterns, re, s, from, group, &why);
    if (rc == -1)
        return expr_faultf(c->x, c->at, &c->args[0], "expr_regex",
                           "search for the regular expression was given up: %s",
                           why.text);
    return rc;
}

static int call_like(struct call *c)
{
    const struct regex *re;
    const size_t *group;
    unsigned flags = 0;
    struct str s;
    int rc = c->n > 2 ? read_flags(c, 2, &flags, NULL) : 0;
    if (rc == 0)
        rc = get_pattern(c, flags, &s, &re);
    if (rc == 0)
        rc = search(c, re, s, 0, &group);
    return rc < 0 ? rc : call_bool(c, rc == 1);
}

static int call_extract(struct call *c)
{
    const struct regex *re;
    const size_t *group;
    struct str s;
    int64_t i = 0;
    int rc = get_pattern(c, 0, &s, &re);
    if (rc == 0 && c->n > 2)
        rc = call_whole(c, 2, 0, regex_groups(re), &i);
    if (rc == 0)
        rc = search(c, re, s, 0, &group);
    if (rc < 0)
        return rc;
    if (rc == 0 || group[2 * i] == SIZE_MAX || group[2 * i] > group[2 * i + 1])
        return call_null(c);
    return call_text(
        c, (struct str){ s.p + group[2 * i], group[2 * i + 1] - group[2 * i] });
}

/* Appends the replacement: \0 to \9 and \& stand for groups, \\ for itself. */
static void add_replacement(struct buf *out, struct str to, struct str s,
                            const size_t *group, unsigned groups)
{
    for (size_t i = 0; i < to.n; i++) {
        char next = i + 1 < to.n ? to.p[i + 1] : '\0';
        bool digit = next >= '0' && next <= '9';
        if (to.p[i] != '\\' || (!digit && next != '&' && next != '\\')) {
            buf_addc(out, to.p[i]);
            continue;
        }
        i++;
        size_t g = digit ? (size_t)(next - '0') : 0;
        if (next == '\\')
            buf_addc(out, next);
        else if (g <= groups && group[2 * g] != SIZE_MAX)
            buf_add(out, s.p + group[2 * g], group[2 * g + 1] - group[2 * g]);
    }
}

static int replace(struct call *c, const struct regex *re, struct str s,
                   struct str to, bool all)
{
    struct buf *out = call_buf(c);
    size_t done = 0, from = 0; /* copied; searched */
    while (from <= s.n && !out->failed) {
        const size_t *group;
        int rc = search(c, re, s, from, &group);
        if (rc < 0)
            return rc;
        if (rc == 0 || group[0] > group[1] || group[0] < done)
            break;
        buf_add(out, s.p + done, group[0] - done);
        add_replacement(out, to, s, group, regex_groups(re));
        done = group[1];
        from = done;
        if (group[0] == group[1]) /* empty: go on behind one character */
            from += from < s.n ? text_step(s.p + from, s.p + s.n) : 1;
        if (!all)
            break;
    }
    buf_add(out, s.p + done, s.n - done);
    return call_buf_text(c);
}

static int call_replace(struct call *c)
{
    const struct regex *re;
    struct str s, to;
    unsigned flags = 0;
    bool all = false;
    int rc = c->n > 3 ? read_flags(c, 3, &flags, &all) : 0;
    if (rc == 0)
        rc = get_pattern(c, flags, &s, &re);
    if (rc == 0)
        rc = call_string(c, 2, &to);
    return rc ? rc : replace(c, re, s, to, all);
}

static const struct func rows[] = {
    { "regexp_extract", 2, 3, false, " p", call_extract },
    { "regexp_like", 2, 3, false, " p", call_like },
    { "regexp_matches", 2, 3, false, " p", call_like },
    { "regexp_replace", 3, 4, false, " p", call_replace },
};

const struct func_table func_pattern = FUNC_TABLE(rows);
