/* check: a line for each thing that is wrong, nothing when all is well. */
#include "base/date.h"
#include "json/value.h"
#include "json/visible.h"
#include "notify/notify.h"
#include "report_cmd.h"
#include "watched.h"

#include <string.h>

/* Failures are settled by the run that mends them. */
#define SETTLED                                                         \
    (PIPELINE_LATE | PIPELINE_STALE | PIPELINE_VOLUME | PIPELINE_SLOW | \
     PIPELINE_DEAD_LETTERS)

struct check {
    struct stage *st;
    const struct args *a;
    struct watched w;
    const char *state;
    int64_t now_us;
    struct buf line;
    size_t unwell;
};

/* Names of pipelines that this one waits for and that are unwell themselves. */
static void add_upstream(struct check *k, const struct pipeline_conf *c,
                         const char *before)
{
    for (size_t i = 0; i < c->n_upstream; i++) {
        const struct health *up = watched_find(&k->w, c->upstream[i]);
        if (!up || up->n_troubles == 0)
            continue;
        buf_addf(&k->line, "%s%s", before, c->upstream[i]);
        before = ", ";
    }
}

static void add_text(struct check *k, const struct health *h,
                     const struct trouble *t)
{
    const struct pipeline_conf *c = h->conf;
    buf_addf(&k->line, "%s: ", c->pipeline);
    paint(&k->line, t->severity == PIPELINE_CRITICAL ? PAINT_BAD : PAINT_WARN);
    buf_addz(&k->line, pipeline_event_name(t->event));
    paint(&k->line, PAINT_NONE);
    buf_addf(&k->line, ": %s", t->text);
    add_upstream(k, c, "; unwell upstream: ");
    if (c->owner) {
        buf_addz(&k->line, "; owner ");
        visible_text(&k->line, str_of(c->owner));
    }
    if (c->runbook) {
        buf_addz(&k->line, "; runbook ");
        visible_text(&k->line, str_of(c->runbook));
    }
}

static void add_json(struct check *k, const struct health *h,
                     const struct trouble *t)
{
    const struct pipeline_conf *c = h->conf;
    buf_addf(&k->line,
             "{\"pipeline\":\"%s\",\"event\":\"%s\","
             "\"severity\":\"%s\"",
             c->pipeline, pipeline_event_name(t->event),
             pipeline_severity_name(t->severity));
    add_member(&k->line, "message", str_of(t->text));
    add_member(&k->line, "owner", str_of(c->owner ? c->owner : ""));
    add_member(&k->line, "runbook", str_of(c->runbook ? c->runbook : ""));
    if (t->event == PIPELINE_LATE) {
        buf_addz(&k->line, ",\"moment\":\"");
        time_format(&k->line, h->due_us);
        buf_addc(&k->line, '"');
    }
    if (h->has_last)
        add_member(&k->line, "last_run", h->last.run_id);
    if (h->has_ok)
        add_member(&k->line, "last_ok", h->ok.run_id);
    buf_addc(&k->line, '}');
}

static int print(struct check *k, const struct health *h)
{
    bool json = k->a->format && strcmp(k->a->format, "json") == 0;
    for (size_t i = 0; i < h->n_troubles; i++) {
        buf_reset(&k->line);
        (json ? add_json : add_text)(k, h, &h->troubles[i]);
        if (k->line.failed)
            return err_nomem(&k->st->err);
        if (stage_emit(k->st, buf_str(&k->line)))
            return -1;
    }
    k->unwell += h->n_troubles != 0;
    return 0;
}

static void warn(void *ctx, const char *message)
{
    struct check *k = ctx;
    stage_warn(k->st, "%s", message);
}

/* Those who are named in the pipeline's file. A what-if, or a dry run, tells
 * nobody. */
static int tell(struct check *k, const struct health *h)
{
    struct notify x = { .conf = h->conf,
                        .state = k->state,
                        .now_us = k->now_us,
                        .warn = warn,
                        .ctx = k };
    struct notice notices[HEALTH_TROUBLES];
    char titles[HEALTH_TROUBLES][1200];
    struct buf run_id = { 0 }, failed = { 0 };
    if (h->conf->n_notify == 0 || k->a->now || k->a->dry_run)
        return 0;
    if (h->has_last)
        buf_add_str(&run_id, h->last.run_id);
    /* As pipe-run calls it. */
    const struct run *r = h->has_last && !run_is_ok(&h->last) ? &h->last
                          : h->gaps                           ? &h->gap
                                                              : NULL;
    buf_addz(&failed, "failed");
    if (r && r->date.n)
        buf_addf(&failed, " %.*s", STR_ARG(r->date));
    for (size_t i = 0; i < h->n_troubles; i++) {
        const struct trouble *t = &h->troubles[i];
        const char *event = pipeline_event_name(t->event);
        snprintf(titles[i], sizeof(titles[i]), "%s: %s: %s", h->conf->pipeline,
                 event, t->text);
        notices[i] = (struct notice){
            .event = t->event,
            .severity = t->severity,
            .what = t->event == PIPELINE_FAILED && buf_z(&failed) ? failed.p
                                                                  : event,
            .title = titles[i],
            .run_id = run_id.n ? buf_z(&run_id) : NULL,
        };
    }
    int told = notify_tell(&x, notices, h->n_troubles, SETTLED, &k->st->err);
    buf_free(&run_id);
    buf_free(&failed);
    return told;
}

static int look(struct check *k)
{
    struct watched *w = &k->w;
    for (size_t i = 0; i < w->n; i++) {
        const struct health *h = &w->health[i];
        if (print(k, h))
            return -1;
        if (h->future)
            stage_warn(k->st,
                       "%llu runs of '%s' lie in the future, they are not "
                       "looked at: a clock is or was wrong",
                       (unsigned long long)h->future, h->conf->pipeline);
    }
    /* The lines come first: whoever is to be told may be hard to reach. */
    if (output_flush(&k->st->out, &k->st->err))
        return -1;
    for (size_t i = 0; i < w->n; i++)
        if (tell(k, &w->health[i]))
            return -1;
    if (w->bad)
        return err_set(&k->st->err, ERR_CONFIG,
                       "%zu pipeline file%s cannot be used", w->bad,
                       w->bad == 1 ? "" : "s");
    return k->unwell ? err_set(&k->st->err, ERR_DATA,
                               "%zu of %zu pipelines %s not well", k->unwell,
                               w->n, k->unwell == 1 ? "is" : "are")
                     : 0;
}

int report_check(struct stage *st, const struct args *a)
{
    struct check k = { .st = st, .a = a };
    struct buf state = { .max = 65536 };
    k.state = where_state(st, &state);
    int r = k.state ? where_now(st, a, &k.now_us) : -1;
    if (r == 0)
        r = watched_open(&k.w, st, a, k.state, k.now_us);
    if (r == 0 && k.w.n + k.w.bad == 0)
        r = err_set(&st->err, ERR_CONFIG,
                    "no pipeline is declared in '%s': nothing is watched",
                    k.w.dir.p);
    if (r == 0)
        r = look(&k);
    watched_close(&k.w);
    buf_free(&k.line);
    buf_free(&state);
    return r;
}
