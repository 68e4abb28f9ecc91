// SPDX-License-Identifier: Apache-2.0
//
// InpaintModel is the plugin's model: it loads a network that fills holes, and runs jobs through a
// Painter. What it needs of ATen is kept out of this header.
//
// Configuration: {"name", "weights": safetensors of LaMa, or its TorchScript archive, "options":
// {sha256, tile, dtype, threads}}; README.md says what they mean. Threads and ownership are those
// of darkroom/plugin.hpp.

#ifndef DARKROOM_PLUGINS_INPAINT_MODEL_H_
#define DARKROOM_PLUGINS_INPAINT_MODEL_H_

#include <cstdint>
#include <darkroom/plugin.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace darkroom {

class InpaintModel {
 public:
  InpaintModel(Host host, std::string_view config);
  InpaintModel(const InpaintModel&) = delete;
  InpaintModel& operator=(const InpaintModel&) = delete;
  ~InpaintModel();

  void Load(const dr_lane_t& lane);
  void Infer(Job& job);
  void Unload();

 private:
  struct Options {
    std::string weights;
    std::string sha256;
    std::string dtype = "auto";
    int64_t tile = 0;  // 0: by the device
    int threads = 0;   // 0: as many as the process has
  };
  struct Loaded;

  static Options ParseOptions(std::string_view config);
  void LoadOnLane();
  void Run(const Job& job) const;

  Host host_;
  const Options options_;
  dr_lane_t lane_{};
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_INPAINT_MODEL_H_
