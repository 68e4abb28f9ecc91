// SPDX-License-Identifier: Apache-2.0
//
// The part of TIFF that is read:
//
//   exif      := ["Exif" 0 0] header ... directory
//   header    := ("II" little | "MM" big) u16=42 u32=offset of the directory, from the header
//   directory := u16=count entry*count ...
//   entry     := u16=tag u16=type u32=count value[4]

#include "host/exif.h"

#include <cstdint>
#include <string_view>

#include "host/byte_reader.h"

namespace darkroom::host {
namespace {

constexpr std::string_view kPrefix("Exif\0\0", 6);
constexpr uint16_t kMagic = 42;
constexpr uint16_t kOrientationTag = 0x0112;
constexpr uint16_t kShort = 3;

}  // namespace

int ExifOrientation(Bytes exif) {
  if (AsText(exif).starts_with(kPrefix)) exif = exif.subspan(kPrefix.size());

  const std::string_view text = AsText(exif);
  const bool big = text.starts_with("MM");
  if (!big && !text.starts_with("II")) return 1;

  ByteReader reader(exif, big ? ByteReader::Order::kBig : ByteReader::Order::kLittle);
  reader.Skip(2);
  if (reader.U16() != kMagic) return 1;
  reader.Seek(reader.U32());
  const uint16_t entries = reader.U16();
  for (uint16_t i = 0; i < entries && reader.ok(); ++i) {
    const uint16_t tag = reader.U16();
    const uint16_t type = reader.U16();
    const uint32_t count = reader.U32();
    const uint16_t value = reader.U16();
    reader.Skip(2);
    if (tag != kOrientationTag) continue;
    const bool valid = reader.ok() && type == kShort && count == 1 && value >= 1 && value <= 8;
    return valid ? value : 1;
  }
  return 1;
}

}  // namespace darkroom::host
