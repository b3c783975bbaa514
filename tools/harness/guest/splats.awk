# SPDX-License-Identifier: GPL-2.0
#
# What of a kernel's console no test run may show.  Not everything bad panics:
# lockdep, bad pages and stalls only print.  Exits with 1 when something was
# printed, and prints each find with the lines that follow it.

/BUG: |WARNING: |Oops|KASAN: |INFO: task .* blocked|soft lockup|rcu.*stall|possible circular locking|possible recursive locking|inconsistent lock state|suspicious RCU usage|Bad page state|page_pool.*leak|ODEBUG:|Kernel panic|workqueue lockup|refcount_t:/ {
	found = 1
	left = 12
}
left > 0 { sub(/\r$/, ""); print "# " $0; left-- }
END { exit found }
