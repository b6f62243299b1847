#include "duck/duck_api.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define WHICH "PIPE_LIBDUCKDB"

struct symbol {
    const char *name;
    size_t at; /* in struct duck_api */
};

#define SYMBOL(name)                                     \
    {                                                    \
        "duckdb_" #name, offsetof(struct duck_api, name) \
    }

static const struct symbol symbols[] = {
    SYMBOL(create_config),
    SYMBOL(set_config),
    SYMBOL(destroy_config),
    SYMBOL(open_ext),
    SYMBOL(close),
    SYMBOL(connect),
    SYMBOL(disconnect),
    SYMBOL(free),
    SYMBOL(query),
    SYMBOL(destroy_result),
    SYMBOL(result_error),
    SYMBOL(rows_changed),
    SYMBOL(column_count),
    SYMBOL(fetch_chunk),
    SYMBOL(create_logical_type),
    SYMBOL(create_decimal_type),
    SYMBOL(destroy_logical_type),
    SYMBOL(create_data_chunk),
    SYMBOL(destroy_data_chunk),
    SYMBOL(data_chunk_reset),
    SYMBOL(data_chunk_get_size),
    SYMBOL(data_chunk_set_size),
    SYMBOL(data_chunk_get_vector),
    SYMBOL(vector_get_data),
    SYMBOL(vector_get_validity),
    SYMBOL(vector_ensure_validity_writable),
    SYMBOL(vector_assign_string_element_len),
    SYMBOL(vector_size),
    SYMBOL(appender_create_ext),
    SYMBOL(append_data_chunk),
    SYMBOL(appender_close),
    SYMBOL(appender_destroy),
    SYMBOL(appender_error),
    SYMBOL(column_name),
    SYMBOL(column_logical_type),
    SYMBOL(prepare),
    SYMBOL(prepare_error),
    SYMBOL(destroy_prepare),
    SYMBOL(pending_prepared_streaming),
    SYMBOL(pending_error),
    SYMBOL(execute_pending),
    SYMBOL(destroy_pending),
    SYMBOL(get_type_id),
    SYMBOL(decimal_width),
    SYMBOL(decimal_scale),
    SYMBOL(list_type_child_type),
    SYMBOL(array_type_child_type),
    SYMBOL(array_type_array_size),
    SYMBOL(map_type_key_type),
    SYMBOL(map_type_value_type),
    SYMBOL(struct_type_child_count),
    SYMBOL(struct_type_child_name),
    SYMBOL(struct_type_child_type),
    SYMBOL(list_vector_get_child),
    SYMBOL(array_vector_get_child),
    SYMBOL(struct_vector_get_child),
};

/* dlsym gives an object pointer for what is a function. */
static int find_all(void *library, struct duck_api *api, struct err *e)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
        void *found = dlsym(library, symbols[i].name);
        if (!found)
            return err_set(e, ERR_CONFIG,
                           "libduckdb has no %s: DuckDB 1.2 or later is wanted "
                           "(" WHICH " names it)",
                           symbols[i].name);
        memcpy((char *)api + symbols[i].at, &found, sizeof(found));
    }
    return 0;
}

const struct duck_api *duck_api(struct err *e)
{
    static struct duck_api api;
    static bool loaded;
    const char *named = getenv(WHICH);
    if (loaded)
        return &api;
    bool given = named && *named;
    void *library =
        dlopen(given ? named : "libduckdb.so", RTLD_NOW | RTLD_LOCAL);
    if (!library && given)
        err_set(e, ERR_CONFIG, "cannot load the library of " WHICH ": %s",
                dlerror());
    else if (!library)
        err_set(e, ERR_UNAVAILABLE,
                "libduckdb is not installed (its library libduckdb.so, or the "
                "file that " WHICH " names)");
    if (!library)
        return NULL;
    if (find_all(library, &api, e)) {
        dlclose(library);
        return NULL;
    }
    loaded = true;
    return &api;
}
