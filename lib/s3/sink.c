/* s3://BUCKET/PREFIX as a target: a table is what is below PREFIX/TABLE/.
 *
 * Records go into uploads that nobody sees; a load counts with its row in the
 * table's log (s3/loadlog.h), behind which the uploads are completed and what
 * they replace is removed. */
#include "io/pack.h"
#include "json/select.h"
#include "json/value.h"
#include "s3/list.h"
#include "s3/loadlog.h"
#include "s3/object.h"
#include "s3/upload.h"
#include "sink/hive.h"
#include "sink/sink.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define TOKEN 16 /* hex digits */
#define BLOCK ((size_t)256 << 10)
#define ROW_MAX ((size_t)12 << 20)
#define CLAIMS_MAX 100 /* other loads that came first, one by one */
/* The next object begins where this one may be too large to take a block of
 * compressed bytes and its end. */
#define OBJECT_MAX (UPLOAD_MAX - UPLOAD_PART)

static struct s3_opts given;
static bool one_writer;

static const struct opt opts[] = {
    { OPT_GROUP, 0, "s3", NULL, NULL, "Objects of S3", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    S3_OPTIONS(given),
    { OPT_FLAG, 0, "s3-one-writer", NULL, &one_writer,
      "the server has no conditional writes, and no other load runs into this "
      "table at the same time",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

struct s3_sink {
    struct sink base;
    struct s3 *s3;
    struct loadlog *log;
    struct buf table;      /* "a/b/TABLE/" */
    struct buf scope;      /* "day=1/", or "" */
    struct select *select; /* of the partition column */
    enum pack_kind kind;
    struct pack *pack;   /* of the object at hand */
    struct upload **all; /* owned, n of them; the last one is at hand */
    size_t n, cap;
    struct buf row;
    struct buf who;      /* the texts of run */
    struct sink_run run; /* who it is, as sink_prepare was told */
    bool counts; /* the row may be in the log: nothing is given up any more */
    char token[TOKEN + 1];
};

extern const struct sink_type sink_s3;

/* ---- the end of a load, good or bad */

static void drop_load(struct s3_sink *s)
{
    pack_free(s->pack);
    s->pack = NULL;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->counts)
            upload_abort(s->all[i]);
        upload_close(s->all[i]);
    }
    free(s->all);
    s->all = NULL;
    s->n = s->cap = 0;
    s->counts = false;
}

static void s3_sink_close(struct sink *base)
{
    struct s3_sink *s = (struct s3_sink *)base;
    drop_load(s);
    loadlog_close(s->log);
    s3_close(s->s3);
    select_free(s->select);
    buf_free(&s->table);
    buf_free(&s->scope);
    buf_free(&s->row);
    buf_free(&s->who);
    free(s);
}

/* ---- open */

static int check_spec(const struct sink_spec *spec, struct err *e)
{
    struct str bucket, key;
    if (s3_split(spec->uri, &bucket, &key, e))
        return -1;
    if (spec->n_decimals)
        return err_set(e, ERR_USAGE,
                       "option --decimal is not for S3: numbers keep their "
                       "text");
    if (spec->format && strcmp(spec->format, "ndjson") != 0)
        return err_set(e, ERR_USAGE, "target s3: takes --format ndjson only");
    if (spec->n_by)
        return err_set(e, ERR_USAGE,
                       "target s3: has no --partition-by: one partition a "
                       "load, by --partition");
    if (!*spec->table || strchr("._", *spec->table) ||
        strpbrk(spec->table, "/=*?[\\") || strlen(spec->table) > HIVE_NAME_MAX)
        return err_set(e, ERR_USAGE,
                       "table '%s' is no name for a folder of objects: one "
                       "without '/', '=' and wildcards that does not begin "
                       "with '.' or '_'",
                       spec->table);
    return 0;
}

static int take_partition(struct s3_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct sink_refusal why;
    if (!spec->part_column.n)
        return 0;
    struct path_step step = { spec->part_column, PATH_NO_INDEX };
    struct path p = { .steps = &step, .n = 1, .text = spec->part_column };
    s->select = select_new();
    if (!s->select || select_add(s->select, &p) < 0)
        return err_nomem(e);
    int r =
        hive_folder_of(&s->scope, spec->part_column, spec->part_value, &why);
    if (r == 0)
        return err_set(e, ERR_USAGE, "partition '%.*s=%.*s' %s",
                       STR_ARG(spec->part_column), STR_ARG(spec->part_value),
                       why.message);
    buf_addc(&s->scope, '/');
    return r < 0 || s->scope.failed ? err_nomem(e) : 0;
}

static int connect_bucket(struct s3_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct str bucket, prefix;
    struct s3_opts o = given;
    o.stop = spec->stop;
    if (s3_split(spec->uri, &bucket, &prefix, e) ||
        s3_open(&s->s3, &o, bucket, e))
        return -1;
    buf_add_str(&s->table, prefix);
    if (prefix.n && prefix.p[prefix.n - 1] != '/')
        buf_addc(&s->table, '/');
    buf_addf(&s->table, "%s/", spec->table);
    if (s->table.failed)
        return err_nomem(e);
    s->log = loadlog_open(s->s3, buf_str(&s->table), e);
    return s->log ? 0 : -1;
}

/* A name that was mistyped is no new table. */
static int look_for_table(struct s3_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct list_object o;
    struct list *list = list_open(s->s3, buf_str(&s->table), STR(""), e);
    int r = list ? list_next(list, &o, e) : -1;
    list_close(list);
    if (r == 0 && !spec->create)
        return err_set(e, ERR_CONFIG,
                       "table '%s' is not in '%s' (--create makes it)",
                       spec->table, spec->uri);
    return r < 0 ? -1 : 0;
}

static enum pack_kind kind_of(const char *compress)
{
    return !compress                       ? PACK_NONE
           : strcmp(compress, "gzip") == 0 ? PACK_GZIP
                                           : PACK_ZSTD;
}

static struct sink *s3_sink_open(const struct sink_spec *spec, struct err *e)
{
    struct s3_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    s->base = (struct sink){ &sink_s3, spec, 0 };
    s->row.max = ROW_MAX;
    s->kind = kind_of(spec->compress);
    if (take_partition(s, e) || connect_bucket(s, e) || look_for_table(s, e)) {
        s3_sink_close(&s->base);
        return NULL;
    }
    return &s->base;
}

/* ---- begin */

/* Without it two loads at once could take one number. */
static int check_server(struct s3_sink *s, struct err *e)
{
    struct buf key = { 0 };
    buf_add_str(&key, buf_str(&s->table));
    buf_addz(&key, LOADLOG_FOLDER "_conditional");
    int r =
        key.failed ? err_nomem(e) : object_can_refuse(s->s3, buf_str(&key), e);
    buf_free(&key);
    return r == 0 ? err_set(e, ERR_CONFIG,
                            "the server of '%s' has no conditional writes "
                            "(If-None-Match): loads at the same time could "
                            "lose one (--s3-one-writer says there is one "
                            "only)",
                            s->base.spec->uri)
                  : r - 1;
}

static int s3_begin(struct sink *base, struct err *e)
{
    struct s3_sink *s = (struct s3_sink *)base;
    struct hash128 h = { 0 };
    char hex[33];
    drop_load(s); /* of a batch before */
    if (getrandom(&h.hi, sizeof(h.hi), 0) != (ssize_t)sizeof(h.hi))
        return err_set(e, ERR_IO, "no random number to be had");
    hash128_hex(h, hex);
    memcpy(s->token, hex, TOKEN);
    if (base->spec->dry_run)
        return 0;
    return one_writer ? 0 : check_server(s, e);
}

/* ---- records */

/* part-TOKEN-00001.ndjson.gz in the partition's folder. */
static int begin_upload(struct s3_sink *s, struct err *e)
{
    struct buf key = { 0 };
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;
        struct upload **all = realloc(s->all, cap * sizeof(struct upload *));
        if (!all)
            return err_nomem(e);
        s->all = all;
        s->cap = cap;
    }
    buf_add_str(&key, buf_str(&s->table));
    buf_add_str(&key, buf_str(&s->scope));
    buf_addf(&key, "part-%s-%05zu.ndjson%s", s->token, s->n + 1,
             pack_suffix(s->kind));
    int r = key.failed ? err_nomem(e)
                       : upload_open(&s->all[s->n], s->s3, buf_str(&key),
                                     str_of(s->token), e);
    buf_free(&key);
    s->n += r == 0;
    return r;
}

static int write_packed(void *to, struct str bytes, struct err *e)
{
    struct s3_sink *s = to;
    return s->base.spec->dry_run ? 0 : upload_write(s->all[s->n - 1], bytes, e);
}

static int begin_object(struct s3_sink *s, struct err *e)
{
    if (!s->base.spec->dry_run && begin_upload(s, e))
        return -1;
    s->pack =
        pack_new_to(write_packed, s, s->kind, BLOCK, s->base.spec->uri, e);
    return s->pack ? 0 : -1;
}

static int end_object(struct s3_sink *s, struct err *e)
{
    int r = 0;
    if (s->pack)
        r = pack_end(s->pack, false, e);
    if (r == 0 && s->pack && !s->base.spec->dry_run)
        r = upload_end(s->all[s->n - 1], e);
    pack_free(s->pack);
    s->pack = NULL;
    return r;
}

/* 1; 0 with why where the record is of another partition; -1. */
static int judge_partition(struct s3_sink *s, struct str record,
                           struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf folder = { 0 };
    struct val v;
    if (!s->select)
        return 1;
    if (select_run(s->select, record, &v))
        return err_set(e, ERR_BUG, "a record is not JSON");
    if (v.type == JSON_MISSING)
        return 1;
    int r = hive_folder(&folder, spec->part_column, v, why);
    if (r > 0)
        r = buf_addc(&folder, '/')
                ? -1
                : str_eq(buf_str(&folder), buf_str(&s->scope));
    buf_free(&folder);
    if (r == 0)
        sink_refusef(why, "wrong_partition", spec->part_column,
                     "is %.*s, the load is for '%.*s'",
                     v.raw.n > 60 ? 60 : (int)v.raw.n, v.raw.p,
                     STR_ARG(spec->part_value));
    return r < 0 ? err_nomem(e) : r;
}

static int s3_write(struct sink *base, const struct sink_record *r,
                    struct err *e)
{
    struct s3_sink *s = (struct s3_sink *)base;
    struct sink_refusal why;
    int fits = judge_partition(s, r->text, &why, e);
    if (fits <= 0)
        return fits < 0 ? -1
                        : base->spec->refuse(base->spec->context, r, &why, e);
    if (s->pack && s->n && upload_size(s->all[s->n - 1]) >= OBJECT_MAX &&
        end_object(s, e))
        return -1;
    if (!s->pack && begin_object(s, e))
        return -1;
    return pack_write(s->pack, r->text, e) || pack_write(s->pack, STR("\n"), e)
               ? -1
               : 0;
}

/* ---- the row */

static void add_field(struct buf *b, const char *key, const char *value)
{
    buf_addf(b, "\"%s\":", key);
    json_quote(b, str_of(value));
    buf_addc(b, ',');
}

static void add_layout(const struct s3_sink *s, struct buf *b)
{
    buf_addz(b, "\"partitioned_by\":[");
    if (s->base.spec->part_column.n)
        json_quote(b, s->base.spec->part_column);
    buf_addc(b, ']');
}

/* The row but for what it removes, which is known last. */
static int write_row(struct s3_sink *s, const struct sink_run *r, struct err *e)
{
    struct buf *b = &s->row;
    buf_reset(b);
    buf_addz(b, "{\"v\":1,");
    add_field(b, "load", s->token);
    add_field(b, "pipeline", r->pipeline);
    add_field(b, "table_name", s->base.spec->table);
    add_field(b, "partition", r->partition);
    add_field(b, "run_id", r->run_id);
    add_field(b, "mode", s->base.spec->mode_name);
    add_field(b, "input_hash", r->input_hash);
    buf_addf(b,
             "\"input_bytes\":%" PRIu64 ",\"rows_read\":%" PRIu64
             ",\"rows_loaded\":%" PRIu64 ",\"rows_rejected\":%" PRIu64 ",",
             r->input_bytes, r->read, r->loaded, r->rejected);
    buf_addf(b, "\"watermark\":%s,", r->watermark ? r->watermark : "null");
    add_field(b, "started_at", r->started_at);
    add_field(b, "loaded_at", r->loaded_at);
    add_layout(s, b);
    buf_addz(b, ",\"objects\":[");
    for (size_t i = 0; i < s->n; i++) {
        if (i)
            buf_addc(b, ',');
        (void)upload_receipt(s->all[i], b);
    }
    buf_addc(b, ']');
    return b->failed ? err_set(e, ERR_CONFIG, "the load is too large for a row")
                     : 0;
}

/* Is a name below the table that of data? */
static bool is_data(struct str below)
{
    bool first = true;
    for (size_t i = 0; i < below.n; i++) {
        if (first && (below.p[i] == '_' || below.p[i] == '.'))
            return false;
        first = below.p[i] == '/';
    }
    return below.n > 0;
}

/* Ends row with the objects that are there now and shall go. */
static int add_removes(struct s3_sink *s, struct buf *row, struct err *e)
{
    struct buf prefix = { 0 };
    struct list_object o;
    size_t n = 0;
    int r = 0;
    buf_addz(row, ",\"removes\":[");
    if (s->base.spec->mode == SINK_REPLACE) {
        buf_add_str(&prefix, buf_str(&s->table));
        buf_add_str(&prefix, buf_str(&s->scope));
        struct list *list =
            prefix.failed ? NULL
                          : list_open(s->s3, buf_str(&prefix), STR(""), e);
        r = list ? 1 : -1;
        while (r > 0 && (r = list_next(list, &o, e)) > 0) {
            if (!is_data(
                    (struct str){ o.key.p + s->table.n, o.key.n - s->table.n }))
                continue;
            if (n++)
                buf_addc(row, ',');
            (void)json_quote(row, o.key);
        }
        list_close(list);
        if (prefix.failed)
            err_nomem(e);
        buf_free(&prefix);
    }
    buf_addz(row, "]}");
    if (r == 0 && row->failed)
        return err_set(e, ERR_CONFIG,
                       "'%s' has more objects than one load can replace",
                       s->base.spec->table);
    return r;
}

/* ---- the end */

/* Loads with and without partitions do not mix; one that replaces all of the
 * table may choose. */
static int check_layout(struct s3_sink *s, struct err *e)
{
    struct buf row = { .max = ROW_MAX + ROW_MAX }, own = { 0 };
    int r = s->base.spec->all ? 0 : loadlog_latest(s->log, &row, e);
    if (r > 0) {
        buf_addc(&own, '{');
        add_layout(s, &own);
        buf_addc(&own, '}');
        struct str there =
            json_get(json_val(buf_str(&row)), STR("partitioned_by")).raw;
        struct str mine =
            json_get(json_val(buf_str(&own)), STR("partitioned_by")).raw;
        if (own.failed)
            r = err_nomem(e);
        else if (!str_eq(there, mine))
            r = err_set(e, ERR_CONFIG,
                        "table '%s' is partitioned by %.*s, this load by %.*s",
                        s->base.spec->table, STR_ARG(there), STR_ARG(mine));
    }
    buf_free(&row);
    buf_free(&own);
    return r < 0 ? -1 : 0;
}

/* For commit, which may have to judge once more. */
static int keep_run(struct s3_sink *s, const struct sink_run *run,
                    struct err *e)
{
    const char *const texts[] = { run->pipeline, run->partition, run->run_id,
                                  run->input_hash };
    const char **const to[] = { &s->run.pipeline, &s->run.partition,
                                &s->run.run_id, &s->run.input_hash };
    buf_reset(&s->who);
    for (size_t i = 0; i < 4; i++)
        buf_add(&s->who, texts[i], strlen(texts[i]) + 1);
    if (s->who.failed)
        return err_nomem(e);
    const char *p = s->who.p;
    for (size_t i = 0; i < 4; p += strlen(p) + 1, i++)
        *to[i] = p;
    return 0;
}

static int s3_prepare(struct sink *base, const struct sink_run *run,
                      enum sink_outcome *outcome, struct buf *previous,
                      struct err *e)
{
    struct s3_sink *s = (struct s3_sink *)base;
    if (end_object(s, e) || loadlog_read(s->log, !base->spec->dry_run, e) ||
        loadlog_judge(s->log, base->spec, run, outcome, previous, e) ||
        (*outcome == SINK_NEW && check_layout(s, e)))
        return -1;
    return *outcome == SINK_NEW && (keep_run(s, run, e) || write_row(s, run, e))
               ? -1
               : 0;
}

static int s3_resume(struct sink *base, const struct sink_run *run,
                     struct sink_position *at, struct err *e)
{
    struct s3_sink *s = (struct s3_sink *)base;
    struct buf row = { .max = ROW_MAX + ROW_MAX }, scratch = { 0 };
    struct str hash;
    if (loadlog_read(s->log, true, e))
        return -1;
    int r = loadlog_find(s->log, run, &row, e);
    at->found = r > 0;
    if (r > 0) {
        struct val v = json_get(json_val(buf_str(&row)), STR("input_hash"));
        if (v.type != JSON_STRING || json_string(v, &scratch, &hash))
            hash = STR("");
        snprintf(at->input_hash, sizeof(at->input_hash), "%.*s", STR_ARG(hash));
    }
    buf_free(&row);
    buf_free(&scratch);
    return r < 0 ? -1 : 0;
}

/* Another load may have come first: then all is looked at again. 1 claimed;
 * 0: this very run is loaded by now. */
static int claim(struct s3_sink *s, struct buf *row, struct err *e)
{
    struct buf previous = { 0 };
    int r = 0;
    for (int i = 0; r == 0 && i < CLAIMS_MAX; i++) {
        enum sink_outcome outcome = SINK_NEW;
        if (loadlog_read(s->log, true, e) ||
            loadlog_judge(s->log, s->base.spec, &s->run, &outcome, &previous,
                          e))
            r = -1;
        else if (outcome == SINK_SAME)
            break;
        else if (outcome == SINK_CONFLICT)
            r = err_set(e, ERR_DATA,
                        "run '%s' was loaded meanwhile with other records",
                        s->run.run_id);
        buf_reset(row);
        buf_add_str(row, buf_str(&s->row));
        if (r == 0)
            r = add_removes(s, row, e);
        if (r == 0) {
            s->counts = true;
            r = loadlog_claim(s->log, buf_str(row), str_of(s->token),
                              !one_writer, e);
            s->counts = r != 0;
        }
        if (r == 0 && i + 1 == CLAIMS_MAX)
            r = err_set(e, ERR_TEMPFAIL, "other loads into '%s' come first",
                        s->base.spec->table);
    }
    buf_free(&previous);
    return r;
}

static int s3_commit(struct sink *base, struct err *e)
{
    struct s3_sink *s = (struct s3_sink *)base;
    struct buf row = { .max = ROW_MAX };
    int r = claim(s, &row, e);
    if (r > 0)
        r = loadlog_finish(s->log, buf_str(&row), e);
    buf_free(&row);
    return r < 0 ? -1 : 0;
}

SINK_CONNECTOR(s3) = {
    .scheme = "s3",
    .usage = "s3://BUCKET/PREFIX",
    .opts = opts,
    .modes = SINK_MODE(SINK_APPEND) | SINK_MODE(SINK_REPLACE),
    .check = check_spec,
    .open = s3_sink_open,
    .begin = s3_begin,
    .write = s3_write,
    .prepare = s3_prepare,
    .resume = s3_resume,
    .commit = s3_commit,
    .close = s3_sink_close,
};
