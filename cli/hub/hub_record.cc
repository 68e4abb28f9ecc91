// SPDX-License-Identifier: Apache-2.0

#include "cli/hub/hub_record.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace darkroom {

Status WriteHubRecord(const std::filesystem::path& folder, const HubModel& model) {
  nlohmann::json files = nlohmann::json::array();
  for (const HubFile& file : model.files)
    files.push_back({{"path", file.path}, {"size", file.size}, {"sha256", file.sha256}});
  const nlohmann::json record = {
      {"repository", model.repository}, {"commit", model.commit}, {"files", std::move(files)}};
  std::ofstream out(folder / kHubRecord, std::ios::trunc);
  out << record.dump(2) << "\n";
  out.close();
  if (!out) {
    return Status::FailedPrecondition(
        fmt::format("cannot write '{}'", (folder / kHubRecord).string()));
  }
  return Status::Ok();
}

Result<HubModel> ReadHubRecord(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kHubRecord;
  std::ifstream in(path);
  if (!in) {
    return Status::NotFound(fmt::format("there is no '{}'", path.string()),
                            "only what `darkroom models pull` has made can be checked");
  }
  std::stringstream text;
  text << in.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  try {
    HubModel model;
    json.at("repository").get_to(model.repository);
    json.at("commit").get_to(model.commit);
    for (const auto& entry : json.at("files")) {
      HubFile file;
      entry.at("path").get_to(file.path);
      entry.at("size").get_to(file.size);
      entry.at("sha256").get_to(file.sha256);
      if (!IsSafePath(file.path))
        return Status::FailedPrecondition(
            fmt::format("'{}' names a file outside its folder", path.string()));
      model.files.push_back(std::move(file));
    }
    return model;
  } catch (const nlohmann::json::exception&) {
    return Status::FailedPrecondition(fmt::format("'{}' is damaged", path.string()),
                                      "pull the model again");
  }
}

}  // namespace darkroom
