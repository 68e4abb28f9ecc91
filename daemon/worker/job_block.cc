// SPDX-License-Identifier: Apache-2.0

#include "worker/job_block.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace darkroom {
namespace {

constexpr uint64_t kLine = 64;
constexpr uint64_t kControlSize = 128;

// What follows the control: where the description is.
struct BlockHead {
  uint64_t description_at;
  uint64_t description_size;
  uint64_t room_at;
};
constexpr uint64_t kInputsAt = kControlSize + kLine;
static_assert(sizeof(BlockHead) <= kLine);

uint64_t LineUp(uint64_t size) { return (size + kLine - 1) / kLine * kLine; }

Bytes StateOf(const host::HostJob& job) {
  return job.state == nullptr ? Bytes() : job.state->bytes.bytes();
}

std::vector<std::byte> Describe(const host::HostJob& job) {
  std::vector<std::byte> bytes;
  bytes.reserve(256 + job.params.size());
  RecordWriter out(&bytes, RecordKind::kRun, 0);
  out.Put(job.id);
  out.Put(job.params);
  out.Put(job.deadline_ns);
  out.Put(static_cast<uint32_t>(job.form.image));
  out.Put(job.form.quality);
  out.Put(static_cast<uint32_t>(job.inputs.size()));
  uint64_t at = kInputsAt;
  for (const host::JobInput& input : job.inputs) {
    out.Put(input.name);
    out.Put(input.content_type);
    out.Put(at);
    out.Put(static_cast<uint64_t>(input.bytes.size()));
    at += LineUp(input.bytes.size());
  }
  out.Put(uint32_t{job.preview_out != nullptr});
  out.Put(static_cast<uint64_t>(job.save_every.count()));
  out.Put(job.state == nullptr ? uint32_t{0} : job.state->step);
  out.Put(at);
  out.Put(static_cast<uint64_t>(StateOf(job).size()));
  return bytes;
}

}  // namespace

// Every part is released: whoever sees it sees the odd version, too.
void JobControl::WriteProgress(double new_fraction, std::string_view new_stage) {
  const uint32_t version = progress_version.load(std::memory_order_relaxed);
  progress_version.store(version + 1, std::memory_order_relaxed);
  fraction.store(new_fraction, std::memory_order_release);
  const size_t size = std::min(new_stage.size(), kStageSize);
  stage_size.store(static_cast<uint32_t>(size), std::memory_order_release);
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, new_stage.data() + at, std::min(sizeof(word), size - at));
    stage[at / sizeof(word)].store(word, std::memory_order_release);
  }
  progress_version.store(version + 2, std::memory_order_release);
}

bool JobControl::ReadProgress(uint32_t* version, double* new_fraction,
                              std::string* new_stage) const {
  const uint32_t before = progress_version.load(std::memory_order_acquire);
  if (before == *version || before % 2 != 0) return false;
  const double read_fraction = fraction.load(std::memory_order_acquire);
  const size_t size = std::min<size_t>(stage_size.load(std::memory_order_acquire), kStageSize);
  std::array<char, kStageSize> read_stage{};
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = stage[at / sizeof(word)].load(std::memory_order_acquire);
    std::memcpy(read_stage.data() + at, &word, sizeof(word));
  }
  if (progress_version.load(std::memory_order_relaxed) != before) return false;  // next time
  *version = before;
  *new_fraction = read_fraction;
  new_stage->assign(read_stage.data(), size);
  return true;
}

std::shared_ptr<ArenaBlock> WriteJobBlock(const std::shared_ptr<Arena>& arena,
                                          const host::HostJob& job, uint64_t room) {
  const std::vector<std::byte> description = Describe(job);
  BlockHead head{kInputsAt, description.size(), 0};
  for (const host::JobInput& input : job.inputs) head.description_at += LineUp(input.bytes.size());
  const Bytes state = StateOf(job);
  head.description_at += LineUp(state.size());
  head.room_at = head.description_at + LineUp(head.description_size);
  const auto place = arena->Allocate(head.room_at + room);
  if (!place) return nullptr;
  auto block = std::make_shared<ArenaBlock>(arena, *place);
  std::byte* const base = block->data();
  new (base) JobControl;
  std::memcpy(base + kControlSize, &head, sizeof(head));
  std::byte* to = base + kInputsAt;
  for (const host::JobInput& input : job.inputs) {
    if (!input.bytes.empty()) std::memcpy(to, input.bytes.data(), input.bytes.size());
    to += LineUp(input.bytes.size());
  }
  if (!state.empty()) std::memcpy(to, state.data(), state.size());
  std::memcpy(base + head.description_at, description.data(), description.size());
  return block;
}

Result<JobBlock> ReadJobBlock(const SharedMemory& memory, const JobPlace& place) {
  const Status wrong = Status::InvalidArgument("no job lies there");
  if (!memory.Holds(place.offset, place.size) || place.size < kInputsAt) return wrong;
  std::byte* const base = memory.data() + place.offset;
  const auto within = [&](uint64_t at, uint64_t size) {
    return at <= place.size && size <= place.size - at;
  };
  BlockHead head{};
  std::memcpy(&head, base + kControlSize, sizeof(head));
  if (!within(head.description_at, head.description_size) || !within(head.room_at, 0)) return wrong;

  RecordReader record({base + head.description_at, head.description_size});
  RecordHead record_head{};
  RecordReader in({});
  if (!record.Next(&record_head, &in)) return wrong;
  JobBlock block;
  host::HostJob& job = block.job;
  job.token = place.token;
  job.id = in.Text();
  job.params = in.Text();
  job.deadline_ns = in.Get<uint64_t>();
  job.form.image = static_cast<host::OutputForm::Image>(in.Get<uint32_t>());
  job.form.quality = in.Get<int32_t>();
  const auto count = in.Get<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    host::JobInput input;
    input.name = in.Text();
    input.content_type = in.Text();
    const auto at = in.Get<uint64_t>();
    const auto size = in.Get<uint64_t>();
    if (!within(at, size)) return wrong;
    input.bytes = {base + at, size};
    job.inputs.push_back(std::move(input));
  }
  const bool previews = in.Get<uint32_t>() != 0;
  job.save_every = std::chrono::milliseconds(in.Get<int64_t>());
  const auto step = in.Get<uint32_t>();
  const auto at = in.Get<uint64_t>();
  const auto size = in.Get<uint64_t>();
  if (!in.ok() || !within(at, size)) return wrong;
  if (size > 0) {
    // It stays as long as the job does.
    auto state = std::make_shared<SavedState>();
    state->step = step;
    state->bytes = Buffer::Adopt(base + at, size, nullptr, nullptr);
    job.state = std::move(state);
  }
  job.cancel = &ControlOf(base)->cancel;
  if (previews) job.preview_out = &ControlOf(base)->preview_out;
  block.room = base + head.room_at;
  block.room_size = place.size - head.room_at;
  return block;
}

}  // namespace darkroom
