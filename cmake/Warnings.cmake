# SPDX-License-Identifier: Apache-2.0
#
# darkroom_warnings: what every target of ours links privately. It carries options only, so it reaches no other
# project's headers: those come by imported targets, which CMake passes as system includes.
# The flags are accepted by gcc 12 and by clang 14 to 16 alike, unless a line says otherwise.

add_library(darkroom_warnings INTERFACE)

set(darkroom_warning_flags
    -Werror
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wconversion
    -Wsign-conversion
    -Wdouble-promotion
    -Wcast-align
    -Wformat=2
    -Wimplicit-fallthrough
    -Wmissing-declarations
    -Wundef
    -Wunused)

set(darkroom_cxx_warning_flags
    -Wextra-semi
    -Wnon-virtual-dtor
    -Wold-style-cast
    -Woverloaded-virtual)

set(darkroom_c_warning_flags -Wstrict-prototypes -Wmissing-prototypes)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND darkroom_warning_flags -Wduplicated-cond -Wlogical-op)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # gcc 12 reports copies inside std::string itself that overlap or overrun: some at -O2, others only at -O3.
    list(APPEND darkroom_cxx_warning_flags -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow
         -Wno-stringop-overread)
  endif()
  if(DARKROOM_SANITIZE)
    # The checks that sanitizers insert lead gcc's flow analysis to report paths that do not exist.
    list(APPEND darkroom_warning_flags -Wno-maybe-uninitialized -Wno-stringop-overflow
         -Wno-array-bounds)
  endif()
  if("thread" IN_LIST DARKROOM_SANITIZE)
    # ThreadSanitizer does not see Asio's fences; what they order is ordered by mutexes, too.
    list(APPEND darkroom_cxx_warning_flags -Wno-tsan)
  endif()
endif()

target_compile_options(
  darkroom_warnings
  INTERFACE ${darkroom_warning_flags} "$<$<COMPILE_LANGUAGE:CXX>:${darkroom_cxx_warning_flags}>"
            "$<$<COMPILE_LANGUAGE:C>:${darkroom_c_warning_flags}>")
