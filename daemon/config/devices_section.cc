// SPDX-License-Identifier: Apache-2.0

#include "config/devices_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

namespace darkroom {
namespace {

constexpr double kSlowest = 0.001;
constexpr double kFastest = 1000;

// A device's kind and its number. Written in one way only, so that no device has two names.
bool IsNumbered(std::string_view device, std::string_view kind) {
  if (!device.starts_with(kind)) return false;
  const std::string_view number = device.substr(kind.size());
  if (number.empty() || number.size() > 4 || (number.size() > 1 && number[0] == '0')) return false;
  return std::all_of(number.begin(), number.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "gpu0", "cuda0", "CUDA:0", "cuda" for what is written cuda:0; "" where nothing is near.
std::string MeantDevice(std::string_view text) {
  std::string kind;
  std::string number;
  for (const char one : text) {
    const auto c = static_cast<unsigned char>(one);
    if (std::isalpha(c) != 0 && number.empty()) kind += static_cast<char>(std::tolower(c));
    if (std::isdigit(c) != 0) number += one;
  }
  if (kind == "gpu" || kind == "nvidia") kind = "cuda";
  if (kind == "cpu") return kind;
  if (kind != "cuda" && kind != "sim") return {};
  const std::string device = kind + ":" + (number.empty() ? "0" : number);
  return IsNumbered(device, kind + ":") ? device : std::string();
}

// "90%".
bool ParsePercent(std::string_view text, uint32_t* percent) {
  if (!text.ends_with('%')) return false;
  const char* end = text.data() + text.size() - 1;
  const auto [rest, error] = std::from_chars(text.data(), end, *percent);
  return error == std::errc() && rest == end && *percent >= 1 && *percent <= 100;
}

void ReadMemory(YamlReader* reader, DeviceConfig* device) {
  const YamlNode memory = reader->Child("memory");
  if (!memory.IsScalar() || memory.Scalar().find('%') == std::string::npos) {
    reader->Size("memory", &device->memory);
    return;
  }
  if (!ParsePercent(memory.Scalar(), &device->memory_percent)) {
    reader->Complain(memory, fmt::format("devices[].memory: '{}' is no part of a device's memory: "
                                         "write a whole number from 1% to 100%",
                                         memory.Shown()));
  } else if (device->device.starts_with("sim:")) {
    reader->Complain(memory, fmt::format("devices[].memory: '{}' has no memory of its own to take "
                                         "{} of: write a size such as 8GiB",
                                         device->device, memory.Shown()));
  }
}

void ReadSpeed(YamlReader* reader, DeviceConfig* device) {
  reader->Number("speed", kSlowest, kFastest, &device->speed);
  const YamlNode speed = reader->Child("speed");
  if (!speed.IsDefined() || device->device.starts_with("sim:")) return;
  reader->Complain(speed, fmt::format("devices[].speed: '{}' is as fast as it is; only sim:N "
                                      "devices have a speed",
                                      device->device));
}

}  // namespace

void ReadDevicesSection(const YamlNode& node, YamlReader* parent,
                        std::vector<DeviceConfig>* devices, std::vector<ConfigIssue>* issues) {
  if (!node.IsDefined() || node.IsNull()) return;
  if (node.IsScalar() && node.Scalar() == "auto") return;
  if (!node.IsList() || node.items().empty()) {
    parent->Complain(node, "devices must be auto or a list such as [{device: cpu, lanes: 1}]");
    return;
  }
  std::set<std::string> seen;
  for (const YamlNode& item : node.items()) {
    YamlReader reader(item, "devices[]", issues);
    DeviceConfig device;
    uint64_t lanes = 1;
    reader.Require("device");
    reader.String("device", &device.device);
    reader.Integer("lanes", 1, 64, &lanes);
    ReadMemory(&reader, &device);
    ReadSpeed(&reader, &device);
    reader.Finish();
    device.lanes = static_cast<uint32_t>(lanes);
    if (device.device != "cpu" && !IsNumbered(device.device, "cuda:") &&
        !IsNumbered(device.device, "sim:")) {
      const std::string meant = MeantDevice(device.device);
      reader.Complain(item, fmt::format("unknown device '{}' ({})", device.device,
                                        meant.empty() ? "use cpu, cuda:0, cuda:1, ... or sim:0, ..."
                                                      : "did you mean '" + meant + "'?"));
    } else if (!seen.insert(device.device).second) {
      reader.Complain(item, fmt::format("device '{}' is listed twice", device.device));
    }
    devices->push_back(std::move(device));
  }
}

}  // namespace darkroom
