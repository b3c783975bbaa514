# SPDX-License-Identifier: GPL-2.0
#
# awk -v ours="SYMBOL..." -f kconfig-terms.awk KCONFIG...: terms of our symbols' "depends
# on" that say nothing: written twice, or implied by the menu or "if" around, or by
# another term, whose symbol itself depends on that.  The files have the paths by
# which they are sourced.  An expression with "||" is one term; conditions of prompts,
# defaults and selects are not looked at.

# terms(EXPRESSION): " term term ", without blanks in them.
function terms(e) {
	gsub(/[ \t]|#.*/, "", e)
	if (e !~ /\|\|/) gsub(/&&/, " ", e)
	return " " e " "
}
function has(all, term) { return index(all, " " term " ") || index(all, " " term "=y ") }
# What is around a symbol in its file, and around that file.
function around(symbol,   f, all) {
	all = inside[symbol]
	for (f = file[symbol]; f in parent; f = parent[f]) all = all outer[f]
	return all
}

FNR == 1 { deep = 0; symbol = "" }
/\\$/ { joined = joined substr($0, 1, length - 1); next }
{ $0 = joined $0; joined = "" }
/^(menu|choice|if)([ \t]|$)/ { symbol = ""; deep++; scope[deep] = scope[deep - 1] ($1 == "if" ? terms(substr($0, 3)) : "") }
/^end(menu|choice|if)/ { symbol = ""; deep-- }
/^source / { gsub(/"/, ""); parent[$2] = FILENAME; outer[$2] = scope[deep] }
/^(menu)?config[ \t]/ { symbol = $2; times[$2]++; file[$2] = FILENAME; inside[$2] = scope[deep] }
/^comment / { symbol = $1 }
/^\t(def_)?tristate/ { tristate[symbol] = 1 }
/^\tdepends on / && symbol { own[symbol] = own[symbol] terms(substr($0, 13)) }
/^\tdepends on / && !symbol { scope[deep] = scope[deep] terms(substr($0, 13)) }

END {
	for (k = split(ours, list, " "); k; k--) {
		s = list[k]
		if (!times[s]) print s ": not found"
		n = split(own[s], term, " ")
		for (i = 1; i <= n; i++) {
			t = term[i]
			if (has(around(s), t)) print s ": " t " is implied by what is around it"
			for (j = 1; j <= n; j++) {
				u = term[j]
				sub(/=y$/, "", u)
				if (j < i && u == t) print s ": " t " is there twice"
				# A bool can be y with what it needs as a module, a tristate cannot.
				if (i != j && times[u] == 1 && has(own[u] around(u), t) && (!tristate[s] || tristate[u] || !tristate[t]))
					print s ": " t " is implied by " term[j]
			}
		}
	}
}
