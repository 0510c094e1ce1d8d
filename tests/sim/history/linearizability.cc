#include "tests/sim/history/linearizability.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/history/account.h"
#include "tests/sim/history/key_search.h"
#include "tests/sim/history/minimise.h"

namespace ringroad::sim {
namespace {

Violation explain(std::uint32_t key, std::span<const Operation> of_one_key, CheckBudget budget) {
  const std::vector<Clue> clues = minimise(of_one_key, budget.steps_max_per_key);
  Violation violation{.key = key,
                      .account = absl::StrCat("key ", key, ": no order explains the answers of ",
                                              clues.size(), " operations\n", timeline(clues))};
  for (const Clue& clue : clues) violation.operations.push_back(clue.operation);
  return violation;
}

Violation give_up(std::uint32_t key, std::vector<Operation> of_one_key, CheckBudget budget) {
  std::string account = absl::StrCat("key ", key, ": undecided after ", budget.steps_max_per_key,
                                     " steps over ", of_one_key.size(), " operations\n");
  return {Violation::Kind::kUndecided, key, std::move(of_one_key), std::move(account)};
}

}  // namespace

std::optional<Violation> check(const History& history, CheckBudget budget) {
  std::map<std::uint32_t, std::vector<Operation>> by_key;
  for (const Operation& operation : history.operations()) {
    by_key[operation.key].push_back(operation);
  }
  std::optional<Violation> undecided;
  for (auto& [key, operations] : by_key) {
    switch (search(operations, budget.steps_max_per_key)) {
      case Verdict::kLinearizable:
        break;
      case Verdict::kNotLinearizable:
        return explain(key, operations, budget);
      case Verdict::kExhausted:
        if (!undecided) undecided = give_up(key, std::move(operations), budget);
        break;
    }
  }
  return undecided;
}

}  // namespace ringroad::sim
