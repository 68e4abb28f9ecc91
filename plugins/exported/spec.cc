// SPDX-License-Identifier: Apache-2.0

#include "exported/spec.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace darkroom::exported {
namespace {

// Values of an option that has names, such as an order of channels.
template <typename Value, size_t kCount>
using Names = std::array<std::pair<std::string_view, Value>, kCount>;

constexpr Names<at::ScalarType, 10> kDtypes = {{{"float32", at::kFloat},
                                                {"float16", at::kHalf},
                                                {"bfloat16", at::kBFloat16},
                                                {"float64", at::kDouble},
                                                {"uint8", at::kByte},
                                                {"int8", at::kChar},
                                                {"int16", at::kShort},
                                                {"int32", at::kInt},
                                                {"int64", at::kLong},
                                                {"bool", at::kBool}}};
constexpr Names<bool, 2> kOrders = {{{"rgb", false}, {"bgr", true}}};
constexpr Names<bool, 2> kLayouts = {{{"nchw", false}, {"nhwc", true}}};
constexpr Names<Activation, 3> kActivations = {{{"none", Activation::kNone},
                                                {"sigmoid", Activation::kSigmoid},
                                                {"softmax", Activation::kSoftmax}}};
constexpr Names<Filter, 5> kFilters = {{{"bicubic", Filter::kBicubic},
                                        {"bilinear", Filter::kBilinear},
                                        {"lanczos", Filter::kLanczos},
                                        {"box", Filter::kBox},
                                        {"hamming", Filter::kHamming}}};
constexpr Names<PlyOutput::Apply, 3> kApplied = {{{"none", PlyOutput::Apply::kNone},
                                                  {"log", PlyOutput::Apply::kLog},
                                                  {"logit", PlyOutput::Apply::kLogit}}};

template <typename Value, size_t kCount>
Value Named(const JsonConfig& config, const char* field, const Names<Value, kCount>& names,
            std::string_view otherwise) {
  const std::string text = config.Text(field, std::string(otherwise));
  for (const auto& [name, value] : names)
    if (name == text) return value;
  std::string known;
  for (const auto& [name, value] : names) {
    known += known.empty() ? "" : ", ";
    known += name;
  }
  config.Refuse(field, "there are " + known);
}

// One number for all channels, or one for each.
std::array<double, 3> OfChannels(const JsonConfig& config, const char* field, double otherwise) {
  const std::vector<double> given = config.Numbers(field, {otherwise});
  if (given.size() == 1) return {given[0], given[0], given[0]};
  if (given.size() != 3) config.Refuse(field, "it must be a list of one number, or of three");
  return {given[0], given[1], given[2]};
}

std::pair<double, double> RangeOf(const JsonConfig& config) {
  const std::vector<double> range = config.Numbers("range", {0, 1});
  if (range.size() != 2 || range[0] >= range[1])
    config.Refuse("range", "it must be the value of black and that of white, which is more");
  return {range[0], range[1]};
}

std::optional<ImageSize> SizeOf(const JsonConfig& config, const char* field) {
  if (!config.Has(field)) return std::nullopt;
  const std::vector<int64_t> size = config.Integers(field, {});
  if (size.size() != 2) config.Refuse(field, "it must be [height, width]");
  return ImageSize{size[0], size[1]};
}

PictureInput ReadPictureInput(const JsonConfig& config, bool mask) {
  PictureInput input;
  input.channels = config.Integer("channels", mask ? 1 : 3);
  if (input.channels != 1 && input.channels != 3)
    config.Refuse("channels", "it must be 1, for grey, or 3");
  input.bgr = Named(config, "order", kOrders, "rgb");
  input.channels_last = Named(config, "layout", kLayouts, "nchw");
  input.multiple_of = config.Size("multiple_of", 1, 4096);
  input.dtype = Named(config, "as", kDtypes, "float32");

  ImageProcessing& processing = input.processing;
  processing.size = SizeOf(config, "size");
  if (config.Has("shortest_edge")) processing.shortest_edge = config.Size("shortest_edge", 1);
  if (processing.size && processing.shortest_edge)
    config.Refuse("shortest_edge", "there is a size, too");
  processing.crop = SizeOf(config, "crop");
  processing.filter = Named(config, "filter", kFilters, "bicubic");
  const auto [black, white] = RangeOf(config);
  processing.rescale_factor = (white - black) / 255;
  processing.mean = OfChannels(config, "mean", 0);
  processing.deviation = OfChannels(config, "std", 1);
  processing.normalize = config.Has("mean") || config.Has("std") || black != 0;
  for (double& mean : processing.mean) mean -= black;
  return input;
}

TokensInput ReadTokensInput(const JsonConfig& config) {
  TokensInput input;
  input.tokenizer = config.Text("tokenizer", "");
  input.length = config.Integer("length");
  if (input.length < 1 || input.length > 65536)
    config.Refuse("length", "it must be how many tokens the network takes, 1 to 65536");
  input.pad = config.Integer("pad", 0);
  input.mask = config.Flag("mask", false);
  input.dtype = Named(config, "as", kDtypes, "int64");
  if (input.dtype != at::kLong && input.dtype != at::kInt)
    config.Refuse("as", "tokens are int64 or int32");
  return input;
}

InputSpec ReadInput(const JsonConfig& config) {
  InputSpec input;
  input.name = config.Text("name");
  config.Only("optional", false);
  const std::string kind = config.Text("kind");
  if (kind == "image" || kind == "mask") {
    input.how = ReadPictureInput(config, kind == "mask");
  } else if (kind == "text") {
    input.how = ReadTokensInput(config);
  } else {
    config.Ignore({"dtype", "shape"});  // the host's
    input.how = AsItIs{};
  }
  return input;
}

ResultName ReadResult(const JsonConfig& config, int64_t otherwise) {
  if (config.IsText("from")) return config.Text("from");
  const int64_t number = config.Integer("from", otherwise);
  if (number < 0) config.Refuse("from", "results are counted from 0");
  return number;
}

PictureOutput ReadPictureOutput(const JsonConfig& config) {
  PictureOutput output;
  output.activation = Named(config, "activation", kActivations, "none");
  if (config.IsText("range")) {
    if (config.Text("range") != "auto") config.Refuse("range", "it must be [black, white] or auto");
    output.range.reset();
  } else {
    output.range = RangeOf(config);
  }
  output.bgr = Named(config, "order", kOrders, "rgb");
  output.channels_last = Named(config, "layout", kLayouts, "nchw");
  config.Only("size", std::string("input"));
  output.like_input = config.Has("size");
  return output;
}

LabelsOutput ReadLabels(const JsonConfig& config) {
  LabelsOutput output;
  output.labels = config.Texts("labels");
  if (output.labels.empty()) config.Refuse("labels", "it must name one class at least");
  output.top = config.Size("top", 5);
  output.activation = Named(config, "activation", kActivations, "softmax");
  return output;
}

PlyOutput ReadPly(const JsonConfig& config) {
  PlyOutput output;
  config.Only("form", std::string("ply"));
  for (const JsonConfig& part : config.List("parts")) {
    PlyOutput::Part one;
    one.from = ReadResult(part, static_cast<int64_t>(output.parts.size()));
    one.properties = part.Texts("properties");
    one.apply = Named(part, "apply", kApplied, "none");
    for (const std::string& name : one.properties)
      if (name.empty() || name.find_first_of(" \t\r\n") != std::string::npos)
        part.Refuse("properties", "a name in a PLY file is one word");
    if (one.properties.empty()) part.Refuse("properties", "it must name what the columns are");
    output.parts.push_back(std::move(one));
  }
  if (output.parts.empty()) config.Refuse("parts", "a point has one property at least");
  return output;
}

OutputSpec ReadOutput(const JsonConfig& config, int64_t number) {
  OutputSpec output;
  output.name = config.Text("name");
  output.from = ReadResult(config, number);
  config.Only("optional", false);
  const std::string kind = config.Text("kind");
  if (kind == "image" || kind == "mask") {
    output.how = ReadPictureOutput(config);
  } else if (kind == "tensor") {
    config.Ignore({"shape"});
    TensorOutput tensor;
    if (config.Has("dtype")) tensor.dtype = Named(config, "dtype", kDtypes, "");
    output.how = tensor;
  } else if (kind == "text" && config.Has("labels")) {
    output.how = ReadLabels(config);
  } else if (kind == "text") {
    output.how = TextOutput{config.Flag("tokens", false), config.Text("tokenizer", "")};
  } else if (config.Has("form")) {
    output.how = ReadPly(config);
  } else {
    output.how = BytesOutput{};
  }
  return output;
}

void CheckArguments(const JsonConfig& options, const std::vector<std::string>& params,
                    const Spec& spec) {
  for (const std::string& name : spec.arguments) {
    const bool known = std::any_of(spec.inputs.begin(), spec.inputs.end(),
                                   [&](const InputSpec& input) { return input.name == name; }) ||
                       std::find(params.begin(), params.end(), name) != params.end();
    if (!known) options.Refuse("arguments", "there is no input and no param '" + name + "'");
    if (std::count(spec.arguments.begin(), spec.arguments.end(), name) > 1)
      options.Refuse("arguments", "'" + name + "' is there twice");
  }
  if (spec.arguments.size() != spec.inputs.size() + params.size())
    options.Refuse("arguments", "it must name each input and each param");
}

}  // namespace

Spec ReadSpec(const JsonConfig& options) {
  Spec spec;
  for (const JsonConfig& input : options.List("inputs")) spec.inputs.push_back(ReadInput(input));
  for (const JsonConfig& output : options.List("outputs"))
    spec.outputs.push_back(ReadOutput(output, static_cast<int64_t>(spec.outputs.size())));
  spec.batched = options.Has("batch");
  options.Ignore({"batch", "params"});  // the host's

  const std::vector<std::string> params = options.Section("params").Names();
  spec.arguments = options.Texts("arguments");
  if (spec.arguments.empty()) {
    for (const InputSpec& input : spec.inputs) spec.arguments.push_back(input.name);
    spec.arguments.insert(spec.arguments.end(), params.begin(), params.end());
    // A mapping has no order.
    if (params.size() > 1)
      options.Refuse("arguments",
                     "with several params it must say in which order the network "
                     "takes inputs and params");
  }
  CheckArguments(options, params, spec);
  return spec;
}

}  // namespace darkroom::exported
