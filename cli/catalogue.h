// SPDX-License-Identifier: Apache-2.0
//
// Catalogue is what the daemons say of their models: asked for when a request needs it, and when
// one found nobody.
//
// A plain value; const members from any thread.

#ifndef DARKROOM_CLI_CATALOGUE_H_
#define DARKROOM_CLI_CATALOGUE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"

namespace darkroom {

class Catalogue {
 public:
  // The daemons' answers to `control.models`.
  explicit Catalogue(std::vector<nlohmann::json> hosts) : hosts_(std::move(hosts)) {}

  const std::vector<nlohmann::json>& hosts() const { return hosts_; }

  // The first model of that name, ready ones before others; null if no daemon has it.
  const nlohmann::json* Find(std::string_view name) const;
  // The model that answers a concrete subject, by its wildcards too; null if none does.
  const nlohmann::json* FindBySubject(std::string_view subject) const;

  // The same hosts with this model alone; hosts without it are left out.
  std::vector<nlohmann::json> Only(std::string_view name) const;

  // Why a request to a subject found nobody: no such model (and the nearest one), or one that
  // cannot serve.
  Failure NoSuchModel(std::string_view name, std::string_view url) const;
  Failure NobodyServes(std::string_view model, std::string_view subject,
                       std::string_view url) const;

 private:
  std::vector<std::string> Names() const;
  std::vector<std::string> Subjects() const;

  std::vector<nlohmann::json> hosts_;
};

// The name of the model's first input; "" if it has none.
std::string FirstInputName(const nlohmann::json& model);

// What the natural form of the model's reply is where it is nothing to read: "an image" or "bytes";
// else "".
std::string_view UnreadableReply(const nlohmann::json& model);

// NATS's rule: "*" is any one token, ">" at the end is one or more.
bool SubjectMatches(std::string_view pattern, std::string_view subject);

}  // namespace darkroom

#endif  // DARKROOM_CLI_CATALOGUE_H_
