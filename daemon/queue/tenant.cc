// SPDX-License-Identifier: Apache-2.0

#include "queue/tenant.h"

#include <utility>

namespace darkroom {
namespace {

// Names come from requests, so their number must have a bound; one that has no jobs here can be
// forgotten, since it has nothing to catch up with.
constexpr size_t kMostTenants = 1024;

}  // namespace

TenantTable::TenantTable(std::map<std::string, double> weights) : weights_(std::move(weights)) {}

std::shared_ptr<Tenant> TenantTable::For(std::string_view name) {
  const auto found = tenants_.find(std::string(name));
  if (found != tenants_.end()) return found->second;
  if (tenants_.size() >= kMostTenants) ForgetIdle();
  auto tenant = std::make_shared<Tenant>();
  tenant->name = name;
  tenant->weight = WeightOf(tenant->name);
  tenants_.emplace(tenant->name, tenant);
  return tenant;
}

void TenantTable::SetWeights(std::map<std::string, double> weights) {
  weights_ = std::move(weights);
  for (const auto& [name, tenant] : tenants_) tenant->weight = WeightOf(name);
}

double TenantTable::WeightOf(const std::string& name) const {
  const auto weight = weights_.find(name);
  return weight == weights_.end() ? Tenant().weight : weight->second;
}

void TenantTable::ForgetIdle() {
  for (auto one = tenants_.begin(); one != tenants_.end();) {
    one = one->second.use_count() == 1 ? tenants_.erase(one) : std::next(one);
  }
}

}  // namespace darkroom
