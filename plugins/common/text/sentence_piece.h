// SPDX-License-Identifier: Apache-2.0
//
// SentencePiece is a model file of the sentencepiece library, spiece.model: pieces of text with
// their scores, and how a text is normalized before it is cut into the likeliest pieces (Kudo,
// arXiv:1804.10959). What a model's authors put around it is the tokenizer's affair.
//
// Ownership: the loaded model. Immutable once it is made: any thread may use it.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_SENTENCE_PIECE_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_SENTENCE_PIECE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}  // namespace sentencepiece

namespace darkroom {

class SentencePiece {
 public:
  // Throws Error: DR_NOT_FOUND when there is no such file, DR_FAILED_PRECONDITION when it is
  // larger than any tokenizer's or no such model.
  explicit SentencePiece(const std::string& path);
  SentencePiece(SentencePiece&&) noexcept;
  ~SentencePiece();

  // The pieces of a text. A run of characters that no piece has is one piece as it is written.
  std::vector<std::string> Pieces(std::string_view text) const;
  // The text of pieces.
  std::string Join(const std::vector<std::string>& pieces) const;

  // The number of a piece; that of the unknown one for what is no piece.
  int64_t IdOf(std::string_view piece) const;
  // Pieces have the numbers from 0 on.
  std::string PieceOf(int64_t id) const;
  int64_t size() const;

 private:
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_SENTENCE_PIECE_H_
