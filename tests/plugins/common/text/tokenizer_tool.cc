// SPDX-License-Identifier: Apache-2.0
//
// Runs a tokenizer on the lines of a file, for test_tokenizers.py to compare with transformers.
//
//   tokenizer_tool FOLDER INPUT OUTPUT [MAX_LENGTH [fill]]
//
// FOLDER holds the tokenizer's files. A line of INPUT is JSON: a text, or a list of numbers. OUTPUT
// has a line for each, JSON again: for a text {"ids", "bare"}, its numbers with and without their
// frame; for numbers {"text", "with_special"}, what they say. With "fill" it is {"ids"} alone,
// filled up to MAX_LENGTH.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/text/tokenizer_files.h"

namespace {

using Json = nlohmann::json;

void Run(int argc, char** argv) {
  if (argc < 4) throw std::runtime_error("usage: tokenizer_tool FOLDER INPUT OUTPUT ...");
  const auto tokenizer = darkroom::OpenTokenizer(argv[1]);
  const size_t most = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : static_cast<size_t>(-1);
  const bool fill = argc > 5;
  std::ifstream input(argv[2]);
  std::ofstream output(argv[3]);
  for (std::string line; std::getline(input, line);) {
    const Json json = Json::parse(line);
    Json answer;
    if (fill) {
      answer = {{"ids", tokenizer->EncodeFilled(json.get<std::string>(), most)}};
    } else if (json.is_string()) {
      const auto text = json.get<std::string>();
      answer = {{"ids", tokenizer->Encode(text, most)}, {"bare", tokenizer->EncodeBare(text)}};
    } else {
      const auto ids = json.get<std::vector<int64_t>>();
      answer = {{"text", tokenizer->Decode(ids)}, {"with_special", tokenizer->Decode(ids, true)}};
    }
    output << answer.dump() << '\n';
  }
  if (!output.flush()) throw std::runtime_error(std::string("cannot write ") + argv[3]);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tokenizer_tool: %s\n", error.what());
    return 1;
  }
}
