#include "days.h"

#include "base/date.h"
#include "extract.h"

/* A hundred years. */
#define DAYS_MAX 36525

static const char *since, *until;
static bool skip_missing;

const struct opt days_options[] = {
    { OPT_GROUP, 0, "days", NULL, NULL, "Ranges of days", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "since", "DATE", &since,
      "read URIs with {date}, {start} or {end} for each day from DATE on, "
      "instead of that of --date",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "until", "DATE", &until,
      "the first day that is not read any more", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_FLAG, 0, "skip-missing", NULL, &skip_missing,
      "days without a file are fine; default fail (66)", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { 0 }
};

static int parse_day(const char *option, const char *text, int64_t *day,
                     struct err *e)
{
    if (date_parse(str_of(text), day))
        return 0;
    return err_set(e, ERR_USAGE, "option --%s: '%s' is no date (YYYY-MM-DD)",
                   option, text);
}

int days_parse(struct days *d, struct stage *st)
{
    struct err *e = &st->err;
    d->given = since && until;
    d->skip = skip_missing;
    if (!since != !until)
        return err_set(e, ERR_USAGE, "--since and --until go together");
    if (skip_missing && !since)
        return err_set(e, ERR_USAGE, "option --skip-missing is for --since");
    if (!since)
        return 0;
    if (st->opts.date)
        return err_set(e, ERR_USAGE, "--date and --since exclude each other");
    if (parse_day("since", since, &d->from, e) ||
        parse_day("until", until, &d->until, e))
        return -1;
    if (d->until <= d->from)
        return err_set(e, ERR_USAGE, "no day from %s until %s", since, until);
    if (d->until - d->from > DAYS_MAX)
        return err_set(e, ERR_USAGE, "more than %d days from %s until %s",
                       DAYS_MAX, since, until);
    return 0;
}

size_t days_count(const struct days *d, struct stage *st)
{
    size_t dated = 0, all = st->argc ? (size_t)st->argc : 1;
    for (int i = 0; i < st->argc; i++)
        dated += stage_has_template(st->argv[i]);
    if (!d->given)
        return all;
    if (dated == 0) {
        err_set(&st->err, ERR_USAGE,
                "--since wants a URI with {date}, {start} or {end} in it");
        return 0;
    }
    return all - dated + dated * (size_t)(d->until - d->from);
}

const char *days_next(const struct days *d, const struct stage *st,
                      struct days_iter *it)
{
    const char *operand = st->argc ? st->argv[it->operand] : "-";
    it->dated = d->given && stage_has_template(operand);
    it->day = d->from + it->next;
    if (it->dated && it->day + 1 < d->until) {
        it->next++;
    } else {
        it->next = 0;
        it->operand++;
    }
    return operand;
}

int days_check(struct stage *st, const struct origin *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!v[i].missing)
            return 0;
    return err_set(&st->err, ERR_NOINPUT,
                   "none of %zu days from %s until %s has a file", n, since,
                   until);
}
