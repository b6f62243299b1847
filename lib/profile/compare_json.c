#include "profile/compare.h"

#include <inttypes.h>
#include <math.h>

/* Six digits are enough of an index or share. A number beyond all doubles is
 * none in JSON: the message spells it. */
static void add_double(struct buf *b, const char *name, double v)
{
    buf_addf(b, isfinite(v) ? ",\"%s\":%.6g" : ",\"%s\":null", name, v);
}

static void add_finding(struct buf *b, const struct finding *f)
{
    buf_addz(b, "{\"field\":");
    if (f->field.n)
        json_quote(b, f->field);
    else
        buf_addz(b, "null");
    buf_addf(b, ",\"metric\":\"%s\"", f->metric);
    add_double(b, "value", f->value);
    add_double(b, "against", f->limit);
    buf_addf(b, ",\"fails\":%s,\"message\":", f->fails ? "true" : "false");
    json_quote(b, f->message);
    buf_addc(b, '}');
}

/* The verdict on a field: the worst that was found. */
static const char *verdict_of(const struct comparison *c, struct str path,
                              bool judged)
{
    const char *verdict = judged ? "same" : "unjudged";
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->v[i].field, path)) {
            if (c->v[i].fails)
                return "drifted";
            verdict = "differs";
        }
    return verdict;
}

int compare_json(const struct comparison *c, const struct summary *now,
                 const struct summary *base, struct buf *out)
{
    static const char *const kinds[] = { "", "values", "numbers", "patterns" };
    buf_addf(out,
             ",\"drift\":{\"verdict\":\"%s\",\"baseline_records\":%" PRIu64,
             c->failed          ? "drifted"
             : c->judged + c->n ? "passed"
                                : "unjudged",
             base->records);
    buf_addf(out, ",\"judged\":%zu,\"unjudged\":%zu,\"findings\":[", c->judged,
             c->unjudged);
    for (size_t i = 0; i < c->n; i++) {
        buf_addz(out, i ? "," : "");
        add_finding(out, &c->v[i]);
    }
    buf_addz(out, "],\"fields\":[");
    for (size_t i = 0; i < now->n_fields; i++) {
        const struct compared_field *f = &c->fields[i];
        struct str path = now->fields[i].path;
        buf_addz(out, i ? ",{\"path\":" : "{\"path\":");
        json_quote(out, path);
        buf_addf(out, ",\"verdict\":\"%s\"", verdict_of(c, path, f->judged));
        if (f->kind != PSI_NONE) {
            add_double(out, "psi", f->psi);
            buf_addf(out, ",\"psi_of\":\"%s\"", kinds[f->kind]);
        }
        buf_addc(out, '}');
    }
    return buf_addz(out, "]}");
}
