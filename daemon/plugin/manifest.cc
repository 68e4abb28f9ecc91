// SPDX-License-Identifier: Apache-2.0

#include "plugin/manifest.h"

#include <darkroom/plugin.h>

#include <cstring>
#include <optional>
#include <utility>

namespace darkroom {

Result<Manifest> ReadManifest(const ElfFile& file) {
  const std::optional<Elf64_Shdr> section = file.FindSection(DR_MANIFEST_SECTION);
  if (!section.has_value()) {
    return Status::FailedPrecondition("has no manifest (section " DR_MANIFEST_SECTION
                                      "), so it is no darkroom plugin",
                                      "build it with darkroom_add_plugin()");
  }
  // A header of a newer minor may be longer than ours, but not without bounds.
  constexpr uint64_t kMaxHeaderBytes = 4096;
  Result<std::string> bytes = file.ReadSection(*section, kMaxHeaderBytes + kMaxManifestBytes);
  if (!bytes.ok()) return bytes.status().Annotated("its manifest");

  dr_manifest_t header{};
  if (bytes->size() < sizeof(header)) {
    return Status::FailedPrecondition("its manifest is truncated");
  }
  std::memcpy(&header, bytes->data(), sizeof(header));
  if (std::memcmp(header.magic, DR_MANIFEST_MAGIC, sizeof(header.magic)) != 0) {
    return Status::FailedPrecondition("its manifest does not begin with " DR_MANIFEST_MAGIC);
  }
  if (header.abi_major != DR_ABI_MAJOR) {
    return Status::FailedPrecondition(
        "it was built for plugin ABI " + std::to_string(header.abi_major) + "." +
            std::to_string(header.abi_minor) + ", this is ABI " + std::to_string(DR_ABI_MAJOR) +
            "." + std::to_string(DR_ABI_MINOR),
        "build it again with this version's headers");
  }
  if (header.json_size > kMaxManifestBytes) {
    return Status::FailedPrecondition("its manifest is " + std::to_string(header.json_size) +
                                      " bytes long, the limit is " +
                                      std::to_string(kMaxManifestBytes));
  }
  if (header.size < sizeof(header) || header.size > kMaxHeaderBytes ||
      header.size > bytes->size() || header.json_size > bytes->size() - header.size) {
    return Status::FailedPrecondition("its manifest is truncated");
  }

  Manifest manifest;
  manifest.abi_major = header.abi_major;
  manifest.abi_minor = header.abi_minor;
  manifest.json = bytes->substr(header.size, header.json_size);
  Result<ModelInfo> info = ParseModelInfo(manifest.json);
  if (!info.ok()) {
    return Status::FailedPrecondition(info.status().message(), info.status().hint());
  }
  manifest.info = *std::move(info);
  if (manifest.info.min_host_minor > DR_ABI_MINOR) {
    return Status::FailedPrecondition("it needs plugin ABI " + std::to_string(DR_ABI_MAJOR) + "." +
                                          std::to_string(manifest.info.min_host_minor) +
                                          ", this is ABI " + std::to_string(DR_ABI_MAJOR) + "." +
                                          std::to_string(DR_ABI_MINOR),
                                      "use a newer darkroom");
  }
  return manifest;
}

}  // namespace darkroom
