// SPDX-License-Identifier: Apache-2.0
//
// A folder with the files of repositories, for hosts without a way out: owner/name/FILES.

#include <fmt/format.h>

#include <algorithm>

#include "cli/hub/hub_source.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

class Mirror : public HubSource {
 public:
  Mirror(fs::path folder, const std::atomic<bool>* stop)
      : folder_(std::move(folder)), stop_(stop) {}

  Outcome<HubModel> List(const std::string& repository, const std::string&) override {
    const fs::path place = folder_ / repository;
    HubModel model;
    model.repository = repository;
    model.commit = "mirror";
    std::error_code error;
    for (fs::recursive_directory_iterator it(place, error), end; !error && it != end;
         it.increment(error)) {
      if (!it->is_regular_file(error)) continue;
      HubFile file;
      file.path = it->path().lexically_relative(place).generic_string();
      file.size = it->file_size(error);
      model.files.push_back(std::move(file));
    }
    if (error) {
      return Failure::Local(
          Status::NotFound(fmt::format("cannot read '{}': {}", place.string(), error.message()),
                           "a mirror has a folder owner/name for each model"));
    }
    std::sort(model.files.begin(), model.files.end(),
              [](const HubFile& a, const HubFile& b) { return a.path < b.path; });
    return model;
  }

  std::optional<Failure> Fetch(const HubModel& model, const HubFile& file, const fs::path& to,
                               const OnBytes& on_bytes) override {
    if (*stop_) return Failure::Interrupted("interrupted");
    std::error_code error;
    fs::copy_file(folder_ / model.repository / file.path, to, fs::copy_options::overwrite_existing,
                  error);
    if (error) {
      return Failure::Local(Status::FailedPrecondition(
          fmt::format("cannot copy '{}' to '{}': {}", file.path, to.string(), error.message())));
    }
    on_bytes(file.size);
    return std::nullopt;
  }

  std::string name() const override { return folder_.string(); }

 private:
  const fs::path folder_;
  const std::atomic<bool>* const stop_;
};

}  // namespace

std::unique_ptr<HubSource> MakeMirror(fs::path folder, const std::atomic<bool>* stop) {
  return std::make_unique<Mirror>(std::move(folder), stop);
}

}  // namespace darkroom
