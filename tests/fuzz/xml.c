/* Whatever a server answers: elements that open close, in their order, and all
 * text together is no longer than what was read. */
#include "fuzz.h"
#include "s3/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct xml x;
    struct xml_node node;
    struct err e = { 0 };
    size_t depth = 0, text = 0;
    int r;
    xml_init(&x, (struct str){ (const char *)data, n });
    while ((r = xml_next(&x, &node, &e)) > 0) {
        if (node.event == XML_OPEN)
            depth++;
        else
            MUST(depth--);
        text += node.text.n;
        MUST(node.name.n || memchr(data, ':', n));
        MUST(depth <= XML_DEPTH_MAX && text <= n);
    }
    MUST(r == 0 ? depth == 0 : e.code == ERR_DATA);
    xml_free(&x);
    return 0;
}
