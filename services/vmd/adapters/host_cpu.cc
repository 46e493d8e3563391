#include "services/vmd/adapters/host_cpu.h"

#include <fstream>

namespace banger::vmd {

const std::string& HostCpu() {
  static const std::string model = [] {
    // ARM has numbers in its place.
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
      for (const char* name : {"model name", "CPU part"})
        if (const std::size_t colon = line.find(": "); line.starts_with(name) && colon != std::string::npos)
          return line.substr(colon + 2);
    return std::string("unknown");
  }();
  return model;
}

}  // namespace banger::vmd
