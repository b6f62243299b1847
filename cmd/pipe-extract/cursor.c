/* --cursor: reading goes on at the greatest value that was committed. Records
 * with that very value may have come since: they are read again, and those that
 * are committed are known by their hashes. */
#include "base/date.h"
#include "json/check.h"
#include "json/splice.h"
#include "track.h"

#include <inttypes.h>
#include <stdlib.h>

static int parse_lag(struct track *t, struct cursor *c)
{
    const char *text = t->o->lag;
    uint64_t ms;
    if (!text)
        return 0;
    if (opt_time(text, &ms) == 0 && ms <= UINT64_MAX / 1000) {
        c->lag = ms * 1000;
        c->lag_is_time = true;
        return 0;
    }
    char *end;
    c->lag = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || c->lag > INT64_MAX)
        return err_set(&t->st->err, ERR_USAGE,
                       "option --lag: '%s' is neither a time such as 5m nor a "
                       "whole number",
                       text);
    return 0;
}

/* --from, as the JSON scalar that it stands for: a number, else a text. */
static int add_from(struct buf *out, const char *text)
{
    return json_number_valid(str_of(text)) ? buf_addz(out, text)
                                           : json_quote(out, str_of(text));
}

static int start_from(struct track *t, struct tracked *d)
{
    struct err *e = &t->st->err;
    struct buf value = { .max = 65536 };
    int r = -1;
    if (add_from(&value, t->o->from))
        err_nomem(e);
    else {
        struct str v = buf_str(&value);
        struct position *p = positions_at(&d->from, STR(""), e);
        if (p) {
            position_forget_ties(p);
            r = position_set(p, position_kind_of(v), v, e);
        }
    }
    buf_free(&value);
    return r;
}

/* From the position that the target has. */
static int check_from(struct track *t, const struct tracked *d)
{
    const struct position *p = positions_find(&d->from, STR(""));
    if (t->o->from && p && p->value.n && !t->o->rewind)
        return err_set(&t->st->err, ERR_USAGE,
                       "source '%.*s' is read up to %.*s: --rewind with --from "
                       "starts elsewhere",
                       STR_ARG(d->from.source), STR_ARG(p->value));
    return 0;
}

static int fits_lag(struct track *t, const struct cursor *c)
{
    bool fits = !c->lag || (c->lag_is_time && c->kind == POSITION_TIME) ||
                (!c->lag_is_time && c->kind == POSITION_NUMBER);
    return fits ? 0
                : err_set(&t->st->err, ERR_USAGE,
                          "option --lag %s does not fit cursor '%s', whose "
                          "values are of kind %s",
                          t->o->lag, t->o->cursor, position_kinds[c->kind]);
}

/* The first value that is wanted: the position less the lag. */
static int find_first(struct track *t, struct cursor *c,
                      const struct position *p)
{
    /* Farther back nobody knows what is committed. */
    uint64_t lag = c->lag < p->lag ? c->lag : p->lag;
    int64_t key;
    buf_reset(&c->text);
    if (!lag)
        buf_add_str(&c->text, p->value);
    else if (!frontier_key(p->kind, p->value, &key) ||
             __builtin_sub_overflow(key, (int64_t)lag, &key))
        return err_set(&t->st->err, ERR_DATA,
                       "cannot take --lag from position %.*s",
                       STR_ARG(p->value));
    else if (p->kind == POSITION_NUMBER)
        buf_addf(&c->text, "%" PRId64, key);
    else {
        buf_addc(&c->text, '"');
        time_format(&c->text, key);
        buf_addc(&c->text, '"');
    }
    c->first = buf_str(&c->text);
    return c->text.failed ? err_nomem(&t->st->err) : 0;
}

int cursor_begin(struct track *t, struct tracked *d)
{
    struct cursor *c = &d->cursor;
    struct err *e = &t->st->err;
    if (path_parse(&c->path, str_of(t->o->cursor), e) || parse_lag(t, c) ||
        check_from(t, d))
        return -1;
    c->frontier.lag = c->lag;
    c->ask.field = t->o->cursor;
    if (t->o->from && start_from(t, d))
        return -1;
    const struct position *p = positions_find(&d->from, STR(""));
    if (!p || !p->value.n)
        return 0;
    c->known = true;
    c->kind = p->kind;
    if (fits_lag(t, c) || find_first(t, c, p))
        return -1;
    c->ask.from = c->first;
    /* What is not passed by the records stays. */
    struct position *to = positions_at(&d->to, STR(""), e);
    return to ? position_set(to, p->kind, p->value, e) : -1;
}

int cursor_judge(struct track *t, struct tracked *d, struct str record,
                 enum cursor_verdict *verdict, struct str *value,
                 struct hash128 *tie, const char **why)
{
    struct cursor *c = &d->cursor;
    struct err *e = &t->st->err;
    struct val v = json_find(record, &c->path);
    bool order = true;
    *verdict = CURSOR_NONE;
    *why = "is missing or null";
    if (v.type == JSON_MISSING || v.type == JSON_NULL)
        return 0;
    *why = "is neither a number nor a string";
    if (v.type != JSON_NUMBER && v.type != JSON_STRING)
        return 0;
    if (!c->known) {
        c->kind = position_kind_of(v.raw);
        c->known = true;
        if (fits_lag(t, c))
            return -1;
    }
    *why = "is of another kind than those before";
    struct position *p = positions_at(&d->to, STR(""), e);
    if (!p)
        return -1;
    if (c->first.n && position_cmp(c->kind, v.raw, c->first, &order) < 0) {
        *verdict = CURSOR_OLD;
        return 0;
    }
    if (!c->first.n)
        (void)position_cmp(c->kind, v.raw, v.raw, &order);
    if (!order)
        return 0;
    *value = v.raw;
    *tie = hash128(record);
    const struct position *was = positions_find(&d->from, STR(""));
    *verdict = was && position_is_tie(was, *tie) ? CURSOR_AGAIN : CURSOR_NEW;
    return frontier_take(&c->frontier, p, c->kind, v.raw, *tie, e);
}
