// SPDX-License-Identifier: Apache-2.0

#include "host/module.h"

#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>
#include <cstddef>
#include <exception>
#include <utility>

#include "host/host_services.h"

namespace darkroom::host {
namespace {

// What dlerror() said, out of Boost.DLL's sentence around it: its error code is always the same and
// tells nothing.
std::string LoaderWords(const std::string& what) {
  constexpr std::string_view kBefore = "dlerror system message: ";
  const size_t begin = what.find(kBefore);
  if (begin == std::string::npos) return what;
  std::string words = what.substr(begin + kBefore.size());
  if (const size_t end = words.rfind("): "); end != std::string::npos) words.resize(end);
  return words;
}

}  // namespace

struct Module::Library {
  boost::dll::shared_library file;
};

// The plugin's own dr_host_t.
class Module::Services final : public HostServices {
 public:
  Services(const std::string& plugin_id, Metrics* metrics, LogFunction log)
      : HostServices(plugin_id, metrics, &sums_), log_(std::move(log)) {}

  void Log(LogLevel level, std::string_view message) override {
    if (log_) log_(level, message);
  }

 private:
  const LogFunction log_;
  MetricSums sums_;  // of nobody's: what is shown is what instances add
};

Module::Module(ModelInfo info, LogFunction log)
    : info_(std::move(info)),
      library_(std::make_unique<Library>()),
      services_(std::make_unique<Services>(info_.id, &metrics_, std::move(log))) {}

Module::~Module() {
  if (table_ == nullptr) return;
  (void)services_->MakeCall(Phase::kShutdown, [&] { table_->shutdown(); });
}

Result<std::shared_ptr<Module>> Module::Open(const std::string& path, ModelInfo info,
                                             LogFunction log) {
  const std::shared_ptr<Module> module(new Module(std::move(info), std::move(log)));
  if (Status status = module->OpenLibrary(path); !status.ok()) return status;
  if (Status status = module->CallEntry(); !status.ok()) return status;
  return module;
}

Status Module::OpenLibrary(const std::string& path) {
  using boost::dll::load_mode::rtld_local;
  using boost::dll::load_mode::rtld_now;
  try {
    library_->file.load(path, rtld_now | rtld_local);
    if (!library_->file.has(DR_ENTRY_SYMBOL)) {
      return Status::FailedPrecondition(path + " does not export " DR_ENTRY_SYMBOL);
    }
  } catch (const std::exception& error) {
    return Status::FailedPrecondition("cannot open the plugin " + path + ": " +
                                      LoaderWords(error.what()));
  }
  // A resident plugin has handed its code to someone who will not give it back: closing must not
  // unmap it.
  if (info_.resident) ::dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  return Status::Ok();
}

Status Module::CallEntry() {
  const auto& entry = library_->file.get<const dr_plugin_t*(const dr_host_t*)>(DR_ENTRY_SYMBOL);
  const dr_plugin_t* table = nullptr;
  const dr_status status = services_->MakeCall(Phase::kEntry, [&] {
    table = entry(services_->abi());
    return table == nullptr ? DR_FAILED_PRECONDITION : DR_OK;
  });
  if (status != DR_OK) {
    return services_->Explain(status, "entry").Annotated("the plugin " + info_.id + " refuses");
  }
  if (Status checked = CheckTable(*table); !checked.ok()) return checked;
  table_ = table;
  return FindExtensions();
}

Status Module::Wrong(const std::string& what) {
  services_->Misbehaved(what);
  return Status::FailedPrecondition("the plugin " + info_.id + " " + what);
}

const void* Module::FindExtension(const char* id) {
  const void* found = nullptr;
  if (DR_HAS(table_, dr_plugin_t, extension)) {
    services_->CallAside([&] { found = table_->extension(id); });
  }
  return found;
}

Status Module::FindExtensions() {
  if (!info_.stepwise) return Status::Ok();
  const auto* const steps = static_cast<const dr_stepwise_t*>(FindExtension(DR_STEPWISE_1));
  if (steps == nullptr) {
    return Wrong("does not have the extension " DR_STEPWISE_1 " that its manifest names");
  }
  const bool whole = steps->size >= sizeof(dr_stepwise_t) && steps->begin != nullptr &&
                     steps->step != nullptr && steps->finish != nullptr && steps->end != nullptr;
  if (!whole) return Wrong("left a slot of " DR_STEPWISE_1 " empty");
  stepwise_ = steps;
  if (!info_.checkpoint) return Status::Ok();
  const auto* const states = static_cast<const dr_checkpoint_t*>(FindExtension(DR_CHECKPOINT_1));
  if (states == nullptr) {
    return Wrong("does not have the extension " DR_CHECKPOINT_1 " that its manifest names");
  }
  if (states->size < sizeof(dr_checkpoint_t) || states->save == nullptr ||
      states->restore == nullptr) {
    return Wrong("left a slot of " DR_CHECKPOINT_1 " empty");
  }
  checkpoint_ = states;
  return Status::Ok();
}

Status Module::CheckTable(const dr_plugin_t& table) {
  if (table.abi_major != DR_ABI_MAJOR) {
    return Wrong("gave a table of ABI " + std::to_string(table.abi_major) + ", this host has " +
                 std::to_string(DR_ABI_MAJOR));
  }
  if (table.size < offsetof(dr_plugin_t, shutdown) + sizeof(table.shutdown)) {
    return Wrong("gave a table that is too short");
  }
  const std::pair<bool, const char*> slots[] = {
      {table.create != nullptr, "create"},   {table.load != nullptr, "load"},
      {table.infer != nullptr, "infer"},     {table.unload != nullptr, "unload"},
      {table.destroy != nullptr, "destroy"}, {table.shutdown != nullptr, "shutdown"},
  };
  for (const auto& [filled, name] : slots) {
    if (!filled) return Wrong("left the required slot " + std::string(name) + " empty");
  }
  return Status::Ok();
}

}  // namespace darkroom::host
