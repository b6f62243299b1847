#include "unit.h"

#include "contract/yaml.h"
#include "json/check.h"

#include <stdlib.h>
#include <sys/resource.h>

static struct err e;

/* The document as JSON, or "! " and the error without the name. */
static const char *read_text(struct str text, bool json)
{
    static char out[2000];
    struct arena a = { 0 };
    struct buf b = { .max = YAML_MAX_BYTES };
    e = (struct err){ 0 };
    const struct yaml *y = json ? yaml_parse_json(&a, text, "t", &e)
                                : yaml_parse(&a, text, "t", &e);
    if (y && yaml_write(&b, y) == 0)
        snprintf(out, sizeof(out), "%.*s", STR_ARG(buf_str(&b)));
    else
        snprintf(out, sizeof(out), "! %s", y ? "too large" : e.msg);
    CHECK(y || e.code == ERR_CONFIG);
    buf_free(&b);
    arena_free(&a);
    return strncmp(out, "! YAML t, ", 10) ? out : out + 10;
}

static const char *yaml(const char *text)
{
    return read_text(str_of(text), false);
}

static const char *json(const char *text)
{
    struct json_fault fault;
    CHECK(json_check_value(str_of(text), YAML_MAX_DEPTH, &fault) == 0);
    return read_text(str_of(text), true);
}

TEST("blocks and flow, scalars of all styles, comments and anchors")
{
    CHECK_STR(yaml("a: 1\nb:\n  - x # no\n  - 'it''s'\n  - \"\\u00e9\\n\"\n"
                   "c: {d: [], e: {}}\n"),
              "{\"a\":1,\"b\":[\"x\",\"it's\",\"\xc3\xa9\\n\"],"
              "\"c\":{\"d\":[],\"e\":{}}}");
    CHECK_STR(yaml("a: |\n  x\n  y\nb: >\n  x\n  y\n"),
              "{\"a\":\"x\\ny\\n\",\"b\":\"x y\\n\"}");
    CHECK_STR(yaml("a: &x [1, &y z]\nb: *x\nc: *y\n"),
              "{\"a\":[1,\"z\"],\"b\":[1,\"z\"],\"c\":\"z\"}");
    CHECK_STR(yaml("--- # one\nx\n...\n"), "\"x\"");
    CHECK_STR(yaml("%YAML 1.2\n---\n- 1\n"), "[1]");
}

TEST("plain scalars are what the core schema of YAML 1.2 says")
{
    CHECK_STR(yaml("[no, yes, on, off, y, n, No, 12:30, 2024-01-31, 1_000]"),
              "[\"no\",\"yes\",\"on\",\"off\",\"y\",\"n\",\"No\",\"12:30\","
              "\"2024-01-31\",\"1_000\"]");
    CHECK_STR(yaml("[true, True, TRUE, false, False, FALSE, tRUE]"),
              "[true,true,true,false,false,false,\"tRUE\"]");
    CHECK_STR(yaml("[null, Null, NULL, ~, nULL]"),
              "[null,null,null,null,\"nULL\"]");
    CHECK_STR(yaml("a:\nb: ''\nc: 'true'\nd: \"1\"\n"),
              "{\"a\":null,\"b\":\"\",\"c\":\"true\",\"d\":\"1\"}");
    CHECK_STR(yaml("[0b1, 0o8, 0xg, '0x1', ., -, +, e1, 1e, 1.2.3, 0x]"),
              "[\"0b1\",\"0o8\",\"0xg\",\"0x1\",\".\",\"-\",\"+\",\"e1\","
              "\"1e\",\"1.2.3\",\"0x\"]");
}

TEST("numbers keep their digits and are spelled as in JSON")
{
    CHECK_STR(yaml("[12345678901234567890123, 1.10, -0.00, 0.1e-400, 1E+5]"),
              "[12345678901234567890123,1.10,-0.00,0.1e-400,1E+5]");
    CHECK_STR(yaml("[+1, -.5, 5., 1.e3, 007, -00.50, 0]"),
              "[1,-0.5,5,1e3,7,-0.50,0]");
    CHECK_STR(yaml("[0o17, 0x1F, 0xffffffffffffffff]"),
              "[15,31,18446744073709551615]");
    CHECK_STR(yaml("[0x10000000000000000]"),
              "line 1, column 2: number of more than 64 bits");
    CHECK_STR(yaml("a: -.inf"), "line 1, column 4: JSON has no such number");
    CHECK_STR(yaml("a: .NaN"), "line 1, column 4: JSON has no such number");
    CHECK_STR(yaml("a: '.nan'"), "{\"a\":\".nan\"}");
}

TEST("a key is a string that is given once")
{
    CHECK_STR(yaml("a: 1\nb: 2\n\"a\": 3\n"),
              "line 3, column 1: key 'a' is given twice, first in line 1");
    CHECK_STR(yaml("{z: 1, b: 1, c: 1, b: 1, a: 2}"),
              "line 1, column 20: key 'b' is given twice, first in line 1");
    CHECK_STR(yaml("a: 1\n1: 2\n"), "line 2, column 1: key '1' is no string "
                                    "but a number: write it in quotes");
    CHECK_STR(yaml("true: 2\n"), "line 1, column 1: key 'true' is no string "
                                 "but a boolean: write it in quotes");
    CHECK_STR(yaml("~: 2\n"), "line 1, column 1: key '~' is no string but a "
                              "null: write it in quotes");
    CHECK_STR(yaml("no: 2\n'1': 3\n"), "{\"no\":2,\"1\":3}");
    CHECK_STR(yaml("? [a]\n: 1\n"), "line 1, column 3: key is a sequence: only "
                                    "strings are keys in JSON");
    CHECK_STR(yaml("? {a: 1}\n: 1\n"), "line 1, column 3: key is a mapping: "
                                       "only strings are keys in JSON");
    CHECK_STR(yaml("a: &x 1\n*x : 2\n"),
              "line 2, column 1: alias for a key is not read");
    CHECK_STR(yaml("&x a: 1\n"), "line 1, column 1: anchor at a key is not "
                                 "read");
}

TEST("merge keys give what is not said otherwise")
{
    CHECK_STR(yaml("b: &b {x: 1, y: 2}\na:\n  x: 0\n  <<: *b\n"),
              "{\"b\":{\"x\":1,\"y\":2},\"a\":{\"x\":0,\"y\":2}}");
    CHECK_STR(yaml("- &b {x: 1, y: 2}\n- &c {y: 3, z: 4}\n- <<: [*c, *b]\n"),
              "[{\"x\":1,\"y\":2},{\"y\":3,\"z\":4},"
              "{\"y\":3,\"z\":4,\"x\":1}]");
    CHECK_STR(yaml("- &b {x: 1}\n- &c {<<: *b, y: 2}\n- {<<: *c}\n"),
              "[{\"x\":1},{\"y\":2,\"x\":1},{\"y\":2,\"x\":1}]");
    CHECK_STR(yaml("'<<': {x: 1}"), "{\"<<\":{\"x\":1}}");
    CHECK_STR(yaml("a: 1\n<<: 5\n"), "line 2, column 1: << merges mappings, "
                                     "and here is a number");
    CHECK_STR(yaml("<<: [{a: 1}, x]\n"), "line 1, column 14: << merges "
                                         "mappings, and here is a string");
    CHECK_STR(yaml("<<: {a: 1}\n<<: {b: 1}\n"),
              "line 2, column 1: key '<<' is given twice");
}

TEST("tags are those of JSON's types, and true")
{
    CHECK_STR(yaml("[!!str 12, !!str true, ! 12, !!int 12, !!float 1.5, "
                   "!!bool true, !!null null, !!seq [], !!map {}]"),
              "[\"12\",\"true\",\"12\",12,1.5,true,null,[],{}]");
    CHECK_STR(yaml("!!str 1: 2"), "{\"1\":2}");
    CHECK_STR(yaml("a: !!int x"),
              "line 1, column 4: value is no int as its tag says");
    CHECK_STR(yaml("a: !!int 1.5"),
              "line 1, column 4: value is no int as its tag says");
    CHECK_STR(yaml("a: !!bool no"),
              "line 1, column 4: value is no bool as its tag says");
    CHECK_STR(yaml("a: !!binary aGk="), "line 1, column 4: tag "
                                        "'tag:yaml.org,2002:binary' is not "
                                        "read");
    CHECK_STR(yaml("a: !!python/object:os.system {}"),
              "line 1, column 4: tag 'tag:yaml.org,2002:python/object:"
              "os.system' is not read");
    CHECK_STR(yaml("a: !!map []"),
              "line 1, column 4: tag 'tag:yaml.org,2002:map' is not read");
}

TEST("one document, in UTF-8, with or without a mark before it")
{
    CHECK_STR(yaml("a: 1\n---\nb: 2\n"),
              "line 2, column 1: a second document begins: there may be one");
    CHECK_STR(yaml("# nothing\n"), "line 1, column 1: there is no document");
    CHECK_STR(yaml(""), "line 1, column 1: there is no document");
    CHECK_STR(yaml("\xef\xbb\xbf"
                   "a: 1\n"),
              "{\"a\":1}");
    CHECK_STR(yaml("a: 1\nb: \xc3\xa9\xff\n"), "line 2, column 5: not UTF-8");
    CHECK_STR(read_text((struct str){ "\xff\xfe"
                                      "a\0",
                                      4 },
                        false),
              "line 1, column 1: not UTF-8");
    CHECK(strstr(yaml("a: \x01"), "control characters are not allowed"));
}

/* The rest of the message is libyaml's own. */
static bool fails_at(const char *text, const char *place, const char *why)
{
    const char *have = yaml(text);
    return strncmp(have, place, strlen(place)) == 0 && strstr(have, why);
}

TEST("what is malformed is told with line and column")
{
    CHECK(fails_at("a: [1, 2\nb: 3\n", "line 2, column ", "flow sequence"));
    CHECK(fails_at("a: 'x\n", "line 2, column 1: ", "quoted scalar"));
    CHECK(fails_at("a: 1\n\tb: 2\n", "line 2, column 1: ", "character"));
    CHECK(fails_at("a: \"\\ud800\"\n", "line 1, column ", "escape"));
    CHECK_STR(yaml("a: *x\n"), "line 1, column 4: alias 'x' has no anchor");
}

/* ---- limits */

static size_t peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (size_t)u.ru_maxrss;
}

TEST("aliases that double at every step are refused, and take no memory")
{
    struct buf b = { 0 };
    size_t before = peak_kib();
    buf_addz(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++) {
        buf_addf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_addf(&b, "%s*a%d", k ? ", " : "", i - 1);
        buf_addz(&b, "]\n");
    }
    CHECK_STR(yaml(buf_z(&b)), "line 6, column 5: more than 1000000 values");
    CHECK(peak_kib() - before < 20000);
    buf_free(&b);
}

TEST("merge keys that double at every step are refused, too")
{
    struct buf b = { 0 };
    buf_addz(&b, "- &a0 {");
    for (int i = 0; i < 2000; i++)
        buf_addf(&b, "k%d: 1, ", i);
    buf_addz(&b, "}\n");
    for (int i = 0; i < 1000; i++)
        buf_addz(&b, "- {<<: *a0}\n");
    CHECK(strstr(yaml(buf_z(&b)), "more than 1000000 values"));
    buf_free(&b);
}

TEST("an alias of a long text that is repeated does not grow without bound")
{
    struct buf b = { 0 };
    buf_addz(&b, "- &a ");
    for (int i = 0; i < 100000; i++)
        buf_addz(&b, "0123456789");
    for (int i = 0; i < 100; i++)
        buf_addz(&b, "\n- *a");
    CHECK_STR(yaml(buf_z(&b)), "! too large");
    buf_free(&b);
}

TEST("an alias within its own anchor is refused")
{
    CHECK_STR(yaml("a: &a [1, *a]\n"), "line 1, column 11: alias 'a' is within "
                                       "what it stands for");
    CHECK_STR(yaml("&a {b: {c: *a}}\n"), "line 1, column 12: alias 'a' is "
                                         "within what it stands for");
}

TEST("depth, size, values and anchors have limits")
{
    struct buf b = { .max = (size_t)64 << 20 };
    for (int i = 0; i < 256; i++)
        buf_addc(&b, '[');
    for (int i = 0; i < 256; i++)
        buf_addc(&b, ']');
    CHECK(yaml(buf_z(&b))[255] == '[');
    buf_reset(&b);
    for (int i = 0; i < 100000; i++)
        buf_addz(&b, "- ");
    CHECK_STR(yaml(buf_z(&b)), "line 1, column 513: nested deeper than 256");
    /* Not as deep as written. */
    buf_reset(&b);
    buf_addz(&b, "- &a ");
    for (int i = 0; i < 200; i++)
        buf_addc(&b, '[');
    for (int i = 0; i < 200; i++)
        buf_addc(&b, ']');
    buf_addz(&b, "\n- ");
    for (int i = 0; i < 100; i++)
        buf_addc(&b, '[');
    buf_addz(&b, "*a");
    for (int i = 0; i < 100; i++)
        buf_addc(&b, ']');
    CHECK(strstr(yaml(buf_z(&b)), "nested deeper than 256"));
    buf_reset(&b);
    buf_addc(&b, '[');
    for (int i = 0; i < 1000000; i++)
        buf_addz(&b, "1,");
    buf_addc(&b, ']');
    CHECK(strstr(yaml(buf_z(&b)), "more than 1000000 values"));
    buf_reset(&b);
    for (int i = 0; i < 1001; i++)
        buf_addf(&b, "- &a%d x\n", i);
    CHECK_STR(yaml(buf_z(&b)), "line 1001, column 3: more than 1000 anchors");
    buf_reset(&b);
    buf_addc(&b, '\'');
    while (b.n <= YAML_MAX_BYTES)
        buf_addz(&b, "0123456789abcdef");
    CHECK_STR(yaml(buf_z(&b)), "! YAML t is larger than 16 MiB");
    buf_free(&b);
}

/* ---- JSON */

TEST("JSON is read by its own rules")
{
    CHECK_STR(json("{\"a\":[1.50,-0,1E5,true,false,null,\"no\"]}"),
              "{\"a\":[1.50,-0,1E5,true,false,null,\"no\"]}");
    CHECK_STR(json("\"\\ud83d\\ude00\\/\""), "\"\xf0\x9f\x98\x80/\"");
    CHECK_STR(json("{\"<<\":{\"x\":1},\"1\":2}"), "{\"<<\":{\"x\":1},\"1\":2}");
    CHECK_STR(json("{\"a\":1,\n \"\\u0061\":2}"),
              "line 2, column 2: key 'a' is given twice, first in line 1");
    CHECK_STR(json("{\n\"\xc3\xa9\": \"\\ud800\"}"),
              "line 2, column 6: string with half a surrogate pair");
    CHECK_STR(read_text(STR("\xef\xbb\xbf{\"a\":{}}"), true), "{\"a\":{}}");
}

UNIT_MAIN
