// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "cli/content_type.h"
#include "cli/output_file.h"

namespace darkroom {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 6> kExtensions = {{{"image/png", "png"},
                                              {"image/jpeg", "jpg"},
                                              {"image/webp", "webp"},
                                              {"application/json", "json"},
                                              {"application/cbor", "cbor"},
                                              {"text/plain", "txt"}}};

Status MakeFolder(const std::filesystem::path& folder) {
  if (folder.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return {};
  const bool denied = error == std::errc::permission_denied ||
                      error == std::errc::read_only_file_system ||
                      error == std::errc::operation_not_permitted;
  return {denied ? Code::kUnauthorized : Code::kNotFound,
          fmt::format("cannot make the folder '{}': {}", folder.string(), error.message()),
          "choose another place with -o"};
}

}  // namespace

std::string_view ExtensionFor(std::string_view content_type) {
  const std::string type = MediaType(content_type);
  const auto* const found = std::find_if(kExtensions.begin(), kExtensions.end(),
                                         [&type](const Pair& pair) { return pair.first == type; });
  return found == kExtensions.end() ? "bin" : found->second;
}

Status BatchOutput::Prepare() const { return MakeFolder(folder_); }

std::string BatchOutput::Place(const std::string& path) const {
  return (std::filesystem::path(folder_) / path).string();
}

bool BatchOutput::Has(const std::string& path, const std::string& job) const {
  std::error_code error;
  if (!path.empty()) return std::filesystem::exists(Place(path), error);
  return std::filesystem::exists(Place(job + ".bin"), error) ||
         std::any_of(kExtensions.begin(), kExtensions.end(), [&](const Pair& pair) {
           return std::filesystem::exists(Place(fmt::format("{}.{}", job, pair.second)), error);
         });
}

Status BatchOutput::Write(const std::string& path, const std::string& job,
                          std::string_view content_type, std::string_view bytes) const {
  const std::string place =
      Place(path.empty() ? fmt::format("{}.{}", job, ExtensionFor(content_type)) : path);
  Status status = MakeFolder(std::filesystem::path(place).parent_path());
  if (!status.ok()) return status;
  const Result<std::unique_ptr<OutputFile>> file = OutputFile::Open(place);
  return file.ok() ? (*file)->Commit(bytes) : file.status();
}

}  // namespace darkroom
