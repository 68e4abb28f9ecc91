// SPDX-License-Identifier: Apache-2.0

#include "core/model_info.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "core/json.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<std::string_view, ValueKind>, 5> kKinds = {{
    {"image", ValueKind::kImage},
    {"mask", ValueKind::kMask},
    {"text", ValueKind::kText},
    {"tensor", ValueKind::kTensor},
    {"bytes", ValueKind::kBytes},
}};

// Whose it is, the caller says.
Status Wrong(const std::string& field, const std::string& what) {
  return Status::InvalidArgument(field + " " + what);
}

Status Of(const char* whose, const Status& wrong) {
  if (wrong.ok()) return wrong;
  return Status(wrong.code(), whose + (" " + wrong.message()), wrong.hint());
}

constexpr const char* kNoOutputs = "must name at least one output";

bool IsId(std::string_view id) {
  if (id.empty() || id.size() > 64 || id.front() == '-') return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// A field that is absent or null is as if it were not there.
const Json* Field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Status ReadText(const Json& object, const char* name, const std::string& field, std::string* out) {
  const Json* value = Field(object, name);
  if (value == nullptr) return Status::Ok();
  if (!value->is_string()) return Wrong(field, "must be a string");
  *out = value->get<std::string>();
  return Status::Ok();
}

Status ReadFlag(const Json& object, const char* name, const std::string& field, bool* out) {
  const Json* value = Field(object, name);
  if (value == nullptr) return Status::Ok();
  if (!value->is_boolean()) return Wrong(field, "must be true or false");
  *out = value->get<bool>();
  return Status::Ok();
}

template <typename T>
Status ReadUnsigned(const Json& object, const char* name, const std::string& field, T* out) {
  const Json* value = Field(object, name);
  if (value == nullptr) return Status::Ok();
  // A number that came by way of YAML has a sign.
  const bool whole =
      value->is_number_unsigned() || (value->is_number_integer() && value->get<int64_t>() >= 0);
  if (!whole || value->get<uint64_t>() > std::numeric_limits<T>::max()) {
    return Wrong(field, "must be a whole number that is not negative");
  }
  *out = value->get<T>();
  return Status::Ok();
}

Status ReadShape(const Json& value, const std::string& field, std::vector<int64_t>* shape) {
  if (!value.is_array() || value.size() > 16) return Wrong(field, "must be a list of lengths");
  for (const Json& length : value) {
    // null and names ("height") are any length, as -1 is.
    if (length.is_number_integer() && length.get<int64_t>() >= -1) {
      shape->push_back(length.get<int64_t>());
    } else if (length.is_null() || length.is_string()) {
      shape->push_back(-1);
    } else {
      return Wrong(field, "has a length that is neither a number, a name nor null");
    }
  }
  return Status::Ok();
}

Status ReadValue(const Json& entry, const std::string& field, ValueInfo* value) {
  if (!entry.is_object()) return Wrong(field, "must be an object");
  if (Status s = ReadText(entry, "name", field + ".name", &value->name); !s.ok()) return s;
  if (value->name.empty()) return Wrong(field, "has no name");
  std::string kind;
  if (Status s = ReadText(entry, "kind", field + ".kind", &kind); !s.ok()) return s;
  const auto* known = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](const auto& row) { return row.first == kind; });
  if (known == kKinds.end()) {
    return Wrong(field + ".kind", "must be one of image, mask, text, tensor, bytes");
  }
  value->kind = known->second;
  if (Status s = ReadText(entry, "dtype", field + ".dtype", &value->dtype); !s.ok()) return s;
  if (const Json* shape = Field(entry, "shape"); shape != nullptr) {
    if (Status s = ReadShape(*shape, field + ".shape", &value->shape); !s.ok()) return s;
  }
  return ReadFlag(entry, "optional", field + ".optional", &value->optional);
}

Status ReadValues(const Json& manifest, const char* name, std::vector<ValueInfo>* values) {
  const Json* list = Field(manifest, name);
  if (list == nullptr) return Status::Ok();
  if (!list->is_array()) return Wrong(name, "must be a list");
  std::set<std::string> seen;
  for (const Json& entry : *list) {
    ValueInfo value;
    const std::string field = std::string(name) + "[" + std::to_string(values->size()) + "]";
    if (Status s = ReadValue(entry, field, &value); !s.ok()) return s;
    if (!seen.insert(value.name).second) return Wrong(field + ".name", "is there twice");
    values->push_back(std::move(value));
  }
  return Status::Ok();
}

Status ReadBatch(const Json& manifest, ModelInfo* info) {
  const Json* batch = Field(manifest, "batch");
  if (batch == nullptr) return Status::Ok();
  if (!batch->is_object()) return Wrong("batch", "must be an object");
  if (Status s = ReadUnsigned(*batch, "max", "batch.max", &info->batch_max); !s.ok()) return s;
  if (info->batch_max == 0) return Wrong("batch.max", "must be at least 1");
  const Json* key = Field(*batch, "key");
  if (key == nullptr) return Status::Ok();
  if (!key->is_array()) return Wrong("batch.key", "must be a list of names");
  for (const Json& name : *key) {
    if (!name.is_string()) return Wrong("batch.key", "must be a list of names");
    info->batch_key.push_back(name.get<std::string>());
  }
  return Status::Ok();
}

Status ReadDevices(const Json& resources, ModelInfo* info) {
  const Json* devices = Field(resources, "device");
  if (devices == nullptr) return Status::Ok();
  Status wrong = Wrong("resources.device", "must be a list of cuda and cpu");
  if (!devices->is_array() || devices->empty()) return wrong;
  info->devices.clear();
  for (const Json& device : *devices) {
    if (device == "cpu") {
      info->devices.push_back(DeviceKind::kCpu);
    } else if (device == "cuda") {
      info->devices.push_back(DeviceKind::kCuda);
    } else {
      return wrong;
    }
  }
  return Status::Ok();
}

Status ReadResources(const Json& manifest, ModelInfo* info) {
  const Json* resources = Field(manifest, "resources");
  if (resources == nullptr) return Status::Ok();
  if (!resources->is_object()) return Wrong("resources", "must be an object");
  if (Status s = ReadDevices(*resources, info); !s.ok()) return s;
  if (Status s = ReadUnsigned(*resources, "memory", "resources.memory", &info->memory); !s.ok()) {
    return s;
  }
  if (Status s = ReadFlag(*resources, "code", "resources.code", &info->brings_code); !s.ok()) {
    return s;
  }
  return ReadText(*resources, "torch", "resources.torch", &info->torch);
}

Status ReadExtensions(const Json& manifest, ModelInfo* info) {
  const Json* extensions = Field(manifest, "extensions");
  if (extensions == nullptr) return Status::Ok();
  if (!extensions->is_array()) return Wrong("extensions", "must be a list of names");
  for (const Json& name : *extensions) {
    if (!name.is_string()) return Wrong("extensions", "must be a list of names");
    // Others are a newer host's to know.
    const auto& text = name.get_ref<const std::string&>();
    if (text == "darkroom.stepwise/1") info->stepwise = true;
    if (text == "darkroom.checkpoint/1") info->checkpoint = true;
  }
  if (info->checkpoint && !info->stepwise) {
    return Wrong("extensions", "has darkroom.checkpoint/1 without darkroom.stepwise/1");
  }
  return Status::Ok();
}

Status ReadAll(const Json& manifest, ModelInfo* info) {
  if (Status s = ReadText(manifest, "id", "id", &info->id); !s.ok()) return s;
  if (!IsId(info->id)) {
    return Wrong("id", "must be 1 to 64 of a-z, 0-9, - and _, and not begin with -");
  }
  if (Status s = ReadText(manifest, "version", "version", &info->version); !s.ok()) return s;
  if (info->version.empty()) return Wrong("version", "is missing");
  if (Status s = ReadText(manifest, "summary", "summary", &info->summary); !s.ok()) return s;
  const Json* params = Field(manifest, "params");
  info->params = params == nullptr ? Json::object() : *params;
  if (!info->params.is_object()) return Wrong("params", "must be a JSON Schema object");
  if (Status s = ReadValues(manifest, "inputs", &info->inputs); !s.ok()) return s;
  if (Status s = ReadValues(manifest, "outputs", &info->outputs); !s.ok()) return s;
  std::string interface;
  if (Status s = ReadText(manifest, "interface", "interface", &interface); !s.ok()) return s;
  if (!interface.empty() && interface != "options")
    return Wrong("interface", "must be \"options\"");
  info->open = interface == "options";
  if (info->open && !(info->inputs.empty() && info->outputs.empty())) {
    return Wrong("inputs and outputs", "are the models' own where interface is \"options\"");
  }
  if (info->outputs.empty() && !info->open) return Wrong("outputs", kNoOutputs);
  if (Status s = ReadBatch(manifest, info); !s.ok()) return s;
  if (Status s = ReadResources(manifest, info); !s.ok()) return s;
  if (Status s = ReadExtensions(manifest, info); !s.ok()) return s;
  std::string unload = "clean";
  if (Status s = ReadText(manifest, "unload", "unload", &unload); !s.ok()) return s;
  if (unload != "clean" && unload != "resident") {
    return Wrong("unload", "must be \"clean\" or \"resident\"");
  }
  info->resident = unload == "resident";
  return ReadUnsigned(manifest, "min_host_minor", "min_host_minor", &info->min_host_minor);
}

// What a manifest leaves to a model's options.
Status ReadInterface(const Json& options, ModelInfo* info) {
  if (Status s = ReadValues(options, "inputs", &info->inputs); !s.ok()) return s;
  if (Status s = ReadValues(options, "outputs", &info->outputs); !s.ok()) return s;
  if (info->outputs.empty()) return Wrong("outputs", kNoOutputs);
  if (const Json* params = Field(options, "params"); params != nullptr) {
    if (!params->is_object()) return Wrong("params", "must be a mapping of names to JSON Schemas");
    info->params = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                    {"type", "object"},
                    {"additionalProperties", false},
                    {"properties", *params}};
  }
  return ReadBatch(options, info);
}

const ValueInfo* Find(const std::vector<ValueInfo>& values, std::string_view name) {
  for (const ValueInfo& value : values) {
    if (value.name == name) return &value;
  }
  return nullptr;
}

}  // namespace

std::string_view ValueKindName(ValueKind kind) {
  for (const auto& [name, value] : kKinds) {
    if (value == kind) return name;
  }
  return "unknown";
}

const ValueInfo* ModelInfo::FindInput(std::string_view name) const { return Find(inputs, name); }

const ValueInfo* ModelInfo::FindOutput(std::string_view name) const { return Find(outputs, name); }

bool ModelInfo::RunsOn(DeviceKind device) const {
  return std::find(devices.begin(), devices.end(), device) != devices.end();
}

bool ModelInfo::HasImageOutput() const {
  return std::any_of(outputs.begin(), outputs.end(), [](const ValueInfo& output) {
    return output.kind == ValueKind::kImage || output.kind == ValueKind::kMask;
  });
}

Result<ModelInfo> ParseModelInfo(std::string_view manifest_json) {
  Result<Json> manifest = ParseJson(manifest_json);
  if (!manifest.ok()) return manifest.status().Annotated("the manifest");
  if (!manifest->is_object()) return Status::InvalidArgument("the manifest is no JSON object");
  ModelInfo info;
  if (Status s = ReadAll(*manifest, &info); !s.ok()) return Of("the manifest's", s);
  return info;
}

Result<ModelInfo> ModelInfoFor(const ModelInfo& plugin, const Json& options) {
  if (!plugin.open) return plugin;
  ModelInfo info = plugin;
  info.batch_max = 1;
  if (Status s = ReadInterface(options, &info); !s.ok()) return Of("the model's options:", s);
  info.batch_max = std::min(info.batch_max, plugin.batch_max);
  return info;
}

}  // namespace darkroom
