#include "tools/distributed_network_demo/round_trips.h"

#include <stdio.h>
#include <stdlib.h>

bool make_round_trips(RoundTrips* trips, size_t capacity) {
  *trips = (RoundTrips){.capacity = capacity};
  trips->sent_ns = calloc(capacity, sizeof *trips->sent_ns);
  trips->took_ns = calloc(capacity, sizeof *trips->took_ns);
  return trips->sent_ns != NULL && trips->took_ns != NULL;
}

void free_round_trips(RoundTrips* trips) {
  free(trips->sent_ns);
  free(trips->took_ns);
}

void note_sent(RoundTrips* trips, int64_t now) { trips->sent_ns[trips->sent++] = now; }

bool note_answer(RoundTrips* trips, uint64_t number, int64_t now) {
  if (number >= trips->sent || trips->sent_ns[number] == 0) return false;
  trips->took_ns[trips->answered++] = now - trips->sent_ns[number];
  trips->sent_ns[number] = 0;
  return true;
}

static int by_size(const void* left, const void* right) {
  const int64_t a = *(const int64_t*)left, b = *(const int64_t*)right;
  return (a > b) - (a < b);
}

int64_t take_median_ns(RoundTrips* trips) {
  const size_t count = trips->answered - trips->shown;
  if (count == 0) return 0;
  /* Sorting a second's worth in place does no harm: only order among these is lost. */
  qsort(trips->took_ns + trips->shown, count, sizeof *trips->took_ns, by_size);
  const int64_t median = trips->took_ns[trips->shown + count / 2];
  trips->shown = trips->answered;
  return median;
}

void finish_round_trips(RoundTrips* trips) {
  if (trips->answered > 0) {
    qsort(trips->took_ns, trips->answered, sizeof *trips->took_ns, by_size);
  }
}

int64_t percentile_ns(const RoundTrips* trips, double percent) {
  if (trips->answered == 0) return 0;
  const size_t rank = (size_t)(percent / 100 * (double)trips->answered);
  return trips->took_ns[rank < trips->answered ? rank : trips->answered - 1];
}

const char* time_text(int64_t ns, TimeText* buffer) {
  const double value = (double)ns;
  if (ns == 0) {
    snprintf(buffer->text, sizeof buffer->text, "-");
  } else if (ns < 1000000) {
    snprintf(buffer->text, sizeof buffer->text, "%.1f us", value / 1e3);
  } else {
    snprintf(buffer->text, sizeof buffer->text, "%.1f ms", value / 1e6);
  }
  return buffer->text;
}
