# SPDX-License-Identifier: Apache-2.0
#
# DARKROOM_SANITIZE chooses the sanitizers of a build: "address;undefined" or "thread" (the presets asan and tsan).
# They must see every one of our translation units, hence options for the whole directory and not a target.

set(DARKROOM_SANITIZE "" CACHE STRING "Sanitizers to build with: address;undefined, or thread")

if(DARKROOM_SANITIZE)
  if("thread" IN_LIST DARKROOM_SANITIZE AND "address" IN_LIST DARKROOM_SANITIZE)
    message(FATAL_ERROR "DARKROOM_SANITIZE: thread and address exclude each other")
  endif()
  foreach(sanitizer IN LISTS DARKROOM_SANITIZE)
    if(NOT sanitizer MATCHES "^(address|undefined|thread|leak)$")
      message(FATAL_ERROR "DARKROOM_SANITIZE: '${sanitizer}' is not known here; "
                          "use address;undefined or thread")
    endif()
  endforeach()
  string(REPLACE ";" "," darkroom_sanitizers "${DARKROOM_SANITIZE}")
  # A finding ends the program: a test must not pass over it.
  add_compile_options(-fsanitize=${darkroom_sanitizers} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${darkroom_sanitizers})
  message(STATUS "Sanitizers: ${darkroom_sanitizers}")
endif()

option(DARKROOM_FUZZ "Build the fuzz targets (clang only)" OFF)
if(DARKROOM_FUZZ)
  # libFuzzer looks for inputs that reach new code: all of it must tell what is reached.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
