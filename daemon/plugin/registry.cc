// SPDX-License-Identifier: Apache-2.0

#include "plugin/registry.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/suggest.h"
#include "plugin/elf_file.h"
#include "plugin/manifest.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// Words about a copy are of no use to people, who know the file that it is a copy of.
Status AboutSource(const Status& status, const PluginFile& plugin) {
  std::string words = status.message();
  if (words.rfind(plugin.path, 0) == 0) words.replace(0, plugin.path.size(), plugin.source);
  return {status.code(), std::move(words), status.hint()};
}

}  // namespace

Result<PluginFile> ReadPluginFile(const std::string& path,
                                  const std::vector<std::string>& library_folders,
                                  const std::string& source) {
  std::error_code error;
  PluginFile plugin;
  plugin.path = fs::absolute(path, error).lexically_normal().string();
  if (error)
    return Status::InvalidArgument("cannot make " + path + " absolute: " + error.message());
  plugin.source = source.empty() ? plugin.path : source;

  Result<ElfFile> file = ElfFile::Open(plugin.path);
  if (!file.ok()) return AboutSource(file.status(), plugin);
  Result<Manifest> manifest = ReadManifest(*file);
  if (!manifest.ok()) return manifest.status().Annotated(plugin.source);
  plugin.info = std::move(manifest->info);
  plugin.manifest_json = std::move(manifest->json);

  Result<PreflightReport> report = Preflight(*file, plugin.source, plugin.info, library_folders);
  if (!report.ok()) return report.status();
  plugin.report = *std::move(report);
  if (Status status = plugin.report.ToStatus(); !status.ok()) {
    return status.Annotated(plugin.source);
  }

  Result<std::string> digest = file->Digest();
  if (!digest.ok()) return digest.status().Annotated(plugin.source);
  plugin.sha256 = *std::move(digest);
  return plugin;
}

std::vector<std::string> PluginIdsIn(const std::string& folder) {
  std::vector<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".so") ids.push_back(entry->path().stem().string());
  }
  return ids;
}

Status NoPluginIn(const std::string& folder, const std::string& id) {
  const std::string nearest = Nearest(id, PluginIdsIn(folder));
  return Status::NotFound("there is no plugin \"" + id + "\": " +
                              (fs::path(folder) / (id + ".so")).string() + " does not exist",
                          nearest.empty() ? "" : "did you mean \"" + nearest + "\"?");
}

PluginRegistry::PluginRegistry(std::string folder, std::vector<std::string> library_folders)
    : folder_(std::move(folder)), library_folders_(std::move(library_folders)) {}

Result<std::shared_ptr<const PluginFile>> PluginRegistry::Find(const std::string& id_or_path) {
  if (const auto found = known_.find(id_or_path); found != known_.end()) return found->second;

  const bool is_path = id_or_path.find('/') != std::string::npos;
  const std::string path =
      is_path ? id_or_path : (fs::path(folder_) / (id_or_path + ".so")).string();
  Result<PluginFile> file = ReadPluginFile(path, library_folders_);
  if (!file.ok()) {
    if (is_path || file.status().code() != Code::kNotFound) return file.status();
    return NoPluginIn(folder_, id_or_path);
  }
  if (!is_path && file->info.id != id_or_path) {
    return Status::FailedPrecondition(path + " says that its id is \"" + file->info.id + "\"",
                                      "name the file " + file->info.id + ".so");
  }
  auto shared = std::make_shared<const PluginFile>(*std::move(file));
  known_.emplace(id_or_path, shared);
  return shared;
}

std::vector<std::shared_ptr<const PluginFile>> PluginRegistry::Known() const {
  std::map<std::string, std::shared_ptr<const PluginFile>> by_id;
  for (const auto& [asked, file] : known_) by_id.emplace(file->info.id, file);
  std::vector<std::shared_ptr<const PluginFile>> files;
  for (auto& [id, file] : by_id) files.push_back(std::move(file));
  return files;
}

}  // namespace darkroom
