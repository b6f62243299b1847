/* Every allocation that a profile asks for fails in turn: an error and no leak.
 * Sanitizers bring an allocator of their own, so there is nothing to test under
 * them. */
#include "unit.h"

#ifdef __SANITIZE_ADDRESS__
int main(void)
{
    puts("ok 1 - allocations that fail # skip the sanitizer has the allocator\n"
         "1..1");
    return 0;
}
#else
#include "starve.h"

#include "profile/render.h"

static const struct compare_rules rules = { .psi = 0.2,
                                            .shift = 0.1,
                                            .volume = 0.3,
                                            .fresh = 0.01,
                                            .range = 0.5,
                                            .distinct = 0.5,
                                            .least_sample = 1 };

/* Values of all types; of two fields so many that sketches take over, and
 * patterns are drawn together. */
static int take(struct profile *p, unsigned n, struct err *e)
{
    for (unsigned i = 0; i < n; i++) {
        char text[300], pattern[16] = { 0 };
        for (unsigned bit = 0; bit < 10; bit++)
            pattern[bit] = i >> bit & 1 ? 'a' : '7';
        snprintf(text, sizeof(text),
                 "{\"id\":%u.5,\"s\":\"k%u\",\"c\":\"\\u0041%u\",\"p\":\"%s\","
                 "\"l\":[{\"q\":null},true,1e30]}",
                 i, i, i % 3, pattern);
        struct select_record rec = { str_of(text), NULL };
        if (profile_take(p, &rec, 1, e))
            return -1;
    }
    return profile_end(p, e);
}

static int summarise(struct summary *s, const struct summary *base, unsigned n,
                     struct err *e)
{
    struct profile_limits limits = { 100, (size_t)16 << 20, true };
    struct profile *p = profile_new(&limits, e);
    int r = p && take(p, n, e) == 0 ? summary_fill(s, p, 20, base, e) : -1;
    profile_free(p);
    return r;
}

/* True if nothing failed; what fails says so. */
static bool use_all(unsigned n)
{
    struct summary now = { 0 }, base = { 0 };
    struct comparison found = { 0 };
    struct buf json = { 0 }, page = { 0 };
    struct err e = { 0 };
    struct rendering r = { &now, &base, &found, "t" };
    bool good = summarise(&now, NULL, n / 2, &e) == 0 &&
                summary_json(&now, &json, &e) == 0;
    good = good && (buf_addc(&json, '}') == 0 || err_nomem(&e) == 0);
    good = good && summary_read(&base, buf_str(&json), &e) == 0;
    summary_free(&now);
    now = (struct summary){ 0 };
    good = good && summarise(&now, &base, n, &e) == 0 &&
           compare_run(&found, &now, &base, &rules, &e) == 0;
    if (good && (compare_json(&found, &now, &base, &page) ||
                 render_text(&r, 80, &page) || render_html(&r, &page)))
        good = err_nomem(&e) == 0;
    CHECK(good == (e.code == ERR_NONE));
    CHECK(good || e.code == ERR_TEMPFAIL);
    buf_free(&json);
    buf_free(&page);
    compare_free(&found);
    summary_free(&now);
    summary_free(&base);
    return good;
}

static bool few(void)
{
    return use_all(40);
}

/* Allocations of the first part are those of `few`; here only some fail. */
static bool many(void)
{
    return use_all(9000);
}

TEST("without memory a profile fails, and keeps nothing")
{
    struct starved s = starve_each(few);
    CHECK(s.failures > 100 && s.spared == 0);
}

TEST("nor where sketches take over")
{
    for (long at = 50; at < 2000; at += 37) {
        long before = live;
        countdown = at;
        bool good = many();
        bool failed = countdown < 0;
        countdown = -1;
        CHECK(live == before);
        CHECK(good != failed);
        if (good)
            break;
    }
}

UNIT_MAIN
#endif
