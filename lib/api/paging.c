#include "api/paging.h"

#include "api/link.h"
#include "http/url.h"
#include "json/check.h"
#include "json/number.h"
#include "json/value.h"

#include <inttypes.h>
#include <stdlib.h>

#define URL_BYTES_MAX ((size_t)1 << 17)

int paging_init(struct paging *p, const struct api_opts *o, const char *url,
                bool in_body, struct err *e)
{
    *p = (struct paging){ .o = o, .in_body = in_body, .ready = true };
    p->base.max = p->url.max = p->value.max = URL_BYTES_MAX;
    p->number = o->paging == PAGING_PAGE ? o->first_page : 0;
    buf_addz(&p->base, url);
    buf_addz(&p->url, url);
    return buf_z(&p->base) && buf_z(&p->url) ? 0 : err_nomem(e);
}

void paging_free(struct paging *p)
{
    buf_free(&p->base);
    buf_free(&p->url);
    buf_free(&p->value);
    free(p->seen);
}

/* ---- places that pages were at ---- */

static bool add_place(struct hash128 *table, size_t cap, struct hash128 h)
{
    size_t i = h.lo & (cap - 1);
    for (; table[i].lo | table[i].hi; i = (i + 1) & (cap - 1))
        if (table[i].lo == h.lo && table[i].hi == h.hi)
            return false;
    table[i] = h;
    return true;
}

/* 1 if it is new, 0 if a page was there, -1. */
static int note_place(struct paging *p, struct str place, struct err *e)
{
    if (p->seen_n * 2 >= p->seen_cap) {
        size_t cap = p->seen_cap ? p->seen_cap * 2 : 64;
        struct hash128 *table = calloc(cap, sizeof(*table));
        if (!table)
            return err_nomem(e);
        for (size_t i = 0; i < p->seen_cap; i++)
            if (p->seen[i].lo | p->seen[i].hi)
                add_place(table, cap, p->seen[i]);
        free(p->seen);
        p->seen = table;
        p->seen_cap = cap;
    }
    bool added = add_place(p->seen, p->seen_cap, hash128(place));
    p->seen_n += added;
    return added;
}

static int check_loop(struct paging *p, struct str place, struct err *e)
{
    int r = note_place(p, place, e);
    if (r)
        return r < 0 ? -1 : 0;
    return err_set(e, ERR_DATA,
                   "pages go round in circles: page %" PRIu64
                   " sends us back to one before",
                   p->pages);
}

/* ---- asking ---- */

static bool is_numbered(const struct paging *p)
{
    return p->o->paging == PAGING_PAGE || p->o->paging == PAGING_OFFSET;
}

static bool is_linked(const struct paging *p)
{
    return p->o->paging == PAGING_LINK || p->o->paging == PAGING_NEXT;
}

/* The first page is what the server gives by itself, unless numbers are asked
 * for. */
static bool has_value(const struct paging *p)
{
    return is_numbered(p) || (p->o->paging == PAGING_CURSOR && p->asked > 0);
}

/* Replaces url by itself with a parameter. */
static int set_param(struct buf *url, const char *name, struct str value)
{
    struct buf next = { .max = URL_BYTES_MAX };
    int r = !buf_z(url) || url_set_param(url->p, str_of(name), value, &next);
    buf_free(url);
    *url = next;
    return r ? -1 : 0;
}

static int build(struct paging *p, struct buf *url)
{
    const struct api_opts *o = p->o;
    bool linked = is_linked(p);
    char number[24];
    buf_add_str(url, buf_str(linked ? &p->url : &p->base));
    if (is_numbered(p)) {
        buf_reset(&p->value);
        buf_addf(&p->value, "%" PRIu64, p->number);
    }
    if (has_value(p) && !p->in_body) {
        struct buf scratch = { .max = URL_BYTES_MAX };
        struct val v = json_val(buf_str(&p->value));
        struct str text = v.raw;
        int r = v.type == JSON_STRING ? json_string(v, &scratch, &text) : 0;
        r = r || set_param(url, o->page_param, text);
        buf_free(&scratch);
        if (r)
            return -1;
    }
    if (!o->page_size || p->in_body || (linked && p->asked))
        return 0;
    snprintf(number, sizeof(number), "%" PRIu64, o->page_size);
    return set_param(url, o->limit_param, str_of(number));
}

int paging_ask(struct paging *p, struct buf *url, struct buf *value,
               struct err *e)
{
    if (!p->ready || p->ended)
        return 0;
    buf_reset(url);
    buf_reset(value);
    if (build(p, url) || !buf_z(url) ||
        (has_value(p) && buf_add_str(value, buf_str(&p->value))))
        return err_nomem(e);
    if (p->asked++ == 0 && is_linked(p) &&
        note_place(p, buf_str(&p->url), e) < 0)
        return -1;
    if (!is_numbered(p) || p->o->parallel == 1)
        p->ready = false;
    else
        p->number += p->o->paging == PAGING_PAGE ? 1 : p->o->page_size;
    return 1;
}

/* ---- learning ---- */

static struct val look(struct val v, const struct path *path)
{
    for (size_t i = 0; i < path->n; i++) {
        const struct path_step *s = &path->steps[i];
        if (v.type == JSON_OBJECT && s->key.p) {
            v = json_get(v, s->key);
            continue;
        }
        struct json_iter it = json_iter(v.raw);
        size_t k = 0;
        struct val element;
        bool found = false;
        if (v.type == JSON_ARRAY && s->index != PATH_NO_INDEX)
            while (!found && json_next(&it, NULL, &element))
                found = k++ == s->index;
        if (!found)
            return (struct val){ .type = JSON_MISSING };
        v = element;
    }
    return v;
}

/* A value that stands for "there is no next page". */
static bool is_none(struct val v)
{
    return v.type == JSON_MISSING || v.type == JSON_NULL ||
           v.type == JSON_FALSE || (v.type == JSON_STRING && v.raw.n <= 2);
}

static int go_to(struct paging *p, const char *base, struct str reference,
                 struct err *e)
{
    struct buf to = { .max = URL_BYTES_MAX };
    int r = url_resolve(base, reference, &to, e);
    /* A server may echo the key that it was shown. */
    if (r == 0 && p->o->key_param &&
        set_param(&to, p->o->key_param, (struct str){ 0 }))
        r = err_nomem(e);
    if (r == 0 && !buf_z(&to))
        r = err_nomem(e);
    if (r == 0)
        r = check_loop(p, buf_str(&to), e);
    buf_free(&p->url);
    p->url = to;
    p->ready = r == 0;
    return r;
}

static int learn_link(struct paging *p, const struct paging_page *page,
                      struct err *e)
{
    struct str target;
    for (size_t i = 0; i < page->n_link; i++)
        if (link_next(page->link[i], &target))
            return go_to(p, page->url, target, e);
    p->ended = true;
    return 0;
}

static int learn_next(struct paging *p, const struct paging_page *page,
                      struct val v, struct err *e)
{
    struct buf scratch = { .max = URL_BYTES_MAX };
    struct str text;
    if (v.type != JSON_STRING)
        return err_set(e, ERR_DATA, "page %" PRIu64 ": '%s' is no URL",
                       p->pages, p->o->cursor_at.text.p);
    int r = json_string(v, &scratch, &text) ? err_nomem(e)
                                            : go_to(p, page->url, text, e);
    buf_free(&scratch);
    return r;
}

static int learn_cursor(struct paging *p, struct val v, struct err *e)
{
    if (v.type != JSON_STRING && v.type != JSON_NUMBER)
        return err_set(e, ERR_DATA, "page %" PRIu64 ": '%s' is no cursor",
                       p->pages, p->o->cursor_at.text.p);
    buf_reset(&p->value);
    if (buf_add_str(&p->value, v.raw))
        return err_set(e, ERR_DATA, "page %" PRIu64 ": cursor of %zu bytes",
                       p->pages, v.raw.n);
    if (check_loop(p, v.raw, e))
        return -1;
    p->ready = true;
    return 0;
}

static int learn_total(struct paging *p, struct val body, struct err *e)
{
    struct val v = look(body, &p->o->total_at);
    int64_t n = 0;
    if (is_none(v))
        return 0;
    if (v.type != JSON_NUMBER || !number_to_i64(v.raw, &n) || n < 0)
        return err_set(e, ERR_DATA,
                       "page %" PRIu64 ": '%s' is no number of "
                       "records",
                       p->pages, p->o->total_at.text.p);
    p->total = (uint64_t)n;
    p->has_total = true;
    return 0;
}

int paging_learn(struct paging *p, const struct paging_page *page,
                 struct err *e)
{
    enum paging_kind kind = p->o->paging;
    bool inside = kind == PAGING_NEXT || kind == PAGING_CURSOR;
    struct json_fault f;
    struct val body = { 0 };
    if (++p->pages > p->o->max_pages)
        return err_set(e, ERR_DATA, "more than %" PRIu64 " pages (--max-pages)",
                       p->o->max_pages);
    if (inside || p->o->has_total) {
        if (json_check_value(page->body, JSON_DEPTH_DEFAULT, &f))
            return err_set(e, ERR_DATA,
                           "page %" PRIu64 " is not JSON: %s at byte %zu",
                           p->pages, f.why, f.offset + 1);
        body = json_val(page->body);
    }
    if (p->o->has_total && learn_total(p, body, e))
        return -1;
    if (kind == PAGING_LINK)
        return learn_link(p, page, e);
    if (!inside)
        return 0;
    struct val v = look(body, &p->o->cursor_at);
    if (is_none(v)) {
        p->ended = true;
        return 0;
    }
    return kind == PAGING_NEXT ? learn_next(p, page, v, e)
                               : learn_cursor(p, v, e);
}

/* ---- behind a page ---- */

/* With pages asked for ahead, one that is too short leaves a gap behind it. */
static int check_gap(struct paging *p, uint64_t taken, struct err *e)
{
    if (p->o->paging != PAGING_OFFSET || p->o->parallel == 1)
        return 0;
    if (p->is_short)
        return err_set(e, ERR_DATA,
                       "a page had %" PRIu64 " records and not the %" PRIu64
                       " asked for, and another one came behind it: the server "
                       "has smaller pages (--page-size)",
                       p->short_at, p->o->page_size);
    if (taken > p->o->page_size)
        return err_set(e, ERR_DATA,
                       "a page had %" PRIu64 " records, more than the %" PRIu64
                       " asked for",
                       taken, p->o->page_size);
    p->is_short = taken < p->o->page_size;
    p->short_at = taken;
    return 0;
}

int paging_done(struct paging *p, struct hash128 body, uint64_t taken,
                struct err *e)
{
    p->records += taken;
    if (!is_numbered(p))
        return 0;
    if (taken == 0) {
        p->ended = true;
        return 0;
    }
    if (check_gap(p, taken, e))
        return -1;
    if (p->last.lo == body.lo && p->last.hi == body.hi)
        return err_set(e, ERR_DATA,
                       "page %" PRIu64 " is the same as the one before: does "
                       "the server know the parameter '%s'?",
                       p->pages, p->o->page_param);
    p->last = body;
    if (p->has_total && p->records >= p->total)
        p->ended = true;
    if (p->o->parallel == 1) {
        p->number += p->o->paging == PAGING_PAGE ? 1 : taken;
        p->ready = true;
    }
    return 0;
}

int paging_finish(const struct paging *p, struct err *e)
{
    if (!p->has_total || p->records >= p->total)
        return 0;
    return err_set(e, ERR_TEMPFAIL,
                   "the pages had %" PRIu64 " records, and the server promised "
                   "%" PRIu64,
                   p->records, p->total);
}
