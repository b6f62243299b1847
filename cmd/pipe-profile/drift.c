/* drift: the stream against an earlier profile. */
#include "io/output.h"
#include "profile_cmd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const char *baseline, *max_psi = "0.2", *max_shift = "10%",
                             *max_volume = "30%", *max_new = "1%", *max_range,
                             *max_distinct;
static struct opt_list ignored;
static bool warn, update;

#define PLAIN NULL, 0, 0, 0, COMPLETE_NONE, NULL

const struct opt drift_options[] = {
    { OPT_GROUP, 0, "baseline", NULL, NULL, "Against a baseline", PLAIN },
    { OPT_STRING, 'b', "baseline", "FILE", &baseline,
      "compare with the profile in FILE, an earlier one as json, and fail with "
      "65 where the stream has drifted",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_STRING, 0, "max-psi", "X", &max_psi,
      "highest population stability index of a field; default 0.2; 'none': any",
      PLAIN },
    { OPT_STRING, 0, "max-shift", "P%", &max_shift,
      "how far the share of values that are there, of the usual type or unique "
      "may be from that of the baseline, as a part of it; default 10%",
      PLAIN },
    { OPT_STRING, 0, "max-volume", "P%", &max_volume,
      "how far the number of records may be from that of the baseline; default "
      "30%",
      PLAIN },
    { OPT_STRING, 0, "max-new", "P%", &max_new,
      "highest share of values, or types, that the baseline has not, and of "
      "those it has that are gone; default 1%",
      PLAIN },
    { OPT_STRING, 0, "max-range", "P%", &max_range,
      "how far numbers may go beyond the range of the baseline's, as a part of "
      "its width; default any",
      PLAIN },
    { OPT_STRING, 0, "max-distinct", "P%", &max_distinct,
      "how far the number of different values may be from that of the "
      "baseline; default any",
      PLAIN },
    { OPT_LIST, 0, "ignore", "FIELD", &ignored,
      "do not compare FIELD, as the profile names it, nor what is in it; "
      "repeatable",
      PLAIN },
    { OPT_FLAG, 0, "warn", NULL, &warn, "tell of drift, and do not fail",
      PLAIN },
    { OPT_FLAG, 0, "update", NULL, &update,
      "make this stream the baseline where it has not drifted, or where there "
      "is none",
      PLAIN },
    { 0 }
};

bool drift_asked(void)
{
    return baseline != NULL;
}

/* ---- start ---- */

/* A share as P%, or what it is without the sign (max-psi). */
static int limit_of(const char *option, const char *text, bool percent,
                    double *limit, struct err *e)
{
    char *end;
    *limit = COMPARE_OFF;
    if (!text || strcmp(text, "none") == 0)
        return 0;
    double v = strtod(text, &end);
    bool sign = *end == '%' && !end[1];
    if (end == text || !(percent ? sign : *end == '\0') || !(v >= 0) ||
        isinf(v))
        return err_set(e, ERR_USAGE, "--%s '%s' is no %s, nor 'none'", option,
                       text, percent ? "percentage" : "number from 0 on");
    *limit = percent ? v / 100 : v;
    return 0;
}

static int read_rules(struct compare_rules *r, struct stage *st)
{
    struct err *e = &st->err;
    r->ignored = ignored.v;
    r->n_ignored = ignored.n;
    r->least_sample = st->opts.min_sample ? st->opts.min_sample : 1;
    return limit_of("max-psi", max_psi, false, &r->psi, e) ||
                   limit_of("max-shift", max_shift, true, &r->shift, e) ||
                   limit_of("max-volume", max_volume, true, &r->volume, e) ||
                   limit_of("max-new", max_new, true, &r->fresh, e) ||
                   limit_of("max-range", max_range, true, &r->range, e) ||
                   limit_of("max-distinct", max_distinct, true, &r->distinct, e)
               ? -1
               : 0;
}

static int read_whole(const char *path, struct buf *text, struct err *e)
{
    FILE *f = fopen(path, "re");
    text->max = SUMMARY_BYTES_MAX;
    if (!f)
        return err_sys(e, ERR_IO, errno, "cannot open '%s'", path);
    for (;;) {
        if (buf_reserve(text, 65536)) {
            fclose(f);
            return err_set(e, ERR_CONFIG, "baseline '%s' is too large", path);
        }
        size_t n = fread(text->p + text->n, 1, 65536, f);
        text->n += n;
        if (n == 0)
            break;
    }
    int r = ferror(f) ? err_sys(e, ERR_IO, errno, "cannot read '%s'", path) : 0;
    fclose(f);
    return r;
}

/* A baseline that cannot be used is never taken for none. */
static int read_baseline(struct drift *d, struct stage *st, const char *path)
{
    struct buf text = { 0 };
    struct err e = { 0 };
    int r = read_whole(path, &text, &e);
    if (r && e.code == ERR_NOINPUT && update) {
        buf_free(&text);
        return 0;
    }
    if (r) {
        st->err = e;
    } else {
        while (text.n && text.p[text.n - 1] == '\n')
            text.n--;
        r = summary_read(&d->base, buf_str(&text), &e);
        d->there = r == 0;
        if (r)
            err_set(&st->err, e.code, "baseline '%s' cannot be used: %s", path,
                    e.msg);
    }
    buf_free(&text);
    return r;
}

int drift_open(struct drift *d, struct stage *st)
{
    if (!baseline)
        return warn || update
                   ? err_set(&st->err, ERR_USAGE, "--%s needs --baseline",
                             warn ? "warn" : "update")
                   : 0;
    if (dlq_replaying()) /* its few records are no stream to compare */
        return 0;
    d->warns = warn;
    if (read_rules(&d->rules, st) || stage_expand(st, &d->path, baseline))
        return -1;
    const char *path = buf_z(&d->path);
    return path ? read_baseline(d, st, path) : err_nomem(&st->err);
}

/* ---- end ---- */

int drift_compare(struct drift *d, struct stage *st, const struct summary *now)
{
    if (!d->there)
        return 0;
    d->compared = true;
    return compare_run(&d->found, now, &d->base, &d->rules, &st->err);
}

/* Behind this nothing is left that could fail but the baseline itself. */
static int put_out(struct stage *st)
{
    return stage_pass_lines(st, STR(""), 0) || output_commit(&st->out, &st->err)
               ? -1
               : 0;
}

static int write_baseline(struct drift *d, struct stage *st,
                          const struct summary *now)
{
    struct buf text = { .max = SUMMARY_BYTES_MAX };
    struct output file;
    int r = summary_json(now, &text, &st->err);
    if (r == 0 && buf_addz(&text, "}\n"))
        r = err_nomem(&st->err);
    if (r == 0)
        r = put_out(st);
    if (r == 0)
        r = output_file(&file, d->path.p, &st->err);
    if (r == 0) {
        r = output_write(&file, buf_str(&text), &st->err) ||
                    output_commit(&file, &st->err)
                ? -1
                : 0;
        output_close(&file);
    }
    buf_free(&text);
    return r;
}

static void tell_findings(const struct drift *d, struct stage *st)
{
    for (size_t i = 0; i < d->found.n; i++) {
        const struct finding *f = &d->found.v[i];
        if (f->fails)
            stage_warn(st, "%s: %.*s", warn ? "warning" : "drift",
                       STR_ARG(f->message));
        else if (st->opts.verbose)
            stage_note(st, "%.*s", STR_ARG(f->message));
    }
}

int drift_close(struct drift *d, struct stage *st, const struct summary *now)
{
    if (!d->path.n)
        return 0;
    if (d->compared) {
        tell_findings(d, st);
        if (d->found.failed)
            return warn ? 0
                        : err_set(&st->err, ERR_DATA,
                                  "%zu %s from baseline '%s'", d->found.failed,
                                  d->found.failed == 1 ? "drift" : "drifts",
                                  d->path.p);
        if (st->opts.verbose && d->found.judged == 0)
            stage_note(st, "no field has enough values to be compared");
    }
    if (!update)
        return 0;
    if (now->records == 0) {
        stage_note(st, "no record came: no baseline is made of that");
        return 0;
    }
    return write_baseline(d, st, now);
}

void drift_free(struct drift *d)
{
    compare_free(&d->found);
    summary_free(&d->base);
    buf_free(&d->path);
}
