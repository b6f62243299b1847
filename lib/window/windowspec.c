#include "window/windowspec.h"

static int refuse(struct str text, const char *why, struct err *e)
{
    return err_set(e, ERR_USAGE, "cannot use window '%.*s': %s", STR_ARG(text),
                   why);
}

static int parse_length(struct str text, struct str length, struct span *s,
                        struct err *e)
{
    if (span_parse(length, s))
        return 0;
    return err_set(e, ERR_USAGE,
                   "cannot use window '%.*s': '%.*s' is no length such as 90s, "
                   "5m, 1h, 1d, 1w or 1mo",
                   STR_ARG(text), STR_ARG(length));
}

/* What windows may begin at. */
static int parse_step(struct windowspec *w, struct str text, struct str step,
                      struct err *e)
{
    if (parse_length(text, step, &w->step, e))
        return -1;
    if (w->step.unit == SPAN_MICROS && w->step.n > SPAN_DAY)
        return refuse(text, "more than 24h is given in days, as 2d", e);
    return 0;
}

/* How many steps make the length: both are months, or both are not. */
static int64_t steps_of(const struct span *length, const struct span *step)
{
    int64_t all = span_micros(length), one = span_micros(step);
    if ((all == 0) != (one == 0))
        return 0;
    if (all == 0) {
        all = length->n;
        one = step->n;
    }
    return all % one ? 0 : all / one;
}

static int parse_sliding(struct windowspec *w, struct str text, struct str args,
                         struct err *e)
{
    const char *comma = memchr(args.p, ',', args.n);
    if (!comma)
        return refuse(text, "sliding needs a length and a step, as 1h,5m", e);
    size_t n = (size_t)(comma - args.p);
    struct span length;
    if (parse_length(text, (struct str){ args.p, n }, &length, e) ||
        parse_step(w, text, (struct str){ comma + 1, args.n - n - 1 }, e))
        return -1;
    w->steps = steps_of(&length, &w->step);
    if (w->steps == 0)
        return refuse(text, "the length is no multiple of the step", e);
    if (w->steps > WINDOWSPEC_STEPS)
        return err_set(e, ERR_USAGE,
                       "cannot use window '%.*s': more than %d steps make the "
                       "length",
                       STR_ARG(text), WINDOWSPEC_STEPS);
    return 0;
}

static int parse_session(struct windowspec *w, struct str text, struct str args,
                         struct err *e)
{
    struct span gap;
    if (parse_length(text, args, &gap, e))
        return -1;
    w->gap = span_micros(&gap);
    if (w->gap)
        return 0;
    return refuse(text, "a gap in months has no certain length", e);
}

int windowspec_parse(struct windowspec *w, struct str text, struct err *e)
{
    static const char *const kinds[] = { "tumbling", "sliding", "session",
                                         "trailing" };
    const char *colon = memchr(text.p, ':', text.n);
    struct str kind = { text.p, colon ? (size_t)(colon - text.p) : 0 };
    struct str args =
        colon ? (struct str){ colon + 1, text.n - kind.n - 1 } : text;
    size_t i = 0;
    while (colon && i < 4 && !str_eq(kind, str_of(kinds[i])))
        i++;
    if (i == 4)
        return refuse(
            text, "windows are tumbling:, sliding:, session: or trailing:", e);
    *w = (struct windowspec){ .kind = (enum window_kind)i, .steps = 1 };
    switch (w->kind) {
    case WINDOW_TUMBLING: return parse_step(w, text, args, e);
    case WINDOW_SLIDING: return parse_sliding(w, text, args, e);
    case WINDOW_SESSION: return parse_session(w, text, args, e);
    case WINDOW_TRAILING: break;
    }
    return parse_length(text, args, &w->length, e);
}
