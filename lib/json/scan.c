#include "json/scan.h"

#include "json/scan_kernels.h"

#include <stdlib.h>

/* Bytes scanned ahead in one go: the tokens of so many stay in the cache. */
#define AHEAD 16384

struct kernel {
    const char *name;
    scan_run *run;
};

static bool has(const char *name)
{
#if defined(__x86_64__)
    if (strcmp(name, "avx512") == 0)
        return __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vbmi") &&
               __builtin_cpu_supports("avx512vbmi2") &&
               __builtin_cpu_supports("bmi2") &&
               __builtin_cpu_supports("pclmul");
    if (strcmp(name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") &&
               __builtin_cpu_supports("bmi2") &&
               __builtin_cpu_supports("pclmul");
#endif
    (void)name;
    return true;
}

/* Best first; the last one runs everywhere. */
static const struct kernel kernels[] = {
#if defined(__x86_64__)
    { "avx512", scan_run_avx512 },
    { "avx2", scan_run_avx2 },
#elif defined(__aarch64__)
    { "neon", scan_run_neon },
#endif
    { "scalar", scan_run_scalar },
};

static const struct kernel *chosen;

bool scan_use(const char *name)
{
    for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++)
        if (strcmp(kernels[i].name, name) == 0 && has(name)) {
            chosen = &kernels[i];
            return true;
        }
    return false;
}

static const struct kernel *kernel(void)
{
    const char *want = getenv("PIPE_SIMD");
    if (!chosen && want)
        (void)scan_use(want);
    for (size_t i = 0; !chosen; i++) /* scalar, the last, is always there */
        (void)scan_use(kernels[i].name);
    return chosen;
}

const char *scan_kernel(void)
{
    return kernel()->name;
}

void scan_free(struct scan *s)
{
    free(s->tok);
    free(s->pos);
    free(s->marked);
    *s = (struct scan){ 0 };
}

void scan_restart(struct scan *s, uint32_t from)
{
    s->n = s->used = s->n_marked = s->used_marked = 0;
    s->at = s->line = from;
    s->in_string = s->escaped = s->bare = 0;
    s->flags = 0;
}

/* Makes room for more tokens: first over those handed out. */
static int make_room(struct scan *s)
{
    if (s->used) {
        size_t left = s->n - s->used;
        memmove(s->tok, s->tok + s->used, left);
        memmove(s->pos, s->pos + s->used, left * sizeof(*s->pos));
        s->n = left;
        s->used = 0;
    }
    if (s->used_marked) {
        size_t left = s->n_marked - s->used_marked;
        memmove(s->marked, s->marked + s->used_marked,
                left * sizeof(*s->marked));
        s->n_marked = left;
        s->used_marked = 0;
    }
    if (s->cap - s->n < AHEAD) {
        size_t cap = s->cap ? s->cap * 2 : AHEAD * 2;
        uint8_t *tok = realloc(s->tok, cap);
        uint32_t *pos = NULL;
        if (tok) {
            s->tok = tok;
            pos = realloc(s->pos, cap * sizeof(*pos));
        }
        if (!pos)
            return -1;
        s->pos = pos;
        s->cap = cap;
    }
    if (s->cap_marked - s->n_marked < 256) {
        size_t cap = s->cap_marked ? s->cap_marked * 2 : 512;
        struct scan_flag *m = realloc(s->marked, cap * sizeof(*m));
        if (!m)
            return -1;
        s->marked = m;
        s->cap_marked = cap;
    }
    return 0;
}

/* The flags that were noted for the line that ends at `end`. */
static unsigned flags_of(struct scan *s, uint32_t end)
{
    if (s->used_marked < s->n_marked && s->marked[s->used_marked].end == end)
        return s->marked[s->used_marked++].flags;
    return 0;
}

/* The line whose tokens are tok[used .. nl). */
static int hand_out(struct scan *s, size_t nl, uint32_t end, bool feed,
                    struct scan_line *line)
{
    *line = (struct scan_line){ .tok = s->tok + s->used,
                                .pos = s->pos + s->used,
                                .n = (uint32_t)(nl - s->used),
                                .start = s->line,
                                .end = end,
                                .flags = feed ? flags_of(s, end) : s->flags };
    s->used = nl + feed;
    s->line = end + feed;
    return 1;
}

bool scan_ready(const struct scan *s)
{
    return s->n > s->used && memchr(s->tok + s->used, '\n', s->n - s->used);
}

int scan_next(struct scan *s, struct str block, bool last,
              struct scan_line *line)
{
    for (size_t from = s->used;;) {
        uint8_t *nl =
            s->n > from ? memchr(s->tok + from, '\n', s->n - from) : NULL;
        if (nl)
            return hand_out(s, (size_t)(nl - s->tok), s->pos[nl - s->tok], true,
                            line);
        if (s->at == block.n) {
            if (!last || s->line == block.n)
                return 0;
            if (s->in_string)
                s->flags |= SCAN_FAULT;
            return hand_out(s, s->n, (uint32_t)block.n, false, line);
        }
        from = s->n - s->used;
        if (make_room(s))
            return -1;
        (void)kernel()->run(s, (const uint8_t *)block.p, (uint32_t)block.n,
                            s->at + AHEAD);
    }
}
