// SPDX-License-Identifier: Apache-2.0
//
// Spec is what a model's options say of an exported network: how each input of a request becomes an
// argument, in which order the network takes them, and how each of its results becomes an output.
// The host reads names, kinds, dtypes and shapes of the same options; README.md lists them all.
//
// Plain values and a pure function: any thread.

#ifndef DARKROOM_PLUGINS_EXPORTED_SPEC_H_
#define DARKROOM_PLUGINS_EXPORTED_SPEC_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/image/image_processor.h"
#include "common/json_config.h"

namespace darkroom::exported {

enum class Activation : uint8_t { kNone, kSigmoid, kSoftmax };

// ---- Inputs

// 1 x channels x height x width, or with the channels last.
struct PictureInput {
  ImageProcessing processing;  // its result's channels are those of RGB
  int64_t channels = 3;        // or 1
  bool bgr = false;
  bool channels_last = false;
  int64_t multiple_of = 1;  // edges are repeated to the right and below until both are
  at::ScalarType dtype = at::kFloat;
};

// 1 x length of a tokenizer's numbers, and where `mask` a second argument: 1 for each that counts.
struct TokensInput {
  std::string tokenizer;  // its folder within the model's; empty: that itself
  int64_t length = 0;
  int64_t pad = 0;
  bool mask = false;
  at::ScalarType dtype = at::kLong;
};

// A tensor, or bytes as uint8, as they come.
struct AsItIs {};

struct InputSpec {
  std::string name;
  std::variant<PictureInput, TokensInput, AsItIs> how;
};

// ---- Outputs

// Which of the network's results: by its number, or by its name where they have names.
using ResultName = std::variant<int64_t, std::string>;

struct PictureOutput {
  Activation activation = Activation::kNone;
  // What is black and what is white; nothing: the least and the greatest of each picture.
  std::optional<std::pair<double, double>> range = {{0.0, 1.0}};
  bool bgr = false;
  bool channels_last = false;
  bool like_input = false;  // resized to the size of the request's first picture
};

struct TensorOutput {
  std::optional<at::ScalarType> dtype;  // nothing: as it comes
};

// Text from a tokenizer's numbers; without a tokenizer from bytes.
struct TextOutput {
  bool tokens = false;
  std::string tokenizer;
};

// A JSON list of the likeliest labels: [{"label", "score"}].
struct LabelsOutput {
  std::vector<std::string> labels;
  int64_t top = 5;
  Activation activation = Activation::kSoftmax;
};

// A PLY file (Turk, 1994), binary, of points: each part gives some properties of each of them.
struct PlyOutput {
  enum class Apply : uint8_t { kNone, kLog, kLogit };
  struct Part {
    ResultName from;
    std::vector<std::string> properties;
    Apply apply = Apply::kNone;
  };
  std::vector<Part> parts;
};

struct BytesOutput {};

struct OutputSpec {
  std::string name;
  ResultName from;
  std::variant<PictureOutput, TensorOutput, TextOutput, LabelsOutput, PlyOutput, BytesOutput> how;
};

struct Spec {
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  // What the network is called with, in order: names of inputs and of params.
  std::vector<std::string> arguments;
  // All arguments and results have a first dimension that is one job each. Otherwise a job is a
  // call, and only pictures and tokens have that dimension.
  bool batched = false;
};

// `options`: the model's, of which fields that are not this function's may have been read before.
// Throws Error that names the field: DR_FAILED_PRECONDITION.
Spec ReadSpec(const JsonConfig& options);

}  // namespace darkroom::exported

#endif  // DARKROOM_PLUGINS_EXPORTED_SPEC_H_
