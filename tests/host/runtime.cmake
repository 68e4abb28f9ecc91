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

foreach(name instance misbehaviour values)
  darkroom_test(host_${name}_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/${name}_test.cc
                LIBS darkroom_daemon darkroom_host_runtime darkroom_host_images)
  target_compile_definitions(host_${name}_test PRIVATE
    DARKROOM_HOST_LIBRARY="$<TARGET_FILE:darkroom_host>" ROGUE_PLUGIN="$<TARGET_FILE:rogue>"
    VALUES_PLUGIN="$<TARGET_FILE:values>" ${bad_table_paths})
  add_dependencies(host_${name}_test darkroom_host rogue values ${bad_tables})
endforeach()

foreach(name error_words lane_memory lane_thread metrics tensor)
  darkroom_test(host_${name}_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/${name}_test.cc
                LIBS darkroom_host_runtime darkroom_host_images)
endforeach()
