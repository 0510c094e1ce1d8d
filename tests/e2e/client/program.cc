// The same from C++, where the header's names meet a stricter language.
#include <dist_net.h>

#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
  int failures = 0, cases = 0;
  const auto check = [&](bool is_true, const char* what) {
    if (!is_true) ++failures;
    std::printf("%s %d - %s\n", is_true ? "ok" : "not ok", ++cases, what);
  };
  check(std::string_view{dist_net_strerror(DIST_NET_WOULD_BLOCK)} == "DIST_NET_WOULD_BLOCK",
        "errors have names");
  dist_net_context_t* context = nullptr;
  const char* socket = argc > 1 ? argv[1] : "/nowhere/node.sock";
  const dist_net_options_t options{nullptr, socket, "cpp", DIST_NET_ANY_NODE, 0};
  const dist_net_error_t opened = dist_net_open(&options, &context);
  check(opened == (argc > 1 ? DIST_NET_SUCCESS : DIST_NET_UNAVAILABLE), "opens what is there");
  if (context != nullptr) {
    dist_net_claim_t claim;
    check(dist_net_claim(context, 100, &claim) == DIST_NET_SUCCESS, "claims");
    dist_net_abandon(context, &claim);
    dist_net_close(context);
  }
  std::printf("1..%d\n", cases);
  return failures != 0 ? 1 : 0;
}
