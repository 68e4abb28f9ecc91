# SPDX-License-Identifier: Apache-2.0
#
# Checks a plugin's manifest.json when CMake runs, with file and field named, and makes of it the source file that puts
# it into the plugin. The daemon checks the same again, when it reads the manifest from the plugin's file.

include_guard(GLOBAL)
cmake_minimum_required(VERSION 3.25)

# darkroom_check_manifest(FILE TORCH): ends the configuration on a manifest that the daemon would refuse. Sets TORCH to
# the libtorch version that it names, or to nothing.
function(darkroom_check_manifest file torch)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "${file}: no such manifest")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} json)
  string(JSON type ERROR_VARIABLE error TYPE "${json}")
  if(error)
    message(FATAL_ERROR "${file}: not JSON: ${error}")
  elseif(NOT type STREQUAL "OBJECT")
    message(FATAL_ERROR "${file}: the manifest must be an object, not ${type}")
  endif()

  _darkroom_known_keys("" id version summary params inputs outputs interface batch resources unload extensions
                       min_host_minor)
  _darkroom_expect(STRING id)
  _darkroom_expect(STRING version)
  _darkroom_expect(STRING summary)
  _darkroom_match(id "^[a-z0-9_][a-z0-9_-]*$" "of a-z, 0-9, - and _, and not begin with -")
  _darkroom_match(version "^[0-9]+\\.[0-9]+\\.[0-9]+([-+].*)?$" "a version such as 1.0.0")

  _darkroom_expect(OBJECT params)
  _darkroom_expect(STRING params type)
  _darkroom_expect(BOOLEAN params additionalProperties)
  string(JSON open GET "${json}" params additionalProperties)
  if(open)
    message(FATAL_ERROR "${file}: `params.additionalProperties` must be false: a misspelt parameter is an error")
  endif()

  string(JSON interface ERROR_VARIABLE absent GET "${json}" interface)
  if(absent)
    _darkroom_ports(inputs)
    _darkroom_ports(outputs)
  else()
    _darkroom_one_of(interface "${interface}" options)
  endif()

  _darkroom_expect(OBJECT batch)
  _darkroom_known_keys(batch max key)
  _darkroom_expect(NUMBER batch max)
  string(JSON max GET "${json}" batch max)
  if(NOT max MATCHES "^[1-9][0-9]*$")
    message(FATAL_ERROR "${file}: `batch.max` must be a whole number above 0, not ${max}")
  endif()

  _darkroom_expect(OBJECT resources)
  _darkroom_known_keys(resources device memory torch code)
  string(JSON code ERROR_VARIABLE absent TYPE "${json}" resources code)
  if(NOT absent)
    _darkroom_expect(BOOLEAN resources code)
  endif()
  _darkroom_expect(ARRAY resources device)
  string(JSON count LENGTH "${json}" resources device)
  if(count EQUAL 0)
    message(FATAL_ERROR "${file}: `resources.device` is empty; name cpu, cuda or both")
  endif()
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    string(JSON device GET "${json}" resources device ${i})
    _darkroom_one_of("resources.device[${i}]" "${device}" cpu cuda)
  endforeach()

  _darkroom_expect(STRING unload)
  string(JSON unload GET "${json}" unload)
  _darkroom_one_of(unload "${unload}" clean resident)

  # Of another version's a host knows nothing, and would not use it: most likely a misspelt one.
  string(JSON count ERROR_VARIABLE absent LENGTH "${json}" extensions)
  if(NOT absent AND count GREATER 0)
    _darkroom_expect(ARRAY extensions)
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
      string(JSON extension GET "${json}" extensions ${i})
      _darkroom_one_of("extensions[${i}]" "${extension}" darkroom.stepwise/1
                       darkroom.checkpoint/1)
    endforeach()
  endif()

  set(version "")
  string(JSON type ERROR_VARIABLE absent TYPE "${json}" resources torch)
  if(NOT absent AND NOT type STREQUAL "NULL")
    string(JSON version GET "${json}" resources torch)
    if(NOT version MATCHES "^[0-9]+\\.[0-9]+$")
      message(FATAL_ERROR "${file}: `resources.torch` must be null or a version such as \"2.11\", not ${version}")
    endif()
  endif()
  set(${torch} "${version}" PARENT_SCOPE)
endfunction()

# darkroom_embed_manifest(FILE FOLDER SOURCE): writes the source file into FOLDER and sets SOURCE to its path. The text
# goes in as numbers: a string literal may hold no more than 4,095 characters in C99.
function(darkroom_embed_manifest file folder source)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)
    set(path ${folder}/manifest.cc)
  else()
    set(path ${folder}/manifest.c)
  endif()
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" length)
  math(EXPR json_size "${length} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," numbers "${hex}")
  string(REPEAT "....." 16 line)
  string(REGEX REPLACE "(${line})" "\\1\n     " numbers "${numbers}")
  file(CONFIGURE OUTPUT ${path} @ONLY CONTENT [=[
// Made by darkroom_add_plugin() from the plugin's manifest.json.
#include <darkroom/plugin.h>

DR_MANIFEST_PLACE static const struct {
  dr_manifest_t header;
  unsigned char text[@json_size@];
} dr_manifest_v1 = {
    DR_MANIFEST_HEADER(@json_size@),
    {@numbers@}};
]=])
  set_source_files_properties(${path} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  set(${source} ${path} PARENT_SCOPE)
endfunction()

# ---- Pieces of the check. They read `json` and `file` of darkroom_check_manifest. -----------------------------------

# The field at the path ARGN must be there and be of the JSON type `wanted`.
function(_darkroom_expect wanted)
  string(JSON type ERROR_VARIABLE absent TYPE "${json}" ${ARGN})
  string(REPLACE ";" "." path "${ARGN}")
  string(TOLOWER "${wanted}" wanted_word)
  if(absent)
    message(FATAL_ERROR "${file}: `${path}` (${wanted_word}) is missing")
  elseif(NOT type STREQUAL wanted)
    message(FATAL_ERROR "${file}: `${path}` must be of type ${wanted_word}, not ${type}")
  endif()
endfunction()

function(_darkroom_match field regex meaning)
  string(JSON value GET "${json}" ${field})
  if(NOT value MATCHES "${regex}")
    message(FATAL_ERROR "${file}: `${field}` must be ${meaning}, not \"${value}\"")
  endif()
endfunction()

function(_darkroom_one_of path value)
  if(NOT value IN_LIST ARGN)
    string(REPLACE ";" ", " allowed "${ARGN}")
    message(FATAL_ERROR "${file}: `${path}` must be one of ${allowed}, not \"${value}\"")
  endif()
endfunction()

# The object at `path` ("" for the whole manifest) may have no keys but those of ARGN.
function(_darkroom_known_keys path)
  string(JSON count LENGTH "${json}" ${path})
  if(count EQUAL 0)
    return()
  endif()
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    string(JSON key MEMBER "${json}" ${path} ${i})
    if(NOT key IN_LIST ARGN)
      string(REPLACE ";" "." where "${path}")
      string(REPLACE ";" ", " allowed "${ARGN}")
      message(FATAL_ERROR "${file}: unknown field `${key}` in `${where}`; known are ${allowed}")
    endif()
  endforeach()
endfunction()

function(_darkroom_ports list)
  _darkroom_expect(ARRAY ${list})
  string(JSON count LENGTH "${json}" ${list})
  if(count EQUAL 0)
    if(list STREQUAL "outputs")
      message(FATAL_ERROR "${file}: `outputs` is empty; a job must have a result")
    endif()
    return()
  endif()
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    _darkroom_expect(STRING ${list} ${i} name)
    _darkroom_expect(STRING ${list} ${i} kind)
    _darkroom_known_keys("${list};${i}" name kind dtype shape optional)
    string(JSON kind GET "${json}" ${list} ${i} kind)
    _darkroom_one_of("${list}[${i}].kind" "${kind}" image mask text tensor bytes)
  endforeach()
endfunction()
