# SPDX-License-Identifier: Apache-2.0
#
# The Debian package: `cpack` in a build folder makes darkroom_VERSION_amd64.deb of what `cmake --install` installs. What
# it depends on, dpkg-shlibdeps finds; libtorch is nobody's package and stays out (docs/packages.md).

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME darkroom)
set(CPACK_PACKAGE_VENDOR darkroom)
set(CPACK_PACKAGE_CONTACT "darkroom <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "runs models on GPU hosts, as jobs of a NATS server")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "darkroomd subscribes to NATS subjects. Each message is a job for a model, whose
plugin runs on the host's GPUs or CPU, and whose result is published. With it
come the command darkroom, plugins, and what plugins are built with.
.
Plugins for networks need libtorch 2.11, which no package has: darkroom-setup
fetches it.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
get_target_property(packaged_torch torch::cpu IMPORTED_LOCATION)
cmake_path(GET packaged_torch PARENT_PATH packaged_torch)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_BINARY_DIR}/lib" "${packaged_torch}"
    "${DARKROOM_DEPS}/torch/nvidia/cu13/lib")
# systemd-sysusers makes the user; libcurl is opened at run time.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd, libcurl4 (>= 7.85)")
# Of darkroom-setup.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3-venv, curl, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(packaging ${CMAKE_CURRENT_LIST_DIR}/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${packaging}/conffiles;${packaging}/postinst;${packaging}/prerm;${packaging}/postrm")

install(FILES ${PROJECT_SOURCE_DIR}/config/darkroom.yaml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/darkroom)
install(FILES ${PROJECT_SOURCE_DIR}/docs/packages.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${PROJECT_SOURCE_DIR}/NOTICE
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# For `nats: {embedded: true}`: the distribution's own is too old for durable jobs.
cmake_path(GET DARKROOM_NATS_SERVER PARENT_PATH packaged_server)
install(PROGRAMS ${DARKROOM_NATS_SERVER} DESTINATION libexec/darkroom)
install(FILES ${packaged_server}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright.nats-server)
install(FILES ${DARKROOM_DEPS}/sentencepiece/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright.sentencepiece)

# darkroom-setup fetches what no package has, after installation: with the scripts and pins that it shares with the tree's.
set(packaged_helpers common.sh torch.sh fetch_wheels.py ncnn_to_safetensors.py requirements-models.txt
    requirements-numpy.txt requirements-pip.txt requirements-torch-cpu.txt requirements-torch-gpu.txt)
set(packaged_scripts share/darkroom/scripts)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/scripts/darkroom-setup ${PROJECT_SOURCE_DIR}/scripts/fetch-models
        DESTINATION ${packaged_scripts})
list(TRANSFORM packaged_helpers PREPEND ${PROJECT_SOURCE_DIR}/scripts/lib/)
install(FILES ${packaged_helpers} DESTINATION ${packaged_scripts}/lib)
file(CREATE_LINK ../${packaged_scripts}/darkroom-setup ${CMAKE_BINARY_DIR}/darkroom-setup SYMBOLIC)
install(FILES ${CMAKE_BINARY_DIR}/darkroom-setup DESTINATION sbin)

include(CPack)
