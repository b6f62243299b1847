/* The quick way through an aggregate, by column over a batch of records whose
 * shapes are known, against the slow one, record by record without a shape. */
#include "unit.h"

#include "json/select.h"
#include "aggregate/aggregate.h"

#include <stdlib.h>

#define RECORDS 300

static struct err err;

static uint32_t random_below(uint32_t n)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 33) % n;
}

#define PICK(list) (list)[random_below(sizeof(list) / sizeof(*(list)))]

/* ---- random records ---- */

static void add_digits(struct buf *b, uint32_t n)
{
    buf_addc(b, (char)('1' + random_below(9)));
    while (n-- > 1)
        buf_addc(b, (char)('0' + random_below(10)));
}

/* Numbers as they come, and such as no short key holds. Exponents make every
 * record a special one from then on, and are for some rounds only; so are
 * escapes, and numbers whose sums soon outgrow 64 bits. */
static bool exponents, large, escapes;
static const char *prefix; /* of all strings of the round */

static void add_number(struct buf *b)
{
    static const char *const odd[] = { "0",
                                       "-0",
                                       "0.0",
                                       "-0.00",
                                       "1.0",
                                       "1",
                                       "999999999999999999",
                                       "-999999999999999999",
                                       "9223372036854775807",
                                       "0.000000000000000001",
                                       "99999999.999999999",
                                       "1234567890123456789012" };
    static const char *const far[] = { "1e3",    "1E-2",     "1e6144",
                                       "1e6145", "-1e-7000", "12e0" };
    uint32_t how = large ? 8 : random_below(12);
    if (how == 0) {
        buf_addz(b, exponents && random_below(2) ? PICK(far) : PICK(odd));
        return;
    }
    if (random_below(4) == 0)
        buf_addc(b, '-');
    if (how < 4)
        buf_addf(b, "%u.%02u", random_below(300), random_below(100));
    else if (how < 8)
        buf_addf(b, "%u", random_below(20));
    else
        add_digits(b, large ? 18 : 1 + random_below(how < 11 ? 17 : 45));
    if (how >= 8 && !large && random_below(2)) {
        buf_addc(b, '.');
        add_digits(b, 1 + random_below(how < 11 ? 8 : 30));
    }
}

/* Strings that differ early, late, behind 8 and 16 characters, or in their
 * spelling alone. */
static void add_string(struct buf *b)
{
    static const char *const parts[] = { "",         "a", "b",       "ab",
                                         "abcdefgh", " ", "!",       "2024-01-",
                                         "0",        "~", "\xc3\xa9" };
    static const char *const escaped[] = {
        "\\u0061", "\\n", "\\u0000", "\\\"", "\\\\", "\\ud83d\\ude00"
    };
    buf_addf(b, "\"%s", prefix);
    for (uint32_t n = random_below(random_below(20) ? 4 : 12); n > 0; n--)
        buf_addz(b, escapes && random_below(12) == 0 ? PICK(escaped)
                                                     : PICK(parts));
    buf_addc(b, '"');
}

enum { NUMBERS = 1, STRINGS = 2, WORDS = 4, CONTAINERS = 8, NULLS = 16 };

static void add_value(struct buf *b, unsigned kinds)
{
    static const char *const words[] = { "true", "false" };
    static const char *const containers[] = { "[]", "{}", "[1, \"a\"]",
                                              "{\"p\":[{}]}", "[1e9999]" };
    for (;;) {
        unsigned kind = 1u << random_below(5);
        if (!(kinds & kind))
            continue;
        switch (kind) {
        case NUMBERS: add_number(b); return;
        case STRINGS: add_string(b); return;
        case WORDS: buf_addz(b, PICK(words)); return;
        case CONTAINERS: buf_addz(b, PICK(containers)); return;
        default: buf_addz(b, "null"); return;
        }
    }
}

/* What the fields hold is drawn once a run, so that some columns are all of
 * one type, with gaps or without. */
struct recipe {
    unsigned kinds[6];
    uint32_t missing, spaces, shuffled; /* one in so many; 0: never */
};

static bool one_in(uint32_t n)
{
    return n && random_below(n) == 0;
}

static void add_record(struct buf *b, const struct recipe *r)
{
    static const char *const names[] = { "g", "h", "x",
                                         "y", "z", "\\u006f" /* o */ };
    bool first = true;
    uint32_t shift = one_in(r->shuffled) ? random_below(6) : 0;
    buf_addc(b, '{');
    uint32_t n = r->shuffled && one_in(10) ? 7 : 6; /* one of them twice */
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = (k + shift) % 6;
        if (one_in(r->missing))
            continue;
        buf_addf(b, "%s\"%s\":%s", first ? "" : ",",
                 i == 5 && random_below(50) ? "o" : names[i],
                 one_in(r->spaces) ? " " : "");
        first = false;
        if (i == 5)
            buf_addz(b, "{\"k\":");
        add_value(b, r->kinds[i]);
        if (one_in(r->spaces))
            buf_addz(b, " ");
        if (i == 5)
            buf_addz(b, "}");
    }
    buf_addc(b, '}');
}

static void draw(struct recipe *r)
{
    static const unsigned kinds[] = {
        NUMBERS,         STRINGS, NUMBERS | NULLS,
        STRINGS | NULLS, 31,      NUMBERS | STRINGS
    };
    static const uint32_t odds[] = { 0, 0, 5, 40 };
    static const char *const prefixes[] = { "", "abcdefg", "abcdefghabcdefgh" };
    exponents = random_below(4) == 0;
    large = random_below(4) == 0;
    escapes = random_below(2);
    prefix = PICK(prefixes);
    for (size_t i = 0; i < 6; i++)
        r->kinds[i] = PICK(kinds);
    r->missing = PICK(odds);
    r->spaces = PICK(odds);
    r->shuffled = PICK(odds);
}

/* ---- both ways ---- */

/* Records of one block, each with its tokens. */
struct input {
    struct buf text;
    char *block;
    size_t n;
    struct scan_line line[RECORDS];
    struct shaped shaped[RECORDS];
    struct select_record with[RECORDS], without[RECORDS];
};

static void *copy(const void *p, size_t n, size_t more)
{
    char *to = calloc(1, n + more);
    memcpy(to, p, n);
    return to;
}

/* The block ends where its memory ends, so that the sanitizer sees what is
 * read behind it. */
static void scan_input(struct input *in, struct shape_cache *shapes)
{
    struct scan s = { 0 };
    struct scan_line l;
    in->block = calloc(1, in->text.n + SCAN_PADDING);
    memcpy(in->block, in->text.p, in->text.n);
    struct str block = { in->block, in->text.n };
    for (in->n = 0; scan_next(&s, block, true, &l) > 0; in->n++) {
        size_t i = in->n;
        struct str text = { in->block + l.start, l.end - l.start };
        l.tok = copy(l.tok, l.n, SCAN_TOKENS_PADDING);
        l.pos = copy(l.pos, (l.n + 1) * sizeof(*l.pos), 0);
        in->line[i] = l;
        in->shaped[i] = (struct shaped){ shape_of(shapes, &l, 256),
                                         &in->line[i], in->block };
        CHECK(in->shaped[i].shape != NULL);
        in->with[i] = (struct select_record){ text, &in->shaped[i] };
        in->without[i] = (struct select_record){ text, NULL };
    }
    scan_free(&s);
}

static void free_input(struct input *in)
{
    for (size_t i = 0; i < in->n; i++) {
        free((void *)(size_t)in->line[i].tok);
        free((void *)(size_t)in->line[i].pos);
    }
    free(in->block);
    buf_free(&in->text);
}

/* Takes recs in batches of at most `most`; faults go to log. */
static void take_all(struct aggregate *a, const struct select_record *recs,
                     size_t n, uint32_t most, struct buf *log)
{
    for (size_t from = 0, some; from < n; from += some) {
        struct aggregate_fault f;
        size_t at = 0;
        int r;
        some = 1 + random_below(most);
        if (some > n - from)
            some = n - from;
        while ((r = aggregate_take(a, recs + from, some, &at, &f, &err)) == 0)
            buf_addf(log, "%zu: %s %.*s %.*s\n", from + at, f.code,
                     STR_ARG(f.path), STR_ARG(f.message));
        CHECK(r == 1);
    }
}

static struct buf run(const char *by, const char *specs, bool sorted,
                      const struct select_record *recs, size_t n, uint32_t most)
{
    struct budget budget = { 0 };
    struct buf log = { 0 }, line = { 0 };
    struct aggregate *a = aggregate_new(&budget, &(struct expr_env){ 0 }, &err);
    CHECK(!by || aggregate_group_by(a, str_of(by), &err) == 0);
    CHECK(aggregate_compute(a, str_of(specs), &err) == 0);
    CHECK(aggregate_begin(a, &err) == 0);
    take_all(a, recs, n, most, &log);
    CHECK(aggregate_end(a, sorted, &err) == 0);
    int r;
    while ((r = aggregate_next(a, &line, &err)) == 1)
        buf_addf(&log, "%.*s\n", STR_ARG(buf_str(&line)));
    /* An average outside the range of decimals is an error of both. */
    buf_addf(&log, "%d %s\n", r, r ? err.msg : "");
    buf_free(&line);
    aggregate_free(a);
    CHECK(budget.used == 0);
    return log;
}

static const char *const groups[] = { NULL, "g", "g,h", "o.k", "h", "g" };
static const char *const aggregates[] = {
    "count(),count(x),sum(x),avg(x)",
    "min(x),max(x),min(y),max(y),first(y),last(x)",
    "distinct(y),distinct(z),count(z),max(z),min(z)",
    "count(),sum(x),avg(x),min(y),max(y)",
    "first(z),last(z),sum(o.k),max(o.k)",
    "count(y),max(x),max(y),max(z),sum(x)",
};

TEST("by column the results and faults are those of one record after another")
{
    static struct input in;
    size_t faults = 0, rounds = 0;
    for (int i = 0; i < 1500 && !unit_failed; i++) {
        struct recipe recipe;
        struct shape_cache *shapes = shape_cache_new();
        in = (struct input){ 0 };
        draw(&recipe);
        for (uint32_t n = 1 + random_below(RECORDS - 1); n > 0; n--) {
            add_record(&in.text, &recipe);
            buf_addc(&in.text, '\n');
        }
        scan_input(&in, shapes);
        const char *by = PICK(groups), *specs = PICK(aggregates);
        bool sorted = random_below(2);
        struct buf quick = run(by, specs, sorted, in.with, in.n, SELECT_BATCH);
        struct buf slow = run(by, specs, sorted, in.without, in.n, 1);
        bool same = str_eq(buf_str(&quick), buf_str(&slow));
        if (!same)
            printf(
                "# -g '%s' -a '%s' of\n# %.*s\n# quick: %.*s\n# slow: %.*s\n",
                by ? by : "", specs, STR_ARG(buf_str(&in.text)),
                STR_ARG(buf_str(&quick)), STR_ARG(buf_str(&slow)));
        CHECK(same);
        faults += quick.p && memchr(quick.p, '/', quick.n) != NULL;
        rounds++;
        buf_free(&quick);
        buf_free(&slow);
        free_input(&in);
        shape_cache_free(shapes);
    }
    printf("# %zu rounds, %zu with faults\n", rounds, faults);
    CHECK(faults > 100 && faults < rounds - 100);
}

/* ---- the columns themselves ---- */

TEST("columns of a batch hold what each record holds by itself")
{
    static struct input in;
    static struct val want[8];
    struct path *paths;
    size_t n;
    CHECK(path_list_parse(&paths, &n, STR("g,h,x,o.k,z,o,z[0]"), &err) == 0);
    for (int round = 0; round < 300 && !unit_failed; round++) {
        struct recipe recipe;
        struct shape_cache *shapes = shape_cache_new();
        struct select *s = select_new();
        struct select_batch b;
        in = (struct input){ 0 };
        draw(&recipe);
        for (uint32_t i = 1 + random_below(SELECT_BATCH); i > 0; i--) {
            add_record(&in.text, &recipe);
            buf_addc(&in.text, '\n');
        }
        scan_input(&in, shapes);
        for (size_t i = 0; i < n; i++)
            CHECK(select_add(s, &paths[i]) >= 0);
        if (round % 2)
            CHECK(select_add(s, &(struct path){ 0 }) >= 0);
        CHECK(select_batch_init(&b, s, 0) == 0);
        for (size_t i = 0; i < in.n; i += 5)
            in.with[i].shaped = random_below(3) ? in.with[i].shaped : NULL;
        CHECK(select_pick_batch(s, in.with, in.n, &b) == 0);
        for (size_t i = 0; i < in.n; i++) {
            CHECK(select_run(s, in.with[i].text, want) == 0);
            for (size_t k = 0; k < select_size(s); k++) {
                struct val have = b.vals[k * SELECT_BATCH + i];
                CHECK(have.type == want[k].type &&
                      have.raw.n == want[k].raw.n &&
                      (!have.raw.n || have.raw.p == want[k].raw.p));
                CHECK(b.types[k] >> have.type & 1);
            }
        }
        select_batch_free(&b);
        select_free(s);
        free_input(&in);
        shape_cache_free(shapes);
    }
    path_list_free(paths, n);
}

TEST("a record that is not JSON is told from the others of its batch")
{
    struct path *paths;
    size_t n;
    CHECK(path_list_parse(&paths, &n, STR("a"), &err) == 0);
    struct select *s = select_new();
    struct select_batch b;
    CHECK(select_add(s, &paths[0]) == 0 && select_batch_init(&b, s, 0) == 0);
    const struct select_record recs[] = {
        { STR("{\"a\":1}"), NULL },
        { STR("{\"a\""), NULL },
        { STR("{\"b\":1}"), NULL },
    };
    CHECK(select_pick_batch(s, recs, 3, &b) == 2);
    CHECK(b.types[0] & 1U << JSON_NUMBER && b.types[0] & 1U << JSON_MISSING);
    select_batch_free(&b);
    select_free(s);
    path_list_free(paths, n);
}

UNIT_MAIN
