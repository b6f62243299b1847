/* One pipeline: charts, SLA, dead letters, its last runs. */
#include "report/chart.h"
#include "report/html.h"
#include "report/page.h"
#include "report/words.h"

#define POINTS_MAX 400
#define RUNS_SHOWN 12
#define MOMENTS_SHOWN 14
#define EARLY_US ((int64_t)60 * 1000000)

/* ---- figures */

static double seconds_of(const struct run *r)
{
    return r->seconds > 0 ? r->seconds : 0; /* a clock may be set */
}

static double usual_seconds(const struct run *r)
{
    return r->usual_n ? r->usual_seconds : -1;
}

static double rows_of(const struct run *r)
{
    return (double)r->rows;
}

static double usual_rows(const struct run *r)
{
    return r->usual_n ? r->usual_rows : -1;
}

static double quality_of(const struct run *r)
{
    return r->has_quality ? r->quality : -1;
}

static double share_of(const struct run *r)
{
    return run_reject_share(r);
}

static double no_usual(const struct run *r)
{
    (void)r;
    return -1;
}

static void say_count(struct buf *out, double v)
{
    words_short(out, v);
}

static void add_charts(struct buf *out, const struct page_part *p)
{
    const struct page *page = p->page;
    size_t from = p->n > POINTS_MAX ? p->n - POINTS_MAX : 0;
    struct chart c = {
        .runs = p->runs + from,
        .n = p->n - from,
        .tz = page->tz,
        .from_us = from ? p->runs[from]->started_us : page->from_us,
        .to_us = page->now_us,
    };
    if (c.n == 0)
        return;
    if (c.runs[0]->started_us > c.from_us)
        c.from_us = c.runs[0]->started_us;
    buf_addz(out, "<div class=\"charts\">");
    c.title = "Duration";
    c.value = seconds_of;
    c.usual = usual_seconds;
    c.say = words_seconds;
    c.limit = (double)p->health->conf->expected.duration_ms / 1000;
    chart_draw(out, &c);
    c.title = "Rows";
    c.value = rows_of;
    c.usual = usual_rows;
    c.say = say_count;
    c.limit = 0;
    c.bars = true;
    chart_draw(out, &c);
    c.title = "Rejected";
    c.value = share_of;
    c.usual = no_usual;
    c.say = words_share;
    chart_draw(out, &c);
    c.title = "Quality";
    c.value = quality_of;
    c.bars = false;
    c.share = true;
    chart_draw(out, &c);
    buf_addz(out, "</div>");
    if (from)
        buf_addf(out, "<p class=\"faint\">The newest %d of %zu runs.</p>",
                 POINTS_MAX, p->n);
}

/* ---- what was declared */

static void add_fact(struct buf *out, const char *name)
{
    buf_addf(out, "<div><dt>%s</dt><dd>", name);
}

static void add_facts(struct buf *out, const struct pipeline_conf *c)
{
    buf_addz(out, "<dl>");
    if (c->owner) {
        add_fact(out, "Owner");
        html_textz(out, c->owner);
        buf_addz(out, "</dd></div>");
    }
    if (c->runbook) {
        add_fact(out, "Runbook");
        html_link(out, c->runbook, c->runbook);
        buf_addz(out, "</dd></div>");
    }
    if (c->schedule_text) {
        add_fact(out, "Schedule");
        buf_addz(out, "<code>");
        html_textz(out, c->schedule_text);
        buf_addz(out, "</code> ");
        html_textz(out, c->tz ? c->tz : "UTC");
        buf_addz(out, "</dd></div>");
    }
    if (c->sla_ms) {
        add_fact(out, "SLA");
        buf_addz(out, "done within ");
        words_seconds(out, (double)c->sla_ms / 1000);
        buf_addz(out, "</dd></div>");
    }
    if (c->freshness_ms) {
        add_fact(out, "Freshness");
        buf_addz(out, "an ok run every ");
        words_seconds(out, (double)c->freshness_ms / 1000);
        buf_addz(out, "</dd></div>");
    }
    if (c->expected.has_rows) {
        add_fact(out, "Rows");
        words_count(out, c->expected.rows);
        buf_addf(out, " \302\261 %.0f%%</dd></div>",
                 c->expected.tolerance * 100);
    }
    buf_addz(out, "</dl>");
}

/* ---- the SLA, moment by moment */

/* The first run that ended well of those for a moment. */
static const struct run *run_for(const struct page_part *p, int64_t moment,
                                 int64_t next)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->runs[i]->started_us >= moment - EARLY_US &&
            p->runs[i]->started_us < next - EARLY_US && run_is_ok(p->runs[i]))
            return p->runs[i];
    return NULL;
}

static bool add_moment(struct buf *out, const struct page_part *p,
                       int64_t moment, int64_t next, int64_t due, bool *judged)
{
    const char *tz = p->health->conf->tz;
    const struct run *r = run_for(p, moment, next);
    bool kept = r && r->ended_us <= due;
    *judged = r || due <= p->page->now_us;
    buf_addz(out, "<tr><td data-label=\"due\">");
    words_time(out, moment, tz);
    buf_addz(out, "</td><td data-label=\"done by\">");
    words_time(out, due, tz);
    buf_addz(out, "</td><td data-label=\"done\">");
    words_time(out, r ? r->ended_us : 0, tz);
    buf_addz(out, "</td><td data-label=\"verdict\">");
    if (kept)
        buf_addz(out, "<span class=\"badge good\">on time</span>");
    else if (r) {
        buf_addz(out, "<span class=\"badge warn\">late by ");
        words_seconds(out, (double)(r->ended_us - due) / 1e6);
        buf_addz(out, "</span>");
    } else
        buf_addz(out, *judged ? "<span class=\"badge bad\">missed</span>"
                              : "<span class=\"badge none\">to come</span>");
    buf_addz(out, "</td></tr>\n");
    return kept;
}

static void add_sla(struct buf *out, const struct page_part *p)
{
    const struct pipeline_conf *c = p->health->conf;
    struct buf rows = { .max = out->max };
    int64_t moment = 0, next = INT64_MAX;
    unsigned kept = 0, judged = 0;
    if (!c->sla_ms || !c->schedule_text)
        return;
    int64_t from = p->page->now_us;
    for (int i = 0; i < MOMENTS_SHOWN &&
                    schedule_previous(&c->schedule, from, c->tz, &moment) &&
                    moment >= p->page->from_us;
         i++) {
        bool is_judged = false;
        kept += add_moment(&rows, p, moment, next,
                           moment + (int64_t)c->sla_ms * 1000, &is_judged);
        judged += is_judged;
        next = moment;
        from = moment - 1;
    }
    if (rows.n) {
        buf_addz(out, "<h4>SLA</h4><p>");
        if (judged)
            buf_addf(out, "%u of the last %u kept.", kept, judged);
        buf_addz(out, "</p><table class=\"cards\"><thead><tr><th>Due</th>"
                      "<th>Done by</th><th>Done</th><th>Verdict</th></tr>"
                      "</thead><tbody>");
        buf_add_str(out, buf_str(&rows));
        buf_addz(out, "</tbody></table>");
    }
    out->failed |= rows.failed;
    buf_free(&rows);
}

/* ---- dead letters */

static void add_letters(struct buf *out, const struct page_part *p)
{
    struct str name = str_of(p->health->conf->pipeline);
    bool open = false;
    for (size_t i = 0; i < p->page->letters->n; i++) {
        const struct letters_group *g = &p->page->letters->v[i];
        if (!str_eq(g->pipeline, name))
            continue;
        if (!open)
            buf_addz(out, "<h4>Dead letters</h4><table class=\"cards\"><thead>"
                          "<tr><th>Stage</th><th>Code</th><th class=\"num\">"
                          "Open</th><th>Oldest</th><th>Newest</th></tr>"
                          "</thead><tbody>");
        open = true;
        buf_addz(out, "<tr><td data-label=\"stage\">");
        html_text(out, g->stage);
        buf_addz(out, "</td><td data-label=\"code\">");
        html_text(out, g->code);
        buf_addz(out, "</td><td data-label=\"open\" class=\"num\">");
        words_count(out, g->open);
        buf_addz(out, "</td><td data-label=\"oldest\">");
        words_time(out, g->oldest_us, p->page->tz);
        buf_addz(out, "</td><td data-label=\"newest\">");
        words_time(out, g->newest_us, p->page->tz);
        buf_addz(out, "</td></tr>\n");
    }
    if (!open)
        return;
    buf_addz(out, "</tbody></table><pre>pipe-dlq list --pipeline ");
    html_text(out, name);
    buf_addz(out, "</pre>");
}

/* ---- the last runs */

static void add_run(struct buf *out, const struct page_part *p,
                    const struct run *r)
{
    const char *class = run_is_ok(r) ? "good" : r->live ? "live" : "bad";
    buf_addz(out, "<tr><td data-label=\"began\">");
    words_time(out, r->started_us, p->page->tz);
    buf_addz(out, "</td><td data-label=\"date\">");
    html_text(out, r->date.n ? r->date : STR("-"));
    buf_addf(out, "</td><td data-label=\"outcome\"><span class=\"badge %s\">",
             run_is_over(r) || r->live ? class : "none");
    html_text(out, r->outcome);
    buf_addz(out, "</span></td><td data-label=\"took\" class=\"num\">");
    words_seconds(out, r->seconds);
    buf_addz(out, "</td><td data-label=\"rows\" class=\"num\">");
    words_count(out, r->rows);
    buf_addz(out, "</td><td data-label=\"rejected\" class=\"num\">");
    words_share(out, run_reject_share(r));
    buf_addz(out, "</td><td data-label=\"run\" class=\"id\"><code>");
    html_text(out, r->run_id);
    buf_addz(out, "</code>");
    if (r->message.n) {
        buf_addz(out, "<p>");
        html_text(out, r->message);
        buf_addz(out, "</p>");
    }
    buf_addz(out, "</td></tr>\n");
}

static void add_runs(struct buf *out, const struct page_part *p)
{
    if (p->n == 0)
        return;
    buf_addz(out, "<h4>Last runs</h4><table class=\"cards\"><thead><tr>"
                  "<th>Began</th><th>Date</th><th>Outcome</th>"
                  "<th class=\"num\">Took</th><th class=\"num\">Rows</th>"
                  "<th class=\"num\">Rejected</th><th>Run</th></tr></thead>"
                  "<tbody>");
    for (size_t i = 0; i < p->n && i < RUNS_SHOWN; i++)
        add_run(out, p, p->runs[p->n - 1 - i]);
    buf_addz(out, "</tbody></table>");
}

void page_pipeline(struct buf *out, const struct page_part *p)
{
    const struct health *h = p->health;
    buf_addf(out, "<section id=\"p%zu\"><h3>", p->index);
    html_textz(out, h->conf->pipeline);
    buf_addc(out, ' ');
    page_badge(out, h);
    buf_addz(out, "</h3>");
    add_facts(out, h->conf);
    add_charts(out, p);
    add_sla(out, p);
    add_letters(out, p);
    add_runs(out, p);
    buf_addz(out, "</section>\n");
}
