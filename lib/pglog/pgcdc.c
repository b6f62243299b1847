/* postgresql+cdc: the changes of PostgreSQL's tables, by logical replication.
 *
 * Without a position: the rows as they are (a snapshot), then the changes from
 * there on. The snapshot is exported with a temporary slot, whose point tells
 * exactly which transactions are in it; the stream comes from the lasting slot,
 * which was made before and therefore has all that is behind that point. So
 * nothing must be undone where a run dies: the next one takes a new snapshot at
 * a later point of the same slot, until a position is committed. Nothing is
 * confirmed to the server but such positions.
 *
 * A position is the end of a transaction's commit in the log, 0/0 before the
 * first. The last event of a transaction (or of the snapshot) has its end,
 * those before it the end of the one before, from which all of it comes again:
 * so one event is held back until it is known whether another one follows. */
#include "io/pglink.h"
#include "json/value.h"
#include "pglog/lsn.h"
#include "pglog/pgask.h"
#include "pglog/pgevent.h"
#include "pglog/pgforms.h"
#include "pglog/pgoutput.h"
#include "pglog/slot.h"
#include "pglog/snapshot.h"
#include "pglog/walstream.h"
#include "source/ops.h"

#include <stdlib.h>

#define WAIT_MS 100
#define STATUS_MS 10000 /* the server is told at least that often */
#define RAW_KEEP 65536  /* of an event that is too long */

static const char *slot_name, *publication, *plugin = "pgoutput",
                                            *first = "initial";
static const char *const plugins[] = { "pgoutput", "wal2json", NULL };
static const char *const firsts[] = { "initial", "never", NULL };

static const struct opt options[] = {
    { OPT_GROUP, 0, "cdc", NULL, NULL, "Change streams (postgresql+cdc://)",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "slot", "NAME", &slot_name,
      "the replication slot that keeps the changes for us; made where it is "
      "missing",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "publication", "NAME", &publication,
      "the publication that says which tables and changes", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "plugin", "PLUGIN", &plugin,
      "what decodes the server's log, and the form of the events: Debezium's, "
      "or wal2json's; default pgoutput",
      plugins, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "snapshot", "WHEN", &first,
      "whether all rows come first where nothing was loaded yet; default "
      "initial",
      firsts, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

/* An event, or what would be one. */
struct event {
    struct buf text;
    size_t size;      /* of the change as the server sent it */
    const char *code; /* NULL: an event */
    const char *why;
};

struct pgcdc {
    struct source base;
    bool wal2json;
    struct buf uri;   /* as libpq takes it */
    PGconn *db;       /* until it is the stream's */
    struct buf names; /* of the database, in JSON */
    struct slot_publication tables;
    struct slot_point point;
    struct snapshot *snapshot; /* NULL: none, or over */
    struct walstream *wal;
    struct pgoutput *decoder;
    struct pgforms forms;
    struct pgevent_source from; /* of the transaction at hand */
    struct pgvalue room;
    uint64_t start;  /* LSN: what ends by there was had */
    uint64_t target; /* LSN: the end without --follow */
    uint64_t at;     /* LSN up to which all was handed out */
    bool in_transaction, skipping;
    struct pgoutput_message message; /* a truncation, of several tables */
    size_t truncated;                /* of which so many were told */
    struct event held, fresh;
    bool is_held;
    struct source_fault fault;
    char position[LSN_TEXT + 2];
};

/* ---- opening ---- */

static bool (*stop_of(const struct pgcdc *s))(void)
{
    return s->base.opts->stop;
}

static int check_options(const struct source_opts *o, struct err *e)
{
    if (!slot_name || !publication)
        return err_set(e, ERR_USAGE,
                       "a change stream needs --slot and --publication");
    if (!slot_name_valid(slot_name))
        return err_set(e, ERR_USAGE,
                       "slot '%s' is no name of lower-case letters, digits "
                       "and _, at most 63",
                       slot_name);
    if (o->cursor)
        return err_set(e, ERR_USAGE,
                       "--cursor is not for a change stream, which has "
                       "positions of its own");
    return 0;
}

/* "postgresql+cdc://" without what libpq does not know. */
static int take_uri(struct pgcdc *s, struct err *e)
{
    const char *rest = strstr(s->base.uri, "://");
    buf_addz(&s->uri, "postgresql");
    if (buf_addz(&s->uri, rest ? rest : "://") || !buf_z(&s->uri))
        return err_nomem(e);
    return pglink_check(s->uri.p, "source", e);
}

/* The place to go on from: 1, 0 for none, -1. */
static int find_resume(const struct pgcdc *s, uint64_t *lsn, struct err *e)
{
    const struct positions *resume = s->base.opts->resume;
    const struct position *p =
        resume ? positions_find(resume, str_of(slot_name)) : NULL;
    if (!p || !p->value.n)
        return 0;
    struct str v = p->value;
    if (v.n > 2 && v.p[0] == '"' &&
        lsn_parse((struct str){ v.p + 1, v.n - 2 }, lsn))
        return *lsn != 0; /* 0/0: the snapshot was not finished */
    return err_set(e, ERR_DATA, "position %.*s is no place in PostgreSQL's log",
                   STR_ARG(v));
}

static int resume_at(struct pgcdc *s, const struct slot *slot, uint64_t lsn,
                     struct err *e)
{
    char a[LSN_TEXT], b[LSN_TEXT];
    if (!slot->found)
        return err_set(e, ERR_CONFIG,
                       "slot '%s' is not there any more, and with it the "
                       "changes behind %s, up to which all is loaded: start "
                       "again without a position",
                       slot_name, lsn_format(a, lsn));
    if (slot->confirmed > lsn)
        return err_set(e, ERR_CONFIG,
                       "slot '%s' has moved to %s, but changes are loaded up "
                       "to %s only: those between are gone; start again "
                       "without a position",
                       slot_name, lsn_format(a, slot->confirmed),
                       lsn_format(b, lsn));
    s->start = lsn;
    s->at = lsn;
    return 0;
}

static int take_snapshot(struct pgcdc *s, struct err *e)
{
    bool (*stop)(void) = stop_of(s);
    const char *name;
    if (slot_export(s->db, plugin, stop, &s->point, e))
        return -1;
    name = buf_z(&s->point.snapshot);
    if (!name)
        return err_nomem(e);
    s->start = s->point.lsn;
    s->from.snapshot = true;
    s->from.lsn = s->point.lsn;
    return snapshot_open(&s->snapshot, s->uri.p, s->base.opts->app, name,
                         publication, &s->forms, stop, e) ||
                   slot_release(s->db, &s->point, stop, e)
               ? -1
               : 0;
}

/* Finds the slot, or makes it; and where to begin. */
static int find_start(struct pgcdc *s, struct err *e)
{
    struct slot slot;
    uint64_t lsn = 0;
    bool (*stop)(void) = stop_of(s);
    int resumed = find_resume(s, &lsn, e);
    if (resumed < 0 || slot_find(s->db, slot_name, plugin, stop, &slot, e))
        return -1;
    if (resumed)
        return resume_at(s, &slot, lsn, e);
    if (!slot.found && slot_create(s->db, slot_name, plugin, stop, e))
        return -1;
    if (strcmp(first, "initial") == 0)
        return take_snapshot(s, e);
    s->start = s->at = slot.confirmed;
    return 0;
}

static void add_option(struct buf *b, const char *name, struct str value)
{
    buf_addf(b, "%s\"%s\" ", b->p[b->n - 1] == '(' ? "" : ", ", name);
    pgask_literal(b, value);
}

static int add_command(struct pgcdc *s, struct buf *b)
{
    char lsn[LSN_TEXT];
    struct buf quoted = { .max = 1024 };
    buf_addf(b, "START_REPLICATION SLOT %s LOGICAL %s (", slot_name,
             lsn_format(lsn, s->start));
    if (b->failed)
        return -1;
    if (s->wal2json) {
        add_option(b, "format-version", STR("2"));
        add_option(b, "include-xids", STR("true"));
        add_option(b, "include-timestamp", STR("true"));
        add_option(b, "include-lsn", STR("true"));
        add_option(b, "actions", buf_str(&s->tables.actions));
        if (!s->tables.all_tables)
            add_option(b, "add-tables", buf_str(&s->tables.tables));
    } else {
        pgask_name(&quoted, str_of(publication));
        add_option(b, "proto_version", STR("1"));
        add_option(b, "publication_names", buf_str(&quoted));
    }
    buf_addc(b, ')');
    int bad = b->failed || quoted.failed;
    buf_free(&quoted);
    return bad ? -1 : 0;
}

static int start_stream(struct pgcdc *s, uint64_t timeout_ms, struct err *e)
{
    struct buf command = { .max = (size_t)16 << 20 };
    if (slot_await(s->db, slot_name, stop_of(s), e))
        return -1;
    if (add_command(s, &command) || !buf_z(&command)) {
        buf_free(&command);
        return err_nomem(e);
    }
    struct walstream_opts o = {
        .command = command.p,
        .confirmed = s->at,
        .status_ms = timeout_ms && timeout_ms / 4 < STATUS_MS
                         ? timeout_ms / 4 + 1
                         : STATUS_MS,
        .ask = !s->base.opts->follow,
        .stop = stop_of(s),
    };
    int done = walstream_open(&s->wal, s->db, &o, e);
    s->db = NULL; /* the stream's */
    buf_free(&command);
    return done;
}

static int pgcdc_open(struct source *base, struct err *e)
{
    struct pgcdc *s = (struct pgcdc *)base;
    struct slot_server server;
    bool (*stop)(void) = stop_of(s);
    s->wal2json = strcmp(plugin, "wal2json") == 0;
    s->held.text.max = s->fresh.text.max = base->opts->max_record + 1;
    if (check_options(base->opts, e) || take_uri(s, e) ||
        pglink_open_replication(&s->db, s->uri.p, base->opts->app, stop, e) ||
        slot_session(s->db, stop, e) ||
        slot_publication(s->db, publication, plugin, stop, &s->tables, e) ||
        slot_ask_server(s->db, stop, &server, e))
        return -1;
    s->target = server.end;
    s->decoder = pgoutput_new();
    if (!s->decoder || json_quote(&s->names, str_of(PQdb(s->db))))
        return err_nomem(e);
    s->from.db = buf_str(&s->names);
    s->from.room = &s->room;
    if (find_start(s, e))
        return -1;
    return start_stream(s, server.timeout_ms, e);
}

static void pgcdc_close(struct source *base)
{
    struct pgcdc *s = (struct pgcdc *)base;
    snapshot_close(s->snapshot);
    walstream_close(s->wal);
    pgoutput_free(s->decoder);
    pgforms_free(&s->forms);
    PQfinish(s->db);
    slot_publication_free(&s->tables);
    buf_free(&s->point.snapshot);
    buf_free(&s->uri);
    buf_free(&s->names);
    buf_free(&s->held.text);
    buf_free(&s->fresh.text);
    pgvalue_free(&s->room);
}

/* ---- events ---- */

/* What came next. */
enum step {
    STEP_FAILED = -1,
    STEP_END,
    STEP_EVENT,    /* in s->fresh */
    STEP_BOUNDARY, /* all before s->at is complete */
    STEP_IDLE
};

static void refuse(struct pgcdc *s, const char *code, const char *why)
{
    if (!s->fresh.code) {
        s->fresh.code = code;
        s->fresh.why = why;
    }
}

static struct buf *begin_event(struct pgcdc *s, size_t size)
{
    s->fresh.code = NULL;
    s->fresh.size = size;
    buf_reset(&s->fresh.text);
    return &s->fresh.text;
}

static enum step end_event(struct pgcdc *s)
{
    if (s->fresh.text.failed || s->fresh.text.n > s->base.opts->max_record)
        refuse(s, "too_long", "event is too long");
    return STEP_EVENT;
}

static size_t size_of(const struct pgoutput_row *row)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n; i++)
        n += row->v[i].text.n;
    return n;
}

static enum step step_snapshot(struct pgcdc *s, struct err *e)
{
    static const struct pgoutput_row none;
    const struct relation *rel;
    struct pgoutput_row row;
    int got = snapshot_next(s->snapshot, &rel, &row, e);
    if (got < 0)
        return STEP_FAILED;
    if (got == 0) {
        snapshot_close(s->snapshot);
        s->snapshot = NULL;
        s->from.snapshot = false;
        s->at = s->point.lsn;
        return STEP_BOUNDARY;
    }
    struct buf *text = begin_event(s, size_of(&row));
    if (s->wal2json)
        pgevent_add_wal2json(text, rel, &row, s->point.lsn);
    else
        pgevent_add(text, row.v ? PGOUTPUT_INSERT : PGOUTPUT_TRUNCATE, rel,
                    &none, &row, &s->from);
    return end_event(s);
}

/* The next table of a truncation. */
static enum step step_truncate(struct pgcdc *s)
{
    const struct pgoutput_message *m = &s->message;
    pgevent_add(begin_event(s, 0), m->kind, m->truncated[s->truncated++],
                &m->before, &m->after, &s->from);
    return end_event(s);
}

/* A change of pgoutput's. */
static enum step step_change(struct pgcdc *s, size_t size)
{
    const struct pgoutput_message *m = &s->message;
    bool untold = m->kind == PGOUTPUT_DELETE && m->before.key_only &&
                  !relation_has_key(m->relation);
    pgevent_add(begin_event(s, size), m->kind, m->relation, &m->before,
                &m->after, &s->from);
    if (untold)
        refuse(s, "no_key",
               "table has no replica identity: which row it was "
               "is not told");
    return end_event(s);
}

/* A transaction begins whose commit is at lsn: is it of interest? */
static bool begin_transaction(struct pgcdc *s, uint64_t lsn)
{
    s->in_transaction = true;
    s->skipping = lsn < s->start;
    return s->base.opts->follow || lsn < s->target;
}

static enum step end_transaction(struct pgcdc *s, uint64_t end)
{
    s->in_transaction = false;
    if (s->skipping)
        return STEP_IDLE;
    s->at = end;
    return STEP_BOUNDARY;
}

static enum step step_pgoutput(struct pgcdc *s, const struct walmsg *w,
                               struct err *e)
{
    struct pgoutput_message *m = &s->message;
    if (pgoutput_read(s->decoder, w->data, m, e))
        return STEP_FAILED;
    s->truncated = 0;
    s->from.lsn = w->lsn;
    switch (m->kind) {
    case PGOUTPUT_NOTICE:
        return m->described &&
                       pgforms_complete(&s->forms, m->described, s->uri.p,
                                        s->base.opts->app, stop_of(s), e)
                   ? STEP_FAILED
                   : STEP_IDLE;
    case PGOUTPUT_BEGIN:
        s->from.at_us = m->at_us;
        s->from.xid = m->xid;
        return begin_transaction(s, m->lsn) ? STEP_IDLE : STEP_END;
    case PGOUTPUT_COMMIT: return end_transaction(s, m->end_lsn);
    case PGOUTPUT_TRUNCATE: return STEP_IDLE; /* told table by table */
    default: return s->skipping ? STEP_IDLE : step_change(s, w->data.n);
    }
}

static bool take_lsn(struct val v, uint64_t *lsn)
{
    return v.type == JSON_STRING && v.raw.n > 2 &&
           lsn_parse((struct str){ v.raw.p + 1, v.raw.n - 2 }, lsn);
}

/* A line of wal2json is passed on as it is, but the ends of transactions. */
static enum step step_wal2json(struct pgcdc *s, const struct walmsg *w,
                               struct err *e)
{
    struct val line = json_val(w->data);
    struct val action = json_get(line, STR("action"));
    uint64_t lsn = 0, next = 0;
    char kind = action.raw.n == 3 ? action.raw.p[1] : '\0';
    if (kind == 'B' || kind == 'C') {
        if (!take_lsn(json_get(line, STR("lsn")), &lsn) ||
            !take_lsn(json_get(line, STR("nextlsn")), &next)) {
            err_set(e, ERR_DATA,
                    "change stream is broken: a transaction without its "
                    "place in the log");
            return STEP_FAILED;
        }
        if (kind == 'C')
            return end_transaction(s, next);
        return begin_transaction(s, lsn) ? STEP_IDLE : STEP_END;
    }
    if (!kind || !strchr("IUDT", kind) || s->skipping)
        return STEP_IDLE;
    buf_add_str(begin_event(s, w->data.n), w->data);
    return end_event(s);
}

/* IDLE, with *waited, only if nothing came. */
static enum step step_stream(struct pgcdc *s, bool *waited, struct err *e)
{
    struct walmsg w;
    int got = walstream_next(s->wal, &w, WAIT_MS, e);
    if (got < 0)
        return STEP_FAILED;
    *waited = got == 0;
    if (got == 0)
        return STEP_IDLE;
    if (!w.alive)
        return s->wal2json ? step_wal2json(s, &w, e) : step_pgoutput(s, &w, e);
    return w.lsn >= s->target && !s->in_transaction && !s->base.opts->follow
               ? STEP_END
               : STEP_IDLE;
}

static enum step step(struct pgcdc *s, bool *waited, struct err *e)
{
    *waited = false;
    if (s->snapshot)
        return step_snapshot(s, e);
    if (s->truncated < s->message.n_truncated && !s->skipping)
        return step_truncate(s);
    return step_stream(s, waited, e);
}

/* ---- handing out ---- */

static void set_position(struct pgcdc *s, struct source_item *item)
{
    char lsn[LSN_TEXT];
    int n = snprintf(s->position, sizeof(s->position), "\"%s\"",
                     lsn_format(lsn, s->at));
    item->position = (struct str){ s->position, (size_t)n };
    item->partition = str_of(slot_name);
}

static void give_held(struct pgcdc *s, struct source_item *item)
{
    struct event *h = &s->held;
    struct str text = buf_str(&h->text);
    *item = (struct source_item){ .kind = SOURCE_UNCHECKED,
                                  .text = text,
                                  .raw = text };
    if (h->code) {
        s->fault = (struct source_fault){ h->code, STR(""), str_of(h->why) };
        item->kind = SOURCE_REJECT;
        item->text = STR("");
        item->faults = &s->fault;
        item->n_faults = 1;
    }
    if (h->code && (h->text.failed || text.n > RAW_KEEP)) {
        item->raw.n = text.n < RAW_KEEP ? text.n : RAW_KEEP;
        item->length = h->size > text.n ? h->size : text.n;
    }
    s->is_held = false;
}

static void hold_fresh(struct pgcdc *s)
{
    struct event was = s->held;
    s->held = s->fresh;
    s->fresh = was;
    s->is_held = true;
}

static int pgcdc_next(struct source *base, struct source_item *item,
                      struct err *e)
{
    struct pgcdc *s = (struct pgcdc *)base;
    bool waited;
    for (;;) {
        switch (step(s, &waited, e)) {
        case STEP_FAILED: return -1;
        case STEP_END: return 0;
        case STEP_EVENT:
            if (!s->is_held) {
                hold_fresh(s);
                break;
            }
            /* What is given stays where it is until the next call. */
            give_held(s, item);
            set_position(s, item);
            hold_fresh(s);
            return 1;
        case STEP_BOUNDARY:
            if (!s->is_held)
                break;
            give_held(s, item);
            set_position(s, item);
            return 1;
        case STEP_IDLE:
            if (waited || (base->opts->stop && base->opts->stop()))
                return SOURCE_IDLE;
        }
    }
}

static int pgcdc_confirm(struct source *base, const struct positions *at,
                         struct err *e)
{
    struct pgcdc *s = (struct pgcdc *)base;
    const struct position *p = positions_find(at, str_of(slot_name));
    uint64_t lsn;
    if (!p || !p->value.n)
        return 0;
    if (p->value.n < 3 ||
        !lsn_parse((struct str){ p->value.p + 1, p->value.n - 2 }, &lsn))
        return err_set(e, ERR_DATA,
                       "position %.*s is no place in PostgreSQL's log",
                       STR_ARG(p->value));
    walstream_confirm(s->wal, lsn);
    return 0;
}

/* Bytes of the server's log. */
static int pgcdc_lag(struct source *base, uint64_t *lag)
{
    struct pgcdc *s = (struct pgcdc *)base;
    uint64_t end = walstream_end(s->wal);
    if (end < s->target)
        end = s->target;
    uint64_t at = s->at ? s->at : s->start;
    *lag = end > at ? end - at : 0;
    return 1;
}

static const char *const schemes[] = { "postgresql+cdc://", "postgres+cdc://",
                                       NULL };

SOURCE_CONNECTOR(pgcdc) = {
    .name = "pgcdc",
    .size = sizeof(struct pgcdc),
    .open = pgcdc_open,
    .next = pgcdc_next,
    .close = pgcdc_close,
    .schemes = schemes,
    .opts = options,
    .position_kind = POSITION_LSN,
    .confirm = pgcdc_confirm,
    .lag = pgcdc_lag,
};
