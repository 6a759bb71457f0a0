/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/budget.h"

#define LOOKS_UP   2 /* over the limit in a row, before a step up */
#define LOOKS_DOWN 6 /* below a third of it, before a step back: half the sampling costs twice */
#define THIRD	   3

static void budget_judge(struct budget *budget, uint64_t spent_ns, uint64_t time_ns)
{
	uint64_t allowed_ns = time_ns / 100 * budget->percent;

	budget->over = spent_ns > allowed_ns ? budget->over + 1 : 0;
	budget->under = spent_ns < allowed_ns / THIRD ? budget->under + 1 : 0;
	if (budget->over == LOOKS_UP && budget->factor < BUDGET_FACTOR_MAX)
		budget->factor *= 2;
	if (budget->under == LOOKS_DOWN && budget->factor > 1)
		budget->factor /= 2;
	if (budget->over == LOOKS_UP)
		budget->over = 0;
	if (budget->under == LOOKS_DOWN)
		budget->under = 0;
}

uint32_t budget_look(struct budget *budget, uint64_t now_ns, uint64_t cpu_ns)
{
	if (!budget->factor)
		budget->factor = 1;
	if (budget->percent && budget->looked_ns && now_ns > budget->looked_ns)
		budget_judge(budget, cpu_ns - budget->cpu_ns, now_ns - budget->looked_ns);
	budget->looked_ns = now_ns;
	budget->cpu_ns = cpu_ns;
	return budget->factor;
}
