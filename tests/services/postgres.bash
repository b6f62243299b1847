# postgres: a PostgreSQL of the test's own, on loopback.
#
#   setup_file() { pg_start; }      exports PGHOST PGPORT PGUSER PGDATABASE URL
#   teardown_file() { pg_stop; }
#
# PG_CONF has more lines for its postgresql.conf.
#
# Its files are in /tmp and not in the tests' folder, because root has to hand
# them to a user who may run a server.
# shellcheck shell=bash disable=SC2317 # functions that a campaign calls

# The newest that is installed.
pg_bin() {
    local dir
    dir=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [ -x "$dir/postgres" ] || dir=$(dirname "$(command -v postgres)")
    printf '%s\n' "$dir"
}

# Runs a command as the user the server runs as.
pg_as() {
    if ((EUID == 0)); then
        setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
    else
        "$@"
    fi
}

# pg_launch: starts the server in $PG_DIR and waits until it answers.
pg_launch() {
    (cd / && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -l "$PG_DIR/log" -w -t 60 \
        -o "-c port=$PGPORT" start) >/dev/null 2>&1 </dev/null 3>&-
}

pg_start() {
    PG_BIN=$(pg_bin)
    [ -x "$PG_BIN/initdb" ] || {
        echo "PostgreSQL is not installed" >&2
        return 1
    }
    PG_DIR=$(mktemp -d /tmp/pipe-pg.XXXXXX)
    export PG_BIN PG_DIR
    ((EUID)) || chown postgres "$PG_DIR"
    (cd / && pg_as "$PG_BIN/initdb" -D "$PG_DIR/data" -U pipe -A trust -E UTF8 \
        --locale=C.UTF-8 -N) >"$PG_DIR.log" 2>&1 3>&- || {
        cat "$PG_DIR.log" >&2
        return 1
    }
    rm -f "$PG_DIR.log"
    cat >>"$PG_DIR/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$PG_DIR'
fsync = off
max_connections = 60
${PG_CONF-}
END
    export PGHOST=127.0.0.1 PGUSER=pipe PGDATABASE=postgres PGPORT
    local try
    for ((try = 0; try < 10; try++)); do
        PGPORT=$((20000 + RANDOM % 20000))
        pg_launch && break
    done
    ((try < 10)) || {
        cat "$PG_DIR/log" >&2
        return 1
    }
    export URL=postgresql://pipe@127.0.0.1:$PGPORT/postgres
}

pg_stop() {
    [ -n "${PG_DIR-}" ] || return 0
    (cd / && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate -w stop) \
        >/dev/null 2>&1 </dev/null 3>&-
    rm -rf "$PG_DIR"
}

# pg_crash: the server dies as by a power cut of the process, all of it.
pg_crash() {
    local pid
    pid=$(head -n 1 "$PG_DIR/data/postmaster.pid")
    # shellcheck disable=SC2046 # one word a process
    kill -9 "$pid" $(pgrep -P "$pid") 2>/dev/null
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -f "$PG_DIR/data/postmaster.pid" "$PG_DIR"/.s.PGSQL.*
}

# sql STATEMENT: its rows, fields separated by |.
sql() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"
}

# pg_gone: waits until the server has ended the sessions of loads that are gone.
pg_gone() {
    sql "SET statement_timeout = '20s'; DO \$\$BEGIN
        WHILE EXISTS (SELECT FROM pg_stat_activity
            WHERE application_name = 'pipe-load') LOOP
            PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
        END LOOP; END\$\$"
}

# pg_state SCHEMA: rows and loads for people, then hashes of what they say, but
# for the time.
pg_state() {
    pg_gone
    sql "SELECT (SELECT count(*) FROM \"$1\".t),
            (SELECT count(*) FROM \"$1\"._pipe_loads),
            (SELECT md5(string_agg(t::text, ',' ORDER BY t::text))
                FROM \"$1\".t AS t),
            (SELECT md5(string_agg(concat_ws('|', table_name, mode, partition,
                run_id, input_hash, rows_read, rows_loaded, rows_rejected,
                watermark), ',' ORDER BY id)) FROM \"$1\"._pipe_loads),
            (SELECT md5(string_agg(relname, ',' ORDER BY relname))
                FROM pg_class WHERE relnamespace = '\"$1\"'::regnamespace)"
}

# pg_modes: prepares the loads of all modes, each into a schema of its own.
pg_modes() {
    need_command jq
    MODES=(append insert upsert partition range delete-insert scd2 scd3 cdc
        versioned)
    [ -n "$GATED" ] || MODES+=(batch) # not under pipe-run
    make_inputs 3000
    for mode in "${MODES[@]}"; do
        sql "CREATE SCHEMA \"$mode\"; CREATE SCHEMA \"$mode first\""
        first_load "$URL" "$mode.t"
        sql "CREATE TABLE \"$mode first\".t AS SELECT * FROM \"$mode\".t;
            CREATE TABLE \"$mode first\"._pipe_loads AS
                SELECT * FROM \"$mode\"._pipe_loads"
    done
    fresh() {
        if [ "$mode" = versioned ]; then # tables come and go
            sql "SET client_min_messages = warning; DROP SCHEMA versioned CASCADE;
                CREATE SCHEMA versioned"
            first_load "$URL" versioned.t
            return
        fi
        sql "TRUNCATE \"$mode\".t, \"$mode\"._pipe_loads;
            INSERT INTO \"$mode\".t SELECT * FROM \"$mode first\".t;
            INSERT INTO \"$mode\"._pipe_loads OVERRIDING SYSTEM VALUE
                SELECT * FROM \"$mode first\"._pipe_loads"
    }
    load() {
        load_mode "$URL" "$mode.t" 'jq -c .'
    }
    state() {
        pg_state "$mode"
    }
    # Whole batches of what came, and all that was there.
    between() {
        [ "$mode" = batch ] && [ "$(sql "SELECT count(*) % 300 FROM batch.t
            WHERE date >= '2026-02-01'")" = 0 ]
    }
}
