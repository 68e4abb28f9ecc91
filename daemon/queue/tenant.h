// SPDX-License-Identifier: Apache-2.0
//
// A tenant is one of those that share this host: a team, an application, an account. The tenants of
// a class share the lanes' time by their weights; how much each has had is kept here as virtual
// time, which is time divided by weight (start-time fair queueing: Goyal, Vin and Cheng, SIGCOMM
// 1996).
//
// For the io_context's thread. Jobs share their tenant with the table.

#ifndef DARKROOM_QUEUE_TENANT_H_
#define DARKROOM_QUEUE_TENANT_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "queue/job_class.h"

namespace darkroom {

struct Tenant {
  std::string name;  // empty: those that are nobody's in particular
  double weight = 1;
  PerClass<double> served{};  // milliseconds of virtual time
};

class TenantTable {
 public:
  // A tenant that `weights` does not name has weight 1.
  explicit TenantTable(std::map<std::string, double> weights = {});

  // From here on these count, for those that are here, too.
  void SetWeights(std::map<std::string, double> weights);

  std::shared_ptr<Tenant> For(std::string_view name);

 private:
  double WeightOf(const std::string& name) const;
  void ForgetIdle();

  std::map<std::string, double> weights_;
  std::unordered_map<std::string, std::shared_ptr<Tenant>> tenants_;
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_TENANT_H_
