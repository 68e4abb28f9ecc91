// SPDX-License-Identifier: Apache-2.0

#include "common/checkpoint.h"

#include <darkroom/plugin.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

bool IsThere(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// What to do about weights in a form that is not read. Empty: there are none.
std::string WayOut(const fs::path& folder, const std::string& stem) {
  for (const char* name : {"pytorch_model.bin", "diffusion_pytorch_model.bin", "model.bin"})
    if (IsThere(folder / name))
      return std::string("it has ") + name +
             ", a pickle, which is a program that reading would run. Convert it once: python3 -c "
             "\"import torch, safetensors.torch as s; w = torch.load('" +
             (folder / name).string() +
             "', map_location='cpu', weights_only=True); s.save_file({k: v.clone().contiguous() "
             "for k, v in w.items()}, '" +
             (folder / (stem + ".safetensors")).string() + "')\"";
  if (IsThere(folder / "pytorch_model.bin.index.json"))
    return "it has several pytorch_model-*.bin, pickles, which are programs that reading would "
           "run. Convert them once: load the model with transformers' from_pretrained and write it "
           "with save_pretrained";
  for (const char* name : {"tf_model.h5", "flax_model.msgpack", "open_clip_pytorch_model.bin"})
    if (IsThere(folder / name))
      return std::string("it has ") + name +
             ", which is not read; take the same model's safetensors";
  return "";
}

}  // namespace

Checkpoint Checkpoint::Open(const std::string& path, const std::string& stem) {
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    checkpoint.folder_ = fs::path(path).parent_path().string();
    if (checkpoint.folder_.empty()) checkpoint.folder_ = ".";
    if (path.ends_with(".bin") || path.ends_with(".pt") || path.ends_with(".pth"))
      throw Error(DR_FAILED_PRECONDITION,
                  "weights " + path +
                      " are a pickle, which is a program that reading would run; give a "
                      "safetensors file, or the folder that holds one");
    if (path.ends_with(".json"))
      checkpoint.AddShards(path);
    else
      checkpoint.AddFile(path);
    return checkpoint;
  }
  checkpoint.folder_ = path;
  const fs::path folder(path);
  const std::string single = stem + ".safetensors";
  if (IsThere(folder / single)) {
    checkpoint.AddFile((folder / single).string());
    return checkpoint;
  }
  if (IsThere(folder / (single + ".index.json"))) {
    checkpoint.AddShards((folder / (single + ".index.json")).string());
    return checkpoint;
  }
  const std::string way_out = WayOut(folder, stem);
  throw Error(DR_FAILED_PRECONDITION,
              "weights " + path + ": there is no " + single + " in the folder" +
                  (way_out.empty() ? "; download the model's whole folder" : ", but " + way_out));
}

void Checkpoint::AddFile(const std::string& path) {
  files_.push_back(Safetensors::Open(path));
  tensors_ = files_.back().tensors();
}

void Checkpoint::AddShards(const std::string& index) {
  const auto refuse = [&index](const std::string& words) {
    throw Error(DR_FAILED_PRECONDITION, "weights " + index + ": " + words);
  };
  std::ifstream stream(index, std::ios::binary);
  const Json json = Json::parse(stream, nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    refuse("no JSON object with a weight_map");
  std::map<std::string, size_t> places;  // of each file in files_
  for (const auto& [name, value] : json["weight_map"].items()) {
    if (!value.is_string()) refuse("the file of tensor " + Quoted(name) + " is no text");
    const auto file = value.get<std::string>();
    // A name, not a way out of the folder.
    if (file.empty() || file.find('/') != std::string::npos || file == "." || file == "..")
      refuse("tensor " + Quoted(name) + " is said to be in " + Quoted(file) +
             ", which is no file's name");
    if (!places.contains(file)) {
      places[file] = files_.size();
      files_.push_back(Safetensors::Open(File(file)));
    }
    const auto& tensors = files_[places[file]].tensors();
    const auto found = tensors.find(name);
    if (found == tensors.end())
      refuse("tensor " + Quoted(name) + " is said to be in " + file + ", but is not there");
    tensors_.emplace(name, found->second);
  }
  for (const auto& [file, place] : places)
    for (const auto& [name, tensor] : files_[place].tensors())
      if (!tensors_.contains(name))
        refuse(file + " holds tensor " + Quoted(name) + ", which the index does not name");
}

Checkpoint Checkpoint::WithTensors(std::map<std::string, at::Tensor> tensors) const {
  Checkpoint other = *this;
  other.tensors_ = std::move(tensors);
  other.changes_.clear();
  return other;
}

at::Tensor Checkpoint::Changed(const std::string& name, const at::Tensor& tensor) const {
  const auto found = changes_.find(name);
  return found == changes_.end() ? tensor : found->second(tensor);
}

void Checkpoint::ReleasePages() const {
  for (const Safetensors& file : files_) file.ReleasePages();
}

bool Checkpoint::HasFile(const std::string& name) const { return IsThere(File(name)); }

uint64_t Checkpoint::BytesIn(at::ScalarType dtype) const {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors_)
    bytes += tensor.is_floating_point()
                 ? static_cast<uint64_t>(tensor.numel()) * at::elementSize(dtype)
                 : tensor.nbytes();
  return bytes;
}

}  // namespace darkroom
