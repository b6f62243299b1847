/* backup and restore: all state as one file, and back. */
#include "report/backup.h"
#include "report/words.h"
#include "report_cmd.h"

#include <stdlib.h>

/* Databases to keep, too, by their absolute paths: "sqlite:" may stand in
 * front. */
static int find_included(struct stage *st, const struct args *a, char **paths)
{
    for (size_t i = 0; i < a->include.n; i++) {
        const char *name = a->include.v[i];
        if (strncmp(name, "sqlite:", 7) == 0)
            name += 7;
        paths[i] = realpath(name, NULL);
        if (!paths[i] && *name == '/')
            paths[i] = strdup(name); /* may not be there, for a restore */
        if (!paths[i])
            return err_set(&st->err, ERR_NOINPUT, "database '%s' is not there",
                           a->include.v[i]);
    }
    return 0;
}

static void free_included(const struct args *a, char **paths)
{
    for (size_t i = 0; paths && i < a->include.n; i++)
        free(paths[i]);
    free(paths);
}

static void tell(struct stage *st, const char *verb, uint64_t files,
                 uint64_t bytes)
{
    struct buf text = { .max = 4096 };
    buf_addf(&text, "%s ", verb);
    words_count(&text, files);
    buf_addz(&text, files == 1 ? " file, " : " files, ");
    words_bytes(&text, (double)bytes);
    if (buf_z(&text) && st->opts.verbose)
        stage_note(st, "%s", text.p);
    buf_free(&text);
}

static int write_it(struct stage *st, const struct args *a, struct backup *b)
{
    output_close(&st->out);
    if (output_file(&st->out, a->output, &st->err) ||
        backup_write(b, &st->out, &st->err))
        return -1;
    if (b->live.n)
        stage_note(st,
                   "runs of %s live: what they have not committed is in doubt "
                   "in the backup",
                   buf_z(&b->live));
    if (b->other.n)
        stage_warn(st, "'%s' is no file, and left out", buf_z(&b->other));
    tell(st, "kept", b->files, b->bytes);
    return 0;
}

int report_backup(struct stage *st, const struct args *a)
{
    struct buf path = { .max = 65536 };
    char **include = calloc(a->include.n + 1, sizeof(*include));
    struct backup b = { .include = (const char *const *)include,
                        .n_include = a->include.n,
                        .stop = stage_stopping,
                        .live.max = 65536,
                        .other.max = 65536 };
    int r = include ? 0 : err_nomem(&st->err);
    if (r == 0 && !a->output)
        r = err_set(&st->err, ERR_USAGE,
                    "where to? name the file: -o FILE.tar.zst");
    if (r == 0 && st->argc > 1)
        r = err_set(&st->err, ERR_USAGE, "unexpected operand '%s'",
                    st->argv[1]);
    if (r == 0)
        r = backup_kind(a->output, &b.kind, &st->err) ||
                    find_included(st, a, include) ||
                    !(b.state = where_state(st, &path)) ||
                    where_now(st, a, &b.now_us)
                ? -1
                : write_it(st, a, &b);
    free_included(a, include);
    buf_free(&b.live);
    buf_free(&b.other);
    buf_free(&path);
    return r;
}

int report_restore(struct stage *st, const struct args *a)
{
    struct buf path = { .max = 65536 };
    char **include = calloc(a->include.n + 1, sizeof(*include));
    struct restore x = { .include = (const char *const *)include,
                         .n_include = a->include.n,
                         .force = a->force,
                         .verify = a->dry_run,
                         .stop = stage_stopping,
                         .others.max = 65536 };
    int r = include ? 0 : err_nomem(&st->err);
    if (r == 0 && st->argc != 2)
        r = err_set(&st->err, ERR_USAGE, "one backup is wanted");
    if (r == 0)
        r = find_included(st, a, include) || !(x.state = where_state(st, &path))
                ? -1
                : 0;
    /* The folder beside it is named after it. */
    while (r == 0 && path.n > 1 && path.p[path.n - 1] == '/')
        path.p[--path.n] = 0;
    if (r == 0) {
        x.archive = st->argv[1];
        r = restore_run(&x, &st->err);
    }
    if (r == 0 && x.others.n && !x.verify)
        stage_note(st, "the backup also has %s: --include puts it back",
                   buf_z(&x.others));
    if (r == 0)
        tell(st, x.verify ? "found whole:" : "put back", x.files, x.bytes);
    free_included(a, include);
    buf_free(&x.others);
    buf_free(&path);
    return r;
}
