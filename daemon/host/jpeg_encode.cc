// SPDX-License-Identifier: Apache-2.0

#include <jerror.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "host/flatten.h"
#include "host/icc.h"
#include "host/jpeg_codec.h"
#include "host/jpeg_error.h"

namespace darkroom::host {
namespace {

// libjpeg's own memory target loses its block when an error jumps over it; this one always knows
// where it is.
struct Target {
  jpeg_destination_mgr base;  // first: libjpeg hands this back as a pointer to it
  JOCTET* data;
  size_t capacity;
  size_t size;  // once finished
};

// As in the decoder: nothing in here needs a destructor of its own.
struct Encoder {
  jpeg_compress_struct info;
  JpegError error;
  Target target;
};

class EncoderOwner {
 public:
  EncoderOwner() : encoder_{} {}
  ~EncoderOwner() {
    jpeg_destroy_compress(&encoder_.info);
    std::free(encoder_.target.data);
  }
  EncoderOwner(const EncoderOwner&) = delete;
  EncoderOwner& operator=(const EncoderOwner&) = delete;
  Encoder* get() { return &encoder_; }

 private:
  Encoder encoder_;
};

void Grow(j_compress_ptr info, size_t capacity) {
  auto* target = reinterpret_cast<Target*>(info->dest);
  const size_t used = target->capacity;
  void* data = std::realloc(target->data, capacity);
  if (data == nullptr) ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
  target->data = static_cast<JOCTET*>(data);
  target->capacity = capacity;
  target->base.next_output_byte = target->data + used;
  target->base.free_in_buffer = capacity - used;
}

void Begin(j_compress_ptr info) {
  // A guess at two bits a pixel, so that most images never grow.
  Grow(info, (size_t{1} << 16) + size_t{info->image_width} * info->image_height / 4);
}

boolean Full(j_compress_ptr info) {
  Grow(info, reinterpret_cast<Target*>(info->dest)->capacity * 2);
  return TRUE;
}

void End(j_compress_ptr info) {
  auto* target = reinterpret_cast<Target*>(info->dest);
  target->size = target->capacity - target->base.free_in_buffer;
}

bool Start(Encoder* encoder, const ImageView& image, int quality) {
  jpeg_compress_struct* info = &encoder->info;
  info->err = encoder->error.Install();
  if (setjmp(encoder->error.jump) != 0) return false;
  jpeg_create_compress(info);
  encoder->target.base.init_destination = &Begin;
  encoder->target.base.empty_output_buffer = &Full;
  encoder->target.base.term_destination = &End;
  info->dest = &encoder->target.base;

  const bool grey = image.channels <= 2;
  info->image_width = image.width;
  info->image_height = image.height;
  info->input_components = grey ? 1 : 3;
  info->in_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, quality, TRUE);
  if (!grey) {
    const int step = quality >= 90 ? 1 : 2;
    info->comp_info[0].h_samp_factor = step;
    info->comp_info[0].v_samp_factor = step;
  }
  jpeg_start_compress(info, TRUE);
  if (IccFits(image.icc, image.channels)) {
    jpeg_write_icc_profile(info, reinterpret_cast<const JOCTET*>(image.icc.data()),
                           static_cast<unsigned>(image.icc.size()));
  }
  return true;
}

// `flat` is a row to lay alpha over white in, unused where there is none.
bool WriteRows(Encoder* encoder, const ImageView& image, std::byte* flat) {
  jpeg_compress_struct* info = &encoder->info;
  if (setjmp(encoder->error.jump) != 0) return false;
  while (info->next_scanline < info->image_height) {
    const std::byte* row = image.row(info->next_scanline);
    if (flat != nullptr) {
      FlattenRow(row, image.width, image.channels, flat);
      row = flat;
    }
    // libjpeg does not write to it.
    auto* line = const_cast<JSAMPROW>(reinterpret_cast<const JSAMPLE*>(row));
    jpeg_write_scanlines(info, &line, 1);
  }
  jpeg_finish_compress(info);
  return true;
}

}  // namespace

Result<Buffer> EncodeJpeg(const ImageView& image, int quality) {
  if (Status status = CheckView(image); !status.ok()) return status;
  if (Status status = CheckEncodable(image, ImageFormat::kJpeg, uint32_t{JPEG_MAX_DIMENSION});
      !status.ok()) {
    return status;
  }
  std::vector<std::byte> flat;
  if (image.channels % 2 == 0) flat.resize(size_t{image.width} * (image.channels - 1));
  EncoderOwner owner;
  Encoder* encoder = owner.get();
  if (!Start(encoder, image, std::clamp(quality, 1, 100)) ||
      !WriteRows(encoder, image, flat.empty() ? nullptr : flat.data())) {
    return encoder->error.EncodeStatus();
  }
  JOCTET* data = std::exchange(encoder->target.data, nullptr);
  return Buffer::Adopt(data, encoder->target.size, data, &std::free);
}

}  // namespace darkroom::host
