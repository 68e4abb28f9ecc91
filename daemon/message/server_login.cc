// SPDX-License-Identifier: Apache-2.0

#include "message/server_login.h"

#include <fmt/format.h>
#include <nats/nats.h>
#include <openssl/crypto.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include "message/nkey.h"

namespace darkroom {
namespace {

Status Wrong(const NatsLogin::File& file, const char* key, const std::string& what,
             std::string hint) {
  return Status::InvalidArgument(
      fmt::format("{}: nats.{}: '{}' {}", file.where, key, file.path, what), std::move(hint));
}

// What the file has, without the line's end that editors leave.
Result<std::string> Read(const NatsLogin::File& file, const char* key) {
  std::ifstream stream(file.path, std::ios::binary);
  std::ostringstream text;
  if (stream) text << stream.rdbuf();
  if (!stream) {
    return Wrong(file, key, fmt::format("cannot be read: {}", std::strerror(errno)),
                 "put it there and let the daemon's user read it. What the unit loads, "
                 "${CREDENTIALS_DIRECTORY}, is taken from /etc/credstore when the service starts");
  }
  std::string all = text.str();
  while (!all.empty() && (all.back() == '\n' || all.back() == '\r')) all.pop_back();
  if (all.empty()) return Wrong(file, key, "is empty", "put the secret into it");
  return all;
}

Status Failed(const char* what, natsStatus status) {
  return Status::Internal(fmt::format("NATS: {}: {}", what, natsStatus_GetText(status)));
}

}  // namespace

Status ServerLogin::Apply(natsOptions* options) {
  Status status = ApplyUser(options);
  return status.ok() ? ApplyTls(options) : status;
}

Status ServerLogin::ApplyUser(natsOptions* options) {
  natsStatus status = NATS_OK;
  if (!login_.creds.path.empty()) {
    const auto text = Read(login_.creds, "creds");
    if (!text.ok()) return text.status();
    if (text->find("-----BEGIN NATS USER JWT-----") == std::string::npos) {
      return Wrong(login_.creds, "creds", "has no user's JWT in it",
                   "it is the file that `nsc generate creds` writes; a seed alone is nats.nkey");
    }
    status = natsOptions_SetUserCredentialsFromFiles(options, login_.creds.path.c_str(), nullptr);
  } else if (!login_.nkey.path.empty()) {
    const auto text = Read(login_.nkey, "nkey");
    if (!text.ok()) return text.status();
    const auto key = PublicNkey(*text);
    if (!key.ok()) {
      return Wrong(login_.nkey, "nkey", "is no nkey: " + key.status().message(),
                   key.status().hint());
    }
    status = natsOptions_SetNKeyFromSeed(options, key->c_str(), login_.nkey.path.c_str());
  } else if (!login_.token.path.empty()) {
    if (const auto text = Read(login_.token, "token_file"); !text.ok()) return text.status();
    status = natsOptions_SetTokenHandler(options, OnToken, this);
  } else if (!login_.user.empty()) {
    auto password = Read(login_.password, "password_file");
    if (!password.ok()) return password.status();
    status = natsOptions_SetUserInfo(options, login_.user.c_str(), password->c_str());
    OPENSSL_cleanse(password->data(), password->size());
  }
  return status == NATS_OK ? Status::Ok() : Failed("login", status);
}

Status ServerLogin::ApplyTls(natsOptions* options) const {
  if (!login_.tls) return Status::Ok();
  natsStatus status = natsOptions_SetSecure(options, true);
  if (status == NATS_OK && !login_.ca.path.empty()) {
    if (const auto text = Read(login_.ca, "tls.ca"); !text.ok()) return text.status();
    status = natsOptions_LoadCATrustedCertificates(options, login_.ca.path.c_str());
    if (status != NATS_OK) {
      return Wrong(login_.ca, "tls.ca", "has no certificate that can be read",
                   "it is the PEM file of those who vouch for the server");
    }
  }
  if (status == NATS_OK && !login_.certificate.path.empty()) {
    for (const auto& [file, key] :
         {std::pair(&login_.certificate, "tls.cert"), std::pair(&login_.key, "tls.key")}) {
      if (const auto text = Read(*file, key); !text.ok()) return text.status();
    }
    status = natsOptions_LoadCertificatesChain(options, login_.certificate.path.c_str(),
                                               login_.key.path.c_str());
    if (status != NATS_OK) {
      return Wrong(login_.certificate, "tls.cert",
                   fmt::format("and '{}' are no certificate and its key", login_.key.path),
                   "both are PEM files, the certificate with those that it rests on");
    }
  }
  return status == NATS_OK ? Status::Ok() : Failed("TLS", status);
}

// For each connection; an empty token is refused by the server, which the log then tells.
const char* ServerLogin::OnToken(void* closure) {
  auto* self = static_cast<ServerLogin*>(closure);
  auto token = Read(self->login_.token, "token_file");
  self->token_ = token.ok() ? *token : "";
  return self->token_.c_str();
}

}  // namespace darkroom
