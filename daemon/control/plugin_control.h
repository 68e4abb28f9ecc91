// SPDX-License-Identifier: Apache-2.0
//
// PluginControl answers the control verbs about plugins: it lists them, and has them loaded,
// upgraded, rolled back and unloaded (docs/protocol.md, "Control").
//
// For the io_context's thread. An operation is answered when it has ended.

#ifndef DARKROOM_CONTROL_PLUGIN_CONTROL_H_
#define DARKROOM_CONTROL_PLUGIN_CONTROL_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/status.h"
#include "message/message.h"
#include "message/publisher.h"
#include "plugin_manager.h"
#include "reply/replier.h"

namespace darkroom {

class PluginControl {
 public:
  // All must outlive this.
  PluginControl(boost::asio::io_context& io, const Config& config, PluginManager& plugins,
                Publisher& publisher, Replier& replier);

  // The verbs it answers, each the last token of a subject.
  static const std::vector<std::string>& Verbs();

  void Answer(const std::string& verb, const Message& message);

 private:
  boost::asio::awaitable<void> Operate(std::string verb, std::string reply, std::string plugin,
                                       std::string file);
  void Refuse(std::string reply, Status status);
  nlohmann::json List() const;
  nlohmann::json Describe(const PluginRecord& record) const;

  boost::asio::io_context& io_;
  const Config& config_;
  PluginManager& plugins_;
  Publisher& publisher_;
  Replier& replier_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_PLUGIN_CONTROL_H_
