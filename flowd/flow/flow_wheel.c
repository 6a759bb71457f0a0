/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_wheel.h"

static void list_append(struct flow_wheel *wheel, struct flow_pool *pool, uint32_t number,
			uint32_t slot)
{
	struct flow *flow = flow_pool_at(pool, number);
	uint32_t head = wheel->heads[slot];

	flow->slot = (uint16_t)slot;
	if (!head) {
		flow->next = flow->prev = number;
		wheel->heads[slot] = number;
		return;
	}
	flow->next = head;
	flow->prev = flow_pool_at(pool, head)->prev;
	flow_pool_at(pool, flow->prev)->next = number;
	flow_pool_at(pool, head)->prev = number;
}

void flow_wheel_add(struct flow_wheel *wheel, struct flow_pool *pool, uint32_t number,
		    uint64_t tick, int64_t ticks_ahead)
{
	if (ticks_ahead < 1)
		ticks_ahead = 1;
	if (ticks_ahead > FLOW_WHEEL_SLOTS - 1)
		ticks_ahead = FLOW_WHEEL_SLOTS - 1;
	list_append(wheel, pool, number, (tick + (uint64_t)ticks_ahead) % FLOW_WHEEL_SLOTS);
}

void flow_wheel_add_fresh(struct flow_wheel *wheel, struct flow_pool *pool, uint32_t number)
{
	list_append(wheel, pool, number, FLOW_WHEEL_FRESH);
}

void flow_wheel_remove(struct flow_wheel *wheel, struct flow_pool *pool, uint32_t number)
{
	struct flow *flow = flow_pool_at(pool, number);

	if (flow->next == number) {
		wheel->heads[flow->slot] = 0;
		return;
	}
	flow_pool_at(pool, flow->prev)->next = flow->next;
	flow_pool_at(pool, flow->next)->prev = flow->prev;
	if (wheel->heads[flow->slot] == number)
		wheel->heads[flow->slot] = flow->next;
}
