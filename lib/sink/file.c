#include "sink/file.h"

#include "base/hash.h"
#include "sink/hive.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the end of a load, good or bad */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Forgets the load at hand, and its staged files where it came to nothing. */
static void drop_load(struct file_sink *s)
{
    struct err lost;
    parts_free(&s->parts);
    parquet_free(s->parquet);
    s->parquet = NULL;
    close_fd(&s->data);
    if (s->stage >= 0 && !s->counts)
        (void)place_drop(s, str_of(s->token), &lost);
    close_fd(&s->stage);
    close_fd(&s->lock);
    s->counts = false;
}

/* A load that made the table and came to nothing takes it along, unless
 * others work in there by now. */
static void drop_table(struct file_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    struct stat st;
    if (s->ledger < 0 || !s->made_table ||
        (!s->locked && flock(s->ledger, LOCK_EX | LOCK_NB) != 0) ||
        fstat(s->ledger, &st) != 0 || st.st_size != 0)
        return;
    (void)unlinkat(s->table, FILE_LEDGER, 0);
    if (unlinkat(s->root, spec->table, AT_REMOVEDIR) == 0 && s->made_root)
        (void)rmdir(spec->target);
}

static void file_close(struct sink *base)
{
    struct file_sink *s = (struct file_sink *)base;
    drop_load(s);
    drop_table(s);
    close_fd(&s->ledger);
    close_fd(&s->table);
    close_fd(&s->root);
    csvout_free(s->csvout);
    select_free(s->select);
    free(s->vals);
    buf_free(&s->scope);
    buf_free(&s->folder);
    buf_free(&s->row);
    buf_free(&s->name);
    buf_free(&s->ledgered);
    free(s);
}

/* ---- open */

static int check_spec(const struct sink_spec *spec, struct err *e)
{
    if (!*spec->target)
        return err_set(e, ERR_USAGE, "target '%s' names no folder", spec->uri);
    if (spec->n_decimals)
        return err_set(e, ERR_USAGE,
                       "option --decimal is not for files: numbers keep their "
                       "text");
    if (spec->n_columns &&
        (!spec->format || strcmp(spec->format, "parquet") != 0))
        return err_set(e, ERR_USAGE, "option --schema is for --format parquet");
    if (!*spec->table || strchr("._", *spec->table) ||
        strchr(spec->table, '/') || strchr(spec->table, '=') ||
        strlen(spec->table) > HIVE_NAME_MAX)
        return err_set(e, ERR_USAGE,
                       "table '%s' is no name for a folder of data: one "
                       "without '/' and '=' that does not begin with '.' or "
                       "'_'",
                       spec->table);
    return 0;
}

/* A table that is not there must be made; what hinders that shows early. */
static int look_for_table(struct file_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    s->root = open(spec->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0 && errno != ENOENT)
        return err_sys(e, ERR_CANTCREAT, errno, "cannot open folder '%s'",
                       spec->target);
    if (s->root < 0 && !spec->create)
        return err_sys(e, ERR_IO, ENOENT,
                       "cannot open folder '%s' (--create makes it)",
                       spec->target);
    if (s->root < 0) {
        char *copy = strdup(spec->target);
        int r = copy ? access(dirname(copy), W_OK | X_OK) : -1;
        int saved = copy ? errno : ENOMEM;
        free(copy);
        return r ? err_sys(e, ERR_CANTCREAT, saved, "cannot create '%s'",
                           spec->target)
                 : 0;
    }
    struct stat st;
    if (fstatat(s->root, spec->table, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (!spec->create)
            return err_set(e, ERR_CONFIG,
                           "table '%s' is not in '%s' (--create makes it)",
                           spec->table, spec->target);
        return faccessat(s->root, ".", W_OK | X_OK, 0) == 0
                   ? 0
                   : err_sys(e, ERR_CANTCREAT, errno,
                             "cannot create table '%s' in '%s'", spec->table,
                             spec->target);
    }
    s->table = place_folder(s->root, spec->table, false, e);
    if (s->table >= 0 && faccessat(s->table, ".", W_OK | X_OK, 0) != 0)
        return err_sys(e, ERR_CANTCREAT, errno,
                       "cannot write to table '%s' in '%s'", spec->table,
                       spec->target);
    return s->table >= 0 ? 0 : -1;
}

static int add_column(struct file_sink *s, struct str name, struct err *e)
{
    struct path_step step = { name, PATH_NO_INDEX };
    struct path p = { .steps = &step, .n = 1, .text = name };
    size_t before = select_size(s->select);
    int slot = select_add(s->select, &p);
    if (slot >= 0 && (size_t)slot < before)
        return err_set(e, ERR_USAGE, "partition column '%.*s' is named twice",
                       STR_ARG(name));
    return slot < 0 ? err_nomem(e) : 0;
}

/* The partition columns: that of --partition, then those of --partition-by. */
static int take_columns(struct file_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    s->select = select_new();
    s->vals = calloc(spec->n_by + 1, sizeof(*s->vals));
    if (!s->select || !s->vals)
        return err_nomem(e);
    if (spec->part_column.n && add_column(s, spec->part_column, e))
        return -1;
    for (size_t i = 0; i < spec->n_by; i++)
        if (add_column(s, spec->by[i], e))
            return -1;
    if (!spec->part_column.n)
        return 0;
    struct sink_refusal why;
    int r =
        hive_folder_of(&s->scope, spec->part_column, spec->part_value, &why);
    if (r == 0)
        return err_set(e, ERR_USAGE, "partition '%.*s=%.*s' %s",
                       STR_ARG(spec->part_column), STR_ARG(spec->part_value),
                       why.message);
    return r > 0 && buf_z(&s->scope) ? 0 : err_nomem(e);
}

static enum pack_kind kind_of(const char *compress)
{
    return !compress                       ? PACK_NONE
           : strcmp(compress, "gzip") == 0 ? PACK_GZIP
                                           : PACK_ZSTD;
}

static struct sink *file_open(const struct sink_spec *spec, struct err *e)
{
    if (check_spec(spec, e))
        return NULL;
    struct file_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    s->base = (struct sink){ &sink_file, spec, 0 };
    s->root = s->table = s->ledger = s->lock = s->stage = s->data = -1;
    s->format = spec->format ? spec->format : "ndjson";
    s->csv = strcmp(s->format, "csv") == 0;
    s->columnar = strcmp(s->format, "parquet") == 0;
    s->kind = s->columnar ? PACK_NONE : kind_of(spec->compress);
    if (take_columns(s, e) || look_for_table(s, e)) {
        file_close(&s->base);
        return NULL;
    }
    return &s->base;
}

/* ---- begin */

static int make_table(struct file_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (s->root < 0) {
        s->made_root = mkdir(spec->target, 0777) == 0;
        s->root = open(spec->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->root < 0)
            return err_sys(e, ERR_CANTCREAT, errno, "cannot create folder '%s'",
                           spec->target);
    }
    if (s->table < 0) {
        s->made_table = mkdirat(s->root, spec->table, 0777) == 0;
        s->table = place_folder(s->root, spec->table, true, e);
    }
    return s->table < 0 ? -1 : 0;
}

/* The staging folder, marked as alive by a lock before others may look. */
static int make_stage(struct file_sink *s, struct err *e)
{
    uint64_t random;
    struct hash128 h;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(e, ERR_IO, errno, "no random number to be had");
    h = (struct hash128){ 0, random };
    char hex[33], name[64] = FILE_STAGE;
    hash128_hex(h, hex);
    memcpy(s->token, hex, FILE_TOKEN);
    memcpy(name + strlen(FILE_STAGE), hex, FILE_TOKEN);
    if (mkdirat(s->table, name, 0700) != 0)
        return err_sys(e, ERR_CANTCREAT, errno,
                       "cannot create a folder in table '%s' of '%s'",
                       s->base.spec->table, s->base.spec->target);
    s->stage = place_folder(s->table, name, false, e);
    if (s->stage < 0)
        return -1;
    s->lock = openat(s->stage, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        return err_sys(e, ERR_CANTCREAT, errno, "cannot lock '%s'", name);
    s->data = place_folder(s->stage, "data", true, e);
    if (s->data < 0)
        return -1;
    return s->scope.n && mkdirat(s->data, s->scope.p, 0777) != 0
               ? err_sys(e, ERR_CANTCREAT, errno, "cannot create folder '%s'",
                         s->scope.p)
               : 0;
}

/* What it spills is swept with the staging folder. */
static int open_parquet(struct file_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf spill = { 0 };
    if (!spec->dry_run)
        buf_addf(&spill, "%s/%s/" FILE_STAGE "%s/spill", spec->target,
                 spec->table, s->token);
    const char *folder = buf_z(&spill);
    s->parquet = folder ? parquet_new(spec, folder, e) : NULL;
    if (!folder)
        err_nomem(e);
    buf_free(&spill);
    return s->parquet ? 0 : -1;
}

static int file_begin(struct sink *base, struct err *e)
{
    struct file_sink *s = (struct file_sink *)base;
    const struct sink_spec *spec = base->spec;
    drop_load(s); /* of a batch before */
    csvout_free(s->csvout);
    s->csvout = csvout_new(spec->csv_columns, spec->n_csv_columns);
    if (!s->csvout)
        return err_nomem(e);
    memset(s->token, '0', FILE_TOKEN);
    if (!spec->dry_run) {
        if (make_table(s, e) || ledger_lock(s, e))
            return -1;
        int r = make_stage(s, e);
        ledger_unlock(s);
        if (r)
            return -1;
    }
    buf_reset(&s->name);
    buf_addf(&s->name, "part-%s.%s%s", s->token, s->format,
             pack_suffix(s->kind));
    if (!buf_z(&s->name))
        return err_nomem(e);
    return s->columnar ? open_parquet(s, e) : 0;
}

/* ---- records */

static int wrong_partition(struct file_sink *s, struct val v,
                           struct sink_refusal *why)
{
    const struct sink_spec *spec = s->base.spec;
    return sink_refusef(why, "wrong_partition", spec->part_column,
                        "is %.*s, the load is for '%.*s'",
                        v.raw.n > 60 ? 60 : (int)v.raw.n, v.raw.p,
                        STR_ARG(spec->part_value));
}

/* The folder of a record: 1 with s->folder, 0 with why, -1. */
static int choose_folder(struct file_sink *s, struct str record,
                         struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf *f = &s->folder;
    buf_reset(f);
    size_t n = select_size(s->select), i = 0;
    if (n == 0)
        return 1;
    if (select_run(s->select, record, s->vals))
        return err_set(e, ERR_BUG, "a record is not JSON");
    if (spec->part_column.n) {
        struct val v = s->vals[i++];
        int r = v.type == JSON_MISSING
                    ? 1
                    : hive_folder(f, spec->part_column, v, why);
        if (r < 0)
            return err_nomem(e);
        if (r == 0 || (f->n && !str_eq(buf_str(f), buf_str(&s->scope))))
            return wrong_partition(s, v, why);
        buf_reset(f);
        buf_add_str(f, buf_str(&s->scope));
    }
    for (size_t k = 0; i < n; i++, k++) {
        if (f->n)
            buf_addc(f, '/');
        int r = hive_folder(f, spec->by[k], s->vals[i], why);
        if (r <= 0)
            return r < 0 ? err_nomem(e) : 0;
    }
    return f->failed ? err_nomem(e) : 1;
}

static int write_csv(struct file_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e)
{
    buf_reset(&s->row);
    int done = csvout_row(s->csvout, r->text, &s->row, why);
    if (done <= 0)
        return done < 0 ? err_nomem(e) : 0;
    return parts_write(s, buf_str(&s->folder), buf_str(&s->row), e) ? -1 : 1;
}

static int write_parquet(struct file_sink *s, const struct sink_record *r,
                         struct sink_refusal *why, struct err *e)
{
    size_t number;
    if (parts_number(s, buf_str(&s->folder), &number, e))
        return -1;
    return parquet_add(s->parquet, number, r, why, e);
}

static int file_write(struct sink *base, const struct sink_record *r,
                      struct err *e)
{
    struct file_sink *s = (struct file_sink *)base;
    struct sink_refusal why;
    int done = choose_folder(s, r->text, &why, e);
    if (done > 0 && s->csv) {
        done = write_csv(s, r, &why, e);
    } else if (done > 0 && s->columnar) {
        done = write_parquet(s, r, &why, e);
    } else if (done > 0) {
        struct str dir = buf_str(&s->folder);
        return parts_write(s, dir, r->text, e) ||
                       parts_write(s, dir, STR("\n"), e)
                   ? -1
                   : 0;
    }
    return done == 0  ? base->spec->refuse(base->spec->context, r, &why, e)
           : done < 0 ? -1
                      : 0;
}

/* ---- the end */

static int file_prepare(struct sink *base, const struct sink_run *r,
                        enum sink_outcome *outcome, struct buf *previous,
                        struct err *e)
{
    struct file_sink *s = (struct file_sink *)base;
    if (parts_end(s, e))
        return -1;
    if (base->spec->dry_run) {
        if (s->table >= 0) {
            s->ledger = openat(s->table, FILE_LEDGER, O_RDONLY | O_CLOEXEC);
            if (s->ledger < 0 && errno != ENOENT)
                return err_sys(e, ERR_IO, errno, "cannot read the ledger");
        }
        return ledger_judge(s, r, outcome, previous, e);
    }
    if (ledger_lock(s, e) || ledger_judge(s, r, outcome, previous, e))
        return -1;
    if (*outcome != SINK_NEW)
        return 0;
    return place_prepare(s, e) || ledger_row(s, r, e) ? -1 : 0;
}

/* Of whole loads, for that is what batches are not (SINK_BATCHES). */
static int file_resume(struct sink *base, const struct sink_run *run,
                       struct sink_position *at, struct err *e)
{
    struct file_sink *s = (struct file_sink *)base;
    if (s->table < 0)
        return 0;
    if (faccessat(s->table, FILE_LEDGER, F_OK, 0) != 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read the ledger");
    int r = ledger_lock(s, e) || ledger_resume(s, run, at, e) ? -1 : 0;
    ledger_unlock(s);
    return r;
}

/* From the row on the load counts; what fails then is made good by the next
 * load of the table. */
static int file_commit(struct sink *base, struct err *e)
{
    struct file_sink *s = (struct file_sink *)base;
    struct str row = buf_str(&s->ledgered);
    struct placing p = { str_of(s->token), buf_str(&s->scope),
                         base->spec->mode == SINK_REPLACE, 0 };
    struct err inner;
    if (ledger_append(s, "begun", row, e))
        return -1;
    s->counts = true;
    if (place_load(s, &p, &inner) || ledger_append(s, "loaded", row, &inner))
        return err_set(e, ERR_TEMPFAIL,
                       "the load counts, but is not all in place: the next "
                       "one completes it: %s",
                       inner.msg);
    s->made_table = false;
    (void)place_drop(s, str_of(s->token), &inner); /* else the next one does */
    ledger_unlock(s);
    return 0;
}

SINK_CONNECTOR(file) = {
    .scheme = "file",
    .usage = "file:DIR",
    .modes = SINK_MODE(SINK_APPEND) | SINK_MODE(SINK_REPLACE),
    .features = SINK_SCHEMAS,
    .open = file_open,
    .begin = file_begin,
    .write = file_write,
    .prepare = file_prepare,
    .resume = file_resume,
    .commit = file_commit,
    .close = file_close,
};
