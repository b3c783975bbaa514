# SPDX-License-Identifier: GPL-2.0
#
# Find console messages that fail a test run.  Lockdep, bad pages and stalls only print,
# and do not panic.  Prints each message with the lines that follow, at most 100,000
# characters in all, and exits with 1 if there is one.
# With races_of=FILE, a data race counts if the FILE has one of its two functions.

BEGIN { while (races_of && (getline symbol <races_of) > 0) { sub(/\..*/, "", symbol); ours[symbol] = 1 } }
# "BUG: KCSAN: data-race in A / B", "BUG: KCSAN: ... in A+0x1/0x2"
races_of && /BUG: KCSAN: / {
	sub(/\r$/, "")
	n = split(substr($0, index($0, " in ") + 4), name, " / ")
	# Without offset, module, and the suffix of a copy that the compiler made
	for (i = 1; i <= n; i++) sub(/[+ .].*/, "", name[i])
	if (!(name[1] in ours || name[n] in ours)) next
}
/BUG: |WARNING: |Oops|KASAN: |INFO: task .* blocked|soft lockup|rcu.*stall|possible circular locking|possible recursive locking|inconsistent lock state|suspicious RCU usage|Bad page state|page_pool.*leak|ODEBUG:|Kernel panic|workqueue lockup|refcount_t:/ {
	found++
	left = 12
}
# User Mode Linux frees memory on its second CPU before that is online.
/Checking that seccomp filters/ { starting_um = 1 }
/smp: Brought up/ { starting_um = 0 }
/Callback enqueued on offline CPU/ && starting_um {
	found--
	left = 0
	text = ""
}
# A warning in a loop can fill the console.
left > 0 && length(text) < 100000 { sub(/\r$/, ""); text = text "# " $0 "\n" }
left > 0 { left-- }
END { printf "%s", text; exit found > 0 }
