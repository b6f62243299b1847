# shellcheck shell=bash
# duckdb: DuckDB's library, for the tests and for the benchmark. It comes from
# npm and is kept in build/peers; PIPE_LIBDUCKDB names another one.
#
# Sets duckdb_package and duckdb_library (where the package puts it).

duckdb_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
duckdb_package=@duckdb/node-bindings-linux-x64@1.5.6-r.1
duckdb_library=$duckdb_top/build/peers/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so

# Fetches the library where it is not there; false if it cannot be had.
get_duckdb() {
    [[ -e $duckdb_library ]] && return
    [[ $(uname -m) == x86_64 ]] && command -v npm >/dev/null || return 1
    mkdir -p "$duckdb_top/build/peers"
    npm install --prefix "$duckdb_top/build/peers" --no-audit --no-fund \
        --save-exact --silent "$duckdb_package" \
        >"$duckdb_top/build/peers/npm.log" 2>&1
}

# build_duckdb_query PROGRAM: the one that runs SQL in DuckDB.
build_duckdb_query() {
    "${CC:-cc}" -std=c11 -O2 -Wall -Wextra \
        "$duckdb_top/tests/bench/duckdb.c" -ldl -o "$1"
}
