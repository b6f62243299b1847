# pipe-load into PostgreSQL: the view of the latest rows, versioned tables.
load ../helper
load postgres

setup_file() { pg_start; }
teardown_file() { pg_stop; }

setup() {
    pipe_setup
    sql 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' 2>/dev/null
}

into() { pipe-load "$URL" -t t --on-unknown accept "$@"; }
lines() { printf '%s\n' "$@"; }

# relations PATTERN: their names, in order.
relations() {
    sql "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND relname LIKE '$1'"
}

# ---- the latest row of each key

@test "--latest-view shows the row of each key that was loaded last" {
    lines '{"id":1,"v":"a"}' '{"id":2,"v":"b"}' '{"id":1,"v":"c"}' | into --mode append --create --latest-view now -k id
    [ "$(sql 'SELECT * FROM now ORDER BY id')" = $'1|c\n2|b' ]
    lines '{"id":2,"v":"d"}' | into --mode append --latest-view now -k id
    [ "$(sql 'SELECT id, v FROM now ORDER BY id')" = $'1|c\n2|d' ]
    [ "$(sql 'SELECT count(*) FROM t')" = 4 ]
}

@test "--latest-by prefers the greatest, then the one loaded last; NULL is least" {
    lines '{"id":1,"n":2,"v":"a"}' '{"id":1,"n":2,"v":"b"}' '{"id":1,"n":1,"v":"c"}' '{"id":1,"n":null,"v":"d"}' \
        '{"id":2,"n":null,"v":"e"}' | into --mode append --create --latest-view now -k id --latest-by n
    [ "$(sql 'SELECT id, v FROM now ORDER BY id')" = $'1|b\n2|e' ]
}
