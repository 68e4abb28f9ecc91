// SPDX-License-Identifier: Apache-2.0
//
// Where the reference tokenizers know another Unicode than utf8proc 2.8, which knows version 15.
// Theirs is pieced together: letters, numbers and lower case are of version 16 and later, normal
// forms and the classes that BERT's normalizer asks for are of version 8. A character that differs
// is split, kept or dropped differently, so the differences are listed; they were found by asking
// tokenizers 0.23.3 about every code point.
//
// Pure functions on code points, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_UNICODE_VERSIONS_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_UNICODE_VERSIONS_H_

namespace darkroom::unicode_versions {

// Newer than utf8proc, known to the reference.
bool IsNewLetter(char32_t c);
bool IsNewNumber(char32_t c);
char32_t NewLowercase(char32_t c);  // `c` itself if it is no such capital

// Known to utf8proc, newer than the reference.
bool IsUncomposed(char32_t c);  // does not take part in normal forms
bool IsNoNonspacingMark(char32_t c);
bool IsNoPunctuation(char32_t c);
bool IsNoControl(char32_t c);

}  // namespace darkroom::unicode_versions

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_UNICODE_VERSIONS_H_
