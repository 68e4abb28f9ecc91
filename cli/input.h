// SPDX-License-Identifier: Apache-2.0
//
// Inputs of a request as they are written on the command line:
//
//     -i photo.jpg         the file is the model's first input
//     -i -                 standard input is
//     -i mask=@mask.png    the file is the input `mask`
//     -i mask=@-           standard input is
//     -i prompt=a red cat  the text is the input `prompt`
//
// What begins with a name and "=" is always read as the last three; a file with such a name is
// given as ./name=x.
//
// Pure, save ReadInput, which blocks while it reads. One thread.

#ifndef DARKROOM_CLI_INPUT_H_
#define DARKROOM_CLI_INPUT_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom {

struct InputArgument {
  enum class Source { kFile, kStandardInput, kText };

  std::string name;  // empty: the model's first input
  Source source = Source::kFile;
  std::string value;  // the path, or the text
};

// An input with its bytes.
struct Input {
  std::string name;  // empty: the model's first input
  bool is_text = false;
  std::string path;  // empty: text, or standard input
  std::string data;
};

// Checks the arguments together: no name twice, one unnamed at most, standard input once at most.
Result<std::vector<InputArgument>> ParseInputs(const std::vector<std::string>& arguments);

Result<Input> ReadInput(const InputArgument& argument);

}  // namespace darkroom

#endif  // DARKROOM_CLI_INPUT_H_
