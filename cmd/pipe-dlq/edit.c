/* edit: other bytes for letters, by expressions or in an editor. What was there
 * stays in the letter. */
#include "edit.h"

#include "base/base64.h"
#include "json/check.h"
#include "json/utf8.h"
#include "json/visible.h"
#include "reshape/reshape.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 10000

/* ---- who, and how */

static void find_user(struct buf *by)
{
    char host[256] = "";
    const struct passwd *user = getpwuid(getuid());
    if (user)
        buf_addz(by, user->pw_name);
    else
        buf_addf(by, "%ld", (long)getuid());
    if (gethostname(host, sizeof(host) - 1) == 0 && *host)
        buf_addf(by, "@%s", host);
}

static void describe(struct buf *how, const struct opt_steps *steps)
{
    struct buf text = { 0 };
    if (steps->n == 0) {
        buf_addz(how, "\"editor\"");
        return;
    }
    for (size_t i = 0; i < steps->n; i++) {
        buf_reset(&text);
        buf_addf(&text, "--%s %s", steps->v[i].opt->name, steps->v[i].value);
        buf_addc(how, i ? ',' : '[');
        json_quote(how, buf_str(&text));
    }
    buf_addc(how, ']');
    how->failed |= text.failed;
    buf_free(&text);
}

int edit_lock(struct edit *ed, int *fd)
{
    struct target target = { 0 };
    struct err *e = &ed->st->err;
    char *uri = pick_uri(ed->st, ed->a);
    int r = uri ? target_parse(&target, uri, e) : -1;
    if (r == 0)
        r = target_lock(&target, PATIENCE_MS, fd, e);
    target_free(&target);
    free(uri);
    return r;
}

/* ---- one letter */

static int refuse(struct edit *ed, const struct envelope *v, const char *why)
{
    char hex[33];
    hash128_hex(v->id, hex);
    return err_set(&ed->st->err, ERR_DATA, "letter %s: %s: nothing is edited",
                   hex, why);
}

/* pipe-extract reads other things than records; of these only a row of CSV,
 * whose letter has a context, may hold line ends. */
static int check_record(struct edit *ed, const struct envelope *v,
                        struct str raw)
{
    struct json_fault fault;
    struct buf stage = { 0 };
    if (text_of(&stage, v->stage)) {
        buf_free(&stage);
        return err_nomem(&ed->st->err);
    }
    bool extracts = str_eq(buf_str(&stage), STR("pipe-extract"));
    buf_free(&stage);
    if (memchr(raw.p, '\n', raw.n) &&
        !(extracts && v->context.type == JSON_OBJECT))
        return refuse(ed, v, "a record is one line");
    if (extracts)
        return 0;
    if (json_check_object(raw, JSON_DEPTH_DEFAULT, &fault)) {
        char why[200];
        snprintf(why, sizeof(why), "the edited record is no JSON object (%s)",
                 fault.why);
        return refuse(ed, v, why);
    }
    return 0;
}

static void add_bytes(struct buf *line, const char *name, struct str raw)
{
    bool text = utf8_valid(raw) && !memchr(raw.p, '\0', raw.n);
    buf_addf(line, ",\"%s%s\":", name, text ? "" : "_b64");
    if (text) {
        json_quote(line, raw);
        return;
    }
    buf_addc(line, '"');
    base64_encode(line, raw);
    buf_addc(line, '"');
}

static int show_change(struct edit *ed, const struct envelope *v,
                       struct str was, struct str raw)
{
    struct buf line = { .max = DLQ_LINE_MAX };
    char hex[33];
    hash128_hex(v->id, hex);
    if (wants_json(ed->a)) {
        buf_addf(&line, "{\"id\":\"%s\"", hex);
        add_bytes(&line, "was", was);
        add_bytes(&line, "raw", raw);
        buf_addc(&line, '}');
    } else {
        buf_addf(&line, "%s\n- ", hex);
        visible_text(&line, was);
        buf_addz(&line, "\n+ ");
        visible_text(&line, raw);
    }
    return print_line(ed->st, &line);
}

int edit_letter(struct edit *ed, const struct envelope *v, struct str was,
                struct str raw)
{
    bool cut = v->raw_length.type != JSON_MISSING;
    if (str_eq(was, raw) && !cut) {
        ed->same++;
        return 0;
    }
    if (str_eq(was, raw)) { /* still only its start */
        ed->same++;
        return 0;
    }
    if (check_record(ed, v, raw))
        return -1;
    ed->changed++;
    if (ed->show && show_change(ed, v, was, raw))
        return -1;
    struct dlq_edit d = { .raw = raw,
                          .by = buf_str(&ed->by),
                          .how = buf_str(&ed->how) };
    return ed->q ? dlq_add_edit(ed->q, v, &d, &ed->st->err) : 0;
}

/* ---- by expressions */

static int reshape_one(struct edit *ed, struct reshape *r,
                       const struct envelope *v, struct buf *was)
{
    const struct reshape_out *out;
    struct expr_fault f;
    struct json_fault fault;
    size_t n;
    buf_reset(was);
    if (envelope_raw(was, v))
        return refuse(ed, v, "its raw cannot be decoded");
    if (v->raw_length.type != JSON_MISSING)
        return refuse(ed, v, "only the start of its record is kept");
    if (json_check_object(buf_str(was), JSON_DEPTH_DEFAULT, &fault))
        return refuse(ed, v,
                      "its record is no JSON object, which an editor can mend");
    int bad = reshape_run(r, buf_str(was), NULL, &out, &n, &f);
    if (bad == -2)
        return err_nomem(&ed->st->err);
    if (bad) {
        char why[400];
        snprintf(why, sizeof(why), "%s (%s)", f.msg, f.code);
        return refuse(ed, v, why);
    }
    return n == 1 ? edit_letter(ed, v, buf_str(was), out[0].text)
                  : refuse(ed, v, "the record is gone");
}

static int reshape_all(struct edit *ed, struct reshape *r, struct pick *p)
{
    struct buf was = { .max = DLQ_LINE_MAX };
    int bad = 0;
    ed->changed = ed->same = 0;
    for (size_t i = 0; !bad && i < p->n; i++) {
        struct envelope v;
        bad = stage_tick(ed->st) ||
              dlq_read_get(&p->read, p->v[i], &v, &ed->st->err) ||
              reshape_one(ed, r, &v, &was);
    }
    buf_free(&was);
    return bad;
}

/* First without writing: one letter that cannot be mended leaves all. */
static int reshape_letters(struct edit *ed, struct reshape *r, struct pick *p)
{
    struct err *e = &ed->st->err;
    ed->show = ed->a->dry_run;
    if (reshape_all(ed, r, p))
        return -1;
    if (ed->a->dry_run || ed->changed == 0)
        return 0;
    ed->q = dlq_open(p->read.target.path, e);
    return ed->q && reshape_all(ed, r, p) == 0 ? dlq_edit_done(ed->q, e) : -1;
}

static int run_steps(struct edit *ed)
{
    struct interval when = { 0 };
    struct reshape *r = NULL;
    struct pick p = { 0 };
    int fd = -1, bad = stage_interval(ed->st, &when);
    const struct expr_env env = { .date = when.date,
                                  .start = when.start,
                                  .end = when.end,
                                  .tz = ed->st->opts.tz };
    if (!bad) {
        r = reshape_new(&env);
        bad = r ? 0 : err_nomem(&ed->st->err);
    }
    for (size_t i = 0; !bad && i < ed->a->steps.n; i++)
        bad = reshape_add(r, ed->a->steps.v[i].opt->name,
                          ed->a->steps.v[i].value, &ed->st->err);
    if (!bad && !ed->a->dry_run)
        bad = edit_lock(ed, &fd) < 0;
    if (!bad)
        bad = pick_open(&p, ed->st, ed->a, "open", !ed->a->dry_run);
    if (!bad)
        bad = reshape_letters(ed, r, &p);
    pick_close(&p);
    reshape_free(r);
    stage_interval_free(&when);
    if (fd >= 0)
        close(fd);
    return bad ? -1 : 0;
}

static int run_editor(struct edit *ed)
{
    struct pick p = { 0 };
    int bad = pick_open(&p, ed->st, ed->a, "open", false);
    if (!bad && p.n)
        bad = editor_run(ed, &p);
    pick_close(&p);
    return bad ? -1 : 0;
}

int dlq_edit_cmd(struct stage *st, const struct args *a)
{
    struct edit ed = { .st = st, .a = a };
    if (!pick_is_given(st, a))
        return err_set(&st->err, ERR_USAGE,
                       "edit what? choose by --id, --code, --stage ..., or "
                       "--all");
    find_user(&ed.by);
    describe(&ed.how, &a->steps);
    int bad = ed.by.failed || ed.how.failed ? err_nomem(&st->err)
              : a->steps.n                  ? run_steps(&ed)
                                            : run_editor(&ed);
    if (!bad && ed.changed + ed.same)
        stage_note(st, "%s%llu letter%s edited, %llu unchanged",
                   a->dry_run ? "would leave " : "",
                   (unsigned long long)ed.changed, ed.changed == 1 ? "" : "s",
                   (unsigned long long)ed.same);
    dlq_close(ed.q);
    buf_free(&ed.by);
    buf_free(&ed.how);
    return bad;
}
