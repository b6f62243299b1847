#include "schema/ecma.h"

#include <stdint.h>

#define GROUPS_MAX 240 /* within each other: PCRE2 allows 250 */

/* White space and line ends of ECMA-262, and all other characters. */
#define SPACE                                                      \
    "\\x09-\\x0d\\x20\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}" \
    "\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NO_SPACE                                                \
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x{9f}\\x{a1}-\\x{167f}"      \
    "\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}" \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}" \
    "\\x{ff00}-\\x{10ffff}"

struct ecma {
    const char *start, *p, *end;
    struct buf *out, *why;
    bool strict;
    bool dot_all;    /* a flag s was seen: the dot is left to PCRE2 */
    bool repeatable; /* what came last can be repeated */
    unsigned groups; /* that capture, in the whole pattern */
    unsigned depth;
    bool looks[GROUPS_MAX]; /* open groups: is it a look behind or ahead? */
};

static int refuse(struct ecma *w, const char *from, const char *what)
{
    buf_addf(w->why, "%s: \"%.*s\" (at byte %zu)", what,
             (int)(w->end - from < 12 ? w->end - from : 12), from,
             (size_t)(from - w->start));
    return -1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A character, as PCRE2 takes it for itself anywhere. */
static void add_char(struct ecma *w, uint32_t c)
{
    if (c < 0x80 && (is_digit((char)c) || is_alpha((char)c)))
        buf_addc(w->out, (char)c);
    else
        buf_addf(w->out, "\\x{%x}", (unsigned)c);
}

static bool is_surrogate(uint32_t c)
{
    return c >= 0xd800 && c <= 0xdfff;
}

/* The character at w->p, which is UTF-8; w->p goes behind it. */
static uint32_t next_char(struct ecma *w)
{
    unsigned char c = (unsigned char)*w->p++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    uint32_t u = more ? c & (0x3fu >> more) : c;
    for (; more && w->p < w->end; more--)
        u = u << 6 | ((unsigned char)*w->p++ & 0x3fu);
    return u;
}

/* Four hex digits at p; -1 where they are not. */
static int32_t four(const struct ecma *w, const char *p)
{
    int32_t u = 0;
    if (w->end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        if (hex(p[i]) < 0)
            return -1;
        u = u << 4 | hex(p[i]);
    }
    return u;
}

/* Behind \u: a character of four digits, of two such escapes, or in braces. */
static int32_t unicode_escape(struct ecma *w)
{
    int32_t u = four(w, w->p);
    if (u >= 0) {
        w->p += 4;
        if (u < 0xd800 || u > 0xdbff || w->end - w->p < 6 || w->p[0] != '\\' ||
            w->p[1] != 'u')
            return u;
        int32_t low = four(w, w->p + 2);
        if (low < 0xdc00 || low > 0xdfff)
            return u;
        w->p += 6;
        return 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
    }
    const char *p = w->p;
    if (p == w->end || *p++ != '{')
        return -1;
    u = 0;
    for (; p < w->end && hex(*p) >= 0 && u <= 0x10ffff; p++)
        u = u << 4 | hex(*p);
    if (p == w->end || *p != '}' || u > 0x10ffff || p == w->p + 1)
        return -1;
    w->p = p + 1;
    return u;
}

/* The character that the escape at w->p, behind the backslash, stands for;
 * w->p goes behind it. -1: it is none, or no escape of a character. */
static int32_t char_escape(struct ecma *w, bool in_class)
{
    const char *from = w->p;
    char c = *w->p++;
    switch (c) {
    case 't': return '\t';
    case 'n': return '\n';
    case 'v': return '\v';
    case 'f': return '\f';
    case 'r': return '\r';
    case 'b': return in_class ? '\b' : -1;
    case '0': return w->p < w->end && is_digit(*w->p) ? -1 : 0;
    case 'c':
        if (w->p == w->end || !is_alpha(*w->p))
            return -1;
        return *w->p++ & 0x1f;
    case 'x':
        if (w->end - w->p < 2 || hex(w->p[0]) < 0 || hex(w->p[1]) < 0)
            return -1;
        w->p += 2;
        return hex(w->p[-2]) << 4 | hex(w->p[-1]);
    case 'u': return unicode_escape(w);
    default: break;
    }
    if (is_alpha(c) || is_digit(c))
        return -1;
    bool syntax = c && strchr("^$\\.*+?()[]{}|/", c);
    if (w->strict && !syntax && !(in_class && c == '-'))
        return -1;
    w->p = from;
    return (int32_t)next_char(w);
}

/* ---- classes ---- */

/* General categories (Unicode, PropertyValueAliases), which ECMA-262 takes by
 * their long names too and PCRE2 by the short ones only. */
static const struct {
    const char *name, *code;
} categories[] = {
    { "Letter", "L" },
    { "Cased_Letter", "L&" },
    { "LC", "L&" },
    { "Uppercase_Letter", "Lu" },
    { "Lowercase_Letter", "Ll" },
    { "Titlecase_Letter", "Lt" },
    { "Modifier_Letter", "Lm" },
    { "Other_Letter", "Lo" },
    { "Mark", "M" },
    { "Combining_Mark", "M" },
    { "Nonspacing_Mark", "Mn" },
    { "Spacing_Mark", "Mc" },
    { "Enclosing_Mark", "Me" },
    { "Number", "N" },
    { "Decimal_Number", "Nd" },
    { "digit", "Nd" },
    { "Letter_Number", "Nl" },
    { "Other_Number", "No" },
    { "Punctuation", "P" },
    { "punct", "P" },
    { "Connector_Punctuation", "Pc" },
    { "Dash_Punctuation", "Pd" },
    { "Open_Punctuation", "Ps" },
    { "Close_Punctuation", "Pe" },
    { "Initial_Punctuation", "Pi" },
    { "Final_Punctuation", "Pf" },
    { "Other_Punctuation", "Po" },
    { "Symbol", "S" },
    { "Math_Symbol", "Sm" },
    { "Currency_Symbol", "Sc" },
    { "Modifier_Symbol", "Sk" },
    { "Other_Symbol", "So" },
    { "Separator", "Z" },
    { "Space_Separator", "Zs" },
    { "Line_Separator", "Zl" },
    { "Paragraph_Separator", "Zp" },
    { "Other", "C" },
    { "Control", "Cc" },
    { "cntrl", "Cc" },
    { "Format", "Cf" },
    { "Surrogate", "Cs" },
    { "Private_Use", "Co" },
    { "Unassigned", "Cn" },
};

static bool cut_prefix(struct str *s, const char *prefix)
{
    struct str p = str_of(prefix);
    if (s->n <= p.n || memcmp(s->p, p.p, p.n) != 0)
        return false;
    s->p += p.n;
    s->n -= p.n;
    return true;
}

/* \p{...} or \P{...}: w->p is at its letter. */
static int add_property(struct ecma *w)
{
    const char *from = w->p - 1;
    bool negated = *w->p++ == 'P';
    const char *close =
        w->p < w->end ? memchr(w->p, '}', (size_t)(w->end - w->p)) : NULL;
    if (!close || *w->p != '{')
        return refuse(w, from, "a property wants a name in braces");
    struct str name = { w->p + 1, (size_t)(close - w->p) - 1 };
    w->p = close + 1;
    const char *script = "";
    if (cut_prefix(&name, "Script=") || cut_prefix(&name, "sc="))
        script = "sc:";
    else if (cut_prefix(&name, "Script_Extensions=") ||
             cut_prefix(&name, "scx="))
        script = "scx:";
    else if (!cut_prefix(&name, "General_Category="))
        cut_prefix(&name, "gc=");
    if (str_eq(name, STR("Assigned"))) {
        negated = !negated;
        name = STR("Cn");
    }
    for (size_t i = 0; i < sizeof(categories) / sizeof(*categories); i++)
        if (!*script && str_eq(name, str_of(categories[i].name)))
            name = str_of(categories[i].code);
    /* PCRE2 has some of its own (Xan, Xwd, ...), and takes a caret. */
    bool own = name.n == 3 && name.p[0] == 'X' && !*script;
    for (size_t i = 0; i < name.n; i++)
        own |= !is_alpha(name.p[i]) && !is_digit(name.p[i]) &&
               name.p[i] != '_' && name.p[i] != '&';
    if (own || !name.n)
        return refuse(w, from, "unknown property");
    buf_addf(w->out, "\\%c{%s%.*s}", negated ? 'P' : 'p', script,
             STR_ARG(name));
    return 0;
}

/* If the escape at w->p, behind the backslash, is a class, adds it and returns
 * 1; 0 where it is none; -1. */
static int add_class_escape(struct ecma *w, bool in_class)
{
    switch (*w->p) {
    case 'd':
    case 'D':
    case 'w':
    case 'W': buf_addf(w->out, "\\%c", *w->p++); return 1;
    case 's':
        w->p++;
        buf_addz(w->out, in_class ? SPACE : "[" SPACE "]");
        return 1;
    case 'S':
        w->p++;
        buf_addz(w->out, in_class ? NO_SPACE : "[" NO_SPACE "]");
        return 1;
    case 'p':
    case 'P': return add_property(w) ? -1 : 1;
    default: return 0;
    }
}

#define A_CLASS (-2) /* and it has been added */

/* One member of a class: a character, A_CLASS, or -1. */
static int32_t class_member(struct ecma *w)
{
    const char *from = w->p;
    if (*w->p != '\\')
        return (int32_t)next_char(w);
    if (++w->p == w->end)
        return refuse(w, from, "nothing behind the backslash");
    int r = add_class_escape(w, true);
    if (r)
        return r < 0 ? -1 : A_CLASS;
    int32_t c = char_escape(w, true);
    return c < 0 ? refuse(w, from, "no escape of ECMA-262") : c;
}

/* Characters from one to the other; no string holds a surrogate. */
static void add_range(struct ecma *w, uint32_t from, uint32_t to)
{
    if (is_surrogate(from))
        from = 0xe000;
    if (is_surrogate(to))
        to = 0xd7ff;
    if (from > to)
        return;
    add_char(w, from);
    if (from != to) {
        buf_addc(w->out, '-');
        add_char(w, to);
    }
}

static int add_class(struct ecma *w)
{
    const char *from = w->p++;
    buf_addc(w->out, '[');
    if (w->p < w->end && *w->p == '^') {
        buf_addc(w->out, '^');
        w->p++;
    }
    while (w->p < w->end && *w->p != ']') {
        const char *here = w->p;
        int32_t a = class_member(w), b = a;
        if (a == -1)
            return -1;
        bool range = w->end - w->p > 1 && w->p[0] == '-' && w->p[1] != ']';
        if (range) {
            w->p++;
            b = class_member(w);
        }
        if (b == -1)
            return -1;
        if (range && (a == A_CLASS || b == A_CLASS)) {
            if (w->strict)
                return refuse(w, here, "a range to or from a class");
            add_range(w, '-', '-');
            if (a != A_CLASS)
                add_range(w, (uint32_t)a, (uint32_t)a);
            if (b != A_CLASS)
                add_range(w, (uint32_t)b, (uint32_t)b);
        } else if (a != A_CLASS) {
            if (a > b)
                return refuse(w, here, "range out of order");
            add_range(w, (uint32_t)a, (uint32_t)b);
        }
    }
    if (w->p == w->end)
        return refuse(w, from, "missing closing bracket");
    w->p++;
    buf_addc(w->out, ']');
    w->repeatable = true;
    return 0;
}

/* ---- what stands outside of classes ---- */

static int add_escape(struct ecma *w)
{
    const char *from = w->p++;
    if (w->p == w->end)
        return refuse(w, from, "nothing behind the backslash");
    w->repeatable = *w->p != 'b' && *w->p != 'B';
    if (!w->repeatable) {
        buf_addf(w->out, "\\%c", *w->p++);
        return 0;
    }
    if (*w->p >= '1' && *w->p <= '9') {
        unsigned n = 0;
        while (w->p < w->end && is_digit(*w->p) && n <= w->groups)
            n = n * 10 + (unsigned)(*w->p++ - '0');
        if (n > w->groups)
            return refuse(w, from, "no such group");
        buf_addf(w->out, "\\g{%u}", n);
        return 0;
    }
    if (*w->p == 'k' && w->end - w->p > 2 && w->p[1] == '<') {
        const char *close = memchr(w->p, '>', (size_t)(w->end - w->p));
        if (!close)
            return refuse(w, from, "missing end of a name");
        buf_addc(w->out, '\\');
        buf_add(w->out, w->p, (size_t)(close + 1 - w->p));
        w->p = close + 1;
        return 0;
    }
    int r = add_class_escape(w, false);
    if (r)
        return r < 0 ? -1 : 0;
    int32_t c = char_escape(w, false);
    if (c < 0)
        return refuse(w, from, "no escape of ECMA-262");
    if (is_surrogate((uint32_t)c))
        buf_addz(w->out, "(?!)");
    else
        add_char(w, (uint32_t)c);
    return 0;
}

/* Behind "(?": flags, and a colon or the end of the group. */
static int add_flags(struct ecma *w, const char *from)
{
    bool off = false;
    const char *p = w->p;
    for (; p < w->end && (*p == '-' || strchr("ims", *p)); p++) {
        if (*p == '-' && off)
            return refuse(w, from, "unknown group");
        off |= *p == '-';
        w->dot_all |= *p == 's';
    }
    if (p == w->p || p == w->end || (*p != ')' && *p != ':') ||
        (*p == ')' && w->strict))
        return refuse(w, from, "unknown group");
    buf_addz(w->out, "(?");
    buf_add(w->out, w->p, (size_t)(p + 1 - w->p));
    w->p = p + 1;
    if (*p == ')')
        w->depth--;
    return 0;
}

static int add_name(struct ecma *w, const char *from)
{
    const char *p = w->p + 1; /* behind < */
    if (p == w->end || is_digit(*p))
        return refuse(w, from, "a group's name is missing");
    for (; p < w->end && *p != '>'; p++)
        if (!is_alpha(*p) && !is_digit(*p) && *p != '_' && *p > 0)
            return refuse(w, from, "a group's name has an odd character");
    if (p == w->end || p == w->p + 1)
        return refuse(w, from, "a group's name is missing");
    buf_addz(w->out, "(?");
    buf_add(w->out, w->p, (size_t)(p + 1 - w->p));
    w->p = p + 1;
    return 0;
}

static int open_group(struct ecma *w)
{
    static const char *const looks[] = { "?=", "?!", "?<=", "?<!" };
    const char *from = w->p++;
    size_t left = (size_t)(w->end - w->p);
    if (w->depth == GROUPS_MAX)
        return refuse(w, from, "groups nest too deep");
    w->repeatable = false;
    w->looks[w->depth++] = false;
    if (left < 2 || *w->p != '?') {
        buf_addc(w->out, '(');
        return 0;
    }
    for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
        size_t n = strlen(looks[i]);
        if (left < n || memcmp(w->p, looks[i], n) != 0)
            continue;
        w->looks[w->depth - 1] = true;
        buf_addf(w->out, "(%s", looks[i]);
        w->p += n;
        return 0;
    }
    w->p++;
    if (*w->p == '<')
        return add_name(w, from);
    if (*w->p != ':')
        return add_flags(w, from);
    buf_addz(w->out, "(?:");
    w->p++;
    return 0;
}

/* {n}, {n,} or {n,m} at p: behind it; NULL where it is something else. */
static const char *count_end(const struct ecma *w, const char *p)
{
    const char *from = ++p;
    while (p < w->end && is_digit(*p))
        p++;
    if (p == from || p == w->end)
        return NULL;
    if (*p == ',')
        for (p++; p < w->end && is_digit(*p);)
            p++;
    return p < w->end && *p == '}' ? p + 1 : NULL;
}

static int add_repeat(struct ecma *w, const char *to)
{
    const char *from = w->p;
    if (!w->repeatable)
        return refuse(w, from, "nothing to repeat");
    if (to < w->end && *to == '?')
        to++;
    buf_add(w->out, from, (size_t)(to - from));
    w->p = to;
    w->repeatable = false;
    return 0;
}

static int add_sign(struct ecma *w)
{
    char c = *w->p;
    const char *to = c == '{' ? count_end(w, w->p) : NULL;
    if (c == '*' || c == '+' || c == '?' || to)
        return add_repeat(w, to ? to : w->p + 1);
    if (w->strict)
        return refuse(w, w->p, "a bracket that stands alone");
    add_char(w, (unsigned char)c);
    w->p++;
    w->repeatable = true;
    return 0;
}

static int close_group(struct ecma *w)
{
    if (!w->depth)
        return refuse(w, w->p, "unmatched closing parenthesis");
    /* Only what looks ahead may be repeated, and that outside of u mode. */
    w->repeatable = !w->looks[--w->depth] || !w->strict;
    buf_addc(w->out, *w->p++);
    return 0;
}

static int add_term(struct ecma *w)
{
    switch (*w->p) {
    case '\\': return add_escape(w);
    case '[': return add_class(w);
    case '(': return open_group(w);
    case ')': return close_group(w);
    case '*':
    case '+':
    case '?':
    case '{':
    case '}':
    case ']': return add_sign(w);
    case '|':
    case '^':
    case '$':
        w->repeatable = false;
        buf_addc(w->out, *w->p++);
        return 0;
    case '.':
        buf_addz(w->out, w->dot_all ? "." : "[^\\n\\r\\x{2028}\\x{2029}]");
        w->p++;
        break;
    default: {
        const char *from = w->p;
        (void)next_char(w);
        buf_add(w->out, from, (size_t)(w->p - from));
    }
    }
    w->repeatable = true;
    return 0;
}

/* How many groups of the pattern capture. */
static unsigned count_groups(struct str t)
{
    unsigned n = 0;
    bool in_class = false;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '\\')
            i++;
        else if (t.p[i] == '[')
            in_class = true;
        else if (t.p[i] == ']')
            in_class = false;
        else if (t.p[i] == '(' && !in_class)
            n += i + 1 == t.n || t.p[i + 1] != '?' ||
                 (t.n - i > 3 && t.p[i + 2] == '<' && t.p[i + 3] != '=' &&
                  t.p[i + 3] != '!');
    }
    return n;
}

int ecma_translate(struct buf *out, struct str text, bool strict,
                   struct buf *why)
{
    struct ecma w = { .start = text.p,
                      .p = text.p,
                      .end = text.p + text.n,
                      .out = out,
                      .why = why,
                      .strict = strict,
                      .groups = count_groups(text) };
    while (w.p < w.end)
        if (add_term(&w))
            return -1;
    if (w.depth)
        return refuse(&w, w.end, "missing closing parenthesis");
    return out->failed ? -1 : 0;
}
