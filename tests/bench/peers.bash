# shellcheck shell=bash
# peers: what the programs beside us need before they can be timed. DuckDB comes
# as a library from npm and is kept in build/peers; programs on simdjson and
# libcsv are built here; all others are used if they are installed. What cannot
# be had is left out of the race, with a word.
#
# shellcheck disable=SC2154 # top, here: set by run, which reads this file

peers=$top/build/peers
export DUCKDB_LIBRARY=$peers/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so
export PATH=$peers/bin:$PATH

# newer FILE SOURCE: FILE is there and not older than what it is made of.
newer() { [[ -e $1 && ! $2 -nt $1 ]]; }

# Not in a smoke run: 70 MB, from the network.
get_duckdb() {
    if [[ ! -e $DUCKDB_LIBRARY && -z ${SMOKE-} ]]; then
        mkdir -p "$peers"
        npm install --prefix "$peers" --no-audit --no-fund --no-save --silent \
            @duckdb/node-bindings-linux-x64 >"$peers/npm.log" 2>&1
    fi
    if [[ ! -e $DUCKDB_LIBRARY ]]; then
        echo "# DuckDB: not installed (npm package, x86-64)"
        rm -f "$peers/bin/bench-duckdb"
        return
    fi
    newer "$peers/bin/bench-duckdb" "$here/duckdb.c" ||
        "${CC:-cc}" -std=c11 -O2 -Wall -Wextra "$here/duckdb.c" -ldl \
            -o "$peers/bin/bench-duckdb"
}

build_simdjson() {
    newer "$peers/bin/bench-simdjson" "$here/simdjson.cpp" && return
    "${CXX:-c++}" -std=c++17 -O3 -march=native -Wall -Wextra \
        "$here/simdjson.cpp" -lsimdjson -o "$peers/bin/bench-simdjson" \
        2>"$peers/simdjson.log" ||
        echo "# simdjson: cannot build (apt-get install g++ libsimdjson-dev)"
}

build_libcsv() {
    newer "$peers/bin/bench-libcsv" "$here/libcsv.c" && return
    "${CC:-cc}" -std=c11 -O2 -Wall -Wextra "$here/libcsv.c" -lcsv \
        -o "$peers/bin/bench-libcsv" 2>"$peers/libcsv.log" ||
        echo "# libcsv: cannot build (apt-get install libcsv-dev)"
}

get_peers() {
    mkdir -p "$peers/bin"
    get_duckdb
    build_simdjson
    build_libcsv
}

# What took part, for the machine notes.
peer_versions() {
    local tool line
    for tool in jq mlr gawk sqlite3 gcc; do
        command -v "$tool" >/dev/null || continue
        line=$("$tool" --version 2>&1)
        line=${line%%$'\n'*}
        printf '# %s: %s\n' "$tool" "${line:0:60}"
    done
    if command -v bench-duckdb >/dev/null; then
        printf '# DuckDB: '
        bench-duckdb 1 "COPY (SELECT version()) TO '/dev/stdout'
            (FORMAT csv, HEADER false)" | cat
    fi
    printf '# simdjson: %s\n' "$(dpkg-query -W -f '${Version}' \
        libsimdjson-dev 2>/dev/null || echo 'version not known')"
}
