#include "quality/rule.h"

#include "expr/caret.h"
#include "json/utf8.h"

#include <stdlib.h>
#include <strings.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static struct str trim(struct str s)
{
    while (s.n && strchr(" \t\r\n", s.p[0]))
        s.p++, s.n--;
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Takes "word:" off the front of s. */
static bool take_name(struct str *s, struct str *name)
{
    size_t n = 0;
    if (!s->n || !is_letter(s->p[0]))
        return false;
    while (n < s->n && is_name(s->p[n]))
        n++;
    if (n == s->n || s->p[n] != ':')
        return false;
    *name = (struct str){ s->p, n };
    *s = trim((struct str){ s->p + n + 1, s->n - n - 1 });
    return true;
}

int rule_parse(struct rule *r, const char *what, const char *text,
               struct err *e)
{
    *r = (struct rule){ .text = strdup(text) };
    if (!r->text)
        return err_nomem(e);
    struct str all = str_of(r->text);
    if (all.n > RULE_TEXT_MAX)
        return err_set(e, ERR_USAGE, "%s: text of %zu bytes, limit is %d", what,
                       all.n, RULE_TEXT_MAX);
    if (!utf8_valid(all))
        return err_set(e, ERR_USAGE, "%s: '%.200s' is not UTF-8", what, text);
    r->body = trim(all);
    r->named = take_name(&r->body, &r->name);
    if (r->named && r->name.n == 4 && strncasecmp(r->name.p, "warn", 4) == 0) {
        r->warn = true;
        r->named = take_name(&r->body, &r->name);
    }
    if (!r->body.n)
        return caret_error(e, what, all, (size_t)(r->body.p - all.p),
                           "nothing to judge");
    if (!r->named)
        r->name = r->body;
    return 0;
}

void rule_free(struct rule *r)
{
    free(r->text);
    *r = (struct rule){ 0 };
}
