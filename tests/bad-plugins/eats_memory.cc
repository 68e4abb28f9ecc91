// SPDX-License-Identifier: Apache-2.0
//
// Takes memory, and uses it, until it is given no more. Not to be run where nothing limits it.

#include <cstdlib>
#include <new>
#include <utility>

#include "bad_plugin.h"

namespace {

// Held in a list through its own first bytes, so that keeping count takes no memory.
struct Block {
  Block* next;
};

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  constexpr size_t kSize = size_t{16} << 20;
  Block* first = nullptr;
  size_t count = 0;
  while (void* memory = std::malloc(kSize)) {
    std::memset(memory, 1, kSize);
    first = new (memory) Block{first};
    ++count;
  }
  while (first != nullptr) std::free(std::exchange(first, first->next));
  const std::string words = "no memory after " + std::to_string(count * kSize) + " bytes";
  host->set_error(host, words.c_str());
  (void)job;
  return DR_RESOURCE_EXHAUSTED;
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
