// Runs a fuzz target over each file of its corpus and a fixed number of simple
// mutations of it: cuts, flipped bits, changed bytes. The same every time.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void RunOne(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void RunMutations(const std::string& bytes, std::mt19937& random) {
  constexpr int kMutations = 40;
  for (int i = 0; i < kMutations && !bytes.empty(); ++i) {
    std::string mutated = bytes;
    for (unsigned n = 1 + random() % 8; n > 0; --n)
      mutated[random() % mutated.size()] = static_cast<char>(random());
    if (i % 4 == 0) mutated.resize(random() % mutated.size());
    RunOne(mutated);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::mt19937 random(1);
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes(std::istreambuf_iterator<char>(file), {});
      RunOne(bytes);
      RunMutations(bytes, random);
      ++files;
    }
  }
  RunOne("");
  std::printf("%d files replayed\n", files);
  return files > 0 ? 0 : 1;
}
