/* distributed_network_demo: what a program of a Ringroad cluster does, one call explained after the
 * other. Attaches to a node that runs on this machine, plays one scenario for some seconds, sums up
 * and detaches. Uses dist_net.h and nothing else of Ringroad.
 */
#include <stdio.h>

#include "tools/distributed_network_demo/demo.h"

int main(int argc, char** argv) {
  Demo demo = {.interrupted = false};
  int code = read_options(argc, argv, &demo.options);
  if (code != -1) return code;
  block_signals();
  code = attach(&demo);
  if (code == -1) {
    code = demo.options.scenario == 1 ? run_point_to_point(&demo) : run_broadcast(&demo);
  }
  dist_net_shutdown(); /* detaches; the node and its other programs go on */
  return code;
}
