#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# From a fresh clone on Debian 12 to flows on the terminal: installs what is missing, builds, makes
# two pods (network namespaces on a bridge that lives in a namespace of its own), lets them talk,
# and shows what flowd saw. Nothing of the host's network is touched, and nothing stays behind.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_root=$(dirname "$here")
# shellcheck source=deploy/packages.sh
. "$here/packages.sh"

flowd=$source_root/build/flowd/flowd
flowcli=$source_root/build/flowcli/flowcli
state_glob=/run/flowd-quickstart.
seconds=8

usage() {
	cat <<'USAGE'
usage: deploy/quickstart.sh [--keep | --remove | --interface NAME...]

  (no option)       build, show flows between two network namespaces, clean up
  --keep            the same, but leave it running and tell how to go on
  --remove          remove what --keep left
  --interface NAME  build, then watch this interface of the machine until Ctrl-C (repeatable)
  --help            this text
USAGE
}

say() {
	printf '\n== %s\n' "$*"
}

die() {
	echo "quickstart: $*" >&2
	exit 1
}

# ---- build -------------------------------------------------------------------------------------

build() {
	say "packages and build"
	packages_install "${packages_build[@]}" "${packages_run[@]}"
	cd "$source_root"
	if [ ! -e build/build.ninja ]; then
		CC=gcc meson setup build --buildtype=release -Dtests=false >build-setup.log 2>&1 || {
			cat build-setup.log >&2
			die "meson setup failed"
		}
		mv build-setup.log build/
	fi
	ninja -C build --quiet flowd/flowd flowcli/flowcli
	"$flowd" --version
}

# ---- the little cluster ------------------------------------------------------------------------

# Names of the instance whose state directory is $1.
name_instance() {
	state=$1
	local id=${1##*.}
	node=flowd-$id-node web=flowd-$id-web client=flowd-$id-client
	socket=ipc://$state/flowd.sock
}

inside() {
	local namespace=$1
	shift
	nsenter --net="/run/netns/$namespace" -- "$@"
}

# Runs in the background, free of this terminal: Ctrl-C is ours to handle.
launch() {
	local namespace=$1 log=$2
	shift 2
	setsid nsenter --net="/run/netns/$namespace" -- "$@" </dev/null >"$state/$log" 2>&1 &
}

# wait_for SECONDS WHAT COMMAND...: until COMMAND succeeds.
wait_for() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || die "$what: not there in time; logs in $state"
		sleep 0.05
	done
}

listening() {
	inside "$1" ss -Hln "$2" "sport = :$3" | grep -q .
}

# No duplicate address detection: the addresses are of use at once.
make_pod() {
	local namespace=$1 port=$2 number=$3
	ip netns add "$namespace"
	ip -n "$namespace" link set lo up
	ip -n "$node" link add "$port" type veth peer name eth0 netns "$namespace"
	ip -n "$node" link set "$port" master pods up
	ip -n "$namespace" link set eth0 up
	ip -n "$namespace" addr add "10.99.0.$number/24" dev eth0
	ip -n "$namespace" addr add "fd99::$number/64" dev eth0 nodad
	ip -n "$namespace" route add default via 10.99.0.1
}

make_cluster() {
	ip netns add "$node"
	ip -n "$node" link set lo up
	ip -n "$node" link add pods type bridge
	ip -n "$node" link set pods up
	ip -n "$node" addr add 10.99.0.1/24 dev pods
	ip -n "$node" addr add fd99::1/64 dev pods nodad
	make_pod "$web" web 2
	make_pod "$client" client 3
	inside "$web" nft -f - <<'RULES'
table inet demo {
	chain input {
		type filter hook input priority 0;
		tcp dport 82 drop
	}
}
RULES
}

start_services() {
	mkdir "$state/www"
	echo "hello from the pod web" >"$state/www/index.html"
	launch "$web" web.log python3 -m http.server --bind :: --directory "$state/www" 80
	launch "$node" dns.log dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= \
		--user=root --no-hosts --no-resolv --local=/demo.test/ \
		--host-record=web.demo.test,10.99.0.2,fd99::2 \
		--bind-interfaces --listen-address=10.99.0.1
	wait_for 10 "web server" listening "$web" -t 80
	wait_for 10 "name server" listening "$node" -u 53
}

start_flowd() {
	launch "$node" flowd.log "$flowd" --interface web --interface client --run-dir "$state"
	wait_for 10 "flowd" "$flowcli" --server "$socket" status
}

# ---- what is seen ------------------------------------------------------------------------------

show() {
	say "flowcli observe --follow ($seconds seconds of traffic between the pods)"
	launch "$client" traffic.log "$here/traffic.sh"
	local code=0
	timeout --foreground --preserve-status --signal=INT $seconds \
		"$flowcli" --server "$socket" observe --follow || code=$?
	[ $code = 0 ] || [ $code = 130 ] || die "flowcli observe ended with $code"
	say "flowcli status"
	"$flowcli" --server "$socket" status
}

tell_how_to_go_on() {
	say "left running; try"
	cat <<TEXT
  export FLOWCLI_SERVER=$socket
  $flowcli observe --follow
  $flowcli observe --last 20 --protocol tcp --port 80 -o table
  $flowcli observe --follow --ip fd99::/64 -o json
  $flowcli status
pods: ip netns exec $client curl http://10.99.0.2/
log:  $state/flowd.log
remove with: $here/quickstart.sh --remove
TEXT
}

# ---- removal: only what carries the instance's name --------------------------------------------

pids_of() {
	local namespace
	for namespace in "$node" "$web" "$client"; do
		[ ! -e "/run/netns/$namespace" ] || ip netns pids "$namespace"
	done
}

nobody_left() {
	[ -z "$(pids_of)" ]
}

end_processes() {
	local signal pids deadline
	for signal in TERM KILL; do
		pids=$(pids_of)
		[ -n "$pids" ] || return 0
		# shellcheck disable=SC2086 # a list of numbers
		kill -$signal $pids 2>/dev/null || true
		deadline=$((SECONDS + 5))
		until nobody_left || [ $SECONDS -ge $deadline ]; do
			sleep 0.05
		done
	done
}

remove_instance() {
	trap '' INT TERM HUP
	end_processes
	local namespace
	for namespace in "$client" "$web" "$node"; do
		[ ! -e "/run/netns/$namespace" ] || ip netns del "$namespace"
	done
	rm -rf "$state"
}

remove_all() {
	local directory found=0
	for directory in "$state_glob"*; do
		[ -d "$directory" ] || continue
		found=1
		name_instance "$directory"
		remove_instance
		echo "removed $directory"
	done
	[ $found = 1 ] || echo "nothing to remove"
}

# After a failure the logs are shown, since they go with the rest.
finish() {
	local code=$?
	if [ $code != 0 ] && [ $code -lt 128 ]; then
		tail -n 20 "$state"/*.log >&2 2>/dev/null || true
	fi
	remove_instance
	exit $code
}

# ---- main --------------------------------------------------------------------------------------

run_demo() {
	build
	say "two pods on a bridge, in namespaces of their own"
	name_instance "$(mktemp -d "${state_glob}XXXXXX")"
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	make_cluster
	start_services
	start_flowd
	ip -n "$node" -brief address show
	show
	if [ "$1" = keep ]; then
		trap - EXIT INT TERM HUP
		tell_how_to_go_on
	fi
}

run_on_interfaces() {
	local name options=()
	for name in "$@"; do
		ip link show dev "$name" >/dev/null 2>&1 ||
			die "no interface $name; there are: $(ip -br link | awk '{printf "%s ", $1}')"
		options+=(--interface "$name")
	done
	build
	say "watching $*; in another terminal: $flowcli observe --follow; Ctrl-C ends it"
	exec "$flowd" "${options[@]}"
}

mode=demo interfaces=()
while [ $# -gt 0 ]; do
	case $1 in
	--keep) mode=keep ;;
	--remove) mode=remove ;;
	--interface)
		[ $# -gt 1 ] || die "--interface needs a name"
		interfaces+=("$2")
		shift
		;;
	--help | -h)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || die "needs root: it loads BPF programs and makes network namespaces"
if [ ${#interfaces[@]} -gt 0 ]; then
	run_on_interfaces "${interfaces[@]}"
elif [ $mode = remove ]; then
	remove_all
else
	run_demo $mode
fi
