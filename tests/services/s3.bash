# s3: an object store of the test's own, on loopback: S3Proxy, which checks
# signatures and refuses to overwrite where it was asked to.
#
#   setup_file() { s3_start; }      exports S3_PORT S3_DIR and what AWS's own
#   teardown_file() { s3_stop; }    tools read; there is one bucket, `lake`
#   setup() { pipe_setup; s3_need; }
#
# Its jars come from Maven, once, into build/s3proxy. Where they cannot be had
# s3_need skips the test with the reason.
# shellcheck shell=bash

s3_version=3.1.0
s3_jackson=2.21.2
s3_jars=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/s3proxy/$s3_version

# Prints why there are no jars, and fails. Clients of other clouds, which it
# can stand before too, are left out where it starts without them.
s3_fetch() {
    local work=${s3_jars%/*}/fetch.$$ status=0
    [ -d "$s3_jars" ] && return
    command -v mvn >/dev/null || {
        echo 'maven is not installed'
        return 1
    }
    mkdir -p "$work"
    cat >"$work/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pipeutils.tests</groupId>
  <artifactId>objects</artifactId>
  <version>1</version>
  <dependencyManagement>
    <dependencies>
      <dependency>
        <groupId>com.fasterxml.jackson</groupId>
        <artifactId>jackson-bom</artifactId>
        <version>$s3_jackson</version>
        <type>pom</type>
        <scope>import</scope>
      </dependency>
    </dependencies>
  </dependencyManagement>
  <dependencies>
    <dependency>
      <groupId>org.gaul</groupId>
      <artifactId>s3proxy</artifactId>
      <version>$s3_version</version>
      <exclusions>
        <exclusion><groupId>com.google.cloud</groupId><artifactId>*</artifactId></exclusion>
        <exclusion><groupId>software.amazon.awssdk</groupId><artifactId>*</artifactId></exclusion>
        <exclusion><groupId>com.amazonaws</groupId><artifactId>*</artifactId></exclusion>
      </exclusions>
    </dependency>
  </dependencies>
</project>
END
    timeout 600 mvn -B -q -f "$work/pom.xml" -Dmaven.repo.local="$work/m2" \
        -Djava.io.tmpdir="$work" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$work/jars" \
        >"$work/log" 2>&1 </dev/null 3>&- || status=1
    # Another file's tests may have been quicker.
    ((status)) || mv -T "$work/jars" "$s3_jars" 2>/dev/null ||
        [ -d "$s3_jars" ] || status=1
    ((!status)) || echo 'Maven has no S3Proxy for us:' \
        "$(grep -m 1 ERROR "$work/log" | cut -c 1-200)"
    rm -rf "$work"
    return "$status"
}

# s3_launch PORT: starts the server there and waits until it answers.
s3_launch() {
    local i
    cat >"$S3_DIR/conf" <<END
s3proxy.endpoint=http://127.0.0.1:$1
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=testkey
s3proxy.credential=testsecret
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=$S3_DIR/data
END
    cat >"$S3_DIR/logback.xml" <<'END'
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%level %logger - %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
END
    (cd "$S3_DIR" && exec java -Xmx256m -XX:TieredStopAtLevel=1 \
        -Djava.io.tmpdir="$S3_DIR" \
        -Dlogback.configurationFile="$S3_DIR/logback.xml" -cp "$s3_jars/*" \
        org.gaul.s3proxy.Main --properties conf) >"$S3_DIR/log" 2>&1 \
        </dev/null 3>&- &
    S3_PID=$!
    for ((i = 0; i < 300; i++)); do
        (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        kill -0 "$S3_PID" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

s3_start() {
    local try
    S3_DIR=$(mktemp -d /tmp/pipe-s3.XXXXXX)
    export S3_DIR S3_PID S3_PORT S3_MISSING
    S3_MISSING=
    if ! command -v java >/dev/null; then
        S3_MISSING='java is not installed'
    elif ! S3_MISSING=$(s3_fetch); then
        S3_MISSING=${S3_MISSING:-no S3Proxy}
    fi
    [ -z "$S3_MISSING" ] || return 0
    mkdir -p "$S3_DIR/data/lake"
    for ((try = 0; try < 10; try++)); do
        S3_PORT=$((20000 + RANDOM % 20000))
        s3_launch "$S3_PORT" && break
        s3_halt
    done
    ((try < 10)) || {
        cat "$S3_DIR/log" >&2
        return 1
    }
    "${CC:-cc}" -D_GNU_SOURCE -O1 -o "$S3_DIR/faultproxy" \
        "$REPO/tests/services/faultproxy.c"
}

s3_halt() {
    [ -z "${S3_PID-}" ] || kill -9 "$S3_PID" 2>/dev/null
    wait "$S3_PID" 2>/dev/null
    S3_PID=
}

s3_stop() {
    [ -n "${S3_DIR-}" ] || return 0
    s3_halt
    rm -rf "$S3_DIR"
}

# s3_need: skips the test where there is no server; empties the bucket and
# gives the test its credentials.
s3_need() {
    [ -z "$S3_MISSING" ] || skip "$S3_MISSING"
    rm -rf "$S3_DIR/data/lake"
    mkdir "$S3_DIR/data/lake"
    export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret
    export AWS_ENDPOINT_URL=http://127.0.0.1:$S3_PORT AWS_REGION=us-east-1
    BUCKET=$S3_DIR/data/lake
}

# s3_put FILE KEY: by another client.
s3_put() {
    need_command curl
    curl -sS -f --aws-sigv4 aws:amz:us-east-1:s3 -u testkey:testsecret \
        -H x-amz-content-sha256:UNSIGNED-PAYLOAD -T "$1" \
        "http://127.0.0.1:$S3_PORT/lake/$2" >/dev/null 3>&-
}

# s3_objects: the names below the bucket of what can be seen, sorted.
s3_objects() {
    (cd "$BUCKET" && find . -type f -path './*/*' ! -path './.mpus-*' \
        -printf '%P\n' | LC_ALL=C sort)
}

# s3_faults FAULT@TEXT...: requests go through a proxy with these faults, whose
# words are in the file `faults`; ends with the test.
s3_faults() {
    "$S3_DIR/faultproxy" "$S3_PORT" "$@" >faults 3>&- &
    FAULT_PID=$!
    within 5 grep -q ready faults
    AWS_ENDPOINT_URL=http://127.0.0.1:$(sed -n 's/^ready //p' faults)
}

s3_teardown() {
    [ -z "${FAULT_PID-}" ] || kill "$FAULT_PID" 2>/dev/null
    FAULT_PID=
}
