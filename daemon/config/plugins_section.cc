// SPDX-License-Identifier: Apache-2.0

#include "config/plugins_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace darkroom {
namespace {

bool IsDigest(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                          [](unsigned char c) { return std::isxdigit(c) != 0; });
}

void ReadRules(YamlReader* reader, const std::filesystem::path& file, PluginRules* rules) {
  std::string isolation = rules->isolation == Isolation::kProcess ? "process" : "in-process";
  const YAML::Node at = reader->Child("isolation");
  reader->Choice("isolation", {"process", "in-process"}, &isolation);
  rules->isolation = isolation == "process" ? Isolation::kProcess : Isolation::kInProcess;
  reader->String("worker", &rules->worker);
  if (!rules->worker.empty() && rules->isolation == Isolation::kInProcess) {
    reader->Complain(at, "a plugin that runs in the daemon (isolation: in-process) has no worker");
  }
  reader->Size("memory", &rules->memory);
  const YAML::Node files = reader->Child("files");
  if (!files.IsDefined()) return;
  if (!files.IsSequence()) {
    reader->Complain(files, "files must be a list of paths");
    return;
  }
  rules->files.clear();
  for (const YAML::Node& one : files) {
    // An empty one would be this file's own folder.
    if (!one.IsScalar() || one.Scalar().empty()) {
      reader->Complain(one, "files must be a list of paths");
      continue;
    }
    rules->files.push_back(
        (std::filesystem::absolute(file).parent_path() / one.Scalar()).lexically_normal().string());
  }
}

}  // namespace

void ReadPluginsSection(YamlReader* reader, const std::filesystem::path& file,
                        PluginsConfig* plugins, std::vector<ConfigIssue>* issues) {
  std::string serve = "configured";
  uint64_t shadow = 0;
  reader->Path("folder", &plugins->folder);
  reader->Bool("watch", &plugins->watch);
  reader->Choice("serve", {"configured", "all"}, &serve);
  reader->Integer("shadow", 0, 64, &shadow);
  plugins->serve_all = serve == "all";
  plugins->shadow = static_cast<uint32_t>(shadow);
  const YAML::Node digests = reader->Child("digests");
  if (digests.IsDefined() && !digests.IsSequence()) {
    reader->Complain(digests, "digests must be a list of SHA-256 digests");
  }
  for (const YAML::Node& digest : digests) {
    if (!IsDigest(digest.Scalar())) {
      reader->Complain(digest, fmt::format("'{}' is no SHA-256 digest: 64 hex digits, as sha256sum "
                                           "prints them",
                                           digest.Scalar()));
    }
    plugins->digests.push_back(digest.Scalar());
  }
  ReadRules(reader, file, &plugins->rules);
  const YAML::Node each = reader->Child("each");
  if (each.IsDefined() && !each.IsMap()) {
    reader->Complain(each, "each must be a map from a plugin's id to what it runs in");
  } else {
    for (const auto& item : each) {
      YamlReader one(item.second, "plugins.each." + item.first.Scalar(), file, issues);
      PluginRules rules = plugins->rules;
      ReadRules(&one, file, &rules);
      one.Finish();
      plugins->each[item.first.Scalar()] = std::move(rules);
    }
  }
  reader->Finish();
}

}  // namespace darkroom
