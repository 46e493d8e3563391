// Runs a fuzz target without libFuzzer, for builds with GCC: over each file of its
// corpus and mutations of them, the same every time, as long as it is told.
//
//   archive_fuzzer CORPUS... [-max_total_time=SECONDS]
//
// Without a time: 40 mutations of each file. An input that crashes the target, or
// takes it more than 20 seconds, is kept in the file crash-input.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                                                     std::size_t max_size, unsigned seed);

namespace {

constexpr unsigned kLongestSeconds = 20;
constexpr std::size_t kMaxGrowth = 4096;

std::mt19937 random_bits(1);
std::vector<std::string> corpus;
const std::string* running = nullptr;

std::size_t Random(std::size_t end) { return end == 0 ? 0 : random_bits() % end; }

void KeepInput(int signal) {
  const int file = ::open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (running != nullptr && file >= 0 && ::write(file, running->data(), running->size()) >= 0) {
    constexpr char kText[] = "the input is in the file crash-input\n";
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void RunOne(const std::string& bytes) {
  running = &bytes;
  ::alarm(kLongestSeconds);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  ::alarm(0);
}

// One of the ways in which inputs go wrong.
void ChangeOnce(std::string& bytes) {
  const std::size_t at = Random(bytes.size());
  const std::size_t some = std::min(bytes.size() - at, std::size_t{1} << Random(10));
  constexpr std::array<unsigned char, 9> kOdd = {0, 1, 0x7f, 0x80, 0xff, '/', '.', '0', '7'};
  switch (bytes.empty() ? 5 : Random(8)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << Random(8)));
      break;
    case 1:
      bytes[at] = static_cast<char>(random_bits());
      break;
    case 2:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::min(some, std::size_t{8}),
                  static_cast<char>(kOdd[Random(kOdd.size())]));
      break;
    case 3:
      bytes.erase(at, some);
      break;
    case 4:
      bytes.insert(at, bytes.substr(Random(bytes.size()), some));
      break;
    case 5: {
      const std::string& other = corpus[Random(corpus.size())];
      bytes.insert(at, other.substr(Random(other.size() + 1), std::size_t{1} << Random(11)));
      break;
    }
    case 6: {
      // A digit of a number, as headers and JSON have them.
      const std::size_t digit = bytes.find_first_of("0123456789", at);
      if (digit != std::string::npos) bytes[digit] = static_cast<char>('0' + Random(10));
      break;
    }
    default:
      bytes.resize(at);
  }
}

std::string Mutate(const std::string& from) {
  std::string bytes = from;
  bytes.resize(from.size() + kMaxGrowth);
  auto* const data = reinterpret_cast<std::uint8_t*>(bytes.data());
  std::size_t size = from.size();
  for (std::size_t times = 1 + Random(4); times > 0; --times)
    size = LLVMFuzzerCustomMutator != nullptr ? LLVMFuzzerCustomMutator(data, size, bytes.size(), 0)
                                              : LLVMFuzzerMutate(data, size, bytes.size());
  bytes.resize(size);
  return bytes;
}

// Starts from the corpus, and now and then from what it was changed to before.
std::size_t RunMutations(std::chrono::seconds duration) {
  std::array<std::string, 64> earlier;
  const auto end = std::chrono::steady_clock::now() + duration;
  std::size_t runs = 0;
  while (std::chrono::steady_clock::now() < end) {
    std::string& old = earlier[Random(earlier.size())];
    const bool go_on = !old.empty() && Random(4) == 0;
    const std::string bytes = Mutate(go_on ? old : corpus[Random(corpus.size())]);
    RunOne(bytes);
    if (Random(8) == 0) old = bytes;
    ++runs;
  }
  return runs;
}

void ReadCorpus(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  ChangeOnce(bytes);
  size = std::min(bytes.size(), max_size);
  std::memcpy(data, bytes.data(), size);
  return size;
}

int main(int argc, char** argv) {
  constexpr char kTime[] = "-max_total_time=";
  std::chrono::seconds duration{0};
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind(kTime, 0) == 0)
      duration = std::chrono::seconds(std::atoi(argument.c_str() + sizeof kTime - 1));
    else
      ReadCorpus(argument);
  }
  if (corpus.empty()) return 1;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) ::signal(signal, KeepInput);
  RunOne("");
  std::size_t runs = 1;
  for (const std::string& bytes : corpus) {
    RunOne(bytes);
    for (int i = 0; i < 40; ++i) RunOne(Mutate(bytes));
    runs += 41;
  }
  runs += RunMutations(duration);
  std::printf("%zu files, %zu runs\n", corpus.size(), runs);
  return 0;
}
