// SPDX-License-Identifier: Apache-2.0

#include "cli/hub/hub_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace darkroom {
namespace {

constexpr std::array<std::string_view, 5> kPickles = {".bin", ".pt", ".pth", ".ckpt", ".pkl"};
constexpr std::array<std::string_view, 3> kTexts = {".json", ".txt", ".model"};
// Folders with the same weights for other programs.
constexpr std::array<std::string_view, 8> kForeign = {"onnx/",   "openvino/", "flax/", "tf/",
                                                      "coreml/", "gguf/",     "mlx/",  "runs/"};
constexpr std::string_view kSafetensors = ".safetensors";
constexpr std::string_view kIndex = ".index.json";

template <typename Endings>
bool EndsWithAny(std::string_view text, const Endings& endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [text](std::string_view ending) { return text.ends_with(ending); });
}

bool IsForeign(std::string_view path) {
  return path.starts_with('.') || path.find("/.") != std::string_view::npos ||
         std::any_of(kForeign.begin(), kForeign.end(), [path](std::string_view folder) {
           return path.starts_with(folder) ||
                  path.find("/" + std::string(folder)) != std::string_view::npos;
         });
}

std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }
std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

bool IsLicence(std::string_view name) {
  return name.starts_with("LICENSE") || name.starts_with("LICENCE") || name.starts_with("NOTICE") ||
         name.starts_with("USE_POLICY");
}

// Weights, or the list of their parts.
bool IsWeights(std::string_view path, std::string_view ending) {
  return path.ends_with(ending) || path.ends_with(std::string(ending) + std::string(kIndex));
}

// What stands between "model" and ".safetensors" or "-00001-of-00002": "fp16" of
// "model.fp16.safetensors".
std::string VariantOf(std::string_view path) {
  std::string_view name = NameOf(path);
  if (name.ends_with(kIndex)) name.remove_suffix(kIndex.size());
  name = name.substr(0, name.rfind('.'));
  // Both orders are in use: model.fp16-00001-of-00002 and model-00001-of-00002.fp16.
  const size_t part = name.rfind("-of-");
  if (part != std::string_view::npos && part >= 6) {
    const std::string_view behind = name.substr(std::min(part + 9, name.size()));
    if (behind.starts_with('.')) return std::string(behind.substr(1));
    name = name.substr(0, part - 6);
  }
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? "" : std::string(name.substr(dot + 1));
}

// Of the weights of one folder those of the one variant that was asked for, or that there is.
std::set<std::string> ChooseVariant(const std::vector<std::string>& paths,
                                    const std::string& wanted) {
  std::map<std::string, std::set<std::string>> variants;
  for (const std::string& path : paths) variants[VariantOf(path)].insert(path);
  for (const std::string& name : {wanted, std::string(), std::string("fp16")}) {
    if (const auto found = variants.find(name); found != variants.end()) return found->second;
  }
  return variants.begin()->second;
}

class Chooser {
 public:
  Chooser(const std::vector<HubFile>& files, const HubChoice& choice)
      : files_(files),
        choice_(choice),
        // A pipeline's folders have the weights; a file beside them holds the same once more.
        pipeline_(std::any_of(files.begin(), files.end(), [](const HubFile& file) {
          return file.path == "model_index.json";
        })) {}

  Result<std::vector<HubFile>> Choose() {
    CollectWeights(kSafetensors);
    if (choice_.pickles) {
      for (const std::string_view ending : kPickles) CollectWeights(ending);
    }
    if (weights_.empty()) return NoWeights();
    std::set<std::string> kept;
    for (const auto& [folder, paths] : weights_) kept.merge(ChooseVariant(paths, choice_.variant));
    std::vector<HubFile> chosen;
    for (const HubFile& file : files_) {
      if (kept.contains(file.path) || (IsText(file.path) && !IsForeign(file.path)))
        chosen.push_back(file);
    }
    return chosen;
  }

 private:
  // A folder that has weights already does not need them in another form.
  void CollectWeights(std::string_view ending) {
    std::map<std::string, std::vector<std::string>> found;
    for (const HubFile& file : files_) {
      const std::string folder = FolderOf(file.path);
      if (!IsWeights(file.path, ending) || IsForeign(file.path) || weights_.contains(folder) ||
          (pipeline_ && folder.empty()))
        continue;
      found[folder].push_back(file.path);
    }
    weights_.merge(found);
  }

  static bool IsText(std::string_view path) {
    if (IsLicence(NameOf(path))) return true;
    return EndsWithAny(path, kTexts) && !path.ends_with(kIndex);
  }

  Status NoWeights() const {
    const auto pickle = std::find_if(files_.begin(), files_.end(), [](const HubFile& file) {
      return EndsWithAny(file.path, kPickles) && !IsForeign(file.path);
    });
    if (pickle == files_.end()) {
      return Status::FailedPrecondition("the repository has no weights that darkroom can read",
                                        "it needs *.safetensors");
    }
    return Status::FailedPrecondition(
        fmt::format("the weights are there only as pickles, such as {}: they run code in whoever "
                    "opens them, and none of darkroom's plugins does",
                    pickle->path),
        "look for a revision with *.safetensors (--revision refs/pr/N), or convert them on a "
        "machine that may be lost; --pickles takes them as they are");
  }

  const std::vector<HubFile>& files_;
  const HubChoice& choice_;
  const bool pipeline_;
  std::map<std::string, std::vector<std::string>> weights_;  // by folder
};

}  // namespace

bool IsRepository(std::string_view text) {
  const auto is_name = [](std::string_view name) {
    return !name.empty() && name.size() <= 96 && name != "." && name != ".." &&
           std::all_of(name.begin(), name.end(), [](char c) {
             return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    c == '-' || c == '_' || c == '.';
           });
  };
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  return is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

bool IsSafePath(std::string_view path) {
  if (path.empty() || path.size() > 1024) return false;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    if (std::any_of(part.begin(), part.end(),
                    [](char c) { return (c >= 0 && c < ' ') || c == 127 || c == '\\'; }))
      return false;
    start = end + 1;
  }
  return true;
}

Result<std::vector<HubFile>> ChooseFiles(const std::vector<HubFile>& files,
                                         const HubChoice& choice) {
  return Chooser(files, choice).Choose();
}

std::string PluginFor(std::string_view config_json, std::string_view model_index_json) {
  const auto field = [](std::string_view text, const char* name) -> std::string {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return {};
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
  };
  if (field(model_index_json, "_class_name").starts_with("StableDiffusionXL")) return "sdxl";
  const std::string type = field(config_json, "model_type");
  if (type == "clip" || type == "siglip" || type == "siglip2") return "clip";
  if (type == "blip" || type == "vision-encoder-decoder") return "caption";
  return {};
}

}  // namespace darkroom
