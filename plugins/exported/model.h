// SPDX-License-Identifier: Apache-2.0
//
// ExportedModel is the plugin's model: it runs a network that its user exported, with what its
// options say of what goes in and out. What it needs of ATen is kept out of this header.
//
// Configuration: {"name", "weights": the file or its folder, "options"}; README.md says what they
// mean. Threads and ownership are those of darkroom/plugin.hpp.

#ifndef DARKROOM_PLUGINS_EXPORTED_MODEL_H_
#define DARKROOM_PLUGINS_EXPORTED_MODEL_H_

#include <darkroom/plugin.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace darkroom {

class ExportedModel {
 public:
  ExportedModel(Host host, std::string_view config);
  ExportedModel(const ExportedModel&) = delete;
  ExportedModel& operator=(const ExportedModel&) = delete;
  ~ExportedModel();

  void Load(const dr_lane_t& lane);
  void Infer(Batch& batch);
  void Unload();

 private:
  struct Options;
  struct Loaded;

  void LoadOnLane();
  void Run(Batch& batch) const;

  Host host_;
  std::unique_ptr<const Options> options_;
  dr_lane_t lane_{};
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_EXPORTED_MODEL_H_
