// SPDX-License-Identifier: Apache-2.0

#include "common/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <darkroom/plugin.hpp>
#include <string>
#include <vector>

#include "tests/plugins/common/temporary_file.h"

namespace darkroom {
namespace {

using testing::HasSubstr;

TEST(SafetensorsTest, GivesTensorsAndMetadata) {
  const std::vector<float> numbers = {1.5F, -2.0F, 0.25F, 8.0F};
  const std::string data(reinterpret_cast<const char*>(numbers.data()), 16);
  const TemporaryFile file(SafetensorsBytes(
      R"({"__metadata__":{"format":"pt","note":"é"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("flags":{"dtype":"BOOL","shape":[3],"data_offsets":[16,19]},)"
      R"("none":{"dtype":"I64","shape":[4,0],"data_offsets":[19,19]},)"
      R"("one":{"dtype":"U8","shape":[],"data_offsets":[19,20]}}   )",
      data + std::string("\1\0\1", 3) + "\x2a"));
  const Safetensors weights = Safetensors::Open(file.path());
  EXPECT_EQ(weights.path(), file.path());
  EXPECT_EQ(weights.metadata().at("format"), "pt");
  EXPECT_EQ(weights.metadata().at("note"), "é");
  ASSERT_EQ(weights.tensors().size(), 4U);
  EXPECT_TRUE(at::equal(weights.tensors().at("w"), at::tensor(numbers).view({2, 2})));
  EXPECT_TRUE(
      at::equal(weights.tensors().at("flags"), at::tensor({1, 0, 1}, at::kInt).to(at::kBool)));
  EXPECT_EQ(weights.tensors().at("none").sizes(), at::IntArrayRef({4, 0}));
  EXPECT_EQ(weights.tensors().at("one").item<int>(), 42);
}

TEST(SafetensorsTest, KnowsEveryDtype) {
  const struct {
    const char* name;
    at::ScalarType type;
  } kinds[] = {{"F64", at::kDouble},    {"F32", at::kFloat}, {"F16", at::kHalf},
               {"BF16", at::kBFloat16}, {"I64", at::kLong},  {"I32", at::kInt},
               {"I16", at::kShort},     {"I8", at::kChar},   {"U8", at::kByte},
               {"BOOL", at::kBool}};
  for (const auto& kind : kinds) {
    const size_t bytes = 2 * at::elementSize(kind.type);
    const TemporaryFile file(SafetensorsBytes(std::string(R"({"w":{"dtype":")") + kind.name +
                                                  R"(","shape":[2],"data_offsets":[0,)" +
                                                  std::to_string(bytes) + "]}}",
                                              std::string(bytes, '\0')));
    const Safetensors weights = Safetensors::Open(file.path());
    EXPECT_EQ(weights.tensors().at("w").scalar_type(), kind.type) << kind.name;
    EXPECT_EQ(weights.tensors().at("w").to(at::kDouble).abs().sum().item<double>(), 0.0);
  }
}

TEST(SafetensorsTest, TensorsKeepTheMappingAlive) {
  at::Tensor kept;
  {
    const TemporaryFile file(
        SafetensorsBytes(R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "abcd"));
    kept = Safetensors::Open(file.path()).tensors().at("w");
  }
  EXPECT_EQ(kept.sum().item<int>(), 'a' + 'b' + 'c' + 'd');
}

TEST(SafetensorsTest, TensorsLieInTheMappingWithoutACopy) {
  // A header of 56 bytes keeps the data aligned, so both tensors are views of one mapping, 8 bytes
  // apart.
  std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const TemporaryFile file(SafetensorsBytes(header, std::string(12, '\0')));
  const Safetensors weights = Safetensors::Open(file.path());
  EXPECT_EQ(weights.tensors().at("b").const_data_ptr<float>(),
            weights.tensors().at("a").const_data_ptr<float>() + 2);
}

TEST(SafetensorsTest, CopiesWhatIsNotAligned) {
  const float value = 3.25F;
  const std::string data(reinterpret_cast<const char*>(&value), 4);
  const TemporaryFile file(
      SafetensorsBytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                       "x" + data));
  const Safetensors weights = Safetensors::Open(file.path());
  const at::Tensor b = weights.tensors().at("b");
  EXPECT_EQ(b.item<float>(), value);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.const_data_ptr()) % 4, 0U);
}

TEST(SafetensorsTest, AFileThatIsNotThere) {
  try {
    Safetensors::Open("/nowhere/model.safetensors");
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_NOT_FOUND);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/model.safetensors"));
  }
}

TEST(SafetensorsTest, WhatIsNoRegularFile) {
  const std::string pipe = testing::TempDir() + "weights_pipe";
  ::unlink(pipe.c_str());
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, testing::TempDir()}) {
    try {
      Safetensors::Open(path);
      ADD_FAILURE() << "opened " << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
      EXPECT_THAT(error.what(), HasSubstr("not a regular file"));
    }
  }
  ::unlink(pipe.c_str());
}

// One tensor's entry under the name "w".
std::string Entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

struct Damage {
  const char* name;
  std::string bytes;
  const char* words;  // a part of the message
};

std::vector<Damage> Damages() {
  const std::string good = Entry("F32", "[2]", "[0,8]");
  const std::string eight(8, '\0');
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
  };
  return {
      {"Empty", "", "too few"},
      {"SevenBytes", std::string(7, '\0'), "too few"},
      {"NoHeader", SafetensorsBytes(0, "", ""), "does not begin with '{'"},
      {"LengthPastTheEnd", SafetensorsBytes(good.size() + 9, good, eight), "claims"},
      {"LengthOfAllBits", SafetensorsBytes(~0ULL, good, eight), "claims"},
      {"LengthThatWraps", SafetensorsBytes(~0ULL - 7, good, eight), "claims"},
      {"LengthAboveTheCap", SafetensorsBytes(100'000'001, good, eight), "claims 100000001 bytes"},
      {"LengthTooShort", SafetensorsBytes(good.size() - 1, good, eight), "not valid JSON"},
      {"Pickle", std::string("\x80\x02}q\x00X\x01\x00\x00\x00wq\x01", 14), "claims"},
      {"Zip", "PK\x03\x04" + std::string(60, '\0'), "claims"},
      {"LeadingSpace", SafetensorsBytes(" " + good, eight), "does not begin with '{'"},
      {"ByteOrderMark", SafetensorsBytes("\xef\xbb\xbf" + good, eight), "does not begin"},
      {"AnArray", SafetensorsBytes("[" + good + "]", eight), "does not begin with '{'"},
      {"TextAfterTheObject", SafetensorsBytes(good + "x", eight), "not valid JSON"},
      {"TwoObjects", SafetensorsBytes(good + good, eight), "not valid JSON"},
      {"CutInHalf", SafetensorsBytes(good.substr(0, good.size() / 2), eight), "not valid JSON"},
      {"InvalidUtf8", SafetensorsBytes("{\"\xff\":1}", ""), "not valid JSON"},
      {"NulInTheHeader", SafetensorsBytes(good + std::string(1, '\0'), eight), "NUL"},
      {"NoTensors", SafetensorsBytes("{}", eight), "take 0 bytes of 8"},
      {"EntryIsANumber", SafetensorsBytes(R"({"w":1})", ""), "'w' is a number, not an object"},
      {"EntryIsNull", SafetensorsBytes(R"({"w":null})", ""), "'w' is null"},
      {"EntryIsAnArray", SafetensorsBytes(R"({"w":[]})", ""), "'w' is an array"},
      {"NoDtype", SafetensorsBytes(R"({"w":{"shape":[0],"data_offsets":[0,0]}})", ""),
       "has no dtype"},
      {"NoShape", SafetensorsBytes(R"({"w":{"dtype":"F32","data_offsets":[0,0]}})", ""),
       "has no shape"},
      {"NoOffsets", SafetensorsBytes(R"({"w":{"dtype":"F32","shape":[0]}})", ""),
       "has no data_offsets"},
      {"UnknownKey", SafetensorsBytes(R"({"w":{"dtype":"F32","strides":[1]}})", ""),
       "unknown key 'strides'"},
      {"UnknownDtype", SafetensorsBytes(Entry("F12", "[2]", "[0,8]"), eight),
       "dtype 'F12' is not supported"},
      {"DtypeInLowerCase", SafetensorsBytes(Entry("f32", "[2]", "[0,8]"), eight), "dtype 'f32'"},
      {"DtypeIsANumber", SafetensorsBytes(R"({"w":{"dtype":32}})", ""), "'dtype' holds a number"},
      {"ShapeIsANumber", SafetensorsBytes(Entry("F32", "2", "[0,8]"), eight), "'shape' holds"},
      {"NestedShape", SafetensorsBytes(Entry("F32", "[[2]]", "[0,8]"), eight), "an array"},
      {"TextInTheShape", SafetensorsBytes(Entry("F32", "[\"2\"]", "[0,8]"), eight), "a text"},
      {"NegativeDimension", SafetensorsBytes(Entry("F32", "[-2]", "[0,8]"), eight),
       "a negative number"},
      {"FractionalDimension", SafetensorsBytes(Entry("F32", "[2.0]", "[0,8]"), eight),
       "not a 64-bit integer"},
      {"DimensionOf2To63", SafetensorsBytes(Entry("U8", "[9223372036854775808]", "[0,8]"), eight),
       "too large"},
      {"DimensionOf2To64", SafetensorsBytes(Entry("U8", "[18446744073709551616]", "[0,8]"), eight),
       "not a 64-bit integer"},
      {"ProductWrapsToEight",
       SafetensorsBytes(Entry("U8", "[4294967296,4294967296,8]", "[0,8]"), eight), "overflows"},
      {"ProductWrapsByTheDtype",
       SafetensorsBytes(Entry("F64", "[2305843009213693953]", "[0,8]"), eight), "overflows"},
      {"StridesOverflowBehindAZero",
       SafetensorsBytes(Entry("U8", "[0,9223372036854775807,4]", "[0,0]"), ""), "overflows"},
      {"TooManyDimensions",
       SafetensorsBytes(Entry("U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]"), "x"),
       "more than 16 dimensions"},
      {"OneOffset", SafetensorsBytes(Entry("F32", "[2]", "[8]"), eight), "not two numbers"},
      {"ThreeOffsets", SafetensorsBytes(Entry("F32", "[2]", "[0,8,8]"), eight), "more than two"},
      {"OffsetsBackwards", SafetensorsBytes(Entry("F32", "[2]", "[8,0]"), eight), "lie outside"},
      {"OffsetsPastTheEnd", SafetensorsBytes(Entry("F32", "[4]", "[0,16]"), eight),
       "lie outside the data of 8 bytes"},
      {"OffsetsOfAllBits",
       SafetensorsBytes(Entry("U8", "[0]", "[18446744073709551615,18446744073709551615]"), eight),
       "lie outside"},
      {"NegativeOffset", SafetensorsBytes(Entry("F32", "[2]", "[-8,0]"), eight), "a negative"},
      {"TooFewBytesForTheShape", SafetensorsBytes(Entry("F32", "[3]", "[0,8]"), eight),
       "F32 of shape [3] needs 12 bytes, data_offsets [0, 8] give 8"},
      {"TooManyBytesForTheShape", SafetensorsBytes(Entry("F32", "[1]", "[0,8]"), eight),
       "needs 4 bytes"},
      {"ScalarWithManyBytes", SafetensorsBytes(Entry("F32", "[]", "[0,8]"), eight),
       "needs 4 bytes"},
      {"TruncatedData", SafetensorsBytes(good, std::string(7, '\0')), "lie outside"},
      {"BytesLeftOver", SafetensorsBytes(good, std::string(9, '\0')), "take 8 bytes of 9"},
      {"AHoleAtTheStart", SafetensorsBytes(two("[1,5]", "[5,9]"), std::string(9, '\0')),
       "leaving a hole"},
      {"AHoleBetween", SafetensorsBytes(two("[0,4]", "[5,9]"), std::string(9, '\0')),
       "leaving a hole"},
      {"AnOverlap", SafetensorsBytes(two("[0,4]", "[3,7]"), std::string(7, '\0')),
       "inside the tensor before it"},
      {"TheSameDataTwice", SafetensorsBytes(two("[0,4]", "[0,4]"), std::string(4, '\0')),
       "inside the tensor before it"},
      {"TheSameNameTwice",
       SafetensorsBytes(R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                        R"("w":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
                        eight),
       "the key 'w' is there twice"},
      {"TheSameNameTwiceByEscape",
       SafetensorsBytes(R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                        R"("\u0077":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
                        eight),
       "the key 'w' is there twice"},
      {"TheDtypeTwice",
       SafetensorsBytes(R"({"w":{"dtype":"U8","dtype":"I8","shape":[8],"data_offsets":[0,8]}})",
                        eight),
       "the key 'dtype' is there twice"},
      {"MetadataOfNumbers", SafetensorsBytes(R"({"__metadata__":{"scale":4}})", ""),
       "'scale' holds a number"},
      {"MetadataNested", SafetensorsBytes(R"({"__metadata__":{"a":{}}})", ""), "an object"},
      {"MetadataIsText", SafetensorsBytes(R"({"__metadata__":"x"})", ""), "not an object"},
      {"MetadataTwice", SafetensorsBytes(R"({"__metadata__":{},"__metadata__":{}})", ""),
       "is there twice"},
      {"DeepNesting", SafetensorsBytes("{\"w\":" + std::string(100'000, '['), ""), "an array"},
      {"DeepObjects",
       SafetensorsBytes(
           [] {
             std::string text;
             for (int i = 0; i < 100'000; ++i) text += "{\"w\":";
             return text;
           }(),
           ""),
       "unknown key 'w'"},
      {"BoolOfTwo", SafetensorsBytes(Entry("BOOL", "[8]", "[0,8]"), "\1\1\1\2\1\1\1\1"),
       "BOOL holds bytes other than 0 and 1"},
  };
}

class SafetensorsDamageTest : public testing::TestWithParam<Damage> {};

TEST_P(SafetensorsDamageTest, IsRefusedInWords) {
  const TemporaryFile file(GetParam().bytes);
  try {
    Safetensors::Open(file.path());
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().words));
    EXPECT_THAT(error.what(), HasSubstr(file.path()));
  }
}

INSTANTIATE_TEST_SUITE_P(All, SafetensorsDamageTest, testing::ValuesIn(Damages()),
                         [](const auto& damage) { return std::string(damage.param.name); });

// Each byte of a good file's header in turn is given other values: most files are then refused,
// some still read, and in those every tensor lies inside the file. Sanitizer builds notice a step
// outside.
TEST(SafetensorsTest, AnySingleWrongByteIsSafe) {
  const std::string good =
      SafetensorsBytes(R"({"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},)"
                       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
                       std::string(16, '\1'));
  int refused = 0;
  int read = 0;
  for (size_t at = 0; at + 16 < good.size(); ++at) {
    for (const int value : {0x00, 0x20, 0x22, 0x30, 0x39, 0x7b, 0xff, good[at] ^ 1}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(value);
      const TemporaryFile file(bytes);
      try {
        const Safetensors weights = Safetensors::Open(file.path());
        for (const auto& [name, tensor] : weights.tensors())
          EXPECT_TRUE(std::isfinite(tensor.to(at::kDouble).sum().item<double>()));
        ++read;
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(read, 20);
}

TEST(SafetensorsTest, NamesAreMadeFitForALog) {
  EXPECT_EQ(Quoted("body.0"), "'body.0'");
  EXPECT_EQ(Quoted("a\nb\x1b[31m"), "'a?b?[31m'");
  EXPECT_EQ(Quoted(std::string(500, 'x')), "'" + std::string(120, 'x') + "...'");
}

}  // namespace
}  // namespace darkroom
