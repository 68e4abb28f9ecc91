// SPDX-License-Identifier: Apache-2.0
//
// darkroom doctor: looks at what newcomers trip over, one thing after the other, and says of each
// what to do.

#include "cli/doctor_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "cli/doctor_host.h"
#include "cli/finding.h"
#include "cli/gather.h"
#include "cli/jet_stream.h"
#include "cli/text.h"
#include "config/load.h"
#include "core/units.h"
#include "durable/names.h"

namespace darkroom {
namespace {

using nlohmann::json;
using State = Finding::State;

constexpr const char* kUsualFile = "/etc/darkroom/darkroom.yaml";

struct DoctorArguments {
  std::string config;
  bool local = false;
};

class Doctor {
 public:
  Doctor(const Command& command, const DoctorArguments& arguments)
      : command_(command), arguments_(arguments) {}

  std::vector<Finding> Examine() {
    LookHere();
    if (!arguments_.local) LookAtServer();
    return std::move(findings_);
  }

 private:
  void Add(std::string name, State state, std::string words, std::string hint = {}) {
    findings_.push_back({std::move(name), state, std::move(words), std::move(hint)});
  }
  void Add(std::string name, const Failure& failure) {
    Add(std::move(name), State::kFailed, failure.status.message(), failure.status.hint());
  }

  void LookHere() {
    ReadConfig();
    if (config_) {
      for (Finding& one : LookAtModels(*config_)) findings_.push_back(std::move(one));
      findings_.push_back(LookAtTorch(*config_));
      findings_.push_back(LookAtStateFolder(config_->state_dir));
      findings_.push_back(LookAtDisk(config_->state_dir));
    }
    findings_.push_back(LookAtDriver("/"));
    findings_.push_back(LookAtClock());
  }

  void ReadConfig() {
    std::string file = arguments_.config;
    std::error_code error;
    if (file.empty() && std::filesystem::exists(kUsualFile, error)) file = kUsualFile;
    if (file.empty()) {
      Add("configuration", State::kSkipped, fmt::format("there is no {} here", kUsualFile),
          "--config FILE names another; on a host without a daemon there is none");
      return;
    }
    LoadedConfig loaded = LoadConfig(file);
    config_ = std::move(loaded.config);
    if (config_) {
      Add("configuration", State::kOk, file);
      return;
    }
    Add("configuration", State::kFailed,
        fmt::format("{} ({} in all)", loaded.issues.front().ToString(), loaded.issues.size()),
        fmt::format("darkroom config check {} shows them", file));
  }

  void LookAtServer() {
    Outcome<std::unique_ptr<Client>> connected = command_.Connect();
    if (const auto* failure = std::get_if<Failure>(&connected)) {
      const bool refused = failure->exit_code == ExitCode::kPermission;
      const bool own = !refused && config_ && config_->nats.embedded;
      Add(refused ? "rights" : "nats", State::kFailed, failure->status.message(),
          own ? "darkroomd brings this server when it runs: systemctl start darkroomd"
              : failure->status.hint());
      return;
    }
    const auto client = std::get<std::unique_ptr<Client>>(std::move(connected));
    const Interrupts::Guard guard(command_.interrupts, [&client] { client->Interrupt(); });
    Add("nats", State::kOk,
        fmt::format("{} answers; messages up to {}", client->url(),
                    FormatSize(client->max_payload())));
    Outcome<std::vector<json>> statuses = Gather(client.get(), command_.ControlSubject("status"));
    if (const auto* failure = std::get_if<Failure>(&statuses)) {
      const bool forbidden = failure->exit_code == ExitCode::kPermission;
      Add(forbidden ? "rights" : "daemon", *failure);
      if (forbidden) return;
    } else {
      Add("rights", State::kOk, "this user may ask the daemons");
      LookAtDaemons(client.get(), std::get<std::vector<json>>(statuses));
    }
    LookAtJetStream(client.get());
  }

  void LookAtDaemons(Client* client, const std::vector<json>& statuses) {
    for (const json& status : statuses) {
      const std::string host = TextField(status, "host");
      const std::string state = TextField(status, "state");
      const json& devices = PartField(status, "devices");
      const uint64_t lost = CountField(devices, "suspected") + CountField(devices, "quarantined");
      if (lost > 0) {
        Add("daemon", State::kFailed, fmt::format("{}: {} devices cannot be used", host, lost),
            "darkroom ps says why; docs/health.md");
      } else {
        Add("daemon", state == "ready" ? State::kOk : State::kWarning,
            fmt::format("{}: {}, darkroomd {}", host, state, TextField(status, "version")),
            state == "ready" ? "" : "it is answered for when it is ready: darkroom status");
      }
    }
    Outcome<std::vector<json>> answers = Gather(client, command_.ControlSubject("models"));
    const auto* hosts = std::get_if<std::vector<json>>(&answers);
    if (hosts == nullptr) return;
    for (const json& host : *hosts) {
      for (const json& model : PartField(host, "models")) {
        if (TextField(model, "state") != "failed") continue;
        const json& error = PartField(model, "error");
        const std::string hint = TextField(error, "hint");
        Add("model", State::kFailed,
            fmt::format("{}: {} cannot be served: {}", TextField(host, "host"),
                        TextField(model, "name"), TextField(error, "message")),
            hint.empty() ? "darkroom models NAME says more, and darkroom plugins ls what is loaded"
                         : hint);
      }
    }
  }

  void LookAtJetStream(Client* client) {
    const std::string stream = DurableNames(command_.prefix).jobs;
    Outcome<std::unique_ptr<JetStream>> opened = JetStream::Open(client);
    if (const auto* failure = std::get_if<Failure>(&opened)) return Add("jetstream", *failure);
    Outcome<bool> has = std::get<std::unique_ptr<JetStream>>(opened)->HasStream(stream);
    if (const auto* failure = std::get_if<Failure>(&has)) {
      // Requests do without; submitted jobs do not.
      const bool needed = config_ && config_->jobs.enabled;
      Add("jetstream", needed ? State::kFailed : State::kWarning, failure->status.message(),
          failure->status.hint().empty()
              ? "durable jobs need it: jetstream {} in the server's configuration, or -js"
              : failure->status.hint());
      return;
    }
    if (!std::get<bool>(has)) {
      Add("jetstream", State::kWarning, fmt::format("it is there, but has no stream {}", stream),
          "darkroom run works; for darkroom submit a daemon needs jobs: {enabled: true}");
      return;
    }
    Add("jetstream", State::kOk, fmt::format("it is there, with the stream {}", stream));
    CompareClocks(client, stream);
  }

  // The server puts its time into what it says of a stream.
  void CompareClocks(Client* client, const std::string& stream) {
    Outcome<std::vector<json>> outcome = Gather(client, "$JS.API.STREAM.INFO." + stream);
    const auto* answers = std::get_if<std::vector<json>>(&outcome);
    if (answers == nullptr || answers->empty()) return;
    const auto now = std::chrono::system_clock::now();
    const auto theirs = ParseTimestamp(TextField(answers->front(), "ts"));
    if (!theirs) return;
    findings_.push_back(
        JudgeClock(std::chrono::duration_cast<std::chrono::milliseconds>(now - *theirs)));
  }

  // "2026-11-22T11:00:00.123456789Z"
  static std::optional<std::chrono::system_clock::time_point> ParseTimestamp(
      const std::string& text) {
    std::tm parts{};
    const char* const rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) return std::nullopt;
    const double fraction = *rest == '.' ? std::strtod(rest, nullptr) : 0.0;
    return std::chrono::system_clock::from_time_t(timegm(&parts)) +
           std::chrono::milliseconds(static_cast<int64_t>(fraction * 1000));
  }

  const Command& command_;
  const DoctorArguments& arguments_;
  std::optional<Config> config_;
  std::vector<Finding> findings_;
};

ExitCode Run(const Command& command, const DoctorArguments& arguments) {
  const std::vector<Finding> findings = Doctor(command, arguments).Examine();
  const bool failed = AnyFailed(findings);
  const ExitCode printed =
      command.json
          ? PrintJson({{"healthy", !failed}, {"checks", FindingsJson(findings)}})
          : PrintText(FindingsText(findings, command.terminal.output && command.terminal.color));
  return printed == ExitCode::kOk && failed ? ExitCode::kJobFailed : printed;
}

}  // namespace

void AddDoctorCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<DoctorArguments>();
  CLI::App* doctor = app->add_subcommand(
      "doctor",
      "Look for what is usually wrong, on this host and at the server, and say what to do");
  doctor->add_option("--config", arguments->config,
                     std::string("The daemon's configuration; ") + kUsualFile + " if it is there");
  doctor->add_flag("--local", arguments->local, "Look at this host alone");
  doctor->callback([command, arguments] {
    command->run = [command, arguments] { return Run(*command, *arguments); };
  });
}

}  // namespace darkroom
