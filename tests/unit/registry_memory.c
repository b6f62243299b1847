/* Every allocation fails in turn while framed messages are read: an error and
 * no leak, never a crash and never a wrong verdict. The allocator is the C
 * library's, counted; sanitizers bring one of their own, so there is nothing to
 * test under them. */
#include "unit.h"

#include "registry/registry.h"

#ifndef __SANITIZE_ADDRESS__

#include "starve.h"

static const char *page;

static int get(void *context, const char *path, struct buf *body, struct err *e)
{
    (void)context;
    (void)path;
    return buf_addz(body, page) ? err_nomem(e) : 1;
}

static const char *want;
static struct str message;

/* False where memory was said to be missing; any other failure is a finding. */
static bool job(void)
{
    struct registry_fetch fetch = { get, NULL };
    struct registry_options opts = { .validate = true };
    struct registry *r = registry_new(&fetch, &opts);
    struct buf out = { 0 };
    struct registry_fault why = { 0 };
    struct err e = { 0 };
    if (!r)
        return false;
    enum registry_result got = registry_decode(r, message, &out, &why, &e);
    bool good = got == REGISTRY_DECODED;
    CHECK(got != REGISTRY_FAILED || e.code != ERR_NONE);
    CHECK(!good || str_eq(buf_str(&out), str_of(want)));
    registry_free(r);
    buf_free(&out);
    return good;
}

static void starve(const char *document, struct str m, const char *json)
{
    page = document;
    message = m;
    want = json;
    struct starved s = starve_each(job);
    CHECK(s.failures > 5);
}

TEST("Avro")
{
    starve("{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"r\\\","
           "\\\"namespace\\\":\\\"n\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a"
           "\\\",\\\"type\\\":{\\\"type\\\":\\\"enum\\\",\\\"name\\\":\\\"e"
           "\\\",\\\"symbols\\\":[\\\"A\\\"]}},{\\\"name\\\":\\\"b\\\","
           "\\\"type\\\":[\\\"null\\\",{\\\"type\\\":\\\"array\\\","
           "\\\"items\\\":\\\"string\\\"}]}]}\"}",
           STR("\0\0\0\0\1\0\2\2\2x\0"), "{\"a\":\"A\",\"b\":[\"x\"]}");
}

TEST("Protobuf")
{
    starve("{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax = \\\"proto3\\\";"
           "message M { map<string, M> m = 1; M n = 2; repeated int32 r = 3; "
           "E e = 4; } enum E { Z = 0; }\"}",
           STR("\0\0\0\0\1\0\x12\2\x18\1\x12\2\x18\2"),
           "{\"m\":{},\"n\":{\"m\":{},\"r\":[1,2],\"e\":\"Z\"},\"r\":[],"
           "\"e\":\"Z\"}");
}

TEST("JSON")
{
    starve("{\"schemaType\":\"JSON\",\"schema\":\"{\\\"type\\\":\\\"object"
           "\\\"}\"}",
           STR("\0\0\0\0\1{\"a\":1}"), "{\"a\":1}");
}

#else

TEST("nothing to do: the sanitizer has an allocator of its own")
{
}

#endif

UNIT_MAIN
