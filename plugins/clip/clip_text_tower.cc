// SPDX-License-Identifier: Apache-2.0

#include "clip/clip_text_tower.h"

#include <algorithm>
#include <darkroom/plugin.hpp>

#include "clip/blocks.h"

namespace darkroom::clip {

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
      projection_(nn::TakeLinear(reader, projection_name, config.tower.width, projection, false),
                  placement.Exact()) {
  reader.Ignore(prefix + "embeddings.position_ids");  // 0, 1, 2, ...; in files before 2023
}

int64_t ClipTextTower::EndOf(const std::vector<int64_t>& text) const {
  CheckTokens(text, config_);
  const auto end = config_.end_token == 2 ? std::max_element(text.begin(), text.end())
                                          : std::find(text.begin(), text.end(), config_.end_token);
  if (end == text.end())
    throw Error(DR_FAILED_PRECONDITION,
                "the tokenizer ends no text with token " + std::to_string(config_.end_token) +
                    ", the config's eos_token_id: they are not of one model");
  return end - text.begin();
}

at::Tensor ClipTextTower::operator()(const std::vector<std::vector<int64_t>>& texts) const {
  const auto count = static_cast<int64_t>(texts.size());
  std::vector<int64_t> ends;
  for (const auto& text : texts) ends.push_back(EndOf(text));
  const int64_t length = *std::max_element(ends.begin(), ends.end()) + 1;
  TORCH_CHECK(length <= config_.positions, "a text of ", length, " tokens, the network has ",
              config_.positions, " places");
  // What fills up the shorter ones is not looked at.
  at::Tensor tokens = at::zeros({count, length}, at::kLong);
  for (int64_t i = 0; i < count; ++i) {
    const auto& text = texts[static_cast<size_t>(i)];
    std::copy_n(text.begin(), ends[static_cast<size_t>(i)] + 1,
                tokens.mutable_data_ptr<int64_t>() + i * length);
  }
  const at::Tensor rows = at::tensor(ends, at::kLong).reshape({count, 1}).to(device_);
  at::Tensor x = at::embedding(words_, tokens.to(device_)) + places_.slice(0, 0, length);
  for (size_t i = 0; i + 1 < blocks_.size(); ++i) x = blocks_[i](x, {true, {}});
  const at::Tensor columns = at::arange(length, rows.options());
  const at::Tensor seen = columns.reshape({1, 1, 1, length}).le(rows.reshape({count, 1, 1, 1}));
  x = blocks_.back().AtRows(x, rows, {false, seen});
  return projection_(after_(x.squeeze(1)));
}

}  // namespace darkroom::clip
