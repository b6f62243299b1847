#include "heard.h"

#include "gate/text.h"

#include <errno.h>
#include <unistd.h>

#define LINE_MAX_KEPT 8192
#define KEPT_MAX ((size_t)24 << 20) /* the log is for our stages, too */
#define MEMBERS 256                 /* what each line of the log begins with */

static void pass_on(const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(STDERR_FILENO, p, n);
        if (w < 0 && errno == EINTR && !stage_stopping())
            continue;
        if (w <= 0)
            return; /* nobody is there to be told */
        p += w;
        n -= (size_t)w;
    }
}

static bool is_json(const struct heard *h)
{
    return h->st->opts.log && strcmp(h->st->opts.log, "json") == 0;
}

static void keep(struct heard *h, struct str members)
{
    if (h->kept > KEPT_MAX && !is_json(h))
        return;
    h->kept += members.n + MEMBERS;
    if (h->kept > KEPT_MAX && !is_json(h))
        stage_event(h->st, "warn",
                    STR(",\"event\":\"stderr\",\"msg\":\"there was more, "
                        "which is not kept\""));
    else
        stage_event(h->st, "info", members);
}

static void end_line(struct heard *h)
{
    struct buf b = { 0 };
    while (h->line.n && h->line.p[h->line.n - 1] == '\r')
        h->line.n--;
    if (h->line.n) {
        buf_addz(&b, ",\"event\":\"stderr\",\"msg\":");
        if (text_quote(&b, buf_str(&h->line)) == 0)
            keep(h, buf_str(&b));
    }
    buf_free(&b);
    buf_reset(&h->line);
}

void heard_take(struct heard *h, const char *text, size_t n)
{
    if (!is_json(h))
        pass_on(text, n);
    if (h->kept > KEPT_MAX && !is_json(h))
        return;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            end_line(h);
        else if (h->line.n < LINE_MAX_KEPT)
            buf_addc(&h->line, text[i]);
    }
    if (n == 0)
        end_line(h);
}

void heard_free(struct heard *h)
{
    buf_free(&h->line);
}
