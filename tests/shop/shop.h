/* shop: what the sample shop consists of: the tables, their rows, and how a
 * row goes bad.
 *
 * Deterministic on every machine: integers only, no locale, no clock. A row is
 * a function of seed, first date, table, number and version, so that a repeat
 * needs no memory of the text. Random numbers are SplitMix64 (Steele, Lea and
 * Flood 2014). */
#ifndef SHOP_H
#define SHOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define SHOP_KINDS 8 /* at most, of bad records of one table */
#define SHOP_TABLES 3

/* A row is cells of ready JSON tokens; an empty token is a missing field. CSV
 * takes the flat ones. */
struct cell {
    const char *name; /* static */
    bool nested;
    size_t n;
    char token[256];
};

struct row {
    size_t n;
    struct cell cell[10];
};

struct shop {
    uint64_t seed, records, customers;
    unsigned bad_percent, repeat_percent;
    int64_t day0;  /* days since 1970-01-01 */
    uint64_t days; /* rows are spread over that many */
    bool csv;
    uint64_t fresh;          /* records that are no repeats, bad ones too */
    unsigned char *versions; /* of each fresh record, the latest written */
    const struct table *table;
    FILE *out;
};

/* How a record goes bad: a cell is replaced, or the line is cut. */
struct kind {
    const char *name;
    int cell; /* -1: cut the line */
    const char *token;
};

struct table {
    const char *name;
    /* Fills the empty row. */
    void (*row)(const struct shop *shop, uint64_t number, unsigned version,
                struct row *row);
    bool versioned; /* a repeat may be a later version */
    size_t n_kinds;
    const struct kind *kinds;
};

enum status { PENDING, PROCESSING, SHIPPED, COMPLETED, CANCELLED, RETURNED };

struct order {
    uint64_t customer, cents;
    int64_t placed, updated; /* seconds since the epoch */
    enum status status;
    unsigned n_items, channel;
    struct {
        uint64_t sku, qty, cents;
    } item[3];
};

/* orders, tickets, events */
extern const struct table shop_tables[SHOP_TABLES];

/* The order behind a row of the first table. */
void order_draw(const struct shop *shop, uint64_t number, unsigned version,
                struct order *o);

/* The state of a stream of random numbers that belongs to one number of the
 * shop's table. */
uint64_t shop_stream(const struct shop *shop, uint64_t number);

/* A number in 0 .. n - 1; moves the stream on. */
uint64_t shop_below(uint64_t *state, uint64_t n);

/* Appends text to a token, and YYYY-MM-DD of a day since 1970-01-01. */
void put(struct cell *c, const char *text);
void put_date(struct cell *c, int64_t days, const char *separator);

#endif
