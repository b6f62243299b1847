#include "unit.h"

#include "s3/xml.h"

/* "(a(b=text)b)a"-like: what is read, or "!" and the message. */
static const char *read_all(struct str text)
{
    static struct buf out;
    struct xml x;
    struct xml_node node;
    struct err e = { 0 };
    int r;
    buf_reset(&out);
    xml_init(&x, text);
    while ((r = xml_next(&x, &node, &e)) > 0)
        if (node.event == XML_OPEN)
            buf_addf(&out, "<%.*s>", STR_ARG(node.name));
        else
            buf_addf(&out, "%.*s</%.*s in '%.*s'>", STR_ARG(node.text),
                     STR_ARG(node.name), STR_ARG(node.parent));
    if (r < 0) {
        CHECK(e.code == ERR_DATA);
        buf_addf(&out, "!%s", e.msg);
    }
    xml_free(&x);
    return buf_z(&out);
}

TEST("elements, their text and their parents")
{
    CHECK_STR(read_all(STR("<?xml version=\"1.0\"?>\n<a x='>' y=\"/>\"><b>t</b>"
                           "<c/><d >u</d ></a>\n")),
              "<a><b>t</b in 'a'><c></c in 'a'><d>u</d in 'a'></a in ''>");
}

TEST("prefixes of names are dropped, comments passed over")
{
    CHECK_STR(read_all(STR("<s:a xmlns:s='u'><!-- <x> --><s:b>1<!-- - -->2"
                           "</s:b></s:a><!-- end -->")),
              "<a><b>12</b in 'a'></a in ''>");
}

TEST("entities, references and CDATA are text")
{
    CHECK_STR(read_all(STR("<a>&lt;&amp;&gt;&quot;&apos;&#233;&#xe9;&#x1F600;"
                           "<![CDATA[<b>&amp;]]>]</a>")),
              "<a><&>\"'\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80<b>&amp;]</a in ''>");
}

TEST("what is no XML is told")
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "!the answer is no XML: it ends early" },
        { "hello", "!the answer is no XML: text stands outside of it" },
        { "<![CDATA[x]]><a/>",
          "!the answer is no XML: text stands outside of it" },
        { "<a>", "<a>!the answer is no XML: it ends early" },
        { "<a", "!the answer is no XML: a tag has no end" },
        { "<a b='>", "!the answer is no XML: a tag has no end" },
        { "<a <b>", "!the answer is no XML: a tag has no end" },
        { "< >", "!the answer is no XML: a tag has no name" },
        { "<a></b>", "<a>!the answer is no XML: an end without a beginning" },
        { "</a>", "!the answer is no XML: an end without a beginning" },
        { "<a></a", "<a>!the answer is no XML: a tag has no end" },
        { "<a/><b/>",
          "<a></a in ''>!the answer is no XML: something stands behind its "
          "end" },
        { "<a>&nbsp;</a>", "<a>!the answer is no XML: an unknown entity" },
        { "<a>&#0;</a>", "<a>!the answer is no XML: an unknown entity" },
        { "<a>&#xD800;</a>", "<a>!the answer is no XML: an unknown entity" },
        { "<a>&#x110000;</a>", "<a>!the answer is no XML: an unknown entity" },
        { "<a>&#99999999999;</a>",
          "<a>!the answer is no XML: an unknown entity" },
        { "<a>&#;</a>", "<a>!the answer is no XML: an unknown entity" },
        { "<a>&lt", "<a>!the answer is no XML: an unknown entity" },
        { "<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;</a>",
          "!the answer is no XML: it has a document type" },
        { "<a><!-- ", "<a>!the answer is no XML: it ends early" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        CHECK_STR(read_all(str_of(cases[i].text)), cases[i].want);
}

TEST("elements nest to a limit")
{
    char text[3 * (XML_DEPTH_MAX + 1) + 1] = "";
    for (size_t i = 0; i <= XML_DEPTH_MAX; i++)
        strcat(text, "<a>");
    CHECK(strstr(read_all(str_of(text)), "!the answer is no XML: elements nest "
                                         "too deep"));
}

TEST("a whole listing, cut anywhere, is none")
{
    static const char listing[] =
        "<?xml version='1.0'?><L><C><K>a&amp;b</K><S>1</S></C><T>x</T></L>";
    for (size_t n = 0; n < sizeof(listing) - 1; n++)
        CHECK(strchr(read_all((struct str){ listing, n }), '!'));
    CHECK(!strchr(read_all(str_of(listing)), '!'));
}

UNIT_MAIN
