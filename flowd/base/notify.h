/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tells the service manager how the daemon is (sd_notify(3)); does nothing without one. */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/* "READY=1", "STOPPING=1", "RELOADING=1" ... */
void notify_send(const char *state);

#endif
