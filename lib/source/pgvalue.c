#include "source/pgvalue.h"

#include "base/base64.h"
#include "json/value.h"

#define CHUNK 3072 /* a multiple of 3: base64 of the parts is that of all */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool is_hex(struct str v)
{
    if (v.n < 2 || v.n % 2 || v.p[0] != '\\' || v.p[1] != 'x')
        return false;
    for (size_t i = 2; i < v.n; i++)
        if (hex(v.p[i]) < 0)
            return false;
    return true;
}

/* "\x0a1b" as base64. */
static int add_bytes(struct buf *out, struct str v)
{
    char bytes[CHUNK];
    size_t n = 0;
    if (!is_hex(v))
        return json_quote(out, v);
    buf_addc(out, '"');
    for (size_t i = 2; i < v.n; i += 2) {
        bytes[n++] = (char)(hex(v.p[i]) << 4 | hex(v.p[i + 1]));
        if (n == CHUNK || i + 2 == v.n) {
            base64_encode(out, (struct str){ bytes, n });
            n = 0;
        }
    }
    return buf_addc(out, '"');
}

/* "2026-01-31 08:00:00+00" as RFC 3339 has it; what it cannot say (infinity,
 * years before Christ) stays as it is. */
static int add_time(struct buf *out, struct str v)
{
    const char *space = v.n ? memchr(v.p, ' ', v.n) : NULL;
    size_t day = space ? (size_t)(space - v.p) : 0;
    if (!space || memchr(space + 1, ' ', v.n - 1 - day))
        return json_quote(out, v);
    bool utc = v.n > 3 && memcmp(v.p + v.n - 3, "+00", 3) == 0;
    buf_addc(out, '"');
    buf_add(out, v.p, day);
    buf_addc(out, 'T');
    buf_add(out, space + 1, v.n - day - 1 - (utc ? 3 : 0));
    return buf_addz(out, utc ? "Z\"" : "\"");
}

/* Line ends in JSON text are white space: in strings they are escaped. */
static int add_json(struct buf *out, struct str v)
{
    size_t from = out->n;
    if (buf_add_str(out, v))
        return -1;
    for (char *p = out->p + from; p < out->p + out->n; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    return 0;
}

bool pgvalue_is_number(uint32_t type)
{
    switch (type) {
    case PGVALUE_INT2:
    case PGVALUE_INT4:
    case PGVALUE_INT8:
    case PGVALUE_OID:
    case PGVALUE_FLOAT4:
    case PGVALUE_FLOAT8:
    case PGVALUE_NUMERIC: return true;
    default: return false;
    }
}

/* Numbers end in a digit, NaN and Infinity do not. */
static int add_number(struct buf *out, struct str v)
{
    char last = v.n ? v.p[v.n - 1] : 'N';
    return last >= '0' && last <= '9' ? buf_add_str(out, v)
                                      : json_quote(out, v);
}

int pgvalue_add(struct buf *out, uint32_t type, struct str v)
{
    if (pgvalue_is_number(type))
        return add_number(out, v);
    switch (type) {
    case PGVALUE_BOOL:
        return buf_addz(out, v.n && *v.p == 't' ? "true" : "false");
    case PGVALUE_JSON:
    case PGVALUE_JSONB: return add_json(out, v);
    case PGVALUE_BYTEA: return add_bytes(out, v);
    case PGVALUE_TIMESTAMP:
    case PGVALUE_TIMESTAMPTZ: return add_time(out, v);
    default: return json_quote(out, v);
    }
}
