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
    free(s->ends);
    *s = (struct scan){ 0 };
}

void scan_restart(struct scan *s, uint32_t from)
{
    s->n = s->used = s->n_ends = s->used_ends = 0;
    s->at = s->line = from;
    s->carry = (struct scan_carry){ 0 };
    s->flags = 0;
}

/* Makes room for more tokens behind those that are there. */
static int grow(struct scan *s)
{
    if (s->cap - s->n >= AHEAD)
        return 0;
    size_t cap = s->cap ? s->cap * 2 : AHEAD * 2;
    uint8_t *tok = realloc(s->tok, cap + SCAN_TOKENS_PADDING);
    if (!tok)
        return -1;
    s->tok = tok;
    uint32_t *pos = realloc(s->pos, cap * sizeof(*pos));
    if (!pos)
        return -1;
    s->pos = pos;
    struct scan_end *ends = realloc(s->ends, cap * sizeof(*ends));
    if (!ends)
        return -1;
    s->ends = ends;
    s->cap = cap;
    return 0;
}

/* Makes room for more tokens, first over those handed out, which are all but
 * the open line's. */
static int make_room(struct scan *s)
{
    size_t left = s->n - s->used;
    if (left) { /* else there may be no arrays yet */
        memmove(s->tok, s->tok + s->used, left);
        memmove(s->pos, s->pos + s->used, left * sizeof(*s->pos));
    }
    s->n = left;
    s->used = s->n_ends = s->used_ends = 0;
    return grow(s);
}

/* The line that the end of the block ends. Its last number was not looked at
 * to its end. */
static int hand_out_last(struct scan *s, uint32_t end, struct scan_line *line)
{
    *line = (struct scan_line){ .tok = s->tok + s->used,
                                .pos = s->pos + s->used,
                                .n = (uint32_t)(s->n - s->used),
                                .start = s->line,
                                .end = end,
                                .flags = s->flags | SCAN_NUMBERS };
    if (s->carry.in_string)
        line->flags |= SCAN_FAULT;
    s->used = s->n;
    s->line = end;
    return 1;
}

int scan_next(struct scan *s, struct str block, bool last,
              struct scan_line *line)
{
    while (!scan_ready(s)) {
        if (s->at == block.n) {
            if (!last || s->line == block.n)
                return 0;
            return hand_out_last(s, (uint32_t)block.n, line);
        }
        if (make_room(s))
            return -1;
        kernel()->run(s, (const uint8_t *)block.p, (uint32_t)block.n,
                      s->at + AHEAD);
    }
    scan_take(s, line);
    return 1;
}

int scan_block(struct scan *s, struct str block)
{
    uint32_t n = (uint32_t)block.n;
    while (s->at < n) {
        if (grow(s))
            return -1;
        kernel()->run(s, (const uint8_t *)block.p, n, n);
    }
    return 0;
}
