/* Reads the command line. Every refusal names the option, the value and what it takes instead. */
#include "tools/distributed_network_demo/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kNodesMax = 64, kSecondsMax = 3600, kScenarios = 8, kScenariosToday = 2 };

static void print_help(FILE* out) {
  fputs(
      "usage: distributed_network_demo --node-id N --scenario S --duration SECONDS [options]\n"
      "\n"
      "Attaches to a running node as any program does, exchanges messages through Ringroad's C\n"
      "API (dataplane/client/dist_net.h), and says what it does and why as it goes.\n"
      "\n"
      "  --node-id N         the node on this machine to attach to, 1 to 64\n"
      "  --scenario S        1  point to point: numbered messages to the next node, and answers\n"
      "                      2  broadcast: messages to every other node, and who received them\n"
      "  --duration SECONDS  1 to 3600\n"
      "  --config FILE       the node's configuration, which names its socket\n"
      "  --directory DIR     a deployment's directory: short for --config DIR/node-N.json\n"
      "\n"
      "Start it on several nodes at once: a node without a running demo receives messages that\n"
      "nobody there reads, and the demo says so.\n"
      "\n"
      "Example\n"
      "  tools/deploy_distributed.sh deploy --cluster-size 3\n"
      "  distributed_network_demo --node-id 2 --scenario 1 --duration 10 &\n"
      "  distributed_network_demo --node-id 1 --scenario 1 --duration 10\n"
      "\n"
      "Exit codes: 0 something was delivered, 1 nothing was, 2 wrong usage, 4 no node to attach "
      "to.\n",
      out);
}

static int refuse(const char* option, const char* value, const char* why) {
  fprintf(stderr,
          "distributed_network_demo: %s: \"%s\" %s\n"
          "  mend: distributed_network_demo --help lists what it takes\n",
          option, value, why);
  return kExitUsage;
}

/* A whole number from 1 to `most`, or 0. */
static uint32_t read_number(const char* text, uint32_t most) {
  char* end = NULL;
  if (text[0] < '0' || text[0] > '9' || strlen(text) > 6) return 0;
  const unsigned long value = strtoul(text, &end, 10);
  return *end == '\0' && value <= most ? (uint32_t)value : 0;
}

static int read_scenario(const char* text, Options* options) {
  options->scenario = read_number(text, kScenarios);
  if (options->scenario == 0) return refuse("--scenario", text, "is not a scenario (1 or 2)");
  if (options->scenario <= kScenariosToday) return -1;
  fprintf(stderr,
          "distributed_network_demo: scenario %u%s is not there yet\n"
          "  mend: --scenario 1 (point to point) or --scenario 2 (broadcast)\n",
          options->scenario, options->scenario == 3 ? " (consensus)" : "");
  return kExitUsage;
}

static int set_config(Options* options, const char* config, const char* directory) {
  int length = 0;
  if (config != NULL && directory != NULL) {
    return refuse("--directory", directory, "beside --config: give one of them");
  }
  if (config != NULL) {
    length = snprintf(options->config, sizeof options->config, "%s", config);
  } else if (directory != NULL) {
    length = snprintf(options->config, sizeof options->config, "%s/node-%u.json", directory,
                      options->node_id);
  }
  if (length < 0 || (size_t)length >= sizeof options->config) {
    return refuse(config != NULL ? "--config" : "--directory", "...", "is too long for a path");
  }
  return -1;
}

static int check_complete(const Options* options) {
  const char* missing = options->node_id == 0      ? "--node-id N"
                        : options->scenario == 0   ? "--scenario 1 (or 2)"
                        : options->duration_s == 0 ? "--duration SECONDS"
                                                   : NULL;
  if (missing == NULL) return -1;
  fprintf(stderr,
          "distributed_network_demo: it needs %s\n"
          "  mend: distributed_network_demo --node-id 1 --scenario 1 --duration 10\n",
          missing);
  return kExitUsage;
}

int read_options(int argc, char** argv, Options* options) {
  static const struct option kOptions[] = {{"node-id", required_argument, NULL, 'n'},
                                           {"scenario", required_argument, NULL, 's'},
                                           {"duration", required_argument, NULL, 'd'},
                                           {"config", required_argument, NULL, 'c'},
                                           {"directory", required_argument, NULL, 'D'},
                                           {"help", no_argument, NULL, 'h'},
                                           {NULL, 0, NULL, 0}};
  const char *config = NULL, *directory = NULL;
  int letter = 0, code = -1;
  memset(options, 0, sizeof *options);
  while ((letter = getopt_long(argc, argv, "h", kOptions, NULL)) != -1) {
    switch (letter) {
      case 'n':
        options->node_id = read_number(optarg, kNodesMax);
        if (options->node_id == 0) return refuse("--node-id", optarg, "is not a node (1 to 64)");
        break;
      case 's':
        if ((code = read_scenario(optarg, options)) != -1) return code;
        break;
      case 'd':
        options->duration_s = read_number(optarg, kSecondsMax);
        if (options->duration_s == 0) {
          return refuse("--duration", optarg, "is not a number of seconds (1 to 3600)");
        }
        break;
      case 'c':
        config = optarg;
        break;
      case 'D':
        directory = optarg;
        break;
      case 'h':
        print_help(stdout);
        return kExitOk;
      default: /* getopt has said what is wrong */
        fputs("  mend: distributed_network_demo --help lists what it takes\n", stderr);
        return kExitUsage;
    }
  }
  if (optind < argc) return refuse("command line", argv[optind], "is not an option");
  if ((code = check_complete(options)) != -1) return code;
  return set_config(options, config, directory);
}
