# SPDX-License-Identifier: Apache-2.0
#
# Finds everything darkroom is built from and gives it imported targets. docs/dependencies.md lists the parts with their
# versions, origins and licences; scripts/setup installs them. All that is missing is told at once, a line each.

if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(darkroom_cache "$ENV{XDG_CACHE_HOME}")
else()
  set(darkroom_cache "$ENV{HOME}/.cache")
endif()
if(DEFINED ENV{DARKROOM_DEPS} AND NOT "$ENV{DARKROOM_DEPS}" STREQUAL "")
  set(darkroom_deps_default "$ENV{DARKROOM_DEPS}")
else()
  set(darkroom_deps_default "${darkroom_cache}/darkroom")
endif()
set(DARKROOM_DEPS "${darkroom_deps_default}" CACHE PATH
    "Folder of the dependencies that no Debian package brings; scripts/setup fills it")

set(darkroom_missing "")

# darkroom_need(FOUND WHAT): notes WHAT as missing unless FOUND is true.
macro(darkroom_need found what)
  if(NOT ${found})
    list(APPEND darkroom_missing "${what}")
  endif()
endmacro()

# darkroom_pkg(TARGET MODULE PACKAGE): TARGET is what pkg-config knows as MODULE, of the Debian package PACKAGE.
function(darkroom_pkg target module package)
  string(MAKE_C_IDENTIFIER "darkroom_${module}" prefix)
  pkg_check_modules(${prefix} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(${prefix}_FOUND)
    add_library(${target} ALIAS PkgConfig::${prefix})
  else()
    set(darkroom_missing ${darkroom_missing} "${module} (Debian package ${package})" PARENT_SCOPE)
  endif()
endfunction()

find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
  message(FATAL_ERROR "pkg-config is missing: run scripts/setup")
endif()
find_package(Threads REQUIRED)

find_package(Boost 1.81 QUIET CONFIG)
darkroom_need(Boost_FOUND "Boost >= 1.81 headers (Debian package libboost1.81-dev)")
find_package(yaml-cpp QUIET CONFIG)
darkroom_need(yaml-cpp_FOUND "yaml-cpp (Debian package libyaml-cpp-dev)")
find_package(fmt QUIET CONFIG)
darkroom_need(fmt_FOUND "fmt (Debian package libfmt-dev)")
find_package(spdlog QUIET CONFIG)
darkroom_need(spdlog_FOUND "spdlog (Debian package libspdlog-dev)")
find_package(nlohmann_json 3.11 QUIET CONFIG)
darkroom_need(nlohmann_json_FOUND "nlohmann_json >= 3.11 (Debian package nlohmann-json3-dev)")
find_package(CLI11 QUIET CONFIG)
darkroom_need(CLI11_FOUND "CLI11 (Debian package libcli11-dev)")
find_package(GTest QUIET CONFIG)
darkroom_need(GTest_FOUND "GoogleTest (Debian packages libgtest-dev, libgmock-dev)")
find_package(prometheus-cpp QUIET CONFIG)
darkroom_need(prometheus-cpp_FOUND "prometheus-cpp (Debian package prometheus-cpp-dev)")
find_package(OpenSSL QUIET)
darkroom_need(OPENSSL_FOUND "OpenSSL (Debian package libssl-dev)")

darkroom_pkg(darkroom::jpeg libjpeg libjpeg62-turbo-dev)
darkroom_pkg(darkroom::spng spng libspng-dev)
darkroom_pkg(darkroom::webp libwebpdemux libwebp-dev)
darkroom_pkg(darkroom::systemd libsystemd libsystemd-dev)
darkroom_pkg(darkroom::seccomp libseccomp libseccomp-dev)
darkroom_pkg(darkroom::sodium libsodium libsodium-dev)
darkroom_pkg(darkroom::protobuf_c libprotobuf-c libprotobuf-c-dev)
darkroom_pkg(darkroom::curl libcurl libcurl4-openssl-dev)
darkroom_pkg(darkroom::utf8proc libutf8proc libutf8proc-dev)

# Debian's package of yaml-cpp gives a target of its plain name, without its include folder: it is /usr/include.
if(yaml-cpp_FOUND AND NOT TARGET yaml-cpp)
  add_library(yaml-cpp INTERFACE IMPORTED GLOBAL)
  target_link_libraries(yaml-cpp INTERFACE yaml-cpp::yaml-cpp)
endif()

find_program(DARKROOM_SCDOC scdoc)
darkroom_need(DARKROOM_SCDOC "scdoc (Debian package scdoc)")

find_package(NatsC 3.13 QUIET)
darkroom_need(NatsC_FOUND "NATS.c >= 3.13 (${DARKROOM_DEPS}/nats-c)")
find_package(SentencePiece QUIET)
darkroom_need(SentencePiece_FOUND "sentencepiece (${DARKROOM_DEPS}/sentencepiece)")
find_package(Valijson QUIET)
darkroom_need(Valijson_FOUND "valijson headers (${DARKROOM_DEPS}/valijson)")
find_package(Libtorch 2.11 QUIET)
darkroom_need(Libtorch_FOUND "libtorch 2.11 and its two CUDA run-time wheels (${DARKROOM_DEPS}/torch)")

if(darkroom_missing)
  foreach(item IN LISTS darkroom_missing)
    message(SEND_ERROR "Missing: ${item}: run scripts/setup")
  endforeach()
  message(FATAL_ERROR "Dependencies are missing: run scripts/setup (see docs/dependencies.md)")
endif()

# For the tests: paths of what setup put beside the libraries. The tests say which of them they need.
set(DARKROOM_PYTHON "${DARKROOM_DEPS}/python/bin/python3" CACHE FILEPATH "Python of the tests")
set(DARKROOM_NATS_SERVER "${DARKROOM_DEPS}/bin/nats-server" CACHE FILEPATH "nats-server of the tests")
set(DARKROOM_MODELS "${DARKROOM_DEPS}/models" CACHE PATH "Trained weights for tests and demo")
set(DARKROOM_TOKENIZERS "${DARKROOM_DEPS}/tokenizers" CACHE PATH "Tokenizer files of the tests")

message(STATUS "Dependencies: ${DARKROOM_DEPS}: NATS.c ${NatsC_VERSION}, libtorch ${Libtorch_VERSION}")
