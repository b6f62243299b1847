#include "source/pgvalue.h"

#include "base/base64.h"
#include "json/check.h"
#include "json/value.h"

static int hex(char c)
{
    return (c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

/* "\x0a1b" as base64. */
static void add_bytes(struct pgvalue *v, struct buf *out, struct str text)
{
    buf_reset(&v->bytes);
    for (size_t i = 2; i + 1 < text.n; i += 2)
        buf_addc(&v->bytes, (char)(hex(text.p[i]) << 4 | hex(text.p[i + 1])));
    buf_addc(out, '"');
    base64_encode(out, buf_str(&v->bytes));
    buf_addc(out, '"');
}

/* "2026-01-31 08:00:00+00" as RFC 3339 has it; what it cannot say (infinity,
 * years before Christ) stays as it is. */
static void add_time(struct buf *out, struct str v)
{
    const char *space = v.n ? memchr(v.p, ' ', v.n) : NULL;
    size_t day = space ? (size_t)(space - v.p) : 0;
    bool odd = !space || memchr(space + 1, ' ', v.n - 1 - day);
    if (odd) {
        json_quote(out, v);
        return;
    }
    bool utc = v.n > 3 && memcmp(v.p + v.n - 3, "+00", 3) == 0;
    buf_addc(out, '"');
    buf_add(out, v.p, day);
    buf_addc(out, 'T');
    buf_add(out, space + 1, v.n - day - 1 - (utc ? 3 : 0));
    buf_addz(out, utc ? "Z\"" : "\"");
}

/* Line ends in JSON text are white space: in strings they are escaped. */
static void add_json(struct buf *out, struct str v)
{
    size_t from = out->n;
    if (buf_add_str(out, v))
        return;
    for (char *p = out->p + from; p < out->p + out->n; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
}

/* Text of n bytes cannot have more than half as many levels. */
static const char *judge_json(struct str text, unsigned room, const char **why)
{
    struct json_fault fault;
    if (text.n / 2 <= room || json_check_value(text, room, &fault) == 0)
        return NULL;
    *why = fault.why;
    return fault.code;
}

/* Numbers, but NaN and Infinity. */
static void add_number(struct buf *out, struct str v)
{
    char last = v.n ? v.p[v.n - 1] : 'N';
    if (last >= '0' && last <= '9')
        buf_add_str(out, v);
    else
        json_quote(out, v);
}

static const char *add_scalar(struct pgvalue *v, struct buf *out,
                              enum pgtype_kind kind, struct str text,
                              unsigned room, const char **why)
{
    const char *bad;
    switch (kind) {
    case PGTYPE_TEXT: json_quote(out, text); break;
    case PGTYPE_NUMBER: add_number(out, text); break;
    case PGTYPE_TIME: add_time(out, text); break;
    case PGTYPE_BYTES: add_bytes(v, out, text); break;
    case PGTYPE_BOOL:
        buf_addz(out, text.n && *text.p == 't' ? "true" : "false");
        break;
    case PGTYPE_JSON:
        if ((bad = judge_json(text, room, why)))
            return bad;
        add_json(out, text);
        break;
    }
    return NULL;
}

/* ---- arrays: {1,NULL,"a \"b\"",{...}}, sections 8.15.2 and 8.15.6 ---- */

struct array {
    struct pgvalue *v;
    struct buf *out;
    const struct pgtype *t;
    const char *p, *end;
    unsigned depth, room;
};

/* An element in quotes: to v->element. */
static struct str take_quoted(struct array *a)
{
    struct buf *b = &a->v->element;
    buf_reset(b);
    for (a->p++; a->p < a->end && *a->p != '"'; a->p++) {
        if (*a->p == '\\' && a->p + 1 < a->end)
            a->p++;
        buf_addc(b, *a->p);
    }
    a->p += a->p < a->end;
    return buf_str(b);
}

static const char *add_element(struct array *a, const char **why)
{
    unsigned room = a->room > a->depth ? a->room - a->depth : 0;
    if (*a->p == '"')
        return add_scalar(a->v, a->out, a->t->kind, take_quoted(a), room, why);
    const char *from = a->p;
    while (a->p < a->end && *a->p != a->t->delimiter && *a->p != '}')
        a->p++;
    struct str text = { from, (size_t)(a->p - from) };
    if (str_eq(text, STR("NULL"))) {
        buf_addz(a->out, "null");
        return NULL;
    }
    return add_scalar(a->v, a->out, a->t->kind, text, room, why);
}

/* From its first brace on. What is no array of the server's making ends early,
 * brackets closed. */
static const char *add_array(struct array *a, const char **why)
{
    const char *bad = NULL;
    while (a->p < a->end && !bad) {
        if (*a->p == '{') {
            buf_addc(a->out, '[');
            a->p++;
            if (++a->depth > a->room) {
                *why = "array is nested too deep";
                bad = "too_deep";
            }
        } else if (*a->p == '}') {
            buf_addc(a->out, ']');
            a->p++;
            if (--a->depth == 0)
                return NULL;
        } else if (*a->p == a->t->delimiter) {
            buf_addc(a->out, ',');
            a->p++;
        } else {
            bad = add_element(a, why);
        }
    }
    while (a->depth--)
        buf_addc(a->out, ']');
    return bad;
}

/* ---- the interface ---- */

const char *pgvalue_add(struct pgvalue *v, struct buf *out,
                        const struct pgtype *t, struct str text, unsigned room,
                        const char **why)
{
    if (!t->array)
        return add_scalar(v, out, t->kind, text, room, why);
    /* In front of it may stand its bounds: [0:1]={...} */
    const char *start = text.n ? memchr(text.p, '{', text.n) : NULL;
    struct array a = { v, out, t, start, text.p + text.n, 0, room };
    if (start)
        return add_array(&a, why);
    json_quote(out, text);
    return NULL;
}

static char unescaped(char c)
{
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return c;
    }
}

int pgvalue_unescape(struct buf *out, struct str cell)
{
    const char *p = cell.p, *end = cell.p + cell.n;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *to = slash ? slash : end;
        buf_add(out, p, (size_t)(to - p));
        if (!slash)
            break;
        p = slash + 1;
        if (p < end)
            buf_addc(out, unescaped(*p++));
    }
    return out->failed ? -1 : 0;
}

void pgvalue_free(struct pgvalue *v)
{
    buf_free(&v->bytes);
    buf_free(&v->element);
}
