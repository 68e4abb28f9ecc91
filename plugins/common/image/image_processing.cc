// SPDX-License-Identifier: Apache-2.0
//
// How a model's folder says what is to be done to pictures: see image_processor.h.

#include <darkroom/plugin.hpp>
#include <filesystem>
#include <system_error>

#include "common/image/image_processor.h"

namespace darkroom {
namespace {

constexpr std::array<double, 3> kClipMean = {0.48145466, 0.4578275, 0.40821073};
constexpr std::array<double, 3> kClipDeviation = {0.26862954, 0.26130258, 0.27577711};

// The defaults of one of transformers' processors, and how it reads a size that is one number.
struct Defaults {
  ImageProcessing processing;
  bool number_is_square = true;
};

// `name` is the processor's type without what varies: "ImageProcessor", "FeatureExtractor", ...
std::optional<Defaults> DefaultsOf(const std::string& name) {
  Defaults defaults;
  ImageProcessing& p = defaults.processing;
  if (name == "CLIP") {
    defaults.number_is_square = false;
    p.shortest_edge = 224;
    p.crop = ImageSize{224, 224};
    p.mean = kClipMean;
    p.deviation = kClipDeviation;
  } else if (name == "Blip") {
    p.size = ImageSize{384, 384};
    p.mean = kClipMean;
    p.deviation = kClipDeviation;
  } else if (name == "ViT") {
    p.size = ImageSize{224, 224};
    p.filter = Filter::kBilinear;
  } else if (name == "DeiT") {
    p.size = ImageSize{256, 256};
    p.crop = ImageSize{224, 224};
    p.mean = {0.485, 0.456, 0.406};
    p.deviation = {0.229, 0.224, 0.225};
  } else if (name == "Siglip") {
    p.size = ImageSize{224, 224};
  } else {
    return std::nullopt;
  }
  return defaults;
}

bool IsThere(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::string TypeOf(const JsonConfig& config, const std::string& otherwise) {
  std::string type = config.Text("image_processor_type", "");
  if (type.empty()) type = config.Text("feature_extractor_type", "");
  for (const char* ending : {"Fast", "Pil", "ImageProcessor", "FeatureExtractor"})
    if (type.ends_with(ending)) type.resize(type.size() - std::string(ending).size());
  return type.empty() ? otherwise : type;
}

Filter ReadFilter(const JsonConfig& config, Filter otherwise) {
  constexpr int64_t kCodes[] = {4, 2, 5, 3, 1};  // Pillow's, in the order of Filter
  switch (config.Integer("resample", kCodes[static_cast<size_t>(otherwise)])) {
    case 1:
      return Filter::kLanczos;
    case 2:
      return Filter::kBilinear;
    case 3:
      return Filter::kBicubic;
    case 4:
      return Filter::kBox;
    case 5:
      return Filter::kHamming;
    default:
      config.Refuse("resample",
                    "there are 1 (Lanczos), 2 (bilinear), 3 (bicubic), 4 (box), 5 "
                    "(Hamming)");
  }
}

// A size of height and width, or of one number.
ImageSize ReadSize(const JsonConfig& config, const std::string& name) {
  if (!config.HasSection(name)) {
    const int64_t edge = config.Integer(name);
    return {edge, edge};
  }
  const JsonConfig size = config.Section(name);
  return {size.Integer("height"), size.Integer("width")};
}

void ReadResize(const JsonConfig& config, const Defaults& defaults, ImageProcessing* p) {
  if (!config.Has("size")) return;
  p->size.reset();
  p->shortest_edge.reset();
  if (!config.HasSection("size") && !defaults.number_is_square) {
    p->shortest_edge = config.Integer("size");
  } else if (config.HasSection("size") && config.Section("size").Has("shortest_edge")) {
    p->shortest_edge = config.Section("size").Integer("shortest_edge");
  } else {
    p->size = ReadSize(config, "size");
  }
}

std::array<double, 3> ReadColors(const JsonConfig& config, const std::string& name,
                                 const std::array<double, 3>& otherwise) {
  const std::vector<double> values = config.Numbers(name, {otherwise.begin(), otherwise.end()});
  if (values.size() != 3) config.Refuse(name, "it must be three numbers");
  return {values[0], values[1], values[2]};
}

}  // namespace

ImageProcessing ReadImageProcessing(const JsonConfig& config, const std::string& otherwise) {
  const std::string type = TypeOf(config, otherwise);
  const std::optional<Defaults> defaults = DefaultsOf(type);
  if (!defaults)
    config.Refuse(
        config.Has("image_processor_type") ? "image_processor_type" : "feature_extractor_type",
        "there are those of CLIP, Blip, ViT, DeiT, Siglip");
  ImageProcessing p = defaults->processing;
  ReadResize(config, *defaults, &p);
  if (!config.Flag("do_resize", true)) {
    p.size.reset();
    p.shortest_edge.reset();
  }
  p.filter = ReadFilter(config, p.filter);
  if (config.Has("crop_size")) {
    const ImageSize crop = ReadSize(config, "crop_size");
    // Several processors write a crop's size although they do not crop.
    if (p.crop || config.Flag("do_center_crop", false)) p.crop = crop;
  }
  if (!config.Flag("do_center_crop", p.crop.has_value())) p.crop.reset();
  p.rescale_factor = config.Number("rescale_factor", 1.0 / 255.0);
  if (!config.Flag("do_rescale", true)) p.rescale_factor.reset();
  p.mean = ReadColors(config, "image_mean", p.mean);
  p.deviation = ReadColors(config, "image_std", p.deviation);
  p.normalize = config.Flag("do_normalize", true);
  config.Only("do_pad", false);
  config.Only("do_flip_channel_order", false);
  // Pictures always become RGB here; the rest says how Python's call takes and gives its arrays.
  config.Ignore({"do_convert_rgb", "processor_class", "data_format", "input_data_format",
                 "return_tensors", "device", "default_to_square", "disable_grouping",
                 "image_seq_length", "_valid_processor_keys"});
  config.CheckAllRead();
  return p;
}

ImageProcessing ReadImageProcessing(const std::string& folder, const std::string& otherwise) {
  const std::string own = folder + "/preprocessor_config.json";
  const std::string joint = folder + "/processor_config.json";
  if (IsThere(own)) {
    const JsonConfig file = JsonConfig::Read(own);
    if (!file.HasSection("image_processor")) return ReadImageProcessing(file, otherwise);
    return ReadImageProcessing(file.Section("image_processor"), otherwise);
  }
  if (IsThere(joint)) {
    const JsonConfig file = JsonConfig::Read(joint);
    if (file.HasSection("image_processor"))
      return ReadImageProcessing(file.Section("image_processor"), otherwise);
  }
  throw Error(DR_NOT_FOUND,
              "there is no " + own + ": it says how pictures become the network's input");
}

}  // namespace darkroom
