// SPDX-License-Identifier: Apache-2.0
//
// PreviewSink is where the previews of a job go while it runs: a file, which each replaces as a
// whole, and the terminal, where that can show them.
//
// They are a courtesy: what cannot be written or drawn is told once, and the job goes on. One
// thread.

#ifndef DARKROOM_CLI_PREVIEW_SINK_H_
#define DARKROOM_CLI_PREVIEW_SINK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/event_queue.h"
#include "cli/inline_image.h"
#include "core/status.h"

namespace darkroom {

// Whether a message on a progress subject is a preview. All others are JSON.
bool IsPreview(const Incoming& message);

class PreviewSink {
 public:
  // `path`: a file, or empty. `show`: on the terminal, where that can.
  PreviewSink(const Command& command, std::string path, bool show)
      : command_(command), path_(std::move(path)), show_(show) {}

  // Sees whether the file can be written, so that what cannot be costs no work.
  std::optional<Failure> Open();
  // Whether previews are to be asked for.
  bool wanted() const { return !path_.empty() || pictures_; }

  void Take(const Incoming& preview);
  uint64_t taken() const { return taken_; }

 private:
  Status Write(std::string_view jpeg) const;

  const Command& command_;
  const std::string path_;
  const bool show_;
  std::optional<PictureProtocol> pictures_;  // that the terminal shows JPEGs by
  uint64_t taken_ = 0;
  bool complained_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_PREVIEW_SINK_H_
