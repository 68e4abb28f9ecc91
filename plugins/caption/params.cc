// SPDX-License-Identifier: Apache-2.0

#include "caption/params.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>

#include "common/nn/placement.h"
#include "common/quoted.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMostTokens = 4096;
constexpr int64_t kMostBeams = 64;

[[noreturn]] void RefuseOption(const std::string& what) {
  throw Error(DR_INVALID_ARGUMENT, "options of the model: " + what);
}

[[noreturn]] void RefuseParam(const std::string& what) { throw Error(DR_INVALID_ARGUMENT, what); }

int64_t IntegerOption(const std::string& name, const Json& value, int64_t most) {
  if (!value.is_number_integer() || value < 1 || value > most)
    RefuseOption(name + " is " + value.dump() + ", expected an integer from 1 to " +
                 std::to_string(most));
  return value.get<int64_t>();
}

std::string TextOption(const std::string& name, const Json& value) {
  if (!value.is_string()) RefuseOption(name + " is " + value.dump() + ", expected a text");
  return value.get<std::string>();
}

std::string Names(const std::map<std::string, std::string>& templates) {
  std::string names;
  for (const auto& [name, text] : templates) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

std::string PromptOf(const Json& params, const CaptionOptions& options) {
  const std::string prompt = params.value("prompt", "");
  if (!params.contains("template")) return prompt;
  if (!prompt.empty())
    RefuseParam("prompt and template do not go together: a template is a prompt with a name");
  const std::string name = params["template"].get<std::string>();
  const auto found = options.templates.find(name);
  if (found == options.templates.end())
    RefuseParam("template is " + Quoted(name) + "; this model has " + Names(options.templates));
  return found->second;
}

}  // namespace

CaptionOptions ParseCaptionOptions(std::string_view config) {
  const Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) throw Error(DR_INVALID_ARGUMENT, "the configuration is no JSON object");
  CaptionOptions options;
  const Json given = json.value("options", Json::object());
  if (!given.is_object()) RefuseOption("they are no mapping");
  for (const auto& [name, value] : given.items()) {
    if (name == "threads") {
      options.threads = static_cast<int>(IntegerOption(name, value, 1024));
    } else if (name == "max_new_tokens") {
      options.max_new_tokens = IntegerOption(name, value, kMostTokens);
    } else if (name == "max_beams") {
      options.max_beams = IntegerOption(name, value, kMostBeams);
    } else if (name == "dtype") {
      options.dtype = TextOption(name, value);
    } else if (name == "engine") {
      options.engine = TextOption(name, value);
    } else if (name == "templates") {
      if (!value.is_object()) RefuseOption("templates is no mapping from names to texts");
      for (const auto& [key, text] : value.items())
        options.templates[key] = TextOption("templates." + key, text);
    } else {
      RefuseOption("'" + name +
                   "' is unknown; there are dtype, engine, max_beams, max_new_tokens, templates, "
                   "threads");
    }
  }
  // Names that nobody knows are told now, and what suits the device when it is known. Engines that
  // round activations by the batch are none for us: a text would depend on its neighbours.
  nn::ChooseDtype(options.dtype, at::kCPU);
  if (options.engine != "auto" && options.engine != "packed" && options.engine != "aten")
    RefuseOption("engine is " + Quoted(options.engine) + ", expected auto, packed or aten");
  return options;
}

CaptionParams ParseCaptionParams(std::string_view params, const CaptionOptions& options,
                                 const GenerationSettings& defaults) {
  const Json json = Json::parse(params);
  CaptionParams out;
  out.prompt = PromptOf(json, options);
  out.json = json.value("format", "text") == "json";
  out.max_words = json.value("max_words", int64_t{0});
  out.stop = json.value("stop", std::vector<std::string>());

  GenerationSettings& settings = out.settings;
  settings = defaults;
  if (settings.max_new_tokens < 1) settings.max_new_tokens = options.max_new_tokens;
  settings.max_new_tokens = std::min(settings.max_new_tokens, options.max_new_tokens);
  settings.max_new_tokens = json.value("max_new_tokens", settings.max_new_tokens);
  if (settings.max_new_tokens > options.max_new_tokens)
    RefuseParam("max_new_tokens is " + std::to_string(settings.max_new_tokens) +
                ", this model allows " + std::to_string(options.max_new_tokens));
  settings.sample = json.value("sample", settings.sample);
  // Who asks for samples and not for beams wants none, whatever the model's default.
  if (settings.sample && json.contains("sample")) settings.beams = 1;
  settings.beams = json.value("beams", settings.beams);
  if (settings.beams > options.max_beams)
    RefuseParam("beams is " + std::to_string(settings.beams) + ", this model allows " +
                std::to_string(options.max_beams));
  settings.length_penalty = json.value("length_penalty", settings.length_penalty);
  if (json.contains("early_stopping")) {
    const Json& early = json["early_stopping"];
    settings.early_stopping = early == true    ? EarlyStopping::kWhenFull
                              : early == false ? EarlyStopping::kWhenUnlikely
                                               : EarlyStopping::kNever;
  }
  settings.seed = json.value("seed", settings.seed);
  settings.temperature = json.value("temperature", settings.temperature);
  settings.top_k = json.value("top_k", settings.top_k);
  settings.top_p = json.value("top_p", settings.top_p);
  settings.repetition_penalty = json.value("repetition_penalty", settings.repetition_penalty);
  settings.no_repeat_ngram_size = json.value("no_repeat_ngram_size", settings.no_repeat_ngram_size);
  CheckSettings(settings);
  return out;
}

std::string CaptionJson(const std::string& text, double confidence) {
  const Json json = {{"alt_text", text}, {"confidence", confidence}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace darkroom
