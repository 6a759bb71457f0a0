/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One daemon a socket: a locked file beside it, "PATH.lock", holding the process id. The kernel
 * drops the lock with the process, however it ends, so a file left behind means nothing.
 */
#ifndef SERVE_LOCK_H
#define SERVE_LOCK_H

struct lock;
/* 0, -EADDRINUSE (another process holds it; logged with its id) or negative errno, logged. */
int lock_take(struct lock **out, const char *socket_path);
/* Removes the file. Accepts NULL. */
void lock_release(struct lock *lock);

#endif
