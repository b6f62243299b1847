/* utf8_body: the loop of the kernels whose vectors are loaded whole. Included
 * once by each of their sources with KERNEL, the type vec of WIDTH bytes, and
 *
 *     vec load(const uint8_t *p)
 *     vec either(vec a, vec b)       bitwise
 *     vec moved(vec v, int k)        k bytes up, zeros below; a macro
 *     vec errors(vec v3, vec v2, vec v1, vec v)
 *         not zero where v is wrong; vk are the bytes k before those of v
 *     bool ascii(vec v)              all of it?
 *     bool clear(vec v)              all zero? */

#ifndef JSON_UTF8_BODY_H
#define JSON_UTF8_BODY_H

#ifndef KERNEL
#error "included by the kernels only, once by each"
#endif

/* What is wrong with the bytes at p, three bytes or more into the text. */
static inline vec errors_at(const uint8_t *p)
{
    return errors(load(p - 3), load(p - 2), load(p - 1), load(p));
}

static inline uint64_t word(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

/* 8 bytes or more, less than WIDTH + 3: ASCII by words, else a copy with zeros
 * around it, which show what is not finished. */
static bool short_text(const uint8_t *p, size_t n)
{
    uint64_t all = word(p + n - 8);
    for (size_t i = 0; i + 8 < n; i += 8)
        all |= word(p + i);
    if ((all & 0x8080808080808080u) == 0)
        return true;

    uint8_t room[3 + 2 * WIDTH] = { 0 };
    memcpy(room + 3, p, n);
    vec bad = errors_at(room + 3);
    if (n >= WIDTH)
        bad = either(bad, errors_at(room + 3 + WIDTH));
    return clear(bad);
}

bool KERNEL(const uint8_t *p, size_t n)
{
    if (n < WIDTH + 3)
        return n < 8 ? utf8_scalar(p, n) : short_text(p, n);

    vec v = load(p);
    vec bad = errors(moved(v, 3), moved(v, 2), moved(v, 1), v);
    size_t i = WIDTH;
    for (; n - i >= 4 * WIDTH; i += 4 * WIDTH) {
        const uint8_t *at = p + i;
        vec all = either(either(load(at), load(at + WIDTH)),
                         either(load(at + 2 * WIDTH), load(at + 3 * WIDTH)));
        bad = either(bad, errors_at(at));
        if (ascii(all))
            continue;
        bad = either(bad, errors_at(at + WIDTH));
        bad = either(bad, errors_at(at + 2 * WIDTH));
        bad = either(bad, errors_at(at + 3 * WIDTH));
    }
    for (; n - i >= WIDTH; i += WIDTH)
        bad = either(bad, errors_at(p + i));
    /* The last WIDTH bytes, some of them for the second time. */
    bad = either(bad, errors_at(p + n - WIDTH));
    return clear(bad) && p[n - 1] < 0xc0 && p[n - 2] < 0xe0 && p[n - 3] < 0xf0;
}

#endif
