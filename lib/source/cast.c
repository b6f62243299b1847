#include "source/cast.h"

#include "json/check.h"
#include "json/value.h"

#include <string.h>
#include <strings.h>

static struct str trim(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static int cast_number(struct buf *out, struct str s, bool integer)
{
    size_t start = out->n;
    bool minus = *s.p == '-';

    if (minus || *s.p == '+') {
        s.p++;
        s.n--;
    }
    while (s.n > 1 && s.p[0] == '0' && s.p[1] >= '0' && s.p[1] <= '9') {
        s.p++;
        s.n--;
    }
    if (minus)
        buf_addc(out, '-');
    if (s.n && *s.p == '.')
        buf_addc(out, '0');
    if (buf_add(out, s.p, s.n) != 0)
        return -1;

    struct str number = { out->p + start, out->n - start };
    bool good = s.n && *s.p != '-' && json_number_valid(number);
    for (size_t i = 0; good && integer && i < s.n; i++)
        good = s.p[i] >= '0' && s.p[i] <= '9';
    if (good)
        return 0;
    out->n = start;
    return 1;
}

static int cast_boolean(struct buf *out, struct str s)
{
    static const char *const words[2][5] = { { "false", "f", "no", "n", "0" },
                                             { "true", "t", "yes", "y", "1" } };

    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i < 5; i++)
            if (strlen(words[v][i]) == s.n &&
                strncasecmp(words[v][i], s.p, s.n) == 0)
                return buf_addz(out, words[v][0]);
    return 1;
}

int cast_cell(struct buf *out, enum type type, struct str cell)
{
    if (type == TYPE_STRING)
        return json_quote(out, cell);
    cell = trim(cell);
    if (cell.n == 0)
        return buf_addz(out, "null");
    if (type == TYPE_BOOLEAN)
        return cast_boolean(out, cell);
    return cast_number(out, cell, type == TYPE_INTEGER);
}
