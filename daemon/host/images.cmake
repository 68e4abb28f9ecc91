# SPDX-License-Identifier: Apache-2.0
#
# The image half of the host: files in, pixels out, and back. Objects, so that both the library and
# the tests, which reach what it hides, can take them. zlib (z) comes with libspng-dev.
add_library(darkroom_host_images OBJECT
    ${CMAKE_CURRENT_LIST_DIR}/decode_image.cc
    ${CMAKE_CURRENT_LIST_DIR}/encode_image.cc
    ${CMAKE_CURRENT_LIST_DIR}/exif.cc
    ${CMAKE_CURRENT_LIST_DIR}/icc.cc
    ${CMAKE_CURRENT_LIST_DIR}/image_kind.cc
    ${CMAKE_CURRENT_LIST_DIR}/image_limits.cc
    ${CMAKE_CURRENT_LIST_DIR}/image_probe.cc
    ${CMAKE_CURRENT_LIST_DIR}/jpeg_decode.cc
    ${CMAKE_CURRENT_LIST_DIR}/jpeg_encode.cc
    ${CMAKE_CURRENT_LIST_DIR}/jpeg_error.cc
    ${CMAKE_CURRENT_LIST_DIR}/orient.cc
    ${CMAKE_CURRENT_LIST_DIR}/png_codec.cc
    ${CMAKE_CURRENT_LIST_DIR}/webp_decode.cc
    ${CMAKE_CURRENT_LIST_DIR}/webp_encode.cc)
target_include_directories(darkroom_host_images PUBLIC ${PROJECT_SOURCE_DIR}/daemon)
target_link_libraries(darkroom_host_images
  PUBLIC darkroom_core darkroom::jpeg darkroom::spng darkroom::webp z fmt::fmt
  PRIVATE darkroom_warnings)
set(DARKROOM_HOST_IMAGE_SOURCES $<TARGET_OBJECTS:darkroom_host_images>)
set(DARKROOM_HOST_IMAGE_LIBRARIES darkroom::jpeg darkroom::spng darkroom::webp z fmt::fmt)
