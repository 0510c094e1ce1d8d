/*
 * Raft with commit in two availability zones, as one shared state that is changed in atomic steps.
 *
 * A step is what one exchange of messages does: a candidate asks some nodes for their votes, a
 * leader appends an entry at one node. A lost message is a step that is not taken, a partition one
 * that is not taken for long, a crash the loss of what a node does not keep on disk. README.md
 * tells why nothing is lost by that, what is left out, and where each rule stands in the code.
 *
 * Ghosts (`committed_*`, `had_leader`) are written by no rule and read by assertions only.
 *
 * Parameters, each a -D: NODES, TERM_MAX, LOG_MAX, FIRST (the first configuration, a set of nodes),
 * ZONE_A (the rest is zone B), CHANGES (none, SINGLE or JOINT), DEGRADE, LOST (nodes that never
 * answer), WITNESS (an event that is reported as an error, to show that it happens) and one
 * mistake. check_model, beside this file, has the combinations.
 *
 * It is long because it is one process: spin has no other way to share state between the rules and
 * what they are checked against, and a rule in a file of its own could not be read beside them.
 */
#ifndef NODES
#define NODES 3
#endif
#ifndef TERM_MAX
#define TERM_MAX 3
#endif
#ifndef LOG_MAX
#define LOG_MAX 3
#endif
#ifndef FIRST
#define FIRST 7
#endif
#ifndef ZONE_A
#define ZONE_A 3
#endif
#ifndef LOST
#define LOST 0
#endif
#ifndef WITNESS
#define WITNESS 0
#endif
#define COMMIT_IN_TWO_ZONES 1
#define COMMIT_ALONE 2
#define COMMIT_OF_CHANGE 3
#define COMMIT_AFTER_LOSS 4
#define COMMIT_OF_SECOND_CHANGE 5

/* Sets of nodes are four bits, node n is 1 << n. */
#define BIT(n) (1 << (n))
#define HAS(set, n) (((set) & BIT(n)) != 0)
#define COUNT(set) (((set) & 1) + ((set) >> 1 & 1) + ((set) >> 2 & 1) + ((set) >> 3 & 1))
#define MAJORITY(set, voters) (2 * COUNT((set) & (voters)) > COUNT(voters))
#define IN_TWO_ZONES(set) (((set) & ZONE_A) != 0 && ((set) & (15 & ~ZONE_A)) != 0)
#define SAME_ZONE(a, b) (HAS(ZONE_A, a) == HAS(ZONE_A, b))

/* A configuration is the voters, and above them those that a joint one is about to dismiss. */
#define VOTERS(c) ((c) & 15)
#define OUTGOING(c) ((c) >> 4)
#define MEMBERS(c) (VOTERS(c) | OUTGOING(c))
/* Thesis 4.3: agreement takes majorities of both. */
#ifdef MISTAKE_OUTGOING_IGNORED
#define QUORUM(set, c) MAJORITY(set, VOTERS(c))
#else
#define QUORUM(set, c) (MAJORITY(set, VOTERS(c)) && \
                        (OUTGOING(c) == 0 || MAJORITY(set, OUTGOING(c))))
#endif
/* A half with voters in two zones asks for both, among its voters. */
#ifdef MISTAKE_ZONE_OF_STRANGERS
#define ZONED_HALF(set, voters) (!IN_TWO_ZONES(voters) || IN_TWO_ZONES(set))
#else
#define ZONED_HALF(set, voters) (!IN_TWO_ZONES(voters) || IN_TWO_ZONES((set) & (voters)))
#endif
#ifdef ZONES_OF_BOTH_HALVES
#define ZONED(set, c) (ZONED_HALF(set, VOTERS(c)) && ZONED_HALF(set, OUTGOING(c)))
#else /* of the voters to come: so a change can leave behind a zone that is lost */
#define ZONED(set, c) ZONED_HALF(set, VOTERS(c))
#endif

/* On disk. An entry is its term and, if it changes the configuration, that (else 0). */
byte term[NODES];
byte vote[NODES]; /* node + 1, or 0 */
byte length[NODES];
byte entry_term[NODES * LOG_MAX];
byte entry_change[NODES * LOG_MAX];
#define AT(n, i) ((n) * LOG_MAX + (i)) /* the entry at index i + 1 */

/* In memory. */
bool leads[NODES];
byte commit_index[NODES]; /* a leader's; with APPLIED everybody's, and on disk */
#ifdef DEGRADE
bool alone[NODES]; /* a leader's: it says that it heard nobody of another zone for a timeout */
#ifdef MISTAKE_ALONE_FOR_EVER
bool was_alone[NODES];
#define FALLS_BACK(l) was_alone[l]
#else
#define FALLS_BACK(l) alone[l]
#endif
#endif

/* Ghosts. */
byte committed_term[LOG_MAX]; /* 0 where nothing was committed yet */
byte committed_change[LOG_MAX];
bool had_leader[TERM_MAX + 1];

/* Scratch, written before it is read in one step, and so no part of the state. */
hidden byte i;
hidden byte j;
hidden byte m;
hidden byte config;
hidden byte config_length; /* of the log up to the entry that made `config`; 0 for the first */
hidden byte holders;
hidden byte agreed;        /* how much of the log a quorum holds */
hidden byte zone_agreed;   /* and of that, how much is in two zones */
hidden byte settled;
hidden byte begun;
/* Scratch that a choice stands in the middle of: zero between steps. */
byte node;
byte electors;
byte granted;

/*
 * What a node goes by is the last configuration in its log, committed or not (thesis 4.1), or with
 * APPLIED, the last one it knows to be committed.
 */
#ifdef APPLIED
#define IN_USE(n) commit_index[n]
#else
#define IN_USE(n) length[n]
#endif
inline find_config(n) {
  config = FIRST;
  config_length = 0;
  for (i : 0 .. LOG_MAX - 1) {
    if
    :: i < IN_USE(n) && entry_change[AT(n, i)] != 0 ->
       config = entry_change[AT(n, i)];
       config_length = i + 1
    :: else
    fi
  }
}

/* Who answers leader l, in its term, that it holds the entry at index i + 1. */
inline find_holders(l) {
  holders = 0;
  for (m : 0 .. NODES - 1) {
    if
    :: term[m] == term[l] && length[m] > i && entry_term[AT(m, i)] == entry_term[AT(l, i)] ->
       holders = holders | BIT(m)
    :: else
    fi
  }
}

/* Figure 3.1: entries of its own term only, and those before them by that. Uses `config`. */
#ifdef MISTAKE_OLD_TERM_COUNTED
#define COUNTS(l) true
#else
#define COUNTS(l) (entry_term[AT(l, i)] == term[l])
#endif
#ifdef MISTAKE_ALONE_WITHOUT_QUORUM
#define AGREED(l, set, c) (QUORUM(set, c) || \
                           (alone[l] && ((set) & VOTERS(c)) == (ZONE_OF(l) & VOTERS(c))))
#define ZONE_OF(l) (HAS(ZONE_A, l) -> ZONE_A : 15 & ~ZONE_A)
#else
#define AGREED(l, set, c) QUORUM(set, c)
#endif
inline find_agreed(l) {
  find_config(l);
  agreed = 0;
  zone_agreed = 0;
  for (i : 0 .. LOG_MAX - 1) {
    if
    :: i < length[l] && COUNTS(l) ->
       find_holders(l);
       if
       :: AGREED(l, holders, config) ->
          agreed = i + 1;
          if
          :: ZONED(holders, config) -> zone_agreed = i + 1
          :: else
          fi
       :: else
       fi
    :: else
    fi
  }
}

/* Whose logs hold what was committed at index j + 1, whatever their term. */
inline find_copies() {
  holders = 0;
  for (m : 0 .. NODES - 1) {
    if
    :: length[m] > j && entry_term[AT(m, j)] == committed_term[j] -> holders = holders | BIT(m)
    :: else
    fi
  }
}

/* At once when it may: what is committed later is only less to hold. */
inline maybe_commit(l) {
  find_agreed(l);
#ifdef DEGRADE
  if
  :: FALLS_BACK(l) -> zone_agreed = agreed
  :: else
  fi;
#endif
  for (j : 0 .. LOG_MAX - 1) {
    if
    :: j >= commit_index[l] && j < zone_agreed ->
       if
       :: committed_term[j] == 0 ->
          committed_term[j] = entry_term[AT(l, j)];
          committed_change[j] = entry_change[AT(l, j)]
       :: else
       fi;
       /* State-machine safety. */
       assert(committed_term[j] == entry_term[AT(l, j)]);
       assert(committed_change[j] == entry_change[AT(l, j)]);
       find_copies();
       /* Zone durability: the loss of either zone leaves a voter that has it. */
#ifdef DEGRADE
       assert(alone[l] || !IN_TWO_ZONES(VOTERS(config)) || IN_TWO_ZONES(holders & VOTERS(config)));
#else
       assert(!IN_TWO_ZONES(VOTERS(config)) || IN_TWO_ZONES(holders & VOTERS(config)));
#endif
       witness(l)
    :: else
    fi
  }
  if
  :: zone_agreed > commit_index[l] -> commit_index[l] = zone_agreed
  :: else
  fi;
  find_config(l);
  if /* Thesis 4.2.2: a leader that is no voter ends when that is committed. */
  :: !HAS(MEMBERS(config), l) && config_length <= commit_index[l] -> forget(l)
  :: else
  fi
}

/* Not a rule: events that have to be possible, or the assertions would hold of nothing. */
inline witness(l) {
#if WITNESS == COMMIT_IN_TWO_ZONES
  assert(!IN_TWO_ZONES(holders & VOTERS(config)));
#elif WITNESS == COMMIT_ALONE
  assert(!IN_TWO_ZONES(VOTERS(config)) || IN_TWO_ZONES(holders & VOTERS(config)));
#elif WITNESS == COMMIT_OF_CHANGE
  assert(committed_change[j] == 0 || OUTGOING(committed_change[j]) != 0);
#elif WITNESS == COMMIT_OF_SECOND_CHANGE
  assert(j < 2 || committed_change[j] == 0 || committed_change[j - 1] == 0);
#elif WITNESS == COMMIT_AFTER_LOSS
  assert(false);
#endif
  skip
}

/* What a restart loses, and what a leader gives up when it follows. */
inline forget(n) {
  leads[n] = false;
#ifndef APPLIED
  commit_index[n] = 0;
#endif
#ifdef DEGRADE
  alone[n] = false;
#endif
#ifdef MISTAKE_ALONE_FOR_EVER
  was_alone[n] = false;
#endif
}

/* Figure 3.1, rules for all servers: whoever hears of a later term takes it. */
inline adopt(n, t) {
  if
  :: term[n] < t ->
     term[n] = t;
     vote[n] = 0;
     forget(n)
  :: else
  fi
}

inline append(n, change) {
  entry_term[AT(n, length[n])] = term[n];
  entry_change[AT(n, length[n])] = change;
  length[n] = length[n] + 1
}

inline truncate(n, to) {
  for (j : 0 .. LOG_MAX - 1) {
    if
    :: j >= to && j < length[n] ->
       /* Nobody gives up what was committed. */
       assert(committed_term[j] != entry_term[AT(n, j)]);
       entry_term[AT(n, j)] = 0;
       entry_change[AT(n, j)] = 0
    :: else
    fi
  }
  if
  :: length[n] > to -> length[n] = to
  :: else
  fi
}

#define LAST_TERM(n) (length[n] == 0 -> 0 : entry_term[AT(n, length[n] - 1)])

/* Thesis 3.6.1: a vote goes once a term, to a log that is at least as up to date. */
inline ask(c, n) {
  adopt(n, term[c]);
  if
  :: term[n] == term[c] && (vote[n] == 0 || vote[n] == c + 1) &&
     (LAST_TERM(c) > LAST_TERM(n) ||
      (LAST_TERM(c) == LAST_TERM(n) && length[c] >= length[n])) ->
     vote[n] = c + 1;
     granted = granted | BIT(n)
  :: else
  fi
}

inline stand(c) {
  d_step {
    term[c] = term[c] + 1;
    vote[c] = c + 1;
    granted = BIT(c);
    node = 0
  }
  do
  :: node < NODES && node != c && HAS(electors, node) && term[node] <= term[c] ->
     d_step {
       ask(c, node);
       node = node + 1
     }
  :: node < NODES -> node = node + 1
  :: node == NODES -> break
  od;
  if
  :: d_step {
       find_config(c);
       if
       :: QUORUM(granted, config) -> become_leader(c)
       :: else
       fi
     }
  :: true -> skip /* the votes were given, and too few of the answers arrived */
  fi
}

inline become_leader(c) {
  assert(!had_leader[term[c]]); /* election safety */
  had_leader[term[c]] = true;
  for (j : 0 .. LOG_MAX - 1) { /* leader completeness */
    assert(committed_term[j] == 0 ||
           (j < length[c] && entry_term[AT(c, j)] == committed_term[j] &&
            entry_change[AT(c, j)] == committed_change[j]))
  }
  leads[c] = true;
  if
  :: length[c] < LOG_MAX -> append(c, 0) /* thesis 6.4 */
  :: else
  fi;
  maybe_commit(c)
}

inline reach(l, n, entries) {
  find_config(l);
  if
  :: l != n && term[n] <= term[l] && !HAS(LOST, n) && HAS(MEMBERS(config), n) ->
     replicate(l, n, entries)
  :: else
  fi
}

/* The leader found the last place where both logs agree. The next entry arrives there, or none. */
inline replicate(l, n, entries) {
  adopt(n, term[l]);
  i = (length[n] < length[l] -> length[n] : length[l]);
  do
  :: i > 0 && entry_term[AT(l, i - 1)] != entry_term[AT(n, i - 1)] -> i--
  :: else -> break
  od;
  if
  :: entries == 1 && i < length[l] ->
     truncate(n, i);
     entry_term[AT(n, i)] = entry_term[AT(l, i)];
     entry_change[AT(n, i)] = entry_change[AT(l, i)];
     length[n] = length[n] + 1;
     i++
  :: else
  fi;
  learn(l, n);
  check_log_matching(n);
#ifdef DEGRADE
  if
  :: !SAME_ZONE(l, n) -> alone[l] = false
  :: else
  fi;
#endif
  maybe_commit(l)
}

/* What node n applies on the leader's word, i of its entries having been compared. */
inline learn(l, n) {
#ifdef MISTAKE_COMMIT_UNCHECKED
  i = length[n];
#endif
  for (j : 0 .. LOG_MAX - 1) {
    assert(j >= i || j >= commit_index[l] ||
           (entry_term[AT(n, j)] == committed_term[j] &&
            entry_change[AT(n, j)] == committed_change[j]))
  }
#ifdef APPLIED
  if
  :: commit_index[n] < commit_index[l] && commit_index[n] < i ->
     commit_index[n] = (i < commit_index[l] -> i : commit_index[l])
  :: else
  fi
#endif
}

inline check_log_matching(n) {
  for (m : 0 .. NODES - 1) {
    i = (length[n] < length[m] -> length[n] : length[m]);
    do /* the last index at which both have an entry of the same term */
    :: i > 0 && entry_term[AT(m, i - 1)] != entry_term[AT(n, i - 1)] -> i--
    :: else -> break
    od;
    for (j : 0 .. LOG_MAX - 1) {
      assert(j >= i || (entry_term[AT(m, j)] == entry_term[AT(n, j)] &&
                        entry_change[AT(m, j)] == entry_change[AT(n, j)]))
    }
  }
}

#ifdef MISTAKE_LATE_APPEND_TRUNCATES
/* An append that was long under way: all it says stands in node n's log, which goes on. */
inline append_late(l, n) {
  if
  :: l != n && term[n] == term[l] && length[n] > 1 -> truncate(n, 1)
  :: else
  fi
}
#endif

/*
 * A change may begin when a quorum holds an entry of the leader's term and the change before. Not
 * when that is in two zones: with a zone lost nothing would ever be, and no change could end that.
 */
inline find_settled(l) {
#ifdef APPLIED
  find_config(l);
  settled = 1;
  for (i : 0 .. LOG_MAX - 1) {
    if /* nothing that was there when it was elected, and no change, waits to be applied */
    :: i < length[l] && i >= commit_index[l] &&
       (entry_term[AT(l, i)] < term[l] || entry_change[AT(l, i)] != 0) -> settled = 0
    :: else
    fi
  }
#else
  find_agreed(l);
#ifdef TRAP_CHANGE_WAITS_FOR_ZONES
  agreed = zone_agreed;
#endif
#if defined(MISTAKE_CHANGE_BEFORE_OWN_ENTRY)
  settled = config_length <= agreed
#elif defined(MISTAKE_TWO_CHANGES)
  settled = agreed > 0
#else
  settled = agreed > 0 && config_length <= agreed
#endif
#endif
}

/* Thesis 4.1: one node comes or goes. */
inline change_one(l, n) {
  find_settled(l);
  if
  :: settled && config != BIT(n) ->
     append(l, config ^ BIT(n));
     maybe_commit(l)
  :: else
  fi
}

/* Thesis 4.3: to any voters by way of a configuration that is both, and then out of that. */
inline change_jointly(l, voters) {
  find_settled(l);
  if
  :: settled && OUTGOING(config) == 0 && voters != 0 && voters < BIT(NODES) && voters != config ->
     append(l, voters | config << 4);
     maybe_commit(l)
  :: settled && OUTGOING(config) != 0 && voters == 0 ->
     append(l, VOTERS(config));
     maybe_commit(l)
  :: else
  fi
}

/* Nodes of a zone differ by name only, until one stands: who is first is tried once a zone. */
#define IS_FIRST_OF_ZONE(n) ((n) == 0 || !SAME_ZONE((n) - 1, n))
inline find_begun() {
  begun = 0;
  for (m : 0 .. NODES - 1) {
    begun = begun | term[m]
  }
}

inline choose(x, max) {
  do
  :: x < max -> x++
  :: break
  od;
  skip /* a d_step must not be jumped into */
}

active proctype cluster() {
  byte a; /* who acts: the candidate or leader */
  byte b; /* who answers it, or is added or removed */
end:
  do
  :: atomic {
       choose(a, NODES - 1);
       if
       :: !leads[a] && term[a] < TERM_MAX && !HAS(LOST, a) ->
          d_step {
            find_config(a);
            find_begun();
            electors = (HAS(MEMBERS(config), a) && (begun || IS_FIRST_OF_ZONE(a)) ->
                        MEMBERS(config) & ~LOST : 0)
          }
          if
          :: electors != 0 -> stand(a)
          :: else
          fi
       :: leads[a] -> d_step { forget(a) } /* a crash, and the restart */
       :: leads[a] && length[a] < LOG_MAX ->
          d_step {
            append(a, 0);
            maybe_commit(a)
          }
       :: leads[a] ->
          choose(b, NODES - 1);
          if
          :: true -> skip; d_step { reach(a, b, 0) }
          :: true -> skip; d_step { reach(a, b, 1) }
          fi
#ifdef SINGLE
       :: leads[a] && length[a] < LOG_MAX ->
          choose(b, NODES - 1);
          d_step { change_one(a, b) }
#endif
#ifdef JOINT
       :: leads[a] && length[a] < LOG_MAX ->
          choose(b, 15);
          d_step { change_jointly(a, b) }
#endif
#ifdef DEGRADE
       :: leads[a] && !alone[a] ->
          d_step {
            alone[a] = true;
#ifdef MISTAKE_ALONE_FOR_EVER
            was_alone[a] = true;
#endif
            maybe_commit(a)
          }
#endif
#ifdef MISTAKE_LATE_APPEND_TRUNCATES
       :: leads[a] ->
          choose(b, NODES - 1);
          d_step { append_late(a, b) }
#endif
#ifdef MISTAKE_COMMIT_NOT_DURABLE
       :: commit_index[a] > 0 ->
          d_step {
            commit_index[a] = 0;
            forget(a)
          }
#endif
#ifdef MISTAKE_ENTRY_NOT_DURABLE
       :: length[a] > 0 ->
          d_step {
            truncate(a, length[a] - 1);
            forget(a)
          }
#endif
#ifdef MISTAKE_VOTE_NOT_DURABLE
       :: vote[a] != 0 -> d_step { vote[a] = 0; forget(a) }
#endif
       :: else
       fi;
       skip;
       d_step {
         a = 0;
         b = 0;
         node = 0;
         electors = 0;
         granted = 0
       }
     }
  od
}
