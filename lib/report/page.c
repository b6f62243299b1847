/* The page as a whole: what is wrong, an overview, what feeds what. */
#include "report/page.h"

#include "json/visible.h"
#include "report/html.h"
#include "report/words.h"

#include <stdlib.h>

#define STRIP 30 /* runs in a strip */

void page_badge(struct buf *out, const struct health *h)
{
    const struct trouble *t = h->n_troubles ? &h->troubles[0] : NULL;
    const char *class = "good", *text = "well";
    if (t) {
        class = t->severity == PIPELINE_CRITICAL ? "bad" : "warn";
        text = pipeline_event_name(t->event);
    } else if (h->has_live) {
        class = "live";
        text = "running";
    } else if (!h->has_last) {
        class = "none";
        text = "no run yet";
    }
    buf_addf(out, "<span class=\"badge %s\">%s</span>", class,
             strcmp(text, "dead_letters") == 0 ? "dead letters" : text);
}

/* ---- the head */

static size_t count_unwell(const struct page *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_health; i++)
        n += p->health[i].n_troubles != 0;
    return n;
}

static void add_verdict(struct buf *out, const struct page *p)
{
    size_t unwell = count_unwell(p);
    if (p->n_health == 0)
        buf_addz(out, "No pipeline has run");
    else if (unwell)
        buf_addf(out, "%zu of %zu pipeline%s not well", unwell, p->n_health,
                 p->n_health == 1 ? " is"
                 : unwell == 1    ? "s is"
                                  : "s are");
    else
        buf_addf(out, "%s well",
                 p->n_health == 1 ? "The pipeline is" : "All pipelines are");
}

static void add_theme(struct buf *out)
{
    static const char *const names[] = { "auto", "light", "dark" };
    buf_addz(out, "<fieldset class=\"theme\"><legend>Colours</legend>");
    for (int i = 0; i < 3; i++)
        buf_addf(out,
                 "<input type=\"radio\" name=\"theme\" id=\"%s\"%s>"
                 "<label for=\"%s\">%s</label>",
                 names[i], i ? "" : " checked", names[i], names[i]);
    buf_addz(out, "</fieldset>");
}

static void add_head(struct buf *out, const struct page *p)
{
    buf_addz(out,
             "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width, "
             "initial-scale=1\"><meta name=\"color-scheme\" content=\"light "
             "dark\"><meta http-equiv=\"Content-Security-Policy\" "
             "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
             "<title>");
    add_verdict(out, p);
    buf_addz(out, "</title><style>");
    for (size_t i = 0; page_style[i]; i++)
        buf_addz(out, page_style[i]);
    buf_addz(out, "</style></head>\n<body><header><div><h1>Pipelines</h1><p>");
    words_time(out, p->now_us, p->tz);
    buf_addc(out, ' ');
    html_textz(out, p->tz ? p->tz : "UTC");
    buf_addz(out, ", runs since ");
    words_time(out, p->from_us, p->tz);
    buf_addz(out, "</p></div>");
    add_theme(out);
    buf_addz(out, "</header>\n<main>");
}

static void add_troubles(struct buf *out, const struct page *p)
{
    size_t unwell = count_unwell(p);
    buf_addf(out, "<section class=\"verdict %s\"><h2>",
             unwell        ? "bad"
             : p->n_health ? "good"
                           : "none");
    add_verdict(out, p);
    buf_addz(out, "</h2>");
    if (unwell)
        buf_addz(out, "<ul>");
    for (size_t i = 0; i < p->n_health; i++) {
        const struct health *h = &p->health[i];
        for (size_t k = 0; k < h->n_troubles; k++) {
            buf_addf(out, "<li class=\"%s\"><a href=\"#p%zu\">",
                     h->troubles[k].severity == PIPELINE_CRITICAL ? "bad"
                                                                  : "warn",
                     i);
            html_textz(out, h->conf->pipeline);
            const char *event = pipeline_event_name(h->troubles[k].event);
            buf_addf(out, "</a> <b>%s</b> ",
                     strcmp(event, "dead_letters") == 0 ? "dead letters"
                                                        : event);
            html_textz(out, h->troubles[k].text);
            buf_addz(out, "</li>");
        }
    }
    buf_addz(out, unwell ? "</ul></section>\n" : "</section>\n");
}

/* ---- the overview */

/* The last runs as ticks, oldest first, and in words. */
static void add_strip(struct buf *out, const struct run *const *runs, size_t n)
{
    size_t from = n > STRIP ? n - STRIP : 0, ok = 0;
    for (size_t i = from; i < n; i++)
        ok += run_is_ok(runs[i]);
    buf_addf(out,
             "<svg class=\"strip\" width=\"%zu\" height=\"18\" role=\"img\" "
             "aria-label=\"%zu of the last %zu runs ended well\"><title>%zu of "
             "the last %zu runs ended well</title>",
             (n - from) * 5, ok, n - from, ok, n - from);
    for (size_t i = from; i < n; i++)
        buf_addf(out,
                 "<rect class=\"%s\" x=\"%zu\" y=\"%d\" width=\"3.5\" "
                 "height=\"%d\"/>",
                 run_is_ok(runs[i])     ? "ok"
                 : runs[i]->live        ? "live"
                 : run_is_over(runs[i]) ? "bad"
                                        : "none",
                 (i - from) * 5, run_is_ok(runs[i]) ? 4 : 1,
                 run_is_ok(runs[i]) ? 10 : 16);
    buf_addz(out, "</svg>");
}

static void cell(struct buf *out, const char *label, const char *class)
{
    buf_addf(out, "<td data-label=\"%s\"%s%s%s>", label,
             *class ? " class=\"" : "", class, *class ? "\"" : "");
}

static void add_row(struct buf *out, const struct page_part *part)
{
    const struct health *h = part->health;
    const struct run *r = h->has_last ? &h->last : NULL;
    const struct run *last = part->n ? part->runs[part->n - 1] : NULL;
    const char *tz = part->page->tz;
    buf_addf(out, "<tr><th scope=\"row\"><a href=\"#p%zu\">", part->index);
    html_textz(out, h->conf->pipeline);
    buf_addz(out, "</a></th>");
    cell(out, "state", "");
    page_badge(out, h);
    buf_addz(out, "</td>");
    cell(out, "last run", "");
    words_time(out, r ? r->started_us : 0, tz);
    buf_addz(out, "</td>");
    cell(out, "took", "num");
    if (r)
        words_seconds(out, r->seconds);
    buf_addz(out, "</td>");
    cell(out, "usually", "num");
    if (last && last->usual_n)
        words_seconds(out, last->usual_seconds);
    buf_addz(out, "</td>");
    cell(out, "rows", "num");
    if (r && r->has_counts)
        words_count(out, r->rows);
    buf_addz(out, "</td>");
    cell(out, "rejected", "num");
    if (r && r->has_counts)
        words_share(out, run_reject_share(r));
    buf_addz(out, "</td>");
    cell(out, "quality", "num");
    if (r && r->has_counts && r->has_quality)
        words_share(out, r->quality);
    else if (r && r->has_counts)
        buf_addc(out, '-');
    buf_addz(out, "</td>");
    cell(out, "dead letters", "num");
    words_count(out, h->letters);
    buf_addz(out, "</td>");
    cell(out, "next due", "");
    words_time(out, h->has_next ? h->next_us : 0, h->conf->tz);
    buf_addz(out, "</td>");
    cell(out, "last runs", "");
    add_strip(out, part->runs, part->n);
    buf_addz(out, "</td></tr>\n");
}

static void add_overview(struct buf *out, const struct page_part *parts,
                         size_t n)
{
    static const char *const names[] = { "Pipeline", "State",    "Last run",
                                         "Took",     "Usually",  "Rows",
                                         "Rejected", "Quality",  "Dead letters",
                                         "Next due", "Last runs" };
    if (n == 0)
        return;
    buf_addz(out, "<section><h2>Overview</h2><table class=\"cards\"><thead>"
                  "<tr>");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        buf_addf(out, "<th scope=\"col\"%s>%s</th>",
                 i >= 3 && i <= 8 ? " class=\"num\"" : "", names[i]);
    buf_addz(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++)
        add_row(out, &parts[i]);
    buf_addz(out, "</tbody></table></section>\n");
}

static void add_dag(struct buf *out, const struct page *p)
{
    if (!p->dag || p->dag->n_edges == 0)
        return;
    buf_addz(out, "<section><h2>What feeds what</h2><div class=\"scroll\" "
                  "tabindex=\"0\" role=\"group\" aria-label=\"lineage\">");
    dag_draw(out, p->dag);
    buf_addz(out, "</div>");
    if (p->dag->cut)
        buf_addz(out, "<p class=\"faint\">There is more than fits here: "
                      "pipe-report impact follows one dataset.</p>");
    buf_addz(out, "</section>\n");
}

/* ---- all */

/* The runs of each pipeline, oldest first. */
static int split_runs(const struct page *p, struct page_part *parts,
                      const struct run ***all, struct err *e)
{
    size_t at = 0;
    *all = calloc(p->runs->n + 1, sizeof(**all));
    if (!*all)
        return err_nomem(e);
    for (size_t i = 0; i < p->n_health; i++) {
        struct str name = str_of(p->health[i].conf->pipeline);
        parts[i] = (struct page_part){
            .page = p, .health = &p->health[i], .index = i, .runs = *all + at
        };
        for (size_t k = p->runs->n; k-- > 0;)
            if (str_eq(p->runs->v[k].pipeline, name))
                (*all)[at + parts[i].n++] = &p->runs->v[k];
        at += parts[i].n;
    }
    return 0;
}

int page_write(struct buf *out, const struct page *p, struct err *e)
{
    const struct run **all = NULL;
    struct page_part *parts = calloc(p->n_health + 1, sizeof(*parts));
    if (!parts)
        return err_nomem(e);
    int r = split_runs(p, parts, &all, e);
    if (r == 0) {
        add_head(out, p);
        add_troubles(out, p);
        add_overview(out, parts, p->n_health);
        add_dag(out, p);
        for (size_t i = 0; i < p->n_health; i++)
            page_pipeline(out, &parts[i]);
        buf_addz(out, "</main><footer>pipeutils " PIPE_VERSION
                      ": pipe-report(1), pipeutils-runbook(7)</footer></body>"
                      "</html>");
        if (out->failed)
            r = err_set(e, ERR_TEMPFAIL,
                        "the page is too large: choose fewer pipelines, or "
                        "--since a later day");
    }
    free(all);
    free(parts);
    return r;
}
