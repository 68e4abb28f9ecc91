// SPDX-License-Identifier: Apache-2.0
//
// Routes is which subjects lead to which models now: the endpoints of the models' own subjects and
// of the configuration's routes, with their subscriptions. A new configuration switches them
// without a gap: what is new is subscribed to, and what is gone is let go once the server has
// confirmed that; a message that comes by both is one.
//
// For the io_context's thread.

#ifndef DARKROOM_ROUTES_H_
#define DARKROOM_ROUTES_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "core/changes.h"
#include "core/log.h"
#include "job_flow.h"
#include "model_setup.h"
#include "queue/admission.h"
#include "subscriptions.h"

namespace darkroom {

class Routes {
 public:
  using List = std::vector<std::unique_ptr<Endpoint>>;

  // All outlive this. `config` says the queue groups.
  struct Parts {
    boost::asio::io_context& io;
    const Config& config;
    JobFlow& flow;
    Subscriptions& subscriptions;
    Logger& log;
  };

  explicit Routes(const Parts& parts) : parts_(parts), changes_(parts.io) {}

  // Each model's own first.
  const List& list() const { return list_; }
  // That of the model's own subject, or nullptr.
  const Endpoint* OfModel(const std::string& model) const;

  // Not subscribed to before Subscribe.
  void Add(Endpoint endpoint);
  // To all of them that are not yet.
  Status Subscribe();

  // Whether the model could be served by this contract, with what leads to it.
  Status CheckContract(const Model& model,
                       const std::shared_ptr<const ModelContract>& contract) const;
  void OnContractChanged(const Model& model);
  // These subjects are about to lead elsewhere, and keep no contract from being taken.
  void ExpectChange(const std::vector<std::string>& subjects);

  // From here on `wanted` lead to models, and no others. They are subscribed to when this returns;
  // `intake` confirms it beside the io_context, on `aside`.
  boost::asio::awaitable<Status> Switch(std::vector<Endpoint> wanted, Intake& intake,
                                        boost::asio::any_io_executor aside);
  // Returns when nothing leads to the model any more, and what came by it has been handled.
  boost::asio::awaitable<void> Left(std::shared_ptr<Model> model);

 private:
  // How a subject is listened to.
  struct Ear {
    uint32_t number = 0;
    std::string group;
  };
  const std::string& GroupOf(const std::string& subject) const;
  Status Subscribe(Endpoint* endpoint);
  void OnMessage(Endpoint* endpoint, Message message);
  bool IsTwin(const Endpoint* endpoint, const Message& message);
  boost::asio::awaitable<void> Forget(Endpoint* endpoint);

  const Parts parts_;
  Changes changes_;
  List list_;
  List leaving_;
  std::unordered_map<const Endpoint*, Ear> ears_;
  std::set<std::string> changing_;
  // While a subject is listened to in two queue groups, by the old one (false) and the new one
  // (true): messages that came by the one, by their digests.
  std::map<const Endpoint*, bool> turning_;
  std::unordered_map<size_t, bool> first_of_two_;
};

}  // namespace darkroom

#endif  // DARKROOM_ROUTES_H_
