# SPDX-License-Identifier: GPL-2.0-or-later
# Two INTERFACE libraries that every target of ours links: what is warned about, and how the result is hardened.

add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
        -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wundef
        -Wwrite-strings -Wformat=2 -Wvla -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion
        -Wno-missing-field-initializers)

add_library(hardening INTERFACE)
target_compile_options(hardening INTERFACE
        -fstack-protector-strong -fstack-clash-protection -fno-strict-overflow -fvisibility=hidden
        # The library's headers of netlink attributes are read through casts; the kernel's own rule is the same.
        -fno-strict-aliasing)
target_link_options(hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

if(SANITIZE)
        target_compile_options(hardening INTERFACE
                -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
        target_link_options(hardening INTERFACE -fsanitize=address,undefined)
else()
        # Needs the optimiser: without it glibc warns at each file.
        target_compile_options(hardening INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()

# Directories include each other by their path from the top: "daemon/model/label.h".
add_library(project INTERFACE)
target_include_directories(project INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(project INTERFACE _GNU_SOURCE)
target_link_libraries(project INTERFACE warnings hardening)
