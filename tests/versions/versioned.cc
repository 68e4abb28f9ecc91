// SPDX-License-Identifier: Apache-2.0
//
// A plugin that comes in many versions, to be upgraded from one to the next: it answers its
// version, a colon and the input. Some versions have something wrong, each at another step of an
// upgrade.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <span>
#include <string>
#include <string_view>

namespace {

const std::string_view kVersion = VERSIONED_VERSION;
const std::string_view kFault = VERSIONED_FAULT;

[[maybe_unused]] const bool kOpened = [] {
  if (kFault == "aborts") std::abort();
  return true;
}();

class Versioned {
 public:
  Versioned(darkroom::Host, std::string_view) {
    if (kFault == "refuses") throw darkroom::Error(DR_INVALID_ARGUMENT, "this version wants more");
  }

  void Load(const dr_lane_t&) {
    ++loads_;
    if (kFault == "fails") throw darkroom::Error(DR_NOT_FOUND, "its weights are not there");
    // As it is while another generation holds the memory: there is room the second time.
    if (kFault == "greedy" && loads_ == 1) {
      throw darkroom::Error(DR_RESOURCE_EXHAUSTED, "the device has no 12 GiB left");
    }
  }

  void Infer(darkroom::Job& job) {
    const std::span<const std::byte> data = job.InputBytes("data");
    if (kFault == "forgets" && !data.empty() && data.front() == std::byte{'p'}) {
      throw darkroom::Error(DR_UNIMPLEMENTED, "this version has no panoramas");
    }
    const std::string answer = std::string(kVersion) + ":";
    std::byte* out = job.OutputBytes("data", answer.size() + data.size()).data();
    std::memcpy(out, answer.data(), answer.size());
    if (!data.empty()) std::memcpy(out + answer.size(), data.data(), data.size());
  }

  void Unload() {}

 private:
  int loads_ = 0;
};

}  // namespace

DARKROOM_PLUGIN(Versioned)
