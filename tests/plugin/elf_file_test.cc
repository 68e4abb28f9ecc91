// SPDX-License-Identifier: Apache-2.0

#include "plugin/elf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "core/digest.h"
#include "tests/plugin/patched_file.h"

namespace darkroom {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class ElfFileTest : public ::testing::Test {
 protected:
  std::string sound_ = ReadWhole(SOUND_PLUGIN);
  TestFolder folder_;
};

// Opens the file and reads all there is, as manifest and preflight do.
Status ReadAll(const std::string& path) {
  Result<ElfFile> file = ElfFile::Open(path);
  if (!file.ok()) return file.status();
  if (const auto section = file->FindSection(".darkroom")) {
    if (auto bytes = file->ReadSection(*section, 1 << 20); !bytes.ok()) return bytes.status();
  }
  if (auto symbols = file->ReadSymbols(); !symbols.ok()) return symbols.status();
  if (auto dynamic = file->ReadDynamic(); !dynamic.ok()) return dynamic.status();
  return file->Digest().status();
}

TEST_F(ElfFileTest, ReadsASharedObject) {
  const Result<ElfFile> file = ElfFile::Open(SOUND_PLUGIN);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE(file->FindSection(".darkroom").has_value());
  EXPECT_FALSE(file->FindSection(".nothing").has_value());
  const auto symbols = file->ReadSymbols();
  ASSERT_TRUE(symbols.ok());
  EXPECT_EQ(
      std::count_if(symbols->begin(), symbols->end(), [](const auto& s) { return s.exported; }), 1);
  EXPECT_TRUE(std::any_of(symbols->begin(), symbols->end(),
                          [](const auto& s) { return !s.defined && !s.name.empty(); }));
  const auto dynamic = file->ReadDynamic();
  ASSERT_TRUE(dynamic.ok());
  EXPECT_THAT(dynamic->needed, Contains("libc.so.6"));
  const auto digest = file->Digest();
  ASSERT_TRUE(digest.ok());
  const auto expected = Sha256OfFile(SOUND_PLUGIN);
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(*digest, *expected);
}

TEST_F(ElfFileTest, SaysWhatAFileIsNot) {
  EXPECT_EQ(ElfFile::Open(folder_.path() + "/none.so").status().code(), Code::kNotFound);
  EXPECT_THAT(ElfFile::Open(folder_.path()).status().message(), HasSubstr("no regular file"));
  EXPECT_THAT(ElfFile::Open(folder_.Write("empty.so", "")).status().message(),
              HasSubstr("too short"));
  EXPECT_THAT(ElfFile::Open(folder_.Write("text.so", std::string(100, 'x'))).status().message(),
              HasSubstr("no ELF file"));
  const std::string fifo = folder_.path() + "/fifo.so";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(ElfFile::Open(fifo).status().message(), HasSubstr("no regular file"));

  std::string other = sound_;
  Patch<uint16_t>(&other, offsetof(Elf64_Ehdr, e_machine), EM_RISCV);
  EXPECT_THAT(ElfFile::Open(folder_.Write("other.so", other)).status().message(),
              HasSubstr("for another machine (ELF machine 243)"));
  other = sound_;
  other[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(ElfFile::Open(folder_.Write("32.so", other)).status().message(), HasSubstr("64-bit"));
  other = sound_;
  other[EI_DATA] = ELFDATA2MSB;
  EXPECT_THAT(ElfFile::Open(folder_.Write("big.so", other)).status().message(),
              HasSubstr("little-endian"));
  other = sound_;
  Patch<uint16_t>(&other, offsetof(Elf64_Ehdr, e_type), ET_EXEC);
  EXPECT_THAT(ElfFile::Open(folder_.Write("program.so", other)).status().message(),
              HasSubstr("no shared object"));
}

TEST_F(ElfFileTest, EveryTruncationIsRefused) {
  // The section headers lie at the end, so a file that is cut anywhere has lost some.
  for (size_t length = 0; length < sound_.size(); length += 1 + sound_.size() / 200) {
    const Status status = ReadAll(folder_.Write("cut.so", sound_.substr(0, length)));
    ASSERT_FALSE(status.ok()) << length << " of " << sound_.size();
  }
}

// Where the header of the section of this type begins in the file.
uint64_t SectionHeader(const std::string& file, uint32_t type) {
  Elf64_Ehdr header{};
  std::memcpy(&header, file.data(), sizeof(header));
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section{};
    const uint64_t at = header.e_shoff + i * sizeof(section);
    std::memcpy(&section, file.data() + at, sizeof(section));
    if (section.sh_type == type) return at;
  }
  ADD_FAILURE() << "no section of type " << type;
  return 0;
}

TEST_F(ElfFileTest, SectionsThatLieAboutTheirPlaceAreRefused) {
  for (const uint32_t type : {uint32_t{SHT_DYNSYM}, uint32_t{SHT_DYNAMIC}, uint32_t{SHT_STRTAB}}) {
    const uint64_t at = SectionHeader(sound_, type);
    for (const uint64_t value : {UINT64_MAX, uint64_t{1} << 62, uint64_t{sound_.size() + 1}}) {
      for (const size_t field : {offsetof(Elf64_Shdr, sh_offset), offsetof(Elf64_Shdr, sh_size)}) {
        std::string lying = sound_;
        Patch<uint64_t>(&lying, at + field, value);
        EXPECT_THAT(ReadAll(folder_.Write("lying.so", lying)).message(), HasSubstr("truncated"));
      }
    }
    if (type == SHT_STRTAB) continue;
    std::string unnamed = sound_;
    Patch<uint32_t>(&unnamed, at + offsetof(Elf64_Shdr, sh_link), 60'000);
    EXPECT_THAT(ReadAll(folder_.Write("unnamed.so", unnamed)).message(), HasSubstr("has no names"));
  }
}

TEST_F(ElfFileTest, NoNumberInTheHeadersCanMakeItCrash) {
  // Each 8 bytes of the headers in turn say something enormous, or nothing. Whether that matters
  // depends on the field; what must not happen is a read beyond the file or an allocation of what
  // it claims.
  Elf64_Ehdr header{};
  std::memcpy(&header, sound_.data(), sizeof(header));
  std::vector<uint64_t> offsets;
  for (uint64_t at = 0; at < sizeof(header); at += 2) offsets.push_back(at);
  const uint64_t sections = header.e_shnum * sizeof(Elf64_Shdr);
  for (uint64_t at = 0; at + 8 <= sections; at += 4) offsets.push_back(header.e_shoff + at);
  for (const uint64_t offset : offsets) {
    for (const uint64_t value : {UINT64_MAX, uint64_t{1} << 62, uint64_t{0}}) {
      std::string lying = sound_;
      std::memcpy(lying.data() + offset, &value, std::min<size_t>(8, lying.size() - offset));
      const Status status = ReadAll(folder_.Write("lying.so", lying));
      EXPECT_TRUE(status.ok() || status.code() == Code::kFailedPrecondition) << status.ToString();
    }
  }
}

}  // namespace
}  // namespace darkroom
