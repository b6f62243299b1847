#include "sink/range.h"

#include "base/date.h"
#include "json/check.h"
#include "json/number.h"

/* A zone is at most a day off, on either side of the comparison. */
#define DAYS_OFF 2

static int order_texts(struct str a, struct str b)
{
    int64_t x, y;
    if (time_parse(a, NULL, &x) && time_parse(b, NULL, &y))
        return x < y ? -1 : x > y;
    return str_cmp(a, b);
}

bool range_has(struct str from, struct str to, bool number, struct str text)
{
    if (number)
        return json_number_valid(from) && json_number_valid(to) &&
               number_cmp(text, from) >= 0 && number_cmp(text, to) < 0;
    return order_texts(text, from) >= 0 && order_texts(text, to) < 0;
}

bool range_dates(struct str from, struct str to, char low[11], char high[11])
{
    const struct str first = STR("0001-01-04"), last = STR("9999-12-27");
    int64_t us, a, b;
    if (!time_parse(from, NULL, &us) || !time_parse(to, NULL, &us) ||
        !date_parse((struct str){ from.p, 10 }, &a) ||
        !date_parse((struct str){ to.p, 10 }, &b) || str_cmp(from, first) < 0 ||
        str_cmp(to, last) > 0)
        return false;
    struct buf text = { 0 };
    bool done = date_format(&text, a - DAYS_OFF) == 0 &&
                date_format(&text, b + DAYS_OFF + 1) == 0 && text.n == 20;
    if (done) {
        memcpy(low, text.p, 10);
        memcpy(high, text.p + 10, 10);
        low[10] = high[10] = '\0';
    }
    buf_free(&text);
    return done;
}

/* ---- partitions of the ledger ---- */

struct part {
    struct str column, from, to; /* to.n 0: the value from alone */
};

static struct part parse(struct str text)
{
    const char *eq = memchr(text.p, '=', text.n);
    struct part p = { { text.p, (size_t)(eq - text.p) }, STR(""), STR("") };
    p.from = (struct str){ eq + 1, text.n - p.column.n - 1 };
    const char *dots = memmem(p.from.p, p.from.n, "..", 2);
    if (dots) {
        p.to =
            (struct str){ dots + 2, p.from.n - (size_t)(dots - p.from.p) - 2 };
        p.from.n = (size_t)(dots - p.from.p);
    }
    return p;
}

static int order(struct str a, struct str b)
{
    return json_number_valid(a) && json_number_valid(b) ? number_cmp(a, b)
                                                        : order_texts(a, b);
}

bool range_overlap(struct str a, struct str b)
{
    if (str_eq(a, b) || !memchr(a.p, '=', a.n) || !memchr(b.p, '=', b.n))
        return true;
    struct part x = parse(a), y = parse(b);
    if (!str_eq(x.column, y.column))
        return true;
    if (!x.to.n && !y.to.n)
        return order(x.from, y.from) == 0;
    if (!x.to.n)
        return order(x.from, y.from) >= 0 && order(x.from, y.to) < 0;
    if (!y.to.n)
        return order(y.from, x.from) >= 0 && order(y.from, x.to) < 0;
    return order(x.from, y.to) < 0 && order(y.from, x.to) < 0;
}
