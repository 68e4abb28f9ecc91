// SPDX-License-Identifier: Apache-2.0
//
// BatchFile is the file of `darkroom batch`: read through once, so that what is wrong is told
// before anything is sent, and then line by line as jobs are submitted. Of each line only its place
// and its job's id are kept.
//
// One thread.

#ifndef DARKROOM_CLI_BATCH_FILE_H_
#define DARKROOM_CLI_BATCH_FILE_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cli/batch_line.h"
#include "core/status.h"

namespace darkroom {

class BatchFile {
 public:
  struct Entry {
    int64_t offset = 0;
    uint64_t number = 0;  // of the line, from 1
    std::string id;
  };

  // "-" is standard input, which is copied aside. Wrong lines, ids that are there twice and inputs
  // that cannot be read are errors, which name the line.
  static Result<std::unique_ptr<BatchFile>> Open(const std::string& path, BatchDefaults defaults);

  const std::vector<Entry>& entries() const { return entries_; }
  // Which models of which classes its jobs are for.
  const std::set<std::pair<std::string, std::string>>& models() const { return models_; }
  // The entry of that id, or -1.
  int64_t Find(const std::string& id) const;
  Result<BatchLine> Read(const Entry& entry);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  explicit BatchFile(BatchDefaults defaults) : defaults_(std::move(defaults)) {}
  Status ReadThrough(const std::string& path);
  Status Add(const std::string& text, uint64_t number, int64_t offset);
  // One line without its end. False: there is none.
  bool NextLine(std::string* line);

  const BatchDefaults defaults_;
  std::unique_ptr<std::FILE, Close> file_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> by_id_;
  std::set<std::pair<std::string, std::string>> models_;  // class and model
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_BATCH_FILE_H_
