// SPDX-License-Identifier: Apache-2.0

#include "common/clip/text_tower.h"

#include <algorithm>
#include <darkroom/plugin.hpp>

namespace darkroom::clip {

TextConfig ReadTextConfig(const JsonConfig& config) {
  TextConfig text;
  text.tower = ReadTower(config, {512, 2048, 8, 1e-5, "quick_gelu"});
  text.vocabulary = config.Size("vocab_size", 49408, int64_t{1} << 24);
  text.positions = config.Size("max_position_embeddings", 77);
  if (text.positions < 2) config.Refuse("max_position_embeddings", "it must be 2 or more");
  text.end_token = config.Integer("eos_token_id", 49407);
  // The tokenizer's affair, and sampling's, of which there is none.
  config.Ignore({"bos_token_id", "pad_token_id"});
  return text;
}

void CheckTokens(const std::vector<int64_t>& text, const TextConfig& config, int64_t more) {
  for (const int64_t token : text)
    if (token < 0 || token >= config.vocabulary + more)
      throw Error(DR_FAILED_PRECONDITION,
                  "the tokenizer gave token " + std::to_string(token) + ", the weights have " +
                      std::to_string(config.vocabulary) + ": they are not of one model");
}

ClipTextTower::ClipTextTower(WeightReader& reader, const std::string& prefix,
                             const std::string& projection_name, const TextConfig& config,
                             int64_t projection, const nn::Placement& placement)
    : config_(config),
      device_(placement.device),
      words_(placement.Place(reader.Take(prefix + "embeddings.token_embedding.weight",
                                         {config.vocabulary, config.tower.width}))),
      places_(placement.Place(reader.Take(prefix + "embeddings.position_embedding.weight",
                                          {config.positions, config.tower.width}))),
      blocks_(TakeBlocks(reader, prefix, config.tower, placement)),
      after_(nn::TakeNorm(reader, prefix + "final_layer_norm", config.tower.width),
             config.tower.epsilon, placement),
      has_projection_(!projection_name.empty()) {
  if (has_projection_)
    projection_ =
        nn::Linear(nn::TakeLinear(reader, projection_name, config.tower.width, projection, false),
                   placement.Exact());
  reader.Ignore(prefix + "embeddings.position_ids");  // 0, 1, 2, ...; in files before 2023
}

int64_t ClipTextTower::EndOf(const std::vector<int64_t>& text) const {
  // What is beyond the vocabulary is no token, and ends nothing.
  const auto less = [this](int64_t one, int64_t other) {
    return (one < config_.vocabulary ? one : -1) < (other < config_.vocabulary ? other : -1);
  };
  const auto end = config_.end_token == 2 ? std::max_element(text.begin(), text.end(), less)
                                          : std::find(text.begin(), text.end(), config_.end_token);
  if (end == text.end())
    throw Error(DR_FAILED_PRECONDITION,
                "the tokenizer ends no text with token " + std::to_string(config_.end_token) +
                    ", the config's eos_token_id: they are not of one model");
  return end - text.begin();
}

std::vector<int64_t> ClipTextTower::EndsOf(const std::vector<std::vector<int64_t>>& texts) const {
  std::vector<int64_t> ends;
  for (const auto& text : texts) ends.push_back(EndOf(text));
  return ends;
}

void ClipTextTower::PutVectors(const at::Tensor& tokens, const at::Tensor& vectors,
                               at::Tensor* x) const {
  const at::Tensor flat = tokens.flatten();
  const at::Tensor places = flat.ge(config_.vocabulary).nonzero().squeeze(1);
  if (places.numel() == 0) return;
  const at::Tensor rows =
      vectors.index_select(0, flat.index_select(0, places) - config_.vocabulary);
  x->view({-1, config_.tower.width}).index_copy_(0, places.to(device_), rows.to(x->options()));
}

at::Tensor ClipTextTower::Embed(const std::vector<std::vector<int64_t>>& texts, int64_t length,
                                const at::Tensor& more) const {
  TORCH_CHECK(length <= config_.positions, "a text of ", length, " tokens, the network has ",
              config_.positions, " places");
  const auto count = static_cast<int64_t>(texts.size());
  // What fills up the shorter ones is not looked at.
  at::Tensor tokens = at::zeros({count, length}, at::kLong);
  for (int64_t i = 0; i < count; ++i) {
    const auto& text = texts[static_cast<size_t>(i)];
    std::copy_n(text.begin(), std::min(static_cast<int64_t>(text.size()), length),
                tokens.mutable_data_ptr<int64_t>() + i * length);
  }
  at::Tensor words = at::embedding(words_, tokens.clamp_max(config_.vocabulary - 1).to(device_));
  if (more.defined()) PutVectors(tokens, more, &words);
  return words + places_.slice(0, 0, length);
}

at::Tensor ClipTextTower::Project(const at::Tensor& x, const std::vector<int64_t>& ends) const {
  const auto count = static_cast<int64_t>(ends.size());
  const int64_t length = x.size(1);
  const at::Tensor rows = at::tensor(ends, at::kLong).reshape({count, 1}).to(device_);
  const at::Tensor columns = at::arange(length, rows.options());
  const at::Tensor seen = columns.reshape({1, 1, 1, length}).le(rows.reshape({count, 1, 1, 1}));
  return projection_(after_(blocks_.back().AtRows(x, rows, {false, seen}).squeeze(1)));
}

at::Tensor ClipTextTower::operator()(const std::vector<std::vector<int64_t>>& texts) const {
  for (const auto& text : texts) CheckTokens(text, config_);
  const std::vector<int64_t> ends = EndsOf(texts);
  at::Tensor x = Embed(texts, *std::max_element(ends.begin(), ends.end()) + 1);
  for (size_t i = 0; i + 1 < blocks_.size(); ++i) x = blocks_[i](x, {true, {}});
  return Project(x, ends);
}

TextStates ClipTextTower::States(const std::vector<std::vector<int64_t>>& texts, int64_t skipped,
                                 const at::Tensor& more) const {
  TORCH_CHECK(skipped >= 1 && skipped <= config_.tower.layers, skipped, " layers left out of ",
              config_.tower.layers);
  for (const auto& text : texts) CheckTokens(text, config_, more.defined() ? more.size(0) : 0);
  const std::vector<int64_t> ends = EndsOf(texts);
  at::Tensor x = Embed(texts, static_cast<int64_t>(texts.front().size()), more);
  const auto wanted = static_cast<size_t>(config_.tower.layers - skipped);
  TextStates result;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (i == wanted) result.states = x;
    if (i >= wanted && !has_projection_) return result;
    if (i + 1 < blocks_.size()) x = blocks_[i](x, {true, {}});
  }
  result.embedding = Project(x, ends);
  return result;
}

}  // namespace darkroom::clip
