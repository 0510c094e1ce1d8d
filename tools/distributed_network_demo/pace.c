#include "tools/distributed_network_demo/pace.h"

static const int64_t kSecond = 1000000000;
static const int64_t kGrace = 1000000000;
static const int64_t kIdleMaxUs = 10000;

Pace begin_pace(int64_t now, uint32_t duration_s, uint32_t per_second) {
  return (Pace){.started_ns = now,
                .end_ns = now + duration_s * kSecond,
                .interval_ns = kSecond / per_second,
                .next_send_ns = now,
                .next_line_ns = now + kSecond};
}

void end_early(Pace* pace, int64_t now) {
  if (pace->end_ns > now) pace->end_ns = now;
}

bool take_due(Pace* pace, int64_t now) {
  if (pace->next_send_ns > now || pace->next_send_ns >= pace->end_ns) return false;
  pace->next_send_ns += pace->interval_ns;
  return true;
}

uint32_t take_second(Pace* pace, int64_t now) {
  if (now < pace->next_line_ns || pace->next_line_ns > pace->end_ns) return 0;
  const int64_t second = (pace->next_line_ns - pace->started_ns) / kSecond;
  pace->next_line_ns += kSecond;
  return (uint32_t)second;
}

bool is_over(const Pace* pace, int64_t now) { return now >= pace->end_ns + kGrace; }

int64_t idle_us(const Pace* pace, int64_t now) {
  const int64_t until = now < pace->end_ns ? pace->next_send_ns : pace->end_ns + kGrace;
  const int64_t us = until > now ? (until - now) / 1000 : 0;
  return us < kIdleMaxUs ? us : kIdleMaxUs;
}
