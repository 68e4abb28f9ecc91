// SPDX-License-Identifier: Apache-2.0
//
// The extension darkroom.sim/1: whether an instance runs on a simulated device, which is the CPU
// standing in for a GPU, and how fast that is to be. Only plugins that pretend to work have a use
// for it: they divide the time that they pretend to take by the speed.
//
// host->extension(host, DR_EXT_SIM) gives a dr_sim_t, or NULL on a real device and for the plugin's
// own host. It is valid as long as the host. [any]

#ifndef DARKROOM_SIM_H_
#define DARKROOM_SIM_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DR_EXT_SIM "darkroom.sim/1"

typedef struct dr_sim {
  uint32_t size;
  uint32_t index;  // N of sim:N
  double speed;    // more than 0; 2: in half the time
} dr_sim_t;

#ifdef __cplusplus
}
#endif

#endif  // DARKROOM_SIM_H_
