// SPDX-License-Identifier: Apache-2.0
//
// darkroom models pull: a model of a hub, put where daemons find it, with the lines of
// configuration that serve it. And models verify: whether it is still what was pulled.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "cli/command.h"
#include "cli/hub/hub_record.h"
#include "cli/hub/pull.h"
#include "cli/output_file.h"
#include "cli/progress_bar.h"
#include "cli/text.h"
#include "core/units.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kHub = "https://huggingface.co";

struct PullOptions {
  std::string repository;
  std::string name;  // the model's; empty: after the repository
  std::string revision = "main";
  std::string folder = "/var/lib/darkroom/models";
  std::string config = "/etc/darkroom/darkroom.yaml";
  std::string plugin;
  std::string mirror;
  HubChoice choice;
  int at_once = 4;
  int tries = 5;
  bool no_config = false;
  bool dry_run = false;
};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A model's name is a token of a subject.
std::string ModelNameOf(std::string_view repository) {
  std::string name(repository.substr(repository.rfind('/') + 1));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (c == '.') c = '-';
  }
  return name;
}

bool IsModelName(std::string_view name) {
  return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

// Over plain HTTP everybody on the way would read it.
bool MaySendToken(const std::string& endpoint) {
  return endpoint.starts_with("https://") || endpoint.starts_with("http://127.0.0.1") ||
         endpoint.starts_with("http://localhost") || endpoint.starts_with("http://[::1]");
}

Outcome<std::unique_ptr<HubSource>> MakeSource(const PullOptions& options,
                                               const std::atomic<bool>* stop) {
  if (!options.mirror.empty()) return MakeMirror(options.mirror, stop);
  HubOptions hub;
  hub.endpoint = Environment("HF_ENDPOINT");
  if (hub.endpoint.empty()) hub.endpoint = kHub;
  while (hub.endpoint.ends_with('/')) hub.endpoint.pop_back();
  if (!hub.endpoint.starts_with("https://") && !hub.endpoint.starts_with("http://")) {
    return Failure::Local(Status::InvalidArgument(
        fmt::format("HF_ENDPOINT is '{}', and no http:// or https:// URL", hub.endpoint)));
  }
  hub.tries = options.tries;
  hub.token = Environment("HF_TOKEN");
  if (!hub.token.empty() && !MaySendToken(hub.endpoint)) {
    return Failure::Local(
        Status::InvalidArgument("HF_TOKEN would go over the network for all to read, by http://",
                                "use https://, or unset HF_TOKEN"));
  }
  return MakeHttpHub(std::move(hub), stop);
}

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// One bar for all files: of so many that come at once nobody could read each one's. In plain mode
// a line for each file that is whole.
class PullView {
 public:
  PullView(const Command& command, const HubModel& model, PullProgress* progress)
      : model_(model),
        progress_(progress),
        bar_(command.json             ? ProgressMode::kNone
             : command.terminal.error ? ProgressMode::kBar
                                      : ProgressMode::kNone,
             command.terminal, model.repository, std::chrono::steady_clock::now(), WriteError),
        lines_(!command.json && !command.terminal.error),
        told_(model.files.size()) {}

  void Look() {
    const uint64_t all = std::max<uint64_t>(model_.bytes(), 1);
    const uint64_t have = progress_->Sum();
    const auto now = std::chrono::steady_clock::now();
    size_t whole = 0;
    for (size_t i = 0; i < model_.files.size(); ++i) {
      const bool done = progress_->have()[i] >= model_.files[i].size;
      whole += done ? 1 : 0;
      if (done && !told_[i] && lines_) {
        WriteError(fmt::format("{}  {}\n", Printable(model_.files[i].path),
                               FormatSize(model_.files[i].size)));
      }
      told_[i] = told_[i] || done;
    }
    bar_.Update(static_cast<double>(have) / static_cast<double>(all),
                fmt::format("{} of {}, {}/{} files", FormatSize(have), FormatSize(all), whole,
                            model_.files.size()),
                now);
  }
  void Clear() { bar_.Clear(); }

 private:
  const HubModel& model_;
  PullProgress* const progress_;
  ProgressBar bar_;
  const bool lines_;
  std::vector<bool> told_;
};

std::string Fragment(const PullOptions& options, const HubModel& model, const std::string& plugin,
                     const fs::path& folder) {
  return fmt::format(
      "# {} at {}\n"
      "models:\n"
      "  {}:\n"
      "    plugin: {}\n"
      "    weights: {}\n",
      model.repository, model.commit, options.name,
      plugin.empty() ? "NAME  # which one runs it, is not known" : plugin,
      json(folder.string()).dump());
}

// Where it was written, or nothing if there is no configuration to write it beside.
Outcome<std::string> WriteFragment(const PullOptions& options, const std::string& text,
                                   const std::string& plugin) {
  std::error_code error;
  if (options.no_config || plugin.empty() || !fs::exists(options.config, error)) return "";
  const fs::path folder = fs::path(options.config).parent_path() / "conf.d";
  fs::create_directories(folder, error);
  const std::string path = (folder / (options.name + ".yaml")).string();
  auto file = OutputFile::Open(path);
  if (!file.ok()) return Failure::Local(file.status());
  if (Status status = (*file)->Commit(text); !status.ok()) return Failure::Local(status);
  return path;
}

json FilesJson(const HubModel& model) {
  json files = json::array();
  for (const HubFile& file : model.files)
    files.push_back({{"path", file.path}, {"bytes", file.size}, {"sha256", file.sha256}});
  return files;
}

ExitCode PrintList(const Command& command, const HubModel& model) {
  if (command.json) {
    return PrintJson({{"repository", model.repository},
                      {"commit", model.commit},
                      {"bytes", model.bytes()},
                      {"files", FilesJson(model)}});
  }
  std::string text;
  for (const HubFile& file : model.files)
    text += fmt::format("{:>10}  {}\n", FormatSize(file.size), Printable(file.path));
  text += fmt::format("{:>10}  in {} files of {} at {}\n", FormatSize(model.bytes()),
                      model.files.size(), Printable(model.repository), Printable(model.commit));
  return PrintText(text);
}

ExitCode PrintPulled(const Command& command, const HubModel& model, const fs::path& folder,
                     const std::string& plugin, const std::string& fragment,
                     const std::string& written) {
  if (command.json) {
    return PrintJson({{"repository", model.repository},
                      {"commit", model.commit},
                      {"folder", folder.string()},
                      {"plugin", plugin},
                      {"config", written},
                      {"bytes", model.bytes()},
                      {"files", FilesJson(model)}});
  }
  std::string text = fmt::format("{} files, {}, in {}\n", model.files.size(),
                                 FormatSize(model.bytes()), folder.string());
  if (!written.empty()) {
    text += fmt::format("{} serves it once the daemon is started again\n", written);
  } else {
    text += "to serve it, add to the configuration:\n\n" + fragment;
  }
  return PrintText(text);
}

bool IsThere(const fs::path& folder, const HubModel& model) {
  const auto record = ReadHubRecord(folder);
  if (!record.ok() || record->commit != model.commit || record->files.size() != model.files.size())
    return false;
  const auto wrong = VerifyPulled(folder);
  const auto* found = std::get_if<std::vector<std::string>>(&wrong);
  return found != nullptr && found->empty();
}

Outcome<HubModel> Choose(HubSource* source, const PullOptions& options) {
  Outcome<HubModel> listed = source->List(options.repository, options.revision);
  auto* model = std::get_if<HubModel>(&listed);
  if (model == nullptr) return listed;
  Result<std::vector<HubFile>> chosen = ChooseFiles(model->files, options.choice);
  if (!chosen.ok()) return Failure::Local(chosen.status().Annotated(options.repository));
  model->files = *std::move(chosen);
  return listed;
}

ExitCode RunPull(const Command& command, PullOptions options) {
  const auto fail = [&command](const Failure& failure) {
    return Report(command, failure, json::object());
  };
  if (!IsRepository(options.repository)) {
    return fail(Failure::Local(
        Status::InvalidArgument(fmt::format("'{}' is no name of a repository", options.repository),
                                "it is owner/name, as in openai/clip-vit-base-patch32")));
  }
  if (options.name.empty()) options.name = ModelNameOf(options.repository);
  if (!IsModelName(options.name)) {
    return fail(Failure::Local(
        Status::InvalidArgument(fmt::format("'{}' cannot be a model's name", options.name),
                                "--as NAME gives another one: letters, digits, '-' and '_'")));
  }
  std::atomic<bool> stop{false};
  const Interrupts::Guard guard(command.interrupts, [&stop] { stop = true; });
  auto made = MakeSource(options, &stop);
  if (const auto* failure = std::get_if<Failure>(&made)) return fail(*failure);
  auto& source = std::get<std::unique_ptr<HubSource>>(made);
  Outcome<HubModel> chosen = Choose(source.get(), options);
  if (const auto* failure = std::get_if<Failure>(&chosen)) return fail(*failure);
  HubModel model = std::get<HubModel>(std::move(chosen));
  if (options.dry_run) return PrintList(command, model);

  const fs::path folder = fs::absolute(options.folder) / options.name;
  if (IsThere(folder, model)) {
    model = *ReadHubRecord(folder);
  } else {
    PullProgress progress(model.files.size());
    PullView view(command, model, &progress);
    Outcome<HubModel> pulled = Pull(source.get(), model, folder, options.at_once, &progress, &stop,
                                    [&view] { view.Look(); });
    view.Clear();
    if (const auto* failure = std::get_if<Failure>(&pulled)) return fail(*failure);
    model = std::get<HubModel>(std::move(pulled));
  }
  const std::string plugin =
      !options.plugin.empty()
          ? options.plugin
          : PluginFor(ReadText(folder / "config.json"), ReadText(folder / "model_index.json"));
  const std::string fragment = Fragment(options, model, plugin, folder);
  const Outcome<std::string> written = WriteFragment(options, fragment, plugin);
  if (const auto* failure = std::get_if<Failure>(&written)) return fail(*failure);
  return PrintPulled(command, model, folder, plugin, fragment, std::get<std::string>(written));
}

ExitCode RunVerify(const Command& command, const std::string& folder) {
  const Outcome<std::vector<std::string>> outcome = VerifyPulled(folder);
  if (const auto* failure = std::get_if<Failure>(&outcome))
    return Report(command, *failure, json::object());
  const auto& wrong = std::get<std::vector<std::string>>(outcome);
  if (!wrong.empty()) {
    std::string message = fmt::format("{} is not what was pulled", folder);
    for (const std::string& one : wrong) message += "; " + one;
    return Report(command,
                  Failure::Local(Status::FailedPrecondition(message, "pull the model again")),
                  {{"folder", folder}, {"wrong", wrong}});
  }
  const HubModel model = *ReadHubRecord(folder);
  if (command.json) {
    return PrintJson({{"folder", folder},
                      {"repository", model.repository},
                      {"commit", model.commit},
                      {"wrong", json::array()}});
  }
  return PrintText(fmt::format("{}: {} files as they were pulled, {} at {}\n", folder,
                               model.files.size(), model.repository, model.commit));
}

}  // namespace

void AddModelsPullCommand(CLI::App* models, Command* command) {
  auto options = std::make_shared<PullOptions>();
  CLI::App* pull = models->add_subcommand(
      "pull", "Load a model of a hub, check it, and write the configuration that serves it");
  pull->add_option("REPOSITORY", options->repository, "As in openai/clip-vit-base-patch32")
      ->required();
  pull->add_option("--as", options->name, "The model's name. Default: the repository's");
  pull->add_option("--revision", options->revision, "A branch, a tag or a commit")
      ->capture_default_str();
  pull->add_option("--to", options->folder, "The folder that has a folder for each model")
      ->capture_default_str();
  pull->add_option(
          "--config", options->config,
          "The daemon's configuration: conf.d/NAME.yaml is written beside it, if it is there")
      ->capture_default_str();
  pull->add_flag("--no-config", options->no_config, "Print the configuration and do not write it");
  pull->add_option("--plugin", options->plugin, "Which runs it. Default: as its config.json says");
  pull->add_option("--variant", options->choice.variant,
                   "Of weights in several precisions those named so, as in fp16");
  pull->add_flag("--pickles", options->choice.pickles,
                 "Take weights that are pickles, too, where there are no others");
  pull->add_option("--mirror", options->mirror,
                   "Copy from this folder, which has owner/name/FILES");
  pull->add_option("--parallel", options->at_once, "Files at once")
      ->check(CLI::Range(1, 32))
      ->capture_default_str();
  pull->add_option("--tries", options->tries, "How often what may pass is tried in a row")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  pull->add_flag("--dry-run", options->dry_run, "Only list what would be loaded");
  pull->callback([command, options] {
    command->run = [command, options] { return RunPull(*command, *options); };
  });

  auto folder = std::make_shared<std::string>();
  CLI::App* verify =
      models->add_subcommand("verify", "Whether a model's files are still what was pulled");
  verify->add_option("FOLDER", *folder, "The model's folder")->required();
  verify->callback([command, folder] {
    command->run = [command, folder] { return RunVerify(*command, *folder); };
  });
}

}  // namespace darkroom
