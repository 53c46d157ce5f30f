/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/attachment.h"
#include "daemon/model/container.h"
#include "daemon/model/element.h"
#include "daemon/model/entry.h"
#include "daemon/model/hostport.h"
#include "daemon/model/labels.h"
#include "daemon/model/policy.h"

/* A container with what its labels ask for: its claims, one for each entry of calico.expose. */

/* Limits on what one container may ask for. */
#define CLAIMS_MAX 256
/* Ports of shifted ranges (8000-8010:9000-9010) take one map element each. */
#define SHIFTED_PORTS_MAX 4096

typedef enum _packed_ ClaimState {
        CLAIM_EXPOSED,
        CLAIM_WAITING,
        CLAIM_CONFLICT,
        CLAIM_DENIED,
        CLAIM_INVALID,
        _CLAIM_STATE_MAX,
} ClaimState;

typedef enum _packed_ ClaimReason {
        REASON_NONE,
        /* invalid */
        REASON_ENTRY,          /* see Claim.error */
        REASON_OWN_OVERLAP,    /* an earlier entry of the same container has that host port */
        REASON_SHIFTED_LIMIT,  /* more than SHIFTED_PORTS_MAX */
        REASON_LABEL_TOO_LONG, /* the label was cut: its last entry cannot be trusted */
        REASON_LABEL,          /* another label of the container cannot be obeyed: see Labels.problem */
        REASON_SHIFTED_BALANCE,
        /* denied */
        REASON_IMAGE_LABEL,
        REASON_RESERVED_PORT,
        REASON_FORBIDDEN_PORT,
        REASON_FORBIDDEN_ADDRESS,
        REASON_LOCALHOST_OFF,
        REASON_IPV6_LOOPBACK,
        /* waiting */
        REASON_NOT_RUNNING,
        REASON_RESTARTING,
        REASON_HOST_NETWORK,
        REASON_NO_NETWORK,
        REASON_SHARED_NETWORK,
        REASON_NO_ADDRESS,
        REASON_NO_FAMILY_ADDRESS, /* there is an address, but not of the entry's family */
        REASON_DUPLICATE_ADDRESS, /* Claim.other has the same one */
        REASON_NETWORK_ABSENT,    /* calico.expose.network is none of the container's */
        REASON_NO_HEALTH_CHECK,
        REASON_HEALTH_UNKNOWN,
        REASON_STARTING,
        REASON_UNHEALTHY,
        REASON_NO_ATTACHMENT,         /* no network, and Calico's datastore has no endpoint of the container */
        REASON_DATASTORE_UNREAD,      /* no network, and Calico's datastore was not read yet */
        REASON_ATTACHMENT_UNREADABLE, /* see Attachment.reason */
        REASON_ATTACHMENT_EMPTY,      /* the endpoint's record has no address */
        /* conflict */
        REASON_HELD,             /* Claim.other holds the port */
        REASON_NOT_BALANCED,     /* Claim.other holds it, and one of the two does not say balance */
        REASON_BALANCE_DIFFERS,  /* Claim.other balances other ports or addresses, or with other limits */
        REASON_HOST_PORT,        /* Claim.host_port is in the way */
        _CLAIM_REASON_MAX,
} ClaimReason;

typedef struct Record Record;

/* What the claim was when it was last announced (logged). */
typedef struct ClaimNotice {
        uint64_t other; /* a hash of its ID, or of Docker's name for a port that it published; 0: nobody */
        bool announced;
        ClaimState state;
        ClaimReason reason;
        Address ipv4, ipv6;
} ClaimNotice;

typedef struct Claim {
        const char *text;   /* the entry as written, in the label's value; see claim_format_text() */
        uint16_t text_size;
        uint16_t reserved; /* with REASON_RESERVED_PORT: the first of its host ports that is */
        Entry entry; /* all zero where it could not be parsed */
        EntryError error;
        bool refused; /* invalid or denied: whatever happens, as long as the container and the policy stay */
        bool holds;   /* it has its host port, and keeps it as long as it can use it */
        ClaimState state;
        ClaimReason reason;
        const Record *other; /* who stands in the way, where a reason says so: valid until the next decision */
        HostPort *host_port; /* with REASON_HOST_PORT */
        ClaimNotice notice;
} Claim;

/* Why that network was chosen. */
typedef enum _packed_ NetworkChoice {
        NETWORK_NAMED, /* by calico.expose.network */
        NETWORK_ONLY,
        NETWORK_CALICO,
        NETWORK_DEFAULT_ROUTE,
        NETWORK_FIRST, /* by name: none holds the default route */
} NetworkChoice;

/* What the table said of a container of which neither Docker nor, as long as it cannot be read, Calico's datastore says
 * where it is: it stays. */
typedef struct RecordMemory {
        Address ipv4, ipv6; /* AF_UNSPEC: none */
        char profile[PROFILE_NAME_SIZE];
} RecordMemory;

/* How the host reaches one address of a container. */
typedef struct RecordPath {
        bool asked; /* it was looked up, and no route has changed since */
        bool known; /* and found */
        bool localnet;      /* route_localnet on ifname is ours to switch on, as 127.0.0.1 needs it */
        uint8_t neighbours; /* so many bits of the address they share, who would miss the answer if they were not
                               masqueraded */
        unsigned ifindex;
        char ifname[IF_NAMESIZE];
} RecordPath;

/* What model.h counts of a record. */
typedef struct Tally {
        unsigned claims[_CLAIM_STATE_MAX];
        unsigned ports;      /* exposed; a range counts each of its ports */
        unsigned containers; /* 1 if any is */
        unsigned newcomers[PROTOCOLS]; /* claims that could be exposed and do not hold their port yet */
        unsigned host_port_waits;
} Tally;

typedef struct Carried Carried; /* carried.h */

struct Record {
        Container *container;
        char *name; /* the container's, escaped for showing and cut */
        Labels labels;
        Claim *claims; /* behind it in the same memory */
        size_t n_claims;
        const ContainerNetwork *network; /* whose address is used; NULL if there is none, or it is Calico's own alone */
        const Attachment *attachment;    /* what Calico's datastore says of the address that is used; or NULL */
        RecordMemory *memory;            /* or NULL, mostly */
        const char *profile;             /* "" when there is none */
        Address ipv4, ipv6;              /* of that network; AF_UNSPEC when waiting */
        NetworkChoice choice;            /* where there is one */
        ClaimReason waiting;             /* why no claim can be exposed, or REASON_NONE */
        bool calico;     /* the address is Calico's: a profile rule in the datastore must allow what is exposed */
        bool introduced; /* what is said of the container itself was said */
        bool doubted;    /* Docker could not be asked whether this still holds */
        RecordPath path4, path6;
        unsigned listed; /* the number of the last list that had it: daemon/listing.c */

        /* The model's. */
        Tally tally;
        Carried *carried; /* what the kernel has for it; NULL: nothing */
        bool touched;      /* among the records that the next decision begins with */
        bool scoped;       /* among those that the decision under way is about, */
        unsigned scope_at; /* and where */
};

/* Takes the container over, on success and failure alike. Returns NULL if there is no memory. */
Record *record_new(Container *container, const Policy *policy);
Record *record_free(Record *record);
DEFINE_CLEANUP(Record, record_free)

/* Chooses network, address and profile anew, by what Calico's datastore says now. The attachments must stay as they are
 * until this is called again. Returns true if something is different. */
bool record_attach(Record *record, const Attachments *attachments);

/* While the attachments are not known: what stands in the table is the address of a container that has none. Returns 0
 * or -ENOMEM. */
int record_remember(Record *record, const RecordMemory *memory, const Attachments *attachments);

/* The new record of a container takes over what the old one was: who held a port, what was announced, which list had it,
 * whether that still holds, and the paths of addresses that are still the same. */
void record_inherit(Record *record, const Record *old);

/* Whether something that counts, and that a list need not say, is not known of it: how healthy it is, or whose network it
 * uses. An inspect says both. */
bool record_is_vague(const Record *record);

/* The claimants' order: who was created first, then the ID. */
int record_compare_age(const Record *a, const Record *b);

const char *claim_state_to_string(ClaimState state);

/* The entry as written, escaped for showing and cut. */
#define CLAIM_TEXT_SIZE 96
const char *claim_format_text(const Claim *claim, char buffer[static CLAIM_TEXT_SIZE]);

/* Why the claim is in its state, in words for the log; "" with REASON_NONE. */
#define CLAIM_REASON_SIZE 256
const char *claim_format_reason(const Record *record, const Claim *claim, char buffer[static CLAIM_REASON_SIZE]);

/* The claim differs from what was announced of it. */
bool claim_is_news(const Record *record, const Claim *claim);
void claim_set_announced(const Record *record, Claim *claim);
