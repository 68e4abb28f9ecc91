// SPDX-License-Identifier: Apache-2.0
//
// Safetensors maps one weights file into memory and gives its tensors without copying them.
//
// The file is taken for hostile: everything it says of itself is checked before a tensor is made,
// so that no tensor can reach outside the file. What cannot be checked is that nobody shortens the
// file while it is mapped: the reader would then be ended by SIGBUS, so weights are replaced by
// renaming a new file over the old one, never in place.
//
// Ownership: the mapping lives as long as the Safetensors or any tensor it gave. The memory is
// read-only: writing to such a tensor ends the process, so a caller that changes weights converts
// or clones them first. Threads: an opened file is immutable and may be read by several threads.

#ifndef DARKROOM_PLUGINS_COMMON_SAFETENSORS_H_
#define DARKROOM_PLUGINS_COMMON_SAFETENSORS_H_

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/quoted.h"

namespace darkroom {

class Safetensors {
 public:
  // No header of a real checkpoint comes near this. It bounds what a file can make the reader
  // parse.
  static constexpr uint64_t kMaxHeaderBytes = 100'000'000;

  // Throws Error: DR_NOT_FOUND when there is no such file, DR_FAILED_PRECONDITION when it cannot be
  // read or is damaged. The message names the path and, where one is to blame, the tensor and its
  // numbers.
  static Safetensors Open(const std::string& path);

  const std::string& path() const { return path_; }
  // The file's own "__metadata__": text to text.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }

  // Takes the file's pages out of this process's memory until somebody reads them again: for when
  // the weights have been copied to where they are used.
  void ReleasePages() const;

 private:
  Safetensors() = default;

  std::string path_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, at::Tensor> tensors_;
  std::shared_ptr<const std::byte> mapping_;
  uint64_t mapped_bytes_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_SAFETENSORS_H_
