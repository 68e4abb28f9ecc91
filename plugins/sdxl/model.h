// SPDX-License-Identifier: Apache-2.0
//
// SdxlModel is the plugin's model: it loads a Pipeline onto its lane, and draws the pictures of its
// jobs step by step (darkroom.stepwise/1, darkroom.checkpoint/1). What it needs of ATen is kept out
// of this header.
//
// Configuration: {"name", "weights": a folder of diffusers' or a single file, "options": {dtype,
// engine, rows, tile, prompts, threads, loras, lora_sets, ...}}; README.md says what they mean.
// Threads and ownership are those of darkroom/plugin.hpp.

#ifndef DARKROOM_PLUGINS_SDXL_MODEL_H_
#define DARKROOM_PLUGINS_SDXL_MODEL_H_

#include <cstdint>
#include <darkroom/plugin.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace darkroom {

namespace sdxl {
struct Options;
}  // namespace sdxl

class SdxlModel {
 public:
  // A job with its drawings.
  struct Run {
    struct State;

    explicit Run(std::unique_ptr<State> made);
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run();

    std::unique_ptr<State> state;
  };

  SdxlModel(Host host, std::string_view config);
  SdxlModel(const SdxlModel&) = delete;
  SdxlModel& operator=(const SdxlModel&) = delete;
  ~SdxlModel();

  void Load(const dr_lane_t& lane);
  std::unique_ptr<Run> Begin(Job& job);
  void Step(std::span<Run* const> runs, std::span<uint32_t> left);
  void Finish(Run& run);
  std::string Save(const Run& run);
  std::unique_ptr<Run> Restore(Job& job, std::string_view state);
  void Unload();

 private:
  struct Loaded;

  void LoadOnLane();
  std::unique_ptr<Run> BeginOnLane(Job& job);
  static void ReadPicture(const Job& job, Run::State* state);
  static void GiveLatents(const Run::State& state);
  static bool IsPreviewDue(const Run::State& state);
  // Of what the first of a run's drawings was told to note in this step, if it was.
  void ShowPreview(const Run::State& state);
  uint64_t OwnerOf(const Run::State& state);
  void FinishOne(const Run::State& state, int64_t number) const;

  Host host_;
  std::unique_ptr<const sdxl::Options> options_;
  dr_lane_t lane_{};
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_SDXL_MODEL_H_
