#include "api/page.h"

#include "http/url.h"
#include "json/check.h"

#include <strings.h>

#define LINKS_MAX 16

/* ---- what an answer says of its body ---- */

static bool is_type(struct str type, const char *name)
{
    return type.n == strlen(name) && strncasecmp(type.p, name, type.n) == 0;
}

static const char *format_of_type(struct str type)
{
    static const char *const types[][2] = {
        { "text/csv", "csv" },
        { "application/csv", "csv" },
        { "text/tab-separated-values", "tsv" },
        { "application/x-ndjson", "ndjson" },
        { "application/ndjson", "ndjson" },
        { "application/jsonl", "ndjson" },
        { "application/x-jsonlines", "ndjson" },
        { "application/jsonlines", "ndjson" },
        { "application/json", "json" },
        { "text/json", "json" },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (is_type(type, types[i][0]))
            return types[i][1];
    return type.n > 5 && strncasecmp(type.p + type.n - 5, "+json", 5) == 0
               ? "json"
               : NULL;
}

static const char *format_of_name(const char *url)
{
    static const char *const ends[][2] = {
        { ".csv", "csv" },       { ".tsv", "tsv" },      { ".tab", "tsv" },
        { ".ndjson", "ndjson" }, { ".jsonl", "ndjson" }, { ".json", "json" }
    };
    size_t n = strcspn(url, "?#");
    if (n > 3 && strncasecmp(url + n - 3, ".gz", 3) == 0)
        n -= 3;
    else if (n > 4 && strncasecmp(url + n - 4, ".zst", 4) == 0)
        n -= 4;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t k = strlen(ends[i][0]);
        if (n > k && strncasecmp(url + n - k, ends[i][0], k) == 0)
            return ends[i][1];
    }
    return NULL;
}

const char *page_format(const struct http_call *c, const char *url)
{
    struct str type;
    const char *format = NULL;
    if (http_header(c, "content-type", 0, &type)) {
        const char *end = memchr(type.p, ';', type.n);
        type.n = end ? (size_t)(end - type.p) : type.n;
        format = format_of_type(str_trim(type));
    }
    return format ? format : format_of_name(url);
}

int page_check_coding(const struct http_call *c, struct err *e)
{
    struct str coding;
    if (!http_header(c, "content-encoding", 0, &coding) || !coding.n ||
        is_type(coding, "gzip") || is_type(coding, "x-gzip") ||
        is_type(coding, "zstd") || is_type(coding, "identity"))
        return 0;
    return err_set(
        e, ERR_DATA,
        "'%s' comes in the encoding '%.*s', which we did not ask for",
        http_name(c), STR_ARG(coding));
}

int page_check_frame(const struct http_call *c, const struct api_opts *o,
                     struct err *e)
{
    if (http_is_framed(c) || o->allow_unframed)
        return 0;
    return err_set(e, ERR_CONFIG,
                   "'%s' does not tell its length: cut short it would look "
                   "whole (--allow-close-delimited)",
                   http_name(c));
}

/* ---- a page ---- */

int page_start(struct page *page, struct fetcher *by,
               const struct http_request *r, const struct api_opts *o,
               struct err *e)
{
    struct http_request mine = *r;
    page->body.max = (size_t)o->max_page;
    page->uri.max = (size_t)1 << 17;
    if (url_show(r->url, &page->uri) || !buf_z(&page->uri))
        return err_nomem(e);
    /* All of it is read ahead while others are waited for. */
    mine.hold = (size_t)o->max_page;
    mine.name = page->uri.p;
    return fetch_start(&page->fetch, by, &mine, e);
}

static ssize_t read_memory(void *from, void *buf, size_t n, struct err *e)
{
    struct page *page = from;
    size_t left = page->body.n - page->at;
    (void)e;
    if (n > left)
        n = left;
    if (n)
        memcpy(buf, page->body.p + page->at, n);
    page->at += n;
    return (ssize_t)n;
}

/* Replaces a compressed body by what it stands for. */
static int unpack(struct page *page, const struct api_opts *o, struct err *e)
{
    struct input in;
    struct buf plain = { .max = (size_t)o->max_page };
    ssize_t n;
    input_reader(&in, read_memory, page, page->body.n, page->uri.p);
    do {
        n = -1;
        if (buf_reserve(&plain, (size_t)64 << 10) &&
            (plain.failed = false, buf_reserve(&plain, 1))) {
            err_set(e, ERR_DATA, "'%s' is larger than %zu bytes (--max-page)",
                    page->uri.p, (size_t)o->max_page);
            break;
        }
        n = input_read(&in, plain.p + plain.n, plain.cap - plain.n, e);
        plain.n += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    input_close(&in);
    buf_free(&page->body);
    page->body = plain;
    page->at = 0;
    return n < 0 ? -1 : 0;
}

static bool is_packed(struct str s)
{
    return (s.n > 2 && memcmp(s.p, "\x1f\x8b", 2) == 0) ||
           (s.n > 4 && memcmp(s.p, "\x28\xb5\x2f\xfd", 4) == 0);
}

/* A JSON document tells its own end. */
static int check_end(const struct page *page, const struct api_opts *o,
                     struct err *e)
{
    struct json_fault f;
    if (json_check_value(buf_str(&page->body), JSON_DEPTH_DEFAULT, &f) == 0)
        return 0;
    return page_check_frame(fetch_call(page->fetch), o, e);
}

static int learn(const struct page *page, struct paging *paging, struct err *e)
{
    const struct http_call *c = fetch_call(page->fetch);
    struct str links[LINKS_MAX];
    size_t n = 0;
    if (http_status(c) == 204) {
        paging->ended = true;
        return 0;
    }
    while (n < LINKS_MAX && http_header(c, "link", n, &links[n]))
        n++;
    return paging_learn(paging,
                        &(struct paging_page){ .body = buf_str(&page->body),
                                               .link = links,
                                               .n_link = n,
                                               .url = fetch_url(page->fetch) },
                        e);
}

/* Nobody asked for a part, or for what is new only. */
static int check_status(const struct http_call *c, struct err *e)
{
    if (http_status(c) == 206)
        return err_set(e, ERR_DATA, "'%s' answers with a part of itself",
                       http_name(c));
    return http_status(c) == 304 ? http_status_error(c, e) : 0;
}

int page_wait(struct page *page, struct paging *paging,
              const struct api_opts *o, struct err *e)
{
    if (fetch_wait(page->fetch, e) ||
        check_status(fetch_call(page->fetch), e) ||
        page_check_coding(fetch_call(page->fetch), e) ||
        fetch_body(page->fetch, &page->body, e))
        return -1;
    if (is_packed(buf_str(&page->body)) && unpack(page, o, e))
        return -1;
    page->hash = hash128(buf_str(&page->body));
    page->format = page_format(fetch_call(page->fetch), fetch_url(page->fetch));
    int r = check_end(page, o, e) || learn(page, paging, e) ? -1 : 0;
    fetch_end(page->fetch);
    page->fetch = NULL;
    return r;
}

struct input *page_input(struct page *page)
{
    input_reader(&page->in, read_memory, page, page->body.n, page->uri.p);
    page->in.format = page->format;
    page->in.raw = true;
    page->open = true;
    return &page->in;
}

void page_reset(struct page *page)
{
    fetch_end(page->fetch);
    page->fetch = NULL;
    if (page->open)
        input_close(&page->in);
    page->open = false;
    page->at = 0;
    buf_reset(&page->uri);
    buf_reset(&page->sent);
    buf_reset(&page->body);
}

void page_free(struct page *page)
{
    page_reset(page);
    buf_free(&page->uri);
    buf_free(&page->sent);
    buf_free(&page->body);
}
