/* Random expressions over random records, computed by us and by SQLite.
 *
 * Each is also written in another way, with needless parentheses and letters
 * of any case; with its literals read from the record, so that nothing is
 * folded; and with the record's values as literals, so that all of it is. None
 * of that may change the result. One that fails is cut down before it is shown.
 * UNIT_CASES and UNIT_SEED: see tests/lib/cases.h. */
#include "unit.h"

#include "../lib/exprrecord.h"
#include "../lib/exprsql.h"
#include "base/decimal.h"
#include "expr/expr.h"

#include <sqlite3.h>

enum { CASES = 6000, RECORDS = 4, LITERALS = 512, WRONG_MAX = 3 };

static sqlite3 *db;
static struct record records[RECORDS];
static struct buf lits, query, scratch;

/* ---- SQLite's side */

static void bind_record(sqlite3_stmt *st, const struct record *r)
{
    for (int i = 0; i < (int)FIELDS; i++) {
        const struct value *v = &r->values[i];
        sqlite3_bind_int(st, (int)FIELDS + i + 1, !v->present);
        if (v->null || !v->present)
            sqlite3_bind_null(st, i + 1);
        else if (fields[i].type == 's')
            sqlite3_bind_text(st, i + 1, v->text, -1, SQLITE_STATIC);
        else
            sqlite3_bind_int64(st, i + 1, v->num);
    }
}

/* The value as SQLite has it: an integer at the node's scale, text or NULL. */
struct answer {
    int type; /* SQLITE_... */
    int64_t num;
    struct buf text; /* owned */
};

static struct answer answers[RECORDS];

static const char *ask_sqlite(const struct node *n)
{
    static char why[256];
    sqlite3_stmt *st;
    buf_reset(&query);
    buf_addf(&query, "SELECT ?%zu, ", FIELDS * 2); /* so that all are known */
    sql(&query, n);
    if (sqlite3_prepare_v2(db, buf_z(&query), -1, &st, NULL) != SQLITE_OK) {
        snprintf(why, sizeof(why), "SQLite: %s", sqlite3_errmsg(db));
        return why;
    }
    for (int i = 0; i < RECORDS; i++) {
        struct answer *a = &answers[i];
        sqlite3_reset(st);
        bind_record(st, &records[i]);
        a->type = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_type(st, 1)
                                                 : SQLITE_BLOB;
        a->num = sqlite3_column_int64(st, 1);
        buf_reset(&a->text);
        if (a->type != SQLITE_NULL)
            buf_addz(&a->text, (const char *)sqlite3_column_text(st, 1));
    }
    sqlite3_finalize(st);
    return NULL;
}

/* ---- ours */

struct result {
    struct val val; /* of JSON; raw borrows from text */
    bool fault;
    struct buf text; /* owned: the value's bytes or the fault's message */
};

static struct buf source; /* the expression as it was written last */
static struct buf loaded; /* the record as it was loaded last */

/* Literal k at place k of an array. */
static void collect_literals(const struct node *n, const struct node **all)
{
    if (n->kind == LITERAL && n->literal < LITERALS)
        all[n->literal] = n;
    for (int i = 0; i < n->n; i++)
        collect_literals(n->kid[i], all);
}

static void write_literals(const struct node *n)
{
    const struct node *all[LITERALS] = { NULL };
    collect_literals(n, all);
    buf_reset(&lits);
    for (int i = 0; i < tree_literals && i < LITERALS; i++) {
        buf_addc(&lits, i ? ',' : '[');
        if (!all[i])
            buf_addz(&lits, "null");
        else if (all[i]->type == 's')
            json_quote(&lits, str_of(all[i]->text));
        else if (all[i]->type == 'b')
            buf_addz(&lits, all[i]->num ? "true" : "false");
        else
            add_decimal(&lits, all[i]->num, all[i]->scale);
    }
    buf_addz(&lits, lits.n ? "]" : "[]");
}

static void evaluate_one(struct expr_set *x, const char *json, const char *lit,
                         struct result *out)
{
    struct expr_fault f = { 0 };
    buf_reset(&loaded);
    buf_addz(&loaded, json);
    buf_addf(&loaded, "%s}", lit);
    buf_reset(&out->text);
    expr_begin(x);
    CHECK(expr_load(x, buf_str(&loaded), NULL) == 0);
    int rc = expr_eval(x, 0, &out->val, &f);
    CHECK(rc != -2);
    out->fault = rc != 0;
    if (rc)
        buf_addf(&out->text, "%s: %s", f.code, f.msg);
    else
        buf_add_str(&out->text, out->val.raw);
    buf_z(&out->text);
    out->val.raw = buf_str(&out->text);
}

/* Writes n in this style and computes it over records from .. to. Returns
 * NULL, or why it could not. */
static const char *evaluate(const struct node *n, struct style style, int from,
                            int to, struct result *out)
{
    static const struct expr_env env = { 0 };
    static struct err e;
    print_ours(&source, n, style);
    struct expr_set *x = expr_new(&env);
    CHECK(x != NULL);
    bool good = expr_add(x, "generated", buf_str(&source), &e) == 0;
    for (int i = from; i < to && good; i++)
        evaluate_one(x, style.values ? "{\"x\":" : buf_z(&records[i].json),
                     style.as_fields ? buf_z(&lits) : "0", &out[i]);
    expr_free(x);
    return good ? NULL : e.msg;
}

/* ---- held against each other */

static bool same_number(struct val v, int64_t num, int scale)
{
    struct decimal have = DECIMAL_ZERO;
    struct decimal want = { .small = num, .scale = scale };
    bool same =
        decimal_parse(&have, v.raw) == 0 && decimal_cmp(&have, &want) == 0;
    decimal_free(&have);
    return same;
}

static bool agrees(const struct node *n, const struct result *r,
                   const struct answer *a)
{
    struct str s;
    if (r->fault)
        return false;
    if (r->val.type <= JSON_NULL)
        return a->type == SQLITE_NULL;
    switch (n->type) {
    case 'n':
        return r->val.type == JSON_NUMBER && a->type == SQLITE_INTEGER &&
               same_number(r->val, a->num, n->scale);
    case 's':
        return r->val.type == JSON_STRING && a->type == SQLITE_TEXT &&
               json_string(r->val, &scratch, &s) == 0 &&
               str_eq(s, buf_str(&a->text));
    default:
        return r->val.type == (a->num ? JSON_TRUE : JSON_FALSE) &&
               a->type == SQLITE_INTEGER;
    }
}

static bool tell; /* what is wrong; else only whether */

static bool differ(const char *how, const struct node *n, int record,
                   const char *have, const char *want)
{
    if (!tell)
        return true;
    printf("# %s\n#   %s\n#   over   %s\n#   have   %s\n#   want   %s", how,
           buf_z(&source), buf_z(&loaded), have, want);
    if (n->type == 'n' && n->scale)
        printf(" (times 10^-%d)", n->scale);
    printf("\n#   SQL    %s, record %d\n", buf_z(&query), record);
    return true;
}

static const char *answer_text(const struct answer *a)
{
    return a->type == SQLITE_NULL ? "NULL" : buf_z((struct buf *)&a->text);
}

/* Another way to write it gives the same bytes. */
static bool restyled(const char *how, const struct node *n, struct style style,
                     struct result *plain)
{
    static struct result other[RECORDS];
    const char *why = evaluate(n, style, 0, RECORDS, other);
    if (why)
        return differ(how, n, 0, why, "a value");
    for (int i = 0; i < RECORDS; i++)
        if (other[i].fault || other[i].val.type != plain[i].val.type ||
            !str_eq(buf_str(&other[i].text), buf_str(&plain[i].text))) {
            evaluate(n, style, i, i + 1, other); /* to show that record */
            return differ(how, n, i, buf_z(&other[i].text),
                          buf_z(&plain[i].text));
        }
    return false;
}

static uint64_t style_seed;

/* True if something differs. The same at each call with the same tree. */
static bool wrong(const struct node *n)
{
    cases_state = style_seed;
    static struct result plain[RECORDS], folded[RECORDS];
    const char *why = ask_sqlite(n);
    if (!why)
        why = evaluate(n, (struct style){ 0 }, 0, RECORDS, plain);
    if (why)
        return differ("refused", n, 0, why, "a value");
    for (int i = 0; i < RECORDS; i++)
        if (!agrees(n, &plain[i], &answers[i])) {
            evaluate(n, (struct style){ 0 }, i, i + 1, plain);
            return differ("not as in SQLite", n, i, buf_z(&plain[i].text),
                          answer_text(&answers[i]));
        }
    write_literals(n);
    if (restyled("written another way", n, (struct style){ .messy = true },
                 plain) ||
        restyled("literals read from the record", n,
                 (struct style){ .as_fields = true }, plain))
        return true;
    int k = (int)random_below(RECORDS);
    why = evaluate(n, (struct style){ .values = records[k].values }, k, k + 1,
                   folded);
    if (why || !agrees(n, &folded[k], &answers[k]))
        return differ("the record's values as literals", n, k,
                      why ? why : buf_z(&folded[k].text),
                      answer_text(&answers[k]));
    return false;
}

/* ---- cutting down */

/* True if n, put in the place of *at, leaves a tree that is wrong still. */
static bool try_instead(struct node *root, struct node *at, struct node *n)
{
    struct node before = *at;
    *at = *n;
    if (tree_measure(root) && wrong(root))
        return true;
    *at = before;
    tree_measure(root);
    return false;
}

/* Puts a leaf or an argument of the same type in the place of some node. */
static bool cut_once(struct node *root, struct node *at)
{
    static struct node leaf;
    if (at->n && tree_literals < LITERALS) {
        for (int i = 0; i < at->n; i++)
            if (at->kid[i]->type == at->type &&
                try_instead(root, at, at->kid[i]))
                return true;
        leaf = (struct node){ .kind = LITERAL,
                              .type = at->type,
                              .literal = tree_literals++ };
        if (try_instead(root, at, &leaf))
            return true;
    }
    for (int i = 0; i < at->n; i++)
        if (cut_once(root, at->kid[i]))
            return true;
    return false;
}

static void report(struct node *root, uint64_t seed)
{
    for (int i = 0; i < 200 && cut_once(root, root); i++)
        ;
    tell = true;
    printf("# UNIT_SEED=%llu UNIT_CASES=1:\n", (unsigned long long)seed);
    wrong(root);
    tell = false;
}

/* ---- the test */

/* Sets production_known, and says what this version does not have. */
static void probe_productions(void)
{
    static const struct expr_env env = { 0 };
    struct err e;
    for (size_t i = 0; i < PRODUCTIONS; i++) {
        const char *probe = productions[i].probe;
        struct expr_set *x = expr_new(&env);
        CHECK(x != NULL);
        production_known[i] =
            !probe || expr_add(x, "probe", str_of(probe), &e) == 0;
        expr_free(x);
        if (!production_known[i])
            printf("# left out: %s\n", probe);
    }
}

static bool run_case(uint64_t seed)
{
    cases_state = seed;
    tree_used = tree_literals = 0;
    for (int i = 0; i < RECORDS; i++)
        random_record(&records[i]);
    struct node *root =
        tree_grow("nsb"[random_below(3)], 1 + (int)random_below(6));
    style_seed = random_bits();
    if (tree_literals >= LITERALS - 64 || !wrong(root))
        return true;
    report(root, seed);
    return false;
}

static void release(void)
{
    for (int i = 0; i < RECORDS; i++) {
        buf_free(&records[i].json);
        buf_free(&answers[i].text);
    }
    buf_free(&lits);
    buf_free(&query);
    buf_free(&scratch);
    buf_free(&source);
    buf_free(&loaded);
}

TEST("random expressions have the values that SQLite gives them")
{
    uint64_t seed = cases_env("UNIT_SEED", 20260131);
    uint64_t cases = cases_env("UNIT_CASES", CASES);
    int bad = 0;
    size_t nodes = 0;
    CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
    sqlite3_exec(db, "PRAGMA case_sensitive_like = 1", NULL, NULL, NULL);
    probe_productions();
    for (uint64_t i = 0; i < cases && bad < WRONG_MAX; i++) {
        bad += !run_case(seed + i);
        nodes += (size_t)tree_used;
    }
    CHECK(bad == 0);
    printf("# seed %llu, %llu expressions of %.1f nodes, %d records each\n",
           (unsigned long long)seed, (unsigned long long)cases,
           (double)nodes / (double)(cases ? cases : 1), RECORDS);
    sqlite3_close(db);
    release();
}

UNIT_MAIN
