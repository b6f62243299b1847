/* duck_api: what is used of libduckdb, which is found at run time.
 *
 * Nothing here needs DuckDB to build: types and functions are those of its C
 * interface (duckdb.h), of which only the stable part is used. Handles are
 * pointers whose insides are DuckDB's. */
#ifndef DUCK_DUCK_API_H
#define DUCK_DUCK_API_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* duckdb_type. */
enum duck_type {
    DUCK_BOOLEAN = 1,
    DUCK_TINYINT = 2,
    DUCK_SMALLINT = 3,
    DUCK_INTEGER = 4,
    DUCK_BIGINT = 5,
    DUCK_UTINYINT = 6,
    DUCK_USMALLINT = 7,
    DUCK_UINTEGER = 8,
    DUCK_UBIGINT = 9,
    DUCK_FLOAT = 10,
    DUCK_DOUBLE = 11,
    DUCK_TIMESTAMP = 12,
    DUCK_DATE = 13,
    DUCK_TIME = 14,
    DUCK_INTERVAL = 15,
    DUCK_HUGEINT = 16,
    DUCK_VARCHAR = 17,
    DUCK_BLOB = 18,
    DUCK_DECIMAL = 19,
    DUCK_TIMESTAMP_S = 20,
    DUCK_TIMESTAMP_MS = 21,
    DUCK_TIMESTAMP_NS = 22,
    DUCK_LIST = 24,
    DUCK_STRUCT = 25,
    DUCK_MAP = 26,
    DUCK_UUID = 27,
    DUCK_TIMESTAMP_TZ = 31,
    DUCK_UHUGEINT = 32,
    DUCK_ARRAY = 33
};

/* duckdb_result. */
struct duck_result {
    uint64_t old_counts[3];
    void *old_columns;
    char *old_error;
    void *internal;
};

/* duckdb_string_t: up to 12 bytes stand in it. */
union duck_string {
    struct {
        uint32_t n;
        char p[12];
    } near;
    struct {
        uint32_t n;
        char prefix[4];
        char *p;
    } far;
};

/* duckdb_list_entry: where a list's elements stand in the child vector. */
struct duck_span {
    uint64_t from, n;
};

/* duckdb_interval. */
struct duck_interval {
    int32_t months, days;
    int64_t micros;
};

typedef void *duck_handle;

/* 0 is success, as in DuckDB. */
struct duck_api {
    int (*create_config)(duck_handle *config);
    int (*set_config)(duck_handle config, const char *name, const char *value);
    void (*destroy_config)(duck_handle *config);
    int (*open_ext)(const char *path, duck_handle *db, duck_handle config,
                    char **error);
    void (*close)(duck_handle *db);
    int (*connect)(duck_handle db, duck_handle *connection);
    void (*disconnect)(duck_handle *connection);
    void (*free)(void *p);
    int (*query)(duck_handle connection, const char *sql,
                 struct duck_result *result);
    void (*destroy_result)(struct duck_result *result);
    const char *(*result_error)(struct duck_result *result);
    uint64_t (*rows_changed)(struct duck_result *result);
    uint64_t (*column_count)(struct duck_result *result);
    const char *(*column_name)(struct duck_result *result, uint64_t column);
    duck_handle (*column_logical_type)(struct duck_result *result,
                                       uint64_t column);
    duck_handle (*fetch_chunk)(struct duck_result result);
    int (*prepare)(duck_handle connection, const char *sql,
                   duck_handle *statement);
    const char *(*prepare_error)(duck_handle statement);
    void (*destroy_prepare)(duck_handle *statement);
    int (*pending_prepared_streaming)(duck_handle statement,
                                      duck_handle *pending);
    const char *(*pending_error)(duck_handle pending);
    int (*execute_pending)(duck_handle pending, struct duck_result *result);
    void (*destroy_pending)(duck_handle *pending);
    duck_handle (*create_logical_type)(int type);
    duck_handle (*create_decimal_type)(uint8_t width, uint8_t scale);
    void (*destroy_logical_type)(duck_handle *type);
    int (*get_type_id)(duck_handle type);
    uint8_t (*decimal_width)(duck_handle type);
    uint8_t (*decimal_scale)(duck_handle type);
    duck_handle (*list_type_child_type)(duck_handle type);
    duck_handle (*array_type_child_type)(duck_handle type);
    uint64_t (*array_type_array_size)(duck_handle type);
    duck_handle (*map_type_key_type)(duck_handle type);
    duck_handle (*map_type_value_type)(duck_handle type);
    uint64_t (*struct_type_child_count)(duck_handle type);
    char *(*struct_type_child_name)(duck_handle type, uint64_t child);
    duck_handle (*struct_type_child_type)(duck_handle type, uint64_t child);
    duck_handle (*list_vector_get_child)(duck_handle vector);
    duck_handle (*array_vector_get_child)(duck_handle vector);
    duck_handle (*struct_vector_get_child)(duck_handle vector, uint64_t child);
    duck_handle (*create_data_chunk)(duck_handle *types, uint64_t n);
    void (*destroy_data_chunk)(duck_handle *chunk);
    void (*data_chunk_reset)(duck_handle chunk);
    uint64_t (*data_chunk_get_size)(duck_handle chunk);
    void (*data_chunk_set_size)(duck_handle chunk, uint64_t n);
    duck_handle (*data_chunk_get_vector)(duck_handle chunk, uint64_t column);
    void *(*vector_get_data)(duck_handle vector);
    uint64_t *(*vector_get_validity)(duck_handle vector);
    void (*vector_ensure_validity_writable)(duck_handle vector);
    void (*vector_assign_string_element_len)(duck_handle vector, uint64_t row,
                                             const char *p, uint64_t n);
    uint64_t (*vector_size)(void);
    int (*appender_create_ext)(duck_handle connection, const char *catalog,
                               const char *schema, const char *table,
                               duck_handle *appender);
    int (*append_data_chunk)(duck_handle appender, duck_handle chunk);
    int (*appender_close)(duck_handle appender);
    int (*appender_destroy)(duck_handle *appender);
    const char *(*appender_error)(duck_handle appender);
};

/* Loads the library that PIPE_LIBDUCKDB names, or else libduckdb.so; it stays
 * for the life of the process. NULL with e: ERR_UNAVAILABLE, or ERR_CONFIG
 * where the one that is named cannot be used. */
const struct duck_api *duck_api(struct err *e);

#endif
