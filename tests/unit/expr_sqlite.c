/* Generated expressions over the part of the language that SQLite shares:
 * whole numbers, text, three-valued logic. Each is evaluated over all rows by
 * both. Left out on purpose is what differs: division, decimals, letters
 * beyond ASCII in lower() and upper(), the precedence of '||'. */
#include "unit.h"

#include "expr/expr.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>

enum { EXPRESSIONS = 4000 };

static uint64_t seed = 20260131;

static int chance(int n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (unsigned)n);
}

static const char *pick(const char *const *list, int n)
{
    return list[chance(n)];
}

#define PICK(list) pick(list, (int)(sizeof(list) / sizeof(*(list))))

static const char *const rows[] = {
    "{\"i\":0,\"j\":1,\"k\":-3,\"s\":\"\",\"t\":\"abc\",\"p\":true,\"q\":null}",
    "{\"i\":5,\"j\":5,\"k\":null,\"s\":\"abc\",\"t\":\"ABC\",\"p\":false,"
    "\"q\":true}",
    "{\"i\":-7,\"j\":12,\"k\":2,\"s\":\" a b \",\"t\":null,\"p\":null,"
    "\"q\":false}",
    "{\"i\":null,\"j\":null,\"k\":null,\"s\":null,\"t\":null,\"p\":null,"
    "\"q\":null}",
    "{\"i\":20,\"j\":-1,\"k\":7,\"s\":\"it's\",\"t\":\"a%c_\",\"p\":true,"
    "\"q\":false}",
    "{\"i\":1,\"j\":0,\"k\":1,\"s\":\"\xe6\x97\xa5\xe6\x9c\xac\",\"t\":\"b\","
    "\"p\":false,\"q\":false}",
    "{\"i\":3,\"j\":4,\"k\":5,\"s\":\"aab\",\"t\":\"aab\",\"p\":true,"
    "\"q\":true}",
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* ---- the generator: text in one growing line, parentheses only where the
 * operand binds looser than what stands around it, so that precedence is
 * tested too */

static char text[8192];
static size_t len;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    len += (size_t)vsnprintf(text + len, sizeof(text) - len, fmt, ap);
    va_end(ap);
    if (len >= sizeof(text))
        len = sizeof(text) - 1;
}

enum { OR = 1, AND, NOT, TEST_, SUM, PRODUCT, PRIMARY };

static void number(int depth, int level);
static void string(int depth);
static void boolean(int depth, int level);

static bool open_paren(int own, int level)
{
    bool paren = own < level || chance(8) == 0;
    if (paren)
        say("(");
    return paren;
}

static void close_paren(bool paren)
{
    if (paren)
        say(")");
}

static void number(int depth, int level)
{
    static const char *const leaf[] = { "i", "j", "k", "i", "j", "NULL" };
    static const char *const signs[] = { " + ", " - " };
    bool paren;
    if (depth == 0) {
        if (chance(3))
            say("%s", PICK(leaf));
        else
            say("%d", chance(12));
        return;
    }
    switch (chance(9)) {
    case 0:
    case 1:
        paren = open_paren(SUM, level);
        number(depth - 1, SUM);
        say("%s", PICK(signs));
        number(depth - 1, PRODUCT);
        close_paren(paren);
        break;
    case 2:
        paren = open_paren(PRODUCT, level);
        number(depth - 1, PRODUCT);
        say(" * ");
        number(0, PRIMARY);
        close_paren(paren);
        break;
    case 3:
        say("-(");
        number(depth - 1, 0);
        say(")");
        break;
    case 4:
        say("abs(");
        number(depth - 1, 0);
        say(")");
        break;
    case 5:
        say("length(");
        string(depth - 1);
        say(")");
        break;
    case 6:
        say("coalesce(");
        number(depth - 1, 0);
        say(", ");
        number(depth - 1, 0);
        say(")");
        break;
    case 7:
        say("nullif(");
        number(depth - 1, 0);
        say(", ");
        number(depth - 1, 0);
        say(")");
        break;
    default:
        say("CASE WHEN ");
        boolean(depth - 1, 0);
        say(" THEN ");
        number(depth - 1, 0);
        if (chance(2)) {
            say(" ELSE ");
            number(depth - 1, 0);
        }
        say(" END");
    }
}

static void string(int depth)
{
    static const char *const leaf[] = { "s",     "t",  "s",      "t",
                                        "'abc'", "''", "'a''b'", "' x '",
                                        "NULL",  "'B'" };
    static const char *const functions[] = { "lower(", "upper(", "trim(" };
    if (depth == 0) {
        say("%s", PICK(leaf));
        return;
    }
    switch (chance(5)) {
    case 0:
        say("(");
        string(depth - 1);
        say(" || ");
        string(depth - 1);
        say(")");
        break;
    case 1:
        say("%s", PICK(functions));
        string(depth - 1);
        say(")");
        break;
    case 2:
        say("CAST(");
        number(depth - 1, 0);
        say(" AS TEXT)");
        break;
    case 3:
        say("CASE ");
        number(depth - 1, SUM);
        say(" WHEN ");
        number(0, SUM);
        say(" THEN ");
        string(depth - 1);
        say(" WHEN ");
        number(depth - 1, SUM);
        say(" THEN ");
        string(depth - 1);
        say(" ELSE ");
        string(depth - 1);
        say(" END");
        break;
    default: string(0);
    }
}

static void list(bool strings)
{
    int n = 1 + chance(4);
    for (int i = 0; i < n; i++) {
        say(i ? ", " : "(");
        if (strings)
            string(0);
        else
            number(chance(2), 0);
    }
    say(")");
}

/* A comparison, IN, BETWEEN, LIKE or IS. */
static void test(int depth)
{
    static const char *const signs[] = { " = ", " == ", " <> ", " != ",
                                         " < ", " <= ", " > ",  " >= " };
    static const char *const is[] = { " IS NULL", " IS NOT NULL" };
    static const char *const truth[] = { " IS TRUE", " IS NOT TRUE",
                                         " IS FALSE", " IS NOT FALSE" };
    static const char *const pattern[] = { "'a%'", "'%b%'", "'_b_'",
                                           "'%'",  "''",    "'a!%c!_'",
                                           "'__'", "NULL",  "'%a%b'" };
    bool strings = chance(3) == 0;
    const char *negated = chance(3) ? "" : " NOT";
    switch (chance(7)) {
    case 0:
        if (strings)
            string(depth);
        else
            number(depth, SUM);
        say("%s", PICK(is));
        break;
    case 1:
        if (strings)
            string(depth);
        else
            number(depth, SUM);
        say("%s IN ", negated);
        list(strings);
        break;
    case 2:
        number(depth, SUM);
        say("%s BETWEEN ", negated);
        number(depth, SUM);
        say(" AND ");
        number(depth, SUM);
        break;
    case 3:
        string(depth);
        say("%s LIKE %s", negated, PICK(pattern));
        if (chance(2))
            say(" ESCAPE '!'");
        break;
    case 4:
        boolean(depth, PRIMARY);
        say("%s", PICK(truth));
        break;
    default:
        if (strings)
            string(depth);
        else
            number(depth, SUM);
        say("%s", PICK(signs));
        if (strings)
            string(depth);
        else
            number(depth, SUM);
    }
}

static void boolean(int depth, int level)
{
    static const char *const leaf[] = { "p", "q", "p", "q", "NULL" };
    bool paren;
    int parts;
    if (depth == 0) {
        say("%s", PICK(leaf));
        return;
    }
    int kind = chance(5);
    switch (kind) {
    case 0:
    case 1:
        paren = open_paren(kind ? AND : OR, level);
        parts = 2 + chance(2);
        for (int i = 0; i < parts; i++) {
            say("%s", i == 0 ? "" : kind ? " AND " : " OR ");
            boolean(depth - 1, kind ? NOT : AND);
        }
        close_paren(paren);
        break;
    case 2:
        paren = open_paren(NOT, level);
        say("NOT ");
        boolean(depth - 1, NOT);
        close_paren(paren);
        break;
    default:
        paren = open_paren(TEST_, level);
        test(depth - 1);
        close_paren(paren);
    }
}

/* ---- both sides */

/* A table of the rows, booleans as SQLite has them. */
static sqlite3 *open_rows(void)
{
    sqlite3 *db;
    char sql[1024];
    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        return NULL;
    sqlite3_exec(db,
                 "PRAGMA case_sensitive_like = 1;"
                 "CREATE TABLE r(n INTEGER, i, j, k, s, t, p, q)",
                 NULL, NULL, NULL);
    for (int n = 0; n < ROWS; n++) {
        sqlite3_stmt *st;
        snprintf(sql, sizeof(sql),
                 "INSERT INTO r SELECT %d, ?1->>'i', ?1->>'j', ?1->>'k', "
                 "?1->>'s', ?1->>'t', ?1->>'p', ?1->>'q'",
                 n);
        if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
            return NULL;
        sqlite3_bind_text(st, 1, rows[n], -1, SQLITE_STATIC);
        CHECK(sqlite3_step(st) == SQLITE_DONE);
        sqlite3_finalize(st);
    }
    return db;
}

/* Our value as SQLite's text: booleans as 1 and 0, strings by characters. */
static bool ours(struct val v, struct buf *out)
{
    struct buf scratch = { 0 };
    struct str s = v.raw;
    buf_reset(out);
    if (v.type == JSON_TRUE || v.type == JSON_FALSE)
        s = v.type == JSON_TRUE ? STR("1") : STR("0");
    else if (v.type == JSON_STRING && json_string(v, &scratch, &s))
        return false;
    buf_add_str(out, s);
    buf_free(&scratch);
    return buf_z(out) != NULL;
}

static int compare_row(struct expr_set *x, int n, sqlite3_stmt *st)
{
    static struct buf out;
    struct expr_fault f;
    struct val v;
    expr_begin(x);
    CHECK(expr_load(x, str_of(rows[n]), NULL) == 0);
    if (expr_eval(x, 0, &v, &f)) {
        printf("# fault: %s\n# %s\n", f.msg, text);
        return -1;
    }
    const char *want = (const char *)sqlite3_column_text(st, 0);
    CHECK(ours(v, &out));
    if (strcmp(out.p, want ? want : "null") == 0)
        return 0;
    printf("# row %d: have %s, SQLite %s\n# %s\n", n, out.p,
           want ? want : "null", text);
    return -1;
}

/* 0 if both agree on all rows, 1 if SQLite left whole numbers, -1. */
static int compare(sqlite3 *db)
{
    static const struct expr_env env = { 0 };
    char sql[sizeof(text) + 64];
    sqlite3_stmt *st;
    struct err e;
    int bad = 0;
    snprintf(sql, sizeof(sql), "SELECT %s FROM r ORDER BY n", text);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        printf("# SQLite: %s\n# %s\n", sqlite3_errmsg(db), text);
        return -1;
    }
    struct expr_set *x = expr_new(&env);
    if (expr_add(x, "generated", str_of(text), &e) < 0) {
        printf("# %s\n", e.msg);
        bad = -1;
    }
    for (int n = 0; n < ROWS && bad == 0; n++) {
        CHECK(sqlite3_step(st) == SQLITE_ROW);
        bad = sqlite3_column_type(st, 0) == SQLITE_FLOAT
                  ? 1
                  : compare_row(x, n, st);
    }
    expr_free(x);
    sqlite3_finalize(st);
    return bad;
}

TEST("generated expressions have the values that SQLite gives them")
{
    sqlite3 *db = open_rows();
    int agreed = 0, wrong = 0;
    size_t longest = 0;
    CHECK(db != NULL);
    for (int i = 0; db && i < EXPRESSIONS && wrong < 5; i++) {
        len = 0;
        int depth = 1 + i % 5;
        switch (i % 4) {
        case 0: number(depth, 0); break;
        case 1: string(depth); break;
        default: boolean(depth, 0);
        }
        if (len == sizeof(text) - 1)
            continue;
        int r = compare(db);
        agreed += r == 0;
        wrong += r < 0;
        longest = len > longest ? len : longest;
    }
    CHECK(wrong == 0);
    CHECK(agreed > EXPRESSIONS * 9 / 10);
    printf("# %d expressions of up to %zu bytes, %d rows each\n", agreed,
           longest, ROWS);
    sqlite3_close(db);
}

UNIT_MAIN
