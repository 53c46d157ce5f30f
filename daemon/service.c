/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/text.h"

#define STORED_NFT "nft"
#define STORED_STARTS "starts"
#define BARRIER_USEC UINT64_C(1000000)
#define SYSTEMD "org.freedesktop.systemd1"

bool service_is_present(void) {
        return getenv("NOTIFY_SOCKET");
}

bool service_notify_ready(void) {
        return sd_notify(0, "READY=1") >= 0;
}

void service_notify_reloading(void) {
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec(CLOCK_MONOTONIC));
}

void service_notify_stopping(void) {
        (void) sd_notify(0, "STOPPING=1");
}

void service_notify_status(const char *format, ...) {
        char status[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(status, sizeof(status), format, arguments);
        va_end(arguments);
        (void) sd_notifyf(0, "STATUS=%s", status);
}

/* FDPOLL=0: an overrun raises EPOLLERR, and systemd would drop the socket and with it the table. */
void service_store_nft(int fd) {
        (void) sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORED_NFT "\nFDPOLL=0", &fd, 1);
}

void service_forget_nft(void) {
        (void) sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORED_NFT);
        (void) sd_notify_barrier(0, BARRIER_USEC);
}

static void names_free(char **names) {
        for (char **name = names; name && *name; name++)
                free(*name);
        free(names);
}

int service_take_store(ServiceStore *ret) {
        ServiceStore store = { .nft = -1, .starts = -1 };
        char **names = NULL;
        int n;

        n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return n;
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (store.nft < 0 && strcmp(names[i], STORED_NFT) == 0)
                        store.nft = fd;
                else if (store.starts < 0 && strcmp(names[i], STORED_STARTS) == 0)
                        store.starts = fd;
                else
                        close_fd(fd);
        }
        names_free(names);
        *ret = store;
        return 0;
}

static int store_starts(void) {
        int fd = memfd_create("calico-exposed-starts", MFD_CLOEXEC);

        if (fd >= 0)
                (void) sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORED_STARTS, &fd, 1);
        return fd;
}

/* What is in the file. */
typedef struct StartsRecord {
        unsigned count;
        uint64_t first_usec; /* CLOCK_BOOTTIME */
} StartsRecord;

ServiceStarts service_count_start(ServiceStore *store) {
        StartsRecord record = {};
        uint64_t now = clock_usec(CLOCK_BOOTTIME);

        if (store->starts < 0)
                store->starts = store_starts();
        if (pread(store->starts, &record, sizeof(record), 0) != sizeof(record))
                record = (StartsRecord) { .first_usec = now };
        record.count++;
        (void) !pwrite(store->starts, &record, sizeof(record), 0);
        return (ServiceStarts) { .count = record.count, .age_usec = now - record.first_usec };
}

void service_forget_starts(const ServiceStore *store) {
        (void) !ftruncate(store->starts, 0);
}

static int job_type_is_stop(sd_bus *bus, const char *job) {
        _cleanup_free_ char *type = NULL;
        int r;

        r = sd_bus_get_property_string(bus, SYSTEMD, job, SYSTEMD ".Job", "JobType", NULL, &type);
        return r < 0 ? r : strcmp(type, "stop") == 0;
}

/* The manager's own word, and not sd_pid_get_unit(3), which must find the cgroup file system where it expects it. */
static int get_own_unit(sd_bus *bus, sd_bus_message **ret_reply) {
        return sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "GetUnitByPID", NULL,
                                  ret_reply, "u", (uint32_t) getpid());
}

/* org.freedesktop.systemd1(5): the property Job of a unit is the job under way, number 0 if there is none (a signal
 * from somebody else, a time limit). Its type is "restart" or "stop" from the request on. */
static int unit_is_stopped(sd_bus *bus) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL, *reply = NULL;
        const char *path, *job;
        uint32_t id;
        int r;

        r = get_own_unit(bus, &found);
        if (r >= 0)
                r = sd_bus_message_read(found, "o", &path);
        if (r >= 0)
                r = sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Unit", "Job", NULL, &reply, "(uo)");
        if (r >= 0)
                r = sd_bus_message_read(reply, "(uo)", &id, &job);
        if (r < 0)
                return r;
        return id == 0 ? 0 : job_type_is_stop(bus, job);
}

static int open_bus(sd_bus **ret) {
        int r;

        r = sd_bus_open_system(ret);
        if (r >= 0)
                (void) sd_bus_set_method_call_timeout(*ret, 1000000);
        return r;
}

int service_is_stopped_for_good(void) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = open_bus(&bus);
        return r < 0 ? r : unit_is_stopped(bus);
}

static int get_text(sd_bus *bus, const char *unit, const char *interface, const char *name, char *buffer, size_t size) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = sd_bus_get_property_string(bus, SYSTEMD, unit, interface, name, NULL, &text);
        if (r >= 0)
                text_escape(text, strlen(text), buffer, size);
        return r;
}

int service_ask_state(ServiceState *ret) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL;
        ServiceState state = {};
        const char *path;
        int r;

        r = open_bus(&bus);
        if (r >= 0) /* which knows units that are not there, too: as inactive */
                r = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "LoadUnit", NULL,
                                       &found, "s", SERVICE_UNIT);
        if (r >= 0)
                r = sd_bus_message_read(found, "o", &path);
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Unit", "ActiveState", state.active, sizeof(state.active));
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Service", "StatusText", state.status, sizeof(state.status));
        if (r >= 0)
                *ret = state;
        return r;
}
