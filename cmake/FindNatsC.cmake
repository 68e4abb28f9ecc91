# SPDX-License-Identifier: Apache-2.0
#
# The static NATS client that scripts/setup puts into DARKROOM_DEPS/nats-c, as darkroom::nats. Debian's own CMake file
# for it also wants the shared library, which needs a newer libc than Debian 12 has, so this reads the prefix itself.
# Debian builds the former Streaming client in: hence protobuf-c.

include(FindPackageHandleStandardArgs)

set(natsc_prefix "${DARKROOM_DEPS}/nats-c")
set(NatsC_LIBRARY "${natsc_prefix}/lib/libnats_static.a")
set(NatsC_INCLUDE_DIR "${natsc_prefix}/include")
set(natsc_pc "${natsc_prefix}/lib/pkgconfig/libnats.pc")
set(NatsC_VERSION "")
if(EXISTS "${natsc_pc}" AND EXISTS "${NatsC_LIBRARY}")
  file(STRINGS "${natsc_pc}" natsc_version_line REGEX "^Version:")
  string(REGEX REPLACE "^Version: *" "" NatsC_VERSION "${natsc_version_line}")
endif()

find_package_handle_standard_args(
  NatsC REQUIRED_VARS NatsC_VERSION VERSION_VAR NatsC_VERSION)

if(NatsC_FOUND AND NOT TARGET darkroom::nats)
  set(natsc_needs OpenSSL::SSL OpenSSL::Crypto darkroom::sodium darkroom::protobuf_c
                  Threads::Threads rt)
  add_library(darkroom::nats STATIC IMPORTED GLOBAL)
  set_target_properties(
    darkroom::nats
    PROPERTIES IMPORTED_LOCATION "${NatsC_LIBRARY}"
               INTERFACE_INCLUDE_DIRECTORIES "${NatsC_INCLUDE_DIR}"
               INTERFACE_LINK_LIBRARIES "${natsc_needs}")
endif()
