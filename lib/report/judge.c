/* What is wrong with a pipeline, in words. */
#include "json/visible.h"
#include "report/health.h"
#include "report/words.h"

/* Cron starts what is due at a moment at that moment, by its own clock. */
#define EARLY_US ((int64_t)60 * 1000000)

struct judge {
    struct health *h;
    int64_t now_us;
    struct buf text; /* of the trouble that is written */
    struct err *e;
};

static int add(struct judge *j, enum pipeline_event event,
               enum pipeline_severity severity)
{
    struct health *h = j->h;
    struct str text = { 0 };
    if (!j->text.failed)
        text = arena_dup(&h->text, buf_str(&j->text));
    buf_reset(&j->text);
    if (!text.p)
        return err_nomem(j->e);
    if (h->n_troubles < HEALTH_TROUBLES)
        h->troubles[h->n_troubles++] =
            (struct trouble){ event, severity, text.p };
    return 0;
}

/* "2026-01-05 06:15:00 (3h 12m ago)" */
static void say_when(struct judge *j, int64_t us)
{
    words_time(&j->text, us, j->h->conf->tz);
    if (j->h->conf->tz)
        buf_addf(&j->text, " %s", j->h->conf->tz);
    buf_addz(&j->text, " (");
    words_seconds(&j->text, (double)(j->now_us - us) / 1e6);
    buf_addz(&j->text, " ago)");
}

static void say_last_ok(struct judge *j)
{
    if (!j->h->has_ok) {
        buf_addz(&j->text, "no run has ended well yet");
        return;
    }
    buf_addz(&j->text, "the last ok run began ");
    say_when(j, j->h->ok.started_us);
}

static void say_run(struct judge *j, const struct run *r)
{
    buf_addz(&j->text, "run ");
    visible_text(&j->text, r->run_id);
    if (r->date.n) {
        buf_addz(&j->text, " of ");
        visible_text(&j->text, r->date);
    }
    buf_addz(&j->text, " ended ");
    visible_text(&j->text, r->outcome);
    buf_addf(&j->text, " with exit %d", r->exit);
    if (r->message.n) {
        buf_addz(&j->text, ": ");
        visible_text(&j->text, r->message);
    }
}

/* The last run, or that of a date which was not run again since. */
static int judge_failed(struct judge *j)
{
    const struct health *h = j->h;
    bool last = h->has_last && !run_is_ok(&h->last);
    size_t others = h->gaps;
    if (!last && others == 0)
        return 0;
    const struct run *r = last ? &h->last : &h->gap;
    say_run(j, r);
    if (!last)
        buf_addz(&j->text, ", and not again since");
    if (others && (!last || (r->date.n && str_eq(r->date, h->gap.date))))
        others--;
    if (others)
        buf_addf(&j->text, "; so did %zu other date%s", others,
                 others == 1 ? "" : "s");
    return add(j, PIPELINE_FAILED, PIPELINE_CRITICAL);
}

static int judge_late(struct judge *j)
{
    struct health *h = j->h;
    const struct pipeline_conf *c = h->conf;
    if (!c->schedule_text)
        return 0;
    h->has_next = schedule_next(&c->schedule, j->now_us, c->tz, &h->next_us);
    int64_t sla_us = (int64_t)c->sla_ms * 1000;
    h->has_due =
        c->sla_ms &&
        schedule_previous(&c->schedule, j->now_us - sla_us, c->tz, &h->due_us);
    if (!h->has_due || (h->has_ok && h->ok.started_us >= h->due_us - EARLY_US))
        return 0;
    buf_addz(&j->text, "was to be done by ");
    say_when(j, h->due_us + sla_us);
    buf_addz(&j->text, ", ");
    if (h->has_live) {
        buf_addz(&j->text, "still runs since ");
        words_time(&j->text, h->live.started_us, c->tz);
        buf_addz(&j->text, ", ");
    }
    say_last_ok(j);
    return add(j, PIPELINE_LATE, PIPELINE_CRITICAL);
}

static int judge_stale(struct judge *j)
{
    struct health *h = j->h;
    int64_t limit_us = (int64_t)h->conf->freshness_ms * 1000;
    if (!limit_us || (h->has_ok && j->now_us - h->ok.ended_us <= limit_us))
        return 0;
    buf_addz(&j->text, "an ok run is wanted every ");
    words_seconds(&j->text, (double)limit_us / 1e6);
    buf_addz(&j->text, ", ");
    say_last_ok(j);
    return add(j, PIPELINE_STALE, PIPELINE_CRITICAL);
}

static int judge_volume(struct judge *j)
{
    const struct pipeline_conf *c = j->h->conf;
    double want = (double)c->expected.rows;
    double off = want * c->expected.tolerance;
    double low = off < want ? want - off : 0, high = want + off;
    double have = (double)j->h->ok.rows;
    if (!c->expected.has_rows || !j->h->has_ok || (have >= low && have <= high))
        return 0;
    words_count(&j->text, j->h->ok.rows);
    buf_addz(&j->text, " rows in run ");
    visible_text(&j->text, j->h->ok.run_id);
    buf_addz(&j->text, ", ");
    words_count(&j->text, (uint64_t)(low + 0.5));
    buf_addz(&j->text, " to ");
    words_count(&j->text, (uint64_t)(high + 0.5));
    buf_addz(&j->text, " are expected");
    return add(j, PIPELINE_VOLUME, PIPELINE_WARNING);
}

static int judge_slow(struct judge *j)
{
    const struct health *h = j->h;
    double limit = (double)h->conf->expected.duration_ms / 1000;
    double live =
        h->has_live ? (double)(j->now_us - h->live.started_us) / 1e6 : 0;
    if (limit <= 0)
        return 0;
    const struct run *r = live > limit                             ? &h->live
                          : h->has_last && h->last.seconds > limit ? &h->last
                                                                   : NULL;
    if (!r)
        return 0;
    buf_addz(&j->text, "run ");
    visible_text(&j->text, r->run_id);
    buf_addz(&j->text, r == &h->live ? " has run for " : " took ");
    words_seconds(&j->text, r == &h->live ? live : r->seconds);
    buf_addz(&j->text, ", ");
    words_seconds(&j->text, limit);
    buf_addz(&j->text, " at most is expected");
    return add(j, PIPELINE_SLOW, PIPELINE_WARNING);
}

static int judge_letters(struct judge *j)
{
    const struct health *h = j->h;
    if (!h->conf->expected.has_dead_letters || !h->has_letters ||
        h->letters <= h->conf->expected.dead_letters)
        return 0;
    words_count(&j->text, h->letters);
    buf_addz(&j->text, " dead letters are open, ");
    words_count(&j->text, h->conf->expected.dead_letters);
    buf_addz(&j->text, " at most are expected");
    return add(j, PIPELINE_DEAD_LETTERS, PIPELINE_WARNING);
}

int health_judge(struct health *v, size_t n, int64_t now_us, struct err *e)
{
    int failed = 0;
    for (size_t i = 0; i < n && !failed; i++) {
        struct judge j = { .h = &v[i], .now_us = now_us, .e = e };
        v[i].n_troubles = 0;
        failed = judge_late(&j) || judge_stale(&j) || judge_failed(&j) ||
                 judge_volume(&j) || judge_slow(&j) || judge_letters(&j);
        buf_free(&j.text);
    }
    return failed ? -1 : 0;
}
