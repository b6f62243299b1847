/* Framed messages through the registry's own documents.
 *
 * With a folder as its argument this program is a tool: it decodes messages
 * from stdin, each behind its length in four bytes (big-endian), with what the
 * folder has at schemas/ids/N and subjects/S/versions/V, and writes a line for
 * each: its JSON, or "!CODE PATH MESSAGE". tests/services/registry.bats holds
 * that against other implementations. */
#include "unit.h"

#include "registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

static int file_get(void *context, const char *path, struct buf *body,
                    struct err *e)
{
    char name[1024], block[65536];
    size_t n;
    (void)e;
    snprintf(name, sizeof(name), "%s%s", (const char *)context, path);
    FILE *f = fopen(name, "rb");
    if (!f)
        return 0;
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        buf_add(body, block, n);
    fclose(f);
    return 1;
}

static bool read_message(struct buf *b)
{
    unsigned char head[4];
    buf_reset(b);
    if (fread(head, 1, 4, stdin) != 4)
        return false;
    size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
               (size_t)head[2] << 8 | head[3];
    if (buf_reserve(b, n) || fread(b->p, 1, n, stdin) != n)
        return false;
    b->n = n;
    return true;
}

static int decode_all(char *folder)
{
    struct registry_fetch fetch = { file_get, folder };
    struct registry_options opts = { .any_value = true };
    struct registry *r = registry_new(&fetch, &opts);
    struct buf in = { 0 }, out = { 0 };
    struct registry_fault why;
    struct err e = { 0 };
    while (r && read_message(&in)) {
        buf_reset(&out);
        switch (registry_decode(r, buf_str(&in), &out, &why, &e)) {
        case REGISTRY_DECODED: printf("%.*s\n", STR_ARG(buf_str(&out))); break;
        case REGISTRY_REJECTED:
            printf("!%s %s %s\n", why.code, why.path, why.message);
            break;
        case REGISTRY_FAILED: printf("?%s\n", e.msg);
        }
    }
    registry_free(r);
    buf_free(&in);
    buf_free(&out);
    return 0;
}

/* ---- the unit tests: documents are in memory */

struct page {
    const char *path, *body;
};

static int asked;

static int page_get(void *context, const char *path, struct buf *body,
                    struct err *e)
{
    asked++;
    for (const struct page *p = context; p->path; p++) {
        if (strcmp(p->path, path) != 0)
            continue;
        if (!p->body)
            return err_set(e, ERR_UNAVAILABLE, "no answer to '%s'", path);
        buf_addz(body, p->body);
        return 1;
    }
    return 0;
}

static const struct page pages[] = {
    { "/schemas/ids/1",
      "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"r\\\","
      "\\\"fields\\\":[{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"long\\\"},"
      "{\\\"name\\\":\\\"b\\\",\\\"type\\\":[\\\"null\\\",\\\"string\\\"]}]}"
      "\"}" },
    { "/schemas/ids/2",
      "{\"schemaType\":\"AVRO\",\"schema\":\"\\\"long\\\"\"}" },
    { "/schemas/ids/3",
      "{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax=\\\"proto3\\\"; "
      "import \\\"b.proto\\\"; message A { message In { int32 v = 1; } "
      "shop.B b = 1; } message C { int64 n = 1; }\",\"references\":[{"
      "\"name\":\"b.proto\",\"subject\":\"b c\",\"version\":4}]}" },
    { "/subjects/b%20c/versions/4",
      "{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax=\\\"proto3\\\"; "
      "package shop; message B { string s = 1; }\"}" },
    { "/schemas/ids/4",
      "{\"schemaType\":\"JSON\",\"schema\":\"{\\\"properties\\\":{\\\"n\\\":{"
      "\\\"$ref\\\":\\\"n.json\\\"}}}\",\"references\":[{\"name\":\"n.json\","
      "\"subject\":\"n\",\"version\":1}]}" },
    { "/subjects/n/versions/1",
      "{\"schemaType\":\"JSON\",\"schema\":\"{\\\"minimum\\\":5}\"}" },
    { "/schemas/ids/5", "{\"schemaType\":\"XML\",\"schema\":\"<a/>\"}" },
    { "/schemas/ids/6", "{\"schema\":\"{\\\"type\\\":\\\"recird\\\"}\"}" },
    { "/schemas/ids/7", NULL },
    { "/schemas/ids/8", "<html>" },
    { "/schemas/ids/9", "{\"schema\":\"\\\"bytes\\\"\"}" },
    { "/schemas/ids/10",
      "{\"schema\":\"\\\"x\\\"\",\"references\":[{\"name\":\"x\",\"subject\":"
      "\"gone\",\"version\":1}]}" },
    { NULL, NULL },
};

/* What becomes of a message: its JSON, or "!code path", or "?message". */
static const char *reads(struct str message, struct registry_options opts)
{
    static char text[1024];
    struct registry_fetch fetch = { page_get, (void *)(uintptr_t)pages };
    struct registry *r = registry_new(&fetch, &opts);
    struct buf out = { 0 };
    struct registry_fault why;
    struct err e = { 0 };
    strcpy(text, "no memory");
    switch (r ? registry_decode(r, message, &out, &why, &e) : 5) {
    case REGISTRY_DECODED:
        snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_str(&out)));
        break;
    case REGISTRY_REJECTED:
        CHECK(out.n == 0 && why.message[0]);
        snprintf(text, sizeof(text), "!%s %s", why.code, why.path);
        break;
    case REGISTRY_FAILED: snprintf(text, sizeof(text), "?%s", e.msg);
    }
    registry_free(r);
    buf_free(&out);
    return text;
}

#define READS(message, want) \
    CHECK_STR(reads(STR(message), (struct registry_options){ 0 }), want)
#define READS_ANY(message, want)                                             \
    CHECK_STR(                                                               \
        reads(STR(message), (struct registry_options){ .any_value = true }), \
        want)

TEST("the id in front of a message leads to its schema")
{
    READS("\0\0\0\0\1\x54\0", "{\"a\":42,\"b\":null}");
    READS("\0\0\0\0\1\1\2\4hi", "{\"a\":-1,\"b\":\"hi\"}");
    READS("\0\0\0\0\1\x54", "!bad_avro /b");
    READS("\0\0\0\0\1\x54\0\0", "!bad_avro ");
}

TEST("what is not framed is rejected")
{
    READS("", "!not_framed ");
    READS("\0\0\0\0", "!not_framed ");
    READS("{\"a\":1}", "!not_framed ");
    READS("\1\0\0\0\1\x54\0", "!not_framed ");
}

TEST("a value that is no object is rejected unless any will do")
{
    READS("\0\0\0\0\2\x54", "!not_object ");
    READS_ANY("\0\0\0\0\2\x54", "42");
    READS_ANY("\0\0\0\0\x9"
              "abc",
              "\"YWJj\"");
}

TEST("Protobuf: the path leads to the message type, references to others")
{
    READS("\0\0\0\0\3\0\n\3\n\1x", "{\"b\":{\"s\":\"x\"}}");
    READS("\0\0\0\0\3\2\0\n\3\n\1x", "{\"b\":{\"s\":\"x\"}}");
    READS("\0\0\0\0\3\4\0\0\x8\7", "{\"v\":7}");
    READS("\0\0\0\0\3\2\2\x8\7", "{\"n\":7}");
    READS("\0\0\0\0\3\2\4\x8\7", "!bad_protobuf ");
    READS("\0\0\0\0\3", "!not_framed ");
    READS("\0\0\0\0\3\1", "!not_framed ");
    READS("\0\0\0\0\3\xff\xff\xff\xff\xff\1", "!not_framed ");
}

TEST("JSON passes byte for byte on one line, and is validated on request")
{
    struct registry_options validate = { .validate = true };
    READS("\0\0\0\0\4{\"n\" : 1.0}", "{\"n\" : 1.0}");
    READS("\0\0\0\0\4{\n\"n\":\r\n1e0\n}", "{ \"n\":  1e0 }");
    READS("\0\0\0\0\4{\"n\":1", "!bad_json ");
    READS("\0\0\0\0\4{\"n\":\"\xff\"}", "!invalid_utf8 ");
    READS("\0\0\0\0\4[1]", "!not_object ");
    CHECK_STR(reads(STR("\0\0\0\0\4{\"n\":5}"), validate), "{\"n\":5}");
    CHECK_STR(reads(STR("\0\0\0\0\4{\"n\":4}"), validate), "!invalid /n");
}

TEST("a schema that is not there or of no use rejects its messages")
{
    READS("\0\0\0\1\0x", "!unknown_schema ");
    READS("\0\0\0\0\5x", "!bad_schema ");
    READS("\0\0\0\0\6x", "!bad_schema ");
    READS("\0\0\0\0\xax", "!unknown_schema ");
}

TEST("no answer from the registry is a failure, and no verdict")
{
    READS("\0\0\0\0\7x", "?no answer to '/schemas/ids/7'");
    READS("\0\0\0\0\x8x",
          "?what answers GET '/schemas/ids/8' is no schema registry");
}

TEST("a schema is asked for once, known or not")
{
    struct registry_fetch fetch = { page_get, (void *)(uintptr_t)pages };
    struct registry_options opts = { 0 };
    struct registry *r = registry_new(&fetch, &opts);
    struct buf out = { 0 };
    struct registry_fault why;
    struct err e;
    asked = 0;
    for (int i = 0; i < 10; i++) {
        buf_reset(&out);
        CHECK(registry_decode(r, STR("\0\0\0\0\1\x54\0"), &out, &why, &e) ==
              REGISTRY_DECODED);
        CHECK(registry_decode(r, STR("\0\0\0\1\0x"), &out, &why, &e) ==
              REGISTRY_REJECTED);
    }
    CHECK(asked == 2);
    registry_free(r);
    buf_free(&out);
}

TEST("ids of all kinds take bounded memory")
{
    struct registry_fetch fetch = { page_get, (void *)(uintptr_t)pages };
    struct registry_options opts = { 0 };
    struct registry *r = registry_new(&fetch, &opts);
    struct buf out = { 0 };
    struct registry_fault why;
    struct err e;
    char message[] = "\0\0\0\0\1\x54";
    for (int i = 0; i < 20000; i++) {
        message[2] = (char)(i >> 8);
        message[3] = (char)i;
        CHECK(registry_decode(r, (struct str){ message, 7 }, &out, &why, &e) ==
              (i ? REGISTRY_REJECTED : REGISTRY_DECODED));
    }
    registry_free(r);
    buf_free(&out);
}

int unit_main(void);
#define main unit_main
UNIT_MAIN
#undef main

int main(int argc, char **argv)
{
    return argc == 2 ? decode_all(argv[1]) : unit_main();
}
