# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A private apt, which reads other suites than the machine's own apt and leaves that
# one alone; sourced after ../lib.sh.  Promises: packages come from the machine's
# mirror, with apt's checks of signature and hash.

# apt_setup MIRROR SUITE...: set up a private apt in $apt.  MIRROR is "main" for the
# machine's Debian mirror, "security" for its mirror of security updates.
apt_setup() {
	local uri suite kind='' signed='' keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	local release="bookworm|trixie|forky|sid|stable|testing|unstable"
	apt=$CACHE/apt/${*:2}
	apt=${apt// /+}${cross:+-$deb_arch}
	[ "$1" = main ] || kind="(-security|/updates)"
	read -r uri < <(apt-get update --print-uris |
		sed -nE "/^'cdrom:/d; s,^'(.*)/dists/($release)$kind/InRelease'.*,\1,p") || {
		say "no $1 Debian mirror in the machine's apt sources"
		return 1
	}
	[ ! -e $keyring ] || signed="[signed-by=$keyring] "
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	for suite in "${@:2}"; do
		echo "deb $signed$uri $suite main"
	done >"$apt/sources.list"
}

# With $also, packages of that architecture can be asked for, too.
apt_private() {	# TOOL ARG...
	local tool=$1
	shift
	"$tool" -qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		${cross:+-o APT::Architecture="$deb_arch" -o APT::Architectures="$deb_arch"} \
		${also:+-o APT::Architectures::=amd64 -o APT::Architectures::="$also"} \
		-o APT::Sandbox::User=root -o Acquire::Languages=none \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}

# once_a_day STAMP HAVE COMMAND...: get what is newer than HAVE from the mirror, unless it was
# asked within a day.  If that fails, HAVE will do if there is one.
once_a_day() {
	[ -z "$2" ] || [ -z "$(find "$1.asked" -mmin -1440 2>/dev/null)" ] || return 0
	if "${@:3}"; then
		touch "$1.asked"
		return
	fi
	[ ! -s "${apt:-}/log" ] || tail -n 3 "$apt/log" >&2
	[ -n "$2" ] || return 1
	say "the mirror cannot be reached for $(basename "$1"); using $(basename "$2") fetched before"
}

apt_update() { apt_private apt-get -o APT::Update::Error-Mode=any update >"$apt/log" 2>&1; }

# download DIR APT-GET-ARGUMENT...: packages, into DIR/deb; "install" brings what
# they depend on, too.
download() {
	local dir=$1
	shift
	rm -rf "$dir"
	mkdir -p "$dir/deb/partial" "$dir/new"
	: >"$apt/status"
	(cd "$dir/deb" && apt_private apt-get -y -o APT::Install-Recommends=0 \
		-o Dir::State::status="$apt/status" -o Dir::Cache::archives="$dir/deb" "$@") \
		>>"$apt/log" 2>&1
}

# unpack DIR: unpack the packages in DIR/deb into DIR/new.
unpack() {
	local deb
	for deb in "$1"/deb/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -xf - -C "$1/new" --keep-directory-symlink \
			--no-same-owner || die "$(basename "$deb") did not unpack"
	done
}
