/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ctrl-C and SIGTERM as a flag and as a descriptor to poll, and SIGPIPE as an error of write(2). A
 * second signal ends the process at once.
 */
#ifndef FLOWCLI_INTERRUPT_H
#define FLOWCLI_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* Lets SIGPIPE be an error; before any thread exists. */
void interrupt_ignore_pipe(void);
/* Handles SIGINT and SIGTERM from here on. 0 or negative errno. */
int interrupt_open(void);
bool interrupt_requested(void);
/* A flag that a signal sets, or interrupt_stop(): the reader has enough. */
const volatile sig_atomic_t *interrupt_stop_flag(void);
void interrupt_stop(void);
/* Becomes readable with the first signal; -1 before interrupt_open(). */
int interrupt_fd(void);

#endif
