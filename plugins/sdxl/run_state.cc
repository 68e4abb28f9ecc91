// SPDX-License-Identifier: Apache-2.0

#include "sdxl/run_state.h"

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

uint64_t DigestOf(std::string_view bytes) {
  Fingerprint digest;
  digest.Add(bytes);
  return digest.value();
}

}  // namespace

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
