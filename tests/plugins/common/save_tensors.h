// SPDX-License-Identifier: Apache-2.0
//
// Writes a safetensors file, for the tools that Python's tests compare with. Throws
// std::runtime_error. One thread.

#ifndef DARKROOM_TESTS_PLUGINS_COMMON_SAVE_TENSORS_H_
#define DARKROOM_TESTS_PLUGINS_COMMON_SAVE_TENSORS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

namespace darkroom {

// uint8, int64 and float32, on the CPU, in any layout.
inline void SaveTensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  std::string header = "{";
  size_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    const char* dtype = tensor.scalar_type() == at::kByte   ? "U8"
                        : tensor.scalar_type() == at::kLong ? "I64"
                                                            : "F32";
    std::string shape;
    for (const int64_t edge : tensor.sizes())
      shape += (shape.empty() ? "" : ",") + std::to_string(edge);
    header += (at == 0 && header == "{" ? "\"" : ",\"") + name + R"(":{"dtype":")" + dtype +
              R"(","shape":[)" + shape + R"(],"data_offsets":[)" + std::to_string(at) + "," +
              std::to_string(at + tensor.nbytes()) + "]}";
    at += tensor.nbytes();
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  char prefix[sizeof(length)];
  std::memcpy(prefix, &length, sizeof(length));
  std::ofstream file(path, std::ios::binary);
  file.write(prefix, sizeof(prefix)).write(header.data(), static_cast<std::streamsize>(length));
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor compact = tensor.contiguous();
    file.write(static_cast<const char*>(compact.const_data_ptr()),
               static_cast<std::streamsize>(compact.nbytes()));
  }
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_PLUGINS_COMMON_SAVE_TENSORS_H_
