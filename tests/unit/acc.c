#include "unit.h"

#include "accbox.h"

/* Every kind, with parameters and a question that shows its state. */
static const struct kind {
    enum acc_kind kind;
    const char *name;
    bool numbers; /* takes nothing else */
    enum acc_ask ask;
    struct acc_param param;
} kinds[] = {
    { ACC_ROWS, "rows", false, ASK_PLAIN, { .n = 0 } },
    { ACC_COUNT, "count", false, ASK_PLAIN, { .n = 0 } },
    { ACC_SUM, "sum", true, ASK_PLAIN, { .n = 0 } },
    { ACC_SQUARES, "squares", true, ASK_PLAIN, { .n = 0 } },
    { ACC_MIN, "min", false, ASK_PLAIN, { .n = 0 } },
    { ACC_MAX, "max", false, ASK_PLAIN, { .n = 0 } },
    { ACC_FIRST, "first", false, ASK_PLAIN, { .n = 0 } },
    { ACC_LAST, "last", false, ASK_PLAIN, { .n = 0 } },
    { ACC_ARG_MIN, "arg_min", false, ASK_PLAIN, { .n = 0 } },
    { ACC_ARG_MAX, "arg_max", false, ASK_PLAIN, { .n = 0 } },
    { ACC_DISTINCT, "distinct", false, ASK_PLAIN, { .n = 0 } },
    { ACC_HLL, "hll", false, ASK_PLAIN, { .n = 0 } },
    { ACC_HLL, "hll of 7 bits", false, ASK_PLAIN, { .bits = 7 } },
    { ACC_HLL, "hll of 4 bits", false, ASK_PLAIN, { .bits = 4 } },
    { ACC_VALUES, "values", true, ASK_PERCENTILE, { .n = 0 } },
    { ACC_SKETCH, "sketch", true, ASK_PERCENTILE, { .n = 0 } },
    { ACC_SKETCH, "fine sketch", true, ASK_PERCENTILE, { .error = 0.001 } },
    { ACC_TALLY, "tally", false, ASK_TOP, { .n = 0 } },
    { ACC_LIST, "list", false, ASK_PLAIN, { .n = 0 } },
    { ACC_BUCKETS,
      "buckets",
      true,
      ASK_PLAIN,
      { .low = { .small = -505, .scale = 1 },
        .width = { .small = 125, .scale = 1 },
        .n = 9 } },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))
#define TEXT 48
#define PER_RUN 64

/* ---- values at random ---- */

static void number_at_random(char *out, uint64_t *seed)
{
    uint64_t x = box_random(seed);
    const char *sign = x & 64 ? "-" : "";
    unsigned a = (unsigned)(x >> 8) % 1000, b = (unsigned)(x >> 20) % 100;
    switch (x % 16) {
    case 0: snprintf(out, TEXT, "%s%u", sign, a % 4); break;
    case 1: snprintf(out, TEXT, "%s%u.%u0", sign, a % 3, b % 10); break;
    case 2: snprintf(out, TEXT, "%s%ue%u", sign, a, b % 30); break;
    case 3: snprintf(out, TEXT, "%s%ue-%u", sign, a, b % 30); break;
    case 4: snprintf(out, TEXT, "%s9%016u", sign, a); break;
    case 5: snprintf(out, TEXT, "%s0.%u%015u", sign, a, b); break;
    case 6: snprintf(out, TEXT, "%s1%03u%030u", sign, a, b); break;
    case 7: snprintf(out, TEXT, "%s0.000", sign); break;
    default: snprintf(out, TEXT, "%s%u.%02u", sign, a, b); break;
    }
}

static void value_at_random(char *out, uint64_t *seed, bool number)
{
    static const char *const words[] = {
        "true",   "false",           "\"a\"",        "\"\\u0061\"",
        "[1, 2]", "{\"b\":1}",       "\"\\ud800\"",  "\"x\\ud83d\\ude00\"",
        "\"\"",   "\"a\\\"b\\n\"",   "\"\\udfff-\"", "{\"a\":[],\"b\":{}}",
        "[]",     "\"caf\xc3\xa9\"",
    };
    uint64_t x = box_random(seed);
    if (number || x % 3 == 0)
        number_at_random(out, seed);
    else if (x % 3 == 1)
        snprintf(out, TEXT, "%s", words[(x >> 8) % 14]);
    else
        snprintf(out, TEXT, "\"key %u of some length\"",
                 (unsigned)(x >> 8) % 500);
}

/* A stretch of input, the same for the same seed. */
struct input {
    size_t n;
    struct {
        char v[TEXT], by[TEXT];
        uint32_t group;
    } * of;
};

static struct input make_input(size_t n, uint64_t seed, bool numbers)
{
    struct input in = { n, calloc(n, sizeof(*in.of)) };
    for (size_t i = 0; i < n; i++) {
        value_at_random(in.of[i].v, &seed, numbers);
        value_at_random(in.of[i].by, &seed, false);
        in.of[i].group = (uint32_t)(box_random(&seed) % (BOX_GROUPS - 1));
    }
    return in;
}

static void take_one_by_one(struct box *b, const struct input *in, size_t from,
                            size_t to)
{
    for (size_t i = from; i < to; i++)
        CHECK(box_take_by(b, in->of[i].group, in->of[i].v, in->of[i].by) == 1);
}

/* In runs, as far as the values are such as runs have. */
static bool may_run(const char *text, unsigned types, bool numbers)
{
    struct val v = json_val(str_of(text));
    if (!(types >> v.type & 1))
        return false;
    return v.type != JSON_NUMBER || !numbers ||
           order_key_of(v).kind == ORDER_NUMBER;
}

static void take_in_runs(struct box *b, const struct input *in)
{
    struct val vals[PER_RUN], bys[PER_RUN];
    struct order_key keys[PER_RUN], by_keys[PER_RUN];
    char *rows[PER_RUN];
    uint32_t groups[PER_RUN];
    enum acc_kind kind = b->acc.kind;
    for (size_t i = 0; i < in->n;) {
        struct run run = { .vals = vals,
                           .numbers = keys,
                           .by = bys,
                           .by_numbers = by_keys,
                           .rows = rows,
                           .groups = groups,
                           .side = &b->side };
        for (; i < in->n && run.to < PER_RUN; i++, run.to++) {
            const char *v = in->of[i].v, *by = in->of[i].by;
            if (!may_run(v, acc_types(kind), acc_wants_numbers(kind)) ||
                (acc_has_by(kind) &&
                 !may_run(by, acc_by_types(kind), acc_wants_by_numbers(kind))))
                break;
            vals[run.to] = json_val(str_of(v));
            bys[run.to] = json_val(str_of(by));
            keys[run.to] = order_key_of(vals[run.to]);
            by_keys[run.to] = order_key_of(bys[run.to]);
            if (strchr(v, '\\') || strchr(by, '\\'))
                run.no_keys |= (uint64_t)1 << run.to;
            groups[run.to] = in->of[i].group;
            rows[run.to] = box_row(b, in->of[i].group);
        }
        if (run.to)
            CHECK(acc_take_run(&b->acc, &run, &box_err) == 0);
        else if (i < in->n)
            take_one_by_one(b, in, i, i + 1), i++;
    }
}

static bool same_states(struct box *a, struct box *b, const struct kind *k)
{
    for (uint32_t g = 0; g < BOX_GROUPS; g++) {
        const char *x = box_write(a, g), *y = box_write(b, g);
        bool same = strcmp(x, y) == 0;
        if (same) {
            x = box_ask(a, g, k->ask, "0.95", 3);
            y = box_ask(b, g, k->ask, "0.95", 3);
            same = strcmp(x, y) == 0;
        }
        if (!same) {
            printf("# %s, group %u: %.300s\n# and %.300s\n", k->name, g, x, y);
            return false;
        }
    }
    return true;
}

TEST("a run gives what its values give one by one")
{
    for (size_t k = 0; k < KINDS; k++) {
        struct input in = make_input(5000, k, kinds[k].numbers);
        struct box a, b;
        box_open(&a, kinds[k].kind, &kinds[k].param, 0);
        box_open(&b, kinds[k].kind, &kinds[k].param, 0);
        take_one_by_one(&a, &in, 0, in.n);
        take_in_runs(&b, &in);
        CHECK(same_states(&a, &b, &kinds[k]));
        CHECK(box_close(&a));
        CHECK(box_close(&b));
        free(in.of);
    }
}

/* Groups of `from` are absorbed by `to`. */
static void absorb_all(struct box *to, struct box *from, const struct kind *k)
{
    struct json_fault fault;
    for (uint32_t g = 0; g < BOX_GROUPS; g++) {
        struct str state = str_of(box_write(from, g));
        if (json_check_value(state, 64, &fault) ||
            memchr(state.p, '\n', state.n))
            printf("# %s: not a line of JSON: %.300s\n", k->name, state.p);
        CHECK(json_check_value(state, 64, &fault) == 0);
        CHECK(box_absorb(to, g, state) == 0);
    }
}

TEST("states of pieces, absorbed in order, are the state of the whole")
{
    for (size_t k = 0; k < KINDS; k++) {
        for (uint64_t seed = 0; seed < 12; seed++) {
            uint64_t cuts = seed + 77;
            size_t n = seed < 6 ? 40 : 3000;
            struct input in = make_input(n, seed * KINDS + k, kinds[k].numbers);
            struct box whole, merged;
            box_open(&whole, kinds[k].kind, &kinds[k].param, 0);
            box_open(&merged, kinds[k].kind, &kinds[k].param, 0);
            take_one_by_one(&whole, &in, 0, n);
            for (size_t at = 0, to; at < n; at = to) {
                struct box piece;
                to = at + 1 + box_random(&cuts) % (n / 2);
                to = to < n ? to : n;
                box_open(&piece, kinds[k].kind, &kinds[k].param, 0);
                take_one_by_one(&piece, &in, at, to);
                absorb_all(&merged, &piece, &kinds[k]);
                CHECK(box_close(&piece));
            }
            CHECK(same_states(&whole, &merged, &kinds[k]));
            CHECK(box_close(&whole));
            CHECK(box_close(&merged));
            free(in.of);
        }
    }
}

TEST("an accumulator that was reset is as new")
{
    for (size_t k = 0; k < KINDS; k++) {
        struct input in = make_input(2000, k, kinds[k].numbers);
        struct box a, b;
        box_open(&a, kinds[k].kind, &kinds[k].param, 0);
        box_open(&b, kinds[k].kind, &kinds[k].param, 0);
        take_one_by_one(&a, &in, 0, 1000);
        acc_reset(&a.acc);
        region_free(&a.side);
        CHECK(a.budget.used == 0);
        memset(a.rows, 0, a.row * BOX_GROUPS);
        take_one_by_one(&a, &in, 1000, 2000);
        take_one_by_one(&b, &in, 1000, 2000);
        CHECK(same_states(&a, &b, &kinds[k]));
        CHECK(box_close(&a));
        CHECK(box_close(&b));
        free(in.of);
    }
}

/* ---- damaged states ---- */

static void damage(struct buf *s, uint64_t *seed)
{
    static const char bytes[] = "0123456789-+.eE,:[]{}\"\\untrulfase /A";
    for (uint64_t n = 1 + box_random(seed) % 3; n > 0; n--) {
        size_t at = s->n ? box_random(seed) % s->n : 0;
        char c = bytes[box_random(seed) % (sizeof(bytes) - 1)];
        switch (box_random(seed) % 3) {
        case 0:
            if (s->n)
                s->p[at] = c;
            break;
        case 1:
            if (s->n)
                memmove(s->p + at, s->p + at + 1, --s->n - at);
            break;
        default:
            buf_addc(s, c);
            memmove(s->p + at + 1, s->p + at, s->n - at - 1);
            s->p[at] = c;
        }
    }
}

static void absorb_damaged(const struct kind *k, const char *state,
                           uint64_t *seed, unsigned counts[2])
{
    struct json_fault fault;
    struct buf s = { 0 };
    struct box b;
    buf_addz(&s, state);
    damage(&s, seed);
    if (json_check_value(buf_str(&s), 64, &fault)) {
        buf_free(&s);
        return;
    }
    box_open(&b, k->kind, &k->param, 0);
    CHECK(box_take_by(&b, 1, "17.5", "3") == 1);
    char *before = strdup(box_write(&b, 1));
    box_err = (struct err){ 0 };
    int r = box_absorb(&b, 1, buf_str(&s));
    counts[r == 0]++;
    if (r) {
        CHECK(box_err.code == ERR_DATA);
        CHECK_STR(box_write(&b, 1), before);
    } else {
        const char *after = box_write(&b, 1);
        CHECK(json_check_value(str_of(after), 64, &fault) == 0);
        box_ask(&b, 1, k->ask, "0.5", 2);
    }
    free(before);
    buf_free(&s);
    CHECK(box_close(&b));
}

TEST("a damaged state is absorbed as what it says, or refused and changes "
     "nothing")
{
    unsigned counts[2] = { 0 };
    uint64_t seed = 5;
    for (size_t k = 0; k < KINDS; k++) {
        struct input in = make_input(30, k, kinds[k].numbers);
        struct box a;
        box_open(&a, kinds[k].kind, &kinds[k].param, 0);
        take_one_by_one(&a, &in, 0, in.n);
        char *state = strdup(box_write(&a, 0));
        for (int i = 0; i < 700; i++)
            absorb_damaged(&kinds[k], state, &seed, counts);
        free(state);
        CHECK(box_close(&a));
        free(in.of);
    }
    CHECK(counts[0] > 500);
    CHECK(counts[1] > 500);
}

TEST("a state of another kind or other parameters is refused")
{
    static const char *const foreign[] = {
        "{}",    "\"a\"",  "-1",      "1.5",      "[[1]]",          "[[1,0]]",
        "[1,2]", "[null]", "1e99999", "[13,1,1]", "[0.02,0,[],[]]", "[0,1]",
        "9e18",
    };
    static const enum acc_kind strict[] = { ACC_COUNT, ACC_HLL, ACC_SKETCH,
                                            ACC_TALLY, ACC_BUCKETS };
    unsigned refused = 0;
    for (size_t k = 0; k < sizeof(strict) / sizeof(*strict); k++) {
        for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
            struct acc_param p = { .width = { .small = 1 }, .n = 3 };
            struct box b;
            box_open(&b, strict[k], &p, 0);
            box_err = (struct err){ 0 };
            if (box_absorb(&b, 0, str_of(foreign[i]))) {
                CHECK(box_err.code == ERR_DATA);
                refused++;
            } else {
                CHECK(strict[k] == ACC_COUNT &&
                      strcmp(foreign[i], "9e18") == 0);
            }
            CHECK(box_close(&b));
        }
    }
    CHECK(refused == 5 * 13 - 1);
}

/* ---- the budget ---- */

/* Takes everything in small steps of the budget: whenever it is used up,
 * nothing may have changed, and with more of it the same value is taken. */
static unsigned take_by_inches(struct box *b, const struct input *in)
{
    unsigned refused = 0;
    for (size_t i = 0; i < in->n; i++) {
        const char *v = in->of[i].v, *by = in->of[i].by;
        uint32_t g = in->of[i].group;
        char *before = refused < 30 ? strdup(box_write(b, g)) : NULL;
        while (box_take_by(b, g, v, by) != 1) {
            CHECK(b->budget.refused);
            CHECK(box_err.code == ERR_CONFIG);
            if (before)
                CHECK_STR(box_write(b, g), before);
            b->budget.refused = false;
            b->budget.max += 64 << 10;
            refused++;
        }
        free(before);
    }
    return refused;
}

TEST("where the budget refuses, nothing has changed and the value can be taken "
     "again")
{
    for (size_t k = 0; k < KINDS; k++) {
        enum acc_kind kind = kinds[k].kind;
        struct input in = make_input(10000, k, kinds[k].numbers);
        for (size_t i = 0; i < in.n; i++) { /* each value larger or longer */
            if (kind == ACC_MAX || kind == ACC_ARG_MAX || kind == ACC_LAST)
                snprintf(in.of[i].v, TEXT, "\"%038zu\"", i);
            memcpy(in.of[i].by, in.of[i].v, TEXT);
        }
        struct box a, b;
        box_open(&a, kind, &kinds[k].param, 0);
        box_open(&b, kind, &kinds[k].param, 1);
        take_one_by_one(&a, &in, 0, in.n);
        unsigned refused = take_by_inches(&b, &in);
        bool grows = kind != ACC_ROWS && kind != ACC_COUNT;
        CHECK(grows == (refused > 0));
        if (grows != (refused > 0))
            printf("# %s: refused %u times\n", kinds[k].name, refused);
        CHECK(same_states(&a, &b, &kinds[k]));
        CHECK(box_close(&a));
        CHECK(box_close(&b));
        free(in.of);
    }
}

/* ---- single kinds ---- */

TEST("arg_max gives the first of the values where the other is greatest, and "
     "skips where either is null")
{
    struct box b;
    box_open(&b, ACC_ARG_MAX, NULL, 0);
    CHECK_STR(box_print(&b, 0), "null");
    CHECK(box_take_by(&b, 0, "\"never\"", "null") == 1);
    CHECK(box_take_by(&b, 0, "\"a\"", "1") == 1);
    CHECK(box_take_by(&b, 0, "\"b\"", "2") == 1);
    CHECK(box_take_by(&b, 0, "\"c\"", "2.0") == 1);
    CHECK(box_take_by(&b, 0, "null", "3") == 1);
    CHECK_STR(box_print(&b, 0), "\"b\"");
    CHECK_STR(box_write(&b, 0), "[2,\"b\"]");
    CHECK(box_close(&b));
    box_open(&b, ACC_ARG_MIN, NULL, 0);
    CHECK(box_take_by(&b, 0, "1", "\"2024-01-02T00:00:00.000000001Z\"") == 1);
    CHECK(box_take_by(&b, 0, "2", "\"2024-01-02T00:00:00.000000000Z\"") == 1);
    CHECK_STR(box_print(&b, 0), "2");
    CHECK(box_close(&b));
}

TEST("the most frequent values come with their first spelling, of equals the "
     "first")
{
    static const char *const v[] = {
        "\"b\"", "1.0", "\"a\"", "1", "\"\\u0061\"", "1e0", "\"c\"", "{\"x\":1}"
    };
    struct box b;
    box_open(&b, ACC_TALLY, NULL, 0);
    CHECK_STR(box_ask(&b, 0, ASK_MODE, NULL, 0), "null");
    for (size_t i = 0; i < 8; i++)
        CHECK(box_take(&b, 0, v[i]) == 1);
    CHECK_STR(box_ask(&b, 0, ASK_MODE, NULL, 0), "1.0");
    CHECK_STR(box_ask(&b, 0, ASK_TOP, NULL, 3),
              "[{\"value\":1.0,\"count\":3},{\"value\":\"a\",\"count\":2},"
              "{\"value\":\"b\",\"count\":1}]");
    CHECK_STR(box_ask(&b, 0, ASK_TOP_VALUES, NULL, 99),
              "[1.0,\"a\",\"b\",\"c\",{\"x\":1}]");
    CHECK_STR(box_ask(&b, 0, ASK_TOP_VALUES, NULL, 0), "[]");
    CHECK(box_close(&b));
}

TEST("a list has all values in order as they were spelled")
{
    struct box b;
    box_open(&b, ACC_LIST, NULL, 0);
    CHECK_STR(box_print(&b, 0), "null");
    CHECK_STR(box_write(&b, 0), "[]");
    CHECK(box_take(&b, 0, "1.50") == 1);
    CHECK(box_take(&b, 0, "\"\\u0061\"") == 1);
    CHECK(box_take(&b, 0, "[1, {}]") == 1);
    CHECK_STR(box_print(&b, 0), "[1.50,\"\\u0061\",[1, {}]]");
    CHECK(box_close(&b));
}

TEST("a bucket begins at its low end, exactly")
{
    static const char *const v[] = {
        "0.1",    "0.3", "0.29999999999999999999999",
        "-1e-99", "0.7", "0.69999",
        "1e300",  "0",   "0.5"
    };
    struct acc_param p = { .low = { .small = 1, .scale = 1 },
                           .width = { .small = 2, .scale = 1 },
                           .n = 3 };
    struct box b;
    box_open(&b, ACC_BUCKETS, &p, 0);
    CHECK_STR(box_print(&b, 0), "null");
    for (size_t i = 0; i < 9; i++)
        CHECK(box_take(&b, 0, v[i]) == 1);
    CHECK_STR(box_print(&b, 0), "{\"low\":0.1,\"width\":0.2,\"counts\":[2,1,2],"
                                "\"below\":2,\"above\":2}");
    CHECK(box_close(&b));
}

TEST("numbers outside the range of what is computed are refused")
{
    static const struct {
        enum acc_kind kind;
        const char *number;
    } far[] = {
        { ACC_SUM, "1e6145" },      { ACC_SQUARES, "1e3073" },
        { ACC_SQUARES, "1e-3073" }, { ACC_VALUES, "1e-6145" },
        { ACC_SKETCH, "1e309" },    { ACC_BUCKETS, "-1e9999" },
        { ACC_TALLY, "1e7000" },    { ACC_HLL, "1e7000" },
    };
    struct acc_param p = { .width = { .small = 1 }, .n = 3 };
    for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++) {
        struct box b;
        box_open(&b, far[i].kind, &p, 0);
        CHECK(box_take(&b, 0, far[i].number) == 0);
        CHECK(box_take(&b, 0, "1e300") == 1);
        CHECK(box_close(&b));
    }
    struct box b;
    box_open(&b, ACC_SQUARES, &p, 0);
    CHECK(box_take(&b, 0, "1e3072") == 1);
    CHECK(strlen(box_print(&b, 0)) == 6145);
    CHECK(box_take(&b, 0, "2e3072") == 1);
    CHECK(box_take(&b, 0, "3e3072") == 0); /* with it the sum is too large */
    CHECK(box_take(&b, 0, "\"1\"") == 0);
    CHECK(box_close(&b));
}

TEST("a sum is written with its scale")
{
    struct box a, b;
    box_open(&a, ACC_SUM, NULL, 0);
    box_open(&b, ACC_SUM, NULL, 0);
    CHECK(box_take(&a, 0, "1e40") == 1);
    CHECK(box_take(&a, 0, "0.250") == 1);
    CHECK(box_absorb(&b, 0, str_of(box_write(&a, 0))) == 0);
    CHECK_STR(box_write(&b, 0),
              "10000000000000000000000000000000000000000.250");
    CHECK(box_take(&a, 1, "0.50") == 1);
    CHECK(box_take(&a, 1, "-0.5") == 1);
    CHECK_STR(box_write(&a, 1), "0.00");
    CHECK(box_close(&a));
    CHECK(box_close(&b));
}

UNIT_MAIN
