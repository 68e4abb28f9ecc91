# SPDX-License-Identifier: Apache-2.0
#
# The static sentencepiece that scripts/setup builds into DARKROOM_DEPS/sentencepiece, as darkroom::sentencepiece. For
# plugins: its names are hidden, so that whatever links it has it for itself.

include(FindPackageHandleStandardArgs)

set(sentencepiece_prefix "${DARKROOM_DEPS}/sentencepiece")
set(SentencePiece_LIBRARY "${sentencepiece_prefix}/lib/libsentencepiece.a")
set(SentencePiece_VERSION "")
if(EXISTS "${SentencePiece_LIBRARY}" AND EXISTS "${sentencepiece_prefix}/VERSION.txt")
  file(STRINGS "${sentencepiece_prefix}/VERSION.txt" SentencePiece_VERSION)
endif()

find_package_handle_standard_args(
  SentencePiece REQUIRED_VARS SentencePiece_VERSION VERSION_VAR SentencePiece_VERSION)

if(SentencePiece_FOUND AND NOT TARGET darkroom::sentencepiece)
  add_library(darkroom::sentencepiece STATIC IMPORTED GLOBAL)
  set_target_properties(
    darkroom::sentencepiece
    PROPERTIES IMPORTED_LOCATION "${SentencePiece_LIBRARY}"
               INTERFACE_INCLUDE_DIRECTORIES "${sentencepiece_prefix}/include"
               INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
