/* Versions of rows (scd2) in SQLite against a model that knows no rows: what a
 * key's value was is a function of time, a list of the moments at which it
 * changed. */
#include "base/date.h"
#include "sink/sink.h"
#include "unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#define KEYS 2000 /* as BEHIND says */
#define TIMES 24  /* seconds at which something may happen */
#define VALUES 4
#define GONE 0 /* the value of a key that is not there */

/* ---- a random load ---- */

struct change {
    int key, time, value; /* GONE: a delete */
    size_t order;
};

static uint64_t seed;

static int draw(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)((seed >> 20) % (uint64_t)n);
}

static void shuffle(struct change *c, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)draw((int)i);
        struct change t = c[i - 1];
        c[i - 1] = c[j];
        c[j] = t;
    }
    for (size_t i = 0; i < n; i++)
        c[i].order = i;
}

/* ---- the model ---- */

struct moment {
    int time, value;
};

static struct history {
    struct moment m[TIMES + 1];
    int n;
} model[KEYS];

/* The last moment at or before a time, -1: none. */
static int moment_at(const struct history *h, int time)
{
    int i = h->n - 1;
    while (i >= 0 && h->m[i].time > time)
        i--;
    return i;
}

static void insert_moment(struct history *h, int at, struct moment m)
{
    memmove(&h->m[at + 1], &h->m[at], (size_t)(h->n - at) * sizeof(m));
    h->m[at] = m;
    h->n++;
}

static void remove_moment(struct history *h, int at)
{
    h->n--;
    memmove(&h->m[at], &h->m[at + 1], (size_t)(h->n - at) * sizeof(h->m[0]));
}

/* A moment at which nothing goes away says nothing. */
static void drop_empty(struct history *h)
{
    for (int i = h->n - 1; i >= 0; i--)
        if (h->m[i].value == GONE && (i == 0 || h->m[i - 1].value == GONE))
            remove_moment(h, i);
}

static void model_change(const struct change *c)
{
    struct history *h = &model[c->key];
    int i = moment_at(h, c->time);
    int was = i < 0 ? GONE : h->m[i].value;
    struct moment m = { c->time, c->value };
    if (was == c->value)
        return;
    if (i >= 0 && h->m[i].time == c->time && was != GONE) {
        h->m[i].value = c->value; /* a correction */
    } else {
        if (i >= 0 && h->m[i].time == c->time)
            remove_moment(h, i--);
        /* What was known to begin later began here. */
        if (c->value != GONE && i + 1 < h->n && h->m[i + 1].value == c->value)
            remove_moment(h, i + 1);
        insert_moment(h, i + 1, m);
    }
    drop_empty(h);
}

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void model_load(const struct change *c, size_t n)
{
    struct change *sorted = malloc((n + 1) * sizeof(*sorted));
    if (!sorted)
        abort();
    memcpy(sorted, c, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_time);
    for (size_t i = 0; i < n; i++) {
        bool last = i + 1 == n || sorted[i].key != sorted[i + 1].key ||
                    sorted[i].time != sorted[i + 1].time;
        if (last) /* of one time the record that came last */
            model_change(&sorted[i]);
    }
    free(sorted);
}

/* ---- the database ---- */

static char folder[64];

static const char *database(const char *name)
{
    static char path[128];
    if (!*folder) {
        snprintf(folder, sizeof(folder), "%s/scd2-XXXXXX",
                 getenv("TMPDIR")                ? getenv("TMPDIR")
                 : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                                 : "/tmp");
        if (!mkdtemp(folder))
            abort();
    }
    snprintf(path, sizeof(path), "sqlite:%s/%s", folder, name);
    return path;
}

static uint64_t refused;

static int refuse(void *context, const struct sink_record *r,
                  const struct sink_refusal *why, struct err *e)
{
    (void)context;
    (void)r;
    (void)why;
    (void)e;
    refused++;
    return 0;
}

static void record(const struct change *c, char text[200], char at[40])
{
    /* Spellings of one value, in any order. */
    static const char *const ones[] = { "1", "1.0", "10e-1" };
    static const char *const blanks[] = { "", ",\"z\":null" };
    static const char *const letters[] = { "x", "\\u0078" };
    snprintf(at, 40, "2026-01-01T%02d:00:%02d%s", draw(2) ? 1 : 0, c->time,
             "Z");
    at[12] = '0';
    const char *one = ones[draw(3)], *blank = blanks[draw(2)];
    if (c->value == GONE)
        snprintf(text, 200, "{\"id\":%d}", c->key);
    else if (draw(2))
        snprintf(text, 200,
                 "{\"id\":%d,\"t\":\"%s\",\"v\":\"%s%d\",\"n\":%s%s}", c->key,
                 at, letters[draw(2)], c->value, one, blank);
    else
        snprintf(text, 200,
                 "{\"n\":%s,\"v\":\"%s%d\",\"t\":\"2026-01-01T01:00:%02d+01:00"
                 "\"%s, \"id\" : %d.0}",
                 one, letters[draw(2)], c->value, c->time, blank, c->key);
}

static void load(const char *name, const struct change *c, size_t n)
{
    const struct str key = STR("id");
    struct err e = { 0 };
    struct sink_spec spec = {
        .uri = database(name),
        .table = "t",
        .mode = SINK_SCD2,
        .mode_name = "scd2",
        .keys = &key,
        .n_keys = 1,
        .scd2_names = { STR("valid_from"), STR("valid_to"), STR("is_current"),
                        STR("row_hash") },
        .effective = STR("t"),
        .now = "2026-01-01T12:00:00Z",
        .create = true,
        .lock_timeout_ms = 1000,
        .refuse = refuse,
    };
    spec.target = strchr(spec.uri, ':') + 1;
    struct sink *s = sink_open(&spec, &e);
    bool good = s && sink_begin(s, &e) == 0;
    for (size_t i = 0; good && i < n; i++) {
        char text[200], at[40];
        record(&c[i], text, at);
        struct sink_record r = { .op = c[i].value == GONE ? SINK_DELETE
                                                          : SINK_ROW,
                                 .text = str_of(text),
                                 .raw = str_of(text),
                                 .at = str_of(at) };
        good = sink_write(s, &r, &e) == 0;
    }
    good = good && sink_apply(s, &e) == 0 && sink_commit(s, &e) == 0;
    if (!good)
        printf("# %s\n", e.msg);
    CHECK(good);
    sink_close(s);
}

/* An empty history; the table is made by a key that no test looks at, since a
 * delete makes none. */
static void start(const char *name)
{
    const struct change first = { .key = KEYS, .value = 1 };
    (void)unlink(strchr(database(name), ':') + 1);
    load(name, &first, 1);
}

/* What a query gives, a line a row. Owned, freed with free. */
static char *dump(const char *name, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    struct buf out = { 0 };
    CHECK(sqlite3_open(strchr(database(name), ':') + 1, &db) == SQLITE_OK &&
          sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    while (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        buf_addf(&out, "%s\n", sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    CHECK(buf_z(&out));
    return out.p;
}

#define BEHIND " FROM t WHERE id < 2000 ORDER BY id, valid_from"
#define VERSIONS                                                     \
    "SELECT printf('%d %s %s %s %d', id, substr(valid_from, 18, 2)," \
    " ifnull(substr(valid_to, 18, 2), '-'), substr(v, 2), is_current)" BEHIND
#define WHOLE                                                      \
    "SELECT printf('%d %s %s %d %s %s', id, valid_from, valid_to," \
    " is_current, row_hash, t)" BEHIND

/* The rows that the model stands for. */
static char *model_dump(void)
{
    struct buf out = { 0 };
    for (int k = 0; k < KEYS; k++)
        for (int i = 0; i < model[k].n; i++) {
            const struct moment *m = &model[k].m[i];
            bool open = i + 1 == model[k].n;
            char to[12] = "-";
            if (m->value == GONE)
                continue;
            if (!open)
                snprintf(to, sizeof(to), "%02d", m[1].time);
            buf_addf(&out, "%d %02d %s %d %d\n", k, m->time, to, m->value,
                     open);
        }
    CHECK(buf_z(&out));
    return out.p;
}

static void same_text(char *have, char *want)
{
    bool same = have && want && strcmp(have, want) == 0;
    CHECK(same);
    if (!same && have && want) {
        size_t i = 0;
        while (have[i] && have[i] == want[i])
            i++;
        while (i > 0 && have[i - 1] != '\n')
            i--;
        printf("# seed %llu: have %.60s\n# want %.60s\n",
               (unsigned long long)seed, have + i, want + i);
    }
    free(have);
    free(want);
}

static size_t random_load(struct change *c, int most, bool deletes)
{
    size_t n = 0;
    for (int k = 0; k < KEYS; k++)
        for (int i = draw(most + 1); i > 0; i--)
            c[n++] = (struct change){ .key = k,
                                      .time = draw(TIMES),
                                      .value = deletes && draw(5) == 0
                                                   ? GONE
                                                   : 1 + draw(VALUES) };
    shuffle(c, n);
    return n;
}

static struct change changes[KEYS * TIMES];

TEST("versions are those of the model: late, repeated, deleted, in any order")
{
    seed = 20260101;
    for (int round = 0; round < 8; round++) {
        memset(model, 0, sizeof(model));
        start("a");
        for (int i = 1 + draw(6); i > 0; i--) {
            size_t n = random_load(changes, 8, true);
            model_load(changes, n);
            load("a", changes, n);
        }
        same_text(dump("a", VERSIONS), model_dump());
    }
    CHECK(refused == 0);
}

/* Each time of a key once: every order of arrival is the same history. */
static size_t distinct_times(struct change *c, bool distinct_values)
{
    size_t n = 0;
    for (int k = 0; k < KEYS; k++)
        for (int t = 0; t < TIMES; t++)
            if (draw(3) == 0)
                c[n++] = (struct change){ .key = k,
                                          .time = t,
                                          .value = distinct_values
                                                       ? 1 + t
                                                       : 1 + draw(VALUES) };
    return n;
}

TEST("within a load the order of arrival does not matter")
{
    seed = 4711;
    for (int round = 0; round < 3; round++) {
        size_t n = distinct_times(changes, false);
        start("a");
        start("b");
        load("a", changes, n);
        shuffle(changes, n);
        load("b", changes, n);
        same_text(dump("a", VERSIONS), dump("b", VERSIONS));
    }
}

TEST("nor does it over many loads, where no value comes twice")
{
    seed = 815;
    for (int round = 0; round < 3; round++) {
        size_t n = distinct_times(changes, true);
        start("a");
        start("b");
        load("a", changes, n);
        shuffle(changes, n);
        for (size_t at = 0; at < n;) {
            size_t part = 1 + (size_t)draw((int)n / 3);
            part = part > n - at ? n - at : part;
            load("b", changes + at, part);
            at += part;
        }
        same_text(dump("a", VERSIONS), dump("b", VERSIONS));
    }
}

TEST("the same records again change nothing, whatever their order")
{
    seed = 99;
    for (int round = 0; round < 3; round++) {
        start("a");
        size_t n = distinct_times(changes, false);
        load("a", changes, n);
        char *before = dump("a", WHOLE);
        shuffle(changes, n);
        load("a", changes, n);
        same_text(dump("a", WHOLE), before);
    }
}

TEST("nor do deletes, as they came")
{
    seed = 98;
    for (int round = 0; round < 3; round++) {
        start("a");
        size_t n = random_load(changes, 8, true);
        load("a", changes, n);
        memset(model, 0, sizeof(model));
        model_load(changes, n);
        model_load(changes, n);
        load("a", changes, n);
        same_text(dump("a", VERSIONS), model_dump());
    }
}

TEST("no version ends before it begins, and one of a key is current at most")
{
    seed = 7;
    start("a");
    for (int i = 0; i < 8; i++)
        load("a", changes, random_load(changes, 3, true));
    char *bad =
        dump("a", "SELECT id FROM t WHERE valid_to <= valid_from UNION ALL "
                  "SELECT id FROM t AS t2 WHERE is_current <> (valid_to IS "
                  "NULL) UNION ALL SELECT id FROM (SELECT id, valid_from "
                  "FROM t WHERE is_current GROUP BY id HAVING count(*) > 1) "
                  "UNION ALL SELECT id FROM (SELECT id, valid_to AS e, "
                  "lead(valid_from) OVER (PARTITION BY id ORDER BY "
                  "valid_from) AS f FROM t) WHERE e > f OR (e IS NULL AND f "
                  "IS NOT NULL)");
    CHECK_STR(bad, "");
    free(bad);
    (void)unlink(strchr(database("a"), ':') + 1);
    (void)unlink(strchr(database("b"), ':') + 1);
    (void)rmdir(folder);
}

UNIT_MAIN
