#include "common/status/utf8.h"

#include <gtest/gtest.h>

namespace banger {
namespace {

TEST(Utf8Test, CharactersOfEachLengthPass) {
  for (const char* text : {"", "a", "\u00fc", "\u20ac", "\U0001F600", "\uFFFD", "\U0010FFFF"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
    EXPECT_EQ(ValidUtf8(text), text);
  }
}

TEST(Utf8Test, EachByteOfNoCharacterIsReplaced) {
  EXPECT_EQ(ValidUtf8("a\xff"), "a?");
  EXPECT_EQ(ValidUtf8("\xc3\xbc\xc3"), "\xc3\xbc?");  // ends within a character
  EXPECT_EQ(ValidUtf8("\xe2\x82x"), "??x");           // another begins within one
  EXPECT_EQ(ValidUtf8("\x80"), "?");                  // begins within one
  EXPECT_EQ(ValidUtf8("\xc0\xaf"), "??");             // overlong, of two bytes
  EXPECT_EQ(ValidUtf8("\xe0\x80\xaf"), "???");        // of three
  EXPECT_EQ(ValidUtf8("\xf0\x80\x80\xaf"), "????");   // of four
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80"), "???");        // a surrogate
  EXPECT_EQ(ValidUtf8("\xf4\x90\x80\x80"), "????");   // above U+10FFFF
  for (const char* text : {"a\xff", "\xc3", "\xe0\x80\xaf", "\xed\xa0\x80"}) EXPECT_FALSE(IsUtf8(text));
}

}  // namespace
}  // namespace banger
