# A target is a declaration of what it is made of.
#
#   banger_library(NAME common_os SRCS a.cc b.cc DEPS absl::status)
#   banger_executable(NAME banger-vmd SRCS main.cc DEPS vmd_server [LIBEXEC|CLIENT])
#   banger_test(NAME vmd_core_test LABEL unit SRCS x_test.cc DEPS vmd_core
#               [TIMEOUT seconds] [SERIAL])
#
# Labels: unit, service, contract, integration, e2e, style, fuzz-smoke, nightly.
# scripts/test runs the tests by label.

function(banger_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SRCS)
    add_library(${ARG_NAME} STATIC ${ARG_SRCS})
    target_link_libraries(${ARG_NAME} PUBLIC ${ARG_DEPS} PRIVATE banger_warnings ${ARG_PRIVATE_DEPS})
    target_include_directories(${ARG_NAME} PUBLIC ${CMAKE_SOURCE_DIR})
  else()
    add_library(${ARG_NAME} INTERFACE)
    target_link_libraries(${ARG_NAME} INTERFACE ${ARG_DEPS})
    target_include_directories(${ARG_NAME} INTERFACE ${CMAKE_SOURCE_DIR})
  endif()
endfunction()

# LIBEXEC: a helper that daemons find. CLIENT: what users run, component client. Else a
# daemon, which is with the helpers once it is installed, as nobody runs it by hand.
function(banger_executable)
  cmake_parse_arguments(ARG "LIBEXEC;CLIENT" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_link_libraries(${ARG_NAME} PRIVATE banger_warnings ${ARG_DEPS})
  if(ARG_LIBEXEC)
    set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${BANGER_LIBEXEC_DIR})
  endif()
  if(ARG_CLIENT)
    install(TARGETS ${ARG_NAME} DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT client)
  else()
    install(TARGETS ${ARG_NAME} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/banger)
  endif()
endfunction()

function(banger_test)
  cmake_parse_arguments(ARG "SERIAL" "NAME;LABEL;TIMEOUT" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_link_libraries(${ARG_NAME} PRIVATE banger_warnings common_testing ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
  if(ARG_SERIAL)
    set_tests_properties(${ARG_NAME} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# Compiles the catalog.json of a service into embedded_catalog.cc of its build
# directory, where adapters/embedded_catalog.h finds it.
function(banger_embed_catalog SERVICE)
  file(READ catalog.json CATALOG)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS catalog.json)
  configure_file(${CMAKE_SOURCE_DIR}/scripts/cmake/embedded_catalog.cc.in embedded_catalog.cc @ONLY)
endfunction()
