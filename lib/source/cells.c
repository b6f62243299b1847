#include "source/cells.h"

#include "json/utf8.h"
#include "json/value.h"
#include "source/cast.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUOTED_MAX 60 /* bytes of a cell shown in a message */

void cells_init(struct cells *c, const struct source_opts *opts)
{
    c->opts = opts;
    c->out.max = opts->max_record;
}

void cells_free(struct cells *c)
{
    columns_free(&c->columns);
    buf_free(&c->out);
    arena_free(&c->arena);
}

void cells_begin(struct cells *c)
{
    arena_reset(&c->arena);
    c->n_faults = 0;
}

int cells_fault(struct cells *c, const char *code, struct str path,
                struct str message, struct err *e)
{
    if (c->n_faults == CELLS_FAULTS_MAX)
        return 0;
    message = arena_dup(&c->arena, message);
    if (!message.p)
        return err_nomem(e);
    c->faults[c->n_faults++] = (struct source_fault){ code, path, message };
    return 0;
}

int cells_faultf(struct cells *c, struct err *e, const char *code,
                 struct str path, const char *fmt, ...)
{
    struct buf b = { 0 };
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    int r =
        b.failed ? err_nomem(e) : cells_fault(c, code, path, buf_str(&b), e);
    buf_free(&b);
    return r;
}

struct str cells_excerpt(struct str cell)
{
    size_t n = 0, step;

    while (n < cell.n && (step = utf8_char(cell.p + n, cell.p + cell.n)) > 0 &&
           n + step <= QUOTED_MAX)
        n += step;
    return (struct str){ cell.p, n };
}

/* Names the cells that are not text, or else the row; few ever come here. */
static int find_bad_text(struct cells *c, const struct str *cells,
                         struct str raw, struct err *e)
{
    for (size_t i = 0; cells && i < c->columns.n; i++) {
        struct str cell = cells[i], path = c->columns.at[i].pointer;
        if (cell.n && memchr(cell.p, 0, cell.n) &&
            cells_faultf(c, e, "nul_byte", path, "a cell holds a NUL byte") !=
                0)
            return -1;
        if (!utf8_valid(cell) && cells_faultf(c, e, "invalid_utf8", path,
                                              "a cell is not UTF-8") != 0)
            return -1;
    }
    if (c->n_faults)
        return 0;
    if (!utf8_valid(raw))
        return cells_fault(c, "invalid_utf8", STR(""), STR("it is not UTF-8"),
                           e);
    return cells_fault(c, "nul_byte", STR(""), STR("it holds a NUL byte"), e);
}

static bool is_null(const struct cells *c, struct str cell)
{
    const struct source_csv *o = &c->opts->csv;

    if (c->unquoted && !cell.p)
        return true;
    for (size_t i = 0; i < o->n_nulls; i++) {
        const char *token = o->nulls[i];
        bool empty = c->unquoted ? cell.n == 0 : !cell.p;
        if (*token ? str_eq(cell, str_of(token)) : empty)
            return true;
    }
    return false;
}

/* Writes the cells as a record into c->out, or adds faults. */
static int write_record(struct cells *c, const struct str *cells, struct err *e)
{
    bool nulls = c->opts->csv.n_nulls || c->unquoted;

    buf_reset(&c->out);
    errno = 0;
    for (size_t i = 0; i < c->columns.n && !c->out.failed; i++) {
        const struct column *col = &c->columns.at[i];
        struct str cell = cells[i].p ? cells[i] : STR("");
        buf_add_str(&c->out, col->key);
        if (nulls && is_null(c, cells[i])) {
            buf_addz(&c->out, "null");
        } else if (cast_cell(&c->out, col->type, cell) > 0) {
            struct str text = cells_excerpt(cell);
            if (cells_faultf(c, e, "cast", col->pointer, "'%.*s'%s is no %s",
                             STR_ARG(text), text.n < cell.n ? "..." : "",
                             type_name(col->type)) != 0)
                return -1;
        }
    }
    buf_addc(&c->out, '}');
    if (c->out.failed && errno == ENOMEM)
        return err_nomem(e);
    if ((c->out.failed || c->out.n > c->out.max) && c->n_faults == 0)
        return cells_faultf(c, e, "too_long", STR(""),
                            "record is longer than %zu bytes as JSON",
                            c->opts->max_record);
    return 0;
}

bool cells_is_text(struct str raw)
{
    return (raw.n == 0 || !memchr(raw.p, 0, raw.n)) && utf8_valid(raw);
}

int cells_write(struct cells *c, const struct str *cells, struct str raw,
                struct err *e)
{
    if (!cells_is_text(raw))
        return find_bad_text(c, cells, raw, e);
    return write_record(c, cells, e);
}

void cells_item(const struct cells *c, struct source_item *item)
{
    item->kind = c->n_faults ? SOURCE_REJECT : SOURCE_RECORD;
    item->text = c->n_faults ? STR("") : buf_str(&c->out);
    item->faults = c->faults;
    item->n_faults = c->n_faults;
}

/* ---- what a replay needs ---- */

int cells_option(struct buf *b, const char *name, struct str value)
{
    buf_addf(b, "--%s=", name);
    buf_add_str(b, value);
    return buf_addc(b, '\0');
}

int cells_list_add(struct buf *b, bool first, struct str text,
                   const char *suffix)
{
    bool plain = true;

    for (size_t i = 0; i < text.n; i++)
        plain = plain && !memchr(",\"\r\n", text.p[i], 4);
    if (!first)
        buf_addc(b, ',');
    if (plain) {
        buf_add_str(b, text);
        return buf_addz(b, suffix);
    }
    buf_addc(b, '"');
    for (size_t i = 0; i < text.n; i++)
        buf_add(b, text.p[i] == '"' ? "\"\"" : text.p + i,
                text.p[i] == '"' ? 2 : 1);
    buf_addz(b, suffix);
    return buf_addc(b, '"');
}

int cells_context(const struct cells *c, struct buf *b)
{
    const struct source_csv *o = &c->opts->csv;

    buf_addz(b, ",\"header\":[");
    for (size_t i = 0; i < c->columns.n; i++) {
        buf_addz(b, i ? "," : "");
        json_quote(b, c->columns.names[i]);
    }
    buf_addz(b, "],\"null\":[");
    for (size_t i = 0; i < o->n_nulls; i++) {
        buf_addz(b, i ? "," : "");
        json_quote(b, str_of(o->nulls[i]));
    }
    return buf_addc(b, ']');
}

static void add_types(const struct cells *c, struct buf *b)
{
    bool typed = false;

    for (size_t i = 0; i < c->columns.n; i++) {
        char type[16];
        if (c->columns.at[i].type == TYPE_STRING)
            continue;
        if (!typed)
            buf_addz(b, "--types=");
        snprintf(type, sizeof(type), "=%s", type_name(c->columns.at[i].type));
        cells_list_add(b, !typed, c->columns.names[i], type);
        typed = true;
    }
    if (typed)
        buf_addc(b, '\0');
}

int cells_args(const struct cells *c, struct buf *b)
{
    const struct source_csv *o = &c->opts->csv;

    for (size_t i = 0; i < o->n_nulls; i++)
        cells_option(b, "null", str_of(o->nulls[i]));
    add_types(c, b);
    return b->failed ? -1 : 0;
}
