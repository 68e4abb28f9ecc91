// SPDX-License-Identifier: Apache-2.0

#include "cli/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <system_error>

#include "cli/text.h"
#include "core/units.h"

namespace darkroom {
namespace {

// Nobody need read a film into memory to learn that it is too large.
constexpr size_t kMostBytes = size_t{1} << 30;

// The length of the name in "name=...", or 0.
size_t NameLength(std::string_view argument) {
  size_t length = 0;
  for (const char c : argument) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = (c >= '0' && c <= '9') || c == '-';
    if (c == '=') return length;
    if (!letter && !(digit && length > 0)) return 0;
    ++length;
  }
  return 0;
}

InputArgument FromPath(std::string name, std::string_view path) {
  if (path == "-") return {std::move(name), InputArgument::Source::kStandardInput, {}};
  return {std::move(name), InputArgument::Source::kFile, std::string(path)};
}

InputArgument Parse(std::string_view argument) {
  if (const size_t length = NameLength(argument); length > 0) {
    std::string name(argument.substr(0, length));
    const std::string_view value = argument.substr(length + 1);
    if (value.starts_with('@')) return FromPath(std::move(name), value.substr(1));
    return {std::move(name), InputArgument::Source::kText, std::string(value)};
  }
  return FromPath({}, argument.starts_with('@') ? argument.substr(1) : argument);
}

std::string Reason() { return std::generic_category().message(errno); }

// Owns a descriptor; standard input is left open.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number > STDERR_FILENO) close(number);
  }
};

Result<std::string> ReadAll(int descriptor, const std::string& what) {
  struct stat info {};
  const bool regular = fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
  const auto too_large = [&] {
    return Status{Code::kTooLarge,
                  fmt::format("{} is larger than {}, the most that one input may have", what,
                              FormatSize(kMostBytes)),
                  "send a smaller file"};
  };
  if (regular && static_cast<uint64_t>(info.st_size) > kMostBytes) return too_large();
  std::string data;
  // One byte more than the file has, so that its end is seen without growing the string.
  data.resize(regular ? static_cast<size_t>(info.st_size) + 1 : size_t{1} << 16);
  size_t used = 0;
  while (true) {
    if (used == data.size()) data.resize(data.size() * 2);
    const ssize_t got = read(descriptor, data.data() + used, data.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::NotFound(fmt::format("cannot read {}: {}", what, Reason()));
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > kMostBytes) return too_large();
  }
  data.resize(used);
  return data;
}

}  // namespace

Result<std::vector<InputArgument>> ParseInputs(const std::vector<std::string>& arguments) {
  std::vector<InputArgument> inputs;
  std::set<std::string> names;
  bool reads_standard_input = false;
  for (const std::string& text : arguments) {
    InputArgument input = Parse(text);
    if (input.source == InputArgument::Source::kFile && input.value.empty()) {
      return Status::InvalidArgument(fmt::format("-i '{}' names no file", text));
    }
    if (!names.insert(input.name).second) {
      return input.name.empty()
                 ? Status::InvalidArgument("-i is given twice without a name",
                                           "name the further inputs: -i mask=@mask.png")
                 : Status::InvalidArgument(fmt::format("input '{}' is given twice", input.name));
    }
    if (input.source == InputArgument::Source::kStandardInput) {
      if (reads_standard_input) {
        return Status::InvalidArgument("two inputs are to be read from standard input");
      }
      reads_standard_input = true;
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Result<Input> ReadInput(const InputArgument& argument) {
  Input input;
  input.name = argument.name;
  if (argument.source == InputArgument::Source::kText) {
    if (!IsUtf8(argument.value)) {
      return Status::InvalidArgument(
          fmt::format("the text of input '{}' is not UTF-8", argument.name),
          "give bytes as a file: -i name=@FILE");
    }
    input.is_text = true;
    input.data = argument.value;
    return input;
  }
  const bool standard = argument.source == InputArgument::Source::kStandardInput;
  const std::string what = standard ? "standard input" : "'" + argument.value + "'";
  const Descriptor file{standard ? STDIN_FILENO
                                 : open(argument.value.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) {
    const int error = errno;
    std::string message = fmt::format("cannot read {}: {}", what, Reason());
    if (error == EACCES || error == EPERM) return Status{Code::kUnauthorized, std::move(message)};
    return Status::NotFound(std::move(message));
  }
  Result<std::string> data = ReadAll(file.number, what);
  if (!data.ok()) return data.status();
  if (!standard) input.path = argument.value;
  input.data = *std::move(data);
  return input;
}

}  // namespace darkroom
