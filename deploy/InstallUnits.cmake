# Run by the installation, as units name programs by the prefix that is known then. Several
# installations of one build may run at a time.
string(RANDOM LENGTH 16 which)
set(work ${work}-${which})
set(LIBEXEC ${CMAKE_INSTALL_PREFIX}/libexec/banger)
file(READ ${source}/systemd/hardening.conf HARDENING)
string(STRIP "${HARDENING}" HARDENING)
set(DELEGATION "# Limits for VMMs: docs/install.md says why systemd older than 254 gives none.")
if(systemd_version VERSION_GREATER_EQUAL 254)
  set(DELEGATION "# Limits for VMMs, which outlive vmd in groups of their own: of all control groups its
# own part can be written to.
ReadWritePaths=-/sys/fs/cgroup/system.slice/%n
Delegate=cpu memory pids
DelegateSubgroup=banger-vmd")
endif()
set(units ${source}/systemd/banger.target)
foreach(daemon netd kerneld imaged vmd gateway)
  configure_file(${source}/systemd/banger-${daemon}.service.in ${work}/banger-${daemon}.service @ONLY)
  list(APPEND units ${work}/banger-${daemon}.service)
endforeach()
file(INSTALL ${units} DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
file(REMOVE_RECURSE ${work})
