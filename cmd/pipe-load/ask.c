/* --ask: is a load of an earlier run committed? */
#include "load.h"

#include "json/check.h"
#include "json/value.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Members of the load, as wait_for_word in load.c makes them. */
enum { TARGET, TABLE, CWD, PIPELINE, PARTITION, RUN_ID, INPUT_HASH, N };

static const char *const names[N] = { "target",    "table",     "cwd",
                                      "pipeline",  "partition", "run_id",
                                      "input_hash" };

/* Text of a member, appended to out with its end. */
static int add_member(struct buf *out, struct val load, const char *name,
                      struct err *e)
{
    struct val v = json_get(load, str_of(name));
    size_t from = out->n;
    if (v.type != JSON_STRING)
        return err_set(e, ERR_USAGE,
                       "--ask wants a load as it stands in the record of a "
                       "run: \"%s\" is %s",
                       name, json_type_name(v.type));
    if (json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 }) ||
        buf_addc(out, '\0'))
        return err_nomem(e);
    if (strlen(out->p + from) + 1 != out->n - from)
        return err_set(e, ERR_USAGE, "--ask: \"%s\" has a NUL", name);
    return 0;
}

/* The members are in text, at m. */
static int read_load(const char *json, struct buf *text, const char *m[N],
                     struct err *e)
{
    struct json_fault fault;
    size_t at[N];
    if (json_check_object(str_of(json), JSON_DEPTH_DEFAULT, &fault))
        return err_set(e, ERR_USAGE, "--ask wants one JSON object: %s",
                       fault.why);
    for (size_t i = 0; i < N; i++) {
        at[i] = text->n;
        if (add_member(text, json_val(str_of(json)), names[i], e))
            return -1;
    }
    for (size_t i = 0; i < N; i++)
        m[i] = text->p + at[i];
    return 0;
}

static int ask(const struct load_args *args, const char *const m[N],
               struct err *e)
{
    const char *colon = strchr(m[TARGET], ':');
    const struct sink_spec target = {
        .uri = m[TARGET],
        .target = colon ? colon + 1 : m[TARGET],
        .table = m[TABLE],
        .lock_timeout_ms = args->lock_timeout_ms,
        .tmpdir = args->tmpdir,
        .stop = stage_stopping,
    };
    const struct sink_run run = { .pipeline = m[PIPELINE],
                                  .partition = m[PARTITION],
                                  .run_id = m[RUN_ID],
                                  .input_hash = m[INPUT_HASH] };
    /* The target's name may be relative to where the loader ran. */
    if (*m[CWD] && chdir(m[CWD]) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot go to '%s'", m[CWD]);
    return sink_committed(&target, &run, e);
}

int load_ask(struct stage *st, const struct load_args *args)
{
    struct buf text = { .max = 1 << 20 };
    const char *m[N];
    int r =
        read_load(args->ask, &text, m, &st->err) ? -1 : ask(args, m, &st->err);
    buf_free(&text);
    if (r >= 0 && (puts(r ? "true" : "false") < 0 || fflush(stdout) != 0))
        r = err_sys(&st->err, ERR_IO, errno, "cannot write to stdout");
    return r < 0 ? -1 : 0;
}
