#!/usr/bin/env bats
# Every kernel of the scanner, also those that this machine would not choose or
# cannot run: NEON is built by a cross compiler and run by qemu.
load ../helper

# ---- aarch64

unit="scan utf8 csvscan check select number order drop"
fuzz="scan utf8 select json_check json_walk json_quote key number path splice"

# build_aarch64 FLAG...: compiles lib/json, what it stands on, and the programs
# above. No library is there for that machine: lib/json needs none but xxhash,
# which is all header, and of lib/base only what has no use for GMP.
build_aarch64() {
    need_command aarch64-linux-gnu-gcc qemu-aarch64
    local sources name
    local flags=(-std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wpedantic -Wshadow
        -Wconversion -Werror "$@" -I"$REPO/lib" -I"$PWD/headers"
        -I"$REPO/tests/unit" -I"$REPO/tests/fuzz")
    [ -e /usr/include/xxhash.h ] || skip "xxhash.h is not installed"
    [ -e /usr/aarch64-linux-gnu/lib/libc.so.6 ] ||
        skip "libc6-dev-arm64-cross is not installed"
    mkdir headers
    ln -s /usr/include/xx*.h headers
    mapfile -t sources < <(grep -LE '"base/bigint.h"|<gmp.h>' \
        "$REPO"/lib/base/*.c "$REPO"/lib/json/*.c \
        "$REPO"/lib/source/csvscan*.c "$REPO"/lib/table/wordkey.c)
    for name in "${sources[@]}"; do
        aarch64-linux-gnu-gcc "${flags[@]}" -c "$name" || return 1
    done
    for name in $unit; do
        aarch64-linux-gnu-gcc "${flags[@]}" "$REPO/tests/unit/$name.c" ./*.o \
            -lm -o "unit-$name" || return 1
    done
    for name in $fuzz; do
        aarch64-linux-gnu-gcc "${flags[@]}" "$REPO/tests/fuzz/$name.c" \
            "$REPO/tests/fuzz/replay.c" ./*.o -lm -o "fuzz-$name" || return 1
    done
}

on_aarch64() {
    qemu-aarch64 -L /usr/aarch64-linux-gnu "$@"
}

units_pass_on_aarch64() {
    local name
    for name in $unit; do
        on_aarch64 "./unit-$name" >out || fail "$name:" "$(grep -v ^ok out)"
    done
    on_aarch64 ./unit-scan | grep -qx '# kernels: scalar neon'
    on_aarch64 ./unit-utf8 | grep -qx '# kernels: scalar neon'
    on_aarch64 ./unit-csvscan | grep -qx '# kernels: scalar neon'
}

corpora_pass_on_aarch64() {
    local name
    for name in $fuzz; do
        on_aarch64 "./fuzz-$name" "$REPO/tests/fuzz/corpus/$name" >out 2>&1 ||
            fail "$name:" "$(grep -v ^ok out)"
    done
}

@test "aarch64: NEON says what the scalar kernel says" {
    build_aarch64 -march=armv8-a
    units_pass_on_aarch64
    corpora_pass_on_aarch64
}

@test "aarch64: so it does with the polynomial multiplication" {
    build_aarch64 -march=armv8-a+crypto
    aarch64-linux-gnu-objdump -d scan_neon.o | grep -q pmull
    units_pass_on_aarch64
    corpora_pass_on_aarch64
}

# ---- this machine

# tools_pass_with KERNEL: the unit programs and golden folders, with the kernel
# forced.
tools_pass_with() {
    local name
    export PIPE_SIMD=$1
    "$BUILD_DIR/unit/scan" | grep -q "^# kernels: .*$1" ||
        skip "this machine has no $1"
    for name in $unit; do
        "$BUILD_DIR/unit/$name" >out || fail "$name:" "$(grep -v ^ok out)"
    done
    "$REPO/tests/lib/golden" "$REPO"/tests/golden/*/ >out ||
        fail "golden:" "$(grep -v ^ok out)"
}

@test "the scalar kernel runs every tool" {
    tools_pass_with scalar
}

@test "AVX2 runs every tool" {
    tools_pass_with avx2
}

@test "AVX-512 runs every tool" {
    tools_pass_with avx512
}
