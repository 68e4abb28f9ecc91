// SPDX-License-Identifier: Apache-2.0

#include "sdxl/latents_file.h"

#include <cstdint>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safetensors_header.h"

namespace darkroom::sdxl {
namespace {

constexpr const char* kName = "latents";

[[noreturn]] void Refuse(const std::string& words) {
  throw Error(DR_INVALID_ARGUMENT, "the input 'latents': " + words);
}

std::optional<at::ScalarType> TypeOf(std::string_view dtype) {
  if (dtype == "F32") return at::kFloat;
  if (dtype == "F16") return at::kHalf;
  if (dtype == "BF16") return at::kBFloat16;
  return {};
}

const char* NameOf(at::ScalarType dtype) {
  if (dtype == at::kHalf) return "F16";
  return dtype == at::kBFloat16 ? "BF16" : "F32";
}

}  // namespace

at::Tensor ReadLatents(std::string_view file) {
  uint64_t length = 0;  // little-endian, as is every machine this runs on
  if (file.size() < sizeof(length))
    Refuse("it has " + std::to_string(file.size()) + " bytes, expected a file of safetensors");
  std::memcpy(&length, file.data(), sizeof(length));
  const std::string_view rest = file.substr(sizeof(length));
  if (length > rest.size())
    Refuse("it is no file of safetensors, or cut: its header claims " + std::to_string(length) +
           " bytes, of " + std::to_string(rest.size()));
  SafetensorsHeader header;
  try {
    header = ParseSafetensorsHeader(rest.substr(0, length), rest.size() - length);
  } catch (const Error& error) {
    Refuse(std::string("it is no file of safetensors: ") + error.what());
  }
  if (header.entries.size() != 1 || header.entries.front().name != kName)
    Refuse("it holds other tensors than one of the name 'latents'");
  const SafetensorsEntry& entry = header.entries.front();
  const std::optional<at::ScalarType> dtype = TypeOf(entry.dtype);
  if (!dtype) Refuse("its dtype is " + entry.dtype + ", expected F32, F16 or BF16");
  if (entry.shape.size() != 4)
    Refuse("it has " + std::to_string(entry.shape.size()) +
           " dimensions, expected pictures x channels x height x width");
  for (const int64_t edge : entry.shape)
    if (edge == 0) Refuse("one of its dimensions is 0");
  at::Tensor latents = at::empty(entry.shape, at::TensorOptions().dtype(*dtype));
  std::memcpy(latents.mutable_data_ptr(), rest.data() + length, latents.nbytes());
  latents = latents.to(at::kFloat);
  if (!at::isfinite(latents).all().item<bool>()) Refuse("it has numbers that are not finite");
  return latents;
}

std::string WriteLatents(const at::Tensor& latents) {
  const at::Tensor bytes = latents.to(at::kCPU).contiguous(at::MemoryFormat::Contiguous);
  const nlohmann::json header = {{kName,
                                  {{"dtype", NameOf(bytes.scalar_type())},
                                   {"shape", bytes.sizes().vec()},
                                   {"data_offsets", {0, bytes.nbytes()}}}}};
  std::string json = header.dump();
  json.resize((json.size() + 7) / 8 * 8, ' ');  // so that the numbers are aligned in the file
  const uint64_t length = json.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
  file += json;
  file.append(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
  return file;
}

}  // namespace darkroom::sdxl
