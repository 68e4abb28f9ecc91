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

void ReadRules(YamlReader* reader, PluginRules* rules) {
  std::string isolation = rules->isolation == Isolation::kProcess ? "process" : "in-process";
  const YamlNode isolation_at = reader->Child("isolation");
  const YamlNode worker_at = reader->Child("worker");
  reader->Choice("isolation", {"process", "in-process"}, &isolation);
  rules->isolation = isolation == "process" ? Isolation::kProcess : Isolation::kInProcess;
  reader->String("worker", &rules->worker);
  if (!rules->worker.empty() && rules->isolation == Isolation::kInProcess) {
    reader->Complain(isolation_at.IsDefined() ? isolation_at : worker_at,
                     "a plugin that runs in the daemon (isolation: in-process) has no worker");
  }
  reader->Size("memory", &rules->memory);
  const YamlNode files = reader->Child("files");
  if (!files.IsDefined() || files.IsNull()) return;
  if (!files.IsList()) {
    reader->Complain(files, "files must be a list of paths");
    return;
  }
  rules->files.clear();
  for (const YamlNode& one : files.items()) {
    // An empty one would be this file's own folder.
    if (!one.IsScalar() || one.Scalar().empty()) {
      reader->Complain(one, "files must be a list of paths");
      continue;
    }
    rules->files.push_back(YamlReader::Resolve(one, one.Scalar()).string());
  }
}

void ReadDigests(YamlReader* reader, std::vector<std::string>* digests) {
  const YamlNode list = reader->Child("digests");
  if (!list.IsDefined() || list.IsNull()) return;
  if (!list.IsList()) {
    reader->Complain(list, "digests must be a list of SHA-256 digests");
    return;
  }
  for (const YamlNode& digest : list.items()) {
    const std::string text = digest.IsScalar() ? digest.Scalar() : "";
    if (!IsDigest(text)) {
      reader->Complain(
          digest, fmt::format("'{}' is no SHA-256 digest: 64 hex digits, as sha256sum prints them",
                              digest.Shown()));
    }
    digests->push_back(text);
  }
}

void ReadEach(YamlReader* reader, PluginsConfig* plugins, std::vector<ConfigIssue>* issues) {
  const YamlNode each = reader->Child("each");
  if (!each.IsDefined() || each.IsNull()) return;
  if (!each.IsMap()) {
    reader->Complain(each, "each must be a map from a plugin's id to what it runs in");
    return;
  }
  for (const auto& [key, value] : each.entries()) {
    if (!key.IsScalar()) {
      reader->Complain(key, "a plugin's id must be a single value");
      continue;
    }
    const std::string& id = key.Scalar();
    YamlReader one(value, "plugins.each." + id, issues);
    PluginRules rules = plugins->rules;
    ReadRules(&one, &rules);
    one.Finish();
    if (!plugins->each.emplace(id, std::move(rules)).second) {
      reader->Complain(key, fmt::format("plugin '{}' is given twice", id));
    }
  }
}

}  // namespace

void ReadPluginsSection(YamlReader* reader, PluginsConfig* plugins,
                        std::vector<ConfigIssue>* issues) {
  std::string serve = "configured";
  uint64_t shadow = 0;
  reader->Path("folder", &plugins->folder);
  reader->Bool("watch", &plugins->watch);
  reader->Choice("serve", {"configured", "all"}, &serve);
  reader->Integer("shadow", 0, 64, &shadow);
  plugins->serve_all = serve == "all";
  plugins->shadow = static_cast<uint32_t>(shadow);
  ReadDigests(reader, &plugins->digests);
  ReadRules(reader, &plugins->rules);
  ReadEach(reader, plugins, issues);
  reader->Finish();
}

}  // namespace darkroom
