/* Avro: what every type becomes, and what hostile messages do not. */
#include "unit.h"

#include "registry/avro.h"

#include <stdlib.h>

static struct registry_fault why;

/* A datum as JSON, or "!code path". */
static const char *reads_as(const char *schema, struct str data, bool tagged)
{
    static char text[2048];
    struct buf out = { 0 };
    struct emit m = { &out, 0, 1000, 0, 8, &why };
    struct avro *a = NULL;
    int r = avro_new(&a, str_of(schema), NULL, 0, &why);
    if (r == 1 && avro_decode(a, data, tagged, &m))
        snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_str(&out)));
    else
        snprintf(text, sizeof(text), "!%s %s", why.code ? why.code : "memory",
                 why.path);
    avro_free(a);
    buf_free(&out);
    return text;
}

#define READS(schema, data, want) \
    CHECK_STR(reads_as(schema, STR(data), false), want)

#define LOGICAL(type, name) \
    "{\"type\":\"" type "\",\"logicalType\":\"" name "\"}"

TEST("integers keep every digit, within their types")
{
    READS("\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
          "-9223372036854775808");
    READS("\"long\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1",
          "9223372036854775807");
    READS("\"int\"", "\xff\xff\xff\xff\xf", "-2147483648");
    READS("\"int\"", "\x80\x80\x80\x80\x10", "!bad_avro ");
    READS("\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", "!bad_avro ");
    READS("\"long\"", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1",
          "!bad_avro ");
}

TEST("a double is the shortest number that reads back")
{
    READS("\"double\"", "\0\0\0\0\0\0\xf8\x3f", "1.5");
    READS("\"double\"", "\x9a\x99\x99\x99\x99\x99\xb9\x3f", "0.1");
    READS("\"double\"", "\0\0\0\0\0\0\0\0", "0.0");
    READS("\"double\"", "\0\0\0\0\0\0\0\x80", "-0.0");
    READS("\"double\"", "\1\0\0\0\0\0\0\0", "5e-324");
    READS("\"double\"", "\0\0\0\0\0\0\xf8\x7f", "\"NaN\"");
    READS("\"double\"", "\0\0\0\0\0\0\xf0\xff", "\"-Infinity\"");
    READS("\"float\"", "\xcd\xcc\xcc\x3d", "0.1");
    READS("\"float\"", "\0\0\x80\x7f", "\"Infinity\"");
    READS("\"float\"", "\1\0\0\0", "1e-45");
}

TEST("decimals are exact, whatever their length")
{
#define DEC "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":60,"
    READS(DEC "\"scale\":2}", "\4\x04\xe2", "12.50");
    READS(DEC "\"scale\":2}", "\2\xff", "-0.01");
    READS(DEC "\"scale\":2}", "\0", "0.00");
    READS(DEC "\"scale\":0}", "\x20\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
          "-170141183460469231731687303715884105728");
    READS(DEC "\"scale\":3}", "\x22\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
          "340282366920938463463374607431768211.456");
    READS(DEC "\"scale\":61}", "\2\1", "\"AQ==\"");
    READS("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2,\"logicalType\":"
          "\"decimal\",\"precision\":4,\"scale\":1}",
          "\xff\xf6", "-1.0");
    /* It has no room for so many digits: plain bytes. */
    READS("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2,\"logicalType\":"
          "\"decimal\",\"precision\":5}",
          "\xff\xf6", "\"//Y=\"");
}

TEST("dates and times are RFC 3339, in years 0 to 9999")
{
    READS(LOGICAL("int", "date"), "\0", "\"1970-01-01\"");
    READS(LOGICAL("int", "date"), "\1", "\"1969-12-31\"");
    READS(LOGICAL("int", "date"), "\xff\xff\xff\xff\xf", "!time_range ");
    READS(LOGICAL("int", "time-millis"), "\x80\xb8\x99\x29", "\"12:00:00\"");
    READS(LOGICAL("int", "time-millis"), "\1", "!time_range ");
    READS(LOGICAL("long", "time-micros"), "\2", "\"00:00:00.000001\"");
    READS(LOGICAL("long", "timestamp-millis"), "\1",
          "\"1969-12-31T23:59:59.999Z\"");
    READS(LOGICAL("long", "timestamp-nanos"), "\2",
          "\"1970-01-01T00:00:00.000000001Z\"");
    READS(LOGICAL("long", "local-timestamp-millis"), "\xd0\xf",
          "\"1970-01-01T00:00:01\"");
    READS(LOGICAL("long", "timestamp-millis"),
          "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", "!time_range ");
    READS(LOGICAL("string", "date"), "\2x", "\"x\"");
    READS(LOGICAL("long", "no-such"), "\2", "1");
}

TEST("uuid and duration of fixed bytes")
{
    READS("{\"type\":\"fixed\",\"name\":\"f\",\"size\":16,\"logicalType\":"
          "\"uuid\"}",
          "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf",
          "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"");
    READS("{\"type\":\"fixed\",\"name\":\"f\",\"size\":12,\"logicalType\":"
          "\"duration\"}",
          "\1\0\0\0\2\0\0\0\xbc\xb\0\0", "\"P1M2DT3.004S\"");
}

TEST("unions are plain values, or tagged with the type on request")
{
    const char *u = "[\"null\",\"long\",{\"type\":\"enum\",\"name\":\"e\","
                    "\"namespace\":\"n\",\"symbols\":[\"A\",\"B\"]}]";
    CHECK_STR(reads_as(u, STR("\0"), false), "null");
    CHECK_STR(reads_as(u, STR("\2\x54"), false), "42");
    CHECK_STR(reads_as(u, STR("\0"), true), "null");
    CHECK_STR(reads_as(u, STR("\2\x54"), true), "{\"long\":42}");
    CHECK_STR(reads_as(u, STR("\4\2"), true), "{\"n.e\":\"B\"}");
    CHECK_STR(reads_as(u, STR("\4\4"), true), "!bad_avro ");
    CHECK_STR(reads_as(u, STR("\6"), true), "!bad_avro ");
    CHECK_STR(reads_as(u, STR("\1"), true), "!bad_avro ");
}

TEST("names are found in their namespaces, also in those of references")
{
    const char *schema =
        "{\"type\":\"record\",\"name\":\"a.b.r\",\"fields\":["
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"f\",\"size\":"
        "1}},{\"name\":\"y\",\"type\":\"a.b.f\"},{\"name\":\"z\",\"type\":"
        "\"f\"}]}";
    READS(schema, "abc", "{\"x\":\"YQ==\",\"y\":\"Yg==\",\"z\":\"Yw==\"}");
    READS("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"x\","
          "\"type\":\"gone\"}]}",
          "", "!bad_schema /x");
    struct str before[] = { str_of(schema) };
    struct avro *a = NULL;
    CHECK(avro_new(&a, STR("{\"type\":\"array\",\"items\":\"a.b.f\"}"), before,
                   1, &why) == 1);
    avro_free(a);
    CHECK(avro_new(&a, str_of(schema), before, 1, &why) == 0);
    CHECK_STR(why.code, "bad_schema");
}

TEST("a type that holds itself ends with its data, or is too deep")
{
    const char *list =
        "{\"type\":\"record\",\"name\":\"n\",\"fields\":[{\"name\":\"v\","
        "\"type\":\"int\"},{\"name\":\"next\",\"type\":[\"null\",\"n\"]}]}";
    READS(list, "\2\2\4\0", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}");
    READS(list, "\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2",
          "!too_deep /next/next/next/next/next/next/next/next");
    READS("{\"type\":\"record\",\"name\":\"n\",\"fields\":[{\"name\":\"n\","
          "\"type\":\"n\"}]}",
          "", "!too_deep /n/n/n/n/n/n/n/n");
}

TEST("blocks: counts, lengths, and a few bytes that stand for many values")
{
    READS("{\"type\":\"array\",\"items\":\"int\"}", "\4\2\4\2\6\0", "[1,2,3]");
    READS("{\"type\":\"array\",\"items\":\"int\"}", "\3\4\2\4\0", "[1,2]");
    READS("{\"type\":\"map\",\"values\":\"int\"}", "\2\2a\2\0", "{\"a\":1}");
    READS("{\"type\":\"array\",\"items\":\"null\"}", "\xfe\xff\xff\xff\xf\0",
          "!too_long ");
    READS("{\"type\":\"array\",\"items\":\"null\"}",
          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0", "!bad_avro ");
    READS("{\"type\":\"array\",\"items\":\"int\"}", "\3\x20\2\4\0",
          "!bad_avro ");
    READS("{\"type\":\"array\",\"items\":\"int\"}", "\4\2", "!bad_avro /1");
    READS("\"string\"",
          "\xfe\xff\xff\xff\xf"
          "a",
          "!bad_avro ");
    READS("\"string\"", "\1a", "!bad_avro ");
    READS("\"string\"", "\2\xff", "!invalid_utf8 ");
    READS("\"boolean\"", "\2", "!bad_avro ");
    READS("\"null\"", "\0", "!bad_avro ");
}

TEST("what is no schema is said to be none, and where")
{
    READS("", "", "!bad_schema ");
    READS("{\"type\":\"record\",\"name\":\"r\"}", "", "!bad_schema ");
    READS("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[1]}", "",
          "!bad_schema ");
    READS("{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}", "",
          "!bad_schema ");
    READS("[\"null\",[\"int\"]]", "", "!bad_schema ");
    READS("{\"type\":\"array\"}", "", "!bad_schema ");
    READS("{\"name\":\"x\"}", "", "!bad_schema ");
    /* Defaults of any size are of no interest. */
    READS("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\","
          "\"type\":\"int\",\"default\":123456789012345678901234567890}]}",
          "\2", "{\"a\":1}");
}

UNIT_MAIN
