// SPDX-License-Identifier: Apache-2.0
//
// What one job asks of a CLIP model, as its params and inputs say it, and what comes of the
// embeddings that this takes.
//
//   embed        a row for each picture, then for each text: its embedding
//   similarity   a row for each picture, a column for each text: the cosine of their embeddings;
//                of pictures among themselves or texts among themselves where there is but one kind
//   classify     a row for each picture, a column for each label: how probable it is, of them all
//                with CLIP, by itself with SigLIP
//
// Plain values and pure functions; any thread.

#ifndef DARKROOM_PLUGINS_CLIP_REQUEST_H_
#define DARKROOM_PLUGINS_CLIP_REQUEST_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace darkroom::clip {

enum class Operation : uint8_t { kEmbed, kSimilarity, kClassify };

struct Request {
  Operation operation = Operation::kEmbed;
  bool normalize = true;  // of kEmbed
  bool logits = false;    // of kSimilarity and kClassify: scaled cosines
  int64_t pictures = 0;
  // kClassify: each label in each template, all templates of a label side by side.
  std::vector<std::string> texts;
  int64_t templates = 1;
};

// `params`: as the manifest has them, complete. `pictures`: how many inputs are pictures. `text`:
// the input of that name, or nothing. Throws Error (DR_INVALID_ARGUMENT) that names what is missing
// or too much.
Request ReadRequest(std::string_view params, int64_t pictures, const std::string* text);

// `pictures`: pictures x width, `texts`: texts x width, float32, on the CPU, not normalised.
// `logit_scale`: what a cosine is multiplied by. `logit_bias`: what is then added, in networks that
// judge each pair by itself, as SigLIP does: a label's probability is the logit's sigmoid then,
// else its share among all labels. Returns the job's result, float32, two dimensions. Throws Error:
// DR_UNIMPLEMENTED when the scale is needed and 0.
at::Tensor Finish(const Request& request, const at::Tensor& pictures, const at::Tensor& texts,
                  double logit_scale, std::optional<double> logit_bias = std::nullopt);

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_REQUEST_H_
