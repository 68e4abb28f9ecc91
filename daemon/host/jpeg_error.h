// SPDX-License-Identifier: Apache-2.0
//
// How libjpeg's errors come out. libjpeg ends an operation by a call that must not return, and no
// C++ exception may pass through its frames, so the call jumps back to a setjmp. Functions that set
// one are small, hold nothing with a destructor and call nothing that does:
//
//   bool ReadHeader(Decoder* decoder) {
//     if (setjmp(decoder->error.jump) != 0) return false;
//     jpeg_read_header(...);
//     return true;
//   }
//
// Private to the JPEG codec; one JpegError belongs to one operation on one thread.

#ifndef DARKROOM_HOST_JPEG_ERROR_H_
#define DARKROOM_HOST_JPEG_ERROR_H_

#include <csetjmp>
#include <cstddef>
#include <cstdio>

// Last of them: it needs size_t and FILE and does not include them.
#include <jpeglib.h>

#include "core/status.h"

namespace darkroom::host {

struct JpegError {
  jpeg_error_mgr base;  // first: libjpeg hands this back as a pointer to it
  std::jmp_buf jump;
  int code;
  char message[JMSG_LENGTH_MAX];

  // Sets the error manager up; its address must not change any more.
  jpeg_error_mgr* Install();

  // What happened, after a setjmp has returned non-zero.
  Status DecodeStatus() const;
  Status EncodeStatus() const;
};

// Ends the operation as libjpeg's own errors do, with our words.
[[noreturn]] void FailJpeg(j_common_ptr info, const char* message);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_JPEG_ERROR_H_
