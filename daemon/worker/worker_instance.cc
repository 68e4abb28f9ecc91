// SPDX-License-Identifier: Apache-2.0

#include "worker/worker_instance.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "core/excerpt.h"
#include "worker/metric_record.h"

namespace darkroom {
namespace {

constexpr uint64_t kLine = 64;
constexpr size_t kLongestLog = 8000;

uint64_t LineUp(uint64_t size) { return (size + kLine - 1) / kLine * kLine; }

}  // namespace

WorkerInstance::WorkerInstance(uint32_t number, std::string model, WorkerSocket* socket,
                               const SharedMemory* memory)
    : number_(number), model_(std::move(model)), socket_(socket), memory_(memory) {}

WorkerInstance::~WorkerInstance() = default;

void WorkerInstance::Create(host::Plugin* plugin, const host::InstanceSpec& spec) {
  if (plugin == nullptr) {
    OnCreated(Status::FailedPrecondition("the plugin is not open"));
    return;
  }
  auto instance = plugin->Create(spec, this);
  if (instance.ok()) instance_ = std::move(*instance);
  OnCreated(instance.status());
}

bool WorkerInstance::OnRecord(RecordKind kind, RecordReader* body) {
  if (kind == RecordKind::kGranted) {
    const auto token = body->Get<uint64_t>();
    const auto offset = body->Get<uint64_t>();
    const auto size = body->Get<uint64_t>();
    if (!body->ok() || !memory_->Holds(offset, size)) return false;
    const std::lock_guard lock(mutex_);
    grants_[token] = Arena::Block{offset, size};
    granted_.notify_all();
    return true;
  }
  // An instance that could not be made is told nothing.
  if (instance_ == nullptr) return false;
  switch (kind) {
    case RecordKind::kLoad:
      instance_->Load(body->Get<uint64_t>());
      return body->ok();
    case RecordKind::kReserved:
      instance_->AnswerReserve(body->GetStatus());
      return body->ok();
    case RecordKind::kUnload:
      instance_->Unload();
      return true;
    case RecordKind::kPause:
      instance_->Pause();
      return true;
    case RecordKind::kResume:
      instance_->Resume();
      return true;
    case RecordKind::kCancel:
      instance_->Cancel(body->Get<uint64_t>());
      return body->ok();
    case RecordKind::kRun:
      return Run(body);
    default:
      return false;
  }
}

bool WorkerInstance::Run(RecordReader* body) {
  const auto count = body->Get<uint32_t>();
  std::vector<host::HostJob> batch;
  for (uint32_t i = 0; i < count; ++i) {
    const auto place = body->Get<JobPlace>();
    if (!body->ok()) return false;
    auto block = ReadJobBlock(*memory_, place);
    if (!block.ok()) return false;
    auto job = std::make_unique<Job>(this, place.token, ControlOf(memory_->data() + place.offset),
                                     block->room, block->room_size);
    block->job.memory = job.get();
    block->job.started = &job->control()->started;
    {
      const std::lock_guard lock(mutex_);
      jobs_[place.token] = std::move(job);
    }
    batch.push_back(std::move(block->job));
  }
  {
    const std::lock_guard lock(mutex_);
    ++batches_;
  }
  instance_->Run(std::move(batch));
  return true;
}

WorkerInstance::Job* WorkerInstance::Find(uint64_t token) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(token);
  return found == jobs_.end() ? nullptr : found->second.get();
}

std::byte* WorkerInstance::Job::Allocate(uint64_t size) {
  const uint64_t taken = LineUp(size);
  if (taken < size) return nullptr;
  if (taken > room_size_) return owner_->AskForRoom(token_, taken);
  room_size_ -= taken;
  return std::exchange(room_, room_ + taken);
}

std::byte* WorkerInstance::AskForRoom(uint64_t token, uint64_t size) {
  socket_->Send([&](std::vector<std::byte>* packet) {
    RecordWriter out(packet, RecordKind::kAskRoom, number_);
    out.Put(token);
    out.Put(size);
  });
  std::unique_lock lock(mutex_);
  granted_.wait(lock, [&] { return grants_.contains(token); });
  const Arena::Block grant = grants_.extract(token).mapped();
  return grant.size < size ? nullptr : memory_->data() + grant.offset;
}

std::optional<OutputPlace> WorkerInstance::Place(Job* job, Bytes bytes) {
  if (bytes.empty()) return OutputPlace{};
  const std::byte* const start = memory_->data();
  if (bytes.data() >= start && bytes.data() < start + memory_->size()) {
    return OutputPlace{static_cast<uint64_t>(bytes.data() - start), bytes.size()};
  }
  std::byte* to = job == nullptr ? nullptr : job->Allocate(bytes.size());
  if (to == nullptr) return std::nullopt;
  std::memcpy(to, bytes.data(), bytes.size());
  return OutputPlace{static_cast<uint64_t>(to - start), bytes.size()};
}

void WorkerInstance::OnCreated(Status status) {
  socket_->Send([&](std::vector<std::byte>* packet) {
    RecordWriter(packet, RecordKind::kCreated, number_).Put(status);
  });
}

// A worker's instances are lost with it.
void WorkerInstance::OnLost(Status, std::vector<uint64_t>) {}

void WorkerInstance::OnLoaded(Status status, double load_ms) {
  socket_->Send([&](std::vector<std::byte>* packet) {
    RecordWriter out(packet, RecordKind::kLoaded, number_);
    out.Put(status);
    out.Put(load_ms);
  });
}

void WorkerInstance::OnFinished(uint64_t token, host::JobResult result) {
  Job* const job = Find(token);
  std::vector<OutputPlace> places;
  for (const host::Output& output : result.outputs) {
    const auto place = Place(job, output.bytes.bytes());
    if (!place) {
      result.status = Status::ResourceExhausted(fmt::format(
          "the output of {} bytes has no room in the worker's shared memory", output.bytes.size()));
      break;
    }
    places.push_back(*place);
  }
  if (!result.status.ok()) result.outputs.clear();
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    jobs_.erase(token);
    more = batches_ > 0;
  }
  const auto write = [&](std::vector<std::byte>* packet) {
    WriteResult(packet, number_, token, result, places);
  };
  // One whose batch has left the lane need not wait for company.
  if (more) {
    socket_->Gather(write);
  } else {
    socket_->Send(write);
  }
}

void WorkerInstance::OnBatchDone() {
  {
    const std::lock_guard lock(mutex_);
    --batches_;
  }
  socket_->Send([&](std::vector<std::byte>* packet) {
    const RecordWriter out(packet, RecordKind::kBatchDone, number_);
  });
}

void WorkerInstance::OnPaused() {
  socket_->Send([&](std::vector<std::byte>* packet) {
    const RecordWriter out(packet, RecordKind::kPaused, number_);
  });
}

void WorkerInstance::OnUnloaded() {
  socket_->Send([&](std::vector<std::byte>* packet) {
    const RecordWriter out(packet, RecordKind::kUnloaded, number_);
  });
}

void WorkerInstance::OnReserve(uint64_t bytes) {
  socket_->Send([&](std::vector<std::byte>* packet) {
    RecordWriter(packet, RecordKind::kReserve, number_).Put(bytes);
  });
}

void WorkerInstance::OnMetrics(std::vector<host::MetricValue> values) {
  // With the next results, if they come soon.
  socket_->Gather([&](std::vector<std::byte>* packet) { WriteMetrics(packet, number_, values); });
}

void WorkerInstance::OnProgress(uint64_t token, double fraction, std::string_view stage) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(token);
  if (found != jobs_.end()) found->second->control()->WriteProgress(fraction, stage);
}

void WorkerInstance::OnPreview(uint64_t token, Buffer jpeg) {
  socket_->Send([&](std::vector<std::byte>* packet) {
    RecordWriter out(packet, RecordKind::kPreview, number_);
    out.Put(token);
    out.Put(AsText(jpeg.bytes()));
  });
}

// In room of its own, which goes back when the daemon has it. Where there is none the next state
// may find some.
void WorkerInstance::OnSaved(uint64_t token, SavedState state) {
  const uint64_t size = state.bytes.size();
  std::byte* const to = AskForRoom(token, LineUp(size));
  if (to == nullptr) return;
  std::memcpy(to, state.bytes.data(), size);
  socket_->Send([&](std::vector<std::byte>* packet) {
    RecordWriter out(packet, RecordKind::kSaved, number_);
    out.Put(token);
    out.Put(state.step);
    out.Put(static_cast<uint64_t>(to - memory_->data()));
    out.Put(size);
  });
}

void WorkerInstance::OnLog(host::LogLevel level, std::string_view message) {
  uint64_t dropped = 0;
  const bool admitted = log_limit_.Admit(LogLimit::Clock::now(), &dropped);
  // Where a gap begins is said as well: behind it there may never be another line.
  if (!admitted && dropped != 1) return;
  socket_->Send([&](std::vector<std::byte>* packet) {
    const auto put = [&](host::LogLevel line_level, std::string_view line) {
      RecordWriter out(packet, RecordKind::kLog, number_);
      out.Put(static_cast<uint32_t>(line_level));
      out.Put(fmt::format("{}: {}", model_, line));
    };
    if (!admitted) {
      put(host::LogLevel::kWarning, fmt::format("more than {} lines a second: the next are dropped",
                                                LogLimit::kLinesASecond));
      return;
    }
    if (dropped > 0) {
      put(host::LogLevel::kWarning, fmt::format("{} lines of its log were dropped", dropped));
    }
    put(level, Excerpt(message, kLongestLog));
  });
}

}  // namespace darkroom
