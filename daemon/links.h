/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/model.h"
#include "daemon/net/paths.h"

/* Between the model and the interfaces: finds the paths to the containers' addresses, and sets route_localnet and
 * hairpin mode where the model's elements say so. */

/* Looks up the paths that were not looked up yet, and asks for hairpin mode where a container hangs on a bridge (of
 * paths_new_reader() in vain). localhost: 127.0.0.1 is wanted. Returns 0, or negative errno where the kernel could not
 * be asked: then what was known of the others stays, and they are to be looked up again. */
int links_find_paths(Model *model, Paths *paths, bool localhost);

/* Takes out of a list of elements to be removed what hangs on paths: as long as they are not known, it stays. Returns
 * true if there was any. */
bool links_keep(Elements *removed);

/* A route to that prefix changed: what was found of addresses in it is looked up anew. Returns true if there are
 * any. */
bool links_forget_paths(Model *model, const Prefix *prefix);

/* The containers that went need no hairpin mode any more. To be called before they are forgotten. */
void links_forget_departed(Model *model, Paths *paths);

/* Nor do those that stay, where they are not any more: on another network, or a bridge that was made anew. To be called
 * now and then, when all paths are known. */
void links_forget_unwanted(const Model *model, Paths *paths);

/* The bridge ports that the table remembers are the model's from now on, but for those that went while nobody looked.
 * Returns 0 or -ENOMEM. */
int links_adopt_hairpin_ports(Model *model, Paths *paths);

/* Switch route_localnet on or off for all elements of that list that are ELEMENT_LOCALNET. Return 0, or the negative
 * errno of one that failed. Those that could not be switched off are taken out of the list: they are still ours. */
int links_set_localnet(const Elements *elements, Paths *paths);
int links_clear_localnet(Elements *elements, Paths *paths);

/* Switches all off that the table remembers as ours, localnet and hairpin. */
void links_restore(const Elements *actual, Paths *paths);
