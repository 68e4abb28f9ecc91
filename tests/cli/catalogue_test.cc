// SPDX-License-Identifier: Apache-2.0

#include "cli/catalogue.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;

json Model(const char* name, const char* state, json subjects) {
  return {{"name", name},
          {"state", state},
          {"subjects", std::move(subjects)},
          {"inputs", {{{"name", "image"}, {"kind", "image"}}}},
          {"outputs", {{{"name", "image"}, {"kind", "image"}}}}};
}

Catalogue Two() {
  json broken = Model("photo-enhance", "failed", json::array());
  broken["error"] = {{"code", "not_found"}, {"message", "no weights"}, {"hint", "fetch them"}};
  return Catalogue(
      {{{"host", "a"}, {"models", {broken, Model("echo", "ready", {"darkroom.run.echo"})}}},
       {{"host", "b"}, {"models", {Model("photo-enhance", "ready", {"photos.*.in"})}}}});
}

TEST(Catalogue, PrefersAModelThatIsReady) {
  const Catalogue catalogue = Two();
  ASSERT_NE(catalogue.Find("photo-enhance"), nullptr);
  EXPECT_EQ(catalogue.Find("photo-enhance")->at("state"), "ready");
  EXPECT_EQ(catalogue.Find("none"), nullptr);
}

TEST(Catalogue, KeepsOnlyHostsWithTheModel) {
  EXPECT_EQ(Two().Only("photo-enhance").size(), 2U);
  const auto only = Two().Only("echo");
  ASSERT_EQ(only.size(), 1U);
  EXPECT_EQ(only[0]["host"], "a");
  EXPECT_EQ(only[0]["models"].size(), 1U);
}

TEST(Catalogue, FindsAModelByItsRoute) {
  const Catalogue catalogue = Two();
  ASSERT_NE(catalogue.FindBySubject("photos.new.in"), nullptr);
  EXPECT_EQ(catalogue.FindBySubject("photos.new.in")->at("name"), "photo-enhance");
  EXPECT_EQ(catalogue.FindBySubject("photos.new"), nullptr);
}

TEST(Catalogue, SuggestsTheNearestName) {
  const Failure failure = Two().NoSuchModel("photo-enhanse", "nats://x");
  EXPECT_EQ(failure.exit_code, ExitCode::kNotFound);
  EXPECT_EQ(failure.status.message(), "no daemon on nats://x has a model 'photo-enhanse'");
  EXPECT_EQ(failure.status.hint(), "did you mean photo-enhance? all models: darkroom models");
  EXPECT_EQ(Two().NoSuchModel("sdxl", "nats://x").status.hint(), "there are: echo, photo-enhance");
}

TEST(Catalogue, SaysWhyAKnownModelTakesNothing) {
  json broken = Model("m", "failed", json::array());
  broken["error"] = {{"message", "no weights"}, {"hint", "fetch them"}};
  const json host = {{"host", "a"}, {"models", {broken, Model("n", "ready", {})}}};
  const Catalogue catalogue(std::vector<json>{host});
  const Failure failed = catalogue.NobodyServes("m", "darkroom.run.m", "nats://x");
  EXPECT_EQ(failed.exit_code, ExitCode::kConfiguration);
  EXPECT_EQ(failed.status.hint(), "fetch them");
  EXPECT_EQ(catalogue.NobodyServes("n", "darkroom.run.n", "nats://x").exit_code,
            ExitCode::kRefused);
  EXPECT_EQ(catalogue.NobodyServes("", "other.in", "nats://x").exit_code, ExitCode::kNotFound);
}

TEST(Catalogue, SurvivesAnswersOfAnotherShape) {
  const Catalogue catalogue(
      {json::object(), {{"models", 7}}, {{"models", {1, "x", json::array()}}}});
  EXPECT_EQ(catalogue.Find("echo"), nullptr);
  EXPECT_EQ(catalogue.FindBySubject("a.b"), nullptr);
}

TEST(Catalogue, KnowsInputsAndUnreadableReplies) {
  json model = Model("m", "ready", {});
  EXPECT_EQ(FirstInputName(model), "image");
  EXPECT_EQ(UnreadableReply(model), "an image");
  model["outputs"][0]["kind"] = "text";
  EXPECT_EQ(UnreadableReply(model), "");
  model["outputs"][0]["kind"] = "bytes";
  EXPECT_EQ(UnreadableReply(model), "bytes");
  model["outputs"].push_back({{"kind", "image"}});
  EXPECT_EQ(UnreadableReply(model), "");  // several: JSON
  EXPECT_EQ(FirstInputName(json::object()), "");
}

TEST(SubjectMatches, FollowsTheRuleOfNats) {
  EXPECT_TRUE(SubjectMatches("a.b", "a.b"));
  EXPECT_TRUE(SubjectMatches("a.*.c", "a.b.c"));
  EXPECT_TRUE(SubjectMatches("a.>", "a.b.c"));
  EXPECT_FALSE(SubjectMatches("a.>", "a"));
  EXPECT_FALSE(SubjectMatches("a.*", "a.b.c"));
  EXPECT_FALSE(SubjectMatches("a.b", "a.b.c"));
  EXPECT_FALSE(SubjectMatches("a.b.c", "a.b"));
}

}  // namespace
}  // namespace darkroom
