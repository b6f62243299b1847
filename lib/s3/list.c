#include "s3/list.h"

#include "base/date.h"
#include "s3/xml.h"

#include <stdlib.h>

#define PAGE_KEYS 1000 /* as many as S3 gives */

/* Of a key and an ETag the places in text. */
struct entry {
    size_t key, key_n, etag, etag_n;
    uint64_t size;
    int64_t modified;
};

struct list {
    struct s3 *s; /* borrowed */
    struct buf prefix, after;
    struct buf text; /* of the page's entries */
    struct entry *v; /* owned: PAGE_KEYS */
    size_t n, at;
    bool more;    /* pages behind this one */
    bool encoded; /* its keys are */
};

struct list *list_open(struct s3 *s, struct str prefix, struct str after,
                       struct err *e)
{
    struct list *l = calloc(1, sizeof(*l));
    if (l)
        l->v = calloc(PAGE_KEYS, sizeof(*l->v));
    if (!l || !l->v || buf_add_str(&l->prefix, prefix) ||
        buf_add_str(&l->after, after)) {
        list_close(l);
        err_nomem(e);
        return NULL;
    }
    l->s = s;
    l->more = true;
    return l;
}

void list_close(struct list *l)
{
    if (!l)
        return;
    buf_free(&l->prefix);
    buf_free(&l->after);
    buf_free(&l->text);
    free(l->v);
    free(l);
}

/* ---- one page */

static int no_listing(struct err *e)
{
    return err_set(e, ERR_DATA, "the answer is no listing of objects");
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* As forms are encoded: a plus is a space. In place; false where it is
 * broken. */
static bool decode(char *p, size_t *n)
{
    size_t to = 0;
    for (size_t i = 0; i < *n; i++) {
        char c = p[i] == '+' ? ' ' : p[i];
        if (c == '%') {
            int hi = i + 2 < *n ? hex(p[i + 1]) : -1;
            int lo = hi < 0 ? -1 : hex(p[i + 2]);
            if (lo < 0)
                return false;
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        p[to++] = c;
    }
    *n = to;
    return true;
}

static bool read_size(struct str s, uint64_t *size)
{
    *size = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || *size > UINT64_MAX / 10 - 1)
            return false;
        *size = *size * 10 + (uint64_t)(s.p[i] - '0');
    }
    return s.n > 0;
}

/* One child of <Contents>. */
static int take_part(struct list *l, struct entry *en,
                     const struct xml_node *node, struct err *e)
{
    if (str_eq(node->name, STR("Key"))) {
        en->key = l->text.n;
        en->key_n = node->text.n;
        buf_add_str(&l->text, node->text);
    } else if (str_eq(node->name, STR("ETag"))) {
        en->etag = l->text.n;
        en->etag_n = node->text.n;
        buf_add_str(&l->text, node->text);
    } else if (str_eq(node->name, STR("Size"))) {
        if (!read_size(node->text, &en->size))
            return no_listing(e);
    } else if (str_eq(node->name, STR("LastModified"))) {
        if (!time_parse(node->text, NULL, &en->modified))
            en->modified = 0;
    }
    return l->text.failed ? err_nomem(e) : 0;
}

static int take_node(struct list *l, const struct xml_node *node, struct err *e)
{
    bool contents = str_eq(node->name, STR("Contents"));
    bool below = str_eq(node->parent, STR("ListBucketResult"));
    if (node->event == XML_OPEN) {
        if (!node->parent.n && !str_eq(node->name, STR("ListBucketResult")))
            return no_listing(e);
        if (contents && below && l->n == PAGE_KEYS)
            return no_listing(e);
        if (contents && below)
            l->v[l->n++] = (struct entry){ 0 };
        return 0;
    }
    if (str_eq(node->parent, STR("Contents")) && l->n)
        return take_part(l, &l->v[l->n - 1], node, e);
    if (below && str_eq(node->name, STR("IsTruncated")))
        l->more = str_eq(node->text, STR("true"));
    else if (below && str_eq(node->name, STR("EncodingType")))
        l->encoded = str_eq(node->text, STR("url"));
    return 0;
}

static int read_page(struct list *l, struct str text, struct err *e)
{
    struct xml x;
    struct xml_node node;
    int r;
    l->n = l->at = 0;
    l->more = l->encoded = false;
    buf_reset(&l->text);
    xml_init(&x, text);
    while ((r = xml_next(&x, &node, e)) > 0)
        if (take_node(l, &node, e)) {
            r = -1;
            break;
        }
    xml_free(&x);
    for (size_t i = 0; r == 0 && i < l->n; i++)
        if (l->v[i].key_n == 0 ||
            (l->encoded && !decode(l->text.p + l->v[i].key, &l->v[i].key_n)))
            r = no_listing(e);
    if (r == 0 && l->more && l->n == 0)
        r = no_listing(e);
    return r;
}

static int ask_page(struct list *l, struct err *e)
{
    const struct sigv4_pair query[] = {
        { STR("list-type"), STR("2") },
        { STR("prefix"), buf_str(&l->prefix) },
        { STR("encoding-type"), STR("url") },
        { STR("start-after"), buf_str(&l->after) },
    };
    const struct s3_request r = { .method = "GET",
                                  .query = query,
                                  .n_query = l->after.n ? 4 : 3 };
    struct s3_answer a = { 0 };
    int done = s3_ask(l->s, &r, &a, e);
    if (done == 0)
        done = read_page(l, buf_str(&a.body), e);
    s3_answer_free(&a);
    return done;
}

int list_next(struct list *l, struct list_object *o, struct err *e)
{
    if (l->at == l->n && l->more && ask_page(l, e))
        return -1;
    if (l->at == l->n)
        return 0;
    const struct entry *en = &l->v[l->at++];
    *o = (struct list_object){ .key = { l->text.p + en->key, en->key_n },
                               .etag = { l->text.p + en->etag, en->etag_n },
                               .size = en->size,
                               .modified = en->modified };
    if (o->key.n < l->prefix.n ||
        memcmp(o->key.p, buf_str(&l->prefix).p, l->prefix.n) != 0 ||
        (l->after.n && str_cmp(o->key, buf_str(&l->after)) <= 0))
        return err_set(e, ERR_DATA, "the listing is not in order at '%.*s'",
                       STR_ARG(o->key));
    buf_reset(&l->after);
    return buf_add_str(&l->after, o->key) ? err_nomem(e) : 1;
}
