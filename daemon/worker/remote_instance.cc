// SPDX-License-Identifier: Apache-2.0

#include "worker/remote_instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "core/units.h"
#include "worker/metric_record.h"

namespace darkroom {
namespace {

constexpr uint64_t kLeastRoom = 4096;
constexpr uint64_t kMostRoom = uint64_t{64} << 20;
// A job that asks for more runs than this has lost count.
constexpr size_t kMostBlocks = 256;
constexpr auto kProgressTick = std::chrono::milliseconds(50);

uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

RemoteInstance::RemoteInstance(std::shared_ptr<Worker> worker, uint32_t plugin,
                               const host::InstanceSpec& spec, host::Events* events)
    : worker_(std::move(worker)),
      events_(events),
      number_(worker_->Join(this)),
      room_(kLeastRoom),
      limit_(worker_->io()),
      progress_tick_(worker_->io()) {
  worker_->BeginLongCommand(number_);
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kCreate, number_);
    out.Put(plugin);
    out.Put(spec.model);
    out.Put(spec.config);
    out.Put(spec.lane.device_type);
    out.Put(spec.lane.device_id);
    out.Put(spec.lane.max_batch);
    out.Put(spec.lane.sim_index);
    out.Put(spec.lane.sim_speed);
  }
  worker_->Send(std::move(packet));
  SetLimit(worker_->open_limit(), "make an instance of the model");
}

RemoteInstance::~RemoteInstance() {
  *alive_ = false;
  if (creating_) worker_->EndLongCommand(number_);
  worker_->Leave(number_);
  if (!worker_->lost()) Tell(RecordKind::kDestroy);
}

void RemoteInstance::Tell(RecordKind kind) {
  std::vector<std::byte> packet;
  { const RecordWriter out(&packet, kind, number_); }
  worker_->Send(std::move(packet));
}

void RemoteInstance::Load(uint64_t memory) {
  std::vector<std::byte> packet;
  RecordWriter(&packet, RecordKind::kLoad, number_).Put(memory);
  worker_->Send(std::move(packet));
  loading_ = true;
  // Jobs that wait for it may have shorter deadlines; who asks next is glad of what was loaded.
  SetLimit(worker_->load_limit(), "load the model");
}

void RemoteInstance::SetLimit(std::chrono::milliseconds allowed, const char* what) {
  limit_.expires_after(allowed);
  limit_.async_wait([worker = worker_, allowed, what](const boost::system::error_code& error) {
    if (error) return;
    worker->Condemn({Code::kDeadlineExceeded, fmt::format("the plugin did not {} within {}", what,
                                                          FormatDuration(allowed))});
  });
}

void RemoteInstance::AnswerReserve(const Status& status) {
  std::vector<std::byte> packet;
  RecordWriter(&packet, RecordKind::kReserved, number_).Put(status);
  worker_->Send(std::move(packet));
}

void RemoteInstance::Pause() { Tell(RecordKind::kPause); }
void RemoteInstance::Resume() { Tell(RecordKind::kResume); }
void RemoteInstance::Unload() { Tell(RecordKind::kUnload); }

void RemoteInstance::Run(std::vector<host::HostJob> batch) {
  std::vector<JobPlace> places;
  std::vector<uint64_t> refused;
  places.reserve(batch.size());
  for (const host::HostJob& job : batch) {
    auto block = WriteJobBlock(worker_->arena(), job, room_);
    if (block == nullptr) {
      refused.push_back(job.token);
      continue;
    }
    const Arena::Block& place = block->place();
    places.push_back({job.token, place.offset, place.size});
    Running& running = running_[job.token];
    running.blocks.push_back(std::move(block));
    running.deadline_ns = job.deadline_ns;
  }
  if (!refused.empty()) RefuseForRoom(std::move(refused), places.empty());
  if (places.empty()) return;
  std::vector<std::byte> packet;
  packet.reserve(sizeof(RecordHead) + sizeof(uint32_t) + places.size() * sizeof(JobPlace));
  {
    RecordWriter out(&packet, RecordKind::kRun, number_);
    out.Put(static_cast<uint32_t>(places.size()));
    for (const JobPlace& place : places) out.Put(place);
  }
  worker_->Send(std::move(packet));
  if (!std::exchange(watching_, true)) WatchProgress();
}

void RemoteInstance::RefuseForRoom(std::vector<uint64_t> tokens, bool whole_batch) {
  boost::asio::post(worker_->io(), [this, alive = alive_, tokens = std::move(tokens), whole_batch] {
    for (const uint64_t token : tokens) {
      if (!*alive) return;
      host::JobResult result;
      result.status = Status::ResourceExhausted(
          fmt::format("the worker's shared memory of {} bytes has no room for the request",
                      worker_->arena()->size()),
          "send it again when fewer are running");
      events_->OnFinished(token, std::move(result));
    }
    if (whole_batch && *alive) events_->OnBatchDone();
  });
}

void RemoteInstance::Cancel(uint64_t token) {
  const auto found = running_.find(token);
  if (found == running_.end()) return;
  JobControl* const control = found->second.control();
  // In one order for all: either this sees that the job has begun, or whoever begins it sees that
  // it is not to (JobRun::Begin).
  control->cancel.store(1);
  if (control->started.load() == 0) EndUnbegun(token, &found->second);
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kCancel, number_);
    out.Put(token);
  }
  worker_->Send(std::move(packet));
}

void RemoteInstance::EndUnbegun(uint64_t token, Running* running) {
  // It waits, in the worker, for another job or for the load. Neither is to be ended for its sake.
  if (std::exchange(running->told, true)) return;
  const bool late = running->deadline_ns != 0 && running->deadline_ns <= NowNs();
  boost::asio::post(worker_->io(), [this, alive = alive_, token, late] {
    if (!*alive) return;
    host::JobResult result;
    result.status = {Code::kCancelled, "cancelled while it waited"};
    if (late) {
      result.status = {Code::kDeadlineExceeded, "the deadline passed while the job waited",
                       "allow more time with Darkroom-Deadline"};
    }
    events_->OnFinished(token, std::move(result));
  });
}

bool RemoteInstance::OnRecord(RecordKind kind, RecordReader* body) {
  switch (kind) {
    case RecordKind::kCreated: {
      Status status = body->GetStatus();
      if (!body->ok() || !std::exchange(creating_, false)) return false;
      limit_.cancel();
      worker_->EndLongCommand(number_);
      events_->OnCreated(std::move(status));
      return true;
    }
    case RecordKind::kLoaded: {
      Status status = body->GetStatus();
      const auto load_ms = body->Get<double>();
      if (!body->ok()) return false;
      limit_.cancel();
      loading_ = false;
      events_->OnLoaded(std::move(status), load_ms);
      return true;
    }
    case RecordKind::kFinished:
      return OnFinished(body);
    case RecordKind::kBatchDone:
      events_->OnBatchDone();
      return true;
    case RecordKind::kPaused:
      events_->OnPaused();
      return true;
    case RecordKind::kUnloaded:
      events_->OnUnloaded();
      return true;
    case RecordKind::kReserve: {
      const auto bytes = body->Get<uint64_t>();
      if (body->ok()) events_->OnReserve(bytes);
      return body->ok();
    }
    case RecordKind::kMetrics: {
      std::vector<host::MetricValue> values;
      if (!ReadMetrics(body, &values)) return false;
      events_->OnMetrics(std::move(values));
      return true;
    }
    case RecordKind::kAskRoom:
      return OnAskRoom(body);
    case RecordKind::kPreview:
      return OnPreview(body);
    case RecordKind::kSaved:
      return OnSaved(body);
    default:
      return false;
  }
}

bool RemoteInstance::OnFinished(RecordReader* body) {
  ResultRecord record;
  if (!ReadResult(body, &record)) return false;
  const auto found = running_.find(record.token);
  if (found == running_.end()) return false;
  TellProgress(record.token, &found->second);
  const Running running = std::move(found->second);
  running_.erase(found);
  uint64_t taken = 0;
  for (size_t i = 0; i < record.places.size(); ++i) {
    if (!Attach(running, record.places[i], &record.result.outputs[i].bytes)) return false;
    taken += record.places[i].size + 64;
  }
  room_ = std::clamp(std::max(taken, room_ - room_ / 8), kLeastRoom, kMostRoom);
  if (!running.told) events_->OnFinished(record.token, std::move(record.result));
  return true;
}

bool RemoteInstance::Attach(const Running& running, const OutputPlace& place, Buffer* bytes) {
  if (place.size == 0) return true;
  for (const auto& block : running.blocks) {
    if (!block->place().Holds(place.offset, place.size)) continue;
    auto* owner = new std::shared_ptr<ArenaBlock>(block);
    *bytes =
        Buffer::Adopt(block->data() + (place.offset - block->place().offset), place.size, owner,
                      [](void* held) { delete static_cast<std::shared_ptr<ArenaBlock>*>(held); });
    return true;
  }
  return false;
}

bool RemoteInstance::OnAskRoom(RecordReader* body) {
  const auto token = body->Get<uint64_t>();
  const auto bytes = body->Get<uint64_t>();
  const auto found = running_.find(token);
  if (!body->ok() || found == running_.end()) return false;
  auto& blocks = found->second.blocks;
  const auto place = blocks.size() < kMostBlocks ? worker_->arena()->Allocate(bytes) : std::nullopt;
  if (place) blocks.push_back(std::make_shared<ArenaBlock>(worker_->arena(), *place));
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kGranted, number_);
    out.Put(token);
    out.Put(place ? place->offset : uint64_t{0});
    out.Put(place ? place->size : uint64_t{0});
  }
  worker_->Send(std::move(packet));
  return true;
}

bool RemoteInstance::OnPreview(RecordReader* body) {
  const auto token = body->Get<uint64_t>();
  const std::string_view jpeg = body->Text();
  const auto found = running_.find(token);
  if (!body->ok() || found == running_.end() || jpeg.empty() ||
      jpeg.size() > host::kMostPreviewBytes) {
    return false;
  }
  found->second.control()->preview_out.store(0, std::memory_order_relaxed);
  if (!found->second.told) events_->OnPreview(token, Buffer::Copy(AsBytes(jpeg)));
  return true;
}

// Copied out, so that a worker that goes mad later cannot spoil it, nor a dead one's arena be kept
// for its sake.
bool RemoteInstance::OnSaved(RecordReader* body) {
  const auto token = body->Get<uint64_t>();
  SavedState state;
  state.step = body->Get<uint32_t>();
  const auto offset = body->Get<uint64_t>();
  const auto size = body->Get<uint64_t>();
  const auto found = running_.find(token);
  if (!body->ok() || found == running_.end() || size > kMostStateBytes) return false;
  auto& blocks = found->second.blocks;
  // The first is the job's own.
  const auto block = std::find_if(blocks.begin() + 1, blocks.end(), [&](const auto& one) {
    return one->place().offset == offset && one->place().Holds(offset, size);
  });
  if (block == blocks.end()) return false;
  state.bytes = Buffer::Copy({(*block)->data(), size});
  blocks.erase(block);
  if (!found->second.told) events_->OnSaved(token, std::move(state));
  return true;
}

void RemoteInstance::OnWorkerLost(const Status& why) {
  std::vector<uint64_t> suspects;
  for (const auto& [token, running] : running_) {
    // What crashed the load may be the job that asked for it, or not; it must not try for ever.
    const uint32_t thread = running.control()->started.load(std::memory_order_relaxed);
    if ((thread != 0 || loading_) && worker_->MayBlame(thread)) suspects.push_back(token);
  }
  running_.clear();
  events_->OnLost(why, std::move(suspects));
}

bool RemoteInstance::RunsOn(uint32_t thread) const {
  return thread != 0 && std::any_of(running_.begin(), running_.end(), [thread](const auto& job) {
           return job.second.control()->started == thread;
         });
}

void RemoteInstance::WatchProgress() {
  progress_tick_.expires_after(kProgressTick);
  progress_tick_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive) return;
    watching_ = !running_.empty();
    for (auto& [token, running] : running_) TellProgress(token, &running);
    if (watching_) WatchProgress();
  });
}

void RemoteInstance::TellProgress(uint64_t token, Running* running) {
  double fraction = 0;
  std::string stage;
  if (!running->control()->ReadProgress(&running->progress_version, &fraction, &stage)) return;
  // Numbers and words of a process that may be out of its mind.
  if (fraction >= 0 && fraction <= 1) events_->OnProgress(token, fraction, stage);
}

}  // namespace darkroom
