#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Installs what the tests need, builds, runs the suites and closes with one line: N passed, N failed,
# N skipped. Three builds: gcc release in build/ for everything; clang with ASan and UBSan in
# build-asan/ for the suites that need no kernel; the kernel programs of another clang in
# build-clang-19/ for the suite that loads them. `deploy/test.sh SUITE...` runs only these suites;
# `deploy/test.sh bench` runs the benchmarks, which are no tests.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh

suites_all=(lint unit fuzz cli bpf netns export kernels)
suites_asan=(unit fuzz cli)
suites_clang19=(bpf)

# configure DIRECTORY ENVIRONMENT... -- OPTION...: makes the build directory, or sets its options.
configure() {
	local directory=$1 environment=() log
	shift
	while [ "$1" != -- ]; do
		environment+=("$1")
		shift
	done
	shift
	log=$(mktemp)
	if [ -e "$directory/build.ninja" ]; then
		meson configure "$directory" "$@" >"$log" 2>&1
	else
		env "${environment[@]}" meson setup "$directory" "$@" >"$log" 2>&1
	fi || {
		cat "$log" >&2
		exit 1
	}
	rm -f "$log"
}

build_release() {
	echo "building in build/ (gcc, release)"
	configure build CC=gcc -- --buildtype=release -Dtests=true
	ninja -C build --quiet
}

build_asan() {
	echo "building in build-asan/ (clang, address and undefined behaviour sanitizers)"
	configure build-asan CC=clang -- --buildtype=debugoptimized -Dtests=true \
		-Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-asan --quiet
}

build_clang19() {
	echo "building in build-clang-19/ (kernel programs by clang-19)"
	configure build-clang-19 CC=gcc -- --buildtype=debug -Dtests=true -Dclang=clang-19
	ninja -C build-clang-19 --quiet
}

# run_suites DIRECTORY SUITE...: failures are counted afterwards, from the log of the run.
run_suites() {
	local directory=$1 suite arguments=()
	shift
	for suite in "$@"; do
		arguments+=(--suite "$suite")
	done
	rm -f "$directory/meson-logs/testlog.json"
	meson test -C "$directory" --no-rebuild --print-errorlogs "${arguments[@]}" \
		</dev/null || true
}

# Prints those of "$@" that were asked for.
asked() {
	local suite wanted
	for suite in "$@"; do
		for wanted in "${suites[@]}"; do
			[ "$suite" != "$wanted" ] || echo "$suite"
		done
	done
}

suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=("${suites_all[@]}")
# Others' kubectl serves as well, and Debian's package would collide with it.
command -v kubectl >/dev/null || packages_test+=(kubernetes-client)
packages_install "${packages_build[@]}" "${packages_run[@]}" "${packages_test[@]}"
build_release
if [ "${suites[*]}" = bench ]; then
	exec meson test -C build --no-rebuild --benchmark --verbose </dev/null
fi
run_suites build "${suites[@]}"
logs=(build/meson-logs/testlog.json)
mapfile -t asan < <(asked "${suites_asan[@]}")
if [ ${#asan[@]} -gt 0 ]; then
	build_asan
	run_suites build-asan "${asan[@]}"
	logs+=(build-asan/meson-logs/testlog.json)
fi
mapfile -t clang19 < <(asked "${suites_clang19[@]}")
if [ ${#clang19[@]} -gt 0 ]; then
	build_clang19
	run_suites build-clang-19 "${clang19[@]}"
	logs+=(build-clang-19/meson-logs/testlog.json)
fi
exec /usr/bin/python3 deploy/test_summary.py "${suites[@]/#/--suite=}" "${logs[@]}"
