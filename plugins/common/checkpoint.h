// SPDX-License-Identifier: Apache-2.0
//
// Checkpoint is a model's folder as the Hugging Face hub has it, or a single weights file: all its
// tensors under their names, mapped into memory from one or several safetensors files, and the
// paths of the other files of the folder.
//
//   folder/model.safetensors                  one file, or
//   folder/model.safetensors.index.json       {"weight_map": {tensor: file}} and the files it names
//   folder/config.json, tokenizer.json, ...   found by File
//
// A folder with pytorch_model.bin alone is refused with the command that converts it: a pickle is a
// program, and this reader runs none.
//
// Ownership and threads are those of Safetensors: tensors are read-only and keep their file's
// mapping alive by themselves; an opened checkpoint is immutable.

#ifndef DARKROOM_PLUGINS_COMMON_CHECKPOINT_H_
#define DARKROOM_PLUGINS_COMMON_CHECKPOINT_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/safetensors.h"

namespace darkroom {

class Checkpoint {
 public:
  // `path` is a folder, a .safetensors file or an index of several; `stem` is the weights' name in
  // the folder. Throws Error: DR_NOT_FOUND when there is no such thing, DR_FAILED_PRECONDITION when
  // weights are missing, of a form that is not read, damaged, or not those that the index says.
  static Checkpoint Open(const std::string& path, const std::string& stem = "model");

  // The same files with these tensors in place of their own: views of some of them, under the names
  // that a network has for them. Without changes.
  Checkpoint WithTensors(std::map<std::string, at::Tensor> tensors) const;

  // What was given to Open.
  const std::string& path() const { return path_; }
  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }

  // Where the weights lie.
  const std::string& folder() const { return folder_; }
  // The path of a file beside the weights, whether it is there or not.
  std::string File(const std::string& name) const { return folder_ + "/" + name; }
  bool HasFile(const std::string& name) const;

  // Makes another of a tensor whenever it is taken, for what is added to weights without being in
  // their files. The function is given the tensor, and returns one of its shape.
  using Change = std::function<at::Tensor(const at::Tensor&)>;
  void SetChange(const std::string& name, Change change) { changes_[name] = std::move(change); }
  at::Tensor Changed(const std::string& name, const at::Tensor& tensor) const;

  // As Safetensors::ReleasePages, of all its files.
  void ReleasePages() const;

  // What the weights take in this dtype. Integers count as they are.
  uint64_t BytesIn(at::ScalarType dtype) const;

 private:
  Checkpoint() = default;

  void AddFile(const std::string& path);
  void AddShards(const std::string& index);

  std::string path_;
  std::string folder_;
  std::vector<Safetensors> files_;
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, Change> changes_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_CHECKPOINT_H_
