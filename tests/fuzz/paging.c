/* Pages of any text: the first byte chooses the scheme, the rest are pages, a
 * NUL between two, each of them a Link header as well as a body. A target lies
 * within its header, every URL asked for is one of HTTP, and no server leads
 * us further than --max-pages. */
#include "fuzz.h"

#include "api/link.h"
#include "api/paging.h"
#include "http/url.h"

#define PAGES 20

static void check_link(struct str header)
{
    struct str t = { 0 };
    if (link_next(header, &t))
        MUST(t.p > header.p && t.p + t.n < header.p + header.n &&
             !memchr(t.p, '>', t.n) && t.p[-1] == '<' && t.p[t.n] == '>');
}

/* False where the pages are over. */
static bool take(struct paging *p, struct str text)
{
    struct buf url = { .max = 1 << 20 }, value = { .max = 1 << 20 };
    struct err e = { 0 };
    uint64_t before = p->pages;
    bool more = false;
    int r = paging_ask(p, &url, &value, &e);
    if (r > 0) {
        MUST(buf_z(&url) && url_check(url.p, &e) == 0);
        struct paging_page page = { text, &text, 1, url.p };
        more = paging_learn(p, &page, &e) == 0 &&
               paging_done(p, hash128(text), text.n % 7, &e) == 0;
        MUST(p->pages == before + 1);
        MUST(more || e.msg[0]);
        MUST(!more || p->pages <= PAGES);
    }
    MUST(r >= 0 || e.msg[0]);
    buf_free(&url);
    buf_free(&value);
    return more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum paging_kind kinds[] = { PAGING_LINK, PAGING_NEXT,
                                              PAGING_CURSOR, PAGING_OFFSET,
                                              PAGING_PAGE };
    static struct api_opts o = { .page_param = "page",
                                 .limit_param = "limit",
                                 .max_pages = PAGES,
                                 .parallel = 1,
                                 .has_total = true };
    struct err e = { 0 };
    struct paging p;
    if (n == 0)
        return 0;
    if (!o.total_at.n)
        MUST(path_parse(&o.cursor_at, STR("/m/0/next"), &e) == 0 &&
             path_parse(&o.total_at, STR("total"), &e) == 0);
    o.paging = kinds[data[0] % 5];
    o.has_total = data[0] & 0x80;
    o.page_size = data[0] >> 4 & 3;
    MUST(paging_init(&p, &o, "https://a.test/x?y=1", data[0] & 0x40, &e) == 0);
    struct str rest = { (const char *)data + 1, n - 1 };
    for (bool more = true; more && rest.n;) {
        const char *nul = memchr(rest.p, '\0', rest.n);
        struct str text = { rest.p, nul ? (size_t)(nul - rest.p) : rest.n };
        size_t used = nul ? text.n + 1 : text.n;
        rest = (struct str){ rest.p + used, rest.n - used };
        check_link(text);
        more = take(&p, text);
    }
    (void)paging_finish(&p, &e);
    paging_free(&p);
    return 0;
}
