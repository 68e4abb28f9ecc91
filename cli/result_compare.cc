// SPDX-License-Identifier: Apache-2.0

#include "cli/result_compare.h"

#include "cli/content_type.h"
#include "core/digest.h"
#include "core/json.h"

namespace darkroom {

using nlohmann::json;

bool SameResult(std::string_view a, std::string_view b, std::string_view content_type) {
  if (a == b) return true;
  if (!IsJson(MediaType(content_type))) return false;
  Result<json> one = ParseJson(a);
  Result<json> other = ParseJson(b);
  if (!one.ok() || !other.ok() || !one->is_object() || !other->is_object()) return false;
  one->erase("job");
  other->erase("job");
  return *one == *other;
}

json ResultFacts(std::string_view body, const std::string& content_type) {
  return {
      {"bytes", body.size()}, {"sha256", Sha256Of(AsBytes(body))}, {"content_type", content_type}};
}

}  // namespace darkroom
