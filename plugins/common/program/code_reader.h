// SPDX-License-Identifier: Apache-2.0
//
// Lets libtorch read an archive that is in memory, and nothing beside it.
//
// The bytes are the caller's and outlive it. Any thread.

#ifndef DARKROOM_PLUGINS_COMMON_PROGRAM_CODE_READER_H_
#define DARKROOM_PLUGINS_COMMON_PROGRAM_CODE_READER_H_

#include <caffe2/serialize/read_adapter_interface.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/program/code_file.h"

namespace darkroom {

class CodeReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit CodeReader(const CodeBytes& bytes) : bytes_(bytes) {}

  size_t size() const override { return bytes_.size; }
  // Returns how many bytes there were.
  size_t read(uint64_t pos, void* buf, size_t n, const char* /*what*/) const override {
    if (pos >= bytes_.size) return 0;
    const size_t count = std::min<size_t>(n, bytes_.size - pos);
    std::memcpy(buf, bytes_.data.get() + pos, count);
    return count;
  }

 private:
  const CodeBytes& bytes_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PROGRAM_CODE_READER_H_
