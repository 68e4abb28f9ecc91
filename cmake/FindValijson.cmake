# SPDX-License-Identifier: Apache-2.0
#
# The JSON Schema validator's headers in DARKROOM_DEPS/valijson, as darkroom::valijson. Debian's package is not installed
# but unpacked there, because it depends on every JSON library that it can be used with, Qt among them.

include(FindPackageHandleStandardArgs)

set(Valijson_INCLUDE_DIR "${DARKROOM_DEPS}/valijson/include")
set(Valijson_HEADER "")
if(EXISTS "${Valijson_INCLUDE_DIR}/valijson/validator.hpp")
  set(Valijson_HEADER "${Valijson_INCLUDE_DIR}/valijson/validator.hpp")
endif()

find_package_handle_standard_args(Valijson REQUIRED_VARS Valijson_HEADER)

if(Valijson_FOUND AND NOT TARGET darkroom::valijson)
  add_library(darkroom::valijson INTERFACE IMPORTED GLOBAL)
  set_target_properties(darkroom::valijson PROPERTIES INTERFACE_INCLUDE_DIRECTORIES
                                                      "${Valijson_INCLUDE_DIR}")
endif()
