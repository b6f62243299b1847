# http: servers of the test's own (http_server.py), on loopback.
#
#   http_start NAME [CERT KEY]   exports NAME=http(s)://127.0.0.1:PORT and
#                                NAME_LOG, where its requests are
#   http_stop                    all of them
# shellcheck shell=bash

http_start() {
    local name=$1 port try scheme=http dir=$BATS_FILE_TMPDIR
    shift
    command -v python3 >/dev/null || {
        echo "python3 is not installed" >&2
        return 1
    }
    (($#)) && scheme=https
    : >"$dir/$name.log"
    # sleep holds the server's stdin open: killing it ends the server.
    mkfifo "$dir/$name.in"
    python3 "$BATS_TEST_DIRNAME/http_server.py" "$dir/$name.port" \
        "$dir/$name.log" "$@" <"$dir/$name.in" >"$dir/$name.err" 2>&1 3>&- &
    sleep 3600 >"$dir/$name.in" 2>/dev/null 3>&- &
    echo $! >>"$dir/http.pids"
    for ((try = 0; try < 100; try++)); do
        [ -s "$dir/$name.port" ] && break
        sleep 0.1
    done
    port=$(cat "$dir/$name.port") || {
        cat "$dir/$name.err" >&2
        return 1
    }
    export "$name=$scheme://127.0.0.1:$port" "${name}_LOG=$dir/$name.log"
}

http_stop() {
    local pid
    while read -r pid; do
        kill "$pid"
    done <"$BATS_FILE_TMPDIR/http.pids" 2>/dev/null
    rm -f "$BATS_FILE_TMPDIR/http.pids"
}

# requests [JQ FILTER]: what the server WEB was asked since the test began.
requests() {
    tail -n "+$((LOG_AT + 1))" "$WEB_LOG" | jq -c "${1:-.}"
}
