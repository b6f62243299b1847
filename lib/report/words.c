#include "report/words.h"

#include "base/date.h"

#include <math.h>

void words_seconds(struct buf *out, double seconds)
{
    if (!(seconds >= -1e15 && seconds <= 1e15))
        seconds = 0;
    if (seconds < 0)
        buf_addc(out, '-');
    double s = fabs(seconds);
    unsigned long long n = (unsigned long long)(s + 0.5);
    if (s < 9.95)
        buf_addf(out, "%.1fs", s);
    else if (n < 60)
        buf_addf(out, "%llus", n);
    else if (n < 3600)
        buf_addf(out, "%llum %02llus", n / 60, n % 60);
    else if (n < 86400)
        buf_addf(out, "%lluh %02llum", n / 3600, n % 3600 / 60);
    else
        buf_addf(out, "%llud %lluh", n / 86400, n % 86400 / 3600);
}

void words_count(struct buf *out, uint64_t n)
{
    char digits[24];
    struct buf plain = { .max = 64 };
    buf_addf(&plain, "%llu", (unsigned long long)n);
    size_t k = 0;
    for (size_t i = 0; i < plain.n && k < sizeof(digits) - 1; i++)
        digits[k++] = plain.p[i];
    for (size_t i = 0; i < k; i++) {
        if (i && (k - i) % 3 == 0)
            buf_addc(out, ',');
        buf_addc(out, digits[i]);
    }
    buf_free(&plain);
}

static void scaled(struct buf *out, double n, double base,
                   const char *const *units, size_t n_units)
{
    size_t i = 0;
    while (n >= base * 0.9995 && i + 1 < n_units) {
        n /= base;
        i++;
    }
    buf_addf(out, i == 0 || n >= 99.95 ? "%.0f%s" : "%.1f%s", n, units[i]);
}

void words_short(struct buf *out, double n)
{
    static const char *const units[] = { "", "k", "M", "G", "T" };
    scaled(out, n, 1000, units, sizeof(units) / sizeof(*units));
}

void words_bytes(struct buf *out, double bytes)
{
    static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB" };
    scaled(out, bytes, 1024, units, sizeof(units) / sizeof(*units));
}

void words_share(struct buf *out, double share)
{
    double p = share * 100;
    if (p <= 0)
        buf_addz(out, "0%");
    else if (p < 0.01)
        buf_addz(out, "<0.01%");
    else if (p >= 100)
        buf_addf(out, "%.0f%%", p);
    else if (p > 99.99)
        buf_addz(out, ">99.99%");
    else
        buf_addf(out, p < 10 || p > 99 ? "%.2f%%" : "%.1f%%", p);
}

void words_time(struct buf *out, int64_t us, const char *tz)
{
    struct buf text = { .max = 64 };
    if (us == 0) {
        buf_addc(out, '-');
        return;
    }
    int64_t second = us - (us % 1000000 + 1000000) % 1000000;
    time_format_tz(&text, second, tz);
    if (text.n >= 19) {
        text.p[10] = ' ';
        buf_add(out, text.p, 19);
    }
    buf_free(&text);
}

void words_shell(struct buf *out, struct str text)
{
    bool plain = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        plain = plain && memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                "UVWXYZ0123456789-_./:@%+,=",
                                text.p[i], 73);
    if (plain) {
        buf_add_str(out, text);
        return;
    }
    buf_addc(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_addz(out, "'\\''");
        else
            buf_addc(out, text.p[i]);
    }
    buf_addc(out, '\'');
}
