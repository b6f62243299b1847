#!/usr/bin/env bats
# What a package has to stand beyond being installed: lintian, and that two
# builds are the same bytes. And the image, where there is a Docker to build it.
load ../helper

setup() {
    pipe_setup
    version=$(sed -n 's/^VERSION := //p' "$REPO/Makefile")
}

build() { # FOLDER
    mkdir -p "$1"
    "$REPO/scripts/deb/build" "$version" "$BUILD_DIR" "$1" >log 2>&1 ||
        fail "no package was built" "$(<log)"
    DEB=$(tail -n 1 log)
}

need_release() {
    [ "$FLAVOUR" = release ] || skip "packages are of the release build"
    need_command dpkg-shlibdeps dpkg-deb
}

@test "lintian finds no error and no warning, pedantic as it is" {
    need_release
    need_command lintian
    build .
    TMPDIR=$PWD lintian --allow-root --pedantic --fail-on error,warning "$DEB" >tags 2>&1 ||
        fail "$(<tags)"
    ! grep -E '^[EWP]:' tags
}

@test "two packages of the same binaries are the same bytes" {
    need_release
    build one
    sleep 1.1
    umask 077
    build two
    cmp one/*.deb two/*.deb
}

@test "the image is built, and its commands run as a user who is not root" {
    command -v docker >/dev/null || skip "docker is not installed"
    docker info >/dev/null 2>&1 || skip "no Docker daemon is running"
    docker build -q -f "$REPO/scripts/docker/Dockerfile" \
        -t pipeutils-test:"$version" "$REPO" >id
    [ "$(docker run --rm pipeutils-test:"$version" id -u)" = 10001 ]
    printf '{"id":1}\n' | docker run --rm -i --init pipeutils-test:"$version" \
        pipe-run --stdin --pipeline t -- \
        'pipe-dedup -k id | pipe-load sqlite:/data/t.db -t t --mode append --create'
    docker rmi -f "$(<id)"
}
