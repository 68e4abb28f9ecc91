// SPDX-License-Identifier: Apache-2.0
//
// MicroService answers NATS's service discovery (ADR-32): each model is a service, whose endpoints
// are the subjects that lead to it, so that `nats micro ls`, `info` and `stats` show what is served
// where. NATS.c has such services of its own, which free a request when its handler returns; a job
// takes longer.
//
// For the io_context's thread; it only looks.

#ifndef DARKROOM_CONTROL_MICRO_SERVICE_H_
#define DARKROOM_CONTROL_MICRO_SERVICE_H_

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/config.h"
#include "message/message.h"
#include "message/publisher.h"
#include "queue/admission.h"
#include "queue/model.h"

namespace darkroom {

class MicroService {
 public:
  using Models = std::vector<std::shared_ptr<Model>>;
  using Endpoints = std::vector<std::unique_ptr<Endpoint>>;

  // All must outlive this.
  MicroService(const Config& config, const Models& models, const Endpoints& endpoints,
               Publisher& publisher);

  // What to subscribe to, without a queue group: every daemon answers for itself.
  static std::vector<std::string> Subjects();

  void Answer(const Message& message);

 private:
  nlohmann::json Common(const Model& model, const char* type);
  nlohmann::json Ping(const Model& model);
  nlohmann::json Info(const Model& model);
  nlohmann::json Stats(const Model& model);
  // The queue group that the endpoint's requests are shared in.
  const std::string& QueueGroup(const Endpoint& endpoint) const;
  const std::string& IdOf(const Model& model);

  const Config& config_;
  const Models& models_;
  const Endpoints& endpoints_;
  Publisher& publisher_;
  const std::string started_;
  std::map<std::string, std::string> ids_;  // of services, by model
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_MICRO_SERVICE_H_
