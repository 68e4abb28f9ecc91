// SPDX-License-Identifier: Apache-2.0

#include "common/text/tokenizer_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <filesystem>
#include <fstream>

namespace darkroom {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class TokenizerFilesTest : public testing::Test {
 protected:
  TokenizerFilesTest() {
    std::string path = testing::TempDir() + "tokenizerXXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~TokenizerFilesTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  void WriteClip() {
    Write("vocab.json", R"({"a":0,"b</w>":1,"ab</w>":2,"<|startoftext|>":3,"<|endoftext|>":4})");
    Write("merges.txt", "#version: 0.2\na b</w>\n");
  }
  std::unique_ptr<Tokenizer> Open() { return OpenTokenizer(folder_); }

  std::string folder_;
};

TEST_F(TokenizerFilesTest, KnowsClipByItsTokens) {
  WriteClip();
  const auto tokenizer = Open();
  EXPECT_THAT(tokenizer->Encode("AB  ab"), ElementsAre(3, 2, 2, 4));
  EXPECT_THAT(tokenizer->EncodeBare("<|endoftext|>ab"), ElementsAre(4, 2));
  const int64_t ids[] = {3, 2, 2, 4};
  EXPECT_EQ(tokenizer->Decode(ids), "ab ab");
}

TEST_F(TokenizerFilesTest, TellsWhatFillsUpShortTexts) {
  WriteClip();
  EXPECT_EQ(PadTokenOf(folder_), std::nullopt);
  Write("special_tokens_map.json", R"({"pad_token": "!"})");
  EXPECT_EQ(PadTokenOf(folder_), "!");
  Write("tokenizer_config.json", R"({"pad_token": {"content": "<|endoftext|>"}})");
  EXPECT_EQ(PadTokenOf(folder_), "<|endoftext|>");
}

TEST_F(TokenizerFilesTest, ReadsGpt2AndWhatWasAdded) {
  Write("vocab.json", "{\"a\":0,\"\u0120\":1,\"\u0120a\":2,\"<|endoftext|>\":3}");
  Write("merges.txt", "\u0120 a\r\n\n");
  Write("added_tokens.json", R"({"<x>":7})");
  const auto tokenizer = Open();
  EXPECT_THAT(tokenizer->Encode("a a<x><|endoftext|>"), ElementsAre(0, 2, 7, 3));
  EXPECT_EQ(tokenizer->vocabulary().size(), 8);
}

TEST_F(TokenizerFilesTest, ReadsBertWithItsSettings) {
  Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nCat\n##s");
  EXPECT_THAT(Open()->Encode("Cats"), ElementsAre(2, 1, 3));
  Write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_THAT(Open()->Encode("Cats"), ElementsAre(2, 4, 5, 3));
}

TEST_F(TokenizerFilesTest, NamesTheFilesThatWouldDo) {
  try {
    Open();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_NOT_FOUND);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(folder_), HasSubstr("vocab.txt")));
  }
}

TEST_F(TokenizerFilesTest, RefusesDamagedFilesByName) {
  WriteClip();
  Write("merges.txt", "a b</w>\na b c\n");
  EXPECT_THAT([&] { Open(); }, ThrowsMessage<Error>(HasSubstr("merges.txt: line 2, 'a b c'")));
  Write("vocab.json", R"({"a":0,"b":"x"})");
  EXPECT_THAT([&] { Open(); }, ThrowsMessage<Error>(HasSubstr("vocab.json: field 'b' is no int")));
  Write("vocab.json", R"({"a":0,)");
  EXPECT_THAT([&] { Open(); }, ThrowsMessage<Error>(HasSubstr("vocab.json: is no JSON")));
  Write("vocab.json", R"({"a":99999999999})");
  EXPECT_THAT([&] { Open(); }, ThrowsMessage<Error>(HasSubstr("not within 0 and")));
  Write("vocab.json", "[]");
  EXPECT_THAT([&] { Open(); }, ThrowsMessage<Error>(HasSubstr("is a list, expected an object")));
}

TEST_F(TokenizerFilesTest, RefusesAVocabularyWithoutItsSpecialTokens) {
  Write("vocab.txt", "[UNK]\n[CLS]\ncat\n");
  EXPECT_THAT([&] { Open(); },
              ThrowsMessage<Error>(HasSubstr("vocab.txt: the token '[SEP]' is missing")));
}

TEST_F(TokenizerFilesTest, RefusesATokenizerJsonByItsField) {
  Write("tokenizer.json", R"({"version":"1.0","model":{"type":"Unigram","vocab":{}}})");
  EXPECT_THAT([&] { Open(); },
              ThrowsMessage<Error>(HasSubstr("tokenizer.json: field 'model.type' is '\"Unigram\"', "
                                             "only \"BPE\" and \"WordPiece\" are implemented")));
  Write("tokenizer.json", R"({"version":"1.0","model":{"type":"BPE","vocab":{}},"new":1})");
  EXPECT_THAT([&] { Open(); }, ThrowsMessage<Error>(HasSubstr("field 'new' is not known here")));
}

}  // namespace
}  // namespace darkroom
