# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What the scripts that make or judge the patch series share; source it after
# lib.sh.  Promises: git behaves the same whoever runs it and wherever, so that
# the same tree gives the same series to the last byte.

series=$HARNESS/series		# what belongs to which patch, and the messages
repos=$CACHE/series		# kernel sources as git repositories

# The same commits from anybody: nobody's settings, nobody's clock.
git_plain() {
	env -u GIT_DIR -u GIT_WORK_TREE -u GIT_OBJECT_DIRECTORY GIT_CONFIG_NOSYSTEM=1 \
		GIT_CONFIG_GLOBAL=/dev/null TZ=UTC git -c core.autocrlf=false \
		-c core.safecrlf=false -c core.fileMode=true -c gc.auto=0 -c advice.detachedHead=false "$@"
}

# The package of which DIR (from fetch.sh) is the source.
package_of() {
	local deb
	for deb in "$CACHE"/deb/*.deb; do
		[ -e "$deb" ] || continue
		[ "$(dpkg-deb -f "$deb" Version | tr -c 'A-Za-z0-9.\n-' _)" != "$(basename "$1")" ] ||
			{ echo "$deb"; return 0; }
	done
	die "the package of $(basename "$1") is not in the cache any more; run make run once"
}

# unpack_pristine DEB DEST [PATH...]: the kernel's files, or those of these PATHs
# that it has.
unpack_pristine() {
	local deb=$1 dest=$2 source codes bad
	shift 2
	source=$(dpkg-deb -f "$deb" Package)
	mkdir -p "$dest"
	set +e
	dpkg-deb --fsys-tarfile "$deb" | tar -xOf - "./usr/src/$source.tar.xz" | xz -dc -T0 |
		tar -xf - -C "$dest" --strip-components=1 --no-same-owner \
			"${@/#/$source/}" 2>"$dest.said"
	codes=("${PIPESTATUS[@]}")
	set -e
	# tar minds a PATH that is not there; we do not, but anything else.
	bad=$(grep -v ': Not found in archive$\|: Exiting with failure status' "$dest.said") || true
	rm -f "$dest.said"
	case ${codes[*]} in
	"0 0 0 0") ;;
	"0 0 0 2") [ $# -gt 0 ] && [ -z "$bad" ] ;;
	*) false ;;
	esac || die "$(basename "$deb") did not unpack${bad:+: $bad}"
}

# import_pristine DEB VERSION DIR: make a repository of the files in DIR, with one
# commit that anybody with the same files gets too, on the branch "pristine".
import_pristine() {
	local source version
	source=$(dpkg-deb -f "$1" Package)
	version=$(dpkg-deb -f "$1" Version)
	(
		cd "$3"
		export GIT_AUTHOR_NAME="Kernel source" GIT_AUTHOR_EMAIL=source@invalid
		export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
		export GIT_AUTHOR_DATE="2026-01-01T00:00:00Z" GIT_COMMITTER_DATE="2026-01-01T00:00:00Z"
		git_plain -c init.defaultBranch=pristine init -q
		git_plain config core.compression 1
		git_plain config gc.auto 0
		git_plain add -f -A
		git_plain commit -q --no-verify -m "Linux $2, as in Debian's $source $version"
	)
}

# bench_figures KERNEL[-arm64]: the file with its figures, of the last run or else of
# docs/.
bench_figures() {
	local file=$OUT/bench-$1.json
	[ -f "$file" ] || file=$TOP/docs/bench-$1.json
	echo "$file"
}

# arm64_numbers KERNEL VERSION: those of arm64 as fill.awk takes them; none for a
# kernel that has none.
arm64_numbers() {
	local file
	file=$(bench_figures "$1-arm64")
	[ -f "$file" ] || return 0
	awk -v version="$2" -v arch=ARM64 -f "$HARNESS/series/numbers.awk" "$file" || return
	grep -qF "\"sources\":\"$(sources_id)\"" "$file" ||
		say "$file is of other sources than these: make bench KERNEL=$1 ARCH=arm64 measures them"
}

# series_figures_each KERNEL: the same of the patches one by one, from series/bench.sh.
series_figures_each() { echo "$OUT/bench-series-$1.json"; }

# series_fill KERNEL FILE: a message, with the figures in $SERIES_NUMBERS if there
# are any.
series_fill() {
	local none=()
	[ -n "${SERIES_NUMBERS:-}" ] || none=(-v lenient=1)
	awk -v kernel="$1" "${none[@]}" -f "$HARNESS/series/fill.awk" \
		"${SERIES_NUMBERS:-/dev/null}" "$2" ||
		die "$(basename "$2") asks for figures that there are not"
}

# series_format REPO BASE COMMITS KERNEL DIR: the commits that are in the file COMMITS
# as mail, each set in a directory of its own that says on what it is based.
series_format() {
	local base=$2 tip set n=0
	for set in $(series_sets); do
		n=$((n + $(series_names "$set" | wc -l)))
		tip=$(sed -n "${n}p" "$3")
		series_format_set "$1" "$base" "$tip" "$4" "$5/$set" "$set"
		base=$tip
	done
}

# series_format_set REPO BASE TIP KERNEL DIR SET: with the cover letter SET.cover.
series_format_set() {
	local cover=$5/0000-cover-letter.patch who=${AUTHOR:-Nobody <nobody@invalid>} mail
	local letter=--cover-letter
	mail=${who##*<}
	mkdir -p "$5"
	[ -f "$series/$6.cover" ] || letter=--no-cover-letter
	# A committer is only named in the cover letter's header.
	GIT_COMMITTER_NAME=${who% <*} GIT_COMMITTER_EMAIL=${mail%>} \
	GIT_COMMITTER_DATE=2026-01-02T00:00:00Z \
	git_plain -C "$1" -c diff.noprefix=false -c format.pretty=email format-patch -q \
		$letter --base="$2" --full-index --no-renames --no-signature \
		--diff-algorithm=histogram --stat=72 -o "$5" "$2..$3"
	[ -f "$cover" ] || return 0
	series_fill "$4" "$series/$6.cover" >"$5/cover"
	awk -v message="$5/cover" '
		/^Subject: / && !subject {
			getline text < message
			subject = 1
			sub(/\*\*\* SUBJECT HERE \*\*\*/, text)
			# A long subject goes on in the next line.
			if (length > 75 && match(substr($0, 1, 75), /.* /))
				$0 = substr($0, 1, RLENGTH - 1) "\n" substr($0, RLENGTH)
		}
		$0 == "*** BLURB HERE ***" {
			getline text < message
			while ((getline text < message) > 0) print text
			next
		}
		{ print }' "$cover" >"$5/cover.new"
	mv "$5/cover.new" "$cover"
	rm "$5/cover"
}

# All of them, or those of one SET.
series_names() { awk -v set="${1:-}" '!/^#/ && NF && (set == "" || $1 == set) && !seen[$2]++ { print $2 }' "$series/patches.list"; }
series_sets() { awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$series/patches.list"; }

# series_numbers_more REPO: what else messages ask for: @BASE@, where the base commit
# comes from, and @NR_NAME@, the number of each patch in its set.
series_numbers_more() {
	printf '@BASE@\n%s\n' "$(git_plain -C "$1" log -1 --format=%s pristine | sed "s/.*as in Debian's //")"
	local set
	for set in $(series_sets); do
		series_names "$set" | awk '{ gsub("-", "_"); printf "@NR_%s@\n%d\n", toupper($0), NR }'
	done
}

# series_few DIR: a repository like base.sh makes, but only of what the series
# may touch: files like ours, and those that edits are of.  To be read or copied,
# never written.
series_few() {
	local paths few new deb
	mapfile -t paths < <({
		(cd "$TOP" && find drivers include tools/testing Documentation -type f)
		awk '$1 == "file" && !/\*/ { print $2 }' "$HARNESS"/kernel/edits/*.edit \
			"$TOP/drivers/dma-buf/heaps/system_heap.edit"
	} | sort -u)
	few=$repos/$(basename "$1")/few-$(printf '%s\n' "${paths[@]}" | sha256sum | cut -c1-12)
	if [ ! -d "$few" ]; then
		deb=$(package_of "$1")
		new=$few.tmp.$$
		rm -rf "$new"
		unpack_pristine "$deb" "$new" "${paths[@]}"
		import_pristine "$deb" "$(cat "$1/version")" "$new"
		# Another run may have been faster.
		mv -T "$new" "$few" 2>/dev/null || rm -rf "$new"
		find "$repos/$(basename "$1")" -maxdepth 1 -name 'few-*' -mtime +30 -exec rm -rf {} +
	fi
	touch "$few"
	echo "$few"
}
