/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/service.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define STORED_NAME "nft"
#define SYSTEMD "org.freedesktop.systemd1"

void service_notify_ready(void) {
        (void) sd_notify(0, "READY=1");
}

void service_notify_reloading(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", now.tv_sec * 1000000LL + now.tv_nsec / 1000);
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
        (void) sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORED_NAME "\nFDPOLL=0", &fd, 1);
}

void service_forget_nft(void) {
        (void) sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORED_NAME);
}

static void names_free(char **names) {
        for (char **name = names; name && *name; name++)
                free(*name);
        free(names);
}

int service_take_nft(void) {
        char **names = NULL;
        int n, taken = -1;

        n = sd_listen_fds_with_names(1, &names);
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (taken < 0 && strcmp(names[i], STORED_NAME) == 0)
                        taken = fd;
                else
                        close_fd(fd);
        }
        names_free(names);
        return taken;
}

static int job_type_is_stop(sd_bus *bus, const char *job) {
        _cleanup_free_ char *type = NULL;
        int r;

        r = sd_bus_get_property_string(bus, SYSTEMD, job, SYSTEMD ".Job", "JobType", NULL, &type);
        return r < 0 ? r : strcmp(type, "stop") == 0;
}

/* The manager's own word, and not sd_pid_get_unit(3), which must find the cgroup file system where it expects it. */
static int get_own_unit(sd_bus *bus, sd_bus_message **ret_reply, const char **ret_path) {
        int r;

        r = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "GetUnitByPID", NULL,
                               ret_reply, "u", (uint32_t) getpid());
        return r < 0 ? r : sd_bus_message_read(*ret_reply, "o", ret_path);
}

/* org.freedesktop.systemd1(5): the property Job of a unit is the job under way, number 0 if there is none (a signal
 * from somebody else, a time limit). Its type is "restart" or "stop" from the request on. */
static int unit_is_stopped(sd_bus *bus) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL, *reply = NULL;
        const char *path, *job;
        uint32_t id;
        int r;

        r = get_own_unit(bus, &found, &path);
        if (r >= 0)
                r = sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Unit", "Job", NULL, &reply, "(uo)");
        if (r >= 0)
                r = sd_bus_message_read(reply, "(uo)", &id, &job);
        if (r < 0)
                return r;
        return id == 0 ? 0 : job_type_is_stop(bus, job);
}

bool service_is_stopped_for_good(void) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;

        if (!getenv("NOTIFY_SOCKET") || sd_bus_open_system(&bus) < 0)
                return true;
        (void) sd_bus_set_method_call_timeout(bus, 1000000);
        return unit_is_stopped(bus) != 0;
}
