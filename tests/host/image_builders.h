// SPDX-License-Identifier: Apache-2.0
//
// Makes images, and damaged and dishonest image files, for the tests of the host: no photograph is
// committed.

#ifndef DARKROOM_TESTS_HOST_IMAGE_BUILDERS_H_
#define DARKROOM_TESTS_HOST_IMAGE_BUILDERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "host/image.h"

namespace darkroom::host {

// A smooth picture with a different slope in each channel and some fine texture; the same for the
// same sizes.
Image MakePicture(uint32_t width, uint32_t height, uint32_t channels);

// The smallest thing that passes as an ICC profile of a colour space such as "RGB ", of `size`
// bytes.
std::string MakeIcc(std::string_view space, size_t size = 200);

// An EXIF block (TIFF) with one entry: the orientation. Without "Exif\0\0".
std::string MakeExif(int orientation, bool big_endian = false);

std::string ToString(const Buffer& buffer);
std::string BigEndian(uint32_t value, size_t bytes);
std::string LittleEndian(uint32_t value, size_t bytes);

// PNG: a chunk with its checksum; IHDR; the zlib form of `raw`; a file of the parts.
std::string PngChunkBytes(std::string_view type, std::string_view data);
std::string PngHeader(uint32_t width, uint32_t height, int bits, int colour);
std::string Deflate(std::string_view raw);
std::string PngFile(const std::vector<std::string>& chunks);
// `png` with `chunk` behind its IHDR.
std::string PngWith(std::string_view png, std::string_view chunk);
// Writes the right checksums into a damaged PNG, as far as its chunks can be told apart.
void RepairPngChecksums(std::string* png);

// JPEG: `jpeg` with a segment behind SOI.
std::string JpegWith(std::string_view jpeg, int marker, std::string_view data);

// WebP: a chunk with its padding; a RIFF file of the parts.
std::string RiffChunk(std::string_view type, std::string_view data);
std::string WebpFile(std::string_view chunks);
// The chunks of a WebP file.
std::string_view WebpChunks(std::string_view webp);
std::string Vp8x(uint32_t flags, uint32_t width, uint32_t height);

}  // namespace darkroom::host

#endif  // DARKROOM_TESTS_HOST_IMAGE_BUILDERS_H_
