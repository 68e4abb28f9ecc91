// SPDX-License-Identifier: Apache-2.0
//
// Where a generation is to run: its places on devices and its slots at their lanes.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/units.h"
#include "device/memory_need.h"
#include "generation.h"
#include "model_setup.h"

namespace darkroom {
namespace {

// The slot that serves the model there has it loaded.
bool HasLoaded(const Lane& lane, const Model& model) {
  const Slot* const slot = lane.Find(&model);
  return slot != nullptr && slot->loaded();
}

// How many models are at home there.
size_t LoadOf(const Lane& lane) {
  const std::vector<Lane::SlotView> slots = lane.Slots();
  return static_cast<size_t>(std::count_if(slots.begin(), slots.end(),
                                           [](const Lane::SlotView& one) { return one.home; }));
}

}  // namespace

Generation::Place& Generation::PlaceOn(const Device& device,
                                       const std::vector<std::string>& weights) {
  for (const auto& place : places_) {
    if (place->device == &device) return *place;
  }
  auto place = std::make_unique<Place>();
  place->device = &device;
  place->host = parts_.hosts.For(*file_, number_, device, weights);
  place->hosting = std::make_unique<Hosting>(
      parts_.io, *place->host, PluginToOpen{file_->path, file_->manifest_json},
      fmt::format("{} {}", file_->info.id, file_->info.version), parts_.log,
      [this] { parts_.changes.Notify(); });
  // Closing it would give nothing back.
  if (!parts_.hosts.IsAlone(*file_)) place->hosting->StayOpen();
  places_.push_back(std::move(place));
  return *places_.back();
}

Result<std::vector<Lane*>> Generation::LanesFor(const Model& model, const ModelConfig& config,
                                                size_t* homes) const {
  const std::vector<std::string>& named = config.devices;
  const std::vector<const Device*> fit = DevicesFor(file_->info, parts_.pool.devices(), named);
  std::vector<Lane*> lanes;
  for (const auto& lane : parts_.lanes) {
    if (std::find(fit.begin(), fit.end(), &lane->device()) != fit.end()) {
      lanes.push_back(lane.get());
    }
  }
  // Where it is loaded now, else the least laden first, so that models spread.
  std::stable_sort(lanes.begin(), lanes.end(), [&](const Lane* a, const Lane* b) {
    const bool at_a = HasLoaded(*a, model);
    const bool at_b = HasLoaded(*b, model);
    if (at_a != at_b) return at_a;
    return LoadOf(*a) < LoadOf(*b);
  });
  const uint64_t need = MemoryNeed(config, file_->info);
  const bool none_fits = !lanes.empty() && std::none_of(lanes.begin(), lanes.end(), [&](Lane* one) {
    return one->device().memory == 0 || need <= one->device().memory;
  });
  if (none_fits) {
    return Status::FailedPrecondition(
        fmt::format("the model '{}' needs {}, and no device here has so much for models",
                    config.name, FormatSize(need)),
        "give a device more memory, or say what it really needs with the model's `memory`");
  }
  if (lanes.empty()) return NoDeviceFor(file_->info, parts_.pool.devices(), named);
  const auto loaded = static_cast<size_t>(std::count_if(
      lanes.begin(), lanes.end(), [&](const Lane* lane) { return HasLoaded(*lane, model); }));
  *homes = std::max<size_t>({1, config.instances, loaded});
  return lanes;
}

Status Generation::AddSlots(const std::shared_ptr<Model>& model,
                            const std::shared_ptr<const ModelContract>& contract,
                            const std::vector<std::string>& weights) {
  size_t homes = 0;
  const auto lanes = LanesFor(*model, *contract->config, &homes);
  if (!lanes.ok()) return lanes.status();
  for (size_t i = 0; i < lanes->size(); ++i) {
    Lane* const lane = (*lanes)[i];
    const bool home = i < homes;
    Place& place = PlaceOn(lane->device(), weights);
    place.home = place.home || home;
    slots_.push_back({lane, lane->AddSlot(model, contract, *place.hosting, home), home});
  }
  return Status::Ok();
}

Status Generation::Open(const std::vector<std::shared_ptr<Model>>& models,
                        const ModelConfig* config) {
  const auto config_of = [config](const Model& model) -> const ModelConfig& {
    return config != nullptr ? *config : model.config;
  };
  std::vector<std::string> weights;
  for (const auto& model : models) {
    const std::string& one = config_of(*model).weights;
    if (!one.empty()) weights.push_back(one);
  }
  for (const auto& model : models) {
    auto contract = MakeContract(*file_, number_, config_of(*model));
    if (!contract.ok()) {
      served_.push_back({model.get(), model->contract, contract.status()});
      continue;
    }
    served_.push_back({model.get(), *contract, AddSlots(model, *contract, weights)});
  }
  if (slots_.empty() && !served_.empty()) {
    error_ = served_.front().no_place;
    SetState(GenerationState::kFailed);
    return error_;
  }
  for (const auto& place : places_) {
    if (place->home) place->hosting->Open();
  }
  return Status::Ok();
}

}  // namespace darkroom
