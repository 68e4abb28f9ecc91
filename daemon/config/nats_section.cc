// SPDX-License-Identifier: Apache-2.0

#include "config/nats_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/redact.h"
#include "core/subject.h"

namespace darkroom {
namespace {

void ReadFile(YamlReader* reader, const YamlNode& node, NatsLogin::File* file) {
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsScalar() || node.Scalar().empty()) {
    reader->Complain(node, fmt::format("{}: this must be the path of a file", reader->where()));
    return;
  }
  file->path = YamlReader::Resolve(node, node.Scalar()).string();
  const YamlPlace& place = node.place();
  file->where = fmt::format("{}:{}:{}", place.file->string(), place.line, place.column);
}

void ReadUrls(YamlReader* reader, const YamlNode& url, NatsConfig* nats) {
  if (!url.IsDefined()) return;
  const auto is_url = [](const YamlNode& one) { return one.IsScalar() && !one.Scalar().empty(); };
  const std::vector<YamlNode>& urls = url.items();
  if (url.IsNull()) return;
  if (is_url(url)) {
    nats->urls = {url.Scalar()};
  } else if (!urls.empty() && std::all_of(urls.begin(), urls.end(), is_url)) {
    nats->urls.clear();
    for (const YamlNode& one : urls) nats->urls.push_back(one.Scalar());
  } else {
    reader->Complain(url, "nats.url must be a server's URL or a list of them");
    return;
  }
  for (const std::string& one : nats->urls) {
    const std::string scheme = one.substr(0, one.find("://"));
    if (scheme == "tls") nats->login.tls = true;
    if (scheme == "tls" || scheme == "nats" || scheme == one) continue;
    reader->Complain(
        url, fmt::format("nats.url '{}' must begin with nats:// or tls://", WithoutSecrets(one)));
  }
}

void ReadTls(YamlReader* parent, NatsLogin* login, std::vector<ConfigIssue>* issues) {
  const YamlNode node = parent->Child("tls");
  if (!node.IsDefined()) return;
  login->tls = true;
  YamlReader reader(node, "nats.tls", issues);
  ReadFile(&reader, reader.Child("ca"), &login->ca);
  ReadFile(&reader, reader.Child("cert"), &login->certificate);
  ReadFile(&reader, reader.Child("key"), &login->key);
  reader.Finish();
  if (login->certificate.path.empty() != login->key.path.empty()) {
    parent->Complain(node, "nats.tls.cert and nats.tls.key go together: name both, or none");
  }
}

void ReadLogin(YamlReader* reader, const YamlNode& section, NatsLogin* login,
               std::vector<ConfigIssue>* issues) {
  ReadFile(reader, reader->Child("creds"), &login->creds);
  ReadFile(reader, reader->Child("nkey"), &login->nkey);
  ReadFile(reader, reader->Child("token_file"), &login->token);
  ReadFile(reader, reader->Child("password_file"), &login->password);
  reader->String("user", &login->user);
  ReadTls(reader, login, issues);
  std::string ways;
  int count = 0;
  for (const auto& [name, given] : {std::pair("creds", !login->creds.path.empty()),
                                    std::pair("nkey", !login->nkey.path.empty()),
                                    std::pair("token_file", !login->token.path.empty()),
                                    std::pair("user", !login->user.empty())}) {
    if (!given) continue;
    ways += fmt::format("{}nats.{}", ways.empty() ? "" : " and ", name);
    ++count;
  }
  if (count > 1)
    reader->Complain(section, ways + " exclude each other: one way to log in is enough");
  if (login->user.empty() != login->password.path.empty()) {
    reader->Complain(section, "nats.user and nats.password_file go together: name both, or none");
  }
}

}  // namespace

void ReadNatsSection(YamlReader* reader, const YamlNode& section, NatsConfig* nats,
                     std::vector<ConfigIssue>* issues) {
  const YamlNode url = reader->Child("url");
  ReadUrls(reader, url, nats);
  uint64_t port = nats->port;
  reader->Bool("embedded", &nats->embedded);
  reader->String("server", &nats->server);
  reader->Integer("port", 0, 65535, &port);
  reader->Size("max_payload", &nats->max_payload);
  reader->String("prefix", &nats->prefix);
  reader->String("queue_group", &nats->queue_group);
  ReadLogin(reader, section, &nats->login, issues);
  nats->port = static_cast<uint16_t>(port);
  if (!IsSubject(nats->prefix) || nats->prefix.find_first_of("*>") != std::string::npos) {
    reader->Complain(section, fmt::format("nats.prefix '{}' is not a subject", nats->prefix));
  }
  if (nats->embedded && url.IsDefined()) {
    reader->Complain(url, "nats.url and nats.embedded exclude each other");
  }
  // The server refuses to start with more than 64 MiB, and warns above 8.
  if (nats->max_payload < 4096 || nats->max_payload > (64ULL << 20)) {
    reader->Complain(section, "nats.max_payload must be from 4KiB to 64MiB");
  }
  const NatsLogin& login = nats->login;
  const bool logs_in = login.tls || !login.user.empty() || !login.creds.path.empty() ||
                       !login.nkey.path.empty() || !login.token.path.empty();
  if (nats->embedded && logs_in && !url.IsDefined()) {
    reader->Complain(
        section,
        "nats.embedded is a server of our own, where nobody logs in: take creds, nkey, "
        "token_file, user, password_file and tls out, or name a server in nats.url");
  }
  reader->Finish();
}

}  // namespace darkroom
