// SPDX-License-Identifier: Apache-2.0
//
// ModelInfo is what a plugin says of itself in its manifest, as a plain struct: which inputs and
// outputs it has, which parameters a request may give, how its jobs may be batched and what it
// needs of the machine. plugin/ fills it from the file; message/, queue/, scheduler/ and host/ read
// it. A plugin for any model of some kind leaves what goes in and out to each model's options.
//
// A plain value: any thread may hold its own, and one that nobody changes may be read from any
// number of threads.

#ifndef DARKROOM_CORE_MODEL_INFO_H_
#define DARKROOM_CORE_MODEL_INFO_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom {

// What an input or output is to people. Images and masks travel encoded, the others as they are.
enum class ValueKind : uint8_t { kImage, kMask, kText, kTensor, kBytes };

std::string_view ValueKindName(ValueKind kind);
inline bool IsPicture(ValueKind kind) {
  return kind == ValueKind::kImage || kind == ValueKind::kMask;
}

// One input or output. `dtype` and `shape` say something of tensors only; -1 in a shape is any
// length.
struct ValueInfo {
  std::string name;
  ValueKind kind = ValueKind::kBytes;
  std::string dtype;  // such as "uint8" or "float32"; empty: uint8
  std::vector<int64_t> shape;
  bool optional = false;
};

enum class DeviceKind : uint8_t { kCpu, kCuda };

struct ModelInfo {
  std::string id;  // [a-z0-9_-]
  std::string version;
  std::string summary;
  nlohmann::json params;  // JSON Schema of a request's params; always an object
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  uint32_t batch_max = 1;
  std::vector<std::string> batch_key;  // params and inputs that the jobs of a batch must share
  std::vector<DeviceKind> devices = {DeviceKind::kCpu};
  uint64_t memory = 0;  // bytes that an instance needs of its device; 0: not known
  std::string torch;    // libtorch's version, such as "2.11"; empty: the plugin does not use it
  bool brings_code = false;  // resources.code: it runs code that it reads from its models' files
  bool resident = false;     // unload: "resident": the code must stay mapped for good
  bool stepwise = false;     // it has the extension darkroom.stepwise/1
  bool checkpoint = false;   // and darkroom.checkpoint/1
  bool open = false;  // interface: "options": inputs, outputs, params, batch are each model's own
  uint32_t min_host_minor = 0;

  const ValueInfo* FindInput(std::string_view name) const;
  const ValueInfo* FindOutput(std::string_view name) const;
  bool RunsOn(DeviceKind device) const;
  bool HasImageOutput() const;
};

// Reads a manifest's JSON. Unknown fields are left alone (a newer plugin may have more to say),
// known ones must have the right type; the error names the field. Whether `params` is a sound
// schema is checked by ParamsSchema.
Result<ModelInfo> ParseModelInfo(std::string_view manifest_json);

// What a plugin is for a model with these options (a JSON object). Where its manifest leaves the
// interface open, that is what the options say: `inputs`, `outputs` and `batch` in the manifest's
// form, `params` as the properties of a JSON Schema. Else it is the plugin's.
Result<ModelInfo> ModelInfoFor(const ModelInfo& plugin, const nlohmann::json& options);

}  // namespace darkroom

#endif  // DARKROOM_CORE_MODEL_INFO_H_
