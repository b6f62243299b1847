# registry: a schema registry of the test's own, on loopback: Apicurio Registry,
# which speaks the API that clients of Kafka know.
#
#   setup_file() { registry_start; }    exports REGISTRY (its URL)
#   teardown_file() { registry_stop; }
#   setup() { registry_need; pipe_setup; }
#
# It comes from Maven and is kept in build/apicurio. Where it cannot be had
# registry_need skips the test with the reason.
# shellcheck shell=bash disable=SC2317 # functions that others call

registry_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
registry_version=2.5.11.Final
registry_home=$registry_top/build/apicurio/$registry_version

# registry_fetch: gets the registry, once; prints why it cannot.
registry_fetch() {
    local work=$registry_top/build/apicurio/fetch.$$ status=0
    [ -d "$registry_home" ] && return
    command -v mvn >/dev/null || {
        echo 'maven is not installed'
        return 1
    }
    mkdir -p "$work/home"
    timeout 600 mvn -B -q -Dmaven.repo.local="$work/m2" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        -Dartifact="io.apicurio:apicurio-registry-app:$registry_version:tar.gz:all" \
        -DoutputDirectory="$work" >"$work/log" 2>&1 </dev/null 3>&- &&
        tar -xzf "$work"/apicurio-*.tar.gz -C "$work/home" || status=1
    # Another file's tests may have been quicker.
    ((status)) || mv -T "$work/home" "$registry_home" 2>/dev/null ||
        [ -d "$registry_home" ] || status=1
    ((!status)) || echo 'Maven has no registry for us:' \
        "$(grep -m 1 ERROR "$work/log" | cut -c 1-200)"
    rm -rf "$work"
    return "$status"
}

# registry_launch PORT: starts it and waits until it answers.
registry_launch() {
    local pid try
    REGISTRY=http://127.0.0.1:$1/apis/ccompat/v7
    (cd "$registry_home" && exec java -Xmx384m -XX:+UseSerialGC \
        -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -Djava.io.tmpdir="$REGISTRY_DIR" \
        -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$1" \
        -jar apicurio-registry-app-*-runner.jar) \
        >>"$REGISTRY_DIR/log" 2>&1 </dev/null 3>&- 4>&- &
    pid=$!
    disown "$pid"
    echo "$pid" >"$REGISTRY_DIR/pid"
    for ((try = 0; try < 900; try++)); do
        kill -0 "$pid" 2>/dev/null || return 1
        curl -sf "$REGISTRY/subjects" >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}

registry_start() {
    local try
    export REGISTRY='' REGISTRY_DIR='' REGISTRY_MISSING=''
    command -v java >/dev/null || REGISTRY_MISSING='java is not installed'
    [ -n "$REGISTRY_MISSING" ] || REGISTRY_MISSING=$(registry_fetch) || true
    [ -z "$REGISTRY_MISSING" ] || return 0
    REGISTRY_DIR=$(mktemp -d /tmp/pipe-registry.XXXXXX)
    for ((try = 0; try < 5; try++)); do
        registry_launch $((20000 + RANDOM % 12000)) && return
    done
    tail -n 50 "$REGISTRY_DIR/log" >&2
    return 1
}

# registry_need: skips the test where there is none.
registry_need() {
    [ -z "$REGISTRY_MISSING" ] || skip "$REGISTRY_MISSING"
}

registry_stop() {
    local pid
    [ -n "${REGISTRY_DIR-}" ] || return 0
    pid=$(cat "$REGISTRY_DIR/pid")
    kill -9 "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -rf "$REGISTRY_DIR"
}

# registry_add SUBJECT AVRO|PROTOBUF|JSON SCHEMA [REFERENCES]: prints its id.
registry_add() {
    jq -cn --arg type "$2" --arg schema "$3" --argjson refs "${4:-[]}" \
        '{schemaType: $type, schema: $schema, references: $refs}' |
        curl -sf -H 'Content-Type: application/vnd.schemaregistry.v1+json' \
            --data-binary @- "$REGISTRY/subjects/$1/versions" | jq -e .id
}

# frame ID: stdin behind a zero byte and the id.
frame() {
    # shellcheck disable=SC2059 # the bytes are the format
    printf "\\0$(printf '%08x' "$1" | sed 's/../\\x&/g')"
    cat
}
