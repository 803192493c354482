# shellcheck shell=sh
# What the scripts beside this file share. It is sourced, with the checkout as working folder.

say() {
	printf '%s\n' "$*"
}

die() {
	say "$0: $*" >&2
	exit 1
}

# Runs a command as root. Asks for sudo only when we get here, so only when it is needed.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "not root, and there is no sudo to run: $*"
		return 1
	fi
}

# Runs an apt-get command line; when it fails, fetches the package lists and tries once more:
# a new machine has none, an old machine's are stale.
apt() {
	command -v apt-get >/dev/null || return 1
	apt_runner=$1
	shift
	$apt_runner env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" && return
	say "fetching the lists of packages"
	as_root apt-get -qq update && $apt_runner env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@"
}

# Installs those of the named packages that are missing. Fails when that cannot be done.
install_missing() {
	missing=
	for package; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
		[ "$status" = installed ] || missing="$missing $package"
	done
	[ -z "$missing" ] && return
	say "installing:$missing"
	# shellcheck disable=SC2086 # a list of words
	apt as_root install -y --no-install-recommends $missing >build-apt.log 2>&1 && rm build-apt.log && return
	say "that failed:"
	tail -n 3 build-apt.log
	return 1
}

# What it takes to build. Where it cannot be installed, the tools may still be there by
# another way (another system, a user without sudo).
install_to_build() {
	install_missing gcc libc6-dev meson ninja-build pkg-config libssl-dev libidn2-dev libunistring-dev && return
	for tool in cc meson ninja pkg-config; do
		command -v "$tool" >/dev/null || die "$tool is missing and cannot be installed"
	done
	pkg-config --exists openssl || die "OpenSSL's headers are missing and cannot be installed"
}

# build FOLDER MESON-OPTION...: configures once, then builds what changed.
build() {
	folder=$1
	shift
	[ -f "$folder/build.ninja" ] || meson setup "$folder" "$@" >"$folder.log" 2>&1 || {
		cat "$folder.log"
		return 1
	}
	ninja -C "$folder" >"$folder.log" 2>&1 || {
		cat "$folder.log"
		return 1
	}
	rm -f "$folder.log"
}
