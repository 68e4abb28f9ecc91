// SPDX-License-Identifier: Apache-2.0
//
// The control service answers what people and tools ask of a daemon: its status, its models, what
// runs where (docs/protocol.md, "Control").
//
// For the io_context's thread; it only looks.

#ifndef DARKROOM_CONTROL_CONTROL_SERVICE_H_
#define DARKROOM_CONTROL_CONTROL_SERVICE_H_

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "device/gpu_watch.h"
#include "message/intake.h"
#include "message/publisher.h"
#include "queue/admission.h"
#include "queue/job_table.h"
#include "queue/model.h"
#include "worker/health_watch.h"
#include "worker/lane.h"

namespace darkroom {

// What the service looks at. All of it must outlive the service.
struct ControlView {
  std::string host;
  std::string url;
  const std::vector<std::shared_ptr<Model>>& models;
  const std::vector<std::unique_ptr<Lane>>& lanes;
  const DevicePool& pool;
  const GpuWatch& gpus;
  const HealthWatch& health;
  const std::vector<std::unique_ptr<Endpoint>>& endpoints;
  const JobTable& jobs;
  const Admission& admission;
  const std::string& state;  // starting, ready, draining
  const ConnectionLog& nats_log;
};

class ControlService {
 public:
  ControlService(ControlView view, Publisher* publisher);

  // The verbs it answers, each the last token of a subject.
  static const std::vector<std::string>& Verbs();

  // Answers a message to the verb of that number.
  void Answer(size_t verb, const Message& message);

 private:
  nlohmann::json Status() const;
  nlohmann::json Models() const;
  nlohmann::json Ps() const;
  nlohmann::json DescribeDevice(const Device& device) const;
  // Bytes of the device that the process holds, as far as can be told.
  std::optional<uint64_t> MeasuredBytes(const Device& device, pid_t pid) const;

  ControlView view_;
  Publisher* publisher_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_CONTROL_SERVICE_H_
