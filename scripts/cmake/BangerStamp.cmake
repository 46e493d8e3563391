# Version, commit and time of the build, linked into every program. Only one
# small file is compiled again when they change.
find_package(Git QUIET)
add_custom_target(banger_stamp_source
  COMMAND ${CMAKE_COMMAND} -DGIT=${GIT_EXECUTABLE} -DSOURCE=${CMAKE_SOURCE_DIR}
          -DVERSION=${PROJECT_VERSION} -DOUT=${CMAKE_BINARY_DIR}/stamp/stamp.cc
          -P ${CMAKE_SOURCE_DIR}/scripts/cmake/WriteStamp.cmake
  BYPRODUCTS ${CMAKE_BINARY_DIR}/stamp/stamp.cc
  VERBATIM)
