// SPDX-License-Identifier: Apache-2.0

#include "device/memory_book.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "core/json.h"

namespace darkroom {

MemoryBook::MemoryBook(std::filesystem::path file) : file_(std::move(file)) { Read(); }

uint64_t MemoryBook::NeedOf(const std::string& model, const std::string& what) const {
  const auto line = lines_.find(model);
  return line != lines_.end() && line->second.what == what ? line->second.bytes : 0;
}

void MemoryBook::Note(const std::string& model, const std::string& what, uint64_t bytes) {
  if (NeedOf(model, what) == bytes) return;
  lines_[model] = {what, bytes};
  Write();
}

void MemoryBook::Read() {
  std::ifstream in(file_);
  std::ostringstream text;
  text << in.rdbuf();
  try {
    const auto json = nlohmann::json::parse(text.str());
    for (const auto& [model, line] : json.items()) {
      lines_[model] = {line.at("what"), line.at("bytes")};
    }
  } catch (const nlohmann::json::exception&) {
    lines_.clear();
  }
}

void MemoryBook::Write() const {
  if (file_.empty()) return;
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [model, line] : lines_)
    json[model] = {{"what", line.what}, {"bytes", line.bytes}};
  // Whole or not at all: whoever is killed meanwhile leaves the old one.
  std::filesystem::path unfinished = file_;
  unfinished += ".new";
  std::error_code error;
  std::filesystem::create_directories(file_.parent_path(), error);
  if (std::ofstream out(unfinished); !(out << WriteJson(json) << '\n' << std::flush)) return;
  std::filesystem::rename(unfinished, file_, error);
}

}  // namespace darkroom
