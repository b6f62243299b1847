#include "config/schedule.h"

#include "base/date.h"
#include "base/zone.h"

#include <limits.h>
#include <strings.h>

#define DAY_S 86400
#define DAYS_MAX 11000 /* three leap days that fall on one weekday */

/* ---- the text */

static const char *const month_names[] = { "jan", "feb", "mar", "apr",
                                           "may", "jun", "jul", "aug",
                                           "sep", "oct", "nov", "dec" };
static const char *const weekday_names[] = { "sun", "mon", "tue", "wed",
                                             "thu", "fri", "sat" };

static const struct field {
    const char *name;
    unsigned min, max;
    const char *const *names; /* of min and up; NULL: none */
    unsigned n_names;
} fields[] = {
    { "minute", 0, 59, NULL, 0 },           { "hour", 0, 23, NULL, 0 },
    { "day of the month", 1, 31, NULL, 0 }, { "month", 1, 12, month_names, 12 },
    { "weekday", 0, 7, weekday_names, 7 },
};

static const struct {
    const char *name, *means;
} nicknames[] = {
    { "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },
    { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
    { "@monthly", "0 0 1 * *" },  { "@yearly", "0 0 1 1 *" },
    { "@annually", "0 0 1 1 *" },
};

static struct str word(struct str *rest, char end)
{
    struct str w = { rest->p, 0 };
    while (w.n < rest->n && rest->p[w.n] != end &&
           !(end == ' ' && rest->p[w.n] == '\t'))
        w.n++;
    size_t used = w.n < rest->n ? w.n + 1 : w.n;
    rest->p += used;
    rest->n -= used;
    return w;
}

static bool number(struct str s, unsigned *n)
{
    *n = 0;
    if (s.n == 0 || s.n > 3)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        *n = *n * 10 + (unsigned)(s.p[i] - '0');
    }
    return true;
}

static bool value(const struct field *f, struct str s, unsigned *n)
{
    if (number(s, n))
        return *n >= f->min && *n <= f->max;
    for (unsigned i = 0; i < f->n_names; i++)
        if (s.n == 3 && strncasecmp(s.p, f->names[i], 3) == 0) {
            *n = f->min + i;
            return true;
        }
    return false;
}

/* One part between commas: *, N, N-M, with /STEP behind all but N. */
static bool part(const struct field *f, struct str s, uint64_t *bits)
{
    unsigned from, to, step = 1;
    struct str step_text = s, range = word(&step_text, '/');
    bool stepped = range.n < s.n;
    if (stepped && (!number(step_text, &step) || step == 0))
        return false;
    if (str_eq(range, STR("*"))) {
        from = f->min;
        to = f->max;
    } else {
        struct str last = range, first = word(&last, '-');
        bool ranged = first.n < range.n;
        if (!value(f, first, &from) || (stepped && !ranged))
            return false;
        to = from;
        if (ranged && !value(f, last, &to))
            return false;
    }
    if (from > to)
        return false;
    for (unsigned i = from; i <= to; i += step)
        *bits |= (uint64_t)1 << i;
    return true;
}

static int field(const struct field *f, struct str s, uint64_t *bits,
                 struct err *e)
{
    struct str rest = s;
    *bits = 0;
    do {
        bool more = memchr(rest.p, ',', rest.n) != NULL;
        struct str p = word(&rest, ',');
        if (!part(f, p, bits))
            return err_set(e, ERR_CONFIG,
                           "'%.*s' is no %s of a schedule (%u to %u, ranges, "
                           "lists, steps such as */5 or 8-18/2)",
                           STR_ARG(s), f->name, f->min, f->max);
        if (!more)
            return 0;
    } while (true);
}

static struct str skip_space(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    return s;
}

int schedule_parse(struct schedule *s, struct str text, struct err *e)
{
    uint64_t bits[5];
    bool star[5];
    struct str rest = skip_space(text);
    for (size_t i = 0; i < sizeof(nicknames) / sizeof(*nicknames); i++)
        if (str_eq(str_trim(text), str_of(nicknames[i].name)))
            rest = str_of(nicknames[i].means);
    if (rest.n && *rest.p == '@')
        return err_set(e, ERR_CONFIG,
                       "'%.*s' is no schedule: @hourly, @daily, @weekly, "
                       "@monthly, @yearly or five fields",
                       STR_ARG(text));
    for (int i = 0; i < 5; i++) {
        struct str f = word(&rest, ' ');
        if (f.n == 0)
            return err_set(e, ERR_CONFIG,
                           "'%.*s' is no schedule: the %s is missing",
                           STR_ARG(text), fields[i].name);
        if (field(&fields[i], f, &bits[i], e))
            return -1;
        star[i] = *f.p == '*';
        rest = skip_space(rest);
    }
    if (rest.n)
        return err_set(e, ERR_CONFIG,
                       "'%.*s' is no schedule: there is more than five fields",
                       STR_ARG(text));
    *s = (struct schedule){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint16_t)bits[3],
        .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
        .any_day = star[2],
        .any_weekday = star[4],
        .wild = star[0] || star[1],
    };
    return 0;
}

/* ---- the moments */

static bool day_matches(const struct schedule *s, int64_t day)
{
    int y, m, d;
    date_civil(day, &y, &m, &d);
    unsigned weekday = (unsigned)(((day + 4) % 7 + 7) % 7);
    bool by_day = s->days >> d & 1, by_weekday = s->weekdays >> weekday & 1;
    if (!(s->months >> m & 1))
        return false;
    return s->any_day || s->any_weekday ? by_day && by_weekday
                                        : by_day || by_weekday;
}

/* The instants at which clocks in z show `local` (seconds): how many, 0 to 2.
 * Of a schedule that is not wild it is always one. */
static int instants(const struct schedule *s, const struct zone *z,
                    int64_t local, int64_t at[2])
{
    at[0] = zone_instant(z, local, true);
    if (!s->wild)
        return 1;
    if (at[0] + zone_offset(z, at[0]) != local)
        return 0;
    /* Shown again where clocks went back within a few hours from then. */
    at[1] = local - zone_offset(z, at[0] + (int64_t)3 * 3600);
    return at[1] > at[0] && at[1] + zone_offset(z, at[1]) == local ? 2 : 1;
}

/* Which moment of a day is wanted: the last not after `now`, or the first
 * after it. */
struct search {
    const struct schedule *s;
    const struct zone *z;
    int64_t now; /* seconds */
    bool next;
    bool found;
    int64_t best;
};

static void consider(struct search *q, int64_t at)
{
    if (q->next ? at <= q->now : at > q->now)
        return;
    if (!q->found || (q->next ? at < q->best : at > q->best))
        q->best = at;
    q->found = true;
}

static void search_day(struct search *q, int64_t day)
{
    int64_t at[2];
    if (!day_matches(q->s, day))
        return;
    for (int h = 0; h < 24; h++)
        for (int m = 0; q->s->hours >> h & 1 && m < 60; m++) {
            if (!(q->s->minutes >> m & 1))
                continue;
            int64_t local = day * DAY_S + h * 3600 + m * 60;
            int n = instants(q->s, q->z, local, at);
            for (int i = 0; i < n; i++)
                consider(q, at[i]);
        }
}

/* Day by day away from now. Clocks that go back over midnight, or forward over
 * a day, let neighbouring days overlap: so one more is looked at behind the
 * first that has a moment, and it starts beyond now. */
static bool search(struct search *q)
{
    int64_t local = q->now + zone_offset(q->z, q->now);
    int64_t day = local / DAY_S - (local % DAY_S < 0);
    int64_t step = q->next ? 1 : -1;
    day -= 2 * step;
    for (int i = 0; i < DAYS_MAX; i++) {
        bool had = q->found;
        search_day(q, day + i * step);
        if (had)
            break;
    }
    return q->found;
}

static int64_t seconds_of(int64_t us)
{
    return us / 1000000 - (us % 1000000 < 0);
}

static bool find(const struct schedule *s, int64_t us, const char *tz,
                 bool next, int64_t *at)
{
    struct search q = { .s = s,
                        .z = zone_find(tz ? tz : "UTC"),
                        .now = seconds_of(us),
                        .next = next };
    if (!q.z)
        q.z = zone_find("UTC");
    if (!q.z || !search(&q) || q.best > INT64_MAX / 1000000)
        return false;
    *at = q.best * 1000000;
    return true;
}

bool schedule_previous(const struct schedule *s, int64_t us, const char *tz,
                       int64_t *at)
{
    return find(s, us, tz, false, at);
}

bool schedule_next(const struct schedule *s, int64_t us, const char *tz,
                   int64_t *at)
{
    return find(s, us, tz, true, at);
}
