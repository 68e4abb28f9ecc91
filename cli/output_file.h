// SPDX-License-Identifier: Apache-2.0
//
// OutputFile is the file of `-o`. It is made beside its final name before the request is sent, so
// that a folder that cannot be written to costs no GPU time; it takes that name only when all of it
// is there, so that no reader ever sees half a picture, and a failed job leaves the file of before
// as it was.
//
// Pipes and devices (/dev/stdout) are written to directly. One thread.

#ifndef DARKROOM_CLI_OUTPUT_FILE_H_
#define DARKROOM_CLI_OUTPUT_FILE_H_

#include <memory>
#include <string>
#include <string_view>

#include "core/status.h"

namespace darkroom {

class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> Open(const std::string& path);
  // Takes the temporary file away if Commit was not called or failed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Writes all of it and gives the file its name. Once.
  Status Commit(std::string_view bytes);

 private:
  OutputFile(std::string path, std::string target)
      : path_(std::move(path)), target_(std::move(target)) {}
  Status Fail(std::string_view what) const;

  std::string path_;       // as given, for messages
  std::string target_;     // with links followed, so that a link stays one
  std::string temporary_;  // empty: written directly, or done
  int descriptor_ = -1;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_OUTPUT_FILE_H_
