// SPDX-License-Identifier: Apache-2.0
//
// ParamsSchema is a manifest's `params`, a JSON Schema, made ready to check requests: it says
// whether a request's params are right, in words that name the parameter, and fills in the
// defaults, so that a plugin sees only valid and complete params.
//
// Immutable once compiled; const members may be called from any number of threads.

#ifndef DARKROOM_CORE_PARAMS_SCHEMA_H_
#define DARKROOM_CORE_PARAMS_SCHEMA_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/status.h"

namespace darkroom {

class ParamsSchema {
 public:
  // `schema` describes an object; an empty object (or null) allows no parameters at all. Fails if
  // it is no sound JSON Schema, or if one of its defaults does not fit it.
  static Result<ParamsSchema> Compile(const nlohmann::json& schema);

  ParamsSchema(ParamsSchema&&) noexcept;
  ParamsSchema& operator=(ParamsSchema&&) noexcept;
  ~ParamsSchema();

  // Checks `params` and fills in the defaults of top-level parameters that are absent. On an error
  // `params` is as it was, and the message names the parameter, what it is and what it may be.
  Status Apply(nlohmann::json& params) const;

  // Whether a parameter of this name is described.
  bool Knows(std::string_view name) const;

 private:
  struct Impl;
  explicit ParamsSchema(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_PARAMS_SCHEMA_H_
