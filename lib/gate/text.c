#include "gate/text.h"

#include "json/utf8.h"
#include "json/value.h"

int text_quote(struct buf *out, struct str text)
{
    struct buf clean = { .max = 4 * text.n + 1 };
    const char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        size_t n = utf8_char(p, end);
        if (n)
            buf_add(&clean, p, n);
        else
            buf_addz(&clean, "\xef\xbf\xbd");
        p += n ? n : 1;
    }
    if (clean.failed)
        out->failed = true;
    int r = json_quote(out, buf_str(&clean));
    buf_free(&clean);
    return r;
}
