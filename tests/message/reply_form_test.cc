// SPDX-License-Identifier: Apache-2.0

#include "message/reply_form.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using Body = ReplyForm::Body;

ModelInfo Giving(std::vector<ValueKind> kinds) {
  ModelInfo info;
  for (const ValueKind kind : kinds) info.outputs.push_back({"out", kind, "", {}, false});
  return info;
}

ReplyForm Choose(std::optional<std::string_view> accept, ValueKind kind) {
  const auto form = ChooseReplyForm(accept, Giving({kind}));
  EXPECT_TRUE(form.ok()) << form.status().ToString();
  return form.ok() ? *form : ReplyForm{};
}

TEST(ReplyForm, IsNaturalWithoutAWish) {
  EXPECT_EQ(Choose({}, ValueKind::kImage).body, Body::kRaw);
  EXPECT_EQ(Choose({}, ValueKind::kImage).image, ImageFormat::kNatural);
  EXPECT_EQ(Choose({}, ValueKind::kText).body, Body::kRaw);
  EXPECT_EQ(Choose({}, ValueKind::kBytes).body, Body::kRaw);
  EXPECT_EQ(Choose({}, ValueKind::kTensor).body, Body::kJson);
  EXPECT_EQ(ChooseReplyForm({}, Giving({ValueKind::kImage, ValueKind::kText}))->body, Body::kJson);
}

TEST(ReplyForm, IsThatOfTheFirstOutputWhereOthersAreOptional) {
  ModelInfo info = Giving({ValueKind::kImage, ValueKind::kImage});
  EXPECT_EQ(ChooseReplyForm({}, info)->body, Body::kJson);
  info.outputs[1].optional = true;
  EXPECT_EQ(ChooseReplyForm({}, info)->body, Body::kRaw);
  EXPECT_EQ(ChooseReplyForm("image/webp", info)->image, ImageFormat::kWebp);
  EXPECT_EQ(ChooseReplyForm("application/cbor", info)->body, Body::kCbor);
}

TEST(ReplyForm, FollowsAccept) {
  EXPECT_EQ(Choose("image/webp", ValueKind::kImage).image, ImageFormat::kWebp);
  EXPECT_EQ(Choose("image/JPEG", ValueKind::kImage).image, ImageFormat::kJpeg);
  EXPECT_EQ(Choose("application/json", ValueKind::kImage).body, Body::kJson);
  EXPECT_EQ(Choose("application/cbor", ValueKind::kText).body, Body::kCbor);
  EXPECT_EQ(Choose("application/octet-stream", ValueKind::kTensor).body, Body::kRaw);
  // Wildcards leave the choice to output_format.
  EXPECT_EQ(Choose("*/*", ValueKind::kImage).image, ImageFormat::kNatural);
  EXPECT_EQ(Choose("image/*", ValueKind::kImage).image, ImageFormat::kNatural);
}

TEST(ReplyForm, WeighsSeveralWishes) {
  EXPECT_EQ(Choose("image/png;q=0.2, image/webp;q=0.9", ValueKind::kImage).image,
            ImageFormat::kWebp);
  EXPECT_EQ(Choose("image/avif, image/jpeg;q=0.5", ValueKind::kImage).image, ImageFormat::kJpeg);
  EXPECT_EQ(Choose("image/png;q=0, */*", ValueKind::kImage).image, ImageFormat::kJpeg);
}

TEST(ReplyForm, TensorsCanBeBytes) {
  constexpr ValueKind kTensor = ValueKind::kTensor;
  EXPECT_EQ(Choose("application/json; tensors=bytes", kTensor).body, Body::kJsonBytes);
  EXPECT_EQ(Choose("application/cbor;tensors=bytes", kTensor).body, Body::kCborBytes);
  EXPECT_EQ(Choose("application/json; tensors=numbers", kTensor).body, Body::kJson);
  EXPECT_EQ(Choose("*/*; tensors=bytes", kTensor).body, Body::kJsonBytes);
  EXPECT_EQ(Choose("application/octet-stream; tensors=bytes", kTensor).body, Body::kRaw);
  EXPECT_EQ(Choose("image/*; tensors=bytes", ValueKind::kImage).image, ImageFormat::kNatural);
  EXPECT_EQ(Choose("application/json; tensors=words, application/cbor;q=0.1", kTensor).body,
            Body::kCbor);
  EXPECT_FALSE(ChooseReplyForm("application/json; tensors=words", Giving({kTensor})).ok());
}

TEST(ReplyForm, SaysWhatItCouldGive) {
  const auto form = ChooseReplyForm("image/png", Giving({ValueKind::kText}));
  ASSERT_FALSE(form.ok());
  EXPECT_EQ(form.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(form.status().hint(), "it gives text/plain, application/json, application/cbor");
  EXPECT_FALSE(ChooseReplyForm("", Giving({ValueKind::kText})).ok());
  EXPECT_FALSE(ChooseReplyForm("image/png;q=0", Giving({ValueKind::kImage})).ok());
}

}  // namespace
}  // namespace darkroom
