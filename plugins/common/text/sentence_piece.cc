// SPDX-License-Identifier: Apache-2.0

#include "common/text/sentence_piece.h"

#include <sentencepiece_processor.h>

#include <darkroom/plugin.hpp>
#include <exception>
#include <string>

#include "common/text/json_node.h"
#include "common/text/tokenizer_files.h"

namespace darkroom {
namespace {

void Check(const sentencepiece::util::Status& status) {
  if (!status.ok()) throw Error(DR_INTERNAL, "sentencepiece: " + status.ToString());
}

}  // namespace

SentencePiece::SentencePiece(const std::string& path)
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
  const std::string file = ReadTextFile(path, kMaxTokenizerFileBytes);
  std::string wrong;
  try {
    const auto status = processor_->LoadFromSerializedProto(file);
    if (!status.ok()) wrong = status.ToString();
  } catch (const std::exception& error) {
    wrong = error.what();  // of the trie that it makes of the pieces
  }
  if (!wrong.empty())
    throw Error(DR_FAILED_PRECONDITION,
                path + ": is no model of sentencepiece, or damaged: " + wrong);
}

SentencePiece::SentencePiece(SentencePiece&&) noexcept = default;
SentencePiece::~SentencePiece() = default;

std::vector<std::string> SentencePiece::Pieces(std::string_view text) const {
  std::vector<std::string> pieces;
  Check(processor_->Encode(text, &pieces));
  return pieces;
}

std::string SentencePiece::Join(const std::vector<std::string>& pieces) const {
  std::string text;
  Check(processor_->Decode(pieces, &text));
  return text;
}

int64_t SentencePiece::IdOf(std::string_view piece) const { return processor_->PieceToId(piece); }

std::string SentencePiece::PieceOf(int64_t id) const {
  return processor_->IdToPiece(static_cast<int>(id));
}

int64_t SentencePiece::size() const { return processor_->GetPieceSize(); }

}  // namespace darkroom
