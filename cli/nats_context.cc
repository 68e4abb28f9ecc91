// SPDX-License-Identifier: Apache-2.0

#include "cli/nats_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/json.h"
#include "core/suggest.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path Home() {
  const char* const home = std::getenv("HOME");
  return home != nullptr ? fs::path(home) : fs::path();
}

fs::path Folder() {
  const char* const config = std::getenv("XDG_CONFIG_HOME");
  const bool given = config != nullptr && *config != '\0';
  return (given ? fs::path(config) : Home() / ".config") / "nats";
}

std::string ReadAll(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(Folder() / "context", error)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status NoSuchContext(const std::string& name) {
  const std::vector<std::string> names = Names();
  const std::string nearest = Nearest(name, names);
  const std::string all = names.empty()
                              ? fmt::format("{} has none", (Folder() / "context").string())
                              : fmt::format("there is {}", fmt::join(names, ", "));
  return Status::NotFound(
      fmt::format("there is no context '{}' of the nats tool", name),
      nearest.empty() ? all : fmt::format("did you mean '{}'? {}", nearest, all));
}

std::string Field(const json& context, const char* name) {
  const auto found = context.find(name);
  return found != context.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Paths may begin with ~, as that tool has them.
std::string Path(const json& context, const char* name) {
  const std::string path = Field(context, name);
  return path.starts_with("~/") ? (Home() / path.substr(2)).string() : path;
}

}  // namespace

Result<ConnectOptions> ReadNatsContext(const std::string& name) {
  // It becomes a file's name.
  const bool is_name =
      !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
  const fs::path file = Folder() / "context" / (name + ".json");
  std::error_code error;
  if (!is_name || !fs::exists(file, error)) return NoSuchContext(name);
  const Result<json> context = ParseJson(ReadAll(file));
  if (!context.ok() || !context->is_object()) {
    return Status::FailedPrecondition(
        fmt::format("the context '{}' cannot be read: {} is no JSON object", name, file.string()),
        "nats context edit mends it; --url goes without");
  }
  constexpr std::array<const char*, 7> kBeyondUs = {"nsc",
                                                    "socks_proxy",
                                                    "nkey",
                                                    "user_jwt",
                                                    "user_seed",
                                                    "jetstream_domain",
                                                    "jetstream_api_prefix"};
  for (const char* const key : kBeyondUs) {
    if (Field(*context, key).empty()) continue;
    return Status::FailedPrecondition(
        fmt::format("the context '{}' uses {}, which darkroom does not know", name, key),
        fmt::format("give --url, with --creds if need be; the context is {}", file.string()));
  }
  ConnectOptions options;
  options.url = Field(*context, "url");
  options.credentials = Path(*context, "creds");
  options.user = Field(*context, "user");
  options.password = Field(*context, "password");
  options.token = Field(*context, "token");
  options.certificate = Path(*context, "cert");
  options.key = Path(*context, "key");
  options.authorities = Path(*context, "ca");
  options.inbox_prefix = Field(*context, "inbox_prefix");
  const auto first = context->find("tls_first");
  options.tls_first = first != context->end() && first->is_boolean() && first->get<bool>();
  return options;
}

std::string SelectedNatsContext() {
  std::string name = ReadAll(Folder() / "context.txt");
  while (!name.empty() && std::isspace(static_cast<unsigned char>(name.back())) != 0) {
    name.pop_back();
  }
  return name;
}

}  // namespace darkroom
