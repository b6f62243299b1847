# shellcheck shell=bash
# peers: what the programs beside us need before they can be timed. DuckDB comes
# as a library from npm and is kept in build/peers; programs on simdjson, libcsv
# and the libraries for gzip are built here; all others are used if they are installed. What cannot
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

build_sqlite() {
    newer "$peers/bin/bench-sqlite" "$here/sqlite.c" && return
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra "$here/sqlite.c" \
        -lsqlite3 -o "$peers/bin/bench-sqlite" 2>"$peers/sqlite.log" ||
        echo "# SQLite loop: cannot build (apt-get install libsqlite3-dev)"
}

# build_inflate LIBRARY DEFINITION FLAG PACKAGE
build_inflate() {
    local program=$peers/bin/bench-inflate-$1
    newer "$program" "$here/inflate.c" && return
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra "-D$2" \
        "$here/inflate.c" "$3" -o "$program" 2>"$program.log" ||
        echo "# $1: cannot build (apt-get install $4)"
}

get_peers() {
    mkdir -p "$peers/bin"
    get_duckdb
    build_simdjson
    build_libcsv
    build_sqlite
    build_inflate zlib WITH_ZLIB -lz zlib1g-dev
    build_inflate libdeflate WITH_LIBDEFLATE -ldeflate libdeflate-dev
    build_inflate isa-l WITH_ISAL -lisal libisal-dev
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
    printf '# compression:%s\n' "$(dpkg-query -W -f ' ${Package} ${Version}' \
        gzip pigz isal zstd zlib1g libdeflate0 libisal2 2>/dev/null)"
}
