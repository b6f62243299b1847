/* libarchive: what is used of it, loaded at run time (libarchive.so.13).
 *
 * Of its formats only those are asked for that hold bytes: never those that
 * name other files to read (mtree), or run programs. */
#ifndef IO_LIBARCHIVE_H
#define IO_LIBARCHIVE_H

#include "base/err.h"

#include <archive.h>
#include <archive_entry.h>

/* name, as libarchive has it behind "archive_" */
#define LIBARCHIVE_FUNCTIONS(X)         \
    X(read_new)                         \
    X(read_free)                        \
    X(read_support_format_tar)          \
    X(read_support_format_zip_seekable) \
    X(read_support_format_7zip)         \
    X(read_support_format_cpio)         \
    X(read_support_format_raw)          \
    X(read_support_format_empty)        \
    X(read_support_filter_bzip2)        \
    X(read_support_filter_xz)           \
    X(read_support_filter_lz4)          \
    X(read_set_read_callback)           \
    X(read_set_seek_callback)           \
    X(read_set_skip_callback)           \
    X(read_set_callback_data)           \
    X(read_open1)                       \
    X(read_next_header)                 \
    X(read_header_position)             \
    X(read_data)                        \
    X(filter_bytes)                     \
    X(filter_code)                      \
    X(error_string)                     \
    X(entry_pathname)                   \
    X(entry_pathname_utf8)              \
    X(entry_filetype)                   \
    X(entry_hardlink)                   \
    X(entry_size)                       \
    X(entry_size_is_set)                \
    X(entry_mtime)                      \
    X(entry_mtime_nsec)                 \
    X(entry_is_encrypted)

#define LIBARCHIVE_MEMBER(name) __typeof__(archive_##name) *name;

struct libarchive {
    LIBARCHIVE_FUNCTIONS(LIBARCHIVE_MEMBER)
};

/* NULL with ERR_UNAVAILABLE where it is not installed. */
const struct libarchive *libarchive(struct err *e);

#endif
