// SPDX-License-Identifier: Apache-2.0
//
// Where the results of a batch go: the line's own path, or a file named after the job in one
// folder.
//
// Touches files; one thread.

#ifndef DARKROOM_CLI_BATCH_OUTPUT_H_
#define DARKROOM_CLI_BATCH_OUTPUT_H_

#include <string>
#include <string_view>

#include "core/status.h"

namespace darkroom {

class BatchOutput {
 public:
  // Empty: only lines that have a path of their own are written.
  explicit BatchOutput(std::string folder) : folder_(std::move(folder)) {}

  // Makes the folder.
  Status Prepare() const;
  bool Wanted(const std::string& path) const { return !folder_.empty() || !path.empty(); }
  // Whether the result of this line is there already.
  bool Has(const std::string& path, const std::string& job) const;
  Status Write(const std::string& path, const std::string& job, std::string_view content_type,
               std::string_view bytes) const;

 private:
  // `path` of a line is within the folder, unless it begins with a slash.
  std::string Place(const std::string& path) const;

  const std::string folder_;
};

// "png" of "image/png"; "bin" of what has none.
std::string_view ExtensionFor(std::string_view content_type);

}  // namespace darkroom

#endif  // DARKROOM_CLI_BATCH_OUTPUT_H_
