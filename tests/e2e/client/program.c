/* A C program as a user would write one, compiled with nothing but what pkg-config says. Without a
 * dataplane to attach to it checks what needs none; with a socket as its argument it sends itself a
 * message. Prints TAP. */
#include <dist_net.h>
#include <dist_registry.h>
#include <stdio.h>
#include <string.h>

static int cases = 0, failures = 0;

static void check(int is_true, const char* what) {
  ++cases;
  if (!is_true) ++failures;
  printf("%s %d - %s\n", is_true ? "ok" : "not ok", cases, what);
}

static void talk_to(const char* socket) {
  dist_net_options_t options = {0};
  dist_net_context_t* context = NULL;
  dist_net_outgoing_t message = {0};
  dist_net_message_t received;
  int32_t got = 0;
  options.socket = socket;
  check(dist_net_open(&options, &context) == DIST_NET_SUCCESS, "attaches");
  check(dist_net_bind(context, 7, DIST_NET_BIND_EXCLUSIVE) == DIST_NET_SUCCESS, "binds");
  message.node = 1;
  message.type = 7;
  message.priority = DIST_NET_PRIORITY_NORMAL;
  message.payload = "from C";
  message.size = 6;
  check(dist_net_send(context, &message, 1) == 1, "sends");
  while ((got = dist_net_receive(context, &received, 1)) == 0) {
    if (dist_net_wait(context, 5000000) != DIST_NET_SUCCESS) break;
  }
  check(got == 1 && received.size == 6 && memcmp(received.payload, "from C", 6) == 0, "receives");
  if (got == 1) dist_net_release(context, &received, 1);
  dist_net_close(context);
}

int main(int argc, char** argv) {
  check(dist_net_send_message(1, 1, "x", 1, 4) == DIST_NET_NOT_STARTED, "sending needs a start");
  check(dist_net_init(DIST_NET_ANY_NODE, NULL, NULL, NULL) == DIST_NET_INVALID_ARGUMENT,
        "some node must be named");
  check(dist_net_init(64, NULL, NULL, NULL) == DIST_NET_SUCCESS, "certificate and key may be NULL");
  check(dist_net_start(NULL, 0) == DIST_NET_UNAVAILABLE, "a node without a dataplane says so");
  check(strstr(dist_net_last_error(), "node-64.sock") != NULL, "and names its socket");
  check(dist_net_propose("x", 1, 10) == DIST_NET_NOT_STARTED, "nothing is proposed before start");
  check(dist_registry_put(NULL, "k", 1, "v", 1, 0, 10, NULL) == DIST_REGISTRY_INVALID_ARGUMENT,
        "a registry that is none is refused");
  if (argc > 1) talk_to(argv[1]);
  printf("1..%d\n", cases);
  return failures != 0;
}
