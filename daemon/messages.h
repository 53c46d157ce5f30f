/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Message IDs of the journal's entries; systemd/calico-exposed.catalog explains each. They never change. */
#define MESSAGE_STARTED "1b5c85f49d6e423681acbc4b837d1851"
#define MESSAGE_STOPPED "fe7e69bec50d4922ba1b608c0ccb674a"
#define MESSAGE_EXPOSED "a0865b83f5134441a9fe966d9616d315"
#define MESSAGE_WITHDRAWN "f4bd0d616cca49518b12d44ca0515a96"
#define MESSAGE_WAITING "670a337f7b1c4d69a6ce4274ad273f5b"
#define MESSAGE_CONFLICT "f23a4e9331064d95af9c1b31dea6d894"
#define MESSAGE_REFUSED "ca2844423531443ba353961791de0fd3"
#define MESSAGE_DOCKER_LOST "d2d60c7f08e3410cae7e29ec9e56f745"
#define MESSAGE_DOCKER_FOUND "fb0e11f6ae134d259dd1face3721fca9"
#define MESSAGE_HEALED "57ce2aa30f69499daf05b08c3d1ec7eb"
#define MESSAGE_KERNEL_FAILED "8ca257eb69af48bb979074483a8c84d1"
#define MESSAGE_TRUNCATED "f6fada0558974d3bae60cba676d2c715"
#define MESSAGE_CONFIG_BAD "9c1fe9b7d47c4b3c8a31c7ee1b8b2f5e"
#define MESSAGE_START_FAILED "3139ad8c25dc436a9f3bd04e0ceba386"
#define MESSAGE_CONFIG_READ "51f6b41b0a0c4e5b8d6c3a4c79f3f0a2"
#define MESSAGE_LABEL_UNKNOWN "b5a7a6d0c7a14f0f9e5a0e7f1d5b6c34"
