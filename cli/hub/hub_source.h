// SPDX-License-Identifier: Apache-2.0
//
// HubSource is where models come from: a hub that speaks Hugging Face's API, or a folder that
// mirrors one. List is called by one thread, Fetch by several at once.

#ifndef DARKROOM_CLI_HUB_HUB_SOURCE_H_
#define DARKROOM_CLI_HUB_HUB_SOURCE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/exit_code.h"
#include "cli/hub/hub_files.h"

namespace darkroom {

class HubSource {
 public:
  // How much of the file is there by now.
  using OnBytes = std::function<void(uint64_t)>;

  virtual ~HubSource() = default;

  // What the repository holds at a revision: a branch, a tag or a commit.
  virtual Outcome<HubModel> List(const std::string& repository, const std::string& revision) = 0;

  // Makes `to` the whole file, going on with what is there of it. Its digest is the caller's to
  // check.
  virtual std::optional<Failure> Fetch(const HubModel& model, const HubFile& file,
                                       const std::filesystem::path& to,
                                       const OnBytes& on_bytes) = 0;

  // For people: "https://..." or a path.
  virtual std::string name() const = 0;
};

struct HubOptions {
  std::string endpoint;  // without a slash at its end
  std::string token;
  int tries = 5;
  // Between a try and the next; it doubles.
  std::chrono::milliseconds first_wait{500};
};

// `*stop` ends what goes on, which is then told as interrupted.
std::unique_ptr<HubSource> MakeHttpHub(HubOptions options, const std::atomic<bool>* stop);
// `folder` has owner/name/FILES.
std::unique_ptr<HubSource> MakeMirror(std::filesystem::path folder, const std::atomic<bool>* stop);

}  // namespace darkroom

#endif  // DARKROOM_CLI_HUB_HUB_SOURCE_H_
