// SPDX-License-Identifier: Apache-2.0
//
// What needs no server; the rest is tests/e2e/test_objects.py.

#include "message/references.h"

#include <gtest/gtest.h>

#include "message/object_calls.h"
#include "tests/message/messages.h"

namespace darkroom {
namespace {

TEST(ObjectUrl, NamesABucketAndAnObject) {
  const auto url = ObjectUrl::Parse("nats-object://photos/summer/beach.tif");
  ASSERT_TRUE(url.ok()) << url.status().ToString();
  EXPECT_EQ(url->bucket, "photos");
  EXPECT_EQ(url->name, "summer/beach.tif");
  EXPECT_EQ(url->Text(), "nats-object://photos/summer/beach.tif");
}

TEST(ObjectUrl, RefusesWhatNamesNone) {
  for (const char* text :
       {"", "photos/a", "http://photos/a", "nats-object://", "nats-object://a", "nats-object://a/",
        "nats-object:///a", "nats-object://a.b/c", "nats-object://a>/c", "nats-object://a b/c"}) {
    EXPECT_EQ(ObjectUrl::Parse(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(References, AreLookedForInObjectsAlone) {
  const std::string with = R"({"inputs": {"image": {"ref": "nats-object://b/n"}}})";
  EXPECT_TRUE(MayHaveReferences(MakeMessage(with)));
  EXPECT_TRUE(MayHaveReferences(MakeMessage("\n " + with)));
  EXPECT_TRUE(MayHaveReferences(
      MakeMessage("\xa1 nats-object://b/n", {{"Content-Type", "application/cbor"}})));
  EXPECT_FALSE(MayHaveReferences(MakeMessage("")));
  EXPECT_FALSE(MayHaveReferences(MakeMessage(R"({"inputs": {}})")));
  EXPECT_FALSE(MayHaveReferences(MakeMessage("\x89PNG nats-object://b/n")));
}

TEST(Message, HasTheBodyThatWasFetchedForIt) {
  Message message = MakeMessage("small", {{kObjectHeader, "nats-object://b/n"}});
  message.SetBody(Buffer::Copy(AsBytes("the large one")));
  message.Attach("nats-object://b/m", Buffer::Copy(AsBytes("another")));
  const Message moved = std::move(message);
  EXPECT_EQ(AsText(moved.data()), "the large one");
  EXPECT_EQ(AsText(moved.delivered()), "small");
  EXPECT_EQ(AsText(*moved.Attachment("nats-object://b/m")), "another");
  EXPECT_FALSE(moved.Attachment("nats-object://b/n"));
  EXPECT_EQ(moved.bytes(), 5U + 13U + 7U);
}

}  // namespace
}  // namespace darkroom
