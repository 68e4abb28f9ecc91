// SPDX-License-Identifier: Apache-2.0
//
// Numbers and tensors as bytes, for the checkpoint of a run that is to go on in another process.
//
//   stream = value*
//   value  = number | tensor
//   number = 8 bytes, the lowest first
//   tensor = number of the dtype (ATen's), number of dimensions, each dimension, the elements'
//            bytes as they lie in memory; an undefined tensor is the number kUndefined alone
//
// The reader takes the bytes for hostile: each length is checked against what is left before
// anything is allocated. Processes that exchange such bytes run the same build on the same kind of
// machine. One thread.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_BYTE_STREAM_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_BYTE_STREAM_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace darkroom::diffusion {

class ByteWriter {
 public:
  void Add(uint64_t number);
  void Add(const at::Tensor& tensor);  // from any device

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  // Reads memory of the caller's, which must outlive it.
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  // They throw Error (DR_INVALID_ARGUMENT) when the bytes do not hold one.
  uint64_t Number();
  at::Tensor Tensor();  // on the CPU; its memory is its own
  // Throws it too, unless all has been read.
  void CheckEnd() const;

  [[noreturn]] static void Damaged(const std::string& why);

 private:
  std::string_view rest_;
};

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_BYTE_STREAM_H_
