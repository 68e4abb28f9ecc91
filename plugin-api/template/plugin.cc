// my-plugin: turns a picture into its negative. Put your model in its place.
//
// The host has decoded the picture and checked the parameters; it encodes what Infer leaves, and
// sends it. Throw darkroom::Error(status, words) to fail: the words go to whoever asked.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>
#include <string_view>

class MyPlugin {
 public:
  // `config` holds the model's `weights` and `options` of the daemon's configuration. Look at them
  // here; read files and touch devices in Load.
  MyPlugin(darkroom::Host host, std::string_view config) : host_(host) {
    const auto options = nlohmann::json::parse(config).value("options", nlohmann::json::object());
    if (!options.empty()) throw darkroom::Error(DR_INVALID_ARGUMENT, "there are no options yet");
  }

  // On the lane's own thread, as Infer and Unload: makes the model ready for its first job.
  void Load(const dr_lane_t&) { host_.Log(DR_LOG_INFO, "nothing to load"); }

  void Infer(darkroom::Job& job) {
    const auto params = nlohmann::json::parse(job.params());
    const double strength = params.value("strength", 1.0);

    // Height x width x channels, uint8: grey, grey and alpha, RGB, or RGBA.
    const dr_tensor_t& picture = job.Input("image");
    const int64_t height = picture.shape[0];
    const int64_t width = picture.shape[1];
    const int64_t channels = picture.shape[2];
    const bool has_alpha = channels == 2 || channels == 4;
    const auto* in = static_cast<const uint8_t*>(picture.data) + picture.byte_offset;
    auto* out = static_cast<uint8_t*>(
        job.Output("image", {DR_DTYPE_UINT, 8, 1}, {height, width, channels}));

    for (int64_t y = 0; y < height; ++y) {
      job.StopIfCancelled();
      job.Progress(static_cast<double>(y) / static_cast<double>(height), "rows");
      for (int64_t i = y * width * channels; i < (y + 1) * width * channels; ++i) {
        const bool is_alpha = has_alpha && i % channels == channels - 1;
        const double turned = in[i] + strength * (255.0 - 2.0 * in[i]);
        out[i] = is_alpha ? in[i] : static_cast<uint8_t>(std::lround(turned));
      }
    }
  }

  // Gives everything back that Load took.
  void Unload() {}

 private:
  darkroom::Host host_;
};

DARKROOM_PLUGIN(MyPlugin)
