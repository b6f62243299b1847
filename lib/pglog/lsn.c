#include "pglog/lsn.h"

#include <inttypes.h>
#include <stdio.h>

static bool take_half(struct str *s, char mark, uint64_t *n)
{
    size_t i = 0;
    *n = 0;
    for (; i < s->n && s->p[i] != mark; i++) {
        char c = s->p[i];
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                            : 16;
        if (d > 15 || i >= 8)
            return false;
        *n = *n << 4 | d;
    }
    bool found = i < s->n;
    s->p += i + found;
    s->n -= i + found;
    return i > 0 && found == (mark != '\0');
}

bool lsn_parse(struct str s, uint64_t *lsn)
{
    uint64_t high, low;
    if (!take_half(&s, '/', &high) || !take_half(&s, '\0', &low))
        return false;
    *lsn = high << 32 | low;
    return true;
}

const char *lsn_format(char out[LSN_TEXT], uint64_t lsn)
{
    snprintf(out, LSN_TEXT, "%" PRIX64 "/%" PRIX64, lsn >> 32,
             lsn & UINT32_MAX);
    return out;
}
