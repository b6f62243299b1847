#!/usr/bin/env bats
# The Debian package and the image: built, installed, gone back from, removed.
load helper

setup_file() {
    export DEB_LOG=$BATS_FILE_TMPDIR/log
    [ "$FLAVOUR" = release ] && command -v dpkg-shlibdeps >/dev/null || return 0
    local version
    version=$(sed -n 's/^VERSION := //p' "$REPO/Makefile")
    "$REPO/scripts/deb/build" "$version" "$BUILD_DIR" "$BATS_FILE_TMPDIR" \
        >"$DEB_LOG" 2>&1 || return 0
    DEB=$(tail -n 1 "$DEB_LOG")
    export DEB VERSION=$version
}

need_package() {
    [ "$FLAVOUR" = release ] || skip "packages are of the release build"
    need_command dpkg-shlibdeps dpkg-deb dpkg
    [ -n "${DEB-}" ] || fail "no package was built" "$(<"$DEB_LOG")"
}

# A system of its own: it believes that what is installed here is there.
make_root() {
    mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates
    cp /var/lib/dpkg/status root/var/lib/dpkg/status
    ! grep -q '^Package: pipeutils$' root/var/lib/dpkg/status ||
        skip "pipeutils is installed on this machine"
}

# in_root ARGUMENT...: dpkg there, with our package's own warnings only.
in_root() {
    local as=()
    ((EUID == 0)) || as=(fakeroot)
    # --force-not-root: as root this changes nothing.
    "${as[@]}" dpkg --root="$PWD/root" --force-not-root --no-triggers "$@" \
        2>err >out || fail "dpkg $* failed" "$(<err)"
    ! grep -v 'files list file for package\|^dpkg: warning: downgrading' err >&2
}

# all_files: what is in the root but dpkg's own.
all_files() {
    (cd root && find . -path ./var/lib/dpkg -prune -o ! -type d -print | sort)
}

# as_version VERSION: the same package under another version.
as_version() {
    rm -rf other
    dpkg-deb -R "$DEB" other
    sed -i "s/^Version: .*/Version: $1/" other/DEBIAN/control
    dpkg-deb --root-owner-group -Zgzip -z1 -b other "$1.deb" >/dev/null
}

@test "the package is named and versioned as the commands are" {
    need_package
    [ "${DEB##*/}" = "pipeutils_${VERSION}_$(dpkg --print-architecture).deb" ]
    [ "$(dpkg-deb -f "$DEB" Version)" = "$VERSION" ]
    pipe-run --version | grep -qF "$VERSION"
}

@test "it holds all commands, with page and completion, and what is shipped" {
    need_package
    dpkg-deb -c "$DEB" | awk '{ print $6 }' >names
    local path name
    for path in "$BIN_DIR"/pipe-*; do
        name=${path##*/}
        grep -qx "./usr/bin/$name" names || fail "no $name"
        grep -qx "./usr/share/bash-completion/completions/$name" names ||
            fail "no completion of $name"
    done
    for path in "$BUILD_DIR"/man/*.[157]; do
        grep -qx "./usr/share/man/man${path##*.}/${path##*/}.gz" names ||
            fail "no ${path##*/}"
    done
    (cd "$REPO" && find scripts/share -type f 2>/dev/null || true) |
        while read -r path; do
            grep -qx "./usr/share/pipeutils/${path#scripts/share/}" names ||
                fail "no $path"
        done
    # All is root's, nothing is for the group or others to write.
    dpkg-deb -c "$DEB" |
        awk '$2 != "root/root" || substr($1, 6, 1) == "w" ||
            substr($1, 9, 1) == "w"' >others
    [ ! -s others ] || fail "$(<others)"
    (cd "$BATS_TEST_TMPDIR" && dpkg-deb -R "$DEB" x && cd x &&
        md5sum --quiet -c DEBIAN/md5sums)
}

@test "it depends on what the binaries are linked to, and on nothing loaded later" {
    need_package
    need_command objdump
    dpkg-deb -x "$DEB" x
    dpkg-deb -f "$DEB" Depends | tr ',' '\n' | sed 's/^ *//; s/ .*//' >depends
    ldd x/usr/bin/pipe-load x/usr/bin/pipe-extract |
        awk '$2 == "=>" { print $1, $3 }' | sort -u >linked
    objdump -p x/usr/bin/pipe-load x/usr/bin/pipe-extract |
        awk '$1 == "NEEDED" { print $2 }' | sort -u >needed
    while read -r name path; do
        grep -qx "$name" needed || continue # a library's own library
        package=$(dpkg -S "$path" 2>/dev/null || dpkg -S "/usr$path" 2>/dev/null ||
            dpkg -S "$(realpath "$path")")
        package=${package%%:*}
        grep -qx "$package" depends || fail "$name is of $package"
    done <linked
    [ "$(wc -l <depends)" -gt 8 ]
    grep -E 'curl|rdkafka|archive|hiredis|mosquitto|-dev$' depends >wrong ||
        true
    [ ! -s wrong ] || fail "$(<wrong)"
    dpkg-deb -f "$DEB" Recommends Suggests >later
    for package in $(grep -rhoE '"lib[a-z]+[0-9.]+"' "$REPO"/lib/{http,kafka,io,mq}/*.c |
        tr -d '"' | grep -E '^lib(curl4|rdkafka1|archive13|mosquitto1|hiredis)' | sort -u); do
        grep -q "$package" later || fail "$package is not recommended"
    done
}

@test "it installs, its commands run, and it leaves nothing behind" {
    need_package
    ((EUID == 0)) || need_command fakeroot
    make_root
    in_root -i "$DEB"
    in_root --verify pipeutils
    PATH=$PWD/root/usr/bin:$PATH
    [ "$(command -v pipe-dedup)" = "$PWD/root/usr/bin/pipe-dedup" ]
    printf '%s\n' '{"id":1}' '{"id":1}' '{"id":2}' >in
    pipe-run --stdin --pipeline t -- 'pipe-dedup -k id |
        pipe-load sqlite:t.db -t t --mode append --create' <in
    [ "$(sqlite3 t.db 'SELECT count(*) FROM t')" = 2 ]
    in_root --purge pipeutils
    [ -z "$(all_files)" ] || fail "left behind:" "$(all_files)"
}

@test "it is upgraded, and goes back, with state and files of the user untouched" {
    need_package
    ((EUID == 0)) || need_command fakeroot
    make_root
    as_version "$VERSION+1"
    in_root -i "$DEB"
    all_files >before
    mkdir -p root/etc/pipeutils root/var/lib/pipeutils
    echo '{"pipeline":"t"}' >root/etc/pipeutils/t.json
    echo state >root/var/lib/pipeutils/kept
    in_root -i "$VERSION+1.deb"
    [ "$(dpkg-query --admindir=root/var/lib/dpkg -W -f '${Version}' pipeutils)" = \
        "$VERSION+1" ]
    in_root -i "$DEB"
    [ "$(dpkg-query --admindir=root/var/lib/dpkg -W -f '${Version}' pipeutils)" = \
        "$VERSION" ]
    all_files | grep -v 'etc/pipeutils\|var/lib/pipeutils' | diff before -
    in_root --purge pipeutils
    [ "$(all_files)" = "$(printf '%s\n' ./etc/pipeutils/t.json \
        ./var/lib/pipeutils/kept)" ]
}

@test "a version that the changelog does not know is not packaged" {
    need_package
    assert_exit 65 "$REPO/scripts/deb/build" 9.9.9 "$BUILD_DIR" .
    grep -q '^deb: the version is 9.9.9, .* begins with' err
    [ ! -e deb ]
}

# ---- the image

instructions() {
    # Lines that go on are joined, comments dropped.
    sed -e '/^#/d' -e ':a' -e '/\\$/N; s/\\\n//; ta' "$REPO/scripts/docker/Dockerfile"
}

@test "the image is of two stages, and its last user is not root" {
    [ "$(instructions | grep -c '^FROM ')" = 2 ]
    [ "$(instructions | grep '^USER ' | tail -n 1)" = 'USER pipeutils' ]
    # USER stands behind all that needs root, VOLUME behind what fills it.
    [ "$(instructions | awk '/^USER/ { u = NR } /^(RUN|COPY)/ { r = NR }
        /^VOLUME/ { v = NR } END { print (u > r && v > r) }')" = 1 ]
    instructions | grep -qx 'ENV PIPE_STATE=/var/lib/pipeutils .*'
    instructions | grep -qx 'VOLUME /var/lib/pipeutils'
}

@test "the image names no registry, pins its base, and keeps no package lists" {
    local wrong
    # A host or a folder; no tag, or the latest; what is not COPY or LABEL.
    for wrong in '^FROM +[^ ]*/' '^FROM +[^: ]+( |$)' '^FROM +[^ ]*:latest' \
        '^(ADD|MAINTAINER) '; do
        instructions | grep -E "$wrong" >found || true
        [ ! -s found ] || fail "$(<found)"
    done
    instructions | grep '^RUN .*apt-get' | while read -r line; do
        [[ $line == *'rm -rf'*'/var/lib/apt/lists/*'* ]] || fail "lists stay: $line"
        [[ $line == *'--no-install-recommends'* ]] || fail "recommends: $line"
        [[ $line == *' -y '* ]] || fail "asks: $line"
    done
}

@test "each RUN of the image is a script that bash and shellcheck take" {
    need_command shellcheck
    instructions | sed -n 's/^RUN //p' | {
        n=0
        while IFS= read -r line; do
            n=$((n + 1))
            printf '#!/bin/bash\n%s\n' "$line" >"run-$n"
            bash -n "run-$n"
            shellcheck "run-$n"
        done
        [ "$n" = 3 ]
    }
}

@test "what the image copies is there, and the build folder is not sent" {
    [ -x "$REPO/scripts/setup" ]
    grep -qx build "$REPO/scripts/docker/Dockerfile.dockerignore"
    grep -qx .git "$REPO/scripts/docker/Dockerfile.dockerignore"
    # Run-time libraries of the image are those that the package recommends.
    recommends=$(sed -n 's/^Recommends: //p' "$REPO/scripts/deb/control")
    for package in libarchive13 libcurl4 librdkafka1; do
        [[ $recommends == *"$package"* ]] || fail "$package is not recommended"
        instructions | grep -q "apt-get install.* $package" || fail "no $package"
    done
}
