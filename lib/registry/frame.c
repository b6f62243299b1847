#include "registry/frame.h"

static void skip(struct str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

bool frame_id(struct str *message, uint32_t *id)
{
    if (message->n < 5 || message->p[0] != 0)
        return false;
    *id = 0;
    for (int i = 1; i < 5; i++)
        *id = *id << 8 | (unsigned char)message->p[i];
    skip(message, 5);
    return true;
}

/* A zigzag varint of 0 to INT32_MAX. */
static bool read_index(struct str *s, uint32_t *v)
{
    uint64_t u = 0;
    for (size_t i = 0; i < s->n && i < 5; i++) {
        unsigned char c = (unsigned char)s->p[i];
        u |= (uint64_t)(c & 0x7f) << 7 * i;
        if (c & 0x80)
            continue;
        if ((u & 1) || u >> 1 > INT32_MAX)
            return false;
        *v = (uint32_t)(u >> 1);
        skip(s, i + 1);
        return true;
    }
    return false;
}

bool frame_path(struct str *payload, uint32_t path[FRAME_PATH_MAX], size_t *n)
{
    uint32_t count;
    if (!read_index(payload, &count) || count > FRAME_PATH_MAX)
        return false;
    if (count == 0) {
        path[0] = 0;
        *n = 1;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (!read_index(payload, &path[i]))
            return false;
    *n = count;
    return true;
}
