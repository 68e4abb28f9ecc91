// SPDX-License-Identifier: Apache-2.0

#include "cli/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "cli/gather.h"
#include "cli/nats_context.h"

namespace darkroom {
namespace {

Status WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return Status::Internal(fmt::format("cannot write to standard output: {}",
                                          std::generic_category().message(errno)));
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

Outcome<std::unique_ptr<Client>> Command::Connect() const {
  Result<ConnectOptions> options = Connection();
  if (!options.ok()) return Failure::Local(options.status());
  return Client::Connect(*options);
}

Result<ConnectOptions> Command::Connection() const {
  std::string name = context;
  if (name.empty() && !url_given) name = SelectedNatsContext();
  ConnectOptions options;
  if (!name.empty()) {
    Result<ConnectOptions> read = ReadNatsContext(name);
    if (!read.ok()) return read.status();
    options = *std::move(read);
  }
  if (url_given || options.url.empty()) options.url = url;
  if (!credentials.empty()) options.credentials = credentials;
  return options;
}

std::string Command::ControlSubject(std::string_view what) const {
  return fmt::format("{}.control.{}", prefix, what);
}

Outcome<std::vector<nlohmann::json>> GatherControl(const Command& command, std::string_view what) {
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (auto* failure = std::get_if<Failure>(&connected)) return std::move(*failure);
  return Gather(std::get<std::unique_ptr<Client>>(connected).get(), command.ControlSubject(what));
}

Status WriteOutput(std::string_view text) { return WriteAll(STDOUT_FILENO, text); }

void WriteError(std::string_view text) {
  if (const Status status = WriteAll(STDERR_FILENO, text); !status.ok()) return;
}

ExitCode PrintText(std::string_view text) {
  const Status status = WriteOutput(text);
  if (status.ok()) return ExitCode::kOk;
  const Failure failure = Failure::Local(status);
  WriteError(failure.Text());
  return failure.exit_code;
}

ExitCode PrintJson(const nlohmann::json& value) {
  // Strings that came from elsewhere may be no UTF-8; the output is JSON all the same.
  return PrintText(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

ExitCode Report(const Command& command, const Failure& failure, nlohmann::json object) {
  if (command.json) {
    object["error"] = failure.ToJson();
    PrintJson(object);
  }
  WriteError(failure.Text());
  return failure.exit_code;
}

}  // namespace darkroom
