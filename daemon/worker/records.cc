// SPDX-License-Identifier: Apache-2.0

#include "worker/records.h"

#include "core/excerpt.h"

namespace darkroom {
namespace {

constexpr size_t kLongestWords = 4000;

}  // namespace

void RecordWriter::Put(const Status& status) {
  Put(static_cast<int32_t>(status.code()));
  Put(Excerpt(status.message(), kLongestWords));
  Put(Excerpt(status.hint(), kLongestWords));
}

bool RecordReader::Next(RecordHead* head, RecordReader* body) {
  if (!ok_ || left_.empty()) return false;
  const Bytes start = left_;
  *head = Get<RecordHead>();
  if (!ok_ || head->size < sizeof(RecordHead) || head->size > start.size()) {
    Fail();
    return false;
  }
  *body = RecordReader(start.subspan(sizeof(RecordHead), head->size - sizeof(RecordHead)));
  left_ = start.subspan(head->size);
  return true;
}

std::string_view RecordReader::Text() {
  const auto size = Get<uint32_t>();
  if (size > left_.size()) {
    Fail();
    return {};
  }
  const std::string_view text = AsText(left_.first(size));
  left_ = left_.subspan(size);
  return text;
}

Status RecordReader::GetStatus() {
  const auto code = Get<int32_t>();
  std::string message(Text());
  std::string hint(Text());
  if (code == 0) return Status::Ok();
  return {CodeFromProcess(code), std::move(message), std::move(hint)};
}

}  // namespace darkroom
