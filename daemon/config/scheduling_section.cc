// SPDX-License-Identifier: Apache-2.0

#include "config/scheduling_section.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace darkroom {
namespace {

std::optional<uint32_t> ParseWhole(std::string_view text) {
  uint32_t number = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

std::optional<TenantRule> ParseTenantRule(std::string_view text) {
  constexpr std::string_view kHeader = "header:";
  constexpr std::string_view kSubject = "subject:";
  TenantRule rule;
  if (text == "none") {
    rule.by = TenantRule::By::kNone;
  } else if (text == "account") {
    rule.by = TenantRule::By::kAccount;
  } else if (text.size() > kHeader.size() && text.substr(0, kHeader.size()) == kHeader) {
    rule.header = text.substr(kHeader.size());
  } else if (text.substr(0, kSubject.size()) == kSubject) {
    const auto token = ParseWhole(text.substr(kSubject.size()));
    if (!token || *token == 0) return std::nullopt;
    rule.by = TenantRule::By::kSubject;
    rule.token = *token;
  } else {
    return std::nullopt;
  }
  return rule;
}

}  // namespace

void ReadSchedulingSection(YamlReader* reader, SchedulingConfig* scheduling) {
  uint64_t floor = 5;
  std::string tenant;
  reader->Integer("floor_percent", 0, 30, &floor);
  reader->String("tenant", &tenant);
  const YamlNode tenant_node = reader->Child("tenant");
  reader->Duration("patience", &scheduling->patience);
  const YamlNode weights = reader->Child("weights");
  reader->Finish();
  scheduling->floor = static_cast<double>(floor) / 100;
  if (!tenant.empty()) {
    const auto rule = ParseTenantRule(tenant);
    if (rule) {
      scheduling->tenant = *rule;
    } else {
      reader->Complain(tenant_node, fmt::format("scheduling.tenant '{}' is none of header:NAME, "
                                                "subject:NUMBER, account and none",
                                                tenant_node.Shown()));
    }
  }
  if (!weights.IsDefined() || weights.IsNull()) return;
  if (!weights.IsMap()) {
    reader->Complain(weights, "scheduling.weights must be a map from a tenant to its weight");
    return;
  }
  for (const auto& [tenant_name, value] : weights.entries()) {
    const auto weight = value.IsScalar() ? ParseWhole(value.Scalar()) : std::nullopt;
    if (!weight || *weight == 0 || *weight > 1000) {
      reader->Complain(
          value, fmt::format("the weight of '{}' must be from 1 to 1000", tenant_name.Scalar()));
      continue;
    }
    scheduling->weights[tenant_name.Scalar()] = *weight;
  }
}

}  // namespace darkroom
