// SPDX-License-Identifier: Apache-2.0
//
// Numbers and tensors as bytes, for the checkpoint of a run that is to go on in another process.
//
//   stream = value*
//   value  = number | text | tensor
//   number = 8 bytes, the lowest first
//   text   = number of its bytes, the bytes
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
  void Add(std::string_view text);
  void Add(const at::Tensor& tensor);  // from any device

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  // Reads memory of the caller's, which must outlive it.
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  // They throw Error (DR_FAILED_PRECONDITION) when the bytes do not hold one.
  uint64_t Number();
  std::string_view Text();                         // of the reader's memory
  at::Tensor Tensor();                             // on the CPU; its memory is its own
  std::string_view rest() const { return rest_; }  // what has not been read
  // Throws it too, unless all has been read.
  void CheckEnd() const;

  [[noreturn]] static void Damaged(const std::string& why);

 private:
  std::string_view rest_;
};

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_BYTE_STREAM_H_
