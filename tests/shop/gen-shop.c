/* gen-shop: writes the sample shop: orders, support tickets and marketing
 * events, with known numbers of bad and repeated records.
 *
 * Which positions are bad or repeats is drawn without replacement (Knuth,
 * TAOCP 3.4.2, algorithm S), so that the counts are exact. */
#include "shop.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BAD 255 /* in shop.versions: a bad record, never repeated */
#define MAX_VERSION 200

struct tally {
    uint64_t bad, exact, later, kinds[SHOP_KINDS];
};

/* ---- lines */

static size_t line_json(const struct row *row, char *line)
{
    char *p = line;
    bool first = true;

    for (size_t i = 0; i < row->n; i++) {
        const struct cell *c = &row->cell[i];
        size_t name = strlen(c->name);
        if (c->n == 0)
            continue;
        *p++ = first ? '{' : ',';
        first = false;
        *p++ = '"';
        memcpy(p, c->name, name);
        p += name;
        *p++ = '"';
        *p++ = ':';
        memcpy(p, c->token, c->n);
        p += c->n;
    }
    *p++ = '}';
    return (size_t)(p - line);
}

static char *csv_cell(const struct cell *c, char *p)
{
    bool quoted = false;

    if (c->n == 4 && memcmp(c->token, "null", 4) == 0)
        return p;
    if (c->n == 0 || c->token[0] != '"') {
        memcpy(p, c->token, c->n);
        return p + c->n;
    }
    for (size_t i = 1; i + 1 < c->n; i++)
        quoted = quoted || c->token[i] == ',' || c->token[i] == '\\';
    if (quoted)
        *p++ = '"';
    for (size_t i = 1; i + 1 < c->n; i++) {
        if (c->token[i] != '\\') {
            *p++ = c->token[i];
        } else if (c->token[++i] == 'n') {
            *p++ = '\n';
        } else {
            *p++ = '"';
            *p++ = '"';
        }
    }
    if (quoted)
        *p++ = '"';
    return p;
}

static size_t line_csv(const struct row *row, size_t cells, char *line)
{
    char *p = line;

    for (size_t i = 0; i < cells; i++) {
        if (row->cell[i].nested)
            continue;
        if (p != line)
            *p++ = ',';
        p = csv_cell(&row->cell[i], p);
    }
    return (size_t)(p - line);
}

/* Writes one record, spoilt as `bad` says unless that is NULL. */
static void write_record(const struct shop *shop, uint64_t number,
                         unsigned version, const struct kind *bad)
{
    struct row row = { .n = 0 };
    char line[4096];
    bool cut = bad && bad->cell < 0;
    size_t n;

    shop->table->row(shop, number, version, &row);
    if (bad && !cut) {
        row.cell[bad->cell].n = 0;
        put(&row.cell[bad->cell], bad->token);
    }
    if (shop->csv) {
        n = line_csv(&row, cut ? row.n - 1 : row.n, line);
    } else {
        n = line_json(&row, line);
        if (cut)
            n = n * 3 / 5;
    }
    line[n++] = '\n';
    fwrite(line, 1, n, shop->out);
}

static void write_header(const struct shop *shop)
{
    struct row row = { .n = 0 };

    shop->table->row(shop, 0, 0, &row);
    for (size_t i = 0; i < row.n; i++)
        if (!row.cell[i].nested)
            fprintf(shop->out, "%s%s", i ? "," : "", row.cell[i].name);
    putc('\n', shop->out);
}

/* An earlier good record: mostly a recent one, sometimes any. */
static uint64_t pick_earlier(const struct shop *shop, uint64_t made,
                             uint64_t *rng)
{
    uint64_t reach = made > 1000 && shop_below(rng, 4) ? 1000 : made;
    uint64_t number = made - 1 - shop_below(rng, reach);

    while (shop->versions[number] == BAD)
        number--; /* number 0 is good */
    return number;
}

static void repeat(struct shop *shop, uint64_t made, uint64_t *rng,
                   struct tally *tally)
{
    uint64_t number = pick_earlier(shop, made, rng);
    unsigned char *version = &shop->versions[number];

    if (shop->table->versioned && *version < MAX_VERSION &&
        shop_below(rng, 2)) {
        ++*version;
        tally->later++;
    } else {
        tally->exact++;
    }
    write_record(shop, number, *version, NULL);
}

/* Writes the table to shop->out; 0, or -1 with errno. Leaves shop->versions
 * for the manifest. */
static int write_table(struct shop *shop, struct tally *tally)
{
    uint64_t bad = shop->records * shop->bad_percent / 100;
    uint64_t repeats = shop->records * shop->repeat_percent / 100;
    uint64_t made = 0, rng;

    shop->fresh = shop->records - repeats;
    shop->customers = shop->records / 10 + 1;
    shop->versions = calloc(shop->fresh ? shop->fresh : 1, 1);
    if (shop->versions == NULL)
        return -1;
    rng = ~shop_stream(shop, UINT64_MAX);
    if (shop->csv)
        write_header(shop);
    for (uint64_t left = shop->records; left > 0; left--) {
        uint64_t r = made == 0 ? left : shop_below(&rng, left);
        if (r < bad) {
            uint64_t k = tally->bad++ % shop->table->n_kinds;
            tally->kinds[k]++;
            bad--;
            shop->versions[made] = BAD;
            write_record(shop, made++, 0, &shop->table->kinds[k]);
        } else if (r < bad + repeats) {
            repeats--;
            repeat(shop, made, &rng, tally);
        } else {
            write_record(shop, made++, 0, NULL);
        }
    }
    return fflush(shop->out) == 0 && !ferror(shop->out) ? 0 : -1;
}

/* ---- what a right pipeline must find */

/* Of the orders that remain when the first (or last) of each order_id is kept
 * and cancelled ones are left out. */
static int manifest_kept(FILE *f, const struct shop *shop, bool last)
{
    uint64_t cancelled = 0, loaded = 0, cents = 0, customers = 0;
    unsigned char *seen = calloc(shop->customers, 1);

    if (seen == NULL)
        return -1;
    for (uint64_t n = 0; n < shop->fresh; n++) {
        struct order o;
        if (shop->versions[n] == BAD)
            continue;
        order_draw(shop, n, last ? shop->versions[n] : 0, &o);
        if (o.status == CANCELLED) {
            cancelled++;
            continue;
        }
        loaded++;
        cents += o.cents;
        customers += !seen[o.customer];
        seen[o.customer] = 1;
    }
    free(seen);
    fprintf(f,
            ",\"keep_%s\":{\"cancelled\":%" PRIu64 ",\"orders\":%" PRIu64
            ",\"customers\":%" PRIu64 ",\"revenue_cents\":%" PRIu64 "}",
            last ? "last" : "first", cancelled, loaded, customers, cents);
    return 0;
}

static int manifest(FILE *f, const struct shop *shop, const struct tally *t)
{
    uint64_t repeated = t->exact + t->later;

    fprintf(f,
            "{\"table\":\"%s\",\"records\":%" PRIu64 ",\"bad\":%" PRIu64
            ",\"repeated\":%" PRIu64 ",\"unique\":%" PRIu64
            ",\"exact_repeats\":%" PRIu64 ",\"later_versions\":%" PRIu64
            ",\"bad_kinds\":{",
            shop->table->name, shop->records, t->bad, repeated,
            shop->records - t->bad - repeated, t->exact, t->later);
    for (size_t k = 0; k < shop->table->n_kinds; k++)
        fprintf(f, "%s\"%s\":%" PRIu64, k ? "," : "",
                shop->table->kinds[k].name, t->kinds[k]);
    putc('}', f);
    if (shop->table == shop_tables && (manifest_kept(f, shop, false) != 0 ||
                                       manifest_kept(f, shop, true) != 0))
        return -1;
    fputs("}\n", f);
    return 0;
}

/* ---- command line */

static const char usage[] =
    "usage: gen-shop [OPTION...]\n"
    "Write the sample shop as NDJSON: exact numbers of bad and repeated "
    "records.\n\n"
    "  -n, --records N    so many records (default 20000)\n"
    "  -s, --seed S       another shop (default 1)\n"
    "  -t, --table NAME   orders, tickets or events (default orders)\n"
    "      --date DATE    the first day (default 2024-01-01)\n"
    "      --days N       spread over N days (default 365)\n"
    "      --bad P        percent of bad records (default 1)\n"
    "      --repeat P     percent of repeated ids (default 10)\n"
    "      --csv          CSV of the flat fields\n"
    "      --dir DIR      write files and manifest.ndjson into DIR: --table,\n"
    "                     or all: N orders, N/10 tickets, N/2 events\n"
    "  -v, --verbose      the manifest (true counts) on stderr\n"
    "  -h, --help         this text\n";

static int fail(int status, const char *what, const char *subject)
{
    fprintf(stderr, "gen-shop: %s '%s'%s%s\n", what, subject, errno ? ": " : "",
            errno ? strerror(errno) : "");
    return status;
}

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *v)
{
    char *end;

    errno = 0;
    *v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno)
        *v = UINT64_MAX;
    errno = 0;
    return *v >= min && *v <= max;
}

/* Reads YYYY-MM-DD by looking for the day that prints so. */
static bool parse_date(const char *text, int64_t *days)
{
    struct cell c = { .n = 0 };
    int year, month, day;

    if (strlen(text) != 10 ||
        sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3 || year < 1970)
        return false;
    *days = (int64_t)(year - 1970) * 1461 / 4 + (month - 1) * 30 + day - 4;
    for (int tries = 0; tries < 16; tries++, ++*days) {
        c.n = 0;
        put_date(&c, *days, "-");
        if (c.n == 10 && memcmp(c.token, text, 10) == 0)
            return true;
    }
    return false;
}

static int one_table(struct shop *shop, const char *dir, FILE *counts)
{
    struct tally tally = { 0 };
    char path[4096] = "standard output";
    static char block[1 << 18];
    int r;

    if (dir)
        snprintf(path, sizeof path, "%s/%s.%s", dir, shop->table->name,
                 shop->csv ? "csv" : "ndjson");
    shop->out = dir ? fopen(path, "w") : stdout;
    if (shop->out == NULL)
        return fail(73, "cannot create", path);
    setvbuf(shop->out, block, _IOFBF, sizeof block);
    r = write_table(shop, &tally);
    if (r == 0 && counts)
        r = manifest(counts, shop, &tally);
    free(shop->versions);
    if (fclose(shop->out) != 0 || r != 0)
        return fail(74, "cannot write", path);
    return 0;
}

static int all_tables(struct shop *shop, const struct table *only,
                      const char *dir)
{
    static const unsigned divisor[] = { 1, 10, 2 };
    uint64_t records = shop->records;
    char path[4096];
    FILE *counts;
    int r = 0;

    snprintf(path, sizeof path, "%s/manifest.ndjson", dir);
    counts = fopen(path, "w");
    if (counts == NULL)
        return fail(73, "cannot create", path);
    for (size_t i = 0; i < COUNT(shop_tables) && r == 0; i++) {
        if (only && only != &shop_tables[i])
            continue;
        shop->table = &shop_tables[i];
        shop->records = only ? records : records / divisor[i];
        r = one_table(shop, dir, counts);
    }
    if (fclose(counts) != 0 && r == 0)
        r = fail(74, "cannot write", path);
    return r;
}

enum { OPT_DATE = 256, OPT_DAYS, OPT_BAD, OPT_REPEAT, OPT_CSV, OPT_DIR };

static const struct option options[] = {
    { "records", 1, NULL, 'n' },       { "seed", 1, NULL, 's' },
    { "table", 1, NULL, 't' },         { "date", 1, NULL, OPT_DATE },
    { "days", 1, NULL, OPT_DAYS },     { "bad", 1, NULL, OPT_BAD },
    { "repeat", 1, NULL, OPT_REPEAT }, { "csv", 0, NULL, OPT_CSV },
    { "dir", 1, NULL, OPT_DIR },       { "verbose", 0, NULL, 'v' },
    { "help", 0, NULL, 'h' },          { NULL, 0, NULL, 0 },
};

static const struct table *find_table(const char *name)
{
    for (size_t i = 0; i < COUNT(shop_tables); i++)
        if (strcmp(shop_tables[i].name, name) == 0)
            return &shop_tables[i];
    return NULL;
}

int main(int argc, char **argv)
{
    struct shop shop = {
        .seed = 1, .records = 20000, .day0 = 19723, .days = 365
    };
    const struct table *only = NULL;
    const char *dir = NULL;
    uint64_t bad = 1, repeats = 10;
    bool verbose = false, ok = true;
    int c;

    while (ok && (c = getopt_long(argc, argv, "n:s:t:vh", options, NULL)) != -1)
        switch (c) {
        case 'n': ok = number(optarg, 0, 1000000000, &shop.records); break;
        case 's': ok = number(optarg, 0, UINT64_MAX - 1, &shop.seed); break;
        case 't': ok = (only = find_table(optarg)) != NULL; break;
        case OPT_DATE: ok = parse_date(optarg, &shop.day0); break;
        case OPT_DAYS: ok = number(optarg, 1, 100000, &shop.days); break;
        case OPT_BAD: ok = number(optarg, 0, 99, &bad); break;
        case OPT_REPEAT: ok = number(optarg, 0, 99, &repeats); break;
        case OPT_CSV: shop.csv = true; break;
        case OPT_DIR: dir = optarg; break;
        case 'v': verbose = true; break;
        case 'h': return fputs(usage, stdout) < 0 || fflush(stdout) ? 74 : 0;
        default: return 64; /* getopt_long has said why */
        }
    if (!ok)
        return fail(64, "not a valid value", optarg);
    if (optind < argc)
        return fail(64, "unexpected operand", argv[optind]);
    if (bad + repeats > 99) {
        fputs("gen-shop: --bad and --repeat leave no good record\n", stderr);
        return 64;
    }
    shop.bad_percent = (unsigned)bad;
    shop.repeat_percent = (unsigned)repeats;
    if (dir)
        return all_tables(&shop, only, dir);
    shop.table = only ? only : &shop_tables[0];
    return one_table(&shop, NULL, verbose ? stderr : NULL);
}
