# shellcheck shell=bash
# peers: what the programs beside us need before they can be timed. DuckDB, ajv
# and Sourcemeta's jsonschema come from npm and are kept in build/peers; programs
# on simdjson, libcsv and the libraries for gzip are built here; all others are
# used if they are installed. What cannot be had is left out of the race, with a
# word.
#
# shellcheck disable=SC2154 # top, here: set by run, which reads this file

# shellcheck source=tests/lib/duckdb.bash
. "$top/tests/lib/duckdb.bash"

peers=$top/build/peers
modules=$peers/node_modules
npm_packages=("$duckdb_package" ajv@8.20.0 ajv-formats@3.0.1
    @sourcemeta/jsonschema@16.11.0)
export DUCKDB_LIBRARY=$duckdb_library
# The program itself: what npm puts on the path starts it from node.
jsonschema=$modules/@sourcemeta/jsonschema/build/github-releases
cpu=$(uname -m)
jsonschema+=/jsonschema-linux-${cpu/aarch64/arm64}
export PATH=$peers/bin:$PATH

# newer FILE SOURCE: FILE is there and not older than what it is made of.
newer() { [[ -e $1 && ! $2 -nt $1 ]]; }

# Not in a smoke run: 150 MB, from the network. Again when a version changes.
get_npm_packages() {
    local want="${npm_packages[*]}"
    [[ -z ${SMOKE-} && $(cat "$peers/npm.txt" 2>/dev/null) != "$want" ]] || return
    if command -v npm >/dev/null; then
        npm install --prefix "$peers" --no-audit --no-fund --save-exact --silent \
            "${npm_packages[@]}" >"$peers/npm.log" 2>&1 &&
            printf '%s\n' "$want" >"$peers/npm.txt"
    fi
}

# Programs of packages that are not there go too.
link_npm_programs() {
    rm -f "$peers"/bin/bench-{ajv,jsonschema}
    if [[ -e $modules/ajv && -e $modules/ajv-formats ]] &&
        command -v node >/dev/null; then
        cp "$here/ajv.js" "$peers/bin/bench-ajv"
    else
        echo '# ajv: not installed (npm packages ajv, ajv-formats)'
    fi
    if [[ -x $jsonschema ]]; then
        ln -s "$jsonschema" "$peers/bin/bench-jsonschema"
    else
        echo "# sourcemeta: not installed (npm package @sourcemeta/jsonschema)"
    fi
    if [[ ! -e $DUCKDB_LIBRARY ]]; then
        echo "# DuckDB: not installed (npm package, x86-64)"
        rm -f "$peers/bin/bench-duckdb"
        return
    fi
    newer "$peers/bin/bench-duckdb" "$here/duckdb.c" ||
        build_duckdb_query "$peers/bin/bench-duckdb"
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

# A Singer tap, as people run it from PyPI; not in a smoke run.
tap=pipelinewise-tap-postgres==1.8.4

get_tap() {
    if [[ -z ${SMOKE-} && ! -x $peers/tap/bin/tap-postgres ]]; then
        python3 -m venv "$peers/tap" >"$peers/tap.log" 2>&1 &&
            "$peers/tap/bin/pip" install -q "$tap" >>"$peers/tap.log" 2>&1
    fi
    if [[ -x $peers/tap/bin/tap-postgres ]]; then
        cp "$here/tap-postgres" "$peers/bin/bench-tap-postgres"
    else
        rm -f "$peers/bin/bench-tap-postgres"
        echo "# Singer tap: not installed (PyPI package $tap)"
    fi
}

get_peers() {
    mkdir -p "$peers/bin"
    get_tap
    get_npm_packages
    link_npm_programs
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
    if command -v bench-ajv >/dev/null; then
        printf '# ajv: %s, node %s\n' \
            "$(jq -r .version "$modules/ajv/package.json")" "$(node --version)"
    fi
    if command -v bench-jsonschema >/dev/null; then
        printf '# sourcemeta: %s\n' "$(bench-jsonschema version)"
    fi
    printf '# simdjson: %s\n' "$(dpkg-query -W -f '${Version}' \
        libsimdjson-dev 2>/dev/null || echo 'version not known')"
    printf '# compression:%s\n' "$(dpkg-query -W -f ' ${Package} ${Version}' \
        gzip pigz isal zstd zlib1g libdeflate0 libisal2 2>/dev/null)"
}
