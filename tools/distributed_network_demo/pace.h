/* When what is due in a run: so many messages a second for the duration, a line each second, and a
 * moment of grace at the end for what is still on its way. */
#ifndef RINGROAD_DEMO_PACE_H
#define RINGROAD_DEMO_PACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int64_t started_ns, end_ns; /* of sending */
  int64_t interval_ns, next_send_ns, next_line_ns;
} Pace;

Pace begin_pace(int64_t now, uint32_t duration_s, uint32_t per_second);
/* No more is due from now on; the grace begins. */
void end_early(Pace* pace, int64_t now);

/* True once for each message that has become due; after a stall, for all that were missed. */
bool take_due(Pace* pace, int64_t now);
/* The number of a second that is over and has no line yet, or 0. */
uint32_t take_second(Pace* pace, int64_t now);
bool is_over(const Pace* pace, int64_t now);
/* How long there is nothing to do but what comes in: at most 10 ms, so that signals are seen. */
int64_t idle_us(const Pace* pace, int64_t now);

#endif
