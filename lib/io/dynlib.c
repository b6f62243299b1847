#include "io/dynlib.h"

#include <dlfcn.h>
#include <string.h>

int dynlib_load(const char *what, const char *package, const char *const *names,
                const struct dynlib_symbol *symbols, size_t n, struct err *e)
{
    void *handle = NULL;
    for (const char *const *name = names; *name && !handle; name++)
        handle = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(e, ERR_UNAVAILABLE,
                       "%s is not installed: on Debian and Ubuntu it is in the "
                       "package %s",
                       what, package);
    for (size_t i = 0; i < n; i++) {
        void *symbol = dlsym(handle, symbols[i].name);
        if (!symbol)
            return err_set(e, ERR_UNAVAILABLE, "%s is too old: it has no %s",
                           what, symbols[i].name);
        memcpy(symbols[i].to, &symbol, sizeof(symbol));
    }
    return 0;
}
