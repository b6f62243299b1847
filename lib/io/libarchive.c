#include "io/libarchive.h"

#include "io/dynlib.h"

#include <stdbool.h>

const struct libarchive *libarchive(struct err *e)
{
    static struct libarchive api;
    static bool loaded;
#define SYMBOL(name) { "archive_" #name, &api.name },
    static const struct dynlib_symbol symbols[] = { LIBARCHIVE_FUNCTIONS(
        SYMBOL) };
    static const char *const names[] = { "libarchive.so.13", "libarchive.so",
                                         NULL };
    if (!loaded && dynlib_load("libarchive", "libarchive13", names, symbols,
                               sizeof(symbols) / sizeof(symbols[0]), e) != 0)
        return NULL;
    loaded = true;
    return &api;
}
