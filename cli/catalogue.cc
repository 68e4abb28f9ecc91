// SPDX-License-Identifier: Apache-2.0

#include "cli/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/gather.h"
#include "core/suggest.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string NextToken(std::string_view* rest) {
  const size_t dot = rest->find('.');
  std::string token(rest->substr(0, dot));
  rest->remove_prefix(dot == std::string_view::npos ? rest->size() : dot + 1);
  return token;
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// "did you mean X?", or what there is, or why there is nothing.
std::string Suggestion(std::string_view word, std::vector<std::string> known) {
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  if (known.empty()) return "the daemon serves no models: see its configuration and its log";
  if (const std::string near = Nearest(word, known); !near.empty()) {
    return fmt::format("did you mean {}? all models: darkroom models", near);
  }
  constexpr size_t kMost = 8;
  if (known.size() > kMost) return "all models: darkroom models";
  return "there are: " + Join(known);
}

}  // namespace

const json* Catalogue::Find(std::string_view name) const {
  const json* found = nullptr;
  for (const json& host : hosts_) {
    for (const json& model : PartField(host, "models")) {
      if (TextField(model, "name") != name) continue;
      if (TextField(model, "state") == "ready") return &model;
      if (found == nullptr) found = &model;
    }
  }
  return found;
}

const json* Catalogue::FindBySubject(std::string_view subject) const {
  for (const json& host : hosts_) {
    for (const json& model : PartField(host, "models")) {
      for (const json& pattern : PartField(model, "subjects")) {
        if (pattern.is_string() && SubjectMatches(pattern.get<std::string>(), subject))
          return &model;
      }
    }
  }
  return nullptr;
}

std::vector<json> Catalogue::Only(std::string_view name) const {
  std::vector<json> found;
  for (const json& host : hosts_) {
    json models = json::array();
    for (const json& model : PartField(host, "models")) {
      if (TextField(model, "name") == name) models.push_back(model);
    }
    if (models.empty()) continue;
    json only = host;
    only["models"] = std::move(models);
    found.push_back(std::move(only));
  }
  return found;
}

std::vector<std::string> Catalogue::Names() const {
  std::vector<std::string> names;
  for (const json& host : hosts_) {
    for (const json& model : PartField(host, "models")) names.push_back(TextField(model, "name"));
  }
  return names;
}

std::vector<std::string> Catalogue::Subjects() const {
  std::vector<std::string> subjects;
  for (const json& host : hosts_) {
    for (const json& model : PartField(host, "models")) {
      for (const json& subject : PartField(model, "subjects")) {
        if (subject.is_string()) subjects.push_back(subject.get<std::string>());
      }
    }
  }
  return subjects;
}

Failure Catalogue::NoSuchModel(std::string_view name, std::string_view url) const {
  return Failure::Remote(Status::NotFound(
      fmt::format("no daemon on {} has a model '{}'", url, name), Suggestion(name, Names())));
}

Failure Catalogue::NobodyServes(std::string_view model, std::string_view subject,
                                std::string_view url) const {
  const json* known = model.empty() ? FindBySubject(subject) : Find(model);
  if (known == nullptr) {
    if (!model.empty()) return NoSuchModel(model, url);
    return Failure::Remote(
        Status::NotFound(fmt::format("nobody on {} listens on '{}'", url, subject),
                         Suggestion(subject, Subjects())));
  }
  const std::string name = TextField(*known, "name");
  const std::string state = TextField(*known, "state");
  if (state == "failed") {
    const json& error = PartField(*known, "error");
    return Failure::Remote(Status::FailedPrecondition(
        fmt::format("the model '{}' has failed and takes no requests: {}", name,
                    TextField(error, "message")),
        TextField(error, "hint")));
  }
  return Failure::Remote({Code::kBusy,
                          fmt::format("the model '{}' ({}) takes no requests on {} at this moment",
                                      name, state, subject),
                          "its daemon may be starting or stopping: see darkroom status"});
}

std::string FirstInputName(const json& model) {
  const json& inputs = PartField(model, "inputs");
  return inputs.is_array() && !inputs.empty() ? TextField(inputs.front(), "name") : std::string();
}

std::string_view UnreadableReply(const json& model) {
  const json& outputs = PartField(model, "outputs");
  if (!outputs.is_array() || outputs.size() != 1) return {};
  const std::string kind = TextField(outputs.front(), "kind");
  if (kind == "image" || kind == "mask") return "an image";
  return kind == "bytes" ? "bytes" : "";
}

bool SubjectMatches(std::string_view pattern, std::string_view subject) {
  while (!pattern.empty() && !subject.empty()) {
    const std::string want = NextToken(&pattern);
    if (want == ">" && pattern.empty()) return true;
    const std::string have = NextToken(&subject);
    if (want != "*" && want != have) return false;
  }
  return pattern.empty() && subject.empty();
}

}  // namespace darkroom
