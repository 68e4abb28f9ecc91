// SPDX-License-Identifier: Apache-2.0
//
// mock does what it is told: waits, works, fails, answers with so many bytes. It stands in for real
// models in tests and in development, with nothing to download. README.md lists its params and
// options.

#include <darkroom/sim.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <darkroom/plugin.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::array<std::string_view, 11> kStatusNames = {
    "ok",        "cancelled",          "invalid_argument",    "deadline_exceeded",
    "not_found", "resource_exhausted", "failed_precondition", "unimplemented",
    "internal",  "instance_lost",      "device_lost"};

constexpr std::array<std::string_view, 5> kOptions = {"load_delay_ms", "load_fail", "metrics",
                                                      "needs_bytes", "reserve_bytes"};

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
      : host_(host),
        options_(json::parse(config).value("options", json::object())),
        jobs_(host.Counter("jobs_total", "Jobs that it ran, however they ended.")),
        loaded_(host.Gauge("loaded", "Instances that are loaded.")),
        work_seconds_(host.Histogram("work_seconds", "Time that a job took.")) {
    for (int i = 0; i < options_.value("metrics", 0); ++i) {
      host.Counter(("more_" + std::to_string(i)).c_str(), "One of many.");
    }
    const auto* sim = static_cast<const dr_sim_t*>(host.Extension(DR_EXT_SIM));
    if (sim != nullptr) speed_ = sim->speed;
    for (const auto& [name, value] : options_.items()) {
      if (std::find(kOptions.begin(), kOptions.end(), name) != kOptions.end()) continue;
      throw darkroom::Error(DR_INVALID_ARGUMENT, "unknown option '" + name + "'");
    }
  }

  void Load(const dr_lane_t& lane) {
    budget_ = lane.memory_budget;
    std::this_thread::sleep_for(Pretended(options_.value("load_delay_ms", int64_t{0})));
    const dr_status status = StatusByName(options_.value("load_fail", "ok"));
    if (status != DR_OK) throw darkroom::Error(status, "told to fail while loading");
    if (const uint64_t bytes = options_.value("reserve_bytes", uint64_t{0}); bytes > 0) {
      lease_ = std::make_unique<darkroom::Lease>(host_, bytes);
    }
    loaded_.Add(1);
    is_loaded_ = true;
  }

  // First the time that the whole batch takes, as on a device that computes all of it at once; then
  // job by job.
  void Infer(darkroom::Batch& batch) {
    const auto start = Clock::now();
    std::vector<json> params;
    params.reserve(batch.size());
    int64_t together_ms = 0;
    for (const darkroom::Job& job : batch) {
      params.push_back(json::parse(job.params()));
      together_ms = std::max(together_ms, params.back().value("batch_ms", int64_t{0}));
    }
    if (together_ms > 0) std::this_thread::sleep_until(start + Pretended(together_ms));
    for (size_t i = 0; i < batch.size(); ++i) {
      darkroom::Job& job = batch[i];
      const auto begun = Clock::now();
      const auto count = [&] {
        jobs_.Add(1);
        work_seconds_.Add(std::chrono::duration<double>(Clock::now() - begun).count());
      };
      try {
        Run(job, params[i]);
        count();
        job.Finish(DR_OK);
      } catch (const darkroom::Error& error) {
        count();
        // These take the jobs that are left with them.
        if (error.status() == DR_INSTANCE_LOST || error.status() == DR_DEVICE_LOST) throw;
        job.Finish(error.status(), error.what());
      }
    }
  }

  void Unload() {
    lease_.reset();
    if (std::exchange(is_loaded_, false)) loaded_.Add(-1);
  }

 private:
  void Run(const darkroom::Job& job, const json& params) const {
    const auto needed = options_.value("needs_bytes", uint64_t{0});
    if (budget_ > 0 && budget_ < needed) {
      throw darkroom::Error(DR_RESOURCE_EXHAUSTED, "out of memory: it takes " +
                                                       std::to_string(needed) + " bytes of " +
                                                       std::to_string(budget_));
    }
    Work(job, params);
    const dr_status status = StatusByName(params.value("fail", "ok"));
    if (status != DR_OK) throw darkroom::Error(status, params.value("message", ""));
    if (params.value("echo", false)) return Echo(job);
    // A pattern that depends on the seed and the place alone, so that a test can tell a wrong byte.
    const auto seed = params.value("seed", uint64_t{0});
    const auto out = job.OutputBytes("data", params.value("output_bytes", size_t{0}));
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::byte>((seed + i * 31 + i / 251) & 0xFF);
    }
  }

  static void Echo(const darkroom::Job& job) {
    const auto in = job.InputBytes("data");
    const auto out = job.OutputBytes("data", in.size());
    std::copy(in.begin(), in.end(), out.begin());
  }

  // What takes so long takes less on a simulated device that is faster.
  std::chrono::microseconds Pretended(int64_t milliseconds) const {
    return std::chrono::microseconds(
        static_cast<int64_t>(static_cast<double>(milliseconds) * 1000 / speed_));
  }

  // Spends delay_ms in progress_steps equal parts.
  void Work(const darkroom::Job& job, const json& params) const {
    const int64_t steps = params.value("progress_steps", int64_t{0});
    const auto whole = Pretended(params.value("delay_ms", int64_t{0}));
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
  uint64_t budget_ = 0;  // that it was loaded with; 0: any
  double speed_ = 1;
  std::unique_ptr<darkroom::Lease> lease_;
  darkroom::Metric jobs_;
  darkroom::Metric loaded_;
  darkroom::Metric work_seconds_;
  bool is_loaded_ = false;
};

}  // namespace

DARKROOM_PLUGIN(Mock)
