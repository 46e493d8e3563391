# Debian packages: `cpack -G DEB` in a build directory, or scripts/package.
set(CPACK_PACKAGE_NAME banger)
set(CPACK_PACKAGE_VENDOR "The banger authors")
set(CPACK_PACKAGE_CONTACT "The banger authors <banger@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "microVMs in one command")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_COMPONENTS_ALL client host)
set(CPACK_COMPONENT_CLIENT_DESCRIPTION "the banger command
 Gives you private Linux microVMs of a banger on this host (package banger)
 or on another one.")
set(CPACK_COMPONENT_HOST_DESCRIPTION "microVMs in one command
 The daemons that run microVMs on this host: their images, kernels, disks
 and networks, and the API that the banger command speaks to.")

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME banger-client)
set(CPACK_DEBIAN_CLIENT_PACKAGE_RECOMMENDS "git, openssh-client")
set(CPACK_DEBIAN_HOST_PACKAGE_NAME banger)
set(CPACK_DEBIAN_HOST_PACKAGE_DEPENDS
  "banger-client (= ${PROJECT_VERSION}), init-system-helpers, nftables, systemd")
set(CPACK_DEBIAN_HOST_PACKAGE_RECOMMENDS "e2fsprogs, iputils-ping, qemu-system-x86")
set(CPACK_DEBIAN_HOST_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_HOST_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/debian/${script})
endforeach()
include(CPack)
