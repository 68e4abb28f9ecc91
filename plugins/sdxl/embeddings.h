// SPDX-License-Identifier: Apache-2.0
//
// Embeddings are words that a model has learnt afterwards, by textual inversion (arXiv:2208.01618):
// FOLDER/NAME.safetensors with the tensors clip_l and clip_g, vectors of the first and of the
// second text encoder's width, as many of the one as of the other. Where NAME stands in a prompt,
// these vectors take the place of tokens'.
//
// Ownership: the vectors, on the CPU. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_SDXL_EMBEDDINGS_H_
#define DARKROOM_PLUGINS_SDXL_EMBEDDINGS_H_

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace darkroom::sdxl {

class Embeddings {
 public:
  // A piece of a text: what it says, or, if `count` is not 0, so many vectors from `first` on.
  struct Piece {
    std::string_view text;
    int64_t first = 0;
    int64_t count = 0;
  };

  // None.
  Embeddings() = default;
  // All files of the folder that end with .safetensors; the vectors of `tensor` in them ("clip_l",
  // "clip_g"), of this width. Throws Error: what Safetensors throws; DR_NOT_FOUND when there is no
  // such folder; DR_FAILED_PRECONDITION that names file and tensor for what is not of this model.
  Embeddings(const std::string& folder, const std::string& tensor, int64_t width);

  // All vectors, one below the other; undefined if there are none.
  const at::Tensor& vectors() const { return vectors_; }

  // The text at names, where no letter, digit or underscore stands beside them; of several that
  // begin at a place the longest. The pieces are views of the text.
  std::vector<Piece> Cut(std::string_view text) const;

 private:
  struct Place {
    int64_t first = 0;
    int64_t count = 0;
  };

  const std::map<std::string, Place>::value_type* FindAt(std::string_view text, size_t at) const;

  std::map<std::string, Place> places_;  // by name
  at::Tensor vectors_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_EMBEDDINGS_H_
