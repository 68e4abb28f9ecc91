// SPDX-License-Identifier: Apache-2.0

#include "clip/siglip_text_tower.h"

#include <algorithm>

#include "common/clip/tower.h"

namespace darkroom::clip {

SiglipTextTower::SiglipTextTower(WeightReader& reader, const std::string& prefix,
                                 const TextConfig& config, int64_t projection,
                                 const nn::Placement& placement)
    : config_(config),
      device_(placement.device),
      words_(placement.Place(reader.Take(prefix + "embeddings.token_embedding.weight",
                                         {config.vocabulary, config.tower.width}))),
      places_(placement.Place(reader.Take(prefix + "embeddings.position_embedding.weight",
                                          {config.positions, config.tower.width}))),
      blocks_(TakeBlocks(reader, prefix, config.tower, placement)),
      after_(nn::TakeNorm(reader, prefix + "final_layer_norm", config.tower.width),
             config.tower.epsilon, placement),
      head_(nn::TakeLinear(reader, prefix + "head", config.tower.width, projection),
            placement.Exact()) {
  reader.Ignore(prefix + "embeddings.position_ids");  // 0, 1, 2, ...; in files of older versions
}

at::Tensor SiglipTextTower::operator()(const std::vector<std::vector<int64_t>>& texts) const {
  const auto count = static_cast<int64_t>(texts.size());
  const int64_t length = config_.positions;
  at::Tensor tokens = at::empty({count, length}, at::kLong);
  auto* row = tokens.mutable_data_ptr<int64_t>();
  for (const std::vector<int64_t>& text : texts) {
    CheckTokens(text, config_);
    TORCH_CHECK(static_cast<int64_t>(text.size()) == length, "a text of ", text.size(),
                " tokens is not filled up to ", length);
    row = std::copy(text.begin(), text.end(), row);
  }
  at::Tensor x = at::embedding(words_, tokens.to(device_)) + places_;
  for (size_t i = 0; i + 1 < blocks_.size(); ++i) x = blocks_[i](x);
  const at::Tensor last = at::full({count, 1}, length - 1, x.options().dtype(at::kLong));
  x = blocks_.back().AtRows(x, last);
  return head_(after_(x.squeeze(1)));
}

}  // namespace darkroom::clip
