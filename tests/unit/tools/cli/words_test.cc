// The CLI's pure parts about words: units, tables, fields of answers that may be anything, errors
// as exit codes.
#include <gtest/gtest.h>

#include <string>

#include "tools/ringroad/exit_code.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/round_trips.h"
#include "tools/ringroad/table.h"
#include "tools/ringroad/units.h"

namespace ringroad::cli {
namespace {

using nlohmann::json;

TEST(Units, NameThemselves) {
  EXPECT_EQ(latency_text(9.2e-6), "9.2us");
  EXPECT_EQ(latency_text(870e-9), "870ns");
  EXPECT_EQ(latency_text(2.0), "2.0s");
  EXPECT_EQ(age_text(40.9), "40 s");
  EXPECT_EQ(age_text(725), "12 min");
  EXPECT_EQ(age_text(3 * 3'600), "3 h");
  EXPECT_EQ(age_text(5 * 86'400), "5 d");
  EXPECT_EQ(rate_text(412'000.0), "412.0 K");
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(1'234'567), "1.2 MB");
  EXPECT_EQ(bytes_text(430e6), "430 MB");
  EXPECT_EQ(share_text(0.123), "12 %");
}

TEST(Units, CarryOverAndStayShort) {
  EXPECT_EQ(bytes_text(999.6), "1.0 KB");
  EXPECT_EQ(bytes_text(99'960), "100 KB");
  EXPECT_EQ(bytes_text(1e300).substr(bytes_text(1e300).size() - 2), "EB");
}

TEST(Units, SayWhenNothingIsKnown) {
  for (const auto value : {std::optional<double>{}, std::optional<double>{-1},
                           std::optional<double>{std::numeric_limits<double>::quiet_NaN()}}) {
    EXPECT_EQ(latency_text(value), "-");
    EXPECT_EQ(age_text(value), "-");
    EXPECT_EQ(rate_text(value), "-");
    EXPECT_EQ(bytes_text(value), "-");
    EXPECT_EQ(share_text(value), "-");
  }
}

TEST(Fields, TextCannotCommandATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\x7f"), "a?[2Jb??");
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m"),
            "?1m");  // U+009B opens a command too
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable("\xe2\x82"), "??");
}

TEST(Fields, OfAnotherKindReadAsNothing) {
  const json odd = {{"text", 3}, {"number", "x"}, {"list", {{"a", 1}}}, {"flag", 1}, {"n", -1}};
  EXPECT_EQ(text_of(odd, "text"), "");
  EXPECT_EQ(number_of(odd, "number"), std::nullopt);
  EXPECT_TRUE(list_of(odd, "list").empty());
  EXPECT_FALSE(flag_of(odd, "flag"));
  EXPECT_EQ(count_of(odd, "n"), 0U);
  EXPECT_TRUE(child_of(json(7), "x").is_null());
  EXPECT_EQ(counts_text(json(7)), "-");
}

TEST(Fields, CountsComeLargestFirst) {
  EXPECT_EQ(counts_text({{"bad_crc", 3}, {"no_buffer", 1'200}, {"none", 0}, {"odd", "x"}}),
            "no_buffer 1,200, bad_crc 3");
}

TEST(Table, ShortensOnlyWhatMayBe) {
  Table table{{{"NODE", true}, {"NAME", false, 5}, {"STATE"}}};
  table.row({"1", "a-name-that-is-long", Cell{"degraded", Tone::kBad}});
  EXPECT_EQ(table.text({.columns = 24}),
            "NODE  NAME      STATE\n"
            "   1  a-name-~  degraded\n");
  EXPECT_EQ(table.text({.columns = 5}),
            "NODE  NAME   STATE\n"
            "   1  a-na~  degraded\n");
  EXPECT_NE(table.text({.is_wide = true, .columns = 5}).find("a-name-that-is-long"),
            std::string::npos);
}

TEST(Table, ColoursTakeNoRoom) {
  Table table{{{"A"}, {"B"}}};
  table.row({Cell{"up", Tone::kGood}, "x"});
  EXPECT_EQ(table.text({.has_colour = true}),
            "\x1b[1mA \x1b[0m  \x1b[1mB\x1b[0m\n\x1b[32mup\x1b[0m  x\n");
}

TEST(Table, CountsCharactersNotBytes) {
  EXPECT_EQ(width_of("caf\xc3\xa9"), 4U);
  EXPECT_EQ(shortened("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9~");
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abc", 0), "");
}

TEST(Table, WrapsAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 9, "  "), "one two\n  three");
  EXPECT_EQ(wrapped("averylongword x", 5, ""), "averylongword\nx");
  EXPECT_EQ(wrapped("", 5, ""), "");
}

TEST(ExitCodes, FollowTheKindOfTheError) {
  const auto code = [](const char* kind) {
    return exit_code_of(
        status_of_rpc_error({{"code", -32000}, {"message", "so"}, {"data", {{"kind", kind}}}}));
  };
  EXPECT_EQ(code("not_found"), ExitCode::kNotFound);
  EXPECT_EQ(code("unreachable"), ExitCode::kUnreachable);
  EXPECT_EQ(code("denied"), ExitCode::kDenied);
  EXPECT_EQ(code("timed_out"), ExitCode::kTimedOut);
  for (const char* kind : {"failed", "invalid_config", "conflict", "busy", "unheard of"}) {
    EXPECT_EQ(code(kind), ExitCode::kFailed) << kind;
  }
  EXPECT_EQ(exit_code_of(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(exit_code_of(absl::InvalidArgumentError("")), ExitCode::kUsage);
}

TEST(ExitCodes, WrongParametersAreWrongUsage) {
  const auto status = status_of_rpc_error({{"code", -32602}, {"message", "no"}});
  EXPECT_EQ(exit_code_of(status), ExitCode::kUsage);
  EXPECT_EQ(status.message(), "no");
}

TEST(ExitCodes, AnErrorThatIsNoneIsAFailure) {
  for (const json& odd : {json(3), json::object(), json{{"message", 3}, {"data", 4}}}) {
    EXPECT_EQ(exit_code_of(status_of_rpc_error(odd)), ExitCode::kFailed);
  }
  EXPECT_TRUE(is_rpc_error(status_of_rpc_error(json(3))));
  EXPECT_FALSE(is_rpc_error(absl::InternalError("x")));
}

TEST(RoundTrips, TellTheirQuantilesAndLosses) {
  RoundTrips trips{2, 64};
  EXPECT_EQ(trips.text(), "node 2: 0 sent, 0 received, 0 % lost\n");
  for (int i = 100; i > 0; --i) trips.on_answer(i * 1e-6);
  trips.on_loss();
  EXPECT_EQ(trips.sent(), 101U);
  EXPECT_EQ(trips.text(),
            "node 2: 101 sent, 100 received, 1 % lost\n"
            "round trip  min 1.0us  p50 50us  p99 99us  max 100us\n");
  EXPECT_EQ(trips.json().at("round_trip_p50_seconds"), 50 * 1e-6);
  EXPECT_TRUE((RoundTrips{2, 64}.json().at("round_trip_p50_seconds").is_null()));
}

}  // namespace
}  // namespace ringroad::cli
