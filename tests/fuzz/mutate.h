// Changes to inputs of fuzz targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

// libFuzzer has it, and mutation_main.cc: changes the input in place, to at most
// `max_size` bytes, and gives its new size.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace banger::fuzz {

// Gives each header of a tar the checksum that it should have: else nothing behind
// that check is ever reached.
inline void FixTarChecksums(std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeader = 512;
  constexpr std::size_t kMagic = 257;
  constexpr std::size_t kSum = 148;
  for (std::size_t at = 0; at + kHeader <= size; ++at) {
    std::uint8_t* const header = data + at;
    if (header[kMagic] != 'u' || std::memcmp(header + kMagic, "ustar", 5) != 0) continue;
    std::memset(header + kSum, ' ', 8);
    unsigned sum = 0;
    for (std::size_t i = 0; i < kHeader; ++i) sum += header[i];
    std::snprintf(reinterpret_cast<char*>(header) + kSum, 8, "%06o", sum);
  }
}

}  // namespace banger::fuzz

// For targets whose inputs are tars, or hold some.
#define BANGER_MUTATE_TARS                                                                                   \
  extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, \
                                                 unsigned) {                                                 \
    size = LLVMFuzzerMutate(data, size, max_size);                                                           \
    banger::fuzz::FixTarChecksums(data, size);                                                               \
    return size;                                                                                             \
  }
