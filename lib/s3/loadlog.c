#include "s3/loadlog.h"

#include "base/hash.h"
#include "json/check.h"
#include "s3/list.h"
#include "s3/object.h"
#include "s3/upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIGITS 20
#define ROW_MAX ((size_t)16 << 20)
#define GRACE_LOOKS 12
#define GRACE_NAP_US 250000
#define ALL "all" /* in place of a partition's hash: the whole table */

/* A load that is done, as the name of its mark says. */
struct entry {
    uint64_t number;
    char run[33], part[33];
    char mode[16];
};

struct loadlog {
    struct s3 *s; /* borrowed */
    struct buf table;
    struct entry *v; /* owned */
    size_t n, cap;
    uint64_t last; /* number of the latest row */
};

struct loadlog *loadlog_open(struct s3 *s, struct str table, struct err *e)
{
    struct loadlog *l = calloc(1, sizeof(*l));
    if (!l || buf_add_str(&l->table, table)) {
        loadlog_close(l);
        err_nomem(e);
        return NULL;
    }
    l->s = s;
    return l;
}

void loadlog_close(struct loadlog *l)
{
    if (!l)
        return;
    buf_free(&l->table);
    free(l->v);
    free(l);
}

/* ---- names */

static const char *row_key(const struct loadlog *l, uint64_t number,
                           struct buf *key, struct err *e)
{
    buf_reset(key);
    buf_add_str(key, buf_str(&l->table));
    buf_addf(key, LOADLOG_FOLDER "%0*" PRIu64 ".json", DIGITS, number);
    if (!buf_z(key))
        err_nomem(e);
    return key->failed ? NULL : key->p;
}

static bool is_whole(struct str partition)
{
    return partition.n == 0 || str_eq(partition, STR("*"));
}

/* The run and its partition, as marks name them. */
static int name_run(struct entry *en, struct str pipeline, struct str run_id,
                    struct str partition, struct err *e)
{
    struct buf b = { 0 };
    buf_add_str(&b, pipeline);
    buf_addc(&b, '\0');
    buf_add_str(&b, run_id);
    buf_addc(&b, '\0');
    buf_add_str(&b, partition);
    if (!b.failed)
        hash128_hex(hash128(buf_str(&b)), en->run);
    bool failed = b.failed;
    buf_free(&b);
    if (failed)
        return err_nomem(e);
    snprintf(en->part, sizeof(en->part), ALL);
    if (!is_whole(partition))
        hash128_hex(hash128(partition), en->part);
    return 0;
}

static int add_entry(struct loadlog *l, const struct entry *en, struct err *e)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct entry *v = realloc(l->v, cap * sizeof(*v));
        if (!v)
            return err_nomem(e);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *en;
    return 0;
}

/* ---- a load's end */

static int damaged(const struct loadlog *l, uint64_t number, struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "row %" PRIu64 " in '%.*s" LOADLOG_FOLDER "' is no row of "
                   "a load: mend or remove it",
                   number, STR_ARG(buf_str(&l->table)));
}

/* The text of a member; false where it is no string or there is no memory. */
static bool text_of(struct val row, const char *key, struct buf *scratch,
                    struct str *text)
{
    struct val v = json_get(row, str_of(key));
    return v.type == JSON_STRING && json_string(v, scratch, text) == 0;
}

/* A row touches nothing outside of its table. */
static bool is_ours(const struct loadlog *l, struct val key)
{
    struct buf scratch = { 0 };
    struct str text, table = buf_str(&l->table);
    bool ours =
        key.type == JSON_STRING && json_string(key, &scratch, &text) == 0 &&
        text.n > table.n && memcmp(text.p, table.p, table.n) == 0 &&
        (text.n - table.n < strlen(LOADLOG_FOLDER) ||
         memcmp(text.p + table.n, LOADLOG_FOLDER, strlen(LOADLOG_FOLDER)) != 0);
    buf_free(&scratch);
    return ours;
}

static int complete_all(struct loadlog *l, struct val objects, uint64_t number,
                        struct err *e)
{
    struct json_iter it = json_iter(objects.raw);
    struct val v;
    if (objects.type != JSON_ARRAY)
        return damaged(l, number, e);
    while (json_next(&it, NULL, &v)) {
        if (!is_ours(l, json_get(v, STR("key"))))
            return damaged(l, number, e);
        if (upload_complete(l->s, v, e)) {
            if (e->code == ERR_DATA)
                return damaged(l, number, e);
            return -1;
        }
    }
    return 0;
}

static int remove_all(struct loadlog *l, struct val removes, uint64_t number,
                      struct err *e)
{
    struct json_iter it = json_iter(removes.raw);
    struct buf scratch = { 0 };
    struct str key;
    struct val v;
    int r = removes.type == JSON_ARRAY ? 0 : damaged(l, number, e);
    while (r == 0 && json_next(&it, NULL, &v)) {
        if (!is_ours(l, v))
            r = damaged(l, number, e);
        else if (json_string(v, &scratch, &key))
            r = err_nomem(e);
        else
            r = object_delete(l->s, key, e);
    }
    buf_free(&scratch);
    return r;
}

/* What the load's mark will say. */
static int describe(struct loadlog *l, struct val row, uint64_t number,
                    struct entry *en, struct err *e)
{
    struct buf b[4] = { { 0 } };
    struct str pipeline, run_id, partition, mode;
    *en = (struct entry){ .number = number };
    int r = text_of(row, "pipeline", &b[0], &pipeline) &&
                    text_of(row, "run_id", &b[1], &run_id) &&
                    text_of(row, "partition", &b[2], &partition) &&
                    text_of(row, "mode", &b[3], &mode) &&
                    mode.n < sizeof(en->mode) &&
                    strspn(mode.p, "abcdefghijklmnopqrstuvwxyz") >= mode.n
                ? name_run(en, pipeline, run_id, partition, e)
                : damaged(l, number, e);
    if (r == 0)
        snprintf(en->mode, sizeof(en->mode), "%.*s", STR_ARG(mode));
    for (size_t i = 0; i < 4; i++)
        buf_free(&b[i]);
    return r;
}

static int mark_done(struct loadlog *l, const struct entry *en, struct err *e)
{
    struct buf key = { 0 };
    buf_add_str(&key, buf_str(&l->table));
    buf_addf(&key, LOADLOG_FOLDER "%0*" PRIu64 ".%s.%s.%s.loaded", DIGITS,
             en->number, en->run, en->part, en->mode);
    int r = key.failed ? err_nomem(e)
            : object_put(l->s, buf_str(&key), STR(""), false, e) < 0 ? -1
                                                                     : 0;
    buf_free(&key);
    return r;
}

/* The new objects appear, then those that they replace go. */
static int bring_to_end(struct loadlog *l, struct str text, uint64_t number,
                        struct err *e)
{
    struct json_fault fault;
    struct entry en;
    if (json_check_object(text, JSON_DEPTH_DEFAULT, &fault))
        return damaged(l, number, e);
    struct val row = json_val(text);
    return describe(l, row, number, &en, e) ||
                   complete_all(l, json_get(row, STR("objects")), number, e) ||
                   remove_all(l, json_get(row, STR("removes")), number, e) ||
                   mark_done(l, &en, e)
               ? -1
               : add_entry(l, &en, e);
}

static int read_row(struct loadlog *l, uint64_t number, struct buf *row,
                    struct err *e)
{
    struct buf key = { 0 };
    int r = row_key(l, number, &key, e)
                ? object_read(l->s, buf_str(&key), row, e)
                : -1;
    buf_free(&key);
    return r;
}

/* ---- reading */

/* "00000000000000000007.json": 1; "....RUN.PART.MODE.loaded": 2; else 0. */
static int parse_name(struct str name, struct entry *en)
{
    char text[160];
    *en = (struct entry){ 0 };
    if (name.n >= sizeof(text) || name.n < DIGITS + 2)
        return 0;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    if (strspn(text, "0123456789") != DIGITS || text[DIGITS] != '.')
        return 0;
    en->number = strtoull(text, NULL, 10);
    char *rest = text + DIGITS + 1, *end = NULL;
    if (strcmp(rest, "json") == 0)
        return 1;
    int n = 0;
    if (sscanf(rest, "%32[0-9a-f].%32[0-9a-z].%15[a-z].loaded%n", en->run,
               en->part, en->mode, &n) != 3 ||
        n == 0)
        return 0;
    end = rest + n;
    return *end == '\0' ? 2 : 0;
}

/* Looks for the mark of a load: 1 with *en, 0, -1. */
static int find_mark(struct loadlog *l, uint64_t number, struct entry *en,
                     struct err *e)
{
    struct buf prefix = { 0 };
    struct list_object o;
    buf_add_str(&prefix, buf_str(&l->table));
    buf_addf(&prefix, LOADLOG_FOLDER "%0*" PRIu64 ".", DIGITS, number);
    struct str folder = { prefix.p, prefix.n - DIGITS - 1 };
    struct list *list = NULL;
    if (prefix.failed)
        err_nomem(e);
    else
        list = list_open(l->s, buf_str(&prefix), STR(""), e);
    int r = list ? 1 : -1, found = 0;
    while (r > 0 && !found && (r = list_next(list, &o, e)) > 0)
        found =
            parse_name((struct str){ o.key.p + folder.n, o.key.n - folder.n },
                       en) == 2;
    list_close(list);
    buf_free(&prefix);
    return r < 0 ? -1 : found;
}

/* A row without a mark. Mostly its own process is about to end it: that it may
 * do undisturbed, for a while. */
static int settle(struct loadlog *l, uint64_t number, struct err *e)
{
    struct buf row = { .max = ROW_MAX };
    struct entry en;
    int r = 0;
    for (int i = 0; i < GRACE_LOOKS && r == 0; i++) {
        usleep(GRACE_NAP_US);
        r = find_mark(l, number, &en, e);
    }
    if (r)
        return r < 0 ? -1 : add_entry(l, &en, e);
    r = read_row(l, number, &row, e);
    if (r > 0)
        r = bring_to_end(l, buf_str(&row), number, e);
    else if (r == 0)
        r = damaged(l, number, e); /* listed and not there */
    buf_free(&row);
    return r;
}

/* The mark of a load is listed before its row. */
static int take_name(struct loadlog *l, struct str name, bool finish,
                     struct err *e)
{
    struct entry en;
    int kind = parse_name(name, &en);
    bool done = l->n && l->v[l->n - 1].number == en.number;
    if (kind == 0 || (kind == 2 && done))
        return 0;
    l->last = en.number > l->last ? en.number : l->last;
    if (kind == 2)
        return add_entry(l, &en, e);
    return done || !finish ? 0 : settle(l, en.number, e);
}

int loadlog_read(struct loadlog *l, bool finish, struct err *e)
{
    struct buf prefix = { 0 }, after = { 0 };
    struct list_object o;
    uint64_t from = l->n ? l->v[l->n - 1].number : 0;
    const char *behind = from ? row_key(l, from, &after, e) : "";
    buf_add_str(&prefix, buf_str(&l->table));
    buf_addz(&prefix, LOADLOG_FOLDER);
    struct list *list = NULL;
    if (behind && prefix.failed)
        err_nomem(e);
    else if (behind)
        list = list_open(l->s, buf_str(&prefix), str_of(behind), e);
    int r = list ? 1 : -1;
    while (r > 0 && (r = list_next(list, &o, e)) > 0)
        if (take_name(l, (struct str){ o.key.p + prefix.n, o.key.n - prefix.n },
                      finish, e))
            r = -1;
    list_close(list);
    buf_free(&prefix);
    buf_free(&after);
    return r;
}

/* ---- judging */

static bool covers(const char *a, const char *b)
{
    return strcmp(a, ALL) == 0 || strcmp(b, ALL) == 0 || strcmp(a, b) == 0;
}

/* The load that decides, by the rules of all targets (sink_is_own). */
static const struct entry *decisive(const struct loadlog *l,
                                    const struct sink_spec *spec,
                                    const struct entry *mine)
{
    for (size_t i = l->n; i--;) {
        const struct entry *en = &l->v[i];
        bool same = strcmp(en->run, mine->run) == 0;
        if (sink_looks_at_all(spec)) {
            if (same)
                return en;
        } else if (covers(en->part, mine->part)) {
            return same && strcmp(en->mode, spec->mode_name) == 0 ? en : NULL;
        }
    }
    return NULL;
}

int loadlog_judge(struct loadlog *l, const struct sink_spec *spec,
                  const struct sink_run *run, enum sink_outcome *outcome,
                  struct buf *previous, struct err *e)
{
    struct buf text = { .max = ROW_MAX }, b[2] = { { 0 } };
    struct str hash, when;
    struct entry mine = { 0 };
    *outcome = SINK_NEW;
    if (name_run(&mine, str_of(run->pipeline), str_of(run->run_id),
                 str_of(run->partition), e))
        return -1;
    const struct entry *en = decisive(l, spec, &mine);
    int r = en ? read_row(l, en->number, &text, e) : 0;
    if (r > 0) {
        struct json_fault fault;
        struct val row = json_val(buf_str(&text));
        if (json_check_object(buf_str(&text), JSON_DEPTH_DEFAULT, &fault) ||
            !text_of(row, "input_hash", &b[0], &hash) ||
            !text_of(row, "loaded_at", &b[1], &when))
            r = damaged(l, en->number, e);
        else if (str_eq(hash, str_of(run->input_hash)))
            *outcome = SINK_SAME;
        else if (spec->mode == SINK_APPEND)
            *outcome = SINK_CONFLICT;
        if (r > 0 && buf_add_str(previous, when))
            r = err_nomem(e);
    } else if (en && r == 0) {
        r = damaged(l, en->number, e);
    }
    buf_free(&text);
    buf_free(&b[0]);
    buf_free(&b[1]);
    return r < 0 ? -1 : 0;
}

int loadlog_find(struct loadlog *l, const struct sink_run *run, struct buf *row,
                 struct err *e)
{
    struct entry mine = { 0 };
    if (name_run(&mine, str_of(run->pipeline), str_of(run->run_id),
                 str_of(run->partition), e))
        return -1;
    for (size_t i = l->n; i--;)
        if (strcmp(l->v[i].run, mine.run) == 0)
            return read_row(l, l->v[i].number, row, e);
    return 0;
}

int loadlog_latest(struct loadlog *l, struct buf *row, struct err *e)
{
    return l->n ? read_row(l, l->v[l->n - 1].number, row, e) : 0;
}

/* ---- writing */

/* A write that was answered twice may have met itself. */
static int is_own(struct loadlog *l, struct str token, struct err *e)
{
    struct buf text = { .max = ROW_MAX }, scratch = { 0 };
    struct json_fault fault;
    struct str load;
    int r = read_row(l, l->last + 1, &text, e);
    if (r > 0)
        r = json_check_object(buf_str(&text), JSON_DEPTH_DEFAULT, &fault) ==
                0 &&
            text_of(json_val(buf_str(&text)), "load", &scratch, &load) &&
            str_eq(load, token);
    buf_free(&text);
    buf_free(&scratch);
    return r;
}

int loadlog_claim(struct loadlog *l, struct str row, struct str token,
                  bool shared, struct err *e)
{
    struct buf key = { 0 };
    struct err why = { 0 };
    const char *z = row_key(l, l->last + 1, &key, e);
    int r = z ? object_put(l->s, buf_str(&key), row, shared, &why) : -1;
    buf_free(&key);
    if (!z)
        return -1;
    if (r <= 0) {
        struct err unknown = { 0 };
        int own = is_own(l, token, &unknown);
        if (r < 0 && own <= 0) {
            *e = why;
            return -1;
        }
        if (own < 0) {
            *e = unknown;
            return -1;
        }
        r = own;
    }
    l->last += r > 0;
    return r;
}

int loadlog_finish(struct loadlog *l, struct str row, struct err *e)
{
    return bring_to_end(l, row, l->last, e);
}
