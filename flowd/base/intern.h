/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One copy of each text, kept until the pool closes, so that records may borrow names of devices
 * that have gone. It only grows: meant for names, not for data. Not thread-safe.
 */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

struct intern;

/* 0 or -ENOMEM. */
int intern_open(struct intern **out);
void intern_close(struct intern *pool);
/* The pool's copy; NULL for NULL and when memory is short. */
const char *intern_text(struct intern *pool, const char *text);
/* The pool's copy if it has one, else NULL. */
const char *intern_find(const struct intern *pool, const char *text);

#endif
