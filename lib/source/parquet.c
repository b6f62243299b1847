/* parquet: rows of a Parquet file, through DuckDB, which is loaded at run time.
 *
 * Rows come a chunk at a time, in the order of the file, in the memory of a few
 * row groups' pages. DuckDB tells an end and a failure apart only where it
 * notices one: the rows are counted, and have to be as many as the file says.
 */
#include "duck/duck_json.h"
#include "duck/duck_talk.h"
#include "io/lines.h"
#include "source/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DOING "read"
#define BATCH ((size_t)256 << 10) /* bytes of records handed out at once */

struct parquet {
    struct source base;
    struct duck duck;
    struct duck_stream stream;
    struct duck_shape *columns; /* owned, n of them */
    size_t n;
    char path[32];          /* of the descriptor, whatever the file is called */
    uint64_t expected, got; /* rows */
    uint64_t row, rows;     /* of the chunk: the next one, and all */
    struct buf text;
    size_t bad; /* bytes of text before a row that is too long; SIZE_MAX: none
                 */
    struct source_fault fault;
    char message[120];
};

/* ---- what the file says of itself ---- */

/* DuckDB knows the file by the path of its descriptor: messages shall not. */
static int failed(const struct parquet *p, struct err *e)
{
    size_t n = strlen(p->path) + 2;
    char *at = strstr(e->msg, p->path);
    if (at && at > e->msg && at[-1] == '\'')
        memmove(at - 1, at - 1 + n, strlen(at - 1 + n) + 1);
    return -1;
}

/* Runs SELECT what FROM function(file) behind. rows is to be freed in every
 * case. */
static int ask(struct parquet *p, const char *what, const char *function,
               const char *behind, struct duck_rows *rows, struct err *e)
{
    struct buf *sql = &p->duck.sql;
    buf_reset(sql);
    buf_addf(sql, "SELECT %s FROM %s('%s')%s", what, function, p->path, behind);
    return duck_query(&p->duck, DOING, rows, e);
}

static int count_rows(struct parquet *p, struct err *e)
{
    struct duck_rows rows;
    int r = ask(p, "CAST(sum(num_rows) AS VARCHAR)", "parquet_file_metadata",
                "", &rows, e);
    if (r == 0 && rows.n == 1 && duck_cell(&rows, 0, 0))
        p->expected = strtoull(duck_cell(&rows, 0, 0), NULL, 10);
    duck_rows_free(&rows);
    return r;
}

/* DuckDB reads decimals that are too wide for it as doubles. */
static int check_decimals(struct parquet *p, struct err *e)
{
    struct duck_rows rows;
    int r = ask(p, "CAST(name AS VARCHAR)", "parquet_schema",
                " WHERE precision > 38", &rows, e);
    if (r == 0 && rows.n)
        r = err_set(e, ERR_DATA,
                    "column '%s' of '%s' has decimals of more than 38 digits, "
                    "which cannot be read exactly",
                    duck_cell(&rows, 0, 0), p->base.uri);
    duck_rows_free(&rows);
    return r;
}

/* ---- columns ---- */

static void forget_columns(struct parquet *p)
{
    for (size_t i = 0; i < p->n; i++)
        duck_shape_free(&p->columns[i]);
    free(p->columns);
    p->columns = NULL;
    p->n = 0;
}

/* Learns the columns of the stream; list receives them as SQL, those that have
 * no form in JSON as text. 1; 0 where there is such a column; -1. */
static int learn_columns(struct parquet *p, struct buf *list, struct err *e)
{
    const struct duck_api *api = p->duck.api;
    uint64_t n = api->column_count(&p->stream.result);
    int all = 1;
    p->columns = calloc((size_t)n + 1, sizeof(*p->columns));
    if (!p->columns)
        return err_nomem(e);
    for (; p->n < n; p->n++) {
        const char *name = api->column_name(&p->stream.result, p->n);
        duck_handle type = api->column_logical_type(&p->stream.result, p->n);
        int r = duck_shape_init(&p->columns[p->n], api, type, name, e);
        api->destroy_logical_type(&type);
        if (r < 0)
            return -1;
        all = all && r;
        buf_addz(list, p->n ? ", " : "");
        buf_addz(list, r ? "" : "CAST(");
        duck_ident(list, str_of(name));
        buf_addz(list, r ? "" : " AS VARCHAR) AS ");
        if (!r)
            duck_ident(list, str_of(name));
    }
    return list->failed ? err_nomem(e) : all;
}

static int select_rows(struct parquet *p, struct str list, struct err *e)
{
    struct buf *sql = &p->duck.sql;
    buf_reset(sql);
    buf_addz(sql, "SELECT ");
    buf_add_str(sql, list);
    buf_addf(sql, " FROM read_parquet('%s', hive_partitioning = false)",
             p->path);
    return duck_stream_open(&p->duck, DOING, &p->stream, e);
}

static int start(struct parquet *p, struct err *e)
{
    struct buf list = { 0 };
    int r = select_rows(p, STR("*"), e) ? -1 : learn_columns(p, &list, e);
    if (r == 0) {
        struct buf again = { 0 };
        duck_stream_close(&p->duck, &p->stream);
        forget_columns(p);
        r = select_rows(p, buf_str(&list), e) ? -1
                                              : learn_columns(p, &again, e);
        buf_free(&again);
    }
    buf_free(&list);
    return r < 0 ? -1 : 0;
}

static int check_depth(const struct parquet *p, struct err *e)
{
    for (size_t i = 0; i < p->n; i++)
        if (duck_shape_depth(&p->columns[i]) + 1 > p->base.opts->max_depth)
            return err_set(e, ERR_DATA,
                           "column %zu of '%s' is nested deeper than the limit "
                           "of %u",
                           i + 1, p->base.uri, p->base.opts->max_depth);
    return 0;
}

/* ---- opening ---- */

static int check_input(const struct input *in, struct err *e)
{
    struct stat st;
    if (in->fd >= 0 && !input_is_compressed(in) && fstat(in->fd, &st) == 0 &&
        S_ISREG(st.st_mode))
        return 0;
    return err_set(e, ERR_USAGE,
                   "cannot read '%s': Parquet is read from a file that is not "
                   "compressed, not from a stream or an archive",
                   input_name(in));
}

static int parquet_open(struct source *s, struct err *e)
{
    struct parquet *p = (struct parquet *)s;
    bool busy;
    if (check_input(s->in, e))
        return -1;
    snprintf(p->path, sizeof(p->path), "/proc/self/fd/%d", s->in->fd);
    p->duck.target = s->uri;
    p->text.max = s->opts->max_record + BATCH;
    p->bad = SIZE_MAX;
    if (duck_open(&p->duck, NULL, "", &busy, e))
        return -1;
    if (count_rows(p, e) || check_decimals(p, e) || start(p, e))
        return failed(p, e);
    return check_depth(p, e);
}

static void parquet_close(struct source *s)
{
    struct parquet *p = (struct parquet *)s;
    if (p->duck.api)
        duck_stream_close(&p->duck, &p->stream);
    forget_columns(p);
    duck_free(&p->duck);
    buf_free(&p->text);
}

/* ---- rows ---- */

/* So that progress is seen, and signals. */
static int tell_progress(struct parquet *p, struct err *e)
{
    struct input *in = p->base.in;
    if (p->expected)
        in->raw_bytes =
            (uint64_t)((double)in->size * (double)p->got / (double)p->expected);
    return in->progress ? in->progress(in->ctx, e) : 0;
}

/* 1 with a chunk that has rows; 0 at the end; -1. */
static int next_chunk(struct parquet *p, struct err *e)
{
    const struct duck_api *api = p->duck.api;
    while (p->row == p->rows) {
        int r = duck_stream_next(&p->duck, DOING, &p->stream, e);
        if (r < 0 && e->code != ERR_DATA)
            return failed(p, e);
        if (r < 0 || (r == 0 && p->got != p->expected))
            return err_set(e, ERR_DATA,
                           "'%s' is corrupt: %" PRIu64 " of %" PRIu64
                           " rows could be read",
                           p->base.uri, p->got, p->expected);
        if (tell_progress(p, e))
            return -1;
        if (r == 0)
            return 0;
        p->row = 0;
        p->rows = api->data_chunk_get_size(p->stream.chunk);
        for (size_t i = 0; i < p->n; i++)
            duck_shape_bind(&p->columns[i], api,
                            api->data_chunk_get_vector(p->stream.chunk, i));
    }
    return 1;
}

/* Writes rows of the chunk, up to one that is too long, or enough. */
static size_t write_rows(struct parquet *p)
{
    const struct source_opts *opts = p->base.opts;
    size_t count = 0, from;
    buf_reset(&p->text);
    while (p->row < p->rows && p->text.n < BATCH && !(opts->each && count)) {
        from = p->text.n;
        duck_json_row(&p->text, p->columns, p->n, p->row++);
        p->got++;
        if (p->text.failed || p->text.n - from > opts->max_record) {
            p->bad = from;
            break;
        }
        buf_addc(&p->text, '\n');
        count++;
    }
    return count;
}

static int reject(struct parquet *p, struct source_item *item)
{
    size_t from = p->bad, n = p->text.n - from;
    snprintf(p->message, sizeof(p->message),
             "row is longer than the limit of %zu bytes",
             p->base.opts->max_record);
    p->fault = (struct source_fault){ "too_long", STR(""), str_of(p->message) };
    *item = (struct source_item){
        .kind = SOURCE_REJECT,
        .text = STR(""),
        .raw = { p->text.p ? p->text.p + from : "",
                 n > LINES_KEEP ? LINES_KEEP : n },
        .length = n,
        .line = p->got,
        .faults = &p->fault,
        .n_faults = 1,
    };
    p->bad = SIZE_MAX;
    return 1;
}

static int parquet_next(struct source *s, struct source_item *item,
                        struct err *e)
{
    struct parquet *p = (struct parquet *)s;
    if (p->bad != SIZE_MAX)
        return reject(p, item);
    int r = next_chunk(p, e);
    if (r <= 0)
        return r;
    uint64_t line = p->got + 1;
    size_t count = write_rows(p);
    if (count == 0)
        return reject(p, item);
    size_t n = p->bad == SIZE_MAX ? p->text.n : p->bad;
    *item = (struct source_item){ .kind = SOURCE_RECORDS,
                                  .text = { p->text.p, n },
                                  .raw = { p->text.p, n },
                                  .count = count,
                                  .line = line };
    if (s->opts->each) {
        item->kind = SOURCE_RECORD;
        item->text.n = item->raw.n = n - 1;
    }
    return 1;
}

const struct source_ops source_parquet_ops = {
    .name = "parquet",
    .size = sizeof(struct parquet),
    .open = parquet_open,
    .next = parquet_next,
    .close = parquet_close,
};
