# SPDX-License-Identifier: GPL-2.0-or-later
# Two INTERFACE libraries that every target of ours links: what is warned about, and how the result is hardened.

add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
        -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wundef
        -Wwrite-strings -Wformat=2 -Wvla -Walloca -Wimplicit-fallthrough -Wconversion -Wsign-conversion
        -Wold-style-definition -Wredundant-decls -Wnested-externs -Wunused-macros -Wdate-time -Wnull-dereference
        -Wno-missing-field-initializers
        $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init
                -Wformat-signedness -Wformat-overflow=2 -Wtrampolines>)

add_library(hardening INTERFACE)
target_compile_options(hardening INTERFACE
        -fstack-protector-strong -fstack-clash-protection -fno-strict-overflow -fvisibility=hidden
        # The library's headers of netlink attributes are read through casts; the kernel's own rule is the same.
        -fno-strict-aliasing
        $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection=full>
        $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},aarch64>:-mbranch-protection=standard>)
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
        target_compile_options(hardening INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()
if(FUZZ)
        target_compile_options(hardening INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Directories include each other by their path from the top: "daemon/model/label.h".
add_library(project INTERFACE)
target_include_directories(project INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(project INTERFACE _GNU_SOURCE)
target_link_libraries(project INTERFACE warnings hardening)
