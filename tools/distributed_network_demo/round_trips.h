/* Round trips, measured by the demo itself: when each numbered message left, and how long until its
 * answer was here. Made at the start for as many messages as the run can send. */
#ifndef RINGROAD_DEMO_ROUND_TRIPS_H
#define RINGROAD_DEMO_ROUND_TRIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int64_t* sent_ns; /* by number; 0 once answered */
  int64_t* took_ns; /* of the answered ones, in the order answers came; sorted by finishing */
  size_t capacity;  /* of both */
  size_t sent, answered;
  size_t shown; /* of took_ns: in earlier lines */
} RoundTrips;

bool make_round_trips(RoundTrips* trips, size_t capacity);
void free_round_trips(RoundTrips* trips);
/* The next number leaves now. There is room for `capacity`. */
void note_sent(RoundTrips* trips, int64_t now);
/* False: no such message waits for an answer (never sent, or answered before). */
bool note_answer(RoundTrips* trips, uint64_t number, int64_t now);

/* Of the answers since the last call: their median, 0 when there were none. */
int64_t take_median_ns(RoundTrips* trips);
/* Sorts all; afterwards percentile_ns may be asked, and nothing noted any more. */
void finish_round_trips(RoundTrips* trips);
int64_t percentile_ns(const RoundTrips* trips, double percent);

/* "43.1 us", "-" for 0. */
typedef struct {
  char text[24];
} TimeText;
const char* time_text(int64_t ns, TimeText* buffer);

#endif
