# SPDX-License-Identifier: Apache-2.0
#
# darkroom_add_plugin() builds one plugin with every flag that the ABI asks for. The same file serves the plugins of
# this tree and, installed, those of others (find_package(DarkroomPlugin)).
#
#   darkroom_add_plugin(NAME
#     SOURCES FILE...         C or C++ files
#     MANIFEST manifest.json  checked when CMake runs, embedded into the plugin's section .darkroom
#     [TORCH]                 links libtorch_cpu; shares one precompiled ATen/ATen.h among all plugins of the build
#     [NO_PCH]                with TORCH: without that header, for plugins that need compile definitions of their own
#     [NO_INSTALL]            for plugins that only tests use
#     [LIBS TARGET...])       static or header-only libraries of the plugin
#
# The result is NAME.so in DARKROOM_PLUGIN_OUTPUT_DIRECTORY (default: plugins/ in the build tree).
#
# What the flags are for (docs/plugin-abi.md, "Why these flags"): hidden visibility, -fno-gnu-unique and the version
# script let dlclose() really unmap the file; -z defs and -z now turn a missing symbol into an error at link and at load
# time instead of the death of a process in the middle of a job.

include_guard(GLOBAL)
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/DarkroomManifest.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/DarkroomTorch.cmake)

function(darkroom_add_plugin name)
  cmake_parse_arguments(arg "TORCH;NO_PCH;NO_INSTALL" "MANIFEST" "SOURCES;LIBS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "darkroom_add_plugin(${name}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SOURCES OR NOT arg_MANIFEST)
    message(FATAL_ERROR "darkroom_add_plugin(${name}): SOURCES and MANIFEST are required")
  endif()

  get_filename_component(manifest ${arg_MANIFEST} ABSOLUTE)
  darkroom_check_manifest(${manifest} torch_version)
  if(arg_TORCH AND NOT torch_version)
    message(FATAL_ERROR "${manifest}: `resources.torch` must name libtorch's version, as in \"2.11\": "
                        "darkroom_add_plugin(${name} ... TORCH) links it")
  elseif(torch_version AND NOT arg_TORCH)
    message(FATAL_ERROR "${manifest}: `resources.torch` is \"${torch_version}\", but "
                        "darkroom_add_plugin(${name}) does not say TORCH")
  endif()
  darkroom_embed_manifest(${manifest} ${CMAKE_CURRENT_BINARY_DIR}/${name}.darkroom manifest_source)

  add_library(${name} MODULE ${arg_SOURCES} ${manifest_source})
  # One run path for both trees: else CMake pads the shorter one with empty entries, which mean the current folder.
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so"
    INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON)
  _darkroom_plugin_output_directory(output_directory)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${output_directory})
  target_link_libraries(${name} PRIVATE darkroom_plugin_api ${arg_LIBS})
  _darkroom_plugin_compile_options(${name})
  _darkroom_plugin_link_options(${name})
  if(arg_TORCH)
    _darkroom_plugin_torch(${name} ${arg_NO_PCH})
  endif()
  if(NOT arg_NO_INSTALL)
    install(TARGETS ${name} LIBRARY DESTINATION ${_darkroom_plugin_install_dir} COMPONENT plugins)
  endif()
endfunction()

# Where the daemon's packages keep plugins, below the prefix.
include(GNUInstallDirs)
set(_darkroom_plugin_install_dir ${CMAKE_INSTALL_LIBDIR}/darkroom/plugins)

function(_darkroom_plugin_output_directory result)
  if(DARKROOM_PLUGIN_OUTPUT_DIRECTORY)
    set(${result} ${DARKROOM_PLUGIN_OUTPUT_DIRECTORY} PARENT_SCOPE)
  else()
    set(${result} ${CMAKE_BINARY_DIR}/plugins PARENT_SCOPE)
  endif()
endfunction()

# What a plugin and the precompiled header that it uses must be compiled with alike.
function(_darkroom_plugin_compile_options name)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON DEFINE_SYMBOL ""
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${name} PRIVATE "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>")
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)
    target_compile_features(${name} PRIVATE cxx_std_20)  # plugin.hpp's
  endif()
endfunction()

function(_darkroom_plugin_link_options name)
  set(version_script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
  target_link_options(${name} PRIVATE LINKER:--version-script=${version_script} LINKER:-z,now)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${version_script})

  # Clang links a sanitizer's runtime into executables only, so a shared object is right to leave its symbols open.
  get_directory_property(directory_options COMPILE_OPTIONS)
  get_directory_property(directory_link_options LINK_OPTIONS)
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${directory_options} ${directory_link_options}")
  if(NOT (flags MATCHES "-fsanitize" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang"))
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
endfunction()

function(_darkroom_plugin_torch name no_pch)
  darkroom_require_torch(library_directories)
  target_link_libraries(${name} PRIVATE torch::cpu)
  target_compile_definitions(${name} PRIVATE AT_PER_OPERATOR_HEADERS)
  # Only the build tree knows where libtorch lies; installed, the process that opens the plugin has it already. CMake
  # pads this run path so that installing can change it in place.
  set_target_properties(${name} PROPERTIES
    BUILD_RPATH "$ORIGIN;${library_directories}" BUILD_WITH_INSTALL_RPATH OFF)
  if(no_pch)
    return()
  endif()
  if(NOT TARGET darkroom_torch_pch)
    set(source ${CMAKE_BINARY_DIR}/darkroom_torch_pch.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "// Holds the precompiled ATen/ATen.h of all plugins.\n")
    add_library(darkroom_torch_pch OBJECT ${source})
    _darkroom_plugin_compile_options(darkroom_torch_pch)
    target_compile_definitions(darkroom_torch_pch PRIVATE AT_PER_OPERATOR_HEADERS)
    target_link_libraries(darkroom_torch_pch PRIVATE torch::cpu)
    target_precompile_headers(darkroom_torch_pch PRIVATE <ATen/ATen.h>)
  endif()
  target_precompile_headers(${name} REUSE_FROM darkroom_torch_pch)
endfunction()
