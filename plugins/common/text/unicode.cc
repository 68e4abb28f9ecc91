// SPDX-License-Identifier: Apache-2.0

#include "common/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>

#include "common/text/unicode_versions.h"

namespace darkroom {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Of a sequence that begins with `lead`: its length, and what its second byte may be (RFC 3629,
// section 4). Length 0: no sequence begins so.
struct Sequence {
  int length;
  unsigned char least = 0x80;
  unsigned char most = 0xBF;
};

Sequence SequenceOf(unsigned char lead) {
  if (lead < 0x80) return {1};
  if (lead >= 0xC2 && lead <= 0xDF) return {2};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

utf8proc_category_t CategoryOf(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool IsWithin(utf8proc_category_t category, utf8proc_category_t first, utf8proc_category_t last) {
  return category >= first && category <= last;
}

// The normal form of a part in which every character is one that utf8proc and the reference know
// alike.
void AppendNormalized(std::u32string_view part, int options, std::u32string* out) {
  if (part.empty()) return;
  const auto flags = static_cast<utf8proc_option_t>(options);
  const size_t start = out->size();
  std::u32string buffer;
  size_t used = 0;
  for (const char32_t c : part) {
    // No character decomposes into more than 18 (Unicode's own bound); grow well ahead of that.
    if (buffer.size() < used + 32) buffer.resize(2 * buffer.size() + 64);
    int boundary = 0;
    const utf8proc_ssize_t made = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(c), reinterpret_cast<utf8proc_int32_t*>(&buffer[used]),
        static_cast<utf8proc_ssize_t>(buffer.size() - used), flags, &boundary);
    if (made < 0) {
      buffer[used++] = c;  // a surrogate, which DecodeUtf8 never gives
    } else {
      used += static_cast<size_t>(made);
    }
  }
  // Marks into their order: by insertion, as there are hardly ever more than two in a row, but
  // stably sorted where somebody sent thousands.
  const auto class_of = [](char32_t c) {
    return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
  };
  const auto is_mark = [&](char32_t c) { return class_of(c) != 0; };
  for (auto at = buffer.begin(), end = buffer.begin() + static_cast<ptrdiff_t>(used); at != end;) {
    at = std::find_if(at, end, is_mark);
    const auto last = std::find_if_not(at, end, is_mark);
    std::stable_sort(at, last, [&](char32_t a, char32_t b) { return class_of(a) < class_of(b); });
    at = last;
  }
  if ((options & UTF8PROC_COMPOSE) != 0) {
    used = static_cast<size_t>(
        utf8proc_normalize_utf32(reinterpret_cast<utf8proc_int32_t*>(buffer.data()),
                                 static_cast<utf8proc_ssize_t>(used), flags));
  }
  out->resize(start);
  out->append(buffer, 0, used);
}

std::u32string Normalized(std::u32string_view text, int options) {
  std::u32string out;
  out.reserve(text.size());
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!unicode_versions::IsUncomposed(text[at])) continue;
    AppendNormalized(text.substr(begin, at - begin), options, &out);
    out.push_back(text[at]);
    begin = at + 1;
  }
  AppendNormalized(text.substr(begin), options, &out);
  return out;
}

bool IsAscii(std::u32string_view text) {
  return std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
}

}  // namespace

std::u32string DecodeUtf8(std::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[at++]);
    const Sequence sequence = SequenceOf(lead);
    if (sequence.length <= 1) {
      text.push_back(sequence.length == 1 ? lead : kReplacement);
      continue;
    }
    char32_t c = lead & (0x7F >> sequence.length);
    int read = 1;
    unsigned char least = sequence.least;
    unsigned char most = sequence.most;
    for (; read < sequence.length && at < bytes.size(); ++read, ++at) {
      const auto next = static_cast<unsigned char>(bytes[at]);
      if (next < least || next > most) break;
      c = (c << 6) | (next & 0x3F);
      least = 0x80;
      most = 0xBF;
    }
    text.push_back(read == sequence.length ? c : kReplacement);
  }
  return text;
}

void AppendUtf8(char32_t c, std::string* bytes) {
  const auto put = [bytes](char32_t byte) { bytes->push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::string EncodeUtf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) AppendUtf8(c, &bytes);
  return bytes;
}

bool IsSpace(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || c == ' ';
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsLetter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return IsWithin(CategoryOf(c), UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO) ||
         unicode_versions::IsNewLetter(c);
}

bool IsNumber(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return IsWithin(CategoryOf(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO) ||
         unicode_versions::IsNewNumber(c);
}

bool IsBertControl(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  const utf8proc_category_t category = CategoryOf(c);
  return (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
          category == UTF8PROC_CATEGORY_CO) &&
         !unicode_versions::IsNoControl(c);
}

bool IsBertPunctuation(char32_t c) {
  if (c < 0x80) return c > ' ' && c < 0x7F && !IsLetter(c) && !IsNumber(c);
  constexpr char32_t kCanadianChi = 0x166D;     // punctuation until Unicode 12
  constexpr char32_t kSharadaSandhi = 0x111C9;  // until Unicode 10
  return (IsWithin(CategoryOf(c), UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO) &&
          !unicode_versions::IsNoPunctuation(c)) ||
         c == kCanadianChi || c == kSharadaSandhi;
}

bool IsNonspacingMark(char32_t c) {
  constexpr char32_t kHanunooPamudpod = 0x1734;  // one until Unicode 14
  return (CategoryOf(c) == UTF8PROC_CATEGORY_MN && !unicode_versions::IsNoNonspacingMark(c)) ||
         c == kHanunooPamudpod;
}

void AppendLowercase(char32_t c, std::u32string* text) {
  constexpr char32_t kCapitalDottedI = 0x130;
  if (c == kCapitalDottedI) {
    *text += U"i\u0307";
    return;
  }
  const auto lower = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  text->push_back(lower == c ? unicode_versions::NewLowercase(c) : lower);
}

std::u32string ToNfc(std::u32string_view text) {
  if (IsAscii(text)) return std::u32string(text);
  return Normalized(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

std::u32string ToNfd(std::u32string_view text) {
  if (IsAscii(text)) return std::u32string(text);
  return Normalized(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
}

}  // namespace darkroom
