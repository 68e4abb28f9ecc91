// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>
#include <vector>

#include "host/icc.h"
#include "host/jpeg_codec.h"
#include "host/jpeg_error.h"

namespace darkroom::host {
namespace {

// Cameras and web sites write about ten scans; a file may hold thousands of empty ones, each of
// which costs a walk over the whole image.
constexpr int kMaxScans = 64;
constexpr int kIccMarker = JPEG_APP0 + 2;

// What libjpeg works with during one decoding, and nothing that needs a destructor of its own: a
// jump skips those.
struct Decoder {
  jpeg_decompress_struct info;
  jpeg_progress_mgr progress;
  JpegError error;
  JOCTET* icc;
  unsigned icc_size;
};

class DecoderOwner {
 public:
  DecoderOwner() : decoder_{} {}
  ~DecoderOwner() {
    jpeg_destroy_decompress(&decoder_.info);
    std::free(decoder_.icc);
  }
  DecoderOwner(const DecoderOwner&) = delete;
  DecoderOwner& operator=(const DecoderOwner&) = delete;
  Decoder* get() { return &decoder_; }

 private:
  Decoder decoder_;
};

void WatchScans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    FailJpeg(info, "it has more than 64 scans");
  }
}

bool ReadHeader(Decoder* decoder, const unsigned char* bytes, unsigned long size) {
  decoder->info.err = decoder->error.Install();
  if (setjmp(decoder->error.jump) != 0) return false;
  jpeg_create_decompress(&decoder->info);
  decoder->progress.progress_monitor = &WatchScans;
  decoder->info.progress = &decoder->progress;
  jpeg_mem_src(&decoder->info, bytes, size);
  jpeg_save_markers(&decoder->info, kIccMarker, 0xFFFF);
  jpeg_read_header(&decoder->info, TRUE);
  if (decoder->info.num_components == 4)
    decoder->info.out_color_space = JCS_CMYK;
  else if (decoder->info.num_components == 1)
    decoder->info.out_color_space = JCS_GRAYSCALE;
  else
    decoder->info.out_color_space = JCS_RGB;
  jpeg_read_icc_profile(&decoder->info, &decoder->icc, &decoder->icc_size);
  return true;
}

// Straight into the image: `pixels` has rows of `row_bytes`.
bool ReadRows(Decoder* decoder, unsigned char* pixels, size_t row_bytes) {
  if (setjmp(decoder->error.jump) != 0) return false;
  jpeg_start_decompress(&decoder->info);
  while (decoder->info.output_scanline < decoder->info.output_height) {
    // libjpeg makes up to eight rows at once and keeps what it cannot hand over.
    JSAMPROW rows[8];
    for (size_t i = 0; i < 8; ++i) {
      const size_t y = decoder->info.output_scanline + i;
      rows[i] = pixels + (y < decoder->info.output_height ? y : 0) * row_bytes;
    }
    const JDIMENSION left = decoder->info.output_height - decoder->info.output_scanline;
    jpeg_read_scanlines(&decoder->info, rows, left < 8 ? left : 8);
  }
  jpeg_finish_decompress(&decoder->info);
  return true;
}

// a * b / 255, rounded, for 8-bit a and b.
unsigned char Scale(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<unsigned char>((product + (product >> 8)) >> 8);
}

// Without profiles, ink only darkens: red is what cyan and black let through. Adobe's programs
// store how much light is left instead of how much ink is on the paper, and say so by their marker.
bool ReadCmykRows(Decoder* decoder, unsigned char* pixels, unsigned char* row) {
  if (setjmp(decoder->error.jump) != 0) return false;
  jpeg_start_decompress(&decoder->info);
  const unsigned flip = decoder->info.saw_Adobe_marker != FALSE ? 0 : 255;
  const size_t width = decoder->info.output_width;
  while (decoder->info.output_scanline < decoder->info.output_height) {
    unsigned char* target = pixels + size_t{decoder->info.output_scanline} * width * 3;
    jpeg_read_scanlines(&decoder->info, &row, 1);
    for (size_t x = 0; x < width; ++x) {
      const unsigned light = row[x * 4 + 3] ^ flip;
      for (size_t c = 0; c < 3; ++c) target[x * 3 + c] = Scale(row[x * 4 + c] ^ flip, light);
    }
  }
  jpeg_finish_decompress(&decoder->info);
  return true;
}

}  // namespace

Result<Image> DecodeJpeg(Bytes bytes, const ImageLimits& limits) {
  DecoderOwner owner;
  Decoder* decoder = owner.get();
  if (!ReadHeader(decoder, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size())) {
    return decoder->error.DecodeStatus();
  }
  const jpeg_decompress_struct& info = decoder->info;
  if (Status size = CheckImageSize(ImageFormat::kJpeg, info.image_width, info.image_height, limits);
      !size.ok()) {
    return size;
  }
  Image image = MakeImage(info.image_width, info.image_height, info.num_components == 1 ? 1 : 3);
  auto* pixels = reinterpret_cast<unsigned char*>(image.pixels.data());
  bool done = false;
  if (info.out_color_space == JCS_CMYK) {
    std::vector<unsigned char> row(size_t{image.width} * 4);
    done = ReadCmykRows(decoder, pixels, row.data());
  } else {
    done = ReadRows(decoder, pixels, image.row_bytes());
  }
  if (!done) return decoder->error.DecodeStatus();

  const Bytes icc{reinterpret_cast<const std::byte*>(decoder->icc), decoder->icc_size};
  if (IccFits(icc, image.channels)) {
    image.icc = Buffer::Adopt(decoder->icc, decoder->icc_size, decoder->icc, &std::free);
    decoder->icc = nullptr;
  }
  return image;
}

}  // namespace darkroom::host
