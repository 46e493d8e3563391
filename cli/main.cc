#include <clocale>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/commands/commands.h"

int main(int argc, char** argv) {
  // libarchive converts file names by the locale.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  return banger::cli::RunApp(banger::cli::MakeCommandTable(),
                             std::vector<std::string>(argv + 1, argv + argc));
}
