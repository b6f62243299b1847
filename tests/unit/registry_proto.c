/* Protobuf: .proto source, what messages become, and what hostile ones do not.
 */
#include "unit.h"

#include "registry/frame.h"
#include "registry/proto.h"

#include <stdlib.h>

static struct registry_fault why;

/* A message of the file's first type as JSON, or "!code path". */
static const char *reads_as(const char *source, struct str data, bool json)
{
    static char text[2048];
    const uint32_t first = 0;
    struct buf out = { 0 };
    struct emit m = { &out, 0, 1000, 0, 8, &why };
    struct proto_scratch *s = proto_scratch_new();
    struct proto *p = NULL;
    int r = proto_new(&p, str_of(source), NULL, NULL, 0, &why);
    if (r == 1 &&
        proto_decode(proto_message_at(p, &first, 1), data, json, s, &m))
        snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_str(&out)));
    else
        snprintf(text, sizeof(text), "!%s %s", why.code ? why.code : "memory",
                 why.path);
    proto_free(p);
    proto_scratch_free(s);
    buf_free(&out);
    return text;
}

#define P3 "syntax = \"proto3\";"
#define READS(source, data, want) \
    CHECK_STR(reads_as(source, STR(data), false), want)

TEST("64-bit integers are numbers with all their digits")
{
    READS(P3 "message M { int64 a = 1; uint64 b = 2; sint64 c = 3; }",
          "\x8\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
          "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"
          "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
          "{\"a\":9223372036854775807,\"b\":18446744073709551615,"
          "\"c\":-9223372036854775808}");
    READS(P3 "message M { int32 a = 1; uint32 b = 2; }",
          "\x8\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\x10\xff\xff\xff\xff\xf",
          "{\"a\":-1,\"b\":4294967295}");
}

TEST("a field without presence is always there, one with it if it is set")
{
    READS(P3 "message M { int32 a = 1; string b = 2; repeated bool c = 3;"
             "map<string, int32> d = 4; optional int32 e = 5; M f = 6;"
             "oneof g { int32 h = 7; } E i = 8; bytes j = 9; double k = 10; }"
             "enum E { ZERO = 0; }",
          "",
          "{\"a\":0,\"b\":\"\",\"c\":[],\"d\":{},\"i\":\"ZERO\",\"j\":\"\","
          "\"k\":0.0}");
    READS("message M { optional int32 a = 1; required string b = 2;"
          "repeated int32 c = 3; }",
          "", "{\"c\":[]}");
    READS(P3 "message M { optional int32 a = 1; oneof g { int32 h = 7; } }",
          "\x8\0\x38\0", "{\"a\":0,\"h\":0}");
    READS("edition = \"2023\"; message M { int32 a = 1;"
          "int32 b = 2 [features.field_presence = IMPLICIT]; }",
          "", "{\"b\":0}");
}

TEST("of several the last counts, messages are merged, a oneof has one")
{
    const char *t = P3 "message M { int32 a = 1; N n = 2; oneof o { int32 x = 3"
                       "; N y = 4; } } message N { optional int32 p = 1;"
                       "optional int32 q = 2; repeated int32 r = 3; }";
    READS(t, "\x8\1\x8\2", "{\"a\":2}");
    READS(t, "\x12\2\x8\1\x12\2\x10\2",
          "{\"a\":0,\"n\":{\"p\":1,\"q\":2,"
          "\"r\":[]}}");
    READS(t, "\x22\2\x8\1\x18\5", "{\"a\":0,\"x\":5}");
    READS(t, "\x22\2\x8\1\x18\5\x22\2\x10\2",
          "{\"a\":0,\"y\":{\"q\":2,\"r\":[]}}");
}

TEST("repeated numbers come packed, or not, or both")
{
    READS("message M { repeated int32 a = 1; }", "\x8\1\xa\2\2\3\x8\4",
          "{\"a\":[1,2,3,4]}");
    READS("message M { repeated int32 a = 1; }", "\xa\2\2\x83",
          "!bad_protobuf /a");
    READS("message M { repeated fixed32 a = 1; }", "\xa\3\1\0\0",
          "!bad_protobuf /a");
}

TEST("groups, unknown fields and extensions")
{
    READS("message M { repeated group Item = 1 { optional int32 v = 2; }"
          "extensions 100 to max; } extend M { optional int32 x = 100; }",
          "\xb\x10\5\xc\xb\xc\xa0\6\1\x7b\x8\1\x7c",
          "{\"item\":[{\"v\":5},{}]}");
    READS("message M {}", "\xb\x8\1\xc", "{}");
    READS("message M {}", "\xb\x8\1\x14", "!bad_protobuf ");
    READS("message M {}", "\xc", "!bad_protobuf ");
}

TEST("maps: keys of all types are strings, what is not there is a default")
{
    READS(P3 "message M { map<int32, string> a = 1; map<bool, M> b = 2; }",
          "\xa\5\x8\7\x12\1x\xa\0\x12\2\x8\1",
          "{\"a\":{\"7\":\"x\",\"0\":\"\"},\"b\":{\"true\":{\"a\":{},\"b\":{"
          "}}}}");
}

TEST("enums are names, of aliases the first, and numbers without a name")
{
    const char *t = "message M { repeated E e = 1; } enum E { option "
                    "allow_alias = true; A = 1; B = 1; C = -1; }";
    READS(t, "\x8\1\x8\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\x8\5",
          "{\"e\":[\"A\",\"C\",5]}");
}

TEST("types with a form of their own")
{
    READS(P3 "import \"google/protobuf/timestamp.proto\";"
             "message M { google.protobuf.Timestamp t = 1; }",
          "\xa\x8\x8\1\x10\x80\xca\xb5\xee\1",
          "{\"t\":\"1970-01-01T00:00:01.5Z\"}");
    READS(P3 "message M { google.protobuf.Duration d = 1; }",
          "\xa\xb\x10\x80\xb6\xca\x91\xfe\xff\xff\xff\xff\1",
          "{\"d\":\"-0.5s\"}");
    READS(P3 "message M { google.protobuf.Int64Value a = 1; "
             "google.protobuf.StringValue b = 2; google.protobuf.BoolValue c "
             "= 3; }",
          "\xa\0\x12\3\xa\1x", "{\"a\":0,\"b\":\"x\"}");
    READS(P3 "message M { google.protobuf.Value a = 1; "
             "google.protobuf.ListValue b = 2; }",
          "\xa\2\x8\0\x12\4\xa\2 \1", "{\"a\":null,\"b\":[true]}");
    READS(P3 "message M { google.protobuf.FieldMask m = 1; }",
          "\xa\6\xa\1"
          "a\xa\1"
          "b",
          "{\"m\":\"a,b\"}");
    READS(P3 "message M { confluent.type.Decimal d = 1; }",
          "\xa\6\xa\2\x04\xe2\x18\2", "{\"d\":12.50}");
    READS(P3 "message M { google.protobuf.Timestamp t = 1; }", "\xa\x2\x10\xff",
          "!bad_protobuf /t");
}

TEST("names of keys: those of the source, or lowerCamelCase on request")
{
    const char *t = P3 "message M { int32 some_long_name = 1; int32 b = 2 "
                       "[deprecated = true, json_name = \"other\"]; }";
    READS(t, "", "{\"some_long_name\":0,\"b\":0}");
    CHECK_STR(reads_as(t, STR(""), true), "{\"someLongName\":0,\"other\":0}");
}

TEST("types are found from the inside out, and by their full name")
{
    const char *t =
        P3 "package a.b; message M { message N { M up = 1; optional a.b.N out "
           "= 2; } N in = 1; .a.b.N top = 2; b.N rel = 3; }"
           "message N { int32 v = 1; }";
    READS(t, "\xa\2\x12\0\x12\0\x1a\0",
          "{\"in\":{\"out\":{\"v\":0}},\"top\":{\"v\":0},\"rel\":{\"v\":0}}");
    READS(P3 "message M { N n = 1; }", "", "!bad_schema ");
}

TEST("source: comments, names that are words, options of every form")
{
    READS("// one\n/* two */ " P3 " package p; import public \"x.proto\";"
          "option java_package = \"a;b\"; option (my.opt) = { a: [1, 2] b: { }"
          "};; message M { // {\n int32 message = 1; string option = 2 "
          "[(x).y = { z: \"]\" }, (w) = \"a\" 'b']; reserved 4, 10 to max;"
          "reserved \"foo\"; enum K { X = 0x0; } oneof one { option (o) = 1;"
          "K k = 5; } map<string,M> map = 07; ; } service S { rpc A (M) "
          "returns (stream M) { option (q) = {}; } rpc B(M) returns (M); }",
          "", "{\"message\":0,\"option\":\"\",\"map\":{}}");
}

TEST("what is no source is said to be none")
{
    READS("message M { int32 a = 0; }", "", "!bad_schema ");
    READS("message M { int32 a = 1; int32 b = 1; }", "", "!bad_schema ");
    READS("message M { int32 a = 1 }", "", "!bad_schema ");
    READS("message M { int32 a = 1;", "", "!bad_schema ");
    READS("message M {} message M {}", "", "!bad_schema ");
    READS("message M { map<double, int32> a = 1; }", "", "!bad_schema ");
    READS("syntax = \"proto4\"; message M {}", "", "!bad_schema ");
    READS("message M {} /* open", "", "!bad_schema ");
    READS("enum E {} message M {}", "", "!bad_schema ");
    READS("not base64", "", "!bad_schema ");
    CHECK(strstr(why.message, "neither"));
}

TEST("hostile messages: cut, of wrong types, too deep, too long")
{
    READS(P3 "message M { string s = 1; }",
          "\xa\5"
          "ab",
          "!bad_protobuf ");
    READS(P3 "message M { string s = 1; }", "\xa\1\xff", "!invalid_utf8 /s");
    READS(P3 "message M { string s = 1; }", "\x8\1", "!bad_protobuf /s");
    READS(P3 "message M { int32 a = 1; }", "\0\1", "!bad_protobuf ");
    READS(P3 "message M { int32 a = 1; }",
          "\x8\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", "!bad_protobuf ");
    READS(P3 "message M { M m = 1; }",
          "\xa\x10\xa\xe\xa\xc\xa\xa\xa\x8\xa\6\xa\4\xa\2\xa\0",
          "!too_deep /m/m/m/m/m/m/m/m");
    READS(P3 "message M { repeated N n = 1; } message N { int32 "
             "a_name_so_long_that_a_few_of_them_fill_the_room_there_is = 1; }",
          "\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0"
          "\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0\xa\0",
          "!too_long /n");
    READS(P3 "package google.protobuf; message X { Any v = 1; }", "\xa\0",
          "{\"v\":{\"type_url\":\"\",\"value\":\"\"}}");
}

UNIT_MAIN
