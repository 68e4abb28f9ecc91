# SPDX-License-Identifier: Apache-2.0
#
# The half of the host that runs plugins. Its parts are tested by themselves, and the whole through the library, as the
# daemon uses it, with plugins that are good or bad in one way each.

function(darkroom_host_test_plugin name source)
  darkroom_add_plugin(${name} NO_INSTALL SOURCES ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugins/${source}.cc
                      MANIFEST ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugins/${source}.json)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/plugins)
endfunction()

darkroom_host_test_plugin(rogue rogue)
darkroom_host_test_plugin(values values)
foreach(kind RANGE 4)
  darkroom_host_test_plugin(bad_table_${kind} bad_table)
  target_compile_definitions(bad_table_${kind} PRIVATE BAD_TABLE=${kind})
  list(APPEND bad_table_paths BAD_TABLE_${kind}="$<TARGET_FILE:bad_table_${kind}>")
  list(APPEND bad_tables bad_table_${kind})
endforeach()

foreach(kind RANGE 3)
  darkroom_host_test_plugin(bad_extensions_${kind} bad_extensions)
  target_compile_definitions(bad_extensions_${kind} PRIVATE BAD_EXTENSION=${kind})
  list(APPEND bad_table_paths BAD_EXTENSIONS_${kind}="$<TARGET_FILE:bad_extensions_${kind}>")
  list(APPEND bad_tables bad_extensions_${kind})
endforeach()

foreach(name instance misbehaviour pipeline steps values)
  darkroom_test(host_${name}_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/${name}_test.cc
                LIBS darkroom_daemon darkroom_host_runtime darkroom_host_images)
  target_compile_definitions(host_${name}_test PRIVATE
    DARKROOM_HOST_LIBRARY="$<TARGET_FILE:darkroom_host>" ROGUE_PLUGIN="$<TARGET_FILE:rogue>"
    VALUES_PLUGIN="$<TARGET_FILE:values>" MOCK_STEPS_PLUGIN="$<TARGET_FILE:mock-steps>"
    SAVES_BADLY_PLUGIN="$<TARGET_FILE:bad_saves_badly>" ${bad_table_paths})
  add_dependencies(host_${name}_test darkroom_host rogue values mock-steps bad_saves_badly ${bad_tables})
endforeach()

foreach(name error_words lane_memory lane_thread metrics preview shared_work sticky_error tensor)
  darkroom_test(host_${name}_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/${name}_test.cc
                LIBS darkroom_host_runtime darkroom_host_images)
endforeach()

# Folders of libtorch, each with a CUDA half that lacks something else. The cuDNN that one needs is where nobody looks.
# What is found by its name alone is declared nowhere.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/fake_torch_cuda.cc PROPERTIES
  COMPILE_OPTIONS -Wno-missing-declarations)
function(darkroom_fake_library name folder output)
  add_library(${name} SHARED ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fake_torch_cuda.cc)
  target_compile_definitions(${name} PRIVATE ${ARGN})
  target_link_libraries(${name} PRIVATE darkroom_warnings)
  set_target_properties(${name} PROPERTIES SKIP_BUILD_RPATH ON OUTPUT_NAME ${output}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fake-torch/${folder})
endfunction()

darkroom_fake_library(fake_cudnn elsewhere cudnn IS_CUDNN)
set_target_properties(fake_cudnn PROPERTIES SOVERSION 9)
darkroom_fake_library(fake_torch_cuda_lacking lacking torch_cuda NEEDS_CUDNN)
target_link_libraries(fake_torch_cuda_lacking PRIVATE fake_cudnn)
darkroom_fake_library(fake_torch_cuda_without_driver without_driver torch_cuda DRIVER_VERSION=0)
darkroom_fake_library(fake_torch_cuda_old_driver old_driver torch_cuda DRIVER_VERSION=12040)
darkroom_fake_library(fake_torch_cuda_sound sound torch_cuda DRIVER_VERSION=13010)
darkroom_test(host_cuda_libraries_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/cuda_libraries_test.cc
              LIBS darkroom_host_runtime darkroom_host_images)
target_compile_definitions(host_cuda_libraries_test PRIVATE FAKE_TORCH="${CMAKE_BINARY_DIR}/tests/fake-torch")
add_dependencies(host_cuda_libraries_test fake_torch_cuda_lacking fake_torch_cuda_without_driver
                 fake_torch_cuda_old_driver fake_torch_cuda_sound)
