# SPDX-License-Identifier: Apache-2.0
#
# Tests of the image half of the host.
add_library(image_builders STATIC ${CMAKE_CURRENT_LIST_DIR}/image_builders.cc)
target_include_directories(image_builders
  PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/daemon)
target_link_libraries(image_builders PUBLIC darkroom_core z PRIVATE darkroom_warnings)

foreach(test
    byte_reader decode_image encode_image exif icc image_fuzz image_golden image_kind image_limits
    image_probe jpeg_codec orient png_codec webp_codec)
  darkroom_test(${test}_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/${test}_test.cc
    LIBS darkroom_host_images image_builders)
endforeach()

# The goldens are what Pillow and NumPy say of files that they made: written before the test that
# compares, never committed.
set(image_goldens ${CMAKE_CURRENT_BINARY_DIR}/image_goldens)
add_test(NAME image_goldens
  COMMAND ${DARKROOM_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/make_image_goldens.py ${image_goldens})
set_tests_properties(image_goldens
  PROPERTIES LABELS parity TIMEOUT 120 FIXTURES_SETUP image_goldens)
set_tests_properties(image_golden_test PROPERTIES LABELS parity FIXTURES_REQUIRED image_goldens
  ENVIRONMENT DARKROOM_IMAGE_GOLDENS=${image_goldens})
