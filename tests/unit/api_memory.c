/* Requests and pages of an API without memory: each allocation that fails is
 * an error, and nothing leaks. */
#include "unit.h"

#include "api/paging.h"
#include "api/request.h"
#include "http/url.h"

static bool ask(struct paging *p, struct buf *u, struct buf *v, struct err *e)
{
    return paging_ask(p, u, v, e) > 0;
}

static bool pages(enum paging_kind kind, const char *first, const char *last)
{
    struct api_opts o = { .paging = kind,
                          .page_param = "p",
                          .limit_param = "n",
                          .key_param = "k",
                          .page_size = 10,
                          .max_pages = 10,
                          .parallel = 1,
                          .has_total = true };
    struct paging p = { 0 };
    struct buf u = { 0 }, v = { 0 };
    struct err e = { 0 };
    bool good = path_parse(&o.cursor_at, STR("/next"), &e) == 0 &&
                path_parse(&o.total_at, STR("/total"), &e) == 0 &&
                paging_init(&p, &o, "http://a/x?y=1", false, &e) == 0;
    const char *bodies[] = { first, last };
    for (size_t i = 0; i < 2 && good; i++)
        good = ask(&p, &u, &v, &e) &&
               paging_learn(&p,
                            &(struct paging_page){ .body = str_of(bodies[i]),
                                                   .url = "http://a/x" },
                            &e) == 0 &&
               paging_done(&p, hash128(str_of(bodies[i])), 10, &e) == 0;
    good = good && paging_finish(&p, &e) == 0;
    CHECK(good || e.msg[0]);
    paging_free(&p);
    path_free(&o.cursor_at);
    path_free(&o.total_at);
    buf_free(&u);
    buf_free(&v);
    return good;
}

static bool cursors(void)
{
    return pages(PAGING_CURSOR, "{\"next\":\"c\\u00e9\"}", "{\"total\":20}");
}

static bool links(void)
{
    return pages(PAGING_NEXT, "{\"next\":\"/y?k=s&\\u0061=b\"}",
                 "{\"total\":20}");
}

static bool offsets(void)
{
    return pages(PAGING_OFFSET, "1", "{\"total\":20}");
}

static bool requests(void)
{
    const char *params[] = { "since={cursor}", "a=1" };
    struct api_opts o = { .params = { params, 2 } };
    struct buf out = { 0 }, shown = { 0 };
    struct err e = { 0 };
    bool same = false;
    bool good = request_url(&o, "http://a/x?c={cursor}&d", STR("\"a\\nb\""),
                            &out, &e) == 0 &&
                url_show(out.p, &shown) == 0 &&
                url_check("http://a/", &e) == 0 &&
                url_same_origin("http://a/", "http://A:80/x", &same, &e) == 0;
    CHECK(!good || same);
    buf_free(&out);
    buf_free(&shown);
    return good;
}

static bool (*const jobs[])(void) = { cursors, links, offsets, requests };

#ifdef __SANITIZE_ADDRESS__

TEST("requests and pages, under the sanitizer's allocator")
{
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        CHECK(jobs[i]());
}

#else

#include "starve.h"

TEST("requests and pages without memory fail, and nothing leaks")
{
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        CHECK(starve_each(jobs[i]).failures > 5);
}

#endif

UNIT_MAIN
