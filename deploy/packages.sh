# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The Debian packages this project needs, by purpose: the one place that lists them. Sourced by
# quickstart.sh and test.sh, which call `packages_install NAME...`.

# To compile flowd and flowcli.
packages_build=(
	gcc libc6-dev linux-libc-dev meson ninja-build pkg-config cmake clang llvm bpftool
	libbpf-dev libnl-3-dev libnl-route-3-dev libnng-dev libyaml-dev libpcap-dev
	libevent-dev liblz4-dev libpcre2-dev libprotobuf-c-dev protobuf-c-compiler libjson-c-dev
	libcurl4-openssl-dev libmaxminddb-dev libnetfilter-conntrack-dev
	libmicrohttpd-dev librdkafka-dev libnats-dev libssl-dev zlib1g-dev libzstd-dev
)

# To show it at work between two network namespaces.
packages_run=(
	iproute2 iputils-ping procps nftables curl dnsmasq-base ldnsutils python3
)

# To test it: unit tests, lint, the second compiler, judges of traffic, kernels in QEMU.
packages_test=(
	runc podman netavark containerd containernetworking-plugins python3-grpcio docker.io iptables openssl libmaxmind-db-writer-perl
	git libcmocka-dev clang-format clang-19 libclang-rt-14-dev shellcheck mandoc
	rsyslog rsyslog-openssl nfdump pmacct nats-server clickhouse-server prometheus kafkacat logrotate
	tcpdump tshark iperf3 wrk dnsperf unbound bind9-dnsutils nginx-light ethtool nng-utils softflowd
	qemu-system-x86 busybox-static kmod cpio xz-utils
)

# Prints those of "$@" that are not installed.
packages_missing() {
	local name
	for name in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
			echo "$name"
	done
}

# apt-get that asks nothing, and is quiet unless it fails.
packages_apt() {
	local log
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 "$@" \
		</dev/null >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

# True when every package of "$@" can be installed from the index that is there.
packages_known() {
	apt-get -qq --simulate --no-install-recommends install "$@" >/dev/null 2>&1
}

# Installs what is missing of "$@"; reads a new index only where the present one does not know a
# package or leads to files that are no longer there.
packages_install() {
	local missing
	mapfile -t missing < <(packages_missing "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! command -v apt-get >/dev/null; then
		echo "not installed, and there is no apt-get to install them: ${missing[*]}" >&2
		return 1
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "not installed, and only root may: apt-get install ${missing[*]}" >&2
		return 1
	fi
	echo "installing ${#missing[@]} packages: ${missing[*]}"
	if packages_known "${missing[@]}" &&
		packages_apt --no-install-recommends install "${missing[@]}" 2>/dev/null; then
		return 0
	fi
	packages_apt update
	packages_apt --no-install-recommends install "${missing[@]}"
}
