// SPDX-License-Identifier: Apache-2.0
//
// Makes a job's inputs and params into what an exported network is called with.
//
// ArgumentMaker is immutable once it is made. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_EXPORTED_ARGUMENTS_H_
#define DARKROOM_PLUGINS_EXPORTED_ARGUMENTS_H_

#include <darkroom/plugin.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/image/image_processor.h"
#include "common/program/program.h"
#include "common/text/tokenizer.h"
#include "exported/spec.h"

namespace darkroom::exported {

// How the request's first picture lies in what the network was given of it.
struct Framing {
  ImageSize picture;  // as it came
  ImageSize content;  // as the network sees it
  ImageSize padded;   // with the edges that were repeated
};

// The tokenizers that a spec's inputs and outputs name, by their folders within the model's.
using Tokenizers = std::map<std::string, std::unique_ptr<Tokenizer>>;

struct JobArguments {
  std::vector<Argument> arguments;  // tensors on the CPU
  std::optional<Framing> framing;
};

class ArgumentMaker {
 public:
  // `spec` and `tokenizers` must outlive it.
  ArgumentMaker(const Spec& spec, const Tokenizers& tokenizers);

  // Throws Error (DR_INVALID_ARGUMENT) for what the request has wrong.
  JobArguments Make(const Job& job) const;

 private:
  at::Tensor Picture(const PictureInput& input, const ImageProcessor& processor,
                     const at::Tensor& picture, std::optional<Framing>* framing) const;
  void AddTokens(const TokensInput& input, std::string_view text,
                 std::vector<Argument>* arguments) const;
  void AddInput(const InputSpec& input, const Job& job, JobArguments* made) const;

  const Spec& spec_;
  const Tokenizers& tokenizers_;
  std::map<std::string, ImageProcessor> processors_;  // by the input's name
};

}  // namespace darkroom::exported

#endif  // DARKROOM_PLUGINS_EXPORTED_ARGUMENTS_H_
