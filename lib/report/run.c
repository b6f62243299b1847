#include "report/run.h"

#include "base/date.h"
#include "json/check.h"

#include <math.h>
#include <stdlib.h>

#define DEPTH 64

int run_text(struct buf *out, struct val v)
{
    if (v.type != JSON_STRING || v.raw.n < 2)
        return 0;
    return json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 });
}

double run_number(struct val v)
{
    char z[64];
    if (v.type != JSON_NUMBER || v.raw.n >= sizeof(z))
        return 0;
    memcpy(z, v.raw.p, v.raw.n);
    z[v.raw.n] = 0;
    double d = strtod(z, NULL);
    return isfinite(d) ? d : 0;
}

uint64_t run_count(struct val v)
{
    char z[32];
    if (v.type != JSON_NUMBER || v.raw.n >= sizeof(z) || *v.raw.p == '-')
        return 0;
    memcpy(z, v.raw.p, v.raw.n);
    z[v.raw.n] = 0;
    return strtoull(z, NULL, 10);
}

int64_t run_time(struct val v)
{
    int64_t us = 0;
    if (v.type != JSON_STRING || v.raw.n < 2 ||
        !time_parse((struct str){ v.raw.p + 1, v.raw.n - 2 }, NULL, &us))
        return 0;
    return us;
}

static bool take_text(struct arena *a, struct val v, struct str *to)
{
    struct buf b = { 0 };
    *to = STR("");
    if (v.type != JSON_STRING)
        return true;
    bool ok = run_text(&b, v) == 0 && !b.failed;
    if (ok && b.n) {
        *to = arena_dup(a, buf_str(&b));
        ok = to->p != NULL;
    }
    buf_free(&b);
    return ok;
}

/* Is the pipe that this stage reads written by another one of the run? */
static bool is_fed(struct val stages, struct val stdin_pipe)
{
    struct val s;
    if (stdin_pipe.type != JSON_NUMBER)
        return false;
    struct json_iter it = json_iter(stages.raw);
    while (json_next(&it, NULL, &s))
        if (str_eq(json_get(s, STR("stdout")).raw, stdin_pipe.raw))
            return true;
    return false;
}

static bool is_read(struct val stages, struct val stdout_pipe)
{
    struct val s;
    if (stdout_pipe.type != JSON_NUMBER)
        return false;
    struct json_iter it = json_iter(stages.raw);
    while (json_next(&it, NULL, &s))
        if (str_eq(json_get(s, STR("stdin")).raw, stdout_pipe.raw))
            return true;
    return false;
}

static void take_stages(struct run *r, struct val stages)
{
    struct val s;
    r->quality = 1;
    struct json_iter it = json_iter(stages.raw);
    while (stages.type == JSON_ARRAY && json_next(&it, NULL, &s)) {
        uint64_t read = run_count(json_get(s, STR("read")));
        uint64_t rejected = run_count(json_get(s, STR("rejected")));
        struct val cpu = json_get(s, STR("cpu_seconds"));
        uint64_t peak = run_count(json_get(s, STR("peak_memory")));
        r->has_counts = true;
        r->rejected += rejected;
        if (!is_fed(stages, json_get(s, STR("stdin"))))
            r->read += read;
        if (!is_read(stages, json_get(s, STR("stdout"))))
            r->rows += run_count(json_get(s, STR("out")));
        if (read) {
            r->has_quality = true;
            r->quality *=
                rejected >= read ? 0 : (double)(read - rejected) / (double)read;
        }
        if (cpu.type == JSON_NUMBER) {
            r->has_cpu = true;
            r->cpu_seconds += run_number(cpu);
        }
        r->peak_memory = peak > r->peak_memory ? peak : r->peak_memory;
    }
}

/* What was loaded counts, where there was a loader; what failed loads nothing.
 */
static void take_loads(struct run *r, struct val loads)
{
    struct val l;
    uint64_t rows = 0;
    bool any = false;
    struct json_iter it = json_iter(loads.raw);
    while (loads.type == JSON_ARRAY && json_next(&it, NULL, &l)) {
        any = true;
        if (json_get(l, STR("committed")).type == JSON_TRUE)
            rows += run_count(json_get(l, STR("rows")));
    }
    if (any || !str_eq(r->outcome, STR("ok")))
        r->rows = rows;
}

bool run_parse(struct str line, struct run *r, struct arena *a)
{
    struct json_fault fault;
    struct val whole, elapsed, attempts, one;
    *r = (struct run){ .attempts = 0 };
    if (json_check_object(line, DEPTH, &fault))
        return false;
    whole = json_val(line);
    if (!take_text(a, json_get(whole, STR("run_id")), &r->run_id) ||
        !take_text(a, json_get(whole, STR("pipeline")), &r->pipeline) ||
        !take_text(a, json_get(whole, STR("date")), &r->date) ||
        !take_text(a, json_get(whole, STR("message")), &r->message) ||
        !take_text(a, json_get(whole, STR("outcome")), &r->outcome))
        return false;
    if (r->outcome.n == 0)
        return false;
    r->started_us = run_time(json_get(whole, STR("started")));
    r->ended_us = run_time(json_get(whole, STR("ended")));
    elapsed = json_get(whole, STR("seconds"));
    r->seconds = elapsed.type == JSON_NUMBER ? run_number(elapsed)
                 : r->ended_us ? (double)(r->ended_us - r->started_us) / 1e6
                               : 0;
    r->exit = (int)run_count(json_get(whole, STR("exit")));
    attempts = json_get(whole, STR("attempts"));
    struct json_iter it = json_iter(attempts.raw);
    while (attempts.type == JSON_ARRAY && json_next(&it, NULL, &one))
        r->attempts++;
    take_stages(r, json_get(whole, STR("stages")));
    r->loads = json_get(whole, STR("loads")).raw;
    take_loads(r, json_get(whole, STR("loads")));
    one = json_get(whole, STR("cost"));
    if (one.type == JSON_OBJECT)
        one = json_get(one, STR("amount"));
    r->has_cost = one.type == JSON_NUMBER;
    r->cost = run_number(one);
    return true;
}

bool run_keep(struct run *r, struct arena *a)
{
    struct str *texts[] = { &r->run_id,  &r->pipeline, &r->date,
                            &r->outcome, &r->message,  &r->loads };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct str copy = texts[i]->n ? arena_dup(a, *texts[i]) : STR("");
        if (!copy.p)
            return false;
        *texts[i] = copy;
    }
    return true;
}

bool run_is_ok(const struct run *r)
{
    return str_eq(r->outcome, STR("ok"));
}

bool run_is_over(const struct run *r)
{
    return !str_eq(r->outcome, STR("running")) &&
           !str_eq(r->outcome, STR("busy")) && !str_eq(r->outcome, STR("open"));
}

double run_reject_share(const struct run *r)
{
    return r->read       ? (double)r->rejected / (double)r->read
           : r->rejected ? 1
                         : 0;
}
