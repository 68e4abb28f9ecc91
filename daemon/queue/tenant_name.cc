// SPDX-License-Identifier: Apache-2.0

#include "queue/tenant_name.h"

#include <algorithm>
#include <string_view>

#include "core/json.h"

namespace darkroom {
namespace {

constexpr size_t kLongest = 64;

// The `number`th token of a subject, from 1.
std::string_view Token(std::string_view subject, uint32_t number) {
  while (--number > 0) {
    const size_t dot = subject.find('.');
    if (dot == std::string_view::npos) return {};
    subject.remove_prefix(dot + 1);
  }
  return subject.substr(0, subject.find('.'));
}

// What the server says of the client in a service that is imported from another account with
// `share: true`: {"acc": ..., ...}.
std::string Account(const Message& message) {
  const auto text = message.Header("Nats-Request-Info");
  if (!text) return {};
  const auto info = ParseJson(*text);
  if (!info.ok() || !info->is_object()) return {};
  const auto account = info->find("acc");
  return account != info->end() && account->is_string() ? account->get<std::string>() : "";
}

}  // namespace

std::string TenantName(const TenantRule& rule, const Message& message) {
  std::string name;
  switch (rule.by) {
    case TenantRule::By::kNone:
      break;
    case TenantRule::By::kHeader:
      name = message.Header(rule.header.c_str()).value_or("");
      break;
    case TenantRule::By::kSubject:
      name = Token(message.subject(), rule.token);
      break;
    case TenantRule::By::kAccount:
      name = Account(message);
      break;
  }
  name.resize(std::min(name.size(), kLongest));
  return name;
}

}  // namespace darkroom
