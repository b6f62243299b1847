#include "pglog/pgevent.h"

#include "json/value.h"
#include "pglog/lsn.h"
#include "source/pgvalue.h"

#include <inttypes.h>

/* ---- Debezium ---- */

#define VALUE_DEPTH 1000 /* of a json column: what is deeper is a string */

static void add_value(struct buf *out, struct pgvalue *room,
                      const struct pgtype *form, struct str text)
{
    const char *why;
    size_t from = out->n;
    if (!pgvalue_add(room, out, form, text, VALUE_DEPTH, &why))
        return;
    out->n = from;
    json_quote(out, text);
}

/* A large value that was not sent, but is in the row as it was. */
static struct pgoutput_value
resolve(struct pgoutput_value v, const struct pgoutput_row *before, size_t i)
{
    if (v.kind == PGOUTPUT_UNCHANGED && before && before->v &&
        !before->key_only)
        return before->v[i];
    return v;
}

static void add_row(struct buf *out, const struct relation *rel,
                    const struct pgoutput_row *row,
                    const struct pgoutput_row *before, struct pgvalue *room)
{
    bool first = true;
    if (!row->v) {
        buf_addz(out, "null");
        return;
    }
    buf_addc(out, '{');
    for (size_t i = 0; i < row->n; i++) {
        struct pgoutput_value v = resolve(row->v[i], before, i);
        if (v.kind == PGOUTPUT_UNCHANGED ||
            (row->key_only && !rel->columns[i].key))
            continue;
        if (!first)
            buf_addc(out, ',');
        first = false;
        buf_add_str(out, rel->columns[i].label);
        if (v.kind == PGOUTPUT_NULL)
            buf_addz(out, "null");
        else
            add_value(out, room, &rel->columns[i].form, v.text);
    }
    buf_addc(out, '}');
}

static void add_source(struct buf *out, const struct relation *rel,
                       const struct pgevent_source *s)
{
    buf_addz(out, ",\"source\":{\"connector\":\"postgresql\",\"db\":");
    buf_add_str(out, s->db);
    buf_addc(out, ',');
    buf_add_str(out, rel->names);
    if (s->xid)
        buf_addf(out, ",\"txId\":%" PRIu32, s->xid);
    buf_addf(out, ",\"lsn\":%" PRIu64, s->lsn);
    if (s->at_us)
        buf_addf(out, ",\"ts_ms\":%" PRId64 ",\"ts_us\":%" PRId64,
                 s->at_us / 1000, s->at_us);
    buf_addf(out, ",\"snapshot\":\"%s\"}", s->snapshot ? "true" : "false");
}

static const char *op_of(enum pgoutput_kind kind, bool snapshot)
{
    switch (kind) {
    case PGOUTPUT_INSERT: return snapshot ? "r" : "c";
    case PGOUTPUT_UPDATE: return "u";
    case PGOUTPUT_DELETE: return "d";
    default: return "t";
    }
}

int pgevent_add(struct buf *out, enum pgoutput_kind kind,
                const struct relation *rel, const struct pgoutput_row *before,
                const struct pgoutput_row *after,
                const struct pgevent_source *source)
{
    buf_addz(out, "{\"before\":");
    add_row(out, rel, before, NULL, source->room);
    buf_addz(out, ",\"after\":");
    add_row(out, rel, after, before, source->room);
    add_source(out, rel, source);
    buf_addf(out, ",\"op\":\"%s\"}", op_of(kind, source->snapshot));
    struct pgvalue *room = source->room;
    return out->failed || room->bytes.failed || room->element.failed ? -1 : 0;
}

/* ---- wal2json ---- */

/* As wal2json has it: numbers that JSON has not are null, bytea is hex without
 * its mark, all else but numbers and booleans is a string. */
static void add_wal2json_value(struct buf *out, uint32_t type, struct str v)
{
    char last = v.n ? v.p[v.n - 1] : '\0';
    struct pgtype t;
    enum pgtype_kind kind = pgtype_of(type, &t) ? t.kind : PGTYPE_TEXT;
    if (kind == PGTYPE_NUMBER)
        buf_add_str(out, last >= '0' && last <= '9' ? v : STR("null"));
    else if (kind == PGTYPE_BOOL)
        buf_addz(out, v.n && *v.p == 't' ? "true" : "false");
    else if (kind == PGTYPE_BYTES && v.n >= 2)
        json_quote(out, (struct str){ v.p + 2, v.n - 2 });
    else
        json_quote(out, v);
}

static void add_wal2json_row(struct buf *out, const struct relation *rel,
                             const struct pgoutput_row *row)
{
    buf_addz(out, ",\"columns\":[");
    for (size_t i = 0; i < row->n; i++) {
        const struct relation_column *c = &rel->columns[i];
        buf_addz(out, i ? ",{\"name\":" : "{\"name\":");
        buf_add(out, c->label.p, c->label.n - 1);
        buf_addz(out, ",\"type\":");
        json_quote(out, c->type_name);
        buf_addz(out, ",\"value\":");
        if (row->v[i].kind == PGOUTPUT_NULL)
            buf_addz(out, "null");
        else
            add_wal2json_value(out, c->type, row->v[i].text);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

int pgevent_add_wal2json(struct buf *out, const struct relation *rel,
                         const struct pgoutput_row *row, uint64_t lsn)
{
    char text[LSN_TEXT];
    buf_addf(out, "{\"action\":\"%s\",\"lsn\":\"%s\",", row->v ? "I" : "T",
             lsn_format(text, lsn));
    buf_add_str(out, rel->names);
    if (row->v)
        add_wal2json_row(out, rel, row);
    buf_addc(out, '}');
    return out->failed ? -1 : 0;
}
