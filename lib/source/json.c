/* json: documents: arrays of records, and objects in a row, at any spacing; or
 * what a path leads to in each document.
 *
 * Elements are found by their brackets and quotes and handed out one by one,
 * so a document of any size takes the memory of one record. What is no object
 * is rejected where its end is beyond doubt; anything between elements that is
 * not what the grammar has there ends the source, since from there on nobody
 * can tell where a record starts. */
#include "io/lines.h"
#include "json/check.h"
#include "source/jsonwalk.h"
#include "source/ops.h"

#include <stdio.h>
#include <string.h>

enum place {
    AT_TOP,     /* between documents */
    AT_FIRST,   /* behind '[' */
    AT_ELEMENT, /* behind ',' */
    BEHIND,     /* behind an element */
    AT_ONE,     /* at the one record that a path leads to */
    BEHIND_ONE
};

struct json {
    struct source base;
    struct jsontext t;
    struct jsonwalk walk; /* path NULL: the documents are wanted */
    enum place place;
    bool any;          /* a document came */
    size_t taken;      /* bytes of the sight that the last item used */
    uint64_t newlines; /* in them */
    struct buf text;   /* a record whose line breaks became spaces, or the
                          first bytes of one that is too long */
    struct source_fault fault;
    char message[120];
};

static int json_open(struct source *s, struct err *e)
{
    struct json *j = (struct json *)s;
    const struct path *records = s->opts->records;

    j->text.max = s->opts->max_record;
    if (j->text.max < LINES_KEEP)
        j->text.max = LINES_KEEP;
    j->walk.path = records && records->n ? records : NULL;
    j->walk.max_key = s->opts->max_record;
    if (records && records->n > JSONWALK_MAX)
        return err_set(e, ERR_USAGE, "'%.*s' has more than %d steps",
                       STR_ARG(records->text), JSONWALK_MAX);
    return jsontext_open(&j->t, s->in, s->uri, e);
}

static void json_close(struct source *s)
{
    struct json *j = (struct json *)s;

    jsontext_close(&j->t);
    buf_free(&j->text);
}

/* ---- between elements ---- */

/* From a document's first byte to what the path leads to. */
static int find_records(struct json *j, struct err *e)
{
    const struct path *path = j->walk.path;

    if (jsonwalk_down(&j->walk, &j->t, e) != 0)
        return -1;
    char c = *j->t.w.p;
    if (c == '{') {
        j->place = AT_ONE;
    } else if (c == '[') {
        j->place = AT_FIRST;
        jsontext_drop(&j->t, 1, 0);
    } else if (c == 'n') { /* how some write an array of nothing */
        j->place = BEHIND_ONE;
        return jsontext_skip(&j->t, e);
    } else {
        err_set(e, ERR_DATA,
                "'%.*s' of '%s' at line %llu is neither array nor object",
                STR_ARG(path->text), j->base.uri,
                (unsigned long long)j->t.line);
        e->line = j->t.line;
        return -1;
    }
    return 0;
}

static int at_end(const struct json *j, struct err *e)
{
    if (j->place != AT_TOP)
        return jsontext_truncated(&j->t, e);
    if (!j->walk.path || j->any)
        return 0;
    return err_set(e, ERR_DATA,
                   "'%s' is empty: a document with '%.*s' is "
                   "wanted",
                   j->base.uri, STR_ARG(j->walk.path->text));
}

/* The records of a document are behind us: to its end. */
static int end_records(struct json *j, struct err *e)
{
    j->place = AT_TOP;
    return j->walk.path ? jsonwalk_up(&j->walk, &j->t, e) : 0;
}

/* Takes brackets and commas up to the first byte of an element: 1; 0 at the
 * end of the last document; -1. */
static int find_element(struct json *j, struct err *e)
{
    for (;;) {
        if (j->place == AT_ONE)
            return 1;
        if (j->place == BEHIND_ONE && end_records(j, e) != 0)
            return -1;
        int r = jsontext_space(&j->t, e);
        if (r <= 0)
            return r < 0 ? -1 : at_end(j, e);

        char c = *j->t.w.p;
        j->any = true;
        bool value = memchr("{[\"-0123456789tfn", c, 17) != NULL;
        if (j->place == AT_TOP && j->walk.path && value) {
            if (find_records(j, e) != 0)
                return -1;
            continue;
        }
        if (j->place == BEHIND && c != ',' && c != ']')
            return jsontext_broken(&j->t,
                                   "expected ',' or ']' behind an element", e);
        bool end = c == ']' && (j->place == BEHIND || j->place == AT_FIRST);
        if (c == ',' && j->place == BEHIND)
            j->place = AT_ELEMENT;
        else if (c == '[' && j->place == AT_TOP)
            j->place = AT_FIRST;
        else if (!end && value)
            return 1;
        else if (!end)
            return jsontext_broken(&j->t, "expected a value", e);
        jsontext_drop(&j->t, 1, 0);
        if (end && end_records(j, e) != 0)
            return -1;
    }
}

/* ---- elements ---- */

static void reject(struct json *j, struct source_item *item, const char *code,
                   struct str message)
{
    j->fault = (struct source_fault){ code, STR(""), message };
    item->kind = SOURCE_REJECT;
    item->text = STR("");
    item->faults = &j->fault;
    item->n_faults = 1;
}

/* Scans to the end of the element at the sight's start. Of one longer than
 * the limit only the first bytes are kept (in text). *length is of the whole.
 * 0 or -1. */
static int scan_element(struct json *j, uint64_t *length, struct err *e)
{
    size_t max = j->base.opts->max_record, at = 0, used = 0;
    uint64_t dropped = 0;
    struct sight *w = &j->t.w;

    jsonscan_start(&j->t.scan);
    for (;;) {
        enum jsonscan_found f =
            jsonscan_run(&j->t.scan, w->p + at, w->n - at, &used);
        at += used;
        if (f == JSONSCAN_BROKEN)
            return jsontext_mismatch(&j->t, at, e);
        if (f == JSONSCAN_END)
            break;
        if (at > max) {
            if (dropped == 0) {
                buf_reset(&j->text);
                buf_add(&j->text, w->p, max < LINES_KEEP ? max : LINES_KEEP);
            }
            dropped += at;
            sight_drop(w, at);
            at = 0;
        }
        int r = sight_more(w, e);
        if (r < 0)
            return -1;
        if (r == 0 && (!jsonscan_is_word(&j->t.scan) || j->place != AT_TOP))
            return jsontext_truncated(&j->t, e);
        if (r == 0)
            break;
    }
    j->taken = at;
    j->newlines = j->t.scan.newlines;
    *length = dropped + at;
    return 0;
}

/* An element whose white space has line ends: they become spaces, once it is
 * known to be JSON, where strings have none. */
static int join_lines(struct json *j, struct source_item *item, struct err *e)
{
    struct json_fault f;

    if (json_check_object(item->raw, j->base.opts->max_depth, &f) != 0) {
        snprintf(j->message, sizeof(j->message), "%s at byte %zu", f.why,
                 f.offset + 1);
        reject(j, item, f.code, str_of(j->message));
        return 0;
    }
    buf_reset(&j->text);
    if (buf_add_str(&j->text, item->raw) != 0)
        return err_nomem(e);
    for (size_t i = 0; i < j->text.n; i++)
        if (j->text.p[i] == '\n' || j->text.p[i] == '\r')
            j->text.p[i] = ' ';
    item->kind = SOURCE_RECORD;
    item->text = buf_str(&j->text);
    return 0;
}

/* A word is a value of the grammar or no value at all. */
static int check_word(const struct json *j, struct str word, struct err *e)
{
    struct json_fault f;

    if (!jsonscan_is_word(&j->t.scan) || json_check_value(word, 1, &f) == 0)
        return 0;
    return jsontext_broken(&j->t, "expected a value", e);
}

static int take_element(struct json *j, struct source_item *item, struct err *e)
{
    size_t max = j->base.opts->max_record;
    uint64_t length;

    *item = (struct source_item){ .kind = SOURCE_UNCHECKED,
                                  .line = j->t.line,
                                  .offset = j->t.w.offset };
    if (scan_element(j, &length, e) != 0)
        return -1;
    item->text = item->raw = (struct str){ j->t.w.p, j->taken };
    if (length > max) {
        if (length == j->taken) {
            item->raw.n = max < LINES_KEEP ? max : LINES_KEEP;
        } else if (j->text.failed) {
            return err_nomem(e);
        } else {
            item->raw = buf_str(&j->text);
        }
        item->length = length;
        snprintf(j->message, sizeof(j->message),
                 "record of %llu bytes, limit is %zu",
                 (unsigned long long)length, max);
        reject(j, item, "too_long", str_of(j->message));
        return 0;
    }
    if (check_word(j, item->raw, e) != 0)
        return -1;
    return j->t.scan.broken_lines ? join_lines(j, item, e) : 0;
}

static int json_next_item(struct source *s, struct source_item *item,
                          struct err *e)
{
    struct json *j = (struct json *)s;

    jsontext_drop(&j->t, j->taken, j->newlines);
    j->taken = 0;
    j->newlines = 0;
    int r = find_element(j, e);
    if (r <= 0)
        return r;
    if (take_element(j, item, e) != 0)
        return -1;
    if (j->place != AT_TOP)
        j->place = j->place == AT_ONE ? BEHIND_ONE : BEHIND;
    return 1;
}

const struct source_ops source_json_ops = {
    .name = "json",
    .size = sizeof(struct json),
    .open = json_open,
    .next = json_next_item,
    .close = json_close,
};
