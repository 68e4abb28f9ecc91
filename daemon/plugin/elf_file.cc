// SPDX-License-Identifier: Apache-2.0

#include "plugin/elf_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/digest.h"

namespace darkroom {
namespace {

// Far above what a linker makes; they bound what a crafted header can make us read.
constexpr uint64_t kMaxHeaders = 65'535;
constexpr uint64_t kMaxTableBytes = 256ULL << 20;

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr std::string_view kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr std::string_view kMachineName = "aarch64";
#else
#error "darkroom runs on x86-64 and aarch64"
#endif

Status Wrong(std::string what) { return Status::FailedPrecondition(std::move(what)); }

// The text that begins at `offset` of a string table, and ends at its NUL or the table's end.
std::string_view TextAt(std::string_view table, uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::string_view rest = table.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

// The whole records of a table. The bytes may lie anywhere, so they are copied and not cast.
template <typename T>
std::vector<T> AsRecords(std::string_view bytes) {
  std::vector<T> records(bytes.size() / sizeof(T));
  if (!records.empty()) std::memcpy(records.data(), bytes.data(), records.size() * sizeof(T));
  return records;
}

}  // namespace

ElfFile::ElfFile(ElfFile&& other) noexcept { *this = std::move(other); }

ElfFile& ElfFile::operator=(ElfFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(sections_, other.sections_);
  std::swap(segments_, other.segments_);
  std::swap(section_names_, other.section_names_);
  return *this;
}

ElfFile::~ElfFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<ElfFile> ElfFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer. It changes nothing for a regular file.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const Code code = errno == ENOENT ? Code::kNotFound : Code::kFailedPrecondition;
    return Status(code, "cannot open " + path + ": " + std::strerror(errno));
  }
  ElfFile file(fd, 0);
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return Wrong(path + " is no regular file");
  file.size_ = static_cast<uint64_t>(info.st_size);
  if (Status status = file.ReadHeaders(); !status.ok()) return status.Annotated(path);
  return file;
}

Status ElfFile::Read(uint64_t offset, uint64_t size, void* out) const {
  if (offset > size_ || size > size_ - offset) return Wrong("the file is truncated");
  auto* to = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t count = ::pread(fd_, to, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Wrong("the file cannot be read, or was cut short meanwhile");
    to += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<uint64_t>(count);
  }
  return Status::Ok();
}

Status ElfFile::ReadHeaders() {
  Elf64_Ehdr header{};
  if (size_ < sizeof(header)) return Wrong("is too short for a shared object");
  if (Status status = Read(0, sizeof(header), &header); !status.ok()) return status;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return Wrong("is no ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return Wrong("is not for a 64-bit little-endian machine");
  }
  if (header.e_machine != kMachine) {
    return Wrong("is for another machine (ELF machine " + std::to_string(header.e_machine) +
                 "), this is " + std::string(kMachineName));
  }
  if (header.e_type != ET_DYN) return Wrong("is no shared object");
  if (header.e_shoff == 0 || header.e_shnum == 0 || header.e_shnum > kMaxHeaders ||
      header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum) {
    return Wrong("has no readable section headers");
  }
  sections_.resize(header.e_shnum);
  if (Status status = Read(header.e_shoff, sections_.size() * sizeof(Elf64_Shdr), sections_.data());
      !status.ok()) {
    return status;
  }
  if (header.e_phnum > 0) {
    if (header.e_phentsize != sizeof(Elf64_Phdr)) return Wrong("has unreadable program headers");
    segments_.resize(header.e_phnum);
    const uint64_t bytes = segments_.size() * sizeof(Elf64_Phdr);
    if (Status status = Read(header.e_phoff, bytes, segments_.data()); !status.ok()) return status;
  }
  Result<std::string> names = ReadSection(sections_[header.e_shstrndx], kMaxTableBytes);
  if (!names.ok()) return names.status();
  section_names_ = *std::move(names);
  return Status::Ok();
}

std::optional<Elf64_Shdr> ElfFile::FindSection(std::string_view name) const {
  for (const Elf64_Shdr& section : sections_) {
    if (TextAt(section_names_, section.sh_name) == name) return section;
  }
  return std::nullopt;
}

Result<std::string> ElfFile::ReadSection(const Elf64_Shdr& section, uint64_t limit) const {
  if (section.sh_type == SHT_NOBITS) return Wrong("a section has no bytes in the file");
  if (section.sh_offset > size_ || section.sh_size > size_ - section.sh_offset) {
    return Wrong("the file is truncated");
  }
  std::string bytes(std::min(section.sh_size, limit), '\0');
  if (Status status = Read(section.sh_offset, bytes.size(), bytes.data()); !status.ok())
    return status;
  return bytes;
}

Result<std::vector<ElfFile::Symbol>> ElfFile::ReadSymbols() const {
  std::vector<Symbol> symbols;
  for (const Elf64_Shdr& section : sections_) {
    if (section.sh_type != SHT_DYNSYM) continue;
    if (section.sh_link >= sections_.size()) return Wrong("its symbol table has no names");
    Result<std::string> table = ReadSection(section, kMaxTableBytes);
    if (!table.ok()) return table.status();
    Result<std::string> names = ReadSection(sections_[section.sh_link], kMaxTableBytes);
    if (!names.ok()) return names.status();
    for (const auto& record : AsRecords<Elf64_Sym>(*table)) {
      const unsigned binding = ELF64_ST_BIND(record.st_info);
      const unsigned visibility = ELF64_ST_VISIBILITY(record.st_other);
      Symbol symbol;
      symbol.name = TextAt(*names, record.st_name);
      // SHN_ABS is what a version script's own node looks like.
      symbol.defined = record.st_shndx != SHN_UNDEF && record.st_shndx != SHN_ABS;
      symbol.unique = symbol.defined && binding == STB_GNU_UNIQUE;
      symbol.exported = symbol.defined && !symbol.name.empty() && binding != STB_LOCAL &&
                        (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
      symbols.push_back(std::move(symbol));
    }
  }
  return symbols;
}

Result<ElfFile::Dynamic> ElfFile::ReadDynamic() const {
  Dynamic dynamic;
  for (const Elf64_Shdr& section : sections_) {
    if (section.sh_type != SHT_DYNAMIC) continue;
    if (section.sh_link >= sections_.size()) return Wrong("its dynamic section has no names");
    Result<std::string> table = ReadSection(section, kMaxTableBytes);
    if (!table.ok()) return table.status();
    Result<std::string> names = ReadSection(sections_[section.sh_link], kMaxTableBytes);
    if (!names.ok()) return names.status();
    std::string r_path;
    for (const auto& entry : AsRecords<Elf64_Dyn>(*table)) {
      if (entry.d_tag == DT_NULL) break;
      const std::string text(TextAt(*names, entry.d_un.d_val));
      if (entry.d_tag == DT_NEEDED) dynamic.needed.push_back(text);
      if (entry.d_tag == DT_RUNPATH) dynamic.run_path = text;
      if (entry.d_tag == DT_RPATH) r_path = text;
      if (entry.d_tag == DT_FLAGS_1) dynamic.no_delete = (entry.d_un.d_val & DF_1_NODELETE) != 0;
    }
    if (dynamic.run_path.empty()) dynamic.run_path = r_path;
  }
  return dynamic;
}

bool ElfFile::HasThreadLocals() const {
  return std::any_of(segments_.begin(), segments_.end(),
                     [](const Elf64_Phdr& segment) { return segment.p_type == PT_TLS; });
}

Result<std::string> ElfFile::Digest() const {
  Sha256 digest;
  std::vector<std::byte> chunk(size_t{1} << 20);
  for (uint64_t offset = 0; offset < size_;) {
    const uint64_t size = std::min<uint64_t>(chunk.size(), size_ - offset);
    if (Status status = Read(offset, size, chunk.data()); !status.ok()) return status;
    digest.Update({chunk.data(), size});
    offset += size;
  }
  return digest.Hex();
}

}  // namespace darkroom
