// SPDX-License-Identifier: Apache-2.0
//
// mock-steps makes as many steps as it is told, each of which takes as long as it is told. It
// stands in for diffusion models in tests and in development. README.md lists its params.

#include <darkroom/sim.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using nlohmann::json;

// What a run is saved as: this line, then JSON.
constexpr std::string_view kFormat = "mock-steps 1\n";

class MockSteps {
 public:
  // A job that makes its steps.
  struct Run {
    darkroom::Job& job;
    uint32_t steps;
    std::chrono::milliseconds step_time;
    uint32_t fail_at;
    uint32_t previews;
    uint32_t seed;
    uint32_t sum = seed;
    uint32_t made = 0;
    size_t company = 0;
  };

  MockSteps(darkroom::Host host, std::string_view) {
    const auto* sim = static_cast<const dr_sim_t*>(host.Extension(DR_EXT_SIM));
    if (sim != nullptr) speed_ = sim->speed;
  }

  void Load(const dr_lane_t&) {}
  void Unload() {}

  std::unique_ptr<Run> Begin(darkroom::Job& job) {
    const json params = json::parse(job.params());
    const std::chrono::milliseconds step_time(params.at("step_ms").get<int64_t>());
    return std::make_unique<Run>(Run{job, params.at("steps"), step_time, params.at("fail_at"),
                                     params.value("previews", 0U), params.value("seed", 0U)});
  }

  std::string Save(const Run& run) {
    const json state = {{"params", json::parse(run.job.params())},
                        {"made", run.made},
                        {"sum", run.sum},
                        {"company", run.company}};
    return std::string(kFormat) + state.dump();
  }

  std::unique_ptr<Run> Restore(darkroom::Job& job, std::string_view bytes) {
    std::unique_ptr<Run> run = Begin(job);
    const bool known = bytes.starts_with(kFormat);
    const json state = known ? json::parse(bytes.substr(kFormat.size()), nullptr, false) : json();
    const auto has = [&state](const char* key) {
      return state.contains(key) && state[key].is_number_unsigned();
    };
    if (!state.is_object() || !has("made") || !has("sum") || !has("company") ||
        state.value("params", json()) != json::parse(job.params())) {
      throw darkroom::Error(DR_FAILED_PRECONDITION, "the state is not one of this job");
    }
    run->made = std::min(state["made"].get<uint32_t>(), run->steps - 1);
    run->sum = state["sum"];
    run->company = state["company"];
    return run;
  }

  void Step(std::span<Run* const> runs, std::span<uint32_t> left) {
    std::chrono::milliseconds longest{0};
    for (const Run* run : runs) longest = std::max(longest, run->step_time);
    std::this_thread::sleep_for(longest / speed_);
    for (const Run* run : runs) {
      if (run->fail_at == run->made + 1) {
        throw darkroom::Error(DR_INTERNAL, "told to fail at step " + std::to_string(run->fail_at));
      }
    }
    for (size_t i = 0; i < runs.size(); ++i) {
      Run& run = *runs[i];
      ++run.made;
      run.sum = run.sum * 31 + run.made;
      run.company = std::max(run.company, runs.size());
      left[i] = run.steps - run.made;
      run.job.Progress(static_cast<double>(run.made) / run.steps,
                       "step " + std::to_string(run.made) + "/" + std::to_string(run.steps));
      if (run.previews > 0 && run.made % run.previews == 0 && run.job.WantsPreview()) Show(run);
    }
  }

  void Finish(Run& run) {
    json made = {{"steps", run.made}, {"company", run.company}};
    if (run.seed != 0) made["sum"] = run.sum;
    const std::string report = made.dump();
    const auto out = run.job.OutputBytes("report", report.size());
    std::memcpy(out.data(), report.data(), report.size());
  }

 private:
  // As much of it is red as is done, and the rest blue.
  static void Show(const Run& run) {
    constexpr uint32_t kWidth = 64;
    constexpr uint32_t kHeight = 48;
    constexpr uint8_t kRed[] = {200, 40, 40};
    constexpr uint8_t kBlue[] = {40, 40, 200};
    std::vector<uint8_t> pixels;
    pixels.reserve(size_t{3} * kWidth * kHeight);
    for (uint32_t at = 0; at < kWidth * kHeight; ++at) {
      const bool done = uint64_t{at % kWidth} * run.steps < uint64_t{kWidth} * run.made;
      pixels.insert(pixels.end(), done ? std::begin(kRed) : std::begin(kBlue),
                    done ? std::end(kRed) : std::end(kBlue));
    }
    run.job.Preview(pixels, kHeight, kWidth, 3);
  }

  double speed_ = 1;  // of a simulated device
};

}  // namespace

DARKROOM_PLUGIN(MockSteps)
