#include "report/chart.h"

#include "report/html.h"
#include "report/words.h"

#define WIDE 1000.0 /* of the drawing, stretched to what there is */
#define HIGH 100.0
#define HEADROOM 1.08
#define STUB 6.0

struct axes {
    const struct chart *c;
    double top, bottom; /* values at the edges */
};

static double x_of(const struct axes *a, const struct run *r)
{
    double span = (double)(a->c->to_us - a->c->from_us);
    double x = span > 0 ? (double)(r->started_us - a->c->from_us) / span * WIDE
                        : WIDE / 2;
    return x < 0 ? 0 : x > WIDE ? WIDE : x;
}

static double y_of(const struct axes *a, double value)
{
    double y = HIGH - (value - a->bottom) / (a->top - a->bottom) * HIGH;
    return y < 0 ? 0 : y > HIGH ? HIGH : y;
}

/* Shares near 1 would all lie on the upper edge: twice the least's distance
 * from 1 is what the axis spans. */
static double find_bottom(const struct chart *c)
{
    double least = 1;
    for (size_t i = 0; i < c->n; i++)
        if (c->value(c->runs[i]) >= 0 && c->value(c->runs[i]) < least)
            least = c->value(c->runs[i]);
    double bottom = least < 1 ? 1 - 2 * (1 - least) : 0;
    return bottom > 0 ? bottom : 0;
}

static double find_top(const struct chart *c)
{
    double top = c->limit;
    for (size_t i = 0; i < c->n; i++) {
        double v = c->value(c->runs[i]), u = c->usual(c->runs[i]);
        top = v > top ? v : top;
        top = u > top ? u : top;
    }
    return c->share ? 1 : top > 0 ? top * HEADROOM : 1;
}

static const char *class_of(const struct run *r)
{
    return run_is_ok(r)     ? "ok"
           : r->live        ? "live"
           : run_is_over(r) ? "bad"
                            : "none";
}

static void add_usual(struct buf *out, const struct axes *a)
{
    bool open = false;
    for (size_t i = 0; i < a->c->n; i++) {
        double u = a->c->usual(a->c->runs[i]);
        if (u < 0)
            continue;
        buf_addf(out, "%s%.1f %.1f", open ? "L" : "<path class=\"usual\" d=\"M",
                 x_of(a, a->c->runs[i]), y_of(a, u));
        open = true;
    }
    if (open)
        buf_addz(out, "\"/>");
}

static void add_line(struct buf *out, const struct axes *a)
{
    bool open = false;
    for (size_t i = 0; i < a->c->n; i++) {
        const struct run *r = a->c->runs[i];
        if (!run_is_ok(r) || a->c->value(r) < 0)
            continue;
        buf_addf(out, "%s%.1f %.1f", open ? "L" : "<path class=\"line\" d=\"M",
                 x_of(a, r), y_of(a, a->c->value(r)));
        open = true;
    }
    if (open)
        buf_addz(out, "\"/>");
}

/* A dot is a line of no length with round ends: it stays round when the drawing
 * is stretched. */
static void add_point(struct buf *out, const struct axes *a,
                      const struct run *r)
{
    double v = a->c->value(r), y = y_of(a, v);
    if (v < 0)
        return;
    if (a->c->bars && !run_is_ok(r) && y > HIGH - STUB)
        y = HIGH - STUB; /* what failed shows, also where it has nothing */
    buf_addf(out, "<path class=\"%s %s\" d=\"M%.1f %.1f", class_of(r),
             a->c->bars ? "bar" : "dot", x_of(a, r), y);
    if (a->c->bars)
        buf_addf(out, "V%.0f", HIGH);
    else
        buf_addz(out, "h0");
    buf_addz(out, "\"><title>");
    words_time(out, r->started_us, a->c->tz);
    buf_addz(out, ": ");
    a->c->say(out, v);
    if (!run_is_ok(r)) {
        buf_addz(out, ", ");
        html_text(out, r->outcome);
    }
    buf_addz(out, "</title></path>");
}

static void add_heading(struct buf *out, const struct chart *c)
{
    const struct run *last = NULL;
    for (size_t i = 0; i < c->n; i++)
        if (run_is_ok(c->runs[i]) && c->value(c->runs[i]) >= 0)
            last = c->runs[i];
    buf_addz(out, "<figcaption><b>");
    html_textz(out, c->title);
    buf_addz(out, "</b>");
    if (last) {
        buf_addz(out, "<span>");
        c->say(out, c->value(last));
        if (c->usual(last) >= 0) {
            buf_addz(out, ", usually ");
            c->say(out, c->usual(last));
        }
        buf_addz(out, "</span>");
    }
    buf_addz(out, "</figcaption>");
}

static void add_day(struct buf *out, int64_t us, const char *tz)
{
    struct buf text = { .max = 64 };
    words_time(&text, us, tz);
    buf_add(out, text.p, text.n < 10 ? text.n : 10);
    buf_free(&text);
}

void chart_draw(struct buf *out, const struct chart *c)
{
    struct axes a = { c, find_top(c), c->share ? find_bottom(c) : 0 };
    buf_addz(out, "<figure class=\"chart\">");
    add_heading(out, c);
    buf_addz(out, "<div class=\"plot\"><span class=\"top\">");
    c->say(out, a.top);
    buf_addf(out,
             "</span><svg viewBox=\"0 0 %.0f %.0f\" "
             "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
             WIDE, HIGH);
    html_textz(out, c->title);
    buf_addz(out, " over time\">");
    buf_addf(out,
             "<path class=\"grid\" d=\"M0 %.0fH%.0fM0 %.0fH%.0fM0 0H%.0f"
             "\"/>",
             HIGH, WIDE, HIGH / 2, WIDE, WIDE);
    if (c->limit > 0)
        buf_addf(out, "<path class=\"limit\" d=\"M0 %.1fH%.0f\"/>",
                 y_of(&a, c->limit), WIDE);
    if (!c->bars)
        add_line(out, &a);
    for (size_t i = 0; i < c->n; i++)
        add_point(out, &a, c->runs[i]);
    add_usual(out, &a);
    buf_addz(out, "</svg>");
    if (a.bottom > 0) {
        buf_addz(out, "<span class=\"bottom\">");
        c->say(out, a.bottom);
        buf_addz(out, "</span>");
    }
    buf_addz(out, "</div><div class=\"days\"><span>");
    add_day(out, c->from_us, c->tz);
    buf_addz(out, "</span><span>");
    add_day(out, c->to_us, c->tz);
    buf_addz(out, "</span></div></figure>");
}
