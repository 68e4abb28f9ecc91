// SPDX-License-Identifier: Apache-2.0

#include "config/health_section.h"

namespace darkroom {

void ReadHealthSection(YamlReader* reader, HealthConfig* health) {
  reader->Duration("probe_interval", &health->probe_interval);
  reader->Duration("probe_timeout", &health->probe_timeout);
  reader->Duration("give_up", &health->give_up);
  const YamlNode timeout = reader->Child("probe_timeout");
  reader->Finish();
  if (health->probe_timeout.count() == 0) {
    reader->Complain(timeout, "health.probe_timeout must be more than 0ms");
  }
}

}  // namespace darkroom
