// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace darkroom {
namespace {

std::string Reason() { return std::generic_category().message(errno); }

bool IsBlank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

Status CannotRead(const std::string& path) {
  const int error = errno;
  std::string message = fmt::format("cannot read '{}': {}", path, Reason());
  if (error == EACCES || error == EPERM) return {Code::kUnauthorized, std::move(message)};
  return Status::NotFound(std::move(message));
}

}  // namespace

Result<std::unique_ptr<BatchFile>> BatchFile::Open(const std::string& path,
                                                   BatchDefaults defaults) {
  std::unique_ptr<BatchFile> batch(new BatchFile(std::move(defaults)));
  if (path != "-") {
    batch->file_.reset(std::fopen(path.c_str(), "rbe"));
    if (batch->file_ == nullptr) return CannotRead(path);
  } else {
    // Lines are read twice, and a pipe only once.
    batch->file_.reset(std::tmpfile());
    if (batch->file_ == nullptr) {
      return Status::Internal("cannot make a temporary file: " + Reason());
    }
    std::array<char, 65536> buffer{};
    while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
      if (std::fwrite(buffer.data(), 1, got, batch->file_.get()) != got) {
        return Status::Internal("cannot keep standard input: " + Reason());
      }
    }
    std::rewind(batch->file_.get());
  }
  Status status = batch->ReadThrough(path);
  if (!status.ok()) return status;
  return batch;
}

bool BatchFile::NextLine(std::string* line) {
  char* raw = nullptr;
  size_t size = 0;
  const ssize_t length = getline(&raw, &size, file_.get());
  if (length >= 0) line->assign(raw, static_cast<size_t>(length));
  std::free(raw);
  if (length < 0) return false;
  while (!line->empty() && (line->back() == '\n' || line->back() == '\r')) line->pop_back();
  return true;
}

Status BatchFile::ReadThrough(const std::string& path) {
  std::string line;
  int64_t offset = 0;
  for (uint64_t number = 1; NextLine(&line); ++number) {
    Status status = IsBlank(line) ? Status::Ok() : Add(line, number, offset);
    if (!status.ok()) return status.Annotated(fmt::format("{}, line {}", path, number));
    offset = ftello(file_.get());
  }
  if (std::ferror(file_.get()) != 0) return CannotRead(path);
  return {};
}

Status BatchFile::Add(const std::string& text, uint64_t number, int64_t offset) {
  const Result<BatchLine> line = ParseBatchLine(text, number, defaults_);
  if (!line.ok()) return line.status();
  for (const InputArgument& input : line->inputs) {
    // Nobody should learn of a misspelt path after hours of work.
    if (input.source == InputArgument::Source::kFile && access(input.value.c_str(), R_OK) != 0) {
      return CannotRead(input.value);
    }
  }
  const auto [place, fresh] = by_id_.try_emplace(line->job.id, entries_.size());
  if (!fresh) {
    return Status::InvalidArgument(fmt::format("the id '{}' is that of line {}, too", line->job.id,
                                               entries_[place->second].number));
  }
  models_.emplace(line->job.job_class, line->job.model);
  entries_.push_back({offset, number, line->job.id});
  return {};
}

int64_t BatchFile::Find(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? -1 : static_cast<int64_t>(found->second);
}

Result<BatchLine> BatchFile::Read(const Entry& entry) {
  std::string text;
  if (fseeko(file_.get(), entry.offset, SEEK_SET) != 0 || !NextLine(&text)) {
    return Status::Internal("the file was changed meanwhile");
  }
  Result<BatchLine> line = ParseBatchLine(text, entry.number, defaults_);
  if (line.ok() && line->job.id != entry.id) {
    return Status::Internal("the file was changed meanwhile");
  }
  return line;
}

}  // namespace darkroom
