/* json: documents: arrays of records, and objects in a row, at any spacing.
 *
 * Elements are found by their brackets and quotes and handed out one by one,
 * so a document of any size takes the memory of one record. What is no object
 * is rejected where its end is beyond doubt; anything between elements that is
 * not what the grammar has there ends the source, since from there on nobody
 * can tell where a record starts. */
#include "io/lines.h"
#include "json/check.h"
#include "source/jsonscan.h"
#include "source/ops.h"
#include "source/sight.h"

#include <stdio.h>
#include <string.h>

enum place {
    AT_TOP,     /* between documents */
    AT_FIRST,   /* behind '[' */
    AT_ELEMENT, /* behind ',' */
    BEHIND      /* behind an element */
};

struct json {
    struct source base;
    struct sight w;
    enum place place;
    uint64_t line;     /* of the sight's first byte */
    uint64_t start;    /* offset of the element or byte looked at */
    size_t taken;      /* bytes of the sight that the last item used */
    uint64_t newlines; /* in them */
    struct buf text;   /* a record whose line breaks became spaces, or the
                          first bytes of one that is too long */
    struct source_fault fault;
    char message[120];
    struct jsonscan scan;
};

static int json_open(struct source *s, struct err *e)
{
    struct json *j = (struct json *)s;

    j->line = 1;
    j->text.max = s->opts->max_record;
    if (j->text.max < LINES_KEEP)
        j->text.max = LINES_KEEP;
    sight_init(&j->w, s->in);
    return sight_skip_bom(&j->w, e);
}

static void json_close(struct source *s)
{
    struct json *j = (struct json *)s;

    sight_free(&j->w);
    buf_free(&j->text);
}

static int broken(const struct json *j, const char *what, struct err *e)
{
    err_set(e, ERR_DATA, "'%s' is not JSON at line %llu, byte %llu: %s",
            j->base.uri, (unsigned long long)j->line,
            (unsigned long long)j->start, what);
    e->line = j->line;
    return -1;
}

static int truncated(const struct json *j, struct err *e)
{
    err_set(e, ERR_DATA, "'%s' is truncated: it ends inside a JSON document",
            j->base.uri);
    e->line = j->line;
    return -1;
}

/* ---- between elements ---- */

/* Drops white space; 1 if a byte is there, 0 at the end, -1. */
static int skip_space(struct json *j, struct err *e)
{
    for (;;) {
        size_t i = 0;
        for (; i < j->w.n && memchr(" \t\r\n", j->w.p[i], 4); i++)
            j->line += j->w.p[i] == '\n';
        sight_drop(&j->w, i);
        if (j->w.n > 0)
            return 1;
        int r = sight_more(&j->w, e);
        if (r <= 0)
            return r;
    }
}

/* Takes brackets and commas up to the first byte of an element: 1; 0 at the
 * end of the last document; -1. */
static int find_element(struct json *j, struct err *e)
{
    for (;;) {
        int r = skip_space(j, e);
        if (r < 0)
            return -1;
        if (r == 0)
            return j->place == AT_TOP ? 0 : truncated(j, e);

        char c = *j->w.p;
        j->start = j->w.offset;
        if (j->place == BEHIND && c != ',' && c != ']')
            return broken(j, "expected ',' or ']' behind an element", e);
        if (c == ',' && j->place == BEHIND)
            j->place = AT_ELEMENT;
        else if (c == ']' && (j->place == BEHIND || j->place == AT_FIRST))
            j->place = AT_TOP;
        else if (c == '[' && j->place == AT_TOP)
            j->place = AT_FIRST;
        else if (memchr("{[\"-0123456789tfn", c, 17))
            return 1;
        else
            return broken(j, "expected a value", e);
        sight_drop(&j->w, 1);
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

    jsonscan_start(&j->scan);
    for (;;) {
        enum jsonscan_found f =
            jsonscan_run(&j->scan, j->w.p + at, j->w.n - at, &used);
        at += used;
        if (f == JSONSCAN_BROKEN)
            return broken(j,
                          "brackets do not match in the value that starts "
                          "here",
                          e);
        if (f == JSONSCAN_END)
            break;
        if (at > max) {
            if (dropped == 0) {
                buf_reset(&j->text);
                buf_add(&j->text, j->w.p, max < LINES_KEEP ? max : LINES_KEEP);
            }
            dropped += at;
            sight_drop(&j->w, at);
            at = 0;
        }
        int r = sight_more(&j->w, e);
        if (r < 0)
            return -1;
        if (r == 0 && (!jsonscan_is_word(&j->scan) || j->place != AT_TOP))
            return truncated(j, e);
        if (r == 0)
            break;
    }
    j->taken = at;
    j->newlines = j->scan.newlines;
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

    if (!jsonscan_is_word(&j->scan) || json_check_value(word, 1, &f) == 0)
        return 0;
    return broken(j, "expected a value", e);
}

static int take_element(struct json *j, struct source_item *item, struct err *e)
{
    size_t max = j->base.opts->max_record;
    uint64_t length;

    *item = (struct source_item){ .kind = SOURCE_UNCHECKED,
                                  .line = j->line,
                                  .offset = j->w.offset };
    if (scan_element(j, &length, e) != 0)
        return -1;
    item->text = item->raw = (struct str){ j->w.p, j->taken };
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
    return j->scan.broken_lines ? join_lines(j, item, e) : 0;
}

static int json_next_item(struct source *s, struct source_item *item,
                          struct err *e)
{
    struct json *j = (struct json *)s;

    sight_drop(&j->w, j->taken);
    j->line += j->newlines;
    j->taken = 0;
    j->newlines = 0;
    int r = find_element(j, e);
    if (r <= 0)
        return r;
    if (take_element(j, item, e) != 0)
        return -1;
    if (j->place != AT_TOP)
        j->place = BEHIND;
    return 1;
}

const struct source_ops source_json_ops = {
    .name = "json",
    .size = sizeof(struct json),
    .open = json_open,
    .next = json_next_item,
    .close = json_close,
};
