#include "quality/report.h"

#include "base/date.h"
#include "io/output.h"
#include "json/utf8.h"

/* ---- members; each begins with its own comma and line */

static void add_key(struct buf *out, const char *before, const char *key)
{
    buf_addf(out, "%s\"%s\":", before, key);
}

/* A string, or null. What comes from the command line or out of a message may
 * be cut or any bytes: what is not UTF-8 is shown as U+FFFD. */
static void add_text(struct buf *out, const char *before, const char *key,
                     const char *value)
{
    struct buf text = { 0 };
    add_key(out, before, key);
    if (!value) {
        buf_addz(out, "null");
        return;
    }
    out->failed |= utf8_lossy(&text, str_of(value)) != 0;
    json_quote(out, buf_str(&text));
    buf_free(&text);
}

static void add_str(struct buf *out, const char *before, const char *key,
                    struct str value)
{
    add_key(out, before, key);
    json_quote(out, value);
}

static void add_count(struct buf *out, const char *before, const char *key,
                      uint64_t n)
{
    add_key(out, before, key);
    buf_addf(out, "%llu", (unsigned long long)n);
}

/* JSON as it is, null where there is none. */
static void add_json(struct buf *out, const char *before, const char *key,
                     const struct buf *json)
{
    add_key(out, before, key);
    buf_add_str(out, json->n ? buf_str(json) : STR("null"));
}

static void add_rule(struct buf *out, const struct rule *r)
{
    add_str(out, "{", "name", r->name);
    add_str(out, ",", "expression", r->body);
    add_text(out, ",", "severity", r->warn ? "warn" : "error");
}

/* ---- parts of the document */

static void add_run(struct buf *out, const struct report_run *run)
{
    add_count(out, "{", "v", 1);
    add_text(out, ",\n ", "stage", run->stage);
    add_text(out, ",\n ", "pipeline", run->pipeline);
    add_text(out, ",\n ", "run_id", run->run_id);
    add_text(out, ",\n ", "date", run->date);
    add_key(out, ",\n ", "ts");
    buf_addc(out, '"');
    time_format(out, time_now());
    buf_addc(out, '"');
    add_key(out, ",\n ", "passed");
    buf_addz(out, run->exit ? "false" : "true");
    add_count(out, ",\n ", "exit", (uint64_t)run->exit);
    add_text(out, ",\n ", "error", run->error);
    add_key(out, ",\n ", "counts");
    add_count(out, "{", "read", run->read);
    add_count(out, ",", "out", run->out);
    add_count(out, ",", "rejected", run->rejected);
    buf_addc(out, '}');
}

static void add_rules(struct buf *out, const struct report_run *run)
{
    add_key(out, ",\n ", "rules");
    buf_addc(out, '[');
    for (size_t i = 0; i < run->n_rules; i++) {
        const struct report_rule *r = &run->rules[i];
        buf_addz(out, i ? ",\n  " : "\n  ");
        add_text(out, "{", "code", r->code);
        add_str(out, ",", "path", r->path);
        if (r->schema.n)
            add_str(out, ",", "schema", r->schema);
        add_count(out, ",", "records", r->records);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void add_checks(struct buf *out, const struct quality *q)
{
    add_key(out, ",\n ", "checks");
    buf_addc(out, '[');
    for (size_t i = 0; i < q->n_checks; i++) {
        struct check_count c = { 0 };
        if (q->n_workers)
            c = q->workers[0].checker.counts[i];
        buf_addz(out, i ? ",\n  " : "\n  ");
        add_rule(out, &q->checks[i]);
        add_count(out, ",", "failed", c.failed);
        add_count(out, ",", "errors", c.errors);
        add_key(out, ",", "passed");
        buf_addz(out, c.failed + c.errors ? "false}" : "true}");
    }
    buf_addc(out, ']');
}

static void add_gate(struct buf *out, const struct quality_gate *x)
{
    static const char *const passed[] = { [OUTCOME_OPEN] = "null",
                                          [OUTCOME_PASSED] = "true",
                                          [OUTCOME_FAILED] = "false",
                                          [OUTCOME_NO_BASELINE] = "true" };
    const struct ruling *r = &x->ruling;
    add_rule(out, &x->gate.rule);
    add_str(out, ",\n   ", "measure", x->gate.shows);
    add_json(out, ",", "value", &r->value);
    add_str(out, ",", "bound", x->gate.wants);
    add_json(out, ",", "low", &r->low);
    add_json(out, ",", "high", &r->high);
    add_json(out, ",", "baseline", &r->median);
    add_count(out, ",", "runs", r->runs);
    add_key(out, ",\n   ", "passed");
    buf_addz(out, passed[r->outcome]);
    if (r->outcome == OUTCOME_OPEN)
        add_text(out, ",", "message", NULL);
    else
        add_str(out, ",", "message", buf_str(&r->message));
    buf_addc(out, '}');
}

int report_make(struct buf *out, const struct quality *q,
                const struct report_run *run)
{
    add_run(out, run);
    add_rules(out, run);
    add_checks(out, q);
    add_key(out, ",\n ", "gates");
    buf_addc(out, '[');
    for (size_t i = 0; i < q->n_gates; i++) {
        buf_addz(out, i ? ",\n  " : "\n  ");
        add_gate(out, &q->gates[i]);
    }
    return buf_addz(out, "]}\n");
}

int report_write(const char *path, const struct quality *q,
                 const struct report_run *run, struct err *e)
{
    struct output out;
    struct buf text = { 0 };
    if (report_make(&text, q, run)) {
        buf_free(&text);
        return err_nomem(e);
    }
    int r = output_file(&out, path, e);
    if (r == 0) {
        r = output_write(&out, buf_str(&text), e) || output_commit(&out, e) ? -1
                                                                            : 0;
        output_close(&out);
    }
    buf_free(&text);
    return r;
}
