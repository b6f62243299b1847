#include "cli/opt.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 256

/* Which rows the command line has set: by position over all tables. */
struct parse {
    const struct opt *const *tables;
    const struct opt *rows[ROWS_MAX];
    size_t table[ROWS_MAX]; /* which table the row is of */
    bool seen[ROWS_MAX];
    size_t n;
    struct err *e;
};

static void collect(struct parse *p)
{
    for (size_t t = 0; p->tables[t]; t++)
        for (const struct opt *o = p->tables[t]; o->kind != OPT_END; o++)
            if (o->kind != OPT_GROUP && p->n < ROWS_MAX)
                p->table[p->n] = t, p->rows[p->n++] = o;
}

static int scaled(const char *text, const char *const *units,
                  const uint64_t *factors, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return -1;
    uint64_t v = strtoull(text, &end, 10);
    for (size_t i = 0; units[i]; i++) {
        if (strcmp(end, units[i]) != 0)
            continue;
        if (v > UINT64_MAX / factors[i])
            return -1;
        *out = v * factors[i];
        return 0;
    }
    return -1;
}

int opt_size(const char *text, uint64_t *bytes)
{
    static const char *const units[] = { "",    "K",   "M", "G",   "T",
                                         "k",   "m",   "g", "KiB", "MiB",
                                         "GiB", "TiB", NULL };
    static const uint64_t factors[] = {
        1,        1u << 10,         1u << 20, 1u << 30, (uint64_t)1 << 40,
        1u << 10, 1u << 20,         1u << 30, 1u << 10, 1u << 20,
        1u << 30, (uint64_t)1 << 40
    };
    return scaled(text, units, factors, bytes);
}

int opt_time(const char *text, uint64_t *ms)
{
    static const char *const units[] = { "ms", "s", "m", "h", "d", NULL };
    static const uint64_t factors[] = { 1, 1000, 60000, 3600000, 86400000 };
    return scaled(text, units, factors, ms);
}

static int set_number(struct parse *p, const struct opt *o, const char *value)
{
    static const char *const plain[] = { "", NULL };
    static const uint64_t one[] = { 1 };
    static const char *const want[] = {
        [OPT_COUNT] = "a whole number",
        [OPT_SIZE] = "a size such as 64K or 16M",
        [OPT_TIME] = "a time such as 500ms, 30s or 5m",
    };
    uint64_t v;
    int r = o->kind == OPT_COUNT  ? scaled(value, plain, one, &v)
            : o->kind == OPT_SIZE ? opt_size(value, &v)
                                  : opt_time(value, &v);
    if (r)
        return err_set(p->e, ERR_USAGE, "option --%s: '%s' is not %s", o->name,
                       value, want[o->kind]);
    if (v < o->min || (o->max && v > o->max))
        return v < o->min
                   ? err_set(p->e, ERR_USAGE,
                             "option --%s: '%s' is too small, the least is "
                             "%llu",
                             o->name, value, (unsigned long long)o->min)
                   : err_set(p->e, ERR_USAGE,
                             "option --%s: '%s' is too large, the most is %llu",
                             o->name, value, (unsigned long long)o->max);
    *(uint64_t *)o->dest = v;
    return 0;
}

static int set_choice(struct parse *p, const struct opt *o, const char *value)
{
    char list[256] = "";
    size_t n = 0;
    for (size_t i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], value) == 0) {
            *(const char **)o->dest = o->choices[i];
            return 0;
        }
        int w = snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "",
                         o->choices[i]);
        n = n + (size_t)w < sizeof(list) ? n + (size_t)w : sizeof(list) - 1;
    }
    return err_set(p->e, ERR_USAGE, "option --%s: '%s' is not one of %s",
                   o->name, value, list);
}

static int add_to_list(struct parse *p, struct opt_list *l, const char *value)
{
    const char **v = realloc(l->v, (l->n + 1) * sizeof(*v));
    if (!v)
        return err_nomem(p->e);
    l->v = v;
    l->v[l->n++] = value;
    return 0;
}

static int add_step(struct parse *p, const struct opt *o, const char *value)
{
    struct opt_steps *s = o->dest;
    struct opt_step *v = realloc(s->v, (s->n + 1) * sizeof(*v));
    if (!v)
        return err_nomem(p->e);
    s->v = v;
    s->v[s->n++] = (struct opt_step){ o, value };
    return 0;
}

static int set_value(struct parse *p, const struct opt *o, const char *value)
{
    switch (o->kind) {
    case OPT_FLAG: *(bool *)o->dest = true; return 0;
    case OPT_STRING: *(const char **)o->dest = value; return 0;
    case OPT_COUNT:
    case OPT_SIZE:
    case OPT_TIME: return set_number(p, o, value);
    case OPT_CHOICE: return set_choice(p, o, value);
    case OPT_LIST: return add_to_list(p, o->dest, value);
    case OPT_STEP:
    case OPT_STEP_MAY: return add_step(p, o, value);
    case OPT_END:
    case OPT_GROUP: break;
    }
    return err_set(p->e, ERR_BUG, "option --%s has no kind", o->name);
}

static bool repeats(const struct opt *o)
{
    return o->kind == OPT_LIST || o->kind == OPT_FLAG || o->kind == OPT_STEP ||
           o->kind == OPT_STEP_MAY;
}

/* Takes the row as given on the command line. */
static int take(struct parse *p, size_t i, const char *value)
{
    const struct opt *o = p->rows[i];
    if (p->seen[i] && !repeats(o))
        return err_set(p->e, ERR_USAGE, "option --%s is given twice", o->name);
    for (size_t j = 0; j < p->n; j++)
        if (j != i && p->seen[j] && o->exclusive &&
            p->table[j] == p->table[i] && p->rows[j]->exclusive == o->exclusive)
            return err_set(p->e, ERR_USAGE,
                           "options --%s and --%s exclude each other",
                           p->rows[j]->name, o->name);
    p->seen[i] = true;
    return set_value(p, o, value);
}

/* A word "--name" or "--name=value"; *i is its place in argv. */
static int take_long(struct parse *p, int argc, char **argv, int *i)
{
    const char *word = argv[*i] + 2, *eq = strchr(word, '=');
    size_t n = eq ? (size_t)(eq - word) : strlen(word);
    for (size_t r = 0; r < p->n; r++) {
        const struct opt *o = p->rows[r];
        if (strlen(o->name) != n || strncmp(o->name, word, n) != 0)
            continue;
        if (o->kind == OPT_FLAG && eq)
            return err_set(p->e, ERR_USAGE, "option --%s takes no value",
                           o->name);
        if (o->kind == OPT_FLAG)
            return take(p, r, NULL);
        if (eq)
            return take(p, r, eq + 1);
        if (o->kind == OPT_STEP_MAY)
            return take(p, r, NULL);
        if (*i + 1 >= argc)
            return err_set(p->e, ERR_USAGE, "option --%s needs a value %s",
                           o->name, o->arg);
        return take(p, r, argv[++*i]);
    }
    return err_set(p->e, ERR_USAGE, "unknown option --%.*s", (int)n, word);
}

/* A word "-abc": flags, of which the last may be an option with its value
 * attached or in the next word. */
static int take_short(struct parse *p, int argc, char **argv, int *i)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        size_t r = 0;
        while (r < p->n && p->rows[r]->letter != *c)
            r++;
        if (r == p->n)
            return err_set(p->e, ERR_USAGE, "unknown option -%c", *c);
        if (p->rows[r]->kind == OPT_FLAG || p->rows[r]->kind == OPT_STEP_MAY) {
            if (take(p, r, NULL))
                return -1;
            continue;
        }
        if (c[1])
            return take(p, r, c + 1);
        if (*i + 1 >= argc)
            return err_set(p->e, ERR_USAGE, "option -%c needs a value %s", *c,
                           p->rows[r]->arg);
        return take(p, r, argv[++*i]);
    }
    return 0;
}

static int take_environment(struct parse *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct opt *o = p->rows[i];
        const char *v = o->env && !p->seen[i] ? getenv(o->env) : NULL;
        if (!v || !*v)
            continue;
        if (set_value(p, o, v)) {
            struct err cause = *p->e;
            return err_set(p->e, ERR_USAGE, "%s (from $%s)", cause.msg, o->env);
        }
    }
    return 0;
}

int opt_parse(const struct opt *const *tables, int argc, char **argv,
              bool stop_at_dashes, int *operands, int *rest, struct err *e)
{
    struct parse p = { .tables = tables, .e = e };
    collect(&p);
    int n = 0, i = 1;
    *rest = argc;
    for (; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        int r = 0;
        if (word[0] == '-' && word[1] == '-')
            r = take_long(&p, argc, argv, &i);
        else if (word[0] == '-' && word[1])
            r = take_short(&p, argc, argv, &i);
        else
            argv[++n] = word;
        if (r)
            return -1;
    }
    if (stop_at_dashes)
        *rest = i;
    else
        for (; i < argc; i++)
            argv[++n] = argv[i];
    *operands = n;
    return take_environment(&p);
}

void opt_free(const struct opt *const *tables)
{
    for (size_t t = 0; tables[t]; t++)
        for (const struct opt *o = tables[t]; o->kind != OPT_END; o++)
            if (o->kind == OPT_LIST) {
                struct opt_list *l = o->dest;
                free(l->v);
                *l = (struct opt_list){ 0 };
            } else if (o->kind == OPT_STEP || o->kind == OPT_STEP_MAY) {
                struct opt_steps *s = o->dest;
                free(s->v);
                *s = (struct opt_steps){ 0 };
            }
}
