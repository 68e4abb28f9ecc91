// SPDX-License-Identifier: Apache-2.0
//
// Generation is one copy of a plugin at work: the private copy of its file, the places where it is
// open, one for each device, and its slots at the lanes, one for each that a model may be on. Where
// a model is at home its plugin is opened at once, elsewhere when the model is first to be loaded
// there. It goes through the states of
// GenerationState from the first to the last; whatever fails before it serves leaves all others as
// they were.
//
// For the io_context's thread; its owner calls Close and waits for the end of it before destroying
// one that was opened.

#ifndef DARKROOM_GENERATION_H_
#define DARKROOM_GENERATION_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/changes.h"
#include "core/log.h"
#include "device/device_pool.h"
#include "plugin/registry.h"
#include "plugin/staging.h"
#include "plugin_hosts.h"
#include "queue/model.h"
#include "worker/hosting.h"
#include "worker/lane.h"

namespace darkroom {

enum class GenerationState : uint8_t {
  kOpening,   // its workers start, its instances are made
  kActive,    // it serves
  kDraining,  // another serves; what it runs is finished
  kClosed,    // gone, and shown to be
  kResident,  // closed, but its code is still mapped into a process that goes on
  kFailed,    // it never served, or the last attempt at having it open failed
};

std::string_view GenerationStateName(GenerationState state);

class Generation {
 public:
  // All must outlive it. `changes` is told whenever something of it has changed.
  struct Parts {
    boost::asio::io_context& io;
    PluginHosts& hosts;
    const std::vector<std::unique_ptr<Lane>>& lanes;
    DevicePool& pool;
    Changes& changes;
    Logger& log;
  };

  Generation(const Parts& parts, uint32_t number, StagedFile staged,
             std::shared_ptr<const PluginFile> file);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Makes slots for the models and starts to open what they need. A model that the plugin cannot be
  // what its options say for, or that no device has room for, has none. An error says that none
  // has; then nothing was started. `config`: what they are to be made by, if not by their own.
  Status Open(const std::vector<std::shared_ptr<Model>>& models,
              const ModelConfig* config = nullptr);

  // Returns when the plugin is open and every slot has its instance or was refused one; or when it
  // cannot be opened, with the reason.
  boost::asio::awaitable<Status> Opened();
  // Why there is no slot for the model, if there is none.
  const Status& NoPlaceFor(const Model& model) const;
  // That, or why the plugin does not make an instance for it, if it does not.
  Status RefusalOf(const Model& model) const;
  // Loads the models given where they are at home, and returns when they are; an error is the
  // first.
  boost::asio::awaitable<Status> Load(const std::vector<std::shared_ptr<Model>>& models);
  // Runs a model's recent requests, one after the other; none may fail.
  boost::asio::awaitable<Status> Rehearse(
      std::shared_ptr<Model> model, std::vector<std::shared_ptr<const RecentRequest>> requests);
  // Of these, nullptr is every model that it serves. Unloads slots, which must have nothing to do.
  boost::asio::awaitable<void> Unload(const Model* only = nullptr);

  // Takes the models over: from here on its slots run their batches.
  void Serve(const Model* only = nullptr);
  // Its slots take no more batches.
  void StopServing(const Model* only = nullptr);
  // Returns when nothing is out. What still runs after `allowed` is ended with its worker, and goes
  // back to the queue; false then if something runs in the daemon, where it cannot be ended.
  boost::asio::awaitable<bool> Drain(std::chrono::milliseconds allowed,
                                     const Model* only = nullptr);
  // Serves the model no more: what runs of it is drained, its slots go, and so does what nothing
  // else of it runs in. False: something runs in the daemon, and stays.
  boost::asio::awaitable<bool> Leave(const Model& model, std::chrono::milliseconds allowed);
  // Gives everything back. After Drain.
  boost::asio::awaitable<void> Close();

  uint32_t number() const { return number_; }
  GenerationState state() const { return state_; }
  const Status& error() const { return error_; }
  const PluginFile& file() const { return *file_; }
  const StagedFile& staged() const { return staged_; }
  const std::shared_ptr<const PluginFile>& shared_file() const { return file_; }
  const std::shared_ptr<const ModelContract>& ContractOf(const Model& model) const;

  struct Place {
    const Device* device;
    std::shared_ptr<PluginHost> host;  // outlives the hosting
    std::unique_ptr<Hosting> hosting;
    bool home = false;  // of a model
  };
  const std::vector<std::unique_ptr<Place>>& places() const { return places_; }
  struct SlotPlace {
    Lane* lane;
    Slot* slot;
    bool home;
  };
  const std::vector<SlotPlace>& slots() const { return slots_; }
  bool HasSlotsOf(const Model& model) const { return !SlotsOf(&model).empty(); }

 private:
  Place& PlaceOn(const Device& device, const std::vector<std::string>& weights);
  // The lanes that it may be on, first those where it is at home, `homes` of them.
  Result<std::vector<Lane*>> LanesFor(const Model& model, const ModelConfig& config,
                                      size_t* homes) const;
  struct Served {
    const Model* model;
    std::shared_ptr<const ModelContract> contract;
    Status no_place;
  };
  const Served& ServedAs(const Model& model) const;
  // OK if there is at least one.
  Status AddSlots(const std::shared_ptr<Model>& model,
                  const std::shared_ptr<const ModelContract>& contract,
                  const std::vector<std::string>& weights);
  std::vector<SlotPlace> SlotsOf(const Model* only) const;
  boost::asio::awaitable<bool> DrainSlots(std::vector<SlotPlace> slots,
                                          std::chrono::milliseconds allowed);
  // Whether any of it stays mapped.
  boost::asio::awaitable<bool> GiveBack(std::vector<SlotPlace> slots);
  bool Settled() const;
  Status HostingError() const;
  void SetState(GenerationState state);

  const Parts parts_;
  const uint32_t number_;
  const StagedFile staged_;
  const std::shared_ptr<const PluginFile> file_;
  GenerationState state_ = GenerationState::kOpening;
  Status error_;
  std::vector<Served> served_;
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<SlotPlace> slots_;    // owned by the lanes
  std::vector<SlotPlace> leaving_;  // of models that leave, likewise
  uint32_t leaves_ = 0;             // at work
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_GENERATION_H_
