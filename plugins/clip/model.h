// SPDX-License-Identifier: Apache-2.0
//
// ClipModel is the plugin's model: it reads the configuration, loads a checkpoint onto its lane and
// runs batches of jobs. What it needs of ATen is kept out of this header, so that the plugin's
// entry compiles in no time.
//
// Configuration: {"name", "weights": path of a checkpoint's folder, "options": {dtype, engine,
// threads}}; README.md says what they mean. Threads and ownership are those of darkroom/plugin.hpp.

#ifndef DARKROOM_PLUGINS_CLIP_MODEL_H_
#define DARKROOM_PLUGINS_CLIP_MODEL_H_

#include <darkroom/plugin.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace darkroom {

class ClipModel {
 public:
  ClipModel(Host host, std::string_view config);
  ClipModel(const ClipModel&) = delete;
  ClipModel& operator=(const ClipModel&) = delete;
  ~ClipModel();

  void Load(const dr_lane_t& lane);
  void Infer(Batch& batch);
  void Unload();

 private:
  struct Options {
    int threads = 0;  // 0: as many as the process has
    std::string dtype = "auto";
    std::string engine = "auto";
  };
  struct Loaded;
  struct Asked;

  void LoadOnLane();
  void Run(Batch& batch) const;
  static Options ParseOptions(std::string_view config, std::string* weights);
  static Asked Read(Job& job);

  Host host_;
  std::string weights_;
  Options options_;
  dr_lane_t lane_{};
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CLIP_MODEL_H_
