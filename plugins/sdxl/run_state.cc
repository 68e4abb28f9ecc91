// SPDX-License-Identifier: Apache-2.0

#include "sdxl/run_state.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <set>

#include "common/diffusion/byte_stream.h"

namespace darkroom::sdxl {
namespace {

using diffusion::ByteReader;
using diffusion::ByteWriter;

// The low half is the revision.
constexpr uint64_t kFormat = 0x7364786c'00000001;

// Of each end of a tensor, in bytes.
constexpr size_t kSample = 64;

std::string_view BytesOf(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

uint64_t DigestOf(std::string_view bytes) {
  Fingerprint digest;
  digest.Add(bytes);
  return digest.value();
}

}  // namespace

void Fingerprint::Add(std::string_view bytes) {
  Add(static_cast<uint64_t>(bytes.size()));
  for (const char byte : bytes)
    value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
}

void Fingerprint::Add(uint64_t number) {
  for (int i = 0; i < 8; ++i) value_ = (value_ ^ (number >> (8 * i) & 0xff)) * 0x100000001b3;
}

void Fingerprint::Add(const at::Tensor& tensor) {
  const at::Tensor compact = tensor.contiguous();
  Add(static_cast<uint64_t>(compact.scalar_type()));
  Add(static_cast<uint64_t>(compact.dim()));
  for (const int64_t edge : compact.sizes()) Add(static_cast<uint64_t>(edge));
  Add(BytesOf(compact));
}

void Fingerprint::AddSample(const Checkpoint& weights) {
  for (const auto& [name, tensor] : weights.tensors()) {
    Add(name);
    Add(static_cast<uint64_t>(tensor.scalar_type()));
    for (const int64_t edge : tensor.sizes()) Add(static_cast<uint64_t>(edge));
    const std::string_view bytes = BytesOf(tensor);
    const size_t end = std::min(kSample, bytes.size());
    Add(bytes.substr(0, end));
    Add(bytes.substr(bytes.size() - end));
  }
}

uint64_t FingerprintOf(const Folder& folder, const std::string& embeddings) {
  Fingerprint fingerprint;
  for (const char* part : {"unet", "vae", "text_encoder", "text_encoder_2"})
    if (folder.Has(part)) fingerprint.AddSample(folder.OpenWeights(part));
  if (embeddings.empty()) return fingerprint.value();
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(embeddings))
    if (entry.path().extension() == ".safetensors") files.insert(entry.path());
  for (const std::string& file : files) fingerprint.AddSample(Checkpoint::Open(file));
  return fingerprint.value();
}

uint64_t FingerprintOf(const std::string& loras, const std::vector<LoraChoice>& choices) {
  Fingerprint fingerprint;
  for (const LoraChoice& choice : choices)
    fingerprint.AddSample(Checkpoint::Open(PathOf(loras, choice.name)));
  return fingerprint.value();
}

std::string SaveDrawings(const Drawings& drawings, uint64_t owner) {
  ByteWriter body;
  body.Add(static_cast<uint64_t>(drawings.size()));
  for (const auto& drawing : drawings) drawing->Save(&body);
  ByteWriter head;
  head.Add(kFormat);
  head.Add(owner);
  head.Add(DigestOf(body.bytes()));
  return head.bytes() + body.bytes();
}

void RestoreDrawings(std::string_view state, uint64_t owner, const Drawings& drawings) {
  ByteReader reader(state);
  if (reader.Number() != kFormat) ByteReader::Damaged("it is of another format");
  if (reader.Number() != owner)
    throw Error(DR_FAILED_PRECONDITION,
                "the run's checkpoint is of another job, or of other weights; begin the run anew");
  const uint64_t digest = reader.Number();
  if (digest != DigestOf(reader.rest())) ByteReader::Damaged("its digest is another");
  if (reader.Number() != drawings.size()) ByteReader::Damaged("it is of other pictures");
  for (const auto& drawing : drawings) drawing->Restore(&reader);
  reader.CheckEnd();
}

}  // namespace darkroom::sdxl
