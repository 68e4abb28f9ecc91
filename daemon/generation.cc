// SPDX-License-Identifier: Apache-2.0

#include "generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <iterator>
#include <optional>
#include <utility>

#include "core/buffer.h"
#include "core/coroutine.h"
#include "model_setup.h"

namespace darkroom {
namespace {

// One that lost its worker so often before it ever served is given up.
constexpr uint64_t kMostCrashes = 3;

bool IsUp(const Slot& slot) {
  return slot.available() || slot.asleep() || slot.state() == SlotState::kRefused;
}

}  // namespace

std::string_view GenerationStateName(GenerationState state) {
  switch (state) {
    case GenerationState::kOpening:
      return "opening";
    case GenerationState::kActive:
      return "active";
    case GenerationState::kDraining:
      return "draining";
    case GenerationState::kClosed:
      return "closed";
    case GenerationState::kResident:
      return "resident";
    case GenerationState::kFailed:
      return "failed";
  }
  return "unknown";
}

Generation::Generation(const Parts& parts, uint32_t number, StagedFile staged,
                       std::shared_ptr<const PluginFile> file)
    : parts_(parts), number_(number), staged_(std::move(staged)), file_(std::move(file)) {}

Generation::~Generation() { *alive_ = false; }

const Generation::Served& Generation::ServedAs(const Model& model) const {
  return *std::find_if(served_.begin(), served_.end(),
                       [&model](const Served& one) { return one.model == &model; });
}

const std::shared_ptr<const ModelContract>& Generation::ContractOf(const Model& model) const {
  return ServedAs(model).contract;
}

const Status& Generation::NoPlaceFor(const Model& model) const { return ServedAs(model).no_place; }

bool Generation::Settled() const {
  return !HostingError().ok() || std::all_of(slots_.begin(), slots_.end(),
                                             [](const SlotPlace& one) { return IsUp(*one.slot); });
}

Status Generation::HostingError() const {
  for (const auto& place : places_) {
    const Hosting& hosting = *place->hosting;
    if (hosting.state() == HostingState::kFailed) return hosting.error();
    // What took too long would take as long again.
    if (hosting.crashes() >= kMostCrashes || hosting.error().code() == Code::kDeadlineExceeded) {
      return Status::FailedPrecondition("the plugin does not stay up: " + hosting.error().message(),
                                        "the daemon's log may say more");
    }
  }
  return Status::Ok();
}

Status Generation::RefusalOf(const Model& model) const {
  for (const SlotPlace& one : slots_) {
    if (&one.slot->model() == &model && one.slot->state() == SlotState::kRefused) {
      return one.slot->error();
    }
  }
  return NoPlaceFor(model);
}

boost::asio::awaitable<Status> Generation::Opened() {
  const auto settled = [this] { return Settled(); };
  co_await parts_.changes.Until(settled);
  error_ = HostingError();
  if (!error_.ok()) SetState(GenerationState::kFailed);
  co_return error_;
}

boost::asio::awaitable<Status> Generation::Load(const std::vector<std::shared_ptr<Model>>& models) {
  const auto named = [&](const SlotPlace& one) {
    return one.home &&
           std::find(models.begin(), models.end(), one.slot->shared_model()) != models.end();
  };
  // On a device that cannot be used it is loaded when it can: nobody waits for that.
  const auto wanted = [&](const SlotPlace& one) {
    return named(one) && parts_.pool.HealthOf(one.lane->device()).usable();
  };
  for (const SlotPlace& one : slots_) {
    if (!named(one)) continue;
    if (Status status = one.lane->Load(one.slot); !status.ok()) co_return status;
  }
  const auto tried = [&] {
    return std::all_of(slots_.begin(), slots_.end(), [&](const SlotPlace& one) {
      if (!wanted(one) || one.slot->loaded()) return true;
      const bool waits = one.slot->state() == SlotState::kLoading ||
                         one.lane->LookAt(one.slot).state == Residency::State::kAwaiting;
      return !waits && !one.slot->error().ok();
    });
  };
  co_await parts_.changes.Until(tried);
  for (const SlotPlace& one : slots_) {
    if (wanted(one) && !one.slot->loaded()) {
      co_return one.slot->error().Annotated(fmt::format("the model '{}' cannot be loaded on {}",
                                                        one.slot->model().config.name,
                                                        one.lane->device().id));
    }
  }
  co_return Status::Ok();
}

boost::asio::awaitable<Status> Generation::Rehearse(
    std::shared_ptr<Model> model, std::vector<std::shared_ptr<const RecentRequest>> requests) {
  using boost::asio::experimental::awaitable_operators::operator||;
  // gcc 12 does not survive a list of them in the await itself.
  const std::vector<std::shared_ptr<Model>> models(1, model);
  Status loaded = co_await Load(models);
  if (!loaded.ok()) co_return loaded;
  const auto place = std::find_if(slots_.begin(), slots_.end(), [&](const SlotPlace& one) {
    return one.slot->shared_model() == model && one.slot->loaded();
  });
  if (place == slots_.end()) co_return Status::Ok();
  // Shared with an answer that may come when this has given up waiting for it.
  const auto answer = std::make_shared<std::optional<Status>>();
  const auto answered = [&answer] { return answer->has_value(); };
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto request = requests[i];
    host::HostJob job;
    job.id = fmt::format("rehearsal-{}", i + 1);
    job.params = *request->params;
    for (const RecentRequest::Input& input : request->inputs) {
      job.inputs.push_back({input.name, input.content_type, AsBytes(input.bytes)});
    }
    answer->reset();
    place->slot->Rehearse(std::move(job), [this, alive = alive_, answer](const Status& status) {
      *answer = status;
      if (*alive) parts_.changes.Notify();
    });
    const auto first = co_await (parts_.changes.Until(answered) || Sleep(model->config.deadline));
    Status status = first.index() == 0
                        ? **answer
                        : Status(Code::kDeadlineExceeded, "it did not end by the model's deadline");
    if (!status.ok()) {
      co_return status.Annotated(fmt::format("request {} of the last {} of '{}', run again", i + 1,
                                             requests.size(), model->config.name));
    }
  }
  co_return Status::Ok();
}

std::vector<Generation::SlotPlace> Generation::SlotsOf(const Model* only) const {
  std::vector<SlotPlace> slots;
  for (const SlotPlace& one : slots_) {
    if (only == nullptr || &one.slot->model() == only) slots.push_back(one);
  }
  return slots;
}

boost::asio::awaitable<void> Generation::Unload(const Model* only) {
  const std::vector<SlotPlace> slots = SlotsOf(only);
  for (const SlotPlace& one : slots) one.slot->Unload();
  const auto unloaded = [&slots] {
    return std::none_of(slots.begin(), slots.end(),
                        [](const SlotPlace& one) { return one.slot->loaded(); });
  };
  co_await parts_.changes.Until(unloaded);
}

void Generation::Serve(const Model* only) {
  SetState(GenerationState::kActive);
  for (const SlotPlace& one : SlotsOf(only)) one.lane->Serve(one.slot);
}

void Generation::StopServing(const Model* only) {
  if (only == nullptr) SetState(GenerationState::kDraining);
  for (const SlotPlace& one : SlotsOf(only)) {
    if (one.lane->Find(&one.slot->model()) == one.slot) one.lane->StopServing(one.slot);
  }
}

boost::asio::awaitable<bool> Generation::Drain(std::chrono::milliseconds allowed,
                                               const Model* only) {
  return DrainSlots(SlotsOf(only), allowed);
}

boost::asio::awaitable<bool> Generation::DrainSlots(std::vector<SlotPlace> slots,
                                                    std::chrono::milliseconds allowed) {
  using boost::asio::experimental::awaitable_operators::operator||;
  const auto idle = [&slots] {
    return std::all_of(slots.begin(), slots.end(),
                       [](const SlotPlace& one) { return !one.slot->busy(); });
  };
  const auto first = co_await (parts_.changes.Until(idle) || Sleep(allowed));
  if (first.index() == 0) co_return true;
  for (const SlotPlace& one : slots) {
    if (!one.slot->busy()) continue;
    parts_.log.warn("{} {} still runs jobs of '{}' after {} s; they go to the next generation",
                    file_->info.id, file_->info.version, one.slot->model().config.name,
                    std::chrono::duration_cast<std::chrono::seconds>(allowed).count());
    one.slot->hosting().Kill({Code::kInstanceLost, "its worker was ended to be replaced"});
  }
  const auto second = co_await (parts_.changes.Until(idle) || Sleep(allowed));
  co_return second.index() == 0;
}

boost::asio::awaitable<bool> Generation::Leave(const Model& model,
                                               std::chrono::milliseconds allowed) {
  std::vector<SlotPlace> slots = SlotsOf(&model);
  StopServing(&model);
  std::erase_if(slots_, [&model](const SlotPlace& one) { return &one.slot->model() == &model; });
  leaving_.insert(leaving_.end(), slots.begin(), slots.end());
  ++leaves_;
  const bool drained = co_await DrainSlots(slots, allowed);
  if (drained) {
    std::erase_if(leaving_, [&slots](const SlotPlace& one) {
      return std::any_of(slots.begin(), slots.end(),
                         [&one](const SlotPlace& gone) { return gone.slot == one.slot; });
    });
    co_await GiveBack(std::move(slots));
  }
  --leaves_;
  parts_.changes.Notify();
  co_return drained;
}

boost::asio::awaitable<void> Generation::Close() {
  const auto left = [this] { return leaves_ == 0; };
  co_await parts_.changes.Until(left);
  std::vector<SlotPlace> slots = std::move(slots_);
  slots_.clear();
  const bool resident = co_await GiveBack(std::move(slots));
  if (state_ != GenerationState::kFailed) {
    SetState(resident ? GenerationState::kResident : GenerationState::kClosed);
  }
}

boost::asio::awaitable<bool> Generation::GiveBack(std::vector<SlotPlace> slots) {
  struct Left {
    size_t slots;
    size_t places = 0;
    bool resident = false;
  };
  // Shared with answers that may come when this has given up waiting for them.
  const auto left = std::make_shared<Left>(Left{slots.size()});
  for (const SlotPlace& one : slots) {
    one.lane->Remove(one.slot, [this, alive = alive_, left] {
      --left->slots;
      if (*alive) parts_.changes.Notify();
    });
  }
  const auto no_slots = [&left] { return left->slots == 0; };
  co_await parts_.changes.Until(no_slots);
  // Where nothing else of it is.
  const auto used = [this](const Place& place) {
    const auto there = [&place](const SlotPlace& one) {
      return &one.slot->hosting() == place.hosting.get();
    };
    return std::any_of(slots_.begin(), slots_.end(), there) ||
           std::any_of(leaving_.begin(), leaving_.end(), there);
  };
  const auto unused = std::stable_partition(places_.begin(), places_.end(),
                                            [&used](const auto& place) { return used(*place); });
  const std::vector<std::unique_ptr<Place>> places(std::make_move_iterator(unused),
                                                   std::make_move_iterator(places_.end()));
  places_.erase(unused, places_.end());
  left->places = places.size();
  for (const auto& place : places) {
    place->hosting->Close([this, alive = alive_, left](CloseOutcome outcome) {
      left->resident = left->resident || outcome.resident;
      --left->places;
      if (*alive) parts_.changes.Notify();
    });
  }
  const auto no_places = [&left] { return left->places == 0; };
  co_await parts_.changes.Until(no_places);
  co_return left->resident;
}

void Generation::SetState(GenerationState state) {
  state_ = state;
  parts_.changes.Notify();
}

}  // namespace darkroom
