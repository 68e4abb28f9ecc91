// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "host/icc.h"
#include "host/webp_codec.h"

namespace darkroom::host {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

Status Cut() {
  return Status::InvalidArgument("the WebP image is cut: it ends before its last row",
                                 "send the whole file");
}

Status Damaged(std::string_view what) {
  return Status::InvalidArgument(fmt::format("the WebP image is damaged: {}", what),
                                 "send the file again");
}

Status StatusOf(VP8StatusCode code) {
  switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return Status::ResourceExhausted("no memory to decode the WebP image", "try again later");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return Cut();
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return Damaged("it uses a feature that does not exist");
    default:
      return Damaged("its data do not fit together");
  }
}

// The first frame; of a still image the only one.
struct Frame {
  explicit Frame(const WebPDemuxer* demuxer)
      : found(WebPDemuxGetFrame(demuxer, 1, &iterator) != 0) {}
  ~Frame() {
    if (found) WebPDemuxReleaseIterator(&iterator);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  WebPIterator iterator{};
  bool found;
};

// Decodes into the frame's place on the canvas, where the rest is transparent.
Result<Image> DecodeFrame(const WebPIterator& frame, uint32_t width, uint32_t height,
                          const ImageLimits& limits) {
  if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width <= 0 || frame.height <= 0) {
    return Damaged("its first frame has no place");
  }
  const size_t left = static_cast<size_t>(frame.x_offset);
  const size_t top = static_cast<size_t>(frame.y_offset);
  const size_t frame_width = static_cast<size_t>(frame.width);
  const size_t frame_height = static_cast<size_t>(frame.height);
  if (left + frame_width > width || top + frame_height > height) {
    return Damaged("its first frame lies beside the canvas");
  }
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return Status::Internal("libwebp has another version");
  if (const VP8StatusCode code =
          WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &config.input);
      code != VP8_STATUS_OK) {
    return StatusOf(code);
  }
  // The container and the frame each tell a size: both count.
  if (config.input.width != frame.width || config.input.height != frame.height) {
    return Damaged("its sizes contradict each other");
  }
  if (Status size = CheckImageSize(ImageFormat::kWebp, width, height, limits); !size.ok()) {
    return size;
  }
  const bool covered = frame_width == width && frame_height == height;
  const bool alpha = !covered || frame.has_alpha != 0 || config.input.has_alpha != 0;
  Image image = MakeImage(width, height, alpha ? 4 : 3);
  if (!covered) std::memset(image.pixels.data(), 0, image.pixels.size());
  const size_t begin = top * image.row_bytes() + left * image.channels;
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = reinterpret_cast<uint8_t*>(image.pixels.data()) + begin;
  config.output.u.RGBA.stride = static_cast<int>(image.row_bytes());
  config.output.u.RGBA.size = image.pixels.size() - begin;
  const VP8StatusCode code = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (code != VP8_STATUS_OK) return StatusOf(code);
  return image;
}

void CarryProfile(const WebPDemuxer* demuxer, Image* image) {
  WebPChunkIterator chunk{};
  if (WebPDemuxGetChunk(demuxer, "ICCP", 1, &chunk) == 0) return;
  const Bytes icc{reinterpret_cast<const std::byte*>(chunk.chunk.bytes), chunk.chunk.size};
  if (IccFits(icc, image->channels)) image->icc = Buffer::Copy(icc);
  WebPDemuxReleaseChunkIterator(&chunk);
}

}  // namespace

Result<Image> DecodeWebp(Bytes bytes, const ImageLimits& limits) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const Demuxer demuxer(WebPDemuxPartial(&data, &state), &WebPDemuxDelete);
  if (state == WEBP_DEMUX_PARSE_ERROR) return Damaged("its parts do not fit together");
  if (state != WEBP_DEMUX_DONE || demuxer == nullptr) return Cut();

  const uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (Status size = CheckImageSize(ImageFormat::kWebp, width, height, limits); !size.ok()) {
    return size;
  }
  const Frame frame(demuxer.get());
  if (!frame.found) return Damaged("it has no frame");
  if (frame.iterator.complete == 0) return Cut();
  Result<Image> image = DecodeFrame(frame.iterator, width, height, limits);
  if (image.ok()) CarryProfile(demuxer.get(), &*image);
  return image;
}

}  // namespace darkroom::host
