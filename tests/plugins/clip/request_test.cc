// SPDX-License-Identifier: Apache-2.0

#include "clip/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <darkroom/plugin.hpp>

namespace darkroom::clip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Refusal(const std::string& params, int64_t pictures,
                    const std::string* text = nullptr) {
  try {
    ReadRequest(params, pictures, text);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_INVALID_ARGUMENT);
    return error.what();
  }
  return "no error";
}

at::Tensor Rows(const std::vector<float>& values, int64_t width) {
  return at::tensor(values).reshape({-1, width});
}

const at::Tensor kNone = at::empty({0, 2});

TEST(RequestTest, TextsAreThoseOfInputAndParams) {
  const std::string text = "first";
  const Request request = ReadRequest(R"({"texts": ["second", "third"]})", 2, &text);
  EXPECT_EQ(request.operation, Operation::kEmbed);
  EXPECT_THAT(request.texts, ElementsAre("first", "second", "third"));
  EXPECT_EQ(request.pictures, 2);
  EXPECT_TRUE(request.normalize);
}

TEST(RequestTest, EachLabelGoesIntoEachTemplate) {
  const Request request = ReadRequest(
      R"({"operation": "classify", "labels": ["cat", "dog"], "templates": ["a {}.", "{}!"]})", 1,
      nullptr);
  EXPECT_THAT(request.texts, ElementsAre("a cat.", "cat!", "a dog.", "dog!"));
  EXPECT_EQ(request.templates, 2);
}

TEST(RequestTest, WhatIsMissingOrTooMuchIsNamed) {
  EXPECT_THAT(Refusal("{}", 0), HasSubstr("nothing to embed"));
  EXPECT_THAT(Refusal(R"({"operation": "classify", "labels": ["a"]})", 0), HasSubstr("image"));
  EXPECT_THAT(Refusal(R"({"operation": "classify"})", 1), HasSubstr("labels"));
  EXPECT_THAT(Refusal(R"({"labels": ["a"]})", 1), HasSubstr("classify"));
  EXPECT_THAT(Refusal(R"({"operation": "classify", "labels": ["a"], "texts": ["b"]})", 1),
              HasSubstr("no texts"));
  for (const char* wrong : {"no place", "{} and {}"})
    EXPECT_THAT(
        Refusal(std::string(R"({"operation": "classify", "labels": ["a"], "templates": [")") +
                    wrong + R"("]})",
                1),
        HasSubstr(wrong));
}

TEST(FinishTest, EmbeddingsAreNormalisedUnlessTheyAreNot) {
  Request request;
  const at::Tensor pictures = Rows({3, 4}, 2);
  const at::Tensor texts = Rows({0, 2}, 2);
  EXPECT_TRUE(at::allclose(Finish(request, pictures, texts, 100), Rows({0.6F, 0.8F, 0, 1}, 2)));
  request.normalize = false;
  EXPECT_TRUE(Finish(request, pictures, texts, 100).equal(Rows({3, 4, 0, 2}, 2)));
}

TEST(FinishTest, AnEmbeddingWithoutADirectionIsAnError) {
  EXPECT_THROW(Finish({}, Rows({0, 0}, 2), kNone, 100), Error);
}

TEST(FinishTest, SimilarityIsTheCosine) {
  Request request;
  request.operation = Operation::kSimilarity;
  const at::Tensor pictures = Rows({3, 4, 1, 0}, 2);
  const at::Tensor texts = Rows({2, 0}, 2);
  EXPECT_TRUE(at::allclose(Finish(request, pictures, texts, 10), Rows({0.6F, 1}, 1)));
  EXPECT_TRUE(at::allclose(Finish(request, pictures, kNone, 10), Rows({1, 0.6F, 0.6F, 1}, 2)));
  EXPECT_TRUE(at::allclose(Finish(request, kNone, pictures, 10), Rows({1, 0.6F, 0.6F, 1}, 2)));
  request.logits = true;
  EXPECT_TRUE(at::allclose(Finish(request, pictures, texts, 10), Rows({6, 10}, 1)));
  EXPECT_THROW(Finish(request, pictures, texts, 0), Error);
}

TEST(FinishTest, ClassesAreProbabilities) {
  Request request;
  request.operation = Operation::kClassify;
  const at::Tensor picture = Rows({1, 0}, 2);
  const at::Tensor labels = Rows({2, 0, 0, 5}, 2);
  const float other = std::exp(-3.0F);
  EXPECT_TRUE(at::allclose(Finish(request, picture, labels, 3),
                           Rows({1 / (1 + other), other / (1 + other)}, 2)));
  request.logits = true;
  EXPECT_TRUE(at::allclose(Finish(request, picture, labels, 3), Rows({3, 0}, 2)));
}

TEST(FinishTest, WithABiasEachLabelIsJudgedByItself) {
  Request request;
  request.operation = Operation::kClassify;
  const at::Tensor picture = Rows({1, 0}, 2);
  const at::Tensor labels = Rows({2, 0, 0, 5}, 2);
  const auto sigmoid = [](float logit) { return 1 / (1 + std::exp(-logit)); };
  EXPECT_TRUE(
      at::allclose(Finish(request, picture, labels, 3, -1.0), Rows({sigmoid(2), sigmoid(-1)}, 2)));
  request.logits = true;
  EXPECT_TRUE(at::allclose(Finish(request, picture, labels, 3, -1.0), Rows({2, -1}, 2)));
  request.operation = Operation::kSimilarity;
  EXPECT_TRUE(at::allclose(Finish(request, picture, labels, 3, -1.0), Rows({2, -1}, 2)));
  request.logits = false;
  EXPECT_TRUE(at::allclose(Finish(request, picture, labels, 3, -1.0), Rows({1, 0}, 2)));
}

TEST(FinishTest, SeveralTemplatesAreOneDirection) {
  Request request;
  request.operation = Operation::kClassify;
  request.logits = true;
  request.templates = 2;
  // Lengths do not count: each template is normalised before the mean.
  const at::Tensor labels = Rows({9, 0, 0, 1, 0, 1, 0, 1}, 2);
  const float half = std::sqrt(0.5F);
  EXPECT_TRUE(at::allclose(Finish(request, Rows({1, 0}, 2), labels, 1), Rows({half, 0}, 2)));
}

}  // namespace
}  // namespace darkroom::clip
