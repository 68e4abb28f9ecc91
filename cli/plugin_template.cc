// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemplateName = "my-plugin";
constexpr std::string_view kTemplateClass = "MyPlugin";
constexpr size_t kLongestName = 64;

bool IsLetter(char c) { return c >= 'a' && c <= 'z'; }

// A manifest's id that is a name for a file and makes one for a class.
bool IsPluginName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && IsLetter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return IsLetter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

void ReplaceAll(std::string* text, std::string_view what, std::string_view by) {
  for (size_t at = text->find(what); at != std::string::npos; at = text->find(what, at)) {
    text->replace(at, what.size(), by);
    at += by.size();
  }
}

Status CannotWrite(const std::string& path, const std::string& why) {
  return Status::FailedPrecondition(fmt::format("cannot write '{}': {}", path, why),
                                    "name a folder that you may write to: --folder FOLDER");
}

}  // namespace

std::string ClassName(std::string_view plugin) {
  std::string name;
  bool begins = true;
  for (const char c : plugin) {
    const bool separates = c == '-' || c == '_';
    if (!separates) name += begins ? static_cast<char>(std::toupper(c)) : c;
    begins = separates;
  }
  return name;
}

std::string ForPlugin(std::string_view text, std::string_view plugin) {
  std::string own(text);
  ReplaceAll(&own, kTemplateName, plugin);
  ReplaceAll(&own, kTemplateClass, ClassName(plugin));
  return own;
}

Result<std::vector<std::string>> WritePluginTemplate(const std::string& plugin,
                                                     const std::string& folder) {
  if (!IsPluginName(plugin)) {
    return Status::InvalidArgument(
        fmt::format("'{}' cannot name a plugin", plugin),
        "of a-z, 0-9, - and _, beginning with a letter, 64 at most: such as sharp-eyes");
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return CannotWrite(folder, error.message());
  if (!fs::is_empty(folder, error) || error) {
    return Status::FailedPrecondition(fmt::format("'{}' holds something already", folder),
                                      "name a new folder: --folder FOLDER");
  }
  std::vector<std::string> written;
  for (const TemplateFile& file : PluginTemplate()) {
    const fs::path path = fs::path(folder) / file.name;
    std::ofstream out(path, std::ios::binary);
    out << ForPlugin(file.text, plugin);
    out.close();
    if (!out) return CannotWrite(path.string(), std::generic_category().message(errno));
    written.emplace_back(file.name);
  }
  return written;
}

}  // namespace darkroom
