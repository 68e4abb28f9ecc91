// SPDX-License-Identifier: Apache-2.0

#include "cli/preview_sink.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cli/content_type.h"
#include "cli/gather.h"
#include "cli/output_file.h"

namespace darkroom {
namespace {

constexpr std::string_view kType = "image/jpeg";

}  // namespace

bool IsPreview(const Incoming& message) {
  return MediaType(message.Header("Content-Type").value_or("")) == kType;
}

std::optional<Failure> PreviewSink::Open() {
  if (show_) {
    // Where no picture is shown the result's own sink has said so.
    const auto pictures = DetectPictures(command_.terminal);
    // kitty's protocol takes PNG alone.
    if (pictures.ok() && *pictures == PictureProtocol::kITerm) pictures_ = *pictures;
  }
  if (path_.empty()) return std::nullopt;
  const Result<std::unique_ptr<OutputFile>> file = OutputFile::Open(path_);
  if (!file.ok()) return Failure::Local(file.status().Annotated("--preview"));
  return std::nullopt;
}

void PreviewSink::Take(const Incoming& preview) {
  ++taken_;
  Status status;
  if (!path_.empty()) status = Write(preview.body());
  if (pictures_) {
    const auto text = InlinePicture(*pictures_, kType, preview.body(), command_.terminal.width);
    if (text.ok() && status.ok()) status = WriteOutput(*text);
  }
  if (status.ok() || std::exchange(complained_, true)) return;
  WriteError(fmt::format("darkroom: --preview: {}\n", status.message()));
}

Status PreviewSink::Write(std::string_view jpeg) const {
  const Result<std::unique_ptr<OutputFile>> file = OutputFile::Open(path_);
  return file.ok() ? (*file)->Commit(jpeg) : file.status();
}

}  // namespace darkroom
