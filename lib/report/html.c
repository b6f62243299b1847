#include "report/html.h"

#include "json/visible.h"

void html_text(struct buf *out, struct str s)
{
    struct buf seen = { .max = out->max };
    if (visible_text(&seen, s))
        out->failed = true;
    for (size_t i = 0; i < seen.n; i++)
        switch (seen.p[i]) {
        case '&': buf_addz(out, "&amp;"); break;
        case '<': buf_addz(out, "&lt;"); break;
        case '>': buf_addz(out, "&gt;"); break;
        case '"': buf_addz(out, "&quot;"); break;
        case '\'': buf_addz(out, "&#39;"); break;
        default: buf_addc(out, seen.p[i]);
        }
    buf_free(&seen);
}

void html_textz(struct buf *out, const char *z)
{
    if (z)
        html_text(out, str_of(z));
}

void html_link(struct buf *out, const char *url, const char *text)
{
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
        html_textz(out, text);
        return;
    }
    buf_addz(out, "<a rel=\"noreferrer\" href=\"");
    html_textz(out, url);
    buf_addz(out, "\">");
    html_textz(out, text);
    buf_addz(out, "</a>");
}
