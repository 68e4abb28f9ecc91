// SPDX-License-Identifier: Apache-2.0
//
// darkroom models compile: a model's denoising network compiled beforehand for this host's
// processor or GPU, with the lines of configuration that use it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <system_error>

#include "cli/command.h"
#include "cli/compile_run.h"
#include "cli/text.h"
#include "config/load.h"
#include "core/units.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct CompileOptions {
  std::string model;
  std::string config = "/etc/darkroom/darkroom.yaml";
  std::string device = "cpu";
  std::string dtype = "auto";
  std::string size;
  int edge = 0;
  bool any_size = false;
  int rows = 8;
  std::string layout = "auto";
  std::string output;
  std::string python = "python3";
};

// The weights of a model of the configuration.
Outcome<std::string> WeightsOf(const CompileOptions& options) {
  std::error_code error;
  if (fs::exists(options.model, error) || options.model.find('/') != std::string::npos)
    return options.model;
  const auto missing = [&options](const std::string& why) {
    return Failure::Local(Status::NotFound(
        fmt::format("'{}' is no folder, and {}", options.model, why),
        "name the model's folder, or the configuration that has the model: --config FILE"));
  };
  if (!fs::exists(options.config, error))
    return missing(fmt::format("there is no configuration {}", options.config));
  const LoadedConfig loaded = LoadConfig(options.config);
  if (!loaded.config)
    return Failure::Local(Status::FailedPrecondition(loaded.issues.front().ToString(),
                                                     "darkroomd --check says all that is wrong"));
  for (const ModelConfig& model : loaded.config->models)
    if (model.name == options.model) return model.weights;
  return missing(fmt::format("{} has no model of that name", options.config));
}

std::string Gain(double times) {
  return times >= 1 ? fmt::format("{:.2f} times as fast", times)
                    : fmt::format("{:.2f} times as fast, which is slower", times);
}

ExitCode Print(const Command& command, const json& result) {
  if (command.json) return PrintJson(result);
  const double eager = result.at("eager_s").get<double>();
  const double compiled = result.at("compiled_s").get<double>();
  const auto pixels = result.at("pixels").get<std::vector<int64_t>>();
  const std::string file = result.at("file").get<std::string>();
  const std::string size = result.at("any_size").get<bool>()
                               ? std::string("pictures of any size")
                               : fmt::format("pictures of {} x {}", pixels[1], pixels[0]);
  std::string text =
      fmt::format("{}: {}, {}, {}, up to {} rows\n", Printable(file),
                  FormatSize(result.at("bytes").get<uint64_t>()),
                  result.at("dtype").get<std::string>(), size, result.at("rows").get<int>());
  text += fmt::format(
      "of {} x {} pixels a step of {} rows takes {:.4g} s, and {:.4g} s in PyTorch as it is: {}\n"
      "the results differ by {:.2g} of the largest number\n",
      pixels[1], pixels[0], result.at("measured_rows").get<int>(), compiled, eager,
      Gain(eager / compiled), result.at("difference").get<double>());
  text += fmt::format(
      "to use it, add to the model's options; its plugin may read it beside the weights, or as one "
      "of plugins.files:\n\n"
      "    compiled: {{file: {}, sha256: {}}}\n",
      json(file).dump(-1, ' ', false, json::error_handler_t::replace),
      result.at("sha256").get<std::string>());
  return PrintText(text);
}

ExitCode RunCompile(const Command& command, const CompileOptions& options) {
  const auto fail = [&command](const Failure& failure) {
    return Report(command, failure, json::object());
  };
  const Outcome<std::string> weights = WeightsOf(options);
  if (const auto* failure = std::get_if<Failure>(&weights)) return fail(*failure);
  CompileRun run;
  run.python = FindProgram(options.python);
  if (run.python.empty())
    return fail(Failure::Local(
        Status::NotFound(fmt::format("there is no Python {}", options.python),
                         fmt::format("--python names one that has PyTorch {} and diffusers",
                                     CompilerTorchVersion()))));
  const fs::path script = CompilerScript();
  if (std::error_code error; !fs::exists(script, error))
    return fail(Failure::Local(Status::NotFound(fmt::format("there is no {}", script.string()),
                                                "it is installed together with this command")));
  run.arguments = {script,     std::get<std::string>(weights),
                   "--torch",  std::string(CompilerTorchVersion()),
                   "--device", options.device,
                   "--dtype",  options.dtype,
                   "--rows",   std::to_string(options.rows),
                   "--layout", options.layout,
                   "--output", options.output};
  const std::string size = options.edge > 0 ? fmt::format("{0}x{0}", options.edge) : options.size;
  if (!size.empty()) run.arguments.insert(run.arguments.end(), {"--size", size});
  if (options.any_size) run.arguments.emplace_back("--any-size");
  run.on_progress = [&command](const std::string& stage) {
    if (!command.json) WriteError(Printable(stage) + " ...\n");
  };
  const Outcome<json> outcome = RunCompiler(run, command.interrupts);
  if (const auto* failure = std::get_if<Failure>(&outcome)) return fail(*failure);
  return Print(command, std::get<json>(outcome));
}

}  // namespace

void AddModelsCompileCommand(CLI::App* models, Command* command) {
  auto options = std::make_shared<CompileOptions>();
  CLI::App* compile = models->add_subcommand(
      "compile", "Compile a model's denoising network for this host, for the plugin sdxl");
  compile
      ->add_option("MODEL", options->model,
                   "A folder of diffusers, or the name of a model in the configuration")
      ->required();
  compile->add_option("--output,-o", options->output, "The package, FILE.pt2")->required();
  compile->add_option("--config", options->config, "The configuration that has the model")
      ->capture_default_str();
  compile->add_option("--device", options->device, "What it is to run on: cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  compile
      ->add_option("--dtype", options->dtype,
                   "As the model's option: auto is float32 on a CPU and float16 on a GPU")
      ->check(CLI::IsMember({"auto", "float32", "float16", "bfloat16"}))
      ->capture_default_str();
  CLI::Option* edge =
      compile->add_option("--edge", options->edge, "The edge of square pictures in pixels")
          ->check(CLI::Range(8, 4096));
  compile
      ->add_option("--size", options->size,
                   "HEIGHTxWIDTH of the pictures. Default: what the network was trained for")
      ->excludes(edge);
  compile->add_flag("--any-size", options->any_size,
                    "For pictures of any size, which may be slower; measured with that of --size");
  compile->add_option("--rows", options->rows, "The most rows of a run; guidance takes two")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  compile
      ->add_option("--layout", options->layout,
                   "Of the weights: auto is contiguous on a CPU, where they stay in their files, "
                   "and channels-last on a GPU")
      ->check(CLI::IsMember({"auto", "contiguous", "channels-last"}))
      ->capture_default_str();
  compile
      ->add_option(
          "--python", options->python,
          fmt::format("A Python that has PyTorch {} and diffusers", CompilerTorchVersion()))
      ->capture_default_str();
  compile->callback([command, options] {
    command->run = [command, options] { return RunCompile(*command, *options); };
  });
}

}  // namespace darkroom
