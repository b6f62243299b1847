/* bench-duckdb: runs SQL in an in-memory DuckDB, for the benchmark.
 *
 *     bench-duckdb THREADS SQL...
 *
 * libduckdb.so, which $DUCKDB_LIBRARY names, is opened at run time: nothing
 * here needs DuckDB to build. What a statement selects is not printed; COPY
 * (...) TO '/dev/stdout' is how a query answers. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C interface, as far as it is used (duckdb.h of any 1.x). */
typedef struct {
    uint64_t column_count, row_count, rows_changed;
    void *columns;
    char *error_message;
    void *internal;
} result;

struct api {
    int (*open)(const char *path, void **database);
    int (*connect)(void *database, void **connection);
    int (*query)(void *connection, const char *sql, result *answer);
    const char *(*error)(result *answer);
    void (*destroy_result)(result *answer);
    void (*disconnect)(void **connection);
    void (*close)(void **database);
};

static int find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    /* POSIX lets a void * hold a function; ISO C has no cast for it. */
    memcpy(function, &symbol, sizeof symbol);
    if (symbol == NULL)
        fprintf(stderr, "bench-duckdb: %s\n", dlerror());
    return symbol ? 0 : -1;
}

static int load(const char *path, struct api *api)
{
    void *library = dlopen(path, RTLD_NOW);

    if (library == NULL) {
        fprintf(stderr, "bench-duckdb: %s\n", dlerror());
        return -1;
    }
    return find(library, "duckdb_open", &api->open) ||
                   find(library, "duckdb_connect", &api->connect) ||
                   find(library, "duckdb_query", &api->query) ||
                   find(library, "duckdb_result_error", &api->error) ||
                   find(library, "duckdb_destroy_result",
                        &api->destroy_result) ||
                   find(library, "duckdb_disconnect", &api->disconnect) ||
                   find(library, "duckdb_close", &api->close)
               ? -1
               : 0;
}

static int run(const struct api *api, void *connection, const char *sql)
{
    result answer = { 0 };
    int failed = api->query(connection, sql, &answer);

    if (failed) {
        const char *message = api->error(&answer);
        fprintf(stderr, "bench-duckdb: %s\n",
                message ? message : "query failed");
    }
    api->destroy_result(&answer);
    return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct api api;
    void *database = NULL, *connection = NULL;
    const char *library = getenv("DUCKDB_LIBRARY");
    char threads[64];
    int r;

    if (argc < 3 || library == NULL) {
        fputs("usage: DUCKDB_LIBRARY=FILE bench-duckdb THREADS SQL...\n",
              stderr);
        return 64;
    }
    if (load(library, &api) != 0)
        return 69;
    if (api.open(NULL, &database) || api.connect(database, &connection)) {
        fputs("bench-duckdb: cannot open a database in memory\n", stderr);
        return 70;
    }
    snprintf(threads, sizeof threads, "SET threads = %d", atoi(argv[1]));
    r = run(&api, connection, threads);
    for (int i = 2; i < argc && r == 0; i++)
        r = run(&api, connection, argv[i]);
    api.disconnect(&connection);
    api.close(&database);
    return r == 0 ? 0 : 65;
}
