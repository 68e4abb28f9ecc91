// SPDX-License-Identifier: Apache-2.0

#include "config/nats_section.h"

#include <gmock/gmock.h>

#include "config_file.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class NatsSectionTest : public ConfigFileTest {
 protected:
  ~NatsSectionTest() override { unsetenv("CREDENTIALS_DIRECTORY"); }
};

TEST_F(NatsSectionTest, NobodyLogsInUnlessToldTo) {
  const NatsLogin login = ReadFile("nats: {url: \"nats://a:4222\"}").nats.login;
  EXPECT_EQ(login.creds.path + login.nkey.path + login.token.path + login.password.path, "");
  EXPECT_FALSE(login.tls);
}

TEST_F(NatsSectionTest, FilesAreFoundFromTheConfigurationsFolderAndKnowTheirPlace) {
  const NatsLogin login = ReadFile("nats:\n  url: nats://a\n  creds: secret/a.creds\n").nats.login;
  EXPECT_EQ(login.creds.path, (folder_ / "secret/a.creds").string());
  EXPECT_THAT(login.creds.where, EndsWith("darkroom.yaml:3:10"));
}

TEST_F(NatsSectionTest, SystemdsFolderOfSecretsIsWhereItSays) {
  setenv("CREDENTIALS_DIRECTORY", "/run/credentials/darkroomd.service", 1);
  const char* const yaml =
      "nats: {url: \"nats://a\", nkey: \"${CREDENTIALS_DIRECTORY}/darkroom.nkey\"}";
  EXPECT_EQ(ReadFile(yaml).nats.login.nkey.path,
            "/run/credentials/darkroomd.service/darkroom.nkey");
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_THAT(IssuesOf(yaml), ElementsAre(HasSubstr("${CREDENTIALS_DIRECTORY} is not set")));
}

TEST_F(NatsSectionTest, TlsIsAskedForByTheUrlOrByItsSection) {
  EXPECT_TRUE(ReadFile("nats: {url: \"tls://a:4222\"}").nats.login.tls);
  EXPECT_TRUE(ReadFile("nats: {url: [\"nats://a\", \"tls://b\"]}").nats.login.tls);
  const NatsLogin login =
      ReadFile("nats: {url: \"nats://a\", tls: {ca: ca.pem, cert: me.pem, key: me.key}}")
          .nats.login;
  EXPECT_TRUE(login.tls);
  EXPECT_EQ(login.ca.path, (folder_ / "ca.pem").string());
  EXPECT_EQ(login.certificate.path, (folder_ / "me.pem").string());
  EXPECT_EQ(login.key.path, (folder_ / "me.key").string());
}

TEST_F(NatsSectionTest, OneWayToLogInIsEnough) {
  EXPECT_THAT(IssuesOf("nats: {url: \"nats://a\", creds: a, token_file: b}"),
              ElementsAre(HasSubstr("nats.creds and nats.token_file exclude each other")));
  EXPECT_THAT(IssuesOf("nats: {url: \"nats://a\", nkey: a, user: me, password_file: b}"),
              ElementsAre(HasSubstr("nats.nkey and nats.user exclude each other")));
}

TEST_F(NatsSectionTest, WhatGoesTogetherIsGivenTogether) {
  EXPECT_THAT(IssuesOf("nats: {url: \"nats://a\", user: me}"),
              ElementsAre(HasSubstr("nats.user and nats.password_file go together")));
  EXPECT_THAT(IssuesOf("nats: {url: \"nats://a\", tls: {key: a}}"),
              ElementsAre(HasSubstr("nats.tls.cert and nats.tls.key go together")));
  EXPECT_THAT(IssuesOf("nats: {url: \"nats://a\", creds: \"\"}"),
              ElementsAre(HasSubstr("nats: this must be the path of a file")));
}

TEST_F(NatsSectionTest, NobodyLogsInAtAServerOfOurOwn) {
  EXPECT_THAT(IssuesOf("nats: {embedded: true, creds: a}"),
              ElementsAre(HasSubstr("nats.embedded is a server of our own")));
}

TEST_F(NatsSectionTest, AnotherProtocolIsRefusedWithoutItsPassword) {
  EXPECT_THAT(IssuesOf("nats: {url: \"http://me:secret@a\"}"),
              ElementsAre(HasSubstr("nats.url 'http://***@a' must begin with nats:// or tls://")));
}

}  // namespace
}  // namespace darkroom
