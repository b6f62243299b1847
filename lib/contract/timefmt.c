#include "contract/timefmt.h"

#define PIECES_MAX 64

/* A run of one letter, or a byte that stands for itself (letter 0). */
struct piece {
    char letter;
    char byte;
    size_t width;
};

struct pieces {
    struct piece v[PIECES_MAX];
    size_t n;
};

/* Ways in which day, month and year go together. */
enum fit { FIT_ANY, FIT_31, FIT_30, FIT_28, FIT_LEAP };

/* ---- pieces */

static char meaning(char c)
{
    switch (c) {
    case 'u':
    case 'Y': return 'y';
    case 'D': return 'd';
    default: return c;
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool width_is_known(char letter, size_t n)
{
    switch (letter) {
    case 'y': return n == 4;
    case 'M':
    case 'd':
    case 'H':
    case 'm':
    case 's': return n <= 2;
    case 'S': return n <= 9;
    case 'X':
    case 'x': return n <= 3;
    case 'Z': return n <= 3 || n == 5;
    case '\001': return n == 1;
    default: return false;
    }
}

static bool add(struct pieces *p, char letter, char byte, size_t width)
{
    if (p->n == PIECES_MAX)
        return false;
    p->v[p->n++] = (struct piece){ letter, byte, width };
    return true;
}

/* 'text', in which, and in place of which, two quotes are one. Sets *at behind
 * it. */
static bool take_quoted(struct pieces *p, const char **at, const char *end)
{
    const char *q = *at + 1;
    if (q < end && *q == '\'') {
        *at = q + 1;
        return add(p, 0, '\'', 1);
    }
    for (; q < end; q++) {
        bool twice = *q == '\'' && q + 1 < end && q[1] == '\'';
        if (*q == '\'' && !twice) {
            *at = q + 1;
            return true;
        }
        if (!add(p, 0, *q, 1))
            return false;
        q += twice;
    }
    return false;
}

static bool take_pieces(struct pieces *p, struct str format)
{
    const char *at = format.p, *end = at + format.n;
    size_t open = 0;
    while (at < end) {
        char c = meaning(*at);
        const char *from = at;
        if (c == '\'') {
            if (!take_quoted(p, &at, end))
                return false;
            continue;
        }
        if (c == '[' || c == ']') {
            open += c == '[' ? 1 : (size_t)-1;
            if (open > PIECES_MAX || !add(p, c, 0, 1))
                return false;
            at++;
            continue;
        }
        if ((!is_letter(c) && c != '\001') || c == 'T') {
            if (strchr("{}#", c) || !add(p, 0, c, 1))
                return false;
            at++;
            continue;
        }
        while (at < end && meaning(*at) == c)
            at++;
        if (!width_is_known(c, (size_t)(at - from)) ||
            !add(p, c, 0, (size_t)(at - from)))
            return false;
    }
    return open == 0;
}

/* ---- what they come to */

static size_t count(const struct pieces *p, char letter)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->v[i].letter == letter;
    return n;
}

/* From the largest to the smallest, each of one width and always there. */
static bool is_ordered(const struct pieces *p)
{
    static const char ranks[] = "yMdHmsS\001";
    const char *last = NULL;
    for (size_t i = 0; i < p->n; i++) {
        char c = p->v[i].letter;
        const char *rank = c ? strchr(ranks, c) : NULL;
        if (!c)
            continue;
        if (!rank || (last && rank <= last) ||
            (p->v[i].width == 1 && !strchr("S\001", c)))
            return false;
        last = rank;
    }
    return true;
}

/* The format with a letter for each part, a zone as Z. */
static void skeleton(const struct pieces *p, char *out)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct piece *x = &p->v[i];
        bool colon = x->width == 3 || x->letter == 'Z';
        if (x->letter == '\001') {
            *out++ = '.';
            *out++ = 'S';
        } else if (x->letter && strchr("XxZ", x->letter)) {
            *out++ = colon ? 'Z' : '?';
        } else if (x->letter && x->width == 1 && strchr("MdHms", x->letter)) {
            *out++ = '?';
        } else if (!x->letter || !strchr("[]", x->letter)) {
            *out++ = x->letter ? x->letter : x->byte;
        }
    }
    *out = '\0';
}

/* What time_parse reads. */
static bool is_rfc3339(const char *s)
{
    if (strncmp(s, "y-M-d", 5) != 0)
        return false;
    s += 5;
    if (!*s)
        return true;
    if ((*s != 'T' && *s != ' ') || strncmp(s + 1, "H:m:s", 5) != 0)
        return false;
    s += 6;
    s += strncmp(s, ".S", 2) == 0 ? 2 : 0;
    return strcmp(s, "Z") == 0 || !*s;
}

static void describe(struct timefmt *f, const struct pieces *p)
{
    char shape[PIECES_MAX * 2 + 1];
    size_t zones = count(p, 'X') + count(p, 'x') + count(p, 'Z');
    size_t depth = 0;
    skeleton(p, shape);
    f->zone = zones > 0;
    for (size_t i = 0; i < p->n; i++) {
        char c = p->v[i].letter;
        depth += c == '[' ? 1 : c == ']' ? (size_t)-1 : 0;
        f->needs_zone |= c && strchr("XxZ", c) && depth == 0;
    }
    f->date = count(p, 'y') && count(p, 'M') && count(p, 'd');
    f->time = count(p, 'H') + count(p, 'm') + count(p, 's') > 0;
    f->ordered = !f->zone && is_ordered(p);
    f->rfc3339 = is_rfc3339(shape);
    f->plain_date = strcmp(shape, "y-M-d") == 0 && !count(p, '[');
}

/* ---- the regular expression */

static const char *year(enum fit fit)
{
    return fit == FIT_LEAP ? "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])"
                             "|(?:[02468][048]|[13579][26])00)"
                           : "[0-9]{4}";
}

/* With Z where a zero may be left out. */
static const char *month(enum fit fit)
{
    static const char *const months[] = { [FIT_ANY] = "(?:Z[1-9]|1[0-2])",
                                          [FIT_31] = "(?:Z[13578]|1[02])",
                                          [FIT_30] = "(?:Z[469]|11)",
                                          [FIT_28] = "Z2",
                                          [FIT_LEAP] = "Z2" };
    return months[fit];
}

static const char *day(enum fit fit)
{
    static const char *const days[] = { [FIT_ANY] =
                                            "(?:Z[1-9]|[12][0-9]|3[01])",
                                        [FIT_31] = "(?:Z[1-9]|[12][0-9]|3[01])",
                                        [FIT_30] = "(?:Z[1-9]|[12][0-9]|30)",
                                        [FIT_28] = "(?:Z[1-9]|1[0-9]|2[0-8])",
                                        [FIT_LEAP] = "29" };
    return days[fit];
}

static void add_part(struct buf *out, const char *part, bool padded)
{
    for (; *part; part++)
        if (*part != 'Z')
            buf_addc(out, *part);
        else
            buf_addz(out, padded ? "0" : "0?");
}

static void add_zone(struct buf *out, const struct piece *x)
{
    const char *hours = "[+-](?:[01][0-9]|2[0-3])", *minutes = "[0-5][0-9]";
    bool any = x->letter == 'Z' && x->width < 5;
    buf_addz(out, x->letter == 'x' ? "(?:" : "(?:Z|");
    buf_addz(out, hours);
    if (x->width == 1 && !any)
        buf_addf(out, "(?:%s)?)", minutes);
    else
        buf_addf(out, "%s%s)", any ? ":?" : x->width == 2 ? "" : ":", minutes);
}

static void add_byte(struct buf *out, char c)
{
    if (strchr("\\^$.|?*+()[]{}/", c))
        buf_addc(out, '\\');
    buf_addc(out, c);
}

static void add_piece(struct buf *out, const struct piece *x, enum fit fit)
{
    switch (x->letter) {
    case 0: add_byte(out, x->byte); break;
    case '[': buf_addz(out, "(?:"); break;
    case ']': buf_addz(out, ")?"); break;
    case 'y': buf_addz(out, year(fit)); break;
    case 'M': add_part(out, month(fit), x->width == 2); break;
    case 'd': add_part(out, day(fit), x->width == 2); break;
    case 'H':
        buf_addz(out, x->width == 2 ? "(?:[01][0-9]|2[0-3])"
                                    : "(?:[01]?[0-9]|2[0-3])");
        break;
    case 'm':
    case 's':
        buf_addz(out, x->width == 2 ? "[0-5][0-9]" : "[0-5]?[0-9]");
        break;
    case 'S': buf_addf(out, "[0-9]{%zu}", x->width); break;
    case '\001': buf_addz(out, "(?:\\.[0-9]+)?"); break;
    default: add_zone(out, x);
    }
}

static void write_pattern(struct buf *out, const struct pieces *p)
{
    bool joined = count(p, 'M') && count(p, 'd');
    enum fit from = joined ? FIT_31 : FIT_ANY;
    enum fit to = joined ? FIT_LEAP : FIT_ANY;
    buf_addz(out, "^(?:");
    for (enum fit fit = from; fit <= to; fit++) {
        if (fit > from)
            buf_addc(out, '|');
        for (size_t i = 0; i < p->n; i++)
            add_piece(out, &p->v[i], fit);
    }
    buf_addz(out, ")$");
}

int timefmt_read(struct timefmt *f, struct str format)
{
    struct pieces p = { .n = 0 };
    *f = (struct timefmt){ 0 };
    if (!take_pieces(&p, format))
        return 1;
    describe(f, &p);
    for (const char *c = "yMdHms"; *c; c++)
        if (count(&p, *c) > 1)
            return 1;
    if (!count(&p, 'y') && !count(&p, 'M') && !count(&p, 'd') && !f->time)
        return 1;
    write_pattern(&f->pattern, &p);
    return f->pattern.failed ? -1 : 0;
}

void timefmt_free(struct timefmt *f)
{
    buf_free(&f->pattern);
}
