/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/completion.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "proto/field.h"

/* deploy/completion/flowcli.bash is this text; a test compares them. */
static const char bash_script[] =
	"# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"
	"# bash completion for flowcli; what 'flowcli completion bash' prints.\n"
	"_flowcli() {\n"
	"\tmapfile -t COMPREPLY < <(\"${COMP_WORDS[0]}\" complete -- "
	"\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -o default -F _flowcli flowcli\n";

struct offer {
	const char *prefix;
};

static void offer_word(const struct offer *offer, const char *word)
{
	if (!strncmp(word, offer->prefix, strlen(offer->prefix)))
		puts(word);
}

static void offer_option(void *context, const struct option_group *group,
			 const struct option_row *row)
{
	char word[64];

	(void)group;
	snprintf(word, sizeof(word), "--%s", row->name);
	offer_word(context, word);
}

/* Names of a field; lower case when that is how the user began. */
static void offer_names(const struct offer *offer, const struct field_name *names)
{
	bool lower = islower((unsigned char)offer->prefix[0]);
	char word[64];

	for (; names && names->name; names++) {
		snprintf(word, sizeof(word), "%s", names->name);
		for (char *letter = word; lower && *letter; letter++)
			*letter = (char)tolower((unsigned char)*letter);
		offer_word(offer, word);
	}
}

static void offer_one(void *context, const char *word)
{
	offer_word(context, word);
}

static void offer_values(const struct offer *offer, const struct option_row *row)
{
	const struct field *field = row->fields[0] ? field_find(row->fields[0]) : NULL;

	for (const char *const *choice = row->choices; choice && *choice; choice++)
		offer_word(offer, *choice);
	if (row->offer)
		row->offer(offer_one, (void *)(uintptr_t)offer);
	if (field)
		offer_names(offer, field->names);
}

static void offer_command(struct offer *offer, const struct command *command)
{
	const struct command *const *child = command->children;

	if (*offer->prefix == '-') {
		option_each(command->groups, offer_option, offer);
		return;
	}
	for (; child && *child; child++)
		if ((*child)->summary)
			offer_word(offer, (*child)->token);
	for (const char *const *word = command->words; word && *word; word++)
		offer_word(offer, *word);
}

static const struct option_row *find_option(const struct command *command, const char *word)
{
	if (!strncmp(word, "--", 2))
		return option_find(command->groups, word + 2, strlen(word + 2));
	return word[0] == '-' && word[1] && !word[2] ? option_find_letter(command->groups, word[1])
						     : NULL;
}

/* The words are those behind "flowcli", the last one being typed; bash makes "=" a word of its own.
 */
static int run_complete(int operand_count, const char *const *operands)
{
	struct offer offer = { operand_count ? operands[operand_count - 1] : "" };
	const struct command *command = &flowcli;
	const struct option_row *pending = NULL;

	for (int i = 0; i < operand_count - 1; i++) {
		const struct command *child;
		if (!strcmp(operands[i], "="))
			continue;
		if (pending) {
			pending = NULL;
			continue;
		}
		pending = find_option(command, operands[i]);
		if (pending && !pending->argument)
			pending = NULL;
		child = command_child(command, operands[i]);
		command = child ? child : command;
	}
	if (!strcmp(offer.prefix, "="))
		offer.prefix = "";
	if (pending)
		offer_values(&offer, pending);
	else
		offer_command(&offer, command);
	return 0;
}

static int run_completion(int operand_count, const char *const *operands)
{
	if (operand_count != 1 || strcmp(operands[0], "bash"))
		return command_misuse("flowcli completion", "name the shell: bash");
	fputs(bash_script, stdout);
	return 0;
}

static const char *const shells[] = { "bash", NULL };
static const struct option_group *const groups[] = { &help_options, NULL };

const struct command completion_command = {
	.token = "completion",
	.summary = "Print the completion script of a shell.",
	.operands = "bash",
	.examples = "  flowcli completion bash > /usr/share/bash-completion/completions/flowcli\n"
		    "  source <(flowcli completion bash)",
	.groups = groups,
	.words = shells,
	.run = run_completion,
};

/* Without a summary: not shown. */
const struct command complete_command = {
	.token = "complete",
	.operands = "[WORD]...",
	.run = run_complete,
};
