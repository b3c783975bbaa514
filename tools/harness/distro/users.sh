# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Who really uses the heap: vivid, vgem and libcamera, on Debian's generic kernel;
# sourced after lib.sh.

# users_archive FILE: what the guest needs for them besides out/generic-system/bin, for
# GUEST_EXTRA; beside it FILE.modules, as out/generic-system/modules.
users_archive() {
	local dir few file libcamera name
	dir=$("$HARNESS/distro/fetch.sh" generic) &&
		few=$(KERNEL=7.3 "$HARNESS/kernel/fetch.sh" few) || return 1
	rm -rf "$1".*
	mkdir -p "$1.d"
	gcc -O2 -Wall -static -DHEAP_MODULE=\"system_heap_pooled\" -D_GNU_SOURCE \
		-I "$few/linux/tools/testing/selftests" \
		-I "$TOP/tools/testing/selftests/dmabuf-heaps" \
		-o "$1.d/heap-vivid" "$HARNESS/distro/heap-vivid.c" || return 1
	cp "$HARNESS/distro/took.sh" "$1.d/heap-took"
	cp "$HARNESS/distro/libcamera-test.sh" "$1.d/libcamera-test"
	/sbin/modprobe -d "$dir" -S "$(cat "$dir/release")" \
		--show-depends vivid >"$1.depends" || return 1
	while read -r _ file; do
		name=$(basename "${file%.xz}")
		xz -dc "$file" >"$1.d/$name" || return 1
		echo "$name"
	done <"$1.depends" >"$1.modules"
	for file in "$1.d"/*; do
		echo "file /bin/$(basename "$file") $file 755 0 0"
	done >"$1.list"
	"$OUT/generic-system/gen_init_cpio" "$1.list" >"$1" || return 1
	libcamera=$("$HARNESS/distro/libcamera.sh" "$OUT/generic-system/gen_init_cpio") || return 1
	cat "$libcamera" >>"$1"
}

# users_boot: run users.list and count, and say what was taken from the pools.
users_boot() {
	local extra=$OUT/test/users.cpio list=$OUT/test/users.tests
	mkdir -p "$OUT/test"
	if ! "$HARNESS/distro/kernel.sh" generic system >/dev/null || ! users_archive "$extra"; then
		fail "generic-users: there is nothing to boot"
		return
	fi
	{
		sed 's,.*,generic-users modprobe-& exit 30 insmod /bin/&,
			s/vivid\.ko$/& node_types=1 num_inputs=1 input_types=0/' \
			"$OUT/generic-system/modules" "$extra.modules"
		expand_list "$HARNESS/distro/users.list"
	} >"$list"
	tests=$list GUEST_EXTRA=$extra GUEST_CPUS=2 GUEST_MEM=2048 \
		GUEST_APPEND="${GUEST_APPEND:-} initcall_blacklist=system_heap_create" \
		boot generic-users generic-system
	sed -n "s/^# took: /took: /p" "$OUT/runs/generic-users/report.log" | tr -d '\r'
}
