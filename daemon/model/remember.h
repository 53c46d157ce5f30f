/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/element.h"
#include "daemon/model/exposure.h"
#include "daemon/model/record.h"

/* A container that was joined to Calico by hand has its address in Calico's datastore alone. A daemon that starts while
 * the datastore is away still finds in the table where that container's ports were sent: the oldest container without an
 * address that claims them gets it, unless another has that address. It may be another container than then, if it was
 * exchanged while nobody looked; the datastore will tell. But what is not known is not gone.
 *
 * actual: the exposures that `elements` make. Returns 0, or -ENOMEM with some of them remembered. */
int remember_addresses(Record *const *records, size_t n_records, const Elements *elements, const Exposures *actual,
                       const Attachments *attachments);
