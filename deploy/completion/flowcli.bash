# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# bash completion for flowcli; what 'flowcli completion bash' prints.
_flowcli() {
	mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _flowcli flowcli
