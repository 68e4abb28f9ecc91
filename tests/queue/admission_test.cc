// SPDX-License-Identifier: Apache-2.0

#include "queue/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/message/messages.h"

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::shared_ptr<Model> MakeModel(json schema, uint32_t queue = 2) {
  ModelConfig config;
  config.name = "m";
  config.queue = queue;
  auto model = std::make_shared<Model>(config);
  auto contract = std::make_shared<ModelContract>();
  contract->info.inputs = {{"data", ValueKind::kBytes, "", {}, true}};
  contract->info.outputs = {{"data", ValueKind::kBytes, "", {}, false}};
  contract->info.params = std::move(schema);
  auto compiled = ParamsSchema::Compile(contract->info.params);
  EXPECT_TRUE(compiled.ok()) << compiled.status().ToString();
  contract->schema.emplace(std::move(*compiled));
  model->contract = std::move(contract);
  return model;
}

const json kSchema = {
    {"type", "object"},
    {"properties", {{"delay", {{"type", "integer"}, {"minimum", 0}, {"default", 5}}}}},
    {"additionalProperties", false}};

Endpoint MakeEndpoint(const std::shared_ptr<Model>& model, const json& fixed = json::object()) {
  auto endpoint = Endpoint::Make("darkroom.run.m", model, fixed, 1 << 20);
  EXPECT_TRUE(endpoint.ok()) << endpoint.status().ToString();
  return std::move(*endpoint);
}

LimitsConfig Limits() {
  LimitsConfig limits;
  limits.queued_bytes = 100;
  return limits;
}

class AdmissionTest : public testing::Test {
 protected:
  const Job* Admit(const Endpoint& endpoint, const std::string& body,
                   const std::string& params = "") {
    std::vector<std::pair<std::string, std::string>> headers;
    if (!params.empty()) headers.emplace_back("Darkroom-Params", params);
    refusal_ = Refusal();
    return admission_.Admit(endpoint, MakeMessage(body, headers), terms_, &refusal_);
  }

  JobTable jobs_;
  JobTerms terms_;
  Admission admission_{&jobs_, Limits(), {}};
  Refusal refusal_;
};

const json kSeeded = {{"type", "object"},
                      {"properties",
                       {{"seed", {{"type", "integer"}, {"minimum", 3}, {"maximum", 1000000}}},
                        {"steps", {{"type", "integer"}, {"default", 4}}}}}};

TEST_F(AdmissionTest, PicksASeedThatNobodyGave) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSeeded, 20));
  std::set<int64_t> seeds;
  for (const char* given : {"", R"({"steps": 9})", "", ""}) {
    const Job* job = Admit(endpoint, "", given);
    ASSERT_NE(job, nullptr) << refusal_.status.ToString();
    const json params = json::parse(*job->params);
    EXPECT_EQ(params["steps"], *given == 0 ? 4 : 9);
    seeds.insert(params["seed"].get<int64_t>());
  }
  EXPECT_GT(seeds.size(), 2U);
  EXPECT_GE(*seeds.begin(), 3);
  EXPECT_LE(*seeds.rbegin(), 1000000);
  EXPECT_EQ(json::parse(*Admit(endpoint, "", R"({"seed": 7})")->params)["seed"], 7);
  EXPECT_EQ(Admit(endpoint, "", R"({"seed": 1})"), nullptr);
}

TEST_F(AdmissionTest, LeavesASeedThatTheRouteGives) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSeeded), {{"seed", 5}});
  EXPECT_EQ(json::parse(*Admit(endpoint, "")->params)["seed"], 5);
}

TEST_F(AdmissionTest, AcceptsIntoTheQueueWithDefaultsFilledIn) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema));
  const Job* job = Admit(endpoint, "abc");
  ASSERT_NE(job, nullptr) << refusal_.status.ToString();
  EXPECT_EQ(json::parse(*job->params), json({{"delay", 5}}));
  EXPECT_TRUE(IsJobId(job->id));
  EXPECT_EQ(endpoint.model->queue.Oldest(), job);
  EXPECT_EQ(jobs_.Find(job->token), job);
  EXPECT_EQ(job->deadline - job->accepted, endpoint.model->config.deadline);

  const Job* other = Admit(endpoint, "abc", R"({"delay": 7})");
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(json::parse(*other->params), json({{"delay", 7}}));
  EXPECT_NE(other->id, job->id);
}

TEST_F(AdmissionTest, RefusesUnfitParams) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema));
  for (const char* params : {R"({"delay": "x"})", R"({"delay": -1})", R"({"dely": 1})"}) {
    EXPECT_EQ(Admit(endpoint, "abc", params), nullptr);
    EXPECT_EQ(refusal_.status.code(), Code::kInvalidArgument);
  }
  EXPECT_THAT(refusal_.status.ToString(), HasSubstr("delay"));  // did you mean
  EXPECT_EQ(admission_.refused(), 3U);
  EXPECT_TRUE(endpoint.model->queue.empty());
}

TEST_F(AdmissionTest, FixedParamsCannotBeChanged) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema), {{"delay", 9}});
  EXPECT_EQ(json::parse(*Admit(endpoint, "")->params), json({{"delay", 9}}));
  EXPECT_EQ(json::parse(*Admit(endpoint, "", R"({"delay": 1})")->params), json({{"delay", 9}}));
}

TEST_F(AdmissionTest, IsBusyWhenTheQueueIsFull) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema, 2));
  endpoint.model->times.Add(1500, 1);
  ASSERT_NE(Admit(endpoint, ""), nullptr);
  ASSERT_NE(Admit(endpoint, ""), nullptr);
  EXPECT_EQ(Admit(endpoint, ""), nullptr);
  EXPECT_EQ(refusal_.status.code(), Code::kBusy);
  EXPECT_EQ(refusal_.retry_after_s, 3U);
  EXPECT_EQ(refusal_.request.reply, "_INBOX.1");
}

TEST_F(AdmissionTest, IsBusyWhenTheBytesAreFull) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema, 10));
  ASSERT_NE(Admit(endpoint, std::string(80, 'x')), nullptr);
  EXPECT_EQ(Admit(endpoint, std::string(80, 'x')), nullptr);
  EXPECT_EQ(refusal_.status.code(), Code::kBusy);
  EXPECT_NE(Admit(endpoint, std::string(20, 'x')), nullptr);
}

TEST_F(AdmissionTest, IsBusyWhenTheModelsBytesAreFull) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema, 10));
  endpoint.model->config.queue_bytes = 50;
  ASSERT_NE(Admit(endpoint, std::string(40, 'x')), nullptr);
  EXPECT_EQ(Admit(endpoint, std::string(40, 'x')), nullptr);
  EXPECT_EQ(refusal_.status.code(), Code::kBusy);
  EXPECT_NE(Admit(MakeEndpoint(MakeModel(kSchema)), std::string(40, 'x')), nullptr);
}

TEST_F(AdmissionTest, RefusesAtOnceWhatWouldWaitPastItsDeadline) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema, 100));
  endpoint.model->config.deadline = std::chrono::seconds(5);
  endpoint.model->times.Add(2000, 1);
  endpoint.model->lanes = 1;
  for (int i = 0; i < 3; ++i) ASSERT_NE(Admit(endpoint, ""), nullptr);
  EXPECT_EQ(Admit(endpoint, ""), nullptr);
  EXPECT_EQ(refusal_.status.code(), Code::kBusy);
  EXPECT_THAT(refusal_.status.ToString(), HasSubstr("5.0 s would pass before its turn"));
  EXPECT_EQ(refusal_.retry_after_s, 6U);
  // Two lanes are through with them in time.
  endpoint.model->lanes = 2;
  ASSERT_NE(Admit(endpoint, ""), nullptr);
  // Nobody waits for a durable job, and what is less urgent than it is not in its way.
  endpoint.model->lanes = 1;
  terms_.waited = std::chrono::seconds(1);
  terms_.job_class = JobClass::kBulk;
  const Job* bulk = Admit(endpoint, "");
  ASSERT_NE(bulk, nullptr);
  EXPECT_EQ(bulk->job_class, JobClass::kBulk);
  EXPECT_EQ(bulk->deadline - bulk->accepted, std::chrono::seconds(4));
}

TEST_F(AdmissionTest, NamesTheTenant) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema, 4));
  const auto admit = [&](const std::string& tenant) {
    return admission_.Admit(endpoint, MakeMessage("", {{"Darkroom-Tenant", tenant}}), {},
                            &refusal_);
  };
  const Job* job = admit("acme");
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->tenant->name, "acme");
  EXPECT_EQ(admit("acme")->tenant, job->tenant);
}

TEST_F(AdmissionTest, IsBusyWhileStopping) {
  const Endpoint endpoint = MakeEndpoint(MakeModel(kSchema));
  jobs_.Close([] {});
  EXPECT_EQ(Admit(endpoint, ""), nullptr);
  EXPECT_EQ(refusal_.status.code(), Code::kBusy);
}

TEST_F(AdmissionTest, ABrokenModelSaysWhy) {
  auto model = std::make_shared<Model>(ModelConfig{});
  model->broken = true;
  model->error = Status::NotFound("no plugin 'enhance'");
  EXPECT_EQ(Admit(MakeEndpoint(model), "x"), nullptr);
  EXPECT_EQ(refusal_.status.code(), Code::kNotFound);
  EXPECT_EQ(refusal_.request.reply, "_INBOX.1");
}

TEST_F(AdmissionTest, ARequiredParameterIsTheRequestersToGive) {
  json schema = kSchema;
  schema["properties"]["prompt"] = {{"type", "string"}};
  schema["required"] = {"prompt"};
  const Endpoint endpoint = MakeEndpoint(MakeModel(schema), {{"delay", 1}});
  EXPECT_EQ(Admit(endpoint, ""), nullptr);
  EXPECT_EQ(refusal_.status.code(), Code::kInvalidArgument);
  EXPECT_THAT(refusal_.status.ToString(), HasSubstr("prompt"));
  const Job* job = Admit(endpoint, "", R"({"prompt": "a cat"})");
  ASSERT_NE(job, nullptr) << refusal_.status.ToString();
  EXPECT_EQ(json::parse(*job->params), json({{"delay", 1}, {"prompt", "a cat"}}));
}

TEST(Endpoint, RefusesUnfitParamsOfTheConfiguration) {
  const auto endpoint = Endpoint::Make("photos.in", MakeModel(kSchema), {{"delay", "x"}}, 1);
  ASSERT_FALSE(endpoint.ok());
  EXPECT_THAT(endpoint.status().message(), HasSubstr("photos.in"));
}

}  // namespace
}  // namespace darkroom
