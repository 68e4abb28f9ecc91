// SPDX-License-Identifier: Apache-2.0
//
// The host library's one exported function, and the two small classes behind it.

#include <memory>
#include <string>
#include <utility>

#include "core/model_info.h"
#include "core/task_threads.h"
#include "host/host_api.h"
#include "host/image_limits.h"
#include "host/instance.h"
#include "host/module.h"
#include "host/torch_libraries.h"

namespace darkroom::host {
namespace {

class LanePlugin final : public Plugin {
 public:
  LanePlugin(std::shared_ptr<Module> module, const TorchLibraries* torch, const ImageLimits& limits,
             std::shared_ptr<TaskThreads> codecs)
      : module_(std::move(module)), torch_(torch), limits_(limits), codecs_(std::move(codecs)) {}

  Result<std::unique_ptr<Instance>> Create(const InstanceSpec& spec, Events* events) override {
    if (Status status = CheckDevice(spec.lane); !status.ok()) return status;
    return LaneInstance::Create(module_, spec, limits_, codecs_, events);
  }

 private:
  Status CheckDevice(const LaneSpec& lane) const {
    const ModelInfo& info = module_->info();
    const bool cuda = lane.device_type == DR_DEVICE_CUDA;
    if (!cuda && lane.device_type != DR_DEVICE_CPU) {
      return Status(Code::kUnimplemented,
                    "there are no lanes on device type " + std::to_string(lane.device_type));
    }
    if (!info.RunsOn(cuda ? DeviceKind::kCuda : DeviceKind::kCpu)) {
      return Status::FailedPrecondition("the plugin " + info.id + " does not run on " +
                                        (cuda ? "cuda" : "cpu"));
    }
    if (!cuda || info.torch.empty()) return Status::Ok();
    return torch_->cuda_trouble().Annotated("libtorch has no CUDA here");
  }

  const std::shared_ptr<Module> module_;
  const TorchLibraries* const torch_;
  const ImageLimits limits_;
  const std::shared_ptr<TaskThreads> codecs_;
};

class LaneHost final : public Host {
 public:
  explicit LaneHost(const HostOptions& options)
      : log_(options.log),
        limits_{options.max_pixels, options.max_input_bytes},
        codecs_(std::make_shared<TaskThreads>("codec", options.codec_threads)),
        torch_(options.torch_lib, options.cuda) {}

  Result<std::unique_ptr<Plugin>> Open(const std::string& path,
                                       const std::string& manifest) override {
    Result<ModelInfo> info = ParseModelInfo(manifest);
    if (!info.ok()) return info.status().Annotated(path);
    torch_.Prepare(*info);
    Result<std::shared_ptr<Module>> module = Module::Open(path, *std::move(info), log_);
    if (!module.ok()) {
      if (torch_.trouble().empty()) return module.status();
      return Status(module.status().code(), module.status().message(),
                    "libtorch did not open: " + torch_.trouble());
    }
    return std::unique_ptr<Plugin>(
        std::make_unique<LanePlugin>(*std::move(module), &torch_, limits_, codecs_));
  }

 private:
  const LogFunction log_;
  const ImageLimits limits_;
  const std::shared_ptr<TaskThreads> codecs_;
  TorchLibraries torch_;
};

}  // namespace
}  // namespace darkroom::host

extern "C" {

// Declared here, since callers find it by its name alone.
__attribute__((visibility("default"))) darkroom::host::Host* darkroom_host_create(
    uint32_t api_version, const darkroom::host::HostOptions& options);

darkroom::host::Host* darkroom_host_create(uint32_t api_version,
                                           const darkroom::host::HostOptions& options) {
  if (api_version != darkroom::host::kHostApiVersion) return nullptr;
  return new darkroom::host::LaneHost(options);
}

}  // extern "C"
