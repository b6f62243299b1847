/* A summary as one page of HTML: no script, nothing from elsewhere; what comes
 * from the data is made visible first and then escaped. */
#include "profile/render.h"

#include "json/visible.h"

#include <inttypes.h>
#include <math.h>

#define LISTED 10 /* values and patterns of a field */
#define TEXT_BYTES 160

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1d2125;"
    "--dim:#5d6670;--line:#dcdfe3;--bar:#3b6fb6;--soft:#d5e2f3;--bad:#b3261e;"
    "--note:#8a6100}"
    "@media(prefers-color-scheme:dark){:root{--bg:#15181b;--card:#1e2226;"
    "--ink:#e6e8ea;--dim:#9aa3ac;--line:#343a40;--bar:#7fb0ee;--soft:#2c3f56;"
    "--bad:#ff8a80;--note:#e8bd5c}}"
    "*{box-sizing:border-box}body{margin:0;padding:1rem;background:var(--bg);"
    "color:var(--ink);font:15px/1.45 system-ui,sans-serif}"
    "main{max-width:75rem;margin:auto}h1{font-size:1.4rem;margin:.2rem 0}"
    "h2{font-size:1rem;margin:0;overflow-wrap:anywhere;"
    "font-family:ui-monospace,monospace}p{margin:.3rem 0}"
    ".dim{color:var(--dim)}.bad{color:var(--bad)}.note{color:var(--note)}"
    ".grid{display:grid;gap:.8rem;align-items:start;margin-top:1rem;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr))}"
    "section{background:var(--card);border:1px solid var(--line);"
    "border-radius:.5rem;padding:.8rem;min-width:0}"
    "svg{display:block;width:100%;height:auto;margin:.5rem 0 .1rem}"
    "rect{fill:var(--bar)}rect.soft{fill:var(--soft)}"
    "table{border-collapse:collapse;width:100%;table-layout:fixed;"
    "font-size:.87rem}"
    "td{padding:.1rem .2rem;overflow-wrap:anywhere;vertical-align:top}"
    "td.n{text-align:right;width:6.5rem;color:var(--dim);"
    "font-variant-numeric:tabular-nums}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.05rem .7rem;"
    "margin:.4rem 0;font-size:.87rem}dt{color:var(--dim)}"
    "dd{margin:0;overflow-wrap:anywhere}"
    "h3{font-size:.8rem;margin:.6rem 0 .2rem;color:var(--dim);"
    "font-weight:600}ul{padding-left:1.2rem;margin:.4rem 0}"
    "li{overflow-wrap:anywhere}";

/* Text of the data: visible, then escaped; of long text the beginning. */
static void add_text(struct buf *b, struct str text)
{
    struct buf seen = { 0 };
    struct str cut = visible_start(text, TEXT_BYTES);
    if (visible_text(&seen, cut))
        b->failed = true;
    for (size_t i = 0; i < seen.n; i++) {
        char c = seen.p[i];
        switch (c) {
        case '&': buf_addz(b, "&amp;"); break;
        case '<': buf_addz(b, "&lt;"); break;
        case '>': buf_addz(b, "&gt;"); break;
        case '"': buf_addz(b, "&quot;"); break;
        case '\'': buf_addz(b, "&#39;"); break;
        default: buf_addc(b, c);
        }
    }
    if (cut.n < text.n)
        buf_addz(b, "...");
    buf_free(&seen);
}

static void add_pair(struct buf *b, const char *name, struct str text)
{
    if (!text.n)
        return;
    buf_addf(b, "<dt>%s</dt><dd>", name);
    add_text(b, text);
    buf_addz(b, "</dd>");
}

/* ---- charts ---- */

/* A bar of the whole width: what is there, null, and missing. */
static void add_fill(struct buf *b, const struct summary_field *f)
{
    double there = f->of ? (double)summary_present(f) / (double)f->of * 100 : 0;
    buf_addf(b,
             "<svg viewBox=\"0 0 100 2\" preserveAspectRatio=\"none\" "
             "role=\"img\" aria-label=\"%.1f%% there\">"
             "<rect class=\"soft\" width=\"100\" height=\"2\"/>"
             "<rect width=\"%.2f\" height=\"2\"/></svg>",
             there, there);
}

static void add_histogram(struct buf *b, const struct summary_numbers *f)
{
    uint64_t most = 1;
    for (size_t i = 0; i < f->n_bars; i++)
        if (f->bars[i] > most)
            most = f->bars[i];
    buf_addf(b,
             "<svg viewBox=\"0 0 %zu 60\" role=\"img\" "
             "aria-label=\"histogram\">",
             f->n_bars * 10);
    for (size_t i = 0; i < f->n_bars; i++) {
        double height = (double)f->bars[i] / (double)most * 58;
        if (f->bars[i] && height < 1)
            height = 1;
        buf_addf(b,
                 "<rect x=\"%zu\" y=\"%.2f\" width=\"9\" height=\"%.2f\">"
                 "<title>%" PRIu64 "</title></rect>",
                 i * 10, 60 - height, height, f->bars[i]);
    }
    buf_addz(b, "</svg><p class=\"dim\">");
    render_number(b, f->bars_from);
    buf_addz(b, " to ");
    render_number(b, f->bars_to);
    buf_addz(b, " (p1 to p99; the ends hold what is beyond)</p>");
}

static void add_row(struct buf *b, struct str text, bool more, uint64_t n,
                    uint64_t of)
{
    double share = of ? (double)n / (double)of * 100 : 0;
    buf_addz(b, "<tr><td>");
    if (text.n)
        add_text(b, text);
    else
        buf_addz(b, "<span class=\"dim\">(empty)</span>");
    buf_addf(b,
             "%s<svg viewBox=\"0 0 100 2\" preserveAspectRatio=\"none\" "
             "style=\"margin:0\" aria-hidden=\"true\">"
             "<rect width=\"%.2f\" height=\"2\"/></svg></td><td class=\"n\">",
             more ? "..." : "", share);
    render_count(b, n);
    buf_addc(b, ' ');
    render_share(b, n, of);
    buf_addz(b, "</td></tr>");
}

/* ---- a field ---- */

static void add_numbers(struct buf *b, const struct summary_numbers *f)
{
    if (!f->n)
        return;
    buf_addz(b, "<dl>");
    add_pair(b, "min", f->min);
    add_pair(b, "max", f->max);
    add_pair(b, "mean", f->mean);
    add_pair(b, "sum", f->sum);
    if (f->n_edges) {
        if (!isnan(f->deviation)) {
            buf_addz(b, "<dt>stddev</dt><dd>");
            render_number(b, f->deviation);
            buf_addz(b, "</dd>");
        }
        buf_addz(b, "<dt>quantiles</dt><dd>");
        for (size_t i = 0; i < SUMMARY_QUANTILES; i++) {
            buf_addf(b, "%s%s ", i ? ", " : "", summary_share_names[i]);
            render_number(b, f->quantiles[i]);
        }
        if (f->error > 0)
            buf_addf(b, " <span class=\"dim\">(within %.3g%%)</span>",
                     f->error * 100);
        buf_addz(b, "</dd>");
    }
    buf_addz(b, "</dl>");
    if (f->n_bars)
        add_histogram(b, f);
}

static void add_strings(struct buf *b, const struct summary_strings *f)
{
    if (!f->n)
        return;
    buf_addz(b, "<dl>");
    add_pair(b, "first", f->min);
    add_pair(b, "last", f->max);
    buf_addf(b,
             "<dt>length</dt><dd>%" PRIu64 " to %" PRIu64 ", mean %.4g</dd>"
             "</dl>",
             f->chars_least, f->chars_most, f->chars_mean);
    buf_addz(b, "<h3>patterns</h3><table>");
    uint64_t rest = f->other;
    for (size_t i = 0; i < f->n_patterns; i++) {
        if (i < LISTED)
            add_row(b, f->patterns[i].text, false, f->patterns[i].count, f->n);
        else
            rest += f->patterns[i].count;
    }
    buf_addz(b, "</table>");
    if (rest) {
        buf_addz(b, "<p class=\"dim\">");
        render_share(b, rest, f->n);
        buf_addz(b, " of other patterns</p>");
    }
}

static void add_values(struct buf *b, const struct summary_field *f)
{
    uint64_t all = summary_scalars(f);
    if (!f->repeats || !f->n_values || f->values[0].count <= f->lost + 1)
        return;
    buf_addz(b, "<h3>most frequent values</h3><table>");
    for (size_t i = 0; i < f->n_values && i < LISTED; i++)
        add_row(b, f->values[i].text, f->values[i].cut, f->values[i].count,
                all);
    buf_addz(b, "</table>");
    if (f->lost) {
        buf_addz(b, "<p class=\"dim\">counts are at most ");
        render_count(b, f->lost);
        buf_addz(b, " too low</p>");
    }
}

static void add_field(struct buf *b, const struct summary_field *f)
{
    buf_addz(b, "<section><h2>");
    add_text(b, f->path);
    buf_addz(b, "</h2><p>");
    render_types(f, b);
    buf_addz(b, " <span class=\"dim\">");
    render_share(b, f->null, f->of);
    buf_addz(b, " null, ");
    render_share(b, f->missing, f->of);
    buf_addz(b, " missing");
    if (summary_scalars(f)) {
        buf_addz(b, f->distinct_error > 0 ? ", about " : ", ");
        render_count(b, f->distinct);
        buf_addz(b, " different");
    }
    buf_addz(b, "</span></p>");
    add_fill(b, f);
    add_numbers(b, &f->numbers);
    add_values(b, f);
    add_strings(b, &f->strings);
    if (f->arrays)
        buf_addf(b, "<p>%" PRIu64 " to %" PRIu64 " elements, mean %.4g</p>",
                 f->elements_least, f->elements_most, f->elements_mean);
    buf_addz(b, "</section>\n");
}

/* ---- the page ---- */

static void add_findings(struct buf *b, const struct rendering *r)
{
    const struct comparison *c = r->comparison;
    buf_addf(b,
             "<section style=\"margin-top:1rem\"><p><strong class=\"%s\">%s"
             "</strong> against the baseline of ",
             c->failed ? "bad" : "ok", c->failed ? "Drift" : "No drift");
    render_count(b, r->base->records);
    buf_addf(b,
             " records: fields compared %zu, with too few values %zu.</p><ul>",
             c->judged, c->unjudged);
    for (size_t i = 0; i < c->n; i++) {
        buf_addf(b, "<li class=\"%s\">", c->v[i].fails ? "bad" : "note");
        add_text(b, c->v[i].message);
        buf_addz(b, "</li>");
    }
    buf_addz(b, "</ul></section>\n");
}

int render_html(const struct rendering *r, struct buf *out)
{
    const struct summary *s = r->now;
    struct str title = r->title ? str_of(r->title) : STR("records");
    buf_addz(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
                  "charset=\"utf-8\"><meta name=\"viewport\" "
                  "content=\"width=device-width,initial-scale=1\"><meta "
                  "http-equiv=\"Content-Security-Policy\" "
                  "content=\"default-src 'none'; style-src "
                  "'unsafe-inline'\"><title>Profile of ");
    add_text(out, title);
    buf_addf(out, "</title><style>%s</style></head>\n<body><main><h1>", style);
    buf_addz(out, "Profile of ");
    add_text(out, title);
    buf_addz(out, "</h1><p class=\"dim\">");
    if (s->date.n) {
        add_text(out, s->date);
        buf_addz(out, ": ");
    }
    render_count(out, s->records);
    buf_addz(out, s->records == 1 ? " record, " : " records, ");
    render_bytes(out, s->bytes);
    buf_addf(out, ", %zu fields", s->n_fields);
    if (s->twins_known) {
        buf_addz(out, ", ");
        render_count(out, s->twins);
        buf_addz(out, " records repeated");
    }
    buf_addz(out, "</p>\n");
    if (r->comparison)
        add_findings(out, r);
    buf_addz(out, "<div class=\"grid\">\n");
    for (size_t i = 0; i < s->n_fields; i++)
        add_field(out, &s->fields[i]);
    buf_addz(out, "</div>\n");
    if (s->more_fields) {
        buf_addz(out, "<p>And about ");
        render_count(out, s->more_fields);
        buf_addz(out, " more fields, for which there was no room.</p>\n");
    }
    return buf_addz(out, "</main></body></html>\n");
}
