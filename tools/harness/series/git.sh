# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Functions of the scripts that make and check the patch series; source it after
# lib.sh.  Promises: git does not depend on the user's settings, so that the same tree
# gives the same series to the last byte.

series=$HARNESS/series		# what belongs to which patch, and the messages
repos=$CACHE/series		# kernel sources as git repositories

# All patches, or those of one SET; all sets.
series_names() { awk -v set="${1:-}" '!/^#/ && NF && (set == "" || $1 == set) && !seen[$2]++ { print $2 }' "$series/patches.list"; }
series_sets() { awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$series/patches.list"; }

git_plain() {
	env -u GIT_DIR -u GIT_WORK_TREE -u GIT_OBJECT_DIRECTORY GIT_CONFIG_NOSYSTEM=1 \
		GIT_CONFIG_GLOBAL=/dev/null TZ=UTC git -c core.autocrlf=false \
		-c core.safecrlf=false -c gc.auto=0 -c advice.detachedHead=false "$@"
}

# unpack_pristine DEB DEST [PATH...]: unpack the kernel's files, or those of the PATHs
# that it has.
unpack_pristine() {
	local deb=$1 dest=$2 source bad
	shift 2
	source=$(dpkg-deb -f "$deb" Package)
	mkdir -p "$dest"
	dpkg-deb --fsys-tarfile "$deb" | tar -xOf - "./usr/src/$source.tar.xz" | xz -dc -T0 |
		tar -xf - -C "$dest" --strip-components=1 --no-same-owner \
			"${@/#/$source/}" 2>"$dest.said" || {
		# A PATH may be missing; other errors count.
		bad=$(grep -v ': Not found in archive$\|: Exiting with failure status' "$dest.said") || true
		if [ $# = 0 ] || [ -n "$bad" ]; then
			die "$(basename "$deb") did not unpack${bad:+: $bad}; if the disk is not full, remove $deb"
		fi
	}
	rm -f "$dest.said"
}

# import_pristine DIR MESSAGE: make DIR a repository with one commit of its files, on the
# branch "pristine".  The same files give the same commit.
import_pristine() {
	git_plain -C "$1" -c init.defaultBranch=pristine init -q
	git_plain -C "$1" config core.compression 1
	git_plain -C "$1" add -f -A
	GIT_AUTHOR_NAME="Kernel source" GIT_AUTHOR_EMAIL=source@invalid \
	GIT_COMMITTER_NAME="Kernel source" GIT_COMMITTER_EMAIL=source@invalid \
	GIT_AUTHOR_DATE="2026-01-01T00:00:00Z" GIT_COMMITTER_DATE="2026-01-01T00:00:00Z" \
		git_plain -C "$1" commit -q --no-verify -m "$2"
}

# series_base DIR: set $repo to such a repository of all files of the kernel in DIR (from
# fetch.sh).  It is made once, in the cache.  An unfinished one is never used.
series_base() {
	local key
	key=$(basename "$1")
	repo=$repos/$key/linux
	[ -d "$repo" ] || (
		lock 6 "series-$key"
		[ ! -d "$repo" ] || exit 0
		for deb in "$CACHE"/deb/*.deb ""; do
			[ ! -e "$deb" ] || [ "$(dpkg-deb -f "$deb" Version | tr -c 'A-Za-z0-9.\n-' _)" != "$key" ] || break
		done
		[ -n "$deb" ] || die "the package of $key is not in the cache any more; run make run once"
		need_space 3500 "a repository of the kernel's sources"
		say "importing $(basename "$deb") into git; this is done once"
		rm -rf "$repo.tmp"
		unpack_pristine "$deb" "$repo.tmp"
		import_pristine "$repo.tmp" "Linux $(cat "$1/version"), as in Debian's $(dpkg-deb -f "$deb" Package) $(dpkg-deb -f "$deb" Version)"
		mv "$repo.tmp" "$repo"
	)
}

# apply_series REPO DIR TIP: apply the patches in DIR to the branch "pristine" in
# REPO's working tree as a maintainer does, and compare with the commit TIP.
apply_series() {
	local set mails
	mapfile -t mails < <(for set in $(series_sets); do
		find "$2/$set" -name '*.patch' ! -name '0000-*' | sort
	done)
	export GIT_COMMITTER_NAME=Nobody GIT_COMMITTER_EMAIL=nobody@invalid
	git_plain -C "$1" am --abort >/dev/null 2>&1 || true
	git_plain -C "$1" checkout -q --force --detach pristine
	git_plain -C "$1" clean -q -f -d -x
	git_plain -C "$1" am -q --whitespace=error-all "${mails[@]}" >&2 ||
		die "git am rejects the series"
	git_plain -C "$1" diff --exit-code --stat "$3" HEAD >&2 || die "git am made something else"
	[ -z "$(git_plain -C "$1" status --porcelain)" ] || die "git am left something behind"
}
