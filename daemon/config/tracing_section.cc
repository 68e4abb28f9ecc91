// SPDX-License-Identifier: Apache-2.0

#include "config/tracing_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "config/parse_whole.h"

namespace darkroom {
namespace {

// What collectors add to the URL that they are given by (OpenTelemetry's OTLP/HTTP).
constexpr const char* kSpansPath = "/v1/traces";

// Takes "http://host:port/path" apart. An error says what is wrong with it, without the URL.
Status Split(const std::string& url, TracingConfig* tracing) {
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with("https://")) {
    return Status::InvalidArgument(
        "must begin with http://: this version does not speak TLS to collectors",
        "send to a collector on this host, which can send on by https");
  }
  if (!url.starts_with(kScheme)) return Status::InvalidArgument("must begin with http://");
  const size_t slash = std::min(url.find('/', kScheme.size()), url.size());
  std::string host = url.substr(kScheme.size(), slash - kScheme.size());
  std::string path = url.substr(slash);
  if (host.find('@') != std::string::npos) {
    return Status::InvalidArgument("must not hold a user or a password",
                                   "put an Authorization header into tracing.headers_file");
  }
  const size_t colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    uint64_t port = 0;
    if (!ParseWhole(host.substr(colon + 1), &port) || port == 0 || port > 65535) {
      return Status::InvalidArgument("must have a port from 1 to 65535 behind its colon");
    }
    tracing->port = std::to_string(port);
    host.resize(colon);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);  // an IPv6 address
  }
  const bool plain = std::all_of(path.begin(), path.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7F && c != '?' && c != '#';
  });
  if (host.empty() || !plain || host.find_first_of(" []?#%") != std::string::npos) {
    return Status::InvalidArgument("must be a URL", "write it as http://127.0.0.1:4318");
  }
  while (path.ends_with('/')) path.pop_back();
  if (!path.ends_with(kSpansPath)) path += kSpansPath;
  tracing->host = std::move(host);
  tracing->path = std::move(path);
  return Status::Ok();
}

}  // namespace

void ReadTracingSection(YamlReader* reader, TracingConfig* tracing) {
  const YamlNode endpoint = reader->Child("endpoint");
  std::filesystem::path headers;
  uint64_t queue = tracing->queue;
  reader->String("endpoint", &tracing->endpoint);
  reader->Number("ratio", 0, 1, &tracing->ratio);
  reader->Path("headers_file", &headers);
  reader->Integer("queue", 100, 1'000'000, &queue);
  reader->Duration("timeout", &tracing->timeout);
  const YamlNode timeout = reader->Child("timeout");
  reader->Finish();
  tracing->headers_file = headers.string();
  tracing->queue = static_cast<uint32_t>(queue);
  if (tracing->timeout.count() == 0) {
    reader->Complain(timeout, "tracing.timeout must be more than 0ms");
  }
  if (!endpoint.IsScalar()) return;
  const Status status = Split(tracing->endpoint, tracing);
  if (status.ok()) return;
  const std::string hint = status.hint().empty() ? "" : fmt::format(" ({})", status.hint());
  // Not the URL itself: it may hold a password, just where it must not.
  reader->Complain(endpoint, fmt::format("tracing.endpoint: {}{}", status.message(), hint));
}

}  // namespace darkroom
