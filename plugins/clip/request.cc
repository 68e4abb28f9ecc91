// SPDX-License-Identifier: Apache-2.0

#include "clip/request.h"

#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>

#include "clip/embedder.h"

namespace darkroom::clip {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPlace = "{}";

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_INVALID_ARGUMENT, words); }

Operation OperationOf(const std::string& name) {
  if (name == "similarity") return Operation::kSimilarity;
  if (name == "classify") return Operation::kClassify;
  return Operation::kEmbed;
}

// Each label in each template. A template has one place for the label.
std::vector<std::string> Filled(const std::vector<std::string>& labels,
                                const std::vector<std::string>& templates) {
  for (const std::string& one : templates) {
    const size_t place = one.find(kPlace);
    if (place == std::string::npos || one.find(kPlace, place + kPlace.size()) != std::string::npos)
      Refuse("the template '" + one + "' must have {} once, for the label");
  }
  std::vector<std::string> texts;
  for (const std::string& label : labels)
    for (std::string text : templates)
      texts.push_back(text.replace(text.find(kPlace), kPlace.size(), label));
  return texts;
}

// A label's embedding is the mean of its templates' directions (section 3.1.4 of the paper).
at::Tensor LabelDirections(const Request& request, const at::Tensor& texts) {
  at::Tensor directions = Normalized(texts);
  if (request.templates == 1) return directions;
  return Normalized(directions.reshape({-1, request.templates, texts.size(1)}).mean(1));
}

}  // namespace

Request ReadRequest(std::string_view params, int64_t pictures, const std::string* text) {
  const Json json = Json::parse(params);
  Request request;
  request.operation = OperationOf(json.value("operation", "embed"));
  request.normalize = json.value("normalize", true);
  request.logits = json.value("logits", false);
  request.pictures = pictures;
  const auto texts = json.value("texts", std::vector<std::string>());
  const auto labels = json.value("labels", std::vector<std::string>());
  const bool classifies = request.operation == Operation::kClassify;
  if (!labels.empty() && !classifies) Refuse("labels are for the operation classify");
  if (classifies) {
    if (pictures == 0) Refuse("classify needs a picture: the input image is missing");
    if (labels.empty()) Refuse("classify needs labels");
    if (!texts.empty() || text != nullptr) Refuse("classify takes labels, and no texts");
    const auto templates = json.value("templates", std::vector<std::string>{"{}"});
    request.texts = Filled(labels, templates);
    request.templates = static_cast<int64_t>(templates.size());
    return request;
  }
  if (text != nullptr) request.texts.push_back(*text);
  request.texts.insert(request.texts.end(), texts.begin(), texts.end());
  if (pictures == 0 && request.texts.empty())
    Refuse(
        "there is nothing to embed: give a picture (input image) or texts (input text, or the "
        "param texts)");
  return request;
}

at::Tensor Finish(const Request& request, const at::Tensor& pictures, const at::Tensor& texts,
                  double logit_scale, std::optional<double> logit_bias) {
  if (request.operation == Operation::kEmbed) {
    const at::Tensor all = at::cat({pictures, texts});
    return request.normalize ? Normalized(all) : all;
  }
  const bool classifies = request.operation == Operation::kClassify;
  const at::Tensor rows = Normalized(pictures.size(0) > 0 ? pictures : texts);
  const at::Tensor columns = classifies          ? LabelDirections(request, texts)
                             : texts.size(0) > 0 ? Normalized(texts)
                                                 : rows;
  at::Tensor result = at::matmul(rows, columns.t());
  if (!classifies && !request.logits) return result;
  if (logit_scale == 0)
    throw Error(DR_UNIMPLEMENTED, "the checkpoint has no logit_scale: it is of one tower alone");
  result = result * logit_scale + logit_bias.value_or(0.0);
  if (!classifies || request.logits) return result;
  return logit_bias ? at::sigmoid(result) : at::softmax(result, -1);
}

}  // namespace darkroom::clip
