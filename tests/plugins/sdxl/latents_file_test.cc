// SPDX-License-Identifier: Apache-2.0

#include "sdxl/latents_file.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <limits>

namespace darkroom::sdxl {
namespace {

std::string File(const std::string& header, size_t bytes) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header +
         std::string(bytes, '\0');
}

std::string Why(std::string_view file) {
  try {
    ReadLatents(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_INVALID_ARGUMENT);
    return error.what();
  }
  return "it was taken";
}

TEST(LatentsFile, GivesBackWhatWasWritten) {
  const at::Tensor latents = at::randn({2, 4, 3, 5});
  for (const at::ScalarType dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const at::Tensor read = ReadLatents(WriteLatents(latents.to(dtype)));
    EXPECT_EQ(read.scalar_type(), at::kFloat);
    EXPECT_TRUE(at::equal(read, latents.to(dtype).to(at::kFloat)));
  }
}

TEST(LatentsFile, WritesWhatLiesOtherwiseInMemory) {
  const at::Tensor latents = at::randn({1, 4, 3, 5});
  EXPECT_EQ(WriteLatents(latents.contiguous(at::MemoryFormat::ChannelsLast)),
            WriteLatents(latents));
}

TEST(LatentsFile, ItsNumbersAreAligned) {
  const std::string file = WriteLatents(at::zeros({1, 4, 3, 5}));
  EXPECT_EQ((file.size() - at::zeros({1, 4, 3, 5}).nbytes()) % 8, 0U);
}

TEST(LatentsFile, EveryCutIsRefused) {
  const std::string file = WriteLatents(at::ones({1, 4, 2, 2}));
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_NE(Why(std::string_view(file).substr(0, size)), "it was taken") << size;
}

TEST(LatentsFile, SaysWhatIsWrong) {
  const auto entry = [](const char* name, const char* dtype, const char* shape, int bytes) {
    return File(std::string("{\"") + name + R"(": {"dtype": ")" + dtype + R"(", "shape": )" +
                    shape + R"(, "data_offsets": [0, )" + std::to_string(bytes) + "]}}",
                static_cast<size_t>(bytes));
  };
  EXPECT_EQ(Why(entry("latents", "F32", "[1, 4, 1, 1]", 16)), "it was taken");
  const std::string at = "the input 'latents': ";
  EXPECT_EQ(Why(entry("noise", "F32", "[1, 4, 1, 1]", 16)),
            at + "it holds other tensors than one of the name 'latents'");
  EXPECT_EQ(Why(entry("latents", "I64", "[1, 4, 1, 1]", 32)),
            at + "its dtype is I64, expected F32, F16 or BF16");
  EXPECT_EQ(Why(entry("latents", "F32", "[4, 1, 1]", 16)),
            at + "it has 3 dimensions, expected pictures x channels x height x width");
  EXPECT_EQ(Why(entry("latents", "F32", "[1, 4, 0, 1]", 0)), at + "one of its dimensions is 0");
  EXPECT_EQ(Why("{}"), at + "it has 2 bytes, expected a file of safetensors");
  EXPECT_NE(Why(std::string(40, '\xff')).find("it is no file of safetensors, or cut"),
            std::string::npos);
  EXPECT_NE(Why(File("[]", 0)).find("the header does not begin with '{'"), std::string::npos);
}

TEST(LatentsFile, NumbersMustBeFinite) {
  at::Tensor latents = at::zeros({1, 4, 1, 1});
  latents[0][2][0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(Why(WriteLatents(latents)).find("not finite"), std::string::npos);
}

}  // namespace
}  // namespace darkroom::sdxl
