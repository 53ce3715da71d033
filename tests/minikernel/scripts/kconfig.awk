# A .config made sound: awk -f kconfig.awk Kconfig OLD_CONFIG > NEW_CONFIG
# The last setting of a symbol wins; unknown symbols and those whose dependencies fail are dropped.

FNR == 1 { file++ }
file == 1 && $1 == "config"      { name[++n] = $2 }
file == 1 && /^\t(bool|int)/     { type[name[n]] = $1; prompt[name[n]] = NF > 1 }
file == 1 && $1 == "default"     { preset[name[n]] = $2 }
file == 1 && $1 == "select"      { selects[name[n]] = selects[name[n]] " " $2 }
file == 1 && /^\tdepends on /    { sub(/^\tdepends on /, ""); needs[name[n]] = $0 }
file == 2 && /^CONFIG_[^=]*=/    { user[substr($0, 8, index($0, "=") - 8)] = substr($0, index($0, "=") + 1) }
file == 2 && /^# CONFIG_.* is not set/ { user[substr($2, 8)] = "n" }

function met(text,    word, i, k, negated) {
	k = split(text, word, / *&& */)
	for (i = 1; i <= k; i++) {
		negated = sub(/^!/, "", word[i])
		if ((value[word[i]] == "y") == negated)
			return 0
	}
	return 1
}

END {
	do {
		changed = 0
		delete selected
		for (i = 1; i <= n; i++)
			if (value[name[i]] == "y") {
				k = split(selects[name[i]], word, " ")
				for (j = 1; j <= k; j++)
					selected[word[j]] = 1
			}
		for (i = 1; i <= n; i++) {
			s = name[i]
			new = s in preset ? preset[s] : "n"
			if (prompt[s] && s in user && (type[s] == "bool" ? user[s] ~ /^[yn]$/ : user[s] ~ /^-?[0-9]+$/))
				new = user[s]
			if (!met(needs[s]))
				new = ""
			if (s in selected)
				new = "y"
			changed += new != value[s]
			value[s] = new
		}
	} while (changed && ++rounds < 50)
	print "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm64 " version " Kernel Configuration\n#"
	for (i = 1; i <= n; i++) {
		s = name[i]
		if (value[s] == "n" && prompt[s])
			print "# CONFIG_" s " is not set"
		else if (value[s] != "" && value[s] != "n")
			print "CONFIG_" s "=" value[s]
	}
}
