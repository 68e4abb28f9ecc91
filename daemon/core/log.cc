// SPDX-License-Identifier: Apache-2.0

#include "core/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace darkroom {
namespace {

// systemd sets $JOURNAL_STREAM to the device and inode of the stream that it gave us; only if
// standard error still is that stream does the journal read our prefixes (systemd.exec(5)).
bool StderrIsJournal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (stream == nullptr || fstat(STDERR_FILENO, &info) != 0) return false;
  return stream == fmt::format("{}:{}", info.st_dev, info.st_ino);
}

// %* in a pattern: the syslog priority as sd-daemon(3) wants it in front of a line.
class PriorityFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const char* prefix = message.level >= spdlog::level::err    ? "<3>"
                         : message.level == spdlog::level::warn ? "<4>"
                         : message.level == spdlog::level::info ? "<6>"
                                                                : "<7>";
    out.append(prefix, prefix + 3);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

// %* in a pattern: the message as a JSON string with its quotes.
class JsonMessageFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text =
        nlohmann::json(std::string(message.payload.data(), message.payload.size()))
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessageFlag>();
  }
};

template <typename Flag>
std::unique_ptr<spdlog::formatter> Pattern(const char* pattern) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Flag>('*').set_pattern(pattern);
  return formatter;
}

}  // namespace

Result<std::shared_ptr<Logger>> MakeLogger(const std::string& level, LogFormat format) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off) {
    return Status::InvalidArgument(fmt::format("'{}' is not a log level", level),
                                   "use debug, info, warning or error");
  }
  const bool journal = format == LogFormat::kAuto && StderrIsJournal();
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (format != LogFormat::kJson && !journal && isatty(STDERR_FILENO) == 1) {
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  auto logger = std::make_shared<Logger>("darkroomd", sink);
  if (journal) {
    logger->set_formatter(Pattern<PriorityFlag>("%*%v"));
  } else if (format == LogFormat::kJson) {
    logger->set_formatter(
        Pattern<JsonMessageFlag>(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})"));
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
  }
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  return logger;
}

}  // namespace darkroom
