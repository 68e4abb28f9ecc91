// SPDX-License-Identifier: Apache-2.0
//
// CaptionModel is the plugin's model: it reads the configuration, loads a checkpoint onto its lane
// and runs batches of jobs. What it needs of ATen is kept out of this header, so that the plugin's
// entry compiles in no time.
//
// Configuration: {"name", "weights": path of a checkpoint's folder, "options": {dtype, engine,
// max_beams, max_new_tokens, templates, threads}}; README.md says what they mean. Threads and
// ownership are those of darkroom/plugin.hpp.

#ifndef DARKROOM_PLUGINS_CAPTION_MODEL_H_
#define DARKROOM_PLUGINS_CAPTION_MODEL_H_

#include <darkroom/plugin.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace darkroom {

struct CaptionOptions;

class CaptionModel {
 public:
  CaptionModel(Host host, std::string_view config);
  CaptionModel(const CaptionModel&) = delete;
  CaptionModel& operator=(const CaptionModel&) = delete;
  ~CaptionModel();

  void Load(const dr_lane_t& lane);
  void Infer(Batch& batch);
  void Unload();

 private:
  struct Loaded;
  struct Asked;

  void LoadOnLane();
  void Run(Batch& batch) const;
  Asked Read(Job& job) const;

  Host host_;
  std::string weights_;
  std::unique_ptr<CaptionOptions> options_;
  dr_lane_t lane_{};
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_MODEL_H_
