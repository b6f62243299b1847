#include "shop.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t next(uint64_t *state)
{
    return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t shop_below(uint64_t *state, uint64_t n)
{
    return (uint64_t)((u128)next(state) * n >> 64);
}

/* The stream of random numbers that belongs to one record. */
uint64_t shop_stream(const struct shop *shop, uint64_t number)
{
    uint64_t s = mix(shop->seed + UINT64_C(0x632be59bd9b4e019));
    s = mix(s ^ (uint64_t)shop->day0 ^ (uint64_t)shop->table->name[0] << 40);
    return mix(s + number * UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- tokens */

static struct cell *cell(struct row *row, const char *name)
{
    struct cell *c = &row->cell[row->n++];
    c->name = name;
    c->nested = false;
    c->n = 0;
    return c;
}

void put(struct cell *c, const char *text)
{
    size_t n = strlen(text);
    if (n > sizeof c->token - c->n)
        abort(); /* the tables below are too generous */
    memcpy(c->token + c->n, text, n);
    c->n += n;
}

static void put_number(struct cell *c, uint64_t v, unsigned width)
{
    char digits[24];
    size_t at = sizeof digits;

    digits[--at] = 0;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0 || sizeof digits - 1 - at < width);
    put(c, digits + at);
}

/* v counts units of 10^-scale: 1250 with scale 2 is 12.50. */
static void put_fixed(struct cell *c, uint64_t v, unsigned scale)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < scale; i++)
        unit *= 10;
    put_number(c, v / unit, 1);
    put(c, ".");
    put_number(c, v % unit, scale);
}

/* Hinnant, chrono-compatible low-level date algorithms; days >= -719468. */
void put_date(struct cell *c, int64_t days, const char *separator)
{
    uint64_t z = (uint64_t)(days + 719468), era = z / 146097;
    uint64_t doe = z - era * 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;
    uint64_t month = mp < 10 ? mp + 3 : mp - 9;

    put_number(c, yoe + era * 400 + (month <= 2), 4);
    put(c, separator);
    put_number(c, month, 2);
    put(c, separator);
    put_number(c, doy - (153 * mp + 2) / 5 + 1, 2);
}

static void put_time(struct cell *c, int64_t seconds)
{
    uint64_t s = (uint64_t)(seconds % 86400);

    put(c, "\"");
    put_date(c, seconds / 86400, "-");
    put(c, "T");
    put_number(c, s / 3600, 2);
    put(c, ":");
    put_number(c, s / 60 % 60, 2);
    put(c, ":");
    put_number(c, s % 60, 2);
    put(c, "Z\"");
}

static void put_quoted(struct cell *c, const char *text)
{
    put(c, "\"");
    put(c, text);
    put(c, "\"");
}

/* Ids carry the first date, so that the shops of two dates share none. */
static void put_id(struct cell *c, const char *letter, const struct shop *shop,
                   uint64_t number)
{
    put(c, "\"");
    put(c, letter);
    put_date(c, shop->day0, "");
    put(c, "-");
    put_number(c, number, 7);
    put(c, "\"");
}

/* Few customers buy much: the product of two uniforms leans to low numbers. */
static uint64_t draw_customer(const struct shop *shop, uint64_t *rng)
{
    uint64_t rank = shop_below(rng, 1 + shop_below(rng, shop->customers));
    return mix(rank ^ shop->seed << 20) % shop->customers;
}

static void put_customer(struct row *row, uint64_t customer)
{
    struct cell *c = cell(row, "customer_id");
    put(c, "\"C");
    put_number(c, customer, 7);
    put(c, "\"");
}

static int64_t draw_time(const struct shop *shop, uint64_t number,
                         uint64_t *rng)
{
    int64_t day =
        shop->day0 + (int64_t)((u128)number * shop->days / shop->fresh);
    return day * 86400 + (int64_t)shop_below(rng, 86400);
}

/* ---- orders */

static const char *const statuses[] = { "pending",   "processing", "shipped",
                                        "completed", "cancelled",  "returned" };
static const char *const countries[] = { "DE", "FR", "GB", "NL", "PL",
                                         "SE", "ES", "IT", "US", "JP" };
static const char *const channels[] = { "web", "app", "store", "phone" };

static enum status draw_status(uint64_t *rng)
{
    static const unsigned char share[] = { 8, 12, 15, 55, 6, 4 };
    uint64_t r = shop_below(rng, 100);
    unsigned s = 0;

    while (r >= share[s])
        r -= share[s++];
    return (enum status)s;
}

static enum status step(enum status s, uint64_t *rng)
{
    uint64_t r = shop_below(rng, 16);

    switch (s) {
    case PENDING: return r < 2 ? CANCELLED : PROCESSING;
    case PROCESSING: return SHIPPED;
    case SHIPPED: return COMPLETED;
    case COMPLETED: return r == 0 ? RETURNED : COMPLETED;
    case CANCELLED:
    case RETURNED: break;
    }
    return s;
}

void order_draw(const struct shop *shop, uint64_t number, unsigned version,
                struct order *o)
{
    uint64_t rng = shop_stream(shop, number), r;

    o->customer = draw_customer(shop, &rng);
    o->placed = draw_time(shop, number, &rng);
    o->channel = (unsigned)shop_below(&rng, COUNT(channels));
    r = shop_below(&rng, 10);
    o->n_items = r < 6 ? 1 : r < 9 ? 2 : 3;
    o->cents = 0;
    for (unsigned i = 0; i < o->n_items; i++) {
        uint64_t price = 100 + shop_below(&rng, 15000);
        if (shop_below(&rng, 2))
            price -= price % 50;
        o->item[i].sku = shop_below(&rng, 5000);
        o->item[i].qty = 1 + shop_below(&rng, 4);
        o->item[i].cents = price;
        o->cents += price * o->item[i].qty;
    }
    o->updated = o->placed;
    o->status = draw_status(&rng);
    for (unsigned v = 0; v < version; v++) {
        o->status = step(o->status, &rng);
        o->updated += 3600 + (int64_t)shop_below(&rng, 86400);
    }
}

static void order_row(const struct shop *shop, uint64_t number,
                      unsigned version, struct row *row)
{
    struct order o;
    struct cell *c;

    order_draw(shop, number, version, &o);
    put_id(cell(row, "order_id"), "O", shop, number);
    put_customer(row, o.customer);
    c = cell(row, "order_date");
    put(c, "\"");
    put_date(c, o.placed / 86400, "-");
    put(c, "\"");
    put_quoted(cell(row, "status"), statuses[o.status]);
    put_quoted(cell(row, "country"), countries[o.customer % COUNT(countries)]);
    put_quoted(cell(row, "channel"), channels[o.channel]);
    put_fixed(cell(row, "total_amount"), o.cents, 2);
    c = cell(row, "items");
    c->nested = true;
    for (unsigned i = 0; i < o.n_items; i++) {
        put(c, i == 0 ? "[{\"sku\":\"S" : ",{\"sku\":\"S");
        put_number(c, o.item[i].sku, 4);
        put(c, "\",\"qty\":");
        put_number(c, o.item[i].qty, 1);
        put(c, ",\"price\":");
        put_fixed(c, o.item[i].cents, 2);
        put(c, "}");
    }
    put(c, "]");
    put_time(cell(row, "updated_at"), o.updated);
}

static const struct kind order_kinds[] = {
    { "negative_amount", 6, "-12.50" },
    { "missing_customer", 1, "" },
    { "malformed_json", -1, NULL },
    { "wrong_type", 6, "\"twelve\"" },
    { "bad_date", 2, "\"2024-02-30\"" },
    { "unknown_status", 3, "\"teleported\"" },
    { "null_amount", 6, "null" },
    { "invalid_utf8", 5,
      "\"w\xff"
      "b\"" },
};

/* ---- support tickets */

static void ticket_row(const struct shop *shop, uint64_t number,
                       unsigned version, struct row *row)
{
    static const char *const priorities[] = { "low", "normal", "high",
                                              "urgent" };
    static const char *const categories[] = { "delivery", "payment", "return",
                                              "product" };
    static const char *const subjects[] = {
        "Where is my parcel?",
        "Paid twice, please check",
        "The box says \\\"fragile\\\", the cup is broken",
        "Größe passt nicht: 38 statt 40",
        "返品したいです",
        "Thank you!\\nBest regards",
    };
    uint64_t rng = shop_stream(shop, number);
    uint64_t customer = draw_customer(shop, &rng);
    int64_t opened = draw_time(shop, number, &rng);
    const char *priority = priorities[shop_below(&rng, COUNT(priorities))];
    const char *category = categories[shop_below(&rng, COUNT(categories))];
    const char *subject = subjects[shop_below(&rng, COUNT(subjects))];
    bool closed = shop_below(&rng, 3) > 0 || version > 0;
    struct cell *c;

    put_id(cell(row, "ticket_id"), "T", shop, number);
    put_customer(row, customer);
    put_time(cell(row, "opened_at"), opened);
    c = cell(row, "closed_at");
    if (closed)
        put_time(c, opened + 600 + (int64_t)shop_below(&rng, 500000) +
                        3600 * (int64_t)version);
    else
        put(c, "null");
    put_quoted(cell(row, "priority"), priority);
    put_quoted(cell(row, "category"), category);
    put_quoted(cell(row, "subject"), subject);
    put_number(cell(row, "replies"), shop_below(&rng, 9) + version, 1);
    c = cell(row, "satisfaction"); /* null: not answered; missing: not asked */
    if (closed && shop_below(&rng, 2))
        put_number(c, 1 + shop_below(&rng, 5), 1);
    else if (closed)
        put(c, "null");
}

static const struct kind ticket_kinds[] = {
    { "missing_customer", 1, "" },
    { "malformed_json", -1, NULL },
    { "bad_date", 2, "\"yesterday\"" },
    { "unknown_priority", 4, "\"whenever\"" },
    { "negative_count", 7, "-1" },
    { "wrong_type", 7, "\"many\"" },
};

/* ---- marketing events */

static void event_row(const struct shop *shop, uint64_t number,
                      unsigned version, struct row *row)
{
    static const char *const campaigns[] = { "spring-sale", "newsletter",
                                             "win-back", "launch" };
    static const char *const types[] = { "sent", "open", "click", "order",
                                         "unsubscribe" };
    static const char *const media[] = { "email", "search", "social" };
    uint64_t rng = shop_stream(shop, number);
    uint64_t customer = draw_customer(shop, &rng), test;
    int64_t at = draw_time(shop, number, &rng);
    struct cell *c;

    (void)version;
    put_id(cell(row, "event_id"), "E", shop, number);
    put_customer(row, customer);
    put_time(cell(row, "occurred_at"), at);
    put_quoted(cell(row, "campaign"),
               campaigns[shop_below(&rng, COUNT(campaigns))]);
    put_quoted(cell(row, "type"), types[shop_below(&rng, COUNT(types))]);
    put_quoted(cell(row, "medium"), media[shop_below(&rng, COUNT(media))]);
    put_fixed(cell(row, "cost"), shop_below(&rng, 20000), 4);
    c = cell(row, "properties");
    c->nested = true;
    test = shop_below(&rng, 3);
    put(c, test == 0   ? "{\"variant\":\"A\",\"position\":"
           : test == 1 ? "{\"variant\":\"B\",\"position\":"
                       : "{\"variant\":null,\"position\":");
    put_number(c, 1 + shop_below(&rng, 10), 1);
    put(c, "}");
}

static const struct kind event_kinds[] = {
    { "missing_customer", 1, "" },
    { "malformed_json", -1, NULL },
    { "bad_date", 2, "\"2024-13-01T00:00:00Z\"" },
    { "unknown_type", 4, "\"stared\"" },
    { "negative_cost", 6, "-0.0100" },
    { "wrong_type", 6, "\"free\"" },
};

const struct table shop_tables[SHOP_TABLES] = {
    { "orders", order_row, true, COUNT(order_kinds), order_kinds },
    { "tickets", ticket_row, true, COUNT(ticket_kinds), ticket_kinds },
    { "events", event_row, false, COUNT(event_kinds), event_kinds },
};
