# Language level, warnings and build-tree layout for everything that we write.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)

# The build tree has the shape of the installed one: a program finds its
# companions relative to itself (bin/../libexec/banger, bin/../share/banger).
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(BANGER_LIBEXEC_DIR ${CMAKE_BINARY_DIR}/libexec/banger)
set(BANGER_SHARE_DIR ${CMAKE_BINARY_DIR}/share/banger)

find_program(CCACHE ccache)
if(CCACHE)
  # hash_dir and base_dir let several worktrees share one cache.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Carried by our own targets only; generated code stays outside.
add_library(banger_warnings INTERFACE)
target_compile_options(banger_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
# Debian's abseil and gRPC, and GCC 12's own std::string at -O3 (GCC bug 105651), trip
# over these.
target_compile_options(banger_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-missing-field-initializers>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-field-initializers>)
target_compile_definitions(banger_warnings INTERFACE _FILE_OFFSET_BITS=64)
target_include_directories(banger_warnings INTERFACE ${CMAKE_SOURCE_DIR})
