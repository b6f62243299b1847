#include "unit.h"

#include "s3/client.h"
#include "s3/endpoint.h"

/* "origin host path", or "!" and the code. */
static const char *place(const char *url, const char *bucket, bool path_style)
{
    static char out[600];
    struct endpoint p;
    struct err e = { 0 };
    if (endpoint_init(&p, url, STR("eu-west-1"), str_of(bucket), path_style,
                      &e))
        snprintf(out, sizeof(out), "!%d", (int)e.code);
    else
        snprintf(out, sizeof(out), "%s %s %.*s", p.origin.p, p.host.p,
                 STR_ARG(buf_str(&p.path)));
    endpoint_free(&p);
    return out;
}

TEST("a bucket of Amazon's is a host in its region")
{
    CHECK_STR(place(NULL, "lake", false),
              "https://lake.s3.eu-west-1.amazonaws.com "
              "lake.s3.eu-west-1.amazonaws.com ");
    CHECK_STR(place(NULL, "lake", true), "https://s3.eu-west-1.amazonaws.com "
                                         "s3.eu-west-1.amazonaws.com /lake");
}

TEST("a bucket with a dot is in the path, over TLS")
{
    CHECK_STR(place(NULL, "my.lake", false),
              "https://s3.eu-west-1.amazonaws.com "
              "s3.eu-west-1.amazonaws.com /my.lake");
    CHECK_STR(place("http://store.example.com", "my.lake", false),
              "http://my.lake.store.example.com my.lake.store.example.com ");
}

TEST("an address, localhost and a bare name have no names below them")
{
    CHECK_STR(place("http://127.0.0.1:9000", "lake", false),
              "http://127.0.0.1:9000 127.0.0.1:9000 /lake");
    CHECK_STR(place("https://[::1]:9000", "lake", false),
              "https://[::1]:9000 [::1]:9000 /lake");
    CHECK_STR(place("http://localhost:9000/", "lake", false),
              "http://localhost:9000 localhost:9000 /lake");
    CHECK_STR(place("http://minio:9000", "lake", false),
              "http://minio:9000 minio:9000 /lake");
}

TEST("the usual port is not said, capitals are none, a path comes first")
{
    CHECK_STR(place("https://Store.Example.com:443/s3//", "lake", false),
              "https://lake.store.example.com lake.store.example.com /s3");
    CHECK_STR(place("http://store.example.com:80/s3", "lake", true),
              "http://store.example.com store.example.com /s3/lake");
    CHECK_STR(place("http://store.example.com:443", "lake", true),
              "http://store.example.com:443 store.example.com:443 /lake");
}

TEST("what is no URL of a server, or no bucket, is refused")
{
    static const char *const urls[] = { "ftp://host",   "host:9000",
                                        "https://",     "http://u:p@host",
                                        "http://h?x",   "http://h#",
                                        "http://h/%41", "http://h/a b",
                                        "http://h\n" };
    static const char *const buckets[] = { "ab",   "a/b",       "a b", "..a",
                                           "a..b", "b\xc3\xbc", "" };
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++)
        CHECK_STR(place(urls[i], "lake", false), "!64");
    for (size_t i = 0; i < sizeof(buckets) / sizeof(*buckets); i++)
        CHECK_STR(place(NULL, buckets[i], false), "!64");
}

TEST("a URI is a bucket and a key")
{
    struct str bucket, key;
    struct err e = { 0 };
    CHECK(s3_split("s3://b/a/c", &bucket, &key, &e) == 0);
    CHECK(str_eq(bucket, STR("b")) && str_eq(key, STR("a/c")));
    CHECK(s3_split("s3://b", &bucket, &key, &e) == 0 && key.n == 0);
    CHECK(s3_split("s3://b/", &bucket, &key, &e) == 0 && key.n == 0);
    CHECK(s3_split("s3://b//k", &bucket, &key, &e) == 0);
    CHECK(str_eq(key, STR("/k")));
    CHECK(s3_split("s3:///k", &bucket, &key, &e) == -1);
    CHECK(s3_split("s3://", &bucket, &key, &e) == -1);
    CHECK(s3_split("s3:b/k", &bucket, &key, &e) == -1 && e.code == ERR_USAGE);
}

UNIT_MAIN
