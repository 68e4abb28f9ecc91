// SPDX-License-Identifier: Apache-2.0

#include "plugin/preflight.h"

#include <darkroom/plugin.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// Where the system's loader looks last. Its cache knows more places, so a library that is not found
// here is noted and not held against the plugin: opening it will tell.
constexpr std::string_view kSystemFolders =
    "/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib"
#if defined(__x86_64__)
    ":/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu";
#else
    ":/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu";
#endif

void AddFolders(std::string_view list, const std::string& origin, std::vector<std::string>* out) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(':'), list.size());
    std::string folder(list.substr(0, end));
    for (const std::string_view word : {"$ORIGIN", "${ORIGIN}"}) {
      if (folder.starts_with(word)) folder.replace(0, word.size(), origin);
    }
    if (!folder.empty()) out->push_back(std::move(folder));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

bool IsFound(const std::string& library, const std::vector<std::string>& folders) {
  std::error_code ignored;
  if (library.find('/') != std::string::npos) return fs::exists(library, ignored);
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return fs::exists(fs::path(folder) / library, ignored);
  });
}

std::string Joined(const std::vector<std::string>& words, size_t most) {
  std::string text;
  for (size_t i = 0; i < words.size() && i < most; ++i)
    text.append(i == 0 ? "" : ", ").append(words[i]);
  if (words.size() > most) text += " and " + std::to_string(words.size() - most) + " more";
  return text;
}

void CheckSymbols(const std::vector<ElfFile::Symbol>& symbols, const ModelInfo& info,
                  PreflightReport* report) {
  bool has_entry = false;
  std::vector<std::string> others;
  for (const ElfFile::Symbol& symbol : symbols) {
    if (symbol.unique) ++report->unique_symbols;
    // The constructor of torch::Library, which TORCH_LIBRARY calls from a static object.
    if (!symbol.defined && symbol.name.starts_with("_ZN5torch7Library")) {
      report->registers_torch_library = true;
    }
    if (!symbol.exported) continue;
    report->exported.push_back(symbol.name);
    if (symbol.name == DR_ENTRY_SYMBOL) {
      has_entry = true;
    } else {
      others.push_back(symbol.name);
    }
  }
  if (!has_entry) report->refusals.push_back("it does not export " DR_ENTRY_SYMBOL);
  if (report->unique_symbols > 0) {
    report->residents.push_back("it has " + std::to_string(report->unique_symbols) +
                                " unique symbols (STB_GNU_UNIQUE)");
  }
  if (!others.empty()) {
    report->residents.push_back("it exports more than its entry: " + Joined(others, 3));
  }
  if (report->registers_torch_library) {
    report->residents.push_back("it registers operators with TORCH_LIBRARY, once a process");
  }
  if (info.resident) report->residents.push_back("its manifest says so");
}

}  // namespace

Status PreflightReport::ToStatus() const {
  if (verdict != Verdict::kRefuse) return Status::Ok();
  return Status::FailedPrecondition("the plugin is refused: " + Joined(refusals, refusals.size()),
                                    "build it with darkroom_add_plugin()");
}

Result<PreflightReport> Preflight(const ElfFile& file, const std::string& path,
                                  const ModelInfo& info,
                                  const std::vector<std::string>& library_folders) {
  PreflightReport report;
  Result<std::vector<ElfFile::Symbol>> symbols = file.ReadSymbols();
  if (!symbols.ok()) return symbols.status().Annotated(path);
  CheckSymbols(*symbols, info, &report);

  Result<ElfFile::Dynamic> dynamic = file.ReadDynamic();
  if (!dynamic.ok()) return dynamic.status().Annotated(path);
  if (dynamic->no_delete) report.residents.push_back("it was linked with -z nodelete");
  report.needed = std::move(dynamic->needed);

  AddFolders(dynamic->run_path, fs::path(path).parent_path().string(), &report.run_path);
  std::vector<std::string> folders = library_folders;
  folders.insert(folders.end(), report.run_path.begin(), report.run_path.end());
  if (const char* extra = std::getenv("LD_LIBRARY_PATH"); extra != nullptr) {
    AddFolders(extra, "", &folders);
  }
  AddFolders(kSystemFolders, "", &folders);
  for (const std::string& library : report.needed) {
    if (IsFound(library, folders)) continue;
    report.missing.push_back(library);
    report.notes.push_back("it needs " + library + ", which was not found in the usual folders");
  }

  report.thread_locals = file.HasThreadLocals();
  if (report.thread_locals) {
    report.notes.push_back(
        "it has thread-local variables: threads that used them must end before it closes");
  }
  if (!report.refusals.empty()) {
    report.verdict = Verdict::kRefuse;
  } else if (!report.residents.empty()) {
    report.verdict = Verdict::kResident;
  }
  return report;
}

}  // namespace darkroom
