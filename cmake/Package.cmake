# SPDX-License-Identifier: GPL-2.0-or-later
# cpack makes the Debian package (preset "package"). Files that are only in it are of the component "package", those
# that only systemd/install wants of the component "source"; all others have none.

set(PACKAGE_FILES "${CMAKE_SOURCE_DIR}/systemd/deb")
set(PACKAGE_DOC "${CMAKE_INSTALL_DATADIR}/doc/${PROJECT_NAME}")

# The changelog says the version, and CMake does: they must not differ, unless somebody asks for another.
file(STRINGS "${PACKAGE_FILES}/changelog" latest LIMIT_COUNT 1)
if(NOT VERSION AND NOT latest MATCHES "^${PROJECT_NAME} \\(${PROJECT_VERSION}\\) ")
        message(FATAL_ERROR "systemd/deb/changelog begins with \"${latest}\", and the version is ${PROJECT_VERSION}")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PACKAGE_FILES}/changelog")

# gzip without a name and time of its own: the same source, the same package.
add_custom_command(OUTPUT changelog.gz DEPENDS "${PACKAGE_FILES}/changelog"
        COMMAND ${GZIP} -9 --no-name --stdout "${PACKAGE_FILES}/changelog" > changelog.gz)
add_custom_target(changelog ALL DEPENDS changelog.gz)
install(FILES "${CMAKE_BINARY_DIR}/changelog.gz" "${PACKAGE_FILES}/copyright"
        DESTINATION "${PACKAGE_DOC}" COMPONENT package EXCLUDE_FROM_ALL)
install(FILES systemd/calico-exposed.conf
        DESTINATION /etc/calico-exposed COMPONENT package EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_CMAKE_PROJECTS
        "${CMAKE_BINARY_DIR};${PROJECT_NAME};Unspecified;/"
        "${CMAKE_BINARY_DIR};${PROJECT_NAME};package;/")
set(CPACK_SET_DESTDIR ON) # some directories are absolute
set(CPACK_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
        OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "calico-exposed maintainers <maintainers@calico-exposed.invalid>")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"On networks whose driver does not publish ports (Calico and other routed
drivers, or a Docker that was told not to touch iptables), docker run -p does
nothing. This service does it for every container that carries a label as
calico.expose=80: a port of the host reaches a port of the container, for TCP,
UDP and SCTP, over IPv4 and IPv6.
.
It follows Docker's events and keeps one nftables table equal to what the
living containers ask for. A restart or an upgrade interrupts nothing.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The bus: at its end the daemon asks systemd whether it is stopped or restarted.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd (>= 252), default-dbus-system-bus | dbus-system-bus")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "docker.io | docker-ce | podman-docker")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, nftables, prometheus-node-exporter")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(file postinst prerm postrm triggers conffiles)
        list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${PACKAGE_FILES}/${file}")
endforeach()
include(CPack)
