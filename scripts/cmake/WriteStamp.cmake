# Writes OUT with the version, commit and commit time; leaves it alone when
# nothing changed. The time is that of the commit, so that equal sources give
# equal binaries (SOURCE_DATE_EPOCH overrides it).
set(commit "unknown")
set(time "unknown")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env TZ=UTC ${GIT} -C ${SOURCE} log -1
      --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd
    OUTPUT_VARIABLE time OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  string(TIMESTAMP time "%Y-%m-%dT%H:%M:%SZ" UTC)
endif()
set(text "#include \"common/version/version.h\"

namespace banger {
const BuildInfo& GetBuildInfo() {
  static const BuildInfo info{\"${VERSION}\", \"${commit}\", \"${time}\"};
  return info;
}
}  // namespace banger
")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT "${old}" STREQUAL "${text}")
  file(WRITE ${OUT} "${text}")
endif()
