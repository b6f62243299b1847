// bench-simdjson: what simdjson makes of NDJSON that is in memory already.
//
//     bench-simdjson dom FILE [--print]
//     bench-simdjson fields FILE
//
// dom parses every line to a tree, which validates it whole, and with --print
// writes it again. fields takes five fields of every line on demand, which
// checks only what it passes, and writes their aggregates as one object. The
// time of parsing alone, without reading the file, goes to the file that
// $BENCH_SECONDS names: wall-clock and processor seconds.
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>
#include <string_view>

using namespace simdjson;

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// Calls parse(line, length, readable bytes) for every line that is not empty.
// The lines share the padding behind the last one.
template <typename Parse>
static void each_line(const padded_string &text, Parse parse)
{
    const char *p = text.data(), *end = p + text.size();

    while (p < end) {
        auto nl = static_cast<const char *>(
            memchr(p, '\n', static_cast<size_t>(end - p)));
        auto n = static_cast<size_t>((nl ? nl : end) - p);
        if (n > 0)
            parse(p, n, static_cast<size_t>(end - p) + SIMDJSON_PADDING);
        p = nl ? nl + 1 : end;
    }
}

static void dom_lines(const padded_string &text, bool print)
{
    dom::parser parser;

    each_line(text, [&](const char *line, size_t n, size_t) {
        dom::element record;
        // false: the line is readable past its end, so that nothing is copied
        if (auto error = parser.parse(line, n, false).get(record))
            throw simdjson_error(error);
        if (print)
            std::cout << minify(record) << '\n';
    });
}

struct fields {
    uint64_t orders = 0;
    std::string customer, date, country;
    double total = 0;
};

static void later(std::string &max, std::string_view value)
{
    if (value > max)
        max = value;
}

static fields pick_fields(const padded_string &text)
{
    ondemand::parser parser;
    fields f;

    each_line(text, [&](const char *line, size_t n, size_t readable) {
        auto record = parser.iterate(padded_string_view(line, n, readable));
        f.orders += !record["order_id"].get_string().value().empty();
        later(f.customer, record["customer_id"].get_string().value());
        later(f.date, record["order_date"].get_string().value());
        later(f.country, record["country"].get_string().value());
        f.total += record["total_amount"].get_double().value();
    });
    return f;
}

int main(int argc, char **argv)
{
    const std::string task = argc > 2 ? argv[1] : "";

    if (task != "dom" && task != "fields") {
        std::cerr << "usage: bench-simdjson dom|fields FILE [--print]\n";
        return 64;
    }
    try {
        padded_string text = padded_string::load(argv[2]);
        const double wall = now(CLOCK_MONOTONIC);
        const double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        fields f;
        if (task == "dom")
            dom_lines(text, argc > 3);
        else
            f = pick_fields(text);
        if (const char *path = getenv("BENCH_SECONDS")) {
            FILE *out = fopen(path, "w");
            if (out == nullptr) {
                perror(path);
                return 73;
            }
            fprintf(out, "%.4f %.4f\n", now(CLOCK_MONOTONIC) - wall,
                    now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
            fclose(out);
        }
        if (task == "fields")
            printf("{\"orders\":%llu,\"last_customer\":\"%s\","
                   "\"last_order\":\"%s\",\"last_country\":\"%s\","
                   "\"revenue\":%.2f}\n",
                   static_cast<unsigned long long>(f.orders),
                   f.customer.c_str(), f.date.c_str(), f.country.c_str(),
                   f.total);
    } catch (const simdjson_error &e) {
        std::cerr << "bench-simdjson: " << e.what() << '\n';
        return 65;
    }
    return 0;
}
