/* bench-sqlite: what SQLite itself costs, with nothing before it.
 *
 *     bench-sqlite pack <CSV >PACKED       the orders' cells as ready values
 *     bench-sqlite append|upsert DB <PACKED
 *
 * Loads ready values (texts with their lengths, a double) by one prepared
 * statement in one transaction, with the pragmas that pipe-load sets. */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define CELLS 8
#define AMOUNT 6 /* the one that is a number */

#define COLUMNS                                                             \
    "customer_id TEXT, order_date TEXT, status TEXT, country TEXT, channel" \
    " TEXT, total_amount REAL, updated_at TEXT)"
#define SQL_INSERT                                                      \
    "INSERT INTO t(order_id, customer_id, order_date, status, country," \
    " channel, total_amount, updated_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
#define SQL_UPSERT                                                           \
    SQL_INSERT                                                               \
    " ON CONFLICT(order_id) DO UPDATE SET customer_id ="                     \
    " excluded.customer_id, order_date = excluded.order_date, status ="      \
    " excluded.status, country = excluded.country, channel ="                \
    " excluded.channel, total_amount = excluded.total_amount, updated_at = " \
    "excluded.updated_at"

static void die(const char *what)
{
    fprintf(stderr, "bench-sqlite: %s\n", what);
    exit(70);
}

/* Cells of this CSV have neither quotes nor commas. */
static void pack(void)
{
    char line[4096];
    if (!fgets(line, sizeof(line), stdin))
        die("no header");
    while (fgets(line, sizeof(line), stdin)) {
        char *p = line;
        for (int i = 0; i < CELLS; i++) {
            size_t n = strcspn(p, ",\n");
            if (i == AMOUNT) {
                double d = strtod(p, NULL);
                fwrite(&d, sizeof(d), 1, stdout);
            } else {
                uint32_t length = (uint32_t)n;
                fwrite(&length, sizeof(length), 1, stdout);
                fwrite(p, 1, n, stdout);
            }
            p += n + 1;
        }
    }
    if (fflush(stdout) != 0)
        die("cannot write");
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

static const char *bind(sqlite3_stmt *stmt, const char *p)
{
    for (int i = 0; i < CELLS; i++) {
        if (i == AMOUNT) {
            double d;
            memcpy(&d, p, sizeof(d));
            p += sizeof(d);
            sqlite3_bind_double(stmt, i + 1, d);
        } else {
            uint32_t n;
            memcpy(&n, p, sizeof(n));
            p += sizeof(n);
            sqlite3_bind_text(stmt, i + 1, p, (int)n, SQLITE_STATIC);
            p += n;
        }
    }
    return p;
}

static void load(const char *path, int upsert)
{
    struct stat st;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    if (fstat(0, &st) != 0)
        die("cannot stat");
    const char *p = mmap(NULL, (size_t)st.st_size, PROT_READ,
                         MAP_PRIVATE | MAP_POPULATE, 0, 0);
    if (p == MAP_FAILED)
        die("cannot map");
    const char *end = p + st.st_size;
    if (sqlite3_open_v2(path, &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                            SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        die("cannot open");
    run(db, "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;"
            "BEGIN IMMEDIATE");
    run(db, upsert
                ? "CREATE TABLE t(order_id TEXT NOT NULL PRIMARY KEY, " COLUMNS
                : "CREATE TABLE t(order_id TEXT, " COLUMNS);
    if (sqlite3_prepare_v2(db, upsert ? SQL_UPSERT : SQL_INSERT, -1, &stmt,
                           NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    while (p < end) {
        p = bind(stmt, p);
        if (sqlite3_step(stmt) != SQLITE_DONE)
            die(sqlite3_errmsg(db));
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    run(db, "COMMIT");
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "pack") == 0)
        pack();
    else if (argc == 3)
        load(argv[2], strcmp(argv[1], "upsert") == 0);
    else
        die("usage: pack, or append|upsert DB");
    return 0;
}
