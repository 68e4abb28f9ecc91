// SPDX-License-Identifier: Apache-2.0
//
// What nobody can do better: the least number of loads for an order of batches that is known from
// the beginning, where so many models of one size have room at once. To make room the one goes that
// is used again last (L. A. Belady, IBM Systems Journal 5, 1966).
//
// For tests; pure.

#ifndef DARKROOM_TESTS_DEVICE_LEAST_LOADS_H_
#define DARKROOM_TESTS_DEVICE_LEAST_LOADS_H_

#include <algorithm>
#include <cstddef>
#include <map>
#include <vector>

namespace darkroom {

inline size_t LeastLoads(const std::vector<size_t>& order, size_t room) {
  std::vector<size_t> next(order.size());  // where the same model is used again
  std::map<size_t, size_t> seen;
  for (size_t i = order.size(); i-- > 0;) {
    const auto found = seen.find(order[i]);
    next[i] = found == seen.end() ? order.size() : found->second;
    seen[order[i]] = i;
  }
  std::map<size_t, size_t> loaded;  // and where it is used next
  size_t loads = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (!loaded.contains(order[i])) {
      ++loads;
      if (loaded.size() == room) {
        loaded.erase(
            std::max_element(loaded.begin(), loaded.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
      }
    }
    loaded[order[i]] = next[i];
  }
  return loads;
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_DEVICE_LEAST_LOADS_H_
