/* Every kernel of the scanner says what the scalar one says, wherever the block
 * begins and however it comes and moves. Shapes accept what the grammar
 * accepts, and fields picked by place are those found by walking. Input: the
 * length of pieces, the address of the block, the block. */
#include "fuzz.h"
#include "base/hash.h"
#include "json/check.h"
#include "json/select.h"

/* A hash of all that a scan says of text, which comes `piece` bytes at a time;
 * with `moves`, the open line moves to the front behind each. */
static uint64_t scan_all(struct str text, size_t piece, size_t shift,
                         bool moves)
{
    char *room = malloc(shift + text.n + SCAN_PADDING), *block = room + shift;
    struct scan s = { 0 };
    struct scan_line l;
    XXH3_state_t h;
    XXH3_64bits_reset(&h);
    memset(room, '"', shift + text.n + SCAN_PADDING);
    for (size_t base = 0, n = 0, more = 1; more > 0; n += more) {
        more = text.n - n < piece ? text.n - n : piece;
        memcpy(block + n - base, text.p + n, more);
        struct str b = { block, n + more - base };
        while (scan_next(&s, b, n + more == text.n, &l) > 0) {
            uint64_t line[] = { l.n, l.start + base, l.end + base, l.flags };
            XXH3_64bits_update(&h, line, sizeof(line));
            XXH3_64bits_update(&h, l.tok, l.n);
            for (uint32_t i = 0; i < l.n; i++) {
                line[0] = l.pos[i] + base;
                XXH3_64bits_update(&h, line, sizeof(*line));
            }
        }
        if (moves) {
            memmove(block, block + s.line, b.n - s.line);
            base += s.line;
            scan_restart(&s, 0);
        }
    }
    scan_free(&s);
    free(room);
    return XXH3_64bits_digest(&h);
}

static void judge(struct shape_cache *c, struct select *s, const char *block,
                  const struct scan_line *l)
{
    struct str text = { block + l->start, l->end - l->start };
    struct shaped sh = { shape_of(c, l, JSON_DEPTH_DEFAULT), l, block };
    struct json_fault f;
    struct val pick[16], run[16];
    bool good = sh.shape && shape_check(sh.shape, block, l);
    MUST(good == (json_check_object(text, JSON_DEPTH_DEFAULT, &f) == 0));
    for (uint32_t i = 0; sh.shape && i < l->n; i++) {
        struct str t = shape_text(sh.shape, block, l, i);
        MUST(t.p >= text.p && t.n > 0 && t.p + t.n <= text.p + text.n);
    }
    /* Of a line that was not checked nothing is asked but to be safe. */
    if (sh.shape && !(l->flags & SCAN_FAULT))
        MUST(select_pick(s, text, &sh, pick) == 0 || !good);
    if (!good)
        return;
    MUST(select_run(s, text, run) == 0);
    for (size_t i = 0; i < select_size(s); i++)
        MUST(run[i].type == pick[i].type && run[i].raw.n == pick[i].raw.n &&
             (run[i].type == JSON_MISSING || run[i].raw.p == pick[i].raw.p));
}

/* Scans by the kernel in use and judges each line. The block ends where its
 * memory ends. */
static void judge_all(struct str text, struct path *paths, size_t n)
{
    char *block = malloc(text.n + SCAN_PADDING);
    struct shape_cache *c = shape_cache_new();
    struct select *s = select_new();
    struct scan sc = { 0 };
    struct scan_line l;
    memset(block, '"', text.n + SCAN_PADDING);
    memcpy(block, text.p, text.n);
    for (size_t i = 0; i < n; i++)
        MUST(select_add(s, &paths[i]) < 16);
    while (scan_next(&sc, (struct str){ block, text.n }, true, &l) > 0)
        judge(c, s, block, &l);
    scan_free(&sc);
    select_free(s);
    shape_cache_free(c);
    free(block);
}

/* The text again and again, more than a scan looks at in one go. */
static struct str repeat(struct str text)
{
    static char many[40000 + 65536];
    size_t n = 0;
    for (; n < 40000 && text.n && text.n < 65536; n += text.n)
        memcpy(many + n, text.p, text.n);
    return (struct str){ many, n };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const kernels[] = { "scalar", "avx2", "avx512", "neon" };
    static struct path *paths;
    static size_t n_paths;
    struct err e;
    if (n < 2 || (!paths && path_list_parse(&paths, &n_paths,
                                            STR("a,b.a,c.b.a,a.b,ab,b[1].a,"
                                                "a[0],b,/0,/1/0,/a~1b"),
                                            &e)))
        return 0;
    struct str text = { (const char *)data + 2, n - 2 };
    if (data[1] & 64)
        text = repeat(text);
    size_t piece = data[0] + 1u + text.n / 64, shift = data[1] & 63;
    uint64_t want = 0;
    for (size_t k = 0; k < sizeof(kernels) / sizeof(*kernels); k++) {
        if (!scan_use(kernels[k]))
            continue;
        uint64_t have = scan_all(text, text.n + 1, shift, false);
        MUST(k == 0 || have == want);
        want = have;
        MUST(scan_all(text, piece, shift, false) == want);
        MUST(scan_all(text, piece, shift, true) == want);
        judge_all(text, paths, n_paths);
    }
    return 0;
}
