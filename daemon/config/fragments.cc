// SPDX-License-Identifier: Apache-2.0

#include "config/fragments.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "conf.d";

// The map that the file is; undefined if it is empty or wrong.
YamlNode ReadOne(const fs::path& file, std::vector<ConfigIssue>* issues) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.is_open() || stream.bad() || fs::is_directory(file)) {
    issues->push_back({file, 0, 0, "cannot be read: is the path right, and may we read it?"});
    return {};
  }
  YamlNode root = ParseYaml(file, text, issues);
  if (root.IsDefined() && !root.IsNull() && !root.IsMap()) {
    issues->push_back(IssueAt(root.place(), "the file must be a map of keys and values"));
    return {};
  }
  return root.IsNull() ? YamlNode() : root;
}

std::vector<fs::path> FragmentsBeside(const fs::path& file, std::vector<ConfigIssue>* issues) {
  const fs::path folder = file.parent_path() / kFolder;
  std::error_code error;
  std::vector<fs::path> found;
  if (!fs::exists(folder, error)) return found;
  fs::directory_iterator entries(folder, error);
  if (error) {
    issues->push_back({folder, 0, 0, "cannot be read: " + error.message()});
    return found;
  }
  for (const fs::directory_entry& entry : entries) {
    const fs::path& path = entry.path();
    const std::string name = path.filename().string();
    if (name.starts_with('.')) continue;
    if (path.extension() == ".yaml") found.push_back(path);
    if (path.extension() == ".yml") {
      issues->push_back(
          {path, 0, 0,
           fmt::format("is not read, since fragments end in .yaml: rename it to {}",
                       fs::path(path).replace_extension(".yaml").filename().string())});
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

YamlNode MergeAt(const YamlNode& base, const YamlNode& over, bool top) {
  if (!base.IsMap() || !over.IsMap()) return over;
  std::vector<YamlNode::Entry> entries = base.entries();
  const size_t of_base = entries.size();
  std::set<std::string> seen;
  for (const auto& [key, value] : over.entries()) {
    const auto end = entries.begin() + static_cast<ptrdiff_t>(of_base);
    const auto at = std::find_if(entries.begin(), end, [&key = key](const YamlNode::Entry& one) {
      return one.first.Scalar() == key.Scalar();
    });
    // A key that one file has twice stays there twice, for the reader to complain of.
    if (!seen.insert(key.Scalar()).second || at == end) {
      entries.emplace_back(key, value);
    } else if (top && key.Scalar() == "routes" && at->second.IsList() && value.IsList()) {
      std::vector<YamlNode> items = at->second.items();
      items.insert(items.end(), value.items().begin(), value.items().end());
      at->second = YamlNode::List(at->second.place(), std::move(items));
    } else {
      *at = {key, MergeAt(at->second, value, false)};
    }
  }
  return YamlNode::Map(base.place(), std::move(entries));
}

}  // namespace

YamlNode MergeYaml(const YamlNode& base, const YamlNode& over) { return MergeAt(base, over, true); }

ConfigFiles ReadConfigFiles(const fs::path& file, std::vector<ConfigIssue>* issues) {
  ConfigFiles all;
  all.files.push_back(file);
  for (fs::path& fragment : FragmentsBeside(file, issues)) all.files.push_back(std::move(fragment));
  for (const fs::path& one : all.files) {
    const YamlNode root = ReadOne(one, issues);
    if (!root.IsDefined()) continue;
    all.root = all.root.IsDefined() ? MergeYaml(all.root, root) : root;
  }
  return all;
}

}  // namespace darkroom
