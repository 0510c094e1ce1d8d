// The switch's state as JSON: what the control socket answers and what a run prints at its end.
#pragma once

#include "dataplane/base/ids.h"
#include "nlohmann/json.hpp"
#include "tools/ringroad-fabric/fabric.h"

namespace ringroad::fabric {

nlohmann::json report_ports(const Fabric& fabric);
nlohmann::json report_faults(const Fabric& fabric);
nlohmann::json report_macs(const Fabric& fabric, Nanos now);
nlohmann::json report_capture(const Fabric& fabric);

}  // namespace ringroad::fabric
