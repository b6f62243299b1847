/* What an API is asked, and what its pages say. */
#include "unit.h"

#include "api/link.h"
#include "api/options.h"
#include "api/paging.h"
#include "api/request.h"

#include <stdlib.h>

static struct err err;

/* ---- Link headers ---- */

static const char *next(const char *header)
{
    static char text[200];
    struct str t;
    if (!link_next(str_of(header), &t))
        return "-";
    snprintf(text, sizeof(text), "%.*s", STR_ARG(t));
    return text;
}

TEST("the link whose relation is next is found, however it is written")
{
    CHECK_STR(next("<https://a/2>; rel=\"next\""), "https://a/2");
    CHECK_STR(next("<a>; rel=prev, <b>; rel=next"), "b");
    CHECK_STR(next("<a>;rel=\"prev NEXT\""), "a");
    CHECK_STR(next(" < a b > ; REL = Next "), " a b ");
    CHECK_STR(next("<a,b;c>; title=\"x, <y>; rel=next\"; rel=\"next\", <z>"),
              "a,b;c");
    CHECK_STR(next("<a>; title=\"\\\"\"; rel=next"), "a");
    CHECK_STR(next("<>; rel=next"), "");
}

TEST("what is no next link is passed over")
{
    CHECK_STR(next(""), "-");
    CHECK_STR(next("<a>"), "-");
    CHECK_STR(next("<a>; rel=nextpage"), "-");
    CHECK_STR(next("<a>; rel=first; rel=next"), "-");
    CHECK_STR(next("<a>; title=\"rel=next\""), "-");
    CHECK_STR(next("<a; rel=next"), "-");
    CHECK_STR(next("a; rel=next, <b>; rel=next"), "b");
    CHECK_STR(next("<a>; rel=\"next"), "a");
    CHECK_STR(next(",,,;;<<>>\"\""), "-");
}

/* ---- rates ---- */

TEST("rates are counts for a second, a minute or an hour")
{
    uint64_t gap = 0;
    CHECK(api_rate("10/s", &gap) == 0 && gap == 100000);
    CHECK(api_rate("10", &gap) == 0 && gap == 100000);
    CHECK(api_rate("600/m", &gap) == 0 && gap == 100000);
    CHECK(api_rate("3600/h", &gap) == 0 && gap == 1000000);
    CHECK(api_rate("0/s", &gap) && api_rate("-1/s", &gap) &&
          api_rate("", &gap) && api_rate("1/d", &gap) &&
          api_rate("1.5/s", &gap) && api_rate("1/s ", &gap));
}

/* ---- requests ---- */

static const char *url(const struct api_opts *o, const char *uri,
                       const char *from)
{
    static struct buf out;
    buf_reset(&out);
    err = (struct err){ 0 };
    return request_url(o, uri, str_of(from), &out, &err) ? err.msg
                                                         : buf_z(&out);
}

TEST("{cursor} is filled in with the watermark, encoded")
{
    const char *params[] = { "since={cursor}", "a=1", "b=x{cursor}y{cursor}" };
    struct api_opts none = { 0 }, o = { .params = { params, 3 } };
    CHECK_STR(url(&none, "http://a/x?c={cursor}&d=1#f", "12.50"),
              "http://a/x?c=12.50&d=1");
    CHECK_STR(url(&none, "http://a/{cursor}/y", "\"a/b\\u00e9\""),
              "http://a/a%2Fb%C3%A9/y");
    CHECK_STR(url(&o, "http://a/x?a=0", "\"1+1\""),
              "http://a/x?since=1%2B1&a=1&b=x1%2B1y1%2B1");
}

TEST("without a watermark its parameters are left out, or --initial stands in")
{
    const char *params[] = { "since={cursor}", "a=1" };
    struct api_opts o = { .params = { params, 2 } };
    CHECK_STR(url(&o, "http://a/x?c={cursor}", ""), "http://a/x?a=1");
    CHECK_STR(url(&o, "http://a/x?c={cursor}", "null"), "http://a/x?a=1");
    CHECK(strstr(url(&o, "http://a/{cursor}", ""), "--initial"));
    CHECK(err.code == ERR_USAGE);
    o.initial = "0 0";
    CHECK_STR(url(&o, "http://a/x?c={cursor}", ""),
              "http://a/x?c=0%200&since=0%200&a=1");
    CHECK_STR(url(&o, "http://a/x", "7"), "http://a/x?since=7&a=1");
}

static const char *filled(const struct api_opts *o, const char *text,
                          const char *from, const char *page)
{
    static struct buf out;
    buf_reset(&out);
    CHECK(request_body(o, str_of(text), str_of(from), str_of(page), &out,
                       NULL) == 0);
    return buf_z(&out);
}

TEST("in a body the blanks become JSON values")
{
    struct api_opts o = { 0 };
    CHECK_STR(filled(&o, "{\"a\":{page},\"b\":{cursor}}", "", ""),
              "{\"a\":null,\"b\":null}");
    CHECK_STR(filled(&o, "{cursor}{page}{page}", "\"x\"", "3"), "\"x\"33");
    o.initial = "7";
    CHECK_STR(filled(&o, "{cursor}", "", ""), "7");
    o.initial = "a\"b";
    CHECK_STR(filled(&o, "{cursor}", "", ""), "\"a\\\"b\"");
}

/* ---- pages ---- */

static struct paging p;
static struct api_opts o;

static void begin(enum paging_kind kind, uint64_t parallel, uint64_t size)
{
    err = (struct err){ 0 };
    o = (struct api_opts){ .paging = kind,
                           .page_param = "p",
                           .limit_param = "n",
                           .page_size = size,
                           .first_page = 1,
                           .max_pages = 100,
                           .parallel = parallel };
    CHECK(path_parse(&o.cursor_at, STR("/next"), &err) == 0);
    CHECK(path_parse(&o.total_at, STR("/total"), &err) == 0);
    CHECK(paging_init(&p, &o, "http://a/x", false, &err) == 0);
}

static void end(void)
{
    paging_free(&p);
    api_options_free(&o);
}

/* The URL asked for next, or "-". */
static const char *ask(void)
{
    static struct buf u, v;
    int r = paging_ask(&p, &u, &v, &err);
    return r > 0 ? buf_z(&u) : r < 0 ? err.msg : "-";
}

static int learn(const char *body)
{
    struct paging_page page = { .body = str_of(body), .url = "http://a/x" };
    return paging_learn(&p, &page, &err);
}

static int done(const char *body, uint64_t taken)
{
    return paging_done(&p, hash128(str_of(body)), taken, &err);
}

TEST("an offset moves by what came, side by side by what was asked for")
{
    begin(PAGING_OFFSET, 1, 10);
    CHECK_STR(ask(), "http://a/x?p=0&n=10");
    CHECK_STR(ask(), "-");
    CHECK(learn("1") == 0 && done("1", 7) == 0);
    CHECK_STR(ask(), "http://a/x?p=7&n=10");
    CHECK(learn("2") == 0 && done("2", 0) == 0);
    CHECK_STR(ask(), "-");
    CHECK(p.ended);
    end();
    begin(PAGING_OFFSET, 2, 10);
    CHECK_STR(ask(), "http://a/x?p=0&n=10");
    CHECK_STR(ask(), "http://a/x?p=10&n=10");
    CHECK(learn("1") == 0 && done("1", 10) == 0);
    CHECK(learn("2") == 0 && done("2", 9) == 0);
    CHECK(learn("3") == 0 && done("3", 0) == 0 && p.ended);
    end();
    begin(PAGING_OFFSET, 2, 10);
    CHECK(learn("1") == 0 && done("1", 9) == 0);
    CHECK(learn("2") == 0 && done("2", 1) == -1 && err.code == ERR_DATA);
    end();
    begin(PAGING_OFFSET, 2, 10);
    CHECK(learn("1") == 0 && done("1", 11) == -1 && err.code == ERR_DATA);
    end();
}

TEST("a total ends pages by number, and holds the server to its word")
{
    begin(PAGING_PAGE, 1, 0);
    o.has_total = true;
    CHECK_STR(ask(), "http://a/x?p=1");
    CHECK(learn("{\"total\":3}") == 0 && done("1", 2) == 0 && !p.ended);
    CHECK_STR(ask(), "http://a/x?p=2");
    CHECK(paging_finish(&p, &err) == -1 && err.code == ERR_TEMPFAIL);
    CHECK(learn("{\"total\":3}") == 0 && done("2", 1) == 0 && p.ended);
    CHECK(paging_finish(&p, &err) == 0);
    CHECK(learn("{\"total\":\"x\"}") == -1 && err.code == ERR_DATA);
    end();
}

TEST("cursors of any scalar are followed; null, false and empty end it")
{
    static const char *const last[] = {
        "{}", "{\"next\":null}", "{\"next\":\"\"}", "{\"next\":false}", "[]",
        "3"
    };
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
        begin(PAGING_CURSOR, 1, 5);
        CHECK_STR(ask(), "http://a/x?n=5");
        CHECK(learn("{\"next\":\"a b\\u0026\"}") == 0);
        CHECK_STR(ask(), "http://a/x?p=a%20b%26&n=5");
        CHECK(learn("{\"next\":12}") == 0);
        CHECK_STR(ask(), "http://a/x?p=12&n=5");
        CHECK(learn(last[i]) == 0 && p.ended);
        CHECK_STR(ask(), "-");
        end();
    }
    begin(PAGING_CURSOR, 1, 0);
    CHECK(learn("{\"next\":[]}") == -1 && err.code == ERR_DATA);
    CHECK(learn("{\"next\":") == -1 && err.code == ERR_DATA);
    end();
}

TEST("a cursor or URL that came before ends it, after any number of pages")
{
    char body[64];
    begin(PAGING_CURSOR, 1, 0);
    o.max_pages = 2000;
    for (int i = 0; i < 1000; i++) {
        snprintf(body, sizeof(body), "{\"next\":\"c%d\"}", i);
        CHECK(learn(body) == 0);
    }
    CHECK(learn("{\"next\":\"c0\"}") == -1 && err.code == ERR_DATA);
    end();
    begin(PAGING_NEXT, 1, 0);
    CHECK_STR(ask(), "http://a/x");
    CHECK(learn("{\"next\":\"/y\"}") == 0);
    CHECK_STR(ask(), "http://a/y");
    CHECK(learn("{\"next\":\"//a:80/x\"}") == 0 ||
          err.code == ERR_DATA); /* another spelling is found one turn later */
    CHECK(learn("{\"next\":\"/y\"}") == -1 && err.code == ERR_DATA);
    end();
}

TEST("a key that the server echoes is dropped from its next URL")
{
    begin(PAGING_NEXT, 1, 0);
    o.key_param = "k";
    CHECK_STR(ask(), "http://a/x");
    CHECK(learn("{\"next\":\"/y?k=geheim&z=1\"}") == 0);
    CHECK_STR(ask(), "http://a/y?z=1");
    end();
}

TEST("more pages than allowed end it")
{
    begin(PAGING_PAGE, 1, 0);
    o.max_pages = 2;
    CHECK(learn("1") == 0 && learn("2") == 0 && learn("3") == -1);
    CHECK(err.code == ERR_DATA && strstr(err.msg, "--max-pages"));
    end();
}

UNIT_MAIN
