/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/carried.h"
#include "daemon/model/index.h"
#include "daemon/model/model.h"
#include "daemon/model/names.h"

/* What model.c (what is known) and decision.c (what follows from it) share. */

typedef struct RecordArray {
        Record **items;
        size_t count, capacity;
} RecordArray;

/* A decision that was made and not carried out yet. */
typedef struct Decision {
        bool made, all;
        Carried **carried; /* one for each record that it is about; NULL: nothing */
        size_t n_carried;
        Names *names;                 /* of a decision about all: a new pool, */
        Shares shares;                /* and new shares */
        Elements policy;              /* what the configuration asks for, in a decision about all */
        Elements withdrawn;           /* ELEMENT_WITHDRAWN, sorted */
        Elements before, after;       /* sorted; before: none where the model's `actual` is it, see model_before() */
} Decision;

/* A decision is about all records, or about some and whoever has to do with them (a host port or an address in common);
 * then what stands in the kernel for them and what shall stand there is compared in the same way. So all that concerns
 * a container must be found by what is kept with its record: carried, and the shares. */
struct Model {
        const Policy *policy;
        HostPort *host_ports; /* sorted */
        size_t n_host_ports;
        RecordArray records; /* sorted by ID */
        RecordArray departed;
        Texts *texts; /* that the records' containers share */
        Attachments attachments;
        Attachment *replaced; /* records may still point to them */
        bool attachments_changed;

        bool all;            /* the next decision is about all: neither touched nor index is kept until then */
        RecordArray touched; /* records that changed since the last decision was carried out */
        RecordArray scope;   /* those that the last decision was about, sorted by ID */
        Index index;
        Tally sum;

        /* What stands in the kernel: as it was read, */
        bool read;
        Elements actual;
        /* or else what was carried out, which the records and these say together. */
        Carried *orphans; /* of records that are gone */
        Shares shares;
        Elements policy_elements;
        Elements withdrawn;
        Names *names; /* of all of it */

        Elements hairpin_ports;         /* ELEMENT_HAIRPIN_PORT that shall be there, sorted */
        Elements changed_hairpin_ports; /* since the last decision was carried out */
        Elements forgotten;             /* ELEMENT_WITHDRAWN that the next plan drops */
        Decision decision;
};

/* The record goes, or another takes its place: whoever had to do with it is to be decided anew. Then that one comes. */
void model_take_out(Model *model, Record *record);
void model_take_in(Model *model, Record *record);
/* Its addresses were others before. */
void model_move(Model *model, Record *record, const Address *ipv4, const Address *ipv6);

bool elements_contain(const Elements *elements, const Element *element);
void model_abandon_decision(Model *model);
