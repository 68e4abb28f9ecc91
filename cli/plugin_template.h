// SPDX-License-Identifier: Apache-2.0
//
// The beginning of somebody's plugin: the files of plugin-api/template/, which this program brings
// with it, under the plugin's own name.

#ifndef DARKROOM_CLI_PLUGIN_TEMPLATE_H_
#define DARKROOM_CLI_PLUGIN_TEMPLATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom {

struct TemplateFile {
  std::string_view name;
  std::string_view text;
};

// As they lie in the tree; plugin and class have the names of the template. Made when CMake runs.
const std::vector<TemplateFile>& PluginTemplate();

// "sharp-er" -> "SharpEr"
std::string ClassName(std::string_view plugin);

// The template's text for the plugin of that name.
std::string ForPlugin(std::string_view text, std::string_view plugin);

// Writes all files into `folder`, which is made if it is not there, and returns their names. A name
// that is none, and a folder that holds something already, are refused before anything is written.
Result<std::vector<std::string>> WritePluginTemplate(const std::string& plugin,
                                                     const std::string& folder);

}  // namespace darkroom

#endif  // DARKROOM_CLI_PLUGIN_TEMPLATE_H_
