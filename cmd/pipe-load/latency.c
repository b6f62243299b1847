/* How long records took from their events to the load. */
#include "base/date.h"
#include "load.h"
#include "observe/facts.h"

#include <math.h>
#include <stdlib.h>

int latency_open(struct stage *st, struct load *l)
{
    struct facts *f = stage_facts(st);
    struct path path;
    if (!l->args->latency_field)
        return 0;
    if (path_parse(&path, str_of(l->args->latency_field), &st->err))
        return -1;
    l->latency = f ? select_new() : NULL;
    int r = f && (!l->latency || select_add(l->latency, &path))
                ? err_nomem(&st->err)
                : 0;
    path_free(&path);
    if (f)
        f->latency.given = r == 0;
    return r;
}

/* Seconds since 1970: a time as text, or a number of seconds, milliseconds
 * (from 1e11 on) or microseconds (from 1e14 on). */
static bool event_time(const struct stage *st, struct val v, double *seconds)
{
    char text[64];
    int64_t us;
    struct str s = v.raw;
    if (v.type == JSON_STRING) {
        s = (struct str){ s.p + 1, s.n - 2 };
        if (!time_parse(s, st->opts.tz, &us))
            return false;
        *seconds = (double)us / 1e6;
        return true;
    }
    if (v.type != JSON_NUMBER || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *seconds = strtod(text, NULL);
    if (fabs(*seconds) >= 1e14)
        *seconds /= 1e6;
    else if (fabs(*seconds) >= 1e11)
        *seconds /= 1e3;
    return isfinite(*seconds);
}

void latency_take(struct stage *st, struct load *l, const struct record *recs,
                  int n)
{
    if (!l->latency)
        return;
    double now = (double)time_now() / 1e6, then;
    for (int i = 0; i < n; i++) {
        struct val v;
        if (select_pick(l->latency, recs[i].text, recs[i].shaped, &v) == 0 &&
            event_time(st, v, &then))
            facts_latency(stage_facts(st), now - then);
    }
}
