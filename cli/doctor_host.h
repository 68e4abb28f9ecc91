// SPDX-License-Identifier: Apache-2.0
//
// What `darkroom doctor` looks at on this host: driver, disk, clock, and what a configuration needs
// to be there.
//
// Reads files and asks the kernel; any thread. `root` stands before the paths of /proc, /sys and
// /dev, so that a test can show another host.

#ifndef DARKROOM_CLI_DOCTOR_HOST_H_
#define DARKROOM_CLI_DOCTOR_HOST_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/finding.h"
#include "config/config.h"

namespace darkroom {

// Whether NVIDIA's driver is there and can be used, where there are GPUs for it.
Finding LookAtDriver(const std::filesystem::path& root);

// Whether the folder can be written to by this user, or could be made.
Finding LookAtStateFolder(const std::filesystem::path& folder);

Finding LookAtDisk(const std::filesystem::path& folder);
Finding JudgeDisk(const std::string& place, uint64_t free, uint64_t total);

// Whether somebody keeps the clock right.
Finding LookAtClock();
// How far it is from the NATS server's.
Finding JudgeClock(std::chrono::milliseconds ahead);

// Whether the models' weights and the plugins' folder can be read.
std::vector<Finding> LookAtModels(const Config& config);

// Whether the libtorch that plugins are to have is there. Not every plugin needs it.
Finding LookAtTorch(const Config& config);

}  // namespace darkroom

#endif  // DARKROOM_CLI_DOCTOR_HOST_H_
