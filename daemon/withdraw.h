/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What becomes of what stands in the kernel when the daemon has ended. One that is asked to end withdraws it by itself;
 * this is for the others. All return 0, or a negative errno after saying in the log what is wrong. */

/* Takes away the table with its old flows, the rules in DOCKER-USER, the interfaces' switches. stored_fd: the socket that
 * owns the table, taken over; or -1. */
int withdraw_left(int stored_fd);

/* ExecStopPost= of calico-exposed.service. A daemon that refused to start (EX_USAGE, EX_CONFIG) is not brought back:
 * withdraws what the one before it left. Else writes it down, for systemd may never come to start another, and a table
 * that says it ends with the socket that systemd keeps. */
int withdraw_after_end(void);

/* ExecStop= of calico-exposed-withdraw.service, which is stopped with the other and after it: withdraws what was left,
 * unless it is for a restart. By hand: -EBUSY while a daemon runs. */
int withdraw_on_stop(void);
