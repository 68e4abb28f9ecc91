// SPDX-License-Identifier: Apache-2.0
//
// Reading of fields that the config.json files of diffusers have in common. Pure functions, but for
// what JsonConfig remembers; one thread. All throw Error (DR_FAILED_PRECONDITION) with the field's
// name.

#ifndef DARKROOM_PLUGINS_SDXL_CONFIG_FIELDS_H_
#define DARKROOM_PLUGINS_SDXL_CONFIG_FIELDS_H_

#include <cstdint>
#include <string>

#include "common/json_config.h"

namespace darkroom::sdxl {

inline void OnlyNull(const JsonConfig& config, const std::string& name) {
  if (config.Has(name)) config.Refuse(name, "only null is implemented");
}

inline void OnlyNumber(const JsonConfig& config, const std::string& name, double value) {
  if (config.Number(name, value) != value)
    config.Refuse(name, "only " + std::to_string(value) + " is implemented");
}

// sample_size: an edge, or height and width, of which the smaller counts.
inline int64_t ReadSampleSize(const JsonConfig& config, int64_t otherwise) {
  constexpr int64_t kMost = 1 << 16;
  if (!config.IsList("sample_size")) return config.Size("sample_size", otherwise, kMost);
  int64_t smallest = kMost;
  for (const int64_t edge : config.Integers("sample_size", {}))
    smallest = edge < smallest ? edge : smallest;
  if (smallest < 1) config.Refuse("sample_size", "it must be 1 or more");
  return smallest;
}

// What the library that writes the files puts into each of them.
inline void IgnoreFileMeta(const JsonConfig& config) {
  config.Ignore({"_class_name", "_diffusers_version", "decay", "inv_gamma", "min_decay",
                 "optimization_step", "power", "update_after_step", "use_ema_warmup"});
  config.IgnoreMeta();
}

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_CONFIG_FIELDS_H_
