// SPDX-License-Identifier: Apache-2.0

#include "enhance/tiler.h"

namespace darkroom {
namespace {

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::vector<Span> CoverEdge(int64_t length, int64_t tile, int64_t padding, int64_t multiple) {
  // All in units of `multiple`.
  const int64_t edge = DivideUp(length, multiple);
  const int64_t core = DivideUp(tile, multiple);
  const int64_t margin = DivideUp(padding, multiple);
  if (core == 0 || edge <= core + 2 * margin) return {{0, edge * multiple, 0, length}};

  // Neighbours share 2 * margin, so n windows of w reach n * w - (n - 1) * 2 * margin.
  const int64_t count = DivideUp(edge - 2 * margin, core);
  const int64_t window = DivideUp(edge + 2 * margin * (count - 1), count);
  std::vector<Span> spans;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = i * (edge - window) / (count - 1);
    spans.push_back({begin * multiple, (begin + window) * multiple, 0, length});
  }
  for (size_t i = 1; i < spans.size(); ++i) {
    const int64_t shared = (spans[i].read_begin + spans[i - 1].read_end) / multiple;
    const int64_t cut = shared / 2 * multiple;
    spans[i - 1].keep_end = cut;
    spans[i].keep_begin = cut;
  }
  return spans;
}

}  // namespace darkroom
