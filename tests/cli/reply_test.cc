// SPDX-License-Identifier: Apache-2.0

#include "cli/reply.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;

TEST(ParseError, TakesCodeMessageAndHintOfTheBody) {
  const Status error = ParseError(
      R"({"code": "busy", "message": "the queue is full", "hint": "wait", "retryable": true})",
      "429", "header");
  EXPECT_EQ(error.code(), Code::kBusy);
  EXPECT_EQ(error.message(), "the queue is full");
  EXPECT_EQ(error.hint(), "wait");
}

TEST(ParseError, FallsBackOnTheHeaders) {
  const Status error = ParseError("not JSON", "404", "no such model");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.message(), "no such model");
}

TEST(ParseError, NeverTurnsAnUnknownErrorIntoSuccess) {
  const Status error = ParseError("{}", "799", "");
  EXPECT_EQ(error.code(), Code::kInternal);
  EXPECT_EQ(error.message(), "the daemon gave no reason");
  EXPECT_EQ(ParseError(R"({"code": "ok", "message": "odd"})", "200", "").code(), Code::kInternal);
}

TEST(Reply, AMessageWithoutHeadersIsAResultWithAnEmptyReceipt) {
  const Incoming nothing;
  EXPECT_FALSE(ErrorOf(nothing).has_value());
  const json receipt = ReceiptOf(nothing);
  for (const char* field : {"host", "plugin", "weights", "device", "seed", "attempts", "resumed_at",
                            "queue_ms", "waited", "load_ms", "run_ms"}) {
    ASSERT_TRUE(receipt.contains(field)) << field;
    EXPECT_TRUE(receipt[field].is_null()) << field;
  }
}

TEST(Summary, IsOneLineOfWhatIsKnown) {
  const json receipt = {
      {"plugin", "enhance 1.0.0 sha256:4be1"}, {"device", "cpu"}, {"run_ms", 812.4}};
  EXPECT_EQ(Summary(422'195, "image/png", "photo-enhance", receipt),
            "412.3 KiB image/png, ran 812 ms, photo-enhance, enhance 1.0.0, cpu");
  json drawn = receipt;
  drawn["seed"] = 9007199254740991;
  EXPECT_EQ(Summary(1024, "image/png", "", drawn),
            "1 KiB image/png, ran 812 ms, enhance 1.0.0, cpu, seed 9007199254740991");
  EXPECT_EQ(Summary(5, "text/plain", "", json::object()), "5 bytes text/plain");
}

}  // namespace
}  // namespace darkroom
