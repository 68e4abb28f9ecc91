// SPDX-License-Identifier: Apache-2.0
//
// mock does what it is told: waits, works, fails, answers with so many bytes. It stands in for real
// models in tests and in development, with nothing to download. README.md lists its params and
// options.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::array<std::string_view, 11> kStatusNames = {
    "ok",        "cancelled",          "invalid_argument",    "deadline_exceeded",
    "not_found", "resource_exhausted", "failed_precondition", "unimplemented",
    "internal",  "instance_lost",      "device_lost"};

dr_status StatusByName(std::string_view name) {
  const auto found = std::find(kStatusNames.begin(), kStatusNames.end(), name);
  if (found == kStatusNames.end()) {
    throw darkroom::Error(DR_INVALID_ARGUMENT, "no status '" + std::string(name) + "'");
  }
  return static_cast<dr_status>(found - kStatusNames.begin());
}

class Mock {
 public:
  Mock(darkroom::Host host, std::string_view config)
      : host_(host), options_(json::parse(config).value("options", json::object())) {
    for (const auto& [name, value] : options_.items()) {
      if (name == "load_delay_ms" || name == "load_fail" || name == "reserve_bytes") continue;
      throw darkroom::Error(DR_INVALID_ARGUMENT, "unknown option '" + name + "'");
    }
  }

  void Load(const dr_lane_t&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(options_.value("load_delay_ms", 0)));
    const dr_status status = StatusByName(options_.value("load_fail", "ok"));
    if (status != DR_OK) throw darkroom::Error(status, "told to fail while loading");
    if (const uint64_t bytes = options_.value("reserve_bytes", uint64_t{0}); bytes > 0) {
      lease_ = std::make_unique<darkroom::Lease>(host_, bytes);
    }
  }

  void Infer(darkroom::Job& job) {
    const json params = json::parse(job.params());
    Work(job, params);
    const dr_status status = StatusByName(params.value("fail", "ok"));
    if (status != DR_OK) throw darkroom::Error(status, params.value("message", ""));
    // A pattern that depends on the seed and the place alone, so that a test can tell a wrong byte.
    const auto seed = params.value("seed", uint64_t{0});
    const auto out = job.OutputBytes("data", params.value("output_bytes", size_t{0}));
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::byte>((seed + i * 31 + i / 251) & 0xFF);
    }
  }

  void Unload() { lease_.reset(); }

 private:
  // Spends delay_ms in progress_steps equal parts.
  static void Work(const darkroom::Job& job, const json& params) {
    const int64_t steps = params.value("progress_steps", int64_t{0});
    const auto whole = std::chrono::milliseconds(params.value("delay_ms", int64_t{0}));
    const bool poll = params.value("poll_cancel", true);
    const bool spin = params.value("work", "sleep") == "spin";
    const auto start = Clock::now();
    const int64_t parts = std::max<int64_t>(steps, 1);
    for (int64_t part = 1; part <= parts; ++part) {
      SpendUntil(job, start + whole * part / parts, poll, spin);
      if (steps > 0) {
        job.Progress(static_cast<double>(part) / static_cast<double>(steps),
                     "step " + std::to_string(part) + "/" + std::to_string(steps));
      }
    }
  }

  static void SpendUntil(const darkroom::Job& job, Clock::time_point until, bool poll, bool spin) {
    while (Clock::now() < until) {
      if (poll) job.StopIfCancelled();
      if (!spin) {
        std::this_thread::sleep_until(
            poll ? std::min(until, Clock::now() + std::chrono::milliseconds(5)) : until);
      }
    }
  }

  darkroom::Host host_;
  json options_;
  std::unique_ptr<darkroom::Lease> lease_;
};

}  // namespace

DARKROOM_PLUGIN(Mock)
