// SPDX-License-Identifier: Apache-2.0
//
// ConfigFileTest writes configuration files into a folder of its own and has them read.

#ifndef DARKROOM_TESTS_CONFIG_CONFIG_FILE_H_
#define DARKROOM_TESTS_CONFIG_CONFIG_FILE_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/load.h"

namespace darkroom {

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "darkroom-config-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigFileTest() override { std::filesystem::remove_all(folder_); }

  LoadedConfig LoadFile(const std::string& yaml) {
    std::ofstream(folder_ / "darkroom.yaml") << yaml;
    return LoadConfig(folder_ / "darkroom.yaml");
  }
  // Of a file that must be right.
  Config ReadFile(const std::string& yaml) {
    LoadedConfig loaded = LoadFile(yaml);
    for (const ConfigIssue& issue : loaded.issues) ADD_FAILURE() << issue.ToString();
    return loaded.config ? *loaded.config : Config{};
  }
  // What is said of a wrong one, without the folder.
  std::vector<std::string> IssuesOf(const std::string& yaml) {
    const LoadedConfig loaded = LoadFile(yaml);
    EXPECT_FALSE(loaded.config);
    std::vector<std::string> all;
    for (const ConfigIssue& issue : loaded.issues) {
      all.push_back(issue.ToString().substr(folder_.string().size() + 1));
    }
    return all;
  }

  std::filesystem::path folder_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_CONFIG_CONFIG_FILE_H_
