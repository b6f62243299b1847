#include "duck/duck_talk.h"

#include <signal.h>
#include <stdlib.h>

/* ---- text of SQL ---- */

static void add_quoted(struct buf *b, char quote, struct str s)
{
    buf_addc(b, quote);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == quote)
            buf_addc(b, quote);
        buf_addc(b, s.p[i]);
    }
    buf_addc(b, quote);
}

void duck_ident(struct buf *b, struct str name)
{
    add_quoted(b, '"', name);
}

void duck_literal(struct buf *b, struct str text)
{
    add_quoted(b, '\'', text);
}

/* ---- threads ---- */

/* A signal is for the thread that reads the stream: DuckDB's threads, which
 * may begin in any call, inherit a mask that lets none through. */
static sigset_t block_signals(void)
{
    sigset_t all, was;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    return was;
}

static void restore_signals(sigset_t was)
{
    pthread_sigmask(SIG_SETMASK, &was, NULL);
}

/* ---- errors ---- */

/* DuckDB's messages begin with the class of the error. */
static enum err_code class_of(const char *message)
{
    static const struct {
        const char *begin;
        enum err_code code;
    } classes[] = {
        { "Constraint Error", ERR_DATA },
        { "Conversion Error", ERR_DATA },
        { "Invalid Input Error", ERR_DATA },
        { "Out of Range Error", ERR_DATA },
        { "TransactionContext Error: Failed to commit: PRIMARY", ERR_DATA },
        { "Catalog Error", ERR_CONFIG },
        { "Binder Error", ERR_CONFIG },
        { "Parser Error", ERR_CONFIG },
        { "Dependency Error", ERR_CONFIG },
        { "Not implemented Error", ERR_CONFIG },
        { "Permission Error", ERR_NOPERM },
        { "Out of Memory Error", ERR_CONFIG },
        { "INTERRUPT Error", ERR_TEMPFAIL },
        { "INTERNAL Error", ERR_BUG },
    };
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        if (strncmp(message, classes[i].begin, strlen(classes[i].begin)) == 0)
            return classes[i].code;
    return ERR_IO;
}

/* The first line says it; those behind show the statement. */
static int fail(const struct duck *d, const char *doing, const char *message,
                struct err *e)
{
    message = message ? message : "it does not say why";
    bool memory = strncmp(message, "Out of Memory", 13) == 0;
    return err_set(e, class_of(message), "cannot %s '%s': %.*s%s", doing,
                   d->target, (int)strcspn(message, "\n"), message,
                   memory ? " (" DUCK_MEMORY_ENV " gives it more)" : "");
}

/* ---- opening ---- */

static int open_failed(const struct duck *d, const char *message, bool *busy,
                       struct err *e)
{
    message = message ? message : "it does not say why";
    *busy = strstr(message, "Could not set lock on file") != NULL;
    if (*busy)
        return err_set(e, ERR_TEMPFAIL,
                       "cannot open '%s': another process has it open",
                       d->target);
    bool other = strstr(message, "not a valid DuckDB database") != NULL;
    err_set(e, other ? ERR_CONFIG : ERR_IO, "cannot open '%s': %.*s", d->target,
            (int)strcspn(message, "\n"), message);
    return -1;
}

/* Extensions are never fetched: what is needed is in the library. */
static duck_handle make_config(struct duck *d, const char *spill, struct err *e)
{
    const char *memory = getenv(DUCK_MEMORY_ENV);
    const char *const settings[][2] = {
        { "threads", DUCK_THREADS },
        { "memory_limit", memory && *memory ? memory : DUCK_MEMORY },
        { "temp_directory", spill },
        { "autoinstall_known_extensions", "false" },
        { "autoload_known_extensions", "false" },
    };
    duck_handle config = NULL;
    if (d->api->create_config(&config)) {
        err_nomem(e);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
        if (d->api->set_config(config, settings[i][0], settings[i][1])) {
            err_set(e, ERR_CONFIG, "libduckdb does not take '%s' as %s",
                    settings[i][1], settings[i][0]);
            d->api->destroy_config(&config);
            return NULL;
        }
    return config;
}

/* A path that is not absolute might be read as a scheme. */
static const char *plain_path(struct duck *d, const char *path)
{
    buf_reset(&d->sql);
    buf_addf(&d->sql, "%s%s", *path == '/' ? "" : "./", path);
    return buf_z(&d->sql);
}

int duck_open(struct duck *d, const char *path, const char *spill, bool *busy,
              struct err *e)
{
    *busy = false;
    if (!d->api)
        d->api = duck_api(e);
    duck_handle config = d->api ? make_config(d, spill, e) : NULL;
    if (!config)
        return -1;
    const char *plain = path ? plain_path(d, path) : NULL;
    char *why = NULL;
    int r = path && !plain ? err_nomem(e) : 0;
    if (r == 0) {
        sigset_t was = block_signals();
        if (d->api->open_ext(plain, &d->db, config, &why))
            r = open_failed(d, why, busy, e);
        else if (d->api->connect(d->db, &d->con))
            r = err_set(e, ERR_TEMPFAIL, "cannot connect to '%s'", d->target);
        restore_signals(was);
    }
    if (why)
        d->api->free(why);
    d->api->destroy_config(&config);
    if (r)
        duck_shut(d);
    return r;
}

void duck_shut(struct duck *d)
{
    if (d->con)
        d->api->disconnect(&d->con);
    if (d->db)
        d->api->close(&d->db);
    d->con = d->db = NULL;
}

void duck_free(struct duck *d)
{
    duck_shut(d);
    buf_free(&d->sql);
}

/* ---- statements ---- */

/* result is to be destroyed in every case. */
static int run(struct duck *d, const char *doing, struct duck_result *result,
               struct err *e)
{
    const char *sql = buf_z(&d->sql);
    *result = (struct duck_result){ 0 };
    if (!sql)
        return err_nomem(e);
    sigset_t was = block_signals();
    int failed = d->api->query(d->con, sql, result);
    restore_signals(was);
    return failed ? fail(d, doing, d->api->result_error(result), e) : 0;
}

int duck_run_sql(struct duck *d, const char *doing, uint64_t *changed,
                 struct err *e)
{
    struct duck_result result;
    int r = run(d, doing, &result, e);
    if (r == 0 && changed)
        *changed = d->api->rows_changed(&result);
    d->api->destroy_result(&result);
    return r;
}

int duck_run(struct duck *d, const char *sql, const char *doing, struct err *e)
{
    buf_reset(&d->sql);
    buf_addz(&d->sql, sql);
    return duck_run_sql(d, doing, NULL, e);
}

/* ---- answers ---- */

static void add_cell(struct duck_rows *r, const union duck_string *s)
{
    size_t at = r->text.n, n = s->near.n;
    buf_add(&r->places, &at, sizeof(at));
    buf_add(&r->text, n <= sizeof(s->near.p) ? s->near.p : s->far.p, n);
    buf_addc(&r->text, '\0');
}

static void add_chunk(struct duck *d, duck_handle chunk, struct duck_rows *r)
{
    const struct duck_api *api = d->api;
    const size_t null = SIZE_MAX;
    uint64_t n = api->data_chunk_get_size(chunk);
    for (uint64_t row = 0; row < n; row++)
        for (size_t c = 0; c < r->columns; c++) {
            duck_handle v = api->data_chunk_get_vector(chunk, c);
            const union duck_string *s = api->vector_get_data(v);
            const uint64_t *valid = api->vector_get_validity(v);
            if (!valid || valid[row / 64] >> row % 64 & 1)
                add_cell(r, &s[row]);
            else
                buf_add(&r->places, &null, sizeof(null));
        }
    r->n += (size_t)n;
}

int duck_query(struct duck *d, const char *doing, struct duck_rows *out,
               struct err *e)
{
    struct duck_result result;
    *out = (struct duck_rows){ 0 };
    int r = run(d, doing, &result, e);
    if (r == 0) {
        out->columns = (size_t)d->api->column_count(&result);
        duck_handle chunk;
        while ((chunk = d->api->fetch_chunk(result))) {
            add_chunk(d, chunk, out);
            d->api->destroy_data_chunk(&chunk);
        }
        if (out->text.failed || out->places.failed)
            r = err_nomem(e);
    }
    d->api->destroy_result(&result);
    return r;
}

/* ---- answers that come in pieces ---- */

static int start_stream(struct duck *d, const char *doing, const char *sql,
                        struct duck_stream *s, struct err *e)
{
    const struct duck_api *api = d->api;
    if (api->prepare(d->con, sql, &s->statement))
        return fail(d, doing, api->prepare_error(s->statement), e);
    if (api->pending_prepared_streaming(s->statement, &s->pending))
        return fail(d, doing, api->pending_error(s->pending), e);
    s->ready = true;
    if (api->execute_pending(s->pending, &s->result))
        return fail(d, doing, api->result_error(&s->result), e);
    return 0;
}

int duck_stream_open(struct duck *d, const char *doing, struct duck_stream *s,
                     struct err *e)
{
    const char *sql = buf_z(&d->sql);
    *s = (struct duck_stream){ 0 };
    if (!sql)
        return err_nomem(e);
    sigset_t was = block_signals();
    int r = start_stream(d, doing, sql, s, e);
    restore_signals(was);
    return r;
}

int duck_stream_next(struct duck *d, const char *doing, struct duck_stream *s,
                     struct err *e)
{
    sigset_t was = block_signals();
    if (s->chunk)
        d->api->destroy_data_chunk(&s->chunk);
    s->chunk = d->api->fetch_chunk(s->result);
    restore_signals(was);
    if (s->chunk)
        return 1;
    const char *why = d->api->result_error(&s->result);
    return why && *why ? fail(d, doing, why, e) : 0;
}

void duck_stream_close(struct duck *d, struct duck_stream *s)
{
    if (s->chunk)
        d->api->destroy_data_chunk(&s->chunk);
    if (s->ready)
        d->api->destroy_result(&s->result);
    if (s->pending)
        d->api->destroy_pending(&s->pending);
    if (s->statement)
        d->api->destroy_prepare(&s->statement);
    *s = (struct duck_stream){ 0 };
}

const char *duck_cell(const struct duck_rows *r, size_t row, size_t column)
{
    size_t at;
    memcpy(&at, r->places.p + (row * r->columns + column) * sizeof(at),
           sizeof(at));
    return at == SIZE_MAX ? NULL : r->text.p + at;
}

void duck_rows_free(struct duck_rows *r)
{
    buf_free(&r->text);
    buf_free(&r->places);
}

/* ---- rows that go in ---- */

duck_handle duck_appender(struct duck *d, const char *table, struct err *e)
{
    duck_handle appender = NULL;
    if (d->api->appender_create_ext(d->con, "temp", "main", table, &appender)) {
        const char *why = appender ? d->api->appender_error(appender) : NULL;
        fail(d, "write to", why, e);
        if (appender)
            (void)d->api->appender_destroy(&appender);
        return NULL;
    }
    return appender;
}

int duck_append(struct duck *d, duck_handle appender, duck_handle chunk,
                struct err *e)
{
    sigset_t was = block_signals();
    int failed = d->api->append_data_chunk(appender, chunk);
    restore_signals(was);
    return failed ? fail(d, "write to", d->api->appender_error(appender), e)
                  : 0;
}

int duck_appender_end(struct duck *d, duck_handle *appender, struct err *e)
{
    if (!*appender)
        return 0;
    sigset_t was = block_signals();
    int r = d->api->appender_close(*appender);
    if (r)
        r = fail(d, "write to", d->api->appender_error(*appender), e);
    (void)d->api->appender_destroy(appender);
    restore_signals(was);
    *appender = NULL;
    return r;
}
