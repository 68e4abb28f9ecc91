// SPDX-License-Identifier: Apache-2.0
//
// ResultSink is where the result of one job goes: a file, a pipe, the terminal or the object of
// --json. It refuses bytes where they would do harm, if it can before the job runs, and tells of an
// error reply as the failure that it is.
//
// One thread.

#ifndef DARKROOM_CLI_RESULT_SINK_H_
#define DARKROOM_CLI_RESULT_SINK_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/event_queue.h"
#include "cli/inline_image.h"
#include "cli/output_file.h"

namespace darkroom {

class ResultSink {
 public:
  // `output`: a path, "-" for standard output, or empty. `show`: a picture is shown on the
  // terminal, where that can.
  ResultSink(const Command& command, std::string output, bool quiet, bool show = false)
      : command_(command), output_(std::move(output)), quiet_(quiet), show_(show) {}

  // Makes the file, and sees whether pictures can be shown, so that what cannot be costs no work.
  std::optional<Failure> Open();

  // Whether bytes that are no text may go where the result goes.
  bool MayShowBytes() const;
  // Refuses a form of the result that is no text, unless it may.
  std::optional<Failure> CheckForm(std::string_view accept) const;
  Failure RefuseBytes(std::string_view what) const;

  // Writes a reply, and fills in the fields of `result` (EmptyResult). An error reply is the
  // failure.
  std::optional<Failure> Deliver(const Incoming& reply, nlohmann::json* result);

 private:
  std::optional<Failure> Show(std::string_view body, const std::string& type,
                              nlohmann::json* result);
  Status Draw(std::string_view body, const std::string& type) const;

  const Command& command_;
  const std::string output_;
  const bool quiet_;
  const bool show_;
  std::optional<PictureProtocol> pictures_;  // that the terminal shows
  std::unique_ptr<OutputFile> file_;
};

// {"job", "model", "output", "bytes", "content_type", "receipt"}, all but the first two null.
nlohmann::json EmptyResult(const std::string& job, const std::string& model);

}  // namespace darkroom

#endif  // DARKROOM_CLI_RESULT_SINK_H_
