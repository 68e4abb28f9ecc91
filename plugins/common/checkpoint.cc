// SPDX-License-Identifier: Apache-2.0

#include "common/checkpoint.h"

#include <darkroom/plugin.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/safetensors.h"

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
    checkpoint.tensors_ = Safetensors::Open(path).tensors();
    return checkpoint;
  }
  checkpoint.folder_ = path;
  const fs::path folder(path);
  const std::string single = stem + ".safetensors";
  if (IsThere(folder / single)) {
    checkpoint.tensors_ = Safetensors::Open((folder / single).string()).tensors();
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

void Checkpoint::AddShards(const std::string& index) {
  const auto refuse = [&index](const std::string& words) {
    throw Error(DR_FAILED_PRECONDITION, "weights " + index + ": " + words);
  };
  std::ifstream stream(index, std::ios::binary);
  const Json json = Json::parse(stream, nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    refuse("no JSON object with a weight_map");
  std::map<std::string, std::map<std::string, at::Tensor>> files;
  for (const auto& [name, value] : json["weight_map"].items()) {
    if (!value.is_string()) refuse("the file of tensor " + Quoted(name) + " is no text");
    const auto file = value.get<std::string>();
    // A name, not a way out of the folder.
    if (file.empty() || file.find('/') != std::string::npos || file == "." || file == "..")
      refuse("tensor " + Quoted(name) + " is said to be in " + Quoted(file) +
             ", which is no file's name");
    if (!files.contains(file)) files[file] = Safetensors::Open(File(file)).tensors();
    const auto found = files[file].find(name);
    if (found == files[file].end())
      refuse("tensor " + Quoted(name) + " is said to be in " + file + ", but is not there");
    tensors_.emplace(name, found->second);
  }
  for (const auto& [file, tensors] : files)
    for (const auto& [name, tensor] : tensors)
      if (!tensors_.contains(name))
        refuse(file + " holds tensor " + Quoted(name) + ", which the index does not name");
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
