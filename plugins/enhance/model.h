// SPDX-License-Identifier: Apache-2.0
//
// EnhanceModel is the plugin's model: it reads the configuration, loads the network onto its lane
// and runs jobs. What it needs of ATen is kept out of this header, so that the plugin's entry
// compiles in no time.
//
// Configuration: {"name", "weights": path of a safetensors file, "options": {tile, tile_padding,
// threads, dtype, engine}}; README.md says what they mean. Threads and ownership are those of
// darkroom/plugin.hpp.

#ifndef DARKROOM_PLUGINS_ENHANCE_MODEL_H_
#define DARKROOM_PLUGINS_ENHANCE_MODEL_H_

#include <cstdint>
#include <darkroom/plugin.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace darkroom {

class EnhanceModel {
 public:
  EnhanceModel(Host host, std::string_view config);
  EnhanceModel(const EnhanceModel&) = delete;
  EnhanceModel& operator=(const EnhanceModel&) = delete;
  ~EnhanceModel();

  void Load(const dr_lane_t& lane);
  void Infer(Job& job);
  void Unload();

 private:
  struct Options {
    int64_t tile = -1;          // -1: what suits the device
    int64_t tile_padding = -1;  // -1: what the network needs
    int threads = 0;            // 0: as many as the process has
    std::string dtype = "auto";
    std::string engine = "auto";
  };
  struct Loaded;

  void LoadOnLane();
  void Run(const Job& job) const;
  static Options ParseOptions(std::string_view config, std::string* weights);

  Host host_;
  std::string weights_;
  Options options_;
  dr_lane_t lane_{};
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_MODEL_H_
